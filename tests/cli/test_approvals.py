"""A production target is asked only with an approval that another responder wrote into the record."""

import json
from pathlib import Path
from typing import Any

import pytest

MODEL = "def decide(frame):\n    return (frame['region'] == 'north').astype(int)\n"


@pytest.fixture
def words(workbench: Any, log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """A replay of a recording against the very target, marked as production."""
    name = f"models_of_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(MODEL)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "home"))
    target = f"python:{name}:decide"
    assert workbench("record", log, "--target", target, "--out", "rec").code == 0
    return ["replay", "rec", "--target", target, "--production", target, "--json", "-"]


def as_author(monkeypatch: pytest.MonkeyPatch, author: str) -> None:
    monkeypatch.setenv("WORKBENCH_AUTHOR", author)


def test_without_an_incident_the_next_command_is_said(workbench: Any, words: list[Any]) -> None:
    done = workbench(*words)
    assert done.code == 2
    assert "workbench approve ID" in done.lines[-1]
    assert "Traceback" not in done.err


def test_nobody_approves_for_themselves(workbench: Any, words: list[Any]) -> None:
    workbench("new", "inc-1", "--title", "scores moved")
    assert "holds no approval" in workbench(*words, "--incident", "inc-1").lines[-1]
    assert workbench("approve", "inc-1", "--target", words[3], "--why", "no copy at hand").code == 0
    done = workbench(*words, "--incident", "inc-1")
    assert done.code == 2
    assert "nobody approves for themselves" in done.lines[-1]


def test_what_another_responder_approved_is_asked_and_the_entry_is_kept(
    workbench: Any, words: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    workbench("new", "inc-1", "--title", "scores moved")
    as_author(monkeypatch, "bob")
    workbench("approve", "inc-1", "--target", words[3], "--why", "no copy at hand")
    as_author(monkeypatch, "ada")
    document = json.loads(workbench(*words, "--incident", "inc-1").out)
    entries = json.loads(workbench("log", "inc-1", "--json", "-").out)["entries"]
    [approved] = [entry for entry in entries if entry["kind"] == "approved"]
    assert document["provenance"]["arguments"]["approval"] == {"by": "bob", "evidence": approved["digest"]}


def test_another_model_needs_another_approval(workbench: Any, words: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    workbench("new", "inc-1", "--title", "scores moved")
    as_author(monkeypatch, "bob")
    workbench("approve", "inc-1", "--target", words[3], "--why", "no copy at hand")
    as_author(monkeypatch, "ada")
    monkeypatch.setattr("workbench.models.python.PythonTarget.digest", property(lambda _: "sha256:other"))
    done = workbench(*words, "--incident", "inc-1")
    assert done.code == 2
    assert "holds no approval" in done.lines[-1]


def test_production_that_is_no_target_is_refused(workbench: Any, words: list[Any]) -> None:
    done = workbench(*words, "--production", "python:nothing:here")
    assert done.code == 2
    assert "no --target" in done.lines[-1]
