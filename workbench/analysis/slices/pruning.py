"""The exact top slices by SliceLine's score alone, for data too large to count every slice.

Every condition and every pair is counted. A triple lies inside three pairs, so its size, its loss and its largest loss are at
most the smallest of theirs; the best score that any triple within these limits could have bounds it from above (Sagadeeva &
Boehm, SIGMOD 2021, section 3.2, with n the number of *rows*). Pairs are taken up best bound first, and none whose bound is below
the k-th best score found so far is extended: what is left out cannot be among the top k.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from workbench.analysis.slices.budget import VISITS, Meter
from workbench.analysis.slices.cube import SliceCube, all_codes, assemble, defined_rows, smallest, sources_of, widths_of
from workbench.analysis.slices.enumeration import Block, Enumeration, Plan, Tell, threads
from workbench.analysis.slices.outcome import Outcome, pack_outcome
from workbench.analysis.slices.scores import ALPHA
from workbench.data.encode import Coding
from workbench.errors import InputError

DEEPEST_PRUNED = 3
ROUNDING = 1e-9
"""A bound this near the k-th score, as a share of it, may be a tie."""
MOST_COMBINATIONS = 2**22
"""Cells of three columns whose bounds are computed one by one; of more, only the pair's own bound is used."""


def build_pruned(
    codes: np.ndarray,
    codings: Sequence[Coding],
    values: np.ndarray,
    *,
    level: int,
    least: float,
    top: int,
    alpha: float = ALPHA,
    weights: np.ndarray | None = None,
    measure: str = "loss",
    usable: np.ndarray | None = None,
    budget: int = VISITS,
    tell: Tell | None = None,
) -> SliceCube:
    """The slices among which the `top` by ``sliceline`` are, ties included.

    Parameters
    ----------
    codes, codings, values, level, least, weights, usable, budget, tell
        As in `build_cube`; one measure, none of it negative, at most three conditions.

    Raises
    ------
    InputError
        For a negative loss or a fourth condition; where even the pairs are beyond the budget.
    """
    if level > DEEPEST_PRUNED:
        raise InputError("a pruned search goes to three conditions", level, "Use level=3, or search without prune.")
    if np.nanmin(values, initial=0.0) < 0:
        raise InputError("a loss that can be negative has no bound to prune by", measure, "Search without prune.")
    codes, (values,), _, weights = defined_rows(codes, [values], None, weights)
    outcome = pack_outcome([values], None, weights)
    usable, least = all_codes(codings) if usable is None else usable, max(least, smallest(weights))
    meter, sources = Meter(budget), sources_of(codings)
    search = PrunedEnumeration(codes, widths_of(codings), usable, outcome, least, level, meter, tell, sources)
    search.question = Question(outcome, search.least, top, alpha)
    blocks = search.run() if codes.size else []
    return assemble(blocks, codings, outcome, level, search.least, [measure], examined=search.possible)


