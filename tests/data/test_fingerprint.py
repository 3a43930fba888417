"""The fingerprint: the same for the same content whoever holds it, another for any other content."""

import datetime as dt
import io
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import ibis
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings

from workbench.data.engine import read_source
from workbench.data.fingerprint import fingerprint

# ibis 12 reads a table's schema so from DuckDB 2

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=4)
TIMES = st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2200, 1, 1))  # noqa: DTZ001  naive times are UTC
CELLS: dict[str, tuple[pa.DataType, st.SearchStrategy[Any]]] = {
    "whole": (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    "part": (pa.float64(), st.floats(allow_nan=False)),
    "text": (pa.string(), TEXT),
    "flag": (pa.bool_(), st.booleans()),
    "time": (pa.timestamp("us"), TIMES),
    "money": (pa.decimal128(38, 10), st.decimals(-(10**20), 10**20, places=10)),
}
ROWS = st.lists(st.fixed_dictionaries({name: st.none() | cells for name, (_, cells) in CELLS.items()}), min_size=1, max_size=4)
SCHEMA = pa.schema([(name, kind) for name, (kind, _) in CELLS.items()])

FEW = settings(max_examples=10)


def of(source: object) -> str:
    return fingerprint(read_source(source).table)


def cell(value: object, kind: pa.DataType | None = None) -> str:
    return of(pa.table({"x": pa.array([value], kind)}))


def written(rows: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=SCHEMA)


@FEW
@given(ROWS, st.randoms(use_true_random=False))
def test_the_order_of_rows_and_columns_does_not_matter(rows: list[dict[str, Any]], random: Any) -> None:
    names = random.sample(SCHEMA.names, len(SCHEMA.names))
    assert of(written(random.sample(rows, len(rows))).select(names)) == of(written(rows))


@settings(max_examples=5)
@given(rows=ROWS)
def test_engines_agree(rows: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> None:
    """pandas, polars, Arrow, and parquet through DuckDB."""
    table = written(rows)
    path = tmp_path_factory.getbasetemp() / "rows.parquet"
    pq.write_table(table, path)
    frame = table.to_pandas(types_mapper=pd.ArrowDtype)
    assert {of(table), of(frame), of(pl.from_arrow(table)), of(path)} == {of(table)}


@FEW
@given(ROWS, st.data())
def test_any_changed_cell_shows(rows: list[dict[str, Any]], data: st.DataObject) -> None:
    row, name = data.draw(st.integers(0, len(rows) - 1)), data.draw(st.sampled_from(SCHEMA.names))
    old = rows[row][name]
    new = data.draw((st.none() | CELLS[name][1]).filter(lambda value: value != old))
    changed = [{**item, name: new} if number == row else item for number, item in enumerate(rows)]
    assert of(written(changed)) != of(written(rows))


@FEW
@given(ROWS, st.data())
def test_a_row_more_shows(rows: list[dict[str, Any]], data: st.DataObject) -> None:
    """Twice the same row, too, which XOR would cancel."""
    again = data.draw(st.sampled_from(rows))
    assert len({of(written(rows + [again] * number)) for number in range(3)}) == 3


@FEW
@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=3, unique=True))
def test_cells_exchanged_between_columns_show(rows: list[tuple[str, str]]) -> None:
    table = pa.table({"a": [a for a, _ in rows], "b": [b for _, b in rows]})
    turned = table.rename_columns(["b", "a"])
    same = sorted(rows) == sorted((b, a) for a, b in rows)
    assert (of(turned) == of(table)) == same


def test_cells_exchanged_between_rows_show() -> None:
    assert of(pd.DataFrame({"a": [1, 2], "b": [3, 4]})) != of(pd.DataFrame({"a": [1, 2], "b": [4, 3]}))


@pytest.mark.parametrize(
    ("left", "right"),
    [(("ab", "c"), ("a", "bc")), (("", "a"), ("a", "")), (("1:s", ""), ("", "1:s")), (("a", None), (None, "a"))],
)
def test_a_character_moved_to_the_next_cell_shows(left: tuple[str, str], right: tuple[str, str]) -> None:
    assert of(pd.DataFrame([left], columns=["a", "b"], dtype="str")) != of(pd.DataFrame([right], columns=["a", "b"], dtype="str"))


