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

from workbench.analysis.causes.levels import Signal
from workbench.analysis.causes.parts import Catalogue
from workbench.analysis.causes.root import Dated, Diagnosis
from workbench.analysis.causes.rows import TimedRows
from workbench.analysis.causes.scan import Hit, find_banded
from workbench.analysis.onset import Change, Model, locate_changes

LEVEL: Final = 0.01
"""Largest p, over all signals of all stages, of a change that is followed up."""
STAGES: Final = 5
GONE: Final = 0.35
"""A change that keeps less than this part of its evidence without the rows of an earlier one was that one's doing."""
NEAR: Final = 0.03
"""Onsets that differ by less than this part of the log may be one."""
RETURNED: Final = 0.3
"""A level that ends this near to where it began, in parts of the step between, was a passing one."""
LAST: Final = 0.05
"""A level that went back only in this last part of the log has not ended yet."""
FLASH: Final = 0.05
"""A level of less than a day is none, where a day is less than this part of the log."""
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
    for change in sorted(found, key=_upstream_first):
        left = _place(change, roots, rows, catalogue, weights[change.signal.stage])
        if left is not None and len(roots) < MOST_ROOTS:
            roots.append((left, diagnose(left)))
    return roots


def _lasting_change(signal: Signal, rows: TimedRows, catalogue: Catalogue, weight: int) -> Dated | None:
    """The best change of a signal that is no flash: after one, the rest of the time is looked at."""
    among = None
    for _ in range(2):
        hit = find_banded(signal, rows, catalogue, among)
        if hit is None or hit.p * weight > LEVEL:
            return None
        change = date_change(replace(hit, p=min(1.0, hit.p * weight)), rows, among)
        if not _is_flash(change, rows):
            return change
        among = (rows.times < change.onset) if change.end is None else (rows.times < change.onset) | (rows.times >= change.end)
    return None


def _is_flash(change: Dated, rows: TimedRows) -> bool:
    """Whether a level held for less than a day of a longer log: at night other rows come than by day."""
    if change.signal.aspect.startswith(("repeat ", "missing", "label missing")):
        return False
    held = (rows.times[-1] if change.end is None else change.end) - change.onset
    return bool(held < min(np.timedelta64(1, "D"), FLASH * (rows.times[-1] - rows.times[0])))


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
        if not _can_explain(root, diagnosis, change):
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
    if root.signal.stage == 1 and root.signal.column in change.hit.used:
        return True
    same_stage = root.signal.stage == change.signal.stage == 1
    if same_stage and root.signal.column != change.signal.column:
        return not diagnosis.local or change.signal.aspect == "relation"
    return diagnosis.harmful or same_stage or change.signal.stage <= 1


def _left_without(change: Dated, root: Dated, rows: TimedRows, catalogue: Catalogue, weight: int) -> Dated | None:
    """What is left of `change` without the rows of `root`; None where that explains it."""
    if root.signal.column in change.hit.used:  # rows chosen by a column that is broken are other rows than before
        hit = find_banded(replace(change.signal, apart=change.signal.apart | {str(root.signal.column)}), rows, catalogue)
        if hit is None or hit.p * weight > LEVEL:
            return None
        change = date_change(replace(hit, p=min(1.0, hit.p * weight)), rows)
    if not (change.affected & root.reached).any():
        return change
    if root.signal.aspect.startswith("repeat ") and change.signal.aspect.startswith("clock"):
        return None  # rows that come again come at another hour
    rest = ~root.reached
    late = change.affected & rest
    if np.count_nonzero(late) < 0.1 * np.count_nonzero(change.affected):
        return None if _same_time(change, root, rows) else change
    hit = find_banded(change.signal, rows, catalogue, rest)
    if hit is None or hit.p * weight > LEVEL or hit.ratio < GONE * change.hit.ratio:
        return None
    return date_change(replace(hit, p=min(1.0, hit.p * weight)), rows, rest)


def _same_time(change: Dated, root: Dated, rows: TimedRows) -> bool:
    if change.earliest <= root.latest and root.earliest <= change.latest:
        return True
    return bool(abs(change.onset - root.onset) <= NEAR * (rows.times[-1] - rows.times[0]))


def date_change(hit: Hit, rows: TimedRows, among: np.ndarray | None = None) -> Dated:
    """When `hit` began, and whether it ended."""
    values = hit.signal.values
    inside = hit.inside & ~np.isnan(values) if among is None else hit.inside & ~np.isnan(values) & among
    model: Model = "bernoulli" if hit.signal.model == "share" else "normal"
    changes = locate_changes(rows.times[inside], values[inside], model=model, level=0.05, most=3)
    first = int(np.flatnonzero(rows.block == hit.split)[0])
    rough = rows.times[first]
    if not changes:
        changes = _spell(hit, rows, inside, model)
    up = hit.after > hit.before
    alike = [change for change in changes if (change.after > change.before) is up and _is_near(change, hit, rows)]
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
    return Dated(hit, best.onset, *best.interval, end, best.identifiable, affected, hit.p, _reached(hit, affected))


def _reached(hit: Hit, affected: np.ndarray) -> np.ndarray:
    return affected & (hit.signal.values == 1) if hit.signal.aspect.startswith("repeat ") else affected


def _spell(hit: Hit, rows: TimedRows, inside: np.ndarray, model: Model) -> list[Change]:
    """Both ends of a level that came and went, which no single split shows: those of the best run of blocks."""
    values = hit.signal.values
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
