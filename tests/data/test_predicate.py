"""The four forms of a predicate agree with one another and with a plain reading of the contract, row by row."""

import datetime as dt
import json
import math
import operator
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import ibis
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workbench.data.predicate import compile_predicate
from workbench.errors import PredicateError
from workbench.predicate import (
    ALL_ROWS,
    Comparison,
    Condition,
    Interval,
    Membership,
    Missing,
    Operand,
    Predicate,
    equals,
    missing,
)

PARIS = ZoneInfo("Europe/Paris")
ODD_TEXT = ["", "a", "b", "A", "é", "e\u0301", "😀", "\uffff", "a\0", "a\0b", "it's", '`"\n', "\\", "%_", "ß"]
ODD_NUMBERS = [0, 1, -1, 2**53 - 1, 2**53, 2**53 + 1, 2**63 - 1, -(2**63), 2**64, 10**40, -(10**40), 10**400]
ODD_FLOATS = [0.0, -0.0, 0.1, 0.5, 1.5, -1.5, 5e-324, 2.0**53, 2.0**53 + 2, 2.0**63, 1e22, 1e308, -1e308, 0.10000000149011612]
OPERATORS = {"=": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}

whole = st.integers(-3, 3) | st.sampled_from([number for number in ODD_NUMBERS if -(2**63) <= number < 2**63])
floats = st.floats() | st.sampled_from(ODD_FLOATS)
days = [dt.datetime.fromisoformat(day) for day in ("1970-01-01", "2026-01-01", "2026-01-02", "2200-01-01")]
naive = st.datetimes() | st.datetimes(days[1], days[2])
near = st.datetimes(days[0], days[3])
text = st.sampled_from(ODD_TEXT) | st.text(max_size=4)


def zoned(time: dt.datetime) -> dt.datetime:
    """The time in Paris, whose offset changes twice a year."""
    return time.replace(tzinfo=PARIS)


# name: what its cells are, how Arrow holds them, how pandas may hold them
COLUMNS: dict[str, tuple[st.SearchStrategy[Any], pa.DataType, list[Any]]] = {
    "whole": (whole, pa.int64(), ["Int64", "int64[pyarrow]", object, "category"]),
    "unsigned": (st.integers(0, 3) | st.integers(0, 2**64 - 1), pa.uint64(), ["UInt64", object]),
    "small": (st.integers(-128, 127), pa.int8(), ["Int8", "int8[pyarrow]"]),
    "fraction": (floats, pa.float64(), ["float64", "Float64", "double[pyarrow]", object, "category"]),
    "single": (st.floats(width=32) | st.just(0.10000000149011612), pa.float32(), ["float32", "Float32"]),
    "price": (
        st.decimals(-100, 100, places=2) | st.just(Decimal("0.10")),
        pa.decimal128(20, 2),
        [object, pd.ArrowDtype(pa.decimal128(20, 2))],
    ),
    "text": (text, pa.string(), ["str", "string", object, "category", "string[python]", pd.ArrowDtype(pa.string())]),
    "flag": (st.booleans(), pa.bool_(), ["boolean", "bool[pyarrow]", object, "category"]),
    "day": (st.dates() | st.just(dt.date(2026, 1, 1)), pa.date32(), [object, pd.ArrowDtype(pa.date32())]),
    "time": (naive, pa.timestamp("us"), ["datetime64[us]", object, "timestamp[us][pyarrow]"]),
    "second": (naive.map(lambda time: time.replace(microsecond=0)), pa.timestamp("s"), ["datetime64[s]"]),
    "nano": (near, pa.timestamp("ns"), ["datetime64[ns]", "timestamp[ns][pyarrow]"]),
    "zoned": (
        near.map(zoned),
        pa.timestamp("us", "Europe/Paris"),
        ["datetime64[us, Europe/Paris]", object, pd.ArrowDtype(pa.timestamp("us", "Europe/Paris"))],
    ),
}
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "numbers": st.sampled_from(ODD_NUMBERS + ODD_FLOATS) | st.integers(-3, 3) | st.floats(allow_nan=False, allow_infinity=False),
    "text": text,
    "flag": st.booleans(),
    "times": naive | near.map(zoned) | st.dates() | st.just(dt.date(2026, 1, 1)),
}
KIND = {"text": "text", "flag": "flag", **dict.fromkeys(("day", "time", "second", "nano", "zoned"), "times")}
FUNCTIONS = {"text": ["length"], "times": ["weekday", "hour", "month"]}


