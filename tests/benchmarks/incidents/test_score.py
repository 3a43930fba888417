from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from score import Score, hits, mark, oracle, overlap

from workbench.attacks.injection import DecisionLog, Truth
from workbench.attacks.injection.truth import Shift
from workbench.data.roles import Roles
from workbench.models.python import python_target
from workbench.predicate import ALL_ROWS, Predicate
from workbench.result import Finding

HOURS = 100
START = pd.Timestamp("2026-01-01")


@pytest.fixture
def log() -> DecisionLog:
    """A row per hour; every second one is of the feed north."""
    frame = pd.DataFrame(
        {
            "at": START + pd.to_timedelta(np.arange(HOURS), unit="h"),
            "feed": np.where(np.arange(HOURS) % 2 == 0, "north", "south"),
            "age": np.arange(HOURS),
        }
    )
    target = python_target(lambda rows: rows["age"].to_numpy(), name="test")
    return DecisionLog(frame, Roles(time="at", features=("age", "feed")), target, target, 0.5, "feed")


def truth_of(log: DecisionLog, **given: Any) -> Truth:
    """From hour 60 on, of the feed north."""
    where = given.get("where", Predicate.parse('feed = "north"'))
    onset = START + pd.Timedelta(hours=60)
    made: dict[str, Any] = {
        "kind": "unit error", "accepted": frozenset({"integrity"}), "causes": frozenset({"unit error"}), "columns": (("age",),),
        "where": where, "rows": where.mask(log.frame) & log.since(onset), "onset": onset,
        "shift": Shift("mean", 0.0, 1.0, 1.0, 20, 30),
    }  # fmt: skip
    return Truth(**made | given)


def score_of(**given: Any) -> Score:
    made: dict[str, Any] = {
        "kind": "unit error", "table": "test", "strength": "plain", "rows": HOURS, "windows": True, "held_out": False,
        "signal": 9.0, "detectable": True, "detectable_alone": True, "detail": "",
    }  # fmt: skip
    return Score(**made | given)


def marked(log: DecisionLog, findings: list[Finding], truth: Truth | None, **given: Any) -> Score:
    return mark(score_of(**given), findings, truth, log, (START + pd.Timedelta(hours=50), START + pd.Timedelta(hours=100)))


ALL = np.ones(HOURS, dtype=bool)
RIGHT = Finding("integrity", "age is in another unit", ("age",))


def test_a_finding_of_the_right_kind_and_column_hits(log: DecisionLog) -> None:
    assert hits(RIGHT, truth_of(log), log, ALL)


@pytest.mark.parametrize(
    "wrong",
    [
        replace(RIGHT, kind="drift"),
        replace(RIGHT, columns=("feed",)),
        replace(RIGHT, cause="nulls"),
    ],
    ids=["kind", "column", "cause"],
)
def test_another_kind_column_or_cause_misses(log: DecisionLog, wrong: Finding) -> None:
    assert not hits(wrong, truth_of(log), log, ALL)


def test_a_column_may_be_named_by_the_rows(log: DecisionLog) -> None:
    assert hits(replace(RIGHT, columns=(), where="age >= 3"), truth_of(log), log, ALL)


def test_a_slice_of_other_rows_does_not_hit_by_naming_the_label(log: DecisionLog) -> None:
    truth = truth_of(log, accepted=frozenset({"slice", "drift"}), columns=(("age",),))
    assert not hits(Finding("slice", "", ("age", "feed"), where="age < 10"), truth, log, ALL)
    assert hits(Finding("slice", "", ("age",), where='feed = "north"'), truth, log, ALL)


def test_a_slice_hits_by_its_rows(log: DecisionLog) -> None:
    truth = truth_of(log, kind="slice regression", accepted=frozenset({"slice"}), where=Predicate.parse("age >= 60"))
    assert hits(Finding("slice", "", where='age in [58, 200) and feed in {"north", "south"}'), truth, log, ALL)
    assert not hits(Finding("slice", "", where='feed = "south"'), truth, log, ALL)


@pytest.mark.parametrize(
    ("where", "onset", "expected"), [('feed = "north"', 60, 1.0), ('feed = "north"', None, 20 / 50), ("all rows", 60, 0.5)]
)
def test_the_overlap_is_that_of_the_rows_since_the_onset(
    log: DecisionLog, where: str, onset: int | None, expected: float
) -> None:
    began = None if onset is None else (START + pd.Timedelta(hours=onset)).isoformat()
    assert overlap(Finding("integrity", "", where=where, onset=began), truth_of(log), log, ALL) == pytest.approx(expected)


def test_the_first_hit_gives_rank_and_onset(log: DecisionLog) -> None:
    late = (START + pd.Timedelta(hours=65)).isoformat()
    score = marked(log, [Finding("drift", ""), replace(RIGHT, onset=late)], truth_of(log))
    assert (score.top1, score.top3, score.rank) == (False, True, 2)
    assert score.onset_error == pytest.approx(5 / 50)


def test_the_fourth_finding_is_none_of_the_first_three(log: DecisionLog) -> None:
    score = marked(log, [Finding("drift", "")] * 3 + [RIGHT], truth_of(log))
    assert (score.top1, score.top3, score.rank) == (False, False, 4)


def test_of_two_faults_the_first_three_must_name_both(log: DecisionLog) -> None:
    parts = (truth_of(log), truth_of(log, columns=(("feed",),)))
    truth = truth_of(log, kind="two faults", parts=parts, columns=())
    assert marked(log, [RIGHT], truth).top1
    assert not marked(log, [RIGHT], truth).top3
    assert marked(log, [RIGHT, replace(RIGHT, columns=("feed",))], truth).top3


def test_without_windows_an_undated_disparity_is_a_fact_of_the_table(log: DecisionLog) -> None:
    fact = Finding("disparity", "", ("feed",), severity="high")
    score = marked(log, [fact, RIGHT], truth_of(log), windows=False)
    assert score.rank == 1
    quiet = marked(log, [fact], None, windows=False, verdict="incident")
    assert not quiet.alarm


def test_a_finding_that_wakes_somebody_is_an_alarm(log: DecisionLog) -> None:
    assert marked(log, [RIGHT], None, windows=False).alarm
    assert not marked(log, [replace(RIGHT, severity="low")], None, windows=False).alarm
    assert marked(log, [], None, verdict="incident").alarm


@pytest.mark.parametrize("hypotheses", [1, 40, 5_000])
def test_the_oracle_detects_at_the_power_it_states(hypotheses: int) -> None:
    limit = stats.norm.isf(0.01 / hypotheses / 2)
    at_power = limit + stats.norm.ppf(0.9)
    assert oracle(at_power + 1e-6, hypotheses)
    assert not oracle(at_power - 1e-3, hypotheses)


def test_nothing_is_marked_where_nothing_happened(log: DecisionLog) -> None:
    score = marked(log, [RIGHT], truth_of(log, onset=None, accepted=frozenset(), columns=(), where=ALL_ROWS))
    assert (score.rank, score.top1) == (None, False)
