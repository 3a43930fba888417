"""The scan against all splits one by one, its error rates in simulation, and a series whose date is known."""

import csv
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as reference

from workbench.analysis.onset import Change, Model, locate_change, locate_changes
from workbench.errors import ParameterError, UnknownNameError

START = np.datetime64("2026-01-01", "us")
DAY = np.timedelta64(1, "D")
Draw = Callable[[np.random.Generator, np.ndarray], np.ndarray]


def log_likelihood(values: np.ndarray, model: Model) -> float:
    if model == "bernoulli":
        return float(reference.bernoulli.logpmf(values, values.mean()).sum())
    return float(reference.poisson.logpmf(values, values.mean()).sum())


def best_split(times: np.ndarray, values: np.ndarray, model: Model = "bernoulli") -> tuple[float, float] | None:
    """Onset and statistic by trying every distinct time, without sums."""
    rarer = min(values.mean(), 1 - values.mean()) if model == "bernoulli" else values.mean()
    tried = []
    for onset in np.unique(times)[1:]:
        before, after = values[times < onset], values[times >= onset]
        if min(len(before), len(after)) * rarer >= 5 - 1e-9:
            parted = log_likelihood(before, model) + log_likelihood(after, model)
            tried.append((2 * (parted - log_likelihood(values, model)), onset))
    return max(tried) if tried else None


@given(st.lists(st.tuples(st.integers(1, 4), st.floats(0, 1)), min_size=8, max_size=30), st.integers(0, 30), st.randoms())
def test_scan_equals_trying_every_split(points: list[tuple[int, float]], shift: int, random: Random) -> None:
    """Up to four rows at each of up to thirty times; from `shift` on, more of them are 1."""
    times = np.repeat(np.arange(len(points)), [rows for rows, _ in points])
    values = np.array([float(random.random() < (0.9 if time >= shift else 0.4) * points[time][1]) for time in times])
    found, expected = locate_change(times, values, level=1), best_split(times, values)
    assert (found is None) == (expected is None)
    if found is not None and expected is not None:
        assert found.statistic == pytest.approx(expected[0], abs=1e-9)
        split = times >= found.onset
        parted = log_likelihood(values[~split], "bernoulli") + log_likelihood(values[split], "bernoulli")
        assert 2 * (parted - log_likelihood(values, "bernoulli")) == pytest.approx(expected[0], abs=1e-9)
        assert (found.before, found.after) == pytest.approx((values[~split].mean(), values[split].mean()))
        assert (found.n_before, found.n_after) == ((~split).sum(), split.sum())


@pytest.mark.parametrize("seed", range(5))
def test_poisson_scan_equals_trying_every_split(seed: int) -> None:
    rng = np.random.default_rng(seed)
    times = np.arange(40)
    counts = rng.poisson(np.where(times < 25, 2.0, 4.0))
    expected = best_split(times, counts, "poisson")
    found = locate_change(times, counts, model="poisson", level=1)
    assert expected is not None
    assert found is not None
    assert (found.statistic, found.onset) == (pytest.approx(expected[0]), expected[1])


@pytest.mark.parametrize("seed", range(5))
def test_normal_statistic_is_the_f_test_of_two_means(seed: int) -> None:
    rng = np.random.default_rng(seed)
    times = np.arange(60)
    values = 1e6 + rng.normal(np.where(times < 35, 0, 1.5), 1)
    found = locate_change(times, values, model="normal")
    assert found is not None
    f = max(reference.f_oneway(values[:split], values[split:]).statistic for split in range(5, 56))
    assert found.statistic == pytest.approx(60 * np.log1p(f / 58), rel=1e-6)


def test_one_split_has_the_p_of_its_own_test() -> None:
    """Three times of which only the last can begin a level: nothing to adjust for."""
    times, values = np.repeat([1, 2, 3], [4, 40, 44]), np.tile([0, 1, 0, 0], 22).astype(float)
    values[44:] = np.tile([0, 1, 1, 1], 11)
    found = locate_change(times, values)
    assert found is not None
    assert found.onset == 3
    assert found.p == pytest.approx(reference.chi2.sf(found.statistic, 1))


def simulated(draw: Draw, times: np.ndarray, model: Model, seeds: int, level: float) -> list[Change | None]:
    return [locate_change(times, draw(np.random.default_rng(seed), times), model=model, level=level) for seed in range(seeds)]