@pytest.fixture(scope="module")
def engine() -> Iterator[Any]:
    """DuckDB in a session whose time zone is not UTC."""
    connection = ibis.duckdb.connect()
    connection.raw_sql("SET TimeZone = 'America/New_York'")
    yield connection
    connection.disconnect()


def is_missing(cell: object) -> bool:
    return cell is None or (isinstance(cell, float) and math.isnan(cell))


def in_utc(cell: Any) -> Any:
    if isinstance(cell, dt.datetime):
        return cell.astimezone(dt.UTC) if cell.tzinfo else cell.replace(tzinfo=dt.UTC)
    return dt.datetime(cell.year, cell.month, cell.day, tzinfo=dt.UTC) if isinstance(cell, dt.date) else cell


def holds(condition: Condition, cell: Any) -> bool:
    """Whether one condition holds of one Python value: the contract, in its own words."""
    if isinstance(condition, Missing):
        return is_missing(cell) != condition.negated
    if is_missing(cell):
        return False
    cell = in_utc(cell)

    def against(value: Any) -> Any:
        return Decimal(repr(value)) if isinstance(cell, Decimal) and isinstance(value, float) and value % 1 else value

    if isinstance(condition, Membership):
        return any(cell == against(value) for value in condition.values) != condition.negated
    if isinstance(condition, Interval):
        return against(condition.low) <= cell < against(condition.high)
    functions = {
        None: lambda cell: cell,
        "length": len,
        "weekday": lambda cell: cell.weekday(),
        "hour": lambda cell: cell.hour,
        "month": lambda cell: cell.month,
    }
    return OPERATORS[condition.op](functions[condition.operand.function](cell), against(condition.value))


@st.composite
def conditions(draw: st.DrawFn, name: str, cells: list[Any]) -> Condition:
    kind = KIND.get(name, "numbers")
    value = VALUES[kind]
    seen = [cell for cell in cells if not is_missing(cell) and not (isinstance(cell, float) and math.isinf(cell))]
    if seen:
        value |= st.sampled_from([float(cell) if isinstance(cell, Decimal) else cell for cell in seen])
    form = draw(st.sampled_from(["comparison", "comparison", "function", "membership", "interval", "missing"]))
    if form == "missing":
        return Missing(name, draw(st.booleans()))
    if form == "membership":
        return Membership(name, tuple(draw(st.lists(value, min_size=1, max_size=3))), draw(st.booleans()))
    if form == "interval":
        return Interval(name, *sorted((draw(value), draw(value)), key=in_utc))
    if form == "function" and kind in FUNCTIONS:
        operand = Operand(name, draw(st.sampled_from(FUNCTIONS[kind])))
        return Comparison(
            operand, draw(st.sampled_from(list(OPERATORS))), draw(st.integers(0, 12) | st.just(2.5) | st.just(10**30))
        )
    return Comparison(Operand(name), draw(st.sampled_from(list(OPERATORS))), draw(value))


@st.composite
def cases(draw: st.DrawFn) -> tuple[dict[str, list[Any]], Predicate, dict[str, Any]]:
    """Columns of Python values, and a predicate over some of them."""
    rows = draw(st.integers(1, 6))
    names = draw(st.lists(st.sampled_from(list(COLUMNS)), min_size=1, max_size=2, unique=True))
    columns = {name: draw(st.lists(st.none() | COLUMNS[name][0], min_size=rows, max_size=rows)) for name in names}
    tests = [draw(conditions(name, columns[name])) for name in draw(st.lists(st.sampled_from(names), min_size=1, max_size=3))]
    return columns, Predicate(tuple(tests)), {name: draw(st.sampled_from(COLUMNS[name][2])) for name in names}


