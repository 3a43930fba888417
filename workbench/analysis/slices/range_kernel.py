"""The loops over fine bins that `workbench.analysis.slices.ranges` spends its time in, compiled by numba."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(nogil=True, cache=True)
def sum_bins(  # noqa: PLR0917  compiled code has no keywords
    rows: np.ndarray, fine: np.ndarray, width: int, support: np.ndarray, own: np.ndarray, moved: np.ndarray
) -> np.ndarray:  # fmt: skip
    """What each fine bin holds of `rows`, shape (width, 6).

    Support, rows, sum and sum of squares of the losses `own`, and where windows are permuted (`moved`, else empty) the rows that
    went to the current one and the sum of their losses.
    """
    held = np.zeros((width, 6))
    two = len(moved) > 0
    for row in rows:
        cell, loss = held[fine[row]], own[row]
        cell[0] += support[row]
        cell[1] += 1.0
        cell[2] += loss
        cell[3] += loss * loss
        if two and moved[row]:
            cell[4] += 1.0
            cell[5] += loss
    return held


@njit(nogil=True, cache=True)
def merge_bins(counts: np.ndarray, first: int, last: int, most: int) -> np.ndarray:
    """At which fine bins ranges begin and end, ascending; the last entry is one beyond the last bin.

    Bins are put together to about `most` of equal rows; one that many rows are in stays alone. The slice's own bin, the fine bins
    `first` to `last`, can be said.

    Parameters
    ----------
    counts
        Rows in each; bin 0, missing, is in no range.
    """
    width = len(counts)
    starts = np.zeros(width + 1, np.bool_)
    starts[1] = starts[width] = starts[first] = starts[last + 1] = True
    total, below, rank = counts[1:].sum(), 0.0, 1
    for code in range(1, width):
        hits = 0
        while rank < most and np.floor(rank * total / most) < below + counts[code]:
            rank += 1
            hits += 1
        if hits > 0:
            starts[code] = True
        if hits > 1:
            starts[code + 1] = True
        below += counts[code]
    return np.flatnonzero(starts)


@njit(nogil=True, cache=True)
def worst_range(  # noqa: PLR0917
    held: np.ndarray,
    bounds: np.ndarray,
    least: float,
    size: int,
    variance: float,
    negligible: float,
    two: bool,  # noqa: FBT001
) -> tuple[float, int, int]:
    """The largest z of any run of bins between two of `bounds` with the support, its first bin and the one after its last.

    Parameters
    ----------
    held
        As `sum_bins` gives it.
    size, variance
        Rows in all, and the variance of their losses.
    two
        Whether windows were permuted.
    """
    many = len(bounds)
    below = np.zeros((many, 6))
    for number in range(1, many):
        below[number] = below[number - 1]
        for code in range(bounds[number - 1], bounds[number]):
            below[number] += held[code]
    best, low, high = -np.inf, bounds[0], bounds[many - 1]
    for start in range(many - 1):
        for stop in range(start + 1, many):
            rows = below[stop, 1] - below[start, 1]
            if rows <= 0.0 or below[stop, 0] - below[start, 0] < least:
                continue
            total = below[stop, 2] - below[start, 2]
            if two:
                now = below[stop, 4] - below[start, 4]
                excess = below[stop, 5] - below[start, 5] - total / rows * now
                scatter = below[stop, 3] - below[start, 3] - total * total / rows
                spread = scatter * now * (rows - now) / (rows * rows)
            else:
                excess, spread = total, variance * rows * (1.0 - rows / size)
            z = excess / np.sqrt(spread) if spread > negligible else 0.0
            if z > best:
                best, low, high = z, bounds[start], bounds[stop]
    return best, low, high
