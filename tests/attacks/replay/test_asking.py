"""Sending: in which calls, within which limits, where, and going on after a kill."""

import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench.attacks.decisions import Vocabulary
from workbench.attacks.recorder import RecordingWriter
from workbench.attacks.recording import Recording, open_recording
from workbench.attacks.replay.asking import Limits, Meter, ask
from workbench.attacks.replay.journal import Journal
from workbench.attacks.verdict import gather
from workbench.errors import InputError
from workbench.models import Prediction, Target, python_target


@pytest.fixture
def parts(tmp_path: Path, frame: pd.DataFrame, linear: Target) -> Recording:
    """Eighty rows in eight parts of two calls."""
    writer = RecordingWriter(tmp_path / "parts", part_rows=10)
    for start in range(0, 80, 5):
        rows = frame.iloc[start : start + 5]
        writer.add(rows, linear.predict(rows), started=0, seconds=0)
    return writer.close()


class Sizes:
    """A target that notes the size of each call."""

    name, version, digest, production = "sizes", "1", "sha256:s", False

    def __init__(self, target: Target) -> None:
        self.target, self.calls = target, list[int]()

    def predict(self, frame: pd.DataFrame) -> Prediction:
        self.calls.append(len(frame))
        return self.target.predict(frame)


def scores(predictions: Any) -> bytes:
    return gather(predictions, Vocabulary()).score.tobytes()


def test_coalesced_is_a_block_a_part_and_as_recorded_the_calls(parts: Recording, linear: Target) -> None:
    sizes = Sizes(linear)
    coalesced = scores(ask(parts, sizes))
    assert sizes.calls == [10] * 8
    sizes.calls.clear()
    assert scores(ask(parts, sizes, coalesce=False)) == coalesced
    assert sizes.calls == [5] * 16


def test_calls_are_bounded_and_the_rest_says_so(parts: Recording, linear: Target) -> None:
    sizes = Sizes(linear)
    answered = gather(ask(parts, sizes, meter=Meter(Limits(calls=3))), Vocabulary())
    assert len(sizes.calls) == 3
    assert answered.failed.sum() == 50
    assert answered.texts == ("not sent: limit of 3 calls",)


@pytest.mark.parametrize("coalesce", [True, False])
def test_calls_are_bounded_over_all_parts_of_an_executor(parts: Recording, linear: Target, *, coalesce: bool) -> None:
    sizes, meter = Sizes(linear), Meter(Limits(calls=3))
    with ThreadPoolExecutor(3) as executor:
        answered = gather(ask(parts, sizes, coalesce=coalesce, meter=meter, executor=executor), Vocabulary())
    assert len(sizes.calls) == 3
    assert answered.failed.sum() == 80 - sum(sizes.calls)
    assert answered.texts == ("not sent: limit of 3 calls",)
    assert meter.refused
    assert meter.refusal() is not None


def test_calls_finished_before_take_nothing_of_the_limits(parts: Recording, linear: Target, tmp_path: Path) -> None:
    first = Journal(tmp_path, "limits")
    gather(ask(parts, Sizes(linear), coalesce=False, meter=Meter(Limits(calls=10)), journal=first), Vocabulary())
    first.close()
    sizes, journal = Sizes(linear), Journal(tmp_path, "limits")
    with ThreadPoolExecutor(2) as executor:
        rest = ask(parts, sizes, coalesce=False, meter=Meter(Limits(calls=6)), executor=executor, journal=journal)
        assert not gather(rest, Vocabulary()).failed.any()
    assert len(sizes.calls) == 6


def test_shares_of_the_rate_add_up_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("workbench.attacks.replay.asking.time.sleep", slept.append)
    share = Meter(Limits(calls=100, per_second=2.0)).give(40, among=4)
    meter = share.meter()
    assert [meter.refusal() for _ in range(3)] == [None] * 3
    assert slept == pytest.approx([2.0, 4.0], abs=0.2)
    assert share.calls == 40


def test_time_is_bounded_for_a_share_too(parts: Recording, linear: Target) -> None:
    meter = Meter(Limits(seconds=5))
    meter.begun -= 10
    with ThreadPoolExecutor(2) as executor:
        answered = gather(ask(parts, linear, meter=meter, executor=executor), Vocabulary())
    assert answered.texts == ("not sent: limit of 5 seconds",)


def test_time_is_bounded(parts: Recording, linear: Target) -> None:
    meter = Meter(Limits(seconds=5))
    meter.begun -= 10
    assert gather(ask(parts, linear, meter=meter), Vocabulary()).failed.all()


