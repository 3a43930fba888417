"""A canonical zip: the same members give the same bytes, so a reader can rebuild the file and compare.

The form, which is also what the standard library's ``zipfile`` writes for such members: stored, never compressed; sorted by
the UTF-8 of the name; every time 1980-01-01 00:00; made on Unix, mode 0100644; no extra field, no comment, no data
descriptor, no gap; the UTF-8 flag (bit 11) set exactly where a name is not ASCII. A plain zip ends at 4 GiB and 65,535
members, and so does this one.

``zipfile`` itself is of no use for reading: it forgives what has to show here.
"""

import contextlib
import errno
import hashlib
import os
import secrets
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BufferedIOBase, BytesIO
from pathlib import Path
from typing import Final

from workbench.digest import BLOCK
from workbench.errors import InputError, StorageError, VerificationError

Content = Path | bytes

LOCAL: Final = struct.Struct("<4s5H3I2H")
ENTRY: Final = struct.Struct("<4s6H3I5H2I")
END: Final = struct.Struct("<4s4H2IH")
VERSION: Final = 20
MADE_ON_UNIX: Final = 3 << 8 | VERSION
UTF8_FLAG: Final = 0x800
DATE_1980: Final = 1 << 5 | 1
FILE_MODE: Final = 0o100644 << 16
SIZE_LIMIT: Final = 0xFFFFFFFE
COUNT_LIMIT: Final = 0xFFFE
DIRECTORY_LIMIT: Final = 1 << 26
NOT_AN_ARCHIVE: Final = "Ask the sender for a new copy"


@dataclass(frozen=True)
class Member:
    """A file in the archive.

    Parameters
    ----------
    name
        Path inside the archive, with ``/``.
    size
        In bytes.
    crc
        CRC-32 of the content.
    """

    name: str
    size: int
    crc: int


@dataclass(frozen=True)
class Placed:
    """A member, and where in the file its local header starts."""

    member: Member
    offset: int


def place(members: Iterable[Member]) -> list[Placed]:
    """The members in canonical order, each at its canonical offset.

    Raises
    ------
    InputError
        When they do not fit a plain zip.
    """
    placed, offset = [], 0
    for member in sorted(members, key=lambda member: member.name.encode()):
        placed.append(Placed(member, offset))
        offset += LOCAL.size + len(member.name.encode()) + member.size
        if offset > SIZE_LIMIT or len(placed) > COUNT_LIMIT:
            do = f"Leave data out and name it by its fingerprint; a bundle holds {SIZE_LIMIT:,} bytes in {COUNT_LIMIT:,} files"
            raise InputError("too much for one bundle, which overflows at", member.name, do)
    return placed


def local_header(member: Member) -> bytes:
    """The header that stands before the member's content."""
    name = member.name.encode()
    flags = 0 if member.name.isascii() else UTF8_FLAG
    fields = (VERSION, flags, 0, 0, DATE_1980, member.crc, member.size, member.size, len(name), 0)
    return LOCAL.pack(b"PK\3\4", *fields) + name


def closing(placed: list[Placed]) -> bytes:
    """What follows the last member: the directory, and the record that ends the file."""
    directory = b"".join(_directory_entry(item) for item in placed)
    return directory + END.pack(b"PK\5\6", 0, 0, len(placed), len(placed), len(directory), _content_end(placed), 0)


def _content_end(placed: list[Placed]) -> int:
    return placed[-1].offset + len(local_header(placed[-1].member)) + placed[-1].member.size if placed else 0


def _directory_entry(item: Placed) -> bytes:
    member, name = item.member, item.member.name.encode()
    flags = 0 if member.name.isascii() else UTF8_FLAG
    sizes = (member.crc, member.size, member.size, len(name), 0, 0, 0, 0, FILE_MODE, item.offset)
    return ENTRY.pack(b"PK\1\2", MADE_ON_UNIX, VERSION, flags, 0, 0, DATE_1980, *sizes) + name


def read_directory(file: BufferedIOBase) -> list[Placed]:
    """The members as the directory at the end of `file` lists them, in its order; nothing in it is believed yet.

    Raises
    ------
    VerificationError
        When there is no directory, a member is compressed or encrypted, or the members are larger than the file.
    """
    length = file.seek(0, 2)
    tail_at = max(0, length - END.size - 0xFFFF)
    file.seek(tail_at)
    tail = file.read()
    end = tail.rfind(b"PK\5\6")
    if end < 0 or len(tail) - end < END.size:
        raise VerificationError("not a zip archive", None, NOT_AN_ARCHIVE)
    _, _, _, _, count, size, start, _ = END.unpack_from(tail, end)
    if start + size > tail_at + end or size > DIRECTORY_LIMIT:
        raise VerificationError("the archive's directory lies outside the file, or is too large to be one", None, NOT_AN_ARCHIVE)
    file.seek(start)
    placed = list(_parse_directory(file.read(size), count))
    if sum(item.member.size for item in placed) > length:
        raise VerificationError("the archive's members are larger than the archive", None, NOT_AN_ARCHIVE)
    return placed


def _parse_directory(directory: bytes, count: int) -> Iterator[Placed]:
    position = 0
    for _ in range(count):
        if len(directory) - position < ENTRY.size:
            raise VerificationError("the archive's directory is cut", None, NOT_AN_ARCHIVE)
        fields = ENTRY.unpack_from(directory, position)
        method, crc, stored, size, named, extra, comment, offset = (fields[at] for at in (4, 7, 8, 9, 10, 11, 12, 16))
        position += ENTRY.size
        try:
            name = directory[position : position + named].decode()
        except UnicodeDecodeError as exc:
            raise VerificationError("a name in the archive is not UTF-8", directory[position : position + named]) from exc
        position += named + extra + comment
        if fields[0] != b"PK\1\2" or position > len(directory):
            raise VerificationError("the archive's directory is damaged at", name, NOT_AN_ARCHIVE)
        if method or stored != size:
            raise VerificationError("a member of the archive is compressed; a bundle stores plainly", name, NOT_AN_ARCHIVE)
        yield Placed(Member(name, size, crc), offset)


