"""The roots: the changes of a log that no earlier change explains, dated, with what they explain in turn.

Signals are taken stage by stage. A change of a later stage that is gone, or as good as gone, without the rows of an earlier one
was its doing; one that is still there is a cause of its own. Where the earlier one concerns every row from some day on, nothing
is left to compare, and the time decides.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from scipy import special

from workbench.analysis.causes.expected import given_columns
from workbench.analysis.causes.levels import Signal
from workbench.analysis.causes.parts import Catalogue
from workbench.analysis.causes.place import place_together
from workbench.analysis.causes.precedence import altered_first, frozen_first, stands_still, widest_first
from workbench.analysis.causes.root import Dated, Diagnosis, same_time
from workbench.analysis.causes.rows import TimedRows
from workbench.analysis.causes.scan import Hit, find_banded
from workbench.analysis.causes.signals import COLUMN, SCORE
from workbench.analysis.onset import Change, Model, locate_changes
from workbench.predicate import ALL_ROWS

LEVEL: Final = 0.01
"""Largest p, over all signals of all stages, of a change that is followed up."""
STAGES: Final = 5
GONE: Final = 0.35
"""A change that keeps less than this part of its evidence without the rows of an earlier one was that one's doing."""
RETURNED: Final = 0.3
"""A level that ends this near to where it began, in parts of the step between, was a passing one."""
LAST: Final = 0.05
"""A level that went back only in this last part of the log has not ended yet."""
FLASH: Final = 0.05
"""A level of less than a day is none, where a day is less than this part of the log."""
AS_LARGE: Final = 0.7
"""Among fewer rows a change is still there that is so large, in parts of what it was, and so many standard errors."""
CLEARLY: Final = 3.5
LEAST_LEFT: Final = 30
SLIGHT: Final = 0.1
"""Other cases whose arrival has less than this part of a change's evidence do not account for it; nor is the date of a change to
be trusted beside that of a cause of which it has less than this part of the evidence."""
LEANING: Final = "label against what the other columns lead to expect"
OWN_DOING: Final = ("rule", "label missing")
"""Aspects that no column and no score moves: decisions against the score, and labels that do not come."""
RHYTHM: Final = 1e-6
"""Largest p at which the hour of the day is taken to move a signal."""
LEAST_OF_HOUR: Final = 10
MOST_ROOTS: Final = 8


def find_roots(
    signals: Sequence[Signal], rows: TimedRows, catalogue: Catalogue, diagnose: Callable[[Dated], Diagnosis]
) -> list[tuple[Dated, Diagnosis]]:
    """The changes that no earlier one explains, the earliest stage first, each with those it explains and its diagnosis."""
    weights = {stage: STAGES * max(1, sum(item.stage == stage for item in signals)) for stage in range(STAGES)}
    found: list[Dated] = []
    for signal in signals:
        change = _lasting_change(signal, rows, catalogue, weights[signal.stage])
        found += [] if change is None else [change]
    roots: list[tuple[Dated, Diagnosis]] = []
    for change in _in_order(found, rows):
        left = _place(change, roots, rows, catalogue, weights[change.signal.stage])
        if left is not None and len(roots) < MOST_ROOTS:
            diagnosis = diagnose(left)
            if diagnosis.cause == "worse on a slice":
                hit = place_together(left, found, signals, rows, catalogue)
                left = left if hit is left.hit else date_change(hit, rows)
                diagnosis = diagnose(left)
            if diagnosis.cause == "frozen column":
                left = _after_first(left, rows)
            roots.append((left, diagnosis))
    return roots


def _lasting_change(signal: Signal, rows: TimedRows, catalogue: Catalogue, weight: int) -> Dated | None:
    """The best change of a signal that is no flash: after one, the rest of the time is looked at."""
    among = None
    for _ in range(2):
        hit = _charged(find_banded(signal, rows, catalogue, among), weight)
        if hit is None:
            return None
        change = date_change(hit, rows, among)
        if not _is_flash(change, rows):
            return change
        among = (rows.times < change.onset) if change.end is None else (rows.times < change.onset) | (rows.times >= change.end)
    return None


def _charged(hit: Hit | None, weight: int) -> Hit | None:
    """The hit with its p over all signals, `weight` of them; None where that is too large to follow it up."""
    return None if hit is None or hit.p * weight > LEVEL else replace(hit, p=min(1.0, hit.p * weight))


