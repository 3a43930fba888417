"""The safety charter: what is refused and where it says so, what a criterion is bound to, and met by the whole interval."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from workbench.attacks.scenarios.catalogue import Catalogue, find_scenario, open_catalogue
from workbench.attacks.scenarios.charter import EXAMPLE, SAID, Charter, judge_charter, read_charter
from workbench.attacks.scenarios.rehearsal import rehearse
from workbench.attacks.scenarios.runs import read_runs
from workbench.attacks.scenarios.trial import Setting
from workbench.errors import InputError
from workbench.models import python_target
from workbench.result import Result

CATALOGUE = open_catalogue()
CRITERION = {
    "name": "units", "failure_mode": "a unit error decides", "metric": "decisions that change", "threshold": {"at_most": 0.2},
    "rationale": "no more can be put right", "set_by": "ada", "set_on": "2026-01-31", "remediation": "roll back",
    "scenarios": ["unit-error"],
}  # fmt: skip


def write(folder: Path, *criteria: Mapping[str, Any], **head: Any) -> Path:
    path = folder / "charter.yaml"
    form = {"name": "ours", "version": "1", "owner": "ada", **head, "criteria": [dict(item) for item in criteria]}
    path.write_text(yaml.safe_dump(form, sort_keys=False))
    return path


def run(about: str = "unit-error", **numbers: Any) -> Result:
    """A run as `rehearse` writes it."""
    held = find_scenario(about)
    said = {"scenario": held.id, "name": held.name, "measure": "share", "rows": 400, "trials": 300, "why": None, "noisy": False}
    made = {"arguments": {"target": ["model", "1", "sha256:m"]}, "time": "2026-02-01T00:00:00.000+00:00"}
    return Result("scenario", "a run", numbers={**said, **numbers}, provenance=made)


def judged(folder: Path, *runs: Result, **criterion: Any) -> dict[str, Any]:
    charter = read_charter(write(folder, {**CRITERION, **criterion}))
    [line] = judge_charter(charter, CATALOGUE, runs).tables["criteria"].to_dict("records")
    return line


def test_the_shipped_example_binds_every_criterion_and_every_scenario() -> None:
    found = judge_charter(read_charter(EXAMPLE), CATALOGUE)
    assert set(found.tables["criteria"]["outcome"]) == {"not tried"}
    assert set(found.tables["criteria"]["absent"]) == {""}
    assert found.numbers["uncharted"] == []


@pytest.mark.parametrize("name", SAID)
@pytest.mark.parametrize("value", [None, ""])
def test_a_blank_field_is_refused_by_line_field_and_value(tmp_path: Path, name: str, value: object) -> None:
    path = write(tmp_path, {**CRITERION, name: value})
    line = next(
        at for at, text in enumerate(path.read_text().splitlines(), 1) if text.lstrip("- ").startswith(f"{name}:") and at > 3
    )
    with pytest.raises(InputError, match=rf"charter.yaml, line {line}: a blank field: criteria\[1\]\.{name}: {value!r}\. Say "):
        read_charter(path)


@pytest.mark.parametrize("name", SAID)
def test_a_missing_field_is_named_with_what_to_say(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, {key: value for key, value in CRITERION.items() if key != name})
    with pytest.raises(InputError, match=rf"line 5: the field {name} is missing: criteria\[1\]\. Say {SAID[name]}"):
        read_charter(path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"treshold": 1}, r"line 16: unknown field: criteria\[1\]\.treshold: 1\. Fields: "),
        ({"threshold": 0.2}, r"no bound: criteria\[1\]\.threshold: 0\.2"),
        ({"threshold": {"at_most": 0.1, "at_least": 0.1}}, "no bound"),
        ({"threshold": {"below": 0.1}}, "no bound"),
        ({"set_on": "last week"}, r"no date: criteria\[1\]\.set_on: 'last week'"),
        ({"rationale": ["a", "b"]}, "not text"),
        ({"tags": {"a": 1}}, "no list of words"),
        ({"scenarios": ["unit-error", ""]}, "no list of words"),
    ],
)
def test_what_is_no_criterion_is_refused(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_charter(write(tmp_path, {**CRITERION, **change}))


def test_what_is_no_charter_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"two criteria of one name: criteria\[2\]\.name: 'units'"):
        read_charter(write(tmp_path, CRITERION, CRITERION))
    with pytest.raises(InputError, match="no list of criteria"):
        read_charter(write(tmp_path))
    with pytest.raises(InputError, match="line 3: a blank field: owner"):
        read_charter(write(tmp_path, CRITERION, owner=""))


def test_the_id_changes_with_any_field_and_survives_the_file(tmp_path: Path) -> None:
    first = read_charter(write(tmp_path, CRITERION))
    assert read_charter(write(tmp_path, CRITERION)).id == first.id
    edits: dict[str, Any] = {"threshold": {"at_most": 0.3}, "set_on": "2026-02-01", "scenarios": [], "tags": ["fairness"]}
    for name in (*SAID, "tags"):
        edited = {**CRITERION, name: edits.get(name, "another")}
        assert read_charter(write(tmp_path, edited)).id != first.id, name


def test_criteria_are_bound_by_name_by_id_and_by_tag_and_an_unbound_one_is_flagged(tmp_path: Path) -> None:
    held = find_scenario("heavy-load")
    criteria = (
        {**CRITERION, "name": "by id", "scenarios": [held.id]},
        {**CRITERION, "name": "by tag", "scenarios": ["unit-error"], "tags": ["poisoning"]},
        {**CRITERION, "name": "to nothing", "scenarios": []},
        {**CRITERION, "name": "to what is gone", "scenarios": ["unit-eror"]},
    )
    table = judge_charter(read_charter(write(tmp_path, *criteria)), CATALOGUE).tables["criteria"].set_index("criterion")
    assert table["scenarios"].to_dict() == {
        "by id": "heavy-load", "by tag": "unit-error, backdoor-poisoning, label-flip-poisoning", "to nothing": "",
        "to what is gone": "",
    }  # fmt: skip
    assert table["outcome"].to_dict() == {
        "by id": "not tried", "by tag": "not tried", "to nothing": "unbound", "to what is gone": "unbound",
    }  # fmt: skip
    assert table.loc["to what is gone", "absent"] == "unit-eror"


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.floats(0.01, 0.99))
def test_the_whole_interval_decides_and_the_point_estimate_never(one: float, two: float, three: float, bound: float) -> None:
    low, value, high = sorted((one, two, three))
    criterion = replace(read_charter(EXAMPLE).criteria[0], scenarios=("unit-error",), tags=())
    criterion = replace(criterion, threshold=replace(criterion.threshold, at_most=bound))
    found = judge_charter(Charter("c", "1", "ada", (criterion,)), CATALOGUE, [run(value=value, low=low, high=high)])
    expected = "met" if high <= bound else "not met" if low > bound else "could not tell"
    assert found.tables["criteria"]["outcome"].tolist() == [expected]
    assert found.tables["bindings"]["n"].tolist() == [300]


def test_one_scenario_that_breaks_the_bound_breaks_the_criterion(tmp_path: Path) -> None:
    good = run(value=0.1, low=0.05, high=0.15)
    bad = run("wrong-encoding", value=0.5, low=0.4, high=0.6)
    both = {"scenarios": ["unit-error", "wrong-encoding"]}
    assert judged(tmp_path, good, bad, **both)["outcome"] == "not met"
    assert judged(tmp_path, good, run("wrong-encoding", value=0.1, low=0.0, high=0.2), **both)["outcome"] == "met"


def test_what_was_not_run_or_could_not_run_is_never_met(tmp_path: Path) -> None:
    good = run(value=0.1, low=0.05, high=0.15)
    assert judged(tmp_path, good, scenarios=["unit-error", "heavy-load"])["outcome"] == "could not tell"
    assert judged(tmp_path, good, scenarios=["unit-error", "no-such"])["outcome"] == "could not tell"
    stopped = run(value=0.1, low=0.05, high=0.15, why="the limit of 3 calls was met")
    assert judged(tmp_path, stopped)["outcome"] == "could not tell"
    assert judged(tmp_path, good, scenarios=[])["outcome"] == "unbound"


def test_a_run_of_an_edited_scenario_does_not_count(tmp_path: Path) -> None:
    edited = run(value=0.1, low=0.05, high=0.15, scenario=replace(find_scenario("unit-error"), seed=9).id)
    charter = read_charter(write(tmp_path, CRITERION))
    found = judge_charter(charter, CATALOGUE, [edited])
    assert found.tables["criteria"]["outcome"].tolist() == ["could not tell"]
    assert found.tables["bindings"]["why"].tolist() == ["only another version of the scenario was run"]


def test_the_latest_run_counts_and_each_target_by_itself(tmp_path: Path) -> None:
    charter = read_charter(write(tmp_path, CRITERION))

    def at(day: str, value: float, digest: str) -> Result:
        made = {"arguments": {"target": ["model", "1", digest]}, "time": f"2026-02-{day}"}
        return replace(run(value=value, low=value, high=value), provenance=made)

    runs = [at("03", 0.1, "sha256:aaaa"), at("01", 0.5, "sha256:aaaa"), at("02", 0.5, "sha256:bbbb")]
    table = judge_charter(charter, CATALOGUE, runs).tables["criteria"].set_index("target")
    assert table["outcome"].to_dict() == {"model 1 aaaa": "met", "model 1 bbbb": "not met"}


def test_real_runs_are_read_back_from_their_files_and_judged(make_setting: Callable[..., Setting], tmp_path: Path) -> None:
    fixed = python_target(lambda frame: np.ones(len(frame), dtype=int), name="fixed", digest="sha256:fixed")
    runs = [rehearse(find_scenario("unit-error"), make_setting(target)) for target in (None, fixed)]
    (tmp_path / "one.json").write_text(json.dumps(runs[0].to_dict()))
    (tmp_path / "all.json").write_text(json.dumps({"schema": "workbench.scenario-runs/1", "runs": [runs[1].to_dict()]}))
    (tmp_path / "other.json").write_text(json.dumps({"schema": "workbench.drift/1"}))
    found = judge_charter(read_charter(write(tmp_path, CRITERION)), Catalogue({"unit-error": find_scenario("unit-error")}),
                          read_runs(tmp_path))  # fmt: skip
    table = found.tables["bindings"].set_index("target")
    assert {name.split()[0]: row for name, row in table["outcome"].items()} == {"solvent": "not met", "fixed": "met"}
    assert (table["n"] == 800).all()
    assert Result.from_dict(json.loads(json.dumps(found.to_dict()))).numbers == found.numbers


def test_a_run_over_few_rows_is_not_shown_to_others(tmp_path: Path) -> None:
    charter = read_charter(write(tmp_path, CRITERION))
    few = run(value=0.25, low=0.1, high=0.5, rows=4, trials=4)
    shown = judge_charter(charter, CATALOGUE, [few]).published().tables["bindings"]
    assert shown[["value", "low", "high", "n"]].isna().to_numpy().all()
