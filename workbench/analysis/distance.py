"""How far apart two distributions are, and how sure that is; and how alike two sets of rows."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from workbench.analysis import stats


class Apart(NamedTuple):
    """The interval of a total variation distance, and the distance that chance alone puts between two equal distributions."""

    low: float
    high: float
    by_chance: float


def distance_interval(before: np.ndarray, after: np.ndarray, level: float = 0.95) -> Apart:
    """The interval of the total variation distance between what two histograms were drawn from.

    The distance is the difference of two shares: of the cells that grew, now and before. Its interval is that difference's
    (Newcombe 1998), lowered at its lower end by the distance that chance alone would show (the expected absolute differences,
    by the normal approximation), since the cells that grew were chosen after looking. It errs on the wide side.

    Parameters
    ----------
    before, after
        Rows per cell, shape (cells,).
    level
        Confidence level.

    Returns
    -------
    Apart
        All in [0, 1]: 0 = same, 1 = nothing in common; NaN where a histogram is empty.
    """
    m, n = float(before.sum()), float(after.sum())
    if not m or not n:
        return Apart(math.nan, math.nan, math.nan)
    pooled = (before + after) / (m + n)
    by_chance = float(0.5 * np.sqrt(2 / np.pi * pooled * (1 - pooled) * (1 / m + 1 / n)).sum())
    grew = after / n > before / m
    low, high = stats.newcombe(after[grew].sum(), n, before[grew].sum(), m, level)
    return Apart(max(0.0, float(low) - by_chance), float(high), min(1.0, by_chance))


def jaccard(left: np.ndarray, right: np.ndarray) -> float:
    """The rows in both of two sets, as a share of those in either: 1 = the same rows, 0 = none in common, or none at all.

    Parameters
    ----------
    left, right
        Boolean, one per row.
    """
    either = int(np.count_nonzero(left | right))
    return int(np.count_nonzero(left & right)) / either if either else 0.0
