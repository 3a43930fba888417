"""The cube as a file: whole, to rank it again without the data; or published, as evidence that others may see."""

from __future__ import annotations

import json
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.analysis.slices.cube import SliceCube
from workbench.analysis.slices.outcome import Sums
from workbench.analysis.slices.scores import side
from workbench.data.encode import Coding
from workbench.digest import digest_bytes
from workbench.errors import SourceError
from workbench.files import write_whole
from workbench.predicate import Predicate
from workbench.result.cells import is_small, rounded_count, rounded_rate

SCHEMA: Final = "workbench.slice_cube/1"
KEY: Final = b"workbench"
PARTS: Final = ("counts", "sums", "squares", "maxima", "rows")


def write_cube(cube: SliceCube, path: Path, *, published: bool = False) -> str:
    """Write a cube as parquet; the same cube gives the same bytes.

    Parameters
    ----------
    published
        Sizes in tens, means as fine as these allow, and no slice that is small or leaves a small rest: for a bundle. Else
        everything, for one's own eyes: a cube of exact counts gives small cells away by subtraction.

    Returns
    -------
    str
        The digest of the file.

    Raises
    ------
    StorageError
        If it cannot be written.
    """
    table = published_table(cube) if published else to_arrow(cube)
    sink = BytesIO()
    pq.write_table(table, sink, compression="zstd")
    write_whole(path, sink.getvalue())
    return digest_bytes(sink.getvalue())


def read_cube(path: Path) -> SliceCube:
    """The cube that `write_cube` wrote whole.

    Raises
    ------
    SourceError
        If the file is none.
    """
    do = "Give the file that write_cube wrote with published=False."
    try:
        table = pq.read_table(path)
        told = json.loads((table.schema.metadata or {})[KEY])
    except (OSError, pa.ArrowInvalid, KeyError, ValueError) as exc:
        raise SourceError("not a slice cube", str(path), do) from exc
    if told.get("schema") != SCHEMA:
        raise SourceError("not a slice cube", str(path), do)
    columns = {name: table[name].to_numpy() for name in table.column_names}
    level, windows, measures = told["level"], told["windows"], len(told["measures"])
    shape = (windows, measures, table.num_rows)
    parts = [_stack(columns, part, shape) for part in PARTS]
    totals = [np.array(total, float).reshape(windows, measures, 1) for total in told["totals"]]
    if told["unweighted"]:
        parts[4], totals[4] = parts[0], totals[0]
    return SliceCube(
        codings=tuple(_read_coding(each) for each in told["codings"]),
        members=_column_stack([columns[f"member_{place}"] for place in range(level)], table.num_rows, np.int16),
        codes=_column_stack([columns[f"code_{place}"] for place in range(level)], table.num_rows, np.uint8),
        held=Sums(*parts),
        totals=Sums(*totals),
        least=told["least"],
        measures=tuple(told["measures"]),
        share=told["share"],
        signed=told["signed"],
        effective=tuple(told["effective"]),
        complete=told["complete"],
        examined=told["examined"],
    )


def to_arrow(cube: SliceCube) -> pa.Table:
    """Everything: ``member_i`` and ``code_i`` per condition, ``counts_w_m`` … per window and measure; the rest as metadata."""
    columns: dict[str, np.ndarray] = {}
    for place in range(cube.members.shape[1]):
        columns[f"member_{place}"], columns[f"code_{place}"] = cube.members[:, place], cube.codes[:, place]
    for name, part in zip(PARTS, cube.held.parts, strict=True):
        for window, measure in np.ndindex(part.shape[:2]):
            columns[f"{name}_{window}_{measure}"] = part[window, measure]
    told = {
        "schema": SCHEMA, "codings": [_told(coding) for coding in cube.codings], "level": cube.members.shape[1],
        "windows": cube.windows, "measures": cube.measures, "least": cube.least, "share": cube.share, "signed": cube.signed,
        "effective": cube.effective, "complete": cube.complete, "examined": cube.examined,
        "totals": [part.ravel().tolist() for part in cube.totals.parts], "unweighted": cube.held.rows is cube.held.counts,
    }  # fmt: skip
    return pa.table(columns).replace_schema_metadata({KEY: json.dumps(told, sort_keys=True)})


def published_table(cube: SliceCube) -> pa.Table:
    """What others may see: ``slice``, ``size`` and ``mean``, with two windows also ``size_before`` and ``mean_before``."""
    total = cube.totals.rows[-1, 0, 0]
    rows = cube.held.rows[:, 0]
    small = np.array([any(map(is_small, (*sizes, total - sizes[-1]))) for sizes in rows.T.tolist()], dtype=bool)
    kept = np.flatnonzero(~small)
    columns: dict[str, list[Any]] = {"slice": [str(cube.where(int(index))) for index in kept]}
    for window, suffix in ((-1, ""), *(((0, "_before"),) if cube.windows > 1 else ())):
        sizes = [rounded_count(size) for size in rows[window, kept].tolist()]
        means = side(cube, window, kept).mean.tolist()
        columns[f"size{suffix}"] = sizes
        columns[f"mean{suffix}"] = [rounded_rate(mean, size) for mean, size in zip(means, sizes, strict=True)]
    kinds = {
        "slice": pa.string(),
        "size": pa.int64(),
        "mean": pa.float64(),
        "size_before": pa.int64(),
        "mean_before": pa.float64(),
    }
    table = pa.table({name: pa.array(values, kinds[name]) for name, values in columns.items()})
    told = {"schema": f"{SCHEMA} published", "level": cube.members.shape[1], "least": cube.least, "measures": cube.measures}
    return table.replace_schema_metadata({KEY: json.dumps(told, sort_keys=True)})


def _stack(columns: Mapping[str, np.ndarray], name: str, shape: tuple[int, int, int]) -> np.ndarray:
    found = np.empty(shape)
    for window, measure in np.ndindex(shape[:2]):
        found[window, measure] = columns[f"{name}_{window}_{measure}"]
    return found


def _column_stack(columns: list[np.ndarray], rows: int, kind: type) -> np.ndarray:
    found: np.ndarray = np.empty((rows, len(columns)), kind)
    for place, column in enumerate(columns):
        found[:, place] = column
    return found


def _told(coding: Coding) -> dict[str, Any]:
    edges = None if coding.edges is None else coding.edges.tolist()
    conditions = [str(condition) for condition in coding.conditions]
    return {
        "column": coding.column,
        "function": coding.function,
        "conditions": conditions,
        "edges": edges,
        "values": coding.values.tolist(),
    }


def _read_coding(told: Mapping[str, Any]) -> Coding:
    edges = None if told["edges"] is None else np.array(told["edges"], float)
    conditions = tuple(Predicate.parse(text) for text in told["conditions"])
    return Coding(told["column"], conditions, edges, pd.Index(told["values"]), told["function"])
