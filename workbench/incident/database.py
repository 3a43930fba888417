"""The database under the record: one table that grows and never changes. All that one dialect says otherwise is here.

SQLite is the default and so far the only dialect. Each write is on the disk before it counts as done (``WAL``,
``synchronous=FULL``), and the triggers refuse an update, a delete, and an insert that does not continue its incident's
chain: they keep honest programs honest, while the chain itself shows what somebody did who dropped them. Another dialect
adds its own `_prepare_...` and its own way for writers to take turns.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError, SQLAlchemyError

from workbench.errors import StorageError

# "incR" in ASCII, in the file's header: tells a record from another program's database.
APPLICATION_ID: Final = 0x696E6352
FORMAT: Final = 1
PATIENCE_SECONDS: Final = 60.0

# Without rowid: INSERT OR REPLACE could otherwise drop a row by its rowid, and SQLite fires no delete trigger for that.
ENTRIES: Final = sa.Table(
    "entries",
    sa.MetaData(),
    sa.Column("incident", sa.Text, primary_key=True),
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("prev", sa.Text, nullable=False),
    sa.Column("time", sa.Text, nullable=False),
    sa.Column("author", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("evidence", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

SQLITE_TRIGGERS: Final = (
    """
    CREATE TRIGGER entries_no_update BEFORE UPDATE ON entries
    BEGIN SELECT RAISE(ABORT, 'the record is append-only: an entry cannot be changed'); END
    """,
    """
    CREATE TRIGGER entries_no_delete BEFORE DELETE ON entries
    BEGIN SELECT RAISE(ABORT, 'the record is append-only: an entry cannot be deleted'); END
    """,
    """
    CREATE TRIGGER entries_continue_chain BEFORE INSERT ON entries
    WHEN NEW.seq IS NOT 1 + (SELECT coalesce(max(seq), 0) FROM entries WHERE incident = NEW.incident)
      OR NEW.seq > 1 AND NEW.prev IS NOT (SELECT digest FROM entries WHERE incident = NEW.incident AND seq = NEW.seq - 1)
    BEGIN SELECT RAISE(ABORT, 'the entry does not continue the chain of its incident'); END
    """,
)


def open_engine(place: str | Path) -> sa.Engine:
    """An engine on the database at `place`, which is created where it is missing.

    Parameters
    ----------
    place
        A file, or a database URL (``sqlite:///record.db``).

    Raises
    ------
    StorageError
        When the file is no record, was written by a newer workbench, or cannot be read and written.
    """
    url = _url(place)
    if url.get_backend_name() != "sqlite" or url.database in {None, "", ":memory:"}:
        raise StorageError("no record can be kept in this database", url.render_as_string(), "Give a file or sqlite:///FILE")
    engine = sa.create_engine(url)
    event.listen(engine, "connect", _configure_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    try:
        with _storage_errors(url):
            _prepare_sqlite(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction that reads; it sees one state of the database and waits for nobody."""
    with _storage_errors(engine.url), engine.begin() as connection:
        yield connection


@contextmanager
def writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction that writes; writers in all processes take turns, each sees what the one before it wrote."""
    with _storage_errors(engine.url), engine.connect() as connection, connection.execution_options(takes_turn=True).begin():
        yield connection


def _url(place: str | Path) -> URL:
    if isinstance(place, Path) or "://" not in place:
        return URL.create("sqlite", database=str(Path(place).absolute()))
    try:
        return make_url(place)
    except ArgumentError as exc:
        raise StorageError("this is not a database URL", place, "Give a file or sqlite:///FILE") from exc


@contextmanager
def _storage_errors(url: URL) -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as exc:
        reason = exc.orig if isinstance(exc, DBAPIError) else exc
        do = "Check that it is a workbench record, that its folder can be written and that the disk has room"
        raise StorageError(f"the record cannot be read or written ({reason})", url.database, do) from exc


def _configure_sqlite(connection: Any, _: object) -> None:
    """Set up one connection; transactions are begun by `_begin_sqlite`, since the driver would begin them too late."""
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {PATIENCE_SECONDS * 1000:.0f}")
    connection.execute("PRAGMA synchronous = FULL")


def _begin_sqlite(connection: sa.Connection) -> None:
    takes_turn = connection.get_execution_options().get("takes_turn", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if takes_turn else "BEGIN")


def _prepare_sqlite(engine: sa.Engine) -> None:
    """Create what is missing, once, however many processes open the new file at the same moment."""
    with reading(engine) as connection:
        if not _is_new_sqlite(connection):
            return
    _use_write_ahead_log(engine)
    with writing(engine) as connection:
        if _is_new_sqlite(connection):
            ENTRIES.create(connection)
            for trigger in SQLITE_TRIGGERS:
                connection.exec_driver_sql(trigger)
            connection.exec_driver_sql(f"PRAGMA user_version = {FORMAT}")
            connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")


def _is_new_sqlite(connection: sa.Connection) -> bool:
    """Whether the database is empty; a `StorageError` where it holds anything but a record of this format."""
    application = connection.exec_driver_sql("PRAGMA application_id").scalar_one()
    version = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
    if application == APPLICATION_ID and version == FORMAT:
        return False
    place = connection.engine.url.database
    if application == APPLICATION_ID:
        raise StorageError("the record was written by a newer workbench", place, "Update the workbench")
    if application or version or connection.exec_driver_sql("SELECT count(*) FROM sqlite_schema").scalar_one():
        raise StorageError("the database belongs to another program", place, "Move it away or set WORKBENCH_HOME")
    return True


def _use_write_ahead_log(engine: sa.Engine) -> None:
    """Switch the file to a write-ahead log, for good.

    SQLite refuses to wait here where two connections switch at once, so this waits instead.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        connection = engine.raw_connection()
        try:
            connection.cursor().execute("PRAGMA journal_mode = WAL")
        except engine.dialect.loaded_dbapi.OperationalError as exc:
            if "locked" not in str(exc) or time.monotonic() > deadline:
                raise OperationalError("PRAGMA journal_mode = WAL", None, exc) from exc
            time.sleep(0.01)
        else:
            return
        finally:
            connection.close()