ROW = np.arange(200)
DAILY = np.repeat(START + np.arange(40) * DAY, 50)


@pytest.mark.parametrize(
    ("draw", "times", "model"),
    [
        pytest.param(lambda rng, t: rng.random(t.size) < 0.3, ROW, "bernoulli", id="rate"),
        pytest.param(lambda rng, t: rng.random(t.size) < 0.04, np.arange(800), "bernoulli", id="rare"),
        pytest.param(lambda rng, t: rng.normal(9, 2, t.size), ROW, "normal", id="normal"),
        pytest.param(lambda rng, t: rng.lognormal(0, 1, t.size), np.arange(2000), "normal", id="lognormal"),
        pytest.param(lambda rng, t: rng.poisson(3, t.size), ROW, "poisson", id="counts"),
        pytest.param(lambda rng, t: rng.poisson(rng.gamma(5, 40, t.size)), ROW, "poisson", id="scattered counts"),
        pytest.param(
            lambda rng, t: rng.random(t.size) < np.repeat(rng.beta(4, 16, 40), 50), DAILY, "bernoulli", id="scattered days"
        ),
        pytest.param(
            lambda rng, t: rng.normal(0, 1, t.size) + np.repeat(rng.normal(0, 1, 40), 50), DAILY, "normal", id="day effects"
        ),
    ],
)
def test_no_change_is_found_where_nothing_changed(draw: Draw, times: np.ndarray, model: Model) -> None:
    """400 series each: at most the level, plus two standard errors."""
    alarms = sum(change is not None for change in simulated(draw, times, model, 400, 0.05))
    assert alarms / 400 <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 400)


def test_p_is_not_needlessly_large() -> None:
    """The bound is near the truth: of series without change, a few per hundred do come under the level."""
    alarms = sum(change is not None for change in simulated(lambda rng, t: rng.normal(size=t.size), ROW, "normal", 400, 0.05))
    assert alarms / 400 > 0.015


@pytest.mark.parametrize(
    ("draw", "model"),
    [
        pytest.param(lambda rng, t: rng.random(t.size) < np.where(t < 400, 0.1, 0.25), "bernoulli", id="rate up"),
        pytest.param(lambda rng, t: rng.random(t.size) < np.where(t < 400, 0.1, 0.8), "bernoulli", id="rate leaps"),
        pytest.param(lambda rng, t: rng.random(t.size) < np.where(t < 400, 0.5, 0.3), "bernoulli", id="rate down"),
        pytest.param(lambda rng, t: rng.normal(np.where(t < 400, 0, 0.5), 1), "normal", id="mean up"),
        pytest.param(lambda rng, t: rng.normal(np.where(t < 400, 0, 3), 1), "normal", id="mean leaps"),
        pytest.param(lambda rng, t: rng.poisson(np.where(t < 400, 4, 3)), "poisson", id="counts down"),
    ],
)
def test_interval_covers_the_onset(draw: Draw, model: Model) -> None:
    changes = [change for change in simulated(draw, np.arange(600), model, 200, 0.05) if change]
    assert len(changes) > 190
    assert np.mean([change.interval[1] >= 400 > change.interval[0] for change in changes]) >= 0.92


def test_interval_narrows_with_the_jump() -> None:
    def width(rate: float) -> float:
        changes = simulated(
            lambda rng, t: rng.random(t.size) < np.where(t < 400, 0.1, rate), np.arange(600), "bernoulli", 30, 0.05
        )
        return float(np.median([change.interval[1] - change.interval[0] for change in changes if change]))

    assert width(0.9) < width(0.4) / 3 < width(0.25) / 6


def test_days_are_scanned_and_the_moment_is_dated_within_them() -> None:
    """Sixty days of rows at any time of the day; the level changes in the middle of an afternoon."""
    rng = np.random.default_rng(11)
    times = START + np.sort(rng.integers(0, 60 * 86_400_000_000, 60_000))
    true = np.datetime64("2026-02-10T14:07", "us")
    change = locate_change(times, rng.random(60_000) < np.where(times < true, 0.1, 0.4))
    assert change is not None
    assert change.interval[1] >= true > change.interval[0]
    assert change.interval[1] - change.interval[0] < np.timedelta64(6, "h")


