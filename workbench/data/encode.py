"""From columns of any type to small integer codes, each standing for one base condition of a predicate.

Code 0 is always *missing*. A column of at most `bins` distinct numbers, a boolean, or a text has a code per value; more numbers
fall into quantile bins; rarer texts share one code, *other*, and are told apart by coding them again among the rows of that
code. On request times are coded by calendar parts and free text by its length. What a code means is a `Predicate`, so that a
cell of a cube of codes is a row selection that any other part understands.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from workbench.errors import ParameterError, PredicateError
from workbench.predicate import ALL_ROWS, Comparison, Interval, Membership, Missing, Operand, Predicate, equals
from workbench.predicate.conditions import Function

BINS: Final = 16
TOP_VALUES: Final = 30
MOST_CODES: Final = 254
"""Beside *missing* and *other*, what fits eight bits."""

EXACT_FLOATS: Final = 2.0**53
"""From here on a float may stand for several integers."""

CALENDAR: Final[tuple[Function, ...]] = ("month", "weekday", "hour")
MOST_TEXTS: Final = 100_000
"""A column of more distinct texts than this is free text, whatever its number of rows."""


@dataclass(frozen=True)
class Coding:
    """How one column is coded.

    Attributes
    ----------
    column
        Its name.
    conditions
        What each code means; ``conditions[0]`` is *missing*. No two hold on one row.
    edges
        Lower edges of bins 2 …, ascending, where the column is binned; else None. The outer bins are open, so that they hold
        the infinities.
    values
        The values with a code of their own, where it is not; code `i + 1` is ``values[i]``.
    function
        What of the column is coded, where it is not the column itself: ``edges`` and ``values`` are then of that.
    """

    column: str
    conditions: tuple[Predicate, ...]
    edges: np.ndarray | None
    values: pd.Index[Any]
    function: Function | None = None

    @property
    def name(self) -> str:
        """What is coded, as a predicate writes it: the column, or a function of it such as ``weekday(day)``."""
        return self.column if self.function is None else str(Operand(self.column, self.function))

    @property
    def other(self) -> int | None:
        """The code that all values without one of their own share; None where there is none."""
        return len(self.values) + 1 if self.edges is None and len(self.conditions) > len(self.values) + 1 else None

    def where(self, codes: Iterable[int]) -> Predicate:
        """The rows with one of `codes`, as a conjunction.

        Raises
        ------
        PredicateError
            If no conjunction says it: *missing* beside some of the values, or bins with a gap between them.
        ParameterError
            If there is no such code.
        """
        chosen, last = sorted(set(codes)), len(self.conditions) - 1
        if not chosen or chosen[0] < 0 or chosen[-1] > last:
            raise ParameterError(f"no such codes of {self.name}", chosen, f"Give at least one of 0 to {last}.")
        if len(chosen) == last + 1:
            return ALL_ROWS
        if len(chosen) == 1:
            return self.conditions[chosen[0]]
        if chosen[0] == 0:
            raise _no_conjunction(self, chosen, "Choose the missing rows alone, or without them.")
        if len(chosen) == last:
            return Predicate((Missing(self.column, negated=True),))
        if self.edges is None and self.function is None:
            return self._membership(chosen)
        if chosen[-1] - chosen[0] >= len(chosen):
            raise _no_conjunction(self, chosen, "Choose neighbours.")
        return self._range(chosen[0], chosen[-1])

    def _membership(self, chosen: Sequence[int]) -> Predicate:
        values, negated = self.values.tolist(), self.other in chosen
        named = [value for code, value in enumerate(values, 1) if (code in chosen) is not negated]
        return Predicate((Membership(self.column, tuple(named), negated=negated),))

    def _range(self, first: int, last: int) -> Predicate:
        """The codes `first` to `last`, which are neighbours, and neither alone nor all."""
        operand = Operand(self.column, self.function)
        if self.edges is None:
            low, high = self.values[first - 1].item(), self.values[last - 1].item()
            return Predicate((Comparison(operand, ">=", low), Comparison(operand, "<=", high)))
        below = None if first == 1 else float(self.edges[first - 2])
        above = None if last > len(self.edges) else float(self.edges[last - 1])
        return _between(operand, below, above)

    def apply(self, series: pd.Series[Any]) -> np.ndarray:
        """The code of each value of `series`, uint8.

        A value this coding never saw falls into its bin or is *other*; where there is neither it counts as missing.
        """
        series = derived(_plain(series), self.function)
        absent = series.isna().to_numpy()
        if self._needs_exact(series):
            return self._apply_conditions(series)
        if self.edges is not None:
            codes = np.searchsorted(self.edges, series.to_numpy(dtype=float, na_value=np.nan), side="right") + 1
        else:
            found = _positions(self.values, series)
            codes = np.where(found >= 0, found + 1, self.other or 0)
        return np.where(absent, 0, codes).astype(np.uint8)

    def _needs_exact(self, series: pd.Series[Any]) -> bool:
        """Whether numbers may be rounded on the way to a float."""
        if not _is_number(series) or not len(series):
            return False
        finite = series.to_numpy(dtype=float, na_value=0.0)
        return bool((np.abs(finite[np.isfinite(finite)]) >= EXACT_FLOATS).any())

    def _apply_conditions(self, series: pd.Series[Any]) -> np.ndarray:
        frame = pd.DataFrame({self.column: series})
        codes = np.zeros(len(series), dtype=np.uint8)
        for code, condition in enumerate(self.conditions[1:], 1):
            codes[condition.mask(frame)] = code
        return codes


def fit_codings(
    frame: pd.DataFrame, columns: Sequence[str], *, bins: int = BINS, top: int = TOP_VALUES, derive: bool = False
) -> list[Coding]:
    """A coding for each of `columns` that holds numbers, booleans or text; times and constant columns are left out.

    A column is constant where all its rows are one value, or all are missing.

    Parameters
    ----------
    frame
        The rows the bins and top values are taken from.
    bins
        Most distinct numbers that keep a code each, and the number of quantile bins beyond; 1 to 254.
    top
        Most texts that keep a code each; the rest are *other*; 1 to 254. Equally frequent ones stay in the alphabet's order.
    derive
        Give times a coding per calendar part that varies (month, weekday, hour), and code free text by its length. Text is free
        where it has more than `top` values, and more than `MOST_TEXTS` or more than half as many as rows.

    Raises
    ------
    ParameterError
        If `bins` or `top` is out of range: a code has eight bits.
    """
    check_sizes(bins, top)
    codings: list[Coding] = []
    for column in columns:
        series = _plain(frame[column])
        for function in _functions(series, top) if derive else _as_it_is(series):
            part = derived(series, function)
            if _varies(part):
                codings.append(_fit(part, function, bins, top))
    return codings


def check_sizes(bins: int, top: int) -> None:
    """Raise ParameterError unless `bins` codes, and `top`, fit beside *missing* and *other*."""
    for name, number in (("bins", bins), ("top", top)):
        if not 1 <= number <= MOST_CODES:
            raise ParameterError(f"{name} is out of range", number, f"Give 1 to {MOST_CODES}.")


def is_free_text(distinct: int, present: int, top: int) -> bool:
    """Whether a column of `distinct` texts in `present` rows is told by its length rather than by its values."""
    return distinct > top and (distinct > MOST_TEXTS or 2 * distinct > present)


def derived(series: pd.Series[Any], function: Function | None) -> pd.Series[Any]:
    """What `function` gives for each value of `series`; `series` itself for None."""
    if function is None:
        return series
    if function == "length":
        return series.str.len()
    times = series.dt.tz_convert(None) if isinstance(series.dtype, pd.DatetimeTZDtype) else series
    return pd.Series(getattr(times.dt, "day_of_week" if function == "weekday" else function), name=series.name)


def number_coding(column: str, distinct: np.ndarray, function: Function | None = None) -> Coding:
    """A code for each of the numbers `distinct`, ascending."""
    operand, values = Operand(column, function), pd.Index(distinct)
    named = [Predicate((Comparison(operand, "=", value),)) for value in values.tolist()]
    return Coding(column, (_absent(column), *named), None, values, function)


def heavy_values(quantiles: np.ndarray, smallest: float) -> np.ndarray:
    """The values that several of `quantiles` are, and the `smallest` value of all if one is: a bin would hold little else.

    They are at most as many as the quantiles that merge, so that an edge above each keeps within the bins asked for.
    """
    values, times = np.unique(quantiles, return_counts=True)
    return np.asarray(values[(times > 1) | (values == smallest)])


def bin_coding(
    column: str, quantiles: np.ndarray, above: np.ndarray, smallest: float, function: Function | None = None
) -> Coding:  # fmt: skip
    """Bins ``[edge, next edge)``; equal quantiles merge, a heavy value has a bin of its own; infinities are outermost.

    Parameters
    ----------
    quantiles
        Of the finite values, ascending; the ones that are no greater than the `smallest` value of all bound nothing.
    above
        The next larger finite value of each of the `heavy_values`; infinity where there is none.
    """
    operand, edges = Operand(column, function), np.unique(np.concatenate([quantiles, above[np.isfinite(above)]]))
    edges = edges[edges > smallest]
    if not len(edges):
        return Coding(column, (_absent(column), Predicate((Missing(column, negated=True),))), edges, pd.Index([]), function)
    bounds = [None, *edges.tolist(), None]
    named = [_between(operand, low, high) for low, high in itertools.pairwise(bounds)]
    return Coding(column, (_absent(column), *named), edges, pd.Index([]), function)


def value_coding(column: str, kept: pd.Index[Any], *, more: bool) -> Coding:
    """A code for each of the texts or truth values `kept`, in their order, and one for all others where there are `more`."""
    named = [equals(column, value) for value in kept.tolist()]
    if more:
        named.append(Predicate((Membership(column, tuple(kept.tolist()), negated=True),)))
    return Coding(column, (_absent(column), *named), None, kept)


def most_frequent(counts: pd.Series[Any], top: int) -> list[Any]:
    """The `top` values of most rows, in the alphabet's order; among equals the smallest stay, whatever the order of the rows.

    Parameters
    ----------
    counts
        Rows per value, descending.
    """
    if len(counts) <= top:
        return sorted(counts.index)
    least = counts.iloc[top - 1]
    above: list[Any] = counts.index[counts > least].tolist()
    return sorted(above + heapq.nsmallest(top - len(above), counts.index[counts == least].tolist()))


def quantile_ranks(count: int, bins: int) -> np.ndarray:
    """Positions, in ascending order of `count` numbers, of the inner edges of `bins` bins: numpy's method ``higher``."""
    return np.ceil((count - 1) * np.linspace(0, 1, bins + 1)[1:-1]).astype(np.intp)


