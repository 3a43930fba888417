"""Columns, statistics and assertions from facets, and when a number stands out."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.lineage.content import assertions, column_types, failed_columns, standing_out, statistics_of


def test_nested_columns_have_dotted_names() -> None:
    facet = {"fields": [{"name": "a", "type": "INT"}, {"name": "b", "type": "STRUCT", "fields": [{"name": "c"}]}]}
    assert column_types({"schema": facet}) == {"a": "INT", "b": "STRUCT", "b.c": ""}


def test_statistics_are_rows_means_quantiles_and_counts() -> None:
    metrics = {"x": {"sum": 50, "count": 10, "nullCount": 2, "quantiles": {"0.5": 4}, "min": "low", "distinctCount": True}}
    facets = {"dataQualityMetrics": {"rowCount": 12, "columnMetrics": metrics}, "outputStatistics": {"rowCount": 13}}
    assert statistics_of(facets) == {"rows": 13.0, "x.mean": 5.0, "x.nullCount": 2.0, "x.p50": 4.0}


@pytest.mark.parametrize(
    "facet", [None, 3, [], {}, {"fields": 3}, {"columnMetrics": []}, {"assertions": [3, {"success": "yes"}]}]
)
def test_odd_facets_say_nothing(facet: Any) -> None:
    facets = {"schema": facet, "dataQualityMetrics": facet, "dataQualityAssertions": facet}
    assert (column_types(facets), statistics_of(facets), assertions(facets)) == ({}, {}, {})


def test_an_assertion_that_failed_once_failed() -> None:
    listed = [{"assertion": "not_null", "column": "x", "success": success} for success in (True, False, True)]
    facets = {"dataQualityAssertions": {"assertions": [*listed, {"assertion": "rows", "success": True}]}}
    assert assertions(facets) == {"not_null(x)": False, "rows()": True}
    assert failed_columns(facets) == ["x"]


@pytest.mark.parametrize(
    ("value", "history", "distance"),
    [
        (10, [], 0.0),
        (10, [1, 1], 0.0),
        (1, [1, 1, 1], 0.0),
        (2, [1, 1, 1], 20.0),
        (5, [0, 0, 0], math.inf),
        (110, [90, 100, 110], 10 / 20),
        (200, [100, 100, 100, 160], 100 / 60),
        (200, [100] * 8 + [160], 20.0),
    ],
)
def test_distance_is_in_usual_spreads(value: float, history: list[float], distance: float) -> None:
    assert standing_out(value, history) == pytest.approx(distance)


@given(st.lists(st.floats(1, 1e6), min_size=3, max_size=20), st.floats(1, 1e6), st.floats(0.001, 1000))
def test_units_do_not_matter(history: list[float], value: float, scale: float) -> None:
    scaled = standing_out(value * scale, [item * scale for item in history])
    assert scaled == pytest.approx(standing_out(value, history), rel=1e-6, abs=1e-6)
