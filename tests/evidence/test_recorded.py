"""A run is taken out of a bundle only when the bundle holds; how this environment differs from the recorded one is listed."""

import hashlib
import json
import shutil
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from workbench.digest import digest_file
from workbench.errors import InputError, StorageError, VerificationError
from workbench.evidence import recorded
from workbench.evidence.bundle import Sealed
from workbench.evidence.contents import seal_incident
from workbench.evidence.recorded import Difference, environment_differences, open_recorded
from workbench.incident.home import ensure_home, incident_folder, keys_folder, record_path
from workbench.incident.record import Record
from workbench.incident.state import create_incident
from workbench.signing import SigningKey, ensure_key

ROLES = {"time": "day", "label": "bad"}


@pytest.fixture
def key(home: Path) -> SigningKey:
    return ensure_key(keys_folder(ensure_home(home)), "ada")[0]


@pytest.fixture
def bundle(home: Path, key: SigningKey, tmp_path: Path) -> Path:
    """Runs 1 and 3 completed, 2 failed."""
    with Record.open(record_path(home)) as record:
        create_incident(record, "INC-1", "Loans", "ada")
        for number, ending in ((1, "run completed"), (2, "run failed"), (3, "run completed")):
            write_run(record, home, number, ending)
    return seal(home, key, tmp_path / "B.zip").path


def write_run(record: Record, home: Path, number: int, ending: str) -> None:
    """What a run leaves, in files and in the record."""
    place = f"runs/{number:04d}-tiny"
    folder = incident_folder(home, "INC-1") / place
    folder.mkdir(parents=True)
    nbformat.write(new_notebook(cells=[new_code_cell("", metadata={"tags": ["parameters"]})]), folder / "template.ipynb")
    executed = folder / ("executed.ipynb" if ending == "run completed" else "partial.ipynb")
    nbformat.write(new_notebook(cells=[new_markdown_cell(f"run {number}")]), executed)
    findings = {"dataset": {"fingerprint": f"sha256:{number}", "rows": 5}, "provenance": {"arguments": {"roles": ROLES}}}
    (folder / "findings.json").write_text(json.dumps(findings))
    started = {"run": number, "template": "tiny", "folder": place, "parameters": {"limit": number}}
    record.append("INC-1", "run started", started, author="bob", evidence=[digest_file(folder / "template.ipynb")])
    digests = [digest_file(executed), digest_file(folder / "findings.json")]
    record.append("INC-1", ending, {"run": number, "digest": f"sha256:{number}"}, author="bob", evidence=digests)


def seal(home: Path, key: SigningKey, out: Path) -> Sealed:
    with Record.open(record_path(home)) as record:
        return seal_incident(record, "INC-1", home=home, author="ada", key=key, out=out)


def test_the_last_completed_run_is_taken_with_all_that_came_before_it(bundle: Path, key: SigningKey) -> None:
    found = open_recorded(bundle, {key.public.key_id: key.public})
    assert (found.incident, found.run.state.number, found.run.author, found.trusted) == ("INC-1", 3, "bob", True)
    assert [entry.seq for entry in found.before] == [1, 2, 3, 4, 5]
    assert found.executed.cells[0].source == "run 3"
    assert found.run.data == {"sha256:3": 5}
    assert found.roles is not None
    assert found.roles.said() == ROLES
    assert [state.number for state in found.others] == [1]


def test_a_run_is_taken_by_its_number(bundle: Path) -> None:
    assert open_recorded(bundle, {}, 1).executed.cells[0].source == "run 1"


@pytest.mark.parametrize("number", [2, 7])
def test_a_run_that_did_not_complete_is_refused_and_the_others_listed(bundle: Path, number: int) -> None:
    with pytest.raises(InputError, match=r"1 \(tiny\), 3 \(tiny\)"):
        open_recorded(bundle, {}, number)


def test_an_incident_without_a_completed_run_has_nothing_to_repeat(home: Path, key: SigningKey, tmp_path: Path) -> None:
    with Record.open(record_path(home)) as record:
        create_incident(record, "INC-1", "Loans", "ada")
    with pytest.raises(InputError, match="no run completed"):
        open_recorded(seal(home, key, tmp_path / "B.zip").path, {})


def test_an_unknown_signer_is_no_obstacle_but_told(bundle: Path) -> None:
    assert not open_recorded(bundle, {}).trusted


def test_one_changed_byte_stops_it(bundle: Path) -> None:
    content = bytearray(bundle.read_bytes())
    content[content.index(b"run 3")] ^= 1
    bundle.write_bytes(content)
    with pytest.raises(VerificationError, match="nothing was run: archive: data/"):
        open_recorded(bundle, {})


def test_what_is_no_bundle_is_refused(tmp_path: Path) -> None:
    (tmp_path / "B.zip").write_bytes(b"PK")
    with pytest.raises(VerificationError, match="not a zip archive"):
        open_recorded(tmp_path / "B.zip", {})
    with pytest.raises(StorageError):
        open_recorded(tmp_path / "gone.zip", {})


def test_another_template_than_the_record_names_is_not_run(bundle: Path, home: Path, key: SigningKey, tmp_path: Path) -> None:
    """The signature holds: whoever sealed it put another notebook where the template was."""
    shutil.copy(bundle, tmp_path / "before.zip")
    template = incident_folder(home, "INC-1") / "runs" / "0003-tiny" / "template.ipynb"
    template.write_text(template.read_text().replace('"tags"', '"togs"'))
    again = seal(home, key, tmp_path / "2.zip").path
    assert open_recorded(again, {}, 1).run.state.number == 1
    with pytest.raises(VerificationError, match="the template that the record names"):
        open_recorded(again, {})


def test_the_environment_that_is_the_same_has_no_differences(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert open_recorded(bundle, {}).environment == ()
    monkeypatch.setattr(recorded, "installed_packages", lambda: "numpy==0.1\n")
    differences = open_recorded(bundle, {}).environment
    assert differences is not None
    assert ("numpy", "0.1") in [(item.name, item.here) for item in differences]


def test_what_numbers_depend_on_is_listed_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorded, "installed_packages", lambda: "Zope.Interface==7\nanyio==4\nnumpy==2.4\npandas==3.1\nrich==1\n")
    monkeypatch.setattr(recorded, "git_state", lambda _: {"commit": "b", "dirty": False})
    packages = "aiohttp==3\nanyio==4\nnumpy==2.3\nscipy==1.17\nzope-interface==7\npandas==3.1\n"
    machine = {"python": sys.version, "machine": "pdp11"}
    found = environment_differences(packages, machine, {"commit": "a", "dirty": False})
    assert [(item.name, item.recorded) for item in found] == [
        ("numpy", "2.3"), ("scipy", "1.17"), ("git commit of the folder", "a"), ("machine", "pdp11"),
        ("aiohttp", "3"), ("rich", None),
    ]  # fmt: skip
    assert found[1] == Difference("scipy", "1.17", None)


@pytest.mark.parametrize(("dirty", "listed"), [(False, 0), (True, 1)])
def test_a_commit_with_changes_is_never_called_the_same(monkeypatch: pytest.MonkeyPatch, *, dirty: bool, listed: int) -> None:
    state = {"commit": hashlib.sha1(b"", usedforsecurity=False).hexdigest(), "dirty": dirty}
    monkeypatch.setattr(recorded, "git_state", lambda _: state)
    assert len(environment_differences(recorded.installed_packages(), {}, state)) == listed
