"""Re-execute a run of a sealed bundle on the same data, and say whether it comes to the same.

A stranger has the bundle and the data, and nothing else of ours. `workbench.evidence.recorded` verifies the bundle and takes a
run out of it; `rerun` executes that run's own template; `workbench.evidence.compare` says where the two differ.

The run goes into a throwaway home that holds the incident's record as it was when the run began. So the notebook pins its
findings, and says so, as it did; nothing of it reaches a real record. Where files lie is no part of a result: the places of this
machine are read as the recorded ones before anything is compared.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any, Final

import nbformat

from workbench.data.dataset import Dataset, open_dataset
from workbench.data.roles import Roles
from workbench.errors import BadOutcomeError, InputError, RunFailedError, StorageError
from workbench.evidence import compare
from workbench.evidence.freeze import normalised_digest
from workbench.evidence.recorded import Recorded
from workbench.evidence.runbook import EXECUTED, PARAMETERS, Tell, output_files, run_runbook
from workbench.evidence.templates import declared_parameters
from workbench.files import cannot_write, make_folder, require_writable, write_whole
from workbench.incident.home import ensure_home, record_path, runs_folder
from workbench.incident.record import Record
from workbench.triage.files import FINDINGS

LOCATED: Final = ("data", "roles", "out")
"""Parameters that say where something lies; a re-run has its own."""
PLAIN_NAME: Final = re.compile(r"\w[\w .()+-]{0,200}")


@dataclass(frozen=True)
class Rerun:
    """What a re-execution came to.

    Parameters
    ----------
    recorded, digest
        Normalised digest of the notebook by the record, and of the re-executed one with its locations read as the recorded ones.
    cells
        Where the re-executed notebook and the one in the bundle differ.
    results
        Names of the results that differ, or that only one of the two runs wrote.
    findings
        As `compare.diff_findings` gives them; None where the two runs wrote none that can be compared.
    """

    recorded: str | None
    digest: str
    cells: tuple[compare.CellDifference, ...]
    results: tuple[str, ...]
    findings: Mapping[str, Sequence[Any]] | None

    @property
    def same(self) -> bool:
        """Whether it is the digest in the record, and notebook and results in the bundle say what this run says."""
        return self.digest == self.recorded and not self.cells and not self.results


def rerun(
    recorded: Recorded, data: str, *, roles: Path | None = None, out: Path | None = None, tell: Tell | None = None
) -> Rerun:
    """Execute a recorded run once more, on `data`, and compare.

    Parameters
    ----------
    data
        Path, pattern or URL of what the run read; empty for a run that reads nothing.
    roles
        YAML file; None: the roles that the bundle's findings name, else ``DATA.roles.yaml`` as it lies there.
    out
        A new folder for what the run leaves; None: nothing is kept.
    tell
        Told of each code cell as it begins.

    Raises
    ------
    BadOutcomeError
        If `data` has another fingerprint than the run's; nothing was run.
    InputError
        If the run cannot be repeated here: no data, no roles, or it stopped before its last cell.
    StorageError
        If `out` is there and not empty, or cannot be written.
    """
    if out is not None:
        _refuse_used(out)
    with TemporaryDirectory(prefix="workbench-") as folder:
        scratch = Path(folder)
        stem = recorded.run.state.template
        template = scratch / f"{stem if PLAIN_NAME.fullmatch(stem) else 'runbook'}.ipynb"
        write_whole(template, recorded.template)
        given = _parameters(recorded, data, roles, scratch, reads_data="data" in declared_parameters(template))
        home = ensure_home(scratch / "home")
        _restore(recorded, home)
        try:
            done = run_runbook(str(template), given, home=home, incident=recorded.incident, author=recorded.run.author, tell=tell)
        except RunFailedError as exc:
            do = "Compare the environments" + ("; " if out is None else f"; what ran is in {out}; ")
            raise InputError(f"the run cannot be repeated here, {exc.what}", exc.value, f"{do}nothing was compared.") from exc
        finally:
            if out is not None:
                _keep(runs_folder(home, recorded.incident), out)
        return _compare(recorded, done.folder)


def _refuse_used(out: Path) -> None:
    if out.is_dir() and any(out.iterdir()):
        raise StorageError("this folder is not empty", str(out), "Choose a new one; nothing was run.")
    require_writable(out)


def _parameters(recorded: Recorded, data: str, roles: Path | None, scratch: Path, *, reads_data: bool) -> dict[str, object]:
    """The recorded parameters with this machine's locations; whatever has to lie somewhere is put into `scratch`."""
    there = recorded.run.state.parameters
    given = {name: value for name, value in there.items() if name not in {*LOCATED, "incident"}}
    if not reads_data:
        if data:
            raise InputError("this run reads no data", data, "Leave the data out.")
        return given
    if not data:
        read = ", ".join(recorded.run.data) or there.get("data")
        raise InputError("this run reads data, and none is given", read, "Give the data with that fingerprint.")
    dataset = _open_same(recorded, data)
    placed = _place_data(data, str(there.get("data", "")), make_folder(scratch / "data"))
    settled = _settle_roles(recorded, data, roles)
    if settled is None or (not there.get("roles") and _were_inferred(recorded, settled, dataset)):
        return given | {"data": placed}
    return given | {"data": placed} | _place_roles(settled, str(there.get("roles") or ""), placed, make_folder(scratch / "roles"))


