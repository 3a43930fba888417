"""What an input may be: the domain of an attack. Most attacks on tables, left to themselves, write inputs that cannot exist.

A `Domain` says of every column its type, range or values, whether and in which direction an attacker can move it, and what that
costs; and of columns together, relations such as ``open_accounts <= accounts``. Rows are held as a float64 matrix of shape (rows,
columns), a category as the place of its value; a missing value is NaN and is never moved.
"""

from __future__ import annotations

import functools
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np
import pandas as pd

from workbench.errors import InputError, UnknownNameError

KINDS: Final = ("number", "integer", "category")
DIRECTIONS: Final = ("any", "up", "down", "none")
COMPARE: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt, "=": operator.eq,
}  # fmt: skip
RELATION: Final = re.compile(r"^\s*(?P<left>.+?)\s*(?P<op><=|>=|<|>|=)\s*(?P<right>.+?)\s*$")
SLACK: Final = 1e-9
"""Equality of sums of floats: relative."""


@dataclass(frozen=True)
class Column:
    """What one column may be.

    Attributes
    ----------
    kind
        A word of `KINDS`.
    low, high
        Smallest and largest value, both allowed; of a category None.
    values
        The values of a category.
    direction
        A word of `DIRECTIONS`: which way an attacker can move it; ``none`` is immutable.
    scale
        The change that costs 1; a category's change costs 1 whatever it is.
    weight
        What a change of one scale costs in comparison with other columns.
    """

    name: str
    kind: str = "number"
    low: float | None = None
    high: float | None = None
    values: tuple[Any, ...] = ()
    direction: str = "any"
    scale: float = 1.0
    weight: float = 1.0

    def __post_init__(self) -> None:
        for word, known in ((self.kind, KINDS), (self.direction, DIRECTIONS)):
            if word not in known:
                raise InputError(f"the domain of {self.name} has an unknown word", word, f"Words: {', '.join(known)}")
        if self.scale <= 0 or self.weight <= 0:
            raise InputError(f"the domain of {self.name} has a scale or weight that is not above 0", self.scale, "Mend it.")


