"""The loops over the rows of a column that `workbench.data.codes` makes, compiled; numba is loaded with this module.

A number is placed by its *key*: the bits of the float64 as an unsigned integer that orders as the numbers do. NaN is missing.
"""

from __future__ import annotations

import numpy as np
from numba import njit

SIGN = np.uint64(1 << 63)
GOLDEN = np.uint64(0x9E3779B97F4A7C15)


@njit(nogil=True, cache=True)
def code_distinct(values: np.ndarray, bits: np.ndarray, known: np.ndarray, slots: np.ndarray, size: int, out: np.ndarray) -> int:  # noqa: PLR0917  compiled code has no keywords
    """Code `values` by their order of appearance, from 1, as long as they fit `known`.

    Parameters
    ----------
    values, bits
        float64, and the same memory as uint64.
    known
        float64, room for the most distinct values wanted; `size` of them are taken.
    slots
        int16, shape (1024,): hash table of positions in `known`, from 1.
    out
        uint8, the codes.

    Returns
    -------
    int
        The new `size`, or -1 where one value more came than fit.
    """
    for row in range(len(values)):
        value = values[row]
        if value != value:  # noqa: PLR0124  NaN
            out[row] = 0
            continue
        place = np.int64(((bits[row] if value != 0.0 else np.uint64(0)) * GOLDEN) >> np.uint64(54))
        while slots[place] != 0 and known[slots[place] - 1] != value:
            place = (place + 1) & 1023
        if slots[place] == 0:
            if size == len(known):
                return -1
            known[size] = value + 0.0
            size += 1
            slots[place] = size
        out[row] = slots[place]
    return size


@njit(nogil=True, cache=True)
def extend_extent(values: np.ndarray, extent: np.ndarray) -> int:
    """Widen `extent` (smallest and largest of all, then of the finite values) by `values`; returns how many are finite."""
    finite = 0
    lowest, highest, low, high = extent[0], extent[1], extent[2], extent[3]
    for value in values:
        lowest, highest = min(lowest, value), max(highest, value)
        if value - value == 0.0:
            finite += 1
            low, high = min(low, value), max(high, value)
    extent[0], extent[1], extent[2], extent[3] = lowest, highest, low, high
    return finite


@njit(nogil=True, cache=True)
def keys_of(bits: np.ndarray) -> np.ndarray:
    """The key of each float64 given as its bits."""
    keys = np.empty(len(bits), np.uint64)
    for row in range(len(bits)):
        keys[row] = ~bits[row] if bits[row] & SIGN else bits[row] | SIGN
    return keys


@njit(nogil=True, cache=True)
def count_buckets(values: np.ndarray, bits: np.ndarray, least: np.uint64, shift: np.uint64, counts: np.ndarray) -> None:
    """Count the finite `values` into buckets of keys, the bits from `shift` on of what a key is above `least`."""
    for row in range(len(values)):
        if values[row] - values[row] == 0.0:
            key = ~bits[row] if bits[row] & SIGN else bits[row] | SIGN
            counts[np.int64((key - least) >> shift)] += 1


@njit(nogil=True, cache=True)
def count_candidates(  # noqa: PLR0917
    values: np.ndarray,
    bits: np.ndarray,
    least: np.uint64,
    shift: np.uint64,
    wanted: np.ndarray,
    known: np.ndarray,
    numbers: np.ndarray,
    size: int,
) -> int:
    """Count each distinct value of the `wanted` buckets in a hash table of `known` values and their `numbers` (0 = free).

    Returns
    -------
    int
        The new `size`, or -1 where the table is more than half full.
    """
    places = np.uint64(len(known) - 1)
    for row in range(len(values)):
        if values[row] - values[row] != 0.0:
            continue
        key = ~bits[row] if bits[row] & SIGN else bits[row] | SIGN
        if not wanted[np.int64((key - least) >> shift)]:
            continue
        place = np.int64((key * GOLDEN >> np.uint64(44)) & places)
        while numbers[place] != 0 and known[place] != values[row]:
            place = np.int64((np.uint64(place) + np.uint64(1)) & places)
        if numbers[place] == 0:
            if 2 * size > len(known):
                return -1
            known[place] = values[row]
            size += 1
        numbers[place] += 1
    return size


@njit(nogil=True, cache=True)
def lower_next(values: np.ndarray, heavy: np.ndarray, found: np.ndarray) -> None:
    """Lower each of `found` to the smallest of the `values` above its value of `heavy`, ascending, and up to the next one."""
    for value in values:
        if not value > heavy[0]:
            continue
        place = len(heavy) - 1
        while value <= heavy[place]:
            place -= 1
        found[place] = min(found[place], value)


@njit(nogil=True, cache=True)
def code_bins(values: np.ndarray, edges: np.ndarray, out: np.ndarray) -> None:
    """Code `values` by the bin they fall into, from 1; ``[edge, next edge)``, the outer ones open."""
    for row in range(len(values)):
        value = values[row]
        if value != value:  # noqa: PLR0124  NaN
            out[row] = 0
            continue
        low, high = 0, len(edges)
        while low < high:
            middle = (low + high) >> 1
            if value >= edges[middle]:
                low = middle + 1
            else:
                high = middle
        out[row] = low + 1


@njit(nogil=True, cache=True)
def code_calendar(ticks: np.ndarray, per_hour: int, absent: int, out: np.ndarray) -> None:
    """Month, weekday (Monday 0) and hour, each plus 1, of times in ticks since 1970; 0 where a time is `absent`.

    The month by the algorithm of Hinnant's ``civil_from_days`` (https://howardhinnant.github.io/date_algorithms.html).

    Parameters
    ----------
    out
        uint8, shape (3, rows).
    """
    for row in range(len(ticks)):
        if ticks[row] == absent:
            out[0, row], out[1, row], out[2, row] = 0, 0, 0
            continue
        hours = ticks[row] // per_hour
        days = hours // 24
        of_era = (days + 719468) % 146097
        year = (of_era - of_era // 1460 + of_era // 36524 - of_era // 146096) // 365
        of_year = of_era - (365 * year + year // 4 - year // 100)
        march = (5 * of_year + 2) // 153
        out[0, row] = march + 4 if march < 10 else march - 8
        out[1, row] = (days + 3) % 7 + 1
        out[2, row] = hours - 24 * days + 1


@njit(nogil=True, cache=True)
def recode(codes: np.ndarray, table: np.ndarray) -> None:
    """Replace each of `codes` by what stands at it in `table`, in place."""
    for row in range(len(codes)):
        codes[row] = table[codes[row]]


@njit(nogil=True, cache=True)
def count_codes(codes: np.ndarray, counts: np.ndarray) -> None:
    """Add the rows of each code to `counts`, shape (256,); unlike ``numpy.bincount`` without a copy of eight times the size."""
    for row in range(len(codes)):
        counts[codes[row]] += 1
