"""A log in the order in which it arrived, and its inputs as vectors in which "near" is 1.

Rows of one time stand in no order, and are shuffled; rows of one caller stand together. A log without times is taken as it lies,
unless it lies sorted: then nobody knows in which order it arrived.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from workbench.analysis.drift import column_kind
from workbench.attacks.recurrence.matching import spread
from workbench.data.dataset import Dataset

STEP: Final = 0.25
"""Numbers are near up to this part of their column's spread."""
CODE_STEP: Final = 4.0
"""Distance of two categories: far."""
MISSING: Final = 8e6
MOST_MISSING: Final = 2_000_000
"""A missing value is `MISSING` and more, as exact in float32: far from any other, for a burst of them is no likeness."""
OFTEN_MISSING: Final = 0.5
"""From this share on, to be missing is what most rows have in common, and missing is near missing."""
SAMPLE: Final = 20_000
SORTED: Final = 0.99
"""A column that rises or falls in this part of the rows says that the log was sorted by it."""


@dataclass(frozen=True, eq=False)
class Arrivals:
    """The rows of one or two windows in order of arrival.

    Attributes
    ----------
    windows
        The earlier one first.
    columns
        The inputs that are compared.
    order
        int64, shape (rows,): places in the joined windows, in order of arrival, caller by caller.
    times
        datetime64, shape (rows,), in that order; None without times.
    groups
        int64, shape (rows,): whose row it is, 0 without callers.
    current
        Whether each row is of the last window.
    """

    windows: tuple[Dataset, ...]
    columns: tuple[str, ...]
    order: np.ndarray
    times: np.ndarray | None
    groups: np.ndarray
    current: np.ndarray

    def __len__(self) -> int:
        return len(self.order)

    @functools.cached_property
    def numeric(self) -> tuple[str, ...]:
        """The columns that hold numbers in every window."""
        kinds = ("numbers", "booleans")
        return tuple(name for name in self.columns if all(column_kind(window.frame[name]) in kinds for window in self.windows))

    def values(self, column: str, places: np.ndarray | None = None) -> pd.Series[Any]:
        """A column in order of arrival, or its rows at `places` of that order."""
        parts = [window.frame[column] for window in self.windows]
        joined = parts[0] if len(parts) == 1 else pd.concat(parts, ignore_index=True)
        return joined.iloc[self.order if places is None else self.order[places]].reset_index(drop=True)

    def matrix(self, columns: Sequence[str], places: np.ndarray | None = None) -> np.ndarray:
        """The inputs in units of "near": float32, shape (rows, columns); the columns that tell most rows apart come first."""
        vectors = [self._scaled(name, places) if name in self.numeric else _coded(self.values(name, places)) for name in columns]
        vectors.sort(key=_alike)
        found = np.empty((len(vectors[0]), len(vectors)), dtype=np.float32)
        for number, vector in enumerate(vectors):
            found[:, number] = vector
        return found

    def _scaled(self, column: str, places: np.ndarray | None) -> np.ndarray:
        every = [window.frame[column].to_numpy(dtype=float, na_value=np.nan) for window in self.windows]
        joined = every[0] if len(every) == 1 else np.concatenate(every)
        middle, unit = spread(joined)
        taken = joined[self.order if places is None else self.order[places]]
        return _apart((taken - middle) / (STEP * unit), ~np.isfinite(taken))

    def in_window(self, hits: np.ndarray) -> np.ndarray:
        """`hits`, in order of arrival, as a mask of the rows of the last window's frame."""
        mask = np.zeros(len(self.order), dtype=bool)
        mask[self.order[hits]] = True
        found: np.ndarray = mask[len(mask) - len(self.windows[-1].frame) :]
        return found


def arrivals(windows: Sequence[Dataset], caller: str | None = None, seed: int = 0) -> Arrivals | None:
    """The rows of `windows` in order of arrival; None where no order is known.

    Parameters
    ----------
    caller
        The column that says who asked; it is not compared.
    seed
        Shuffles rows of one time.
    """
    last = windows[-1]
    columns = tuple(name for name in last.features if name != caller and _is_input(name, windows))
    rows = sum(len(window.frame) for window in windows)
    times = _times(windows)
    if times is None and caller is None and _lies_sorted(last, columns):
        return None
    order = np.arange(rows) if times is None else _in_time(times, seed)
    groups = np.zeros(rows, dtype=np.int64)
    if caller is not None:
        named = pd.concat([window.frame[caller] for window in windows], ignore_index=True)
        codes = pd.factorize(named)[0].astype(np.int64)
        order = order[np.argsort(codes[order], kind="stable")]
        groups = codes[order]
    current = order >= rows - len(last.frame)
    return Arrivals(tuple(windows), columns, order, None if times is None else times[order], groups, current)


def _is_input(name: str, windows: Sequence[Dataset]) -> bool:
    there = all(name in window.columns for window in windows)
    return there and name != windows[-1].roles.time and column_kind(windows[-1].frame[name]) != "times"


def _times(windows: Sequence[Dataset]) -> np.ndarray | None:
    if any(window.roles.time is None for window in windows):
        return None
    parts = [pd.to_datetime(window.role("time")).to_numpy(dtype="datetime64[us]") for window in windows]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _in_time(times: np.ndarray, seed: int) -> np.ndarray:
    """The places of `times` in their order, those of one time shuffled."""
    if (times[1:] > times[:-1]).all():
        return np.arange(len(times))
    chance = np.random.default_rng([seed, 40]).permutation(len(times))
    return np.asarray(chance[np.argsort(times[chance], kind="stable")])


def _lies_sorted(dataset: Dataset, columns: Sequence[str]) -> bool:
    for name in columns:
        codes = _coded(dataset.frame[name].iloc[:SAMPLE], in_order=True)
        steps = np.diff(codes)
        if len(np.unique(codes)) > 2 and max((steps >= 0).mean(), (steps <= 0).mean()) >= SORTED:
            return True
    return False


def _coded(values: pd.Series[Any], *, in_order: bool = False) -> np.ndarray:
    """Each value as a number far from every other."""
    codes, _ = pd.factorize(values, sort=in_order)
    return _apart(codes * CODE_STEP, codes < 0)


def _apart(values: np.ndarray, missing: np.ndarray) -> np.ndarray:
    """`values` with the missing ones far from all others, and from each other unless most are missing."""
    if not missing.any():
        return values
    apart = np.zeros(len(values)) if missing.mean() >= OFTEN_MISSING else np.arange(len(values)) % MOST_MISSING
    return np.where(missing, MISSING + CODE_STEP * apart, values)


def _alike(vector: np.ndarray) -> float:
    """The share of rows that are near a row far from them in the log: the smaller, the sooner it tells two rows apart."""
    sample = vector[:: len(vector) // SAMPLE + 1]
    return float((np.abs(sample - np.roll(sample, len(sample) // 2)) <= 1).mean()) if len(sample) > 1 else 1.0
