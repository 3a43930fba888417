"""When did it begin: the one moment, or the few, at which a rate, a mean or a count changed, and how well the data date it.

A series of dated rows is scanned for the split that explains it best as "one level before, another from here on". The scan is a
likelihood ratio between one level and two (bernoulli for 0/1, normal for numbers, poisson for counts), made at up to
`MOST_POINTS` points: calendar days where there are at least `FEWEST_DAYS` of them, which also averages daily cycles away;
otherwise the distinct times, or equal parts of them. Rows with the same time are never parted. The best split is then dated
among the distinct times around it.

What guards against a false date:

- The p-value is for the best of all splits. It is the smaller of two bounds: the tail of the largest standardised Brownian bridge
  over the scanned range (Vostrikova 1981; Gombay & Horváth 1996, J Multivariate Anal 56:120) and Bonferroni over the splits.
- Where points scatter more than the model allows around the two levels, statistic and interval are divided by that dispersion
  (quasi-likelihood, McCullagh & Nelder 1989, section 4.5), and where one point (an odd day) set against all others explains as
  much as the best step, it is left out and the rest scanned again. So a single odd day is no change to the end. Only the *last*
  point is never taken for odd: nothing yet tells it from a change that has just begun.
- The interval holds every onset whose likelihood is near the best (Hansen 2000, Econometrica 68:575), and `identifiable` is
  false where that is more than half of the series. Among changes so slight that most would go unseen, those seen owe it to
  chance, which misplaces them too: their intervals cover less than 95 %.

A slow drift or a seasonal cycle is not a step: one is fitted to it all the same. `locate_changes` looks for several.
"""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from workbench.errors import ParameterError, UnknownNameError

Floats = NDArray[np.float64]
Model = Literal["bernoulli", "normal", "poisson"]
Time = Any
"""One of the times as given: numpy.datetime64 in microseconds, or a numpy number."""
Times = NDArray[Any]

MOST_POINTS = 2000
FEWEST_DAYS = 30
FEWEST_EXPECTED = 5.0
"""What each side of a split must expect for its likelihood ratio to be near chi-squared (Cochran 1954): rows of either outcome
(bernoulli) or events (poisson). For the normal model, rows, times the kurtosis of the values over that of a normal distribution:
without that, one false alarm in eleven on lognormal values at 5 % (4,000 rows, simulated)."""

WITHIN = 7.35
"""Twice the log-likelihood ratio below which an onset is in the 95 % interval: -2 ln(1 - sqrt(0.95)), Hansen 2000, table 1."""


@dataclass(frozen=True, slots=True)
class Change:
    """One change of level.

    Attributes
    ----------
    onset
        First time in the data at which the new level holds; the old level held for every earlier row.
    interval
        The change came after the first of these times and no later than the second (95 %). The first is that of the last row
        which must belong to the old level: no row tells when, between that one and the next, the change came.
    statistic
        Twice the log-likelihood ratio of two levels against one, at the best scanned split.
    p
        Probability of so large a `statistic` at any split of a series without change, after division by `dispersion`.
    before, after
        Rate (bernoulli), mean (normal) or events per unit of exposure (poisson).
    n_before, n_after
        Rows, or the sum of their weights.
    identifiable
        False where `interval` covers more than half of the series: something changed, but the data do not say when.
    dispersion
        Scatter of the scanned points around the two levels, in units of what the model allows; at least 1.
    """

    onset: Time
    interval: tuple[Time, Time]
    statistic: float
    p: float
    before: float
    after: float
    n_before: float
    n_after: float
    identifiable: bool
    dispersion: float


class _Rows(NamedTuple):
    """Rows in order of time."""

    times: Times
    weights: Floats
    values: Floats


class _Series(NamedTuple):
    """Rows summed by distinct time.

    `size` (weights) and `total` (values) are running sums: entry i covers the times before the i-th. For the normal model `total`
    and `spread` (sum of squares) are taken around `centre`, the mean.
    """

    times: Times
    size: Floats
    total: Floats
    centre: float
    spread: float
    model: Model


