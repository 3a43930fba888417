"""System health: what waits, by its definition; what stands downstream; and a row beside accuracy for every kind of run."""

import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.attacks.generators.cascade import failing_downstream
from workbench.attacks.generators.load import arrivals, load
from workbench.attacks.generators.stress import missing_fields
from workbench.attacks.health import (
    AXES,
    COLUMNS,
    HEALTHY,
    downstream_status,
    health_point,
    mean_waiting,
    most_waiting,
    resident_megabytes,
)
from workbench.attacks.recording import Recording
from workbench.attacks.replay import replay
from workbench.attacks.scenarios.catalogue import find_scenario
from workbench.attacks.scenarios.rehearsal import rehearse
from workbench.attacks.scenarios.trial import Setting
from workbench.models import Target, python_target

TIMES = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 9), st.integers(1, 9)), min_size=1, max_size=12)
DOWN = {"component": "store", "start": 5.0, "end": 10.0}


@given(TIMES)
def test_the_longest_queue_is_counted_at_every_moment(times: list[tuple[int, int, int]]) -> None:
    due, begun = np.array([row[0] for row in times], float), np.array([row[0] + row[1] for row in times], float)
    longest = max(int(((due <= moment) & (begun > moment)).sum()) for moment in range(40))
    assert most_waiting(due, begun) == longest


@given(TIMES)
def test_the_mean_that_waits_is_the_area_under_the_queue(times: list[tuple[int, int, int]]) -> None:
    due, begun, ended = (np.array(column, float) for column in zip(*((a, a + b, a + b + c) for a, b, c in times), strict=True))
    moments = np.arange(due.min(), ended.max())  # whole seconds: the queue is constant inside each
    area = sum(int(((due <= moment) & (begun > moment)).sum()) for moment in moments)
    assert mean_waiting(due, begun, ended) == pytest.approx(area / len(moments))


def test_nobody_waits_where_everything_begins_when_it_is_due() -> None:
    due = np.arange(5.0)
    assert mean_waiting(due, due, due + 1) == 0.0
    assert most_waiting(due, due) == 0


def test_downstream_is_the_kind_of_error_most_requests_met() -> None:
    assert downstream_status([None, None]) == HEALTHY
    assert downstream_status([None, "timeout: no answer in 1 s", "timeout: no answer in 1 s", "status: 500"]) == "timeout"


def test_memory_grows_by_what_is_held() -> None:
    before = resident_megabytes()
    held = np.ones(40_000_000)
    after = resident_megabytes()
    assert before is not None
    assert after is not None
    assert held.nbytes == 320e6
    assert 250 < after - before < 400


def test_without_proc_the_most_ever_held_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    now = resident_megabytes() or 0.0
    monkeypatch.setattr("workbench.attacks.health.STATM", tmp_path / "none")
    assert (resident_megabytes() or 0.0) >= 0.95 * now > 0


def test_a_point_with_few_requests_is_not_shown_to_others() -> None:
    assert [health_point("calls per second", 1, requests, 0)["suppressed"] for requests in (9, 10)] == [True, False]


def test_load_shows_errors_queue_memory_and_accuracy_by_callers(make_setting: Callable[..., Setting]) -> None:
    labels = make_setting().label

    def half_broken(frame: pd.DataFrame) -> np.ndarray:
        if frame["debts"].iloc[0] >= 3:
            raise TimeoutError("timeout: the store")
        return np.ones(len(frame), dtype=int)

    setting = make_setting(python_target(half_broken, digest="sha256:h"))
    table = load(setting, callers=[1, 2], calls=40, slow=60.0).tables["health"]
    assert [*table.columns] == [*COLUMNS]
    assert table["at"].tolist() == [1.0, 2.0]
    places = setting.generator(71).integers(0, len(setting), size=(40, 1))[:, 0]
    broken = setting.frame["debts"].to_numpy()[places] >= 3
    assert table["errors"].tolist() == [int(broken.sum())] * 2
    assert labels is not None
    right = ~broken & (labels[places] == 1)
    assert table["accuracy"].tolist() == pytest.approx([right.mean()] * 2)
    assert (table["downstream"] != HEALTHY).all()
    assert (table["memory"] > 0).all()
    assert table["waiting"].min() == 0.0


