"""A recording: exactly what a target was asked, in which calls, and what it answered.

On disk a folder: ``manifest.json`` and numbered parts of whole calls, each of three parquet files::

    000000.inputs.parquet   the frames as the target saw them, their dtypes kept
    000000.rows.parquet     row_id, call, decision, score, abstained, error; expected, origin, judged where they are known
    000000.calls.parquet    call, rows, started, seconds

The manifest is written last and names the digest of every part: without it, or with a part that differs, there is no recording.
Its ``content`` is the recording's id, over inputs, call structure and answers; times and environment are beside it. ``expected``
is what should have been decided, as text; ``origin`` is the ``row_id`` of the harmless input an attack was made from; ``judged``
is what another tool made of the answer (1 = it fails, 0 = it passes).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.attacks.content import digest_table
from workbench.digest import digest
from workbench.errors import InputError, VerificationError

SCHEMA: Final = "workbench.recording/1"
MANIFEST: Final = "manifest.json"
ROW_COLUMNS: Final = ("row_id", "call", "decision", "score", "abstained", "error", "expected", "origin", "judged")
KEPT_IN_PARTS: Final = {"inputs": "inputs", "rows": "rows", "calls": "calls"}


@dataclass(frozen=True)
class Part:
    """A run of whole calls: its number, its first row in the recording, how many rows and calls it has."""

    number: int
    first: int
    rows: int
    calls: int
    digest: str


@dataclass(frozen=True, eq=False)
class Recording:
    """A finished recording on disk; rows are read part by part.

    Attributes
    ----------
    folder
        Where it lies.
    manifest
        What was recorded: target, environment, source, domain, parts.
    """

    folder: Path
    manifest: Mapping[str, Any]

    @property
    def content(self) -> str:
        """The recording's id."""
        return str(self.manifest["content"])

    @property
    def rows(self) -> int:
        """How many inputs it holds."""
        return int(self.manifest["rows"])

    @property
    def calls(self) -> int:
        """In how many calls they were sent."""
        return int(self.manifest["calls"])

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts in their order."""
        return tuple(Part(**part) for part in self.manifest["parts"])

    def inputs(self, part: Part) -> pd.DataFrame:
        """The inputs of a part as the target saw them, its calls one after the other."""
        frame: pd.DataFrame = self._read(part, "inputs").to_pandas()
        return frame

    def call_sizes(self, part: Part) -> np.ndarray:
        """How many rows each call of a part had."""
        return np.asarray(self._read(part, "calls")["rows"].to_numpy())

    def call_starts(self, part: Part) -> np.ndarray:
        """When each call of a part started, in seconds since 1970."""
        return np.asarray(self._read(part, "calls", ["started"])["started"].to_numpy())

    def row_columns(self, *names: str) -> pa.Table:
        """Columns of ``rows`` over all parts; one that a part lacks is missing there."""
        tables = [self._read(part, "rows", list(names)) for part in self.parts]
        return _stacked(tables, names)

    def column(self, name: str) -> np.ndarray:
        """One column of the inputs over all parts.

        Raises
        ------
        InputError
            If the inputs have no such column.
        """
        if name not in self.input_columns:
            raise InputError("the recording has no such column", name, f"Columns: {', '.join(self.input_columns)}")
        pieces = [self._read(part, "inputs", [name])[name].to_pandas().to_numpy() for part in self.parts]
        return np.concatenate(pieces) if pieces else np.zeros(0)

    @property
    def input_columns(self) -> tuple[str, ...]:
        """Names of the input columns."""
        return tuple(self.manifest["columns"])

    def select(self, rows: np.ndarray) -> pd.DataFrame:
        """The inputs at these positions, in ascending order of position."""
        rows = np.sort(np.asarray(rows, dtype=np.int64))
        frames = []
        for part in self.parts:
            here = rows[(rows >= part.first) & (rows < part.first + part.rows)] - part.first
            if len(here):
                frames.append(self.inputs(part).iloc[here])
        return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=list(self.input_columns))

    def verify(self) -> None:
        """Read everything and compare it with the manifest.

        Raises
        ------
        VerificationError
            Naming the first part that differs.
        """
        for part in self.parts:
            tables = {name: self._read(part, name) for name in KEPT_IN_PARTS}
            if part_digest(tables) != part.digest:
                raise VerificationError("a recording was altered", f"{self.folder} part {part.number}", "Record it again.")

    def _read(self, part: Part, name: str, columns: list[str] | None = None) -> pa.Table:
        path = part_path(self.folder, part.number, name)
        try:
            if columns is not None:
                present = pq.read_schema(path).names
                columns = [column for column in columns if column in present]
            return pq.ParquetFile(path).read(columns=columns)
        except (OSError, pa.ArrowException) as exc:
            raise InputError("a part of a recording cannot be read", path, "Record it again.") from exc


def open_recording(folder: Path | str) -> Recording:
    """The recording in `folder`.

    Raises
    ------
    InputError
        If there is none, if it was interrupted, or if its manifest is not what its id says.
    """
    folder = Path(folder)
    path = folder / MANIFEST
    if not path.is_file():
        begun = folder.is_dir() and any(folder.glob("*.parquet"))
        what = "a recording that was not finished" if begun else "not a recording"
        raise InputError(what, folder, "Record it again." if begun else "Give the folder that `workbench record` wrote.")
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as exc:
        raise InputError("a manifest that is no JSON", path, "Record it again.") from exc
    if manifest.get("schema") != SCHEMA:
        raise InputError("not a recording of version 1", manifest.get("schema"), "Give the folder that `workbench record` wrote.")
    if content_id(manifest) != manifest.get("content"):
        raise VerificationError("a recording's manifest was altered", folder, "Record it again.")
    return Recording(folder, manifest)


def content_id(manifest: Mapping[str, Any]) -> str:
    """The id over inputs, call structure and answers: what two recordings of the same traffic share."""
    return digest({"columns": manifest.get("columns"), "parts": [part["digest"] for part in manifest.get("parts", [])]})


def part_path(folder: Path, number: int, name: str) -> Path:
    """Where a part keeps its table `name`."""
    return folder / f"{number:06d}.{name}.parquet"


def part_digest(tables: Mapping[str, pa.Table]) -> str:
    """The digest of a part: inputs, answers and call sizes, not times."""
    calls = tables["calls"].select(["call", "rows"])
    return digest([digest_table(tables["inputs"]), digest_table(tables["rows"]), digest_table(calls)])


def iterate(recording: Recording) -> Iterator[tuple[Part, pd.DataFrame]]:
    """Every part with its inputs, one in memory at a time."""
    for part in recording.parts:
        yield part, recording.inputs(part)


def _stacked(tables: list[pa.Table], names: tuple[str, ...]) -> pa.Table:
    complete = []
    for table in tables:
        for name in names:
            if name not in table.column_names:
                table = table.append_column(name, pa.nulls(table.num_rows))  # noqa: PLW2901  a part completed in place
        complete.append(table.select(list(names)))
    if not complete:
        return pa.table({name: pa.nulls(0) for name in names})
    try:
        return pa.concat_tables(complete, promote_options="permissive")
    except pa.ArrowException:
        return pa.concat_tables([_as_text(table) for table in complete], promote_options="permissive")


def _as_text(table: pa.Table) -> pa.Table:
    """Parts that disagree on a type (numbers here, text there) meet as text."""
    kept = {name: column.cast(pa.string()) for name, column in zip(table.column_names, table.columns, strict=True)}
    return pa.table(kept)
