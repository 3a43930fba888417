"""Signals, their sums by part of the rows and block of time, and how much better two levels explain them than one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

import numpy as np
from scipy import special

LEAST_SIDE: Final = 8.0
"""Rows of a signal on either side of a split; of either outcome, for shares, `LEAST_EXPECTED`."""
LEAST_EXPECTED: Final = 4.0
ROUNDING: Final = 1e-9
ALIKE: Final = 4.0
SLIGHT: Final = 0.1
"""Shares were alike before where twice the log-likelihood ratio against it is this, or this part of what it is now, at most."""

Model = Literal["share", "mean"]


@dataclass(frozen=True, eq=False)
class Signal:
    """A number per row.

    Attributes
    ----------
    name
        What it measures, in words.
    stage
        Where in the life of a row it is measured: 0 arrival, 1 columns, 2 score, 3 decision, 4 outcome.
    column
        What it reads; None for the row itself.
    values
        Shape (rows,), NaN where a row has none.
    model
        ``share`` for 0 and 1, else ``mean``.
    apart
        Columns that may not say where: the signal is a function of them.
    aspect
        What about the column: ``missing``, ``level``, ``spread``, ``value``, ``repeat`` …
    detail
        What whoever reads the signal needs beside it.
    rising
        Whether only a rise says anything.
    room
        How far each row's value may be expected to fall, and to rise, at most; None: what the model says.
    scale
        A number per row, such as the score, of which only a band may be concerned.
    """

    name: str
    stage: int
    column: str | None
    values: np.ndarray
    model: Model
    aspect: str
    apart: frozenset[str] = frozenset()
    detail: tuple[float, int] | str | int | None = None
    rising: bool = False
    room: tuple[np.ndarray, np.ndarray] | None = None
    scale: np.ndarray | None = None


class Counts(NamedTuple):
    """Rows, sum and sum of squares by candidate and block, shapes (candidates, blocks)."""

    rows: np.ndarray
    total: np.ndarray
    squares: np.ndarray


def best_splits(counts: Counts, signal: Signal) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each candidate the largest ratio, its split, and p for the best of its splits, after division by the dispersion."""
    n, s, q = (part.sum(axis=1, keepdims=True) for part in counts)
    n1, s1 = np.cumsum(counts.rows, axis=1)[:, :-1], np.cumsum(counts.total, axis=1)[:, :-1]
    n2, s2 = n - n1, s - s1
    model = signal.model
    with np.errstate(all="ignore"):
        if model == "share":
            ratio = 2 * (_binomial(s1, n1) + _binomial(s2, n2) - _binomial(s, n))
            least = np.maximum(LEAST_SIDE, LEAST_EXPECTED * n / np.maximum(np.minimum(s, n - s), 1e-9))
        else:
            spread = q - s * s / n
            spread = np.where(spread > ROUNDING * q, spread, np.inf)  # no spread but that of rounding
            between = s1 * s1 / n1 + s2 * s2 / n2 - s * s / n
            ratio = n * np.log(spread / np.maximum(spread - between, ROUNDING * q))
            least = np.full_like(n, LEAST_SIDE)
        allowed = (n1 >= least) & (n2 >= least)
        if signal.rising:
            allowed &= s2 * n1 > s1 * n2
        ratio = np.where(allowed & np.isfinite(ratio), ratio, -np.inf)
        best = np.argmax(ratio, axis=1)
        top = ratio[np.arange(len(best)), best]
        dispersion = _dispersion(counts, best + 1, model)
        score = np.sqrt(np.maximum(top, 0) / dispersion * _of_few(n[:, 0], model))
        shares = np.where(allowed, n1 / n, np.nan)
        low, high = np.nanmin(np.where(allowed, shares, np.inf), axis=1), np.nanmax(np.where(allowed, shares, -np.inf), axis=1)
        p = np.where(np.isfinite(top), _p_of_largest(score, allowed.sum(axis=1), low, high), 1.0)
    return top, best + 1, p


