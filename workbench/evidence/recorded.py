"""A run as a sealed bundle holds it: verified, with everything needed to execute it once more and to compare what it comes to."""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from nbformat import NotebookNode

from workbench.data.roles import Roles
from workbench.errors import InputError, VerificationError
from workbench.evidence.bundle import PAYLOAD, RECORD
from workbench.evidence.compare import read_document, read_notebook
from workbench.evidence.contents import installed_packages, this_machine
from workbench.evidence.crate_runs import Run, find_runs
from workbench.evidence.freeze import one_line
from workbench.evidence.runbook import EXECUTED
from workbench.evidence.verify import NEW_COPY, Verification, verify_bundle
from workbench.incident.chain import Entry, read_jsonl
from workbench.incident.state import RunState
from workbench.result import PACKAGES, git_state
from workbench.signing import PublicKey
from workbench.triage.files import FINDINGS

ENVIRONMENT: Final = ("env/packages.txt", "env/platform.json")
CHANGES: Final = " with changes"


@dataclass(frozen=True)
class Difference:
    """One thing that is otherwise here than it was recorded; None where one of the two lacks it."""

    name: str
    recorded: str | None
    here: str | None


@dataclass(frozen=True)
class Recorded:
    """A completed run as a bundle holds it.

    Parameters
    ----------
    verification
        Of the bundle; only the signer may be unknown.
    incident
        Its id.
    run
        What the record says of it, and the fingerprints of its data.
    before
        The incident's entries before the run began.
    template, executed
        The notebook that ran, its digest the one in the record; and what it came to.
    documents
        ``findings.json`` and the files of ``results/`` by name.
    environment
        How this environment differs from the one the bundle was sealed in, what numbers depend on first; None where the bundle
        does not say.
    others
        The other completed runs.
    """

    verification: Verification
    incident: str
    run: Run
    before: tuple[Entry, ...]
    template: bytes
    executed: NotebookNode
    documents: Mapping[str, Any]
    environment: tuple[Difference, ...] | None
    others: tuple[RunState, ...]

    @property
    def trusted(self) -> bool:
        """Whether the verifier trusts who signed."""
        return self.verification.ok

    @property
    def roles(self) -> Roles | None:
        """The roles that the findings were computed with; None where they do not say."""
        found = _inside(self.documents, FINDINGS, "provenance", "arguments", "roles")
        return Roles.of(found) if isinstance(found, Mapping) else None


def open_recorded(bundle: Path, trusted: Mapping[str, PublicKey], number: int | None = None) -> Recorded:
    """Verify `bundle` and take a completed run out of it.

    Parameters
    ----------
    trusted
        Public keys by key id. A signer who is not among them is no obstacle; whoever re-runs decides whether to run their code.
    number
        Of the run; None: the last one that completed.

    Raises
    ------
    VerificationError
        If anything but the signer does not hold, or the run's template is not the one that the record names.
    InputError
        If no run of that number completed, listing those that did.
    StorageError
        If the file cannot be read.
    """
    verification = verify_bundle(bundle, trusted)
    if broken := [check for check in verification.checks if not check.ok and check.name != "signer"]:
        raise VerificationError(f"the bundle does not hold, nothing was run: {broken[0].name}", broken[0].detail)
    files = _read_files(bundle)
    entries = read_jsonl(files[RECORD])
    sha256 = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    runs = [run for run in find_runs(entries, files, sha256) if run.state.status == "completed"]
    run = _pick(runs, number)
    folder = f"{run.state.folder}/"
    if run.template is None or f"{folder}{EXECUTED}" not in files:
        what = "the bundle does not hold the template that the record names, and what it came to"
        raise VerificationError(what, f"run {run.state.number}, template {run.template_digest}", NEW_COPY)
    outputs = [name for name in run.outputs if name.endswith((".json", ".parquet"))]
    documents = {name.removeprefix(folder): read_document(files[name]) for name in outputs}
    return Recorded(
        verification=verification,
        incident=entries[0].incident,
        run=run,
        before=tuple(entries[: run.seq - 1]),
        template=files[run.template],
        executed=_read_executed(files[f"{folder}{EXECUTED}"]),
        documents=documents,
        environment=_environment(files, _inside(documents, FINDINGS, "provenance", "git")),
        others=tuple(other.state for other in runs if other is not run),
    )


def environment_differences(packages: str, machine: Mapping[str, str], git: object = None) -> tuple[Difference, ...]:
    """How this environment differs from a recorded one.

    Packages that numbers depend on, the commit, Python and machine, then the other packages.

    Parameters
    ----------
    packages
        Content of ``env/packages.txt``: ``name==version``, a line each.
    machine
        Content of ``env/platform.json``.
    git
        Commit and dirty flag of the folder the run was started in, as provenance has them. A commit with changes that are in no
        commit is always listed: nobody can say whether two such are the same.
    """
    there, here = _versions(packages), _versions(installed_packages())
    first = [name for name in PACKAGES if name in there or name in here]
    rest = sorted((set(there) | set(here)) - set(first))
    rows = [Difference(name, there.get(name), here.get(name)) for name in first]
    if isinstance(git, Mapping):
        rows += [Difference("git commit of the folder", _commit(git), _commit(git_state(Path.cwd())))]
    rows += [Difference(name, value, this_machine().get(name)) for name, value in machine.items()]
    rows += [Difference(name, there.get(name), here.get(name)) for name in rest]
    return tuple(row for row in rows if row.recorded != row.here or (row.here or "").endswith(CHANGES))


def _read_files(bundle: Path) -> dict[str, bytes]:
    """The bundle's record, environment, notebooks and results by name."""
    with zipfile.ZipFile(bundle) as archive:
        names = [name.removeprefix(PAYLOAD) for name in archive.namelist() if name.startswith(PAYLOAD)]
        kept = [name for name in names if name in {RECORD, *ENVIRONMENT} or name.endswith((".ipynb", ".json", ".parquet"))]
        return {name: archive.read(PAYLOAD + name) for name in kept}


def _pick(runs: Sequence[Run], number: int | None) -> Run:
    """The run of that number, else the last."""
    found = [run for run in runs if number in {None, run.state.number}]
    if not found:
        listed = ", ".join(f"{run.state.number} ({run.state.template})" for run in runs) or "none"
        raise InputError("no run of that number completed" if runs else "no run completed", number, f"Completed runs: {listed}.")
    return found[-1]


def _read_executed(data: bytes) -> NotebookNode:
    try:
        return read_notebook(data)
    except (ValueError, KeyError, AttributeError) as exc:
        raise VerificationError("the executed notebook cannot be read", one_line(str(exc)), NEW_COPY) from exc


def _environment(files: Mapping[str, bytes], git: object) -> tuple[Difference, ...] | None:
    packages, machine = (files.get(name) for name in ENVIRONMENT)
    if packages is None or machine is None:
        return None
    return environment_differences(packages.decode(), json.loads(machine), git)


def _commit(git: Mapping[str, Any]) -> str | None:
    return f"{git['commit']}{CHANGES if git.get('dirty') else ''}" if git.get("commit") else None


def _inside(document: Any, *keys: str) -> Any:
    """What lies under `keys`, one in the other; None where something else lies there."""
    for key in keys:
        document = document.get(key) if isinstance(document, Mapping) else None
    return document


def _versions(packages: str) -> dict[str, str]:
    """Version by normalised name (PEP 503)."""
    pairs = (line.partition("==") for line in packages.splitlines() if line)
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, _, version in pairs}
