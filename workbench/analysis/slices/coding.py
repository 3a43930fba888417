"""Base conditions of the search: codes for each column, with every value as it is as long as it can have the support."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from workbench.analysis.slices.cube import all_codes
from workbench.analysis.slices.windows import Rows, StreamedRows
from workbench.data.codes import read_codes
from workbench.data.encode import MOST_CODES, Coding, fit_codings, number_coding, value_coding
from workbench.predicate import missing

SAMPLE = 2_000
"""Rows that show most features to be no leak."""
LEAK_ROWS = 20
"""Rows from which on a feature that tells the outcome of each is no chance."""


@dataclass(frozen=True)
class Coded:
    """Columns as codes.

    Attributes
    ----------
    codings
        What the codes mean.
    codes
        Shape (columns, rows), uint8.
    usable
        Which codes are conditions, shape (columns, 256).
    notices
        What was left out or put together, a sentence each.
    """

    codings: tuple[Coding, ...]
    codes: np.ndarray
    usable: np.ndarray
    notices: tuple[str, ...]


def code_columns(rows: Rows, columns: Sequence[str], *, bins: int, least: float, weighted: bool) -> Coded:
    """Codes for `columns`: each value of a text, missing, 16 quantile bins of many numbers, parts of times.

    A text of more than 254 values keeps the most frequent. The others are left out where none of them has the support, and are
    one condition together, with a notice, where one might.

    Parameters
    ----------
    least
        The support, to tell whether a rare value can matter; of weights nobody knows beforehand.
    """
    codings, codes = _stream(rows, columns, bins) if isinstance(rows, StreamedRows) else _fit(rows.frame, columns, bins)
    usable = all_codes(codings) if codings else np.zeros((0, 256), bool)
    notices = []
    for number, coding in enumerate(codings):
        if coding.other is None or coding.function is not None:
            continue
        if weighted or _next_count(rows.column(coding.column), coding) >= least:
            notices.append(f"{coding.column} has more than {MOST_CODES} values that may have the support: the rarer ones are one")
        else:
            usable[number, coding.other] = False
    return Coded(tuple(codings), codes, usable, tuple(notices))


def _fit(frame: pd.DataFrame, columns: Sequence[str], bins: int) -> tuple[list[Coding], np.ndarray]:
    codings: list[Coding] = []
    for column in columns:
        found = fit_codings(frame, [column], bins=bins, top=MOST_CODES, derive=True)
        codings += found or _constant(frame[column])
    codes = np.empty((len(codings), len(frame)), np.uint8)
    for number, coding in enumerate(codings):
        codes[number] = coding.apply(frame[coding.column])
    return codings, codes


def _stream(rows: StreamedRows, columns: Sequence[str], bins: int) -> tuple[list[Coding], np.ndarray]:
    """As `_fit`, from a file column by column."""
    found = read_codes(rows.dataset, columns, bins=bins, top=MOST_CODES, derive=True)
    absent = [column for column in columns if column not in {coding.column for coding in found.codings}]
    more = [(coding, coding.apply(series)) for series in map(rows.column, absent) for coding in _constant(series)]
    if not more:
        return list(found.codings), found.values
    every = sorted([*zip(found.codings, found.values, strict=True), *more], key=lambda pair: columns.index(pair[0].column))
    return [coding for coding, _ in every], np.vstack([codes for _, codes in every])


def _constant(series: pd.Series[Any]) -> list[Coding]:
    """The coding of a column with one value, or none; times have no such condition."""
    if pd.api.types.is_datetime64_any_dtype(series):
        return []
    present = series.dropna()
    if not len(present):
        return [Coding(str(series.name), (missing(str(series.name)),), None, pd.Index([]))]
    if pd.api.types.is_numeric_dtype(series) and not pd.api.types.is_bool_dtype(series):
        return [number_coding(str(series.name), present.unique()[:1].astype("f8" if present.dtype.kind == "f" else "i8"))]
    return [value_coding(str(series.name), pd.Index(present.unique()[:1]), more=False)]


def _next_count(series: pd.Series[Any], coding: Coding) -> int:
    """Rows of the most frequent value without a code of its own."""
    counts = series.value_counts()
    return int(counts.iloc[len(coding.values)]) if len(counts) > len(coding.values) else 0


def leaks(coded: Coded, outcomes: dict[str, pd.Series[Any]]) -> list[str]:
    """Sentences on features that give an outcome away: each of their values stands for one outcome, and the other way round."""
    found = []
    for name, series in outcomes.items():
        numbered, values = pd.factorize(series)
        for codes, coding in zip(coded.codes, coded.codings, strict=True):
            if coding.column == name:
                found.append(f"{name} is searched as a feature, and the loss is computed from it")
            elif 0 < len(values) < MOST_CODES and _one_to_one(codes, numbered, len(values)):
                found.append(f"{coding.column} tells {name} in every row: a leak, or the same column twice")
    return list(dict.fromkeys(found))


def _one_to_one(codes: np.ndarray, numbered: np.ndarray, values: int) -> bool:
    """Whether codes and outcomes, numbered from 0 and missing as -1, determine each other, and there are two or more of them."""
    if not _is_matching(_together(codes[:SAMPLE], numbered[:SAMPLE], values)):
        return False
    rows = _together(codes, numbered, values)
    return _is_matching(rows) and int(rows.sum()) >= LEAK_ROWS and int(np.count_nonzero(rows)) >= 2


def _together(codes: np.ndarray, numbered: np.ndarray, values: int) -> np.ndarray:
    """Rows with each code and outcome, shape (256, values); without those that lack either."""
    known = (codes > 0) & (numbered >= 0)
    cells = codes[known].astype(np.int64) * values + numbered[known]
    return np.bincount(cells, minlength=256 * values).reshape(256, values)


def _is_matching(rows: np.ndarray) -> bool:
    """Whether no code goes with two outcomes and no outcome with two codes."""
    met = rows > 0
    return bool((met.sum(axis=0) <= 1).all() and (met.sum(axis=1) <= 1).all())
