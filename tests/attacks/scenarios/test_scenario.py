"""Scenarios: ids, required fields, what is refused, and the outcome of an expected bound."""

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.attacks.scenarios.catalogue import find_scenario
from workbench.attacks.scenarios.scenario import REQUIRED, Expected, Scenario, changed_fields, read_scenario, write_scenario
from workbench.digest import digest
from workbench.errors import InputError


@pytest.fixture
def form() -> dict[str, Any]:
    return find_scenario("unit-error").to_dict()


EDITS: dict[str, Callable[[Any], Any]] = {
    "assumptions": lambda lines: [*lines, "one more"], "failure_modes": lambda lines: [*lines, "one more"],
    "threat_model": lambda part: {**part, "budget": "more"}, "modality": lambda _: "text",
    "expected": lambda _: {"at_least": 0.5},
    "benign_twin": lambda part: {**part, "description": "another"}, "parameters": lambda part: {**part, "factor": 10.0},
    "seed": lambda seed: seed + 1, "technique": lambda _: "AML.T0015", "domain": lambda _: {"immutable": ["age"]},
    "where": lambda _: "age > 3", "parent": lambda _: "INC-1", "owner": lambda _: "somebody", "severity": lambda _: "low",
    "tags": lambda tags: [*tags, "another"],
}  # fmt: skip


@pytest.mark.parametrize("name", [item.name for item in fields(Scenario)])
def test_editing_any_field_gives_a_new_id(form: dict[str, Any], name: str) -> None:
    edit = EDITS.get(name, lambda text: f"{text} edited")
    assert Scenario.of({**form, name: edit(form[name])}).id != Scenario.of(form).id


def test_the_id_survives_the_file(form: dict[str, Any], tmp_path: Path) -> None:
    scenario = Scenario.of(form)
    write_scenario(scenario, tmp_path / "a.yaml")
    assert read_scenario(tmp_path / "a.yaml").id == scenario.id


def test_a_scenario_without_tags_keeps_the_id_it_had_before_there_were_any(form: dict[str, Any]) -> None:
    bare = {name: value for name, value in form.items() if name != "tags"}
    assert Scenario.of(bare).id == digest(bare) == Scenario.of({**bare, "tags": []}).id
    assert changed_fields(Scenario.of(bare), Scenario.of(form)) == {"tags": (None, form["tags"])}
    with pytest.raises(InputError, match="blank tag"):
        Scenario.of({**bare, "tags": [" "]})


@pytest.mark.parametrize("name", REQUIRED)
def test_a_required_field_left_out_is_named(form: dict[str, Any], name: str) -> None:
    with pytest.raises(InputError, match=name):
        Scenario.of({key: value for key, value in form.items() if key != name})


@pytest.mark.parametrize("name", ["assumptions", "failure_modes"])
@pytest.mark.parametrize("blank", [[], [""], ["  "], ["said", ""], ""])
def test_blank_assumptions_and_failure_modes_are_refused(form: dict[str, Any], name: str, blank: Any) -> None:
    with pytest.raises(InputError, match=f"blank: {name}"):
        Scenario.of({**form, name: blank})


@pytest.mark.parametrize("change", [{"failure_mode": ["x"]}, {"threat_model": {"who": "me"}}, {"domain": {"fixed": []}}])
def test_an_unknown_key_is_refused_with_those_that_exist(form: dict[str, Any], change: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"unknown field.*Fields: "):
        Scenario.of({**form, **change})


@pytest.mark.parametrize("bound", [{}, {"at_most": 0.1, "at_least": 0.1}, {"at_most": "a lot"}, {"at_most": float("nan")}])
def test_an_expected_outcome_is_one_number(form: dict[str, Any], bound: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="one bound"):
        Scenario.of({**form, "expected": bound})


def test_what_is_not_a_scenario_file_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("- 1\n")
    with pytest.raises(InputError, match="holds no mapping"):
        read_scenario(tmp_path / "a.yaml")
    (tmp_path / "a.yaml").write_text("a: [")
    with pytest.raises(InputError, match="not YAML"):
        read_scenario(tmp_path / "a.yaml")
    with pytest.raises(InputError, match="cannot be read"):
        read_scenario(tmp_path / "none.yaml")


def test_changed_fields_are_those_that_differ(form: dict[str, Any]) -> None:
    old = Scenario.of(form)
    assert changed_fields(old, replace(old, seed=7, where="age > 3")) == {"seed": (0, 7), "where": ("all rows", "age > 3")}


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_held_and_failed_never_meet_and_mirror_each_other(a: float, b: float, c: float, bound: float) -> None:
    low, value, high = sorted((a, b, c))
    most = Expected(at_most=bound).outcome(value, low, high)
    assert most == ("held" if high <= bound else "failed" if low > bound else "could not tell")
    least = Expected(at_least=bound).outcome(value, low, high)
    assert not (most == least == "failed")
    if low < bound < high:
        assert most == least == "could not tell"


def test_nothing_measured_is_no_pass() -> None:
    assert Expected(at_most=1.0).outcome(None, None, None) == "could not tell"
