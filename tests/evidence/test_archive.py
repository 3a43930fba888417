import io
import zipfile
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import InputError, VerificationError
from workbench.evidence.archive import (
    COUNT_LIMIT,
    SIZE_LIMIT,
    Member,
    directory_faults,
    open_content,
    place,
    read_blocks,
    read_directory,
    write_archive,
)

NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/\\"), min_size=1, max_size=8)


def written(files: dict[str, bytes], out: Path) -> bytes:
    write_archive([Member(name, len(data), zlib.crc32(data)) for name, data in files.items()], files, out, overwrite=True)
    return out.read_bytes()


def by_the_standard_library(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in sorted(files, key=str.encode):
            info = zipfile.ZipInfo(name)
            info.create_system, info.external_attr = 3, 0o100644 << 16
            archive.writestr(info, files[name])
    return out.getvalue()


@settings(max_examples=50)
@given(files=st.dictionaries(NAMES, st.binary(max_size=40), max_size=5))
def test_is_byte_for_byte_what_zipfile_writes(tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]) -> None:
    data = written(files, tmp_path_factory.getbasetemp() / "A.zip")
    assert data == by_the_standard_library(files)
    placed = read_directory(io.BytesIO(data))
    assert {item.member.name: item.member.size for item in placed} == {name: len(data) for name, data in files.items()}
    assert directory_faults(io.BytesIO(data), placed) == []


def test_a_plain_zip_has_its_limits() -> None:
    place([Member("a", SIZE_LIMIT - 100, 0)])
    with pytest.raises(InputError, match="too much for one bundle"):
        place([Member("a", SIZE_LIMIT, 0), Member("b", 1, 0)])
    with pytest.raises(InputError, match="too much for one bundle"):
        place(Member(f"{number:06}", 0, 0) for number in range(COUNT_LIMIT + 1))


@pytest.mark.slow
def test_an_archive_at_the_limits_is_still_a_plain_zip(tmp_path: Path) -> None:
    """The greatest number of members; readers take one more for the mark of another format."""
    files = {f"{number:05}": b"" for number in range(COUNT_LIMIT)}
    data = written(files, tmp_path / "A.zip")
    assert len(read_directory(io.BytesIO(data))) == COUNT_LIMIT
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert len(archive.namelist()) == COUNT_LIMIT


@pytest.mark.parametrize("data", [b"", b"PK", b"hello" * 100, b"PK\5\6", b"PK\5\6" + b"\xff" * 18])
def test_what_is_no_archive_is_refused(data: bytes) -> None:
    with pytest.raises(VerificationError):
        read_directory(io.BytesIO(data))


def test_members_that_overlap_are_not_read_many_times(tmp_path: Path) -> None:
    """A bomb: a hundred entries of the directory that all point at the same bytes."""
    data = written({"a": b"x" * 1000}, tmp_path / "A.zip")
    start = data.index(b"PK\1\2")
    entry, end = data[start : data.index(b"PK\5\6")], data[data.index(b"PK\5\6") :]
    bomb = data[:start] + entry * 100 + end[:8] + b"\x64\0\x64\0" + (len(entry) * 100).to_bytes(4, "little") + end[16:]
    assert len(zipfile.ZipFile(io.BytesIO(bomb)).namelist()) == 100
    with pytest.raises(VerificationError, match="larger than the archive"):
        read_directory(io.BytesIO(bomb))


@pytest.mark.parametrize("size", [None, 0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3 << 20])
def test_blocks_are_the_content(size: int | None) -> None:
    data = bytes(range(256)) * (1 << 13)
    blocks = b"".join(bytes(block) for block in read_blocks(io.BytesIO(data), size))
    assert blocks == (data if size is None else data[:size])


def test_only_regular_files_are_content(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="not a regular file"):
        open_content(tmp_path)
