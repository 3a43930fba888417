"""What became of scores and decisions: another model for some, another scale for all, another threshold."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from workbench.analysis import stats
from workbench.analysis.causes.expected import read_rule
from workbench.analysis.causes.root import Dated
from workbench.analysis.causes.rows import Condition, TimedRows
from workbench.predicate import ALL_ROWS

MAP_BINS: Final = 20
FEWEST_FAR: Final = 8
FOLLOWS: Final = 0.95
"""Part of the decisions that a moved threshold has to explain."""


def score_cause(change: Dated, rows: TimedRows, residuals: dict[str, np.ndarray]) -> dict[str, Any]:
    """Scores that the columns no longer lead to."""
    if change.signal.aspect == "version":
        return _version(change, rows)
    name = "score" if "score" in rows.outcomes else "prediction"
    values, apart = rows.outcomes[name], residuals["residual"]
    earlier, later = _sides(change, rows, apart)
    shift = float(np.mean(apart[later]) - np.mean(apart[earlier]))
    found = stats.welch(
        later.sum(), apart[later].sum(), (apart[later] ** 2).sum(), earlier.sum(), apart[earlier].sum(),
        (apart[earlier] ** 2).sum(),
    )  # fmt: skip
    base = {
        "effect": shift, "unit": f"mean {name}", "interval": (float(found.interval.low), float(found.interval.high)),
        "size": min(1.0, abs(shift) / max(1e-9, float(np.nanstd(values)))),
    }  # fmt: skip
    whole = change.hit.where == ALL_ROWS
    expected = values - apart
    explained = _explained(expected, apart, earlier, later)
    best, share = _best_column(change, rows, apart, earlier, later)
    if whole and best is not None and share > 1.5 * explained and share > 0.1:
        told = f"like cases get another {name} than before, depending on {best.coding.column}"
        return base | {"cause": "training/serving skew", "told": told, "column": best.coding.column}
    if whole:
        told = f"like cases get a {name} {abs(shift):.3g} {'higher' if shift > 0 else 'lower'} than before, all of them alike"
        return base | {"cause": "calibration drift", "told": told}
    if len(change.hit.used) > 1 or _is_inverted(values, expected, later, earlier):
        return _worse(change, rows) or base | {"cause": "worse on a slice", "told": f"like cases get another {name} than before"}
    told = f"like cases get another {name} than before: {abs(shift):.3g} {'higher' if shift > 0 else 'lower'} on average"
    return base | {"cause": "version mix-up", "told": told}


def _is_inverted(values: np.ndarray, expected: np.ndarray, later: np.ndarray, earlier: np.ndarray) -> bool:
    """Whether the scores that lie far off lie on the other side of the middle: wrong ones, and not another model's."""
    apart = np.abs(values - expected)
    far = later & (apart > np.quantile(apart[earlier], 0.995))
    if far.sum() < FEWEST_FAR or np.std(expected[far]) == 0 or np.std(values[far]) == 0:
        return False
    return bool(np.corrcoef(values[far], expected[far])[0, 1] < -0.5)


def _worse(change: Dated, rows: TimedRows) -> dict[str, Any] | None:
    """In errors, where they can be measured and rose."""
    label, decision = rows.outcomes.get("label"), rows.outcomes.get("prediction")
    if label is None or decision is None:
        return None
    wrong = np.where(np.isnan(label) | np.isnan(decision), np.nan, (label != decision).astype(float))
    earlier, later = _sides(change, rows, wrong)
    before, after = float(wrong[earlier].mean()), float(wrong[later].mean())
    low, high = stats.newcombe(wrong[later].sum(), later.sum(), wrong[earlier].sum(), earlier.sum())
    told = f"the error rate is {100 * after:.1f} %, against {100 * before:.1f} % before, and like cases get another score"
    return {
        "cause": "worse on a slice", "told": told, "effect": after - before, "unit": "error rate",
        "interval": (float(low), float(high)), "size": abs(after - before), "harmful": after > before,
    }  # fmt: skip


