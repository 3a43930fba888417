"""What a sealed incident holds: its record, whatever each run left, the environment; and what stops a seal."""

import json
import os
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from workbench.digest import digest_file
from workbench.errors import BadOutcomeError, RecordError, StorageError, UnknownNameError
from workbench.evidence.contents import installed_packages, seal_incident
from workbench.evidence.verify import verify_bundle
from workbench.incident.home import ensure_home, incident_folder, keys_folder, record_path
from workbench.incident.pins import pin_findings
from workbench.incident.record import Record
from workbench.incident.state import create_incident, state_of
from workbench.result import Finding, Result
from workbench.signing import SigningKey, ensure_key


@pytest.fixture
def record(home: Path) -> Iterator[Record]:
    """An incident with a completed, a failed and an unfinished run, and one whose folder is gone."""
    with Record.open(record_path(ensure_home(home))) as opened:
        create_incident(opened, "INC-1", "Loans", "ada")
        for number, (name, ending) in enumerate([("executed", "run completed"), ("partial", "run failed"), ("partial", "")], 1):
            place = f"runs/{number:04d}-triage"
            folder = incident_folder(home, "INC-1") / place
            (folder / "results").mkdir(parents=True)
            nbformat.write(new_notebook(cells=[new_markdown_cell(f"run {number}")]), folder / f"{name}.ipynb")
            (folder / "results" / "drift.json").write_text("{}")
            (folder / "scratch.tmp").write_text("not evidence")
            opened.append("INC-1", "run started", {"run": number, "template": "triage", "folder": place}, author="ada")
            if ending:
                opened.append("INC-1", ending, {"run": number}, author="ada")
        opened.append("INC-1", "run started", {"run": 4, "template": "triage", "folder": "runs/0004-triage"}, author="ada")
        yield opened


@pytest.fixture
def key(home: Path) -> SigningKey:
    return ensure_key(keys_folder(ensure_home(home)), "ada")[0]


def names(bundle: Path) -> set[str]:
    with zipfile.ZipFile(bundle) as archive:
        return {name.removeprefix("data/") for name in archive.namelist() if name.startswith("data/")}


def test_runs_that_completed_failed_and_never_ended_are_sealed(
    record: Record, key: SigningKey, home: Path, tmp_path: Path
) -> None:
    out = tmp_path / "B.zip"
    sealed = seal_incident(record, "INC-1", home=home, author="ada", key=key, out=out)
    assert names(out) >= {
        "record/events.jsonl", "record/checkpoint.json", "env/packages.txt", "env/platform.json",
        "runs/0001-triage/executed.ipynb", "runs/0002-triage/partial.ipynb", "runs/0003-triage/partial.ipynb",
        "runs/0001-triage/results/drift.json",
    }  # fmt: skip
    assert not any("scratch" in name or "0004" in name for name in names(out))
    assert verify_bundle(out, {key.public.key_id: key.public}).ok
    body = state_of(record.entries("INC-1")).sealed[-1]
    assert (body["bundle"], body["digest"], body["evidence"]) == ("B.zip", sealed.digest, (sealed.digest,))


def test_a_bundle_describes_itself_and_carries_pages_and_a_verifier(
    record: Record, key: SigningKey, home: Path, tmp_path: Path
) -> None:
    seal_incident(record, "INC-1", home=home, author="ada", key=key, out=tmp_path / "B.zip")
    assert names(tmp_path / "B.zip") >= {
        "ro-crate-metadata.json", "ro-crate-preview.html", "README.md", "VERIFY.md", "verify.py",
        "runs/0001-triage/executed.html", "runs/0002-triage/partial.html",
    }  # fmt: skip


