"""The recorder: put around a target in one line, it stores every call that passes through.

::

    with Recorder(target, "recording") as recorded:
        recorded.predict(frame)  # answers as the target does

What is in memory is bounded: a part is written as soon as it holds `PART_ROWS` rows. Nothing reads as a recording before the
recorder is closed without an error.
"""

from __future__ import annotations

import datetime as dt
import os
import platform
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.attacks.approval import Approval, require_approval
from workbench.attacks.decisions import decision_text, decision_texts
from workbench.attacks.recording import MANIFEST, SCHEMA, Recording, content_id, open_recording, part_digest, part_path
from workbench.digest import canonical_json, to_plain
from workbench.errors import InputError, StorageError
from workbench.files import cannot_write, make_folder, write_whole
from workbench.models.target import Prediction, Target, Wrapped, answer_of
from workbench.result import versions

PART_ROWS: Final = 65_536
"""Rows after which a part is written: at 20 numeric columns 10 MB in memory."""


class RecordingWriter:
    """Writes a recording part by part; calls come in order, whole.

    Parameters
    ----------
    folder
        Where the recording goes; new or empty.
    about
        What the manifest says beside inputs and answers: ``target``, ``source``, ``domain``, ``queries_per_row`` and the like.
    part_rows
        Rows after which a part is written.

    Raises
    ------
    StorageError
        If the folder holds something already, or cannot be written.
    """

    def __init__(self, folder: Path | str, about: Mapping[str, Any] | None = None, part_rows: int = PART_ROWS) -> None:
        self.folder = make_folder(Path(folder))
        if any(self.folder.iterdir()):
            raise StorageError("the folder for a recording is not empty", self.folder, "Name a new folder.")
        self._about = dict(about or {})
        self._part_rows = part_rows
        self._frames: list[pd.DataFrame] = []
        self._rows: list[dict[str, np.ndarray]] = []
        self._calls: list[tuple[int, float, float]] = []
        self._buffered = 0
        self._dtypes: tuple[Any, ...] = ()
        self._columns: list[str] = []
        self._parts: list[dict[str, Any]] = []
        self._ids: type | None = None

    @property
    def rows(self) -> int:
        """Rows taken so far."""
        return self._buffered + sum(int(part["rows"]) for part in self._parts)

    def add(
        self,
        frame: pd.DataFrame,
        answered: Prediction,
        *,
        started: float,
        seconds: float,
        row_id: Any = None,
        expected: Any = None,
        origin: Any = None,
        judged: Any = None,
    ) -> None:
        """Take one call: the frame that was sent and what came back.

        Parameters
        ----------
        started, seconds
            Seconds since 1970 in UTC, and how long the call took.
        row_id, expected, origin, judged
            An entry per row, or None; without ids rows are numbered from 0.
        """
        shape = (tuple(map(str, frame.columns)), *frame.dtypes)
        if self._frames and (shape != self._dtypes or self._buffered >= self._part_rows):
            self._write_part()
        self._dtypes = shape
        number = self.rows
        self._frames.append(frame)
        rows = len(frame)
        ids = np.arange(number, number + rows) if row_id is None else np.asarray(row_id)
        self._rows.append({
            "row_id": ids,
            "decision": answered.decision,
            "score": answered.score,
            "abstained": answered.abstained,
            "error": answered.error,
            "expected": _entries(expected, rows),
            "origin": _entries(origin, rows),
            "judged": _entries(judged, rows),
        })  # fmt: skip
        self._calls.append((rows, started, seconds))
        self._buffered += rows

    def close(self) -> Recording:
        """Write what is left and the manifest, and read the recording back."""
        if self._frames:
            self._write_part()
        manifest = {
            "schema": SCHEMA,
            "columns": self._columns,
            "rows": sum(part["rows"] for part in self._parts),
            "calls": sum(part["calls"] for part in self._parts),
            "parts": self._parts,
            "environment": environment(),
            "written": dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds"),
            **{name: to_plain(value) for name, value in self._about.items()},
        }
        manifest["content"] = content_id(manifest)
        write_whole(self.folder / MANIFEST, canonical_json(manifest))
        return open_recording(self.folder)

    def _write_part(self) -> None:
        number, first, first_call = len(self._parts), self.rows - self._buffered, sum(part["calls"] for part in self._parts)
        sizes = np.array([rows for rows, _, _ in self._calls], dtype=np.int64)
        frame = self._frames[0] if len(self._frames) == 1 else pd.concat(self._frames, ignore_index=True)
        tables = {
            "inputs": _inputs_table(frame),
            "rows": self._rows_table(np.repeat(np.arange(first_call, first_call + len(sizes)), sizes)),
            "calls": pa.table({
                "call": np.arange(first_call, first_call + len(sizes)),
                "rows": sizes,
                "started": np.array([started for _, started, _ in self._calls]),
                "seconds": np.array([seconds for _, _, seconds in self._calls]),
            }),
        }  # fmt: skip
        for name, table in tables.items():
            _write_table(part_path(self.folder, number, name), table)
        self._columns = list(dict.fromkeys([*self._columns, *map(str, frame.columns)]))
        self._parts.append({
            "number": number, "first": first, "rows": len(frame), "calls": len(sizes), "digest": part_digest(tables),
        })  # fmt: skip
        self._frames, self._rows, self._calls, self._buffered = [], [], [], 0

    def _rows_table(self, calls: np.ndarray) -> pa.Table:
        columns = {name: np.concatenate([np.asarray(rows[name]) for rows in self._rows]) for name in self._rows[0]}
        ids = columns["row_id"]
        numbered = ids.dtype.kind in "iu" and self._ids in {None, int}
        self._ids = int if numbered else str
        return pa.table({
            "row_id": pa.array(ids) if numbered else _texts(ids),
            "call": calls,
            "decision": _texts(decision_texts(columns["decision"])),
            "score": pa.array(columns["score"].astype(np.float64), from_pandas=False),
            "abstained": columns["abstained"].astype(bool),
            "error": _texts(columns["error"]),
            "expected": _texts(decision_texts(columns["expected"])),
            "origin": _texts(decision_texts(columns["origin"])),
            "judged": pa.array(columns["judged"].tolist(), pa.float64()),
        })  # fmt: skip


