"""What in a log moves with time: rates, means, spreads, missing shares and volume as series, their changes, and the timeline.

A *series* is one number per row (or per day), in order of time. `workbench.analysis.onset` says when its level changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from workbench.analysis.drift import column_kind, comparable_columns, watched_columns
from workbench.analysis.losses import row_values
from workbench.analysis.onset import Change, Model, locate_changes
from workbench.data.dataset import Dataset
from workbench.errors import InputError
from workbench.result import SMALL_CELL

MOST_PERIODS = 120
MOST_CHANGES = 4
LEVEL = 0.01
"""Largest p of a change that is told: more would only cut the level on either side of a real change into pieces."""
FEWEST_DAYS = 3
"""Rows per day are a series from this many days on."""

CHANGE_COLUMNS = (
    "series", "column", "onset", "earliest", "latest", "before", "after", "rows_before", "rows_after", "statistic", "p", "spread",
    "identifiable",
)  # fmt: skip


class Series(NamedTuple):
    """A number per row, NaN where the row has none: its name, the column it reads (the last, of several), model and values."""

    name: str
    column: str
    model: Model
    values: np.ndarray


def scan_changes(windows: Sequence[Dataset], times: np.ndarray, order: np.ndarray) -> tuple[pd.DataFrame, int]:
    """The changes of each series (at most `MOST_CHANGES`, in order of time), and how many series were scanned.

    Parameters
    ----------
    windows
        The earlier window first.
    times
        Sorted, without missing ones.
    order
        The rows of the joined windows in the order of `times`.
    """
    rows: list[dict[str, object]] = []
    scanned = 0
    for series in (*rates(windows), *_column_series(windows)):
        values = series.values[order]
        keep = ~np.isnan(values)
        when, values = (times, values) if keep.all() else (times[keep], values[keep])
        found = _changes(series._replace(values=values), when)
        rows += found
        scanned += 1
        if series.name.startswith("mean of") and len(np.unique(values[:1000])) > 2:
            onsets = [row["onset"] for row in found]
            rows += _changes(Series(f"spread of {series.column}", series.column, "normal", _strayed(when, values, onsets)), when)
            scanned += 1
    days, counts = _rows_per_day(times)
    if len(days):
        rows += _changes(Series("rows per day", windows[-1].require("time"), "normal", counts), days)
        scanned += 1
    return pd.DataFrame(rows, columns=list(CHANGE_COLUMNS)), scanned


def _changes(series: Series, times: np.ndarray) -> list[dict[str, object]]:
    found = locate_changes(times, series.values, model=series.model, level=LEVEL, most=MOST_CHANGES)
    spread = float(series.values.std()) if found else 0.0
    return [_change_row(series, change, spread) for change in sorted(found, key=lambda change: change.onset)]


def _change_row(series: Series, change: Change, spread: float) -> dict[str, object]:
    earliest, latest = change.interval
    return {
        "series": series.name, "column": series.column, "onset": pd.Timestamp(change.onset), "earliest": pd.Timestamp(earliest),
        "latest": pd.Timestamp(latest), "before": change.before, "after": change.after, "rows_before": change.n_before,
        "rows_after": change.n_after, "statistic": change.statistic, "p": change.p, "spread": spread,
        "identifiable": change.identifiable,
    }  # fmt: skip


def _strayed(times: np.ndarray, values: np.ndarray, onsets: Sequence[object]) -> np.ndarray:
    """How far each value lies from the median of its level, so that a shift of the level is no wider spread."""
    if not len(values):
        return values
    cuts = np.searchsorted(times, np.array([np.datetime64(pd.Timestamp(str(onset)), "us") for onset in onsets], "datetime64[us]"))
    return np.concatenate([np.abs(part - np.median(part)) for part in np.split(values, cuts) if len(part)])


def rates(windows: Sequence[Dataset]) -> Iterator[Series]:
    """The rates of label, prediction and error, where the roles allow them in every window."""
    last = windows[-1]
    for role, attribute in (("label", "positive_label"), ("prediction", "positive_prediction")):
        if all(window.has(role) for window in windows):
            try:
                values = joined([getattr(window, attribute) for window in windows])
            except InputError:
                continue
            yield Series(f"rate of {role}", last.require(role), "bernoulli", values)
    if all(window.has("label", "prediction") for window in windows):
        try:
            measured = [row_values(window, "error") for window in windows]
        except InputError:
            return
        values = joined([np.where(among, wrong, np.nan) for wrong, among in measured])
        yield Series("rate of error", last.require("prediction"), "bernoulli", values)


def _column_series(windows: Sequence[Dataset]) -> Iterator[Series]:
    """Each column's missing share and mean."""
    last = windows[-1]
    for column in comparable_columns(last, windows[0], watched_columns(last)):
        absent = joined([window.frame[column].isna().to_numpy(dtype=bool) for window in windows])
        if absent.any() and not absent.all():
            yield Series(f"missing share of {column}", column, "bernoulli", absent.astype(float))
        if column_kind(last.frame[column]) == "numbers" and column not in (last.roles.label, last.roles.prediction):
            numbers = joined([window.frame[column].to_numpy(dtype=float, na_value=np.nan) for window in windows])
            yield Series(f"mean of {column}", column, "normal", np.where(np.isfinite(numbers), numbers, np.nan))


def timeline(windows: Sequence[Dataset], times: np.ndarray, order: np.ndarray) -> pd.DataFrame:
    """Rows and rates per day, week, month or year: the shortest of which there are at most `MOST_PERIODS`."""
    columns = {series.name: series.values[order] for series in rates(windows)}
    if not len(times):
        return pd.DataFrame(columns=["start", "rows", *columns, "suppressed"])
    span = pd.Timestamp(times[-1]) - pd.Timestamp(times[0])
    period = next(
        (name for name, days in (("D", 1), ("W-SUN", 7), ("M", 31)) if span / pd.Timedelta(days=days) < MOST_PERIODS), "Y"
    )
    starts = pd.DatetimeIndex(times, name="start").to_period(period).start_time
    grouped = pd.DataFrame(columns, index=starts).groupby(level=0)
    table = grouped.mean()
    table.insert(0, "rows", grouped.size())
    table.index.name = "start"
    table = table.reset_index()
    table["suppressed"] = table["rows"] < SMALL_CELL
    return table


def joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    """The windows' values one after the other."""
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _rows_per_day(times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every calendar day from the first to the last of the sorted `times`, and the rows on it; empty below `FEWEST_DAYS`."""
    days = times.astype("datetime64[D]")
    if not len(days) or (days[-1] - days[0]).astype(int) + 1 < FEWEST_DAYS:
        return np.array([], dtype="datetime64[us]"), np.array([])
    counts = np.bincount((days - days[0]).astype(int)).astype(float)
    return (days[0] + np.arange(len(counts))).astype("datetime64[us]"), counts