@dataclass(frozen=True)
class Domain:
    """The inputs that can exist, and those an attacker can reach from one of them.

    Attributes
    ----------
    columns
        One for each column of the frame, in its order.
    relations
        ``LEFT OP RIGHT`` where each side is a sum of columns and numbers: ``open + closed <= accounts``.
    """

    columns: tuple[Column, ...]
    relations: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for relation in self.relations:
            _read_relation(relation, self.names)

    @classmethod
    def infer(
        cls,
        frame: pd.DataFrame,
        *,
        immutable: Sequence[str] = (),
        directions: Mapping[str, str] | None = None,
        weights: Mapping[str, float] | None = None,
        relations: Sequence[str] = (),
    ) -> Domain:
        """The domain of the values that occur in `frame`: types, ranges, values and spreads as they are there.

        Parameters
        ----------
        immutable
            Columns that nobody can move.
        directions, weights
            By column, as in `Column`.
        relations
            As in `Domain`; a relation that `frame` itself breaks is refused.

        Raises
        ------
        InputError
            For a column that is not there, or a relation that does not hold in `frame`.
        """
        ways = {**dict.fromkeys(immutable, "none"), **(directions or {})}
        weights = weights or {}
        for name in (*ways, *weights):
            if name not in frame.columns:
                raise UnknownNameError("column", name, frame.columns)
        columns = [_infer(str(name), frame[name]) for name in frame.columns]
        chosen = [
            replace(column, direction=ways.get(column.name, "any"), weight=weights.get(column.name, 1.0)) for column in columns
        ]
        domain = cls(tuple(chosen), tuple(relations))
        broken = domain.broken_relations(domain.encode(frame))
        for relation, rows in zip(domain.relations, broken, strict=True):
            if rows.any():
                raise InputError("a relation that the data breaks", f"{relation} in {rows.sum()} rows", "Mend the relation.")
        return domain

    @property
    def names(self) -> list[str]:
        """Names of the columns."""
        return [column.name for column in self.columns]

    @functools.cached_property
    def mutable(self) -> np.ndarray:
        """Which columns an attacker can move."""
        return np.array([column.direction != "none" for column in self.columns], dtype=bool)

    @functools.cached_property
    def numeric(self) -> np.ndarray:
        """Which columns are numbers."""
        return np.array([column.kind != "category" for column in self.columns], dtype=bool)

    def to_dict(self) -> dict[str, Any]:
        """The domain as a manifest keeps it."""
        return {"columns": [asdict(column) for column in self.columns], "relations": list(self.relations)}

    @classmethod
    def from_dict(cls, form: Mapping[str, Any]) -> Domain:
        """Read what `to_dict` wrote; an unknown key is refused."""
        try:
            columns = [Column(**{**column, "values": tuple(column.get("values", ()))}) for column in form["columns"]]
        except (TypeError, KeyError) as exc:
            raise InputError("not a domain", str(exc), "Give `columns` and `relations` as Domain.to_dict writes them.") from exc
        return cls(tuple(columns), tuple(form.get("relations", ())))

    def encode(self, frame: pd.DataFrame) -> np.ndarray:
        """`frame` as a matrix; a value outside a category's values becomes NaN, and stays as it is."""
        if absent := [name for name in self.names if name not in frame.columns]:
            raise UnknownNameError("column", absent[0], frame.columns)
        return np.column_stack([_encode(column, frame[column.name]) for column in self.columns])

    def decode(self, matrix: np.ndarray, like: pd.DataFrame) -> pd.DataFrame:
        """`matrix` as a frame of the dtypes of `like`, whose rows stand for what NaN left open."""
        columns = {column.name: _decode(column, matrix[:, place], like[column.name]) for place, column in enumerate(self.columns)}
        return pd.DataFrame(columns, copy=False)

    def project(self, matrix: np.ndarray, original: np.ndarray) -> np.ndarray:
        """The nearest values that single columns allow; relations are judged by `valid`, not repaired."""
        low = np.where(self._ways["up"], np.fmax(original, self._low), self._low)
        high = np.where(self._ways["down"], np.fmin(original, self._high), self._high)
        values = np.minimum(np.maximum(matrix, np.fmin(low, original)), np.fmax(high, original))
        values = np.where(self._whole, np.round(values), values)
        return np.where(~self.mutable | np.isnan(original) | np.isnan(values), original, values)

    @functools.cached_property
    def _low(self) -> np.ndarray:
        return np.array([0 if column.kind == "category" else _or(column.low, -np.inf) for column in self.columns], dtype=float)

    @functools.cached_property
    def _high(self) -> np.ndarray:
        ends = [len(column.values) - 1 if column.kind == "category" else _or(column.high, np.inf) for column in self.columns]
        return np.array(ends, dtype=float)

    @functools.cached_property
    def _whole(self) -> np.ndarray:
        return np.array([column.kind != "number" for column in self.columns], dtype=bool)

    @functools.cached_property
    def _ways(self) -> dict[str, np.ndarray]:
        return {way: np.array([column.direction == way for column in self.columns], dtype=bool) for way in DIRECTIONS}

    def valid(self, matrix: np.ndarray, original: np.ndarray) -> np.ndarray:
        """Whether each row could exist and be reached from its original."""
        fine = ~np.any(self.broken_relations(matrix), axis=0) if self.relations else np.ones(len(matrix), dtype=bool)
        projected = self.project(matrix, original)
        same = (projected == matrix) | (np.isnan(projected) & np.isnan(matrix))
        return np.asarray(fine & same.all(axis=1))

    def broken_relations(self, matrix: np.ndarray) -> np.ndarray:
        """Which relation each row breaks, shape (relations, rows); a missing value breaks none."""
        return np.array([_breaks(relation, self.names, matrix) for relation in self.relations], dtype=bool).reshape(
            len(self.relations), len(matrix)
        )

    def random(self, chance: np.random.Generator, size: int) -> np.ndarray:
        """`size` rows drawn evenly over ranges and values; NaN in a column without a range."""
        span = self._high - self._low
        drawn = self._low + chance.random((size, len(self.columns))) * np.where(np.isfinite(span), span, np.nan)
        return np.where(self._whole, np.round(drawn), drawn)

    def cost(self, matrix: np.ndarray, original: np.ndarray) -> np.ndarray:
        """The weighted Euclidean distance in scales; a category that changed counts 1."""
        with np.errstate(invalid="ignore"):
            steps = (matrix - original) / self._scales
        if not self.numeric.all():
            steps = np.where(self.numeric, steps, (matrix != original) & ~np.isnan(original))
        steps = np.nan_to_num(steps * self._weights, copy=False)
        return np.asarray(np.sqrt(np.einsum("ij,ij->i", steps, steps)))

    @functools.cached_property
    def _scales(self) -> np.ndarray:
        return np.array([column.scale for column in self.columns])

    @functools.cached_property
    def _weights(self) -> np.ndarray:
        return np.array([column.weight for column in self.columns])


