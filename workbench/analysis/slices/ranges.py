"""Exact ranges under the permutations: how far any range of a binned column would stand out if there were nothing to find.

A reported slice's bins are replaced by the best of all ranges of their columns, so its p-value counts, in each permutation of
`workbench.analysis.slices.permutation`, the largest z of every slice *and* of every range: of the columns refined, inside the
reported slice's other conditions, and likewise around that permutation's own worst slices, because the slices that are reported
were chosen by the data as well.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np

from workbench.analysis.slices.cube import SliceCube
from workbench.analysis.slices.enumeration import threads
from workbench.analysis.slices.infer import Adjustment
from workbench.analysis.slices.permutation import is_refinable, known_rows, residuals, to_permute
from workbench.analysis.slices.windows import Rows

GRID: Final = 1024
"""Fine bins of a column; in a slice its neighbours are put together until `MOST_BOUNDS` are left."""
MOST_BOUNDS: Final = 255

Tell = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class FineColumn:
    """A column in fine bins: code 0 is missing, and bin `i` begins at ``edges[i - 2]``; the outer ones are open.

    Attributes
    ----------
    codes
        Shape (rows,), uint16.
    own
        First and last fine bin of each code of the column's coding, shape (codes, 2).
    """

    edges: np.ndarray
    codes: np.ndarray
    own: np.ndarray

    @property
    def width(self) -> int:
        """How many codes there are."""
        return len(self.edges) + 2


def fine_column(numbers: np.ndarray, coarse: np.ndarray) -> FineColumn:
    """Fine bins of a column; the edges of its coding, `coarse`, are among theirs."""
    finite = numbers[np.isfinite(numbers)]
    quantiles = np.quantile(finite, np.linspace(0, 1, GRID + 1)[1:-1], method="higher") if len(finite) else finite
    edges = np.unique(np.concatenate([quantiles, coarse]))
    codes = np.where(np.isnan(numbers), 0, np.searchsorted(edges, numbers, side="right") + 1).astype(np.uint16)
    starts = np.concatenate([[1], np.searchsorted(edges, coarse) + 2, [len(edges) + 2]])
    own = np.column_stack([starts[:-1], starts[1:] - 1])
    return FineColumn(edges, codes, np.vstack([[0, 0], own]))


@dataclass(frozen=True, eq=False)
class Context:
    """Where ranges of a column are tried: the rows that meet a slice's other conditions, and its own bin of the column.

    Attributes
    ----------
    inside
        Shape (rows,).
    member
        Position of the column.
    code
        The bin, a code of the column's coding.
    """

    inside: np.ndarray
    member: int
    code: int


class RangeFamily:
    """All that is needed to say how far a range stands out.

    Parameters
    ----------
    codes
        Shape (columns, rows of both windows).
    """

    def __init__(self, cube: SliceCube, codes: np.ndarray, rows: Rows) -> None:
        self.cube, self.codes, self.rows = cube, codes, rows
        self.fine: dict[int, FineColumn] = {}

    @functools.cached_property
    def known(self) -> np.ndarray:
        """The rows that are permuted."""
        return known_rows(self.rows.loss.values, self.rows.weights)

    @functools.cached_property
    def window(self) -> np.ndarray | None:
        """Which of the permuted rows are in the current window; None for one window."""
        return None if self.rows.window is None else self.rows.window[self.known] == 1

    @functools.cached_property
    def weights(self) -> np.ndarray | None:
        """Of the permuted rows."""
        return None if self.rows.weights is None else self.rows.weights[self.known]

    @functools.cached_property
    def own(self) -> np.ndarray:
        """The losses of the permuted rows, around the mean of their window, times their weight."""
        return residuals(self.rows.loss.values[self.known], self.window, self.weights)

    @functools.cached_property
    def variance(self) -> float:
        """Of the losses."""
        size = len(self.own)
        return float(np.var(self.own)) * size / max(size - 1, 1) if size else 0.0

    @functools.cached_property
    def support(self) -> np.ndarray:
        """What each of the permuted rows adds to the support of a range."""
        counted = np.ones(len(self.own)) if self.weights is None else self.weights
        return counted.astype(float) if self.window is None else np.where(self.window, counted, 0.0)

    def column(self, member: int) -> FineColumn:
        """The fine bins of a column, of all rows."""
        if member not in self.fine:
            coding = self.cube.codings[member]
            numbers = self.rows.column(coding.column).to_numpy(dtype=float, na_value=np.nan)
            self.fine[member] = fine_column(numbers, np.asarray(coding.edges, dtype=float))
        return self.fine[member]

    def z(self, mask: np.ndarray) -> float:
        """How far the rows of `mask` stand out, in standard errors, as `permutation` has it."""
        inside = mask[self.known]
        rows, own = float(np.count_nonzero(inside)), self.own[inside]
        if self.window is None:
            excess, variance = float(own.sum()), self.variance * rows * (1 - rows / max(len(self.own), 1))
        else:
            now = self.window[inside]
            mean = float(own.mean()) if rows else 0.0
            excess = float(own[now].sum()) - mean * float(now.sum())
            scatter = float((own**2).sum()) - rows * mean**2
            variance = scatter * float(now.sum()) * float((~now).sum()) / max(rows, 1.0) ** 2
        return excess / math.sqrt(variance) if variance > self.negligible else 0.0

    @property
    def negligible(self) -> float:
        """A variance that is rounding."""
        return 1e-9 * max(self.variance, 1e-300)

    def maxima(self, adjustment: Adjustment, contexts: Sequence[Context], seed: int, tell: Tell | None = None) -> np.ndarray:
        """The largest z of any slice and range in each permutation, ascending.

        Parameters
        ----------
        contexts
            Of the reported slices.
        seed
            That the permutations were made with: they are made again, row by row the same.
        """
        rng = np.random.default_rng(seed)
        outcome = to_permute(self.cube, self.rows.loss.values[self.known], self.window, self.weights)
        for context in contexts:
            self.column(context.member)
        prepared = [(np.flatnonzero(context.inside[self.known]), context) for context in contexts]
        for member in {member for index in np.unique(adjustment.worst) for member, _ in self.bins(int(index))}:
            self.column(member)
        _ = self.own, self.variance, self.support  # before the threads ask
        fine = {member: column.codes[self.known] for member, column in self.fine.items()}
        codes = self.codes[:, self.known]

        def largest(number: int, drawn: np.ndarray) -> float:
            best = float(adjustment.maxima[number])
            for rows, context in prepared:
                best = max(best, self._worst(rows, context, fine, drawn)[0])
            for index in adjustment.worst[number].tolist():
                best = max(best, self._refined(index, codes, fine, drawn))
            return best

        with ThreadPoolExecutor(threads()) as pool:
            found: list[float] = []
            total = len(adjustment.maxima)
            for start in range(0, total, TOGETHER):
                numbers = range(start, min(start + TOGETHER, total))
                found += pool.map(largest, numbers, [rng.permutation(outcome) for _ in numbers])
                if tell is not None:
                    tell(len(found), total)
        return np.sort(np.array(found))

    def bins(self, index: int) -> list[tuple[int, int]]:
        """The conditions of a slice that are bins of a column."""
        return [pair for pair in self.cube.conditions(index) if is_refinable(self.cube, *pair)]

    def _refined(self, index: int, codes: np.ndarray, fine: dict[int, np.ndarray], drawn: np.ndarray) -> float:
        """The largest z on the way from a slice's bins to ranges, one column after the other."""
        masks = {member: codes[member] == code for member, code in self.cube.conditions(index)}
        best = -math.inf
        for member, code in self.bins(index):
            inside = np.ones(codes.shape[1], bool)
            for other, mask in masks.items():
                if other != member:
                    inside &= mask
            z, first, stop = self._worst(np.flatnonzero(inside), Context(inside, member, code), fine, drawn)
            masks[member] = (fine[member] >= first) & (fine[member] < stop)
            best = max(best, z)
        return best

    def _worst(
        self, rows: np.ndarray, context: Context, fine: dict[int, np.ndarray], drawn: np.ndarray
    ) -> tuple[float, int, int]:  # fmt: skip
        """The largest z of any range in a context, with its first fine bin and the one after its last."""
        from workbench.analysis.slices import range_kernel

        column = self.fine[context.member]
        first, last = column.own[context.code].tolist()
        two = self.window is not None
        own = self.own if two else _centred(drawn)
        moved = drawn if two else NONE
        held = range_kernel.sum_bins(rows, fine[context.member], column.width, self.support, own, moved)
        bounds = range_kernel.merge_bins(held[:, 1], first, last, MOST_BOUNDS)
        return range_kernel.worst_range(held, bounds, self.cube.least, len(self.own), self.variance, self.negligible, two)


TOGETHER: Final = 16
"""Permutations drawn before they are looked at."""
NONE: Final = np.zeros(0, bool)


def _centred(drawn: np.ndarray) -> np.ndarray:
    return drawn - drawn.mean() if drawn.dtype == bool else drawn
