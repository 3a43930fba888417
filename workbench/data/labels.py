"""Labels that arrive later, in a second source: checked, and joined to the decision log in its row order."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pyarrow as pa

from workbench.data.engine import Source, arrow_table, read_source, require_rows
from workbench.errors import RolesError, SourceError


def read_labels(source: Source, labels: object, on: str | None) -> Source:
    """The labels' table, once it can be joined to that of `source`."""
    found = read_source(labels)
    require_rows(found)
    if on is None:
        raise RolesError(
            "labels in a second file need a column to join on", found.name, "Give `--on row_id`, a column both have."
        )
    for side in (source, found):
        if on not in side.table.columns:
            raise RolesError("no such column to join on", on, f"Columns of {side.name}: {', '.join(side.table.columns)}.")
    left, right = source.table.schema()[on], found.table.schema()[on]
    if type(left) is not type(right) and not (left.is_numeric() and right.is_numeric()):
        raise RolesError("the column to join on has two types", f"{on} is {left} and {right}", "Convert it in one of them.")
    names = {column.lower() for column in source.table.columns}
    if both := [column for column in found.table.columns if column.lower() in names and column != on]:
        raise RolesError("both files have this column", both[0], "Rename it in one of them.")
    return found


def join_labels(source: Source, labels: Source, on: str, *, show: bool) -> Source:
    """`source` with the columns of `labels`, rows in their order; `show` says whether a value of `on` may stand in a message."""
    right = labels.table.filter(labels.table[on].notnull()).to_pyarrow()
    keys = pd.Index(right[on].to_pandas())
    if keys.has_duplicates:
        twice = keys[keys.duplicated()][0]
        raise SourceError("the labels name a row twice", f"{on} {twice}" if show else on, "Keep one label per row.")
    left = source.table.to_pyarrow()
    position = keys.get_indexer(pd.Index(left[on].to_pandas(integer_object_nulls=True)))
    taken = right.drop_columns([on]).take(pa.array(position, mask=position < 0))
    for number, name in enumerate(taken.column_names):
        left = left.append_column(name, taken.column(number))
    notices = (*source.notices, *labels.notices, f"labels joined from {labels.name} on {on}")
    return replace(source, table=arrow_table(left), notices=notices)
