"""A recorded run is executed once more, on the same data laid elsewhere, and what it comes to is compared.

The bundles under test hold runs of tiny notebooks, each in a real kernel; whoever re-runs them has the bundle and the data.
"""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from workbench.digest import digest_file
from workbench.errors import BadOutcomeError, InputError, StorageError
from workbench.evidence.contents import seal_incident
from workbench.evidence.freeze import normalised_digest
from workbench.evidence.recorded import open_recorded
from workbench.evidence.rerun import Rerun, rerun
from workbench.evidence.runbook import run_runbook
from workbench.incident.home import ensure_home, incident_folder, keys_folder, record_path
from workbench.incident.record import Record
from workbench.incident.state import create_incident
from workbench.signing import ensure_key

INFERRED, BESIDE, GIVEN = 1, 2, 3
"""The runs that read a log: with roles by its column names, from a file beside it, from a file given."""
PLAIN = 2
"""A run that reads none, the second of its incident."""
PARAMETERS = 'data: str = ""\nroles: str = ""\nout: str = "."\nincident: str = ""'
READ = """
import json, pathlib
from workbench.data.dataset import open_dataset
dataset = open_dataset(data, roles or None)
print(data, *dataset.notices, sep="\\n")
said = {"dataset": {"fingerprint": dataset.fingerprint, "rows": dataset.rows}, "findings": [], "checks": [],
        "provenance": {"fingerprint": dataset.fingerprint, "arguments": {"roles": dataset.given.said()}}}
pathlib.Path(out, "findings.json").write_text(json.dumps(said))
pathlib.Path(out, "results").mkdir()
pathlib.Path(out, "results", "cube.parquet").write_bytes(b"PAR1\\xff" + dataset.fingerprint.encode() + b"PAR1")
print(dataset.given.said(), roles)"""
PRINT = """
import os
print(limit, incident, os.environ["WORKBENCH_RUN"], os.environ["WORKBENCH_AUTHOR"])"""
PIN = """
from workbench.incident.pins import pin_findings
from workbench.result import Finding
print(len(pin_findings(incident, [Finding("drift", "it moved")])), "pinned; was the switch there?", os.path.exists(switch))"""
ROWS = "time,prediction,label\n2026-01-01,1,1\n2026-01-02,0,1\n2026-01-03,1,0\n"
ROLES = "time: time\nlabel: label\nfavorable: 1\nprediction: prediction\n"


@dataclass(frozen=True)
class Made:
    """A bundle, the home it was sealed in, and the file that the plain run looks for."""

    bundle: Path
    home: Path
    switch: Path


def write(path: Path, *cells: str) -> str:
    parameters, *rest = cells
    tagged = new_code_cell(parameters, metadata={"tags": ["parameters"]})
    nbformat.write(new_notebook(cells=[tagged, *map(new_code_cell, rest)]), path)
    return str(path)


def open_incident(folder: Path) -> Path:
    home = ensure_home(folder / "home")
    with Record.open(record_path(home)) as record:
        create_incident(record, "INC-1", "Loans", "ada")
    return home


def seal(home: Path, out: Path) -> Path:
    key, _ = ensure_key(keys_folder(home), "ada")
    with Record.open(record_path(home)) as record:
        return seal_incident(record, "INC-1", home=home, author="ada", key=key, out=out).path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Two plain runs."""
    there = tmp_path_factory.mktemp("there")
    home, switch = open_incident(there), there / "switch"
    plain = write(there / "plain.ipynb", 'limit: int = 3\nswitch: str = ""\nincident: str = ""', PRINT, PIN)
    switch.touch()
    for limit in (6, 7):
        run_runbook(plain, {"limit": limit, "switch": switch}, home=home, incident="INC-1", author="ada")
    return Made(seal(home, tmp_path_factory.mktemp("sent") / "B.zip"), home, switch)


@pytest.fixture(scope="module")
def reading(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of the runs that read a log; the log and its roles are gone."""
    there = tmp_path_factory.mktemp("there")
    home, reads = open_incident(there), write(there / "reads.ipynb", PARAMETERS, READ)
    for name in ("inferred.csv", "beside.csv", "log.csv"):
        (there / name).write_text(ROWS)
    for name in ("beside.csv.roles.yaml", "loans.yaml"):
        (there / name).write_text(ROLES)
    for given in ({"data": "inferred.csv"}, {"data": "beside.csv"}, {"data": "log.csv", "roles": "loans.yaml"}):
        parameters = {name: there / file for name, file in given.items()}
        run_runbook(reads, parameters, home=home, incident="INC-1", author="ada")
    bundle = seal(home, tmp_path_factory.mktemp("sent") / "B.zip")
    shutil.rmtree(there)
    return bundle


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The rows of the log in another order, under another name, in another folder."""
    header, *rows = ROWS.splitlines()
    path = tmp_path / "sent-by-mail.csv"
    path.write_text("\n".join([header, *reversed(rows), ""]))
    return path


def again(bundle: Path, number: int, data: Path | str = "", **options: Path) -> Rerun:
    return rerun(open_recorded(bundle, {}, number), str(data), **options)  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.parametrize("number", [INFERRED, BESIDE, GIVEN])
def test_the_same_data_elsewhere_comes_to_the_same(reading: Path, data: Path, number: int) -> None:
    """Roles included, which the bundle holds and the data does not; and where files lie is printed by the notebook."""
    found = again(reading, number, data)
    assert found.cells == ()
    assert found.results == ()
    assert found.digest == found.recorded
    assert found.findings == {"new": [], "gone": [], "changed": []}
    assert found.same


@pytest.mark.slow
def test_other_roles_come_to_something_else(reading: Path, data: Path, tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text(ROLES.replace("favorable: 1", "favorable: 0"))
    found = again(reading, GIVEN, data, roles=tmp_path / "other.yaml")
    assert not found.same
    assert found.results == ("findings.json",)
    assert "'favorable': 0" in found.cells[0].here


@pytest.mark.slow
def test_one_changed_cell_in_the_data_is_refused(reading: Path, data: Path, tmp_path: Path) -> None:
    data.write_text(data.read_text().replace("2026-01-02,0,1", "2026-01-02,1,1"))
    with pytest.raises(
        BadOutcomeError, match=r"not the data that the run read: sha256:.* \(3 rows\). The run read sha256:"
    ) as caught:
        again(reading, GIVEN, data, out=tmp_path / "kept")
    assert caught.value.exit_code == 1
    assert not (tmp_path / "kept").exists()


def test_a_run_that_reads_no_data_comes_to_the_same_by_its_number_and_author(made: Made) -> None:
    """It prints both, and pins a finding into the record of an incident that the stranger's home does not have."""
    before = digest_file(made.bundle)
    assert again(made.bundle, PLAIN).same
    assert digest_file(made.bundle) == before
    assert not Path(os.environ["WORKBENCH_HOME"]).exists()