def test_arrivals_are_all_asked_once_at_each_rate(make_setting: Callable[..., Setting]) -> None:
    asked: list[int] = []

    def counting(frame: pd.DataFrame) -> np.ndarray:
        asked.append(len(frame))
        return np.ones(len(frame), dtype=int)

    setting = make_setting(python_target(counting, digest="sha256:c"))
    trial = arrivals(setting, rates=[500, 1000], calls=20, workers=2, batch=3, slow=60.0)
    assert asked == [3] * 40
    assert trial.tables["health"]["at"].tolist() == [500.0, 1000.0]
    assert set(trial.tables["health"]["axis"]) <= set(AXES)


def test_a_fault_shows_accuracy_beside_errors_by_level(make_setting: Callable[..., Setting]) -> None:
    trial = missing_fields(make_setting(), levels=(0.0, 0.5, 1.0))
    table = trial.tables["health"]
    assert table["accuracy"].tolist() == pytest.approx(trial.tables["curve"]["accuracy"].tolist())
    assert table["errors"].tolist() == trial.tables["curve"]["errors"].tolist()
    assert table["accuracy"].iloc[0] > table["accuracy"].iloc[-1]


def test_an_outage_shows_what_is_down_and_how_many_wait_by_second(make_setting: Callable[..., Setting]) -> None:
    options = {"fallback": False, "timeout": 0.5}
    table = failing_downstream(make_setting(), outages=[DOWN], seconds=15.0, options=options).tables["health"].set_index("at")
    during = (table.index >= 5) & (table.index < 10)
    assert set(table.loc[during, "downstream"]) == {"store down"}
    assert set(table.loc[~during, "downstream"]) == {HEALTHY}
    assert table.loc[~during, "errors"].sum() == 0
    assert table.loc[during, "error_rate"].mean() > 0.8
    assert table.loc[during, "waiting"].min() > table.loc[~during, "waiting"].max()
    assert table.loc[during, "accuracy"].max() < table.loc[~during, "accuracy"].min()


def test_what_the_machine_measures_is_no_part_of_the_digest(make_setting: Callable[..., Setting], monkeypatch: Any) -> None:
    scenario = find_scenario("failing-downstream")
    first = rehearse(scenario, make_setting())
    monkeypatch.setattr("workbench.attacks.generators.cascade.resident_megabytes", lambda: 1.0)
    second = rehearse(scenario, make_setting())
    assert set(second.tables["health"]["memory"]) == {1.0} != set(first.tables["health"]["memory"])
    assert first.digest == second.digest
    assert json.dumps(first.to_dict()["tables"]["health"])  # type: ignore[index,call-overload]


def test_a_replay_shows_errors_memory_and_accuracy_along_the_recording(
    recorded: Recording, linear: Target, scored: Callable[..., Target]
) -> None:
    def breaks(frame: pd.DataFrame) -> np.ndarray:
        raise TimeoutError(f"timeout: {len(frame)} rows")

    targets = [linear, scored(breaks, "broken"), scored(lambda frame: np.full(len(frame), 0.9), "steady")]
    found = replay(recorded, targets, fresh=None)
    table, verdicts = found.tables["health"], found.tables["verdicts"]
    assert table.groupby("part")["requests"].sum().to_dict() == dict.fromkeys(("linear", "broken", "steady"), recorded.rows)
    sound, broken, steady = (table[table["part"] == name] for name in ("linear", "broken", "steady"))
    assert sound["errors"].sum() == 0
    assert broken["error_rate"].tolist() == [1.0] * len(broken)
    assert set(broken["accuracy"].dropna()) <= {0.0}
    assert sound["at"].iloc[-1] == 1.0
    assert (sound["memory"] > 0).all()
    outcome = verdicts.loc[verdicts["target"] == "steady", "outcome"].to_numpy()
    edges = np.linspace(0, recorded.rows, len(steady) + 1).astype(int)
    judged = np.array([(outcome[start:end] != "not judged").sum() for start, end in pairwise(edges)])
    assert (steady["accuracy"].fillna(0.0).to_numpy() * judged).sum() == pytest.approx((outcome == "pass").sum())
    assert 0 < (outcome == "pass").sum() < len(outcome)
    assert replay(recorded, targets, fresh=None).digest == found.digest
