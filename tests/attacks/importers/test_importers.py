"""Files of other tools: those that llm-redteam-evidence ships, and small ones in the documented formats, neutral in wording."""

import base64
import json
import sqlite3
import zipfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench.attacks.importers import FORMATS, import_recording
from workbench.attacks.recording import Recording, open_recording
from workbench.attacks.replay import replay
from workbench.errors import InputError, UnknownNameError
from workbench.models import python_target


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def lines(path: Path, *objects: Any) -> Path:
    return written(path, "\n".join(map(json.dumps, objects)))


def answers(recording: Recording) -> pd.DataFrame:
    names = ("row_id", "decision", "score", "abstained", "error", "expected", "origin", "judged")
    table = recording.row_columns(*names).to_pandas()
    return table.astype(object).where(table.notna(), None)


def texts(recording: Recording) -> list[str]:
    return recording.column("text").tolist()


ATTEMPT = {"entry_type": "attempt", "probe_classname": "test.Blank", "detector_results": {}, "outputs": []}


def test_garak_counts_the_last_status_and_reads_old_and_new_prompts(tmp_path: Path) -> None:
    turns = {"turns": [{"role": "user", "content": {"text": "say hello", "lang": "en"}}]}
    file = lines(
        tmp_path / "r.jsonl",
        {"entry_type": "init", "garak_version": "0.13.0"},
        {**ATTEMPT, "uuid": "u1", "status": 1, "prompt": turns, "outputs": [{"text": "hello"}]},
        {**ATTEMPT, "uuid": "u1", "status": 2, "prompt": turns, "outputs": [{"text": "hello"}], "detector_results": {"d": [1.0]}},
        {**ATTEMPT, "uuid": "u2", "status": 2, "prompt": "say bye", "outputs": ["bye", None], "detector_results": {"d": [0.0, None]}},  # noqa: E501  one line of the file
        {**ATTEMPT, "uuid": "u3", "status": 0, "prompt": "say more"},
        {"entry_type": "eval", "probe": "test.Blank", "detector": "d", "passed": 1, "total_evaluated": 2},
    )  # fmt: skip
    recording = import_recording(file, "garak", tmp_path / "out")
    assert texts(recording) == ["say hello", "say bye", "say bye", "say more"]
    found = answers(recording)
    assert found["row_id"].tolist() == ["u1", "u2/0", "u2/1", "u3"]
    assert found["judged"].tolist() == [1.0, 0.0, None, None]
    assert found["abstained"].tolist() == [False, False, True, False]
    assert found["error"].tolist() == [None, None, None, "no connection: never answered"]


def test_garak_hit_logs(tmp_path: Path) -> None:
    hit = {"goal": "g", "prompt": "say hello", "output": {"text": "hello"}, "score": 1.0, "attempt_id": "a", "attempt_idx": 0,
           "probe": "test.Blank", "detector": "d"}  # fmt: skip
    recording = import_recording(lines(tmp_path / "h.jsonl", hit), "garak", tmp_path / "out")
    assert answers(recording)[["decision", "judged"]].to_numpy().tolist() == [["hello", 1.0]]


needs_evidence = pytest.mark.skipif(find_spec("redteam_evidence") is None, reason="llm-redteam-evidence is not installed")


def shipped(name: str) -> Path:
    spec = find_spec("redteam_evidence")
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / "examples" / name


@needs_evidence
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_the_garak_report_of_each_shipped_version(version: str, tmp_path: Path) -> None:
    file = shipped(f"{version}/garak.{version}.report.jsonl")
    recording = import_recording(file, "garak", tmp_path / "out")
    raw = [json.loads(line) for line in file.read_text().splitlines()]
    counted = sum(entry["total"] - entry["passed"] for entry in raw if entry["entry_type"] == "eval")
    assert recording.rows == 140
    assert (answers(recording)["judged"] == 1.0).sum() == counted


@needs_evidence
@pytest.mark.parametrize(("version", "rows"), [("v1", 260), ("v2", 282)])
def test_the_promptfoo_results_of_each_shipped_version(version: str, rows: int, tmp_path: Path) -> None:
    file = shipped(f"{version}/promptfoo.{version}.json")
    stats = json.loads(file.read_text())["results"]["stats"]
    recording = import_recording(file, "promptfoo", tmp_path / "out")
    found = answers(recording)
    assert recording.rows == rows
    assert (found["judged"] == 0.0).sum() == stats["successes"]
    assert (found["judged"] == 1.0).sum() == stats["failures"]


@needs_evidence
def test_two_shipped_versions_meet_in_a_replay(tmp_path: Path) -> None:
    """The answers of version 2, as a target, on the recording of version 1."""
    one, two = (import_recording(shipped(f"{name}/garak.{name}.report.jsonl"), "garak", tmp_path / name) for name in ("v1", "v2"))
    known = dict(zip(texts(two), answers(two)["decision"], strict=True))
    target = python_target(lambda frame: frame["text"].map(known).to_numpy(dtype=object), digest="sha256:v2")
    result = replay(one, [target])
    assert result.numbers["oracle"] == "recorded judgement"
    changed = sum(known[text] != said for text, said in zip(texts(one), answers(one)["decision"], strict=True))
    assert result.tables["targets"]["decision_changed"].tolist() == [changed]


