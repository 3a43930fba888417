"""Two causes of the same rows, of which one only makes up for the other.

Where a fault pushes decisions one way, putting a sound column otherwise may push them back, and so seems to help. So both are
repaired, each alone and together: what surely does harm beside the other, and undoes less than it, was no fault.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from workbench.errors import WorkbenchError
from workbench.result import Finding
from workbench.triage.repair.again import decide_again, sampled
from workbench.triage.repair.asking import Decider
from workbench.triage.repair.cases import ERRORS, Cases, Harm, Rows
from workbench.triage.repair.share import SURELY, Undoing
from workbench.triage.repair.values import Repair

MOST_SHARED: Final = 2_000
"""Rows that two repairs are tried on together."""
LEAST_SHARED: Final = 100


@dataclass(frozen=True, eq=False)
class Tried:
    """A repair that was tried.

    Attributes
    ----------
    at, severity
        Of the finding: its position, and how grave it was before.
    row
        What the table of repairs says of it.
    """

    at: int
    severity: str
    column: str
    cases: Cases
    repair: Repair
    harm: Harm
    undoing: Undoing
    row: dict[str, Any]

    @property
    def reached(self) -> np.ndarray:
        """Positions of the rows that it changes among all rows of the log."""
        return np.asarray(self.cases.now.at[np.flatnonzero(self.cases.affected)[self.repair.reached]])


@dataclass(frozen=True, eq=False)
class MadeUp:
    """A repair that makes up for the fault of a column, and the most of the harm that it may undo beside that one's repair."""

    tried: Tried
    column: str
    most: float


def made_up_for(tried: Sequence[Tried], decider: Decider, seed: int) -> Iterator[MadeUp]:
    """The repairs that surely do harm beside another one, which does good beside them, or surely more alone."""
    helping = [each for each in tried if each.repair.column and each.undoing.share]
    refuted: set[int] = set()
    for pair in itertools.combinations(helping, 2):
        if any(each.at in refuted for each in pair) or pair[0].column == pair[1].column:
            continue
        try:
            gains = _gains(*pair, decider, np.random.default_rng(seed))
        except WorkbenchError:  # the model answers no more: what was told stands
            return
        for (one, adds), (other, its) in itertools.permutations(zip(pair, gains, strict=True)):
            if its.beside.z < -SURELY and max(adds.beside.z, adds.instead.z) > SURELY:
                refuted.add(other.at)
                most = max(0.0, its.beside.mean + SURELY * its.beside.error) * len(other.reached) / other.undoing.total
                yield MadeUp(other, one.column, min(1.0, most))


def without_makeup(finding: Finding, made: MadeUp) -> Finding:
    """The finding, credited with nothing, and as grave as it was."""
    told = f"{finding.undone}; but beside a repair of {made.column} nothing more goes away: it only makes up for that"
    return replace(finding, share_of_harm=0.0, share_interval=(0.0, made.most), undone=told, severity=made.tried.severity)


@dataclass(frozen=True)
class _Gain:
    """Harmed rows fewer, as a part of all, and the standard error of that."""

    mean: float
    error: float

    @property
    def z(self) -> float:
        return self.mean / self.error if self.error > 0 else 0.0


NONE: Final = _Gain(0.0, 0.0)


@dataclass(frozen=True)
class _Gains:
    """What a repair undoes when the other one is made too, and more than the other one when it is made instead."""

    beside: _Gain
    instead: _Gain


def _gains(one: Tried, other: Tried, decider: Decider, rng: np.random.Generator) -> tuple[_Gains, _Gains]:
    """Of each of two repairs, in the rows that both change; nothing where these are few."""
    rows = one.cases.now.of(np.isin(one.cases.now.at, np.intersect1d(one.reached, other.reached)))
    if len(rows) < max(LEAST_SHARED, 0.5 * min(len(one.reached), len(other.reached))):
        return (_Gains(NONE, NONE),) * 2
    rows = sampled(rows, MOST_SHARED, rng)
    harm = next((each.harm for each in (one, other) if each.harm.words != ERRORS), one.harm)
    repairs = (one.repair, other.repair, _together(one.repair, other.repair))
    by_one, by_other, by_both = (decide_again(repair, rows, decider, rng).harmed(harm).mean(axis=0) for repair in repairs)
    right = _level(one.cases.like, harm)
    return (
        _Gains(_gain(by_other, by_both, right), _gain(by_other, by_one, right)),
        _Gains(_gain(by_one, by_both, right), _gain(by_one, by_other, right)),
    )


def _together(one: Repair, other: Repair) -> Repair:
    return replace(one, mend=lambda frame, rng: other.mend(one.mend(frame, rng), rng), draws=max(one.draws, other.draws))


def _level(like: Rows, harm: Harm) -> _Gain:
    """The right level of a harm: no errors at all; of decisions as many as before, and how sure that is."""
    if harm.words == ERRORS:
        return NONE
    was = harm.of(like.decision, like.label)
    return _Gain(float(np.nanmean(was)), float(np.nanstd(was) / np.sqrt(len(was))))


def _gain(first: np.ndarray, then: np.ndarray, right: _Gain) -> _Gain:
    """How much nearer to the right level the rows are `then`."""
    known = ~np.isnan(first) & ~np.isnan(then)
    if not known.any():
        return NONE
    nearer = abs(float(first[known].mean()) - right.mean) - abs(float(then[known].mean()) - right.mean)
    spread = float((first - then)[known].std() / np.sqrt(known.sum()))
    return _Gain(nearer, float(np.hypot(spread, right.error)))
