"""Read the text form of a predicate, and say where it went wrong and what was expected there."""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from collections.abc import Callable
from typing import Final, NamedTuple, NoReturn, cast

from workbench.errors import PredicateError, shorten
from workbench.predicate.conditions import (
    FUNCTIONS,
    KEYWORDS,
    OPERATORS,
    Comparison,
    Condition,
    Function,
    Interval,
    Membership,
    Missing,
    Operand,
    is_word,
)
from workbench.predicate.values import MOST_DIGITS, Value

TOKEN: Final = re.compile(
    r"""\s*+(?:
      (?P<time>[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T[0-9:]+(?:\.[0-9]+)?(?:Z|[+-][0-9]{2}:[0-9]{2})?)?)
    | (?P<number>-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)
    | (?P<text>"(?:[^"\\]|\\.)*+")
    | (?P<name>`(?:[^`]|``)*+`)
    | (?P<word>\w++)
    | (?P<mark>!=|<=|>=|[=<>(){}\[\],])
    | (?P<end>\Z)
    | (?P<unknown>.)
    )""",
    re.VERBOSE | re.DOTALL,
)
CLOCK: Final = re.compile(r"T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?(?:Z|[+-][0-9]{2}:[0-9]{2})?")
LONG_DECIMAL: Final = re.compile(r"[0-9]+\.[0-9]{7,}")
NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")


class Token(NamedTuple):
    """A piece of the text and where it starts, from 0."""

    kind: str
    text: str
    start: int


def rounded(text: str) -> str:
    """`text`, which may hold predicates, with its long decimals cut to four digits: to be read, for it selects other rows."""
    return LONG_DECIMAL.sub(lambda found: _short(float(found[0])), text)


def _short(number: float) -> str:
    return str(round(number, 4)) if number >= 0.1 else f"{number:.4g}"


def read_conditions(text: str) -> tuple[Condition, ...]:
    """The conditions that `text` joins with ``and``; none for ``all rows``."""
    if not isinstance(text, str):
        raise PredicateError("the text form of a predicate is text", text, "Write `all rows` or a condition")
    return _Reader(text).conditions()


def read_value(text: object) -> Value:
    """The one value that `text` writes."""
    if not isinstance(text, str):
        raise PredicateError("not text", text, "Write the value as text")
    reader = _Reader(text)
    value = reader.value()
    if reader.token.kind != "end":
        reader.fail("the end")
    return value


class _Reader:
    """Walks the tokens of one text; every method takes what it names, or fails at the token where it is not."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.token = self.after(0)

    def after(self, position: int) -> Token:
        match = cast("re.Match[str]", TOKEN.match(self.text, position))
        kind = cast("str", match.lastgroup)
        return Token(kind, match[kind], match.start(kind))

    def step(self) -> Token:
        taken = self.token
        self.token = self.after(taken.start + len(taken.text))
        return taken

    def at(self, *texts: str) -> bool:
        return self.token.kind in {"word", "mark"} and self.token.text in texts

    def take(self, *texts: str) -> str:
        if not self.at(*texts):
            self.fail(" or ".join(f"`{text}`" for text in texts))
        return self.step().text

    def fail(self, expected: str, token: Token | None = None) -> NoReturn:
        token = token or self.token
        near = "at the end" if token.kind == "end" else f"near '{shorten(token.text, 40)}'"
        what = f"cannot read the predicate at character {token.start + 1}, {near}"
        raise PredicateError(what, self.text or None, f"Expected {expected}")

    def conditions(self) -> tuple[Condition, ...]:
        if self.at("all"):
            self.step()
            self.take("rows")
            found: list[Condition] = []
        else:
            found = [self.condition()]
            while self.at("and"):
                self.step()
                found.append(self.condition())
        if self.token.kind != "end":
            self.fail("`and` or the end" if found else "the end")
        return tuple(found)

    def condition(self) -> Condition:
        start = self.token
        operand = self.operand()
        if operand.function or self.at(*OPERATORS):
            op, value = self.take(*OPERATORS), self.value()
            return self.made(start, lambda: Comparison(operand, op, value))
        if not self.at("in", "not", "is"):
            self.fail("a comparison (= != < <= > >=), `in`, `not in` or `is`")
        keyword = self.step().text
        if keyword == "is":
            negated = self.at("not") and bool(self.step())
            self.take("missing")
            return Missing(operand.column, negated)
        if keyword == "not":
            self.take("in")
        if (keyword == "not" and self.take("{")) or self.take("{", "[") == "{":
            values = self.members()
            return self.made(start, lambda: Membership(operand.column, values, keyword == "not"))
        low, high = self.bounds()
        return self.made(start, lambda: Interval(operand.column, low, high))

    def made(self, start: Token, make: Callable[[], Condition]) -> Condition:
        """What `make` returns; its error is told with the place where the condition starts."""
        try:
            return make()
        except PredicateError as exc:
            what = f"cannot read the predicate at character {start.start + 1}, near '{shorten(start.text, 40)}'"
            raise PredicateError(what, self.text, str(exc)) from exc

    def members(self) -> tuple[Value, ...]:
        values = [self.value()]
        while self.take(",", "}") == ",":
            values.append(self.value())
        return tuple(values)

    def bounds(self) -> tuple[Value, Value]:
        low = self.value()
        self.take(",")
        high = self.value()
        self.take(")")
        return low, high

    def operand(self) -> Operand:
        start = self.token
        column = self.column()
        if start.kind == "name" or not self.at("("):
            return Operand(column)
        if column not in FUNCTIONS:
            self.fail(f"a function ({', '.join(FUNCTIONS)}) before the parenthesis", start)
        self.step()
        operand = Operand(self.column(), cast("Function", column))
        self.take(")")
        return operand

    def column(self) -> str:
        token = self.token
        if token.kind == "name":
            return self.step().text[1:-1].replace("``", "`")
        if token.kind != "word" or token.text in KEYWORDS or not is_word(token.text):
            self.fail("a column (in backticks where it is a keyword or not a word)")
        return self.step().text

    def value(self) -> Value:
        token = self.token
        readers = {"time": self.time, "number": self.number, "text": self.string}
        if token.kind in readers:
            value = readers[token.kind](token)
        elif self.at("true", "false"):
            value = token.text == "true"
        else:
            self.fail('a value: a number, "text" in double quotes, a time such as 2026-01-31T02:10:00, true or false')
        self.step()
        return value

    def number(self, token: Token) -> int | float:
        if not NUMBER.fullmatch(token.text):
            self.fail("a number without leading zeros")
        if len(token.text) > MOST_DIGITS:
            self.fail(f"a number of at most {MOST_DIGITS} characters")
        if token.text.lstrip("-").isdecimal():
            return int(token.text)
        value = float(token.text)
        if not math.isfinite(value):
            self.fail("a number below 1.8e308")
        return value

    def string(self, token: Token) -> str:
        try:
            return cast("str", json.loads(token.text))
        except json.JSONDecodeError as exc:
            self.fail(f"text as JSON writes it ({exc.msg})")

    def time(self, token: Token) -> dt.datetime:
        day, clock = token.text[:10], token.text[10:]
        if clock and not CLOCK.fullmatch(clock):
            self.fail("a time such as 2026-01-31, 2026-01-31T02:10:00 or 2026-01-31T02:10:00.000001+00:00")
        try:
            value = dt.datetime.fromisoformat(day + clock)
            return value.astimezone(dt.UTC) if value.tzinfo else value.replace(tzinfo=dt.UTC)
        except (ValueError, OverflowError) as exc:
            self.fail(f"a time that exists ({exc})")
