"""The loops that the search for slices spends its time in, compiled by numba, without the interpreter's lock.

A *prefix* is a set of slices on the same columns, ranked from 0; each of its rows carries the number ``rank * groups + group``,
where the group is the class of the row's outcome and window. To extend a prefix by a column is one joint histogram of that number
and the column's codes. Two columns are counted in one pass: their tables are independent, so that an increment need not wait for
the one before it to reach the cache (twice as fast as one column, measured).

A table is a flat array of shape (ranks, groups, width, channels) per column, one column after the other.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import intrinsic


@njit(nogil=True, cache=True)
def keep_rows(  # noqa: PLR0917  numba takes no keywords
    rows: np.ndarray,
    places: np.ndarray,
    codes: np.ndarray,
    width: int,
    ranks: np.ndarray,
    groups: int,
    group: np.ndarray,
    kept: np.ndarray,
    placed: np.ndarray,
) -> int:
    """Write the rows whose cell has a rank, and their new places, to `kept` and `placed`; return how many.

    A cell is ``rank before * width + code``; ``ranks[cell]`` is its rank from now on, -1 where it has none.
    """
    found = 0
    for at in range(rows.size):
        row = rows[at]
        rank = ranks[(places[at] // groups) * width + codes[row]]
        kept[found] = row
        placed[found] = rank * groups + group[row]
        found += rank >= 0
    return found


@njit(nogil=True, cache=True)
def keep_pair_rows(  # noqa: PLR0917
    first: np.ndarray,
    second: np.ndarray,
    width: int,
    ranks: np.ndarray,
    groups: int,
    group: np.ndarray,
    kept: np.ndarray,
    placed: np.ndarray,
) -> int:
    """As `keep_rows` over all rows, for cells of two columns: ``first code * width + second code``."""
    found = 0
    for row in range(first.size):
        rank = ranks[first[row] * width + second[row]]
        kept[found] = row
        placed[found] = rank * groups + group[row]
        found += rank >= 0
    return found


@njit(nogil=True, cache=True)
def count(  # noqa: PLR0917
    rows: np.ndarray, places: np.ndarray, codes: np.ndarray, columns: np.ndarray, widths: np.ndarray, starts: np.ndarray,
    table: np.ndarray,
) -> None:  # fmt: skip
    """Count the rows of every cell of the prefix with each of `columns`; one channel."""
    done = 0
    while done + 1 < columns.size:
        left, right = codes[columns[done]], codes[columns[done + 1]]
        wide, wider = np.uint32(widths[done]), np.uint32(widths[done + 1])
        one, other = table[starts[done] : starts[done + 1]], table[starts[done + 1] : starts[done + 2]]
        for at in range(rows.size):
            row, place = rows[at], places[at]
            one[place * wide + left[row]] += 1
            other[place * wider + right[row]] += 1
        done += 2
    if done < columns.size:
        left, wide, one = codes[columns[done]], np.uint32(widths[done]), table[starts[done] : starts[done + 1]]
        for at in range(rows.size):
            one[places[at] * wide + left[rows[at]]] += 1


@njit(nogil=True, cache=True)
def add_up(  # noqa: PLR0917
    rows: np.ndarray, places: np.ndarray, codes: np.ndarray, columns: np.ndarray, widths: np.ndarray, starts: np.ndarray,
    table: np.ndarray, values: np.ndarray, weights: np.ndarray,
) -> None:  # fmt: skip
    """Add weight, sum, sum of squares, largest value and rows of each measure to every cell: five channels per measure.

    `values` has shape (rows, measures), NaN where a measure is not defined; `weights` is empty where all rows count alike.
    """
    measures, weighted = values.shape[1], weights.size > 0
    for number in range(columns.size):
        code, width, start = codes[columns[number]], widths[number], starts[number]
        for at in range(rows.size):
            row = rows[at]
            weight = weights[row] if weighted else 1.0
            base = start + (np.int64(places[at]) * width + code[row]) * 5 * measures
            for measure in range(measures):
                value = values[row, measure]
                if value == value:  # noqa: PLR0124  not NaN
                    to = base + 5 * measure
                    table[to] += weight
                    table[to + 1] += weight * value
                    table[to + 2] += weight * value * value
                    table[to + 3] = max(table[to + 3], value)
                    table[to + 4] += 1.0


@njit(nogil=True, cache=True)
def add_up_alike(  # noqa: PLR0917
    rows: np.ndarray, places: np.ndarray, codes: np.ndarray, columns: np.ndarray, widths: np.ndarray, starts: np.ndarray,
    table: np.ndarray, values: np.ndarray,
) -> None:  # fmt: skip
    """As `add_up` where all rows count alike and there is one measure, defined in every row; the channel of rows stays 0."""
    for number in range(columns.size):
        code, width, held = codes[columns[number]], np.uint32(widths[number]), table[starts[number] : starts[number + 1]]
        for at in range(rows.size):
            row = rows[at]
            value = values[row, 0]
            to = (places[at] * width + code[row]) * np.uint32(5)
            held[to] += 1.0
            held[to + 1] += value
            held[to + 2] += value * value
            held[to + 3] = max(held[to + 3], value)


@njit(nogil=True, cache=True)
def collect(  # noqa: C901, PLR0917  one pass to count, one to fill
    table: np.ndarray, columns: np.ndarray, widths: np.ndarray, starts: np.ndarray, ranks: int, groups: int, channels: int,
    counts: np.ndarray, least: float, usable: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """The cells that hold at least `least`: number of the column, rank, code, and all their channels.

    Parameters
    ----------
    counts
        What the first channel of each group adds to the support, shape (groups,).
    usable
        Which codes are conditions, shape (all columns, 256).

    Returns
    -------
    tuple of arrays
        Of shape (cells,), the last one (cells, groups * channels).
    """
    found = 0
    for fill in (False, True):
        size = found if fill else 0
        number_of = np.empty(size, np.int16)
        rank_of = np.empty(size, np.int32)
        code_of = np.empty(size, np.uint8)
        cells = np.empty((size, groups * channels), table.dtype)
        found = 0
        for number in range(columns.size):
            width, start = widths[number], starts[number]
            for rank in range(ranks):
                for code in range(width):
                    if not usable[columns[number], code]:
                        continue
                    held = 0.0
                    for group in range(groups):
                        held += counts[group] * table[start + ((rank * groups + group) * width + code) * channels]
                    if held >= least:
                        if fill:
                            number_of[found], rank_of[found], code_of[found] = number, rank, code
                            for group in range(groups):
                                cell = start + ((rank * groups + group) * width + code) * channels
                                for channel in range(channels):
                                    cells[found, group * channels + channel] = table[cell + channel]
                        found += 1
    return number_of, rank_of, code_of, cells


@njit(nogil=True, cache=True)
def add_channels(  # noqa: PLR0917
    codes: np.ndarray, members: np.ndarray, strides: np.ndarray, slices: np.ndarray, channels: np.ndarray, sums: np.ndarray
) -> None:
    """Add the channels of each row to the slice it is in, of those on one set of columns.

    Parameters
    ----------
    slices
        Which slice a cell is, -1 for none; a cell is the sum of codes times `strides` over the columns `members`.
    channels, sums
        Shapes (rows, channels) and (slices, channels).
    """
    many = members.size
    for row in range(codes.shape[1]):
        cell = np.int64(0)
        for number in range(many):
            cell += codes[members[number], row] * strides[number]
        found = slices[cell]
        if found >= 0:
            for channel in range(channels.shape[1]):
                sums[found, channel] += channels[row, channel]


@intrinsic
def count_ones(_typing: Any, _word: Any) -> Any:
    """How many bits of a 64-bit word are set."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), generate


@njit(nogil=True, cache=True)
def count_in_common(conditions: np.ndarray, parts: np.ndarray, drawn: np.ndarray, common: np.ndarray) -> None:
    """How many rows each slice has in common with each set of rows drawn.

    Parameters
    ----------
    conditions, drawn
        Rows as bits, shapes (conditions, words) and (sets, words).
    parts
        Shape (slices, level): which conditions a slice is made of, -1 for none.
    common
        Shape (slices, sets).
    """
    inside = np.empty(conditions.shape[1], np.uint64)
    for number in range(parts.shape[0]):
        inside[:] = conditions[parts[number, 0]]
        for place in range(1, parts.shape[1]):
            if parts[number, place] >= 0:
                for word in range(inside.size):
                    inside[word] &= conditions[parts[number, place], word]
        for other in range(drawn.shape[0]):
            found = np.uint64(0)
            for word in range(inside.size):
                found += count_ones(inside[word] & drawn[other, word])  # type: ignore[call-arg]  # numba adds the first
            common[number, other] = found
