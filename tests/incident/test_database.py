"""The database under the record: what it refuses by itself, and what it says when it cannot be used."""

import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from workbench.errors import StorageError
from workbench.incident.chain import verify_chain
from workbench.incident.database import APPLICATION_ID
from workbench.incident.record import Record

OPEN_SCRIPT = """
import sys
from workbench.incident.record import Record
print("ready", flush=True)
sys.stdin.readline()
with Record.open(sys.argv[1]) as record:
    record.append("INC-1", "note", {}, author=sys.argv[2])
"""
FILL_SCRIPT = """
import resource, signal, sys
from workbench.errors import StorageError
from workbench.incident.record import Record
place, limit = sys.argv[1:]
with Record.open(place) as record:
    if int(limit):
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
    try:
        while True:
            print(record.append("INC-1", "note", {"text": "x" * 5000}, author="ana").digest, flush=True)
    except StorageError as error:
        print(error, file=sys.stderr)
"""
INSERT = "INSERT {} INTO entries VALUES (?, ?, ?, 't', 'eve', 'note', '{{}}', '[]', 'd')"
NOBODY = 65534


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A record of three entries, closed."""
    place = tmp_path / "record.db"
    with Record.open(place) as record:
        for number in range(3):
            record.append("INC-1", "note", {"number": number}, author="ana")
    return place


@pytest.fixture
def connection(place: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(place)) as connection:
        yield connection


def last_digest(connection: sqlite3.Connection) -> str:
    return str(connection.execute("SELECT digest FROM entries ORDER BY seq DESC").fetchone()[0])


# What the triggers refuse


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entries SET author = 'eve' WHERE seq = 2",
        "UPDATE OR REPLACE entries SET seq = 1 WHERE seq = 2",
        "DELETE FROM entries WHERE seq = 3",
        "DELETE FROM entries",
    ],
)
def test_an_entry_can_neither_be_changed_nor_deleted(connection: sqlite3.Connection, statement: str) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="the record is append-only"):
        connection.execute(statement)


@pytest.mark.parametrize("verb", ["", "OR REPLACE", "OR IGNORE"])
@pytest.mark.parametrize(("incident", "seq"), [("INC-1", 1), ("INC-1", 3), ("INC-1", 5), ("INC-1", 0), ("INC-2", 2)])
def test_an_insert_out_of_turn_is_refused(connection: sqlite3.Connection, verb: str, incident: str, seq: int) -> None:
    """Among them INSERT OR REPLACE, which would drop the old row without asking the delete trigger."""
    with pytest.raises(sqlite3.IntegrityError, match="does not continue the chain"):
        connection.execute(INSERT.format(verb), (incident, seq, last_digest(connection)))


def test_an_insert_with_another_prev_is_refused(connection: sqlite3.Connection) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="does not continue the chain"):
        connection.execute(INSERT.format(""), ("INC-1", 4, "sha256:" + "0" * 64))


def test_an_insert_that_continues_the_chain_is_taken(connection: sqlite3.Connection) -> None:
    """The refusals above are about the chain, not about the statement."""
    connection.execute(INSERT.format(""), ("INC-1", 4, last_digest(connection)))
    connection.execute(INSERT.format(""), ("INC-2", 1, "begins"))


def test_no_row_has_a_number_by_which_it_could_be_replaced(connection: sqlite3.Connection) -> None:
    with pytest.raises(sqlite3.OperationalError, match="no such column: rowid"):
        connection.execute("SELECT rowid FROM entries")


def test_a_value_of_another_type_is_refused(connection: sqlite3.Connection) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="cannot store TEXT value in INTEGER column"):
        connection.execute(INSERT.format(""), ("INC-1", "four", last_digest(connection)))


def test_what_is_written_is_on_the_disk_first(place: Path, connection: sqlite3.Connection) -> None:
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    with Record.open(place) as record, record._engine.connect() as own:
        assert own.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2  # FULL


# Creation


@pytest.mark.parametrize("attempt", range(3))
def test_processes_that_create_the_database_at_once_all_succeed(tmp_path: Path, attempt: int) -> None:
    place = tmp_path / f"record-{attempt}.db"
    processes = [
        subprocess.Popen([sys.executable, "-c", OPEN_SCRIPT, str(place), f"writer {number}"], stdin=-1, stdout=-1, text=True)
        for number in range(6)
    ]
    for process in processes:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        process.communicate(timeout=60)
    assert [process.returncode for process in processes] == [0] * 6
    with Record.open(place) as record:
        entries = record.entries("INC-1")
        verify_chain(entries, record.head("INC-1"))
    assert sorted(entry.author for entry in entries) == [f"writer {number}" for number in range(6)]


def test_a_writer_in_the_way_of_the_write_ahead_log_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite's own timeout does not wait here, so the first wait is where the other writer may finish."""
    with closing(sqlite3.connect(tmp_path / "record.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        waits: list[float] = []

        def wait(seconds: float) -> None:
            waits.append(seconds)
            other.rollback()

        monkeypatch.setattr(time, "sleep", wait)
        with Record.open(tmp_path / "record.db") as record:
            record.append("INC-1", "note", {}, author="ana")
    assert len(waits) == 1


def test_an_empty_file_becomes_a_record(tmp_path: Path) -> None:
    (tmp_path / "record.db").touch()
    with Record.open(tmp_path / "record.db") as record:
        assert record.incidents() == []


def test_any_path_names_a_file_and_nothing_else(tmp_path: Path) -> None:
    """Characters that mean something in a URL mean nothing in a path."""
    place = tmp_path / "a b?mode=memory#x%20.db"
    with Record.open(place) as record:
        record.append("INC-1", "note", {}, author="ana")
    assert place.stat().st_size > 0


# What cannot be used


def assert_one_line(error: pytest.ExceptionInfo[StorageError], place: Path) -> None:
    message = str(error.value)
    assert str(place) in message
    assert "\n" not in message


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "record.db"
    place.write_bytes(b"these are my notes, not a database\n" * 50)
    with pytest.raises(StorageError, match="file is not a database") as error:
        Record.open(place)
    assert_one_line(error, place)
    assert place.read_bytes().startswith(b"these are my notes")


def test_another_programs_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    place = tmp_path / "record.db"
    with closing(sqlite3.connect(place)) as other:
        other.execute("CREATE TABLE songs (title)")
    before = place.read_bytes()
    with pytest.raises(StorageError, match="belongs to another program") as error:
        Record.open(place)
    assert_one_line(error, place)
    assert place.read_bytes() == before


def test_a_record_of_a_later_format_is_refused(place: Path, connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA user_version = 2")
    with pytest.raises(StorageError, match="newer workbench") as error:
        Record.open(place)
    assert_one_line(error, place)
    assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)


def test_a_damaged_database_is_a_storage_error(tmp_path: Path) -> None:
    place = tmp_path / "record.db"
    with Record.open(place) as record:
        for _ in range(50):
            record.append("INC-1", "note", {"text": "x" * 1000}, author="ana")
    data = bytearray(place.read_bytes())
    data[4096:] = b"\xaa" * (len(data) - 4096)
    place.write_bytes(data)
    with Record.open(place) as record, pytest.raises(StorageError, match="malformed") as error:
        record.entries("INC-1")
    assert_one_line(error, place)


def test_a_folder_that_does_not_exist_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="unable to open database file"):
        Record.open(tmp_path / "absent" / "record.db")


@contextmanager
def without_privileges() -> Iterator[None]:
    """Root may write in any folder; nobody may not."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_folder_that_cannot_be_written_is_a_storage_error() -> None:
    # pytest's own temporary folders are closed to other users, and would be refused for that reason alone.
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o555)
        with without_privileges(), pytest.raises(StorageError, match="unable to open database file") as error:
            Record.open(Path(folder) / "record.db")
        assert_one_line(error, Path(folder) / "record.db")
        Path(folder).chmod(0o755)


def test_a_record_that_may_only_be_read_takes_no_entry(place: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "record.db"
        copy.write_bytes(place.read_bytes())
        copy.chmod(0o444)
        Path(folder).chmod(0o555)
        with without_privileges(), pytest.raises(StorageError, match="cannot be read or written"), Record.open(copy) as record:
            record.append("INC-1", "note", {}, author="ana")
        Path(folder).chmod(0o755)


def fill(place: Path, limit: int) -> tuple[list[str], str]:
    """Append until no byte more can be written; the digests acknowledged, and the error's text."""
    done = subprocess.run(
        [sys.executable, "-c", FILL_SCRIPT, str(place), str(limit)], capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout.split(), done.stderr


def assert_nothing_lost(place: Path, acknowledged: list[str]) -> None:
    with Record.open(place) as record:
        entries = record.entries("INC-1")
        verify_chain(entries, record.head("INC-1"))
    assert [entry.digest for entry in entries] == acknowledged
    assert acknowledged


def test_a_file_that_may_not_grow_is_a_storage_error_and_loses_nothing(tmp_path: Path) -> None:
    place = tmp_path / "record.db"
    acknowledged, message = fill(place, 300_000)
    assert message.startswith("the record cannot be read or written (disk I/O error)")
    assert message.count("\n") == 1
    assert_nothing_lost(place, acknowledged)


def test_a_full_disk_is_a_storage_error_and_loses_nothing(tmp_path: Path) -> None:
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tmp_path)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("a small file system can only be mounted by root, outside a container without that right")
    try:
        acknowledged, message = fill(tmp_path / "record.db", 0)
        assert message.startswith("the record cannot be read or written (database or disk is full)")
        # A copy, since reading needs room for the index of the write-ahead log.
        with tempfile.TemporaryDirectory() as folder:
            for file in tmp_path.glob("record.db*"):
                (Path(folder) / file.name).write_bytes(file.read_bytes())
            assert_nothing_lost(Path(folder) / "record.db", acknowledged)
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


@pytest.mark.parametrize("url", ["postgresql://ana:secret@db/record", "sqlite://", "sqlite:///:memory:", "nonsense://x", "://"])
def test_a_database_that_cannot_keep_a_record_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(StorageError) as error:
        Record.open(url)
    assert "secret" not in str(error.value)