def test_an_executed_notebook_that_was_saved_again_is_not_sealed(
    record: Record, key: SigningKey, home: Path, tmp_path: Path
) -> None:
    folder = incident_folder(home, "INC-1") / "runs" / "0009-triage"
    folder.mkdir(parents=True)
    executed = folder / "executed.ipynb"
    nbformat.write(new_notebook(cells=[new_markdown_cell("as it ran")]), executed)
    record.append("INC-1", "run started", {"run": 9, "template": "triage", "folder": f"runs/{folder.name}"}, author="ada")
    record.append("INC-1", "run completed", {"run": 9}, author="ada", evidence=[digest_file(executed)])
    seal_incident(record, "INC-1", home=home, author="ada", key=key, out=tmp_path / "1.zip")
    nbformat.write(new_notebook(cells=[new_markdown_cell("as somebody saved it")]), executed)
    with pytest.raises(RecordError, match="changed after its run"):
        seal_incident(record, "INC-1", home=home, author="ada", key=key, out=tmp_path / "2.zip")
    assert not (tmp_path / "2.zip").exists()


def partial_of(home: Path, number: int) -> Path:
    return incident_folder(home, "INC-1") / "runs" / f"{number:04d}-triage" / "partial.ipynb"


def read(bundle: Path, name: str) -> str:
    with zipfile.ZipFile(bundle) as archive:
        return archive.read(f"data/{name}").decode()


def test_a_notebook_cut_off_while_it_was_written_is_left_out_and_named(
    record: Record, key: SigningKey, home: Path, tmp_path: Path
) -> None:
    """It cannot be frozen, and may quote a row."""
    partial_of(home, 3).write_text('{"cells": [{"evalue": "Jane Doe')
    seal_incident(record, "INC-1", home=home, author="ada", key=key, out=tmp_path / "B.zip")
    assert not {"runs/0003-triage/partial.ipynb", "runs/0003-triage/partial.html"} & names(tmp_path / "B.zip")
    said = read(tmp_path / "B.zip", "runs/0003-triage/partial.ipynb.txt")
    assert digest_file(partial_of(home, 3)) in said
    assert b"Jane Doe" not in (tmp_path / "B.zip").read_bytes()


def test_the_notebook_of_a_run_that_was_killed_is_frozen_when_it_is_sealed(
    record: Record, key: SigningKey, home: Path, tmp_path: Path
) -> None:
    error = new_output("error", ename="ValueError", evalue="not a number: 'Jane Doe'", traceback=["ValueError: 'Jane Doe'"])
    widget = new_output("display_data", data={"application/vnd.jupyter.widget-view+json": {}, "text/plain": "Slider"})
    notebook = new_notebook(cells=[new_code_cell("f(x)", outputs=[error, widget])], metadata={"widgets": {"state": "Jane Doe"}})
    nbformat.write(notebook, partial_of(home, 3))
    before = partial_of(home, 3).read_bytes()
    seal_incident(record, "INC-1", home=home, author="ada", key=key, out=tmp_path / "B.zip")
    sealed = nbformat.reads(read(tmp_path / "B.zip", "runs/0003-triage/partial.ipynb"), as_version=4)
    assert sealed.metadata["workbench"] == {"status": "unfinished"}
    assert dict(sealed.cells[0].outputs[1].data) == {"text/plain": "Slider"}
    assert b"Jane Doe" not in (tmp_path / "B.zip").read_bytes()
    assert partial_of(home, 3).read_bytes() == before


def test_a_blank_html_page_is_not_sealed(record: Record, key: SigningKey, home: Path, tmp_path: Path) -> None:
    """A figure without data and without a picture: the page would look finished and prove nothing."""
    empty = new_output("display_data", data={"application/vnd.plotly.v1+json": {"data": [], "layout": {}}})
    executed = partial_of(home, 1).with_name("executed.ipynb")
    nbformat.write(new_notebook(cells=[new_code_cell("figure", outputs=[empty])]), executed)
    with pytest.raises(BadOutcomeError, match="an output of the page would be blank: cell-1"):
        seal_incident(record, "INC-1", home=home, author="ada", key=key, out=tmp_path / "B.zip")
    assert not (tmp_path / "B.zip").exists()


