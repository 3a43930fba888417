"""The values a predicate compares with: their one plain form, their text, their kind, and how they meet a column exactly."""

from __future__ import annotations

import datetime as dt
import json
import math
import operator
from collections.abc import Callable
from fractions import Fraction
from typing import Any, Final, Literal, TypeAlias, TypeVar

from workbench.errors import PredicateError

Number = TypeVar("Number", int, float)
Value: TypeAlias = bool | int | float | str | dt.datetime
Kind: TypeAlias = Literal["numbers", "text", "true or false", "times"]

EXACT_INTEGERS: Final = 2**53
"""Below it every integer is a float; from it on a browser rounds the numbers of JSON."""

MOST_DIGITS: Final = 1000
EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)

COMPARE: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def plain_value(value: object) -> Value:
    """`value` as a predicate keeps it: numpy scalars as Python's, an integral float below 2**53 as the int, a time in UTC.

    Raises
    ------
    PredicateError
        For a missing or infinite value, a time finer than a microsecond, text that is not Unicode, any other type.
    """
    if type(value).__module__ == "numpy":
        value = _from_numpy(value)
    if value is None or type(value).__name__ in {"NaTType", "NAType"} or (isinstance(value, float) and math.isnan(value)):
        raise PredicateError("a missing value cannot be compared with", value, "Select missing values by `column is missing`")
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return _plain_number(value)
    if isinstance(value, str):
        return unicode_text(value)
    if isinstance(value, dt.date):
        return _plain_time(value)
    raise PredicateError(f"no column compares with a {type(value).__name__}", value, "Use a number, text, true, false or a time")


def _from_numpy(value: object) -> object:
    import numpy as np

    if not isinstance(value, np.datetime64):
        return value.item() if isinstance(value, np.generic) else value
    if np.isnat(value):
        return None
    micros = value.astype("datetime64[us]")
    if micros != value:
        raise PredicateError("a time finer than a microsecond", value, "Round it")
    return micros.item()


def _plain_number(value: float) -> int | float:
    if isinstance(value, int):
        if abs(value) >= 10**MOST_DIGITS:
            raise PredicateError(f"a number of more than {MOST_DIGITS} digits", do="Use a smaller one")
        return int(value)
    if not math.isfinite(value):
        raise PredicateError("not a finite number", value, "Use an open comparison such as `column >= 5`")
    return int(value) if value.is_integer() and abs(value) < EXACT_INTEGERS else float(value)


def _plain_time(value: dt.date) -> dt.datetime:
    if not isinstance(value, dt.datetime):
        return dt.datetime(value.year, value.month, value.day, tzinfo=dt.UTC)
    if getattr(value, "nanosecond", 0):
        raise PredicateError("a time finer than a microsecond", value, "Round it")
    try:
        utc = value.astimezone(dt.UTC) if value.tzinfo else value
    except OverflowError as exc:
        raise PredicateError("a time outside the years 1 to 9999 in UTC", value, "Use one inside") from exc
    return dt.datetime(utc.year, utc.month, utc.day, utc.hour, utc.minute, utc.second, utc.microsecond, tzinfo=dt.UTC)


def unicode_text(text: str) -> str:
    """`text` as a plain ``str``, refused where half of a surrogate pair stands alone, which no file and no engine can hold."""
    try:
        text.encode()
    except UnicodeEncodeError as exc:
        raise PredicateError("text that is not Unicode", ascii(text), "Remove the lone surrogate") from exc
    return str(text)


def kind_of(value: Value) -> Kind:
    """What a column must hold to be compared with `value`."""
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, str):
        return "text"
    return "times" if isinstance(value, dt.datetime) else "numbers"


def value_text(value: Value) -> str:
    """The canonical text of a plain value."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, dt.datetime):
        text = value.replace(tzinfo=None).isoformat()
        return text.removesuffix("T00:00:00")
    return repr(value)


def decimal_fraction(value: float) -> Fraction:
    """The number that a decimal column is compared with: an integer as it is, any other float as it is written.

    Beside decimals 0.1 is one tenth, which no float is.
    """
    return Fraction(int(value)) if value == int(value) else Fraction(repr(value))


def micros_since_1970(value: dt.datetime) -> int:
    """A time in UTC as microseconds since the start of 1970."""
    return (value - EPOCH) // dt.timedelta(microseconds=1)


def snap_to_integers(op: str, value: float | Fraction) -> tuple[str, int] | bool:
    """The comparison with an integer that holds for the same integers as ``op value``; a bool where it is the same for all.

    ``x < 2.5`` is ``x <= 2`` for an integer x, and ``x = 2.5`` is false.
    """
    below = math.floor(value)
    return (op, below) if below == value else _snap_down(op, below)


def snap_to_floats(op: str, value: float) -> tuple[str, float] | bool:
    """The comparison with a float64 that holds for the same float64s as ``op value``; a bool where it is the same for all.

    ``x < 2**53 + 1`` is ``x <= 2.0**53`` for a float x.
    """
    try:
        near = float(value)
    except OverflowError:
        near = math.inf if value > 0 else -math.inf
    if near == value:
        return op, near
    return _snap_down(op, near if near < value else math.nextafter(near, -math.inf))


def _snap_down(op: str, below: Number) -> tuple[str, Number] | bool:
    """A comparison with what lies between `below` and the next number there is."""
    if op in {"=", "!="}:
        return op == "!="
    return ("<=" if op in {"<", "<="} else ">"), below
