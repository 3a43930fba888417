"""Adding many numbers per row up in every slice of a cube at once: what permutations are made of."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from workbench.analysis.slices.cube import SliceCube, widths_of
from workbench.errors import InputError

MOST_CELLS = 2**24
"""Cells of one set of columns that can be addressed."""
PIECE = 256
"""Slices that one thread counts before it takes more."""


class Adder(Protocol):
    """Sums of shape (slices, sets) from numbers of shape (sets, rows)."""

    counts_bits: bool

    def add(self, drawn: np.ndarray) -> np.ndarray:
        """Add up each row of `drawn` in every slice."""


@dataclass(frozen=True)
class ColumnsBlock:
    """The slices on one set of columns: places `start` to `stop` of the cube."""

    members: tuple[int, ...]
    start: int
    stop: int


def blocks_of(cube: SliceCube) -> list[ColumnsBlock]:
    """The cube in pieces of slices on the same columns."""
    if not len(cube):
        return []
    edges = [0, *(np.flatnonzero((cube.members[1:] != cube.members[:-1]).any(axis=1)) + 1).tolist(), len(cube)]
    members = [tuple(member for member in cube.members[start].tolist() if member >= 0) for start in edges[:-1]]
    return [ColumnsBlock(columns, start, stop) for columns, (start, stop) in zip(members, itertools.pairwise(edges), strict=True)]


def is_addressable(cube: SliceCube) -> bool:
    """Whether every set of columns has few enough cells for `ChannelAdder`."""
    widths = widths_of(cube.codings)
    return all(math.prod(widths[list(block.members)].tolist()) <= MOST_CELLS for block in blocks_of(cube))


class SliceBits:
    """The rows of slices as bits, 64 in a word: a slice is the conjunction of its conditions.

    Attributes
    ----------
    conditions
        Shape (conditions, words).
    parts
        Shape (slices, level): which conditions a slice is made of, -1 for none.
    """

    def __init__(self, cube: SliceCube, codes: np.ndarray, chosen: np.ndarray | slice = slice(None)) -> None:
        members = cube.members[chosen].astype(np.int64)
        pairs = np.where(members >= 0, members * 256 + cube.codes[chosen], -1)
        held, parts = np.unique(pairs, return_inverse=True)
        shift = int(held[0] < 0) if len(held) else 0
        self.parts = parts.reshape(pairs.shape) - shift
        pairs_held = held[shift:].tolist()
        self.conditions = np.empty((len(pairs_held), -(-codes.shape[1] // 64)), np.uint64)
        for number, pair in enumerate(pairs_held):
            self.conditions[number] = packed(codes[pair // 256] == pair % 256)

    def of(self, place: int) -> np.ndarray:
        """The rows of one slice, by its place among those chosen."""
        first, *others = [part for part in self.parts[place].tolist() if part >= 0]
        bits = self.conditions[first]
        for part in others:
            bits = bits & self.conditions[part]
        return np.asarray(bits)


class BitAdder:
    """Counts rows by their bits."""

    counts_bits = True

    def __init__(self, cube: SliceCube, codes: np.ndarray, pool: ThreadPoolExecutor) -> None:
        self.pool, self.size, self.bits = pool, len(cube), SliceBits(cube, codes)

    def add(self, drawn: np.ndarray) -> np.ndarray:
        """As the protocol says; `drawn` is boolean."""
        from workbench.analysis.slices import kernel

        bits = packed(drawn)
        common = np.zeros((self.size, len(drawn)), np.int64)

        def run(start: int) -> None:
            piece = slice(start, start + PIECE)
            kernel.count_in_common(self.bits.conditions, self.bits.parts[piece], bits, common[piece])

        run_all(run, range(0, self.size, PIECE), self.pool)
        return common.astype(float)


def packed(sets: np.ndarray) -> np.ndarray:
    """Booleans of shape (…, rows) as bits, uint64 of shape (…, words)."""
    width = -(-sets.shape[-1] // 64) * 8
    found = np.zeros((*sets.shape[:-1], width), np.uint8)
    if sets.size:
        bits = np.packbits(sets, axis=-1)
        found[..., : bits.shape[-1]] = bits
    return found.view(np.uint64)


class ChannelAdder:
    """Adds numbers, a row of them at a time: each row's cell says which slice it is in."""

    counts_bits = False

    def __init__(self, cube: SliceCube, codes: np.ndarray, pool: ThreadPoolExecutor) -> None:
        self.pool, self.size, self.codes = pool, len(cube), codes
        self.widths = widths_of(cube.codings)
        self.jobs = [(block, *self._addresses(cube, block)) for block in blocks_of(cube)]

    def _addresses(self, cube: SliceCube, block: ColumnsBlock) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The columns, what to multiply their codes by, and the slice of each cell."""
        members = np.array(block.members)
        shape = tuple(self.widths[members].tolist())
        if math.prod(shape) > MOST_CELLS:
            do = "Use permutations=0, a lower level or fewer values per column."
            raise InputError("permutations cannot address the cells of so many conditions", f"{math.prod(shape):,} cells", do)
        slices = np.full(math.prod(shape), -1, np.int32)
        own = cube.codes[block.start : block.stop, : len(members)].astype(np.intp)
        slices[np.ravel_multi_index(tuple(own.T), shape)] = np.arange(block.stop - block.start)
        return members, np.append(np.cumprod(shape[:0:-1])[::-1], 1).astype(np.int64), slices

    def add(self, drawn: np.ndarray) -> np.ndarray:
        """As the protocol says."""
        from workbench.analysis.slices import kernel

        # 16 numbers of 32 bits fill a line of the cache; a few are exact in 64
        channels = np.ascontiguousarray(drawn.T, dtype=np.float32 if len(drawn) > 4 else np.float64)
        sums = np.zeros((self.size, channels.shape[1]), channels.dtype)

        def run(job: tuple[ColumnsBlock, np.ndarray, np.ndarray, np.ndarray]) -> None:
            block, members, strides, slices = job
            kernel.add_channels(self.codes, members, strides, slices, channels, sums[block.start : block.stop])

        run_all(run, self.jobs, self.pool)
        return sums.astype(float)


def run_all(job: Callable[[Any], None], items: Any, pool: ThreadPoolExecutor) -> None:
    """`job` on each of `items`, in the threads of `pool`."""
    for _ in pool.map(job, items):
        pass
