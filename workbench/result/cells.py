"""Small cells and the arithmetic that keeps them small: which to hide beside them, and how far to round what is next to them.

A *cell* is a set of rows that something published names: a group, a code of a column, a slice, a period, the rows that lack a
value. A cell of 1 to ``SMALL_CELL - 1`` rows is *small*. Whoever tries to solve for it knows every total, every cell that is
published, and this file.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

SMALL_CELL: Final = 10
"""A cell of fewer than this many people is marked ``suppressed`` by analysis and blanked wherever others may look."""
STEPS: Final = (1, 2, 5)


def is_small(count: float | None) -> bool:
    """Whether `count` rows are too few to be spoken of; an empty cell (0) and an unknown one (None) are not."""
    return count is not None and 0 < count < SMALL_CELL


def hide(counts: Sequence[float | None], hidden: Sequence[bool] | None = None) -> list[bool]:
    """Which cells of a partition to hide, so that no small one can be solved for from the total and the cells that are shown.

    Beside the small cells, the smallest others go (all of one size together) until those hidden number `SMALL_CELL` rows or more
    and are not all of one size. The choice depends on sizes only, so that any exchange of sizes among the hidden cells would have
    hidden the same ones: each of them could be of another size. Where nothing but empty cells is left to show, that does not
    hold (ten cells of ten rows in all have one each); such a partition has to be left out whole.

    Parameters
    ----------
    counts
        Rows of each cell; None where the cell is hidden already, and then nothing more need be.
    hidden
        Cells to hide whatever their size.

    Returns
    -------
    list of bool
        Cells with no row are never hidden.
    """
    start = [count is None or bool(mark) for count, mark in zip(counts, hidden or [False] * len(counts), strict=True)]
    marks = [mark or is_small(count) for count, mark in zip(counts, start, strict=True)]
    if marks == start:
        return marks
    while True:
        inside = [count for count, mark in zip(counts, marks, strict=True) if mark and count]
        outside = [count for count, mark in zip(counts, marks, strict=True) if not mark and count]
        if not outside or (len(set(inside)) > 1 and sum(inside) >= SMALL_CELL):
            return marks
        marks = [mark or count == min(outside) for count, mark in zip(counts, marks, strict=True)]


def shows_nothing(counts: Sequence[float | None], marks: Sequence[bool]) -> bool:
    """Whether a partition has hidden cells, and none that is shown but empty ones."""
    return any(marks) and not any(count and not mark for count, mark in zip(counts, marks, strict=True))


def rounded_count(count: float | None) -> int | None:
    """`count` to the nearest ten (halves up), so that no difference of two counts is exact; None where it is small."""
    if count is None or is_small(count):
        return None
    return math.floor((count + SMALL_CELL / 2) / SMALL_CELL) * SMALL_CELL


def rounded_rate(rate: float | None, count: float | None) -> float | None:
    """`rate` with no more digits than about `count` rows can tell apart: it fits any number of rows near `count`.

    Parameters
    ----------
    rate
        A share or a difference of shares, in [-1, 1]; another number keeps three digits.
    count
        Rows behind it, from `rounded_count`.
    """
    if rate is None or count is None or math.isnan(rate):
        return None
    if abs(rate) > 1:
        return significant(rate, 3)
    return to_step(rate, _step(1 / max(count - SMALL_CELL / 2, 1)))


def rounded_share(share: float | None, rows: float | None) -> float | None:
    """`share` of `rows`, in [-1, 1], in steps of at least `SMALL_CELL` rows; None where it, or what it leaves, is a small cell.

    A share that is neither 0 nor 1 stays so.
    """
    if share is None or not rows or math.isnan(share):
        return None
    size = abs(share)
    count = round(size * rows, 6)
    if is_small(count) or is_small(rows - count):
        return None
    step = share_step(rows)
    if step >= 1:
        return None
    inside = min(max(to_step(size, step), step), round(1 - step, 12)) if 0 < count < rows else size
    return math.copysign(inside, share)


def share_step(rows: float) -> float:
    """The smallest of 0.1, 0.05, 0.02, 0.01 … that is `SMALL_CELL` of `rows` or more."""
    return _step(SMALL_CELL / rows)


def to_step(number: float, step: float) -> float:
    """`number` to the nearest multiple of `step`; what is not finite, or so large that floats have no finer step, stays."""
    steps = number / step
    return round(round(steps) * step, 12) if abs(steps) < 2**53 else number


def significant(number: float | None, digits: int) -> float | None:
    """`number` to so many significant digits."""
    return None if number is None or not math.isfinite(number) else float(f"{number:.{digits - 1}e}")


def _step(least: float) -> float:
    """The smallest 1, 2 or 5 times a power of ten that is at least `least`."""
    power = math.floor(math.log10(least))
    return next(float(f"{lead}e{power + more}") for more in (0, 1) for lead in STEPS if float(f"{lead}e{power + more}") >= least)
