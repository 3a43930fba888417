"""From a source of any kind to one ibis table: files through DuckDB, frames through Arrow, other engines as they are.

Whatever the source, what comes out obeys the same rules: unique column names (the second `x` is `x_2`), NaN is missing, times
are UTC without a zone in whole microseconds, and what is neither number, truth value, time nor text (a list, a duration) is
text. No message shows the content of a row, for it may name a person, or the secret part of a URL.
"""

from __future__ import annotations

import codecs
import csv
import glob
import io
import itertools
import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import parse_qs, urlsplit

import duckdb
import fsspec
import ibis
import pyarrow as pa
import pyarrow.parquet as pq
from ibis.expr import datatypes as types

from workbench.data.frames import arrow_of
from workbench.data.texts import texts_as_times, texts_as_truth_values
from workbench.errors import SourceError

if TYPE_CHECKING:
    from ibis.backends.duckdb import Backend

FORMATS: Final = {
    ".csv": "csv", ".tsv": "csv", ".txt": "csv", ".data": "csv",
    ".parquet": "parquet", ".pq": "parquet",
    ".ndjson": "ndjson", ".jsonl": "ndjson", ".json": "ndjson",
}  # fmt: skip
COMPRESSED: Final = {".gz": "gzip", ".zst": "zstd"}
DATABASES: Final = ("postgresql", "postgres", "mysql", "sqlite")
DELIMITERS: Final = ",;\t|"
HEAD_BYTES: Final = 1 << 20
CSV_TYPES: Final = ("BIGINT", "HUGEINT", "DOUBLE", "DATE", "TIMESTAMP", "TIMESTAMPTZ", "VARCHAR")
PLAIN_TYPES: Final = (types.Boolean, types.Integer, types.Floating, types.Decimal, types.String, types.Date)

Read: TypeAlias = tuple[ibis.Table, tuple[str, ...]]


@dataclass(frozen=True, eq=False)
class Source:
    """A table as it was found.

    Attributes
    ----------
    table
        All columns and rows, names unique.
    name
        What to call it in messages and provenance; a URL without its secrets.
    notices
        What was changed on the way in, a sentence each.
    arrow
        The rows of a frame in memory, before `normalise`; None for any other source.
    """

    table: ibis.Table
    name: str
    notices: tuple[str, ...] = ()
    arrow: pa.Table | None = None


def read_source(source: object) -> Source:
    """Open `source`: a path, glob or URL; a pandas, polars or Arrow frame; an ibis table.

    Raises
    ------
    SourceError
        If it cannot be read as a table of at least one column.
    """
    if isinstance(source, str | Path):
        return _read_location(str(source))
    if isinstance(source, ibis.Table):
        named = source.op().find(ibis.expr.operations.DatabaseTable)
        return Source(normalise(source), source.get_name() if named else "ibis table")
    return _read_frame(source)


def require_rows(source: Source) -> None:
    """Raise SourceError unless `source` has a row: without one, the types of a file's columns are guesses."""
    if not source.table.limit(1).count().to_pyarrow().as_py():
        raise SourceError("no rows in this source", source.name, "Give a table with at least one row.")


def unique_names(names: Sequence[str]) -> tuple[list[str], tuple[str, ...]]:
    """`names` with each repetition numbered from 2 (``x``, ``x_2``, ``x_3``), and a notice per renamed column.

    Names that differ only in the case of ASCII letters count as one, as they do in DuckDB.
    """
    taken = set(map(_folded, names))
    seen: dict[str, str] = {}
    unique, notices = [], []
    for name in names:
        fresh, first = name, seen.get(_folded(name))
        if first is not None:
            fresh = next(f"{name}_{n}" for n in itertools.count(2) if _folded(f"{name}_{n}") not in taken)
            taken.add(_folded(fresh))
            why = "occurs more than once" if first == name else f"differs from {first} only in case"
            notices.append(f"column {name} {why}; the later one is called {fresh}")
        else:
            seen[_folded(name)] = name
        unique.append(fresh)
    return unique, tuple(notices)


def normalise(table: ibis.Table) -> ibis.Table:
    """`table` with NaN as missing, times as UTC microseconds without a zone, and every other odd type as text."""
    changes: dict[str, Any] = {}
    knows_nan = table._find_backend(use_default=True).has_operation(ibis.expr.operations.IsNan)  # noqa: SLF001  as below
    for name, dtype in table.schema().items():
        column: Any = table[name]
        if isinstance(dtype, types.Floating) and not knows_nan:
            continue
        if isinstance(dtype, types.Floating):
            changes[name] = column.isnan().ifelse(ibis.null(dtype), column)
        elif isinstance(dtype, types.Timestamp) or "TIMESTAMP" in str(dtype):
            changes[name] = utc_micros(column)
        elif not isinstance(dtype, PLAIN_TYPES):
            changes[name] = column.cast("string")
    return table.mutate(**changes) if changes else table


