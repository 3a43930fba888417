"""What each finding is about, over time: its own number on its own rows beside the others, and before its onset beside since.

A finding says how large something is; its history shows it. The number is the one the finding is measured in (an error rate, a
missing share, a mean); its rows are those it names, less the conditions on the time, which say since when.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from workbench.analysis.losses import row_values
from workbench.analysis.measures import LABELS, SHARES
from workbench.analysis.periods import Levels, Periods, cut, levels
from workbench.data.dataset import Dataset
from workbench.errors import InputError
from workbench.predicate import ALL_ROWS, Comparison, Interval, Predicate
from workbench.result import SMALL_CELL, Finding, Result, provenance

MOST: Final = 20
"""Findings whose history is measured: more than anybody unfolds."""
REST: Final = "all other rows"
LEAST_SIDE: Final = 0.1
"""A side with a smaller part of the other's rows does not say how long a period is."""
MEASURE_OF: Final = {words: measure for measure, words in LABELS.items()}
POSITIVES: Final = {
    "share of positive predictions": ("positive_prediction", "prediction"),
    "share of positive labels": ("positive_label", "label"),
}
BY_CAUSE: Final = {
    "moved threshold": "share of positive predictions",
    "label flips": "base rate",
    "version mix-up": "error rate",
    "concept drift": "error rate",
    "calibration drift": "error rate",
}
"""Cause to the unit in which it shows, where the finding is measured in another that is no number of a row."""
CROWDS: Final = "evasion"
"""The cause that shows in how many rows there are of its own, among all."""
SHARE_OF_ALL: Final = "share of rows just past the threshold"
ERRORS: Final = ("predictions unequal to the label", "rows with both")
WHOLE: Final = "whole log"
STATISTIC_COLUMNS: Final = ("finding", "statistic", "counted", "among", "share", "period")
PERIOD_COLUMNS: Final = ("finding", "side", "start", "rows", "value", "low", "high", "suppressed")
LEVEL_COLUMNS: Final = ("finding", "side", "span", "rows", "value", "low", "high", "suppressed")


Sides = Mapping[str, np.ndarray]


class Statistic(NamedTuple):
    """What a finding is measured in: its name, what is counted among which rows, and per row its value (NaN: does not count)."""

    name: str
    counted: str
    among: str
    values: np.ndarray
    share: bool


class Log(NamedTuple):
    """The rows of a log, or of two, one after the other: their columns, times (None without), and which are under suspicion."""

    parts: tuple[Dataset, ...]
    frame: pd.DataFrame
    times: np.ndarray | None
    current: np.ndarray | None


def measure_histories(
    dataset: Dataset,
    findings: Sequence[Finding],
    *,
    reference: Predicate | Dataset | None = None,
    current: Predicate | None = None,
) -> Result:
    """The history of each of the first `MOST` findings.

    Parameters
    ----------
    dataset, reference, current
        As `workbench.triage.run.triage` takes them.
    findings
        Ranked; a finding is known by its rank.

    Returns
    -------
    Result
        Table ``statistics``: per finding the ``statistic``, what is ``counted`` in it ``among`` which rows, whether it is a
        ``share`` (0 none, 1 all), the length of a ``period`` (missing without times). Table ``periods``: per finding, side (the
        finding's rows; those it is measured against, or `REST`) and period: ``start``, ``rows`` that count, ``value`` and its
        95 % interval; where the statistic is the rows themselves, they are the value. Table ``levels``: the same per side and
        ``span`` (before the onset and since, the reference window and the current one, or the whole log).
    """
    log = _log(dataset, reference, current)
    made = [_history(finding, log) for finding in findings[:MOST] if finding.rank is not None]
    tables = {
        name: pd.DataFrame([row for history in made for row in history[name]], columns=list(columns))
        for name, columns in (
            ("statistics", STATISTIC_COLUMNS),
            ("periods", PERIOD_COLUMNS),
            ("levels", LEVEL_COLUMNS),
        )
    }
    arguments = {"findings": [finding.statement for finding in findings[:MOST]], "roles": dataset.given.said()}
    return Result(
        kind="history",
        title="Each finding over time",
        tables=tables,
        numbers={"rows": len(log.frame)},
        where=dataset.where,
        provenance=provenance(arguments, fingerprint=dataset.fingerprint),
    )


