"""A change with its moment, what it is put down to, and the two together: a root."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from workbench.analysis.causes.levels import Signal
from workbench.analysis.causes.rows import TimedRows
from workbench.analysis.causes.scan import Hit
from workbench.predicate import ALL_ROWS, Predicate

NEAR: Final = 0.03
"""Onsets that differ by less than this part of the log may be one."""


@dataclass(frozen=True, eq=False)
class Dated:
    """A change with its moment.

    Attributes
    ----------
    hit
        What changed and where.
    onset, earliest, latest
        First row of the new level and its 95 % interval.
    end
        When the level went back; None: it lasts.
    identifiable
        Whether the log says when.
    affected
        The rows of the new level, shape (rows,).
    p
        Over all signals examined.
    reached
        Those of them that it reached, where the signal tells: of repeats the repeated rows; shape (rows,).
    """

    hit: Hit
    onset: np.datetime64
    earliest: np.datetime64
    latest: np.datetime64
    end: np.datetime64 | None
    identifiable: bool
    affected: np.ndarray
    p: float
    reached: np.ndarray
    explains: tuple[Dated, ...] = field(default=(), repr=False)

    @property
    def signal(self) -> Signal:
        """Of which signal."""
        return self.hit.signal


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """What a change amounts to.

    Attributes
    ----------
    cause
        A word of `workbench.vocabulary.CAUSES`.
    told
        What is seen, without since when and where.
    effect, unit, interval
        Its size.
    narrower
        What else must hold of a row that it reached.
    harmful
        Whether it is a fault; other cases that arrive are none.
    local
        Whether it leaves other columns alone, so that what moves there needs a cause of its own.
    column
        What it names beside the signal's own column.
    size
        Its size in parts of what could be at most, in [0, 1].
    """

    cause: str
    told: str
    effect: float
    unit: str
    interval: tuple[float, float] | None
    size: float
    narrower: Predicate = ALL_ROWS
    harmful: bool = True
    local: bool = True
    column: str | None = None


@dataclass(frozen=True, eq=False)
class Root:
    """A change that no earlier one explains, and what it is put down to."""

    change: Dated
    diagnosis: Diagnosis


def same_time(change: Dated, other: Dated, rows: TimedRows) -> bool:
    """Whether two changes may have begun at one moment."""
    if change.earliest <= other.latest and other.earliest <= change.latest:
        return True
    return bool(abs(change.onset - other.onset) <= NEAR * (rows.times[-1] - rows.times[0]))
