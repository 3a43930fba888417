"""The data that would answer what triage could not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from workbench.result import Result
from workbench.views.render import Table, blanked

HEADS = {
    "part": "could not tell",
    "why": "why",
    "columns": "columns to fetch",
    "query": "of which rows",
    "n": "rows that would do",
    "have": "rows there are",
}
BLANK = "–"


def needed_table(result: Result) -> Table:
    """What to fetch, a row per question without an answer.

    Parameters
    ----------
    result
        Of `workbench.triage.would_tell.what_would_tell`, as others may see it.
    """
    frame = blanked(result.tables["needed"], ["n", "have"])
    shown = pd.DataFrame({head: [_cell(value) for value in frame[name]] for name, head in HEADS.items()})
    return Table(shown, result.title if len(shown) else "Every question had its answer.")


def needed_text(row: Mapping[Any, Any]) -> str:
    """One question's row in two lines: why it has no answer, and what would give one."""
    columns, n, have = (_cell(row[name]) for name in ("columns", "n", "have"))
    parts = [
        f"columns {columns}" if columns != BLANK else "",
        row["query"],
        f"{n} rows would do, there are {have}" if n != BLANK else "",
    ]
    fetch = " · ".join(filter(None, parts))
    return f"{row['why']}\n" + (f"fetch: {fetch}\n" if fetch else "")


def _cell(value: object) -> str:
    if value is None or value != value or value == "":  # noqa: PLR0124  NaN
        return BLANK
    return f"{value:,.0f}" if isinstance(value, int | float) else str(value)
