"""What the mask does with each way pandas has of holding a column; tests/data/test_predicate.py holds it against an oracle."""

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from workbench.errors import PredicateError
from workbench.predicate import Predicate

NUMBERS = [
    "int64",
    "int8",
    "uint16",
    "float32",
    "float64",
    "Int64",
    "Float64",
    "int64[pyarrow]",
    "Sparse[int64]",
    object,
    "category",
]
TEXTS = ["str", "string", "string[python]", "large_string[pyarrow]", object, "category"]


def rows(text: str, cells: Any, dtype: Any = None) -> list[bool]:
    frame = pd.DataFrame({"a": pd.Series(cells, dtype=dtype)})
    mask = Predicate.parse(text).mask(frame)
    assert mask.dtype == bool
    return mask.tolist()


@pytest.mark.parametrize("dtype", NUMBERS)
def test_numbers_of_every_dtype_compare_by_their_value(dtype: Any) -> None:
    assert rows("a < 2.5", [1, 2, 3], dtype) == [True, True, False]
    assert rows("a in {2, 3.5, 1e300, -7}", [1, 2, 3], dtype) == [False, True, False]
    assert rows("a > -1e30 and a != 3", [1, 2, 3], dtype) == [True, True, False]


@pytest.mark.parametrize("dtype", TEXTS)
@pytest.mark.parametrize("test", ['a != "x"', 'a not in {"x"}', 'a < "zzz"', "length(a) >= 0"])
def test_a_missing_text_satisfies_no_comparison(test: str, dtype: Any) -> None:
    assert rows(test, ["y", None], dtype) == [True, False]
    assert rows("a is missing", ["y", None], dtype) == [False, True]


@pytest.mark.parametrize("dtype", TEXTS)
def test_a_trailing_nul_is_part_of_the_text(dtype: Any) -> None:
    assert rows('a = "x\\u0000"', ["x", "x\0"], dtype) == [False, True]
    assert rows('a in {"x\\u0000"}', ["x", "x\0"], dtype) == [False, True]
    assert rows("length(a) = 2", ["x", "x\0"], dtype) == [False, True]


@pytest.mark.parametrize(
    ("cells", "dtype"),
    [
        ([1.5, np.nan], "float64"),
        ([1, None], "Int64"),
        ([1, pd.NA], object),
        ([1.5, float("nan")], pd.ArrowDtype(pa.float64())),
        ([Decimal(1), Decimal("NaN")], object),
        ([1.5, None], "category"),
    ],
)
def test_a_missing_number_satisfies_no_comparison(cells: list[Any], dtype: Any) -> None:
    for test in ("a != 7", "a < 7", "a >= -7", "a in [-7, 7)", "a not in {7}", "a is not missing"):
        assert rows(test, cells, dtype) == [True, False], test


def test_nan_in_an_arrow_column_is_missing() -> None:
    cells = pd.Series(pd.arrays.ArrowExtensionArray(pa.array([1.5, np.nan, None])))
    assert rows("a != 7", cells) == [True, False, False]
    assert rows("a is missing", cells) == [False, True, True]


def test_integers_beyond_2_to_the_53_are_told_apart() -> None:
    cells = [2**53, 2**53 + 1, 2**53 + 2]
    assert rows("a = 9007199254740993", cells, "int64") == [False, True, False]
    assert rows("a = 9007199254740993", cells, object) == [False, True, False]
    assert rows("a < 9007199254740993.0", cells, "int64") == [False, False, False]
    assert rows("a > 9007199254740993", [2.0**53, 2.0**53 + 2], "float64") == [False, True]
    assert rows("a in {18446744073709551615}", [2**64 - 1, 2**64 - 2], "uint64") == [True, False]


def test_a_float32_is_compared_as_the_number_it_is() -> None:
    assert rows("a = 0.1", [0.1, 0.5], "float32") == [False, False]
    assert rows("a = 0.10000000149011612", [0.1, 0.5], "float32") == [True, False]


