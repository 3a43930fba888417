"""How much of the harm is gone after a repair, with its interval.

Two outcomes of each row that was asked again: as it was decided, and as it is decided with its column repaired. What is gone is
the difference of their sums, row by row: where a fault is turned back exactly, no chance is in it. The whole harm is what is gone
and what is left: harmed rows since the onset beyond the rate of before, in the segment concerned and elsewhere, each against its
own rate, and elsewhere only where it measurably grew: else the chance of many sound rows would drown the harm of a few. What
chance leaves open is how many rows would have been harmed without any fault, and what a drawn value does otherwise than the true
one; the interval is a percentile of `REPLICATES` draws of both.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from workbench.triage.check import LEAST_HELP

REPLICATES: Final = 4_000
LEAST_BEFORE: Final = 30
"""Rows of before that a rate of their own is taken from."""
LEVEL: Final = (0.025, 0.975)
SURELY: Final = 1.96
"""Standard errors from which something measurably grew, or helps."""
NOT_GROWN: Final = "their number did not measurably grow"
NOT_BORNE_OUT: Final = "a value put back tells less than the true one, and here no more can be seen"


@dataclass(frozen=True)
class Part:
    """Some rows, and how many of them were harmed."""

    rows: int
    harmed: float

    @classmethod
    def of(cls, harmed: np.ndarray) -> Part:
        """The rows of which it is known, of an array of 1, 0 and NaN."""
        known = harmed[~np.isnan(harmed)]
        return cls(len(known), float(known.sum()))

    @property
    def rate(self) -> float:
        """The share that was harmed; 0 without rows."""
        return self.harmed / self.rows if self.rows else 0.0


@dataclass(frozen=True, eq=False)
class Tally:
    """All counts that the share follows from.

    Attributes
    ----------
    moved
        Rows asked again, by whether they were harmed as decided (0, 1) and in how many of the draws as repaired: shape
        (2, draws + 1). Each row counts by its mean over the draws.
    reached
        Rows that the repair changes, of which those were drawn.
    inside, outside
        All rows since the onset: in the segment concerned, and elsewhere.
    inside_before, outside_before
        The same of before.
    cost
        As `moved`, for rows of before whose true value is known: what a draw in its place costs by itself. None where nothing is
        drawn.
    whole
        Whether the repair puts back all that the fault took; else, where it helps, what is left inside may be the fault's too.
    """

    moved: np.ndarray
    reached: int
    inside: Part
    outside: Part
    inside_before: Part
    outside_before: Part
    cost: np.ndarray | None = None
    whole: bool = True


@dataclass(frozen=True)
class Undoing:
    """What a repair undoes.

    Attributes
    ----------
    gone
        Harmed rows fewer; negative where the repair does harm.
    total
        Harmed rows in all beyond the rate of before, since the onset: those gone and those left.
    harmed
        Harmed rows among those that the repair changes, as they were decided.
    share, interval
        `gone` as a part of `total`, in [0, 1], and its 95 % interval; None where that cannot be told.
    why
        Why not.
    times
        How many times as many rows would tell, were they like these; None where no number of them is likely to.
    """

    gone: float
    total: float
    harmed: float
    share: float | None
    interval: tuple[float, float] | None
    why: str = ""
    times: float | None = None


@dataclass(frozen=True)
class _Estimate:
    """A number of harmed rows, and its standard error."""

    value: float
    error: float

    @property
    def grew(self) -> bool:
        """Whether it is measurably above 0."""
        return self.value > SURELY * self.error

    def drawn(self, rng: np.random.Generator) -> np.ndarray:
        """What it may be, shape (REPLICATES,)."""
        return rng.normal(self.value, self.error, REPLICATES)


def count_moves(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Rows by whether they were harmed as decided, and in how many of the draws as repaired; shape (2, draws + 1).

    Parameters
    ----------
    before, after
        1, 0 or NaN; shapes (rows,) and (draws, rows). A row without an answer in every draw is left out.
    """
    known = ~np.isnan(before) & ~np.isnan(after).any(axis=0)
    draws = len(after)
    codes = before[known].astype(int) * (draws + 1) + after[:, known].sum(axis=0).astype(int)
    return np.bincount(codes, minlength=2 * (draws + 1)).reshape(2, draws + 1)


def share_undone(tally: Tally, seed: int = 0) -> Undoing:
    """The share of the harm that the repair undoes.

    It is told where the repair measurably helps, and where harm measurably grew and the repair measurably does not help.
    """
    gone = _gone(tally)
    harmed = float(tally.moved[1].sum() / max(1, tally.moved.sum())) * tally.reached
    inside, outside = _excess(tally.inside, tally.inside_before, tally), _excess(tally.outside, tally.outside_before, tally)
    counted = outside if outside.grew else _Estimate(0.0, 0.0)
    helps = help_score(tally)
    total = max(gone.value, 0.0) + max(inside.value - gone.value, 0.0) + counted.value
    low, high, with_left = _interval(gone, inside, counted, seed)
    if helps > SURELY and gone.value > 0:
        share = gone.value / total
        return Undoing(gone.value, total, harmed, share, (low, high if tally.whole or share < LEAST_HELP else with_left))
    times = (SURELY / helps) ** 2 if helps > 0 else None
    if not (inside.grew or outside.grew):
        return Undoing(gone.value, inside.value, harmed, None, None, NOT_GROWN, times)
    if not tally.whole or (tally.cost is not None and high >= LEAST_HELP):
        return Undoing(0.0, total, harmed, None, None, NOT_BORNE_OUT, times)
    share = 0.0 if tally.cost is not None else max(0.0, gone.value) / total
    return Undoing(gone.value, total, harmed, share, (0.0, high))


