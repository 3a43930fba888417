"""Time cut into periods, and what a number per row amounts to in each: rows, mean, and the 95 % interval of the mean."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np

from workbench.analysis import stats

LENGTHS: Final = {"hour": "h", "day": "D", "week": "W", "month": "M", "year": "Y"}
"""Period to numpy's unit of time; a week begins on Monday."""
MOST_PERIODS: Final = 120
ENOUGH: Final = 20
"""Rows that a period should hold at least: a rate over fewer says little."""
FULL: Final = 0.8
"""Share of the periods with rows that should hold as many."""
FEWEST_PERIODS: Final = 6
"""Fewer than this show no course: rather shorter ones with fewer rows."""
STRAY: Final = 0.001
"""Share of the earliest and of the latest rows that no axis is stretched for: a clock that was not set."""
MONDAY: Final = 4
"""Days from the first day of 1970, a Thursday, to the first Monday."""


class Periods(NamedTuple):
    """Name of the length, first moment of each period from the first to the last, and the period of each row, or -1."""

    name: str
    starts: np.ndarray
    codes: np.ndarray


class Levels(NamedTuple):
    """Per period or part: rows that count, their mean, and its 95 % interval (NaN where nothing counts)."""

    rows: np.ndarray
    value: np.ndarray
    low: np.ndarray
    high: np.ndarray


def cut(times: np.ndarray, among: np.ndarray) -> Periods | None:
    """The shortest periods of which there are at most `MOST_PERIODS`, `FULL` of them with `ENOUGH` rows of `among`.

    Where none are so full, the longest of which there are `FEWEST_PERIODS`, or the shortest of all.

    Parameters
    ----------
    times
        One per row, ``datetime64``; rows without one are in no period.
    among
        The rows that will be counted.

    Returns
    -------
    Periods or None
        None where no row of `among` has a time.
    """
    known = times[among & ~np.isnat(times)]
    if not len(known):
        return None
    first, last = np.quantile(known.astype("datetime64[us]").astype(np.int64), [STRAY, 1 - STRAY], method="nearest")
    found = list(_candidates(times, np.array([first, last]).astype("datetime64[us]")))
    full = [periods for periods in found if _least_rows(periods, among) >= ENOUGH]
    long = [periods for periods in found if len(periods.starts) >= FEWEST_PERIODS]
    return full[0] if full and len(full[0].starts) >= FEWEST_PERIODS else long[-1] if long else found[0]


def _least_rows(periods: Periods, among: np.ndarray) -> float:
    held = np.bincount(periods.codes[among & (periods.codes >= 0)], minlength=len(periods.starts))
    return float(np.quantile(held[held > 0], 1 - FULL, method="nearest"))


def _candidates(times: np.ndarray, ends: np.ndarray) -> Iterator[Periods]:
    for name, unit in LENGTHS.items():
        low, high = _floor(ends, unit)
        size = int(high - low) + 1
        if size > MOST_PERIODS and name != "year":
            continue
        codes = np.full(len(times), -1)
        timed = ~np.isnat(times)
        found = _floor(times[timed], unit) - low
        codes[timed] = np.where((found >= 0) & (found < size), found, -1)
        yield Periods(name, _moments(low + np.arange(size), unit), codes)


def _floor(times: np.ndarray, unit: str) -> np.ndarray:
    """The number of the period that each time lies in."""
    if unit == "W":
        return (times.astype("datetime64[D]").astype(np.int64) - MONDAY) // 7
    return times.astype(f"datetime64[{unit}]").astype(np.int64)


def _moments(numbers: np.ndarray, unit: str) -> np.ndarray:
    days = (numbers * 7 + MONDAY).astype("datetime64[D]") if unit == "W" else numbers.astype(f"datetime64[{unit}]")
    return days.astype("datetime64[us]")


def levels(values: np.ndarray, codes: np.ndarray, size: int, *, share: bool) -> Levels:
    """The mean of `values` in each of `size` parts.

    Parameters
    ----------
    values
        One per row, NaN where the row does not count.
    codes
        The part of each row, -1: none.
    share
        The values are 0 and 1, so that the interval is Wilson's; else Student's.
    """
    kept = (codes >= 0) & ~np.isnan(values)
    codes, values = codes[kept], values[kept]
    rows = np.bincount(codes, minlength=size)
    centre = float(values.mean()) if len(values) else 0.0
    total = np.bincount(codes, values - centre, minlength=size)
    with np.errstate(invalid="ignore"):
        value = np.where(rows > 0, total / np.maximum(rows, 1) + centre, np.nan)
    if share:
        hits = np.bincount(codes, values, minlength=size)
        low, high = stats.wilson(hits, rows)
    else:
        squares = np.bincount(codes, (values - centre) ** 2, minlength=size)
        low, high = (end + centre for end in stats.mean_interval(rows, total, squares))
    return Levels(rows, value, low, high)
