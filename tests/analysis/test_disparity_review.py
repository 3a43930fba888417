"""Everything asked at once: each part as it is alone; what cannot be asked says why; hidden groups are not followed."""

import numpy as np
import pandas as pd
import pytest

from workbench.analysis.disparity import measure_disparity
from workbench.analysis.disparity_review import (
    ASKS,
    LATER,
    PAIRED,
    Question,
    ask_further,
    follow_group,
    hidden_groups,
    review_disparity,
)
from workbench.data.dataset import Dataset, open_dataset
from workbench.errors import InputError, UnknownNameError
from workbench.predicate import Predicate

ROLES = {"prediction": "pred", "label": "label", "favorable": 1, "groups": ["g"]}


def log(**sizes: int) -> Dataset:
    rng = np.random.default_rng(0)
    group = np.repeat(list(sizes), list(sizes.values()))
    pred = (rng.random(len(group)) < np.where(group == "b", 0.3, 0.6)).astype(int)
    return open_dataset(pd.DataFrame({"g": group, "pred": pred, "label": rng.integers(0, 2, len(group))}), ROLES)


def test_the_groups_are_those_of_the_measure_alone() -> None:
    dataset = log(a=200, b=150)
    assert review_disparity(dataset).results["groups"].digest == measure_disparity(dataset, reference="most favored").digest


def test_what_cannot_be_asked_says_why_and_costs_nothing_else() -> None:
    review = review_disparity(log(a=200, b=150))
    assert set(review.results) == {"guard", "groups", "impossibility", "missing"}
    assert set(review.skipped) == {"over_time", "decomposition", "thresholds"}
    assert all(review.skipped.values())


def test_a_group_that_may_not_be_told_of_is_not_followed() -> None:
    review = review_disparity(log(a=200, b=15, c=8), Question(group="b"))
    assert review.hidden["n"] == {"b", "c"}
    assert all("suppressed" in review.skipped[part] for part in PAIRED)


def test_hidden_groups_are_those_of_the_published_table() -> None:
    groups = measure_disparity(log(a=200, b=150, c=12))
    hidden = hidden_groups(groups, "g")
    table = groups.published().tables["groups"].set_index("group")
    assert {measure: set(table.index[table[measure].isna()]) for measure in hidden} == hidden
    assert "c" in hidden["fpr"]
    assert "c" not in hidden["n"]


def test_an_empty_window_and_an_unknown_group_are_refused() -> None:
    with pytest.raises(InputError, match="no rows to compare"):
        review_disparity(log(a=20, b=20), Question(current=Predicate.parse('g = "z"')))
    with pytest.raises(UnknownNameError, match="z"):
        review_disparity(log(a=20, b=20), Question(group="z"))


def timed() -> Dataset:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(
        {"g": np.repeat(["a", "b"], [500, 300]), "s": rng.random(800).round(2), "k": rng.choice(["x", "y"], 800)}
    )
    frame["t"] = pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 90, 800), "D")
    frame = frame.assign(pred=(frame["s"] > 0.5).astype(int), label=rng.integers(0, 2, 800))
    return open_dataset(frame, {**ROLES, "score": "s", "time": "t"})


def test_what_was_left_is_asked_later_as_it_would_have_been_at_once() -> None:
    dataset, question = timed(), Question(strata=("k",))
    whole, first = review_disparity(dataset, question), review_disparity(dataset, question, parts=())
    assert (list(first.results), first.left) == (["guard", "groups"], LATER)
    later = ask_further(dataset, ask_further(dataset, first, ["thresholds"]), ["over_time", "decomposition"])
    assert later.left == ("impossibility", "missing")
    later = ask_further(dataset, later)
    assert {name: part.digest for name, part in later.results.items()} == {
        name: part.digest for name, part in whole.results.items()
    }
    assert (list(later.results), later.skipped, later.left) == (list(whole.results), whole.skipped, ())


def test_following_another_group_is_asking_with_that_group() -> None:
    dataset = log(a=200, b=150, c=80)
    moved = follow_group(dataset, review_disparity(dataset), "g", "a")
    asked = review_disparity(dataset, Question(attribute="g", group="a"))
    assert {name: part.digest for name, part in moved.results.items()} == {
        name: part.digest for name, part in asked.results.items()
    }
    assert (moved.question, moved.skipped) == (asked.question, asked.skipped)


def test_each_step_is_told_and_an_unknown_part_is_refused() -> None:
    told: list[str] = []
    review_disparity(log(a=200, b=150), parts=["missing"], tell=told.append)
    assert told == [ASKS["groups"], ASKS["guard"], ASKS["missing"]]
    with pytest.raises(UnknownNameError, match="of a review"):
        review_disparity(log(a=200, b=150), parts=["guards"])
