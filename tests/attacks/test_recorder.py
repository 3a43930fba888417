"""What is recorded is exactly what was asked and answered, and nothing half recorded reads as a recording."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from workbench.attacks.recorder import Recorder, RecordingWriter, record
from workbench.attacks.recording import MANIFEST, iterate, open_recording
from workbench.errors import InputError, StorageError, VerificationError
from workbench.models import Target, python_target

MIXED = pd.DataFrame({
    "amount": np.array([0.1, -0.0, np.nan, 1e-308]),
    "small": np.array([1.5, 2.5, 3.5, 4.5], dtype=np.float32),
    "count": np.array([1, 2, 3, 4], dtype=np.int16),
    "flag": [True, False, True, False],
    "kind": pd.Categorical(["b", "a", None, "b"], categories=["b", "a", "unused"]),
    "text": ["é", None, "", "x"],
    "time": pd.to_datetime(["2026-01-01", "2026-01-02", None, "2026-01-04"]),
})  # fmt: skip


def yes(frame: pd.DataFrame) -> np.ndarray:
    return np.ones(len(frame), dtype=int)


def test_inputs_come_back_bit_for_bit_with_their_types(tmp_path: Path) -> None:
    recording = record(python_target(yes), MIXED, tmp_path / "r", batch=3)
    [(_, back)] = iterate(recording)
    pd.testing.assert_frame_equal(back, MIXED, check_exact=True)
    assert np.signbit(back["amount"][1])


def test_the_call_structure_is_kept(tmp_path: Path, frame: pd.DataFrame, linear: Target) -> None:
    with Recorder(linear, tmp_path / "r") as recorded:
        for start, end in ((0, 1), (1, 4), (4, 4), (4, 80)):
            recorded.predict(frame.iloc[start:end])
    recording = recorded.close()
    assert recording.call_sizes(recording.parts[0]).tolist() == [1, 3, 0, 76]
    assert recording.row_columns("call")["call"].to_pylist()[:5] == [0, 1, 1, 1, 3]


def test_answers_are_the_target_s_own(tmp_path: Path, frame: pd.DataFrame, linear: Target) -> None:
    with Recorder(linear, tmp_path / "r") as recorded:
        given = recorded.predict(frame)
    table = recorded.close().row_columns("decision", "score").to_pandas()
    expected = linear.predict(frame)
    assert np.array_equal(given.score, expected.score)
    assert table["score"].to_numpy().tobytes() == expected.score.tobytes()
    assert table["decision"].astype(int).tolist() == expected.decision.tolist()


def test_a_caller_may_write_into_the_frame_afterwards(tmp_path: Path, frame: pd.DataFrame, linear: Target) -> None:
    before = frame.copy()
    with Recorder(linear, tmp_path / "r") as recorded:
        recorded.predict(frame)
        frame.loc[:, :] = 0.0
    [(_, kept)] = iterate(recorded.close())
    pd.testing.assert_frame_equal(kept, before)


def test_the_same_traffic_has_one_id_and_other_traffic_another(tmp_path: Path, frame: pd.DataFrame, linear: Target) -> None:
    one, two = (record(linear, frame, tmp_path / name, batch=16) for name in "ab")
    assert one.content == two.content
    assert record(linear, frame, tmp_path / "c", batch=8).content != one.content
    changed = frame.copy()
    changed.loc[79, "d"] = np.nextafter(changed.loc[79, "d"], 9)
    assert record(linear, changed, tmp_path / "d", batch=16).content != one.content


def test_memory_is_bounded_by_writing_parts(tmp_path: Path, frame: pd.DataFrame, linear: Target) -> None:
    writer = RecordingWriter(tmp_path / "r", part_rows=30)
    for start in range(0, 80, 10):
        part = frame.iloc[start : start + 10]
        writer.add(part, linear.predict(part), started=0, seconds=0)
        assert writer._buffered <= 30
    recording = writer.close()
    assert [(part.first, part.rows) for part in recording.parts] == [(0, 30), (30, 30), (60, 20)]
    assert recording.row_columns("row_id")["row_id"].to_pylist() == list(range(80))
    pd.testing.assert_frame_equal(recording.select(np.array([79, 0, 31])), frame.iloc[[0, 31, 79]].reset_index(drop=True))


def test_frames_of_other_types_begin_a_part_of_their_own(tmp_path: Path) -> None:
    with Recorder(python_target(yes), tmp_path / "r") as recorded:
        recorded.predict(pd.DataFrame({"a": [1, 2]}))
        recorded.predict(pd.DataFrame({"a": [1.5]}))
    kinds = [inputs["a"].dtype for _, inputs in iterate(recorded.close())]
    assert kinds == [np.dtype("int64"), np.dtype("float64")]


def test_an_interrupted_recording_is_none(tmp_path: Path, frame: pd.DataFrame, linear: Target) -> None:
    writer = RecordingWriter(tmp_path / "r", part_rows=10)
    for start in range(0, 80, 10):
        part = frame.iloc[start : start + 10]
        writer.add(part, linear.predict(part), started=0, seconds=0)
    assert list((tmp_path / "r").glob("*.parquet"))
    with pytest.raises(InputError, match="not finished"):
        open_recording(tmp_path / "r")


def test_a_block_that_fails_finishes_no_recording(tmp_path: Path, frame: pd.DataFrame, linear: Target) -> None:
    def use() -> None:
        with Recorder(linear, tmp_path / "r") as recorded:
            recorded.predict(frame)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        use()
    with pytest.raises(InputError, match="not a recording"):
        open_recording(tmp_path / "r")


@dataclass(frozen=True)
class Broken:
    """A target of somebody's own that answers as `answer` does."""

    answer: Callable[[pd.DataFrame], Any]
    name = version = digest = "broken"
    production = False

    def predict(self, frame: pd.DataFrame) -> Any:
        return self.answer(frame)


