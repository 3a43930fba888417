"""How much of the harm is gone after a repair, with its interval.

Two outcomes of each row that was asked again: as it was decided, and as it is decided with its column repaired. What is gone is
the difference of their sums. The whole harm is what there is of it since the onset beyond the rate of before, in the segment
concerned and elsewhere, each against its own rate, and each only where it measurably grew: else the chance of many sound rows
would drown the harm of a few. The interval is a percentile of `REPLICATES` resamples of every part: the rows asked, each
with its draws where a value had to be drawn, the other rows, and the rows of before that the rates are taken from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from workbench.triage.check import LEAST_HELP

REPLICATES: Final = 2_000
LEAST_BEFORE: Final = 30
"""Rows of before that a rate of their own is taken from."""
LEVEL: Final = (0.025, 0.975)
NOT_GROWN: Final = "their number did not measurably grow"
NOT_BORNE_OUT: Final = "a value drawn tells less than the true one, and here no more can be seen"


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
    """

    moved: np.ndarray
    reached: int
    inside: Part
    outside: Part
    inside_before: Part
    outside_before: Part
    cost: np.ndarray | None = None


@dataclass(frozen=True)
class Undoing:
    """What a repair undoes.

    Attributes
    ----------
    gone
        Harmed rows fewer; negative where the repair does harm.
    total
        Harmed rows beyond the rate of before, since the onset, where they measurably grew.
    harmed
        Harmed rows among those that the repair changes, as they were decided.
    share, interval
        `gone` as a part of `total`, in [0, 1], and its 95 % interval; None where that cannot be told.
    why
        Why not.
    """

    gone: float
    total: float
    harmed: float
    share: float | None
    interval: tuple[float, float] | None
    why: str = ""


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
    """The share of the harm that the repair undoes."""
    cost = 0.0 if tally.cost is None else float(_fewer(tally.cost))
    gone = (float(_fewer(tally.moved)) - cost) * tally.reached
    harmed = float(tally.moved[1].sum() / max(1, tally.moved.sum())) * tally.reached
    gones, inside, outside = _replicates(tally, np.random.default_rng(seed))
    excess = _excess(tally.inside, tally.inside_before, tally), _excess(tally.outside, tally.outside_before, tally)
    grown = [float(np.quantile(each, LEVEL[0])) > 0 for each in (inside, outside)]
    total = sum(each for each, counts in zip(excess, grown, strict=True) if counts)
    if total <= 0:
        return Undoing(gone, sum(excess), harmed, None, None, NOT_GROWN)
    totals = np.maximum(grown[0] * inside + grown[1] * outside, 1.0)
    low, high = (float(end) for end in np.quantile(np.clip(gones / totals, 0, 1), LEVEL))
    if not is_borne_out(tally, seed):
        surely_none = high < LEAST_HELP
        return Undoing(0.0, total, harmed, 0.0 if surely_none else None, (0.0, high) if surely_none else None, NOT_BORNE_OUT)
    return Undoing(gone, total, harmed, min(1.0, max(0.0, gone / total)), (low, high))


def is_borne_out(tally: Tally, seed: int = 0) -> bool:
    """Whether a drawn value mends more than it would of a column that is sound; always, where nothing is drawn.

    There must be less harm with the draws than as it was decided, and less than with draws in the place of sound values. What
    these cost is measured on rows of before, which are decided well; where something else goes wrong there is less to lose, so
    that it is held against the rows of before by whether a row is harmed as it is.
    """
    if tally.cost is None:
        return True
    rng = np.random.default_rng(seed)
    moved, cost = _resampled(tally.moved, rng), _resampled(tally.cost, rng)
    expected = (moved.sum(axis=-1) * _harmed_after(cost)).sum(axis=-1)
    surplus = expected - (moved.sum(axis=-1) * _harmed_after(moved)).sum(axis=-1)
    return float(_fewer(tally.moved)) > 0 and float(np.quantile(surplus, LEVEL[0])) > 0


def _harmed_after(moves: np.ndarray) -> np.ndarray:
    """The mean share of draws that harm, of the rows not harmed as decided and of those harmed; shape (..., 2)."""
    draws = moves.shape[-1] - 1
    return np.asarray((moves * np.arange(draws + 1)).sum(axis=-1) / draws / np.maximum(moves.sum(axis=-1), 1))


def _fewer(moves: np.ndarray) -> np.ndarray:
    """The part of the rows harmed as decided less that harmed as repaired; of the last two axes."""
    draws = moves.shape[-1] - 1
    after = (moves * np.arange(draws + 1)).sum(axis=(-2, -1)) / draws
    return np.asarray((moves[..., 1, :].sum(axis=-1) - after) / np.maximum(moves.sum(axis=(-2, -1)), 1))


def _rate_before(part: Part, tally: Tally) -> float:
    """The rate of before; that of all rows of before where `part` has too few."""
    return part.rate if part.rows >= LEAST_BEFORE else _both(tally).rate


def _excess(now: Part, before: Part, tally: Tally) -> float:
    return now.harmed - now.rows * _rate_before(before, tally)


def _replicates(tally: Tally, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What is gone, and the excess inside and outside, of resampled rows; each of shape (REPLICATES,)."""
    moved = _resampled(tally.moved, rng)
    gone = _fewer(moved) * tally.reached
    if tally.cost is not None:
        gone -= _fewer(_resampled(tally.cost, rng)) * tally.reached
    asked, harmed = int(tally.moved.sum()), int(tally.moved[1].sum())
    rest = Part(max(0, tally.inside.rows - asked), max(0.0, tally.inside.harmed - harmed))
    inside = moved[:, 1].sum(axis=-1) + _binomial(rest, rng)
    inside = inside - tally.inside.rows * _rates(tally.inside_before, tally, rng)
    outside = _binomial(tally.outside, rng) - tally.outside.rows * _rates(tally.outside_before, tally, rng)
    return gone, inside, outside


def _rates(before: Part, tally: Tally, rng: np.random.Generator) -> np.ndarray:
    """The rate of before, of resampled rows."""
    source = before if before.rows >= LEAST_BEFORE else _both(tally)
    return _binomial(source, rng) / max(1, source.rows)


def _both(tally: Tally) -> Part:
    """All rows of before."""
    parts = tally.inside_before, tally.outside_before
    return Part(sum(each.rows for each in parts), sum(each.harmed for each in parts))


def _resampled(moves: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Resamples of so many rows; shape (REPLICATES, 2, draws + 1)."""
    rows = int(moves.sum())
    return rng.multinomial(rows, moves.ravel() / max(1, rows), size=REPLICATES).reshape(REPLICATES, *moves.shape)


def _binomial(part: Part, rng: np.random.Generator) -> np.ndarray:
    return np.asarray(rng.binomial(part.rows, min(1.0, part.rate), size=REPLICATES))
