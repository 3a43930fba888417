"""Runs of near-duplicates: one input varied again and again, as somebody does who looks for the boundary of a decision.

Each row is held against the `REACH` rows before and after it in order of arrival (of its caller, where callers are known). How
many of them are near it is compared with how many rows anywhere in the log are (a scan statistic: the tail of a Poisson variable
with that mean, times the number of rows). A log whose rows are near each other anyway, such as one of a few categories, hides
such runs, and nothing is said of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from workbench.attacks.hunting.arrivals import Arrivals

REACH: Final = 32
LEAST_NEAR: Final = 6
"""Rows near a row within its reach, from which on it may be part of a run."""
LEAST_COLUMNS: Final = 3
AMONG: Final = 2000
"""Rows drawn to say how many rows anywhere are near a row."""
COARSE: Final = 0.5
"""Where chance alone puts this many near rows within reach of a row, the log hides runs."""
SURE: Final = 0.001
"""Family-wise over all rows of the log."""
VARIED: Final = 0.6
"""Part of the steps in which one column alone changes, that makes a run a lattice."""


@dataclass(frozen=True, eq=False)
class Runs:
    """Rows that vary other rows.

    Attributes
    ----------
    hits
        Positions in order of arrival, ascending.
    p
        Of the strongest run, over all rows.
    kind
        ``lattice`` where one column is swept and the others stand still, else ``walk``.
    swept
        The columns that change, those that change most often first; empty where it is none in particular.
    steps
        Steps from a row to its next near one.
    flips
        Part of these steps that change the decision; None without decisions.
    """

    hits: np.ndarray
    p: float
    kind: str
    swept: tuple[str, ...]
    steps: int
    flips: float | None


def find_runs(found: Arrivals, decisions: np.ndarray | None, seed: int = 0) -> Runs | None:
    """The runs of near-duplicates in a log; None where there is none, or the log cannot show any.

    Parameters
    ----------
    decisions
        Shape (rows,), in order of arrival; equal entries are equal decisions.
    """
    if len(found.columns) < LEAST_COLUMNS or len(found) <= REACH:
        return None
    sample = np.sort(np.random.default_rng([seed, 41]).choice(len(found), min(AMONG, len(found)), replace=False))
    if _is_coarse(found, sample):
        return None
    part = _candidates(found)
    if not len(part):
        return None
    places = np.union1d(part, sample)
    matrix = found.matrix(found.columns, places)
    hits, p = _unusual(found, matrix, places, np.searchsorted(places, sample))
    return None if not len(hits) else _told(found, hits, p, decisions)


def _is_coarse(found: Arrivals, sample: np.ndarray) -> bool:
    from workbench.attacks.hunting.kernel import count_among

    matrix = found.matrix(found.columns, sample)
    half = np.arange(len(sample) // 2)
    near = count_among(matrix, half, half + len(half)).mean() / max(len(half), 1)
    return bool(2 * REACH * near > COARSE)


def _candidates(found: Arrivals) -> np.ndarray:
    """Positions of the rows that may be part of a run by their numbers alone, and of those near them."""
    from workbench.attacks.hunting.kernel import count_near, mark_near

    everywhere = np.arange(len(found))
    if len(found.numeric) < LEAST_COLUMNS:
        return everywhere
    matrix = found.matrix(found.numeric)
    many = count_near(matrix, found.groups, everywhere, REACH, same_too=True) >= LEAST_NEAR
    return np.flatnonzero(mark_near(matrix, found.groups, everywhere, many, REACH)) if many.any() else everywhere[:0]


def _unusual(found: Arrivals, matrix: np.ndarray, places: np.ndarray, sample: np.ndarray) -> tuple[np.ndarray, float]:
    """Positions of the rows in runs, and the p-value of the strongest, over all rows of the log."""
    from scipy.special import pdtrc

    from workbench.attacks.hunting.kernel import count_among, count_near, mark_near

    groups = found.groups[places]
    counts = count_near(matrix, groups, places, REACH, same_too=False)
    many = np.flatnonzero(counts >= LEAST_NEAR)
    if not len(many):
        return places[:0], 1.0
    anywhere = (count_among(matrix, many, sample) + 1) / (len(sample) + 1)
    p = len(found) * pdtrc(counts[many] - 1, 2 * REACH * anywhere)
    wanted = np.zeros(len(places), dtype=bool)
    wanted[many[p <= SURE]] = True
    return places[mark_near(matrix, groups, places, wanted, REACH)], float(min(1.0, p.min()))


def _told(found: Arrivals, hits: np.ndarray, p: float, decisions: np.ndarray | None) -> Runs:
    """What the runs look like: which columns change from step to step, and how often the decision does."""
    from workbench.attacks.hunting.kernel import next_near

    matrix = found.matrix(found.columns, hits)
    following = next_near(matrix, found.groups[hits], hits, REACH)
    first = np.flatnonzero(following >= 0)
    second = following[first]
    changed = {name: _changed(found, name, hits[first], hits[second]) for name in found.columns}
    often = sorted(changed, key=lambda name: -changed[name].mean() if len(first) else 0.0)
    alone = sum(changed[name].astype(int) for name in often) == 1
    lattice = bool(len(first)) and float(np.mean(alone)) >= VARIED
    swept = tuple(name for name in often if len(first) and changed[name].mean() >= (1 - VARIED if lattice else VARIED))
    flips = None if decisions is None or not len(first) else float((decisions[hits[first]] != decisions[hits[second]]).mean())
    return Runs(hits, p, "lattice" if lattice else "walk", swept, len(first), flips)


def _changed(found: Arrivals, column: str, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    one, other = found.values(column, first), found.values(column, second)
    return ((one != other) & ~(one.isna() & other.isna())).fillna(value=True).to_numpy(dtype=bool)
