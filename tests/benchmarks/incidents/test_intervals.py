from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from intervals import LIKE_CASES, Judged, population_effect, told

from workbench.attacks.injection import DecisionLog
from workbench.data.roles import Roles
from workbench.models.python import python_target
from workbench.result import Finding

START = pd.Timestamp("2026-01-01")
SPLIT = START + pd.Timedelta(hours=4)


@pytest.fixture
def log() -> DecisionLog:
    """Eight decisions an hour apart; the last four are under suspicion."""
    frame = pd.DataFrame(
        {
            "at": START + pd.to_timedelta(np.arange(8), unit="h"),
            "sex": ["f", "m", "f", "m", "f", "m", "f", "m"],
            "prediction": [0, 0, 0, 1, 1, 0, 1, 1],
            "label": [0, 0, 1, 1, 0, 0, 0, 1],
            "score": 0.5,
        }
    )
    target = python_target(lambda rows: rows["score"].to_numpy(), name="test")
    roles = Roles(time="at", prediction="prediction", label="label", score="score", favorable=1, features=("sex",))
    return DecisionLog(frame, roles, target, target, 0.5, "sex")


def found(kind: str, where: str, unit: str, **given: Any) -> Finding:
    return Finding(kind, given.pop("statement", ""), ("label",), where, effect=0.1, unit=unit, **given)


def test_a_slice_is_held_against_the_rest_and_against_what_it_was(log: DecisionLog) -> None:
    finding = found("slice", 'sex = "f"', "error rate")
    now, before = 1.0 - 0.0, 0.5 - 0.0
    assert population_effect(finding, log, log, SPLIT) == pytest.approx(now - before)
    assert population_effect(finding, log, log, None) == pytest.approx(3 / 4 - 0)


def test_a_standing_slice_is_held_against_the_rest_alone(log: DecisionLog) -> None:
    assert population_effect(found("slice", 'sex = "f"', "error rate", standing=True), log, log, SPLIT) == pytest.approx(1.0)


def test_a_level_since_a_date_is_held_against_the_level_before(log: DecisionLog) -> None:
    onset = (START + pd.Timedelta(hours=6)).isoformat()
    finding = found("drift", f"at >= {onset}", "share of positive predictions", onset=onset)
    assert population_effect(finding, log, log, SPLIT) == pytest.approx(1 - 2 / 6)


def test_a_group_is_held_against_the_group_it_names(log: DecisionLog) -> None:
    finding = found("disparity", 'sex = "f"', "selection rate", statement="f against m (sex): selection rate 3 % against 4 %")
    assert population_effect(finding, log, log, None) == pytest.approx(2 / 4 - 2 / 4)
    assert population_effect(finding, log, log, SPLIT) == pytest.approx((1 - 0.5) - (0 - 0.5))


def test_a_unit_without_a_definition_is_not_judged(log: DecisionLog) -> None:
    assert population_effect(found("drift", "all rows", "total variation"), log, log, SPLIT) is None


def test_like_cases_are_those_that_nothing_happened_to(log: DecisionLog) -> None:
    """Scores grow with time in either log; in the broken one they are a tenth higher from the onset on."""
    onset = START + pd.Timedelta(hours=6)
    sound = log.frame.assign(id=range(8), score=np.linspace(0.1, 0.8, 8))
    broken = sound.assign(score=sound["score"] + np.where(sound["at"] >= onset, 0.1, 0.0))
    roles = replace(log.roles, row_id="id")
    logs = [replace(log, frame=frame, roles=roles) for frame in (broken, sound.sample(frac=1, random_state=0))]
    finding = found(
        "drift", f"at >= {onset.isoformat()}", "mean score", onset=onset.isoformat(), statement=f"{LIKE_CASES} 0.1 higher"
    )
    assert population_effect(finding, *logs, None) == pytest.approx(0.1)


def judged(truth: float | None) -> Judged:
    return Judged("k", "t", 9, "slice", "error rate", 1, standing=False, windows=True, effect=0.1, low=0.0, high=0.2, truth=truth)


def test_the_coverage_counts_intervals_that_hold_the_truth() -> None:
    items = [judged(truth) for truth in (0.1, 0.2, 0.3, None)]
    lines = list(told(items))
    assert lines[0].startswith("4 intervals, 3 judged")
    assert "2/3" in lines[1]
    assert "truth above 1, below 0" in lines[1]
