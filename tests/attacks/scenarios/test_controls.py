"""Controls of laws and standards: the map that ships, gaps, and what is refused."""

from pathlib import Path

import pytest

from workbench.attacks.scenarios.catalogue import Catalogue, find_scenario, open_catalogue
from workbench.attacks.scenarios.controls import ABOUT, SHIPPED, control_matrix, read_controls
from workbench.errors import InputError

MAP = """\
name: ours
version: '1'
note: a reading
frameworks:
- name: Law
  source: of 2026
  controls:
  - {id: '1', about: withstand poison, tags: [poisoning]}
  - {id: '2', about: withstand errors, scenarios: [unit-error, gone]}
  - {id: '3', about: log, otherwise: the record}
  - {id: '4', about: suppliers}
"""


@pytest.fixture
def catalogue() -> Catalogue:
    return Catalogue({name: find_scenario(name) for name in ("unit-error", "label-flip-poisoning", "heavy-load")})


def test_a_gap_is_shown_and_told_from_what_is_shown_otherwise(catalogue: Catalogue, tmp_path: Path) -> None:
    (tmp_path / "map.yaml").write_text(MAP)
    table = control_matrix(catalogue, read_controls(tmp_path / "map.yaml")).set_index("control")
    assert table["scenarios"].to_dict() == {"1": 1, "2": 1, "3": 0, "4": 0}
    assert table.loc["1", "label-flip-poisoning"]
    assert not table.loc["1", "unit-error"]
    assert table["otherwise"].fillna("").tolist() == ["", "", "the record", ""]
    assert table.loc["2", "absent"] == "gone"


def test_every_scenario_has_a_column_and_the_count_is_of_the_row(catalogue: Catalogue) -> None:
    table = control_matrix(catalogue, read_controls())
    assert [*table.columns[len(ABOUT) :]] == [item.name for item in catalogue]
    assert (table[[item.name for item in catalogue]].sum(axis=1) == table["scenarios"]).all()


def test_the_map_that_ships_names_only_what_ships_and_covers_every_scenario_and_three_frameworks() -> None:
    shipped, controls = open_catalogue(), read_controls()
    table = control_matrix(shipped, controls)
    assert set(table["absent"]) == {""}
    assert len(controls.sources) == 3
    assert [item.name for item in shipped if not table[item.name].any()] == []
    assert (table["scenarios"] == 0).any(), "a map without gaps was not read critically"
    assert "not legal advice" in controls.note
    for article in ("Art. 9", "Art. 10", "Art. 12", "Art. 14", "Art. 15"):
        assert table["control"].str.startswith(article).any(), article


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("note: a reading", "note: ''", r"line 3: a blank field: note"),
        ("about: log", "about: ''", r"line 10: a blank field: frameworks\[1\]\.controls\[3\]\.about: ''"),
        ("id: '4'", "id: '3'", r"line 11: two controls of one id"),
        ("otherwise: the record", "else: the record", r"line 10: unknown field.*Fields: about, id, otherwise"),
    ],
)
def test_what_is_wrong_is_told_by_line_and_value(tmp_path: Path, before: str, after: str, said: str) -> None:
    (tmp_path / "map.yaml").write_text(MAP.replace(before, after))
    with pytest.raises(InputError, match=said):
        read_controls(tmp_path / "map.yaml")


def test_the_id_of_the_map_changes_with_what_it_says(tmp_path: Path) -> None:
    (tmp_path / "map.yaml").write_text(SHIPPED.read_text().replace("suppliers", "supplier"))
    assert read_controls(tmp_path / "map.yaml").id != read_controls().id == read_controls().id
