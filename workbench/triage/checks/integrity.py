"""Defects of the data itself, and changes of a series with time that a data defect or the world may have caused."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import pandas as pd

from workbench.analysis import stats
from workbench.analysis.integrity import FIRST_TIME, integrity
from workbench.data.dataset import Dataset
from workbench.predicate import Comparison, Operand, Predicate
from workbench.result import Finding, Result
from workbench.triage.check import Context, Examined, graded, moment, percent
from workbench.triage.checks.changes import LEAST_MISSING_CHANGE, OF_SPREAD, from_changes

LEAST_SHARE = 0.01
OUTSIDE = "outside its former range"
SCALE_UNITS = ("powers of ten", "standard deviations")
MOST_UNDATED = 0.05
"""From this share of rows without a time on, windows and onsets leave too much out."""
BY_CHANCE = 0.1
"""Where chance alone would make this part of the equal rows, equal rows are no defect."""


def check_integrity(context: Context) -> Examined:
    """Findings from `workbench.analysis.integrity.integrity`, each above a floor of what is worth waking anybody for."""
    subject, reference = context.subject, context.reference
    result = integrity(subject, reference)
    frozen = list(_from_frozen(result, context))
    changes = [change for change in from_changes(result, context) if not any(_froze(change, stuck) for stuck in frozen)]
    dated = {finding.columns[0] for finding in changes if finding.unit == "missing share"}
    columns = list(_from_reference(result, subject, dated) if reference is not None else _from_columns(result, subject))
    findings = [*changes, *_with_onsets(columns, changes), *_from_times(result, context)]
    findings += [*_from_repeats(result, subject), *frozen]
    numbers: Any = result.numbers
    tests = max(numbers.get("series", 0), len(result.tables.get("changes", ()))) + len(result.tables.get("frozen", ()))
    tests += 6 * len(result.tables["columns"]) if reference is not None else 0
    return Examined(findings, tests, result)


def _froze(change: Finding, frozen: Finding) -> bool:
    """Whether what looks like another unit is a column that stopped varying."""
    if change.unit != "powers of ten" or change.columns != frozen.columns:
        return False
    start, end = change.onset_interval or ("", "")
    return OF_SPREAD in change.statement or start <= (frozen.onset or "") <= end


def _with_onsets(findings: Iterable[Finding], changes: Iterable[Finding]) -> Iterator[Finding]:
    """The findings, those of a column outside its former range dated as the column's largest new change is."""
    dates: dict[tuple[str, ...], Finding] = {}
    for change in changes:
        known = dates.get(change.columns)
        candidate = change.unit in SCALE_UNITS and not change.standing and change.onset is not None
        if candidate and (known is None or abs(change.effect or 0) > abs(known.effect or 0)):
            dates[change.columns] = change
    for finding in findings:
        change_of = dates.get(finding.columns) if OUTSIDE in finding.statement else None
        if change_of is None:
            yield finding
        else:
            yield replace(finding, onset=change_of.onset, onset_interval=change_of.onset_interval)


def _from_times(result: Result, context: Context) -> Iterator[Finding]:
    """Rows without a time, or with one that cannot be right: every window and every onset leaves them out or misplaces them."""
    subject, time = context.subject, context.subject.roles.time
    if time is None:
        return
    numbers: Any = result.numbers
    row: Any = result.tables["columns"].set_index("column").loc[time]
    missing, before = float(row["missing"]), float(row.get("missing_before", 0.0))
    if missing >= MOST_UNDATED:
        told = f"{time} is missing in {percent(missing)} of the rows: no window and no onset counts them"
        found = _defect(subject, time, told, missing, None, unit="missing share", severity="medium")
        yield replace(found, standing=missing - before < MOST_UNDATED)
    for name, words in (("rows_dated_ahead", "in the future"), ("rows_dated_early", f"before {moment(FIRST_TIME)}")):
        share = numbers[name] / numbers["rows"]
        if share >= LEAST_SHARE:
            told = f"{time} lies {words} in {percent(share)} of the rows: no window and no onset can be trusted there"
            yield _defect(subject, time, told, share, None)


def _used(result: Result, subject: Dataset) -> Iterator[Any]:
    """The rows of table ``columns`` that speak of a feature, the label, the prediction or the score."""
    outcomes = (subject.roles.label, subject.roles.prediction, subject.roles.score)
    used = {*subject.features, *(column for column in outcomes if column)}
    table = result.tables["columns"]
    yield from table[table["column"].isin(used)].itertuples()


def _from_columns(result: Result, subject: Dataset) -> Iterator[Finding]:
    """What a column shows by itself."""
    for row in _used(result, subject):
        if row.mixed > 0:
            told = f"{row.column} mixes types: {percent(row.mixed)} of its values are not numbers, and the others are"
            yield _defect(subject, row.column, told, row.mixed, None)
        if row.constant:
            told = f"{row.column} is {'missing in every row' if row.missing == 1 else 'the same in every row'}"
            yield _defect(subject, row.column, told, 1.0, None, severity="low")


