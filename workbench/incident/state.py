"""Where an incident stands, computed from its entries each time it is asked for; nothing of it is stored.

The bodies of the entries, by kind:

================================================== =====================================================================
opened                                             ``title``
closed                                             ``why``
note                                               ``text``
run started                                        ``run`` (number from 1), ``template``, ``parameters``, ``folder``
run completed                                      ``run``, ``digest``; ``verdict`` where triage came to one
run failed / interrupted / timed out               ``run``, ``digest``, ``cell``, ``why``
pinned                                             ``run``, ``finding``; ``kept``, a file, where it keeps what it rests on
dismissed                                          ``finding`` (``run1:2`` or a digest), ``why``
sealed                                             ``bundle``, ``digest``, ``length``, ``head``
approved                                           ``target``, its ``digest``, ``why``
================================================== =====================================================================

An entry can never be repaired, so a body that lacks something leaves a gap in the state and never an unreadable incident.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from workbench.errors import InputError, UnknownNameError
from workbench.incident.chain import Entry
from workbench.incident.home import check_incident_id

if TYPE_CHECKING:
    from workbench.incident.record import Record

RUN_ENDINGS: Final = {
    "run completed": "completed",
    "run failed": "failed",
    "run interrupted": "interrupted",
    "run timed out": "timed out",
}
UNFINISHED: Final = "unfinished"
KEPT: Final = "kept"
KEPT_FILE: Final = re.compile(r"pins/[0-9a-f]{64}\.json")


@dataclass(frozen=True)
class RunState:
    """One run of a runbook.

    Parameters
    ----------
    number
        Counted from 1 within the incident.
    template
        Name of the runbook.
    status
        ``completed``, ``failed``, ``interrupted``, ``timed out``, or ``unfinished`` for a run that recorded no end: it may
        still be running, or its process died.
    started, ended
        Times of the two entries; ``None`` where there is none.
    folder
        Relative to the incident's folder.
    digest
        Of the executed notebook; ``None`` until the end is recorded.
    parameters
        As given to the runbook.
    cell
        Number of the cell at which it stopped, from 1; ``None`` for a run that did not stop at one.
    why
        Why it did not complete, in one line.
    verdict
        What triage came to: a word of `workbench.vocabulary.VERDICTS`; ``None`` for a run that came to none.
    """

    number: int
    template: str
    status: str = UNFINISHED
    started: str | None = None
    ended: str | None = None
    folder: str | None = None
    digest: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    cell: int | None = None
    why: str | None = None
    verdict: str | None = None


@dataclass(frozen=True)
class IncidentState:
    """Where an incident stands.

    Parameters
    ----------
    id
        The incident's id.
    title
        What it was opened as.
    status
        ``open`` or ``closed``.
    opened, closed
        Times; `closed` is ``None`` while it is open.
    author
        Who opened it.
    runs
        In the order in which they started.
    pinned, sealed, notes
        The bodies of those entries, each with its ``seq``, ``time``, ``author`` and ``evidence``.
    dismissed
        Finding set aside → why.
    """

    id: str
    title: str
    status: str
    opened: str
    closed: str | None
    author: str
    runs: tuple[RunState, ...]
    pinned: tuple[Mapping[str, Any], ...]
    dismissed: Mapping[str, str]
    sealed: tuple[Mapping[str, Any], ...]
    notes: tuple[Mapping[str, Any], ...]


def state_of(entries: Sequence[Entry]) -> IncidentState:
    """The state after `entries`, which are those of one incident, in order.

    Raises
    ------
    InputError
        When there is no entry: an incident is its entries.
    """
    if not entries:
        raise InputError("an incident without entries has no state", None, "Open the incident first")
    first = next((entry for entry in entries if entry.kind == "opened"), entries[0])
    last = next((entry for entry in reversed(entries) if entry.kind in {"opened", "closed"}), first)
    closed = last.time if last.kind == "closed" else None
    return IncidentState(
        id=first.incident,
        title=str(first.body.get("title", first.incident)),
        status="closed" if closed else "open",
        opened=first.time,
        closed=closed,
        author=first.author,
        runs=_runs(entries),
        pinned=_bodies(entries, "pinned"),
        dismissed={str(body.get("finding")): str(body.get("why", "")) for body in _bodies(entries, "dismissed")},
        sealed=_bodies(entries, "sealed"),
        notes=_bodies(entries, "note"),
    )


def create_incident(record: Record, incident: str, title: str, author: str) -> Entry:
    """Open an incident; of two responders who open the same one at once, one succeeds.

    Raises
    ------
    InputError
        When the id cannot name an incident, the title is empty, or there is an incident of that id. Ids that differ only
        by case count as the same, since some systems give both the same folder.
    """
    check_incident_id(incident)
    if not title.strip():
        raise InputError("the incident needs a title", None, "Say in a few words what is happening")
    same = [known for known in record.incidents() if known.casefold() == incident.casefold()]
    if same:
        raise InputError("there is an incident of this id", same[0], "Choose another id, or add to that incident")
    return record.append(incident, "opened", {"title": title.strip()}, author=author, seq=1)


def require_incident(record: Record, incident: str) -> list[Entry]:
    """The entries of an incident that has to exist; an `UnknownNameError` lists those that do."""
    entries = record.entries(incident)
    if not entries:
        raise UnknownNameError("incident", incident, record.incidents())
    return entries


def pin_name(body: Mapping[str, Any]) -> str:
    """How a pinned finding is called: by its run and rank, or by its entry where it lacks one (``run1:2``, ``entry5``).

    Parameters
    ----------
    body
        Of a pinned entry, with its ``seq``, as `IncidentState.pinned` has it.
    """
    finding = body.get("finding")
    rank = finding.get("rank") if isinstance(finding, Mapping) else None
    return f"entry{body['seq']}" if body.get("run") is None or rank is None else f"run{body['run']}:{rank}"


def kept_files(entries: Sequence[Entry]) -> list[str]:
    """Names, relative to the incident's folder, of the files that its pins keep; each is named by its own SHA-256."""
    named = (entry.body.get(KEPT) for entry in entries if entry.kind == "pinned")
    return sorted({name for name in named if isinstance(name, str) and KEPT_FILE.fullmatch(name)})


