"""Columns that are distributed otherwise than in the reference window."""

from typing import Any

import pandas as pd

from workbench.analysis.drift import drift
from workbench.result import Finding
from workbench.triage.check import Context, Examined, NotAskedError, graded, percent

LEAST_DISTANCE = 0.1
"""Total variation below this is not worth waking anybody, however significant."""


def check_drift(context: Context) -> Examined:
    """A finding per column that moved by `LEAST_DISTANCE` or more."""
    if context.reference is None or context.current is None:
        raise NotAskedError("needs two windows", None, "Give a reference and a current window.")
    result = drift(context.current, context.reference)
    table, cells = result.tables["columns"], result.tables["cells"]
    moved = table[table["distance"] >= LEAST_DISTANCE]
    people = context.current.people() if len(moved) else None
    row: Any
    findings = []
    for row in moved.itertuples():
        finding = Finding(
            kind="drift",
            statement=_statement(row, cells[cells["column"] == row.column]),
            columns=(row.column,),
            where=str(context.current.where),
            effect=float(row.distance),
            unit="total variation",
            p=float(row.p),
            support=context.current.rows,
            people=people,
            severity=graded(row.distance, LEAST_DISTANCE, 0.3),
        )
        findings.append(finding)
    return Examined(findings, len(table), result)


def _statement(row: Any, cells: pd.DataFrame) -> str:
    most: Any = cells.iloc[int((cells["share"] - cells["share_before"]).abs().to_numpy().argmax())]
    return (
        f"{row.column} is distributed otherwise than before: {percent(row.distance)} of the rows would have to change value to"
        f" undo it; most of all, {most['where']} now holds for {percent(most['share'])} of the rows, against"
        f" {percent(most['share_before'])} before"
    )