@pytest.mark.parametrize(
    "test", ["v > 2026-01-31T23:30:00", "v != 2026-01-31T23:30:00", "hour(v) = 23 and month(v) = 1", "v < 9000-01-01"]
)
def test_zoned_nanoseconds_are_exact(engine: Any, test: str) -> None:
    seconds = dt.datetime.fromisoformat("2026-01-31T23:30:00+00:00").timestamp()
    zoned_nanos = pa.table({"v": pa.array([int(seconds) * 10**9 + 1, None], pa.timestamp("ns", "Europe/Paris"))})
    predicate = Predicate.parse(test)
    assert ibis_rows(engine, predicate, ibis.memtable(zoned_nanos)) == [True, False]
    assert predicate.mask(zoned_nanos.to_pandas()).tolist() == [True, False]


def ibis_rows(engine: Any, predicate: Predicate, table: ibis.Table) -> list[bool | None]:
    selected = table.select(selected=compile_predicate(predicate, table))
    return engine.to_pyarrow(selected)["selected"].to_pylist()


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(case=cases())
def test_text_json_mask_and_ibis_agree_with_a_reading_row_by_row(
    engine: Any, case: tuple[dict[str, list[Any]], Predicate, dict[str, Any]]
) -> None:
    columns, predicate, dtypes = case
    in_rows = [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]
    expected = [all(holds(test, row[test.column]) for test in predicate.conditions) for row in in_rows]
    frame = pd.DataFrame({name: pd.Series(cells, dtype=dtypes[name]) for name, cells in columns.items()})
    arrow = pa.table({name: pa.array(cells, COLUMNS[name][1], from_pandas=False) for name, cells in columns.items()})
    assert Predicate.parse(str(predicate)) == predicate
    assert Predicate.from_dict(json.loads(json.dumps(predicate.to_dict()))) == predicate
    assert predicate.mask(frame).tolist() == expected
    assert ibis_rows(engine, predicate, ibis.memtable(arrow)) == expected


# A type that only DuckDB has: its values, a test, and for which of them it holds.
DUCKDB_ONLY = [
    ("CAST(x AS ENUM('b', 'a'))", "('a'), ('b'), (NULL)", 'v < "b"', [True, False, False]),
    ("CAST(x AS ENUM('b', 'a'))", "('a'), ('b'), (NULL)", 'v != "no such member"', [True, True, False]),
    ("CAST(x AS ENUM('b', 'a'))", "('a'), ('b'), (NULL)", 'v not in {"a", "no such member"}', [False, True, False]),
    ("CAST(x AS HUGEINT)", "('1'), ('36893488147419103233'), (NULL)", "v = 36893488147419103233", [False, True, False]),
    ("CAST(x AS HUGEINT)", "('1'), ('36893488147419103233'), (NULL)", "v < 36893488147419103233.5", [True, False, False]),
    ("CAST(x AS TIMESTAMP_MS)", "('2026-01-01 00:00:00.001'), (NULL)", "v < 2026-01-01T00:00:00.001001", [True, False]),
    ("CAST(x AS TIMESTAMP_NS)", "('2026-01-01 00:00:00.000000001'), (NULL)", "v > 2026-01-01", [True, False]),
    ("CAST(x AS TIMESTAMP_NS)", "('2026-01-01'), (NULL)", "v < 9999-12-31 and v > 0001-01-01 and v != 9999-12-31", [True, False]),
    ("CAST(x AS TIMESTAMP_NS)", "('2262-04-11 10:00:00')", "v < 2262-04-11T23:47:16.854775 and v > 2262-04-11T09:00:00", [True]),
    ("CAST(x AS TIMESTAMP_NS)", "('2262-04-11 10:00:00')", "v < 2262-04-11T23:47:16.854776 and v >= 1677-09-22", [True]),
    ("CAST(x AS TIMESTAMP)", "('infinity'), ('2026-01-01')", "hour(v) >= 0", [False, True]),
    ("CAST(x AS DATE)", "('2026-01-01'), ('9999-12-31'), (NULL)", "v > 2026-01-01T00:00:00.000001", [False, True, False]),
    ("CAST(x AS DATE)", "('2026-01-01'), ('9999-12-31'), (NULL)", "v <= 9999-12-31T23:00:00", [True, True, False]),
    ("CAST(x AS DATE)", "('2026-01-01'), ('5881580-07-10'), (NULL)", "hour(v) = 0 and month(v) >= 1", [True, True, False]),
    (
        "CAST(x AS TIMESTAMPTZ)",
        "('2026-02-01 00:30:00+01:00'), (NULL)",
        "hour(v) = 23 and month(v) = 1 and weekday(v) = 5",
        [True, False],
    ),
    ("CAST(x AS DOUBLE)", "('nan'), ('inf'), (NULL)", "v > 1", [False, True, False]),
    ("CAST(x AS DOUBLE)", "('nan'), ('inf'), (NULL)", "v is missing", [True, False, True]),
    ("CAST(x AS DOUBLE)", "('nan'), ('inf'), (NULL)", "v not in {1}", [False, True, False]),
    ("CAST(x AS DECIMAL(38, 37))", "('0.1'), ('9.9'), (NULL)", "v in {0.1}", [True, False, False]),
    ("CAST(x AS DECIMAL(38, 37))", "('0.1'), ('9.9'), (NULL)", "v < 10", [True, True, False]),
    ("CAST(x AS UUID)", "('00000000-0000-0000-0000-000000000001'), (NULL)", "v is missing", [False, True]),
]


