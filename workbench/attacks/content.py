"""Digests of tables by what is in them: the same values give the same digest, however the table is cut or stored."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

ENCODING = 1
"""Version of the encoding below; part of every digest."""


def digest_table(table: pa.Table) -> str:
    """The digest of a table's column names, types and values, column by column.

    A dictionary-coded column counts as its values, and text of any width as text. A missing value counts as missing, whatever
    lies under it.
    """
    hasher = hashlib.sha256(f"{ENCODING}:{table.num_rows}".encode())
    for name, column in zip(table.column_names, table.columns, strict=True):
        array = _plain(column)
        hasher.update(f"\0{name}\0{array.type}\0".encode())
        _update(hasher, array)
    return "sha256:" + hasher.hexdigest()


def _plain(column: pa.ChunkedArray) -> pa.Array:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_string(column.type) or pa.types.is_binary(column.type):
        column = column.cast(pa.large_string() if pa.types.is_string(column.type) else pa.large_binary())
    found = column.combine_chunks()
    return found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found


def _update(hasher: Any, array: pa.Array) -> None:
    if array.null_count:
        missing = array.is_null().to_numpy(zero_copy_only=False)
        hasher.update(b"missing" + np.packbits(missing).tobytes())
        array = array.drop_null()
    if not len(array):
        return
    if pa.types.is_list(array.type) or pa.types.is_large_list(array.type) or pa.types.is_fixed_size_list(array.type):
        hasher.update(np.asarray(pc.list_value_length(array), dtype=np.int64).tobytes())
        _update(hasher, array.flatten())
    elif pa.types.is_struct(array.type):
        for part in array.flatten():
            _update(hasher, part)
    elif pa.types.is_large_string(array.type) or pa.types.is_large_binary(array.type):
        _, offsets, data = array.buffers()
        places = np.frombuffer(offsets, dtype=np.int64)[array.offset : array.offset + len(array) + 1]
        hasher.update(np.diff(places).tobytes())
        hasher.update(memoryview(data)[int(places[0]) : int(places[-1])] if data is not None else b"")
    else:
        values = array.to_numpy(zero_copy_only=False)
        if values.dtype == object:  # decimals and the like: their text is exact
            _update(hasher, array.cast(pa.large_string()))
            return
        hasher.update(np.ascontiguousarray(values).tobytes())
