"""A selection of rows as data: text for people, JSON for files and the browser, a mask for pandas; never code, never SQL.

Everything on screen that selects rows makes a `Predicate`; everything that analyses rows takes one. ``data/predicate.py``
compiles the same object for DuckDB through ibis, with the same truth table::

    predicate := "all rows" | condition (" and " condition)*
    condition := operand OP value | column [not] in {value, ...} | column in [low, high) | column is [not] missing
    operand   := column | weekday(column) | hour(column) | month(column) | length(column)

Logic is two-valued: a missing value (null, NaN, NaT) satisfies no comparison, ``!=`` and ``not in`` included. Numbers compare
by their exact value, text by code point, times in UTC, where a date is its midnight and a naive time is UTC already. Monday is
weekday 0, January month 1, midnight hour 0; length counts code points.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from workbench.errors import PredicateError, shorten
from workbench.predicate.conditions import ByText, Comparison, Condition, Interval, Membership, Missing, Operand
from workbench.predicate.form import from_form, require_keys, require_list, to_form
from workbench.predicate.mask import rows_where
from workbench.predicate.text import read_conditions, rounded
from workbench.predicate.values import Value

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

__all__ = [
    "ALL_ROWS",
    "Comparison",
    "Condition",
    "Interval",
    "Membership",
    "Missing",
    "Operand",
    "Predicate",
    "Value",
    "equals",
    "missing",
    "require_columns",
    "rounded",
    "within",
]


@dataclass(frozen=True, eq=False, repr=False)
class Predicate(ByText):
    """The rows for which every condition holds; all rows when there is none.

    ``str(predicate)`` is the canonical text, and `parse` reads it back. Two predicates are equal when their texts are; a
    condition given twice is kept once.
    """

    conditions: tuple[Condition, ...] = ()

    def __post_init__(self) -> None:
        for condition in self.conditions:
            if not isinstance(condition, Condition):
                raise PredicateError("not a condition", condition, "Use Comparison, Membership, Interval or Missing")
        object.__setattr__(self, "conditions", tuple(dict.fromkeys(self.conditions)))

    def __repr__(self) -> str:
        return f"Predicate.parse({str(self)!r})"

    def __str__(self) -> str:
        return " and ".join(map(str, self.conditions)) or "all rows"

    def __and__(self, other: Predicate) -> Predicate:
        return Predicate(self.conditions + other.conditions) if isinstance(other, Predicate) else NotImplemented

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns tested, in the order of first use."""
        return tuple(dict.fromkeys(condition.column for condition in self.conditions))

    def without(self, columns: Collection[str | None]) -> Predicate:
        """The rows that are left to choose from when nothing is asked of `columns`."""
        return Predicate(tuple(condition for condition in self.conditions if condition.column not in columns))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text form.

        Raises
        ------
        PredicateError
            With the position, counted in characters from 1, and what was expected there.
        """
        return cls(read_conditions(text))

    def to_dict(self) -> dict[str, object]:
        """The JSON form, ``{"conditions": [...]}``; ``form.py`` says what stands in the list."""
        return {"conditions": [to_form(condition) for condition in self.conditions]}

    @classmethod
    def from_dict(cls, form: object) -> Self:
        """Read the JSON form; a missing or unknown key, or a value of another type, is a `PredicateError`."""
        return cls(tuple(map(from_form, require_list(require_keys(form, ("conditions",), ())["conditions"]))))

    def mask(self, frame: pd.DataFrame) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """One boolean per row of `frame`, true where every condition holds.

        Raises
        ------
        PredicateError
            For a column that `frame` lacks, and for a value that does not fit the type of its column.
        """
        require_columns(self, frame.columns)
        return rows_where(self.conditions, frame)


ALL_ROWS: Final = Predicate()


def equals(column: str, value: Value) -> Predicate:
    """The rows whose `column` is `value`."""
    return Predicate((Comparison(Operand(column), "=", value),))


def within(column: str, low: Value, high: Value) -> Predicate:
    """The rows whose `column` is at least `low` and below `high`."""
    return Predicate((Interval(column, low, high),))


def missing(column: str) -> Predicate:
    """The rows that have no value in `column`."""
    return Predicate((Missing(column),))


def require_columns(predicate: Predicate, available: Iterable[object]) -> None:
    """Refuse a predicate on a column that is not `available` once, listing those that are, the nearest names first."""
    names = [name for name in available if isinstance(name, str)]
    for column in predicate.columns:
        if column not in names:
            near = difflib.get_close_matches(column, names, n=5, cutoff=0.4)
            listed = ", ".join(dict.fromkeys([*near, *names]))
            raise PredicateError("no column of that name", column, f"Columns: {shorten(listed, 1000) or 'none'}")
        if names.count(column) > 1:
            raise PredicateError("more than one column of that name", column, "Rename one of them")
