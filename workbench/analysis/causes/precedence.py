"""Which of several changes comes first: the clearest, a wider one of which that is only the sharpest part, or its cause."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from workbench.analysis.causes.place import inside_of, place_of
from workbench.analysis.causes.root import Dated, same_time
from workbench.analysis.causes.rows import TimedRows
from workbench.analysis.causes.signals import COLUMN, OUTCOME, SCORE
from workbench.predicate import ALL_ROWS

WIDER: Final = 1.2
"""A wider change concerns so many times the rows of the clearest."""
BEYOND: Final = 0.1
"""At most this part of the clearest one's rows lie outside a wider one's."""
AS_FAR: Final = 0.4
"""Outside the clearest one's rows the wider one moved by at least this part of what it did in all."""
CLEARLY: Final = 5.0
"""Standard errors of that."""
STILL: Final = 2.5
BY_ITSELF: Final = 3.0
"""Standard errors up to which a column did not change by itself, and from which on it did."""
WIDE: Final = ("level", "spread", "value", "missing", "residual", "leaning", "error")
"""Aspects that say of each row by itself what happened, whatever the rows around it and the other columns are."""
NOT_LENT: Final = 1.5
HALF: Final = 0.5
HELD: Final = 0.9
"""A column stands still that holds one value in so large a part of the rows."""


def altered_first(changes: Sequence[Dated], rows: TimedRows) -> list[Dated]:
    """The changes in their order, but of two columns that say where each other changed the one that changed by itself first.

    Where a number of one source is too small, rows of that source become rare among those of large numbers: there are as many of
    that source as before, and fewer large numbers.
    """
    return _behind(changes, lambda mate, change: _was_altered(mate, change, rows))


def _behind(changes: Sequence[Dated], leads: Callable[[Dated, Dated], bool]) -> list[Dated]:
    """The changes in their order, but each behind the first of the later ones that `leads` it."""
    order = list(changes)
    for change in changes:
        later = order[order.index(change) + 1 :]
        if (leader := next((other for other in later if leads(other, change)), None)) is not None:
            order.remove(leader)
            order.insert(order.index(change), leader)
    return order


def _was_altered(mate: Dated, change: Dated, rows: TimedRows) -> bool:
    """Whether of two columns that say where each other changed, that of `mate` changed by itself and that of `change` did not."""
    crossed = change.signal.column in mate.hit.used and mate.signal.column in change.hit.used
    by_others = change.signal.column not in change.hit.used and change.signal.stage == mate.signal.stage == COLUMN
    if not crossed or not by_others or not same_time(change, mate, rows):
        return False
    return _by_itself(change, mate, rows) < STILL and _by_itself(mate, change, rows) > BY_ITSELF


def _by_itself(change: Dated, mate: Dated, rows: TimedRows) -> float:
    """How many standard errors the change is where its place is told without the other's column."""
    place = place_of(change, rows)
    part = inside_of({n: codes for n, codes in place.items() if rows.conditions[n].coding.column != mate.signal.column}, rows)
    step, error = _step(change, part, rows)
    return abs(step) / error


def widest_first(changes: Sequence[Dated], rows: TimedRows) -> list[Dated]:
    """The changes in their order, but before the first of each column a wider one that is at work outside its rows too.

    A number that is off by a little everywhere is off by most where another column fixes it, and labels turned everywhere raise
    the rate where it was low and lower it where it was high: the sharpest part of a change is not the place where it happened.
    """
    order = list(changes)
    for stage, column in dict.fromkeys((change.signal.stage, change.signal.column) for change in changes):
        if stage not in (COLUMN, SCORE, OUTCOME):
            continue
        own = [change for change in order if (change.signal.stage, change.signal.column) == (stage, column)]
        tests = (_is_wider, _is_not_lent, _fills_room)
        wider = next((change for change in own[1:] if any(test(change, own[0], rows) for test in tests)), None)
        if wider is not None:
            order.remove(wider)
            order.insert(next(at for at, change in enumerate(order) if change is own[0]), wider)
    return order


