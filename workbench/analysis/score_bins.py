"""Scores counted once: per group, outcome and bin, and from there how many lie at or above each edge."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from workbench.errors import ParameterError

OUTCOMES: Final = 3
"""Negative, positive, without a label: in this order everywhere here."""
LOOKED_AT: Final = 4096
"""Scores looked at first: more distinct values among these than there are bins, and bins it is."""
AT_ONCE: Final = 1 << 15
"""Rows binned at once: what is in between then stays in the processor's cache."""


@dataclass(frozen=True, eq=False)
class ScoreBins:
    """Counts of scores.

    Attributes
    ----------
    edges
        Shape (bins + 1,): lower edge of each bin, ascending, then infinity.
    above
        Shape (outcomes, groups, bins + 1): weight of the rows whose score is at least that edge.
    rows
        Shape (groups,): rows with a score, unweighted.
    kish
        Shape (groups,): (sum w) / (sum w^2), which turns weights into equally weighted rows (Kish 1965); 1 without weights.
    exact
        Whether every distinct score has a bin of its own.
    """

    edges: np.ndarray
    above: np.ndarray
    rows: np.ndarray
    kish: np.ndarray
    exact: bool

    @cached_property
    def _plain_edges(self) -> list[float]:
        """A list is searched ten times as fast as an array for one number."""
        return [float(edge) for edge in self.edges]

    def position(self, threshold: float) -> int:
        """The edge used for `threshold`: the next one up where that is exact, else the nearest; above all scores the last."""
        edges = self._plain_edges
        up = bisect_left(edges, threshold)
        if math.isnan(threshold):
            raise ParameterError("no threshold", threshold, "Give a number.")
        last = len(edges) - 1
        if self.exact or up in {0, last} or edges[up] - threshold <= threshold - edges[up - 1]:
            return up
        return up - 1

    def positions(self, thresholds: np.ndarray) -> np.ndarray:
        """`position` of each of several thresholds."""
        if np.isnan(thresholds).any():
            raise ParameterError("no threshold", float("nan"), "Give a number.")
        up, last = np.searchsorted(self.edges, thresholds), len(self.edges) - 1
        if self.exact:
            return np.asarray(up)
        below = self.edges[np.maximum(up - 1, 0)]
        return np.asarray(up - ((up > 0) & (up < last) & (self.edges[up] - thresholds > thresholds - below)))

    def coarse(self, parts: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Counts in at most so many parts, shape (groups, outcomes, parts), with the parts' first and last edge."""
        bins = len(self.edges) - 1
        cuts = np.unique(np.linspace(0, bins, min(parts, bins) + 1).round().astype(int))
        counts = -np.diff(self.above[:, :, cuts], axis=-1).transpose(1, 0, 2)
        ends = np.append(self.edges[cuts[1:-1]], self.edges[-2])
        return np.asarray(counts), self.edges[cuts[:-1]], ends


def count_scores(
    scores: ArrayLike, labels: ArrayLike | None, codes: np.ndarray, groups: int, *, weights: ArrayLike | None, bins: int
) -> ScoreBins:
    """Count the rows that have a score.

    Raises
    ------
    ParameterError
        For shapes that differ, an infinite score, a label other than 0 and 1, a weight below 0, or no score at all.
    """
    values = np.asarray(scores, dtype=float)
    outcome = np.full(values.shape, np.nan) if labels is None else np.asarray(labels)
    weight = None if weights is None else np.asarray(weights, dtype=float)
    _check(values, outcome, codes, weight, bins)
    absent = np.isnan(values)
    if absent.any():
        keep = ~absent
        values, outcome, codes = values[keep], outcome[keep], codes[keep]
        weight = None if weight is None else weight[keep]
    if not len(values):
        raise ParameterError("no score in any row", None, "Name another column as score.")
    edges, exact = _edges(values, bins)
    cells = groups * OUTCOMES * len(edges)
    keys = _keys(values, _outcomes(outcome), codes, edges, uniform=not exact)
    counts = np.bincount(keys, weights=weight, minlength=cells).reshape(groups, OUTCOMES, len(edges)).astype(float)
    rows = np.bincount(codes, minlength=groups)
    kish = np.ones(groups)
    if weight is not None:
        total, square = (np.bincount(codes, weights=part, minlength=groups) for part in (weight, weight**2))
        kish = np.divide(total, square, out=np.ones(groups), where=square > 0)
    above = np.cumsum(counts[..., ::-1], axis=-1)[..., ::-1].transpose(1, 0, 2)
    return ScoreBins(edges, np.ascontiguousarray(above), rows, kish, exact)


def _check(values: np.ndarray, outcome: np.ndarray, codes: np.ndarray, weight: np.ndarray | None, bins: int) -> None:
    shapes = [part.shape for part in (values, outcome, codes, weight) if part is not None]
    if len(set(shapes)) > 1 or values.ndim != 1:
        raise ParameterError("scores, labels, groups, weights differ in shape", shapes, "Pass one of each per row.")
    if np.isinf(values).any():
        raise ParameterError("an infinite score", float(values[np.isinf(values)][0]), "Leave such rows out, or mend them.")
    if weight is not None and not (weight >= 0).all():
        raise ParameterError("a weight below zero or missing", float(weight[~(weight >= 0)][0]), "Mend the weights.")
    if bins < 1:
        raise ParameterError("no bins", bins, "Give at least 1; 1000 tells thresholds apart by a thousandth.")


def _outcomes(labels: np.ndarray) -> np.ndarray:
    """0 negative, 1 positive, 2 without a label."""
    if labels.dtype == bool:
        return np.asarray(labels.view(np.uint8))
    positive = labels == 1
    outcome = positive.view(np.uint8)
    unknown = ~(positive | (labels == 0))
    if unknown.any():
        odd = labels[unknown].astype(float)
        if not np.isnan(odd).all():
            raise ParameterError("a label other than 0 and 1", float(odd[~np.isnan(odd)][0]), "Pass 1 for the positive label.")
        outcome[unknown] = 2
    return np.asarray(outcome)


def _edges(values: np.ndarray, bins: int) -> tuple[np.ndarray, bool]:
    """Every distinct score where there are at most `bins`; otherwise equal bins over [0, 1], or over what the scores span."""
    step = max(1, len(values) // LOOKED_AT)
    if len(np.unique(values[::step])) <= bins and len(distinct := np.unique(values)) <= bins:
        return np.append(distinct, np.inf), True
    low, high = float(values.min()), float(values.max())
    if low >= 0 and high <= 1:
        return np.append(np.arange(bins + 1) / bins, np.inf), False
    return np.append(np.unique(np.append(np.linspace(low, high, bins + 1)[:-1], high)), np.inf), False


def _keys(values: np.ndarray, outcome: np.ndarray, codes: np.ndarray, edges: np.ndarray, *, uniform: bool) -> np.ndarray:
    """One number per row that says its group, outcome and bin."""
    keys = np.empty(len(values), dtype=np.intp)
    size = len(edges)
    for start in range(0, len(values), AT_ONCE):
        part = slice(start, start + AT_ONCE)
        at = _equal_bins(values[part], edges) if uniform else np.searchsorted(edges, values[part], side="right") - 1
        keys[part] = (codes[part].astype(np.intp) * OUTCOMES + outcome[part]) * size + at
    return keys


def _equal_bins(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """The last edge that is not above each value; what rounding moved over an edge is moved back."""
    count = len(edges) - 2
    at = ((values - edges[0]) * (count / (edges[-2] - edges[0]))).astype(np.intp)
    np.clip(at, 0, count, out=at)
    at -= values < edges[at]
    at += values >= edges[at + 1]
    return np.asarray(at)
