"""Counts by time equal pandas', contrasts are what their formulas say, and a level that both groups share is no change."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.analysis.contrast import (
    Bins,
    Scale,
    coarsen,
    contrast,
    count_hours,
    is_fine_enough,
    least_precision,
    overall_ratio,
)
from workbench.analysis.onset import WITHIN, locate_change, trace_changes

START = np.datetime64("2026-01-01", "us")
DAY = np.timedelta64(1, "D")
FREQUENCY = {"hour": "h", "day": "D", "week": "W-MON", "month": "MS"}


@settings(max_examples=30)
@given(
    rows=st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 2), st.booleans(), st.booleans()), max_size=60),
    period=st.sampled_from(["hour", "day", "week", "month"]),
)
def test_counts_are_those_of_pandas(rows: list[tuple[int, int, bool, bool]], period: str) -> None:
    frame = pd.DataFrame(rows, columns=["hour", "side", "hit", "among"])
    times = START + frame["hour"].to_numpy(dtype="timedelta64[h]")
    side, hit, among = frame["side"].to_numpy(), frame["hit"].to_numpy(bool), frame["among"].to_numpy(bool)
    found = coarsen(count_hours(times, (side == 0, side == 1), hit & among, among), period)
    counted = frame.assign(time=times, hit=hit & among)[among & (side < 2)]
    for number in (0, 1):
        rows_of = counted[counted["side"] == number]
        starts = (
            pd.DatetimeIndex(rows_of["time"]).to_period({"week": "W-SUN", "month": "M"}.get(period, FREQUENCY[period])).start_time
        )
        expected = rows_of.groupby(starts)["hit"].agg(["sum", "size"])
        kept = found.trials[number] > 0
        assert found.starts[kept].tolist() == expected.index.to_numpy(dtype="datetime64[us]").tolist()
        assert found.hits[number][kept].tolist() == expected["sum"].tolist()
        assert found.trials[number][kept].tolist() == expected["size"].tolist()


def test_a_row_without_a_time_counts_nowhere() -> None:
    times = np.array([START, np.datetime64("NaT"), START])
    found = count_hours(
        times, (np.array([True, True, False]), np.array([False, False, True])), np.ones(3, bool), np.ones(3, bool)
    )
    assert found.trials.tolist() == [[1], [1]]


def made(rates: np.ndarray, size: int, seed: int) -> Bins:
    """Daily counts, `size` rows of either group a day, at `rates` of shape (2, days)."""
    trials = np.full(rates.shape, float(size))
    days = START + np.arange(rates.shape[1]) * DAY
    return Bins(days, np.random.default_rng(seed).binomial(size, rates).astype(float), trials)


@pytest.mark.parametrize("scale", ["difference", "ratio"])
def test_a_contrast_has_the_mean_and_the_variance_it_claims(scale: Scale) -> None:
    bins = made(np.tile([[0.2], [0.4]], 4000), 50, 0)
    values, precision = contrast(bins, scale)
    truth = -0.2 if scale == "difference" else 0.5
    assert np.average(values, weights=precision) == pytest.approx(truth, abs=0.005)
    assert np.mean((values - truth) ** 2 * precision) == pytest.approx(1, abs=0.06)


def test_ratio_of_all_bins_is_mantel_and_haenszels() -> None:
    """Two strata by hand: (10/100 against 10/50) and (30/60 against 20/40)."""
    bins = Bins(START + np.arange(2) * DAY, np.array([[10.0, 30], [10, 20]]), np.array([[100.0, 60], [50, 40]]))
    assert overall_ratio(bins) == pytest.approx((10 * 50 / 150 + 30 * 40 / 100) / (10 * 100 / 150 + 20 * 60 / 100))


def scanned(bins: Bins, scale: Scale, level: float = 0.05) -> list[np.datetime64]:
    values, precision = contrast(bins, scale)
    least = least_precision(bins, precision)
    traced = trace_changes(bins.paired.starts, values, precision, model="estimate", level=level, min_segment=least)
    return [trace.change.onset for trace in traced]


@pytest.mark.parametrize("scale", ["difference", "ratio"])
def test_a_jump_of_both_groups_is_no_change_between_them(scale: Scale) -> None:
    """The level of both trebles on day 50, a jump that a scan of either rate alone locks on to."""
    level = np.where(np.arange(100) < 50, 0.2, 0.6)
    alarms = [bool(scanned(made(np.stack([level, level]), 60, seed), scale)) for seed in range(100)]
    assert np.mean(alarms) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 100)
    bins = made(np.stack([level, level]), 60, 0)
    alone = locate_change(np.repeat(bins.starts, 2), np.tile([1, 0], 100), np.stack([bins.hits[0], 60 - bins.hits[0]], 1).ravel())
    assert alone is not None
    assert alone.onset == START + 50 * DAY


@pytest.mark.parametrize("scale", ["difference", "ratio"])
def test_a_gap_that_opens_beside_such_a_jump_is_dated(scale: Scale) -> None:
    """Both levels jump on day 30, the gap opens on day 65: of 40 series nearly all are dated within four days."""
    level = np.where(np.arange(100) < 30, 0.3, 0.5)
    group = np.where(np.arange(100) < 65, level, 0.7 * level)
    errors = []
    for seed in range(40):
        found = scanned(made(np.stack([group, level]), 150, seed), scale)
        errors.append(min((abs(onset - (START + 65 * DAY)) / DAY for onset in found), default=99.0))
    assert np.mean(np.array(errors) <= 4) >= 0.9


@pytest.mark.parametrize("scale", ["difference", "ratio"])
def test_intervals_hold_the_day_the_gap_opened(scale: Scale) -> None:
    """A common level that wanders, a gap that opens on day 70 of 120; of those found, the 95 % interval holds the day."""
    rng, covered, found = np.random.default_rng(7), [], 0
    for seed in range(60):
        level = 0.45 + 0.15 * np.sin(np.cumsum(rng.normal(0, 0.2, 120)))
        group = np.where(np.arange(120) < 70, level, 0.75 * level)
        bins = made(np.stack([group, level]), 60, seed)
        values, precision = contrast(bins, scale)
        traced = trace_changes(bins.starts, values, precision, model="estimate")
        found += bool(traced)
        ends = [trace.change.interval for trace in traced]
        covered += [any(low < START + 70 * DAY <= high for low, high in ends)] if ends else []
    assert found >= 50
    assert np.mean(covered) >= 0.9


def test_a_trace_holds_the_likelihood_of_every_onset() -> None:
    bins = made(np.stack([np.where(np.arange(80) < 40, 0.3, 0.5), np.full(80, 0.3)]), 100, 1)
    values, precision = contrast(bins, "difference")
    (trace,) = trace_changes(bins.starts, values, precision, model="estimate")
    assert trace.shortfall.min() == 0
    assert trace.times[np.argmin(trace.shortfall)] == trace.change.onset
    inside = trace.times[trace.shortfall <= WITHIN]
    assert (inside[0] - DAY, inside[-1]) == trace.change.interval


def test_estimates_have_the_statistic_of_two_weighted_means() -> None:
    rng = np.random.default_rng(2)
    precision = rng.uniform(1, 20, 60)
    values = np.where(np.arange(60) < 25, 0.0, 1.0) + rng.normal(size=60) / np.sqrt(precision)
    found = locate_change(np.arange(60), values, precision, model="estimate")
    assert found is not None
    sides = [slice(0, int(found.onset)), slice(int(found.onset), 60)]
    means = [np.average(values[side], weights=precision[side]) for side in sides]
    variance = sum(1 / precision[side].sum() for side in sides)
    assert found.statistic == pytest.approx((means[1] - means[0]) ** 2 / variance)
    assert (found.before, found.after) == pytest.approx(tuple(means))


def test_bins_are_too_fine_where_the_groups_hardly_meet() -> None:
    starts = START + np.arange(20) * DAY
    alternating = np.where(np.arange(20) % 2 == 0, 5.0, 0.0)
    bins = Bins(starts, np.zeros((2, 20)), np.stack([alternating, 5.0 - alternating]))
    assert not is_fine_enough(bins)
    assert is_fine_enough(coarsen(bins, "week"))