def test_promptfoo_of_old_and_new_shape(tmp_path: Path) -> None:
    result = {"prompt": {"raw": "say hello"}, "response": {"output": "hello"}, "success": False, "testIdx": 3}
    for name, form in (("new", {"results": {"results": [result]}}), ("old", {"results": [result]})):
        recording = import_recording(written(tmp_path / f"{name}.json", json.dumps(form)), "promptfoo", tmp_path / name)
        assert answers(recording)[["row_id", "decision", "judged"]].to_numpy().tolist() == [["3/0", "hello", 1.0]]


def test_pyrit_memory_pairs_a_question_with_its_answer(tmp_path: Path) -> None:
    file = tmp_path / "memory.db"
    with sqlite3.connect(file) as memory:
        memory.execute(
            "CREATE TABLE PromptMemoryEntries (id TEXT, role TEXT, conversation_id TEXT, sequence INT, timestamp TEXT,"
            " original_value TEXT, converted_value TEXT, response_error TEXT)"
        )
        memory.execute("CREATE TABLE ScoreEntries (id TEXT, prompt_request_response_id TEXT, score_value TEXT)")
        memory.executemany("INSERT INTO PromptMemoryEntries VALUES (?,?,?,?,?,?,?,?)", [
            ("q1", "user", "c1", 0, "2026-01-01 10:00:00", "say hello", "c2F5IGhlbGxv", "none"),
            ("a1", "assistant", "c1", 1, "2026-01-01 10:00:02", "hello", "hello", "none"),
            ("q2", "user", "c2", 0, "2026-01-01 10:01:00", "say bye", "say bye", "none"),
            ("a2", "assistant", "c2", 1, "2026-01-01 10:01:01", "", "", "blocked"),
            ("q3", "user", "c3", 0, "2026-01-01 10:02:00", "unanswered", "unanswered", "none"),
        ])  # fmt: skip
        memory.execute("INSERT INTO ScoreEntries VALUES ('s1', 'a1', 'True')")
    memory.close()
    recording = import_recording(file, "pyrit", tmp_path / "out")
    assert texts(recording) == ["c2F5IGhlbGxv", "say bye"]
    assert recording.column("original").tolist() == ["say hello", "say bye"]
    found = answers(recording)
    assert found[["decision", "judged", "abstained"]].to_numpy().tolist() == [["hello", 1.0, False], [None, None, True]]
    assert open_recording(tmp_path / "out")._read(recording.parts[0], "calls")["seconds"].to_pylist() == [2.0, 1.0]


SAMPLE = {
    "id": 1, "epoch": 1, "input": [{"role": "user", "content": "attachment://abc"}], "target": "hello",
    "output": {"choices": [{"message": {"content": "hello"}}]}, "scores": {"match": {"value": "C"}},
    "attachments": {"abc": "say hello, at length"},
}  # fmt: skip


@pytest.mark.parametrize("form", ["json", "eval"])
def test_inspect_logs_plain_and_zipped(form: str, tmp_path: Path) -> None:
    file = tmp_path / f"log.{form}"
    if form == "json":
        written(file, json.dumps({"version": 2, "eval": {"model": "m"}, "samples": [SAMPLE]}))
    else:
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("header.json", json.dumps({"version": 2}))
            archive.writestr("samples/1_epoch_1.json", json.dumps(SAMPLE))
    recording = import_recording(file, "inspect", tmp_path / "out")
    assert texts(recording) == ["say hello, at length"]
    assert answers(recording)[["row_id", "decision", "expected", "judged"]].to_numpy().tolist() == [
        ["1/1", "hello", "hello", 0.0]
    ]


def test_textattack_gives_each_perturbed_text_its_origin(tmp_path: Path) -> None:
    head = "original_text,perturbed_text,original_score,perturbed_score,original_output,perturbed_output,ground_truth_output,result_type"  # noqa: E501  one line of the file
    file = written(
        tmp_path / "a.csv",
        f"""{head}
a [[good]] film,a [[[[fine]]]] film,0.1,0.9,1.0,0.0,1.0,Successful
a dull film,a dull film,0.2,0.2,1.0,1.0,0.0,Skipped
""",
    )
    recording = import_recording(file, "textattack", tmp_path / "out")
    assert texts(recording) == ["a good film", "a fine film", "a dull film"]
    found = answers(recording)
    assert found["origin"].tolist() == [None, "0", None]
    assert found["decision"].tolist() == ["1", "0", "1"]
    target = python_target(lambda frame: np.ones(len(frame), dtype=int), digest="sha256:1")
    assert replay(recording, [target]).tables["pairs"]["newly_fixed"].tolist() == [1]