BROKEN: dict[str, tuple[Callable[[pd.DataFrame], Any], str]] = {
    "raises": (lambda _: 1 / 0, "ZeroDivisionError"),
    "too few": (lambda frame: python_target(yes).predict(frame[:1]), "wrong shape"),
    "mappings": (
        lambda frame: replace(python_target(yes).predict(frame), decision=np.array([{}] * len(frame), dtype=object)),
        "wrong shape",
    ),
    "no prediction": (lambda _: 3, "TypeError"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_a_target_does_wrong_is_recorded(tmp_path: Path, frame: pd.DataFrame, name: str) -> None:
    answer, said = BROKEN[name]
    errors = record(Broken(answer), frame, tmp_path / "r").row_columns("error")["error"].to_pylist()
    assert len(errors) == len(frame)
    assert {text.partition(":")[0] for text in errors} == {said}


def test_a_folder_with_something_in_it_is_refused(tmp_path: Path, linear: Target) -> None:
    (tmp_path / "other.txt").write_text("mine")
    with pytest.raises(StorageError, match="not empty"):
        Recorder(linear, tmp_path)


@pytest.mark.parametrize("name", ["inputs", "rows", "calls"])
def test_an_altered_part_is_found(tmp_path: Path, frame: pd.DataFrame, linear: Target, name: str) -> None:
    recording = record(linear, frame, tmp_path / "r")
    recording.verify()
    path = tmp_path / "r" / f"000000.{name}.parquet"
    table = pq.read_table(path)
    pq.write_table(table.set_column(0, table.schema[0], table.column(0).take(np.arange(table.num_rows)[::-1])), path)
    if name == "calls":
        pq.write_table(table.set_column(1, "rows", [[81]]), path)
    with pytest.raises(VerificationError, match="altered"):
        recording.verify()


def test_an_altered_manifest_is_found(tmp_path: Path, frame: pd.DataFrame, linear: Target) -> None:
    record(linear, frame, tmp_path / "r")
    path = tmp_path / "r" / MANIFEST
    manifest = json.loads(path.read_text())
    manifest["parts"][0]["digest"] = "sha256:" + "0" * 64
    path.write_text(json.dumps(manifest))
    with pytest.raises(VerificationError, match="altered"):
        open_recording(tmp_path / "r")


def test_failures_are_recorded_and_do_not_stop(tmp_path: Path) -> None:
    def fail(frame: pd.DataFrame) -> np.ndarray:
        raise ValueError(f"no {len(frame)}")

    recording = record(python_target(fail, digest="sha256:x"), pd.DataFrame({"a": [1.0, 2.0]}), tmp_path / "r")
    table = recording.row_columns("decision", "error").to_pandas()
    assert table["error"].tolist() == ["ValueError: no 2"] * 2
    assert table["decision"].isna().all()


def test_a_production_target_is_not_asked_unasked(tmp_path: Path, frame: pd.DataFrame) -> None:
    with pytest.raises(InputError, match="approval"):
        record(python_target(yes, production=True), frame, tmp_path / "r")
    assert not (tmp_path / "r").exists()


def test_who_answered_and_where_is_in_the_manifest(tmp_path: Path, frame: pd.DataFrame) -> None:
    manifest = record(python_target(yes, version="7"), frame, tmp_path / "r").manifest
    assert (manifest["target"]["name"], manifest["target"]["version"]) == ("yes", "7")
    assert manifest["environment"]["versions"]["numpy"] == np.__version__
