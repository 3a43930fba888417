"""What broke, and since when: the earliest change in the life of a row that explains the later ones."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from scipy import special

from workbench.analysis.causes.find import Roots, find_causes
from workbench.analysis.causes.root import Dated, Diagnosis, Root
from workbench.analysis.causes.rows import TimedRows
from workbench.analysis.causes.search import LEVEL
from workbench.analysis.selection import correct_for_dating, correct_for_significance
from workbench.predicate import ALL_ROWS, Comparison, Operand, Predicate
from workbench.result import Finding, Result, provenance
from workbench.triage.check import MOST_OF_IT, Context, Examined, NotAskedError, graded, moment, percent

KINDS: Final = {
    "training/serving skew": "drift", "moved threshold": "disparity", "version mix-up": "drift", "calibration drift": "drift",
    "concept drift": "drift", "covariate shift": "drift", "prior shift": "drift", "worse on a slice": "slice",
    "volume change": "volume", "upstream change": "drift",
}  # fmt: skip
"""Cause to the kind of its finding; any other cause is a defect of the data."""
MOST_NAMED: Final = 3
"""Signals named that moved with a cause; more are counted."""
LEAST_SIZE: Final = 0.01
"""A smaller change is told and wakes nobody."""
OF_SCORES: Final = ("calibration drift", "version mix-up")
UNFELT: Final = (0.25, 1.0)
"""Standard deviations from which scores that lie elsewhere are of medium and of high severity where no error shows it."""


def check_causes(context: Context) -> Examined:
    """A finding per change that no earlier change explains."""
    windows = [window for window in (context.reference, context.subject) if window is not None]
    if not all(window.has("time") for window in windows):
        raise NotAskedError("needs the times of the decisions", None, "Name the column that holds them: role `time`.")
    roots = find_causes(windows, context.seed)
    if roots is None:
        return Examined()
    findings = [_finding(root, roots, context) for root in roots.found]
    return Examined(findings, len(findings), _result(roots, context), familywise=True, allowed=True)


def _finding(root: Root, roots: Roots, context: Context) -> Finding:
    change, diagnosis, subject = root.change, root.diagnosis, context.subject
    where = change.hit.where & diagnosis.narrower
    when = _when(change, subject.require("time"))
    mask = (where & when).mask(subject.frame)
    known_from = roots.rows.known_from
    share = _share_of_harm(root, roots)
    place = "" if change.hit.where == ALL_ROWS else f", where {change.hit.where}"
    return Finding(
        kind=_kind(diagnosis.cause, change, context),
        statement=f"{diagnosis.told}{place}, {_since(change)}",
        columns=_columns(change, diagnosis, context),
        where=str(subject.where & where & when),
        effect=diagnosis.effect,
        unit=diagnosis.unit,
        interval=_interval(diagnosis, change),
        p=change.p,
        support=int(mask.sum()),
        people=subject.people(mask),
        onset=_text(change.onset) if change.identifiable else None,
        onset_interval=(_text(change.earliest), _text(change.latest)) if change.identifiable else None,
        severity=_severity(diagnosis, share),
        standing=known_from is not None and bool(change.latest < known_from),
        ruled_out=_ruled_out(root),
        share_of_harm=share,
        cause=diagnosis.cause,
    )


def _interval(diagnosis: Diagnosis, change: Dated) -> tuple[float, float] | None:
    """Of the effect, with its having been searched for among all signals, rows and dates allowed for."""
    if diagnosis.interval is None:
        return None
    dated = correct_for_dating(diagnosis.effect, diagnosis.interval)
    own = float(special.erfc(np.sqrt(change.hit.ratio / 2)))  # the p of the change if it were the only one looked at
    if not own or not change.p:
        return dated
    searched = max(1.0, change.p / own)
    return correct_for_significance(diagnosis.effect, dated, own, LEVEL / searched, round(searched))


def _kind(cause: str, change: Dated, context: Context) -> str:
    kind = KINDS.get(cause, "integrity")
    groups = set(context.subject.roles.groups)
    return "drift" if kind == "disparity" and not groups & set(change.hit.where.columns) else kind


def _severity(diagnosis: Diagnosis, share: float | None) -> str:
    if not diagnosis.harmful or diagnosis.size < LEAST_SIZE:
        return "low"
    if share is not None and share >= MOST_OF_IT:
        return "high"
    if diagnosis.cause in OF_SCORES and not share:
        return graded(diagnosis.size, *UNFELT)
    return graded(diagnosis.size, LEAST_SIZE, 0.2)


def _columns(change: Dated, diagnosis: Diagnosis, context: Context) -> tuple[str, ...]:
    named = [] if change.signal.column is None else [change.signal.column]
    if diagnosis.unit == "error rate":
        named = [context.subject.require("label"), context.subject.require("prediction")]
    if diagnosis.column is not None:
        named = [diagnosis.column, *named]
    return tuple(dict.fromkeys([*named, *change.hit.where.columns, *diagnosis.narrower.columns]))


def _since(change: Dated) -> str:
    if not change.identifiable:
        return "some time within the log"
    start = moment(pd.Timestamp(change.onset).to_pydatetime())
    return f"from {start} on" if change.end is None else f"from {start} to {moment(pd.Timestamp(change.end).to_pydatetime())}"


def _when(change: Dated, time: str) -> Predicate:
    if not change.identifiable:
        return ALL_ROWS
    bounds = [Comparison(Operand(time), ">=", pd.Timestamp(change.onset).to_pydatetime())]
    if change.end is not None:
        bounds.append(Comparison(Operand(time), "<", pd.Timestamp(change.end).to_pydatetime()))
    return Predicate(tuple(bounds))


def _text(when: np.datetime64) -> str:
    return pd.Timestamp(when).isoformat()


def _ruled_out(root: Root) -> tuple[str, ...]:
    last_first = sorted(root.change.explains, key=lambda item: -item.signal.stage)
    names = list(dict.fromkeys(item.signal.name for item in last_first))
    more = [f"{len(names) - MOST_NAMED} more"] if len(names) > MOST_NAMED else []
    return (f"moved with it, in these rows only: {', '.join([*names[:MOST_NAMED], *more])}",) if names else ()


def _share_of_harm(root: Root, roots: Roots) -> float | None:
    """How much of what the errors grew by since the onset is gone without these rows."""
    wrong = roots.outcomes.get("error")
    if wrong is None or not root.diagnosis.harmful or not root.change.identifiable:
        return None
    rows: TimedRows = roots.rows
    known = ~np.isnan(wrong)
    earlier, later = known & (rows.times < root.change.onset), known & (rows.times >= root.change.onset)
    inside = root.change.affected & known
    if not earlier.any() or not inside.any():
        return None
    base = wrong[earlier].mean()
    own = earlier & root.change.hit.inside
    level = wrong[own].mean() if own.sum() >= 30 else base
    total = float((wrong[later] - base).sum())
    mine = float((wrong[inside] - level).sum())
    spread = 2 * float(np.sqrt(base * (1 - base) * later.sum()))
    return min(1.0, max(0.0, mine / total)) if total > spread else None


def _result(roots: Roots, context: Context) -> Result:
    table = pd.DataFrame([
        {
            "cause": root.diagnosis.cause, "signal": root.change.signal.name, "where": str(root.change.hit.where),
            "onset": pd.Timestamp(root.change.onset), "earliest": pd.Timestamp(root.change.earliest),
            "latest": pd.Timestamp(root.change.latest), "before": root.change.hit.before, "after": root.change.hit.after,
            "ratio": root.change.hit.ratio, "p": root.change.p, "rows": int(root.change.affected.sum()),
            "explains": len(root.change.explains), "suppressed": bool(root.change.affected.sum() < 10),
        }
        for root in roots.found
    ])  # fmt: skip
    arguments = {
        "reference": None if context.reference is None else str(context.reference.where), "current": str(context.subject.where),
        "roles": context.subject.given.said(),
    }  # fmt: skip
    return Result(
        kind="causes",
        title="What changed first",
        tables={"causes": table},
        numbers={"signals": roots.signals, "rows": roots.rows.size, "share": percent(roots.rows.share)},
        where=context.subject.where,
        provenance=provenance(arguments, seed=context.seed, fingerprint=context.subject.fingerprint),
    )
