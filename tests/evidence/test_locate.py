"""A statement is found in the cells that show it, however it is spelled there."""

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from workbench.evidence.locate import ShownIn, cells_showing, read_cells

SAID = "a < b & c"


def read(cells: list[NotebookNode], name: str) -> list[tuple[ShownIn, str]]:
    return read_cells(nbformat.writes(new_notebook(cells=cells)).encode(), name)


@pytest.mark.parametrize(
    "data",
    [
        {"text/html": "<p>a &lt; b\n  &amp; c</p>"},
        {"text/plain": "so a < b & c."},
        {"application/vnd.plotly.v1+json": {"data": [{"text": ["x", "a < b & c"]}], "layout": {}}},
    ],
)
def test_a_cell_that_shows_a_statement_is_found_by_its_number_and_page(data: dict[str, object]) -> None:
    shown = new_output("display_data", data=data)
    cells = [new_markdown_cell(SAID), new_code_cell("1"), new_code_cell("f()", outputs=[shown])]
    [found] = cells_showing(read(cells, "runs/0001-x/executed.ipynb"), SAID)
    assert (found.number, found.source, found.page) == (3, "f()", "runs/0001-x/executed.html#cell-3")


@pytest.mark.parametrize("statement", ["", "  ", "a < b & d"])
def test_what_is_not_shown_is_in_no_cell(statement: str) -> None:
    cells = [new_code_cell("f()", outputs=[new_output("stream", name="stdout", text=SAID)])]
    assert cells_showing(read(cells, "e.ipynb"), statement) == []


@pytest.mark.parametrize("content", [b'{"cells": [', b"{}", b'{"cells": []}', b"\xff"])
def test_what_is_no_notebook_has_no_cells(content: bytes) -> None:
    assert read_cells(content, "e.ipynb") == []
