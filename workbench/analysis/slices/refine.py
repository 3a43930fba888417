"""From a quantile bin to the exact range: a reported slice's bin is widened or narrowed to where its score is best.

All ranges between up to 255 finer edges are tried, from prefix sums, among the rows that meet the slice's other conditions. The
range was chosen by the data: its p-value comes from the largest z of any slice and range under the permutations of the search
(`workbench.analysis.slices.ranges`); where none were made it is Bonferroni's over every slice counted times every range tried.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from workbench.analysis.slices.cube import SliceCube
from workbench.analysis.slices.infer import Adjustment, compare, share_reaching
from workbench.analysis.slices.permutation import is_refinable
from workbench.analysis.slices.ranges import MOST_BOUNDS, Context, RangeFamily, Tell
from workbench.analysis.slices.scores import Side, side, unit
from workbench.analysis.slices.windows import Rows
from workbench.predicate import Comparison, Interval, Missing, Operand, Predicate

LEAST_GAIN: Final = 1e-9
"""A range whose score is not better by this share is the bin it came from."""


@dataclass(frozen=True)
class Refined:
    """A slice with exact ranges: what it selects and holds in the current window.

    Attributes
    ----------
    p
        Bonferroni's, over the slices counted times the ranges tried.
    z
        As the permutations have it, where there are any; else 0.
    contexts
        Where ranges were tried.
    """

    where: Predicate
    size: float
    mean: float
    p: float
    z: float
    contexts: tuple[Context, ...]


@dataclass(frozen=True)
class Question:
    """What a range is judged by: the rows, the cube's totals, the weight of the loss in the score, and whether z is wanted."""

    cube: SliceCube
    rows: Rows
    alpha: float
    family: RangeFamily
    permuted: bool

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


def refine(question: Question, index: int) -> Refined | None:
    """The slice `index` with its bins replaced by the best ranges, one column after the other; None where no bin gains."""
    cube, family = question.cube, question.family
    conditions = cube.conditions(index)
    parts = [cube.codings[member].conditions[code] for member, code in conditions]
    masks = [family.codes[member] == code for member, code in conditions]
    tried, contexts, improved = 1, [], False
    for number, (member, code) in enumerate(conditions):
        if not is_refinable(cube, member, code):
            continue
        others = np.ones(question.rows.size, bool)
        for mask in masks[:number] + masks[number + 1 :]:
            others &= mask
        context = Context(others, member, code)
        contexts.append(context)
        found = _best_range(question, context)
        if found is not None:
            parts[number], masks[number], ranges = found
            tried, improved = tried * ranges, True
    if not improved:
        return None
    inside = np.logical_and.reduce(masks)
    windows = question.measure(inside)
    p, _, _ = compare(windows, cube.effective, share=cube.share)
    return Refined(
        where=Predicate(tuple(condition for part in parts for condition in part.conditions)),
        size=float(windows[-1].rows[0]),
        mean=float(windows[-1].mean[0]),
        p=min(1.0, float(p[0]) * cube.examined * tried),
        z=family.z(inside) if question.permuted else 0.0,
        contexts=tuple(contexts),
    )


def _best_range(question: Question, context: Context) -> tuple[Predicate, np.ndarray, int] | None:
    """The range that overlaps the bin and scores best, its rows, and how many were tried; None where the bin is the best."""
    from workbench.analysis.slices import range_kernel

    cube, rows = question.cube, question.rows
    column = question.family.column(context.member)
    fine = column.codes
    inside = context.inside & (fine > 0) & ~np.isnan(rows.loss.values)
    first, last = column.own[context.code].tolist()
    bounds = range_kernel.merge_bins(
        np.bincount(fine[inside], minlength=column.width).astype(float), first, last, MOST_BOUNDS
    )  # fmt: skip
    low, high = np.triu_indices(len(bounds), 1)
    windows = [
        _ranged(side(cube, number), _prefix_sums(fine, inside & which, rows, bounds[1:-1]), low, high)
        for number, which in enumerate(question.windows)
    ]
    meets = (bounds[low] <= last) & (bounds[high] > first)
    scores = np.where(meets & (windows[-1].rows >= cube.least), question.score(windows), -np.inf)
    best = int(np.argmax(scores))
    before = float(scores[np.flatnonzero((bounds[low] == first) & (bounds[high] == last + 1))[0]])
    if not scores[best] > before + LEAST_GAIN * abs(before):
        return None
    start, stop = int(bounds[low[best]]), int(bounds[high[best]])
    chosen = context.inside & (fine >= start) & (fine < stop)
    return _range(cube.codings[context.member].column, column.edges, start, stop), chosen, int(np.count_nonzero(meets))


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


def _range(column: str, edges: np.ndarray, start: int, stop: int) -> Predicate:
    """The fine bins from `start` to the one before `stop`."""
    low = None if start == 1 else float(edges[start - 2])
    high = None if stop == len(edges) + 2 else float(edges[stop - 2])
    if low is None:
        return Predicate((Missing(column, negated=True),) if high is None else (Comparison(Operand(column), "<", high),))
    return Predicate((Comparison(Operand(column), ">=", low) if high is None else Interval(column, low, high),))


def refined_columns(
    question: Question, chosen: list[int], adjustment: Adjustment, seed: int, tell: Tell | None = None
) -> pd.DataFrame:
    """For each of the slices `chosen`: ``refined`` (text, or missing), its ``refined_size``, ``_mean`` and adjusted ``_p``.

    Parameters
    ----------
    adjustment, seed
        Of the search: where permutations were made, p is adjusted for the ranges under the same ones.
    """
    found = [refine(question, index) for index in chosen]
    refined = [each for each in found if each is not None]
    adjusted = [each.p for each in refined]
    if refined and adjustment.largest.size:
        contexts = [context for each in refined for context in each.contexts]
        largest = question.family.maxima(adjustment, contexts, seed, tell)
        adjusted = share_reaching(largest, np.array([each.z for each in refined])).tolist()
    p = iter(adjusted)
    return pd.DataFrame({
        "refined": pd.Series([None if each is None else str(each.where) for each in found], dtype=object),
        "refined_size": [None if each is None else each.size for each in found],
        "refined_mean": [None if each is None else each.mean for each in found],
        "refined_p": [None if each is None else next(p) for each in found],
    })  # fmt: skip
