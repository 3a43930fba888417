"""Rows drawn with replacement, as counts of cells: the weights per group and outcome of each resample.

Rows of equal group and outcome are alike, so drawing rows with replacement is drawing the counts of the cells from one
multinomial distribution: exactly the row bootstrap, at the cost of the cells. With weights, the sum of the weights drawn in a
cell is taken as normal, with the mean and the spread of the cell's weights.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

import numpy as np

from workbench.analysis.disparity.counts import GroupCounts
from workbench.errors import ParameterError

MOST_DRAWS: Final = 1_000_000
BATCH_NUMBERS: Final = 20_000_000
"""Numbers held in a batch; more draws are made in several."""


class Resamples:
    """Batches of resampled weights for one level after the other, drawn beside: drawing needs no interpreter.

    Attributes
    ----------
    levels
        What is resampled.
    draws
        Resamples per level.

    Raises
    ------
    ParameterError
        For less than one draw, or more than `MOST_DRAWS`.
    """

    def __init__(self, levels: Sequence[GroupCounts], draws: int, seed: int) -> None:
        if not 0 < draws <= MOST_DRAWS:
            raise ParameterError("so many bootstrap draws cannot be made", draws, f"Give 1 to {MOST_DRAWS:,}.")
        self.levels, self.draws = tuple(levels), draws
        rng = np.random.default_rng(seed)
        self._batches = itertools.chain.from_iterable(resample(counts, draws, rng) for counts in levels)
        self._beside = ThreadPoolExecutor(1)
        self._waiting: deque[Future[np.ndarray | None]] = deque(self._next() for _ in levels)

    def of_level(self) -> Iterator[np.ndarray]:
        """The batches of the next level, each of shape (groups, 3, 5, draws of the batch)."""
        left = self.draws
        while left:
            drawn = self._waiting.popleft().result()
            assert drawn is not None  # noqa: S101  every level is drawn `draws` times
            self._waiting.append(self._next())
            left -= drawn.shape[-1]
            yield drawn

    def _next(self) -> Future[np.ndarray | None]:
        return self._beside.submit(next, self._batches, None)


def resample(counts: GroupCounts, draws: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Batches of resampled weights, each of shape (groups, 3, 5, draws of the batch)."""
    rows = counts.rows.reshape(-1)
    filled = np.flatnonzero(rows)
    total = rows.sum()
    batch = max(1, BATCH_NUMBERS // rows.size)
    weights, squares = (part.reshape(-1)[filled] for part in (counts.weights, counts.squares))
    for start in range(0, draws, batch):
        size = min(batch, draws - start)
        drawn = rng.multinomial(int(total), rows[filled] / total, size=size)
        whole = np.zeros((rows.size, size))
        whole[filled] = draw_weights(drawn, rows[filled], weights, squares, rng).T
        yield whole.reshape(*counts.rows.shape, size)


def draw_weights(
    drawn: np.ndarray, rows: np.ndarray, weights: np.ndarray, squares: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """The sum of weights in cells from which rows were drawn: normal, with the mean and the spread of each cell's weights.

    Parameters
    ----------
    drawn
        Rows drawn, shape (draws, cells).
    rows, weights, squares
        Rows, sum of weights and sum of squared weights of each cell, shape (cells,); all the same where nothing is weighted.
    """
    mean = np.divide(weights, rows, out=np.zeros(len(rows)), where=rows > 0)
    uneven = squares > mean * weights * (1 + 1e-12)
    if not uneven.any():
        return np.asarray(drawn * mean)
    spread = np.sqrt(np.maximum(np.divide(squares, rows, out=np.zeros(len(rows)), where=rows > 0) - mean**2, 0) * uneven)
    noise = rng.standard_normal(drawn.shape) * np.sqrt(drawn) * spread
    return np.asarray(np.maximum(drawn * mean + noise, 0))
