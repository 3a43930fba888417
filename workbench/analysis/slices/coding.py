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
ROUNDING = 1e-9
"""A sum of weights this near the support may have it: the order of adding up decides."""
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
    """

    codings: tuple[Coding, ...]
    codes: np.ndarray
    usable: np.ndarray


def code_columns(rows: Rows, columns: Sequence[str], *, bins: int, least: float) -> Coded:
    """Codes for `columns`: each value of a text, missing, 16 quantile bins of many numbers, parts of times.

    A text of more than 254 values is coded by its most frequent ones first, then by the others that have the support in further
    codings of 254 each: what is searched has eight bits, and no slice asks one column twice. Values without the support are no
    conditions.

    Parameters
    ----------
    least
        The support.
    """
    codings, codes = _stream(rows, columns, bins) if isinstance(rows, StreamedRows) else _fit(rows.frame, columns, bins)
    usable = all_codes(codings) if codings else np.zeros((0, 256), bool)
    for number, coding in enumerate(codings):
        if _has_others(coding):
            usable[number, coding.other] = False
    return complete(Coded(tuple(codings), codes, usable), rows, least)


def complete(coded: Coded, rows: Rows, least: float) -> Coded:
    """`coded` with further codings of the texts that have the support in `rows` and no code, after the column's own."""
    names = [coding.name for coding in coded.codings]
    places: list[int] = []
    further: list[tuple[Coding, np.ndarray]] = []
    for name in dict.fromkeys(coding.name for coding in coded.codings if _has_others(coding)):
        last = len(names) - 1 - names[::-1].index(name)
        series = rows.column(coded.codings[last].column)
        known = [coding.values for coding in coded.codings if coding.name == name]
        more = [(part, part.apply(series)) for part in _further(rows, series, known, least)]
        places, further = places + [last] * len(more), further + more
    if not further:
        return coded
    order = np.argsort([*range(len(names)), *places], kind="stable")
    every = [*coded.codings, *(part for part, _ in further)]
    own = [np.isin(np.arange(256), np.arange(1, len(part.values) + 1)) for part, _ in further]
    codes = np.vstack([coded.codes, *(codes for _, codes in further)])
    return Coded(tuple(every[place] for place in order), codes[order], np.vstack([coded.usable, *own])[order])


def _has_others(coding: Coding) -> bool:
    """Whether there are values of the column itself without a code of their own."""
    return coding.other is not None and coding.function is None


def _further(rows: Rows, series: pd.Series[Any], known: Sequence[pd.Index[Any]], least: float) -> list[Coding]:
    """Codings of the values that have the support and are none of the `known` ones, the most frequent first."""
    numbers, values = pd.factorize(series)
    counted = rows.current & ~np.isnan(rows.loss.values) & (numbers >= 0)
    weights = None if rows.weights is None else rows.weights[counted]
    sizes = np.bincount(numbers[counted], weights, minlength=len(values))
    for each in known:
        sizes[pd.Index(values).isin(each)] = 0
    order = np.argsort(-sizes, kind="stable")
    held = order[(sizes[order] > 0) & (sizes[order] >= least * (1 - ROUNDING))]
    parts = [pd.Index(values).take(held[start : start + MOST_CODES]) for start in range(0, len(held), MOST_CODES)]
    return [value_coding(str(series.name), part.astype(known[0].dtype), more=True) for part in parts]


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
