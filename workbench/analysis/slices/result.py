"""The Result of a search: its tables are the top slices, and it can be ranked anew without a search."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from workbench.analysis import stats
from workbench.analysis.slices.coding import Coded
from workbench.analysis.slices.cube import SliceCube
from workbench.analysis.slices.infer import Adjustment, raw_p
from workbench.analysis.slices.scores import ALPHA, Side, decompose, effect, score_slices, side
from workbench.analysis.slices.windows import Rows
from workbench.errors import InputError, ParameterError
from workbench.result import SMALL_CELL, Result

TIES = 1e-9
"""Scores that differ by less than this share of themselves are tied: sums of the same losses differ by rounding."""


@dataclass(frozen=True)
class SliceResult(Result):
    """Slices, and the cube behind them.

    Attributes
    ----------
    cube
        Every slice above the support; None where the result was read from a file.
    adjustment
        How p-values are adjusted for looking at all of them.
    coded, rows
        What was searched, to search again inside a part of it; None where the result was read from a file.
    """

    cube: SliceCube | None = field(default=None, repr=False, compare=False)
    adjustment: Adjustment | None = field(default=None, repr=False, compare=False)
    proved: int | None = field(default=None, repr=False, compare=False)
    coded: Coded | None = field(default=None, repr=False, compare=False)
    rows: Rows | None = field(default=None, repr=False, compare=False)

    def top(self, k: int, score: str | None = None, alpha: float = ALPHA) -> pd.DataFrame:
        """The `k` worst slices, and those tied with the last of them.

        Parameters
        ----------
        score
            ``sliceline``, ``change``, ``effect``, ``lift``, ``share`` or ``z``, as `workbench.analysis.slices.scores` defines
            them; None: ``sliceline``, or ``change`` with two windows. Only positive scores count.
        alpha
            Weight of the loss against the size, in ``sliceline`` and ``change``.

        Returns
        -------
        DataFrame
            Best first: ``slice`` (the predicate's text), ``size`` (rows the loss is defined on, or their weight), ``loss`` (its
            sum), ``mean``, ``score``, ``p_adjusted``, ``low`` and ``high`` (95 % interval of the mean). Then ``level``, ``rows``,
            ``rest`` (mean outside), ``effect`` (mean − rest; with two windows how much that grew) with ``effect_low`` and
            ``effect_high``, ``excess`` (effect x size), ``p``, and with two windows ``size_before``, ``mean_before``,
            ``got_worse`` and ``grew`` (what the slice adds to the change of the overall mean). ``suppressed`` marks fewer than
            `SMALL_CELL` rows.

        Raises
        ------
        InputError
            Where the search was pruned for another question, or the result was read from a file and has no cube.
        """
        if self.cube is None or self.adjustment is None:
            raise InputError("this result has its tables only, not the cube", self.title, "Search again to rank anew.")
        if not isinstance(k, int | np.integer) or k < 1:
            raise ParameterError("the number of slices is a whole number from 1 on", k, "Give 20, for example.")
        self._require_proved(k, score, alpha)
        chosen, scores = rank(self.cube, int(k), score, alpha)
        return describe(self.cube, self.adjustment, chosen, scores)

    def _require_proved(self, k: int, score: str | None, alpha: float) -> None:
        if self.cube is None or self.cube.complete:
            return
        if k > (self.proved or 0) or score not in (None, "sliceline") or alpha != self.numbers["alpha"]:
            advice = f"Ask for the top {self.proved} by sliceline with alpha {self.numbers['alpha']}, or search without prune."
            raise InputError("the search was pruned and proves no other ranking", f"top {k} by {score or 'sliceline'}", advice)


@dataclass(frozen=True)
class Ranking:
    """Which slices are listed: how many, by which score (None: the default), and its alpha."""

    top: int
    score: str | None = None
    alpha: float = ALPHA


def rank(cube: SliceCube, k: int, score: str | None = None, alpha: float = ALPHA) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the `k` best-scored slices and those tied with the last, best first, and their scores; shorter slices first."""
    scores = score_slices(cube, score, alpha)
    positive = np.flatnonzero(scores > 0)
    if len(positive) > k:
        last = np.partition(scores[positive], len(positive) - k)[len(positive) - k]
        positive = positive[scores[positive] >= last - TIES * abs(last)]
    order = np.argsort(-scores[positive], kind="stable")
    chosen = positive[order]
    return chosen, scores[chosen]


def describe(cube: SliceCube, adjustment: Adjustment, chosen: np.ndarray, scores: np.ndarray) -> pd.DataFrame:
    """The table of `SliceResult.top` for the slices `chosen`."""
    now = side(cube, -1, chosen)
    weighted = cube.held.rows is not cube.held.counts
    size = now.rows if weighted else now.rows.astype(np.int64)
    p, effect_low, effect_high = raw_p(cube, chosen)
    low, high = mean_interval(cube, now)
    grown = effect(cube, chosen)
    table = {
        "slice": [str(cube.where(int(index))) for index in chosen],
        "size": size,
        "loss": now.total,
        "mean": now.mean,
        "score": scores,
        "p_adjusted": adjustment.adjust(chosen, p),
        "low": low,
        "high": high,
        "level": cube.levels[chosen],
        "rows": cube.held.rows[-1, 0, chosen].astype(np.int64),
        "rest": now.rest,
        "effect": grown,
        "effect_low": effect_low,
        "effect_high": effect_high,
        "excess": grown * now.rows,
        "p": p,
    }
    if cube.windows > 1:
        before = side(cube, 0, chosen)
        worse, grew, _ = decompose(cube, chosen)
        table |= {"size_before": before.rows if weighted else before.rows.astype(np.int64), "mean_before": before.mean}
        table |= {"got_worse": worse, "grew": grew}
    table["suppressed"] = table["rows"] < SMALL_CELL
    return pd.DataFrame(table)


def mean_interval(cube: SliceCube, now: Side) -> tuple[np.ndarray, np.ndarray]:
    """95 % interval of each mean: Wilson's for a share, Student's elsewhere."""
    if cube.share:
        return stats.wilson(now.total, now.rows)
    factor = cube.effective[-1]
    return stats.mean_interval(now.rows * factor, now.total * factor, now.squares * factor)
