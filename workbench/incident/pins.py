"""Pin findings: keep them in the record as evidence, with the digests of what supports them."""

from __future__ import annotations

import os
from collections.abc import Sequence

from workbench.errors import InputError
from workbench.incident.home import author, find_home, record_path
from workbench.incident.record import Entry, Record
from workbench.incident.state import require_incident
from workbench.result import Finding

RUN_VARIABLE = "WORKBENCH_RUN"
"""Set by the runbook runner: the number of the run a notebook is executed in."""


def pin_findings(incident: str, findings: Sequence[Finding]) -> list[Entry]:
    """Enter `findings` into the record of `incident`, one entry each; an empty incident pins nothing.

    The record leaves with every bundle, so it holds `workbench.result.Finding.published`: small cells are blanked.
    A finding that is pinned already, from the same run and the same in everything, is not entered a second time: running all
    cells of a notebook twice is no new evidence.

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
        known = [entry.body for entry in require_incident(record, incident) if entry.kind == "pinned"]
        bodies = [{"run": run, "finding": finding.published().to_dict()} for finding in findings]
        return [
            record.append(incident, "pinned", body, author=author(), evidence=[item.evidence] if item.evidence else [])
            for body, item in zip(bodies, findings, strict=True)
            if body not in known
        ]


def _run_number() -> int | None:
    """The number of the run this kernel works for; None in a notebook that somebody runs by hand."""
    text = os.environ.get(RUN_VARIABLE, "")
    if not text:
        return None
    if not text.isdecimal():
        raise InputError(f"{RUN_VARIABLE} is not the number of a run", text, "Unset it: the runbook runner sets it.")
    return int(text)