def locate_change(
    times: ArrayLike,
    values: ArrayLike,
    weights: ArrayLike | None = None,
    *,
    model: Model = "bernoulli",
    min_segment: float | None = None,
    level: float = 0.05,
) -> Change | None:
    """Date the one change of level that explains the series best; the module's text says how, and what it cannot tell.

    Parameters
    ----------
    times
        Shape (n,), datetime64 or numbers, in any order. Rows without a time or a value are left out.
    values
        Shape (n,): 0 and 1 for ``bernoulli``, numbers for ``normal``, counts for ``poisson``.
    weights
        Shape (n,), 1 unless given: how many rows each value stands for; for ``poisson`` the exposure behind each count, such as
        hours or rows. Not sampling weights, which carry less information than the rows they stand for.
    model
        ``bernoulli``, ``normal`` (one variance for both levels) or ``poisson``.
    min_segment
        Least rows (sum of weights) on either side, on top of `FEWEST_EXPECTED`.
    level
        Largest p-value of a change that is returned.

    Returns
    -------
    Change or None
        None where no split has p <= `level`, or where no split leaves enough on both sides.

    Raises
    ------
    ParameterError
        For shapes that differ, times that cannot be ordered, or values the model cannot have.
    UnknownNameError
        For another `model`.
    """
    return _locate(_prepare(times, values, weights, model), model, min_segment, level)


def locate_changes(
    times: ArrayLike,
    values: ArrayLike,
    weights: ArrayLike | None = None,
    *,
    model: Model = "bernoulli",
    min_segment: float | None = None,
    level: float = 0.05,
    most: int = 5,
) -> list[Change]:
    """Date up to `most` changes of level, by binary segmentation; the largest statistic first.

    The best change parts the series, then the best change within either part, and so on while p <= `level` in that part. Each is
    then dated again between its neighbours (Bai 1997, Econometric Theory 13:315), so levels and intervals are those of adjoining
    segments. A level that comes and goes within one series can hide from the first split, as the two ends of it pull apart.

    Parameters
    ----------
    times, values, weights, model, min_segment, level
        As in `locate_change`.
    most
        Largest number of changes.
    """
    rows = _prepare(times, values, weights, model)

    def changed(start: int, stop: int) -> list[tuple[int, int, Change]]:
        change = _locate(_cut(rows, start, stop), model, min_segment, level)
        return [] if change is None else [(start, stop, change)]

    found: list[int] = []
    candidates = changed(0, rows.times.size)
    while candidates and len(found) < most:
        best = max(candidates, key=lambda candidate: candidate[2].statistic / candidate[2].dispersion)
        candidates.remove(best)
        start, stop, change = best
        split = int(np.searchsorted(rows.times, change.onset))
        found.append(split)
        candidates += changed(start, split) + changed(split, stop)
    edges = [0, *sorted(found), rows.times.size]
    dated = [change for start, stop in zip(edges, edges[2:], strict=False) for _, _, change in changed(start, stop)]
    return sorted(dated, key=lambda change: -change.statistic)


def _prepare(times: ArrayLike, values: ArrayLike, weights: ArrayLike | None, model: Model) -> _Rows:
    """Rows that have a time and a value, in order of time, checked against the model."""
    if model not in ("bernoulli", "normal", "poisson"):
        raise UnknownNameError("model", model, ("bernoulli", "normal", "poisson"))
    when, x = np.asarray(times), np.asarray(values, np.float64)
    w = np.ones(x.shape) if weights is None else np.asarray(weights, np.float64)
    if not when.shape == x.shape == w.shape or x.ndim != 1:
        raise ParameterError("times, values, weights differ in shape", (when.shape, x.shape, w.shape), "Pass one of each per row")
    if when.dtype.kind not in "Miuf":
        raise ParameterError("times that cannot be ordered", when.dtype, "Pass datetime64 or numbers")
    if when.dtype.kind == "M":
        when = when.astype("datetime64[us]")
    if not (w >= 0).all():
        raise ParameterError("a weight below zero or missing", float(w[~(w >= 0)][0]), "Pass how many rows each value stands for")
    keep = ~np.isnan(x) & ~(np.isnat(when) if when.dtype.kind == "M" else np.isnan(when)) & (w > 0)
    when, x, w = (column if keep.all() else column[keep] for column in (when, x, w))
    wrong = {"bernoulli": (x != 0) & (x != 1), "poisson": x < 0, "normal": ~np.isfinite(x)}[model]
    if wrong.any():
        raise ParameterError(f"a value that no {model} series has", float(x[wrong][0]), "Choose the model that fits the values")
    if (when[1:] < when[:-1]).any():
        order = np.argsort(when, kind="stable")
        when, x, w = when[order], x[order], w[order]
    return _Rows(when, w, x)


def _cut(rows: _Rows, start: int, stop: int) -> _Rows:
    return _Rows(*(column[start:stop] for column in rows))


