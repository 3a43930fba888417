"""Is the data itself sound? Missing values, types, ranges, new values, duplicates, frozen columns, and what changed with time.

A defect here comes before any verdict on a model: a rate computed over a broken label is a number about the breakage. Rows count
alike throughout: the role ``weight`` is not used.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from workbench.analysis import stats
from workbench.analysis.drift import column_kind, comparable_columns, same_kind, watched_columns
from workbench.analysis.series import joined, scan_changes, timeline
from workbench.data.dataset import Dataset
from workbench.result import SMALL_CELL, Result, provenance

MOSTLY = 0.5
"""A text column is of mixed type where at least this share of its values, but not all, are numbers."""
WAS_COMMON = 0.05
"""A value that held at least this share of the reference and is seen no more is told as gone."""
FIRST_TIME = pd.Timestamp("1990-01-01")
"""Decision logs are younger than this: an earlier time is a clock that was not set, or an epoch read in the wrong unit."""
CLOCKS_DIFFER = pd.Timedelta(days=1)
"""How far ahead of now a time may lie: time zones, and clocks that are a little off."""

FROZEN_COLUMNS = ("column", "value", "run", "start", "end", "share_elsewhere", "p")


def integrity(dataset: Dataset, reference: Dataset | None = None) -> Result:
    """Inspect every column, and every series over time.

    Parameters
    ----------
    dataset
        The rows to inspect.
    reference
        An earlier window to hold them against.

    Returns
    -------
    Result
        Table ``columns``: per column its type, missing share, distinct values, whether it is constant, share of values of the
        wrong type (``mixed``). With a reference that has the column also: its kind of values there (``kind_before``), the shares
        missing and mixed there, whether it was constant, and the shares of the rows outside its former range and with values new
        to it, each with a raw p-value. Of text columns that are used also the most common value that is ``gone``, as the share
        of the reference it held.
        Table ``changes``, where the role ``time`` is set: per series (rate of the label, the prediction and the error, mean and
        spread of the score and of each number, missing share, rows per day) its changes in order of time: onset and its 95 %
        interval, value and rows of the levels just before and just after, ``spread`` (standard deviation of all values), p.
        Table ``frozen``: per column its longest run of one value in time order, with p for so long a run.
        Table ``timeline``: rows, and the rates of label, prediction and error, per day, week, month or year.
        ``numbers``: ``rows``; ``repeated_rows`` (beyond the first, ``row_id`` left out); ``coincident_rows`` (pairs of equal rows
        expected by chance, were the columns independent); ``repeated_row_id`` (beyond the first, missing left out); the same
        with ``_before`` for the reference. Where the role ``time`` is set: ``rows_dated_ahead`` (in the future by more than
        `CLOCKS_DIFFER`), ``rows_dated_early`` (before `FIRST_TIME`) and ``series`` (how many were scanned for changes).
    """
    windows = [window for window in (reference, dataset) if window is not None]
    dated = [window for window in windows if window.has("time")]
    tables = {"columns": _columns(dataset, reference)}
    numbers = _repeated(dataset)
    if dataset.has("time"):
        times = joined([window.role("time").to_numpy(dtype="datetime64[us]") for window in dated])
        order = np.argsort(times, kind="stable")
        order = order[: len(times) - int(np.isnat(times).sum())]
        tables["changes"], numbers["series"] = scan_changes(dated, times[order], order)
        tables["frozen"] = _frozen(dated, times[order], order)
        tables["timeline"] = timeline(dated, times[order], order)
        numbers |= _misdated(dataset.role("time"))
    if reference is not None:
        numbers |= {f"{name}_before": value for name, value in _repeated(reference).items()}
    arguments = {
        "reference": None if reference is None else str(reference.where),
        "current": str(dataset.where),
        "roles": dataset.given.said(),
    }
    return Result(
        kind="integrity",
        title="Soundness of the data",
        tables=tables,
        numbers=numbers,
        where=dataset.where,
        provenance=provenance(arguments, fingerprint=dataset.fingerprint),
    )


def _columns(dataset: Dataset, reference: Dataset | None) -> pd.DataFrame:
    types = dataset.table.schema()
    used = set(watched_columns(dataset))
    rows = []
    for column in dataset.columns:
        series = dataset.frame[column]
        row: dict[str, object] = {"column": column, "type": str(types[column]), **_summary(series)}
        if reference is not None and column in reference.columns:
            row |= _against(series, reference.frame[column])
            row |= _gone(series, reference.frame[column]) if column in used else {}
        rows.append(row)
    return pd.DataFrame(rows)


def _summary(series: pd.Series[Any]) -> dict[str, object]:
    distinct = int(series.nunique())
    return {
        "missing": float(series.isna().mean()),
        "distinct": distinct,
        "constant": distinct <= 1,
        "mixed": _mixed_share(series),
    }


def _mixed_share(series: pd.Series[Any]) -> float:
    """Share of values of the minority type in a text column that is mostly numbers; 0 where the type is one."""
    if column_kind(series) != "text":
        return 0.0
    counts = series.value_counts()
    if not len(counts):
        return 0.0
    numbers = pd.to_numeric(pd.Series(counts.index.astype(str)), errors="coerce").notna().to_numpy()
    share = float(counts[numbers].sum()) / float(counts.sum())
    return 1 - share if MOSTLY <= share < 1 else 0.0


def _against(series: pd.Series[Any], before: pd.Series[Any]) -> dict[str, object]:
    """How the current values of a column lie outside what the reference held."""
    n, n0 = len(series), len(before)
    absent, absent_before = int(series.isna().sum()), int(before.isna().sum())
    found: dict[str, object] = {
        "missing_before": absent_before / n0,
        "missing_p": float(stats.two_proportions(absent, n, absent_before, n0)),
        "constant_before": not _varies(before),
        "constant_p": _settled(series, before),
        "mixed_before": _mixed_share(before),
        "kind_before": column_kind(before),
        "kind": column_kind(series),
        "kind_changed": not same_kind(series, before),
    }
    if found["kind_changed"] or absent_before == n0:
        return found
    if column_kind(series) == "numbers":
        outside = int(((series < before.min()) | (series > before.max())).sum())
        # outside values may part in outside + 1 ways into too small and too large
        return found | {"outside": outside / n, "outside_p": _surprise(outside, n, n0, values=outside + 1)}
    if column_kind(series) == "text":
        known = set(before.dropna().unique())
        fresh = series.dropna()
        counts = fresh[~fresh.isin(known)].value_counts()
        most = int(counts.iloc[0]) if len(counts) else 0
        return found | {
            "new": int(counts.sum()) / n,
            "new_value": str(counts.index[0]) if len(counts) else None,
            "new_p": _surprise(most, n, n0, values=max(1, len(known) + len(counts))),
        }
    return found


def _gone(series: pd.Series[Any], before: pd.Series[Any]) -> dict[str, object]:
    """The most common value of the reference that a text column no longer holds; nothing where none was common."""
    if column_kind(series) != "text" or column_kind(before) != "text" or series.isna().all():
        return {}
    counts = before.value_counts()
    lost = counts[~counts.index.isin(series.dropna().unique())]
    hits = int(lost.iloc[0]) if len(lost) else 0
    if hits < max(SMALL_CELL, WAS_COMMON * len(before)):
        return {}
    chance = _surprise(hits, int(before.notna().sum()), int(series.notna().sum()), values=len(counts))
    return {"gone": hits / len(before), "gone_value": str(lost.index[0]), "gone_p": chance}


def _misdated(times: pd.Series[Any]) -> dict[str, Any]:
    now = pd.Timestamp.now("UTC").tz_localize(None)
    stamps = times.to_numpy(dtype="datetime64[us]")
    ahead, early = stamps > (now + CLOCKS_DIFFER).to_datetime64(), stamps < FIRST_TIME.to_datetime64()
    return {"rows_dated_ahead": int(ahead.sum()), "rows_dated_early": int(early.sum())}


def _varies(series: pd.Series[Any]) -> bool:
    """Whether the column holds more than one value, missing left out."""
    values = series.dropna()
    return not values.empty and bool((values != values.iloc[0]).any())


def _settled(series: pd.Series[Any], before: pd.Series[Any]) -> float:
    """The p that a column which varied in `before` shows a single value by chance; 1 where it varies or never did."""
    values = series.dropna()
    if values.empty or _varies(values):
        return 1.0
    others = int((before.dropna() != values.iloc[0]).sum()) if same_kind(series, before) else 0
    return float(stats.two_proportions(0, len(values), others, int(before.notna().sum()))) if others else 1.0


def _surprise(hits: int, rows: int, rows_before: int, *, values: int) -> float:
    """The p that all `hits` rows fall among `rows` and none among the others, `rows_before`, for any of `values` (Bonferroni)."""
    total = rows + rows_before
    chance = _log_factorial(rows) - _log_factorial(rows - hits) - _log_factorial(total) + _log_factorial(total - hits)
    return min(1.0, values * math.exp(min(0.0, chance)))


def _log_factorial(number: int) -> float:
    return float(special.gammaln(number + 1))


def _repeated(dataset: Dataset) -> dict[str, Any]:
    compared = [column for column in dataset.columns if column != dataset.roles.row_id]
    distinct = int(dataset.table.select(*compared).distinct().count().to_pyarrow().as_py()) if compared else dataset.rows
    repeated = dataset.rows - distinct
    people = dataset.people()
    identified = 0 if people is None else int(dataset.role("row_id").notna().sum())
    return {
        "rows": dataset.rows,
        "repeated_rows": repeated,
        "coincident_rows": _coincident(dataset, compared) if repeated else 0.0,
        "repeated_row_id": identified - (people or 0),
    }


def _coincident(dataset: Dataset, columns: Sequence[str]) -> float:
    """Pairs of rows that would agree in all `columns` by chance, were the columns independent of each other."""
    pairs = dataset.rows * (dataset.rows - 1) / 2
    for column in columns:
        counts = dataset.frame[column].value_counts(dropna=False).to_numpy(dtype=float)
        pairs *= float(((counts / counts.sum()) ** 2).sum())
    return pairs


def _frozen(windows: list[Dataset], times: np.ndarray, order: np.ndarray) -> pd.DataFrame:
    """The longest run of one value of each feature and the score, over whole points in time.

    Rows of one time have no order, so a time belongs to a run only where all its rows hold the value. With p = rows x q ^ (run -
    1), at most 1, where q is the larger of two shares outside the run: of rows that hold the value, and of rows that repeat the
    row before, whatever its value (a column that follows the calendar is no frozen sensor).
    """
    last = windows[-1]
    outcomes = (last.roles.label, last.roles.prediction)
    starts = np.flatnonzero(np.append(True, times[1:] != times[:-1])) if len(times) else np.array([], dtype=int)
    sizes = np.diff(np.append(starts, len(times)))
    rows = []
    for column in comparable_columns(last, windows[0], [name for name in watched_columns(last) if name not in outcomes]):
        joined = windows[0].frame[column] if len(windows) == 1 else pd.concat([window.frame[column] for window in windows])
        unsorted, values = pd.factorize(joined, use_na_sentinel=True)
        codes = unsorted[order]
        if not len(codes) or len(values) <= 1:
            continue
        lowest, highest = np.minimum.reduceat(codes, starts), np.maximum.reduceat(codes, starts)
        points = np.where(lowest == highest, lowest, -1)
        first, count = longest_run(points, np.where(points < 0, 0, sizes))
        code, run = int(points[first]), int(sizes[first : first + count].sum())
        if code < 0:
            continue
        others = len(codes) - run
        held = (np.count_nonzero(codes == code) - run + 1) / (others + 2)
        repeated = (np.count_nonzero(codes[1:] == codes[:-1]) - (run - 1) + 1) / (others + 2)
        p = min(1.0, len(codes) * max(held, min(repeated, 1.0)) ** (run - 1))
        value = values[code : code + 1].tolist()[0]
        end = starts[first] + run - 1
        rows.append(dict(zip(FROZEN_COLUMNS, (column, value, run, times[starts[first]], times[end], held, p), strict=True)))
    return pd.DataFrame(rows, columns=list(FROZEN_COLUMNS))


def longest_run(codes: np.ndarray, sizes: np.ndarray | None = None) -> tuple[int, int]:
    """Start and length of the longest run of one value in `codes` (the first of several), each entry counting `sizes` (1)."""
    breaks = np.flatnonzero(np.diff(codes)) + 1
    starts, ends = np.concatenate([[0], breaks]), np.concatenate([breaks, [len(codes)]])
    weight = ends - starts if sizes is None else np.add.reduceat(sizes, starts)
    longest = int(np.argmax(weight))
    return int(starts[longest]), int(ends[longest] - starts[longest])
