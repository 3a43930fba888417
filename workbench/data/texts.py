"""Text that means something else: columns of a file whose every text is a time, or true or false, become columns of those.

An engine guesses more freely (DuckDB takes yes, t and y for true), and then one log would read differently from file to file.
"""

from __future__ import annotations

from typing import Final

import ibis
from ibis.expr import datatypes as types

ISO_TIME: Final = r"^\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d(:?\d\d)?)?$"


def texts_as_times(table: ibis.Table) -> ibis.Table:
    """`table` with the texts that are all ISO 8601 times as times; DuckDB's own guess takes one way of writing per column."""
    zoned = types.Timestamp(timezone="UTC", scale=6)
    tests = {name: table[name].re_search(ISO_TIME) & table[name].try_cast(zoned).notnull() for name in _texts(table)}
    found = _where_all_hold(table, tests)
    return table.mutate(**{name: table[name].cast(zoned) for name in found}) if found else table


def texts_as_truth_values(table: ibis.Table) -> ibis.Table:
    """`table` with the texts that are all ``true`` or ``false``, in upper or lower case, as truth values."""
    tests = {name: table[name].lower().isin(["true", "false"]) for name in _texts(table)}
    found = _where_all_hold(table, tests)
    return table.mutate(**{name: table[name].lower() == "true" for name in found}) if found else table


def _texts(table: ibis.Table) -> list[str]:
    return [name for name, dtype in table.schema().items() if dtype.is_string()]


def _where_all_hold(table: ibis.Table, tests: dict[str, ibis.expr.types.BooleanValue]) -> list[str]:
    """The columns that hold a value, and whose test holds for every value: one query; all of nothing is missing."""
    if not tests:
        return []
    held = [table[name].notnull().ifelse(test, ibis.null("boolean")).all() for name, test in tests.items()]
    row = table.aggregate([every.name(f"held{number}") for number, every in enumerate(held)]).to_pyarrow().to_pylist()[0]
    return [name for name, every in zip(tests, row.values(), strict=True) if every]