class Recorder(Wrapped):
    """A target that stores what passes through it; a target itself.

    Parameters
    ----------
    target
        Who answers.
    folder
        Where the recording goes; new or empty.
    about
        What else the manifest should say.

    Notes
    -----
    Used as a context manager it finishes the recording unless the block fails; otherwise call `close`.
    """

    def __init__(self, target: Target, folder: Path | str, about: Mapping[str, Any] | None = None) -> None:
        self.target = target
        self._writer = RecordingWriter(folder, {"target": target_card(target), **(about or {})})
        self.recording: Recording | None = None

    def predict(self, frame: pd.DataFrame, *, row_id: Any = None, expected: Any = None, origin: Any = None) -> Prediction:
        """Ask the target, store the call, and give what it answered.

        Parameters
        ----------
        row_id, expected, origin
            What is known of each row beside its inputs; see `workbench.attacks.recording`.
        """
        if self.recording is not None:
            raise InputError("this recording is closed", self.recording.folder, "Begin another one.")
        started, begun = time.time(), time.perf_counter()
        answered = answer_of(self.target.predict, frame)
        seconds = time.perf_counter() - begun
        # A copy: the caller may go on writing into the frame that was sent.
        kept = frame.copy()
        self._writer.add(
            kept, answered, started=started, seconds=seconds, row_id=row_id, expected=expected, origin=origin
        )  # fmt: skip
        return answered

    def close(self) -> Recording:
        """Finish the recording."""
        if self.recording is None:
            self.recording = self._writer.close()
        return self.recording

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            self.close()


def record(
    target: Target,
    frame: pd.DataFrame,
    folder: Path | str,
    *,
    batch: int = 4096,
    approval: Approval | None = None,
    **known: Any,
) -> Recording:
    """Ask `target` about every row of `frame`, `batch` rows a call, and store it.

    Parameters
    ----------
    approval
        Needed for a production target.
    known
        ``row_id``, ``expected``, ``origin`` as in `Recorder.predict`; ``about`` for the manifest.
    """
    require_approval([target], approval)
    about = known.pop("about", None)
    with Recorder(target, folder, about) as recorded:
        for start in range(0, len(frame), batch):
            rows = slice(start, start + batch)
            of_call = {name: None if values is None else np.asarray(values)[rows] for name, values in known.items()}
            recorded.predict(frame.iloc[rows], **of_call)
    return recorded.close()


def target_card(target: Target) -> dict[str, Any]:
    """What a manifest says of a target."""
    return {"name": target.name, "version": target.version, "digest": target.digest, "production": target.production}


def environment() -> dict[str, Any]:
    """What numbers may depend on beside the model: versions, machine, threads."""
    threads = {name: os.environ[name] for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS") if name in os.environ}
    return {"versions": dict(versions()), "machine": platform.machine(), "cores": os.cpu_count(), "threads": threads}


def _inputs_table(frame: pd.DataFrame) -> pa.Table:
    frame = frame.set_axis([str(column) for column in frame.columns], axis=1)
    try:
        return pa.Table.from_pandas(frame, preserve_index=False)
    except (pa.ArrowException, OverflowError, UnicodeError) as exc:
        do = "Give one type per column, integers of 64 bits, and text without half surrogate pairs."
        raise InputError("inputs that no table can hold", str(exc), do) from exc


def _entries(values: Any, rows: int) -> np.ndarray:
    return np.full(rows, None, dtype=object) if values is None else np.asarray(values, dtype=object)


def _texts(values: np.ndarray) -> pa.Array:
    return pa.array([decision_text(value) for value in values.tolist()], pa.string())


def _write_table(path: Path, table: pa.Table) -> None:
    try:
        pq.write_table(table, path)
    except OSError as exc:
        raise cannot_write(path, exc) from exc
