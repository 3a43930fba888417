"""Nominal 95 % intervals hold what they promise, in a simulation over rates and sizes: mean coverage 95 % ± 2.

Coverage at a single rate swings around its mean: Wilson's falls to 84 % at n = 10 where the rate is just below the lower limit
of one success (p near 0.017). What is promised is the mean over rates, at every size from ten rows on.
"""

import numpy as np
import pytest
from scipy.stats import binom

from workbench.analysis import stats
from workbench.analysis.mover import Limits, half_sum

RATES = (np.arange(400) + 0.5) / 400
SIZES = (10, 15, 20, 30, 50, 100, 300)


def wilson_coverage(size: int, rates: np.ndarray) -> np.ndarray:
    """Exact: the probability of all outcomes whose interval holds the rate."""
    hits = np.arange(size + 1)
    low, high = stats.wilson(hits, np.full(size + 1, size))
    inside = (low[None, :] <= rates[:, None] + 1e-12) & (rates[:, None] <= high[None, :] + 1e-12)
    return (binom.pmf(hits[None, :], size, rates[:, None]) * inside).sum(axis=1)


@pytest.mark.parametrize("size", SIZES)
def test_a_rate_is_held_by_wilsons_interval(size: int) -> None:
    coverage = wilson_coverage(size, RATES)
    assert coverage.mean() == pytest.approx(0.95, abs=0.02)
    expected = size * np.minimum(RATES, 1 - RATES)
    assert coverage[expected >= 1].min() >= 0.90, "wherever a success and a failure are to be expected"


def pairs(draws: int = 60_000) -> tuple[np.ndarray, ...]:
    """Two groups of every size, with every rate from 5 to 95 %, once each."""
    rng = np.random.default_rng(0)
    n1, n2 = rng.choice(SIZES, draws), rng.choice(SIZES, draws)
    p1, p2 = rng.uniform(0.05, 0.95, draws), rng.uniform(0.05, 0.95, draws)
    return n1, n2, p1, p2, rng.binomial(n1, p1), rng.binomial(n2, p2)


def held(truth: np.ndarray, low: np.ndarray, high: np.ndarray, n1: np.ndarray, n2: np.ndarray) -> None:
    """Mean coverage 95 % ± 2 over all, and at least 90 % for every pair of sizes."""
    inside = (low <= truth + 1e-12) & (truth <= high + 1e-12)
    assert inside.mean() == pytest.approx(0.95, abs=0.02)
    for first in SIZES:
        for second in SIZES:
            assert inside[(n1 == first) & (n2 == second)].mean() >= 0.90, (first, second)


def test_a_difference_is_held_by_newcombes_interval() -> None:
    n1, n2, p1, p2, k1, k2 = pairs()
    held(p1 - p2, *stats.newcombe(k1, n1, k2, n2), n1, n2)


def test_a_ratio_is_held_by_movers_interval() -> None:
    n1, n2, p1, p2, k1, k2 = pairs()
    held(p1 / p2, *stats.ratio_interval(k1, n1, k2, n2), n1, n2)


def test_a_half_sum_is_held_by_movers_interval() -> None:
    n1, n2, p1, p2, k1, k2 = pairs()
    limits = half_sum(Limits(k1 / n1, *stats.wilson(k1, n1)), Limits(k2 / n2, *stats.wilson(k2, n2)))
    held((p1 + p2) / 2, limits.low, limits.high, n1, n2)


def test_under_parity_holm_over_exact_tests_seldom_sounds() -> None:
    """Fifty groups of 40, all at 30 %: the family of tests errs in at most 5 % of the data sets (here with some room)."""
    rng = np.random.default_rng(1)
    sounded = []
    for _ in range(300):
        hits, trials = rng.binomial(40, 0.3, 50), np.full(50, 40)
        p = stats.two_proportions(hits[1:], trials[1:], hits[0], trials[0])
        sounded.append(bool((stats.holm(p) < 0.05).any()))
    assert np.mean(sounded) <= 0.05
