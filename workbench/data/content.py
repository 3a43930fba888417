"""What a table holds, asked in as few queries as possible: totals, and the value that does not fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ibis


def totals(table: ibis.Table, wanted: Sequence[Any]) -> list[Any]:
    """The value of each of `wanted` over `table`, in one query."""
    if not wanted:
        return []
    row = table.aggregate([total.name(f"n{number}") for number, total in enumerate(wanted)]).to_pyarrow().to_pylist()[0]
    return list(row.values())


def odd_value(table: ibis.Table, column: str, wanted: str) -> str:
    """The column, its type, and a value of it; of a text, the first that does not read as `wanted`."""
    values: Any = table[column]
    present = table.filter(values.notnull())
    kind = str(values.type())
    if values.type().is_string():
        kind = "text"
        odd = present.filter(values.try_cast(wanted).isnull())
        present = odd if odd.count().to_pyarrow().as_py() else present
    found = present.select(column).limit(1).to_pyarrow()[column].to_pylist()
    return f"{column} is {kind}, such as {found[0]!r}" if found else f"{column} is {kind}, all missing"
