"""Recorded attacks that come back are told, dated and named; what matches them by chance is not."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench.attacks.recorder import RecordingWriter
from workbench.attacks.recording import Recording
from workbench.attacks.recurrence import find_recurrences, open_recordings
from workbench.data.dataset import Dataset, open_dataset
from workbench.errors import InputError
from workbench.models.target import Prediction
from workbench.predicate import Predicate

FEATURES = ["income", "age", "region", "amount", "debts"]
BEFORE = Predicate.parse("time < 2026-02-01")
SCENARIO = {"name": "constrained-evasion", "id": "sha256:abc"}


def quiet(rows: int = 4000, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    seconds = np.sort(rng.integers(0, 60 * 86_400, rows))
    return pd.DataFrame({
        "id": np.arange(rows), "time": pd.Timestamp("2026-01-01") + pd.to_timedelta(seconds, unit="s"),
        "income": rng.gamma(4, 12, rows).round(2), "age": rng.integers(18, 80, rows),
        "region": rng.choice(["north", "south", "west"], rows), "amount": rng.gamma(2, 5, rows).round(2),
        "debts": rng.poisson(2, rows),
    })  # fmt: skip


def opened(frame: pd.DataFrame, *, timed: bool = True) -> Dataset:
    return open_dataset(frame, {"row_id": "id", "features": FEATURES, **({"time": "time"} if timed else {})})


ORIGINAL = quiet(300, seed=7)[FEATURES]
CRAFTED = ORIGINAL.assign(income=ORIGINAL["income"] + 3.3, age=ORIGINAL["age"] + 4)


def came_back(frame: pd.DataFrame, rows: int = 80, near: float = 0.5) -> pd.DataFrame:
    """From 10 February on, recorded inputs again, a part of them with a slightly other income."""
    rng = np.random.default_rng(1)
    again = CRAFTED.iloc[:rows].copy()
    again.iloc[: int(near * rows), 0] += 0.5
    seconds = rng.integers(0, 18 * 86_400, rows)
    again = again.assign(id=10**6 + np.arange(rows), time=pd.Timestamp("2026-02-10") + pd.to_timedelta(seconds, unit="s"))
    return pd.concat([frame, again], ignore_index=True).sort_values("time", kind="stable").reset_index(drop=True)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Recording]:
    def writing(name: str = "attack", *, harmless: bool = True, **about: Any) -> Recording:
        whole = pd.concat([CRAFTED, ORIGINAL], ignore_index=True) if harmless else CRAFTED
        origin = np.array(["o"] * len(CRAFTED) + [None] * (len(whole) - len(CRAFTED)), dtype=object)
        nothing, rows = np.zeros(len(whole)), len(whole)
        answered = Prediction(np.ones(rows), nothing, nothing, np.zeros(rows, bool), np.full(rows, None, dtype=object))
        writer = RecordingWriter(tmp_path / "recordings" / name, about)
        writer.add(whole, answered, started=0.0, seconds=1.0, origin=origin if harmless else None)
        return writer.close()

    return writing


@pytest.mark.parametrize("kept", ["attacks", "attacks and originals"])
def test_what_came_back_is_dated_and_named(kept: str, write: Callable[..., Recording]) -> None:
    recording = write(harmless="originals" in kept, scenario=SCENARIO)
    dataset = opened(came_back(quiet()))
    [found], table, marks = find_recurrences([dataset], [recording])
    assert abs(found.onset - np.datetime64("2026-02-10")) < np.timedelta64(36, "h")
    assert found.p < 1e-6
    assert found.effect == pytest.approx(80 / (80 + (quiet()["time"] >= "2026-02-10").sum()), abs=0.01)
    assert found.interval[0] < found.effect < found.interval[1]
    assert recording.content in found.about
    assert "scenario constrained-evasion sha256:abc" in found.about
    assert "40 of them exactly" in found.said
    assert (dataset.frame["id"].to_numpy() >= 10**6)[marks].mean() > 0.8
    assert table["rows_exact"].tolist() == [40]
    assert table["background"].tolist() == ["the log before"]


def test_against_a_reference_window(write: Callable[..., Recording]) -> None:
    dataset = opened(came_back(quiet()))
    [found], table, _ = find_recurrences([dataset.select(BEFORE), dataset.exclude(BEFORE)], [write()])
    row = table.iloc[0]
    assert found.effect == pytest.approx(row["share"] - row["share_before"])
    assert row["background"] == "the reference window"
    assert Predicate.parse(str(found.where)).mask(dataset.frame).any()


@pytest.mark.parametrize("background", ["the recording's harmless inputs", "rows of the log itself"])
def test_without_times_other_inputs_are_the_background(background: str, write: Callable[..., Recording]) -> None:
    recording = write(harmless="harmless" in background)
    [found], table, _ = find_recurrences([opened(came_back(quiet(), near=1.0), timed=False)], [recording])
    assert found.onset is None
    assert table["background"].tolist() == [background]
    assert find_recurrences([opened(quiet(), timed=False)], [recording])[0] == []


@pytest.mark.parametrize("seed", range(5))
def test_a_log_without_the_attack_shows_none(seed: int, write: Callable[..., Recording]) -> None:
    dataset = opened(quiet(seed=20 + seed))
    recording = write()
    for windows in ([dataset], [dataset.select(BEFORE), dataset.exclude(BEFORE)]):
        patterns, table, marks = find_recurrences(windows, [recording])
        assert patterns == []
        assert not marks.any()
        assert table["inputs"].tolist() == [300]


def test_among_many_near_ones_exact_copies_stand_out(write: Callable[..., Recording]) -> None:
    """Two columns: rows near a recorded input are many, the very input is rare."""
    frame = came_back(quiet()).drop(columns=["amount", "debts", "region"])
    dataset = open_dataset(frame, {"row_id": "id", "time": "time", "features": ["income", "age"]})
    writer = RecordingWriter(write().folder.parent / "two columns")
    nothing = np.zeros(300)
    answered = Prediction(np.ones(300), nothing, nothing, np.zeros(300, bool), np.full(300, None, dtype=object))
    writer.add(CRAFTED[["income", "age"]].reset_index(drop=True), answered, started=0.0, seconds=1.0)
    [found], table, _ = find_recurrences([dataset], [writer.close()])
    assert table["rows_matched"].iloc[0] > 300
    assert found.rows == pytest.approx(40, abs=8)
    assert "exactly one of its 300 inputs" in found.said


def test_in_a_log_of_few_values_matches_are_chance(write: Callable[..., Recording]) -> None:
    """Old or young, rich or poor: nearly every row is a recorded input, before as after."""
    coarse = quiet().assign(income=lambda data: data["income"] // 60, age=lambda data: data["age"] // 40, amount=0.0, debts=0)
    writer = RecordingWriter(write().folder.parent / "coarse")
    inputs = coarse[FEATURES].sample(40, random_state=2)
    nothing = np.zeros(40)
    answered = Prediction(np.ones(40), nothing, nothing, np.zeros(40, bool), np.full(40, None, dtype=object))
    writer.add(inputs, answered, started=0.0, seconds=1.0)
    dataset, recording = opened(coarse), writer.close()
    for windows in ([dataset], [dataset.select(BEFORE), dataset.exclude(BEFORE)], [opened(coarse, timed=False)]):
        patterns, table, _ = find_recurrences(windows, [recording])
        assert table["rows_matched"].iloc[0] > 1000
        assert patterns == []


def test_recordings_are_found_alone_or_in_a_folder_of_them(write: Callable[..., Recording], tmp_path: Path) -> None:
    one, other = write("one"), write("two", harmless=False)
    assert [item.content for item in open_recordings(one.folder)] == [one.content]
    assert [item.content for item in open_recordings(one.folder.parent)] == [one.content, other.content]
    with pytest.raises(InputError, match="no recordings here"):
        open_recordings(tmp_path / "none")


def test_a_recording_of_other_columns_or_of_this_very_log_is_refused(write: Callable[..., Recording]) -> None:
    dataset = opened(quiet())
    with pytest.raises(InputError, match="too few columns"):
        find_recurrences([open_dataset(quiet()[["id", "time", "age"]], {"time": "time"})], [write()])
    with pytest.raises(InputError, match="very log"):
        find_recurrences([dataset], [write("own", source={"fingerprint": dataset.fingerprint})])
