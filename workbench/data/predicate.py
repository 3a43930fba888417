"""The ibis form of a predicate: the same truth table as `Predicate.mask`, computed where the table lives.

It is built from ibis expressions only; a column's name or a value never becomes part of a text that an engine parses. The result
is true or false on every row, never NULL. It holds on DuckDB, whatever time zone its session is in.
"""

from __future__ import annotations

import datetime as dt
import functools
import operator
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

import ibis
from ibis.expr import datatypes as types

from workbench.predicate import Comparison, Condition, Interval, Membership, Missing, Predicate, require_columns
from workbench.predicate.conditions import require_kind
from workbench.predicate.values import (
    COMPARE,
    EPOCH,
    Value,
    decimal_fraction,
    micros_since_1970,
    snap_to_floats,
    snap_to_integers,
)

NOWHERE: Final = ibis.literal(value=False)
EVERYWHERE: Final = ibis.literal(value=True)
MICROS_PER_DAY: Final = 86_400 * 10**6
NANOSECOND_TIMES: Final = tuple(map(dt.datetime.fromisoformat, ("1677-09-22T00:00:00Z", "2262-04-11T23:47:16.854775Z")))
"""The first and last microsecond that DuckDB's TIMESTAMP_NS can hold; it fails where a time beyond meets such a column."""


@ibis.udf.scalar.builtin(name="timezone")
def _naive_micros(zone: str, time: types.Timestamp(timezone="UTC")) -> types.Timestamp(scale=6):  # type: ignore[valid-type]
    """The time of `zone`, without a zone. Any other way, a zoned time is read in the session's time zone."""


@ibis.udf.scalar.builtin(name="timezone")
def _naive_nanos(zone: str, time: types.Timestamp(timezone="UTC")) -> types.Timestamp(scale=9):  # type: ignore[valid-type]
    """The same for a column of nanoseconds, which DuckDB neither compares with microseconds nor takes apart."""


def compile_predicate(predicate: Predicate, table: ibis.Table) -> ibis.expr.types.BooleanValue:
    """True for the rows of `table` where every condition holds, false for all others.

    Raises
    ------
    PredicateError
        For a column that `table` lacks, and for a value that does not fit the type of its column.
    """
    require_columns(predicate, table.columns)
    tests = [_holds(condition, table[condition.column]).fill_null(NOWHERE) for condition in predicate.conditions]
    return functools.reduce(operator.and_, tests) if tests else EVERYWHERE


def sql_text(predicate: Predicate, table: ibis.Table, name: str = "decisions") -> str:
    """The predicate as a query for people to take elsewhere: DuckDB's SQL on a table called `name` with `table`'s columns.

    Raises
    ------
    PredicateError
        As `compile_predicate`.
    """
    named = ibis.table({column: table[column].type() for column in predicate.columns or table.columns[:1]}, name=name)
    return str(ibis.to_sql(named.filter(compile_predicate(predicate, named)), dialect="duckdb"))


def _holds(condition: Condition, column: Any) -> Any:
    """Where one condition holds; NULL counts as false."""
    present = column.notnull() & ~column.isnan() if column.type().is_floating() else column.notnull()
    if isinstance(condition, Missing):
        return present if condition.negated else ~present
    held = _held(column.type())
    if held is None:
        return NOWHERE
    require_kind(condition, held)
    if column.type().is_timestamp() and column.type().timezone:
        column = (_naive_nanos if column.type().scale == 9 else _naive_micros)("UTC", column)
    match condition:
        case Comparison(operand, op, value):
            return present & _compare(_apply(operand.function, column), op, value)
        case Interval(_, low, high):
            return present & _compare(column, ">=", low) & _compare(column, "<", high)
        case Membership(_, values, negated):
            found = _is_in(column, values)
            return present & (~found if negated else found)


def _held(dtype: types.DataType) -> str | None:
    """What a column of that type holds; ``None`` where it can hold nothing."""
    if dtype.is_null():
        return None
    if dtype.is_timestamp() or dtype.is_date():
        return "times"
    if dtype.is_string():
        return "text"
    if dtype.is_boolean():
        return "true or false"
    return "numbers" if dtype.is_numeric() else str(dtype)


def _apply(function: str | None, column: Any) -> Any:
    if function is None:
        return column
    if function == "length":
        return column.length()
    if function == "hour" and column.type().is_date():
        return column.isnull().ifelse(ibis.null("int64"), ibis.literal(0, type="int64"))
    return column.day_of_week.index() if function == "weekday" else getattr(column, function)()


def _compare(column: Any, op: str, value: Value) -> Any:
    """``column op value``, exactly; NULL where missing."""
    snapped = _snap(column.type(), op, value)
    if isinstance(snapped, bool):
        return EVERYWHERE if snapped else NOWHERE
    return COMPARE[snapped[0]](column, snapped[1])


def _is_in(column: Any, wanted: tuple[Value, ...]) -> Any:
    """Where the value is one of those `wanted`, exactly; NULL where missing."""
    found = [snapped[1] for value in wanted if not isinstance(snapped := _snap(column.type(), "=", value), bool)]
    return column.isin(found) if found else NOWHERE


def _snap(dtype: Any, op: str, value: Any) -> tuple[str, Any] | bool:
    """The comparison with a literal of the column's own type that says the same as ``op value``; a bool where all rows agree."""
    if dtype.is_timestamp():
        if dtype.scale == 9 and not NANOSECOND_TIMES[0] <= value <= NANOSECOND_TIMES[1]:
            return _beyond(op, above=value > NANOSECOND_TIMES[1])
        return op, ibis.literal(value.replace(tzinfo=None))
    if dtype.is_date():
        days = snap_to_integers(op, Fraction(micros_since_1970(value), MICROS_PER_DAY))
        return days if isinstance(days, bool) else (days[0], ibis.literal(EPOCH.date() + dt.timedelta(days=days[1])))
    if dtype.is_floating():
        number = snap_to_floats(op, value)
        return number if isinstance(number, bool) else (number[0], ibis.literal(repr(number[1])).cast("float64"))
    if dtype.is_integer():
        whole = snap_to_integers(op, value)
        if isinstance(whole, bool) or dtype.bounds.lower <= whole[1] <= dtype.bounds.upper:
            return whole if isinstance(whole, bool) else (whole[0], ibis.literal(whole[1], type=dtype))
        return _beyond(op, above=whole[1] > 0)
    return _snap_to_decimals(dtype, op, value) if dtype.is_decimal() else (op, ibis.literal(value))


def _snap_to_decimals(dtype: Any, op: str, value: float) -> tuple[str, Any] | bool:
    """`_snap` for a column of decimals, as for the integers they are in units of their last digit."""
    steps = snap_to_integers(op, decimal_fraction(value) * 10**dtype.scale)
    if isinstance(steps, bool):
        return steps
    op, count = steps
    if abs(count) >= 10**dtype.precision:
        return _beyond(op, above=count > 0)
    text = f"{Decimal((int(count < 0), tuple(map(int, str(abs(count)))), -dtype.scale)):f}"
    return op, ibis.literal(text).cast(dtype)


def _beyond(op: str, *, above: bool) -> bool:
    """Whether ``op value`` holds for every number of a column, all of which are below `value` (`above`), or above it."""
    return op in ({"!=", "<", "<="} if above else {"!=", ">", ">="})
