"""Rows that agree in every column asked for, counted together: the one pass over the data.

A *cell* is such a set of rows. From files and engines the cells come out of one aggregate query; from a frame in memory, and
wherever sums of weights are needed, out of a kernel that packs one code per column into a key and counts the keys. Counts agree
exactly between the two; sums of floats are added in the order of the rows, so that a repetition gives the same digest.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from workbench.data.dataset import Dataset

DENSE: Final = 1 << 18
"""As many possible cells are counted in an array of that size; of more, only those that occur are kept."""
NARROW: Final = 1024
"""Integers without gaps wider than this are their own codes."""
THREADS: Final = 4

Quantities = Callable[[pa.Table], Iterable[tuple[str, np.ndarray]]]


@dataclass(frozen=True, eq=False)
class Key:
    """One column of the cells.

    Attributes
    ----------
    values
        Distinct values, ascending; None (missing) last where it occurs.
    codes
        Shape (cells,): the position of each cell's value in `values`.
    """

    values: tuple[Any, ...]
    codes: np.ndarray


@dataclass(frozen=True, eq=False)
class Cells:
    """Sums per cell.

    Attributes
    ----------
    keys
        Column to its values and codes.
    rows
        Shape (cells,): rows, unweighted; never 0.
    sums
        Name to sum over the rows of each cell, shape (cells,).
    """

    keys: Mapping[str, Key]
    rows: np.ndarray
    sums: Mapping[str, np.ndarray]

    @property
    def weights(self) -> np.ndarray:
        """Sum of weights per cell; the rows where nothing is weighted."""
        return self.sums.get("weight", self.rows.astype(float))

    @property
    def squares(self) -> np.ndarray:
        """Sum of squared weights per cell."""
        return self.sums.get("square", self.rows.astype(float))


def count_cells(dataset: Dataset, columns: Sequence[str]) -> Cells:
    """Count the rows of `dataset` by the values of `columns`; with the role ``weight``, its sums ``weight`` and ``square`` too.

    Parameters
    ----------
    columns
        Of ``dataset.table``; each once.
    """
    weight = dataset.roles.weight
    if weight is not None:
        return tally(dataset.arrow(list(dict.fromkeys([*columns, weight]))), columns, functools.partial(weigh, column=weight))
    in_memory = dataset.source.arrow is not None
    return tally(dataset.arrow(list(columns)), columns) if in_memory and columns else query_cells(dataset, columns)


def query_cells(dataset: Dataset, columns: Sequence[str]) -> Cells:
    """The unweighted cells by one aggregate query, in whatever engine holds the data."""
    counted = dataset.table.group_by(list(columns)).aggregate(lambda table: table.count().name("rows of the cell")).to_pyarrow()
    coded = {column: _sorted_key(*encode(counted[column])) for column in columns}
    rows = counted["rows of the cell"].to_numpy().astype(np.int64)
    order = np.lexsort([key.codes for key in reversed(coded.values())]) if columns else np.arange(len(rows))
    keys = {column: Key(key.values, key.codes[order]) for column, key in coded.items()}
    return Cells(keys, rows[order], {})


def tally(table: pa.Table, columns: Sequence[str], quantities: Quantities | None = None) -> Cells:
    """The cells of an Arrow table, and the sum per cell of each array of shape (rows,) that `quantities` yields for it."""
    with ThreadPoolExecutor(THREADS) as pool:
        coded = list(pool.map(lambda column: encode(table[column]), columns))
    cell_of, places, cells = pack([codes for codes, _ in coded], [len(values) for _, values in coded], table.num_rows)
    rows = np.bincount(cell_of, minlength=cells)
    given = () if quantities is None else quantities(table)
    sums = {name: np.bincount(cell_of, weights=values, minlength=cells) for name, values in given}
    filled = np.flatnonzero(rows)
    keys = {column: _sorted_key(place[filled], values) for column, place, (_, values) in zip(columns, places, coded, strict=True)}
    order = np.lexsort([key.codes for key in reversed(keys.values())]) if keys else np.arange(len(filled))
    return Cells(
        {column: Key(key.values, key.codes[order]) for column, key in keys.items()},
        rows[filled][order],
        {name: values[filled][order] for name, values in sums.items()},
    )


def weigh(table: pa.Table, column: str) -> Iterator[tuple[str, np.ndarray]]:
    """Weight and squared weight per row; a missing weight counts as 0."""
    weights = np.nan_to_num(floats_of(table[column]))
    yield "weight", weights
    yield "square", weights**2


def floats_of(column: pa.ChunkedArray) -> np.ndarray:
    """A column of numbers or truth values as float64, missing as NaN."""
    return np.asarray(column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), dtype=float)


def encode(column: pa.ChunkedArray) -> tuple[np.ndarray, list[Any]]:
    """Codes from 0, shape (rows,), and what each stands for; None where missing, NaN included."""
    if pa.types.is_integer(column.type) and not column.null_count and len(column):
        lowest, highest = (value.as_py() for value in pc.min_max(column).values())
        if highest - lowest < NARROW:
            return (column.to_numpy() - lowest).astype(np.int32), list(range(lowest, highest + 1))
    if pa.types.is_date(column.type):
        column = column.cast(pa.timestamp("us"))
    encoded = column.dictionary_encode(null_encoding="encode")
    if not encoded.num_chunks:
        return np.zeros(0, np.int32), []
    parts = [chunk.indices.to_numpy(zero_copy_only=False) for chunk in encoded.chunks]
    codes = parts[0] if len(parts) == 1 else np.concatenate(parts)
    values = encoded.chunk(encoded.num_chunks - 1).dictionary.to_pylist()
    return codes, [None if value != value else value for value in values]  # noqa: PLR0124  NaN alone differs from itself


def pack(codes: Sequence[np.ndarray], sizes: Sequence[int], rows: int) -> tuple[np.ndarray, list[np.ndarray], int]:
    """The cell of each row, the code of each column in each cell, and how many cells there are, some of them empty.

    The first column varies slowest. Where more than `DENSE` combinations are possible, only those that occur are kept.
    """
    import pandas as pd

    cell_of: np.ndarray = np.zeros(rows, np.int32)
    places, cells = list[np.ndarray](), 1
    for code, size in zip(codes, sizes, strict=True):
        kind = np.int32 if cells * size < 2**31 else np.int64
        cell_of = cell_of.astype(kind, copy=False) * np.asarray(size, kind) + code
        if cells * size <= DENSE:
            places = [*(np.repeat(place, size) for place in places), np.tile(np.arange(size), cells)]
            cells *= size
        else:
            cell_of, kept = pd.factorize(cell_of)
            before, last = np.divmod(kept, size)
            places, cells = [*(place[before] for place in places), last], len(kept)
    return cell_of, places, cells


def _sorted_key(codes: np.ndarray, values: Sequence[Any]) -> Key:
    """The key with only the values that occur, each once, ascending, missing last."""
    occurring = np.unique(codes)
    present = {values[code] for code in occurring.tolist()}
    ordered = (*sorted(present - {None}), *([None] if None in present else []))
    place = {value: number for number, value in enumerate(ordered)}
    moved = np.zeros(int(occurring[-1]) + 1 if len(occurring) else 0, dtype=np.int64)
    moved[occurring] = [place[values[code]] for code in occurring.tolist()]
    return Key(ordered, moved[codes])