def _from_reference(result: Result, subject: Dataset, dated: set[str]) -> Iterator[Finding]:
    """What a column shows beside the reference; a missing share with a finding of its own (`dated`) is not repeated."""
    for row in _used(result, subject):
        if getattr(row, "kind_changed", None) is True:
            told = f"{row.column} holds {row.kind}, and held {row.kind_before} before"
            yield _defect(subject, row.column, told, 1.0, None)
            continue
        if row.constant and row.constant_before is False:
            told = f"{row.column} is the same in every row, and was not before"
            yield _defect(subject, row.column, told, 1.0, row.constant_p)
        step = row.missing - row.missing_before
        if abs(step) >= LEAST_MISSING_CHANGE and row.column not in dated:
            told = f"{row.column} is missing in {percent(row.missing)} of the rows, against {percent(row.missing_before)} before"
            yield _defect(
                subject, row.column, told, step, row.missing_p, unit="missing share", severity=None if step > 0 else "low"
            )
        if (more := row.mixed - row.mixed_before) >= LEAST_SHARE:
            told = f"{row.column} mixes types: {percent(row.mixed)} of its values are not numbers,"
            told += f" against {percent(row.mixed_before)} before"
            yield _defect(subject, row.column, told, more, None)
        if getattr(row, "outside", 0) >= LEAST_SHARE:
            told = f"{row.column} lies {OUTSIDE} in {percent(row.outside)} of the rows"
            yield _defect(subject, row.column, told, row.outside, row.outside_p)
        if getattr(row, "new", 0) >= LEAST_SHARE:
            told = f"{row.column} has values it never had before in {percent(row.new)} of the rows, most of all {row.new_value!r}"
            yield _defect(subject, row.column, told, row.new, row.new_p)
        if getattr(row, "gone", 0) > 0 and not (row.constant and row.constant_before is False):
            told = f"{row.column} never holds {json.dumps(row.gone_value, ensure_ascii=False)} any more;"
            yield _defect(subject, row.column, f"{told} it was {percent(row.gone)} of the rows", row.gone, row.gone_p)


def _defect(
    subject: Dataset,
    column: str,
    statement: str,
    effect: float,
    p: float | None,
    *,
    unit: str = "share of rows",
    severity: str | None = None,
) -> Finding:
    return Finding(
        kind="integrity",
        statement=statement,
        columns=(column,),
        where=str(subject.where),
        effect=float(effect),
        unit=unit,
        p=None if p is None else float(p),
        support=subject.rows,
        people=subject.people(),
        severity=severity or graded(effect, LEAST_SHARE, 0.2),
    )


def _from_repeats(result: Result, subject: Dataset) -> Iterator[Finding]:
    numbers: Any = result.numbers
    identifier = subject.roles.row_id
    alike = "equal another row" if identifier is None else f"equal another row in everything but {identifier}"
    for name, told in (("repeated_row_id", f"carry a {identifier} that another row has"), ("repeated_rows", alike)):
        share = numbers[name] / numbers["rows"]
        windows = "rows_before" in numbers
        before = numbers[f"{name}_before"] / numbers["rows_before"] if windows else 0.0
        if share - before < LEAST_SHARE:
            continue
        p = None
        if windows:
            p = float(stats.two_proportions(numbers[name], numbers["rows"], numbers[f"{name}_before"], numbers["rows_before"]))
        natural = name == "repeated_rows" and not windows and numbers["coincident_rows"] >= BY_CHANCE * numbers[name]
        yield Finding(
            kind="integrity",
            statement=f"{percent(share)} of the rows {told}{f', against {percent(before)} before' if windows else ''}",
            where=str(subject.where),
            effect=share - before,
            unit="share of rows",
            p=p,
            support=int(numbers[name]),
            severity="low" if natural else graded(share - before, 0.05, 0.2),
        )


def _from_frozen(result: Result, context: Context) -> Iterator[Finding]:
    subject, time = context.subject, context.subject.roles.time
    numbers: Any = result.numbers
    rows = numbers["rows"] + numbers.get("rows_before", 0)
    row: Any
    for row in result.tables.get("frozen", pd.DataFrame()).itertuples():
        share = row.run / rows
        if share < LEAST_SHARE or time is None:
            continue
        start, end = (Comparison(Operand(time), op, when.to_pydatetime()) for op, when in ((">=", row.start), ("<=", row.end)))
        where = Predicate((start, end))
        yield Finding(
            kind="integrity",
            statement=(
                f"{row.column} stays at {row.value!r} for {row.run:,} rows in a row,"
                f" from {moment(row.start)} to {moment(row.end)}"
            ),
            columns=(row.column,),
            where=str(subject.where & where),
            effect=share,
            unit="share of rows",
            p=float(row.p),
            support=int(row.run),
            people=subject.people(where.mask(subject.frame)),
            onset=row.start.isoformat(),
            severity=graded(share, LEAST_SHARE, 0.1),
            standing=context.current is not None and row.end < context.current.role("time").min(),
        )
