"""From a quantile bin to the exact range: a reported slice's bin is widened or narrowed to where its score is best.

All ranges between up to 255 finer edges are tried, from prefix sums, among the rows that meet the slice's other conditions. The
range was chosen by the data, so its p-value is Bonferroni's over every slice counted times every range tried.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from workbench.analysis.slices.cube import SliceCube
from workbench.analysis.slices.infer import compare
from workbench.analysis.slices.scores import ALPHA, Side, side, unit
from workbench.analysis.slices.windows import Rows
from workbench.predicate import Comparison, Interval, Missing, Operand, Predicate

FINE: Final = 255
LEAST_GAIN: Final = 1e-9
"""A range whose score is not better by this share is the bin it came from."""


@dataclass(frozen=True)
class Refined:
    """A slice with exact ranges: what it selects, what it holds in the current window, and out of how many ranges."""

    where: Predicate
    size: float
    mean: float
    score: float
    p: float


@dataclass(frozen=True)
class Question:
    """What a range is judged by: the rows, the cube's totals, and the weight of the loss in the score."""

    cube: SliceCube
    rows: Rows
    alpha: float

    @property
    def windows(self) -> list[np.ndarray]:
        """The rows of each window."""
        current = self.rows.current
        return [current] if self.cube.windows == 1 else [~current, current]

    def measure(self, mask: np.ndarray) -> list[Side]:
        """What the rows of `mask` hold in each window."""
        known = mask & ~np.isnan(self.rows.loss.values)
        found = []
        for number, which in enumerate(self.windows):
            prefix = _prefix_sums(np.zeros(len(mask)), known & which, self.rows, np.zeros(1))
            found.append(_ranged(side(self.cube, number), prefix, np.zeros(1, int), np.full(1, 2)))
        return found

    def score(self, windows: list[Side]) -> np.ndarray:
        """``sliceline``, or ``change`` with two windows."""
        now = windows[-1]
        with np.errstate(divide="ignore", invalid="ignore"):
            small = (1 - self.alpha) * (now.all_rows / now.rows - 1)
            excess = now.mean - now.overall
            if len(windows) > 1:
                excess = now.mean - now.rest - (windows[0].mean - windows[0].rest)
            scores = self.alpha * excess / unit(now, signed=self.cube.signed) - small
        return np.asarray(np.nan_to_num(scores, nan=-np.inf))


def refine(cube: SliceCube, codes: np.ndarray, rows: Rows, index: int, alpha: float = ALPHA) -> Refined | None:
    """The slice `index` with its bins replaced by the best ranges, one column after the other; None where no bin gains.

    Parameters
    ----------
    codes
        Shape (columns, rows of both windows).
    """
    question, conditions = Question(cube, rows, alpha), cube.conditions(index)
    parts = [cube.codings[member].conditions[code] for member, code in conditions]
    masks = [codes[member] == code for member, code in conditions]
    tried, improved = 1, False
    for number, (member, code) in enumerate(conditions):
        others = np.ones(len(rows.frame), bool)
        for mask in masks[:number] + masks[number + 1 :]:
            others &= mask
        column = cube.codings[member].column
        found = _best_range(question, others, masks[number], column) if _is_bin(cube, member, code) else None
        if found is not None:
            parts[number], masks[number], ranges = found
            tried, improved = tried * ranges, True
    if not improved:
        return None
    windows = question.measure(np.logical_and.reduce(masks))
    p, _, _ = compare(windows, cube.effective, share=cube.share)
    where = Predicate(tuple(condition for part in parts for condition in part.conditions))
    adjusted = min(1.0, float(p[0]) * cube.examined * tried)
    return Refined(where, float(windows[-1].rows[0]), float(windows[-1].mean[0]), float(question.score(windows)[0]), adjusted)


def _is_bin(cube: SliceCube, member: int, code: int) -> bool:
    coding = cube.codings[member]
    return coding.edges is not None and coding.function is None and code > 0


