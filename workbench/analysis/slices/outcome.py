"""What is counted per slice: each row's losses and window, packed so that one pass over the rows counts all of them.

Losses of 0 and 1 need no arithmetic at all: a row belongs to one of a few *groups* (window, and undefined, 0 or 1 in each
measure), and counting rows per cell and group tells every sum. Other losses are added up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

MOST_GROUPS = 64
"""More combinations of windows and 0/1 measures than these are added up instead: their tables would leave the cache."""
CHANNELS = 5
"""Of a measure that is added up: weight, sum, sum of squares, largest value, rows."""


@dataclass(frozen=True)
class Sums:
    """What the slices hold, or all rows together; each of shape (windows, measures, slices).

    Attributes
    ----------
    counts
        Rows the loss is defined on, or their weight.
    sums, squares, maxima
        Of the loss over these rows, weighted; the largest loss is minus infinity where there are no rows.
    rows
        Rows the loss is defined on, whatever they weigh; the same as `counts` where all weigh 1.
    """

    counts: np.ndarray
    sums: np.ndarray
    squares: np.ndarray
    maxima: np.ndarray
    rows: np.ndarray

    def take(self, which: np.ndarray) -> Sums:
        """Only the slices `which`; where `rows` are the counts, they stay so."""
        counts, sums, squares, maxima, rows = (part[..., which] for part in self.parts)
        return Sums(counts, sums, squares, maxima, counts if self.rows is self.counts else rows)

    @property
    def parts(self) -> tuple[np.ndarray, ...]:
        """The five arrays."""
        return self.counts, self.sums, self.squares, self.maxima, self.rows


@dataclass(frozen=True)
class Outcome:
    """The rows' losses, packed.

    Attributes
    ----------
    group
        Shape (rows,), uint8: which of `groups` groups a row belongs to.
    states
        Shape (groups, 1 + measures): window of the group, and 0 or 1 per measure, -1 where the measure is not defined.
    values
        Shape (rows, measures), NaN where not defined; None where the groups say it all.
    weights
        Shape (rows,), or empty where all rows count alike.
    windows
        How many; the last is the one a slice's support is counted in.
    """

    group: np.ndarray
    states: np.ndarray
    values: np.ndarray | None
    weights: np.ndarray
    windows: int

    @property
    def groups(self) -> int:
        """How many groups of rows."""
        return len(self.states)

    @property
    def measures(self) -> int:
        """How many measures."""
        return int(self.states.shape[1]) - 1

    @property
    def channels(self) -> int:
        """Numbers kept per cell and group."""
        return 1 if self.values is None else CHANNELS * self.measures

    @property
    def support(self) -> np.ndarray:
        """What the first channel of each group adds to a slice's support: the first measure in the last window."""
        counted = self.states[:, 0] == self.windows - 1
        return np.asarray(counted & (self.states[:, 1] >= 0) if self.values is None else counted, dtype=float)

    def seen(self, cells: np.ndarray) -> np.ndarray:
        """Rows of each cell that some pass visits; `cells` of shape (cells, groups * channels)."""
        if self.values is None:
            return np.asarray(cells.sum(axis=1))
        rows = cells.reshape(len(cells), self.groups, self.measures, CHANNELS)[..., 4 if self.weights.size else 0]
        return np.asarray(rows.max(axis=2).sum(axis=1))

    def unpack(self, cells: np.ndarray) -> Sums:
        """What the cells hold, by window and measure."""
        return self._from_groups(cells) if self.values is None else self._from_channels(cells)

    def _from_groups(self, cells: np.ndarray) -> Sums:
        shape = (self.windows, self.measures, len(cells))
        counts, sums = np.zeros(shape), np.zeros(shape)
        for number, (window, *states) in enumerate(self.states):
            for measure, state in enumerate(states):
                if state >= 0:
                    counts[window, measure] += cells[:, number]
                if state == 1:
                    sums[window, measure] += cells[:, number]
        maxima = np.where(counts > 0, (sums > 0).astype(float), -np.inf)
        return Sums(counts, sums, sums, maxima, counts)

    def _from_channels(self, cells: np.ndarray) -> Sums:
        parts = np.ascontiguousarray(cells.reshape(-1, self.windows, self.measures, CHANNELS).transpose(3, 1, 2, 0))
        counts, sums, squares, maxima, rows = parts
        return Sums(counts, sums, squares, maxima, rows if self.weights.size else counts)

    def total(self) -> Sums:
        """The same over all rows: one slice."""
        if self.values is None:
            return self.unpack(np.bincount(self.group, minlength=self.groups)[None, :])
        cells = np.zeros((self.windows, self.measures, CHANNELS))
        for window in range(self.windows):
            inside = self.group == window
            weights = self.weights[inside, None] if self.weights.size else np.ones((1, 1))
            values = self.values[inside]
            known = ~np.isnan(values)
            plain = np.where(known, values, 0.0)
            weights = np.where(known, weights, 0.0)
            cells[window, :, 0] = weights.sum(axis=0)
            cells[window, :, 1] = (weights * plain).sum(axis=0)
            cells[window, :, 2] = (weights * plain**2).sum(axis=0)
            cells[window, :, 3] = np.where(known, values, -np.inf).max(axis=0, initial=-np.inf)
            cells[window, :, 4] = known.sum(axis=0)
        return self.unpack(cells.reshape(1, -1))


def pack_outcome(values: Sequence[np.ndarray], window: np.ndarray | None = None, weights: np.ndarray | None = None) -> Outcome:
    """Pack the losses of each row.

    Parameters
    ----------
    values
        One array of shape (rows,) per measure, NaN where it is not defined; the first measure decides the support.
    window
        Shape (rows,): 0 for the reference window, 1 for the current one; None: one window.
    weights
        Shape (rows,), 0 or more; None: all rows count alike.
    """
    windows = 1 if window is None else 2
    where = np.zeros(len(values[0]), np.uint8) if window is None else window.astype(np.uint8)
    shares = weights is None and all(bool(((column == 0) | (column == 1) | np.isnan(column)).all()) for column in values)
    if shares and windows * 3 ** len(values) <= MOST_GROUPS:
        return _grouped(values, where, windows)
    states = np.column_stack([np.arange(windows), *(np.ones(windows, int) for _ in values)])
    empty = np.empty(0)
    stacked = np.ascontiguousarray(np.column_stack(values), dtype=float)
    return Outcome(where, states, stacked, empty if weights is None else np.asarray(weights, float), windows)


def _grouped(values: Sequence[np.ndarray], where: np.ndarray, windows: int) -> Outcome:
    combined = where.copy()
    for column in values:
        state = np.where(np.isnan(column), 0, column + 1).astype(np.uint8)  # 0 not defined, 1 no loss, 2 loss
        combined = combined * np.uint8(3) + state
    held = np.flatnonzero(np.bincount(combined, minlength=1))
    places = np.zeros(int(held.max(initial=0)) + 1, np.uint8)
    places[held] = np.arange(len(held))
    measures = len(values)
    states = [held // 3**measures] + [held // 3 ** (measures - 1 - number) % 3 - 1 for number in range(measures)]
    return Outcome(places[combined], np.column_stack(states).astype(int), None, np.empty(0), windows)
