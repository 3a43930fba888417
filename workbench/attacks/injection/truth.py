"""What an injected fault did, known to whoever injected it and to nobody else."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from workbench.predicate import Predicate


@dataclass(frozen=True)
class Shift:
    """How far a fault moved the mean of one statistic in the rows it reached.

    Attributes
    ----------
    statistic
        What was averaged, and so the unit of `effect`.
    without, now
        Its mean over the reached rows had nothing happened, and as it is.
    spread
        Its standard deviation, of rows.
    rows, rows_before
        Rows reached, and rows like them before the onset, which whoever knows both can compare.
    """

    statistic: str
    without: float
    now: float
    spread: float
    rows: int
    rows_before: int

    @property
    def effect(self) -> float:
        """How far the mean moved."""
        return self.now - self.without

    @property
    def signal(self) -> float:
        """Expected z of a two-sample test of the statistic by somebody who knows the rows and the onset; 0 without rows."""
        if not self.rows or not self.rows_before or not self.effect:
            return 0.0
        return abs(self.effect) / max(self.spread * math.sqrt(1 / self.rows + 1 / self.rows_before), 1e-12)


@dataclass(frozen=True)
class Truth:
    """What is wrong in a log, from its making.

    Attributes
    ----------
    kind
        A name of `workbench.attacks.injection.KINDS`.
    accepted
        Words of `workbench.vocabulary.FINDING_KINDS` that call it what it is; none where nothing is wrong.
    causes
        Words for the cause that no log could tell apart.
    columns
        What a finding must name: one of each inner tuple.
    where
        The rows it reached, apart from the time.
    rows
        bool, one per row of the log: where and when it was at work.
    onset
        Time of the first row it reached; None where nothing is wrong.
    shift
        How far it moved what; None where nothing is wrong.
    detail
        A line for whoever reads the benchmark.
    parts
        The faults it is made of, where they are several.
    """

    kind: str
    accepted: frozenset[str]
    causes: frozenset[str]
    columns: tuple[tuple[str, ...], ...]
    where: Predicate
    rows: np.ndarray
    onset: pd.Timestamp | None
    shift: Shift | None
    detail: str = ""
    parts: tuple[Truth, ...] = ()


def shift_of(statistic: str, without: np.ndarray, now: np.ndarray, before: np.ndarray) -> Shift:
    """The shift of the mean from `without` to `now`, both over the reached rows; `before` are rows like them earlier."""
    without, now, before = (np.asarray(values, dtype=float) for values in (without, now, before))
    without, now, before = (values[~np.isnan(values)] for values in (without, now, before))
    spreads = [values.std() for values in (now, before) if len(values)]
    rows = min(len(without), len(now))
    if not rows:
        return Shift(statistic, math.nan, math.nan, math.nan, 0, len(before))
    spread = float(max(spreads)) or 0.5 / math.sqrt(rows)
    return Shift(statistic, float(without.mean()), float(now.mean()), spread, len(now), len(before))


def ranked(values: pd.Series[float], among: pd.Series[float]) -> np.ndarray:
    """The share of `among` below each value, ties by half; NaN where missing: a scale on which any unit is comparable."""
    known = np.sort(among.dropna().to_numpy(dtype=float))
    given = values.to_numpy(dtype=float, na_value=np.nan)
    if not len(known):
        return np.full(len(given), np.nan)
    rank = (np.searchsorted(known, given, "left") + np.searchsorted(known, given, "right")) / (2 * len(known))
    return np.where(np.isnan(given), np.nan, rank)
