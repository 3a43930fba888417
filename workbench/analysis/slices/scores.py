"""Which slices are worst: scores of a whole cube at once, so that to rank it anew is no new search.

===========  ==========================================================================================================
sliceline    α (mean of the slice / mean − 1) − (1 − α)(rows / rows of the slice − 1): Sagadeeva & Boehm, SIGMOD 2021, eq. 1
change       the same with the change beyond the rest's change in place of the mean's excess; two windows only
effect       difference from the rest (with two windows: of their changes) in standard deviations of the loss (Cohen 1988)
lift         mean of the slice / mean
share        part of all loss that is in the slice beyond the average (with two windows: of the total degradation, explained)
z            of the difference from the rest (with two windows: of the change beyond the overall change)
===========  ==========================================================================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from workbench.analysis.slices.cube import SliceCube
from workbench.errors import InputError, ParameterError, UnknownNameError

ALPHA: Final = 0.95
"""Weight of a slice's loss against its size."""
SMALL_AVERAGE: Final = 0.01
"""An average of less than this share of the spread is no unit where losses of both signs cancel in it."""


@dataclass(frozen=True)
class Side:
    """One window: rows, sum and sum of squares of the loss, in the slices and in all rows."""

    rows: np.ndarray
    total: np.ndarray
    squares: np.ndarray
    all_rows: float
    all_total: float
    all_squares: float

    @property
    def mean(self) -> np.ndarray:
        """Inside each slice."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(self.total / self.rows)

    @property
    def rest(self) -> np.ndarray:
        """Mean outside each slice."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray((self.all_total - self.total) / (self.all_rows - self.rows))

    @property
    def overall(self) -> float:
        """Mean over all rows; NaN without any."""
        return self.all_total / self.all_rows if self.all_rows else math.nan

    @property
    def spread(self) -> float:
        """Standard deviation of the loss over all rows; NaN without any."""
        if not self.all_rows:
            return math.nan
        return math.sqrt(max(0.0, self.all_squares / self.all_rows - self.overall**2))

    @property
    def outside(self) -> Side:
        """The rest as if it were the slices."""
        rest = (self.all_rows - self.rows, self.all_total - self.total, self.all_squares - self.squares)
        return Side(*rest, self.all_rows, self.all_total, self.all_squares)


def side(cube: SliceCube, window: int, which: np.ndarray | slice = slice(None)) -> Side:
    """One window of a cube, the slices `which`."""
    rows, total, squares = (float(part[window, 0, 0]) for part in (cube.totals.counts, cube.totals.sums, cube.totals.squares))
    return Side(cube.counts[window, which], cube.sums[window, which], cube.squares[window, which], rows, total, squares)


def score_slices(cube: SliceCube, score: str | None = None, alpha: float = ALPHA) -> np.ndarray:
    """The score of every slice, shape (slices,); minus infinity where a slice is not worse.

    Parameters
    ----------
    score
        A name from the module's table; None: ``sliceline``, or ``change`` with two windows.
    alpha
        Weight of the loss against the size in ``sliceline`` and ``change``, in (0, 1].
    """
    name = default_score(cube) if score is None else score
    if name not in SCORES:
        raise UnknownNameError("score", name, SCORES)
    if not 0 < alpha <= 1:
        raise ParameterError("alpha lies above 0 and is 1 at most", alpha, "SliceLine takes 0.95.")
    if name == "change" and cube.windows == 1:
        raise InputError("a change needs two windows", name, "Give a reference window, or another score.")
    with np.errstate(divide="ignore", invalid="ignore"):
        scores = SCORES[name](cube, alpha)
    return np.where((scores > 0) & is_worse(cube, name), scores, -np.inf)


def default_score(cube: SliceCube) -> str:
    """``change`` where there are two windows to compare."""
    return "change" if cube.windows > 1 else "sliceline"


def is_worse(cube: SliceCube, score: str) -> np.ndarray:
    """Above the average; with two windows, and a score of the change: worse than before, by more than the rest."""
    now = side(cube, -1)
    if cube.windows == 1 or score in {"sliceline", "lift"}:
        return np.asarray(now.mean > now.overall)
    return np.asarray((now.mean > side(cube, 0).mean) & ((score == "share") | (effect(cube) > 0)))


def effect(cube: SliceCube, which: np.ndarray | slice = slice(None)) -> np.ndarray:
    """Mean inside less mean outside; with two windows, how much that grew."""
    now = side(cube, -1, which)
    difference = now.mean - now.rest
    if cube.windows == 1:
        return np.asarray(difference)
    before = side(cube, 0, which)
    return np.asarray(difference - (before.mean - before.rest))