def _positions(values: pd.Index[Any], series: pd.Series[Any]) -> np.ndarray:
    """Where in `values` each value of `series` stands, -1 where it does not; texts by way of Arrow, eight times as fast."""
    if isinstance(series.dtype, pd.StringDtype) and isinstance(values.dtype, pd.StringDtype):
        found = pc.index_in(pa.array(series, pa.large_string()), value_set=pa.array(values, pa.large_string()))
        return np.asarray(pc.fill_null(found, -1))
    return values.get_indexer(pd.Index(series))


def _as_it_is(series: pd.Series[Any]) -> tuple[None, ...]:
    return () if pd.api.types.is_datetime64_any_dtype(series) else (None,)


def _functions(series: pd.Series[Any], top: int) -> tuple[Function | None, ...]:
    """What of a column is coded."""
    if pd.api.types.is_datetime64_any_dtype(series):
        return CALENDAR
    if pd.api.types.is_string_dtype(series.dropna()) and is_free_text(series.nunique(), int(series.count()), top):
        return ("length",)
    return (None,)


def _varies(series: pd.Series[Any]) -> bool:
    present = series.dropna()
    return len(present) > 0 and (len(present) < len(series) or bool((present != present.iloc[0]).any()))


def _plain(series: pd.Series[Any]) -> pd.Series[Any]:
    """`series` with categories as their values."""
    return series.astype(series.dtype.categories.dtype) if isinstance(series.dtype, pd.CategoricalDtype) else series