def test_a_daily_cycle_is_not_a_change() -> None:
    rng = np.random.default_rng(12)
    times = START + np.sort(rng.integers(0, 40 * 86_400_000_000, 20_000))
    night = (times - times.astype("datetime64[D]")) < np.timedelta64(6, "h")
    assert locate_change(times, rng.random(20_000) < np.where(night, 0.5, 0.1)) is None


@pytest.mark.parametrize("odd", [0, 1, 20, 38])
def test_a_single_odd_day_is_not_a_change_to_the_end(odd: int) -> None:
    rate = np.where(START + odd * DAY == DAILY, 0.9, 0.1)
    for seed in range(20):
        change = locate_change(DAILY, np.random.default_rng(seed).random(DAILY.size) < rate)
        assert change is None or change.p > 0.001


def test_an_odd_last_day_may_be_a_change_that_has_just_begun() -> None:
    rate = np.where(DAILY[-1] == DAILY, 0.9, 0.1)
    change = locate_change(DAILY, np.random.default_rng(0).random(DAILY.size) < rate)
    assert change is not None
    assert change.onset == DAILY[-1]


def test_an_odd_first_day_does_not_hide_a_later_change() -> None:
    rate = np.where(DAILY[0] == DAILY, 1.0, np.where(DAILY < START + 30 * DAY, 0.1, 0.25))
    change = locate_change(DAILY, np.random.default_rng(1).random(DAILY.size) < rate)
    assert change is not None
    assert change.interval[1] >= START + 30 * DAY > change.interval[0]


def test_one_huge_value_is_not_a_change() -> None:
    values = np.random.default_rng(2).normal(size=300)
    values[290] = 1e6
    assert locate_change(np.arange(300), values, model="normal") is None


def test_slight_change_is_found_but_not_dated() -> None:
    """Where likelihood is flat over most of the series, `identifiable` is false."""
    changes = simulated(lambda rng, t: rng.random(t.size) < np.where(t < 300, 0.3, 0.42), np.arange(600), "bernoulli", 60, 0.05)
    vague = [change for change in changes if change and not change.identifiable]
    sure = [change for change in changes if change and change.identifiable]
    assert vague
    assert min(c.interval[1] - c.interval[0] for c in vague) > 299 >= max(c.interval[1] - c.interval[0] for c in sure)


@given(st.permutations(range(200)))
def test_order_of_rows_and_missing_rows_do_not_matter(order: list[int]) -> None:
    rng = np.random.default_rng(3)
    times, values = rng.integers(0, 30, 200), rng.random(200)
    values = (values < np.where(times < 20, 0.2, 0.7)).astype(float)
    shuffled = locate_change(np.append(times[order], 5), np.append(values[order], np.nan))
    assert shuffled == locate_change(times, values)


@pytest.mark.parametrize("model", ["bernoulli", "normal"])
def test_weights_are_repeated_rows(model: Model) -> None:
    rng = np.random.default_rng(4)
    times, weights = np.arange(100), rng.integers(0, 4, 100)
    values = (rng.random(100) < np.where(times < 60, 0.2, 0.8)).astype(float)
    weighted = locate_change(times, values, weights, model=model)
    repeated = locate_change(np.repeat(times, weights), np.repeat(values, weights), model=model)
    assert weighted is not None
    assert repeated is not None
    assert (weighted.onset, weighted.interval) == (repeated.onset, repeated.interval)
    assert (weighted.statistic, weighted.p, weighted.before) == pytest.approx((repeated.statistic, repeated.p, repeated.before))


def test_exposure_explains_counts() -> None:
    """Twice the hours, twice the events: no change of the rate; without the hours, one."""
    hours = np.where(np.arange(60) < 30, 12.0, 24.0)
    counts = np.random.default_rng(5).poisson(10 * hours)
    assert locate_change(np.arange(60), counts, hours, model="poisson") is None
    change = locate_change(np.arange(60), counts, model="poisson")
    assert change is not None
    assert change.onset == 30


def test_rows_of_one_time_are_never_parted() -> None:
    """The level changes within the sixth of twelve times, so no split falls where it did."""
    times, values = np.repeat(np.arange(12), 50), (np.arange(600) >= 280).astype(float)
    values[::7] = 1 - values[::7]
    change = locate_change(times, values)
    assert change is not None
    assert change.onset in {5, 6}
    assert change.n_before == 50 * change.onset


