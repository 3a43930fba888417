"""The evidence is an e-variable whatever the sample sizes; alarms keep their level over every look, and come when they should."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.stats import binom

from workbench.analysis.alarms import FOUR_FIFTHS, PARITY, Bounds, _nearest, watch
from workbench.errors import ParameterError

RATE = st.floats(0.02, 0.98)
BOUNDS = st.sampled_from([PARITY, FOUR_FIFTHS, Bounds(-0.1, 0.1), Bounds(0.05, 0.2)])


@given(forecast=st.tuples(RATE, RATE), sizes=st.tuples(st.integers(1, 6), st.integers(1, 6)), bounds=BOUNDS, truth=RATE)
def test_no_pair_of_rates_within_the_bounds_expects_evidence_to_grow(
    forecast: tuple[float, float], sizes: tuple[int, int], bounds: Bounds, truth: float
) -> None:
    """The expectation, by summing over every outcome, is at most 1 at the bounds and inside them."""
    foreseen = np.array(forecast).reshape(1, 2, 1)
    allowed = _nearest(foreseen, np.array(sizes, float).reshape(2, 1), bounds)[0, :, 0]
    for gap in (bounds.low, min(bounds.high, 0.5), (bounds.low + min(bounds.high, 0.5)) / 2):
        first = gap + bounds.factor * truth
        if not 0 <= first <= 1:
            continue
        expected = 1.0
        for rate, size, seen, near in zip((first, truth), sizes, forecast, allowed, strict=True):
            hits = np.arange(size + 1)
            likelihood = (seen / near) ** hits * ((1 - seen) / (1 - near)) ** (size - hits)
            expected *= float((binom.pmf(hits, size, rate) * likelihood).sum())
        assert expected <= 1 + 1e-6


@settings(max_examples=40)
@given(forecast=st.tuples(RATE, RATE), sizes=st.tuples(st.integers(1, 50), st.integers(1, 50)))
def test_nearest_rates_are_those_a_general_optimiser_finds(forecast: tuple[float, float], sizes: tuple[int, int]) -> None:
    a, b = forecast
    found = _nearest(np.array(forecast).reshape(1, 2, 1), np.array(sizes, float).reshape(2, 1), FOUR_FIFTHS)[0, :, 0]
    if a >= 0.8 * b:
        assert found == pytest.approx([a, b])
        return

    def divergence(reference: float) -> float:
        pairs = ((a, 0.8 * reference, sizes[0]), (b, reference, sizes[1]))
        return sum(n * (p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))) for p, q, n in pairs)

    best = minimize_scalar(divergence, bounds=(1e-9, 1 - 1e-9), method="bounded", options={"xatol": 1e-10})
    assert divergence(found[1]) <= best.fun + 1e-7


def false_alarms(bounds: Bounds, runs: int, *, wandering: bool, seed: int) -> float:
    """Share of runs of 300 looks that ever alarm, the rates lying exactly on the bounds."""
    rng, alarms = np.random.default_rng(seed), 0
    for _ in range(runs):
        level = 0.45 + 0.3 * np.sin(np.cumsum(rng.normal(0, 0.2 if wandering else 0.0, 300)))
        sizes = rng.poisson([[12], [30]], (2, 300))
        rates = np.stack([bounds.factor * level + bounds.low, level])
        alarms += watch(rng.binomial(sizes, rates), sizes, bounds).alarm is not None
    return alarms / runs


@pytest.mark.parametrize("wandering", [False, True])
@pytest.mark.parametrize("bounds", [PARITY, FOUR_FIFTHS, Bounds(-0.1, 0.1)])
def test_false_alarms_over_all_looks_stay_under_the_level(bounds: Bounds, wandering: bool) -> None:  # noqa: FBT001  a parameter
    assert false_alarms(bounds, 60, wandering=wandering, seed=3) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 60)


@pytest.mark.slow
@pytest.mark.parametrize("wandering", [False, True])
@pytest.mark.parametrize("bounds", [PARITY, FOUR_FIFTHS, Bounds(-0.1, 0.1)])
def test_false_alarms_over_all_looks_stay_under_the_level_in_1000_runs(bounds: Bounds, wandering: bool) -> None:  # noqa: FBT001
    assert false_alarms(bounds, 1000, wandering=wandering, seed=4) <= 0.05


def test_a_repeated_test_would_cry_wolf_where_the_watch_does_not() -> None:
    """The same series, tested anew at every look at 5 %: several times as many false alarms as allowed."""
    from workbench.analysis.stats import two_proportions

    rng, tested, watched = np.random.default_rng(5), 0, 0
    for _ in range(60):
        sizes = np.full((2, 300), 20)
        hits = rng.binomial(sizes, 0.3)
        sums = np.cumsum(hits, axis=1)
        tested += bool((two_proportions(sums[0], 20 * np.arange(1, 301), sums[1], 20 * np.arange(1, 301)) < 0.05).any())
        watched += watch(hits, sizes).alarm is not None
    assert tested / 60 > 0.25
    assert watched / 60 < 0.1


def test_a_gap_that_opens_late_is_noticed_soon() -> None:
    rng, delays = np.random.default_rng(6), []
    for _ in range(20):
        sizes = np.full((2, 300), 50)
        rates = np.stack([np.where(np.arange(300) < 150, 0.3, 0.2), np.full(300, 0.3)])
        alarm = watch(rng.binomial(sizes, rates), sizes).alarm
        assert alarm is not None
        delays.append(alarm - 150)
    assert 0 < np.median(delays) < 40


def test_a_look_without_one_of_the_groups_says_nothing() -> None:
    hits, sizes = np.array([[1, 0, 3], [2, 5, 1]]), np.array([[4, 0, 6], [8, 9, 7]])
    without = watch(hits[:, [0, 2]], sizes[:, [0, 2]])
    assert watch(hits, sizes).log_evidence[1] == pytest.approx(watch(hits[:, :1], sizes[:, :1]).log_evidence[0], abs=0.3)
    assert len(without.p) == 2
    assert (np.diff(watch(hits, sizes).p) <= 0).all()


@pytest.mark.parametrize(
    ("hits", "trials", "bounds", "level"),
    [
        ([[2], [0]], [[1], [1]], PARITY, 0.05),
        ([1, 0], [1, 1], PARITY, 0.05),
        ([[1], [0]], [[1], [1]], Bounds(0.2, 0.1), 0.05),
        ([[1], [0]], [[1], [1]], PARITY, 1.0),
    ],
)
def test_what_cannot_be_watched_is_refused(hits: list[int], trials: list[int], bounds: Bounds, level: float) -> None:
    with pytest.raises(ParameterError):
        watch(hits, trials, bounds, level=level)