def _is_wider(change: Dated, clearest: Dated, rows: TimedRows) -> bool:
    if change.signal.aspect not in WIDE:
        return False
    inside, core = change.hit.inside, clearest.hit.inside
    if inside.sum() < WIDER * core.sum() or (core & ~inside).sum() > BEYOND * core.sum() or not same_time(change, clearest, rows):
        return False
    whole, outside = (_step(change, part, rows) for part in (inside, inside & ~core))
    return outside[0] * whole[0] > 0 and abs(outside[0]) >= AS_FAR * abs(whole[0]) and abs(outside[0]) > CLEARLY * outside[1]


def _is_not_lent(change: Dated, clearest: Dated, rows: TimedRows) -> bool:
    """Whether a change of scores or outcomes of all rows has more evidence than the clearest one's rows could lend it.

    What happens in a part of the rows shows in all of them with that part of its evidence.
    """
    if change.signal.stage == COLUMN or change.hit.where != ALL_ROWS or change.signal.aspect not in (*WIDE, "label"):
        return False
    lent = float(clearest.hit.inside.mean()) * clearest.hit.ratio
    clear = change.hit.ratio >= max(NOT_LENT * lent, HALF * clearest.hit.ratio)
    return clear and clearest.hit.where != ALL_ROWS and same_time(change, clearest, rows)


def _fills_room(change: Dated, clearest: Dated, rows: TimedRows) -> bool:
    """Whether a change of a place of fewer conditions is, beyond the clearest one's rows, as large as it had room to be there.

    Turned labels hardly move the rate of cases that turn out either way, nor does another scale move scores near its ends: the
    rows where a change shows are not the place of it.
    """
    inside, core, room = change.hit.inside, clearest.hit.inside, change.signal.room
    fewer = set(change.hit.used) < set(clearest.hit.used) and (core & ~inside).sum() <= BEYOND * core.sum()
    if room is None or not fewer or not same_time(change, clearest, rows):
        return False
    parts = (core & inside, inside & ~core)
    (step, error), (beyond, error_beyond) = (_step(change, part, rows) for part in parts)
    own, other = (float(room[step > 0][part].mean()) for part in parts)
    apart = abs(beyond - step * other / own)
    return change.hit.ratio >= HALF * clearest.hit.ratio and apart <= STILL * float(np.hypot(error_beyond, error * other / own))


def frozen_first(changes: Sequence[Dated], rows: TimedRows) -> list[Dated]:
    """The changes in their order, but before rows that equal earlier ones the column that stands still in them."""
    return _behind(changes, lambda column, repeats: stands_still(column, repeats, rows))


def stands_still(column: Dated, repeats: Dated, rows: TimedRows) -> bool:
    """Whether rows came to equal earlier ones because a column holds one value in them."""
    if column.signal.stage != COLUMN or repeats.signal.aspect not in ("repeat recent", "repeat early"):
        return False
    values = rows.frame[column.signal.column]
    held = values[repeats.reached].value_counts(normalize=True)
    if not len(held) or (repeats.reached & column.affected).sum() < HELD * repeats.reached.sum():
        return False
    earlier = column.hit.inside & (rows.times < column.onset)
    return bool(held.iloc[0] >= HELD and (values[earlier] == held.index[0]).mean() < HALF)


def _step(change: Dated, part: np.ndarray, rows: TimedRows) -> tuple[float, float]:
    """How far the signal moved in these rows while the change lasted, and the standard error of that."""
    values = change.signal.values
    known = part & ~np.isnan(values)
    late = (rows.times >= change.onset) & (True if change.end is None else rows.times < change.end)
    a, b = values[known & (rows.times < change.onset)], values[known & late]
    if min(len(a), len(b)) < 2:
        return 0.0, np.inf
    return float(b.mean() - a.mean()), float(np.sqrt(a.var() / len(a) + b.var() / len(b))) + 1e-12
