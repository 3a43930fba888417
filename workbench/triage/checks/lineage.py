"""What changed upstream of the decisions: facts from the events of the pipeline, no inference."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pandas as pd

from workbench.data.dataset import Dataset
from workbench.lineage.graph import Lineage
from workbench.lineage.inquiry import deciding
from workbench.lineage.instant import as_instant
from workbench.lineage.suspects import suspects
from workbench.predicate import Comparison, Operand, Predicate
from workbench.result import Finding, Result
from workbench.triage.check import Context, Examined, NotAskedError

GRAVE: Final = frozenset({"failed assertion", "column statistics", "type changed", "column removed"})
"""Changes that break what is made from the columns they name: high where the log has such a column."""
TELLING: Final = frozenset({"failed run", "missing run", "row count"})
LEAST_SCORE: Final = 1e-4


def check_lineage(context: Context) -> Examined:
    """A finding per upstream change between the first decision looked at and the last, unless another one explains it."""
    lineage, subject = context.lineage, context.subject
    if lineage is None:
        raise NotAskedError("needs the events of the pipeline", None, "Give --lineage EVENTS.")
    if subject.roles.time is None:
        raise NotAskedError("needs the times of the decisions", None, "Name the column that holds them: role `time`.")
    times = _times(subject)
    start = _times(context.reference).min() if context.reference is not None else times.min()
    onset = times.min() if context.reference is not None else None
    results = [_ask(lineage, node, start, times.max(), onset) for node in deciding(lineage)]
    best = max(results, key=_best_score, default=None)
    if best is None:
        return Examined()
    return Examined(list(_findings(best, context)), 0, best)


def _times(dataset: Dataset) -> pd.Series[pd.Timestamp]:
    times = pd.to_datetime(dataset.role("time").dropna())
    return times.dt.tz_localize("UTC") if times.dt.tz is None else times.dt.tz_convert("UTC")


def _ask(lineage: Lineage, node: str, start: pd.Timestamp, end: pd.Timestamp, onset: pd.Timestamp | None) -> Result:
    window = as_instant(start.to_pydatetime()), as_instant(end.to_pydatetime())
    return suspects(lineage, node, window, onset=None if onset is None else as_instant(onset.to_pydatetime()))


def _best_score(result: Result) -> float:
    table = result.tables["suspects"]
    return 0.0 if table.empty else float(table["score"].max())


def _findings(result: Result, context: Context) -> Iterator[Finding]:
    row: Any
    for row in result.tables["suspects"].itertuples():
        found = suspect_finding(row, context.subject)
        if found is not None and row.score >= LEAST_SCORE and pd.isna(row.explained_by):
            yield found


def suspect_finding(row: Any, subject: Dataset) -> Finding | None:
    """A row of the table ``suspects`` as a finding about `subject`; None where all it says is that a version is new."""
    columns = tuple(column for column in row.columns if column in subject.columns)
    severity = _severity(set(row.kinds), columns)
    if severity is None:
        return None
    since = None if row.time is None else pd.Timestamp(row.time)
    where, rows, people = _since(subject, since)
    moment = None if since is None else since.tz_localize(None).isoformat()
    return Finding(
        kind="lineage",
        statement=f"{row.node}, written by {row.job}, {_steps(row)}upstream: {row.what}",
        columns=columns,
        where=where,
        effect=float(row.weight),
        unit="weight of the change",
        support=rows,
        people=people,
        onset=moment,
        onset_interval=None if moment is None else (moment, moment),
        severity=severity,
    )


def _severity(kinds: set[str], columns: tuple[str, ...]) -> str | None:
    if kinds & GRAVE:
        return "high" if columns else "medium"
    if kinds & TELLING:
        return "medium"
    return None if kinds <= {"new version", "late run"} else "low"


def _steps(row: Any) -> str:
    possibly = "" if row.certain else "possibly "
    return f"{possibly}{row.steps} step{'' if row.steps == 1 else 's'} " if row.steps else possibly


def _since(subject: Dataset, since: pd.Timestamp | None) -> tuple[str, int, int | None]:
    """The rows decided since then, as text and counted, and the people in them."""
    if since is None:
        return str(subject.where), subject.rows, subject.people()
    time = str(subject.roles.time)
    late = (_times(subject) >= since).reindex(subject.frame.index, fill_value=False).to_numpy()
    where = subject.where & Predicate((Comparison(Operand(time), ">=", since.tz_localize(None).to_pydatetime()),))
    return str(where), int(late.sum()), subject.people(late)
