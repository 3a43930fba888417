"""A page on which something does not show is refused."""

from typing import Any

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from workbench.errors import BadOutcomeError
from workbench.evidence.blank import refuse_blank
from workbench.evidence.page import notebook_page

PLOTLY = "application/vnd.plotly.v1+json"
FIGURE = {"data": [{"type": "bar", "y": [1]}], "layout": {}}
TWIN = '<svg xmlns="http://www.w3.org/2000/svg"><rect width="9" height="9"/></svg>'


def page_of(data: dict[str, Any], plotly: str | None = "plotly.min.js") -> str:
    cells = [new_markdown_cell("# Triage"), new_code_cell("figure", outputs=[new_output("display_data", data=data)])]
    return notebook_page(new_notebook(cells=cells), title="Triage", plotly=plotly)


@pytest.mark.parametrize(
    ("data", "plotly"),
    [
        ({PLOTLY: FIGURE, "image/svg+xml": TWIN}, "plotly.min.js"),
        ({PLOTLY: FIGURE, "image/svg+xml": TWIN}, None),
        ({PLOTLY: FIGURE}, "plotly.min.js"),
        ({"text/html": "<section><p>text</p></section>"}, None),
        ({"text/plain": "text"}, None),
    ],
)
def test_a_page_that_shows_everything_passes(data: dict[str, Any], plotly: str | None) -> None:
    refuse_blank(page_of(data, plotly))


@pytest.mark.parametrize(
    ("data", "plotly"),
    [
        ({PLOTLY: FIGURE}, None),
        ({PLOTLY: {"data": [], "layout": {}}}, "plotly.min.js"),
        ({PLOTLY: {"data": [{"type": "choropleth"}], "layout": {}}}, "plotly.min.js"),
        ({PLOTLY: FIGURE, "image/svg+xml": "<svg><rect"}, None),
        ({PLOTLY: FIGURE, "image/svg+xml": '<svg xmlns="http://www.w3.org/2000/svg"></svg>'}, None),
        ({"image/png": "not base64!"}, None),
    ],
)
def test_a_figure_with_neither_picture_nor_live_data_is_refused_by_its_cell(data: dict[str, Any], plotly: str | None) -> None:
    with pytest.raises(BadOutcomeError, match="cell-2"):
        refuse_blank(page_of(data, plotly))


def test_a_picture_taken_out_afterwards_is_noticed() -> None:
    page = page_of({PLOTLY: FIGURE, "image/svg+xml": TWIN}, None)
    with pytest.raises(BadOutcomeError, match="cell-2"):
        refuse_blank(page.replace('<img class="twin"', '<i class="twin"'))


@pytest.mark.parametrize("page", ["", "<html><body></body></html>", notebook_page(new_notebook(), title="Triage", plotly=None)])
def test_an_empty_page_is_refused(page: str) -> None:
    with pytest.raises(BadOutcomeError, match="shows nothing"):
        refuse_blank(page)
