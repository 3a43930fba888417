"""Intervals for what has no formula: the lowest and highest rate of all groups, their difference and their ratio.

Each resample of the rows (`resamples`) gives them once. Percentile intervals; of a single rate they are too short in small
groups, which is why the table ``groups`` has Wilson's.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd

from workbench.analysis.disparity.counts import COUNTED, OUTCOMES, GroupCounts
from workbench.analysis.disparity.resamples import Resamples

FUNCTIONALS: Final = ("overall", "min", "max", "difference", "ratio")
"""Of all rows, and of the groups: lowest, highest, highest minus lowest, and lowest divided by highest (1 = no disparity)."""
GROUP: Final = "group"


def bootstrap_table(resamples: Resamples, measures: Sequence[str], confidence: float) -> pd.DataFrame:
    """A row per level, measure and functional, and per group: value and percentile interval over the resamples.

    All measures of a level take the same resamples, so that functionals agree with each other.

    Parameters
    ----------
    measures
        Those of them that are shares, or the balanced error, are measured.
    """
    drawn = [measure for measure in measures if measure in COUNTED or measure == "balanced_error"]
    ends = ((1 - confidence) / 2, (1 + confidence) / 2)
    parts = [_level_rows(counts, resamples, drawn, ends) for counts in resamples.levels if drawn]
    names = ("measure", "functional", "group", "value", "low", "high", "attributes")
    joined = {name: np.concatenate([part[name] for part in parts]) if parts else np.zeros(0) for name in names}
    return pd.DataFrame(joined | {"group": pd.Series(joined["group"], dtype=object)})


def _level_rows(
    counts: GroupCounts, resamples: Resamples, measures: Sequence[str], ends: tuple[float, float]
) -> dict[str, np.ndarray]:
    groups, names = len(counts.labels), len(measures)
    places = len(FUNCTIONALS) + groups
    observed, resampled = (np.empty((names, places, draws)) for draws in (1, resamples.draws))
    _functionals(counts.weights[..., None], measures, observed)
    start = 0
    for weights in resamples.of_level():
        end = start + weights.shape[-1]
        _functionals(weights, measures, resampled[..., start:end])
        start = end
    low, high = quantiles(resampled, ends)
    return {
        "measure": np.repeat(np.asarray(measures, dtype=object), places),
        "functional": np.tile(np.asarray([*FUNCTIONALS, *[GROUP] * groups], dtype=object), names),
        "group": np.tile(np.asarray([*[None] * len(FUNCTIONALS), *counts.labels], dtype=object), names),
        "value": observed.reshape(-1),
        "low": low.reshape(-1),
        "high": high.reshape(-1),
        "attributes": np.full(places * names, ", ".join(counts.attributes), dtype=object),
    }


def _functionals(weights: np.ndarray, measures: Sequence[str], found: np.ndarray) -> None:
    """Fill in `FUNCTIONALS` of each measure, then the measure of each group.

    Groups in which nobody belongs to a measure are left out of its lowest and highest.

    Parameters
    ----------
    weights
        Shape (groups, 3, 5, draws).
    found
        Shape (measures, functionals and groups, draws).
    """
    totals = _Totals(weights)
    with np.errstate(all="ignore"):
        for measure, values in zip(measures, found, strict=True):
            overall, by_group = values[0], values[len(FUNCTIONALS) :]
            if measure == "balanced_error":
                parts = [[np.empty(part.shape) for part in (by_group, overall)] for _ in range(2)]
                for name, part in zip(("fpr", "fnr"), parts, strict=True):
                    totals.rates(name, *part)
                by_group[:], overall[:] = ((one + other) / 2 for one, other in zip(*parts, strict=True))
            else:
                totals.rates(measure, by_group, overall)
            lowest, highest = _ends(by_group)
            values[1 : len(FUNCTIONALS)] = lowest, highest, highest - lowest, lowest / highest


class _Totals:
    """Sums of weights over the outcomes that a measure counts; those that several measures share are added up once.

    Parameters
    ----------
    weights
        Shape (groups, 3, 5, draws).
    """

    def __init__(self, weights: np.ndarray) -> None:
        cells = weights.reshape(len(weights), OUTCOMES, -1)
        self.parts = {outcome: cells[:, outcome] for outcome in np.flatnonzero(cells.any(axis=(0, 2))).tolist()}
        self.nothing = np.zeros((len(cells), cells.shape[-1]))
        self.known: dict[tuple[int, ...], tuple[np.ndarray, np.ndarray]] = {}

    def rates(self, measure: str, by_group: np.ndarray, overall: np.ndarray) -> None:
        """Fill in a share per group and draw, shape (groups, draws), and over all groups, shape (draws,)."""
        (hits, all_hits), (trials, all_trials) = (self._total(mask.reshape(-1)) for mask in COUNTED[measure])
        np.divide(hits, trials, out=by_group)
        np.divide(all_hits, all_trials, out=overall)

    def _total(self, counted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The sum over the outcomes counted, per group and draw, and per draw."""
        outcomes = tuple(outcome for outcome in self.parts if counted[outcome])
        if outcomes not in self.known:
            parts = [self.parts[outcome] for outcome in outcomes] or [self.nothing]
            by_group = functools.reduce(np.add, parts)
            self.known[outcomes] = by_group, by_group.sum(axis=0)
        return self.known[outcomes]


def _ends(by_group: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest over the first axis, NaN left out."""
    lowest, highest = by_group.min(axis=0), by_group.max(axis=0)
    if not np.isnan(lowest).any():
        return lowest, highest
    absent = np.isnan(by_group)
    nothing = absent.all(axis=0)
    lowest, highest = np.where(absent, np.inf, by_group).min(axis=0), np.where(absent, -np.inf, by_group).max(axis=0)
    return np.where(nothing, np.nan, lowest), np.where(nothing, np.nan, highest)


def quantiles(draws: np.ndarray, ends: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Both quantiles over the last axis, linearly interpolated; draws that are NaN are left out. Sorts the draws."""
    draws.sort(axis=-1)  # NaN goes last
    last = np.maximum((~np.isnan(draws)).sum(axis=-1) - 1, 0)
    found = []
    for end in ends:
        place = last * end
        below = np.floor(place).astype(int)
        above = np.minimum(below + 1, last)
        low, high = (np.take_along_axis(draws, at[..., None], axis=-1)[..., 0] for at in (below, above))
        found.append(low + (high - low) * (place - below))
    return found[0], found[1]