def _open_same(recorded: Recorded, data: str) -> Dataset:
    """The data, which has to be what the run read; roles have no part in a fingerprint."""
    dataset = open_dataset(data, Roles())
    if recorded.run.data and dataset.fingerprint not in recorded.run.data:
        read = ", ".join(f"{digest} ({rows} rows)" for digest, rows in recorded.run.data.items())
        do = f"The run read {read}; nothing was run."
        raise BadOutcomeError("this is not the data that the run read", f"{dataset.fingerprint} ({dataset.rows} rows)", do)
    return dataset


def _place_data(data: str, recorded: str, folder: Path) -> str:
    """One local file by a link of the recorded name, where no roles lie beside it unless we put them there; else as given."""
    source = Path(data)
    if not source.is_file():
        return data
    name = PurePosixPath(recorded).name
    alike = PLAIN_NAME.fullmatch(name) and PurePosixPath(name).suffixes == source.suffixes
    link = folder / (name if alike else source.name)
    link.symlink_to(source.absolute())
    return str(link)


def _settle_roles(recorded: Recorded, data: str, given: Path | None) -> Roles | None:
    """The roles given, else recorded, else beside the data; None where there are none and the run was given none."""
    beside = Path(f"{data}.roles.yaml")
    roles = Roles.load(given) if given else recorded.roles or (Roles.load(beside) if beside.is_file() else None)
    if roles is None and (there := recorded.run.state.parameters.get("roles")):
        raise InputError("the bundle does not say which roles the run had", there, "Give the roles file.")
    return roles


def _place_roles(roles: Roles, there: str, placed: str, folder: Path) -> dict[str, object]:
    """A file with the roles where the run had them: one of the recorded name, or one beside the data."""
    import yaml

    name = PurePosixPath(there).name
    beside = not there and Path(placed).is_symlink()
    target = Path(f"{placed}.roles.yaml") if beside else folder / (name if PLAIN_NAME.fullmatch(name) else "roles.yaml")
    write_whole(target, yaml.safe_dump(roles.said(), sort_keys=False, allow_unicode=True))
    return {} if beside else {"roles": str(target)}


def _were_inferred(recorded: Recorded, roles: Roles, dataset: Dataset) -> bool:
    """Whether `roles` are what the column names give, and the run did not say that it read them beside its data."""
    beside = f"{recorded.run.state.parameters.get('data')}.roles.yaml"
    said = any(beside in line for _, cell in compare.own_cells(recorded.executed) for line in compare.cell_lines(cell))
    return not said and Roles.infer(dataset.source.table.columns).said() == roles.said()


def _restore(recorded: Recorded, home: Path) -> None:
    """Put the record into `home` as it was when the run began, but for its times."""
    with Record.open(record_path(home)) as record:
        for entry in recorded.before:
            record.append(recorded.incident, entry.kind, entry.body, author=entry.author, evidence=entry.evidence)


def _keep(runs: Path, out: Path) -> None:
    """Copy the one run there is, if it came so far as to have a folder."""
    for folder in runs.glob("*"):
        try:
            shutil.copytree(folder, out, dirs_exist_ok=True)
        except OSError as exc:
            raise cannot_write(out, exc) from exc


def _compare(recorded: Recorded, folder: Path) -> Rerun:
    """The run in `folder`, read as if it lay where the recorded one did, against that one."""
    there = recorded.run.state.parameters
    ours = json.loads((folder / PARAMETERS).read_text(encoding="utf-8"))
    places = {ours[name]: there[name] for name in LOCATED if isinstance(there.get(name), str) and there[name] and ours.get(name)}
    notebook = compare.read_notebook((folder / EXECUTED).read_bytes())
    for cell in notebook.cells:
        if "outputs" in cell:
            cell.outputs = nbformat.from_dict(compare.relocate(cell.outputs, places))  # type: ignore[no-untyped-call]
    notebook.metadata["papermill"] = {"parameters": dict(there)}
    files = {path.relative_to(folder).as_posix(): compare.read_document(path.read_bytes()) for path in output_files(folder)}
    return Rerun(
        recorded=recorded.run.state.digest,
        digest=normalised_digest(notebook),
        cells=tuple(compare.differing_cells(recorded.executed, notebook)),
        results=tuple(compare.differing_results(recorded.documents, compare.relocate(files, places))),
        findings=_findings(recorded.documents.get(FINDINGS), files.get(FINDINGS)),
    )


def _findings(before: Any, after: Any) -> Mapping[str, Sequence[Any]] | None:
    try:
        return compare.diff_findings(before, after)
    except (KeyError, TypeError):  # none were written, or a runbook of somebody's own calls another thing so
        return None