def _best_range(question: Question, others: np.ndarray, own: np.ndarray, column: str) -> tuple[Predicate, np.ndarray, int] | None:
    """The range that overlaps the bin and scores best, its rows, and how many were tried; None where the bin is the best.

    Parameters
    ----------
    others, own
        Rows that meet the slice's other conditions, and those in the bin.
    """
    cube, rows = question.cube, question.rows
    numbers = rows.frame[column].to_numpy(dtype=float, na_value=np.nan)
    inside = others & ~np.isnan(numbers) & ~np.isnan(rows.loss.values)
    bounds = _bounds(numbers[inside], numbers[inside & own])
    if bounds is None:
        return None
    low, high = np.triu_indices(len(bounds), 1)
    windows = [
        _ranged(side(cube, number), _prefix_sums(numbers, inside & which, rows, bounds[1:-1]), low, high)
        for number, which in enumerate(question.windows)
    ]
    held = numbers[inside & own]
    meets = (bounds[low] <= held.max()) & (bounds[high] > held.min())
    scores = np.where(meets & (windows[-1].rows >= cube.least), question.score(windows), -np.inf)
    best = int(np.argmax(scores))
    before = float(question.score(question.measure(inside & own))[0])
    if not scores[best] > before + LEAST_GAIN * abs(before):
        return None
    start, stop = float(bounds[low[best]]), float(bounds[high[best]])
    chosen = others & (numbers >= start) & ((numbers < stop) | np.isposinf(stop))
    return _range(column, start, stop), chosen, int(np.count_nonzero(meets))


def _bounds(numbers: np.ndarray, own: np.ndarray) -> np.ndarray | None:
    """Where ranges may begin and end: finer quantiles, the smallest number of the bin, and both infinities."""
    seen, start = numbers[np.isfinite(numbers)], own[np.isfinite(own)]
    if not len(seen) or not len(start):
        return None
    edges = np.unique([*np.quantile(seen, np.linspace(0, 1, FINE + 1), method="higher"), start.min()])
    return np.concatenate([[-np.inf], edges, [np.inf]])


def _prefix_sums(numbers: np.ndarray, which: np.ndarray, rows: Rows, edges: np.ndarray) -> np.ndarray:
    """Rows, sum and sum of squares below each edge, shape (3, edges + 2)."""
    bins = np.searchsorted(edges, numbers[which], side="right")
    weights = np.ones(len(bins)) if rows.weights is None else rows.weights[which]
    loss = rows.loss.values[which]
    parts = (weights, weights * loss, weights * loss**2)
    return np.array([np.append(0.0, np.cumsum(np.bincount(bins, part, len(edges) + 1))) for part in parts])


def _ranged(whole: Side, prefix: np.ndarray, low: np.ndarray, high: np.ndarray) -> Side:
    rows, total, squares = prefix[:, high] - prefix[:, low]
    return Side(rows, total, squares, whole.all_rows, whole.all_total, whole.all_squares)


def _range(column: str, low: float, high: float) -> Predicate:
    if np.isneginf(low) and np.isposinf(high):
        return Predicate((Missing(column, negated=True),))
    if np.isneginf(low):
        return Predicate((Comparison(Operand(column), "<", high),))
    return Predicate((Comparison(Operand(column), ">=", low) if np.isposinf(high) else Interval(column, low, high),))


def refined_columns(cube: SliceCube, codes: np.ndarray, rows: Rows, chosen: list[int], alpha: float) -> pd.DataFrame:
    """For each of the slices `chosen`: ``refined`` (text, or missing), its ``refined_size``, ``_mean`` and adjusted ``_p``."""
    found = [refine(cube, codes, rows, index, alpha) for index in chosen]
    return pd.DataFrame({
        "refined": pd.Series([None if each is None else str(each.where) for each in found], dtype=object),
        "refined_size": [None if each is None else each.size for each in found],
        "refined_mean": [None if each is None else each.mean for each in found],
        "refined_p": [None if each is None else each.p for each in found],
    })  # fmt: skip
