"""The record: all incidents of a home in one database, where writers in many processes take turns.

What is written is a chain of entries for each incident, see `workbench.incident.chain`; an entry that was acknowledged is on
the disk, and none is ever changed.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import sqlalchemy as sa

from workbench.digest import canonical_json
from workbench.errors import InputError, RecordError
from workbench.incident.chain import RESTORE, Entry, Head, genesis, read_canonical
from workbench.incident.database import ENTRIES, open_engine, reading, writing
from workbench.incident.home import check_incident_id

# Built once: building them for each entry takes longer than SQLite takes to run them.
INSERT: Final = ENTRIES.insert()
LAST: Final = (
    sa.select(ENTRIES.c.seq, ENTRIES.c.digest)
    .where(ENTRIES.c.incident == sa.bindparam("incident"))
    .order_by(ENTRIES.c.seq.desc())
    .limit(1)
)


class Record:
    """All incidents of a home, in one database; made by `Record.open`, closed by ``with``."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    @classmethod
    def open(cls, place: str | Path) -> Self:
        """The record at `place`, a file or a database URL; created where it is missing.

        Raises
        ------
        StorageError
            When the file is no record, was written by a newer workbench, or cannot be read and written.
        """
        return cls(open_engine(place))

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        """Itself; closed at the end of the block."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Let go of the database."""
        self.close()

    def append(
        self,
        incident: str,
        kind: str,
        body: Mapping[str, Any],
        *,
        author: str,
        evidence: Iterable[str] = (),
        seq: int | None = None,
    ) -> Entry:
        """Add an entry at the end of the chain of `incident`. Once this returns, the entry is on the disk.

        Parameters
        ----------
        incident
            The incident's id; its chain begins with its first entry.
        kind, body, author, evidence
            As in `Entry`.
        seq
            The position the entry must get, for a writer that decided by what the record held: another writer may have
            been quicker.

        Raises
        ------
        InputError
            For an id, an author, a body or evidence that cannot be recorded, or when another entry has position `seq`.
        UnknownNameError
            For a kind that is not in the vocabulary.
        StorageError
            When the entry could not be written; the record is as it was.
        """
        check_incident_id(incident)
        with writing(self._engine) as connection:
            head = _head(connection, incident)
            if seq is not None and head.length + 1 != seq:
                raise InputError(f"{incident} has another entry at this position by now", seq, "Read it again and decide anew")
            entry = Entry.after(head, kind, body, author=author, evidence=evidence)
            connection.execute(INSERT, _to_row(entry))
        return entry

    def entries(self, incident: str) -> list[Entry]:
        """The entries of `incident` in order; none for an incident that does not exist.

        Says nothing of the chain (that is `verify_chain`'s), but an entry that no writer could have written is a
        `RecordError`.
        """
        query = sa.select(ENTRIES).where(ENTRIES.c.incident == incident).order_by(ENTRIES.c.seq)
        with reading(self._engine) as connection:
            return [_from_row(row) for row in connection.execute(query)]

    def incidents(self) -> list[str]:
        """The ids of all incidents, in the order in which their chains began."""
        first = sa.select(ENTRIES.c.incident, sa.func.min(ENTRIES.c.time)).group_by(ENTRIES.c.incident)
        with reading(self._engine) as connection:
            rows = connection.execute(first).all()
        return [incident for incident, _ in sorted(rows, key=lambda row: (row[1], row[0]))]

    def head(self, incident: str) -> Head:
        """The end of the chain of `incident`; of one that does not exist, the empty chain."""
        with reading(self._engine) as connection:
            return _head(connection, incident)


def _head(connection: sa.Connection, incident: str) -> Head:
    row = connection.execute(LAST, {"incident": incident}).first()
    return Head(incident, row.seq, row.digest) if row else Head(incident, 0, genesis(incident))


def _to_row(entry: Entry) -> dict[str, object]:
    texts = {name: canonical_json(value).decode() for name, value in (("body", entry.body), ("evidence", entry.evidence))}
    return {**entry.to_dict(), **texts}


def _from_row(row: sa.Row[Any]) -> Entry:
    try:
        parts = {name: read_canonical(getattr(row, name).encode()) for name in ("body", "evidence")}
        return Entry.from_dict({**row._asdict(), **parts})
    except (ValueError, RecursionError, RecordError) as exc:
        raise RecordError(f"entry {row.seq} was edited", row.incident, RESTORE) from exc