def _is_number(series: pd.Series[Any]) -> bool:
    return pd.api.types.is_numeric_dtype(series) and not pd.api.types.is_bool_dtype(series)


def _fit(series: pd.Series[Any], function: Function | None, bins: int, top: int) -> Coding:
    column, present = str(series.name), series.dropna()
    if _is_number(series):
        distinct = np.unique(present.to_numpy(dtype="i8" if function else present.dtype.kind + "8"))
        if (len(distinct) > bins and function not in CALENDAR) or not np.isfinite(distinct).all():
            return _fit_bins(column, present, function, bins)
        return number_coding(column, distinct, function)
    counts = present.value_counts()
    return value_coding(column, pd.Index(most_frequent(counts, top), dtype=counts.index.dtype), more=len(counts) > top)


def _fit_bins(column: str, present: pd.Series[Any], function: Function | None, bins: int) -> Coding:
    numbers = present.to_numpy(dtype=float)
    finite = numbers[np.isfinite(numbers)]
    ranks = quantile_ranks(len(finite), bins)
    quantiles = np.partition(finite, ranks)[ranks] if len(finite) and len(ranks) else finite[:0]
    smallest = float(numbers.min())
    above = [finite[finite > value].min(initial=np.inf) for value in heavy_values(quantiles, smallest)]
    return bin_coding(column, quantiles, np.array(above, dtype=float), smallest, function)


def _between(operand: Operand, low: float | None, high: float | None) -> Predicate:
    """The rows whose `operand` is at least `low` and below `high`; None where there is no such bound."""
    if low is not None and high is not None and operand.function is None:
        return Predicate((Interval(operand.column, low, high),))
    above = () if low is None else (Comparison(operand, ">=", low),)
    return Predicate(above if high is None else (*above, Comparison(operand, "<", high)))


def _absent(column: str) -> Predicate:
    return Predicate((Missing(column),))


def _no_conjunction(coding: Coding, chosen: Sequence[int], do: str) -> PredicateError:
    shown = " or ".join(str(coding.conditions[code]) for code in chosen)
    return PredicateError("a conjunction cannot say this", shown, do)
