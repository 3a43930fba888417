"""record, recordings import and replay from the command line."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

MODELS = """
import numpy as np

def strict(frame):
    return {"decision": (frame["region"] == "north").astype(int), "score": (frame["region"] == "north") * 0.8}

def lenient(frame):
    return np.ones(len(frame), dtype=int)

def worded(frame):
    return ["granted"] * len(frame)

def picky(frame):
    if (frame["region"] == "north").iloc[0]:
        raise RuntimeError("no north")
    return np.ones(len(frame), dtype=int)

def broken(frame):
    raise RuntimeError("no weights")
"""


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module of this test's own in the working folder."""
    name = f"models_of_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(MODELS)
    monkeypatch.chdir(tmp_path)
    return name


@pytest.fixture
def recording(workbench: Any, log: Path, models: str, tmp_path: Path) -> Path:
    done = workbench("record", log, "--target", f"python:{models}:strict", "--out", tmp_path / "rec", "--batch", 250)
    assert done.code == 0, done.err
    assert "recorded 600 inputs in 3 calls" in done.err
    return tmp_path / "rec"


def test_a_log_is_recorded_with_its_ids_and_labels(recording: Path, frame: pd.DataFrame) -> None:
    from workbench.attacks.recording import open_recording

    rows = open_recording(recording).row_columns("row_id", "expected", "decision").to_pandas()
    assert rows["row_id"].tolist() == frame["id"].tolist()
    assert rows["expected"].astype(int).tolist() == frame["label"].tolist()
    assert open_recording(recording).input_columns == ("region",)


@pytest.mark.parametrize(("name", "code", "batch"), [("broken", 1, 600), ("picky", 0, 1)])
def test_errors_for_answers_are_counted_and_none_else_ends_with_1(
    workbench: Any, log: Path, models: str, frame: pd.DataFrame, *, name: str, code: int, batch: int
) -> None:
    done = workbench("record", log, "--target", f"python:{models}:{name}", "--out", "failing", "--batch", batch)
    assert done.code == code
    failed = 600 if name == "broken" else int((frame["region"] == "north").sum())
    assert f"{failed} of 600 inputs got an error for an answer; {failed} times: RuntimeError: no " in done.err


def test_a_replay_writes_verdicts_and_the_triple(workbench: Any, recording: Path, models: str, tmp_path: Path) -> None:
    words = [word for name in ("strict", "lenient") for word in ("--target", f"python:{models}:{name}")]
    done = workbench("replay", recording, *words, "--json", tmp_path / "out.json", "--out", tmp_path / "out")
    assert done.code == 0, done.err
    document = json.loads((tmp_path / "out.json").read_text())
    assert document["schema"] == "workbench.replay/1"
    assert document["findings"] == []
    assert set(document["tables"]["verdicts"][0]) == {"row_id", "target", "decision", "level", "outcome"}
    assert len(document["tables"]["verdicts"]) == 1200
    summary = document["tables"]["targets"][0]
    for name in ("replayed", "adaptive", "certified"):
        assert {name, f"{name}_low", f"{name}_high"} <= set(summary)
    assert summary["overfitted_defence"] is False
    assert (tmp_path / "out" / "verdicts.parquet").is_file()
    assert document["numbers"]["oracle"] == "expected outcome"
    assert "strict" in done.err


def test_the_oracle_can_be_chosen_and_an_unknown_one_lists_those_there_are(workbench: Any, recording: Path, models: str) -> None:
    words = ("replay", recording, "--target", f"python:{models}:strict", "--json", "-", "--oracle")
    assert json.loads(workbench(*words, "schema").out)["numbers"]["oracle"] == "schema"
    done = workbench(*words, "nonsense")
    assert done.code == 2
    assert "label flip" in done.lines[-1]


def test_a_version_that_fails_more_is_a_finding_and_ends_with_1(workbench: Any, recording: Path, models: str) -> None:
    words = [word for name in ("strict", "worded") for word in ("--target", f"python:{models}:{name}")]
    done = workbench("replay", recording, *words, "--json", "-", "--no-adaptive")
    assert done.code == 1
    [finding] = json.loads(done.out)["findings"]
    assert finding["statement"].startswith("worded: fails more: against strict ")
    assert f"  {finding['statement']}" in done.lines


def test_a_version_that_answers_nothing_ends_with_1(workbench: Any, recording: Path, models: str) -> None:
    done = workbench("replay", recording, "--target", f"python:{models}:broken", "--json", "-", "--no-adaptive")
    assert done.code == 1
    assert "broken: 600 inputs: RuntimeError: no weights" in done.err


def test_recordings_of_other_tools(workbench: Any, tmp_path: Path) -> None:
    (tmp_path / "log.ndjson").write_text('{"id": 1, "text": "hello", "response": "hi"}\n')
    done = workbench("recordings", "import", tmp_path / "log.ndjson", "--format", "log", "--out", tmp_path / "rec")
    assert done.code == 0, done.err
    done = workbench("recordings", "import", tmp_path / "log.ndjson", "--format", "garak", "--out", tmp_path / "other")
    assert done.code == 2
    assert "holds no exchange" in done.lines[-1]


def test_two_runs_write_the_same_digest(workbench: Any, recording: Path, models: str) -> None:
    words = ("replay", recording, "--target", f"python:{models}:lenient", "--json", "-")
    one, two = (json.loads(workbench(*words).out) for _ in range(2))
    assert one["numbers"]["digest"] == two["numbers"]["digest"]
    for point in (*one["tables"]["health"], *two["tables"]["health"]):
        assert point.pop("seconds") >= 0
        assert point.pop("memory") > 0
    assert one["tables"] == two["tables"]


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("http://models.example/invocations", "--allow-remote models.example"),
        ("nothing:here", "no target of that name"),
        ("python:no_such_module:x", "cannot be imported"),
        ("file:none.pkl", "cannot be read"),
    ],
)
def test_a_target_that_cannot_be_asked_is_one_clear_line(workbench: Any, recording: Path, target: str, said: str) -> None:
    done = workbench("replay", recording, "--target", target, "--json", "-")
    assert done.code == 2
    assert said in done.lines[-1]
    assert "Traceback" not in done.err


def test_an_interrupted_recording_is_refused(workbench: Any, recording: Path, models: str) -> None:
    (recording / "manifest.json").unlink()
    done = workbench("replay", recording, "--target", f"python:{models}:strict", "--json", "-")
    assert done.code == 2
    assert "not finished" in done.lines[-1]