def _log(dataset: Dataset, reference: Predicate | Dataset | None, current: Predicate | None) -> Log:
    parts = (reference, dataset) if isinstance(reference, Dataset) else (dataset,)
    frame = parts[0].frame if len(parts) == 1 else pd.concat([part.frame for part in parts], ignore_index=True)
    timed = all(part.has("time") for part in parts)
    times = np.concatenate([part.role("time").to_numpy(dtype="datetime64[us]") for part in parts]) if timed else None
    suspected = None
    if isinstance(reference, Dataset):
        inside = np.arange(len(frame)) >= reference.rows
        suspected = inside if current is None else inside & current.mask(frame)
    elif reference is not None:
        suspected = ~reference.mask(frame) if current is None else current.mask(frame)
    return Log(parts, frame, times, suspected)


def _history(finding: Finding, log: Log) -> dict[str, list[Any]]:
    where = Predicate.parse(finding.where)
    time = log.parts[-1].roles.time
    during = Predicate(tuple(each for each in where.conditions if _is_when(each, time)))
    own = Predicate(tuple(each for each in where.conditions if not _is_when(each, time)))
    since, spans = _spans(finding, during, log)
    sides, statistic = _followed(finding, own, log, since)
    inside = next(iter(sides.values()))
    counting = inside if statistic is None else inside & ~np.isnan(statistic.values)
    periods = None if log.times is None else cut(log.times, _fewer(counting, sides, statistic))
    told = statistic or Statistic("rows", "rows", "rows", np.ones(len(log.frame)), share=False)
    length = None if periods is None else periods.name
    return {
        "statistics": [(finding.rank, told.name, told.counted, told.among, told.share, length)],
        "levels": list(_levels(finding.rank, sides, since, spans, statistic)),
        "periods": list(_periods(finding.rank, sides, periods, statistic)),
    }


def _followed(finding: Finding, own: Predicate, log: Log, since: np.ndarray | None) -> tuple[Sides, Statistic | None]:
    """The finding's rows first, those it is measured against, and what is measured on them; of a crowd its share of all rows."""
    inside = own.mask(log.frame)
    if finding.cause == CROWDS:
        share = Statistic(SHARE_OF_ALL, f"rows where {own}", "rows", inside.astype(float), share=True)
        return {str(ALL_ROWS): np.ones(len(inside), dtype=bool)}, share
    return {str(own): inside, **_others(finding, inside, log)}, _statistic(finding, log, since)


def _others(finding: Finding, inside: np.ndarray, log: Log) -> Sides:
    """The rows that the finding is measured against: those it names, else all others; none where there are no others."""
    if finding.versus is not None:
        return {finding.versus: Predicate.parse(finding.versus).mask(log.frame)}
    return {} if inside.all() else {REST: ~inside}


def _fewer(counting: np.ndarray, sides: Sides, statistic: Statistic | None) -> np.ndarray:
    """The rows of the side that has fewer, unless it is too small to be followed: periods have to suit both."""
    _, *beside = sides.values()
    if not beside or statistic is None:
        return counting
    others = beside[0] & ~np.isnan(statistic.values)
    return others if LEAST_SIDE * counting.sum() <= others.sum() < counting.sum() else counting


def _levels(
    rank: int | None, sides: Sides, since: np.ndarray | None, spans: Sequence[str], statistic: Statistic | None
) -> Iterator[tuple[Any, ...]]:
    if statistic is None:
        return
    spans = spans if since is not None else (WHOLE,)
    codes = np.zeros(len(statistic.values), dtype=int) if since is None else since.astype(int)
    for side, mask in sides.items():
        measured = levels(statistic.values, np.where(mask, codes, -1), len(spans), share=statistic.share)
        yield from ((rank, side, span, *row) for span, row in zip(spans, _rows(measured), strict=True))


def _periods(rank: int | None, sides: Sides, periods: Periods | None, statistic: Statistic | None) -> Iterator[tuple[Any, ...]]:
    if periods is None:
        return
    starts = pd.DatetimeIndex(periods.starts)
    for side, mask in sides.items():
        codes = np.where(mask, periods.codes, -1)
        measured = _counted(codes, len(starts)) if statistic is None else levels(
            statistic.values, codes, len(starts), share=statistic.share
        )  # fmt: skip
        rows = zip(starts, _rows(measured), strict=True)
        yield from ((rank, side, start, *row) for start, row in rows if row[0] or statistic is None)


def _counted(codes: np.ndarray, size: int) -> Levels:
    """The rows of each part as its value."""
    rows = np.bincount(codes[codes >= 0], minlength=size)
    nothing = np.full(size, np.nan)
    return Levels(rows, rows.astype(float), nothing, nothing)


def _rows(measured: Levels) -> list[tuple[int, float, float, float, bool]]:
    counts = measured.rows.astype(int).tolist()
    ends = (measured.value.tolist(), measured.low.tolist(), measured.high.tolist())
    return [(rows, *rest, rows < SMALL_CELL) for rows, *rest in zip(counts, *ends, strict=True)]


