"""When did it begin: the one moment, or the few, at which a rate, a mean or a count changed, and how well the data date it.

A series of dated rows is scanned for the split that explains it best as "one level before, another from here on". The scan is a
likelihood ratio between one level and two (bernoulli for 0/1, normal for numbers, poisson for counts, estimate for values that
each come with a precision), made at up to `MOST_POINTS` points: calendar days where there are at least `FEWEST_DAYS` of them,
which also averages daily cycles away; otherwise the distinct times, or equal parts of them. Rows with the same time are never
parted. The best split is then dated among the distinct times around it.

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
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.analysis.onset.likelihood import (
    dispersion_around,
    fewest_rows,
    normal_score,
    odd_point,
    p_of_largest,
    twice_log_ratio,
)
from workbench.analysis.onset.series import (
    Floats,
    Model,
    Rows,
    Series,
    Times,
    admissible,
    cut_rows,
    prepare_rows,
    scan_points,
    sum_by_time,
    without,
)

__all__ = ["WITHIN", "Change", "Model", "Traced", "locate_change", "locate_changes", "trace_changes"]

Time = Any
"""One of the times as given: numpy.datetime64 in microseconds, or a numpy number."""

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
        Rate (bernoulli), mean (normal, estimate) or events per unit of exposure (poisson).
    n_before, n_after
        Rows, or the sum of their weights (estimate: of their precisions).
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


@dataclass(frozen=True, slots=True, eq=False)
class Traced:
    """A change, and how far every other onset falls short of it.

    Attributes
    ----------
    change
        The change.
    times
        Shape (points,): the onsets that were scanned, between the changes before and after this one.
    shortfall
        Shape (points,): twice the log-likelihood of each below that of the best, after division by the dispersion; 0 is the
        best, and up to `WITHIN` an onset is in the 95 % interval.
    """

    change: Change
    times: Times
    shortfall: Floats


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
        Shape (n,): 0 and 1 for ``bernoulli``, numbers for ``normal``, counts for ``poisson``, numbers whose variances are known
        for ``estimate``.
    weights
        Shape (n,), 1 unless given: how many rows each value stands for; for ``poisson`` the exposure behind each count, such as
        hours or rows; for ``estimate`` each value's precision, 1 / variance. Not sampling weights, which carry less information
        than the rows they stand for.
    model
        ``bernoulli``, ``normal`` (one variance for both levels), ``poisson`` or ``estimate``.
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
    traced = _locate(prepare_rows(times, values, weights, model), model, min_segment, level)
    return None if traced is None else traced.change


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
    traced = trace_changes(times, values, weights, model=model, min_segment=min_segment, level=level, most=most)
    return sorted((trace.change for trace in traced), key=lambda change: -change.statistic)


def trace_changes(
    times: ArrayLike,
    values: ArrayLike,
    weights: ArrayLike | None = None,
    *,
    model: Model = "bernoulli",
    min_segment: float | None = None,
    level: float = 0.05,
    most: int = 5,
) -> list[Traced]:
    """The changes that `locate_changes` finds, in order of time, each with the likelihood of every other onset."""
    rows = prepare_rows(times, values, weights, model)

    def changed(start: int, stop: int) -> list[tuple[int, int, Traced]]:
        traced = _locate(cut_rows(rows, start, stop), model, min_segment, level)
        return [] if traced is None else [(start, stop, traced)]

    found: list[int] = []
    candidates = changed(0, rows.times.size)
    while candidates and len(found) < most:
        best = max(candidates, key=lambda candidate: candidate[2].change.statistic / candidate[2].change.dispersion)
        candidates.remove(best)
        start, stop, traced = best
        split = int(np.searchsorted(rows.times, traced.change.onset))
        found.append(split)
        candidates += changed(start, split) + changed(split, stop)
    edges = [0, *sorted(found), rows.times.size]
    return [traced for start, stop in zip(edges, edges[2:], strict=False) for _, _, traced in changed(start, stop)]


def _locate(rows: Rows, model: Model, min_segment: float | None, level: float) -> Traced | None:
    if rows.times.size == 0:
        return None
    series = sum_by_time(rows, model)
    points = scan_points(series.times)
    least = max(min_segment or 0, fewest_rows(rows, series, points))
    splits = admissible(series, points[1:], least)
    if splits.size == 0:
        return None
    scanned = twice_log_ratio(series, splits)
    best = int(np.argmax(scanned))
    dispersion, freedom = dispersion_around(series, points, int(splits[best]))
    score = normal_score(series, float(scanned[best]), dispersion, freedom)
    p = p_of_largest(score, splits.size, *(series.size[splits[[0, -1]]] / series.size[-1]))
    if not p <= level:
        return None
    edges = np.append(points, series.times.size)
    odd = odd_point(series, edges, float(scanned[best]))
    if odd is not None:
        return _locate(without(rows, series, edges[odd], edges[odd + 1]), model, min_segment, level)
    near = splits[scanned[best] - scanned <= WITHIN * dispersion]
    first, last = np.searchsorted(points, near[[0, -1]])
    fine = admissible(series, np.arange(edges[first - 1] + 1, edges[last + 1]), least)
    change = _dated(series, fine, statistic=float(scanned[best]), p=p, dispersion=dispersion)
    return Traced(change, series.times[splits], (scanned[best] - scanned) / dispersion)


def _dated(series: Series, splits: NDArray[np.intp], *, statistic: float, p: float, dispersion: float) -> Change:
    """The change at the best of the `splits`, with the interval of those that are nearly as good."""
    ratio = twice_log_ratio(series, splits)
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