def _infer(name: str, series: pd.Series[Any]) -> Column:
    present = series.dropna()
    if pd.api.types.is_bool_dtype(series) or not pd.api.types.is_numeric_dtype(series):
        values = series.cat.categories if isinstance(series.dtype, pd.CategoricalDtype) else pd.unique(present)
        return Column(name, "category", values=tuple(sorted(_plain(values), key=str)))
    numbers = present.to_numpy(dtype=float)
    if not len(numbers):
        return Column(name, "number", direction="none")
    kind = "integer" if (numbers == np.round(numbers)).all() else "number"
    spread = float(numbers.std()) or 1.0
    return Column(name, kind, float(numbers.min()), float(numbers.max()), scale=spread)


def _or(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value


def _plain(values: Any) -> list[Any]:
    return [value.item() if isinstance(value, np.generic) else value for value in values]


def _encode(column: Column, series: pd.Series[Any]) -> np.ndarray:
    if column.kind == "category":
        places = {value: place for place, value in enumerate(column.values)}
        return np.array([places.get(value, np.nan) for value in _plain(series)], dtype=float)
    return series.to_numpy(dtype=float, na_value=np.nan)


def _decode(column: Column, values: np.ndarray, like: pd.Series[Any]) -> pd.Series[Any]:
    if column.kind == "category":
        known = ~np.isnan(values)
        texts = like.to_numpy(dtype=object).copy()
        texts[known] = np.asarray([*column.values, None], dtype=object)[:-1][values[known].astype(int)]
        return pd.Series(texts, dtype=like.dtype)
    if pd.api.types.is_integer_dtype(like.dtype):
        return pd.Series(np.round(values)).astype(like.dtype)
    return pd.Series(values.astype(like.dtype) if isinstance(like.dtype, np.dtype) else values, dtype=like.dtype)


def _read_relation(relation: str, names: Sequence[str]) -> tuple[str, list[tuple[float, str]], list[tuple[float, str]]]:
    found = RELATION.match(relation)
    if found is None:
        raise InputError("not a relation", relation, "Write LEFT <= RIGHT, each side a sum of columns and numbers.")
    return found["op"], _read_sum(found["left"], names), _read_sum(found["right"], names)


def _read_sum(text: str, names: Sequence[str]) -> list[tuple[float, str]]:
    """Terms of a sum: a sign and a column, or a number and no column. Plus and minus stand between spaces."""
    terms, sign = [], 1.0
    for word in re.split(r"\s+([+-])\s+", text):
        if word in {"+", "-"}:
            sign = 1.0 if word == "+" else -1.0
        elif word in names:
            terms.append((sign, word))
        else:
            try:
                terms.append((sign * float(word), ""))
            except ValueError as exc:
                raise UnknownNameError("column in a relation", word, names) from exc
    return terms


def _breaks(relation: str, names: Sequence[str], matrix: np.ndarray) -> np.ndarray:
    op, left, right = _read_relation(relation, names)
    sides = [_sum_of(terms, names, matrix) for terms in (left, right)]
    missing = np.isnan(sides[0]) | np.isnan(sides[1])
    if op in {"<=", ">=", "="}:
        close = np.isclose(sides[0], sides[1], rtol=SLACK, atol=SLACK)
        return np.asarray(~(COMPARE[op](sides[0], sides[1]) | close) & ~missing)
    return np.asarray(~COMPARE[op](sides[0], sides[1]) & ~missing)


def _sum_of(terms: Sequence[tuple[float, str]], names: Sequence[str], matrix: np.ndarray) -> np.ndarray:
    total = np.zeros(len(matrix))
    for factor, name in terms:
        total += factor * matrix[:, list(names).index(name)] if name else factor
    return total