@dataclass
class Question:
    """The top slices by ``sliceline``: scores, bounds, and the score to beat."""

    outcome: Outcome
    least: float
    top: int
    alpha: float

    def __post_init__(self) -> None:
        total = self.outcome.total()
        self.rows, self.loss = float(total.counts.sum()), float(total.sums.sum())
        self.best = np.empty(0)

    def score(self, rows: np.ndarray, loss: np.ndarray) -> np.ndarray:
        """SliceLine's score."""
        average = self.loss / self.rows if self.rows else np.nan
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(self.alpha * (loss / rows / average - 1) - (1 - self.alpha) * (self.rows / rows - 1))

    def bound(self, rows: np.ndarray, loss: np.ndarray, largest: np.ndarray) -> np.ndarray:
        """The best score of any slice with at most so many rows and so much loss, none larger in a row; minus infinity if none.

        With all rows at the largest loss the score grows with the size until the loss is spent; from there on it falls or grows
        all the way. So it is best at one of three sizes.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            spent = np.where(largest > 0, loss / largest, 0.0)
        found = np.full(np.shape(rows), -np.inf)
        for size in (np.full_like(rows, self.least), np.clip(spent, self.least, np.maximum(rows, self.least)), rows):
            reached = self.score(size, np.minimum(loss, size * np.where(largest > 0, largest, 0.0)))
            found = np.where(rows >= self.least, np.fmax(found, reached), found)
        return found

    def see(self, blocks: Sequence[Block]) -> None:
        """Remember the best scores of what was counted."""
        for block in blocks:
            held = self.outcome.unpack(block.cells)
            scores = self.score(held.counts[-1, 0], held.sums[-1, 0])
            self.best = np.sort(np.append(self.best, scores[scores > 0]))[-self.top :]

    @property
    def to_beat(self) -> float:
        """Bounds below this are of no slice among the top."""
        return float(self.best[0]) * (1 - ROUNDING) if len(self.best) == self.top else 0.0


class PrunedEnumeration(Enumeration):
    """An enumeration that extends only pairs which can hold one of the top slices."""

    question: Question
    possible = 0

    def first_level(self) -> list[Block]:
        """All conditions."""
        blocks = super().first_level()
        self.question.see(blocks)
        self.possible = sum(len(block.codes) for block in blocks)
        return blocks

    def further_levels(self) -> list[Block]:
        """All pairs, and the triples worth counting."""
        blocks = self.second_level()
        self.question.see(blocks)
        self.possible += sum(len(block.codes) for block in blocks)
        if self.level > 2:
            self.held = {block.members: self.tables(block) for block in blocks}
            blocks += self.third_level()
        return blocks

    def third_level(self) -> list[Block]:
        """Triples, best pairs first, several threads at a time."""
        bounds = {pair: found for pair in self.pairs if (found := self.bounds(pair))}
        order = sorted(bounds, key=lambda pair: -max(float(bound.max()) for bound in bounds[pair].values()))
        blocks: list[Block] = []
        with ThreadPoolExecutor(threads()) as pool:
            for pairs in _batches(order, threads()):
                plans = [plan for pair in pairs if (plan := self.open(pair, bounds[pair]))]
                self.meter.plan(sum(plan.visits for plan in plans))
                for counted in pool.map(self.extend_pair, plans):
                    self.question.see(counted)
                    blocks += counted
                if self.tell is not None:
                    self.tell(self.meter.visited, self.meter.planned)
        return blocks

    def tables(self, block: Block) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rows, loss and largest loss of the cells of a pair, 0 without the support."""
        left, right = block.members
        held = self.outcome.unpack(block.cells)
        found = []
        for part in (held.counts, held.sums, held.maxima):
            table = np.zeros((int(self.widths[left]), int(self.widths[right])))
            table[block.codes[:, 0], block.codes[:, 1]] = part[-1, 0]
            found.append(table)
        return found[0], found[1], found[2]

    def bounds(self, pair: tuple[int, int]) -> dict[int, np.ndarray]:
        """For each further column, the best bound of any triple in each cell of the pair; only columns that can matter."""
        left, right = pair
        found = {}
        for third in range(right + 1, len(self.codes)):
            one, other = self.held.get((left, third)), self.held.get((right, third))
            if one is None or other is None:
                continue
            own, size = self.held[pair], int(self.widths[left] * self.widths[right] * self.widths[third])
            if size > MOST_COMBINATIONS:
                self.possible += size
                best = self.question.bound(*own)
            else:
                limits = [
                    np.minimum(np.minimum(a[:, :, None], b[:, None, :]), c[None, :, :])
                    for a, b, c in zip(own, one, other, strict=True)
                ]
                self.possible += int(np.count_nonzero(limits[0] >= self.least))
                best = self.question.bound(*limits).max(axis=2)
            if best.max(initial=-np.inf) >= self.question.to_beat:
                found[third] = best
        return found

    def open(self, pair: tuple[int, int], bounds: dict[int, np.ndarray]) -> Plan | None:
        """What of a pair can still matter."""
        score = self.question.to_beat
        columns = tuple(third for third, bound in bounds.items() if bound.max() >= score)
        if not columns:
            return None
        cells = self.pairs[pair] & np.logical_or.reduce([bounds[third] >= score for third in columns])
        return Plan(pair, columns, cells, self.visits(pair, cells) * len(columns))


def _batches(items: Sequence[tuple[int, int]], size: int) -> list[Sequence[tuple[int, int]]]:
    return [items[start : start + size] for start in range(0, len(items), size)]
