"""The loops of a cross-filter, compiled by numba, without the interpreter's lock.

A row's *class* is 0 or 1 (its loss) or 2 (it has none); without a loss every row is of class 0. Rows are counted at
``4 * code + class``. What a row fails is a set of bits, one per chart whose brush leaves it out.
"""

from __future__ import annotations

import numpy as np
from numba import njit

BLOCK = 4096


@njit(nogil=True, cache=True)
def count_rows(  # noqa: PLR0917  numba takes no keywords
    start: int,
    stop: int,
    codes: np.ndarray,
    charts: np.ndarray,
    classes: np.ndarray,
    amounts: np.ndarray,
    counts: np.ndarray,
    sums: np.ndarray,
) -> None:
    """Add the rows from `start` to `stop` to the histograms of all charts.

    Parameters
    ----------
    codes
        uint8, shape (columns, rows).
    charts
        The column each chart shows.
    classes, amounts
        Per row; of length 0 where there is no loss, or where the class says it all.
    counts
        int64, shape (charts, 1024), at ``4 * code + class``.
    sums
        int64, shape (charts, 256).
    """
    for block in range(start, stop, BLOCK):
        end = min(block + BLOCK, stop)
        for chart in range(charts.size):
            column, table = codes[charts[chart]], counts[chart]
            if classes.size:
                for row in range(block, end):
                    table[4 * np.intp(column[row]) + classes[row]] += 1
            else:
                for row in range(block, end):
                    table[4 * np.intp(column[row])] += 1
            if amounts.size:
                for row in range(block, end):
                    sums[chart, column[row]] += amounts[row]


@njit(nogil=True, cache=True)
def move_brush(  # noqa: PLR0917
    start: int,
    stop: int,
    codes: np.ndarray,
    charts: np.ndarray,
    brushed: int,
    change: np.ndarray,
    failed: np.ndarray,
    classes: np.ndarray,
    amounts: np.ndarray,
    counts: np.ndarray,
    sums: np.ndarray,
) -> None:
    """Let the rows whose code enters or leaves the brush of chart `brushed` enter or leave the histograms of the other charts.

    A row that fails no other brush counts in all of them; one that fails a single other brush, in that chart only.

    Parameters
    ----------
    change
        int8, shape (256,): 1 for a code that enters, -1 for one that leaves.
    failed
        Unsigned, shape (rows,), bit c: chart c's brush leaves the row out. Kept up to date.
    counts, sums
        As in `count_rows`.
    """
    touched, signs = np.empty(BLOCK, np.int64), np.empty(BLOCK, np.int64)
    for block in range(start, stop, BLOCK):
        size = _list_touched(block, min(block + BLOCK, stop), codes[charts[brushed]], change, touched)
        size = _update_failed(size, touched, signs, codes, charts, brushed, change, failed, classes, amounts, counts, sums)
        for chart in range(charts.size):
            if chart != brushed:
                _add_rows(size, touched, signs, codes[charts[chart]], classes, amounts, counts[chart], sums[chart])


@njit(nogil=True, cache=True)
def _list_touched(start: int, stop: int, column: np.ndarray, change: np.ndarray, touched: np.ndarray) -> int:
    size = 0
    for row in range(start, stop):
        touched[size] = row
        size += change[column[row]] != 0
    return size


@njit(nogil=True, cache=True)
def _update_failed(  # noqa: PLR0917
    size: int,
    touched: np.ndarray,
    signs: np.ndarray,
    codes: np.ndarray,
    charts: np.ndarray,
    brushed: int,
    change: np.ndarray,
    failed: np.ndarray,
    classes: np.ndarray,
    amounts: np.ndarray,
    counts: np.ndarray,
    sums: np.ndarray,
) -> int:
    """Note what the `touched` rows fail now, count those that fail one other brush, and keep those that fail none."""
    one, none = failed.dtype.type(1), failed.dtype.type(0)
    own, column, free = one << failed.dtype.type(brushed), codes[charts[brushed]], 0
    for at in range(size):
        row = touched[at]
        sign = np.int64(change[column[row]])
        others = failed[row] & ~own
        failed[row] = others if sign > 0 else others | own
        if others == none:
            touched[free], signs[free] = row, sign
            free += 1
        elif others & (others - one) == none:
            chart = _position(others)
            code = np.intp(codes[charts[chart], row])
            counts[chart, 4 * code + (classes[row] if classes.size else 0)] += sign
            if amounts.size:
                sums[chart, code] += sign * amounts[row]
    return free


@njit(nogil=True, cache=True)
def _position(bit: int) -> int:
    position = 0
    while bit > 1:
        bit >>= 1
        position += 1
    return position


@njit(nogil=True, cache=True)
def _add_rows(  # noqa: PLR0917
    size: int,
    rows: np.ndarray,
    signs: np.ndarray,
    column: np.ndarray,
    classes: np.ndarray,
    amounts: np.ndarray,
    counts: np.ndarray,
    sums: np.ndarray,
) -> None:
    """Add the first `size` of `rows`, or take them away, by their sign."""
    if classes.size:
        for at in range(size):
            counts[4 * np.intp(column[rows[at]]) + classes[rows[at]]] += signs[at]
    else:
        for at in range(size):
            counts[4 * np.intp(column[rows[at]])] += signs[at]
    if amounts.size:
        for at in range(size):
            sums[column[rows[at]]] += signs[at] * amounts[rows[at]]
