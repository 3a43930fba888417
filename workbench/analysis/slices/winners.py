"""How much worse the slices told really are: the best of thousands flatters itself.

`workbench.analysis.selection` corrects an effect that is told only above a bound; here that bound is found. The part of the
losses that is independent of a slice's effect is held fixed, and the effect alone is moved: all losses inside go down, all
outside go up, each side by its part of the effect's variance (with two windows, the other way round in the earlier one). The
same ranking of the losses so moved, with the same overlaps, says down to which effect the slice would have been told.

That a slice which is told at some effect is told at a larger one too holds for every score but for rounding: its own score rises
with its effect faster than any other's. Slices beyond the best `CANDIDATES` are taken not to come up in its place.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd
from scipy import special

from workbench.analysis.selection import Corrected, correct_for_selection, standard_errors_of_all
from workbench.analysis.slices.adders import BitAdder, ChannelAdder
from workbench.analysis.slices.cover import CANDIDATES, OVERLAP
from workbench.analysis.slices.cube import SliceCube
from workbench.analysis.slices.enumeration import threads
from workbench.analysis.slices.infer import NORMAL_95, raw_p
from workbench.analysis.slices.permutation import known_rows
from workbench.analysis.slices.result import Ranking, SliceResult, rank
from workbench.analysis.slices.scores import effect, score_slices, side
from workbench.analysis.slices.windows import Rows
from workbench.errors import InputError

STEPS: Final = 32
HALVINGS: Final = 14
SMALLEST: Final = 1e-300


@dataclass(frozen=True)
class Telling:
    """Which slices are told.

    Attributes
    ----------
    ranking
        As they were ranked; of slices that are nearly the same rows the best counts.
    least, fewest
        The smallest effect, and the fewest rows, that are worth telling.
    most
        How many are told.
    chance
        Up to which p, times the number of slices counted.
    """

    ranking: Ranking
    least: float
    fewest: int
    most: int
    chance: float


def correct_winners(result: SliceResult, told: pd.DataFrame, telling: Telling) -> pd.DataFrame:
    """What the effects of slices told are, now that it is allowed for that they were searched for.

    Parameters
    ----------
    result
        Fresh from the search.
    told
        Rows of its table ``distinct``: those that `telling` tells.

    Returns
    -------
    DataFrame
        With the index of `told`: ``effect_corrected`` (median-unbiased), ``corrected_low`` and ``corrected_high``. The interval
        covers 95 % of the slices told; its upper end never lies below the effect as it was measured.
    """
    if result.cube is None or result.coded is None or result.rows is None:
        raise InputError("this result has its tables only, not the rows", result.title, "Search again to correct its effects.")
    found = []
    if len(told):
        with ThreadPoolExecutor(threads()) as pool:
            contest = Contest(result.cube, result.coded.codes, result.rows, telling, pool)
            found = [contest.corrected(str(text)) for text in told["slice"]]
    return pd.DataFrame(
        {
            "effect_corrected": [item.estimate for item in found],
            "corrected_low": [item.low for item in found],
            "corrected_high": [item.high for item in found],
        },
        index=told.index,
        dtype=float,
    )


class Contest:
    """The best slices of a search, ranked as often as wanted with one slice's effect moved."""

    def __init__(self, cube: SliceCube, codes: np.ndarray, rows: Rows, telling: Telling, pool: ThreadPoolExecutor) -> None:
        self.telling, self.examined = telling, cube.examined
        self.cube = take(cube, rank(cube, CANDIDATES, telling.ranking.score, telling.ranking.alpha)[0][:CANDIDATES])
        self.codes, self.current, self.weights = codes, rows.current, rows.weights
        self.known = known_rows(rows.loss.values, rows.weights)
        self.bits = BitAdder(self.cube, self.codes, pool)
        self.sums = self.bits if self.weights is None else ChannelAdder(self.cube, self.codes, pool)
        self.sizes = self.bits.add(self.current[None])[:, 0]
        self.effects = effect(self.cube)
        self.alike: dict[int, np.ndarray] = {}
        self.places = {str(self.cube.where(place)): place for place in reversed(range(len(self.cube)))}

    def corrected(self, text: str) -> Corrected:
        """The effect of one slice, by its predicate's text."""
        place = self.places[text]
        measured = float(self.effects[place])
        p, low, high = (float(part[0]) for part in raw_p(self.cube, np.array([place])))
        errors = (measured - low) / NORMAL_95, (high - measured) / NORMAL_95
        bound = max(self.bound(text), self._significant(measured, p, errors[0]))
        found = correct_for_selection(measured, errors, bound, self.examined)
        return found._replace(high=max(found.high, measured))

    def bound(self, text: str) -> float:
        """The smallest effect, all else as it is, at which a slice is large enough and outranks enough others to be told."""
        place = self.places[text]
        measured, move = float(self.effects[place]), Move(self, place)

        def is_told(by: float) -> bool:
            same = self._alike(place)
            return any(same[at] == 1 for at in self.told(move.by(by)))

        furthest = 2 * move.error * standard_errors_of_all(self.examined)
        steps = -np.arange(STEPS + 1) / STEPS * furthest
        lost = next((number for number, step in enumerate(steps.tolist()) if number and not is_told(step)), None)
        if lost is None:
            return -np.inf
        told, silent = float(steps[lost - 1]), float(steps[lost])
        for _ in range(HALVINGS):
            middle = (told + silent) / 2
            told, silent = (middle, silent) if is_told(middle) else (told, middle)
        return measured + told

    def told(self, cube: SliceCube) -> list[int]:
        """The slices that are told where the losses are those of `cube`, best first."""
        scores, effects = score_slices(cube, self.telling.ranking.score, self.telling.ranking.alpha), effect(cube)
        alive = scores > 0
        kept: list[int] = []
        while len(kept) < self.telling.ranking.top and alive.any():
            best = int(np.argmax(np.where(alive, scores, -np.inf)))
            kept.append(best)
            alive &= self._alike(best) < OVERLAP
        large = [at for at in kept if effects[at] >= self.telling.least and self.cube.held.rows[-1, 0, at] >= self.telling.fewest]
        return large[: self.telling.most]

    def _alike(self, place: int) -> np.ndarray:
        """Jaccard similarity of a slice's current rows to those of each."""
        if place not in self.alike:
            inside = self.cube.mask(place, self.codes) & self.current
            common = self.bits.add(inside[None])[:, 0]
            self.alike[place] = common / np.maximum(self.sizes + self.sizes[place] - common, 1)
            self.alike[place][place] = 1.0
        return self.alike[place]

    def _significant(self, measured: float, p: float, error: float) -> float:
        """The effect at which p would be as large as it may be; minus infinity where it is larger already."""
        largest = self.telling.chance / max(self.examined, 1)
        if not p <= largest:
            return -np.inf
        return measured - error * float(special.ndtri(largest / 2) - special.ndtri(max(p, SMALLEST) / 2))