def utc_micros(column: Any) -> Any:
    """A column of times as naive UTC times in microseconds; nanoseconds are cut off, never rounded up."""
    dtype = column.type()
    plain = types.Timestamp(timezone=None, scale=6)
    if isinstance(dtype, types.Unknown) or dtype.scale == 9:
        ticks: Any = _epoch_ns(column)  # ibis has no type for DuckDB's zoned nanoseconds
        return _make_timestamp(_divide(ticks, 1000) - (ticks % 1000 < 0).cast("int64"))
    if dtype.timezone is not None:
        return _time_in_zone("UTC", column).cast(plain) if engine_name(column) == "duckdb" else column.cast(plain)
    return column if dtype.scale == 6 else column.cast(plain)


@ibis.udf.scalar.builtin(name="timezone")
def _time_in_zone(zone: str, time: types.Timestamp(timezone="UTC")) -> types.Timestamp():  # type: ignore[valid-type]
    """The naive time in `zone`. A cast would give the naive time in the session's own time zone."""


@ibis.udf.scalar.builtin(name="epoch_ns")
def _epoch_ns(time) -> int:  # type: ignore[no-untyped-def,empty-body]  # noqa: ANN001  ibis reads the types: any time
    """DuckDB's own nanoseconds since 1970."""


@ibis.udf.scalar.builtin(name="divide")
def _divide(number: int, by: int) -> int:  # type: ignore[empty-body]
    """Division of integers, rounded towards zero; the ``//`` of ibis goes through floats."""


@ibis.udf.scalar.builtin(name="make_timestamp")
def _make_timestamp(micros: int) -> types.Timestamp(scale=6):  # type: ignore[valid-type]
    """DuckDB's own time from microseconds since 1970."""


def arrow_table(arrow: pa.Table) -> ibis.Table:
    """`arrow` as a table of an embedded DuckDB of its own, without a copy."""
    connection, name = _connect(), ibis.util.gen_name("arrow")
    connection.con.register(name, arrow)
    return connection.table(name)


def _folded(name: str) -> str:
    return name.encode(errors="surrogatepass").lower().decode(errors="surrogatepass")


def engine_name(expression: Any) -> str:
    """The ibis backend that would compute `expression`, such as ``duckdb``."""
    return str(expression._find_backend(use_default=True).name)  # noqa: SLF001  ibis offers no public way to ask


