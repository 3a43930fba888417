"""A series for the scan: rows in order of time, their running sums by distinct time, and the points at which it is scanned."""

from typing import Any, Final, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.errors import ParameterError, UnknownNameError

Floats = NDArray[np.float64]
Model = Literal["bernoulli", "normal", "poisson", "estimate"]
MODELS: Final = ("bernoulli", "normal", "poisson", "estimate")
Times = NDArray[Any]

MOST_POINTS = 2000
FEWEST_DAYS = 30


class Rows(NamedTuple):
    """Rows in order of time."""

    times: Times
    weights: Floats
    values: Floats


class Series(NamedTuple):
    """Rows summed by distinct time.

    `size` (weights) and `total` (values) are running sums: entry i covers the times before the i-th. For the models normal and
    estimate `total` and `spread` (sum of squares) are taken around `centre`, the mean.
    """

    times: Times
    size: Floats
    total: Floats
    centre: float
    spread: float
    model: Model


def prepare_rows(times: ArrayLike, values: ArrayLike, weights: ArrayLike | None, model: Model) -> Rows:
    """Rows that have a time and a value, in order of time, checked against the model."""
    if model not in MODELS:
        raise UnknownNameError("model", model, MODELS)
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
    wrong = {"bernoulli": (x != 0) & (x != 1), "poisson": x < 0}.get(model, ~np.isfinite(x))
    if wrong.any():
        raise ParameterError(f"a value that no {model} series has", float(x[wrong][0]), "Choose the model that fits the values")
    if (when[1:] < when[:-1]).any():
        order = np.argsort(when, kind="stable")
        when, x, w = when[order], x[order], w[order]
    return Rows(when, w, x)


def cut_rows(rows: Rows, start: int, stop: int) -> Rows:
    """The rows from `start` to before `stop`."""
    return Rows(*(column[start:stop] for column in rows))


def sum_by_time(rows: Rows, model: Model) -> Series:
    """The rows summed by distinct time."""
    starts = np.flatnonzero(np.append(True, rows.times[1:] != rows.times[:-1]))
    # centred, or a mean far from zero would leave no digits for the spread
    centre = float(np.average(rows.values, weights=rows.weights)) if model in ("normal", "estimate") else 0.0
    sums = rows.values if model == "poisson" else (rows.values - centre) * rows.weights
    size, total = (np.append(0.0, np.cumsum(np.add.reduceat(column, starts))) for column in (rows.weights, sums))
    spread = float((rows.weights * (rows.values - centre) ** 2).sum())
    return Series(rows.times[starts], size, total, centre, spread, model)


def scan_points(times: Times) -> NDArray[np.intp]:
    """Where the scanned points begin among the distinct `times`: days, times, or equal parts of the times."""
    if times.dtype.kind == "M":
        days = times.astype("datetime64[D]")
        starts = np.append(0, np.flatnonzero(days[1:] != days[:-1]) + 1)
        if FEWEST_DAYS <= starts.size <= MOST_POINTS:
            return starts
    count = min(times.size, MOST_POINTS)
    return (np.arange(count) * times.size // count).astype(np.intp)


def admissible(series: Series, splits: NDArray[np.intp], least: float) -> NDArray[np.intp]:
    """The splits that leave at least so much on both sides."""
    enough = np.minimum(series.size[splits], series.size[-1] - series.size[splits]) >= least
    return np.compress(enough, splits)


def without(rows: Rows, series: Series, start: int, stop: int) -> Rows:
    """The rows but those from the `start`-th distinct time to before the `stop`-th."""
    out = slice(*np.searchsorted(rows.times, series.times[[start, stop]]))
    return Rows(*(np.delete(column, out) for column in rows))