@pytest.mark.parametrize(("cast", "values", "test", "expected"), DUCKDB_ONLY)
def test_types_that_only_duckdb_has(engine: Any, cast: str, values: str, test: str, expected: list[bool]) -> None:
    query = f"CREATE OR REPLACE TABLE cells AS SELECT {cast} AS v FROM (VALUES {values}) AS texts (x)"  # noqa: S608  from above
    engine.raw_sql(query).fetchall()
    assert ibis_rows(engine, Predicate.parse(test), engine.table("cells")) == expected


@pytest.mark.parametrize("name", ["two words", "and", "a`b", 'a"b', "it's", "é", "a\nb", "a;--", "%s", "{x}"])
def test_a_column_may_have_any_name(engine: Any, name: str) -> None:
    predicate = Predicate.parse(str(equals(name, name)))
    assert ibis_rows(engine, predicate, ibis.memtable(pa.table({name: [name, "other"]}))) == [True, False]


def test_a_column_that_can_hold_nothing_satisfies_no_comparison(engine: Any) -> None:
    table = ibis.memtable(pa.table({"a": pa.nulls(2)}))
    assert ibis_rows(engine, Predicate.parse('a != "x"'), table) == [False, False]
    assert ibis_rows(engine, missing("a"), table) == [True, True]


def test_all_rows_selects_every_row(engine: Any) -> None:
    assert ibis_rows(engine, ALL_ROWS, ibis.memtable(pa.table({"a": [1, 2]}))) == [True, True]


def test_a_set_may_be_large(engine: Any) -> None:
    predicate = Predicate((Membership("a", tuple(range(0, 4000, 2))),))
    assert ibis_rows(engine, predicate, ibis.memtable(pa.table({"a": [1, 2]}))) == [False, True]


@pytest.mark.parametrize(
    ("column", "test", "why"),
    [
        (pa.array([1]), 'a = "x"', 'column a holds numbers, and is compared as text: a = "x"'),
        (pa.array([True]), "a = 1", "holds true or false, and is compared as numbers"),
        (pa.array(["1"]), "a in {1}", "holds text, and is compared as numbers"),
        (pa.array([1]), "a in [2026-01-31, 2026-02-01)", "holds numbers, and is compared as times"),
        (pa.array(["x"]), "hour(a) = 1", "holds text, and is compared as times"),
        (pa.array([[1]]), "a = 1", "holds array<int64>, and is compared as numbers"),
        (pa.array([dt.time(1)]), "hour(a) = 1", "holds time.*, and is compared as times"),
        (pa.array([1]), "b = 1", "no column of that name: b. Columns: a"),
    ],
)
def test_what_cannot_be_compared_is_refused_before_any_query(column: pa.Array, test: str, why: str) -> None:
    with pytest.raises(PredicateError, match=why):
        compile_predicate(Predicate.parse(test), ibis.memtable(pa.table({"a": column})))