def test_a_renamed_column_shows() -> None:
    assert of(pd.DataFrame({"a": [1]})) != of(pd.DataFrame({"b": [1]}))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (pa.array([1]), pa.array([1.0])),
        (pa.array([1], pa.uint8()), pa.array([1], pa.int64())),
        (pa.array([-0.0]), pa.array([0])),
        (pa.array([float("nan")]), pa.array([None], pa.float64())),
        (pa.array([None], pa.string()), pa.array([None], pa.int64())),
        (pa.array([None], pa.bool_()), pa.array([None], pa.float64())),
        (pa.array(["a"]).dictionary_encode(), pa.array(["a"])),
        (pa.array([dt.date(2026, 1, 31)]), pa.array([dt.datetime(2026, 1, 31)])),  # noqa: DTZ001
        (pa.array([0.5], pa.float32()), pa.array([0.5])),
        (pa.array([Decimal("0.10")]), pa.array([0.1])),
        (pa.array([Decimal("0.10")]), pa.array([Decimal("0.1")])),
        (pa.array([Decimal("7.00")]), pa.array([7])),
        (pa.array([Decimal("0.0000001")], pa.decimal128(38, 10)), pa.array([1e-7])),
        (pa.array([2**63], pa.uint64()), pa.array([2.0**63])),
        (pa.array([-(2**63)]), pa.array([-(2.0**63)])),
        (pa.array([10**15], pa.timestamp("us", tz="Europe/Rome")), pa.array([10**15], pa.timestamp("us"))),
        (pa.array([-(10**15) - 1], pa.timestamp("ns")), pa.array([-(10**12) - 1], pa.timestamp("us"))),
    ],
)
def test_equal_values_of_different_types_are_equal(one: pa.Array, other: pa.Array) -> None:
    assert of(pa.table({"x": one})) == of(pa.table({"x": other}))


def test_close_values_differ() -> None:
    """Every one of them; 0.1 as a float32 is another number."""
    values = [
        *(cell(value) for value in (0.1, 0.2, 0.1 + 0.2, 0.3, 1e308, 5e-324, 0.0, 1e16, float("inf"), -float("inf"))),
        *(
            cell(value)
            for value in (2**53, 2**53 + 1, 2**53 + 2, True, False, "", " ", "1", "true", "é", "e\u0301", "👩‍👩‍👧", "👩‍👩‍👦")
        ),
        cell(0.1, pa.float32()),
        cell(None, pa.string()),
        *(
            cell(Decimal(text), pa.decimal128(38, 18))
            for text in ("0.100000000000000001", "9007199254740993.5", "9007199254740992.5")
        ),
    ]
    assert len(set(values)) == len(values)


def test_the_empty_text_is_not_missing_even_beside_text_that_looks_like_it() -> None:
    assert len({cell(text, pa.string()) for text in ("", None, "null", "NULL", "None", "0:", "s")}) == 7


def test_a_change_in_the_last_of_a_million_rows_shows() -> None:
    numbers = np.arange(1_000_001)
    before = of(pa.table({"x": numbers}))
    numbers[1_000_000] += 1
    assert of(pa.table({"x": numbers})) != before


def test_the_form_is_fixed() -> None:
    """A sealed bundle is verified years later: another fingerprint for old data would look like tampering."""
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", None], "c": [0.5, np.nan]})
    assert of(frame) == by_hand(["a", "b", "c"], [["n1", "sx", "n0.5"], ["n2", "", ""]])


def by_hand(names: list[str], rows: list[list[str]]) -> str:
    """The fingerprint written again with hashlib, from the texts of the cells."""
    import hashlib
    import json

    framed = ["".join(f"{len(text)}:{text}" for text in row) for row in rows]
    total = sum(int(hashlib.sha256(row.encode()).hexdigest(), 16) for row in framed) % 2**256
    form = json.dumps({"columns": names, "rows": len(rows), "sum": f"{total:064x}"}, sort_keys=True, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(form.encode()).hexdigest()


@FEW
@given(st.lists(TEXT | st.none(), min_size=1, max_size=4))
def test_agrees_with_hashlib_on_any_text(texts: list[str | None]) -> None:
    rows = [["" if text is None else f"s{text}"] for text in texts]
    assert of(pa.table({"x": pa.array(texts, pa.string())})) == by_hand(["x"], rows)


@pytest.mark.filterwarnings("ignore:.*infer_string")  # ibis asks pandas for it
def test_another_engine_gives_the_same(tmp_path: Path) -> None:
    connection = ibis.sqlite.connect(tmp_path / "rows.db")
    connection.con.executescript(
        "CREATE TABLE t (a INTEGER, b TEXT, c REAL); INSERT INTO t VALUES (1, 'x', 0.5), (2, NULL, NULL)"
    )
    assert fingerprint(read_source(connection.table("t")).table) == of(
        pd.DataFrame({"a": [1, 2], "b": ["x", None], "c": [0.5, None]})
    )
    connection.disconnect()


WRITERS: list[Callable[[pd.DataFrame], Any]] = [pl.from_pandas, pa.Table.from_pandas]


@pytest.mark.parametrize("convert", WRITERS)
def test_a_csv_and_the_frame_it_was_written_from_agree(convert: Callable[[pd.DataFrame], Any], tmp_path: Path) -> None:
    text = "id,score,name,when\n1,0.25,ann,2026-01-01 10:00:00.123456\n2,,“bob”,2026-01-02 00:00:00.000000\n"
    path = tmp_path / "rows.csv"
    path.write_text(text, encoding="utf-8")
    frame = pd.read_csv(io.StringIO(text), parse_dates=["when"])
    assert of(path) == of(frame) == of(convert(frame))