class Move:
    """The losses with one slice's effect moved, all that is independent of it held fixed.

    Attributes
    ----------
    error
        The effect's standard error.
    """

    def __init__(self, contest: Contest, place: int) -> None:
        cube, self.cube = contest.cube, contest.cube
        last = cube.windows - 1
        inside = cube.mask(place, contest.codes) & contest.known
        windows = [contest.current if window == last else ~contest.current for window in range(cube.windows)]
        sets = np.array([inside & window for window in windows])
        self.common = contest.sums.add(sets if contest.weights is None else sets * contest.weights).T
        variances = np.array([_variances(cube, window, place) for window in range(cube.windows)])
        self.error = float(np.sqrt(variances.sum()))
        # what the losses inside, and outside, change by where the effect grows by one
        sign = np.where(np.arange(cube.windows) == last, 1.0, -1.0)[:, None]
        self.rise = sign * np.array([1.0, -1.0]) * variances / max(variances.sum(), SMALLEST)

    def by(self, much: float) -> SliceCube:
        """The slices where the effect is larger by `much`."""
        held, totals = self.cube.held, self.cube.totals
        inside, outside = (much * self.rise).T[:, :, None]
        sums, all_sums, all_squares = held.sums.copy(), totals.sums.copy(), totals.squares.copy()
        counts, whole = held.counts[:, 0], totals.counts[:, 0]
        sums[:, 0] += inside * self.common + outside * (counts - self.common)
        own = self.common.max(axis=1, keepdims=True)
        before = all_sums[:, 0].copy()
        all_sums[:, 0] += inside * own + outside * (whole - own)
        all_squares[:, 0] += (all_sums[:, 0] ** 2 - before**2) / np.maximum(whole, 1)  # the spread stays
        moved = replace(held, sums=sums), replace(totals, sums=all_sums, squares=all_squares)
        return replace(self.cube, held=moved[0], totals=moved[1])


def take(cube: SliceCube, which: np.ndarray) -> SliceCube:
    """Only the slices `which`, still the best of all that were counted."""
    return replace(cube, members=cube.members[which], codes=cube.codes[which], held=cube.held.take(which))


def _variances(cube: SliceCube, window: int, place: int) -> list[float]:
    """Of the mean inside a slice and of the mean outside, in one window."""
    now = side(cube, window, np.array([place]))
    found = []
    for part in (now, now.outside):
        rows = float(part.rows[0]) * cube.effective[window]
        spread = float(part.squares[0] / part.rows[0] - part.mean[0] ** 2) if rows > 0 else 0.0
        # a share of 0 or 1 among few rows is not known without error: two rows more, one of either kind
        floor = (rows + 1) / (rows + 2) ** 2 if cube.share else 0.0
        found.append(max(spread, floor) / rows if rows > 0 else 0.0)
    return found
