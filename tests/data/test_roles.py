"""Roles: read from a mapping, a file or exact names; whatever is not understood is refused with what there is."""

from pathlib import Path

import pytest

from workbench.data.roles import Roles, columns_behind
from workbench.errors import RolesError

COLUMNS = ("case_id", "decile_score", "race", "sex", "age", "two_year_recid", "name")


def test_a_mapping_and_what_it_says_are_the_same() -> None:
    said = {"label": "two_year_recid", "groups": ["race"], "features": ["age"], "favorable": 0}
    assert Roles.of(said).said() == said
    assert Roles.of(Roles.of(said).said()) == Roles.of(said)


def test_no_features_at_all_is_not_the_same_as_features_not_given() -> None:
    assert Roles.of({"features": []}).said() == {"features": []}
    assert Roles.of({}).said() == {}


def test_one_column_may_stand_for_a_list() -> None:
    assert Roles.of({"groups": "race"}).groups == ("race",)


def test_a_column_given_twice_counts_once() -> None:
    assert Roles.of({"groups": ["race", "race"]}).groups == ("race",)


def test_nothing_that_judges_people_is_inferred() -> None:
    found = Roles.infer(["favorable", "positive", "groups", "label", "outcome", "name"])
    assert (found.favorable, found.positive, found.groups) == (None, None, ())
    assert (found.label, found.identifiers) == ("label", ("name",))


@pytest.mark.parametrize("name", ["Label", "labels", "my_label"])
def test_only_exact_names_are_inferred(name: str) -> None:
    assert Roles.infer([name]) == Roles()


def test_identifiers_are_inferred_in_upper_and_lower_case() -> None:
    """The other roles are not: a wrong guess there would be wrong in silence, here it only drops a column."""
    assert Roles.infer(["Name", "EMAIL", "Nickname", "Score"]) == Roles(identifiers=("Name", "EMAIL"))


def test_features_are_what_has_no_other_role_in_file_order() -> None:
    roles = Roles(
        row_id="case_id", prediction="decile_score >= 5", label="two_year_recid", groups=("race",), identifiers=("name",)
    )
    assert roles.feature_columns(COLUMNS) == ("race", "sex", "age")


def test_groups_are_features_although_not_listed_as_such() -> None:
    assert Roles(features=("age",), groups=("sex", 'race = "x"')).feature_columns(COLUMNS) == ("age", "sex", "race")


def test_a_column_whose_name_reads_like_a_predicate_is_a_column() -> None:
    assert columns_behind("label", "age > 3", ["age > 3", "age"]) == ("age > 3",)


BAD = {
    "unknown role": ({"lable": "age"}, ["unknown role: lable", "Did you mean label?", "row_id, time"]),
    "role that is no text": ({7: "age"}, ["unknown role: 7"]),
    "list for one column": ({"label": ["age"]}, ["role label takes one column: ['age']"]),
    "truth value for a column": ({"label": True}, ["role label takes one column: True"]),
    "mapping for a list": ({"groups": {"race": 1}}, ["role groups takes a list of columns", "race"]),
    "numbers in a list": ({"groups": [1]}, ["role groups takes a list of columns: [1]"]),
    "list for a value": ({"favorable": [1]}, ["role favorable takes one value: [1]"]),
    "missing column": (
        {"time": "agee"},
        ["role time names a column that does not exist: agee", "Did you mean age?", "race, sex"],
    ),
    "missing feature": ({"features": ["Race"]}, ["role features", "Race", "Did you mean race?"]),
    "missing identifier": ({"identifiers": ["nam"]}, ["role identifiers", ": nam.", "Did you mean name?"]),
    "neither column nor predicate": ({"label": "two year recid"}, ["neither a column nor a predicate", "mean two_year_recid?"]),
    "one misspelt word": ({"prediction": "decil_score"}, ["neither a column nor a predicate: decil_score", "mean decile_score?"]),
    "predicate on a missing column": ({"prediction": "decil_score >= 5"}, ["does not exist: decil_score", "mean decile_score?"]),
    "group's predicate on a missing column": ({"groups": ["agee >= 30"]}, ["role groups", "agee", "Did you mean age?"]),
    "predicate of no column": ({"label": "all rows"}, ["reads no column: all rows"]),
    "identifier as row id": ({"row_id": "name", "identifiers": ["name"]}, ["role row_id names an identifier", "name"]),
    "identifier as group": ({"groups": ["name"], "identifiers": ["name"]}, ["role groups names an identifier", "name"]),
    "identifier as feature": ({"features": ["name"], "identifiers": ["name"]}, ["role features names an identifier", "name"]),
}


@pytest.mark.parametrize(("given", "parts"), BAD.values(), ids=BAD)
def test_what_is_not_understood_is_refused(given: dict[str, object], parts: list[str]) -> None:
    with pytest.raises(RolesError) as caught:
        Roles.of(given).check(COLUMNS)
    assert [part for part in parts if part not in str(caught.value)] == []
    assert "\n" not in str(caught.value)


def test_a_predicate_may_read_an_identifier() -> None:
    """Its truth names nobody."""
    roles = Roles(label="name is missing", identifiers=("name",))
    assert roles.check(COLUMNS) is roles


def test_a_yaml_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "roles.yaml"
    path.write_text("label: two_year_recid\ngroups: [race, age >= 30]\ntime: null\n", encoding="utf-8")
    assert Roles.load(path) == Roles(label="two_year_recid", groups=("race", "age >= 30"))


BAD_FILES = {
    "not there": (None, "no roles file here"),
    "not YAML": (b"label: [a", "not YAML"),
    "a tab": (b"label:\n\t- a", "not YAML"),
    "a list": (b"- label", "holds no mapping"),
    "empty": (b"", "holds no mapping"),
    "not UTF-8": (b"label: na\xefve", "cannot be read"),
    "unknown role": (b"lable: a", "unknown role: lable"),
}


@pytest.mark.parametrize(("content", "what"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_bad_file_is_one_clear_line(content: bytes | None, what: str, tmp_path: Path) -> None:
    path = tmp_path / "roles.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RolesError, match=what) as caught:
        Roles.load(path)
    assert "\n" not in str(caught.value)
    assert "roles.yaml" in str(caught.value) or "unknown role" in what


def test_a_folder_is_no_roles_file(tmp_path: Path) -> None:
    with pytest.raises(RolesError, match="cannot be read"):
        Roles.load(tmp_path)


def test_what_stands_where_the_yaml_breaks_off_is_not_repeated(tmp_path: Path) -> None:
    """Somebody may give the log itself as the roles file."""
    path = tmp_path / "log.csv"
    path.write_text("id: 1\n- Jane Doe, 1970-01-01\n", encoding="utf-8")
    with pytest.raises(RolesError, match="Line 2, column 1") as caught:
        Roles.load(path)
    assert "Doe" not in str(caught.value)
