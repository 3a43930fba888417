"""Pin findings: keep them in the record as evidence, with the digests of what supports them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from workbench.digest import canonical_json
from workbench.errors import InputError
from workbench.files import make_folder, write_whole
from workbench.incident.chain import Entry
from workbench.incident.home import author, find_home, incident_folder, record_path
from workbench.incident.record import Record
from workbench.incident.state import KEPT, require_incident
from workbench.result import Finding, Result

RUN_VARIABLE: Final = "WORKBENCH_RUN"
"""Set by the runbook runner: the number of the run a notebook is executed in."""
PINS: Final = "pins"
"""In an incident's folder: results that were pinned by hand, each file named by its digest."""


def pin_findings(incident: str, findings: Sequence[Finding], result: Result | None = None) -> list[Entry]:
    """Enter `findings` into the record of `incident`, one entry each; an empty incident pins nothing.

    The record leaves with every bundle, so it holds `workbench.result.Finding.published`: small cells are blanked.
    A finding that is pinned already, from the same run and the same in everything, is not entered a second time: running all
    cells of a notebook twice is no new evidence.

    Parameters
    ----------
    incident
        Id of the incident.
    findings
        What to pin.
    result
        What they rest on, where no run of a runbook keeps it: its published form becomes a file of the incident, which every
        bundle holds.

    Returns
    -------
    list of Entry
        The entries that were added.

    Raises
    ------
    InputError
        If there is no such incident, or ``WORKBENCH_RUN`` is set and no run's number.
    """
    if not incident:
        return []
    run = _run_number()
    with Record.open(record_path(find_home())) as record:
        known = [entry for entry in require_incident(record, incident) if entry.kind == "pinned"]
        bodies = [{"run": run, "finding": finding.published().to_dict()} for finding in findings]
        new = [body for body in bodies if not any(_is_pinned(body, result, entry) for entry in known)]
        kept, proof = _keep(incident, result) if result is not None and new else ({}, [])
        return [record.append(incident, "pinned", body | kept, author=author(), evidence=_evidence(body, proof)) for body in new]


def _is_pinned(body: Mapping[str, Any], result: Result | None, entry: Entry) -> bool:
    """Whether `entry` says what `body` would, and keeps `result` where there is one."""
    same = all(entry.body.get(name) == value for name, value in body.items())
    return same and (result is None or (KEPT in entry.body and result.digest in entry.evidence))


def _keep(incident: str, result: Result) -> tuple[dict[str, str], list[str]]:
    """Write the published `result` into the incident's folder; its name for the entry, the digests of it and of the file."""
    content = canonical_json(result.published().to_dict())
    digest = hashlib.sha256(content).hexdigest()
    name = f"{PINS}/{digest}.json"
    write_whole(make_folder(incident_folder(find_home(), incident) / PINS) / Path(name).name, content)
    return {KEPT: name}, [result.digest, f"sha256:{digest}"]


def _evidence(body: Mapping[str, Any], proof: Sequence[str]) -> list[str]:
    """What a pin rests on: the result its finding names, and what is kept beside it."""
    named = body["finding"]["evidence"]
    return list(dict.fromkeys([*([named] if named else []), *proof]))


def _run_number() -> int | None:
    """The number of the run this kernel works for; None in a notebook that somebody runs by hand."""
    text = os.environ.get(RUN_VARIABLE, "")
    if not text:
        return None
    if not text.isdecimal():
        raise InputError(f"{RUN_VARIABLE} is not the number of a run", text, "Unset it: the runbook runner sets it.")
    return int(text)
