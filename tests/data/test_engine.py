"""Sources: the same rows give the same table whatever holds them; what cannot be read is one clear line without secrets."""

import datetime as dt
import gzip
import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import fsspec
import ibis
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from workbench.data.engine import Source, read_source, unique_names
from workbench.data.fingerprint import fingerprint
from workbench.errors import SourceError

# ibis 12 reads a table's schema so from DuckDB 2

ROWS = pa.table({
    "id": [1, 2, 3],
    "score": [0.25, None, 0.5],
    "text": ["two\nlines, quoted", 'say "hi"', None],
    "flag": [True, False, None],
    "when": pa.array([0, 1_700_000_000_123_456, None], pa.timestamp("us")),
    "day": pa.array([dt.date(2026, 1, 31), None, dt.date(1969, 12, 31)]),
})  # fmt: skip


def csv_text(*, delimiter: str = ",") -> str:
    header = delimiter.join(ROWS.column_names)
    lines = [
        '1|0.25|"two\nlines, quoted"|true|1970-01-01 00:00:00|2026-01-31',
        '2||"say ""hi"""|false|2023-11-14T22:13:20.123456|',
    ]
    rows = [line.replace("|", delimiter) for line in (*lines, "3|0.5||||1969-12-31")]
    return "\n".join([header, *rows, ""])


def as_csv(folder: Path) -> Path:
    path = folder / "rows.csv"
    path.write_text(csv_text(), encoding="utf-8")
    return path


def as_csv_with_mark(folder: Path) -> Path:
    path = folder / "rows.csv"
    path.write_text(csv_text(), encoding="utf-8-sig", newline="\r\n")
    text = path.read_bytes().replace(b"two\r\nlines", b"two\nlines")
    path.write_bytes(text)
    return path


def as_packed_csv(folder: Path) -> str:
    path = folder / "rows.csv.gz"
    path.write_bytes(gzip.compress(csv_text().encode()))
    return str(path)


def as_tsv(folder: Path) -> Path:
    path = folder / "rows.tsv"
    path.write_text(csv_text(delimiter="\t"), encoding="utf-8")
    return path


def as_odd_name(folder: Path) -> Path:
    path = folder / "rows[1].csv"
    path.write_text(csv_text(delimiter=";"), encoding="utf-8")
    return path


def as_csv_parts(folder: Path) -> str:
    head, *_ = csv_text().split("\n")
    body = csv_text().removeprefix(head)
    cut = body.index("\n2,")
    (folder / "part1.csv").write_text(head + body[: cut + 1], encoding="utf-8")
    (folder / "part2.csv").write_text(head + body[cut:], encoding="utf-8")
    return str(folder / "part*.csv")


def as_parquet(folder: Path) -> Path:
    path = folder / "rows.parquet"
    pq.write_table(ROWS, path)
    return path


def as_parquet_parts(folder: Path) -> str:
    pq.write_table(ROWS.slice(0, 1), folder / "part1.parquet")
    pq.write_table(ROWS.slice(1).select(ROWS.column_names[::-1]), folder / "part2.parquet")
    return str(folder / "part*.parquet")


def as_file_url(folder: Path) -> str:
    return f"file://{as_parquet(folder)}"


def as_remote(ending: str) -> Callable[[Path], str]:
    def write(folder: Path) -> str:
        filesystem = fsspec.filesystem("memory")
        path = as_parquet(folder) if ending == "parquet" else as_csv(folder)
        filesystem.pipe_file(f"/rows.{ending}", path.read_bytes())
        return f"memory://rows.{ending}"

    return write


def as_ndjson(folder: Path) -> Path:
    path = folder / "rows.ndjson"
    path.write_text("\n".join(json.dumps(row, default=str) for row in ROWS.to_pylist()), encoding="utf-8")
    return path


def as_duckdb(folder: Path) -> str:
    with duckdb.connect(str(folder / "rows.db")) as connection:
        connection.register("given", ROWS)
        connection.execute("CREATE TABLE t AS FROM given")
    return f"duckdb:///{folder}/rows.db?table=t"


