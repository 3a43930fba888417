"""Intervals, tests and multiplicity adjustments, from counts and sums.

Every analysis first reduces rows to counts or sums, one per slice or group, and then asks here how sure it can be: intervals
for rates, differences, ratios and means; tests for two samples; adjustments for many tests. All functions take numbers or
arrays that broadcast together, and answer with arrays of that shape (for numbers: without dimensions, call `float`). A rate is
in [0, 1]; a p-value near 0 speaks against "no difference", 1 is no evidence at all. What cannot be measured (no trials) is NaN,
never an exception; counts that cannot exist (more successes than trials) raise :class:`~workbench.errors.ParameterError`.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from workbench.analysis.exact import fisher_mid_p
from workbench.analysis.mover import Limits, mover_ratio
from workbench.errors import ParameterError

Floats = NDArray[np.float64]
FourCounts = tuple[ArrayLike, ArrayLike, ArrayLike, ArrayLike]

SMALL_EXPECTED = 1000.0
"""Below this expected count `two_proportions` is exact. Adjusted over thousands of slices, p-values near 1e-6 decide; there the
pooled z of a small slice against a large rest is 5 times too small at 100 expected, 1.7 times at 1000 (computed)."""

POOL_BELOW = 5.0
"""`chi2_homogeneity` pools categories that expect fewer than this in the smaller sample (Cochran 1954, Biometrics 10:417)."""

ROUNDING = 1e-12
"""A sum of squares around the mean below this share of the one around zero is what rounding leaves, and counts as no spread."""


class Interval(NamedTuple):
    """A confidence interval, both ends included."""

    low: Floats
    high: Floats


class Difference(NamedTuple):
    """A difference (first minus second, or after minus before), its two-sided p-value and its confidence interval."""

    difference: Floats
    p: Floats
    interval: Interval


class GapChange(NamedTuple):
    """How a gap between two groups changed (after minus before), its z-score, two-sided p-value and confidence interval."""

    change: Floats
    z: Floats
    p: Floats
    interval: Interval


class Distance(NamedTuple):
    """A distance between two distributions in [0, 1] (0 equal, 1 no overlap) and the p-value of "they are equal"."""

    distance: Floats
    p: Floats


def wilson(successes: ArrayLike, trials: ArrayLike, level: float = 0.95) -> Interval:
    """Score interval of a rate (Wilson 1927, JASA 22:209); NaN without trials, never wider than [0, 1]."""
    return _wilson(*_counts(successes, trials), _normal_quantile(level))


def newcombe(k1: ArrayLike, n1: ArrayLike, k2: ArrayLike, n2: ArrayLike, level: float = 0.95) -> Interval:
    """Interval of the difference of two rates p1 - p2, in [-1, 1] (Newcombe 1998, Stat Med 17:873, method 10).

    NaN where either sample is empty.
    """
    return _mover([_counts(k1, n1), _counts(k2, n2)], _normal_quantile(level))


def ratio_interval(k1: ArrayLike, n1: ArrayLike, k2: ArrayLike, n2: ArrayLike, level: float = 0.95) -> Interval:
    """Interval of the ratio of two rates p1 / p2, from their Wilson intervals by MOVER-R (Donner & Zou 2012, SMMR 21:347).

    1 is no disparity. `high` is infinite where nothing was selected in the second sample; NaN where either sample is empty.
    """
    sides = [Limits(_rate(k, n), *wilson(k, n, level)) for k, n in ((k1, n1), (k2, n2))]
    return Interval(*mover_ratio(*sides)[1:])


def mean_interval(n: ArrayLike, total: ArrayLike, total_squares: ArrayLike, level: float = 0.95) -> Interval:
    """Student's t interval of a mean, from the count, the sum and the sum of squares; NaN below two values.

    Sums of squares lose digits where the mean is far from zero beside the spread: centre the values first.
    """
    size, mean, variance = _moments(n, total, total_squares)
    _check_level(level)
    with np.errstate(all="ignore"):
        half = special.stdtrit(size - 1, (1 + level) / 2) * np.sqrt(variance / size)
    return Interval(mean - half, mean + half)


def welch(  # noqa: PLR0917  two samples of three sums each
    n1: ArrayLike, s1: ArrayLike, q1: ArrayLike, n2: ArrayLike, s2: ArrayLike, q2: ArrayLike, level: float = 0.95
) -> Difference:
    """Compare two means without assuming equal variances (Welch 1947, Biometrika 34:28).

    Parameters
    ----------
    n1, s1, q1, n2, s2, q2
        Count, sum and sum of squares of each sample; centre the values first where the mean is far from zero.
    level
        Confidence level of the interval.

    Returns
    -------
    Difference
        Mean of the first minus mean of the second, in the unit of the values. The p-value is NaN where a sample has fewer
        than two values. Where neither sample varies it is 1 for equal means and 0 for different ones.
    """
    size1, mean1, variance1 = _moments(n1, s1, q1)
    size2, mean2, variance2 = _moments(n2, s2, q2)
    _check_level(level)
    difference = mean1 - mean2
    with np.errstate(all="ignore"):
        part1, part2 = variance1 / size1, variance2 / size2
        error = np.sqrt(part1 + part2)
        freedom = (part1 + part2) ** 2 / (part1**2 / (size1 - 1) + part2**2 / (size2 - 1))
        freedom = np.where(error == 0, size1 + size2 - 2, freedom)
        same = (error == 0) & (np.abs(difference) <= ROUNDING * np.abs(mean1))
        p = np.where(same, 1.0, 2 * special.stdtr(freedom, -np.abs(difference) / error))
        half = special.stdtrit(freedom, (1 + level) / 2) * error
    return Difference(difference, p, Interval(difference - half, difference + half))


def two_proportions(k1: ArrayLike, n1: ArrayLike, k2: ArrayLike, n2: ArrayLike) -> Floats:
    """Two-sided p-value of "both rates are equal".

    Fisher's mid-p where any expected count is below `SMALL_EXPECTED`, the pooled z (no continuity correction, which mid-p
    makes needless) elsewhere. NaN where a sample is empty; 1 where all, or none, of the trials succeeded.
    """
    first, size1 = _counts(k1, n1)
    second, size2 = _counts(k2, n2)
    first, size1, second, size2 = np.broadcast_arrays(first, size1, second, size2)
    with np.errstate(all="ignore"):
        pooled = (first + second) / (size1 + size2)
        z = (first / size1 - second / size2) / np.sqrt(pooled * (1 - pooled) * (1 / size1 + 1 / size2))
    smallest = np.minimum(size1, size2) * np.minimum(pooled, 1 - pooled)
    exact = ~(smallest >= SMALL_EXPECTED)
    p = np.array(_two_sided(z))
    p[exact] = fisher_mid_p(first[exact], size1[exact], second[exact], size2[exact])
    return p


def chi2_homogeneity(counts_a: ArrayLike, counts_b: ArrayLike) -> Floats:
    """p-value of "both samples draw from the same categories alike" (Pearson's chi-squared for a 2 x C table).

    Pooling: categories that expect fewer than `POOL_BELOW` in the smaller sample are merged into one; where that one still
    expects fewer, the next rarest joins it. The choice looks only at the totals of both samples, so it does not bias the test.

    Parameters
    ----------
    counts_a, counts_b
        Counts per category along the last axis, the same categories in both; shape (..., C).

    Returns
    -------
    array of shape (...)
        NaN where a sample is empty or pooling leaves fewer than two categories.
    """
    a, b = _histograms(counts_a, counts_b)
    order = np.argsort(a + b, axis=-1, kind="stable")
    a, total = np.take_along_axis(a, order, -1), np.take_along_axis(a + b, order, -1)
    size = total.sum(-1, keepdims=True)
    with np.errstate(all="ignore"):
        share = a.sum(-1, keepdims=True) / size
        enough = POOL_BELOW / np.minimum(share, 1 - share)
    rare = (total < enough).sum(-1, keepdims=True)
    pooled = np.where(rare > 0, np.maximum(rare, (np.cumsum(total, -1) < enough).sum(-1, keepdims=True) + 1), 0)
    merged = np.arange(total.shape[-1]) < pooled
    statistic = _chi2_terms(np.where(merged, 0, a), np.where(merged, 0, total), share).sum(-1)
    rest, rest_total = np.where(merged, a, 0).sum(-1, keepdims=True), np.where(merged, total, 0).sum(-1, keepdims=True)
    statistic = statistic + _chi2_terms(rest, rest_total, share)[..., 0]
    freedom = (total.shape[-1] - pooled + (pooled > 0) - 1)[..., 0]
    testable = (freedom >= 1) & (share > 0)[..., 0] & (share < 1)[..., 0]
    return np.where(testable, special.chdtrc(np.maximum(freedom, 1), statistic), np.nan)


def cramers_v(counts_a: ArrayLike, counts_b: ArrayLike) -> Floats:
    """Cramér's V between sample and category, from counts of shape (..., C): 0 alike, 1 no category shared.

    Nothing is pooled. Biased upwards in small samples; NaN where a sample is empty.
    """
    a, b = _histograms(counts_a, counts_b)
    size = (a + b).sum(-1, keepdims=True)
    with np.errstate(all="ignore"):
        share = a.sum(-1, keepdims=True) / size
        v = np.sqrt(_chi2_terms(a, a + b, share).sum(-1) / size[..., 0])
    return np.where(((share > 0) & (share < 1))[..., 0], np.minimum(v, 1), np.nan)


def total_variation(counts_a: ArrayLike, counts_b: ArrayLike) -> Floats:
    """Total variation distance of two histograms of shape (..., C): the share of rows that would have to move; 0 alike, 1 apart.

    NaN where a sample is empty.
    """
    a, b = _histograms(counts_a, counts_b)
    with np.errstate(all="ignore"):
        moved: Floats = np.abs(a / a.sum(-1, keepdims=True) - b / b.sum(-1, keepdims=True)).sum(-1) / 2
    return moved


def two_sample_ks(sorted_a: ArrayLike, sorted_b: ArrayLike) -> Distance:
    """Kolmogorov-Smirnov distance of two samples of numbers, each sorted, of shape (n,) and (m,), without NaN.

    The p-value is the one-sample distribution at n m / (n + m), as ``scipy.stats.ks_2samp(method="asymp")`` has it.
    """
    a, b = np.asarray(sorted_a, np.float64), np.asarray(sorted_b, np.float64)
    if a.size == 0 or b.size == 0:
        return _ks(np.asarray(np.nan), np.asarray(float(a.size)), np.asarray(float(b.size)))
    points = np.concatenate([a, b])
    below_a, below_b = np.searchsorted(a, points, side="right") / a.size, np.searchsorted(b, points, side="right") / b.size
    return _ks(np.abs(below_a - below_b).max(), np.asarray(float(a.size)), np.asarray(float(b.size)))


def two_sample_ks_counts(counts_a: ArrayLike, counts_b: ArrayLike) -> Distance:
    """Kolmogorov-Smirnov distance of two histograms over the same ordered bins, of shape (..., C).

    Binning can only shorten the distance, so the p-value errs to the large side. NaN where a sample is empty.
    """
    a, b = _histograms(counts_a, counts_b)
    size_a, size_b = a.sum(-1), b.sum(-1)
    with np.errstate(all="ignore"):
        apart = np.abs(np.cumsum(a, -1) / size_a[..., None] - np.cumsum(b, -1) / size_b[..., None]).max(-1, initial=0)
    return _ks(np.where((size_a > 0) & (size_b > 0), apart, np.nan), size_a, size_b)


def difference_of_differences(before: FourCounts, after: FourCounts, level: float = 0.95) -> GapChange:
    """By how much the gap between two groups changed between two windows.

    Parameters
    ----------
    before, after
        ``(k1, n1, k2, n2)``: successes and trials of the first and of the second group in that window.
    level
        Confidence level of the interval.

    Returns
    -------
    GapChange
        (p1 - p2 after) - (p1 - p2 before), in [-2, 2]. The interval joins the four Wilson intervals (MOVER, Zou & Donner 2008,
        Stat Med 27:1693). The z-score is the one at which that interval would touch 0, or the one after adding a success and a
        failure to each sample (Agresti & Caffo 2000, Am Stat 54:280), whichever is nearer 0: the first alone breaks down at
        rates of 0 and 1 on both sides, the second in windows of very different size. NaN where a sample is empty.
    """
    samples = [_counts(k, n) for k, n in (after[:2], after[2:], before[:2], before[2:])]
    shifts, variances = zip(*(_steadied(k, n) for k, n in samples), strict=True)
    with np.errstate(all="ignore"):
        rates = [k / n for k, n in samples]
        change = np.asarray(rates[0] - rates[1] - (rates[2] - rates[3]))
        steadied = (shifts[0] - shifts[1] - (shifts[2] - shifts[3])) / np.sqrt(sum(variances))
    low, high = np.zeros(steadied.shape), np.full(steadied.shape, 40.0)
    for _ in range(50):
        z = (low + high) / 2
        limits = _mover(samples, z)
        clear = np.where(change > 0, limits.low > 0, limits.high < 0)
        low, high = np.where(clear, z, low), np.where(clear, high, z)
    z = np.where(np.isnan(change), np.nan, np.sign(change) * np.minimum(low, np.abs(steadied)))
    return GapChange(change, z, _two_sided(z), _mover(samples, _normal_quantile(level)))


def holm(p: ArrayLike, tests: int | None = None) -> Floats:
    """p-values adjusted so that the chance of any false rejection is at most the level (Holm 1979, Scand J Stat 6:65).

    Parameters
    ----------
    p, tests
        As in `benjamini_hochberg`.
    """
    ordered, order, count, adjusted = _family(p, tests)
    adjusted[order] = np.maximum.accumulate(np.minimum(ordered * (count - np.arange(ordered.size)), 1))
    return adjusted.reshape(np.shape(p))


def benjamini_hochberg(p: ArrayLike, tests: int | None = None) -> Floats:
    """p-values adjusted so that the expected share of false rejections is at most the level (Benjamini & Hochberg 1995).

    Parameters
    ----------
    p
        p-values of any shape, one family. NaN (not tested) stays NaN and does not count.
    tests
        How many hypotheses were examined, where that is more than were listed; the p-values of the others are taken as 1.
    """
    ordered, order, count, adjusted = _family(p, tests)
    raised = np.minimum(ordered * count / np.arange(1, ordered.size + 1), 1)
    adjusted[order] = np.minimum.accumulate(raised[::-1])[::-1]
    return adjusted.reshape(np.shape(p))


def _family(p: ArrayLike, tests: int | None) -> tuple[Floats, NDArray[np.intp], int, Floats]:
    """The tested p-values in ascending order, their places in the flat family, how many tests, and a flat family of NaN."""
    flat = np.asarray(p, np.float64).ravel()
    if ((flat < 0) | (flat > 1)).any():
        raise ParameterError("a p-value outside 0 to 1", flat[(flat < 0) | (flat > 1)][0], "Pass unadjusted p-values")
    order = np.argsort(flat, kind="stable")[: np.count_nonzero(~np.isnan(flat))]
    count = order.size if tests is None else tests
    if count < order.size:
        raise ParameterError("fewer tests than p-values", tests, f"Pass at least {order.size}, every hypothesis examined")
    return flat[order], order, count, np.full(flat.size, np.nan)


def _ks(distance: Floats, size_a: Floats, size_b: Floats) -> Distance:
    from scipy.stats import kstwo

    with np.errstate(all="ignore"):
        size = np.maximum(np.round(size_a * size_b / (size_a + size_b)), 1)
    return Distance(distance, np.where(np.isnan(distance), np.nan, kstwo.sf(distance, size)))


def _counts(successes: ArrayLike, trials: ArrayLike) -> tuple[Floats, Floats]:
    k, n = np.asarray(successes, np.float64), np.asarray(trials, np.float64)
    impossible = (k < 0) | (k > n)
    if impossible.any():
        pair = tuple(float(side[impossible][0]) for side in np.broadcast_arrays(k, n))
        raise ParameterError("no such count of successes among trials", pair, "Pass 0 <= successes <= trials")
    return k, n


def _rate(successes: ArrayLike, trials: ArrayLike) -> Floats:
    k, n = _counts(successes, trials)
    with np.errstate(all="ignore"):
        return np.asarray(k / n)


def _wilson(k: Floats, n: Floats, z: float | Floats) -> Interval:
    with np.errstate(all="ignore"):
        centre = (k + z * z / 2) / (n + z * z)
        half = z / (n + z * z) * np.sqrt(k * (n - k) / n + z * z / 4)
        low, high = np.maximum(centre - half, 0), np.minimum(centre + half, 1)
    return Interval(np.where((k == 0) & (n > 0), 0.0, low), np.where((k == n) & (n > 0), 1.0, high))


def _mover(samples: list[tuple[Floats, Floats]], z: float | Floats) -> Interval:
    """Limits of p1 - p2, or of p1 - p2 - (p3 - p4), from the Wilson limits of each rate."""
    value, down, up = np.zeros(()), np.zeros(()), np.zeros(())
    for (k, n), added in zip(samples, (True, False, False, True), strict=False):
        low, high = _wilson(k, n, z)
        with np.errstate(all="ignore"):
            rate = k / n
        towards = (rate - low, high - rate) if added else (high - rate, rate - low)
        value, down, up = value + (rate if added else -rate), np.hypot(down, towards[0]), np.hypot(up, towards[1])
    return Interval(value - down, value + up)


def _steadied(k: Floats, n: Floats) -> tuple[Floats, Floats]:
    """A rate after one more success and one more failure, and its variance, which then is never zero; NaN without trials."""
    rate = np.where(n > 0, (k + 1) / (n + 2), np.nan)
    return rate, rate * (1 - rate) / (n + 2)


def _histograms(counts_a: ArrayLike, counts_b: ArrayLike) -> tuple[Floats, Floats]:
    a, b = np.broadcast_arrays(np.asarray(counts_a, np.float64), np.asarray(counts_b, np.float64))
    if (a < 0).any() or (b < 0).any():
        raise ParameterError("a negative count", min(a.min(), b.min()), "Pass counts of rows per category")
    return a, b


def _chi2_terms(a: Floats, total: Floats, share: Floats) -> Floats:
    """The two cells that each category adds to chi-squared, where the first sample holds `share` of all rows."""
    with np.errstate(all="ignore"):
        return np.where(total > 0, (a - total * share) ** 2 / (total * share * (1 - share)), 0)


def _moments(n: ArrayLike, total: ArrayLike, total_squares: ArrayLike) -> tuple[Floats, Floats, Floats]:
    """Size, mean and sample variance; NaN without values, the variance also with only one."""
    size, s, q = (np.asarray(value, np.float64) for value in (n, total, total_squares))
    with np.errstate(all="ignore"):
        mean = s / size
        spread = q - s * mean
        variance = np.where(size > 1, np.where(spread > ROUNDING * q, spread, 0) / (size - 1), np.nan)
    return size, np.asarray(mean), variance


def _normal_quantile(level: float) -> float:
    _check_level(level)
    return float(special.ndtri((1 + level) / 2))


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise ParameterError("a confidence level outside 0 to 1", level, "Pass 0.95 for 95 %")


def _two_sided(z: Floats) -> Floats:
    result: Floats = 2 * special.ndtr(-np.abs(z))
    return result
