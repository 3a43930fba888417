"""How fast the record takes entries and proves its chain, beside raw sqlite3 inserting the same rows as durably.

Run ``python benchmarks/record.py``; ``--place`` names a folder on the disk to measure. Appending is bound by the disk, since
each entry is flushed before it counts as written, so the two take turns entry by entry on the same disk.
"""

import argparse
import platform
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import sqlalchemy

from workbench.incident.chain import Entry, read_jsonl, verify_chain, write_jsonl
from workbench.incident.record import Record

COUNT = 10_000
BODY = {"run": 1, "template": "triage", "parameters": {"seed": 7, "current": "2026-03-04"}, "folder": "runs/0001-triage"}


def open_peer(place: Path) -> sqlite3.Connection:
    """A plain table: no chain, no triggers, no turns; flushed at each commit like the record."""
    peer = sqlite3.connect(place, isolation_level=None)
    peer.execute("PRAGMA journal_mode = WAL")
    peer.execute("PRAGMA synchronous = FULL")
    peer.execute("CREATE TABLE entries (incident, seq, prev, time, author, kind, body, evidence, digest)")
    return peer


def append_in_turns(record: Record, peer: sqlite3.Connection, count: int) -> tuple[float, float]:
    """Seconds that the record and the peer took for `count` entries each."""
    ours = theirs = 0.0
    for _ in range(count):
        start = time.perf_counter()
        entry = record.append("INC-1", "run started", BODY, author="ana")
        middle = time.perf_counter()
        row = (*list(entry.to_dict().values())[:6], str(entry.body), str(entry.evidence), entry.digest)
        before = time.perf_counter()
        peer.execute("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        ours, theirs = ours + middle - start, theirs + time.perf_counter() - before
    return ours, theirs


def verify(record: Record, place: Path) -> tuple[float, float, float]:
    """Seconds to verify the chain of entries at hand, to read them from the database, and from JSON lines."""
    start = time.perf_counter()
    entries: list[Entry] = record.entries("INC-1")
    read = time.perf_counter()
    verify_chain(entries, record.head("INC-1"))
    verified = time.perf_counter()
    write_jsonl(entries, place / "events.jsonl")
    written = time.perf_counter()
    read_jsonl(place / "events.jsonl")
    return verified - read, read - start, time.perf_counter() - written


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--place", type=Path, default=None, help="a folder on the disk to measure")
    parser.add_argument("--count", type=int, default=COUNT, help="entries to append")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.place) as folder:
        place = Path(folder)
        with Record.open(place / "record.db") as record, closing(open_peer(place / "peer.db")) as peer:
            ours, theirs = append_in_turns(record, peer, options.count)
            chain, database, lines = verify(record, place)
    count = options.count
    print(f"machine: {platform.machine()}, Python {platform.python_version()}, SQLAlchemy {sqlalchemy.__version__}", end=", ")
    print(f"SQLite {sqlite3.sqlite_version} on {sys.platform}; {count} entries, each flushed to the disk")
    print(f"append  record  {count / ours:8.0f} entries/s")
    print(f"        sqlite3 {count / theirs:8.0f} entries/s   ratio {theirs / ours:.2f} (1 is as fast as the peer)")
    print(f"verify  chain in memory {chain:.3f} s, read from the database {database:.3f} s, from JSON lines {lines:.3f} s")


if __name__ == "__main__":
    main()
