"""Every slice above the support, by extending prefixes column by column.

The rows of a cell are gathered once, and each further column costs one joint histogram. A conjunction can only have the support
if all its parts do (Agrawal & Srikant 1994), so a pair's cell is extended only by the columns with which its two conditions,
each, form a cell that has the support. That is the only thing ever left out.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from workbench.analysis.slices.budget import Meter
from workbench.analysis.slices.outcome import CHANNELS, Outcome

MOST_TABLE = 2**23
"""Numbers in the tables that one pass fills; more columns take several passes."""
WORTH_RECODING = 0.8
"""A share of the codes left that pays for writing all codes anew."""
MOST_THREADS = 4
"""Each holds the numbers of the rows it works on, 8 bytes a row."""

Tell = Callable[[int, int], None]
"""Called with how many rows were visited and how many there are to visit; an exception it raises ends the search."""


@dataclass(frozen=True)
class Block:
    """The slices of one set of columns that have the support.

    Attributes
    ----------
    members
        Positions of the columns, ascending.
    codes
        Shape (slices, members).
    cells
        What they hold, shape (slices, groups * channels); `Outcome.unpack` reads it.
    """

    members: tuple[int, ...]
    codes: np.ndarray
    cells: np.ndarray


@dataclass(frozen=True)
class Prefix:
    """Slices of one set of columns, ranked, and the rows in them; `places` is ``rank * groups + group``."""

    members: tuple[int, ...]
    codes: np.ndarray
    rows: np.ndarray
    places: np.ndarray


@dataclass
class Enumeration:
    """One search.

    Parameters
    ----------
    codes
        Shape (columns, rows), uint8; rows on which some measure is defined.
    widths
        How many codes each column has.
    usable
        Which of them are conditions, shape (columns, 256).
    outcome
        What is counted.
    least
        Smallest support, at least one row.
    level
        Most conditions in a slice.
    meter
        Refuses to go beyond the budget.
    sources
        Which columns are parts of one: they have the same number, and no slice has two of them. None: each is its own.
    """

    codes: np.ndarray
    widths: np.ndarray
    usable: np.ndarray
    outcome: Outcome
    least: float
    level: int
    meter: Meter
    tell: Tell | None = None
    sources: np.ndarray | None = None
    singles: list[np.ndarray] = field(default_factory=list)
    pairs: dict[tuple[int, int], np.ndarray] = field(default_factory=dict)
    original: list[np.ndarray] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.local = threading.local()
        every = np.arange(self.codes.shape[1], dtype=np.uint32)
        self.root = Prefix((), np.empty((1, 0), np.uint8), every, self.outcome.group.astype(np.uint32))
        self.support = self.outcome.support
        sources = np.arange(len(self.codes)) if self.sources is None else self.sources
        self.apart = sources[:, None] != sources

    def run(self) -> list[Block]:
        """All slices, by level, then by columns, then by codes."""
        columns, rows = self.codes.shape
        self.meter.plan(rows * (columns + (int(np.count_nonzero(self.apart)) // 2 if self.level > 1 else 0)))
        blocks = self.first_level()
        if self.level > 1:
            self.drop_rare()
            blocks += self.restored(self.further_levels())
        return sorted(blocks, key=lambda block: (len(block.members), block.members))

    def further_levels(self) -> list[Block]:
        """Slices of two conditions and more."""
        blocks = self.second_level()
        if self.level > 2:
            plans = [plan for pair in sorted(self.pairs) if (plan := self.plan(pair))]
            self.meter.plan(sum(plan.visits for plan in plans))
            triples = self.each(self.extend_pair, plans)
            blocks += triples + (self.fourth_level(triples) if self.level > 3 else [])
        return blocks

    def drop_rare(self) -> None:
        """Give all codes of a column without the support one code, 0, where that makes the tables much smaller."""
        kept = [np.flatnonzero(held).astype(np.uint8) for held in self.singles]
        if sum(len(codes) + 1 for codes in kept) > WORTH_RECODING * self.widths.sum():
            return
        recoded = np.empty_like(self.codes)
        for column, codes in enumerate(kept):
            numbers = np.zeros(256, np.uint8)
            numbers[codes] = np.arange(1, len(codes) + 1)
            np.take(numbers, self.codes[column], out=recoded[column])
        self.codes, self.original = recoded, [np.append(np.uint8(0), codes) for codes in kept]
        self.widths = np.array([len(codes) + 1 for codes in kept], np.int64)
        self.singles = [np.arange(width) > 0 for width in self.widths]
        self.usable = np.broadcast_to(np.arange(256) > 0, self.usable.shape)

    def restored(self, blocks: list[Block]) -> list[Block]:
        """The blocks with the codes as they were given."""
        if not self.original:
            return blocks
        return [
            Block(
                block.members,
                np.column_stack([self.original[m][c] for m, c in zip(block.members, block.codes.T, strict=True)]),
                block.cells,
            )
            for block in blocks
        ]

    def first_level(self) -> list[Block]:
        """Single conditions."""
        blocks = {block.members[0]: block for block in self.extend(self.root, range(len(self.codes)))}
        for column in range(len(self.codes)):
            held = np.zeros(int(self.widths[column]), bool)
            if column in blocks:
                held[blocks[column].codes[:, 0]] = True
            self.singles.append(held)
        return list(blocks.values())

    def second_level(self) -> list[Block]:
        """Pairs of conditions."""
        columns = [column for column, held in enumerate(self.singles) if held.any()]
        blocks = self.each(self.extend_single, list(itertools.pairwise([*columns, len(self.codes)]))[:-1])
        for block in blocks:
            left, right = block.members
            held = np.zeros((int(self.widths[left]), int(self.widths[right])), bool)
            held[block.codes[:, 0], block.codes[:, 1]] = True
            self.pairs[left, right] = held
        self.seen = {block.members: (block.codes, self.outcome.seen(block.cells)) for block in blocks}
        return blocks

    def extend_single(self, place: tuple[int, int]) -> list[Block]:
        """One column's conditions with those of every column after it."""
        column = place[0]
        held = self.singles[column]
        ranks = np.where(held, np.cumsum(held) - 1, -1).astype(np.int32)
        prefix = self.narrow(self.root, column, ranks, np.flatnonzero(held)[:, None], depth=0)
        after = [other for other in range(column + 1, len(self.codes)) if self.apart[column, other] and self.singles[other].any()]
        return list(self.extend(prefix, after))

    def plan(self, pair: tuple[int, int]) -> Plan | None:
        """What is to be counted for a pair: its cells that can have the support with a third column, and these columns."""
        left, right = pair
        held = self.pairs[pair]
        columns, open_cells = [], np.zeros_like(held)
        for third in range(right + 1, len(self.codes)):
            one, other = self.pairs.get((left, third)), self.pairs.get((right, third))
            if one is None or other is None:
                continue
            can = held & (one.astype(np.float32) @ other.T.astype(np.float32) > 0)
            if can.any():
                columns.append(third)
                open_cells |= can
        if not columns:
            return None
        return Plan(pair, tuple(columns), open_cells, self.visits(pair, open_cells) * len(columns))

    def visits(self, pair: tuple[int, int], cells: np.ndarray) -> int:
        """Rows in these cells of a pair."""
        codes, seen = self.seen[pair]
        return int(seen[cells[codes[:, 0], codes[:, 1]]].sum())

    def extend_pair(self, plan: Plan) -> list[Block]:
        """All slices of three conditions that begin with the pair."""
        return list(self.extend(self.open_pair(plan), plan.columns))

    def open_pair(self, plan: Plan) -> Prefix:
        """The rows in the cells of a pair that are worth extending."""
        from workbench.analysis.slices import kernel

        left, right = plan.pair
        codes = np.argwhere(plan.cells).astype(np.uint8)
        ranks = np.full(plan.cells.size, -1, np.int32)
        ranks[np.flatnonzero(plan.cells)] = np.arange(len(codes))
        kept, placed = self.buffers(0)
        outcome = self.outcome
        found = kernel.keep_pair_rows(
            self.codes[left], self.codes[right], int(self.widths[right]), ranks, outcome.groups, outcome.group, kept, placed
        )
        return Prefix(plan.pair, codes, kept[:found], placed[:found])

    def fourth_level(self, triples: list[Block]) -> list[Block]:
        """Slices of four conditions: the triples that have the support, each with the columns that all its parts go with."""
        known = {block.members for block in triples}
        deep = [part for block in triples if (part := self.deepen(block, known))]
        self.meter.plan_level(4, sum(part.visits for part in deep), len(triples))
        pairs = [list(parts) for _, parts in itertools.groupby(deep, key=lambda part: part.block.members[:2])]
        return self.each(self.extend_triples, pairs)

    def deepen(self, block: Block, known: set[tuple[int, ...]]) -> Deep | None:
        """What is to be counted for the slices of three conditions on the same columns."""
        columns = tuple(
            fourth
            for fourth in range(block.members[-1] + 1, len(self.codes))
            if all((*pair, fourth) in known for pair in itertools.combinations(block.members, 2))
        )
        return Deep(block, columns, int(self.outcome.seen(block.cells).sum()) * len(columns)) if columns else None

    def extend_triples(self, parts: Sequence[Deep]) -> list[Block]:
        """All slices of four conditions that begin with one pair."""
        left, right = parts[0].block.members[:2]
        pair = left, right
        cells = np.zeros_like(self.pairs[pair])
        for part in parts:
            cells[part.block.codes[:, 0], part.block.codes[:, 1]] = True
        prefix = self.open_pair(Plan(pair, (), cells, 0))
        return [block for part in parts for block in self.extend(self.narrow_to(prefix, part.block), part.columns)]

    def narrow_to(self, prefix: Prefix, block: Block) -> Prefix:
        """The rows of `prefix` in the slices of `block`, which extends it by one column."""
        column = block.members[-1]
        width = int(self.widths[column])
        rank_of = {code.tobytes(): rank for rank, code in enumerate(np.ascontiguousarray(prefix.codes))}
        before = [rank_of[code.tobytes()] for code in np.ascontiguousarray(block.codes[:, :-1])]
        ranks = np.full(len(prefix.codes) * width, -1, np.int32)
        ranks[np.array(before) * width + block.codes[:, -1]] = np.arange(len(block.codes))
        return self.narrow(prefix, column, ranks, block.codes, depth=len(prefix.members) - 1)

    def narrow(self, prefix: Prefix, column: int, ranks: np.ndarray, codes: np.ndarray, *, depth: int) -> Prefix:
        """The rows of `prefix` whose cell with `column` has a rank."""
        from workbench.analysis.slices import kernel

        kept, placed = self.buffers(depth)
        outcome, width = self.outcome, int(self.widths[column])
        found = kernel.keep_rows(
            prefix.rows, prefix.places, self.codes[column], width, ranks, outcome.groups, outcome.group, kept, placed
        )
        return Prefix((*prefix.members, column), codes.astype(np.uint8), kept[:found], placed[:found])

    def extend(self, prefix: Prefix, columns: Sequence[int]) -> Iterator[Block]:
        """The slices of the prefix with each of `columns` that have the support."""
        size = len(prefix.codes) * self.outcome.groups * self.outcome.channels
        columns = list(columns)
        while columns:
            sizes = np.cumsum(self.widths[columns]) * size
            fit = max(1, int(np.searchsorted(sizes, MOST_TABLE, side="right")))
            yield from self.extend_by(prefix, np.array(columns[:fit]))
            del columns[:fit]

    def extend_by(self, prefix: Prefix, columns: np.ndarray) -> Iterator[Block]:
        """As `extend`, in one pass."""
        from workbench.analysis.slices import kernel

        outcome, widths = self.outcome, self.widths[columns]
        ranks = len(prefix.codes)
        starts = np.append(0, np.cumsum(widths * ranks * outcome.groups * outcome.channels))
        table = self.tally(prefix, columns, starts)
        number, rank, code, cells = kernel.collect(
            table, columns, widths, starts, ranks, outcome.groups, outcome.channels, self.support, self.least, self.usable
        )
        self.meter.count(len(prefix.rows) * len(columns), len(number))
        edges = np.searchsorted(number, np.arange(len(columns) + 1))
        for place, (start, stop) in enumerate(itertools.pairwise(edges)):
            if stop > start:
                codes = np.column_stack([prefix.codes[rank[start:stop]], code[start:stop]])
                yield Block((*prefix.members, int(columns[place])), codes, cells[start:stop])

    def tally(self, prefix: Prefix, columns: np.ndarray, starts: np.ndarray) -> np.ndarray:
        """The tables of the prefix with each of `columns`, which begin at `starts`."""
        from workbench.analysis.slices import kernel

        outcome, widths = self.outcome, self.widths[columns]
        if outcome.values is None:
            table = np.zeros(starts[-1], np.int32)
            kernel.count(prefix.rows, prefix.places, self.codes, columns, widths, starts, table)
            return table
        sums = np.zeros(starts[-1])
        sums.reshape(-1, CHANNELS)[:, 3] = -np.inf
        where = (prefix.rows, prefix.places, self.codes, columns, widths, starts, sums)
        if outcome.weights.size or outcome.measures > 1:
            kernel.add_up(*where, outcome.values, outcome.weights)
        else:
            kernel.add_up_alike(*where, outcome.values)
        return sums

    def buffers(self, depth: int) -> tuple[np.ndarray, np.ndarray]:
        """Room for the rows of a prefix of this depth and their places; each thread has its own."""
        held = self.local.__dict__.setdefault("held", {})
        if depth not in held:
            held[depth] = np.empty(self.codes.shape[1] + 1, np.uint32), np.empty(self.codes.shape[1] + 1, np.uint32)
        pair: tuple[np.ndarray, np.ndarray] = held[depth]
        return pair

    def each(self, job: Callable[[Any], list[Block]], items: Sequence[Any]) -> list[Block]:
        """`job` on each of `items`, in several threads; the blocks in the order of the items."""
        blocks: list[Block] = []
        with ThreadPoolExecutor(threads()) as pool:
            running = [pool.submit(job, item) for item in items]
            try:
                for future in running:
                    blocks += future.result()
                    if self.tell is not None:
                        self.tell(self.meter.visited, self.meter.planned)
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        return blocks


@dataclass(frozen=True)
class Plan:
    """A pair of columns, the columns to extend it by, its cells worth extending, and the rows to be visited for that."""

    pair: tuple[int, int]
    columns: tuple[int, ...]
    cells: np.ndarray
    visits: int


@dataclass(frozen=True)
class Deep:
    """Slices of three conditions, the columns to extend them by, and the rows to be visited for that."""

    block: Block
    columns: tuple[int, ...]
    visits: int


def threads() -> int:
    """How many threads to search in: as many as this process may use, at most `MOST_THREADS`."""
    return min(MOST_THREADS, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