def test_what_the_run_leaves_is_kept_where_it_is_asked_for(made: Made, tmp_path: Path) -> None:
    again(made.bundle, PLAIN, out=tmp_path / "kept")
    kept = tmp_path / "kept"
    assert {path.name for path in kept.iterdir()} == {"executed.ipynb", "parameters.json", "template.ipynb"}
    assert json.loads((kept / "parameters.json").read_text())["limit"] == 7
    with pytest.raises(StorageError, match="not empty"):
        again(made.bundle, PLAIN, out=kept)


def test_data_is_refused_where_none_is_read(made: Made, data: Path) -> None:
    with pytest.raises(InputError, match="reads no data"):
        again(made.bundle, PLAIN, data)


@pytest.mark.slow
def test_data_is_needed_where_it_is_read(reading: Path) -> None:
    with pytest.raises(InputError, match="none is given: sha256:"):
        again(reading, GIVEN)


def doctor(made: Made, folder: Path, change: Callable[[str], str], *, digest: bool) -> Path:
    """A bundle whose signer changed the plain run's notebook and made files, and if asked the digest of the run, agree."""
    home = ensure_home(folder / "forged")
    shutil.copytree(made.home / "incidents", home / "incidents")
    executed = incident_folder(home, "INC-1") / "runs" / "0002-plain" / "executed.ipynb"
    notebook = nbformat.reads(change(executed.read_text()), as_version=4)
    nbformat.write(notebook, executed)
    with Record.open(record_path(made.home)) as real, Record.open(record_path(home)) as forged:
        for entry in real.entries("INC-1"):
            body, evidence = dict(entry.body), list(entry.evidence)
            if entry.kind == "run completed" and body["run"] == PLAIN:
                body["digest"] = normalised_digest(notebook) if digest else body["digest"]
                evidence = [digest_file(executed)]
            forged.append("INC-1", entry.kind, body, author=entry.author, evidence=evidence)
    return seal(home, folder / "forged.zip")


@pytest.mark.parametrize("digest", [True, False])
def test_a_notebook_that_says_what_never_was_is_found_out(made: Made, tmp_path: Path, *, digest: bool) -> None:
    """Everything in the bundle agrees and is signed; only running it shows. Cell 2 holds the injected parameters."""
    bundle = doctor(made, tmp_path, lambda text: text.replace("7 INC-1 2 ada", "9 INC-1 2 ada"), digest=digest)
    found = again(bundle, PLAIN)
    assert not found.same
    assert (found.digest != found.recorded) == digest
    [cell] = found.cells
    assert (cell.cell, cell.recorded, cell.here) == (3, "9 INC-1 2 ada", "7 INC-1 2 ada")


def test_what_depends_on_the_machine_is_found_out(made: Made) -> None:
    made.switch.unlink()
    try:
        found = again(made.bundle, PLAIN)
    finally:
        made.switch.touch()
    [cell] = found.cells
    assert (cell.cell, cell.here) == (4, "1 pinned; was the switch there? False")


def test_a_run_that_stops_here_could_not_be_repeated(made: Made, tmp_path: Path) -> None:
    """As on a machine that lacks a package; what ran is kept, for whoever looks for the reason."""
    recorded = open_recorded(made.bundle, {}, PLAIN)
    broken = recorded.template.replace(b"import os", b"import no_such_package, os")
    with pytest.raises(InputError, match=r"failed at cell 3: .*no_such_package") as caught:
        rerun(replace(recorded, template=broken), "", out=tmp_path / "kept")
    assert caught.value.exit_code == 2
    assert "partial.ipynb" in {path.name for path in (tmp_path / "kept").iterdir()}


@pytest.mark.slow
def test_triage_of_compas_comes_to_the_same(compas: Path, compas_roles: dict[str, object], home: Path, tmp_path: Path) -> None:
    """The real thing, from `run_runbook` to the digest, with the data under another name and the roles in the bundle only."""
    import yaml

    ensure_home(home)
    with Record.open(record_path(home)) as record:
        create_incident(record, "INC-1", "Loans", "ada")
    (tmp_path / "roles.yaml").write_text(yaml.safe_dump(compas_roles))
    given = {"data": str(compas), "roles": str(tmp_path / "roles.yaml")}
    done = run_runbook("triage", given, home=home, incident="INC-1", author="ada")
    bundle = seal(home, tmp_path / "B.zip")
    (tmp_path / "roles.yaml").unlink()
    (tmp_path / "elsewhere.csv").symlink_to(compas)
    found = again(bundle, 1, tmp_path / "elsewhere.csv")
    assert found.cells == ()
    assert found.same
    assert found.digest == done.digest
