"""From a frame in memory (pandas, polars, Arrow) to an Arrow table of types that the embedded DuckDB reads the same way; back."""

from __future__ import annotations

from typing import Any

import ibis
import pandas as pd
import pyarrow as pa

from workbench.errors import SourceError


def arrow_of(frame: object) -> tuple[pa.Table, str, tuple[str, ...]]:
    """`frame` as an Arrow table, what kind of frame it was, and a notice for each thing left out; names may repeat.

    Categories become their values, zoned times their time in UTC, periods and intervals their text.

    Raises
    ------
    SourceError
        If it is no frame, or a column holds values of several types.
    """
    arrow, kind = _to_arrow(frame)
    index = [name for name in getattr(getattr(frame, "index", None), "names", ()) if name is not None]
    left_out = tuple(f"the index {name} was left out; reset_index() makes it a column" for name in index)
    return _plain_types(arrow), kind, left_out


def frame_of(table: ibis.Table) -> pd.DataFrame:
    """`table` as pandas by way of Arrow, four times as fast as ibis' own way; a date is its midnight, a decimal a float."""
    arrow = table.to_pyarrow()
    for number, item in enumerate(arrow.schema):
        wanted = pa.timestamp("us") if pa.types.is_date(item.type) else pa.float64() if pa.types.is_decimal(item.type) else None
        if wanted is not None:
            arrow = arrow.set_column(number, item.name, arrow.column(number).cast(wanted, safe=False))
    frame: pd.DataFrame = arrow.to_pandas(split_blocks=True)
    return frame


def holds_plainly(held: pa.Table, column: str) -> bool:
    """Whether `held` has the column as analysis would see it, but for NaN."""
    if column not in held.column_names:
        return False
    kind = held.schema.field(column).type
    tests = (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean, pa.types.is_string, pa.types.is_large_string)
    return any(test(kind) for test in tests)


def _to_arrow(frame: object) -> tuple[pa.Table, str]:
    if isinstance(frame, pd.DataFrame):
        return _pandas_to_arrow(frame), "pandas frame"
    if isinstance(frame, pa.Table):
        return frame, "Arrow table"
    if isinstance(frame, pa.RecordBatch):
        return pa.Table.from_batches([frame]), "Arrow table"
    if hasattr(frame, "to_arrow") and isinstance(arrow := frame.to_arrow(), pa.Table):
        return arrow, "polars frame"
    if hasattr(frame, "__arrow_c_stream__") and not isinstance(frame, pd.Series) and not hasattr(frame, "to_arrow"):
        return pa.table(frame), "Arrow table"
    raise SourceError("not a data source", type(frame).__name__, "Give a path, a URL, or a pandas, polars, Arrow or ibis table.")


def _pandas_to_arrow(frame: Any) -> pa.Table:
    """Column by column, because a frame may hold two columns of one name."""
    columns = [_series_to_arrow(frame.iloc[:, number]) for number in range(frame.shape[1])]
    return pa.Table.from_arrays(columns, names=[str(name) for name in frame.columns])


def _series_to_arrow(series: Any) -> pa.ChunkedArray:
    if isinstance(series.dtype, pd.PeriodDtype | pd.IntervalDtype):
        series = series.astype("str")
    try:
        array = pa.Array.from_pandas(series)
    except (pa.ArrowException, UnicodeEncodeError, OverflowError) as exc:
        held = " and ".join(sorted({type(value).__name__ for value in series.dropna()}))
        raise SourceError("a column has no one type", f"{series.name} holds {held}", "Convert it, as .astype(str) does.") from exc
    return array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array])


def _plain_types(table: pa.Table) -> pa.Table:
    """`table` with what DuckDB reads otherwise, or not at all, as the plain type behind it; a zoned time as its time in UTC."""
    for number, item in enumerate(table.schema):
        column, kind = table.column(number), item.type
        if isinstance(kind, pa.BaseExtensionType):
            column = pa.chunked_array([chunk.storage for chunk in column.chunks], type=kind.storage_type)
        if (wanted := _plain_type(column.type)) != column.type:
            column = column.cast(wanted)
        if column is not table.column(number):
            table = table.set_column(number, item.name, column)
    return table


def _plain_type(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):
        return _plain_type(kind.value_type)
    if pa.types.is_timestamp(kind):
        return pa.timestamp(kind.unit)
    if pa.types.is_float16(kind) or pa.types.is_decimal256(kind):
        return pa.float64()
    return pa.string() if pa.types.is_null(kind) else kind
