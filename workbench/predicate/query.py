"""The pandas form of a predicate: a text for ``DataFrame.query(text, engine="python")`` with the truth table of `Predicate.mask`.

It is for people who go on in their own code; nothing here ever reads it back.
"""

from __future__ import annotations

import datetime as dt

from workbench.errors import PredicateError
from workbench.predicate import Comparison, Condition, Interval, Membership, Missing, Predicate
from workbench.predicate.conditions import is_word
from workbench.predicate.values import Value

CALLS = {"weekday": ".dt.day_of_week", "hour": ".dt.hour", "month": ".dt.month", "length": ".str.len()"}


def query_text(predicate: Predicate) -> str:
    """The rows of `predicate` for pandas; times as naive UTC, as a frame of this workbench holds them.

    Raises
    ------
    PredicateError
        For a column whose name holds a backtick, which no query can quote.
    """
    return " and ".join(map(_condition, predicate.conditions)) or "index == index"


def _condition(condition: Condition) -> str:
    name = _name(condition.column)
    match condition:
        case Missing(_, negated):
            return f"{name}.{'notna' if negated else 'isna'}()"
        case Interval(_, low, high):
            return f"({name} >= {_literal(low)} and {name} < {_literal(high)})"
        case Membership(_, values, negated):
            listed = f"[{', '.join(map(_literal, values))}]"
            return f"({name}.notna() and {name} not in {listed})" if negated else f"{name} in {listed}"
        case Comparison(operand, op, value):
            left = name + CALLS[operand.function] if operand.function else name
            test = f"{left} {'==' if op == '=' else op} {_literal(value)}"
            return f"({name}.notna() and {test})" if op == "!=" else test


def _name(column: str) -> str:
    if "`" in column:
        raise PredicateError("pandas cannot quote this column's name", column, "Rename it, or use the predicate itself.")
    return column if is_word(column) and column.isascii() else f"`{column}`"


def _literal(value: Value) -> str:
    return repr(value.replace(tzinfo=None).isoformat()) if isinstance(value, dt.datetime) else repr(value)
