"""One finding, once: of slices that are nearly the same rows, the best is shown, and the others as its other names."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from workbench.analysis import stats
from workbench.analysis.slices.adders import SliceBits
from workbench.analysis.slices.cube import SliceCube
from workbench.analysis.slices.infer import Adjustment
from workbench.analysis.slices.result import Ranking, describe, rank
from workbench.analysis.slices.scores import side

OVERLAP = 0.5
"""Two slices whose rows have this Jaccard similarity or more tell one finding."""
CANDIDATES = 500
"""How many of the best slices are looked at: far down the list all overlap a better one."""
NOTHING = 0.05
"""A condition adds nothing where p of the difference it makes to its parent is above this."""


@dataclass
class Finding:
    """Slices with (nearly) the same rows, by index; `index` is the name it is shown under, and `bits` its rows."""

    index: int
    score: float
    bits: np.ndarray
    size: int
    aliases: list[int] = field(default_factory=list)
    absorbed: int = 0


def distinct_slices(
    cube: SliceCube, codes: np.ndarray, adjustment: Adjustment, ranking: Ranking
) -> tuple[pd.DataFrame, list[int]]:
    """The best slices of which no two share `OVERLAP` or more of their rows: the table ``distinct``.

    Returns
    -------
    DataFrame, list of int
        The table, and the indices of its slices. Its columns are those of `SliceResult.top`, and ``aliases`` (other conjunctions
        that select the same rows; the one with the fewest conditions is the name), ``covers`` (how many further slices among the
        best overlap this one), ``parent`` (the worst slice with one condition less), ``gain`` (mean less the parent's) and
        ``adds_nothing`` (that gain is within chance).
    """
    found = select(cube, codes, ranking)
    chosen = np.array([finding.index for finding in found], dtype=int)
    table = describe(cube, adjustment, chosen, np.array([finding.score for finding in found]))
    table["aliases"] = [tuple(str(cube.where(alias)) for alias in finding.aliases) for finding in found]
    table["covers"] = [finding.absorbed for finding in found]
    parents = [_parent(cube, finding.index) for finding in found]
    table["parent"] = ["all rows" if parent is None else str(cube.where(parent)) for parent, _, _ in parents]
    table["gain"] = [gain for _, gain, _ in parents]
    table["adds_nothing"] = [parent is not None and not p <= NOTHING for parent, _, p in parents]
    return table, chosen.tolist()


def select(cube: SliceCube, codes: np.ndarray, ranking: Ranking) -> list[Finding]:
    """Up to ``ranking.top`` findings, best first, from the best `CANDIDATES` slices; `codes` are the current rows'."""
    chosen, scores = rank(cube, CANDIDATES, ranking.score, ranking.alpha)
    rows = SliceBits(cube, codes, chosen[:CANDIDATES])
    kept: list[Finding] = []
    for place, (index, value) in enumerate(zip(chosen[:CANDIDATES].tolist(), scores.tolist(), strict=False)):
        bits = rows.of(place)
        size = int(np.bitwise_count(bits).sum())
        like = _most_alike(bits, size, kept)
        if like is None:
            if len(kept) < ranking.top:
                kept.append(Finding(index, value, bits, size))
        elif like.size == size and bool((like.bits == bits).all()):
            _alias(cube, like, index)
        else:
            like.absorbed += 1
    return kept


def _most_alike(bits: np.ndarray, size: int, kept: list[Finding]) -> Finding | None:
    """The finding that shares most of its rows with `bits`, where that is `OVERLAP` or more."""
    best, most = None, OVERLAP
    for finding in kept:
        if min(size, finding.size) < most * max(size, finding.size):
            continue
        common = int(np.bitwise_count(bits & finding.bits).sum())
        alike = common / (size + finding.size - common)
        if alike >= most:
            best, most = finding, alike
    return best


def _alias(cube: SliceCube, finding: Finding, index: int) -> None:
    """Another name for the same rows; the shortest one is shown."""
    if cube.levels[index] < cube.levels[finding.index]:
        finding.index, index = index, finding.index
    finding.aliases.append(index)


def _parent(cube: SliceCube, index: int) -> tuple[int | None, float, float]:
    """The worst slice with one condition less, what the condition adds to its mean, and the p of that."""
    now = side(cube, -1)
    parents = cube.parents(index)
    if not parents:
        return None, float(now.mean[index] - now.overall), 0.0
    parent = max(parents, key=lambda place: now.mean[place])
    rows, total, squares = (part[parent] - part[index] for part in (now.rows, now.total, now.squares))
    if rows <= 0:
        return parent, 0.0, 1.0
    inside = (now.rows[index], now.total[index], now.squares[index])
    against = stats.welch(*inside, rows, total, squares).p
    p = stats.two_proportions(inside[1], inside[0], total, rows) if cube.share else against
    return parent, float(now.mean[index] - now.mean[parent]), float(p)
