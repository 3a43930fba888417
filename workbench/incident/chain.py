"""The chain of an incident: entries that can be added to and in no way changed unseen.

An `Entry` carries the digest of the one before it, so the entries of an incident form a chain; a `Head` names a chain by
its length and last digest. `verify_chain` needs entries only, no database: it serves a live record and a bundle alike.

What the chain shows alone: an entry edited, deleted in the middle, or moved. What it shows only against a signed `Head`:
a cut tail, and a chain forged anew from some entry to the end.
"""

import datetime as dt
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, Self

from workbench.digest import canonical_json, digest
from workbench.errors import InputError, RecordError, StorageError, UnknownNameError
from workbench.incident.home import check_author
from workbench.vocabulary import ENTRY_KINDS

SCHEMA: Final = "workbench.record/1"
DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
RESTORE: Final = "Do not rely on this record; compare it with the last sealed bundle"


def genesis(incident: str) -> str:
    """The digest of the empty chain of `incident`: what its first entry has as ``prev``."""
    return digest({"schema": SCHEMA, "incident": incident})


@dataclass(frozen=True)
class Head:
    """The end of a chain: signing it fixes every entry up to there.

    Parameters
    ----------
    incident
        The incident's id.
    length
        Number of entries; 0 is the empty chain.
    digest
        The last entry's digest; of the empty chain, `genesis`.
    """

    incident: str
    length: int
    digest: str


@dataclass(frozen=True)
class Entry:
    """One entry of the record.

    Parameters
    ----------
    incident
        The incident's id.
    seq
        Position in the incident's chain, from 1.
    prev
        Digest of the entry before it; of the first, `genesis`.
    time
        When it was written, by the writer's clock: ISO 8601 with milliseconds and ``+00:00``.
    author
        Who wrote it.
    kind
        A word of `workbench.vocabulary.ENTRY_KINDS`.
    body
        What is recorded: plain JSON values.
    evidence
        Digests of the outputs that support it.
    digest
        Digest of the canonical JSON of all fields above.
    """

    incident: str
    seq: int
    prev: str
    time: str
    author: str
    kind: str
    body: Mapping[str, Any]
    evidence: tuple[str, ...]
    digest: str

    @classmethod
    def after(cls, head: Head, kind: str, body: Mapping[str, Any], *, author: str, evidence: Iterable[str] = ()) -> Self:
        """The entry that follows `head`, written now.

        Raises
        ------
        InputError
            For an author that is not one printable line, a body that has no JSON form, or evidence that is no digest.
        UnknownNameError
            For a kind that is not in the vocabulary.
        """
        if kind not in ENTRY_KINDS:
            raise UnknownNameError("kind of entry", kind, ENTRY_KINDS)
        fields = {
            "incident": head.incident,
            "seq": head.length + 1,
            "prev": head.digest,
            "time": dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds"),
            "author": check_author(author),
            "kind": kind,
            "body": _plain_body(body),
            "evidence": [_check_digest(item) for item in evidence],
        }
        return cls.from_dict({**fields, "digest": digest(fields)})

    @classmethod
    def from_dict(cls, fields: object) -> Self:
        """The entry that `to_dict` gave; a `RecordError` for fields too many, missing or of another type.

        Says nothing of the digest: that is `verify_chain`'s.
        """
        if not isinstance(fields, dict):
            raise RecordError("an entry is not a mapping of its fields", fields, RESTORE)
        wrong = [name for name, kind in FIELD_TYPES.items() if type(fields.get(name)) is not kind]
        wrong += sorted(set(map(str, fields)) - set(FIELD_TYPES))
        if not wrong and not all(isinstance(item, str) for item in fields["evidence"]):
            wrong = ["evidence"]
        if wrong:
            raise RecordError("an entry has fields missing, unknown or of the wrong type", ", ".join(wrong), RESTORE)
        return cls(**{**fields, "evidence": tuple(fields["evidence"])})

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain JSON values."""
        return {name: getattr(self, name) for name in FIELD_TYPES} | {"body": dict(self.body), "evidence": list(self.evidence)}

    def computed_digest(self) -> str:
        """The digest that the entry's content has now; `digest` is the one it was written with."""
        return digest({name: value for name, value in self.to_dict().items() if name != "digest"})


FIELD_TYPES: Final[dict[str, type]] = {
    "incident": str,
    "seq": int,
    "prev": str,
    "time": str,
    "author": str,
    "kind": str,
    "body": dict,
    "evidence": list,
    "digest": str,
}


