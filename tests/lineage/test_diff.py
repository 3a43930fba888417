"""What differs between two versions."""

from typing import Any

import pytest

from workbench.errors import UnknownNameError
from workbench.lineage.diff import code_lines, diff


def table(rows: int, columns: dict[str, str], mean: float, *, passed: bool) -> dict[str, Any]:
    facets = {
        "schema": {"fields": [{"name": name, "type": kind} for name, kind in columns.items()]},
        "dataQualityMetrics": {"rowCount": rows, "columnMetrics": {"x": {"sum": mean * rows, "count": rows}}},
        "dataQualityAssertions": {"assertions": [{"assertion": "not_null", "column": "x", "success": passed}]},
        "custom": {"anything": rows},
    }
    return {"name": "a", "facets": facets}


@pytest.fixture
def graph(words: Any) -> Any:
    def sql(text: str) -> dict[str, Any]:
        return {"sql": {"query": text}}

    def parameters(depth: str) -> dict[str, Any]:
        return {"executionParameters": {"parameters": [{"key": "depth", "value": depth}]}}

    one, two = table(100, {"x": "INT", "y": "INT"}, 5.0, passed=True), table(90, {"x": "TEXT", "z": "INT"}, 0.05, passed=False)
    return words.graph([
        *words.run("1", 0, 10, ["raw=1"], [one], job="j", job_facets=sql("SELECT 1"), run_facets=parameters("3")),
        *words.run("2", 20, 30, ["raw=2"], [two], job="j", job_facets=sql("SELECT 2"), run_facets=parameters("8")),
    ])  # fmt: skip


def test_every_section_is_compared(graph: Any) -> None:
    found = diff(graph, "a@1", "a@2")
    rows = {(item.section, item.item): (item.before, item.after) for item in found.differences}
    expected = {
        ("schema", "x"): ("INT", "TEXT"), ("schema", "y"): ("INT", None), ("schema", "z"): (None, "INT"),
        ("statistics", "rows"): (100.0, 90.0), ("statistics", "x.mean"): (5.0, 0.05),
        ("assertions", "not_null(x)"): ("passed", "failed"), ("code", "query"): ("SELECT 1", "SELECT 2"),
        ("parameters", "depth"): ("3", "8"), ("run", "run"): ("1", "2"),
    }  # fmt: skip
    assert expected.items() <= rows.items()
    assert ("other facets", "custom") in rows
    assert ("run", "job") not in rows


def test_a_version_differs_from_itself_in_nothing(graph: Any) -> None:
    assert diff(graph, "a@2", "a").differences == ()
    assert diff(graph, "a@2", "a").to_dict()["before"] == "a@2"


def test_an_unknown_version_is_refused(graph: Any) -> None:
    with pytest.raises(UnknownNameError):
        diff(graph, "a@1", "a@9")


def test_code_is_compared_by_line() -> None:
    assert code_lines("a\nb\nc", "a\nB\nc")[-4:] == [" a", "-b", "+B", " c"]
