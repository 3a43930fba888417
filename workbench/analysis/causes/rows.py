"""The rows of a log in order of time, those of both windows together, with the conditions that may say where it changed."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pandas as pd

from workbench.analysis.drift import comparable_columns, watched_columns
from workbench.analysis.onset.series import FEWEST_DAYS
from workbench.data.dataset import Dataset
from workbench.data.encode import Coding, fit_codings
from workbench.errors import InputError
from workbench.predicate import Predicate

MOST_ROWS: Final = 100_000
"""Of a larger log so many rows are looked at, drawn at random (seeded)."""
MOST_BLOCKS: Final = 64
LEAST_BLOCK: Final = 25
"""Rows in a block of time, on average."""
BINS: Final = 12
TOP_VALUES: Final = 24


@dataclass(frozen=True, eq=False)
class Condition:
    """A column coded for the search of where something changed.

    Attributes
    ----------
    coding
        What each code means.
    codes
        Shape (rows,).
    ordered
        Whether neighbouring codes may be joined into a range.
    """

    coding: Coding
    codes: np.ndarray
    ordered: bool

    @property
    def size(self) -> int:
        """How many codes there are."""
        return len(self.coding.conditions)


@dataclass(frozen=True, eq=False)
class TimedRows:
    """Rows in order of time.

    Attributes
    ----------
    windows
        Where they come from, the reference first.
    frame
        Shape (rows, columns), the columns that both windows have.
    times
        Shape (rows,), datetime64[us], ascending.
    block
        The block of time each row lies in, shape (rows,): whole days, or equal parts of the rows.
    blocks
        How many there are.
    current
        Whether each row is of the current window; all are where there is one window.
    conditions
        The columns that may say where.
    share
        Part of all dated rows that is looked at.
    outcomes
        Role to its values as 0, 1 or NaN; ``score`` as numbers.
    """

    windows: tuple[Dataset, ...]
    frame: pd.DataFrame
    times: np.ndarray
    block: np.ndarray
    blocks: int
    current: np.ndarray
    conditions: tuple[Condition, ...]
    share: float
    outcomes: Mapping[str, np.ndarray] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """How many rows."""
        return len(self.times)

    @functools.cached_property
    def days(self) -> np.ndarray:
        """The midnight before each row's time, shape (rows,), of the type of `times`."""
        return self.times.astype("datetime64[D]").astype(self.times.dtype)

    @functools.cached_property
    def hours(self) -> np.ndarray:
        """The hour of the day of each row, shape (rows,), 0 to 23."""
        return np.asarray(((self.times - self.days) / np.timedelta64(1, "h")).astype(int))

    @property
    def dataset(self) -> Dataset:
        """The current window."""
        return self.windows[-1]

    @property
    def known_from(self) -> np.datetime64 | None:
        """The first time of the current window, where there are two."""
        if len(self.windows) == 1 or not self.current.any():
            return None
        return np.datetime64(self.times[self.current][0])


def timed_rows(windows: Sequence[Dataset], seed: int = 0) -> TimedRows | None:
    """The rows of `windows` that have a time; None where they are too few to tell one time from another."""
    last = windows[-1]
    dated = [np.flatnonzero(window.role("time").notna().to_numpy()) for window in windows]
    total = sum(map(len, dated))
    share = min(1.0, MOST_ROWS / max(1, total))
    if share < 1:
        rng = np.random.default_rng(seed)
        dated = [np.sort(rng.choice(at, round(share * len(at)), replace=False)) for at in dated]
    columns = [name for name in last.columns if all(name in window.columns for window in windows)]
    taken = [window.frame[columns].iloc[at] for window, at in zip(windows, dated, strict=True)]
    frame = taken[0] if len(taken) == 1 else pd.concat(taken, ignore_index=True)
    stamps = pd.to_datetime(frame[last.require("time")])
    times = (stamps.dt.tz_convert(None) if stamps.dt.tz is not None else stamps).to_numpy(dtype="datetime64[us]")
    order = np.argsort(times, kind="stable")
    times = times[order]
    edges = _block_edges(times)
    if len(edges) < 4:
        return None
    frame = frame.iloc[order].reset_index(drop=True)
    current = np.repeat([number == len(windows) - 1 for number in range(len(windows))], [len(at) for at in dated])[order]
    outcomes = {
        name: np.concatenate([values[at] for values, at in zip(parts, dated, strict=True)])[order]
        for name, parts in _outcomes(windows).items()
    }
    block = np.searchsorted(edges, np.arange(len(times)), side="right") - 1
    return TimedRows(
        tuple(windows), frame, times, block, len(edges), current, _conditions(windows, frame), share, outcomes
    )  # fmt: skip


def _block_edges(times: np.ndarray) -> np.ndarray:
    """The first row of each block; rows of one time are never parted."""
    if not len(times):
        return np.empty(0, dtype=np.intp)
    starts = np.flatnonzero(np.append(True, times[1:] != times[:-1]))
    days = times.astype("datetime64[D]")
    daily = np.flatnonzero(np.append(True, days[1:] != days[:-1]))
    most = int(min(MOST_BLOCKS, max(1, len(times) // LEAST_BLOCK)))
    pool = daily if len(daily) >= FEWEST_DAYS else starts
    if len(pool) <= most:
        return pool
    wanted = np.arange(most) * len(times) // most
    return np.unique(pool[np.searchsorted(pool, wanted, side="right") - 1])


def _outcomes(windows: Sequence[Dataset]) -> dict[str, list[np.ndarray]]:
    """Label and prediction as 0, 1 or NaN and the score, where the roles allow them in every window."""
    found: dict[str, list[np.ndarray]] = {}
    for role, attribute in (("label", "positive_label"), ("prediction", "positive_prediction")):
        if all(window.has(role) for window in windows):
            try:
                found[role] = [getattr(window, attribute) for window in windows]
            except InputError:
                continue
    if all(window.has("score") for window in windows):
        found["score"] = [window.role("score").to_numpy(dtype=float, na_value=np.nan) for window in windows]
    return found


def _conditions(windows: Sequence[Dataset], frame: pd.DataFrame) -> tuple[Condition, ...]:
    """The features and groups, coded."""
    last, roles = windows[-1], windows[-1].roles
    outcomes = {roles.prediction, roles.score, roles.label, roles.time, roles.row_id, roles.model_version}
    wanted = [*(name for name in watched_columns(last)), *roles.groups]
    names = [name for name in dict.fromkeys(wanted) if name in frame and name not in outcomes]
    shared = comparable_columns(last, windows[0], names)
    codings = fit_codings(frame, shared, bins=BINS, top=TOP_VALUES)
    return tuple(Condition(coding, coding.apply(frame[coding.column]), _is_ordered(coding, frame)) for coding in codings)


def _is_ordered(coding: Coding, frame: pd.DataFrame) -> bool:
    series: pd.Series[Any] = frame[coding.column]
    return coding.edges is not None or (pd.api.types.is_numeric_dtype(series) and not pd.api.types.is_bool_dtype(series))


def rows_where(rows: TimedRows, where: Predicate) -> np.ndarray:
    """The rows for which `where` holds, shape (rows,)."""
    return np.asarray(where.mask(rows.frame), dtype=bool)
