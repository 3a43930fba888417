"""A charter shown: rationale, date and author beside each bound, outcomes told apart without colour, small runs not shown."""

from dataclasses import replace
from typing import Any

import pytest

from workbench.attacks.scenarios.catalogue import find_scenario, open_catalogue
from workbench.attacks.scenarios.charter import EXAMPLE, Charter, judge_charter, read_charter
from workbench.result import Result
from workbench.views.charter import LOOKS, bindings_table, charter_figure, charter_sentence, criteria_table
from workbench.views.render import Sentence

CATALOGUE = open_catalogue()
DAMAGED = read_charter(EXAMPLE).criteria[0]


def run(name: str, value: float, rows: int = 400, target: str = "model") -> Result:
    said = {"scenario": find_scenario(name).id, "name": name, "measure": "share", "rows": rows, "trials": rows, "why": None}
    ends = {"value": value, "low": value - 0.05, "high": value + 0.05, "noisy": value > 0.4}
    made = {"arguments": {"target": [target, "1", f"sha256:{target}"]}, "time": "2026-02-01"}
    return Result("scenario", "a run", numbers={**said, **ends}, provenance=made)


@pytest.fixture
def judged() -> Result:
    criterion = replace(DAMAGED, scenarios=("unit-error", "wrong-encoding"), tags=())
    unbound = replace(DAMAGED, name="orphan", scenarios=(), tags=())
    charter = Charter("ours", "1", "ada", (criterion, unbound))
    return judge_charter(charter, CATALOGUE, [run("unit-error", 0.1), run("wrong-encoding", 0.5)])


def test_the_sentence_names_what_is_not_met_and_what_is_unbound(judged: Result) -> None:
    assert repr(charter_sentence(judged)) == "ours, version 1: 1 not met, 1 unbound. not met: damaged data. unbound: orphan."


def test_each_bound_shows_its_rationale_its_date_and_who_set_it(judged: Result) -> None:
    row = criteria_table(judged).frame.iloc[0]
    assert DAMAGED.rationale in row["threshold"]
    assert row["set by, on"] == "workbench, 2026-11-21"
    assert row["when broken"] == DAMAGED.remediation
    assert criteria_table(judged).frame["bound to"].tolist() == ["unit-error, wrong-encoding", "nothing"]


def test_every_scenario_shows_its_interval_and_n(judged: Result) -> None:
    rows = bindings_table(judged).frame.set_index("scenario")
    assert rows.loc["unit-error", ["outcome", "measured", "n"]].tolist() == ["met", "0.1 (0.05 to 0.15)", "400"]
    assert "noisy" in rows.loc["wrong-encoding", "why"]


def test_a_number_measured_without_an_interval_stands_alone() -> None:
    charter = Charter("ours", "1", "ada", (replace(DAMAGED, scenarios=("unit-error",), tags=()),))
    measured = run("unit-error", 0.1)
    bare = replace(measured, numbers=measured.numbers | {"low": None, "high": None})
    rows = bindings_table(judge_charter(charter, CATALOGUE, [bare])).frame
    assert rows["measured"].tolist() == ["0.1"]


def test_the_figure_is_in_units_of_the_bound_and_outcomes_differ_by_symbol(judged: Result) -> None:
    traces = {trace.name: trace for trace in charter_figure(judged).data}
    assert traces["met"].x == pytest.approx((0.5,))
    assert traces["not met"].x == pytest.approx((2.5,))
    assert traces["met"].error_x.array == pytest.approx((0.25,))
    assert len({symbol for _, symbol in LOOKS.values()}) == len(LOOKS)


def test_a_run_over_few_rows_shows_no_numbers() -> None:
    charter = Charter("ours", "1", "ada", (replace(DAMAGED, scenarios=("unit-error",), tags=()),))
    found = judge_charter(charter, CATALOGUE, [run("unit-error", 0.1, rows=7)])
    row: Any = bindings_table(found).frame.iloc[0]
    assert (row["measured"], row["n"], row["why"]) == ("–", "–", "fewer than ten rows")
    assert isinstance(charter_figure(found), Sentence)


def test_what_was_measured_comes_before_what_was_not_run() -> None:
    charter = Charter("ours", "1", "ada", (replace(DAMAGED, scenarios=("wrong-encoding", "unit-error"), tags=()),))
    found = judge_charter(charter, CATALOGUE, [run("unit-error", 0.1)])
    assert bindings_table(found).frame["scenario"].tolist() == ["unit-error", "wrong-encoding"]
    assert bindings_table(found).frame["why"].tolist() == ["–", "not run"]


def test_without_runs_a_sentence_says_so() -> None:
    found = judge_charter(read_charter(EXAMPLE), CATALOGUE)
    assert "No runs were given" in repr(bindings_table(found))
    assert isinstance(charter_figure(found), Sentence)


def test_two_targets_are_told_apart() -> None:
    charter = Charter("ours", "1", "ada", (replace(DAMAGED, scenarios=("unit-error",), tags=()),))
    found = judge_charter(charter, CATALOGUE, [run("unit-error", 0.1, target=name) for name in ("old", "new")])
    labels = [label for trace in charter_figure(found).data for label in trace.y]
    assert sorted(labels) == ["damaged data: unit-error (new 1)", "damaged data: unit-error (old 1)"]
