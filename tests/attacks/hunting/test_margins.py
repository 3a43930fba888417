"""The threshold is found from scores and decisions; crowding past it is told, what is no crowding is not."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from workbench.attacks.hunting.margins import find_crowding, find_margins
from workbench.data.dataset import Dataset

Loans = Callable[..., pd.DataFrame]
Opened = Callable[..., Dataset]


def test_the_threshold_is_where_the_decisions_turn(loans: Loans, opened: Opened) -> None:
    found = find_margins([opened(loans())])
    assert found is not None
    assert found.thresholds[None] == pytest.approx(0.5, abs=0.002)
    assert found.upwards
    assert 0.4 < found.past.mean() < 0.6


def test_a_low_score_may_be_the_wanted_one(loans: Loans, opened: Opened) -> None:
    frame = loans("evaded").assign(score=lambda data: 1 - data["score"])
    found, _ = find_crowding([opened(frame)])
    assert found is not None
    assert "score > 0.4" in str(found.where)
    assert "score <= 0.5" in str(found.where)


def test_each_version_has_its_threshold(loans: Loans, opened: Opened) -> None:
    frame = loans()
    frame["model_version"] = np.where(frame["time"] < "2026-02-01", "1", "2")
    frame["prediction"] = (frame["score"] >= np.where(frame["model_version"] == "1", 0.5, 0.6)).astype(int)
    dataset = opened(frame, model_version="model_version")
    found = find_margins([dataset])
    assert found is not None
    assert found.thresholds == {"1": pytest.approx(0.5, abs=0.005), "2": pytest.approx(0.6, abs=0.005)}
    assert find_crowding([dataset])[0] is None


def test_a_few_decisions_against_the_score_do_not_hide_the_threshold(loans: Loans, opened: Opened) -> None:
    frame = loans()
    overruled = np.random.default_rng(0).random(len(frame)) < 0.01
    frame["prediction"] = np.where(overruled, 1 - frame["prediction"], frame["prediction"])
    found = find_margins([opened(frame)])
    assert found is not None
    assert found.thresholds[None] == pytest.approx(0.5, abs=0.01)


def test_decisions_that_do_not_follow_the_score_have_no_threshold(loans: Loans, opened: Opened) -> None:
    frame = loans().assign(prediction=lambda data: np.random.default_rng(0).integers(0, 2, len(data)))
    assert find_margins([opened(frame)]) is None


def test_grades_are_no_scores(loans: Loans, opened: Opened) -> None:
    frame = loans().assign(score=lambda data: (10 * data["score"]).round())
    found, table = find_crowding([opened(frame.assign(prediction=(frame["score"] >= 5).astype(int)))])
    assert found is None
    assert table.empty


@pytest.mark.parametrize("change", ["moved threshold", "richer people"])
def test_a_moved_threshold_and_other_people_are_no_crowding(change: str, loans: Loans, opened: Opened) -> None:
    frame = loans()
    late = (frame["time"] >= "2026-02-01").to_numpy()
    if change == "moved threshold":
        frame["prediction"] = (frame["score"] >= np.where(late, 0.51, 0.5)).astype(int)
    else:
        logit = np.log(frame["score"] / (1 - frame["score"])) + 0.5 * late
        frame["score"] = 1 / (1 + np.exp(-logit))
        frame["prediction"] = (frame["score"] >= 0.5).astype(int)
    assert find_crowding([opened(frame)])[0] is None


def test_the_histogram_counts_every_row_near_the_threshold_once(loans: Loans, opened: Opened) -> None:
    frame = loans("evaded")
    found, table = find_crowding([opened(frame)])
    assert found is not None
    margin = frame["score"] - frame.loc[frame["prediction"] == 1, "score"].min()
    inside = margin.between(table["low"].min(), table["high"].max(), inclusive="left").sum()
    assert (table["rows"] + table["rows_before"]).sum() == pytest.approx(inside, abs=1)


def test_a_burst_in_a_small_log_is_found_by_how_near_it_comes(loans: Loans, opened: Opened) -> None:
    """Sixty rows in two thousand, of which hardly twenty a day come near the threshold."""
    frame = loans("evaded", rows=2000).query("id < 10**6 or id < 10**6 + 60")
    found, _ = find_crowding([opened(frame.reset_index(drop=True))])
    assert found is not None
    assert found.p < 1e-4
    assert abs(pd.Timestamp(found.onset) - pd.Timestamp("2026-02-10")) < pd.Timedelta(days=3)


@pytest.mark.parametrize("wanted", [0, 1])
def test_where_nobody_says_what_people_want_both_sides_are_looked_at(wanted: int, loans: Loans, opened: Opened) -> None:
    frame = loans("evaded")
    if wanted == 0:
        frame = frame.assign(prediction=1 - frame["prediction"])
    found, _ = find_crowding([opened(frame, favorable=None, positive=1)])
    assert found is not None
    assert "score in [0.5" in str(found.where) or "score >= 0.5" in str(found.where)


def test_a_quiet_log_crowds_nowhere(loans: Loans, opened: Opened) -> None:
    assert all(find_crowding([opened(loans(rows=3000, seed=seed), favorable=None, positive=1)])[0] is None for seed in range(6))


def test_the_narrower_the_band_the_fewer_rows_are_just_past_the_threshold(loans: Loans, opened: Opened) -> None:
    found = find_margins([opened(loans())])
    assert found is not None
    counts = [int(found.narrowed(part).past.sum()) for part in (1.0, 0.5, 0.1)]
    assert counts[0] == found.past.sum()
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] < counts[0] / 4