def _version(change: Dated, rows: TimedRows) -> dict[str, Any]:
    """Another version for some rows; one for all is a release, and no fault by itself."""
    values = change.signal.values
    earlier, later = _sides(change, rows, values)
    before, after = float(values[earlier].mean()), float(values[later].mean())
    low, high = stats.newcombe(values[later].sum(), later.sum(), values[earlier].sum(), earlier.sum())
    told = f"version {change.signal.detail} decides {100 * after:.1f} % of the rows, against {100 * before:.1f} % before"
    part = change.hit.where != ALL_ROWS
    return {
        "cause": "version mix-up" if part else "upstream change", "told": told, "effect": after - before,
        "unit": "share of rows", "interval": (float(low), float(high)), "size": abs(after - before), "harmful": part,
    }  # fmt: skip


def _sides(change: Dated, rows: TimedRows, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    known = ~np.isnan(values)
    return change.hit.inside & (rows.times < change.onset) & known, change.affected & known


def _explained(expected: np.ndarray, apart: np.ndarray, earlier: np.ndarray, later: np.ndarray) -> float:
    """The part of the later scatter that one curve over the expected score removes."""
    edges = np.unique(np.quantile(expected[earlier], np.linspace(0, 1, MAP_BINS + 1)[1:-1]))
    return _removed(np.searchsorted(edges, expected[later], side="right"), apart[later], len(edges) + 1)


def _removed(codes: np.ndarray, values: np.ndarray, size: int) -> float:
    total = float((values**2).sum())
    n = np.bincount(codes, minlength=size).astype(float)
    s = np.bincount(codes, weights=values, minlength=size)
    with np.errstate(all="ignore"):
        inside = np.nansum(np.where(n > 0, s * s / n, 0.0))
    return float(max(0.0, inside - size * total / max(1, len(values))) / total) if total > 0 else 0.0


def _best_column(
    change: Dated, rows: TimedRows, apart: np.ndarray, earlier: np.ndarray, later: np.ndarray
) -> tuple[Condition | None, float]:
    """The column whose codes remove most of the later scatter, and how much."""
    features = set(rows.dataset.features)
    best, most = None, 0.0
    for condition in rows.conditions:
        if condition.coding.column not in features or condition.coding.column in change.hit.used:
            continue
        share = _removed(condition.codes[later].astype(int), apart[later], condition.size)
        share -= _removed(condition.codes[earlier].astype(int), apart[earlier], condition.size)
        if share > most:
            best, most = condition, share
    return best, most


def decision_cause(change: Dated, rows: TimedRows) -> dict[str, Any]:
    """Decisions that the score no longer leads to: another threshold, or none that can be named."""
    score, decision, values = rows.outcomes["score"], rows.outcomes["prediction"], change.signal.values
    earlier, later = _sides(change, rows, values)
    before, after = float(values[earlier].mean()), float(values[later].mean())
    positive = float(np.nanmean(decision[later])), float(np.nanmean(decision[earlier]))
    if change.signal.model == "share":
        low, high = stats.newcombe(values[later].sum(), later.sum(), values[earlier].sum(), earlier.sum())
        interval = (float(low), float(high))
    else:
        interval = None
    base = {"effect": after - before, "unit": "share of decisions", "interval": interval, "size": abs(after - before)}
    rule, old = read_rule(score[later], decision[later]), change.signal.detail
    if rule is not None and isinstance(old, tuple) and rule[1] == old[1]:
        told = f"the threshold of the score is {rule[0]:.3g} and was {old[0]:.3g}: {100 * (after - before):.1f} % of the"
        told += f" decisions differ by it, {100 * positive[0]:.1f} % are positive, against {100 * positive[1]:.1f} % before"
        return base | {"cause": "moved threshold", "told": told}
    wrong = later & (values > 0) if change.signal.model == "share" else later
    towards = float(decision[wrong].mean()) if wrong.any() else 0.5
    if max(towards, 1 - towards) >= FOLLOWS:
        word = "positive" if towards > 0.5 else "negative"
        told = f"{100 * (after - before):.1f} % of the decisions are {word} against the score"
        return base | {"cause": "moved threshold", "told": told}
    told = f"{100 * after:.1f} % of the decisions go against the score, {100 * before:.1f} % did before"
    return base | {"cause": "worse on a slice", "told": told}