def _locate(rows: _Rows, model: Model, min_segment: float | None, level: float) -> Change | None:
    if rows.times.size == 0:
        return None
    series = _sum_by_time(rows, model)
    points = _points(series.times)
    least = max(min_segment or 0, _least(rows, series, points))
    splits = _admissible(series, points[1:], least)
    if splits.size == 0:
        return None
    scanned = _twice_log_ratio(series, splits)
    best = int(np.argmax(scanned))
    dispersion, freedom = _dispersion(series, points, int(splits[best]))
    score = _root(series, float(scanned[best]), dispersion, freedom)
    p = _p_of_largest(score, splits.size, *(series.size[splits[[0, -1]]] / series.size[-1]))
    if not p <= level:
        return None
    edges = np.append(points, series.times.size)
    odd = _odd_point(series, edges, float(scanned[best]))
    if odd is not None:
        return _locate(_without(rows, series, edges[odd], edges[odd + 1]), model, min_segment, level)
    near = splits[scanned[best] - scanned <= WITHIN * dispersion]
    first, last = np.searchsorted(points, near[[0, -1]])
    fine = _admissible(series, np.arange(edges[first - 1] + 1, edges[last + 1]), least)
    return _dated(series, fine, statistic=float(scanned[best]), p=p, dispersion=dispersion)


def _dated(series: _Series, splits: NDArray[np.intp], *, statistic: float, p: float, dispersion: float) -> Change:
    """The change at the best of the `splits`, with the interval of those that are nearly as good."""
    ratio = _twice_log_ratio(series, splits)
    split = int(splits[np.argmax(ratio)])
    allowed = splits[ratio.max() - ratio <= WITHIN * dispersion]
    interval = (series.times[allowed[0] - 1], series.times[allowed[-1]])
    size, total = series.size[split], series.total[split]
    return Change(
        onset=series.times[split],
        interval=interval,
        statistic=statistic,
        p=p,
        before=float(series.centre + total / size),
        after=float(series.centre + (series.total[-1] - total) / (series.size[-1] - size)),
        n_before=float(size),
        n_after=float(series.size[-1] - size),
        identifiable=bool(2 * (interval[1] - interval[0]) <= series.times[-1] - series.times[0]),
        dispersion=dispersion,
    )


def _sum_by_time(rows: _Rows, model: Model) -> _Series:
    starts = np.flatnonzero(np.append(True, rows.times[1:] != rows.times[:-1]))
    # centred, or a mean far from zero would leave no digits for the spread
    centre = float(np.average(rows.values, weights=rows.weights)) if model == "normal" else 0.0
    sums = rows.values if model == "poisson" else (rows.values - centre) * rows.weights
    size, total = (np.append(0.0, np.cumsum(np.add.reduceat(column, starts))) for column in (rows.weights, sums))
    spread = float((rows.weights * (rows.values - centre) ** 2).sum())
    return _Series(rows.times[starts], size, total, centre, spread, model)


