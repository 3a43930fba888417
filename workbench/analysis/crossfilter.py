"""Linked histograms: a brush on one chart filters all the others, fast enough to follow the hand over ten million rows.

The rule is that of Crossfilter (Square, 2012): a chart counts the rows that every *other* chart's brush lets through, so that
what lies outside its own brush stays visible. A move of a brush touches only the rows that enter or leave it.
"""

from __future__ import annotations

import functools
import itertools
import math
import operator
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from workbench.data.codes import Codes
from workbench.errors import InputError, UnknownNameError
from workbench.predicate import ALL_ROWS, Predicate

MOST_CHARTS: Final = 32
THREADS: Final = 2
SMALL: Final = 100_000
"""Up to so many rows one thread is faster than two."""
SUM_BITS: Final = 62
NO_LOSS: Final = 2


@dataclass(frozen=True, eq=False)
class Histogram:
    """What a chart shows; every array has one entry per code of its coding.

    Attributes
    ----------
    rows
        Rows that every other chart's brush lets through.
    measured
        Those of them that have a loss; equal to `rows` without one.
    sums
        Sum of their loss; zeros without one.
    """

    rows: np.ndarray
    measured: np.ndarray
    sums: np.ndarray


class Crossfilter:
    """Histograms over the same rows, each with a brush.

    Parameters
    ----------
    codes
        The rows; not copied.
    charts
        Names of codings to show (``age``, ``hour(day)``); None: all. At most 32.
    loss
        One number per row, NaN where it has none; None: rows are only counted. A loss that is not 0 or 1 throughout is kept in
        whole steps of a power of two, chosen so that no sum overflows (for ten million rows, 2**-38 of the largest loss): sums
        are those of the steps, exactly, after however many moves.

    Raises
    ------
    InputError
        For too many charts, a loss of another length, or one that is infinite.
    UnknownNameError
        For a chart that no coding has the name of.
    """

    def __init__(self, codes: Codes, charts: Sequence[str] | None = None, *, loss: np.ndarray | None = None) -> None:
        names = [coding.name for coding in codes.codings]
        self.charts = tuple(names if charts is None else charts)
        if unknown := [name for name in self.charts if name not in names]:
            raise UnknownNameError("chart", unknown[0], names)
        if not 1 <= len(self.charts) <= MOST_CHARTS:
            raise InputError("this many linked charts", len(self.charts), f"Choose 1 to {MOST_CHARTS}.")
        self._columns = np.array([names.index(name) for name in self.charts])
        self._codings = [codes.codings[column] for column in self._columns]
        self._codes = codes.values
        self._brushes: list[frozenset[int] | None] = [None] * len(self.charts)
        self._classes, self._amounts, self._step = _loss_in_steps(loss, self.rows)
        self._failed = np.zeros(self.rows, dtype=np.uint8 if len(self.charts) <= 8 else np.uint32)
        self._pool = ThreadPoolExecutor(THREADS)
        self._counts = np.zeros((len(self.charts), 1024), dtype=np.int64)
        self._sums = np.zeros((len(self.charts), 256), dtype=np.int64)
        self._count_all()

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return int(self._codes.shape[1])

    @property
    def selected(self) -> int:
        """How many rows all brushes let through."""
        chosen = self._brushes[0]
        counts = self.histogram(self.charts[0]).rows
        return int(counts.sum() if chosen is None else counts[sorted(chosen)].sum())

    @property
    def where(self) -> Predicate:
        """The rows all brushes let through, as a predicate."""
        conditions = [
            coding.where(chosen) for coding, chosen in zip(self._codings, self._brushes, strict=True) if chosen is not None
        ]
        return functools.reduce(operator.and_, conditions, ALL_ROWS)

    def histogram(self, chart: str) -> Histogram:
        """What `chart` shows now."""
        at, width = self._at(chart), len(self._codings[self._at(chart)].conditions)
        missed, hit, absent, _ = self._counts[at].reshape(256, 4)[:width].T
        sums = hit.astype(float) if self._amounts.size == 0 else self._sums[at, :width] * self._step
        return Histogram(missed + hit + absent, missed + hit, sums)

    def brush(self, chart: str, codes: Iterable[int] | None) -> None:
        """Let only rows with one of `codes` through; None lets all.

        Raises
        ------
        PredicateError
            If no conjunction says what the brush lets through; nothing has changed then.
        ParameterError
            If there is no such code.
        """
        at = self._at(chart)
        chosen = None if codes is None else frozenset(codes)
        if chosen is not None and self._codings[at].where(chosen) == ALL_ROWS:
            chosen = None
        change = _inside(chosen) - _inside(self._brushes[at])
        self._brushes[at] = chosen
        if change.any():
            self._move(at, change)

    def clear(self) -> None:
        """Let all rows through every brush."""
        self._brushes = [None] * len(self.charts)
        self._failed[:] = 0
        self._counts[:], self._sums[:] = 0, 0
        self._count_all()

    def close(self) -> None:
        """End the threads; the histograms stay."""
        self._pool.shutdown()

    def _at(self, chart: str) -> int:
        if chart not in self.charts:
            raise UnknownNameError("chart", chart, self.charts)
        return self.charts.index(chart)

    def _count_all(self) -> None:
        from workbench.analysis.crossfilter_kernel import count_rows

        def count(start: int, stop: int, counts: np.ndarray, sums: np.ndarray) -> None:
            count_rows(start, stop, self._codes, self._columns, self._classes, self._amounts, counts, sums)

        self._in_parts(count)

    def _move(self, at: int, change: np.ndarray) -> None:
        from workbench.analysis.crossfilter_kernel import move_brush

        data = (self._codes, self._columns, at, change, self._failed, self._classes, self._amounts)

        def move(start: int, stop: int, counts: np.ndarray, sums: np.ndarray) -> None:
            move_brush(start, stop, *data, counts, sums)

        self._in_parts(move)

    def _in_parts(self, job: Callable[..., Any]) -> None:
        """Run `job` on a part of the rows per thread, and add up their histograms."""
        threads = THREADS if self.rows > SMALL else 1
        cuts = itertools.pairwise(self.rows * part // threads for part in range(threads + 1))
        tables = [(np.zeros_like(self._counts), np.zeros_like(self._sums)) for _ in range(threads)]
        parts = [(*cut, *table) for cut, table in zip(cuts, tables, strict=True)]
        run = map if threads == 1 else self._pool.map
        list(run(lambda part: job(*part), parts))
        for counts, sums in tables:
            self._counts += counts
            self._sums += sums


def _inside(chosen: frozenset[int] | None) -> np.ndarray:
    """1 for each code that a brush lets through; int8, shape (256,)."""
    inside = np.zeros(256, dtype=np.int8) if chosen is not None else np.ones(256, dtype=np.int8)
    if chosen is not None:
        inside[sorted(chosen)] = 1
    return inside


def _loss_in_steps(loss: np.ndarray | None, rows: int) -> tuple[np.ndarray, np.ndarray, float]:
    """The class of each row, its loss as a number of steps (empty where the class says it), and the size of a step."""
    if loss is None:
        return np.empty(0, dtype=np.uint8), np.empty(0, dtype=np.int64), 1.0
    loss = np.asarray(loss, dtype=float)
    if loss.shape != (rows,):
        raise InputError("one loss per row", loss.shape, f"Give an array of shape ({rows},).")
    if np.isinf(loss).any():
        raise InputError("a loss is infinite", int(np.isinf(loss).sum()), "Give finite losses, NaN where a row has none.")
    absent = np.isnan(loss)
    classes = np.where(absent, NO_LOSS, loss == 1).astype(np.uint8)
    if (absent | (loss == 0) | (loss == 1)).all():
        return classes, np.empty(0, dtype=np.int64), 1.0
    step = 2.0 ** math.ceil(math.log2(float(np.nanmax(np.abs(loss))) * rows) - SUM_BITS)
    amounts = np.where(absent, 0, np.rint(np.where(absent, 0, loss) / step)).astype(np.int64)
    return np.where(absent, NO_LOSS, 0).astype(np.uint8), amounts, step
