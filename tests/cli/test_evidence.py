"""Seal, verify, rerun and keys, by their exit codes and last lines."""

import json
import stat
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from workbench.digest import digest_file


@pytest.fixture
def bundle(workbench: Any, tmp_path: Path) -> Path:
    workbench("new", "INC-1", "--title", "Loans")
    workbench("note", "INC-1", "called the bank")
    done = workbench("seal", "INC-1", "--out", tmp_path / "B.zip")
    assert done.code == 0, done.err
    assert done.err.startswith("sealed ")
    return tmp_path / "B.zip"


def test_a_sealed_bundle_verifies(workbench: Any, bundle: Path) -> None:
    done = workbench("verify", bundle)
    assert done.code == 0
    assert all(line.startswith("  ok ") for line in done.lines[:-1])
    assert done.lines[-1].startswith(f"verified: {bundle}, incident INC-1, sealed ")


@pytest.mark.parametrize("share", [0.01, 0.3, 0.6, 0.99])
def test_one_changed_byte_does_not(workbench: Any, bundle: Path, share: float) -> None:
    content = bytearray(bundle.read_bytes())
    content[int(share * len(content))] ^= 1
    bundle.write_bytes(content)
    done = workbench("verify", bundle)
    assert done.code == 1
    assert done.lines[-1].startswith(f"NOT VERIFIED: {bundle}: ")
    assert any(line.startswith("  BAD  ") for line in done.lines)
    assert "Traceback" not in done.err


def test_a_changed_file_is_named(workbench: Any, bundle: Path) -> None:
    content = bundle.read_bytes()
    assert content.count(b'"text":"called the bank"') == 1
    bundle.write_bytes(content.replace(b'"text":"called the bank"', b'"text":"called the bunk"'))
    done = workbench("verify", bundle)
    assert done.code == 1
    assert "record/events.jsonl" in done.err


def test_an_unknown_signer_is_refused_after_every_check(workbench: Any, bundle: Path, home: Path) -> None:
    (home / "keys" / "trusted" / "ada.pem").unlink()
    done = workbench("verify", bundle)
    assert done.code == 1
    assert len([line for line in done.lines if line.startswith("  ok ")]) == 8
    assert done.lines[-1].endswith("signer not trusted")


def test_a_key_that_is_given_is_trusted_instead(workbench: Any, bundle: Path, home: Path, tmp_path: Path) -> None:
    own = (home / "keys" / "trusted" / "ada.pem").rename(tmp_path / "ada.pem")
    assert workbench("keys", "new", "bob").code == 0
    other = home / "keys" / "bob.pub.pem"
    assert workbench("verify", bundle, "--key", own).code == 0
    assert workbench("verify", bundle, "--key", other).lines[-1].endswith("signer not trusted")
    assert workbench("verify", bundle, "--key", tmp_path / "gone.pem").code == 2


def test_a_bundle_is_never_overwritten(workbench: Any, bundle: Path) -> None:
    content = bundle.read_bytes()
    done = workbench("seal", "INC-1", "--out", bundle)
    assert done.code == 2
    assert done.err.startswith("error: ")
    assert bundle.read_bytes() == content


def test_a_bundle_that_cannot_be_written_leaves_nothing(workbench: Any, bundle: Path, tmp_path: Path) -> None:
    done = workbench("seal", "INC-1", "--out", tmp_path / "no" / "B.zip")
    assert done.code == 2
    assert len(done.lines) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["B.zip", "home"]
    assert "sealed" in workbench("log", "INC-1").err
    assert bundle.is_file()


def test_what_is_no_bundle_is_not_verified(workbench: Any, tmp_path: Path) -> None:
    (tmp_path / "B.zip").write_bytes(b"PK")
    assert workbench("verify", tmp_path / "B.zip").code == 1
    done = workbench("verify", tmp_path / "gone.zip")
    assert done.code == 2
    assert done.err.startswith("error: ")


@pytest.fixture
def run_bundle(workbench: Any, tmp_path: Path) -> Path:
    """A bundle with one run, of a notebook that reads nothing."""
    parameters = new_code_cell('switch: str = ""', metadata={"tags": ["parameters"]})
    cells = [parameters, new_code_cell("import os"), new_code_cell("print(os.path.exists(switch))")]
    nbformat.write(new_notebook(cells=cells), tmp_path / "tiny.ipynb")
    workbench("new", "INC-1", "--title", "Loans")
    (tmp_path / "switch").touch()
    assert workbench("run", tmp_path / "tiny.ipynb", "--incident", "INC-1", "-p", "switch", tmp_path / "switch").code == 0
    assert workbench("seal", "INC-1", "--out", tmp_path / "B.zip").code == 0
    return tmp_path / "B.zip"


def test_a_run_is_repeated_and_its_signer_and_environment_are_told(workbench: Any, run_bundle: Path) -> None:
    done = workbench("rerun", run_bundle)
    assert done.code == 0
    assert done.lines[-1].startswith("same result: run 1, sha256:")
    assert done.lines[1].strip() == "a signer trusted here"
    assert "no fingerprint of its data" in done.err
    assert "environment" in done.err


