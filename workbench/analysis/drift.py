"""Is a column distributed otherwise than it was? Each column of the current window against the reference window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from workbench.analysis import stats
from workbench.analysis.distance import distance_interval
from workbench.data.dataset import Dataset
from workbench.data.encode import Coding, fit_codings
from workbench.errors import InputError, UnknownNameError
from workbench.result import SMALL_CELL, Result, provenance

LEAST_ROWS = 20
"""Fewer rows than this in a window and no column is compared."""
MOVED_COLUMNS = ("column", "distance", "low", "high", "by_chance", "psi", "missing_before", "missing", "p")


def drift(dataset: Dataset, reference: Dataset, *, columns: Sequence[str] | None = None) -> Result:
    """Compare each column between two windows.

    Parameters
    ----------
    dataset, reference
        The current window and the one it is held against.
    columns
        Names; None: features, prediction, score and label, without those that hold times, or are of another type in the other
        window (`workbench.analysis.integrity` reports these).

    Returns
    -------
    Result
        Table ``columns``, one row per column, strongest first: ``distance`` (total variation over at most 16 quantile bins of
        both windows, or values, or missing; 0 = same, 1 = nothing in common), its 95 % interval (``low``, ``high``) and what of
        it chance alone would show (``by_chance``), ``psi`` (population stability index, natural
        logarithm), missing share in both windows, ``p`` (Kolmogorov-Smirnov for numbers, chi-squared for values, joined with
        that of the missing share by Bonferroni) and ``p_holm``. Table ``cells``: the shares of each code of each column. Rows
        count alike: the role ``weight`` is not used.

    Raises
    ------
    InputError
        If a window has fewer than `LEAST_ROWS` rows, or a column given is of another type in the other window.
    UnknownNameError
        If a column is not in both windows.
    """
    for window in (dataset, reference):
        if window.rows < LEAST_ROWS:
            where = f"{window.rows} rows where {window.where}"
            raise InputError("too few rows in a window to compare", where, f"{LEAST_ROWS} are needed.")
    names = _named(dataset, reference, columns)
    both = pd.concat([reference.frame[list(names)], dataset.frame[list(names)]], ignore_index=True)
    codings = fit_codings(both, names)
    compared = [_compare(coding, reference.frame[coding.column], dataset.frame[coding.column]) for coding in codings]
    table = pd.DataFrame([row for row, _ in compared], columns=list(MOVED_COLUMNS))
    table["p_holm"] = stats.holm(table["p"].to_numpy(dtype=float))
    table = table.sort_values("distance", ascending=False, kind="stable", ignore_index=True)
    cells = pd.concat([cells for _, cells in compared], ignore_index=True) if compared else pd.DataFrame()
    arguments = {
        "columns": names,
        "current": str(dataset.where),
        "reference": str(reference.where),
        "roles": dataset.given.said(),
    }
    return Result(
        kind="drift",
        title="Columns that moved",
        tables={"columns": table, "cells": cells},
        numbers={"rows": dataset.rows, "rows_before": reference.rows},
        where=dataset.where,
        provenance=provenance(arguments, fingerprint=dataset.fingerprint),
    )


def _named(dataset: Dataset, reference: Dataset, columns: Sequence[str] | None) -> tuple[str, ...]:
    """`columns`, each in both windows and of one type there; or all that are."""
    if columns is None:
        return comparable_columns(dataset, reference, watched_columns(dataset))
    for name in columns:
        if name not in dataset.columns or name not in reference.columns:
            raise UnknownNameError("column in both windows", name, sorted({*dataset.columns} & {*reference.columns}))
        if not same_kind(dataset.frame[name], reference.frame[name]):
            types = f"{name}: {column_kind(reference.frame[name])}, then {column_kind(dataset.frame[name])}"
            raise InputError("a column changed its type between the windows", types, "Leave it out, or convert one of the two.")
    return tuple(columns)


def comparable_columns(dataset: Dataset, reference: Dataset, columns: Sequence[str]) -> tuple[str, ...]:
    """Those of `columns` that both windows have, with values of one type."""
    shared = [name for name in columns if name in reference.columns]
    return tuple(name for name in shared if same_kind(dataset.frame[name], reference.frame[name]))


def same_kind(series: pd.Series[Any], before: pd.Series[Any]) -> bool:
    """Whether two columns hold the same kind of values; a column without any value fits every kind."""
    kinds = {column_kind(series), column_kind(before)}
    return len(kinds) == 1 or bool(series.isna().all()) or bool(before.isna().all())


def column_kind(series: pd.Series[Any]) -> str:
    """``numbers``, ``booleans``, ``times`` or ``text``: what the values of a column are."""
    if pd.api.types.is_bool_dtype(series):
        return "booleans"
    if pd.api.types.is_numeric_dtype(series):
        return "numbers"
    return "times" if pd.api.types.is_datetime64_any_dtype(series) else "text"


def watched_columns(dataset: Dataset) -> tuple[str, ...]:
    """Features, prediction, score and label, each once; times left out."""
    roles = dataset.roles
    named = [column for column in (roles.prediction, roles.score, roles.label) if column is not None]
    found = dict.fromkeys([*dataset.features, *named])
    return tuple(column for column in found if not pd.api.types.is_datetime64_any_dtype(dataset.frame[column]))


def psi(before: np.ndarray, after: np.ndarray) -> float:
    """Population stability index of two histograms: sum of (a - b) ln(a / b), half a row added to every cell (0 = same)."""
    a, b = (before + 0.5) / (before + 0.5).sum(), (after + 0.5) / (after + 0.5).sum()
    return float(((b - a) * np.log(b / a)).sum())


def _compare(coding: Coding, before: pd.Series[Any], after: pd.Series[Any]) -> tuple[dict[str, object], pd.DataFrame]:
    size = len(coding.conditions)
    counts = [np.bincount(coding.apply(series), minlength=size).astype(float) for series in (before, after)]
    numbers = column_kind(before) == "numbers"
    present_p = _numbers_p(before, after) if numbers else float(stats.chi2_homogeneity(counts[0][1:], counts[1][1:]))
    absent_p = float(stats.two_proportions(counts[0][0], counts[0].sum(), counts[1][0], counts[1].sum()))
    p = np.nanmin([present_p, absent_p, 1.0]) * 2
    row = {
        "column": coding.column,
        "distance": float(stats.total_variation(counts[0], counts[1])),
        **distance_interval(counts[0], counts[1])._asdict(),
        "psi": psi(counts[0], counts[1]),
        "missing_before": counts[0][0] / counts[0].sum(),
        "missing": counts[1][0] / counts[1].sum(),
        "p": min(1.0, float(p)),
    }
    shares = [count / count.sum() for count in counts]
    cells = pd.DataFrame({
        "column": coding.column, "where": [str(condition) for condition in coding.conditions], "share_before": shares[0],
        "share": shares[1], "rows_before": counts[0].astype(int), "rows": counts[1].astype(int),
        "suppressed": (counts[0] < SMALL_CELL) | (counts[1] < SMALL_CELL),
    })  # fmt: skip
    return row, cells


def _numbers_p(before: pd.Series[Any], after: pd.Series[Any]) -> float:
    samples = [np.sort(series.dropna().to_numpy(dtype=float)) for series in (before, after)]
    if min(map(len, samples)) == 0:
        return float("nan")
    return float(stats.two_sample_ks(*samples).p)
