"""Plain inference logs, parquet or NDJSON: a row per request. Columns that say what was decided are told apart by name.

``prediction``, ``decision`` or ``response`` is the answer, ``score`` or ``probability`` its score, ``label`` or ``expected`` what
was right, ``row_id`` or ``id`` the id; identifiers of people have to be left out beforehand. Everything else is an input.
"""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from workbench.attacks.importers.item import Item, read_lines
from workbench.errors import InputError

NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "row_id": ("row_id", "id", "request_id"),
    "decision": ("decision", "prediction", "response"),
    "score": ("score", "probability"),
    "expected": ("expected", "label"),
    "origin": ("origin",),
    "started": ("time", "timestamp"),
    "seconds": ("seconds", "latency"),
}


def read(path: Path) -> Iterator[Item]:
    """One exchange per row."""
    rows = _parquet(path) if path.suffix in {".parquet", ".pq"} else read_lines(path)
    for number, row in enumerate(rows):
        named = {part: next((name for name in names if name in row), None) for part, names in NAMES.items()}
        inputs = {name: value for name, value in row.items() if name not in named.values()}
        if not inputs:
            raise InputError("a log without inputs", f"{path} row {number}", "Keep the columns that the model saw.")
        yield _item({part: row[name] for part, name in named.items() if name is not None}, inputs, number)


def _parquet(path: Path) -> Iterator[dict[str, Any]]:
    try:
        file = pq.ParquetFile(path)
    except pa.ArrowException as exc:
        raise InputError("not a parquet file", path, "Check the file and --format.") from exc
    for batch in file.iter_batches(4096):
        yield from batch.to_pylist()


def _item(known: dict[str, Any], inputs: dict[str, Any], number: int) -> Item:
    decision = known.get("decision")
    origin = known.get("origin")
    return Item(
        str(known.get("row_id", number)),
        inputs,
        _single(decision),
        _finite(known.get("score")),
        expected=_single(known.get("expected")),
        origin=None if origin is None else str(origin),
        abstained="decision" in known and decision is None,
        started=_seconds(known.get("started")),
        seconds=_finite(known.get("seconds")) or 0.0,
    )


def _single(value: Any) -> Any:
    """A value; lists and objects as their JSON."""
    return json.dumps(value, sort_keys=True) if isinstance(value, dict | list) else value


def _finite(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _seconds(value: Any) -> float:
    if isinstance(value, str):
        try:
            value = dt.datetime.fromisoformat(value)
        except ValueError:
            return 0.0
    if isinstance(value, dt.datetime):
        return value.replace(tzinfo=value.tzinfo or dt.UTC).timestamp()
    return _finite(value) or 0.0
