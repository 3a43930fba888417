"""From what a responder types to the graph: files and folders of events, an MLflow database, a Marquez server.

A source of another kind is a plug-in: a function ``read(source, log, **options)`` registered under the entry point group
``workbench.lineage``, and written as ``NAME:SOURCE``.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from workbench.errors import InputError, SourceError
from workbench.lineage.build import build_lineage
from workbench.lineage.event import Event, EventLog
from workbench.lineage.graph import Lineage
from workbench.lineage.instant import as_instant
from workbench.lineage.marquez import read_marquez
from workbench.lineage.mlflow import is_mlflow, read_mlflow
from workbench.lineage.openlineage import read_files
from workbench.registry import lineage as registered

EVENT: Final = "event"
RECEIVED: Final = "received"


def open_lineage(
    *sources: str | Path, as_of: int | str | None = None, clock: str = RECEIVED, allow_hosts: Iterable[str] = ()
) -> Lineage:
    """The graph of the events in `sources`.

    Parameters
    ----------
    sources
        Files and folders of OpenLineage events, MLflow's SQLite file (or ``mlflow:FILE``), a Marquez URL, or ``NAME:SOURCE`` for
        a plug-in.
    as_of
        Only what was known at this time.
    clock
        ``received``, when an event was here at the earliest, or ``event``, when it says it happened.
    allow_hosts
        Hosts other than this machine that may be asked.

    Raises
    ------
    SourceError
        If a source cannot be read.
    """
    log = read_log(*sources, allow_hosts=allow_hosts)
    events = log.events if as_of is None else known_at(log.events, as_of, clock)
    return build_lineage(events, log.odd)


def read_log(*sources: str | Path, allow_hosts: Iterable[str] = ()) -> EventLog:
    """The events in `sources`, in the order in which they were found.

    Raises
    ------
    SourceError
        If a source cannot be read, or there is no event in any of them: an empty history would clear everything upstream.
    InputError
        If there is none.
    """
    if not sources:
        raise InputError("no events given", None, "Give files, folders, an MLflow database or a Marquez URL.")
    log = EventLog()
    for source in sources:
        _read(str(source), log, tuple(allow_hosts))
    if not log.events:
        do = "Give files or folders of OpenLineage events, an MLflow database or a Marquez URL."
        raise SourceError("no event in this", ", ".join(map(str, sources)), do)
    return log


def _read(source: str, log: EventLog, allow_hosts: tuple[str, ...]) -> None:
    name, colon, rest = source.partition(":")
    if source.startswith(("http://", "https://")):
        read_marquez(source, log, allow_hosts=allow_hosts)
    elif source.startswith("mlflow:") or is_mlflow(Path(source)):
        read_mlflow(Path(source.removeprefix("mlflow:")), log)
    elif colon and name in registered.names() and not Path(source).exists():
        reader: Any = registered.get(name)
        reader(rest, log)
    else:
        read_files([source], log)


def known_at(events: Iterable[Event], when: int | str, clock: str = RECEIVED) -> list[Event]:
    """The events that were known at `when` by the clock named; one whose time is not known counts as known.

    Raises
    ------
    InputError
        If there is no such clock, or `when` is no time.
    """
    if clock not in (EVENT, RECEIVED):
        raise InputError("no such clock", clock, f"Choose {RECEIVED} or {EVENT}.")
    moment = as_instant(when)

    def known(event: Event) -> bool:
        time = event.time if clock == EVENT or event.received is None else event.received
        return time is None or time <= moment

    return [event for event in events if known(event)]
