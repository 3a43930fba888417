"""From a number to where it came from: the output that holds it, the cells that show it, the parameters, the data, the versions.

It serves a sealed bundle (`sealed_files`) and an incident of this home (`home_files`) alike: both come down to entries of the
record, and files by their name in a bundle's payload. A thing is named as the record names it: a pinned finding by run and rank
(``run1:2``), any statement by its entry (``entry5``), an output, a result or a run by its digest or the first digits of it.
"""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from workbench.digest import Plain
from workbench.errors import UnknownNameError, VerificationError, WorkbenchError
from workbench.evidence.archive import Content
from workbench.evidence.bundle import PAYLOAD, RECORD
from workbench.evidence.compare import read_document
from workbench.evidence.contents import pinned_files, run_files
from workbench.evidence.crate_runs import Run, find_runs
from workbench.evidence.locate import ShownIn, cells_showing, read_cells
from workbench.evidence.runbook import EXECUTED
from workbench.evidence.verify import verify_bundle
from workbench.incident.chain import Entry, read_jsonl, verify_chain
from workbench.incident.claims import Claim, claims_of
from workbench.incident.home import incident_folder
from workbench.incident.state import kept_files, pin_name, state_of
from workbench.result import Result
from workbench.signing import PublicKey
from workbench.triage.files import FINDINGS

SHORTEST: Final = 8
"""Hexadecimal digits of a digest that are enough to name it by, where no other begins with them."""
DIGITS: Final = re.compile(r"(?:sha256:)?([0-9a-f]{8,64})")
PLACES: Final = 3
"""So many places of a number in an output are told, at most."""

MADE_WITH: Final = ("seed", "versions", "git")
GIVEN: Final = ("arguments", "fingerprint")
"""Of a provenance; a run has them as its parameters and data."""

Files = Mapping[str, Content]


@dataclass(frozen=True)
class Output:
    """A file that a run left.

    Parameters
    ----------
    name
        In the payload of a bundle.
    digest
        Of the file.
    result
        Digest of the result it holds, which findings have as their evidence; None where it holds none.
    places
        Where in it the finding's effect stands, or the rows it is about: JSON pointers (RFC 6901), the first `PLACES`.
    """

    name: str
    digest: str
    result: str | None = None
    places: tuple[str, ...] = ()


@dataclass(frozen=True)
class Trace:
    """Where something came from.

    Parameters
    ----------
    name
        What was asked for.
    claims
        The statements that rest on it: of a statement, itself.
    finding
        The pinned finding; None for anything else.
    run
        The run it came from, with its parameters and the fingerprints of its data; None where the record knows of none.
    outputs
        The files it rests on.
    cells
        Of the executed notebook, those that show the statement, in order.
    made_with
        Seed, versions and commit, as the outputs' provenance has them; without a run also the arguments and the data's
        fingerprint.
    """

    name: str
    claims: tuple[Claim, ...]
    finding: Mapping[str, Any] | None
    run: Run | None
    outputs: tuple[Output, ...]
    cells: tuple[ShownIn, ...]
    made_with: Mapping[str, Plain]

    def to_dict(self) -> dict[str, Any]:
        """JSON form, schema ``workbench.trace/1``."""
        return {
            "schema": "workbench.trace/1", "name": self.name, "claims": [vars(claim) for claim in self.claims],
            "finding": self.finding, "run": self.run and _run_form(self.run),
            "outputs": [{**vars(item), "places": list(item.places)} for item in self.outputs],
            "cells": [vars(cell) for cell in self.cells], "made_with": dict(self.made_with),
        }  # fmt: skip


def sealed_files(bundle: Path, trusted: Mapping[str, PublicKey]) -> tuple[list[Entry], dict[str, bytes]]:
    """The entries in a bundle, and what its runs left; only its signer may be unknown.

    Raises
    ------
    VerificationError
        If anything but the signer does not hold.
    StorageError
        If the file cannot be read.
    """
    verification = verify_bundle(bundle, trusted)
    if broken := [check for check in verification.checks if not check.ok and check.name != "signer"]:
        raise VerificationError(f"the bundle does not hold, nothing in it is traced: {broken[0].name}", broken[0].detail)
    with zipfile.ZipFile(bundle) as archive:
        names = [name.removeprefix(PAYLOAD) for name in archive.namelist() if name.startswith(PAYLOAD)]
        kept = [name for name in names if name == RECORD or name.endswith((".ipynb", ".json"))]
        files = {name: archive.read(PAYLOAD + name) for name in kept}
    return read_jsonl(files[RECORD]), files


