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
        score = np.sqrt(np.maximum(top, 0) / dispersion)
        shares = np.where(allowed, n1 / n, np.nan)
        low, high = np.nanmin(np.where(allowed, shares, np.inf), axis=1), np.nanmax(np.where(allowed, shares, -np.inf), axis=1)
        p = np.where(np.isfinite(top), _p_of_largest(score, allowed.sum(axis=1), low, high), 1.0)
    return top, best + 1, p


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