def help_score(tally: Tally) -> float:
    """How far a repair measurably helps, in standard errors; negative where it does harm.

    Of rows whose outcome changes as many would change for the better as for the worse, if only chance were at work (McNemar
    1947, Psychometrika 12:153, with the correction of Edwards 1948, 13:185). Where values are drawn, it has to be less harm than
    drawing costs where values are sound. That cost is measured on rows of before, which are decided well; where something else
    goes wrong there is less to lose, so that it is held against the rows of before by whether a row is harmed as it is.
    """
    if tally.cost is None:
        mean, variance = _fewer(tally.moved)
        changed = math.sqrt((variance + mean**2) * tally.moved.sum())
        return float((mean * tally.moved.sum() - math.copysign(1, mean)) / changed) if changed > 1 else 0.0
    if _fewer(tally.moved)[0] <= 0:
        return -1.0
    rows, costed = tally.moved.sum(axis=1), np.maximum(tally.cost.sum(axis=1), 1)
    (now, spread), (sound, spread_sound) = _harmed_after(tally.moved), _harmed_after(tally.cost)
    surplus = float((rows * (sound - now)).sum())
    variance = float((rows * spread + rows**2 * spread_sound / costed).sum())
    return surplus / math.sqrt(max(variance, 1.0))


def _interval(gone: _Estimate, inside: _Estimate, outside: _Estimate, seed: int) -> tuple[float, float, float]:
    """Both ends of the share, and its upper one were what is left inside gone too; harm that is left is never below none."""
    rng = np.random.default_rng(seed)
    gones, left, elsewhere = gone.drawn(rng), inside.drawn(rng), np.maximum(outside.drawn(rng), 0)
    left, gones = np.maximum(left - gones, 0), np.maximum(gones, 0)
    totals = np.maximum(gones + left + elsewhere, 1e-9)
    low, high = np.quantile(gones / totals, LEVEL)
    return float(low), float(high), float(np.quantile((gones + left) / totals, LEVEL[1]))


def _gone(tally: Tally) -> _Estimate:
    """Harmed rows fewer, among all that the repair changes, less what drawing costs.

    Of the rows asked all is known but what a drawn value does otherwise than the true one, and that varies as in the rows of
    before; the rows not asked are as those asked.
    """
    fewer, variance = _fewer(tally.moved)
    asked = max(1, int(tally.moved.sum()))
    unsure = variance / asked * max(0.0, 1 - asked / max(1, tally.reached))
    if tally.cost is not None:
        cost, varies = _fewer(tally.cost)
        fewer -= cost
        unsure += varies / asked + varies / max(1, int(tally.cost.sum()))
    return _Estimate(fewer * tally.reached, math.sqrt(unsure) * tally.reached)


def _fewer(moves: np.ndarray) -> tuple[float, float]:
    """Mean and variance over the rows of: harmed as decided, less the part of the draws in which it is harmed as repaired."""
    draws = moves.shape[-1] - 1
    fewer = np.array([[0.0], [1.0]]) - np.arange(draws + 1) / draws
    rows = max(1, int(moves.sum()))
    mean = float((moves * fewer).sum() / rows)
    return mean, float((moves * (fewer - mean) ** 2).sum() / rows)


def _harmed_after(moves: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of the part of draws that harm, of the rows not harmed as decided and of those harmed; shapes (2,)."""
    after = np.arange(moves.shape[-1]) / (moves.shape[-1] - 1)
    rows = np.maximum(moves.sum(axis=1), 1)
    mean = (moves * after).sum(axis=1) / rows
    return mean, (moves * (after - mean[:, None]) ** 2).sum(axis=1) / rows


def _excess(now: Part, before: Part, tally: Tally) -> _Estimate:
    """Harmed rows beyond the rate of before; that of all rows of before where there are too few of their own."""
    source = before if before.rows >= LEAST_BEFORE else _both(tally)
    chance = source.rate * (1 - source.rate) * (now.rows + now.rows**2 / max(1, source.rows))
    return _Estimate(now.harmed - now.rows * source.rate, math.sqrt(chance))


def _both(tally: Tally) -> Part:
    """All rows of before."""
    parts = tally.inside_before, tally.outside_before
    return Part(sum(each.rows for each in parts), sum(each.harmed for each in parts))
