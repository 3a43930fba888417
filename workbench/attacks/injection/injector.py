"""What an injector is: a function that breaks a log from a moment on, and says what it did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from workbench.attacks.injection.log import DecisionLog
from workbench.attacks.injection.truth import Shift
from workbench.predicate import ALL_ROWS, Comparison, Operand, Predicate


@dataclass(frozen=True, eq=False)
class Injected:
    """The rows with the fault, and what was done.

    Attributes
    ----------
    frame
        In any order.
    rows
        bool, one per row of `frame`: where and when the fault was at work.
    columns
        What names the fault: one of each inner tuple.
    shift
        How far it moved what.
    where
        The rows it reached, apart from the time.
    detail
        What was drawn, in a line.
    accepted, causes
        Words beyond those of the kind that are right for what was drawn, because a log does not tell them apart.
    """

    frame: pd.DataFrame
    rows: np.ndarray
    columns: tuple[tuple[str, ...], ...]
    shift: Shift
    where: Predicate = ALL_ROWS
    detail: str = ""
    accepted: frozenset[str] = frozenset()
    causes: frozenset[str] = frozenset()


Injector = Callable[[DecisionLog, float, pd.Timestamp, np.random.Generator], Injected]
"""``injector(log, strength, onset, rng)``; strength from 0, barely visible, to 1, gross."""


def between(strength: float, least: float, most: float) -> float:
    """`least` at strength 0, `most` at strength 1, the same ratio for the same step."""
    return float(least * (most / least) ** strength)


def from_moment(log: DecisionLog, where: Predicate, onset: pd.Timestamp) -> Predicate:
    """The rows of `where` from `onset` on."""
    return where & Predicate((Comparison(Operand(log.column("time")), ">=", onset.to_pydatetime()),))


def parted(log: DecisionLog, where: Predicate, onset: pd.Timestamp) -> tuple[np.ndarray, np.ndarray]:
    """The rows of `where` from `onset` on, and before it."""
    inside, late = where.mask(log.frame), log.since(onset)
    return inside & late, inside & ~late


def scattered(rows: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """`share` of the given rows, drawn; at least one where there is any."""
    places = np.flatnonzero(rows)
    hit = np.zeros(len(rows), dtype=bool)
    if len(places):
        hit[rng.choice(places, max(1, round(share * len(places))), replace=False)] = True
    return hit
