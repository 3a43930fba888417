"""The soundness of a log period by period: rows, rates, missing shares and repeated rows, to look at beside their changes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pandas as pd

from workbench.analysis.drift import comparable_columns, watched_columns
from workbench.analysis.periods import Levels, Periods, cut, levels
from workbench.analysis.series import joined, rates
from workbench.data.dataset import Dataset
from workbench.errors import RolesError
from workbench.result import SMALL_CELL, Result, provenance

MOST_MISSING: Final = 3
"""Columns whose missing share is followed: those where it varies most."""
COLUMNS: Final = ("series", "side", "start", "rows", "value", "low", "high", "suppressed")
ROWS: Final = "rows"
REPEATED: Final = "repeated rows"
MISSING: Final = "missing share of "


def soundness_over_time(dataset: Dataset, reference: Dataset | None = None) -> Result:
    """Follow what `workbench.analysis.integrity.integrity` scans for changes, by period.

    Parameters
    ----------
    dataset, reference
        As that takes them.

    Returns
    -------
    Result
        Table ``periods``: per ``series`` (the names of that module's table ``changes``; beside them ``rows``, and ``repeated
        rows``, those equal to an earlier row in everything but ``row_id``) and period: ``start``, ``rows`` that count, ``value``
        (0 none, 1 all; of ``rows`` the rows) and its 95 % interval. ``numbers``: ``rows``, and the length of a ``period``.

    Raises
    ------
    RolesError
        If the role ``time`` is not set.
    """
    windows = [window for window in (reference, dataset) if window is not None]
    if not all(window.has("time") for window in windows):
        raise RolesError("nothing can be followed over time", None, "Name the column that holds the times: role `time`.")
    times = joined([window.role("time").to_numpy(dtype="datetime64[us]") for window in windows])
    periods = cut(times, np.ones(len(times), dtype=bool))
    rows = [] if periods is None else [row for name, found in _measured(windows, periods) for row in _told(name, periods, found)]
    return Result(
        kind="soundness",
        title="Soundness over time",
        tables={"periods": pd.DataFrame(rows, columns=list(COLUMNS))},
        numbers={"rows": len(times), "period": None if periods is None else periods.name},
        where=dataset.where,
        provenance=provenance({"roles": dataset.given.said()}, fingerprint=dataset.fingerprint),
    )


def _measured(windows: list[Dataset], periods: Periods) -> Iterator[tuple[str, Levels]]:
    size = len(periods.starts)
    for series in rates(windows):
        yield series.name, levels(series.values, periods.codes, size, share=True)
    yield from _missing(windows, periods)
    yield REPEATED, levels(_repeated(windows), periods.codes, size, share=True)
    counts = np.bincount(periods.codes[periods.codes >= 0], minlength=size)
    yield ROWS, Levels(counts, counts.astype(float), np.full(size, np.nan), np.full(size, np.nan))


def _missing(windows: list[Dataset], periods: Periods) -> Iterator[tuple[str, Levels]]:
    """The columns whose missing share varies most between periods of `SMALL_CELL` rows or more."""
    found: list[tuple[float, str, Levels]] = []
    for column in comparable_columns(windows[-1], windows[0], watched_columns(windows[-1])):
        absent = joined([window.frame[column].isna().to_numpy(dtype=float) for window in windows])
        if not 0 < absent.sum() < len(absent):
            continue
        measured = levels(absent, periods.codes, len(periods.starts), share=True)
        full = measured.value[measured.rows >= SMALL_CELL]
        found.append((float(np.ptp(full)) if len(full) else 0.0, column, measured))
    for _, column, measured in sorted(found, key=lambda each: -each[0])[:MOST_MISSING]:
        yield f"{MISSING}{column}", measured


def _repeated(windows: list[Dataset]) -> np.ndarray:
    """1.0 for each row that equals an earlier one of its window in everything but ``row_id``."""
    return joined([
        window.frame.drop(columns=window.roles.row_id or []).duplicated().to_numpy(dtype=float) for window in windows
    ])  # fmt: skip


def _told(name: str, periods: Periods, measured: Levels) -> Iterator[tuple[Any, ...]]:
    rows = measured.rows.astype(int).tolist()
    starts = pd.DatetimeIndex(periods.starts)
    for start, count, value, low, high in zip(starts, rows, *(part.tolist() for part in measured[1:]), strict=True):
        if count or name == ROWS:
            yield name, "all rows", start, count, value, low, high, count < SMALL_CELL
