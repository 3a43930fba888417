"""The rows of a pandas frame that the conditions of a predicate select.

A column is read once into what a predicate knows (numbers, text, truth values, times); each comparison of it is then one
vectorised operation on the exact values. Only columns of Python objects that are not text cost a loop.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from workbench.predicate.conditions import Comparison, Condition, Interval, Membership, Missing, require_kind
from workbench.predicate.values import COMPARE, Value, decimal_fraction, micros_since_1970, snap_to_floats, snap_to_integers

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    Rows: TypeAlias = np.ndarray[tuple[int], np.dtype[np.bool_]]
    Array: TypeAlias = np.ndarray[tuple[int], np.dtype[Any]]

TICKS_PER_MICRO: Final = {"s": Fraction(1, 10**6), "ms": Fraction(1, 1000), "us": Fraction(1), "ns": Fraction(1000)}


class Column(NamedTuple):
    """A column as a predicate sees it.

    Attributes
    ----------
    held
        What it holds: a kind of value, the name of a type no predicate compares, or ``None`` where every row is missing.
    values
        One per row: integers, float64, booleans, UTC times, Python objects, or a pandas column of text. Arbitrary where missing.
    present
        One boolean per row, false where the value is missing.
    """

    held: str | None
    values: Any
    present: Rows


def rows_where(conditions: Iterable[Condition], frame: pd.DataFrame) -> Rows:
    """One boolean per row of `frame`, true where all `conditions` hold; the columns must be there."""
    import numpy as np

    rows = np.ones(len(frame), dtype=bool)
    columns: dict[str, Column] = {}
    for condition in conditions:
        series = frame[condition.column]
        if series.dtype == "category":
            rows &= _holds_in_categories(condition, series)
            continue
        if condition.column not in columns:
            columns[condition.column] = read_column(series)
        rows &= _holds(condition, columns[condition.column])
    return rows


def read_column(series: pd.Series[Any]) -> Column:
    """`series` as a predicate sees it."""
    import numpy as np
    import pandas as pd

    dtype, present = series.dtype, series.notna().to_numpy(dtype=bool)
    fill: dict[str, Any] = {} if present.all() else {"na_value": False if dtype.kind == "b" else 0}
    match dtype.kind:
        case "b":
            return Column("true or false", series.to_numpy(dtype=bool, **fill), present)
        case "i" | "u":
            return Column("numbers", series.to_numpy(dtype=np.dtype(f"{dtype.kind}8"), **fill), present)
        case "f":
            values = series.to_numpy(dtype="f8", **fill)
            return Column("numbers", values, present & ~np.isnan(values))
        case "M":
            return Column("times", _utc(series), present)
        case "O" | "U" if dtype.kind == "U" or (isinstance(dtype, pd.StringDtype) and dtype.storage == "pyarrow"):
            return Column("text", series, present)
        case "O":
            return _read_objects(series.to_numpy(dtype=object), present)
        case _:
            return Column(str(dtype), series, present)


def _utc(series: pd.Series[Any]) -> Array:
    """Times as datetime64 in UTC, in the unit they have."""
    import numpy as np
    import pandas as pd

    if isinstance(series.dtype, pd.ArrowDtype):
        if str(series.dtype).startswith("date"):
            return series.astype("datetime64[s]").to_numpy()
        unit = series.dtype.pyarrow_dtype.unit
        return series.to_numpy(dtype=np.dtype(f"datetime64[{unit}]"), na_value=np.datetime64("NaT"))
    if isinstance(series.dtype, pd.DatetimeTZDtype):
        series = series.dt.tz_convert(None)
    return series.to_numpy()


def _read_objects(values: Array, present: Rows) -> Column:
    """A column of Python objects: it holds what all of them are."""
    types = set(map(type, values[present]))
    held = " and ".join(sorted({_kind_of_type(found) for found in types})) or None
    plain: Callable[[Any], Any] | None = None
    if held == "times":
        plain = _utc_time
    elif any(hasattr(found, "dtype") for found in types):
        plain = _python_scalar
    if plain:
        values = values.copy()
        values[present] = [plain(value) for value in values[present]]
    return Column(held, values, present)


def _kind_of_type(found: type) -> str:
    """The kind of value that objects of a type are; the type's name where no predicate compares them."""
    import numpy as np

    kinds: dict[str, tuple[type, ...]] = {
        "true or false": (bool, np.bool_),
        "numbers": (int, float, Decimal, np.integer, np.floating),
        "text": (str,),
        "times": (dt.date,),
    }
    return next((kind for kind, members in kinds.items() if issubclass(found, members)), found.__name__)


def _python_scalar(value: Any) -> Any:
    return value.item() if hasattr(value, "dtype") else value


def _utc_time(value: dt.date) -> dt.datetime:
    if not isinstance(value, dt.datetime):
        return dt.datetime(value.year, value.month, value.day, tzinfo=dt.UTC)
    return value.astimezone(dt.UTC) if value.tzinfo else value.replace(tzinfo=dt.UTC)


