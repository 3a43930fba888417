"""Whether the leading slices stand out among permuted losses too, where permuting every slice over every row takes too long.

The p of a slice times the slices counted bounds the chance of any slice as bad where nothing is to be found (Bonferroni), if p
itself is right so far out in its tail. That is what is confirmed: the losses (of two windows: the windows) are permuted over the
rows, or over a sample of them, and the largest z of any leading slice in each permutation is held against the z of the slice on
all rows. On fewer rows z strays further by chance, not less far: to sample loses nothing but the power to confirm.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from workbench.analysis.slices.cover import CANDIDATES
from workbench.analysis.slices.cube import SliceCube
from workbench.analysis.slices.infer import Adjustment
from workbench.analysis.slices.permutation import known_rows, permute
from workbench.analysis.slices.result import Ranking, SliceResult, rank
from workbench.analysis.slices.scores import z_scores
from workbench.analysis.slices.winners import take
from workbench.errors import InputError

LEADING: Final = 50
PERMUTATIONS: Final = 999
SAMPLE: Final = 20_000
"""Rows of each window that are permuted at most."""


@dataclass(frozen=True)
class Confirmation:
    """What the permutations gave.

    Attributes
    ----------
    adjustment
        The largest z of any leading slice in each.
    cube
        The leading slices, counted over all rows.
    rows, whole
        How many rows were permuted, and out of how many.
    """

    adjustment: Adjustment
    cube: SliceCube
    rows: int
    whole: int

    @property
    def permutations(self) -> int:
        """How many there were."""
        return int(self.adjustment.largest.size)

    def p(self, where: str) -> float:
        """The share of permutations, the data as they are among them, in which a leading slice reaches this one's z."""
        place = next((at for at in range(len(self.cube)) if str(self.cube.where(at)) == where), None)
        if place is None:
            return 1.0
        return float(self.adjustment.adjust_z(z_scores(self.cube)[place]))

    def said(self, where: str) -> str:
        """In words, of one slice."""
        made = self.permutations
        reached = round(self.p(where) * (made + 1)) - 1
        of = f"{self.whole:,} rows" if self.rows == self.whole else f"{self.rows:,} of {self.whole:,} rows"
        how = "none" if not reached else f"{reached:,}"
        return f"chance: {how} of {made} permutations of {of} made any of the {len(self.cube)} leading slices stand out as much"


def confirm_leading(
    result: SliceResult, ranking: Ranking, *, seed: int = 0, permutations: int = PERMUTATIONS, sample: int = SAMPLE
) -> Confirmation:
    """Permute the losses, or the windows, and see how far any of the `LEADING` slices stands out.

    Parameters
    ----------
    result
        Fresh from the search, by a `ranking` that lists slices.
    seed
        For the sample and the permutations.
    sample
        Most rows of each window.
    """
    if result.cube is None or result.coded is None or result.rows is None:
        raise InputError("this result has its tables only, not the rows", result.title, "Search again to confirm its slices.")
    rows, codes = result.rows, result.coded.codes
    leading = _leading(result.cube, set(result.tables["distinct"]["slice"]), ranking)
    known = known_rows(rows.loss.values, rows.weights)
    chosen = _sampled(known, rows.current, sample, np.random.default_rng(seed))
    adjustment = permute(
        leading, codes[:, chosen], rows.loss.values[chosen], window=None if rows.window is None else rows.window[chosen],
        weights=None if rows.weights is None else rows.weights[chosen], permutations=permutations, seed=seed,
    )  # fmt: skip
    return Confirmation(adjustment, leading, len(chosen), int(np.count_nonzero(known)))


def _leading(cube: SliceCube, distinct: set[str], ranking: Ranking) -> SliceCube:
    """The distinct slices and those of the largest z, `LEADING` in all."""
    best = rank(cube, CANDIDATES, ranking.score, ranking.alpha)[0][:CANDIDATES].tolist()
    found = [index for index in best if str(cube.where(index)) in distinct]
    others = np.argsort(-z_scores(cube), kind="stable")[:LEADING].tolist()
    return take(cube, np.array(list(dict.fromkeys([*found, *others]))[:LEADING], dtype=int))


def _sampled(known: np.ndarray, current: np.ndarray, most: int, rng: np.random.Generator) -> np.ndarray:
    """Up to so many known rows of each window, in order."""
    parts = [np.flatnonzero(known & window) for window in (current, ~current)]
    return np.sort(np.concatenate([part if len(part) <= most else rng.choice(part, most, replace=False) for part in parts]))
