"""Files are written whole or not at all."""

import contextlib
import os
import secrets
from pathlib import Path

from workbench.errors import StorageError


def write_whole(path: Path, data: bytes | str) -> None:
    """Write `data` (text as UTF-8) to `path`: a reader sees the old file or the new one, never a part.

    A pipe or a device (``/dev/null``) is written to as it is: it has no old content to keep, and must not be replaced.

    Raises
    ------
    StorageError
        If the folder does not exist or cannot be written, or the disk is full; the old file is then untouched.
    """
    content = data.encode() if isinstance(data, str) else data
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            path.write_bytes(content)
        else:
            _replace(path, content)
    except OSError as exc:
        raise cannot_write(path, exc) from exc


def _replace(path: Path, content: bytes) -> None:
    """Put a new file with `content` where `path` is; whatever happens, the draft is gone afterwards."""
    draft = path.with_name(f".{path.name[:100]}.{secrets.token_hex(8)}")
    try:
        with draft.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
        raise


def make_folder(path: Path) -> Path:
    """`path`, with its parents, as a folder.

    Raises
    ------
    StorageError
        If it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise cannot_write(path, exc) from exc
    return path


def require_writable(folder: Path) -> None:
    """Raise unless files could be written into `folder`, there or yet to be made; creates nothing.

    Raises
    ------
    StorageError
        Before a long computation, not after it.
    """
    there = next(place for place in (folder.absolute(), *folder.absolute().parents) if os.path.lexists(place))
    if not there.is_dir():
        raise cannot_write(folder, NotADirectoryError(0, f"{there.name} is a file"))
    if not os.access(there, os.W_OK | os.X_OK):
        raise cannot_write(folder, PermissionError(0, f"no permission in {there}"))


def cannot_write(path: Path, exc: OSError) -> StorageError:
    """The error for a file or folder that cannot be written."""
    do = "Choose a folder you can write to, with room on its disk."
    if isinstance(exc, IsADirectoryError):
        do = "It is a folder: give the name of a file."
    return StorageError(f"cannot write ({exc.strerror or exc})", str(path), do)
