"""The JSON form of a condition, written for files and the browser, and read back strictly.

``{"column": "age", "op": "<", "value": 30}``: ``op`` is a comparison (``function`` may stand beside it), ``in`` or ``not in``
(with ``values``), ``within`` (with ``low`` and ``high``), ``is missing`` or ``is not missing``. A time is written
``{"time": ISO 8601}``; an integral number from 2**53 on is ``{"number": text}``, because a browser would round it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import cast

from workbench.errors import PredicateError
from workbench.predicate.conditions import OPERATORS, Comparison, Condition, Function, Interval, Membership, Missing, Operand
from workbench.predicate.text import read_value
from workbench.predicate.values import EXACT_INTEGERS, Value, kind_of, value_text

KEYS = {
    **dict.fromkeys(OPERATORS, ("value",)),
    "in": ("values",),
    "not in": ("values",),
    "within": ("low", "high"),
    "is missing": (),
    "is not missing": (),
}


def to_form(condition: Condition) -> dict[str, object]:
    """`condition` as a JSON object."""
    match condition:
        case Comparison(operand, op, value):
            function = {"function": operand.function} if operand.function else {}
            return {"column": operand.column, **function, "op": op, "value": _value_to_form(value)}
        case Membership(column, values, negated):
            return {"column": column, "op": "not in" if negated else "in", "values": [_value_to_form(value) for value in values]}
        case Interval(column, low, high):
            return {"column": column, "op": "within", "low": _value_to_form(low), "high": _value_to_form(high)}
        case Missing(column, negated):
            return {"column": column, "op": "is not missing" if negated else "is missing"}


def from_form(form: object) -> Condition:
    """The condition that a JSON object describes.

    Raises
    ------
    PredicateError
        For a key that is missing or unknown, and for a value of another type.
    """
    entry = require_keys(form, ("column", "op"), None)
    op = entry["op"]
    if not isinstance(op, str) or op not in KEYS:
        raise PredicateError("no such op in the JSON form of a predicate", op, f"Use one of: {', '.join(KEYS)}")
    require_keys(form, ("column", "op", *KEYS[op]), ("function",) if op in OPERATORS else ())
    column = cast("str", entry["column"])
    match op:
        case "in" | "not in":
            return Membership(column, tuple(map(_value_from_form, require_list(entry["values"]))), op == "not in")
        case "within":
            return Interval(column, _value_from_form(entry["low"]), _value_from_form(entry["high"]))
        case "is missing" | "is not missing":
            return Missing(column, op == "is not missing")
        case _:
            operand = Operand(column, cast("Function | None", entry.get("function")))
            return Comparison(operand, op, _value_from_form(entry["value"]))


def require_keys(form: object, keys: tuple[str, ...], optional: tuple[str, ...] | None) -> Mapping[str, object]:
    """`form` as a mapping with all of `keys`, and beside them none but `optional` (``None``: any)."""
    if not isinstance(form, Mapping):
        raise PredicateError("not an object in the JSON form of a predicate", form, f"Give an object with {', '.join(keys)}")
    for key in keys:
        if key not in form:
            raise PredicateError(f"no key `{key}` in the JSON form of a predicate", dict(form), "Add it")
    for key in form:
        if optional is not None and key not in keys and key not in optional:
            raise PredicateError("an unknown key in the JSON form of a predicate", key, f"Keys: {', '.join((*keys, *optional))}")
    return form


def require_list(form: object) -> list[object]:
    """`form` as a list."""
    if not isinstance(form, list | tuple):
        raise PredicateError("not a list in the JSON form of a predicate", form, "Give a list")
    return list(form)


def _value_to_form(value: Value) -> object:
    if isinstance(value, dt.datetime):
        return {"time": value.isoformat()}
    if isinstance(value, int | float) and abs(value) >= EXACT_INTEGERS and value == int(value):
        return {"number": value_text(value)}
    return value


def _value_from_form(form: object) -> Value:
    if not isinstance(form, Mapping):
        return cast("Value", form)
    kinds = {"time": "times", "number": "numbers"}
    if len(form) != 1 or next(iter(form)) not in kinds:
        what = "an unknown value in the JSON form of a predicate"
        raise PredicateError(what, dict(form), 'Give {"time": text} or {"number": text}')
    key, text = next(iter(form.items()))
    value = read_value(text)
    if kind_of(value) != kinds[key]:
        raise PredicateError(f"not a {key} in the JSON form of a predicate", text, f"Write a {key}")
    return value