def _of_few(rows: np.ndarray, model: Model) -> np.ndarray:
    """What a ratio of so many rows is worth in chi-squared, where the spread is estimated from them too.

    Student's t as a normal deviate (Wallace 1959, Ann Math Stat 30:1121).
    """
    if model == "share":
        return np.ones_like(rows)
    freedom = np.maximum(rows - 2, 0)
    return np.asarray(freedom / rows * ((8 * freedom + 1) / (8 * freedom + 3)) ** 2)


def gathered(counts: Counts, split: np.ndarray, whole: Counts, signal: Signal) -> np.ndarray:
    """Twice the log-likelihood ratio by which a new level is one of each candidate's rows and not of all, shape (candidates,).

    For shares that were alike everywhere before, such as that of missing values; else 0. What never happened before and happens
    now tells when it began by all its rows alike, and where by there being none elsewhere.

    Parameters
    ----------
    split
        Of each candidate, first block of the new level.
    whole
        Of all rows.
    """
    if signal.model != "share":
        return np.zeros(len(split))
    early = np.arange(counts.rows.shape[1])[None, :] < split[:, None]
    apart, rates = [], []
    for side in (early, ~early):
        n, s, every, hits = (np.where(side, part, 0).sum(axis=1) for part in (counts.rows, counts.total, whole.rows, whole.total))
        with np.errstate(all="ignore"):
            ratio = _binomial(s, n) + _binomial(hits - s, every - n) - _binomial(hits, every)
            rates.append((s / n, (hits - s) / (every - n)))
        apart.append((np.nan_to_num(2 * ratio), every))
    (before, size), (now, size_now) = apart
    (was, _), (own, other) = rates
    expected = before * size_now / np.maximum(size, 1)
    same_way = (own > was) == (own > other)
    return np.where(same_way & (expected <= np.maximum(ALIKE, SLIGHT * now)), now, 0.0)


def _binomial(hits: np.ndarray, size: np.ndarray) -> np.ndarray:
    misses = np.maximum(size - hits, 0)
    return np.asarray(special.xlogy(hits, hits / size) + special.xlogy(misses, misses / size))


def _dispersion(counts: Counts, split: np.ndarray, model: Model) -> np.ndarray:
    """Scatter between neighbouring blocks, in units of what the model allows; at least 1.

    Neighbours differ by a rhythm of days or weeks as much as by chance, but hardly by one change of level, or by two (von Neumann
    1941, Ann Math Stat 12:367).
    """
    late = np.arange(counts.rows.shape[1])[None, :] >= split[:, None]
    n, s = counts.rows, counts.total
    sums = [(np.where(side, n, 0).sum(axis=1), np.where(side, s, 0).sum(axis=1)) for side in (~late, late)]
    means = [total / size for size, total in sums]
    level = np.where(late, means[1][:, None], means[0][:, None])
    if model == "share":
        variance = np.maximum(level * (1 - level), 0)
    else:
        inside = counts.squares.sum(axis=1) - sum(mean * total for mean, (_, total) in zip(means, sums, strict=True))
        variance = np.broadcast_to((inside / n.sum(axis=1))[:, None], n.shape)
    mean = s / n - level
    step = (mean[:, 1:] - mean[:, :-1]) ** 2
    allowed = variance[:, 1:] / n[:, 1:] + variance[:, :-1] / n[:, :-1]
    usable = np.isfinite(step) & (allowed > 0)
    freedom = usable.sum(axis=1)
    scatter = np.where(usable, step / np.where(usable, allowed, 1.0), 0.0).sum(axis=1)
    return np.asarray(np.maximum(1.0, np.where(freedom >= 6, scatter / np.maximum(freedom, 1), 1.0)))


def _p_of_largest(z: np.ndarray, splits: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """As `workbench.analysis.onset.likelihood.p_of_largest`, for arrays."""
    bonferroni = splits * 2 * special.ndtr(-z)
    width = np.log(last * (1 - first) / (first * (1 - last)))
    bridge = z * np.exp(-z * z / 2) / np.sqrt(2 * np.pi) * (width * (1 - 1 / z**2) + 4 / z**2)
    return np.asarray(np.minimum(1.0, np.where(z > 1, np.fmin(bonferroni, bridge), bonferroni)))
