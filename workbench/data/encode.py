"""From columns of any type to small integer codes, each standing for one base condition of a predicate.

Code 0 is always *missing*. A column of at most `bins` distinct numbers, a boolean, or a text has a code per value; more numbers
fall into quantile bins; rarer texts share one code, *other*. What a code means is a `Predicate`, so that a cell of a cube of
codes is a row selection that any other part understands.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from workbench.errors import ParameterError
from workbench.predicate import Comparison, Interval, Membership, Missing, Operand, Predicate, equals

BINS: Final = 16
TOP_VALUES: Final = 30
MOST_CODES: Final = 254
"""Beside *missing* and *other*, what fits eight bits."""

EXACT_FLOATS: Final = 2.0**53
"""From here on a float may stand for several integers."""


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
    """

    column: str
    conditions: tuple[Predicate, ...]
    edges: np.ndarray | None
    values: pd.Index[Any]

    def apply(self, series: pd.Series[Any]) -> np.ndarray:
        """The code of each value of `series`, uint8.

        A value this coding never saw falls into its bin or is *other*; where there is neither it counts as missing.
        """
        series = _plain(series)
        absent = series.isna().to_numpy()
        if self._needs_exact(series):
            return self._apply_conditions(series)
        if self.edges is not None:
            codes = np.searchsorted(self.edges, series.to_numpy(dtype=float, na_value=np.nan), side="right") + 1
        else:
            found = self.values.get_indexer(pd.Index(series))
            other = len(self.values) + 1 if len(self.conditions) > len(self.values) + 1 else 0
            codes = np.where(found >= 0, found + 1, other)
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


def fit_codings(frame: pd.DataFrame, columns: Sequence[str], *, bins: int = BINS, top: int = TOP_VALUES) -> list[Coding]:
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

    Raises
    ------
    ParameterError
        If `bins` or `top` is out of range: a code has eight bits.
    """
    for name, number in (("bins", bins), ("top", top)):
        if not 1 <= number <= MOST_CODES:
            raise ParameterError(f"{name} is out of range", number, f"Give 1 to {MOST_CODES}.")
    coded = [column for column in columns if not pd.api.types.is_datetime64_any_dtype(frame[column]) and _varies(frame[column])]
    return [_fit(_plain(frame[column]), bins, top) for column in coded]


def _varies(series: pd.Series[Any]) -> bool:
    present = series.dropna()
    return len(present) > 0 and (len(present) < len(series) or bool((present != present.iloc[0]).any()))


def _plain(series: pd.Series[Any]) -> pd.Series[Any]:
    """`series` with categories as their values."""
    return series.astype(series.dtype.categories.dtype) if isinstance(series.dtype, pd.CategoricalDtype) else series


def _is_number(series: pd.Series[Any]) -> bool:
    return pd.api.types.is_numeric_dtype(series) and not pd.api.types.is_bool_dtype(series)


def _fit(series: pd.Series[Any], bins: int, top: int) -> Coding:
    column, present = str(series.name), series.dropna()
    absent = Predicate((Missing(column),))
    if _is_number(series):
        distinct = np.unique(present.to_numpy(dtype=present.dtype.kind + "8"))
        if len(distinct) > bins or not np.isfinite(distinct).all():
            return _binned(column, absent, present, bins)
        values = pd.Index(distinct)
        return Coding(column, (absent, *(equals(column, value) for value in values.tolist())), None, values)
    counts = present.value_counts()
    kept = pd.Index(sorted(_most_frequent(counts, top)), dtype=counts.index.dtype)
    named = [equals(column, value) for value in kept.tolist()]
    if len(counts) > top:
        named.append(Predicate((Membership(column, tuple(kept.tolist()), negated=True),)))
    return Coding(column, (absent, *named), None, kept)


def _most_frequent(counts: pd.Series[Any], top: int) -> list[Any]:
    """The `top` values of most rows; among equals the smallest, whatever the order of the rows."""
    if len(counts) <= top:
        return list(counts.index)
    least = counts.iloc[top - 1]
    above: list[Any] = counts.index[counts > least].tolist()
    return above + heapq.nsmallest(top - len(above), counts.index[counts == least].tolist())


def _binned(column: str, absent: Predicate, present: pd.Series[Any], bins: int) -> Coding:
    """Quantile bins ``[edge, next edge)``; equal quantiles merge, so a heavy value sits in one bin; infinities are outermost."""
    numbers = present.to_numpy(dtype=float)
    finite = numbers[np.isfinite(numbers)]
    quantiles = np.quantile(finite, np.linspace(0, 1, bins + 1)[1:-1], method="higher") if len(finite) else finite
    edges = np.unique(quantiles)
    edges = edges[edges > numbers.min()]
    if not len(edges):
        return Coding(column, (absent, Predicate((Missing(column, negated=True),))), edges, pd.Index([]))
    below = Predicate((Comparison(Operand(column), "<", float(edges[0])),))
    inside = [Predicate((Interval(column, float(low), float(high)),)) for low, high in itertools.pairwise(edges)]
    above = Predicate((Comparison(Operand(column), ">=", float(edges[-1])),))
    return Coding(column, (absent, below, *inside, above), edges, pd.Index([]))
