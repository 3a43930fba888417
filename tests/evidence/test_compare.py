"""What counts as a difference between two runs, and what of it is shown."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook, new_output

from workbench.evidence.compare import (
    diff_findings,
    differing_cells,
    differing_results,
    first_difference,
    read_document,
    relocate,
)
from workbench.evidence.freeze import PLOTLY


def notebook(*cells: NotebookNode) -> NotebookNode:
    return new_notebook(cells=list(cells))


def said(text: str, source: str = "f()") -> NotebookNode:
    return new_code_cell(source, outputs=[new_output("stream", name="stdout", text=text)])


def shown(**data: Any) -> NotebookNode:
    named = {kind.replace("_", "/"): content for kind, content in data.items()}
    return new_code_cell("f()", outputs=[new_output("display_data", named)])


def test_tables_that_are_no_text_differ_by_a_byte() -> None:
    one, other = (read_document(b"PAR1" + last) for last in (b"\xfe", b"\xff"))
    assert read_document(b"PAR1\xfe") == one != other


def test_a_cell_that_says_something_else_is_named_with_its_line() -> None:
    [found] = differing_cells(notebook(said("a"), said("b\n7 rows")), notebook(said("a"), said("b\n8 rows")))
    assert (found.cell, found.recorded, found.here) == (2, "7 rows", "8 rows")


def test_the_injected_cell_is_not_compared_but_counted() -> None:
    def injected(value: int) -> NotebookNode:
        return new_code_cell(f"limit = {value}", metadata={"tags": ["injected-parameters"]})

    [found] = differing_cells(notebook(injected(1), said("a")), notebook(injected(2), said("b")))
    assert found.cell == 2


def test_counters_and_addresses_are_no_difference() -> None:
    one, other = said("<A at 0x7f00aa11>"), said("<A at 0x7f00bb22>")
    one.execution_count, other.execution_count = 1, 2
    assert differing_cells(notebook(one), notebook(other)) == []


def test_another_source_is_a_difference() -> None:
    [found] = differing_cells(notebook(said("a", "f(1)")), notebook(said("a", "f(2)")))
    assert (found.recorded, found.here) == ("f(1)", "f(2)")


def test_a_cell_too_many_is_one() -> None:
    [found] = differing_cells(notebook(said("a")), notebook(said("a"), said("b")))
    assert (found.cell, found.recorded, found.here) == (2, "(nothing)", "[code]")


def test_plain_text_is_shown_before_markup() -> None:
    before, after = shown(text_html="<b>1</b>", text_plain="one 1"), shown(text_html="<b>2</b>", text_plain="one 2")
    [found] = differing_cells(notebook(before), notebook(after))
    assert (found.recorded, found.here) == ("one 1", "one 2")


def test_of_a_figure_the_data_counts_and_its_drawing_does_not() -> None:
    def figure(x: int, svg: str) -> NotebookNode:
        return shown(**{PLOTLY: {"data": [{"x": [x]}]}, "image_svg+xml": svg})

    assert differing_cells(notebook(figure(1, "<a/>")), notebook(figure(1, "<b/>"))) == []
    [found] = differing_cells(notebook(figure(1, "<a/>")), notebook(figure(2, "<a/>")))
    assert (found.recorded, found.here) == ("1", "2")


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (["a", "b"], ["a", "c"], ("b", "c")),
        (["a"], ["a", "c"], ("(nothing)", "c")),
        (["a   b"], ["a b"], ("(only spaces differ)", "(only spaces differ)")),
        (["x" * 100 + "1"], ["x" * 100 + "2"], ("…" + "x" * 40 + "1", "…" + "x" * 40 + "2")),
        (["ab"], ["abc"], ("ab", "abc")),
    ],
)
def test_the_first_difference_is_shown_with_its_surroundings(before: Any, after: Any, expected: Any) -> None:
    assert first_difference(before, after) == expected


@given(st.lists(st.text()), st.lists(st.text()))
def test_two_texts_differ_both_ways_or_neither(before: list[str], after: list[str]) -> None:
    assert first_difference(before, after) == first_difference(after, before)[::-1]


def test_a_result_differs_by_its_content_not_by_its_making() -> None:
    def result(rows: int, version: str, seconds: float, seed: int = 0) -> dict[str, Any]:
        checks = [{"name": "drift", "seconds": seconds}]
        return {"rows": rows, "provenance": {"versions": version, "seed": seed}, "checks": checks}

    assert differing_results({"a": result(1, "1", 0.1)}, {"a": result(1, "2", 0.2)}) == []
    assert differing_results({"a": result(1, "1", 0.1)}, {"a": result(2, "1", 0.1)}) == ["a"]
    assert differing_results({"a": result(1, "1", 0.1)}, {"a": result(1, "1", 0.1, seed=1)}) == ["a"]
    assert differing_results({"a": 1, "b": 2}, {"b": 2, "c": 3}) == ["a", "c"]


PLACES = {"/scratch/x/log.csv": "/data/log.csv", "/scratch/x": "/home/ada"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("read /scratch/x/log.csv.roles.yaml", "read /data/log.csv.roles.yaml"),
        ("/scratch/x/other.csv", "/home/ada/other.csv"),
        ("/scratch/xy", "/scratch/xy"),
        ("/old/scratch/x", "/old/scratch/x"),
    ],
)
def test_a_place_is_read_as_the_other_one_wherever_it_stands(text: str, expected: str) -> None:
    assert relocate({"a": [text], "n": 1}, PLACES) == {"a": [expected], "n": 1}


@given(st.recursive(st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_without_places_nothing_moves(value: Any) -> None:
    assert relocate(value, {}) == value


def finding(**changed: Any) -> dict[str, Any]:
    plain = {
        "check": "slices", "kind": "slice", "columns": ["a"], "where": "a = 1", "unit": "error rate", "severity": "high",
        "effect": 0.2, "interval": [0.1, 0.3], "rank": 1,
    }  # fmt: skip
    return plain | changed


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"rank": 4}, None),
        ({"effect": 0.29}, None),
        ({"effect": 0.31}, "changed"),
        ({"effect": None}, "changed"),
        ({"severity": "low"}, "changed"),
    ],
)
def test_a_finding_changed_when_it_left_its_interval(change: dict[str, Any], kind: str | None) -> None:
    found = diff_findings({"findings": [finding()]}, {"findings": [finding(**change)]})
    assert [name for name, items in found.items() if items] == ([kind] if kind else [])


def test_findings_on_other_rows_are_new_and_gone() -> None:
    before, after = finding(), finding(where="a = 2")
    assert diff_findings({"findings": [before]}, {"findings": [after]}) == {"new": [after], "gone": [before], "changed": []}
