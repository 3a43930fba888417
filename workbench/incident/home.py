"""Where things live, who is writing, and which incident ids are allowed.

The home is one folder for all incidents of a team or a laptop::

    HOME/
      record.db              every entry of every incident
      keys/                  signing keys and the trust store
      incidents/ID/runs/     one folder per run of a runbook

Nothing is created until `ensure_home` is called, so that a look at an empty folder leaves it empty.
"""

import getpass
import os
import re
import tempfile
from pathlib import Path
from typing import Final

from workbench.errors import InputError, StorageError

FOLDER: Final = ".workbench"
INCIDENT_ID: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9_-])?")


def find_home(start: Path | None = None) -> Path:
    """The home, as an absolute path that need not exist.

    ``WORKBENCH_HOME`` where it is set, else the nearest ``.workbench/`` in `start` or a folder above it, else
    ``.workbench`` in `start`.

    Parameters
    ----------
    start
        Where the search begins; the current folder by default.

    Raises
    ------
    StorageError
        When the current folder no longer exists.
    """
    named = os.environ.get("WORKBENCH_HOME", "")
    try:
        start = Path.cwd() if start is None else start.absolute()
        chosen = Path(named).expanduser()
    except FileNotFoundError as exc:
        raise StorageError("the current folder no longer exists", None, "Change to a folder that exists") from exc
    except RuntimeError as exc:
        raise StorageError("WORKBENCH_HOME names a user without a folder", named, "Give an absolute path") from exc
    if named:
        return start / chosen
    for folder in (start, *start.parents):
        if (folder / FOLDER).is_dir():
            return folder / FOLDER
    return start / FOLDER


def ensure_home(home: Path) -> Path:
    """`home`, created where it is missing and proved to be writable.

    Raises
    ------
    StorageError
        When the folder cannot be created, or no file can be written in it.
    """
    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=home) as file:
            file.write(b"\0")
    except OSError as exc:
        do = "Set WORKBENCH_HOME to a folder that can be written"
        raise StorageError(f"the workbench home cannot be written ({exc.strerror})", str(home), do) from exc
    return home


def author() -> str:
    """Who is writing: ``WORKBENCH_AUTHOR``, else the name of the operating system's user.

    Raises
    ------
    InputError
        When neither gives a name, or the name is not one printable line.
    """
    name = os.environ.get("WORKBENCH_AUTHOR", "").strip()
    try:
        return check_author(name or getpass.getuser())
    except (KeyError, OSError) as exc:
        raise InputError("the author is unknown: this user has no name", None, "Set WORKBENCH_AUTHOR") from exc


def check_author(name: str) -> str:
    """`name` where it is one printable line, else an `InputError`."""
    if not name.strip() or not name.isprintable():
        raise InputError("the author is not one printable line", repr(name), "Set WORKBENCH_AUTHOR to a name")
    return name


def check_incident_id(incident: str) -> str:
    """`incident` where it can name an incident and its folder on every system, else an `InputError`."""
    if not INCIDENT_ID.fullmatch(incident):
        do = "Use at most 64 letters, digits, '.', '_' and '-', a letter or digit first and no '.' last"
        raise InputError("this cannot be an incident id", repr(incident), do)
    return incident


def record_path(home: Path) -> Path:
    """The database file of the record."""
    return home / "record.db"


def keys_folder(home: Path) -> Path:
    """The folder of signing keys and of the trust store."""
    return home / "keys"


def incident_folder(home: Path, incident: str) -> Path:
    """The folder of one incident; an id that could leave `home` is refused."""
    return home / "incidents" / check_incident_id(incident)


def runs_folder(home: Path, incident: str) -> Path:
    """The folder that holds one folder per run of a runbook."""
    return incident_folder(home, incident) / "runs"