def _is_flash(change: Dated, rows: TimedRows) -> bool:
    """Whether a level held for less than a day of a longer log: at night other rows come than by day."""
    if change.signal.aspect.startswith(("repeat ", "missing", "label missing")):
        return False
    held = (rows.times[-1] if change.end is None else change.end) - change.onset
    return bool(held < min(np.timedelta64(1, "D"), FLASH * (rows.times[-1] - rows.times[0])))


def _in_order(found: Sequence[Dated], rows: TimedRows) -> list[Dated]:
    """The changes, each after those that may be its cause."""
    order = sorted(found, key=_upstream_first)
    for put_first in (widest_first, altered_first, frozen_first):
        order = put_first(order, rows)
    return order


def _upstream_first(change: Dated) -> tuple[float, float]:
    """Rows and what is in them before scores, scores before decisions, decisions before outcomes; the clearest first."""
    if change.signal.aspect in ("repeat id", "repeat dated"):
        return 0.0, -change.hit.ratio
    stage = 1.5 if change.signal.aspect.startswith("clock") else max(1, change.signal.stage)
    # how far scores lie from the expected tells the rows better than which way, which differs from row to row
    stage += {"version": 0.0, "distance": 0.1, "residual": 0.2}.get(change.signal.aspect, 0.0)
    return stage, -change.hit.ratio


def _place(
    change: Dated, roots: list[tuple[Dated, Diagnosis]], rows: TimedRows, catalogue: Catalogue, weight: int
) -> Dated | None:
    """What of `change` no root explains; None where one does, which then says so."""
    for position, (root, diagnosis) in enumerate(roots):
        slight = not diagnosis.harmful and root.hit.ratio < SLIGHT * change.hit.ratio
        if slight or not _can_explain(root, diagnosis, change):
            continue
        left = _left_without(change, root, rows, catalogue, weight)
        if left is None:
            roots[position] = (replace(root, explains=(*root.explains, change)), diagnosis)
            return None
        change = left
    return change


def _can_explain(root: Dated, diagnosis: Diagnosis, change: Dated) -> bool:
    """A fault of one column moves no other column, only how the others go with it; other cases move columns, and no relation."""
    if change.signal.aspect.startswith("repeat ") and root.signal.aspect.startswith("clock"):
        return False
    if change.signal.aspect in OWN_DOING and diagnosis.local and root.signal.stage in (COLUMN, SCORE):
        return root.signal.aspect == "version"
    if root.signal.stage == 1 and root.signal.column in change.hit.used:
        return True
    same_stage = root.signal.stage == change.signal.stage == 1
    if same_stage and root.signal.column != change.signal.column:
        return not diagnosis.local or change.signal.aspect == "relation"
    return diagnosis.harmful or same_stage or change.signal.stage <= 1


def _left_without(change: Dated, root: Dated, rows: TimedRows, catalogue: Catalogue, weight: int) -> Dated | None:
    """What is left of `change` without the rows of `root`; None where that explains it."""
    apart = change.hit.ratio >= SLIGHT * root.hit.ratio and not same_time(change, root, rows)
    if stands_still(root, change, rows) or _echoes(change, root, rows):
        return None
    if apart and change.identifiable and change.latest < root.earliest and not _both_repeat(change, root):
        return change  # it was there before
    if root.signal.column in change.hit.used:  # rows chosen by a column that is broken are other rows than before
        signal = replace(change.signal, apart=change.signal.apart | {str(root.signal.column)})
        hit = _charged(find_banded(signal, rows, catalogue), weight)
        if hit is None:
            return None
        change = date_change(hit, rows)
    if not (change.affected & root.reached).any():
        return change
    if root.signal.aspect.startswith("repeat ") and change.signal.aspect.startswith("clock"):
        return None  # rows that come again come at another hour
    # rows that another condition than the fault's own picks out are left out before it as well: else those left are others
    rest = ~root.reached if root.hit.where == ALL_ROWS or root.signal.stage == 0 else ~root.hit.inside
    late = change.affected & rest
    if np.count_nonzero(late) < 0.1 * np.count_nonzero(change.affected):
        return _left_given_others(change, root, rows, catalogue, weight) if same_time(change, root, rows) else change
    hit = _charged(find_banded(change.signal, rows, catalogue, rest), weight)
    if hit is None or hit.ratio < GONE * change.hit.ratio:
        return change if apart and _as_ever(change, rest) else None
    return date_change(hit, rows, rest)


