"""Rows of some values that no longer come while the others come as ever: told from other cases in as many rows."""

from __future__ import annotations

from typing import Final

import numpy as np

from workbench.analysis.causes.root import Dated, Diagnosis
from workbench.analysis.causes.rows import Condition, TimedRows
from workbench.errors import InputError
from workbench.predicate import Predicate

CLEARLY_FEWER: Final = 0.9
LEAST_BEFORE: Final = 10
"""Rows of a value before the change, from which on it is asked whether it comes as often."""
LOOSE: Final = 0.03
"""A volume may differ by this part whatever chance allows: holidays, campaigns."""
WEEK: Final = np.timedelta64(7, "D")
HOUR: Final = np.timedelta64(1, "h")


def thinned(change: Dated, rows: TimedRows, column: str) -> Diagnosis | None:
    """The values of `column` whose rows stay away where `change` is; None where none do, or as many other rows come instead."""
    condition = next((item for item in rows.conditions if item.coding.column == column), None)
    if condition is None or not change.identifiable:
        return None
    stop = rows.times[-1] if change.end is None else change.end
    spans = [exposure(rows, rows.times[0], change.onset), exposure(rows, change.onset, stop)]
    if min(spans) <= 0:
        return None
    earlier = change.hit.inside & (rows.times < change.onset)
    counts = [np.bincount(condition.codes[part], minlength=condition.size).astype(float) for part in (earlier, change.affected)]
    few = _rarer(counts, spans)
    used = counts[0] >= LEAST_BEFORE
    if not few.any() or not (used & ~few).any() or (condition.ordered and few.sum() > used.sum() / 2 + 1):
        return None
    kept, lost, total = ([float(count[part].sum()) for count in counts] for part in (~few, few, few | ~few))
    if not _is_steady(kept, spans) or abs(np.log(_ratio(kept, spans))) > abs(np.log(_ratio(total, spans))):
        return None
    left = _ratio(lost, spans)
    half = 1.96 * left * float(np.sqrt(1 / lost[0] + 1 / max(1.0, lost[1])))
    where = _said(condition, few, counts, spans)
    told = f"rows where {where} come {100 * left:.1f} % as often as before, and the others as ever"
    return Diagnosis(
        "dropped rows", told, left - 1, "relative change of rows per day", (left - 1 - half, left - 1 + half), 1 - left, where,
        local=False,
    )  # fmt: skip


def exposure(rows: TimedRows, start: np.datetime64, stop: np.datetime64) -> float:
    """How many rows were to be expected between two times, were they to come as they do on such hours of the week.

    In units of the log's mean hour; of a log of less than two weeks simply the hours.
    """
    first = rows.times[0].astype("datetime64[h]")
    hours = np.arange(first, rows.times[-1] + HOUR, HOUR)
    inside = np.clip((np.minimum(hours + HOUR, stop) - np.maximum(hours, start)) / HOUR, 0, 1)
    if rows.times[-1] - rows.times[0] < 2 * WEEK:
        return float(inside.sum())
    of_week = (hours - hours[0]).astype("timedelta64[h]").astype(int) % (WEEK // HOUR)
    came = np.bincount(((rows.times - first) // HOUR).astype(int), minlength=len(hours))
    usual = np.bincount(of_week, weights=came) / np.bincount(of_week)
    return float((usual[of_week] * inside).sum() / came.mean())


def _ratio(counts: list[float], spans: list[float]) -> float:
    """How many times as often rows come after as before, half a row allowed for where none does."""
    return float(max(counts[1], 0.5) / spans[1] / (max(counts[0], 0.5) / spans[0]))


def _rarer(counts: list[np.ndarray], spans: list[float]) -> np.ndarray:
    """The codes whose rows clearly come less often, shape (codes,) bool."""
    used = counts[0] >= LEAST_BEFORE
    with np.errstate(all="ignore"):
        ratio = np.where(used, counts[1] / spans[1] / (counts[0] / spans[0]), np.inf)
        error = 1 / np.sqrt(counts[0]) + 1 / np.sqrt(np.maximum(counts[1], 1))
        clear = ratio + 1.5 * error * np.maximum(ratio, 0.1) < 1
    return np.asarray(used & clear & (ratio < CLEARLY_FEWER))


def _is_steady(kept: list[float], spans: list[float]) -> bool:
    return bool(abs(_ratio(kept, spans) - 1) <= 2.5 * np.sqrt(1 / kept[0] + 1 / max(1, kept[1])) + LOOSE)


def _said(condition: Condition, few: np.ndarray, counts: list[np.ndarray], spans: list[float]) -> Predicate:
    try:
        return condition.coding.where(np.flatnonzero(few).tolist())
    except InputError:  # not one range: told by the bin that lost most
        with np.errstate(all="ignore"):
            ratio = np.where(few, counts[1] / spans[1] / (counts[0] / spans[0]), np.inf)
        return condition.coding.conditions[int(np.argmin(ratio))]
