"""How much better two levels explain a series than one, and how large that gets by chance at the best of all splits."""

import numpy as np
from numpy.typing import NDArray
from scipy import special

from workbench.analysis.onset.series import Floats, Model, Rows, Series, admissible

FEWEST_EXPECTED = 5.0
"""What each side of a split must expect for its likelihood ratio to be near chi-squared (Cochran 1954): rows of either outcome
(bernoulli) or events (poisson). For the normal model, rows, times the kurtosis of the values over that of a normal distribution:
without that, one false alarm in eleven on lognormal values at 5 % (4,000 rows, simulated). For estimates, points of mean
precision: whoever made them knows what stands behind each, and says more by `min_segment`."""


def fewest_rows(rows: Rows, series: Series, points: NDArray[np.intp]) -> float:
    """How many rows either side of a split must hold for the scan to be trusted."""
    size, total = series.size[-1], series.total[-1]
    if series.model == "estimate":
        return float(FEWEST_EXPECTED * size / len(points))
    if series.model == "normal":
        return FEWEST_EXPECTED * _tail_weight(rows, series, admissible(series, points[1:], FEWEST_EXPECTED))
    rarer = min(total, size - total) if series.model == "bernoulli" else total
    return float(FEWEST_EXPECTED * size / rarer) if rarer > 0 else np.inf


def _tail_weight(rows: Rows, series: Series, splits: NDArray[np.intp]) -> float:
    """Kurtosis of the values around the two levels of the best split, over 3, that of a normal distribution; at least 1."""
    if splits.size == 0:
        return 1.0
    split = splits[np.argmax(twice_log_ratio(series, splits))]
    size, total = series.size[split], series.total[split]
    place = int(np.searchsorted(rows.times, series.times[split]))
    levels = np.repeat([total / size, (series.total[-1] - total) / (series.size[-1] - size)], [place, rows.times.size - place])
    square = (rows.values - series.centre - levels) ** 2
    variance = np.average(square, weights=rows.weights)
    return max(1.0, float(np.average(square**2, weights=rows.weights) / variance**2 / 3)) if variance > 0 else 1.0


def odd_point(series: Series, edges: NDArray[np.intp], step: float) -> int | None:
    """The scanned point, other than the last, that set against all others explains as much as the best step; None without one."""
    size, total = np.diff(series.size[edges])[:-1], np.diff(series.total[edges])[:-1]
    events = series.total[-1] / series.size[-1] if series.model == "poisson" else 1.0
    ratio = np.where(size * events >= FEWEST_EXPECTED, _ratio(series, size, total), -np.inf)
    return int(np.argmax(ratio)) if ratio.max() >= step * (1 - 1e-9) else None


def twice_log_ratio(series: Series, splits: NDArray[np.intp]) -> Floats:
    """Twice the log-likelihood of two levels, parted at each split, over that of one level."""
    return _ratio(series, series.size[splits], series.total[splits])


def _ratio(series: Series, size1: Floats, total1: Floats) -> Floats:
    """Twice the log-likelihood ratio of one level for the rows that `size1` and `total1` sum, and another for all others."""
    size, total = series.size[-1], series.total[-1]
    size2, total2 = size - size1, total - total1
    ratio: Floats
    if series.model in ("normal", "estimate"):
        between = total1**2 / size1 + total2**2 / size2 - total**2 / size
        if series.model == "estimate":
            return np.asarray(np.maximum(between, 0.0))
        floor = 1e-12 * series.spread  # rounding leaves about as much where both sides are constant
        ratio = size * np.log(series.spread / np.maximum(series.spread - between, floor)) if series.spread > 0 else 0 * between
    else:
        both = _log_likelihood(series.model, size1, total1) + _log_likelihood(series.model, size2, total2)
        ratio = 2 * (both - _log_likelihood(series.model, size, total))
    return ratio


def _log_likelihood(model: Model, size: Floats, total: Floats) -> Floats:
    """Largest log-likelihood of one level, without the terms that no level changes."""
    hits = np.maximum(total, 0)
    result: Floats = special.xlogy(hits, hits / size)
    if model == "bernoulli":
        misses = np.maximum(size - total, 0)
        result = result + special.xlogy(misses, misses / size)
    return result


def dispersion_around(series: Series, points: NDArray[np.intp], split: int) -> tuple[float, float]:
    """Pearson's chi-squared of the points around the two levels per degree of freedom, and how many; at 1, infinite."""
    edges = np.append(points, series.times.size)
    size, total, side = np.diff(series.size[edges]), np.diff(series.total[edges]), (points >= split).astype(int)
    sizes, totals = np.diff(series.size[[0, split, -1]]), np.diff(series.total[[0, split, -1]])
    mean = totals / sizes
    allowed = mean * (1 - mean) if series.model == "bernoulli" else mean
    if series.model == "estimate":
        allowed = np.ones(2)
    if series.model == "normal":
        allowed = np.full(2, (series.spread - (totals * mean).sum()) / (sizes.sum() - 2))
    known = (allowed > 0)[side]
    freedom = int(known.sum() - (allowed > 0).sum())
    if freedom < 1:
        return 1.0, np.inf
    level, scale = mean[side][known], (size * allowed[side])[known]
    dispersion = float(((total[known] - size[known] * level) ** 2 / scale).sum() / freedom)
    return (dispersion, freedom) if dispersion > 1 else (1.0, np.inf)


def normal_score(series: Series, statistic: float, dispersion: float, freedom: float) -> float:
    """The standard normal score of a statistic, through Student's t where a variance or a dispersion was estimated."""
    if series.model == "normal":
        freedom = min(freedom, series.size[-1] - 2)
        statistic = (series.size[-1] - 2) * np.expm1(statistic / series.size[-1])
    return float(-special.ndtri(special.stdtr(freedom, -np.sqrt(max(statistic, 0) / dispersion))))


def p_of_largest(z: float, splits: int, first: float, last: float) -> float:
    """Bound on the p-value of the largest of the scores at `splits` splits, which lie from `first` to `last` (shares of rows)."""
    bonferroni = splits * 2 * special.ndtr(-z)
    if z <= 1 or np.isinf(z):
        return float(min(1, bonferroni))
    width = np.log(last * (1 - first) / (first * (1 - last)))
    bridge = z * np.exp(-z * z / 2) / np.sqrt(2 * np.pi) * (width * (1 - 1 / z**2) + 4 / z**2)
    return float(min(1, bonferroni, bridge))