def directory_faults(file: BufferedIOBase, placed: list[Placed]) -> list[str]:
    """What is not canonical about the order, the places and the directory of the archive."""
    names = [item.member.name for item in placed]
    try:
        canonical = place(item.member for item in placed)
    except InputError as exc:
        return [str(exc)]
    if placed != canonical or len(set(names)) < len(names):
        return ["the members are not in canonical order, or not one right after the other, or two have one name"]
    expected = closing(canonical)
    if file.seek(0, os.SEEK_END) - len(expected) != _content_end(canonical):
        return ["something stands before or after what a bundle has"]
    file.seek(_content_end(canonical))
    if file.read() != expected:
        return ["the directory at the end is not canonical"]
    return []


def member_header(file: BufferedIOBase, item: Placed) -> bytes:
    """The local header of the member as it stands in `file`, of whatever length; `file` is left at the content."""
    file.seek(item.offset)
    header = file.read(LOCAL.size)
    if len(header) < LOCAL.size or not header.startswith(b"PK\3\4"):
        file.seek(item.offset + len(local_header(item.member)))
        return header
    *_, named, extra = LOCAL.unpack(header)
    return header + file.read(named + extra)


def read_blocks(file: BufferedIOBase, size: int | None = None) -> Iterator[memoryview]:
    """The next `size` bytes of `file`, all by default, in blocks; each block is valid until the next is asked for."""
    buffer = memoryview(bytearray(BLOCK if size is None else min(size, BLOCK)))
    while size is None or size > 0:
        read = file.readinto(buffer if size is None else buffer[: min(size, BLOCK)])
        if not read:
            return
        size = None if size is None else size - read
        yield buffer[:read]


def open_content(content: Content) -> BufferedIOBase:
    """An open binary file over a file or bytes; only over regular files, for a pipe would never end."""
    if isinstance(content, bytes):
        return BytesIO(content)
    if content.exists() and not content.is_file():
        raise OSError(errno.EINVAL, "not a regular file")
    return content.open("rb")


def write_archive(members: Iterable[Member], contents: Mapping[str, Content], out: Path, *, overwrite: bool) -> str:
    """Write the archive beside `out`, bring it to the disk, then give it its name.

    Parameters
    ----------
    members
        What goes in.
    contents
        By the name of the member.
    out
        The archive.
    overwrite
        Replace a file that is there.

    Returns
    -------
    str
        The digest of the file.

    Raises
    ------
    InputError
        When the members do not fit a plain zip.
    StorageError
        When `out` exists or cannot be written, or a content is not what its member was measured on. Nothing is left behind.
    """
    placed = place(members)
    draft = out.with_name(f".{out.name}.{secrets.token_hex(8)}.partial")
    try:
        try:
            with draft.open("xb") as file, ThreadPoolExecutor(1) as beside:
                hashed = _HashedFile(file, beside)
                for item in placed:
                    with open_content(contents[item.member.name]) as content:
                        _write_member(hashed, item.member, content)
                hashed.write(closing(placed))
                file.flush()
                os.fsync(file.fileno())
            _publish(draft, out, overwrite=overwrite)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as exc:
        do = "Free some space or choose another folder; nothing was left behind"
        raise StorageError(f"the bundle cannot be written ({exc.strerror})", str(out), do) from exc
    return "sha256:" + hashed.sha256.hexdigest()


class _HashedFile:
    """A file that is hashed while it is written: the two together take as long as the longer one."""

    def __init__(self, file: BufferedIOBase, beside: ThreadPoolExecutor) -> None:
        self.sha256 = hashlib.sha256()
        self._file = file
        self._beside = beside

    def write(self, data: bytes | memoryview) -> None:
        hashing = self._beside.submit(self.sha256.update, data)
        self._file.write(data)
        hashing.result()


def refuse_existing(out: Path, *, overwrite: bool) -> None:
    """Raise a `StorageError` when `out` is there and may not be replaced."""
    if os.path.lexists(out) and not overwrite:
        raise StorageError("the bundle exists", str(out), "Choose another name; nothing was written")


def _write_member(out: _HashedFile, member: Member, content: BufferedIOBase) -> None:
    out.write(local_header(member))
    crc = size = 0
    for block in read_blocks(content, member.size + 1):
        crc = zlib.crc32(block, crc)
        size += len(block)
        out.write(block)
    if (size, crc) != (member.size, member.crc):
        raise StorageError("a file changed while it was being sealed", member.name, "Seal again once nothing writes to it")


def _publish(draft: Path, out: Path, *, overwrite: bool) -> None:
    """Give `draft` the name `out` in one step.

    A hard link refuses to overwrite where a rename would not. A file system that has no links (FAT, as on most sticks)
    gets the rename after one more look.
    """
    refuse_existing(out, overwrite=overwrite)
    if overwrite:
        draft.replace(out)
    else:
        try:
            os.link(draft, out)
        except OSError as exc:
            if exc.errno not in {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}:
                raise
            draft.replace(out)
    _sync_folder(out.parent)


def _sync_folder(folder: Path) -> None:
    """Bring the folder's entries to the disk, so that the name outlives a power cut; not every file system can."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
