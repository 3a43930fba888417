"""Time cut into periods: every row in the period that holds its time, and means as counted by hand."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from workbench.analysis.periods import ENOUGH, FEWEST_PERIODS, FULL, MOST_PERIODS, cut, levels

EPOCH = np.datetime64("2001-01-01", "us")
SECONDS = st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=60)


def at(seconds: list[int]) -> np.ndarray:
    return EPOCH + np.array(seconds).astype("timedelta64[s]").astype("timedelta64[us]")


@given(SECONDS)
def test_each_row_lies_between_the_start_of_its_period_and_the_next(seconds: list[int]) -> None:
    times = at(seconds)
    periods = cut(times, np.ones(len(times), dtype=bool))
    assert periods is not None
    kept = periods.codes >= 0
    assert kept.all()  # of so few rows none is a stray
    assert (periods.starts[periods.codes] <= times).all()
    inner = periods.codes < len(periods.starts) - 1
    assert (times[inner] < periods.starts[periods.codes[inner] + 1]).all()
    assert len(periods.starts) <= MOST_PERIODS or periods.name == "year"


def test_the_shortest_full_periods_are_taken() -> None:
    hours = np.datetime64("2026-03-02", "us") + np.arange(24 * 200).astype("timedelta64[h]")
    periods = cut(hours, np.ones(len(hours), dtype=bool))
    assert periods is not None
    assert (periods.name, len(periods.starts)) == ("week", 29)
    assert pd.DatetimeIndex(periods.starts).day_of_week.unique().tolist() == [0]
    assert np.quantile(np.bincount(periods.codes), 1 - FULL) >= ENOUGH


def test_few_rows_are_followed_in_long_periods_but_not_in_too_few() -> None:
    days = np.datetime64("2024-01-01", "us") + (np.arange(60) * 12).astype("timedelta64[D]")
    periods = cut(days, np.ones(60, dtype=bool))
    assert periods is not None
    assert periods.name == "month"
    assert len(periods.starts) >= FEWEST_PERIODS


def test_a_clock_that_was_not_set_stretches_no_axis() -> None:
    days = np.datetime64("2026-01-01", "us") + np.arange(5000).astype("timedelta64[h]")
    days[17] = np.datetime64("1970-01-01", "us")
    periods = cut(days, np.ones(5000, dtype=bool))
    assert periods is not None
    assert periods.starts[0] >= np.datetime64("2025-12-29")
    assert periods.codes[17] == -1


def test_rows_without_a_time_are_in_no_period() -> None:
    nowhere = np.array(["NaT"] * 3, dtype="datetime64[us]")
    assert cut(nowhere, np.ones(3, dtype=bool)) is None
    periods = cut(np.append(nowhere, np.datetime64("2026-01-01", "us")), np.ones(4, dtype=bool))
    assert periods is not None
    assert periods.codes.tolist() == [-1, -1, -1, 0]


def test_the_level_of_a_share_is_what_counting_and_scipy_say() -> None:
    values = np.array([1.0, 0, 1, 1, np.nan, 0, 0])
    codes = np.array([0, 0, 0, 1, 1, -1, 2])
    found = levels(values, codes, 4, share=True)
    assert found.rows.tolist() == [3, 1, 1, 0]
    assert found.value[:3].tolist() == pytest.approx([2 / 3, 1, 0])
    assert np.isnan(found.value[3])
    ends = scipy_stats.binomtest(2, 3).proportion_ci(method="wilson")
    assert (found.low[0], found.high[0]) == pytest.approx((ends.low, ends.high))


def test_the_level_of_a_mean_is_what_scipy_says_far_from_zero_too() -> None:
    rng = np.random.default_rng(2)
    values = 1e7 + rng.normal(size=40)
    found = levels(values, np.zeros(40, dtype=int), 1, share=False)
    ends = scipy_stats.t.interval(0.95, 39, loc=values.mean(), scale=scipy_stats.sem(values))
    assert (found.value[0], found.low[0], found.high[0]) == pytest.approx((values.mean(), *ends), rel=1e-12)