def test_many_rows_are_dated_to_the_row() -> None:
    """A million distinct times, scanned in 2,000 parts and then one by one."""
    n = 1_000_000
    values = (np.random.default_rng(6).random(n) < np.where(np.arange(n) < 654_321, 0.1, 0.6)).astype(float)
    change = locate_change(np.arange(n), values)
    assert change is not None
    assert abs(change.onset - 654_321) < 30
    assert change.interval[1] - change.interval[0] < 60


def test_min_segment_keeps_levels_long() -> None:
    values = (np.random.default_rng(7).random(300) < np.where(np.arange(300) < 270, 0.1, 0.9)).astype(float)
    change = locate_change(np.arange(300), values, min_segment=50)
    assert change is not None
    assert change.n_after >= 50


def test_two_changes_are_found_and_dated_between_their_neighbours() -> None:
    rate = np.select([DAILY < START + 12 * DAY, DAILY < START + 28 * DAY], [0.1, 0.5], 0.25)
    changes = locate_changes(DAILY, np.random.default_rng(8).random(DAILY.size) < rate)
    assert [change.onset for change in changes] == [START + 12 * DAY, START + 28 * DAY]
    assert changes[0].statistic > changes[1].statistic
    assert changes[0].n_before + changes[0].n_after == 28 * 50
    assert (changes[1].before, changes[1].after) == pytest.approx((0.5, 0.25), abs=0.05)


def test_a_level_that_comes_and_goes_is_two_changes() -> None:
    rate = np.where((DAILY >= START + 15 * DAY) & (DAILY < START + 27 * DAY), 0.4, 0.1)
    changes = locate_changes(DAILY, np.random.default_rng(9).random(DAILY.size) < rate)
    assert {change.onset for change in changes} == {START + 15 * DAY, START + 27 * DAY}


def test_at_most_so_many_changes() -> None:
    values = np.repeat([0.0, 5.0, 0.0, 5.0, 0.0, 5.0], 50) + np.random.default_rng(10).normal(size=300)
    assert len(locate_changes(np.arange(300), values, model="normal", most=2)) <= 2
    every = locate_changes(np.arange(300), values, model="normal")
    assert sorted(int(change.onset) for change in every) == [50, 100, 150, 200, 250]


def test_compas_recidivism_jumps_after_the_first_of_april_2014(compas: Path) -> None:
    """People screened after 1 April 2014 are in the file only if they reoffended (Barenstein 2019, arXiv:1906.04711)."""
    with compas.open(newline="", encoding="utf-8") as file:
        rows = [(row["compas_screening_date"], float(row["two_year_recid"])) for row in csv.DictReader(file)]
    change = locate_change(np.array([day for day, _ in rows], "datetime64[D]"), [label for _, label in rows])
    assert change is not None
    assert change.onset == np.datetime64("2014-04-02")
    assert change.interval[0] == np.datetime64("2014-04-01")
    assert change.statistic == pytest.approx(1790, abs=1)
    assert (change.before, change.after) == (pytest.approx(0.362, abs=0.001), 1.0)


@pytest.mark.parametrize(
    ("times", "values"),
    [
        ([], []),
        ([1], [1]),
        ([1, 2], [0, 1]),
        (np.arange(50), np.zeros(50)),
        (np.zeros(50), np.arange(50) % 2),
        ([np.nan] * 9, [1] * 9),
    ],
)
def test_too_little_to_part_is_no_change(times: list[float], values: list[float]) -> None:
    for model in ("bernoulli", "normal", "poisson"):
        assert locate_change(times, values, model=model) is None
        assert locate_changes(times, values, model=model) == []


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        (([1, 2], [0.5, 1]), {}),
        (([1, 2], [-1, 1]), {"model": "poisson"}),
        (([1, 2], [np.inf, 1]), {"model": "normal"}),
        (([1, 2], [1]), {}),
        ((["a", "b"], [0, 1]), {}),
        (([1, 2], [0, 1], [1, -1]), {}),
    ],
)
def test_what_the_model_cannot_have_is_refused(arguments: tuple[object, ...], options: dict[str, Model]) -> None:
    with pytest.raises(ParameterError):
        locate_change(*arguments, **options)  # type: ignore[arg-type]


def test_unknown_model_lists_the_known() -> None:
    with pytest.raises(UnknownNameError, match="bernoulli, estimate, normal, poisson"):
        locate_change([1, 2], [0, 1], model="beta")  # type: ignore[arg-type]