def as_pandas(_: Path) -> pd.DataFrame:
    return ROWS.to_pandas()


def as_pandas_nanoseconds(_: Path) -> pd.DataFrame:
    frame = ROWS.to_pandas()
    return frame.assign(when=frame["when"].dt.as_unit("ns").dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo"))


def as_pandas_categories(_: Path) -> pd.DataFrame:
    return ROWS.to_pandas().astype({"text": "category", "id": "category"})


def as_polars(_: Path) -> pl.DataFrame:
    frame = pl.from_arrow(ROWS)
    assert isinstance(frame, pl.DataFrame)
    return frame.with_columns(pl.col("text").cast(pl.Categorical))


def as_arrow(_: Path) -> pa.Table:
    return ROWS


def as_batch(_: Path) -> pa.RecordBatch:
    return ROWS.to_batches()[0]


def as_ibis(_: Path) -> ibis.Table:
    return ibis.memtable(ROWS)


def as_ibis_elsewhere(_: Path) -> ibis.Table:
    """Times with a zone, in a session with another."""
    connection = ibis.duckdb.connect()
    connection.raw_sql("SET TimeZone = 'America/New_York'")
    zoned = ROWS.set_column(4, "when", ROWS["when"].cast(pa.timestamp("us", tz="UTC")))
    connection.con.register("rows", zoned)
    return connection.table("rows")


WAYS = [
    as_csv, as_csv_with_mark, as_packed_csv, as_tsv, as_odd_name, as_csv_parts, as_parquet, as_parquet_parts, as_file_url,
    as_remote("parquet"), as_remote("csv"), as_ndjson, as_duckdb, as_pandas, as_pandas_nanoseconds, as_pandas_categories,
    as_polars, as_arrow, as_batch, as_ibis, as_ibis_elsewhere,
]  # fmt: skip


@pytest.fixture(autouse=True)
def _empty_memory() -> Iterator[None]:
    yield
    fsspec.filesystem("memory").store.clear()


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_the_same_rows_are_the_same_table(way: Callable[[Path], Any], tmp_path: Path) -> None:
    table = read_source(way(tmp_path)).table
    assert table.columns == tuple(ROWS.column_names)
    expected = ROWS.cast(ROWS.schema).to_pylist()
    assert sorted(values(table), key=lambda row: int(row["id"])) == expected
    assert fingerprint(table) == fingerprint(read_source(ROWS).table)


def values(table: ibis.Table) -> list[dict[str, Any]]:
    return list(table.to_pyarrow().to_pylist())


TWICE = pa.table([[1], [2], [3], [4]], names=["x", "x", "y", "X"])


def test_a_second_column_of_one_name_is_numbered_in_every_source(tmp_path: Path) -> None:
    """Names that differ in case only are one name to DuckDB."""
    pq.write_table(TWICE, tmp_path / "twice.parquet")
    (tmp_path / "twice.csv").write_text("x,x,y,X\n1,2,3,4\n", encoding="utf-8")
    frame = pd.DataFrame([[1, 2, 3, 4]], columns=["x", "x", "y", "X"])
    found = [read_source(source) for source in (TWICE, frame, tmp_path / "twice.parquet", tmp_path / "twice.csv")]
    assert [values(source.table) for source in found] == [[{"x": 1, "x_2": 2, "y": 3, "X_3": 4}]] * 4
    notices = (
        "column x occurs more than once; the later one is called x_2",
        "column X differs from x only in case; the later one is called X_3",
    )
    assert {source.notices for source in found} == {notices}


def test_a_number_that_is_taken_is_passed_over() -> None:
    assert unique_names(["x", "x_2", "x", "x"])[0] == ["x", "x_2", "x_3", "x_4"]


def test_a_second_csv_with_fractions_is_not_cut_to_the_integers_of_the_first(tmp_path: Path) -> None:
    for number, (one, other) in enumerate([("1", "a"), ("2.5", "b")]):
        (tmp_path / f"{number}.csv").write_text(f"x,y\n{one},{other}\n", encoding="utf-8")
        pq.write_table(pa.table({"x": [json.loads(one)], "y": [other]}), tmp_path / f"{number}.parquet")
    rows = [{"x": 1.0, "y": "a"}, {"x": 2.5, "y": "b"}]
    assert values(read_source(f"{tmp_path}/*.csv").table) == rows
    assert values(read_source(f"{tmp_path}/*.parquet").table) == rows


def read_text(tmp_path: Path, text: str) -> Source:
    path = tmp_path / "rows.csv"
    path.write_text(text, encoding="utf-8")
    return read_source(path)


def test_text_columns_only_still_have_a_header(tmp_path: Path) -> None:
    assert values(read_text(tmp_path, "city,land\nrome,italy\n").table) == [{"city": "rome", "land": "italy"}]


def test_one_column_is_a_table(tmp_path: Path) -> None:
    assert values(read_text(tmp_path, "city\nrome\noslo\n").table) == [{"city": "rome"}, {"city": "oslo"}]


def test_leading_zeros_and_long_numbers_survive(tmp_path: Path) -> None:
    table = read_text(tmp_path, "zip,id\n01234,9007199254740993\n99999,12345678901234567890\n").table
    assert values(table) == [
        {"zip": "01234", "id": Decimal(9007199254740993)},
        {"zip": "99999", "id": Decimal(12345678901234567890)},
    ]


@pytest.mark.parametrize("words", [["yes", "no"], ["t", "f"], ["y", "n"], ["f", "f"], ["Y", "N"], ["true", "yes"], ["TRUE", "1"]])
def test_only_true_and_false_are_truth_values(words: list[str], tmp_path: Path) -> None:
    """DuckDB would take all of these for some."""
    found = read_text(tmp_path, "\n".join(["id,x", *(f"{number},{word}" for number, word in enumerate(words))]))
    assert [row["x"] for row in values(found.table)] == words


def test_one_csv_of_truth_values_and_one_of_words_are_words(tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("id,x\n1,TRUE\n", encoding="utf-8")
    (tmp_path / "2.csv").write_text("id,x\n2,unknown\n", encoding="utf-8")
    assert [row["x"] for row in values(read_source(f"{tmp_path}/*.csv").table)] == ["TRUE", "unknown"]


def test_ndjson_says_itself_what_is_text(tmp_path: Path) -> None:
    (tmp_path / "rows.ndjson").write_text('{"a": "yes", "b": "true", "c": true}\n', encoding="utf-8")
    assert values(read_source(tmp_path / "rows.ndjson").table) == [{"a": "yes", "b": "true", "c": True}]


def test_a_quote_escaped_by_a_backslash(tmp_path: Path) -> None:
    """As Spark writes it."""
    assert values(read_text(tmp_path, 'a,b\n1,"say \\"hi\\" now"\n').table) == [{"a": 1, "b": 'say "hi" now'}]


def test_a_type_is_judged_by_all_rows(tmp_path: Path) -> None:
    text = "x\n" + "1\n" * 30_000 + "2.5\n"
    assert read_text(tmp_path, text).table.schema()["x"].is_floating()


@pytest.mark.parametrize("micros", [1_700_000_000_123_456, -315_619_199_876_544])
def test_nanoseconds_are_cut_off(micros: int, tmp_path: Path) -> None:
    """Before 1970, too, and with a zone, and from a file."""
    naive = pa.array([micros * 1000 + 999], pa.timestamp("ns"))
    table = pa.table({"naive": naive, "zoned": naive.cast(pa.timestamp("ns", tz="Europe/Rome"))})
    pq.write_table(table, tmp_path / "times.parquet")
    for source in (table, tmp_path / "times.parquet", table.to_pandas(), pl.from_arrow(table)):
        found = read_source(source).table.to_pyarrow()
        assert found.schema.types == [pa.timestamp("us")] * 2
        assert [column.cast(pa.int64()).to_pylist() for column in found.columns] == [[micros]] * 2


def test_what_is_no_number_time_or_text_becomes_text() -> None:
    frame = pl.DataFrame(
        {"time": [dt.time(1, 2)], "span": [dt.timedelta(days=1)], "list": [[1, 2]], "map": [{"a": 1}], "bytes": [b"x"]}
    )
    assert all(dtype.is_string() for dtype in read_source(frame).table.schema().values())


def test_odd_pandas_types_become_text() -> None:
    frame = pd.DataFrame({"period": pd.period_range("2026-01", periods=1, freq="M"), "range": pd.interval_range(0, 1)})
    assert values(read_source(frame).table) == [{"period": "2026-01", "range": "(0, 1]"}]


def test_an_index_with_a_name_is_left_out_aloud() -> None:
    found = read_source(pd.DataFrame({"a": [1]}, index=pd.Index([7], name="row_id")))
    assert found.table.columns == ("a",)
    assert found.notices == ("the index row_id was left out; reset_index() makes it a column",)


def damaged(name: str, content: bytes) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (folder / name).write_bytes(content)
        return folder / name

    return write


def truncated_parquet(folder: Path) -> Path:
    path = as_parquet(folder)
    path.write_bytes(path.read_bytes()[:-40])
    return path


def database_without(folder: Path) -> str:
    return as_duckdb(folder).replace("table=t", "table=u")


def different_headers(folder: Path) -> str:
    (folder / "a.csv").write_text("x,y\n1,2\n", encoding="utf-8")
    (folder / "b.csv").write_text("x,z\n1,2\n", encoding="utf-8")
    return f"{folder}/*.csv"


FAR = b"x,y\n" + b"1,abc\n" * 50_000 + b"2,na\xefve\n" + b"1,abc\n" * 10_000
FARTHER = b"x,y\n" + b"1,abcdefghijklmnopqrstuvwxyz\n" * 50_000 + b"2,na\xefve\n" + b"1,abc\n" * 10

UNREADABLE: dict[str, tuple[Callable[[Path], Any], list[str]]] = {
    "empty csv": (damaged("e.csv", b""), ["empty file", "e.csv"]),
    "blank csv": (damaged("e.csv", b"\n \n"), ["empty file", "e.csv"]),
    "empty ndjson": (damaged("e.ndjson", b""), ["empty file", "e.ndjson"]),
    "bad byte in the header": (damaged("h.csv", b"na\xefve,y\n1,2\n"), ["not UTF-8 text", "h.csv", "iconv -f latin1"]),
    "bad byte in row 50,000": (damaged("h.csv", FAR), ["not UTF-8 text", "h.csv", "iconv -f latin1"]),
    "bad byte after the first MiB": (
        damaged("h.csv", FARTHER),
        ["cannot be read as csv", "h.csv", "Line 50002", "iconv -f latin1"],
    ),
    "UTF-16": (damaged("u.csv", "x,y\n1,2\n".encode("utf-16")), ["not UTF-8 text", "u.csv", "iconv -f utf-16"]),
    "a field too many": (damaged("r.csv", b"x,y\n1,a\n2,b,secret\n"), ["r.csv", "line 3: 3 fields where the header has 2"]),
    "a field too few": (damaged("r.csv", b"x,y\n1,a\n2\n"), ["r.csv", "line 3: 1 fields where the header has 2"]),
    "truncated parquet": (truncated_parquet, ["cannot be read as parquet", "rows.parquet", "damaged or cut short"]),
    "not gzip": (damaged("z.csv.gz", b"x,y\n1,2\n"), ["cannot be read as csv", "z.csv.gz"]),
    "cut ndjson": (damaged("c.ndjson", b'{"x": 1, "y": "secret"}\n{"x":'), ["cannot be read as ndjson", "c.ndjson", "Line"]),
    "a key twice": (damaged("c.ndjson", b'{"x": 1, "x": "secret"}\n'), ["cannot be read as ndjson", "Line 1", "each key once"]),
    "a folder": (lambda folder: folder, ["this is a folder", "*.parquet"]),
    "a missing file": (lambda folder: folder / "no.csv", ["no such file", "no.csv"]),
    "a pattern without files": (lambda folder: f"{folder}/*.csv", ["no such file", "*.csv"]),
    "an unknown ending": (damaged("x.xlsx", b"x"), ["unknown kind of file", "x.xlsx", ".parquet"]),
    "different headers": (different_headers, ["different headers", "b.csv", "y, z"]),
    "no such database": (lambda folder: f"duckdb:///{folder}/no.db?table=t", ["no such DuckDB file", "no.db"]),
    "no database": (lambda folder: f"duckdb://{damaged('n.db', b'x' * 9000)(folder)}?table=t", ["not a DuckDB database", "n.db"]),
    "no such table": (database_without, ["no such table in the database: u", "Tables: t"]),
    "no such URL": (lambda _: "memory://no.csv", ["no such file", "memory://no.csv"]),
    "unknown scheme": (lambda _: "gopher://host/x.csv", ["no reader for this kind of URL", "gopher://host/x.csv"]),
    "an object": (lambda _: object(), ["not a data source: object"]),
    "None": (lambda _: None, ["not a data source: NoneType"]),
    "a Series": (lambda _: pd.Series([1]), ["not a data source: Series"]),
    "a polars Series": (lambda _: pl.Series([1]), ["not a data source: Series"]),
    "a lazy frame": (lambda _: pl.LazyFrame({"a": [1]}), ["not a data source: LazyFrame"]),
    "a frame without columns": (lambda _: pd.DataFrame(), ["no columns in this frame"]),
    "mixed types": (lambda _: pd.DataFrame({"a": [1, 2], "b": [1, "secret"]}), ["no one type: b holds int and str"]),
    "objects": (lambda _: pd.DataFrame({"b": [object()]}), ["no one type: b holds object"]),
    "half a surrogate": (lambda _: pd.DataFrame({"b": pd.Series(["\ud800"], dtype=object)}), ["no one type: b holds str"]),
}


@pytest.mark.parametrize(("make", "parts"), UNREADABLE.values(), ids=UNREADABLE)
def test_what_cannot_be_read_is_one_clear_line(make: Callable[[Path], Any], parts: list[str], tmp_path: Path) -> None:
    """And shows no row: it may name a person."""
    with pytest.raises(SourceError) as caught:
        read_source(make(tmp_path))
    message = str(caught.value)
    assert [part for part in parts if part not in message] == []
    assert "\n" not in message
    assert "secret" not in message
    assert caught.value.do


@pytest.mark.parametrize(
    "location",
    [
        "http://user:s3cr3t@localhost:1/x.csv?token=s3cr3t",
        "gopher://user:s3cr3t@host/x.csv",
        "gopher://user:p@s3cr3t@host/x.xlsx?sig=s3cr3t",
        "postgresql://user:s3cr3t@host/db?table=t",
        "memory://user:s3cr3t@host/x.csv?token=s3cr3t",
        "memory://user:s3cr3t@host/x.xlsx",
    ],
)
def test_no_message_shows_a_password(location: str) -> None:
    with pytest.raises(SourceError) as caught:
        read_source(location)
    assert "s3cr3t" not in str(caught.value)
    assert location.partition(":")[0] in str(caught.value)


def test_a_name_shows_no_password_either(tmp_path: Path) -> None:
    fsspec.filesystem("memory").pipe_file("/user:s3cr3t@host/rows.csv", as_csv(tmp_path).read_bytes())
    assert read_source("memory://user:s3cr3t@host/rows.csv").name == "memory://host/rows.csv"