def _bodies(entries: Sequence[Entry], kind: str) -> tuple[Mapping[str, Any], ...]:
    return tuple(
        {**entry.body, "seq": entry.seq, "time": entry.time, "author": entry.author, "evidence": entry.evidence}
        for entry in entries
        if entry.kind == kind
    )


def _runs(entries: Sequence[Entry]) -> tuple[RunState, ...]:
    runs: list[RunState] = []
    for entry in entries:
        if entry.kind == "run started":
            runs.append(_started(entry))
        elif entry.kind in RUN_ENDINGS:
            _end(runs, entry)
    return tuple(runs)


def _started(entry: Entry) -> RunState:
    body = entry.body
    return RunState(
        number=body.get("run", 0),
        template=body.get("template", ""),
        started=entry.time,
        folder=body.get("folder"),
        parameters=body.get("parameters", {}),
    )


def _end(runs: list[RunState], entry: Entry) -> None:
    """Give the last unfinished run of that number its end; an end without a start becomes a run of its own."""
    body = entry.body
    number = body.get("run", 0)
    at = next((at for at in reversed(range(len(runs))) if runs[at].number == number and runs[at].status == UNFINISHED), None)
    if at is None:
        at = len(runs)
        runs.append(RunState(number, ""))
    runs[at] = replace(
        runs[at],
        status=RUN_ENDINGS[entry.kind],
        ended=entry.time,
        digest=body.get("digest"),
        cell=body.get("cell"),
        why=body.get("why"),
        verdict=body.get("verdict"),
    )