def _is_when(condition: object, time: str | None) -> bool:
    """Whether a condition bounds the time itself; one on its hour or weekday says which rows, not since when."""
    if isinstance(condition, Comparison):
        return condition.column == time and condition.operand.function is None
    return isinstance(condition, Interval) and condition.column == time


def _spans(finding: Finding, during: Predicate, log: Log) -> tuple[np.ndarray | None, tuple[str, str]]:
    """The rows from the onset on (or in the current window), and what to call the others and these."""
    if finding.onset is not None and log.times is not None:
        onset = pd.Timestamp(finding.onset)
        bounded = during != ALL_ROWS
        mask = during.mask(log.frame) if bounded else log.times >= onset.to_datetime64()
        ends = any(isinstance(each, Interval) or str(each).split(" ")[1][:1] == "<" for each in during.conditions)
        since = f"{onset:%Y-%m-%d}"
        return mask, (("outside", "during") if ends else (f"before {since}", f"since {since}"))
    if log.current is not None:
        return log.current, ("reference window", "current window")
    return (during.mask(log.frame), ("outside", "during")) if during != ALL_ROWS else (None, ("", ""))


def _statistic(finding: Finding, log: Log, since: np.ndarray | None) -> Statistic | None:
    """What the finding is measured in, row by row, or what its cause shows in; None where neither is a number of a row."""
    units = [finding.unit, *([BY_CAUSE[finding.cause]] if finding.cause in BY_CAUSE else [])]
    measured = (_in_unit(unit, finding, log, since) for unit in units)
    return next((statistic for statistic in measured if statistic is not None), None)


def _in_unit(unit: str, finding: Finding, log: Log, since: np.ndarray | None) -> Statistic | None:
    measure = MEASURE_OF.get(unit) or (unit.removeprefix("mean ") if unit.startswith("mean ") else None)
    try:
        if measure is not None:
            words = SHARES.get(measure, ERRORS if measure == "error" else (unit, "rows that have it"))
            return Statistic(unit, *words, _measured(log, measure), measure in SHARES or measure == "error")
        if unit in POSITIVES:
            attribute, role = POSITIVES[unit]
            values = np.concatenate([getattr(part, attribute) for part in log.parts])
            return Statistic(unit, f"positive {role}s", f"rows with a {role}", values, share=True)
    except InputError:
        return None
    column = _moved_column(finding)
    if column is None or column not in log.frame or column == log.parts[-1].roles.time:
        return None
    if unit == "missing share":
        absent = log.frame[column].isna().to_numpy(dtype=float)
        return Statistic(unit, f"rows without {column}", "rows", absent, share=True)
    return _column_statistic(log.frame[column], column, since)


def _moved_column(finding: Finding) -> str | None:
    """The one column of a defect or a drift that does not only say where it is; of those an upstream change wrote, the first."""
    if finding.kind == "lineage":
        return next(iter(finding.columns), None)
    if finding.kind not in ("integrity", "drift"):
        return None
    placing = Predicate.parse(finding.where).columns
    moved = [column for column in finding.columns if column not in placing] or list(finding.columns)
    return moved[0] if len(moved) == 1 else None


def _measured(log: Log, measure: str) -> np.ndarray:
    found = [row_values(part, measure) for part in log.parts]
    return np.concatenate([np.where(among, values, np.nan) for values, among in found])


def _column_statistic(series: pd.Series[Any], column: str, since: np.ndarray | None) -> Statistic | None:
    """The mean of a column of numbers; of another, or of zeros and ones, the share of the value that moved most."""
    among = f"rows with {column}"
    values = series.dropna().unique()
    if pd.api.types.is_numeric_dtype(series) and not (pd.api.types.is_bool_dtype(series) or set(values) <= {0, 1}):
        numbers = series.to_numpy(dtype=float, na_value=np.nan)
        return Statistic(f"mean of {column}", column, among, np.where(np.isfinite(numbers), numbers, np.nan), share=False)
    if since is None or not len(values) or pd.api.types.is_datetime64_any_dtype(series):
        return None
    before, after = (series[rows].value_counts(normalize=True) for rows in (~since, since))
    moved = after.sub(before, fill_value=0.0).abs()
    value = moved[moved == moved.max()].index.max()
    held = np.where(series.isna(), np.nan, (series == value).to_numpy(dtype=float, na_value=0.0))
    return Statistic(f"share of {column} = {value}", f"rows where {column} is {value}", among, held, share=True)