def _echoes(change: Dated, root: Dated, rows: TimedRows) -> bool:
    """Whether sound rows only repeat the row before less often since that one's value was altered."""
    fewer = change.signal.aspect == "repeat" and change.hit.after < change.hit.before
    return fewer and root.signal.stage == COLUMN and change.signal.column == root.signal.column and same_time(change, root, rows)


def _both_repeat(change: Dated, root: Dated) -> bool:
    """Whether both tell of rows that come again: rows that are alike by chance make the date of one a guess."""
    return change.signal.aspect.startswith("repeat ") and root.signal.aspect.startswith("repeat ")


def _left_given_others(change: Dated, root: Dated, rows: TimedRows, catalogue: Catalogue, weight: int) -> Dated | None:
    """What of a label that moved is left where it is expected without the column that broke at the same time, in all rows.

    A broken column spoils what is expected of the label by it, and changes neither the label nor what the others lead to expect.
    """
    if root.signal.stage != COLUMN or change.signal.aspect not in ("leaning", "error"):
        return None
    label = rows.outcomes["label"]
    expected = given_columns(rows, label, without=root.signal.column)
    if expected is None:
        return None
    leaning = (label - expected) * np.sign(expected - 0.5)
    signal = replace(change.signal, name=LEANING, values=leaning, model="mean", aspect="leaning", room=None)
    hit = _charged(find_banded(signal, rows, catalogue), weight)
    if hit is None or hit.after > hit.before:
        return None
    left = date_change(hit, rows)
    return left if same_time(left, change, rows) else None


def _as_ever(change: Dated, rest: np.ndarray) -> bool:
    """Whether the change is as large among `rest` as it was, where these are too few to find it anew."""
    values, inside = change.signal.values, change.hit.inside & ~np.isnan(change.signal.values)
    earlier, late = inside & ~change.affected, inside & change.affected
    sizes = [float(part.sum()) for part in (earlier & rest, late & rest)]
    if min(sizes) < LEAST_LEFT:
        return False
    before, after = (float(values[part & rest].mean()) for part in (earlier, late))
    step = change.hit.after - change.hit.before
    error = float(values[inside].std()) * np.sqrt(sum(1 / size for size in sizes))
    return (after - before) / step >= AS_LARGE and abs(after - before) > CLEARLY * error


def date_change(hit: Hit, rows: TimedRows, among: np.ndarray | None = None) -> Dated:
    """When `hit` began, and whether it ended."""
    values = hit.signal.values
    inside = hit.inside & ~np.isnan(values) if among is None else hit.inside & ~np.isnan(values) & among
    clock = hit.signal.aspect.startswith("clock")
    model = _model(hit.signal)
    if not clock:
        values, model = steady(values, inside, rows, model)
    # what an hour brings on a day is no change of the clock: that is dated by whole days
    times = rows.days if clock else rows.times
    changes = locate_changes(times[inside], values[inside], model=model, level=0.05, most=3)
    first = int(np.flatnonzero(rows.block == hit.split)[0])
    rough = rows.times[first]
    if not changes:
        changes = _spell(values, rows, inside, model)
    alike = _alike(changes, hit, rows)
    daily = clock or not alike
    if not alike and not clock:  # what the hours of one day hide, whole days may show
        changes = locate_changes(rows.days[inside], hit.signal.values[inside], model=_model(hit.signal), level=0.05, most=3)
        alike = _alike(changes, hit, rows)
    if not alike:
        affected = hit.inside & (rows.times >= rough)
        reached = _reached(hit, affected)
        return Dated(
            hit, rough, rows.times[0], rows.times[-1], None, identifiable=False, affected=affected, p=hit.p, reached=reached
        )
    best = _start_of(max(alike, key=lambda change: change.statistic / change.dispersion), changes)
    span = rows.times[-1] - rows.times[0]
    end = _end(best, sorted(changes, key=lambda change: change.onset), rows.times[-1] - LAST * span)
    affected = hit.inside & (rows.times >= best.onset)
    if end is not None:
        affected &= rows.times < end
    hit = replace(hit, before=best.before, after=best.after)
    earliest, latest = best.interval
    if daily:  # some time that day
        latest = latest + np.timedelta64(1, "D")
    return Dated(hit, best.onset, earliest, latest, end, best.identifiable, affected, hit.p, _reached(hit, affected))