def test_the_rate_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("workbench.attacks.replay.asking.time.sleep", slept.append)
    meter = Meter(Limits(per_second=1.0))
    assert [meter.refusal() for _ in range(3)] == [None] * 3
    assert slept == pytest.approx([1.0, 2.0], abs=0.2)


@pytest.mark.parametrize("limits", [{"calls": 0}, {"seconds": 0}, {"per_second": 0}])
def test_a_limit_that_lets_nothing_through_is_refused(limits: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        Limits(**limits)


def test_threads_answer_as_one_does(parts: Recording, linear: Target) -> None:
    with ThreadPoolExecutor(3) as executor:
        assert scores(ask(parts, linear, executor=executor)) == scores(ask(parts, linear))


def decide(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"decision": (frame["a"] > 0).astype(int), "score": frame["a"]})


def test_a_target_that_raises_or_answers_too_little_is_recorded(parts: Recording) -> None:
    class Bad:
        name, version, digest, production = "bad", "1", "sha256:b", False

        def predict(self, frame: pd.DataFrame) -> Prediction:
            if frame.index[0] == 0:
                raise ConnectionError("gone")
            rows = len(frame) - 1
            nothing = np.full(rows, None, dtype=object)
            return Prediction(nothing, np.zeros(rows), np.zeros(rows), np.zeros(rows, bool), nothing)

    answered = gather(ask(parts, Bad(), coalesce=False), Vocabulary())
    assert answered.failed.all()
    assert set(answered.texts) == {"ConnectionError: gone", "wrong shape: 4 answers for 5 rows"}


def test_a_finished_call_is_not_made_again(parts: Recording, linear: Target, tmp_path: Path) -> None:
    sizes = Sizes(linear)
    whole = scores(ask(parts, linear, coalesce=False))
    first = Journal(tmp_path / "journal", "key")
    list(ask(parts, sizes, coalesce=False, meter=Meter(Limits(calls=7)), journal=first))
    first.close()
    sizes.calls.clear()
    again = scores(ask(parts, sizes, coalesce=False, journal=Journal(tmp_path / "journal", "key")))
    assert again == whole
    assert len(sizes.calls) == 16 - 7


KILLED = """
import os, sys
from pathlib import Path
import pandas as pd
from workbench.attacks.replay.asking import ask
from workbench.attacks.replay.journal import Journal
from workbench.attacks.recording import open_recording
from workbench.models import python_target

calls = 0
def decide(frame):
    global calls
    calls += 1
    if calls == 6:
        os.kill(os.getpid(), 9)
    return (frame["a"] > 0).astype(int)

folder = Path(sys.argv[1])
list(ask(open_recording(folder / "parts"), python_target(decide, digest="sha256:k"), coalesce=False,
         journal=Journal(folder / "journal", "key")))
"""


@pytest.mark.usefixtures("parts")
def test_after_kill_9_it_goes_on_with_the_call_that_was_under_way(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    assert done.returncode == -9
    sizes = Sizes(python_target(lambda frame: (frame["a"] > 0).astype(int), digest="sha256:k"))
    list(ask(open_recording(tmp_path / "parts"), sizes, coalesce=False, journal=Journal(tmp_path / "journal", "key")))
    assert len(sizes.calls) == 16 - 5


def test_an_entry_cut_short_is_dropped(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "key")
    one = Prediction(
        np.array([1, 0]), np.array([0.1 + 0.2, np.nan]), np.array([1e-9, 2.0]), np.array([False, True]),
        np.array([None, "timeout: x"], dtype=object),
    )  # fmt: skip
    for call in range(3):
        journal.keep(0, call, one)
    journal.close()
    whole = journal.path.read_bytes()
    journal.path.write_bytes(whole[:-3])
    kept = Journal(tmp_path, "key").finished(0)
    assert sorted(kept) == [0, 1]
    for name in ("decision", "score", "latency", "abstained"):
        assert getattr(kept[1], name).tobytes() == getattr(one, name).tobytes()
    assert kept[1].error.tolist() == [None, "timeout: x"]


def test_journals_of_other_questions_are_apart(tmp_path: Path) -> None:
    assert Journal(tmp_path, ["a", True]).path != Journal(tmp_path, ["a", False]).path


@pytest.mark.slow
def test_processes_and_a_dask_cluster_answer_as_one_does(parts: Recording) -> None:
    distributed = pytest.importorskip("distributed")
    target = python_target(decide)
    alone = scores(ask(parts, target))
    with ProcessPoolExecutor(2) as executor:
        assert scores(ask(parts, target, executor=executor)) == alone
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        assert scores(ask(parts, target, executor=client.get_executor())) == alone
