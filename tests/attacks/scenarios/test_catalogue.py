"""The catalogue: what ships, what it covers, and what changed between two."""

from dataclasses import replace
from pathlib import Path

import pytest

from workbench.attacks.oracles import oracles
from workbench.attacks.scenarios.catalogue import (
    SHIPPED,
    TECHNIQUES,
    Catalogue,
    compare,
    coverage,
    find_generator,
    find_scenario,
    generator_names,
    open_catalogue,
)
from workbench.attacks.scenarios.rehearsal import check_parameters
from workbench.attacks.scenarios.scenario import Scenario, write_scenario
from workbench.errors import InputError, UnknownNameError
from workbench.vocabulary import SEVERITIES

ALL = list(open_catalogue())


def test_at_least_twenty_ship_each_in_a_file_of_its_name() -> None:
    assert len(ALL) >= 20
    assert {path.stem for path in SHIPPED.glob("*.yaml")} == {item.name for item in ALL}
    assert len({item.id for item in ALL}) == len(ALL)


@pytest.mark.parametrize("scenario", ALL, ids=lambda item: item.name)
def test_generator_parameters_oracle_and_severity_exist(scenario: Scenario) -> None:
    check_parameters(scenario, find_generator(scenario.generator))
    assert scenario.oracle == "none" or scenario.oracle in oracles.names()
    assert scenario.severity in SEVERITIES
    assert scenario.benign_twin.parameters


def test_every_modality_has_at_least_two() -> None:
    modalities = [item.modality for item in ALL]
    assert min(modalities.count(name) for name in ("tabular", "text", "image")) >= 2


def test_every_generator_of_ours_is_used() -> None:
    assert set(generator_names()) - {item.generator for item in ALL} <= {"segment"}


def test_coverage_shows_empty_cells() -> None:
    table = coverage(ALL).set_index("technique")
    assert list(table.index) == list(TECHNIQUES)
    assert table.loc["AML.T0034", "scenarios"] == 0
    assert table.loc["AML.T0015", "constrained-evasion"]
    assert not table.loc["AML.T0020", "constrained-evasion"]
    for item in ALL:
        assert table[item.name].sum() == (item.technique is not None)


def test_a_technique_that_is_not_listed_gets_a_row() -> None:
    table = coverage([replace(ALL[0], technique="AML.T9999")])
    assert table.iloc[-1]["technique"] == "AML.T9999"


def test_a_scenario_is_found_by_name_by_id_and_by_file(tmp_path: Path) -> None:
    scenario = find_scenario("unit-error")
    assert open_catalogue().find(scenario.id) == scenario
    assert find_scenario(scenario.id.removeprefix("sha256:")[:12]) == scenario
    write_scenario(scenario, tmp_path / "x.yaml")
    assert find_scenario(str(tmp_path / "x.yaml")).id == scenario.id
    with pytest.raises(UnknownNameError, match="unit-error"):
        find_scenario("unit-eror")


def test_two_catalogues_differ_by_what_was_added_changed_and_retired() -> None:
    old = Catalogue({name: find_scenario(name) for name in ("unit-error", "label-flip-poisoning")})
    changed = replace(old.find("unit-error"), seed=5)
    new = Catalogue({"unit-error": changed, "heavy-load": find_scenario("heavy-load")})
    table = compare(old, new).set_index("name")
    assert table["change"].to_dict() == {"unit-error": "changed", "heavy-load": "added", "label-flip-poisoning": "retired"}
    assert table.loc["unit-error", "fields"] == "seed"
    assert table["uncovered"].to_dict() == {"unit-error": False, "heavy-load": False, "label-flip-poisoning": True}
    assert compare(old, old).empty


def test_a_folder_without_scenarios_and_two_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no scenarios"):
        open_catalogue(tmp_path)
    for name in ("a", "b"):
        write_scenario(ALL[0], tmp_path / f"{name}.yaml")
    with pytest.raises(InputError, match="two scenarios of one name"):
        open_catalogue(tmp_path)


def test_an_unknown_generator_lists_those_there_are() -> None:
    with pytest.raises(UnknownNameError, match="membership inference"):
        find_generator("magic")