def _points(times: Times) -> NDArray[np.intp]:
    """Where the scanned points begin among the distinct `times`: days, times, or equal parts of the times."""
    if times.dtype.kind == "M":
        days = times.astype("datetime64[D]")
        starts = np.append(0, np.flatnonzero(days[1:] != days[:-1]) + 1)
        if FEWEST_DAYS <= starts.size <= MOST_POINTS:
            return starts
    count = min(times.size, MOST_POINTS)
    return (np.arange(count) * times.size // count).astype(np.intp)


def _least(rows: _Rows, series: _Series, points: NDArray[np.intp]) -> float:
    """How many rows either side of a split must hold for the scan to be trusted."""
    size, total = series.size[-1], series.total[-1]
    if series.model == "normal":
        return FEWEST_EXPECTED * _tail_weight(rows, series, _admissible(series, points[1:], FEWEST_EXPECTED))
    rarer = min(total, size - total) if series.model == "bernoulli" else total
    return float(FEWEST_EXPECTED * size / rarer) if rarer > 0 else np.inf


def _tail_weight(rows: _Rows, series: _Series, splits: NDArray[np.intp]) -> float:
    """Kurtosis of the values around the two levels of the best split, over 3, that of a normal distribution; at least 1."""
    if splits.size == 0:
        return 1.0
    split = splits[np.argmax(_twice_log_ratio(series, splits))]
    size, total = series.size[split], series.total[split]
    place = int(np.searchsorted(rows.times, series.times[split]))
    levels = np.repeat([total / size, (series.total[-1] - total) / (series.size[-1] - size)], [place, rows.times.size - place])
    square = (rows.values - series.centre - levels) ** 2
    variance = np.average(square, weights=rows.weights)
    return max(1.0, float(np.average(square**2, weights=rows.weights) / variance**2 / 3)) if variance > 0 else 1.0


def _admissible(series: _Series, splits: NDArray[np.intp], least: float) -> NDArray[np.intp]:
    """The splits that leave at least so much on both sides."""
    enough = np.minimum(series.size[splits], series.size[-1] - series.size[splits]) >= least
    return np.compress(enough, splits)


def _odd_point(series: _Series, edges: NDArray[np.intp], step: float) -> int | None:
    """The scanned point, other than the last, that set against all others explains as much as the best step; None without one."""
    size, total = np.diff(series.size[edges])[:-1], np.diff(series.total[edges])[:-1]
    events = series.total[-1] / series.size[-1] if series.model == "poisson" else 1.0
    ratio = np.where(size * events >= FEWEST_EXPECTED, _ratio(series, size, total), -np.inf)
    return int(np.argmax(ratio)) if ratio.max() >= step * (1 - 1e-9) else None


def _without(rows: _Rows, series: _Series, start: int, stop: int) -> _Rows:
    """The rows but those from the `start`-th distinct time to before the `stop`-th."""
    out = slice(*np.searchsorted(rows.times, series.times[[start, stop]]))
    return _Rows(*(np.delete(column, out) for column in rows))


def _twice_log_ratio(series: _Series, splits: NDArray[np.intp]) -> Floats:
    """Twice the log-likelihood of two levels, parted at each split, over that of one level."""
    return _ratio(series, series.size[splits], series.total[splits])


def _ratio(series: _Series, size1: Floats, total1: Floats) -> Floats:
    """Twice the log-likelihood ratio of one level for the rows that `size1` and `total1` sum, and another for all others."""
    size, total = series.size[-1], series.total[-1]
    size2, total2 = size - size1, total - total1
    ratio: Floats
    if series.model == "normal":
        between = total1**2 / size1 + total2**2 / size2 - total**2 / size
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


def _dispersion(series: _Series, points: NDArray[np.intp], split: int) -> tuple[float, float]:
    """Pearson's chi-squared of the points around the two levels per degree of freedom, and how many; at 1, infinite."""
    edges = np.append(points, series.times.size)
    size, total, side = np.diff(series.size[edges]), np.diff(series.total[edges]), (points >= split).astype(int)
    sizes, totals = np.diff(series.size[[0, split, -1]]), np.diff(series.total[[0, split, -1]])
    mean = totals / sizes
    allowed = mean * (1 - mean) if series.model == "bernoulli" else mean
    if series.model == "normal":
        allowed = np.full(2, (series.spread - (totals * mean).sum()) / (sizes.sum() - 2))
    known = (allowed > 0)[side]
    freedom = int(known.sum() - (allowed > 0).sum())
    if freedom < 1:
        return 1.0, np.inf
    level, scale = mean[side][known], (size * allowed[side])[known]
    dispersion = float(((total[known] - size[known] * level) ** 2 / scale).sum() / freedom)
    return (dispersion, freedom) if dispersion > 1 else (1.0, np.inf)


def _root(series: _Series, statistic: float, dispersion: float, freedom: float) -> float:
    """The standard normal score of a statistic, through Student's t where a variance or a dispersion was estimated."""
    if series.model == "normal":
        freedom = min(freedom, series.size[-1] - 2)
        statistic = (series.size[-1] - 2) * np.expm1(statistic / series.size[-1])
    return float(-special.ndtri(special.stdtr(freedom, -np.sqrt(max(statistic, 0) / dispersion))))


def _p_of_largest(z: float, splits: int, first: float, last: float) -> float:
    """Bound on the p-value of the largest of the scores at `splits` splits, which lie from `first` to `last` (shares of rows)."""
    bonferroni = splits * 2 * special.ndtr(-z)
    if z <= 1 or np.isinf(z):
        return float(min(1, bonferroni))
    width = np.log(last * (1 - first) / (first * (1 - last)))
    bridge = z * np.exp(-z * z / 2) / np.sqrt(2 * np.pi) * (width * (1 - 1 / z**2) + 4 / z**2)
    return float(min(1, bonferroni, bridge))