def test_a_second_seal_cites_the_first(record: Record, key: SigningKey, home: Path, tmp_path: Path) -> None:
    first = seal_incident(record, "INC-1", home=home, author="ada", key=key, out=tmp_path / "1.zip")
    seal_incident(record, "INC-1", home=home, author="ada", key=key, out=tmp_path / "2.zip")
    found = {check.name: check.detail for check in verify_bundle(tmp_path / "2.zip", {key.public.key_id: key.public}).checks}
    assert first.digest.removeprefix("sha256:") in found["statement"]


def test_a_broken_chain_is_not_sealed(record: Record, key: SigningKey, home: Path, tmp_path: Path) -> None:
    import sqlite3

    connection = sqlite3.connect(record_path(home))
    connection.execute("DROP TRIGGER entries_no_update")
    connection.execute('UPDATE entries SET body = \'{"title":"Nothing"}\' WHERE seq = 1')
    connection.commit()
    connection.close()
    with pytest.raises(RecordError, match="entry 1 was edited"):
        seal_incident(record, "INC-1", home=home, author="ada", key=key, out=tmp_path / "B.zip")
    assert not (tmp_path / "B.zip").exists()


def test_an_unknown_incident_is_not_sealed(record: Record, key: SigningKey, home: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="INC-1"):
        seal_incident(record, "INC-2", home=home, author="ada", key=key, out=tmp_path / "B.zip")


def test_a_seal_the_record_cannot_hold_leaves_no_bundle(
    record: Record, key: SigningKey, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise StorageError("the record cannot be written")

    monkeypatch.setattr(Record, "append", full)
    with pytest.raises(StorageError):
        seal_incident(record, "INC-1", home=home, author="ada", key=key, out=tmp_path / "B.zip")
    assert not (tmp_path / "B.zip").exists()


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder with room for 4 KiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = shutil.which("mount")
    if os.name != "posix" or os.geteuid() != 0 or mount is None:
        pytest.skip("only root can mount a small file system")
    done = subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=4k", "tmpfs", str(place)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"mounting is not allowed here: {done.stderr.strip()}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_leaves_nothing_behind(record: Record, key: SigningKey, home: Path, tiny_disk: Path) -> None:
    with pytest.raises(StorageError, match="No space left"):
        seal_incident(record, "INC-1", home=home, author="ada", key=key, out=tiny_disk / "B.zip")
    assert list(tiny_disk.iterdir()) == []
    assert state_of(record.entries("INC-1")).sealed == ()


def test_the_environment_lists_every_package_once() -> None:
    lines = installed_packages().splitlines()
    assert any(line.startswith("pandas==") for line in lines)
    assert len(lines) == len(set(lines))


def test_the_checkpoint_names_the_end_of_the_record(record: Record, key: SigningKey, home: Path, tmp_path: Path) -> None:
    end = record.head("INC-1")
    seal_incident(record, "INC-1", home=home, author="ada", key=key, out=tmp_path / "B.zip")
    with zipfile.ZipFile(tmp_path / "B.zip") as archive:
        checkpoint = json.loads(archive.read("data/record/checkpoint.json"))
    assert checkpoint == {"incident": "INC-1", "length": end.length, "head": end.digest}


def test_a_result_that_was_pinned_and_changed_is_not_sealed(
    record: Record, key: SigningKey, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKBENCH_HOME", str(home))
    monkeypatch.setenv("WORKBENCH_AUTHOR", "ada")
    monkeypatch.delenv("WORKBENCH_RUN", raising=False)
    result = Result("rates", "Rates")
    [pinned] = pin_findings("INC-1", [Finding("slice", "worse", evidence=result.digest)], result)
    seal_incident(record, "INC-1", home=home, author="ada", key=key, out=tmp_path / "A.zip")
    assert pinned.body["kept"] in names(tmp_path / "A.zip")
    (incident_folder(home, "INC-1") / pinned.body["kept"]).write_text("{}")
    with pytest.raises(RecordError, match="pinned result changed"):
        seal_incident(record, "INC-1", home=home, author="ada", key=key, out=tmp_path / "B.zip")
    assert not (tmp_path / "B.zip").exists()
