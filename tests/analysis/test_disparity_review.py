"""Everything asked at once: each part as it is alone; what cannot be asked says why; hidden groups are not followed."""

import numpy as np
import pandas as pd
import pytest

from workbench.analysis.disparity import measure_disparity
from workbench.analysis.disparity_review import PAIRED, Question, hidden_groups, review_disparity
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