def test_a_decimal_is_compared_with_the_decimal_that_is_written() -> None:
    assert rows("a = 0.1", [Decimal("0.1"), Decimal("0.2")]) == [True, False]
    assert rows("a in {0.1, 7}", [Decimal("0.1"), Decimal("0.2")], pd.ArrowDtype(pa.decimal128(5, 2))) == [True, False]


@pytest.mark.parametrize("dtype", [None, "datetime64[s, Europe/Paris]", "datetime64[ns, Asia/Tokyo]", object])
def test_zoned_times_are_read_in_utc(dtype: Any) -> None:
    cells = pd.Series(pd.to_datetime(["2026-02-01T00:30:00+01:00", None], utc=True)).dt.tz_convert("Europe/Paris")
    assert rows("hour(a) = 23 and weekday(a) = 5 and month(a) = 1", cells, dtype) == [True, False]
    assert rows("a in [2026-01-31T23:30:00, 2026-01-31T23:30:00.000001)", cells, dtype) == [True, False]


def test_nanoseconds_are_not_rounded_away() -> None:
    cells = pd.Series(np.array(["2026-01-31T00:00:00.000000001"], dtype="datetime64[ns]"))
    assert rows("a = 2026-01-31", cells) == [False]
    assert rows("a > 2026-01-31", cells) == [True]
    assert rows("a < 9999-01-01 and a > 0001-01-01", cells) == [True]


def test_objects_may_be_dates_and_times_together() -> None:
    cells = [dt.date(2026, 1, 31), dt.datetime(2026, 1, 31, 1), pd.Timestamp("2026-01-31", tz="Europe/Paris"), None]  # noqa: DTZ001
    assert rows("a >= 2026-01-31", cells, object) == [True, True, False, False]
    assert rows("hour(a) = 23", cells, object) == [False, False, True, False]


def test_categories_compare_as_their_values_not_by_their_order() -> None:
    cells = pd.Categorical(["low", "high", None], categories=["low", "high"], ordered=True)
    assert rows('a < "i"', cells) == [False, True, False]


def test_an_empty_column_has_no_type_to_disagree_with() -> None:
    assert rows('a != "x"', [None, None], object) == [False, False]
    assert rows("a != 1", pd.Categorical([None])) == [False]
    assert rows("a = 1", [], object) == []


def test_the_index_plays_no_part() -> None:
    frame = pd.DataFrame({"a": [1, 2, 1]}, index=[7, 7, 7])
    assert Predicate.parse("a = 1").mask(frame).tolist() == [True, False, True]


@pytest.mark.parametrize(
    ("cells", "test", "why"),
    [
        ([1, 2], 'a = "x"', 'column a holds numbers, and is compared as text: a = "x"'),
        ([1, 2], "a = true", "holds numbers, and is compared as true or false"),
        ([True, False], "a = 1", "holds true or false, and is compared as numbers"),
        (["1"], "a in {1}", "holds text, and is compared as numbers"),
        (["2026-01-31"], "a > 2026-01-31", "holds text, and is compared as times"),
        ([1], "a in [2026-01-31, 2026-02-01)", "holds numbers, and is compared as times"),
        (["x"], "hour(a) = 1", "holds text, and is compared as times"),
        ([1], "length(a) = 1", "holds numbers, and is compared as text"),
        ([1, "x"], "a = 1", "holds numbers and text, and is compared as numbers"),
        ([b"x"], 'a = "x"', "holds bytes, and is compared as text"),
        (pd.to_timedelta([1], unit="s"), "a = 1", r"holds timedelta64\[us\], and is compared as numbers"),
        (pd.cut([1, 2], 2), "a = 1", r"holds Interval, and is compared as numbers"),
        (pd.Categorical(["x"]), "a = 1", "holds text, and is compared as numbers"),
    ],
)
def test_a_value_of_another_type_than_the_column_is_refused(cells: Any, test: str, why: str) -> None:
    with pytest.raises(PredicateError, match=why):
        rows(test, cells)


@pytest.mark.parametrize("cells", [[b"x", None], pd.to_timedelta([1, None], unit="s"), [[1], None], pd.cut([1, 99], [0, 2])])
def test_a_column_of_any_type_can_be_asked_for_missing_values(cells: Any) -> None:
    assert rows("a is missing", cells) == [False, True]
