"""What may name a person, made harmless before it is frozen: row ids become pseudonyms, other people's error texts are withheld.

Identifiers are dropped when a log is opened, and `workbench.result.publish` keeps small cells out of tables. Two ways are left
in which a row could get into a bundle: by its id, where somebody lists the rows they looked at, and by an error that quotes the
value it choked on (``could not convert string to float: 'Jane Doe'``).
"""

from __future__ import annotations

import hashlib
import hmac
import inspect
import os
import re
import secrets
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from nbformat import NotebookNode

from workbench import errors
from workbench.digest import canonical_json
from workbench.errors import InputError, StorageError, WorkbenchError
from workbench.incident.home import check_incident_id, keys_folder

SALT_BYTES: Final = 32
LEAST_SALT: Final = 16
PREFIX: Final = "row:"
SHOWN: Final = 20
"""Hexadecimal digits of a pseudonym, 80 bits: among a thousand million rows two agree once in two million logs."""
PSEUDONYM: Final = rf"\b{PREFIX}[0-9a-f]{{{SHOWN}}}\b"
"""A pattern of what `pseudonym` gives."""
WITHHELD: Final = "text withheld, it may quote the data"
OWN_ERRORS: Final = frozenset(
    name for name, item in vars(errors).items() if inspect.isclass(item) and issubclass(item, WorkbenchError)
)
CODE_ERRORS: Final = frozenset((
    "ImportError", "MemoryError", "ModuleNotFoundError", "NameError", "RecursionError", "SystemExit", "UnboundLocalError",
    "ZeroDivisionError",
))  # fmt: skip
"""Python's own exceptions whose text names modules, variables and limits, never a value."""
ANSI: Final = re.compile(r"\x1b\[[0-9;]*m")
FRAME: Final = re.compile(r"\s*(File |Cell In\[|-{10,}|~{2}/|/\S+ in |<\S+> in )|.*Traceback \(most recent call last\)\s*$")
"""How the entries of an IPython traceback begin that show where in the code it was, and no value."""
TRACEBACK: Final = re.compile(r"Traceback \(most recent call last\)")
ARROW: Final = re.compile(r"^-+> \d+ ", re.MULTILINE)
CHAINED: Final = (
    "The above exception was the direct cause of the following exception:",
    "During handling of the above exception, another exception occurred:",
)


def pseudonym(row_id: object, salt: bytes) -> str:
    """A name for a row that says nothing of its id: the same for the same id and salt, and not to be undone without the salt.

    Parameters
    ----------
    row_id
        A value of the column with the role ``row_id``; the number 7 is the same id as 7.0, and another one than the text "7".
    salt
        At least `LEAST_SALT` random bytes, of `incident_salt`. Without it, a list of ids gives nobody their pseudonyms.

    Returns
    -------
    str
        ``row:`` and the first `SHOWN` hexadecimal digits of HMAC-SHA-256 (RFC 2104) over the canonical JSON of the id.

    Raises
    ------
    InputError
        For a missing id, or a salt that is too short to keep a secret.
    """
    if len(salt) < LEAST_SALT:
        raise InputError("the salt is too short", f"{len(salt)} bytes", f"Give at least {LEAST_SALT} random bytes.")
    if row_id is None or row_id != row_id:  # noqa: PLR0124  NaN and NaT are the values that differ from themselves
        raise InputError("a missing row id has no pseudonym", None, "Leave such rows out.")
    value = row_id.item() if hasattr(row_id, "item") else row_id
    value = int(value) if isinstance(value, float) and value.is_integer() else value
    return PREFIX + hmac.new(salt, canonical_json(value), hashlib.sha256).hexdigest()[:SHOWN]


def incident_salt(home: Path, incident: str) -> bytes:
    """The salt of an incident, made on first use: beside the keys, for its owner only, in no bundle.

    Pseudonyms of one incident can be compared with each other, those of two incidents cannot. Whoever loses the file can no
    longer tell which row a pseudonym was, which is the only harm.

    Raises
    ------
    StorageError
        If it cannot be read or made, or was cut.
    """
    path = keys_folder(home) / "salts" / f"{check_incident_id(incident)}.salt"
    try:
        if not path.exists():
            _make_once(path)
        salt = path.read_bytes()
    except OSError as exc:
        raise StorageError(
            f"the salt of {incident} cannot be read or made ({exc.strerror})", str(path), "Make it writable."
        ) from exc
    if len(salt) != SALT_BYTES:
        raise StorageError(f"the salt of {incident} is damaged", str(path), "Restore it, or remove it: a new one is made.")
    return salt


def error_text(name: str, value: str) -> str:
    """What may be kept of an exception's message: ours, which quote what somebody typed, and those that speak of code alone.

    Parameters
    ----------
    name, value
        ``ename`` and ``evalue`` of a notebook's error output.
    """
    return value if name in OWN_ERRORS | CODE_ERRORS or not value else WITHHELD


def error_traceback(name: str, value: str, traceback: Sequence[str]) -> list[str]:
    """An IPython traceback without foreign messages: the frames stay, which are code; so does the last line, if it is ours.

    What does not look like a frame is withheld, however it is written: a traceback whose form is unknown loses its text, never
    keeps it.
    """
    return [*filter(None, map(_frame, traceback)), f"{name}: {error_text(name, value)}".rstrip(": ")]


def error_stream(text: str) -> str:
    """What a cell wrote to stderr; withheld where a traceback is in it, which Python itself prints of several errors at once."""
    return WITHHELD if TRACEBACK.search(ANSI.sub("", text)) else text


def plain_errors(notebook: NotebookNode) -> str:
    """Every traceback in `notebook`, whole and without colours, under the number of its cell; empty where there is none."""
    parts = []
    for number, cell in enumerate(notebook.cells, 1):
        for output in cell.get("outputs", []):
            printed = output.get("text", "") if output.get("name") == "stderr" else ""
            lines = output.get("traceback", []) if output.output_type == "error" else [printed] if _withheld(printed) else []
            parts += [f"cell {number}", *lines, ""] if lines else []
    return ANSI.sub("", "\n".join(parts))


def _withheld(printed: str) -> bool:
    return error_stream(printed) != printed


def _frame(entry: str) -> str:
    """An entry of a traceback where it is a frame; its first line where it points at no line of code; or nothing."""
    plain = ANSI.sub("", entry)
    if plain.strip() in CHAINED:
        return entry
    if not FRAME.match(plain.split("\n")[0]):
        return ""
    return entry if ARROW.search(plain) else entry.split("\n", maxsplit=1)[0]


def _make_once(path: Path) -> None:
    """Write a salt that nobody else can read, whole or not at all; of two makers at once, one keeps its own."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_bytes(SALT_BYTES))
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)
