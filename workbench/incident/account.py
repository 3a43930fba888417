"""An incident told to who was not there: what happened when, what is stated and on what it rests, and what is still open.

All of it is read from the entries, nothing is added. It is redacted: parameters, paths and error texts, which may name people or
quote the data, are left out, and a pinned finding is told as `workbench.result.Finding.published` has it. What a responder wrote
in a title, a note or a reason stands as it was written: it was written for the record.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from workbench.errors import WorkbenchError
from workbench.incident.chain import Entry
from workbench.incident.claims import Claim, claims_of
from workbench.incident.state import RUN_ENDINGS, UNFINISHED, IncidentState, RunState, pin_name, state_of
from workbench.result import Finding

TRIAGE = "triage"


@dataclass(frozen=True)
class Moment:
    """Something that happened, at `time` (ISO 8601, UTC), by `author`; `rests` says on what a statement rests, else empty."""

    time: str
    author: str
    what: str
    rests: str = ""


@dataclass(frozen=True)
class Step:
    """What is open, in a sentence, and the command by which a responder goes on."""

    what: str
    command: str


def moments_of(entries: Sequence[Entry]) -> list[Moment]:
    """The entries of one incident as they are told, in order; findings that one run pinned are told as one moment."""
    claims = {claim.seq: claim for claim in claims_of(entries)}
    templates = {entry.body.get("run"): entry.body.get("template", "") for entry in entries if entry.kind == "run started"}
    told = []
    for (kind, run, author), group in groupby(entries, lambda entry: (entry.kind, entry.body.get("run"), entry.author)):
        same = list(group)
        if kind == "pinned" and run is not None and len(same) > 1:
            told.append(Moment(same[0].time, author, f"run {run} pinned {len(same)} findings", _rests_all(same, claims)))
        else:
            told += [Moment(entry.time, author, _told(entry, templates), _rests(claims.get(entry.seq))) for entry in same]
    return told


def steps_of(entries: Sequence[Entry]) -> list[Step]:
    """What the entries of one incident leave open, the most urgent first; none where it is closed and sealed whole."""
    state = state_of(entries)
    return [*_run_steps(state), *_finding_steps(state), *_claim_steps(state, claims_of(entries)), *_end_steps(state, entries)]


def _told(entry: Entry, templates: dict[int | None, str]) -> str:
    """What an entry says, in the words of its kind."""
    body, run = entry.body, entry.body.get("run")
    if entry.kind == "pinned":
        return f"pinned: {_statement(body)}"
    if entry.kind == "run started":
        return f"run {run} of {templates.get(run) or 'a runbook'} began"
    if entry.kind in RUN_ENDINGS:
        at = f" at cell {body['cell']}" if body.get("cell") else ""
        verdict = f": {body['verdict']}" if body.get("verdict") else ""
        return f"run {run} of {templates.get(run) or 'a runbook'} {RUN_ENDINGS[entry.kind]}{at}{verdict}"
    if entry.kind == "dismissed":
        return f"set {body.get('finding')} aside: {body.get('why', '')}"
    if entry.kind == "sealed":
        return f"sealed the first {body.get('length')} entries as {body.get('digest')}"
    text = str(body.get("title") or body.get("text") or body.get("why") or "")
    return f"{entry.kind}: {text}" if text else entry.kind


def finding_of(body: Mapping[str, Any]) -> Finding | None:
    """What a pinned entry holds, as others may see it; None where it cannot be read."""
    try:
        return Finding.from_dict(body.get("finding", {})).published()
    except (WorkbenchError, TypeError, ValueError, AttributeError):
        return None


def _statement(body: Mapping[str, Any]) -> str:
    finding = finding_of(body)
    return "a finding that cannot be read" if finding is None else finding.statement


def _rests(claim: Claim | None) -> str:
    if claim is None:
        return ""
    if claim.status == "stale":
        return f"stale: run {claim.later} repeated run {claim.run} and says otherwise"
    return claim.status if claim.run is None else f"{claim.status} by run {claim.run}"


def _rests_all(entries: Sequence[Entry], claims: dict[int, Claim]) -> str:
    said = list(dict.fromkeys(_rests(claims[entry.seq]) for entry in entries))
    return said[0] if len(said) == 1 else f"{len(said)} kinds of support: {'; '.join(said)}"


def _run_steps(state: IncidentState) -> Iterator[Step]:
    """Runs that have no end or a bad one, unless a later run of the same runbook completed; triage where there was none."""
    triaged = any(run.template == TRIAGE and run.status == "completed" for run in state.runs)
    for run in state.runs:
        if run.status == "completed" or _done_later(run, state.runs):
            continue
        if run.status == UNFINISHED:
            yield Step(f"Run {run.number} of {run.template} has no end: it is at work, or it died.", f"workbench runs {state.id}")
        else:
            again = f"workbench run {run.template} --incident {state.id} --again {run.number}"
            yield Step(f"Run {run.number} of {run.template} {run.status}; nobody repeated it.", again)
    if not triaged and state.status == "open":
        yield Step("No triage has completed.", f"workbench run {TRIAGE} --incident {state.id} -p data PATH")


def _done_later(run: RunState, runs: Sequence[RunState]) -> bool:
    return any(other.number > run.number and other.template == run.template and other.status == "completed" for other in runs)


def _finding_steps(state: IncidentState) -> Iterator[Step]:
    """What the last run that pinned found and nobody set aside."""
    if not state.pinned or state.status == "closed":
        return
    run = state.pinned[-1].get("run")
    left = [body for body in state.pinned if body.get("run") == run and pin_name(body) not in state.dismissed]
    if left:
        where = f"run {run}" if run is not None else "a notebook run by hand"
        number = "1 finding" if len(left) == 1 else f"{len(left)} findings"
        yield Step(f"{number} of {where}: not set aside.", f'workbench dismiss {state.id} {pin_name(left[0])} --why "…"')


def _claim_steps(state: IncidentState, claims: Sequence[Claim]) -> Iterator[Step]:
    """Statements that a later run contradicts, and notes that rest on nothing."""
    stale = {(claim.run, claim.later) for claim in claims if claim.status == "stale"}
    for run, later in sorted(stale, key=str):
        number = sum((claim.run, claim.later) == (run, later) for claim in claims if claim.status == "stale")
        what = f"{number} statement{'s rest' if number > 1 else ' rests'} on run {run}, and run {later} says otherwise."
        yield Step(what, f"workbench diff {state.id}/{run} {state.id}/{later}")
    if bare := [claim for claim in claims if claim.kind == "note" and claim.status == "unsupported"]:
        notes = f"{len(bare)} notes name" if len(bare) > 1 else "1 note names"
        yield Step(f"{notes} no output that supports it.", f'workbench note {state.id} "…" --evidence DIGEST')


def _end_steps(state: IncidentState, entries: Sequence[Entry]) -> Iterator[Step]:
    """What no seal holds yet, and whether the incident is still open."""
    held = max((body["seq"] for body in state.sealed), default=0)
    if since := len(entries) - held:
        number = "1 entry" if since == 1 else f"{since} entries"
        what = f"{number} came after the last seal." if held else "Nothing is sealed yet."
        yield Step(what, f"workbench seal {state.id} --out {state.id}.zip")
    if state.status == "open":
        yield Step("The incident is open.", f'workbench close {state.id} --why "…"')