def verify_chain(entries: Sequence[Entry], head: Head | None = None) -> None:
    """Prove that `entries` are one incident's whole chain, in order and unedited.

    Parameters
    ----------
    entries
        All entries of one incident, as they are stored. None at all is the empty chain.
    head
        The signed end of the chain. The chain must end exactly there: for a record that has grown since, pass its first
        ``head.length`` entries. Without it a cut tail does not show.

    Raises
    ------
    RecordError
        Names the first entry that was edited, deleted, moved or cut, by its position in the chain.
    """
    incident = head.incident if head else entries[0].incident if entries else ""
    last = Head(incident, 0, genesis(incident))
    for entry in entries:
        last = _verify_next(last, entry, entries)
    if head is None or last == head:
        return
    if last.length < head.length:
        what = f"entries {last.length + 1} to {head.length} were cut off the end of the record"
    elif last.length > head.length:
        what = f"entry {head.length + 1} was added after the record was signed"
    else:
        what = f"entry {last.length} is not the one that was signed"
    raise RecordError(what, incident, RESTORE)


def _verify_next(last: Head, entry: Entry, entries: Sequence[Entry]) -> Head:
    """The head after `entry`, which has to continue the chain that ends at `last`."""
    position = last.length + 1
    if entry.digest != entry.computed_digest():
        what = f"entry {position} was edited"
    elif entry.incident != last.incident:
        what = f"entry {position} belongs to another incident ({entry.incident!r})"
    elif entry.seq < position:
        what = f"entry {entry.seq} stands a second time, as number {position}"
    elif entry.seq > position:
        moved = any(other.seq == position for other in entries)
        what = f"entry {position} {'was moved' if moved else 'was deleted'}: entry {entry.seq} stands in its place"
    elif entry.prev != last.digest:
        what = f"entry {position} does not continue the one before it: one of the two was replaced"
    else:
        return Head(entry.incident, entry.seq, entry.digest)
    raise RecordError(what, last.incident, RESTORE)


def write_jsonl(entries: Iterable[Entry], target: Path | BinaryIO) -> None:
    """Write `entries` to a file, or to an open binary one: canonical JSON, one entry per line."""
    data = b"".join(canonical_json(entry.to_dict()) + b"\n" for entry in entries)
    if not isinstance(target, Path):
        target.write(data)
        return
    try:
        target.write_bytes(data)
    except OSError as exc:
        raise StorageError(f"the record cannot be written ({exc.strerror})", str(target), "Give another place") from exc


def read_jsonl(source: Path | bytes | BinaryIO) -> list[Entry]:
    """The entries that `write_jsonl` wrote, from a file, its bytes, or an open binary file.

    Says nothing of the chain: that is `verify_chain`'s.

    Raises
    ------
    RecordError
        Names the first line that is not an entry exactly as `write_jsonl` writes it: one entry has one spelling, so that
        no two readers can understand it differently.
    StorageError
        When the file cannot be read.
    """
    if isinstance(source, bytes):
        source = io.BytesIO(source)
    if isinstance(source, Path):
        try:
            source = io.BytesIO(source.read_bytes())
        except OSError as exc:
            raise StorageError(f"the record cannot be read ({exc.strerror})", str(source), "Give a file of entries") from exc
    return [_read_line(number, line) for number, line in enumerate(source, start=1)]


def _read_line(number: int, line: bytes) -> Entry:
    try:
        return Entry.from_dict(read_canonical(line, end=b"\n"))
    except (ValueError, RecursionError, RecordError) as exc:
        raise RecordError(f"line {number} of the record is not an entry as it was written", line, RESTORE) from exc


def read_canonical(text: bytes, end: bytes = b"") -> object:
    """The JSON value of `text`; a `ValueError` where the same value would be written otherwise."""
    value: object = json.loads(text)
    if canonical_json(value) + end != text:
        raise ValueError("it is not canonical JSON")
    return value


def _plain_body(body: Mapping[str, Any]) -> dict[str, Any]:
    try:
        plain = json.loads(canonical_json(body))
    except (TypeError, ValueError, RecursionError) as exc:
        raise InputError("the body of an entry has no JSON form", str(exc), "Pass plain values") from exc
    if not isinstance(plain, dict):
        raise InputError("the body of an entry is not a mapping", body, "Pass names with their values")
    return plain


def _check_digest(text: str) -> str:
    if not DIGEST.fullmatch(text):
        raise InputError("evidence is not a digest", text, "Pass 'sha256:' and 64 lower-case hexadecimal digits")
    return text
