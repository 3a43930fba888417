"""OpenLineage events from files: one event a line, one JSON array, or one object; folders of such; a file that grows.

Nothing is dropped in silence: what could not be used is in the log's oddities, with its place.
"""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any, Final, cast

from workbench.errors import SourceError
from workbench.lineage.event import Event, EventLog, Oddities, Place, read_event
from workbench.lineage.instant import SECOND

SUFFIXES: Final = (".json", ".jsonl", ".ndjson", ".log", ".json.gz", ".jsonl.gz", ".ndjson.gz", ".log.gz")
LARGEST_DOCUMENT: Final = 256 << 20
"""Bytes of a file that is read as one JSON document instead of line by line."""


def read_files(sources: Iterable[str | Path], log: EventLog | None = None) -> EventLog:
    """The events in `sources`, files or folders, added to `log`.

    Raises
    ------
    SourceError
        If a source is not there, cannot be read, or is a folder without an event file.
    """
    log = log or EventLog()
    for source in sources:
        for path in _event_files(Path(source), log):
            log.sources.append(str(path))
            try:
                _read_file(path, log)
            except (OSError, EOFError) as exc:
                raise SourceError("cannot read events", str(path), f"{exc}") from exc
    return log


def _event_files(source: Path, log: EventLog) -> list[Path]:
    if source.is_file() or source.is_fifo():
        return [source]
    if not source.is_dir():
        raise SourceError("no events here", str(source), "Give files or folders of OpenLineage events.")
    found = []
    for path in sorted(path for path in source.rglob("*") if path.is_file()):
        if path.name.lower().endswith(SUFFIXES):
            found.append(path)
        else:
            log.odd.note("a file with another ending, not read", str(path))
    if not found:
        raise SourceError("no event file in this folder", str(source), f"Endings read: {', '.join(SUFFIXES[:4])}, and .gz.")
    return found


def _read_file(path: Path, log: EventLog) -> None:
    """Add the events of one file."""
    first = len(log.events)
    with _open(path) as file:
        for raw, place in _documents(file, path, log.odd):
            event = read_event(raw, place, log.facets, log.odd)
            if event is not None:
                log.events.append(event)
    log.events[first:] = _received(log.events[first:], int(path.stat().st_mtime * SECOND))


def _open(path: Path) -> IO[bytes]:
    packed = path.name.lower().endswith(".gz")
    return cast("IO[bytes]", gzip.open(path, "rb") if packed else path.open("rb"))


def _documents(file: IO[bytes], path: Path, odd: Oddities) -> Iterator[tuple[Any, Place]]:
    """Each JSON value of the file with its place; a file whose first line is no whole value may be one document."""
    name = path.name
    line = file.readline()
    number = 1
    while line and not line.strip():
        line, number = file.readline(), number + 1
    if line.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"[") or _parse(line) is None:
        rest = file.read(LARGEST_DOCUMENT + 1)
        whole = _parse(line + rest) if len(rest) <= LARGEST_DOCUMENT else None
        if whole is not None:
            values = whole if isinstance(whole, list) else [whole]
            yield from ((value, (name, at)) for at, value in enumerate(values, 1))
            return
        yield from _lines([line, *rest.splitlines(keepends=True)], name, number, odd)
        line = file.readline()
    yield from _lines(_chain(line, file), name, number, odd)


def _chain(line: bytes, file: IO[bytes]) -> Iterator[bytes]:
    if line:
        yield line
    yield from file


def _lines(lines: Iterable[bytes], name: str, number: int, odd: Oddities) -> Iterator[tuple[Any, Place]]:
    """Each line's value; a line that is no JSON is noted, the last as cut where it lacks its line feed."""
    for at, line in enumerate(lines, number):
        if not line.strip():
            continue
        value = _parse(line)
        if value is None:
            odd.note("a line that is no JSON, left out" if line.endswith(b"\n") else "the last line is cut, left out", (name, at))
        else:
            yield value, (name, at)


def _parse(data: bytes) -> Any:
    """The JSON value in `data`; None where it is none."""
    try:
        return json.loads(data.decode("utf-8-sig", "replace"))
    except (ValueError, RecursionError):
        return None


def _received(events: list[Event], written: int) -> list[Event]:
    """The events with the earliest time at which each can have been in a file that is only appended to.

    Not before it happened, nor before the event above it was there; a clock that runs ahead of the file's last change counts
    for nothing.
    """
    latest: int | None = None
    stamped = []
    for event in events:
        if event.time is not None and event.time <= written and (latest is None or event.time > latest):
            latest = event.time
        stamped.append(event._replace(received=latest if latest is not None else event.time))
    return stamped


class GrowingFile:
    """A file that a producer is still appending to; what `read_new` finds is stamped with the time of reading.

    Parameters
    ----------
    path
        A file of one event a line; it need not be there yet.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.log = EventLog(sources=[str(path)])
        self._offset = 0
        self._line = 0

    def read_new(self) -> list[Event]:
        """The events added since the last call; a line still being written waits for its line feed.

        Raises
        ------
        SourceError
            If the file cannot be read.
        """
        try:
            data = self._added()
        except FileNotFoundError:
            return []
        except OSError as exc:
            raise SourceError("cannot read events", str(self.path), f"{exc}") from exc
        whole = data[: data.rfind(b"\n") + 1]
        self._offset += len(whole)
        now = time.time_ns()
        found = []
        for raw, place in _lines(whole.splitlines(keepends=True), self.path.name, self._line + 1, self.log.odd):
            event = read_event(raw, place, self.log.facets, self.log.odd)
            if event is not None:
                found.append(event._replace(received=now))
        self._line += whole.count(b"\n")
        self.log.events += found
        return found

    def _added(self) -> bytes:
        if self.path.stat().st_size < self._offset:
            self.log.odd.note("the file became shorter; read again from its start", str(self.path))
            self._offset = self._line = 0
        with self.path.open("rb") as file:
            file.seek(self._offset)
            return file.read()