def test_the_code_of_an_unknown_signer_is_not_run_unless_told(
    workbench: Any, run_bundle: Path, home: Path, tmp_path: Path
) -> None:
    own = (home / "keys" / "trusted" / "ada.pem").rename(tmp_path / "ada.pem")
    done = workbench("rerun", run_bundle, "--out", tmp_path / "kept")
    assert done.code == 1
    assert "signer not trusted" in done.lines[-1]
    assert "Nothing was run" in done.lines[-1]
    assert not (tmp_path / "kept").exists()
    assert workbench("rerun", run_bundle, "--key", own).code == 0
    done = workbench("rerun", run_bundle, "--trust-code")
    assert done.code == 0
    assert "NOT TRUSTED" in done.lines[1]


def test_a_run_that_comes_to_something_else_is_told_by_its_cell(workbench: Any, run_bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "switch").unlink()
    done = workbench("rerun", run_bundle, "--run", "1", "--out", tmp_path / "kept")
    assert done.code == 1
    assert done.lines[-5:] == [
        "cell 4 differs", "  recorded: True", "  here:     False", f"kept in {tmp_path / 'kept'}",
        "NOT THE SAME: run 1 comes to something else here",
    ]  # fmt: skip
    assert (tmp_path / "kept" / "executed.ipynb").is_file()


def test_what_cannot_be_repeated_says_why(workbench: Any, run_bundle: Path) -> None:
    for words, said in (
        ([run_bundle, "--run", "3"], "Completed runs: 1 (tiny)"),
        ([run_bundle, "--data", "log.csv"], "reads no data"),
        ([run_bundle.with_name("gone.zip")], "cannot be read"),
    ):
        done = workbench("rerun", *words)
        assert done.code == 2
        assert done.lines[-1].startswith("error: ")
        assert said in done.lines[-1]


def test_a_damaged_bundle_is_not_run(workbench: Any, run_bundle: Path) -> None:
    content = bytearray(run_bundle.read_bytes())
    content[len(content) // 2] ^= 1
    run_bundle.write_bytes(content)
    done = workbench("rerun", run_bundle)
    assert done.code == 1
    assert len(done.lines) == 1
    assert "nothing was run" in done.err


def test_a_number_is_traced_in_a_bundle_and_in_the_home(workbench: Any, run_bundle: Path, home: Path) -> None:
    folder = home / "incidents" / "INC-1" / "runs" / "0001-tiny"
    digest = digest_file(folder / "executed.ipynb")
    for place in (run_bundle, "INC-1"):
        done = workbench("trace", place, digest[7:19])
        assert done.code == 0
        assert any(line.startswith("output      runs/0001-tiny/executed.ipynb") for line in done.lines)
        assert any(line.startswith("parameter   switch = ") and "declared ''" in line for line in done.lines)
    document = json.loads(workbench("trace", run_bundle, digest, "--json", "-").out)
    assert (document["schema"], document["run"]["number"]) == ("workbench.trace/1", 1)


def test_an_unsupported_claim_is_1_and_an_unknown_one_2(workbench: Any, bundle: Path) -> None:
    done = workbench("trace", bundle, "entry2")
    assert done.code == 1
    assert done.lines[0] == "entry 2, note, unsupported"
    assert workbench("trace", bundle, "run1:1").code == 2
    assert workbench("trace", "INC-9", "entry2").code == 2


def test_a_run_is_exported_as_a_page(workbench: Any, run_bundle: Path, tmp_path: Path) -> None:
    assert workbench("export", "INC-1", "--html", tmp_path / "run.html").code == 0
    assert "INC-1: run 1, tiny" in (tmp_path / "run.html").read_text()
    done = workbench("export", "INC-1")
    assert done.code == 2
    assert "--html FILE" in done.lines[-1]
    assert workbench("export", "INC-1", "--run", "7", "--html", tmp_path / "x.html").code == 2
    assert run_bundle.is_file()


def test_keys_are_made_listed_and_trusted(workbench: Any, home: Path, tmp_path: Path) -> None:
    assert workbench("keys", "new").code == 0
    assert workbench("keys", "new").code == 2
    assert stat.S_IMODE((home / "keys" / "ada.key.pem").stat().st_mode) == 0o600
    assert workbench("keys", "trust", home / "keys" / "ada.pub.pem", "--name", "eve").code == 0
    listed = workbench("keys", "list").err
    assert "ada" in listed
    assert "eve" in listed
    (tmp_path / "bad.pem").write_text("nothing")
    assert workbench("keys", "trust", tmp_path / "bad.pem").code == 2


def test_a_private_key_is_not_trusted_as_a_public_one(workbench: Any, home: Path) -> None:
    workbench("keys", "new")
    done = workbench("keys", "trust", home / "keys" / "ada.key.pem", "--name", "eve")
    assert done.code == 2
    assert "PRIVATE" not in done.err
