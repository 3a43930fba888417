"""A column as a stream of Arrow arrays that can be read again from the start: the way to code more rows than fit in memory."""

from __future__ import annotations

import glob
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from workbench.data.dataset import Dataset
from workbench.data.engine import read_source
from workbench.data.frames import frame_of
from workbench.predicate import ALL_ROWS

BATCH: Final = 1 << 18
"""Rows decoded at once: small beside the codes, large beside the cost of a call."""

MANY_ROWS: Final = 1_000_000
"""From here on a frame of a file is large beside its codes."""

PARQUET: Final = (".parquet", ".pq")


@dataclass(frozen=True)
class Columns:
    """Columns that can be streamed.

    Attributes
    ----------
    kinds
        Name to what a column holds: ``numbers``, ``text``, ``true or false``, ``times``, or the name of another type.
    rows
        Rows in each.
    open
        Name, and whether texts come as dictionaries, to the column's arrays in the order of the rows; a fresh stream each time.
    frame
        The whole column as pandas, for what no stream knows how to code.
    """

    kinds: Mapping[str, str]
    rows: int
    open: Callable[[str, bool], Iterator[pa.Array]]
    frame: Callable[[str], Any]


def stream_columns(source: object) -> Columns:
    """The columns of `source`, each of which can be streamed: parquet files by their row groups, else through the engine.

    Parameters
    ----------
    source
        A Dataset, or whatever `workbench.data.engine.read_source` reads.

    Raises
    ------
    SourceError
        If it cannot be read.
    """
    table = source.table if isinstance(source, Dataset) else read_source(source).table
    paths = _parquet_paths(source)
    plain = set(_plain_columns(paths)) if paths else set()
    one_query = threading.Lock()  # DuckDB refuses a second query while one runs

    def from_engine(name: str) -> Any:
        with one_query:
            return source.arrow([name]).column(0) if isinstance(source, Dataset) else table.select(name).to_pyarrow().column(0)

    def stream(name: str, dictionary: bool) -> Iterator[pa.Array]:  # noqa: FBT001  the signature that `Columns.open` states
        if name in plain:
            return _read_batches(paths, name, dictionary=dictionary)
        return _slices(from_engine(name))

    def whole(name: str) -> Any:
        with one_query:
            return frame_of(table.select(name))[name]

    rows = sum(pq.read_metadata(path).num_rows for path in paths) if paths else int(table.count().to_pyarrow().as_py())
    return Columns({name: _kind(dtype) for name, dtype in table.schema().items()}, rows, stream, whole)


def is_streamed(dataset: Dataset) -> bool:
    """Whether `dataset` is all rows of parquet files on disk, and so many that its columns are better read one by one."""
    return bool(_parquet_paths(dataset)) and dataset.rows >= MANY_ROWS


def _kind(dtype: Any) -> str:
    tests = {"true or false": dtype.is_boolean, "numbers": dtype.is_numeric, "text": dtype.is_string, "times": dtype.is_temporal}
    return next((kind for kind, test in tests.items() if test()), str(dtype))


def _parquet_paths(source: object) -> list[str]:
    """The local parquet files that hold exactly the rows of `source`; none where it is something else, or a part of them."""
    if isinstance(source, Dataset):
        whole = source.whole is None and source.where == ALL_ROWS
        return _parquet_paths(source.source.name) if whole and source.source.name.endswith(PARQUET) else []
    if not isinstance(source, str | Path):
        return []
    text = str(source).removeprefix("file://")
    found = [text] if Path(text).is_file() else sorted(glob.glob(text, recursive=True))  # noqa: PTH207  any root
    return found if found and all(path.endswith(PARQUET) for path in found) else []


def _plain_columns(paths: Sequence[str]) -> list[str]:
    """The columns of one type in every file that Arrow and the engine read alike."""
    schemas = [pq.read_schema(path) for path in paths]
    names = [name.lower() for name in schemas[0].names]
    return [
        item.name
        for item in schemas[0]
        if _is_plain(item.type)
        and names.count(item.name.lower()) == 1
        and all(item.name in schema.names and schema.field(item.name).type == item.type for schema in schemas[1:])
    ]


def _is_plain(kind: pa.DataType) -> bool:
    tests = (pa.types.is_boolean, pa.types.is_integer, pa.types.is_float32, pa.types.is_float64, pa.types.is_string,
             pa.types.is_large_string, pa.types.is_timestamp, pa.types.is_date)  # fmt: skip
    return any(test(kind) for test in tests)


def _read_batches(paths: Sequence[str], name: str, *, dictionary: bool) -> Iterator[pa.Array]:
    for path in paths:
        with pq.ParquetFile(path, read_dictionary=[name] if dictionary else [], pre_buffer=False, buffer_size=1 << 20) as file:
            for batch in file.iter_batches(BATCH, columns=[name], use_threads=False):
                yield batch.column(name)


def _slices(column: pa.ChunkedArray) -> Iterator[pa.Array]:
    for chunk in column.chunks:
        for start in range(0, len(chunk), BATCH):
            yield chunk.slice(start, BATCH)
