"""A file is the old one or the new one, never a part of either."""

import os
import stat
from pathlib import Path

import pytest

from workbench.errors import StorageError
from workbench.files import make_folder, require_writable, write_whole


def test_text_and_bytes_replace_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_whole(path, "é")
    write_whole(path, b"new")
    assert path.read_bytes() == b"new"
    assert [item.name for item in tmp_path.iterdir()] == ["a"]


def test_a_failure_leaves_the_old_file_and_no_draft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    path.write_text("old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="No space left"):
        write_whole(path, "new")
    assert path.read_text() == "old"
    assert [item.name for item in tmp_path.iterdir()] == ["a"]


def test_an_interruption_leaves_no_draft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_whole(tmp_path / "a", "new")
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_as_private_as_its_writer_asks(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        write_whole(tmp_path / "a", "x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o600


def test_a_device_is_written_to_and_not_replaced() -> None:
    write_whole(Path(os.devnull), "x")
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)


@pytest.mark.parametrize("place", ["folder", "no/such/folder", "file/inside"])
def test_what_cannot_be_written_is_said(tmp_path: Path, place: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot write"):
        write_whole(tmp_path / place, "x")
    assert sorted(item.name for item in tmp_path.iterdir()) == ["file", "folder"]


def test_a_folder_is_made_with_its_parents_but_not_over_a_file(tmp_path: Path) -> None:
    assert make_folder(tmp_path / "a" / "b").is_dir()
    (tmp_path / "f").touch()
    with pytest.raises(StorageError):
        make_folder(tmp_path / "f" / "b")


def test_whether_a_folder_could_be_written_is_known_without_making_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    require_writable(tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "f").touch()
    with pytest.raises(StorageError, match="f is a file"):
        require_writable(tmp_path / "f" / "b")
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(StorageError, match="no permission"):
        require_writable(tmp_path / "b")


def test_a_folder_in_the_place_of_a_file_is_told_as_that(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="It is a folder: give the name of a file"):
        write_whole(tmp_path, "x")