def home_files(home: Path, entries: Sequence[Entry]) -> dict[str, Path]:
    """What the runs of an incident left in this home, and what its pins keep.

    Raises
    ------
    RecordError
        If the chain of the entries does not hold, or a pinned result is not what was pinned.
    """
    verify_chain(entries)
    state = state_of(entries)
    folder = incident_folder(home, state.id)
    left = {name: path for run in state.runs for name, path in run_files(folder, run).items()}
    return left | pinned_files(folder, entries)


def trace(entries: Sequence[Entry], files: Files, name: str) -> Trace:
    """Where the thing called `name` came from.

    Parameters
    ----------
    entries
        All entries of the incident, in order.
    files
        Of its runs, by their name in the payload.
    name
        ``run1:2``, ``entry5``, or eight or more digits of a digest.

    Raises
    ------
    UnknownNameError
        If nothing is called so, or a digest's digits fit more than one; lists the statements there are.
    """
    contents = {key: content if isinstance(content, bytes) else content.read_bytes() for key, content in files.items()}
    digests = {key: hashlib.sha256(content).hexdigest() for key, content in contents.items()}
    runs = find_runs(entries, contents, digests)
    names = [*(key for run in runs for key in run.outputs), *(key for key in kept_files(entries) if key in contents)]
    outputs = [Output(key, f"sha256:{digests[key]}", result_digest(contents[key])) for key in names]
    stated = {_name_of(entry): claim for entry, claim in _stated(entries)}
    claim = stated.get(name) or next((claim for claim in stated.values() if name == f"entry{claim.seq}"), None)
    if claim is None:
        return _of_digest(entries, contents, runs, outputs, _whole_digest(entries, runs, outputs, name, stated))
    entry = next(entry for entry in entries if entry.seq == claim.seq)
    return _of_claim(entry, claim, contents, runs, outputs)


def result_digest(content: bytes) -> str | None:
    """The digest of the `Result` that a file holds; None where it holds none."""
    try:
        return Result.from_dict(json.loads(content)).digest
    except (ValueError, KeyError, TypeError, AttributeError, WorkbenchError):
        return None


def _run_form(run: Run) -> dict[str, Any]:
    state = run.state
    return {
        "number": state.number, "template": state.template, "template_digest": run.template_digest, "status": state.status,
        "started": state.started, "author": run.author, "digest": state.digest, "data": dict(run.data),
        "parameters": {name: value for name, (_, value) in run.parameters.items()},
    }  # fmt: skip


def _of_claim(entry: Entry, claim: Claim, contents: Mapping[str, bytes], runs: Sequence[Run], outputs: Sequence[Output]) -> Trace:
    finding = entry.body.get("finding")
    number = claim.run if claim.run is not None else entry.body.get("run")
    run = next((run for run in runs if run.state.number == number), None)
    ours = _left_by(run, runs, outputs)
    rests_on = [item for item in ours if {item.digest, item.result} & set(entry.evidence)]
    if run is None and not rests_on:
        claim = replace(claim, status="unsupported")  # a pin kept what it rests on, and that is gone
    if isinstance(finding, Mapping):
        rests_on = [replace(item, places=_places(contents[item.name], finding)) for item in rests_on]
    cells = _shown(run, contents, [claim.text])
    return Trace(_name_of(entry), (claim,), finding, run, tuple(rests_on), cells, _made_with(run, contents, rests_on))


def _of_digest(
    entries: Sequence[Entry], contents: Mapping[str, bytes], runs: Sequence[Run], outputs: Sequence[Output], digest: str
) -> Trace:
    """The trace of an output, a result, or a run by the digest of its notebook."""
    found = [item for item in outputs if digest in {item.digest, item.result}]
    names = {item.name for item in found}
    run = next((run for run in runs if names & set(run.outputs) or digest == run.state.digest), None)
    own = {digest} | {item.result for item in found} | {item.digest for item in found}
    claims = [claim for entry, claim in _stated(entries) if own & set(entry.evidence)]
    cells = _shown(run, contents, [claim.text for claim in claims])
    return Trace(digest, tuple(claims), None, run, tuple(found), cells, _made_with(run, contents, found))