def _holds_in_categories(condition: Condition, series: pd.Series[Any]) -> Rows:
    """Where one condition holds in a categorical column, tested once per category."""
    import numpy as np

    categories = read_column(series.cat.categories.to_series())
    if not len(categories.present):
        categories = categories._replace(held=None)
    no_category = isinstance(condition, Missing) and not condition.negated
    rows: Rows = np.append(_holds(condition, categories), no_category)[series.cat.codes.to_numpy()]
    return rows


def _holds(condition: Condition, column: Column) -> Rows:
    """Where one condition holds in its column."""
    if isinstance(condition, Missing):
        return column.present if condition.negated else ~column.present
    if column.held is None:
        return column.present
    require_kind(condition, column.held)
    match condition:
        case Comparison(operand, op, value):
            if operand.function:
                column = _apply(operand.function, column)
            return _compare(column, op, value) & column.present
        case Interval(_, low, high):
            return _compare(column, ">=", low) & _compare(column, "<", high) & column.present
        case Membership(_, values, negated):
            return (_is_in(column, values) ^ negated) & column.present


def _apply(function: str, column: Column) -> Column:
    """The numbers that `function` gives for the values of `column`."""
    import numpy as np
    import pandas as pd

    if column.values.dtype == object:
        result = np.zeros(len(column.present))
        result[column.present] = [_apply_to_one(function, value) for value in column.values[column.present]]
        return column._replace(held="numbers", values=result)
    if function == "length":
        return column._replace(held="numbers", values=column.values.str.len().to_numpy(dtype="f8", na_value=np.nan))
    times = pd.Series(column.values).dt
    parts = {"weekday": "day_of_week", "hour": "hour", "month": "month"}
    return column._replace(held="numbers", values=getattr(times, parts[function]).to_numpy())


def _apply_to_one(function: str, value: Any) -> int:
    if function == "length":
        return len(value)
    return int(value.weekday() if function == "weekday" else getattr(value, function))


def _compare(column: Column, op: str, value: Value) -> Rows:
    """``values op value``, exactly; arbitrary where missing."""
    import numpy as np

    rows: Rows
    values = column.values
    if values.dtype == object:
        return _compare_objects(column, op, value)
    if column.held == "text":
        rows = COMPARE[op](values, value).to_numpy(dtype=bool, na_value=False)
        return rows
    if values.dtype != bool:
        snapped = _snap(values, op, value)
        if isinstance(snapped, bool):
            return np.full(len(values), snapped)
        op, value = snapped
    rows = COMPARE[op](_as_numbers(values), value)
    return rows


def _compare_objects(column: Column, op: str, value: Value) -> Rows:
    import numpy as np

    values, present = column.values, column.present
    boxed = np.empty((), dtype=object)  # a bare text would lose its trailing NULs in numpy
    boxed[()] = _beside_decimals(value, values[present])
    rows = np.zeros(len(present), dtype=bool)
    rows[present] = COMPARE[op](values[present], boxed)
    return rows


def _is_in(column: Column, wanted: tuple[Value, ...]) -> Rows:
    """Where the value is one of those `wanted`, exactly; arbitrary where missing."""
    import numpy as np

    rows: Rows
    values, present = column.values, column.present
    if values.dtype == object:
        members = {_beside_decimals(value, values[present]) for value in wanted}
        rows = np.zeros(len(present), dtype=bool)
        rows[present] = [value in members for value in values[present]]
        return rows
    if column.held == "text":
        rows = values.isin(wanted).to_numpy(dtype=bool)
        return rows
    if values.dtype == bool:
        return np.isin(values, np.array(wanted, dtype=bool))
    found = [snapped[1] for value in wanted if not isinstance(snapped := _snap(values, "=", value), bool)]
    numbers = _as_numbers(values)
    if numbers.dtype.kind != "f":
        bounds = np.iinfo(numbers.dtype)
        found = [value for value in found if bounds.min <= value <= bounds.max]
    return np.isin(numbers, np.array(found, dtype=numbers.dtype))


def _as_numbers(values: Array) -> Array:
    """`values`, and times as their ticks since 1970."""
    return values.view("i8") if values.dtype.kind == "M" else values


def _snap(values: Array, op: str, value: Any) -> tuple[str, float] | bool:
    """The comparison of `_as_numbers` that says the same as ``op value`` of `values`."""
    import numpy as np

    if values.dtype.kind == "f":
        return snap_to_floats(op, value)
    if values.dtype.kind == "M":
        value = micros_since_1970(value) * TICKS_PER_MICRO[np.datetime_data(values.dtype)[0]]
    return snap_to_integers(op, value)


def _beside_decimals(value: Value, objects: Array) -> Value | Fraction:
    """`value` as objects are compared with it, some of which may be decimals."""
    if isinstance(value, float) and any(isinstance(found, Decimal) for found in objects):
        return decimal_fraction(value)
    return value