def test_har_keeps_bodies_and_no_credentials(tmp_path: Path) -> None:
    entry = {
        "startedDateTime": "2026-01-01T10:00:00.000Z", "time": 12.5,
        "request": {"method": "POST", "url": "https://host/score?token=secret", "postData": {"text": '{"a": 1}'},
                    "headers": [{"name": "Authorization", "value": "Bearer secret"}]},
        "response": {"status": 200, "content": {"text": base64.b64encode(b'{"p": 1}').decode(), "encoding": "base64"}},
    }  # fmt: skip
    failed = {"request": {"method": "GET", "url": "https://host/"}, "response": {"status": 503}}
    file = written(tmp_path / "t.har", json.dumps({"log": {"entries": [entry, failed]}}))
    recording = import_recording(file, "har", tmp_path / "out")
    assert recording.column("path").tolist() == ["/score", "/"]
    assert answers(recording)[["decision", "error"]].to_numpy().tolist() == [['{"p": 1}', None], [None, "status: 503"]]
    assert not any(b"secret" in path.read_bytes() for path in (tmp_path / "out").iterdir())


def test_arrays_come_in_pairs_of_any_shape(tmp_path: Path) -> None:
    clean = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    np.savez(tmp_path / "a.npz", x=clean, x_adv=clean + np.float32(0.1), y=np.array([1, 0]))
    recording = import_recording(tmp_path / "a.npz", "npz", tmp_path / "out")
    inputs = recording.select(np.arange(4)).to_numpy()
    assert inputs.dtype == np.float32
    assert inputs.tobytes() == np.concatenate([clean, clean + np.float32(0.1)]).tobytes()
    assert answers(recording)["origin"].tolist() == [None, None, "0", "1"]
    shaped = python_target(lambda frame: (frame.to_numpy().reshape(-1, 3, 4)[:, 0, 0] > 11).astype(int), digest="sha256:i")
    assert replay(recording, [shaped], fresh=None).numbers["oracle"] == "label flip"


def test_pickled_arrays_are_not_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.array([{}], dtype=object), x_adv=np.array([{}], dtype=object))
    with pytest.raises(InputError, match="plain arrays"):
        import_recording(tmp_path / "a.npz", "npz", tmp_path / "out")


@pytest.mark.parametrize("form", ["parquet", "ndjson"])
def test_plain_logs(form: str, tmp_path: Path) -> None:
    frame = pd.DataFrame({"id": [7, 8], "amount": [1.5, 2.5], "kind": ["a", "b"], "prediction": [1, 0], "score": [0.9, 0.2],
                          "label": [1, 1]})  # fmt: skip
    file = tmp_path / f"log.{form}"
    if form == "parquet":
        frame.to_parquet(file)
    else:
        frame.to_json(file, orient="records", lines=True)
    recording = import_recording(file, "log", tmp_path / "out")
    assert recording.input_columns == ("amount", "kind")
    assert answers(recording)[["row_id", "decision", "score", "expected"]].to_numpy().tolist() == [
        ["7", "1", 0.9, "1"], ["8", "0", 0.2, "1"],
    ]  # fmt: skip


@pytest.mark.parametrize("kind", [*FORMATS])
@pytest.mark.parametrize("content", [b"", b"{", b"not of this kind", b'{"a": 1}', b"\xff\xfe\x00"])
def test_a_file_of_another_kind_is_one_clear_error(kind: str, content: bytes, tmp_path: Path) -> None:
    if kind == "log" and content == b'{"a": 1}':
        pytest.skip("that is a log")
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(InputError):
        import_recording(tmp_path / "file", kind, tmp_path / "out")
    with pytest.raises(InputError):
        open_recording(tmp_path / "out")


EVALUATED = {"entry_type": "attempt", "uuid": "u1", "status": 2, "prompt": "hi", "outputs": ["x"], "detector_results": {"d": [0]}}
ODD = {
    "half a surrogate pair": (
        "garak",
        {**EVALUATED, "prompt": "a\ud83d"},
        "half a surrogate pair, which is no text: exchange u1",
    ),
    "a judgement in words": (
        "garak",
        {**EVALUATED, "detector_results": {"d": ["high"]}},
        "could not convert string to float: 'high'",
    ),
    "a number too large": ("log", {"amount": 10**30, "prediction": 1}, "inputs that no table can hold"),
}


@pytest.mark.parametrize("name", ODD)
def test_a_value_that_cannot_be_kept_is_one_clear_error(name: str, tmp_path: Path) -> None:
    kind, line, said = ODD[name]
    (tmp_path / "file").write_text(json.dumps(line), encoding="utf-8")
    with pytest.raises(InputError, match=said):
        import_recording(tmp_path / "file", kind, tmp_path / "out")


def test_decisions_and_labels_that_are_objects_are_kept_as_their_json(tmp_path: Path) -> None:
    (tmp_path / "file").write_text(json.dumps({"a": 1, "prediction": {"y": [1]}, "label": {"y": [1]}}), encoding="utf-8")
    recording = import_recording(tmp_path / "file", "log", tmp_path / "out")
    assert answers(recording)[["decision", "expected"]].to_numpy().tolist() == [['{"y": [1]}'] * 2]


def test_an_unknown_format_lists_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="textattack"):
        import_recording(tmp_path, "giskard", tmp_path / "out")
