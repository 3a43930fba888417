"""Texts that are something else: taken for it only where every value of the column is."""

import datetime as dt
from typing import Any

import ibis
import pyarrow as pa
import pytest

from workbench.data.texts import texts_as_times, texts_as_truth_values

# ibis 12 reads a table's schema so from DuckDB 2


def column(values: list[str | None]) -> ibis.Table:
    return ibis.memtable(pa.table({"x": pa.array(values, pa.string())}))


def held(table: ibis.Table) -> list[Any]:
    return list(table.to_pyarrow()["x"].to_pylist())


def test_true_and_false_become_truth_values_and_missing_stays() -> None:
    assert held(texts_as_truth_values(column(["true", None, "FALSE"]))) == [True, None, False]


@pytest.mark.parametrize("odd", ["yes", "t", "1", "", " true", "truee"])
def test_one_other_word_keeps_all_text(odd: str) -> None:
    assert held(texts_as_truth_values(column(["true", odd, None]))) == ["true", odd, None]


def test_times_in_two_ways_of_writing_become_times() -> None:
    found = held(texts_as_times(column(["2026-01-31 00:00", None, "2026-01-31T02:00:00+02:00"])))
    midnight = dt.datetime(2026, 1, 31, tzinfo=dt.UTC)
    assert found == [midnight, None, midnight]


@pytest.mark.parametrize("odd", ["soon", "2026-01-31", "2026-13-31T00:00"])
def test_one_text_that_is_no_time_keeps_all_text(odd: str) -> None:
    assert held(texts_as_times(column(["2026-01-31T00:00", odd]))) == ["2026-01-31T00:00", odd]


def test_a_column_of_nothing_stays_text() -> None:
    nothing = column([None, None])
    for convert in (texts_as_times, texts_as_truth_values):
        assert convert(nothing).schema()["x"].is_string()


def test_a_table_without_text_is_left_as_it_is() -> None:
    numbers = ibis.memtable(pa.table({"x": [1, 0]}))
    assert texts_as_times(numbers) is texts_as_truth_values(numbers) is numbers
