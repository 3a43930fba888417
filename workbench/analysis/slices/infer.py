"""How sure one can be of a slice after looking at all of them: raw p-values, and what adjusts them for the search.

`workbench.analysis.slices.permutation` makes the permutations of max-T; where they would cost too much, Bonferroni over all
slices counted bounds the adjusted p-value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy import special

from workbench.analysis import stats
from workbench.analysis.slices.cube import SliceCube
from workbench.analysis.slices.scores import Side, side

NORMAL_95 = 1.959963984540054
"""Half-width of a 95 % interval in standard errors; turns the joint half-width of two changes back into a p-value."""
ROUNDING = 1e-9
"""z-scores this near count as equal, against the permuted data."""


@dataclass(frozen=True)
class Adjustment:
    """How p-values are adjusted for looking at every slice.

    Attributes
    ----------
    slices
        How many were counted.
    largest
        The largest z of any slice in each permutation, ascending; empty where none were made.
    z
        Of each slice, shape (slices,); empty where no permutations were made.
    maxima
        `largest` in the order of the permutations.
    worst
        Which slices with a bin had the largest z in each, shape (permutations, slices).
    """

    slices: int
    largest: np.ndarray
    z: np.ndarray
    maxima: np.ndarray = field(default_factory=lambda: np.empty(0))
    worst: np.ndarray = field(default_factory=lambda: np.empty((0, 0), int))

    def adjust(self, chosen: np.ndarray, p: np.ndarray) -> np.ndarray:
        """Adjusted p-values of the slices `chosen`, whose raw ones are `p`."""
        return self.adjust_z(self.z[chosen]) if self.largest.size else np.minimum(1.0, p * self.slices)

    def adjust_z(self, z: np.ndarray) -> np.ndarray:
        """The share of permutations, the data as they are among them, in which some slice reaches `z`."""
        return share_reaching(self.largest, z)

    def said(self) -> str:
        """In words."""
        if not self.largest.size:
            return f"Bonferroni over {self.slices:,} slices"
        return f"max-T over {self.slices:,} slices in {self.largest.size} permutations"

    @property
    def least(self) -> float:
        """The smallest adjusted p-value there can be."""
        return 1 / (self.largest.size + 1) if self.largest.size else 0.0


def share_reaching(largest: np.ndarray, z: np.ndarray) -> np.ndarray:
    """The share of permutations that reach `z`, the data as they are among them; `largest` is ascending."""
    reached = largest.size - np.searchsorted(largest, z - ROUNDING, side="left")
    return np.asarray((reached + 1) / (largest.size + 1))


def bonferroni(slices: int) -> Adjustment:
    """The adjustment without permutations; `slices` is how many were counted."""
    return Adjustment(slices, np.empty(0), np.empty(0))


def raw_p(cube: SliceCube, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two-sided p of the effect of the slices `chosen`, unadjusted, and both ends of the effect's 95 % interval."""
    windows = [side(cube, window, chosen) for window in range(cube.windows)]
    return compare(windows, cube.effective, share=cube.share)


def compare(
    windows: Sequence[Side], effective: Sequence[float], *, share: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """P and interval of the effect of some slices: against the rest, or of the change beyond the rest's.

    Parameters
    ----------
    windows
        What they hold in each.
    effective, share
        As in `SliceCube`.
    """
    scaled = [_scaled(window, factor) for window, factor in zip(windows, effective, strict=False)]
    return _against_rest(scaled[0], share=share) if len(scaled) == 1 else _against_before(scaled[1], scaled[0], share=share)


def _scaled(window: Side, factor: float) -> Side:
    """As many rows as the weights are worth."""
    if factor == 1.0:
        return window
    inside = (window.rows * factor, window.total * factor, window.squares * factor)
    return Side(*inside, window.all_rows * factor, window.all_total * factor, window.all_squares * factor)


def _against_rest(now: Side, *, share: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rest = now.outside
    if share:
        low, high = stats.newcombe(now.total, now.rows, rest.total, rest.rows)
        return stats.two_proportions(now.total, now.rows, rest.total, rest.rows), low, high
    _, p, (low, high) = stats.welch(now.rows, now.total, now.squares, rest.rows, rest.total, rest.squares)
    return p, low, high


def _against_before(now: Side, before: Side, *, share: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A slice became worse only if it changed in itself and beyond the rest: the larger of the two p-values."""
    rest, rest_before = now.outside, before.outside
    if share:
        earlier = (before.total, before.rows, rest_before.total, rest_before.rows)
        beyond = stats.difference_of_differences(earlier, (now.total, now.rows, rest.total, rest.rows))
        own = stats.two_proportions(now.total, now.rows, before.total, before.rows)
        return np.fmax(own, beyond.p), beyond.interval.low, beyond.interval.high
    inside = stats.welch(now.rows, now.total, now.squares, before.rows, before.total, before.squares)
    outside = stats.welch(rest.rows, rest.total, rest.squares, rest_before.rows, rest_before.total, rest_before.squares)
    change = inside.difference - outside.difference
    half = np.hypot(*(changed.interval.high - changed.difference for changed in (inside, outside)))
    with np.errstate(divide="ignore", invalid="ignore"):
        p = 2 * special.ndtr(-np.abs(change) / half * NORMAL_95)
    return np.fmax(inside.p, np.where(half > 0, p, 1.0)), change - half, change + half