def _after_first(change: Dated, rows: TimedRows) -> Dated:
    """The change from its second row on: the first has the value at which the others stand still, and was right."""
    second = rows.times[np.flatnonzero(change.affected)[1]]
    affected = change.affected & (rows.times >= second)
    return replace(change, onset=second, latest=max(change.latest, second), affected=affected, reached=affected)


def _reached(hit: Hit, affected: np.ndarray) -> np.ndarray:
    return affected & (hit.signal.values == 1) if hit.signal.aspect.startswith("repeat ") else affected


def _alike(changes: Sequence[Change], hit: Hit, rows: TimedRows) -> list[Change]:
    """Those of the changes that go the way of the hit, and lie where it was found."""
    up = hit.after > hit.before
    return [change for change in changes if (change.after > change.before) is up and _is_near(change, hit, rows)]


def _model(signal: Signal) -> Model:
    return "bernoulli" if signal.model == "share" else "normal"


def steady(values: np.ndarray, inside: np.ndarray, rows: TimedRows, model: Model) -> tuple[np.ndarray, Model]:
    """The values less what the hour of the day does to them, where it does anything, and the model that fits them then.

    Within the day on which something changed, other rows come at noon than at midnight as on any day.
    """
    hour = rows.hours[inside]
    n, s, q = (np.bincount(hour, weights=part, minlength=24) for part in (None, values[inside], values[inside] ** 2))
    used = n >= LEAST_OF_HOUR
    size, total = n[used].sum(), s[used].sum()
    if used.sum() < 3:
        return values, model
    between = float((s[used] ** 2 / n[used]).sum() - total**2 / size)
    left = float(q[used].sum() - (s[used] ** 2 / n[used]).sum()) / max(1.0, size - used.sum())
    if left <= 0 or special.chdtrc(used.sum() - 1, between / left) > RHYTHM:
        return values, model
    moved = np.zeros(24)
    moved[used] = s[used] / n[used] - total / size
    changed = values.copy()
    changed[inside] = values[inside] - moved[hour]
    return changed, "normal"


def _spell(values: np.ndarray, rows: TimedRows, inside: np.ndarray, model: Model) -> list[Change]:
    """Both ends of a level that came and went, which no single split shows: those of the best run of blocks."""
    n = np.bincount(rows.block[inside], minlength=rows.blocks).astype(float)
    s = np.bincount(rows.block[inside], weights=values[inside], minlength=rows.blocks)
    size, total = np.append(0, np.cumsum(n)), np.append(0, np.cumsum(s))
    first, last = np.triu_indices(rows.blocks + 1, k=1)
    held, rest = size[last] - size[first], size[-1] - (size[last] - size[first])
    usable = (held > 0) & (rest > 0)
    gap = np.where(usable, total[last] - total[first], 0) / np.maximum(held, 1)
    gap = gap - (total[-1] - (total[last] - total[first])) / np.maximum(rest, 1)
    best = int(np.argmax(np.where(usable, gap**2 * held * rest, -1)))
    middle = (first[best] + last[best]) // 2
    sides = (inside & (rows.block <= middle), inside & (rows.block > middle))
    found = [locate_changes(rows.times[side], values[side], model=model, level=0.05, most=1) for side in sides]
    return [change for part in found for change in part]


def _is_near(change: Change, hit: Hit, rows: TimedRows) -> bool:
    """Whether a change is the one that the scan found: not one of the last day alone, say."""
    at = int(np.searchsorted(rows.times, change.onset))
    return abs(int(rows.block[min(at, rows.size - 1)]) - hit.split) <= max(3, rows.blocks // 4)


def _start_of(best: Change, changes: Sequence[Change]) -> Change:
    """The change that `best` undoes, where it does no more than bring an earlier level back; else `best`."""
    step = best.after - best.before
    earlier = [change for change in changes if change.onset < best.onset and (change.after - change.before) * step < 0]
    last = max(earlier, key=lambda change: change.onset, default=None)
    return last if last is not None and abs(best.after - last.before) < RETURNED * abs(step) else best


def _end(best: Change, changes: Sequence[Change], latest: np.datetime64) -> np.datetime64 | None:
    """When, before `latest`, the level after `best` went back at least half of its way; None where it lasts."""
    step = best.after - best.before
    for change in changes:
        if best.onset < change.onset < latest and (change.after - best.before) / step < 0.5:
            return np.datetime64(change.onset)
    return None
