"""What counts as a change of a version, kind by kind, and what does not."""

from typing import Any

import pytest

from workbench.lineage.changes import Change, changes_at
from workbench.lineage.graph import Lineage


def version(rows: int = 100, mean: float = 40.0, columns: str = "x:INT y:INT", *, passed: bool = True) -> dict[str, Any]:
    fields = [dict(zip(("name", "type"), column.split(":"), strict=True)) for column in columns.split()]
    facets = {
        "schema": {"fields": fields},
        "dataQualityMetrics": {"rowCount": rows, "columnMetrics": {"x": {"sum": mean * rows, "count": rows}}},
        "dataQualityAssertions": {"assertions": [{"assertion": "range", "column": "x", "success": passed}]},
    }
    return {"name": "a", "facets": facets}


def days(words: Any, last: dict[str, Any], count: int = 6, **more: Any) -> Lineage:
    """A table written daily, `last` on the last day."""
    raw = []
    for day in range(count - 1):
        raw += words.run(f"d{day}", 1440 * day, 1440 * day + 10, [], [version(100 + day % 3, 40 + day % 2)], job="j")
    end = 1440 * (count - 1)
    raw += words.run("last", more.pop("start", end), end + 400, [], [last], job="j", **more)
    graph: Lineage = words.graph(raw)
    return graph


def at_last(graph: Lineage) -> list[Change]:
    return [change for change in changes_at(graph, graph.latest("a@last")) if change.kind != "new version"]


def test_an_ordinary_day_is_only_new(words: Any) -> None:
    assert at_last(days(words, version(101, 40.5))) == []


@pytest.mark.parametrize(
    ("last", "kind", "columns", "said"),
    [
        (version(passed=False), "failed assertion", ("x",), "an assertion failed: range(x)"),
        (version(columns="x:INT"), "column removed", ("y",), "removed: y"),
        (version(columns="x:TEXT y:INT"), "type changed", ("x",), "x from INT to TEXT"),
        (version(columns="x:INT y:INT z:INT"), "column added", ("z",), "added: z"),
        (version(rows=10), "row count", (), "rows is 10, usually 101"),
        (version(mean=0.4), "column statistics", ("x",), "x.mean is 0.4, usually 40"),
    ],
)
def test_a_change_of_content_is_named(words: Any, last: dict[str, Any], kind: str, columns: tuple[str, ...], said: str) -> None:
    [change] = at_last(days(words, last))
    assert (change.kind, change.columns) == (kind, columns)
    assert said in change.statement
    assert 0 < change.weight <= 1


def test_what_broke_stays_broken_until_it_is_usual(words: Any) -> None:
    means = [40] * 5 + [2400] * 30 + [40]
    raw = [
        item for day, mean in enumerate(means) for item in words.run(f"d{day}", 10 * day, 10 * day + 5, [], [version(mean=mean)])
    ]
    graph = words.graph(raw)
    odd = [
        day
        for day, at in enumerate(graph.find("a"))
        if any(change.kind == "column statistics" for change in changes_at(graph, at))
    ]
    assert odd == [*range(5, 5 + 21), 35]


@pytest.mark.parametrize(("mean", "odd"), [(81.0, False), (4860.0, True)])
def test_a_quantile_that_never_moved_is_believed_when_the_mean_moves_too(words: Any, mean: float, odd: bool) -> None:  # noqa: FBT001
    """The 95 % point of a column that is mostly 0 jumps when a little more than 5 % of the rows are not 0."""

    def sparse(mean: float, high: float) -> dict[str, Any]:
        metrics = {"loss": {"sum": mean * 100, "count": 100, "quantiles": {"0.95": high}}}
        return {"name": "a", "facets": {"dataQualityMetrics": {"columnMetrics": metrics}}}

    raw = [item for day in range(9) for item in words.run(str(day), day, day + 0.5, [], [sparse(80 + day % 2, 0)], job="j")]
    found = at_last(words.graph([*raw, *words.run("last", 9, 9.5, [], [sparse(mean, 1600)], job="j")]))
    assert bool(found) is odd


def test_the_greatest_value_is_not_quoted(words: Any) -> None:
    def greatest(value: int) -> dict[str, Any]:
        return {"name": "a", "facets": {"dataQualityMetrics": {"columnMetrics": {"income": {"max": value}}}}}

    raw = [item for day in range(4) for item in words.run(str(day), day, day + 0.5, [], [greatest(100 + day)], job="j")]
    [change] = at_last(words.graph([*raw, *words.run("last", 4, 4.5, [], [greatest(987_654)], job="j")]))
    assert change.columns == ("income",)
    assert "987" not in change.statement


def test_a_change_of_code_and_parameters_is_named(words: Any) -> None:
    def told(query: str, depth: str) -> dict[str, Any]:
        return {
            "job_facets": {"sql": {"query": query}},
            "run_facets": {"executionParameters": {"parameters": [{"key": "depth", "value": depth}]}},
        }

    raw = words.run("1", 0, 1, [], ["a"], job="j", **told("SELECT 1", "3"))
    graph = words.graph([*raw, *words.run("last", 2, 3, [], ["a"], job="j", **told("SELECT 2", "4"))])
    assert {change.kind: change.statement for change in at_last(graph)} == {
        "code": "changed: SQL", "parameters": "another value of depth"
    }  # fmt: skip


def test_another_job_is_a_change_of_code(words: Any) -> None:
    graph = words.graph([*words.run("1", 0, 1, [], ["a"], job="j"), *words.run("last", 2, 3, [], ["a"], job="k")])
    [change] = at_last(graph)
    assert change.statement == "written by another job: etl/k, before etl/j"


def test_a_test_that_failed_is_a_failed_assertion(words: Any) -> None:
    facet = {"test": {"tests": [{"name": "no_orphans", "status": "fail"}, {"name": "unique", "status": "pass"}]}}
    [change] = at_last(days(words, version(), run_facets=facet))
    assert change.statement == "a test of the run failed: no_orphans"


@pytest.mark.parametrize(("hours", "kind"), [(1, None), (15, "late run"), (40, "missing run")])
def test_a_run_after_a_pause_is_late_or_the_first_after_missing_ones(words: Any, hours: int, kind: str | None) -> None:
    graph = days(words, version(), start=1440 * 5 + 60 * hours)
    assert [change.kind for change in at_last(graph)] == ([kind] if kind else [])


def test_a_run_long_after_its_nominal_time_is_late(words: Any) -> None:
    nominal = {"nominalTime": {"nominalStartTime": words.at(1440 * 4), "nominalEndTime": None}}
    [change] = at_last(days(words, version(), run_facets=nominal))
    assert change.statement == "24 h after its nominal time"


def test_a_first_version_has_nothing_to_differ_from(words: Any) -> None:
    graph = words.graph(words.run("last", 0, 1, [], [version(passed=True)]))
    assert [change.statement for change in changes_at(graph, 0)] == ["the first version in the events"]