def _stated(entries: Sequence[Entry]) -> Iterator[tuple[Entry, Claim]]:
    claims = {claim.seq: claim for claim in claims_of(entries)}
    return ((entry, claims[entry.seq]) for entry in entries if entry.seq in claims)


def _name_of(entry: Entry) -> str:
    """What a statement is called; of a finding pinned twice by one run, the later one."""
    return pin_name({**entry.body, "seq": entry.seq}) if entry.kind == "pinned" else f"entry{entry.seq}"


def _whole_digest(
    entries: Sequence[Entry], runs: Sequence[Run], outputs: Sequence[Output], name: str, stated: Mapping[str, Claim]
) -> str:
    """The digest that begins with the digits in `name`."""
    known = {digest for entry in entries for digest in entry.evidence} | {run.state.digest for run in runs}
    known |= {digest for item in outputs for digest in (item.digest, item.result)}
    digits = DIGITS.fullmatch(name)
    fitting = {digest for digest in known if digits and digest and digest.startswith(f"sha256:{digits[1]}")}
    if len(fitting) != 1:
        raise UnknownNameError("statement or output", name, fitting or [*stated, f"a digest, by {SHORTEST} digits or more"])
    return fitting.pop()


def _left_by(run: Run | None, runs: Sequence[Run], outputs: Sequence[Output]) -> list[Output]:
    """The outputs of `run`, then those that no run left: pins kept them."""
    others = {name for other in runs for name in other.outputs if other is not run}
    return [item for item in outputs if item.name not in others]


def _shown(run: Run | None, contents: Mapping[str, bytes], statements: Sequence[str]) -> tuple[ShownIn, ...]:
    notebook = f"{run.state.folder}/{EXECUTED}" if run else ""
    if notebook not in contents:
        return ()
    cells = read_cells(contents[notebook], notebook)
    found = {cell for statement in statements for cell in cells_showing(cells, statement)}
    return tuple(sorted(found, key=lambda cell: cell.number))


def _made_with(run: Run | None, contents: Mapping[str, bytes], outputs: Sequence[Output]) -> dict[str, Plain]:
    """Seed, versions and commit by the provenance of the first output that has one; else of the run's findings."""
    places = [item.name for item in outputs] + ([f"{run.state.folder}/{FINDINGS}"] if run else [])
    for name in places:
        document = read_document(contents[name]) if name in contents else None
        made = document.get("provenance") if isinstance(document, dict) else None
        if isinstance(made, dict):
            return {key: made.get(key) for key in (*MADE_WITH, *(() if run else GIVEN))}
    return {}


def _places(content: bytes, finding: Mapping[str, Any]) -> tuple[str, ...]:
    """Where in a result the finding's effect stands; where the result has it rounded, the rows of its condition or onset."""
    effect, columns = finding.get("effect"), finding.get("columns") or ()
    document = read_document(content)
    exact = [pointer for pointer, value in _numbers(document, "") if value == effect]
    about = [(pointer, row.get("column")) for pointer, row in _rows(document) if _is_about(row, finding)]
    own = [pointer for pointer, column in about if column in columns]
    return tuple(exact or own or [pointer for pointer, _ in about])[:PLACES]


def _is_about(row: Mapping[str, Any], finding: Mapping[str, Any]) -> bool:
    """Whether a row of a table names the rows of a finding, or the moment it began."""
    where, onset = finding.get("where"), finding.get("onset")
    return (where not in {None, "all rows"} and where in row.values()) or (onset is not None and row.get("onset") == onset)


def _rows(document: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every row of a result's tables, by its JSON pointer."""
    tables = document.get("tables") if isinstance(document, dict) else None
    for name, table in (tables or {}).items():
        yield from ((f"/tables/{name}/{number}", row) for number, row in enumerate(table))


def _numbers(value: Any, pointer: str) -> Iterator[tuple[str, float]]:
    if isinstance(value, int | float) and not isinstance(value, bool):
        yield pointer, value
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from _numbers(item, f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}")
