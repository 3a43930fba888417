"""Where things live, who is writing, and which ids are allowed."""

import getpass
import os
import tempfile
from pathlib import Path

import pytest

from workbench.errors import InputError, StorageError
from workbench.incident import home as where
from workbench.incident.home import author, check_incident_id, ensure_home, find_home, incident_folder, runs_folder


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("WORKBENCH_HOME", raising=False)
    monkeypatch.delenv("WORKBENCH_AUTHOR", raising=False)
    monkeypatch.chdir(tmp_path)


def test_the_variable_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".workbench").mkdir()
    monkeypatch.setenv("WORKBENCH_HOME", "/srv/incidents")
    assert find_home() == Path("/srv/incidents")


def test_a_relative_variable_becomes_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WORKBENCH_HOME", "here")
    assert find_home() == tmp_path / "here"


def test_a_tilde_in_the_variable_is_the_users_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("WORKBENCH_HOME", "~/incidents")
    assert find_home() == tmp_path / "incidents"


def test_a_tilde_of_a_user_who_does_not_exist_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_HOME", "~no-such-user-here/incidents")
    with pytest.raises(StorageError, match="no-such-user-here"):
        find_home()


def test_the_nearest_folder_upwards_wins(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / ".workbench").mkdir()
    assert find_home(inner) == tmp_path / ".workbench"
    (tmp_path / "a" / ".workbench").mkdir()
    assert find_home(inner) == tmp_path / "a" / ".workbench"


def test_a_file_of_that_name_is_no_home(tmp_path: Path) -> None:
    (tmp_path / ".workbench").mkdir()
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / ".workbench").touch()
    assert find_home(tmp_path / "a") == tmp_path / ".workbench"


def test_without_any_it_is_here_and_nothing_is_created(tmp_path: Path) -> None:
    assert find_home() == tmp_path / ".workbench"
    assert list(tmp_path.iterdir()) == []


def test_a_current_folder_that_is_gone_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    os.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(StorageError, match="no longer exists"):
        find_home()


def test_ensure_home_creates_it_and_leaves_it_empty(tmp_path: Path) -> None:
    assert ensure_home(tmp_path / "deep" / "home") == tmp_path / "deep" / "home"
    assert list(ensure_home(tmp_path / "deep" / "home").iterdir()) == []


def test_a_home_that_cannot_be_created_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / ".workbench").touch()
    with pytest.raises(StorageError, match=r"home cannot be written \(File exists\).*\.workbench.*WORKBENCH_HOME"):
        ensure_home(tmp_path / ".workbench")


def test_a_home_that_cannot_be_written_is_one_clear_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(**_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    with pytest.raises(StorageError, match="No space left on device"):
        ensure_home(tmp_path)


def test_the_author_is_the_variable_else_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    assert author() == getpass.getuser()
    monkeypatch.setenv("WORKBENCH_AUTHOR", "  Ana Ruiz ")
    assert author() == "Ana Ruiz"


def test_a_user_without_a_name_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a container the user's number often has no entry in the password file."""

    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found: 1234")

    monkeypatch.setattr(getpass, "getuser", nobody)
    with pytest.raises(InputError, match="Set WORKBENCH_AUTHOR"):
        author()


def test_an_author_of_two_lines_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_AUTHOR", "Ana\nRuiz")
    with pytest.raises(InputError, match="not one printable line"):
        author()


@pytest.mark.parametrize("incident", ["A", "7", "INC-42", "2026-03-04_fraud.v2", "x" * 64])
def test_ids_that_name_a_folder_everywhere_are_allowed(incident: str) -> None:
    assert check_incident_id(incident) == incident


@pytest.mark.parametrize(
    "incident",
    ["", ".", "..", "../x", "a/b", "a\\b", "/etc", "C:x", ".hidden", "-rf", "a.", "a b", "a\n", "a\0", "é", "٣", "x" * 65],
)
def test_ids_that_could_be_something_else_are_refused(incident: str) -> None:
    with pytest.raises(InputError, match="cannot be an incident id"):
        check_incident_id(incident)


def test_the_folders_stand_in_the_home(tmp_path: Path) -> None:
    assert incident_folder(tmp_path, "INC-1") == tmp_path / "incidents" / "INC-1"
    assert runs_folder(tmp_path, "INC-1") == tmp_path / "incidents" / "INC-1" / "runs"
    assert {where.record_path(tmp_path), where.keys_folder(tmp_path)} == {tmp_path / "record.db", tmp_path / "keys"}
    assert list(tmp_path.iterdir()) == []


def test_no_folder_is_outside_the_home(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        runs_folder(tmp_path, "../../etc")
