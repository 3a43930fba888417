"""YAML that knows its lines: what is wrong with a file is told by line and value."""

from itertools import pairwise
from pathlib import Path

import pytest

from workbench.attacks.scenarios.located import Located, read_located
from workbench.errors import InputError, StorageError


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "a.yaml"
    path.write_text("# a comment\nname: x\n\nparts:\n- name: one\n- name: two\n  list:\n  - a\n  - b\n")
    return path


def test_every_value_knows_its_line(written: Path) -> None:
    found = read_located(written, "thing")
    assert (found.lines["name",], found.lines["parts",], found.lines["parts", 1], found.lines["parts", 1, "list", 1]) == (
        2,
        4,
        6,
        9,
    )


def test_a_part_says_where_it_stands(written: Path) -> None:
    _, two = read_located(written, "thing").parts("parts", "parts")
    assert str(two.refusal("odd", "name", "Mend it.")) == "a.yaml, line 6: odd: parts[2].name: 'two'. Mend it."
    assert str(two.refusal("lacking", None, "Add it.")) == "a.yaml, line 6: lacking: parts[2]. Add it."


def test_a_field_said_twice_is_refused_where_it_is_said_again(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("name: x\nother: y\nname: z\n")
    with pytest.raises(InputError, match=r"line 3: a field is said twice: name"):
        read_located(path, "thing")


BILLIONS = "a: &a [1, 2, 3, 4, 5, 6, 7, 8, 9]\n" + "".join(
    f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in pairwise("abcdefgh")
)


@pytest.mark.parametrize("text", ["a: &a [*a]\n", BILLIONS])
def test_aliases_that_stand_for_too_much_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(InputError, match="stand for too much"):
        read_located(tmp_path / "a.yaml", "thing")


def test_an_alias_is_read_as_what_it_stands_for(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: &a {at_most: 1}\nb: *a\n")
    assert read_located(tmp_path / "a.yaml", "thing").form["b"] == {"at_most": 1}


@pytest.mark.parametrize(("text", "said"), [("a: [", "not YAML"), ("- 1", "no mapping"), ("", "no mapping")])
def test_what_is_no_mapping_is_one_clear_line(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(InputError, match=f"a thing .*{said}"):
        read_located(tmp_path / "a.yaml", "thing")
    with pytest.raises(StorageError, match="cannot be read"):
        read_located(tmp_path / "none.yaml", "thing")


def test_dates_are_read_as_yaml_and_as_text() -> None:
    import datetime as dt

    for value in (dt.date(2026, 1, 31), "2026-01-31", dt.datetime(2026, 1, 31, 5, tzinfo=dt.UTC)):
        assert Located({"on": value}, "a.yaml").date("on") == "2026-01-31"
