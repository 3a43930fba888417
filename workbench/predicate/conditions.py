"""The four kinds of condition a predicate is made of. Each is frozen, checked when made, and is its own canonical text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from workbench.errors import PredicateError
from workbench.predicate.values import COMPARE, Kind, Value, kind_of, plain_value, unicode_text, value_text

Function: TypeAlias = Literal["weekday", "hour", "month", "length"]

FUNCTIONS: Final[dict[str, Kind]] = {"weekday": "times", "hour": "times", "month": "times", "length": "text"}
"""What each function looks at; all of them give a whole number."""

OPERATORS: Final = tuple(COMPARE)
KEYWORDS: Final = frozenset(("and", "in", "is", "not", "missing", "all", "rows", "true", "false"))


class ByText:
    """Equal when the text is, so that ``a = 1`` is not ``a = true``."""

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and str(other) == str(self)

    def __hash__(self) -> int:
        return hash(str(self))


@dataclass(frozen=True, eq=False)
class Operand(ByText):
    """What a comparison looks at: a column, or a function of it (``hour(time)``)."""

    column: str
    function: Function | None = None

    def __post_init__(self) -> None:
        _check_column(self.column)
        if self.function is not None and self.function not in tuple(FUNCTIONS):
            raise PredicateError("no such function", self.function, f"Use one of: {', '.join(FUNCTIONS)}")

    def __str__(self) -> str:
        name = column_text(self.column)
        return f"{self.function}({name})" if self.function else name


@dataclass(frozen=True, eq=False)
class Comparison(ByText):
    """``operand op value``, with `op` one of ``= != < <= > >=``."""

    operand: Operand
    op: str
    value: Value

    def __post_init__(self) -> None:
        if self.op not in OPERATORS:
            raise PredicateError("no such comparison", self.op, f"Use one of: {' '.join(OPERATORS)}")
        object.__setattr__(self, "value", plain_value(self.value))
        if self.operand.function and kind_of(self.value) != "numbers":
            raise PredicateError(f"{self.operand} is a number", value_text(self.value), "Compare it with a number")

    @property
    def column(self) -> str:
        """The column tested."""
        return self.operand.column

    def __str__(self) -> str:
        return f"{self.operand} {self.op} {value_text(self.value)}"


@dataclass(frozen=True, eq=False)
class Membership(ByText):
    """``column in {value, ...}``, or ``not in``; the values are of one kind, kept sorted and without repeats."""

    column: str
    values: tuple[Value, ...]
    negated: bool = False

    def __post_init__(self) -> None:
        _check_column(self.column)
        values = [plain_value(value) for value in self.values]
        if not values:
            raise PredicateError("an empty set of values for column", self.column, "Give at least one")
        _check_one_kind(values)
        in_order = sorted(values, key=lambda value: (value, value_text(value)))
        object.__setattr__(self, "values", tuple(dict.fromkeys(in_order)))

    def __str__(self) -> str:
        return f"{column_text(self.column)} {'not in' if self.negated else 'in'} {{{', '.join(map(value_text, self.values))}}}"


@dataclass(frozen=True, eq=False)
class Interval(ByText):
    """``column in [low, high)``: from `low`, which belongs to it, up to `high`, which does not."""

    column: str
    low: Value
    high: Value

    def __post_init__(self) -> None:
        _check_column(self.column)
        low, high = plain_value(self.low), plain_value(self.high)
        _check_one_kind((low, high))
        object.__setattr__(self, "low", low)
        object.__setattr__(self, "high", high)
        if low > high:  # type: ignore[operator]  # they are of one kind
            raise PredicateError("the interval ends before it begins", str(self), "Write the lower bound first")

    def __str__(self) -> str:
        return f"{column_text(self.column)} in [{value_text(self.low)}, {value_text(self.high)})"


@dataclass(frozen=True, eq=False)
class Missing(ByText):
    """``column is missing`` (null, NaN, NaT), or ``is not missing``."""

    column: str
    negated: bool = False

    def __post_init__(self) -> None:
        _check_column(self.column)

    def __str__(self) -> str:
        return f"{column_text(self.column)} is {'not ' if self.negated else ''}missing"


Condition: TypeAlias = Comparison | Membership | Interval | Missing


def column_text(column: str) -> str:
    """The name of a column as a predicate writes it: bare where it is a word, else in backticks."""
    return column if is_word(column) and column not in KEYWORDS else f"`{column.replace('`', '``')}`"


def is_word(text: str) -> bool:
    """Whether `text` is a Unicode letter or ``_`` followed by letters, decimal digits and ``_``."""
    return bool(text) and not text[0].isdecimal() and all(char == "_" or char.isalpha() or char.isdecimal() for char in text)


def require_kind(condition: Comparison | Membership | Interval, held: str) -> None:
    """Refuse a comparison with a column of another kind: it would select nothing, and that would look like an answer.

    Parameters
    ----------
    condition
        The comparison.
    held
        What its column holds: a `Kind`, or the name of a type that no predicate compares.
    """
    if isinstance(condition, Comparison) and condition.operand.function:
        wanted = FUNCTIONS[condition.operand.function]
    elif isinstance(condition, Membership):
        wanted = kind_of(condition.values[0])
    else:
        wanted = kind_of(condition.low if isinstance(condition, Interval) else condition.value)
    if wanted != held:
        what = f"column {column_text(condition.column)} holds {held}, and is compared as {wanted}"
        raise PredicateError(what, str(condition), "Compare it with a value of its own type")


def _check_column(column: object) -> None:
    if not isinstance(column, str):
        raise PredicateError("the name of a column is text", column, "Use the column's name")
    unicode_text(column)


def _check_one_kind(values: Sequence[Value]) -> None:
    kinds = dict.fromkeys(map(kind_of, values))
    if len(kinds) > 1:
        shown = ", ".join(map(value_text, values))
        raise PredicateError(f"values of different types ({', '.join(kinds)})", shown, "Use values of one type")
