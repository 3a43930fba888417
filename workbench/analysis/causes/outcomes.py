"""What became of outcomes: not there yet, recorded wrongly, or otherwise than the same inputs used to lead to."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from workbench.analysis import stats
from workbench.analysis.causes.root import Dated
from workbench.analysis.causes.rows import TimedRows
from workbench.predicate import ALL_ROWS

PARTS: Final = 5
CLEAR: Final = 2.0
"""Standard errors from which a part's move has a direction."""
CLEARLY_BETTER: Final = 6.0
"""Chi-squared by which a story fits better than another."""
LATE: Final = 0.6
"""Outcomes that fail to come do so at the end of a log, from this part of it on."""


def outcome_cause(change: Dated, rows: TimedRows, residuals: dict[str, np.ndarray]) -> dict[str, Any]:
    """Labels or errors that came to lie elsewhere."""
    if change.signal.aspect == "label missing":
        return _missing(change, rows)
    label, residual = rows.outcomes["label"], residuals.get("label", residuals.get("calibration"))
    base = _base(change, rows)
    if residual is None:
        return base | {"cause": "concept drift" if change.hit.where == ALL_ROWS else "worse on a slice"}
    parts = _parts(change, rows, label - residual, residual)
    if parts is None:
        return base | {"cause": "concept drift" if change.hit.where == ALL_ROWS else "worse on a slice"}
    return base | {"cause": _put_down(change, rows, *parts)}


def _missing(change: Dated, rows: TimedRows) -> dict[str, Any]:
    values = change.signal.values
    earlier, later = change.hit.inside & (rows.times < change.onset), change.affected
    a, b = values[earlier], values[later]
    low, high = stats.newcombe(b.sum(), len(b), a.sum(), len(a))
    told = f"the label is missing in {100 * b.mean():.1f} % of the rows, against {100 * a.mean():.1f} % before"
    return {
        "cause": "label delay", "told": told, "effect": float(b.mean() - a.mean()), "unit": "missing share",
        "interval": (float(low), float(high)), "size": float(abs(b.mean() - a.mean())), "harmful": bool(b.mean() > a.mean()),
    }  # fmt: skip


def _base(change: Dated, rows: TimedRows) -> dict[str, Any]:
    """In words and numbers: the error rate where it can be measured, else the rate of the label."""
    label, decision = rows.outcomes["label"], rows.outcomes.get("prediction")
    wrong = None
    if decision is not None:
        wrong = np.where(np.isnan(label) | np.isnan(decision), np.nan, (label != decision).astype(float))
    values, name = (label, "base rate") if wrong is None else (wrong, "error rate")
    if change.signal.aspect in ("label", "calibration", "leaning") and wrong is not None:
        moved = [abs(_step(change, rows, each)[3]) for each in (label, wrong)]
        values, name = (label, "base rate") if moved[0] > moved[1] else (wrong, "error rate")
    before, after, interval, _ = _step(change, rows, values)
    what = "the error rate is" if name == "error rate" else "the label is positive in"
    told = f"{what} {100 * after:.1f} % of the rows, against {100 * before:.1f} % before, in like cases"
    if name == "error rate":
        told = f"{what} {100 * after:.1f} %, against {100 * before:.1f} % before"
    harmful = not (name == "error rate" and after < before)
    return {
        "told": told, "effect": after - before, "unit": name, "interval": interval, "size": abs(after - before),
        "harmful": harmful,
    }  # fmt: skip


def _step(change: Dated, rows: TimedRows, values: np.ndarray) -> tuple[float, float, tuple[float, float], float]:
    known = ~np.isnan(values)
    earlier, later = change.hit.inside & (rows.times < change.onset) & known, change.affected & known
    a, b = values[earlier], values[later]
    low, high = stats.newcombe(b.sum(), len(b), a.sum(), len(a))
    spread = np.sqrt((a.var() if len(a) else 0) / max(1, len(a)) + (b.var() if len(b) else 0) / max(1, len(b)) + 1e-12)
    before, after = (float(part.mean()) if len(part) else np.nan for part in (a, b))
    return before, after, (float(low), float(high)), float((after - before) / spread)


def _parts(
    change: Dated, rows: TimedRows, expected: np.ndarray, residual: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """By quantile of the expected label: its mean, how far the label moved beyond it, and the standard error of that."""
    known = ~np.isnan(residual)
    earlier, later = change.hit.inside & (rows.times < change.onset) & known, change.affected & known
    if min(earlier.sum(), later.sum()) < 10 * PARTS:
        return None
    edges = np.unique(np.quantile(expected[later], np.linspace(0, 1, PARTS + 1)[1:-1]))
    mean, move, error = [], [], []
    codes = np.searchsorted(edges, expected, side="right")
    for code in range(len(edges) + 1):
        a, b = residual[earlier & (codes == code)], residual[later & (codes == code)]
        if min(len(a), len(b)) < 8:
            continue
        level = float((expected + residual)[earlier & (codes == code)].mean())
        mean.append(level)
        move.append(float(b.mean() - a.mean()))
        floor = level * (1 - level) * (1 / len(a) + 1 / len(b))
        error.append(float(np.sqrt(max(a.var() / len(a) + b.var() / len(b), 0.25 * floor) + 1e-9)))
    return (np.array(mean), np.array(move), np.array(error)) if len(mean) >= 2 else None


def _put_down(change: Dated, rows: TimedRows, mean: np.ndarray, move: np.ndarray, error: np.ndarray) -> str:
    """The one-parameter story that fits the moves best, over the parts."""
    weight = 1 / error**2

    def misfit(shape: np.ndarray) -> tuple[float, float]:
        size = float((weight * shape * move).sum() / max(1e-12, (weight * shape**2).sum()))
        return float((weight * (move - size * shape) ** 2).sum()), size

    flips, flipped = misfit(1 - 2 * mean)
    lost, losing = misfit(-mean)
    free = max(1, len(mean) - 1)
    late = (change.onset - rows.times[0]) / (rows.times[-1] - rows.times[0]) >= LATE
    both = bool((move > CLEAR * error).any() and (move < -CLEAR * error).any())
    shifted = min(misfit(np.ones_like(mean))[0], misfit(mean * (1 - mean))[0])
    scatter = float((weight * move**2).sum())
    if losing > 0.1 and lost <= flips and lost <= max(2.5 * free, 0.1 * scatter) and late and change.end is None:
        return "label delay"
    if flipped > 0.02 and (both or flips < shifted - CLEARLY_BETTER) and flips <= max(3 * free, 0.2 * scatter):
        return "label flips" if change.hit.where == ALL_ROWS or len(change.hit.used) < 2 else "worse on a slice"
    return "concept drift" if change.hit.where == ALL_ROWS else "worse on a slice"
