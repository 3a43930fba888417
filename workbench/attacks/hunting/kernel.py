"""The loops of the near-duplicate scan, compiled; numba is loaded with this module.

Rows are float32 vectors in units in which "near" is 1: two entries differ by at most 1, or they are far. Two rows are *near*
where no more than one of their entries is far, and they are not the same.
"""

from __future__ import annotations

import numpy as np
from numba import njit

FAR, NEAR, SAME = 0, 1, 2


@njit(nogil=True, cache=True)
def compare(one: np.ndarray, other: np.ndarray) -> int:
    """`FAR`, `NEAR` or `SAME`."""
    far, same = 0, True
    for column in range(len(one)):
        gap = abs(one[column] - other[column])
        if gap > 0.0:
            same = False
        if gap > 1.0:
            far += 1
            if far > 1:
                return FAR
    return SAME if same else NEAR


@njit(nogil=True, cache=True)
def count_near(matrix: np.ndarray, groups: np.ndarray, places: np.ndarray, reach: int, same_too: bool) -> np.ndarray:  # noqa: FBT001  compiled code has no keywords
    """How many rows at most `reach` places before or after each row are near it.

    Parameters
    ----------
    matrix
        float32, shape (rows, columns).
    groups
        int64, shape (rows,): only rows of one group, which stand together, are compared.
    places
        int64, shape (rows,), ascending: where each row stands; rows may have been left out.
    same_too
        Count rows that are the same as well, as a search among some of the columns has to.
    """
    rows = len(matrix)
    counts = np.zeros(rows, np.int32)
    for row in range(rows):
        for later in range(row + 1, rows):
            if groups[later] != groups[row] or places[later] - places[row] > reach:
                break
            found = compare(matrix[row], matrix[later])
            if found == NEAR or (same_too and found == SAME):
                counts[row] += 1
                counts[later] += 1
    return counts


@njit(nogil=True, cache=True)
def count_among(matrix: np.ndarray, wanted: np.ndarray, others: np.ndarray) -> np.ndarray:
    """How many of the rows `others` are near each of the rows `wanted`, both given by their positions in `matrix`."""
    counts = np.zeros(len(wanted), np.int64)
    for number in range(len(wanted)):
        for other in others:
            if compare(matrix[wanted[number]], matrix[other]) == NEAR:
                counts[number] += 1
    return counts


@njit(nogil=True, cache=True)
def mark_near(matrix: np.ndarray, groups: np.ndarray, places: np.ndarray, wanted: np.ndarray, reach: int) -> np.ndarray:
    """Which rows are `wanted`, or near or the same as a wanted one within `reach` places."""
    rows = len(matrix)
    marks = wanted.copy()
    for row in range(rows):
        for later in range(row + 1, rows):
            if groups[later] != groups[row] or places[later] - places[row] > reach:
                break
            if (wanted[row] or wanted[later]) and compare(matrix[row], matrix[later]) != FAR:
                marks[row] = marks[later] = True
    return marks


@njit(nogil=True, cache=True)
def next_near(matrix: np.ndarray, groups: np.ndarray, places: np.ndarray, reach: int) -> np.ndarray:
    """The position of each row's next near row within `reach` places; -1 where there is none."""
    rows = len(matrix)
    following = np.full(rows, -1, np.int64)
    for row in range(rows):
        for later in range(row + 1, rows):
            if groups[later] != groups[row] or places[later] - places[row] > reach:
                break
            if compare(matrix[row], matrix[later]) == NEAR:
                following[row] = later
                break
    return following