def _connect() -> Backend:
    connection = ibis.duckdb.connect(temp_directory=tempfile.gettempdir())
    connection.raw_sql("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
    return connection


def _read_location(location: str) -> Source:
    scheme = urlsplit(location).scheme
    if scheme == "duckdb":
        return _read_duckdb(location)
    if scheme in DATABASES:
        raise SourceError("this database cannot be read yet", _shown(location), "Export the table to parquet and give that file.")
    location = location.removeprefix("file://")
    connection = _connect()
    paths = _find_remote(connection, location) if "://" in location else _find_local(location)
    form = _format_of(paths[0])
    reader: Callable[[Backend, list[str]], Read] = {"csv": _read_csv, "parquet": _read_parquet, "ndjson": _read_ndjson}[form]
    try:
        table, notices = reader(connection, paths)
    except (duckdb.Error, pa.ArrowException, OSError, EOFError) as exc:
        raise SourceError(f"cannot be read as {form}", _shown(location), _advice(exc, form, paths)) from exc
    return Source(normalise(table), _shown(location), notices)


def _find_local(location: str) -> list[str]:
    if Path(location).is_dir():
        raise SourceError("this is a folder", location, "Give a file, or a pattern such as folder/*.parquet.")
    found = [location] if Path(location).is_file() else sorted(glob.glob(location, recursive=True))  # noqa: PTH207  any root
    if not found:
        raise SourceError("no such file", location, "Check the path; patterns may use * and **.")
    return found


def _find_remote(connection: Backend, location: str) -> list[str]:
    try:
        filesystem, path = fsspec.core.url_to_fs(location)
        connection.con.register_filesystem(filesystem)
        found = [filesystem.unstrip_protocol(item) for item in sorted(filesystem.glob(path))]
    except (ImportError, ValueError) as exc:
        raise SourceError("no reader for this kind of URL", _shown(location), _shown(str(exc).split("\n")[0])) from exc
    except Exception as exc:  # each file system has errors of its own: no network, no permission, a bad certificate
        raise SourceError("this URL cannot be reached", _shown(location), f"{type(exc).__name__}: fetch the file first.") from exc
    if not found:
        raise SourceError("no such file", _shown(location), "Check the URL; patterns may use * and **.")
    return found


def _format_of(path: str) -> str:
    suffixes = [suffix.lower() for suffix in Path(urlsplit(path).path if "://" in path else path).suffixes]
    suffix = next((suffix for suffix in reversed(suffixes) if suffix not in COMPRESSED), "")
    if suffix not in FORMATS:
        raise SourceError("unknown kind of file", _shown(path), f"Known endings: {', '.join(FORMATS)}.")
    return FORMATS[suffix]


def _create(connection: Backend, reader: str, values: dict[str, Any]) -> ibis.Table:
    """A table filled by DuckDB's table function `reader`, read once."""
    name = ibis.util.gen_name("read")
    given = ", ".join(f"{key} = ${key}" for key in values if key != "paths")
    connection.con.execute(f"CREATE TABLE {name} AS SELECT * FROM {reader}($paths, {given})", values)  # noqa: S608  own names
    return connection.table(name)


def _engine_paths(paths: list[str]) -> list[str]:
    """`paths` for DuckDB, which takes ``*``, ``?`` and ``[`` in a file's own name for a pattern."""
    return [path if "://" in path else glob.escape(path) for path in paths]


def _read_csv(connection: Backend, paths: list[str]) -> Read:
    """The dialect is read from the head, not sniffed: a sniffer that fails on one odd row reads all as a single column."""
    head = _csv_head(paths[0])
    for path in paths[1:]:
        _require_same(head.names, _csv_head(path).names, path, paths[0])
    names, notices = unique_names(head.names)
    dialect = {"header": True, "skip": head.skip, "delim": head.delimiter, "quote": '"', "escape": head.escape}
    sniffing = {"sample_size": -1, "files_to_sniff": -1, "auto_type_candidates": list(CSV_TYPES)}
    table = _create(connection, "read_csv", {"paths": _engine_paths(paths), "names": names, **dialect, **sniffing})
    return texts_as_truth_values(table), notices


@dataclass(frozen=True)
class _Head:
    names: list[str]
    delimiter: str
    escape: str
    skip: int


def _csv_head(path: str) -> _Head:
    """The header's names, the delimiter it holds most often, how quotes are escaped, and the blank lines above."""
    text = _head_text(path)
    body = text.lstrip("\r\n \t")
    if not body:
        raise SourceError("empty file", _shown(path), "Give a file with a header row and at least one row.")
    bare = re.sub(r'"[^"]*"', "", re.split(r"[\r\n]", body, maxsplit=1)[0])
    delimiter = max(DELIMITERS, key=bare.count)
    escape = "\\" if re.search(r'[^"\\]\\"[^,;\t|\r\n]', body) else '"'
    header = next(csv.reader(io.StringIO(body, newline=""), delimiter=delimiter))
    names = [name.strip() or f"column{number}" for number, name in enumerate(header, 1)]
    return _Head(names, delimiter, escape, text[: len(text) - len(body)].count("\n"))


def _head_text(path: str) -> str:
    with _open_bytes(path) as file:
        head = file.read(HEAD_BYTES)
    try:
        return codecs.getincrementaldecoder("utf-8-sig")().decode(head)
    except UnicodeDecodeError as exc:
        raise SourceError("not UTF-8 text", _shown(path), _encoding_advice(path, head)) from exc


def _open_bytes(path: str) -> Any:
    """The file's bytes, unpacked; Arrow knows zstandard, which Python does not."""
    compression = COMPRESSED.get(Path(path).suffix.lower())
    return pa.input_stream(fsspec.open(path, "rb").open(), compression=compression)


def _read_parquet(connection: Backend, paths: list[str]) -> Read:
    """Several files are united by name, or else DuckDB would cut the second file's 2.5 to the first file's integers."""
    headers = [_parquet_names(path) for path in paths]
    for path, header in zip(paths, headers, strict=True):
        _require_same(sorted(headers[0]), sorted(header), path, paths[0])
    names, notices = unique_names(headers[0])
    options = {"union_by_name": True} if len(paths) > 1 else {}
    table = connection.read_parquet(_engine_paths(paths), **options)
    return table.rename(dict(zip(names, table.columns, strict=True))) if notices else table, notices


def _parquet_names(path: str) -> list[str]:
    with fsspec.open(path, "rb") as file:
        return list(pq.ParquetFile(file).schema_arrow.names)


def _read_ndjson(connection: Backend, paths: list[str]) -> Read:
    for path in paths:
        if not _head_text(path).strip():
            raise SourceError("empty file", _shown(path), "Give a file with one JSON object per line.")
    table = _create(connection, "read_json", {"paths": _engine_paths(paths), "format": "auto", "sample_size": -1})
    return texts_as_times(table), ()


def _require_same(first: list[str], other: list[str], path: str, first_path: str) -> None:
    if first != other:
        odd = ", ".join(sorted(set(first) ^ set(other))) or "their order"
        raise SourceError("the files have different headers", _shown(path), f"It differs from {_shown(first_path)} in {odd}.")


def _read_duckdb(location: str) -> Source:
    parts = urlsplit(location)
    path = parts.netloc + parts.path if parts.netloc else parts.path.removeprefix("/")
    path = path if Path(path).exists() or not Path("/" + path).exists() else "/" + path
    table = parse_qs(parts.query).get("table", [""])[0]
    if not Path(path).is_file():
        raise SourceError("no such DuckDB file", path, "Write duckdb:///folder/file.db?table=name.")
    try:
        connection = ibis.duckdb.connect(path, read_only=True, temp_directory=tempfile.gettempdir())
        connection.raw_sql("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
        rows = connection.con.execute("SELECT table_name FROM information_schema.tables ORDER BY 1").fetchall()
        tables = [str(name) for (name,) in rows]
    except duckdb.Error as exc:
        raise SourceError("not a DuckDB database", path, str(exc).split("\n")[0]) from exc
    if table not in tables:
        raise SourceError("no such table in the database", table or location, f"Tables: {', '.join(tables) or 'none'}.")
    return Source(normalise(connection.table(table)), location)


def _read_frame(frame: object) -> Source:
    arrow, kind, left_out = arrow_of(frame)
    if not arrow.num_columns:
        raise SourceError("no columns in this frame", kind, "Give a frame with at least one column.")
    names, notices = unique_names([str(name) for name in arrow.column_names])
    named = arrow.rename_columns(names)
    return Source(normalise(arrow_table(named)), kind, (*notices, *left_out), named)


def _advice(exc: Exception, form: str, paths: list[str]) -> str:
    """What to do, from an engine's error; never the error's own text, which shows rows and URLs."""
    text = str(exc)
    line = re.search(r"[Ll]ine:? (\d+)", text)
    where = f"Line {line[1]} cannot be read. " if line and form != "parquet" else ""
    if form == "csv" and "Invalid unicode" in text:
        return where + _encoding_advice(paths[0])
    if isinstance(exc, OSError | EOFError):
        return "It is damaged, or packed otherwise than its ending says: fetch it again."
    if form == "csv":
        return (_odd_row(paths) or where) + " Quote fields that hold the delimiter, or export it as parquet."
    if form == "ndjson":
        return where + "Write one JSON object per line, each key once."
    return "It is damaged or cut short: fetch it again."


def _odd_row(paths: list[str]) -> str:
    """Which row of which file has more or fewer fields than its header."""
    for path in paths:
        head = _csv_head(path)
        escape = head.escape if head.escape != '"' else None
        with io.TextIOWrapper(_open_bytes(path), encoding="utf-8-sig", errors="replace", newline="") as text:
            rows = csv.reader(text, delimiter=head.delimiter, escapechar=escape, doublequote=escape is None)
            for row in rows:
                if row and len(row) != len(head.names):
                    return f"{Path(path).name}, line {rows.line_num}: {len(row)} fields where the header has {len(head.names)}."
    return ""


def _encoding_advice(path: str, head: bytes = b"") -> str:
    encoding = "utf-16" if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "latin1"
    return f"Convert it first, for example `iconv -f {encoding} -t utf-8 {Path(_shown(path)).name} > utf8.csv`."


def _shown(location: str) -> str:
    """`location` without the user and password of a URL, and without its query, which may hold a token."""
    if "://" not in location:
        return location
    return re.sub(r"\?[^?/]*=.*", "", re.sub(r"://[^/\s]*@", "://", location))
