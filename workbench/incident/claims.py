"""What was stated, and whether it is supported: each note and pinned finding held against the runs it rests on.

A statement carries the digests of the outputs that support it. It is *supported* when a completed run left such an output or
a pin keeps one, *unsupported* when it names none that the record knows, and *stale* when that run was repeated with the same
parameters and the later run says something else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from workbench.incident.chain import Entry
from workbench.incident.state import KEPT, RunState, state_of

STATED: Final = ("note", "pinned")
PLACES: Final = ("out", "incident")
"""Parameters that say where a run belongs, not what it computes."""


@dataclass(frozen=True)
class Claim:
    """One statement of the record.

    Attributes
    ----------
    seq, kind
        Its entry, and that entry's kind: ``note`` or ``pinned``.
    text
        What was stated.
    status
        ``supported``, ``unsupported`` or ``stale``.
    run
        Number of the run that supports it; None where none does, as where a pin keeps what it rests on.
    later
        Number of the run that made it stale; None unless it is.
    """

    seq: int
    kind: str
    text: str
    status: str
    run: int | None = None
    later: int | None = None


def claims_of(entries: Sequence[Entry]) -> list[Claim]:
    """The statements among `entries`, which are those of one incident, in order."""
    if not entries:
        return []
    outputs = _outputs(entries)
    kept = frozenset(digest for entry in entries if entry.kind == "pinned" and KEPT in entry.body for digest in entry.evidence)
    runs = {run.number: run for run in state_of(entries).runs if run.status == "completed"}
    return [_claim(entry, outputs, kept, runs) for entry in entries if entry.kind in STATED]


def _outputs(entries: Sequence[Entry]) -> Mapping[int, frozenset[str]]:
    """Run number to the digests of what that run left: its files, and the results its pinned findings point at."""
    found: dict[int, set[str]] = {}
    for entry in entries:
        run = entry.body.get("run")
        if entry.kind in {"run completed", "pinned"} and isinstance(run, int):
            found.setdefault(run, set()).update(entry.evidence)
    return {run: frozenset(digests) for run, digests in found.items()}


def _claim(entry: Entry, outputs: Mapping[int, frozenset[str]], kept: frozenset[str], runs: Mapping[int, RunState]) -> Claim:
    text = _text(entry.kind, entry.body)
    supporting = [number for number in runs if outputs.get(number, frozenset()) & set(entry.evidence)]
    if not supporting:
        return Claim(entry.seq, entry.kind, text, "supported" if kept & set(entry.evidence) else "unsupported")
    run = max(supporting)
    later = next((number for number in sorted(runs) if number > run and _repeats(runs[run], runs[number])), None)
    return Claim(entry.seq, entry.kind, text, "supported" if later is None else "stale", run, later)


def _text(kind: str, body: Mapping[str, Any]) -> str:
    finding = body.get("finding")
    stated = finding.get("statement", "") if isinstance(finding, Mapping) else ""
    return str(body.get("text", "")) if kind == "note" else str(stated)


def _repeats(earlier: RunState, later: RunState) -> bool:
    """Whether `later` is `earlier` run again with the same parameters, and came to another result."""
    same = earlier.template == later.template and _content(earlier) == _content(later)
    return same and earlier.digest != later.digest


def _content(run: RunState) -> dict[str, Any]:
    return {name: value for name, value in run.parameters.items() if name not in PLACES}