def unit(now: Side, *, signed: bool) -> float:
    """What an excess is measured in: the average loss; the spread where losses of both signs cancel in it."""
    average, spread = now.overall, now.spread
    if not signed:
        return average if average > 0 else math.nan
    return average if average > 0 and average >= spread * SMALL_AVERAGE else spread or math.nan


def decompose(cube: SliceCube, which: np.ndarray | slice = slice(None)) -> tuple[np.ndarray, np.ndarray, float]:
    """What each slice adds to the change of the overall mean: because it got worse, because it grew, and the whole change.

    With share w and mean m of a slice, and M the middle of both overall means: ``(w0 + w1) / 2 * (m1 - m0)`` and
    ``(w1 - w0) * ((m0 + m1) / 2 - M)``. Over slices that part the rows, the two add up to the whole change (Kitagawa 1955).
    """
    before, now = side(cube, 0, which), side(cube, -1, which)
    with np.errstate(divide="ignore", invalid="ignore"):
        share0, share1 = before.rows / before.all_rows, now.rows / now.all_rows
        mean0, mean1 = np.where(before.rows > 0, before.mean, now.mean), np.where(now.rows > 0, now.mean, before.mean)
        middle = (before.overall + now.overall) / 2
        worse = (share0 + share1) / 2 * (mean1 - mean0)
        grew = (share1 - share0) * ((mean0 + mean1) / 2 - middle)
    return worse, grew, now.overall - before.overall


def z_scores(cube: SliceCube) -> np.ndarray:
    """How far each slice's loss, or its change, is from what chance would give it, in standard errors; 0 where that is nothing.

    One window: the sum of the loss against its mean and variance when the losses are permuted over the rows. Two windows: the
    covariance of the loss with the window inside the slice, after the overall change is taken out, against its variance when the
    windows are permuted. Weights count as `SliceCube.effective` says.
    """
    now = side(cube, -1)
    factor = cube.effective[-1]
    if cube.windows == 1:
        rows, whole = now.rows * factor, now.all_rows * factor
        excess = (now.total - now.rows * now.overall) * factor
        variance = now.spread**2 * rows * (1 - rows / whole) * whole / max(whole - 1, 1)
        return standardized(excess, variance)
    before = side(cube, 0)
    moved = [window.total - window.rows * window.overall for window in (before, now)]
    squares = [window.squares - 2 * window.overall * window.total + window.rows * window.overall**2 for window in (before, now)]
    both = before.rows + now.rows
    mean = (moved[0] + moved[1]) / both
    scatter = np.maximum(squares[0] + squares[1] - both * mean**2, 0)
    return standardized(moved[1] - mean * now.rows, scatter * before.rows * now.rows / both**2 / factor)


def standardized(excess: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """`excess` in standard errors; 0 where there is no variance."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(variance > 1e-12 * np.maximum(excess**2, 1e-300), excess / np.sqrt(variance), 0.0))


def _sliceline(cube: SliceCube, alpha: float) -> np.ndarray:
    now = side(cube, -1)
    excess = (now.mean - now.overall) / unit(now, signed=cube.signed) if cube.signed else now.mean / now.overall - 1
    return np.asarray(alpha * excess - (1 - alpha) * (now.all_rows / now.rows - 1))


def _change(cube: SliceCube, alpha: float) -> np.ndarray:
    now = side(cube, -1)
    measured_in = unit(now, signed=cube.signed)
    return np.asarray(alpha * effect(cube) / measured_in - (1 - alpha) * (now.all_rows / now.rows - 1))


def _effect(cube: SliceCube, _alpha: float) -> np.ndarray:
    return np.asarray(effect(cube) / side(cube, -1).spread)


def _lift(cube: SliceCube, _alpha: float) -> np.ndarray:
    now = side(cube, -1)
    return np.asarray(now.mean / now.overall)


def _share(cube: SliceCube, _alpha: float) -> np.ndarray:
    if cube.windows == 1:
        now = side(cube, -1)
        return np.asarray((now.total - now.rows * now.overall) / now.all_total)
    worse, grew, whole = decompose(cube)
    return np.asarray((worse + grew) / whole)


SCORES: Final[dict[str, Callable[[SliceCube, float], np.ndarray]]] = {
    "sliceline": _sliceline,
    "change": _change,
    "effect": _effect,
    "lift": _lift,
    "share": _share,
    "z": lambda cube, _alpha: z_scores(cube),
}
