"""A notebook as one page: what is on it, and what a browser without a network makes of it."""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import plotly.graph_objects as go
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output, new_raw_cell

from workbench.errors import InputError, StorageError
from workbench.evidence.blank import refuse_blank
from workbench.evidence.freeze import freeze
from workbench.evidence.page import PLOTLY_ASSET, notebook_page, notebook_pdf, plotly_asset
from workbench.views.theme import styled

PLOTLY = "application/vnd.plotly.v1+json"
RELATIVE = f"../../{PLOTLY_ASSET}"
TABLE = "<table><caption>Findings</caption><thead><tr><th>what</th></tr></thead><tbody><tr><td>age gap</td></tr></tbody></table>"
EVIL = "<p onclick='document.title=1'>evil</p><script>document.title = 'owned'</script><img src='https://example.org/x.png'>"


def display(data: dict[str, Any]) -> NotebookNode:
    return new_output("display_data", data=data)


def figure_json(kind: type, title: str) -> dict[str, Any]:
    figure = styled(go.Figure(kind(x=[1, 2, 3], y=[2, 3, 1])), title=title, height=300)
    return {PLOTLY: figure.to_plotly_json()}


def notebook_of(*outputs: NotebookNode, source: str = "show()", tags: list[str] | None = None, **metadata: Any) -> NotebookNode:
    cells = [new_markdown_cell("# Triage"), new_code_cell(source, outputs=list(outputs), metadata={"tags": tags or []})]
    return new_notebook(cells=cells, metadata=metadata)


def test_the_same_notebook_gives_the_same_page() -> None:
    notebook = notebook_of(display({"text/html": TABLE}))
    assert notebook_page(notebook, title="T", plotly=None) == notebook_page(notebook, title="T", plotly=None)


def test_title_sources_and_raw_cells_are_escaped() -> None:
    notebook = notebook_of(source='x = "<script>"')
    notebook.cells.append(new_raw_cell("raw <script>"))
    page = notebook_page(notebook, title="A <script> & more", plotly=None)
    assert page.count("<script") == 1, "the page's own"
    assert "<title>A &lt;script&gt; &amp; more</title>" in page


@pytest.mark.parametrize("address", ["", "https://example.org/p.js", "//example.org/p.js", "/p.js", "file:///p.js", "\\p.js"])
def test_plotly_from_anywhere_but_beside_the_page_is_refused(address: str) -> None:
    with pytest.raises(InputError, match="relative"):
        notebook_page(notebook_of(), title="T", plotly=address)


def test_plotly_is_loaded_and_files_may_run_only_where_a_figure_comes_alive() -> None:
    figure = notebook_of(display(figure_json(go.Bar, "Bars")))
    pages = [
        notebook_page(notebook, title="T", plotly=place)
        for notebook, place in ((figure, RELATIVE), (figure, None), (notebook_of(), RELATIVE))
    ]
    policies = [re.findall(r'Security-Policy" content="([^"]*)"', page) for page in pages]
    assert [("&#39;self&#39;" in policy) for [policy] in policies] == [True, False, False]
    assert [RELATIVE in page for page in pages] == [True, False, False]
    assert all(policy.startswith("default-src &#39;none&#39;") and "unsafe-eval" not in policy for [policy] in policies)


def test_katex_and_its_licence_are_there_only_for_formulas() -> None:
    plain, maths = notebook_of(), notebook_of()
    maths.cells[0].source = "Rate $r$"
    assert "Khan Academy" not in notebook_page(plain, title="T", plotly=None)
    assert "Permission is hereby granted" in notebook_page(maths, title="T", plotly=None)


def test_code_is_folded_and_the_parameters_of_this_run_are_open() -> None:
    folded = notebook_page(notebook_of(tags=["parameters"]), title="T", plotly=None)
    opened = notebook_page(notebook_of(tags=["injected-parameters"]), title="T", plotly=None)
    assert re.search(r'<details class="code">\s*<summary>Parameters, as declared', folded)
    assert re.search(r'<details class="code" open>\s*<summary>Parameters of this run', opened)


def test_a_run_that_stopped_says_where_at_the_top() -> None:
    error = new_output("error", ename="ValueError", evalue="<no> rows", traceback=[])
    page = notebook_page(notebook_of(error, workbench={"status": "failed"}), title="T", plotly=None)
    assert re.search(r'run failed.*href="#cell-2">cell 2</a></strong>: ValueError: &lt;no&gt; rows.*<main>', page, re.DOTALL)


def test_the_head_says_when_the_run_was_and_why_figures_have_no_pictures() -> None:
    run = {"start_time": "2026-03-01T03:10:00+01:00", "duration": 11.7}
    own = {"status": "completed", "twins": "not drawn: no browser is installed"}
    page = notebook_page(notebook_of(papermill=run, workbench=own), title="T", plotly=None)
    assert "run completed · 2026-03-01 02:10:00 UTC · 12 s · pictures of the figures not drawn: no browser" in page


def test_a_cell_without_outputs_or_source_leaves_no_empty_frame() -> None:
    page = notebook_page(notebook_of(new_output("stream", name="stdout", text="\n"), source=""), title="T", plotly=None)
    assert 'class="output' not in page.partition("<main>")[2]
    assert "<details" not in page.partition("<main>")[2]


def test_plotly_js_is_the_one_of_the_installed_package_with_its_licence() -> None:
    asset = plotly_asset()
    assert b"Licensed under the MIT license" in asset[:300]
    assert b"newPlot" in asset


def test_no_page_and_no_browser_are_errors_that_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "page.html"
    with pytest.raises(InputError, match="no page to print"):
        notebook_pdf(page, tmp_path / "page.pdf")
    page.write_text("page")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(InputError, match="Install chromium"):
        notebook_pdf(page, tmp_path / "page.pdf")


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page as it lies in an unpacked bundle, with everything a notebook can show; the frozen figures have drawn twins."""
    data = tmp_path_factory.mktemp("bundle") / "data"
    frozen = freeze(
        new_notebook(
            cells=[
                new_markdown_cell("# Triage\n\nThe rate $r = \\frac{k}{n}$ and\n\n$$\\sum_{i=1}^{n} x_i^2$$"),
                new_code_cell("data = 'log.csv'", metadata={"tags": ["injected-parameters"]}),
                new_code_cell("bars", outputs=[display(figure_json(go.Bar, "Bars"))]),
                new_code_cell("lines", outputs=[display(figure_json(go.Scatter, "Lines"))]),
                new_code_cell("many points", outputs=[display(figure_json(go.Scattergl, "Points"))]),
                new_code_cell("table", outputs=[display({"text/html": TABLE})]),
                new_code_cell("evil", outputs=[display({"text/html": EVIL})]),
                new_code_cell("print()", outputs=[new_output("stream", name="stdout", text="\x1b[31mred\x1b[0m")]),
                new_code_cell("x" * 300, outputs=[new_output("stream", name="stdout", text="y" * 300)]),
            ]
        ),
        "completed",
    )
    del frozen.cells[3].outputs[0].data["image/svg+xml"]
    page = notebook_page(frozen, title="Triage of INC-42", plotly=RELATIVE)
    refuse_blank(page)
    path = data / "runs" / "0001-triage" / "executed.html"
    path.parent.mkdir(parents=True)
    path.write_text(page, encoding="utf-8")
    (data / PLOTLY_ASSET).parent.mkdir()
    (data / PLOTLY_ASSET).write_bytes(plotly_asset())
    return path


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Any]]:
    """Open a page with no network; asking for anything but files, and any word on the console, fails the test."""
    contexts, seen = [], SimpleNamespace(requests=[], complaints=[])

    def opened(path: Path, **options: Any) -> Any:
        context = browser.new_context(**options)
        contexts.append(context)
        context.set_offline(True)
        page = context.new_page()
        page.on("request", lambda request: seen.requests.append(request.url))
        page.on("console", lambda message: seen.complaints.append(message.text))
        page.on("pageerror", lambda error: seen.complaints.append(str(error)))
        page.seen = seen
        page.goto(path.as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()
    assert [url for url in seen.requests if not url.startswith(("file:", "data:", "blob:"))] == []
    assert seen.complaints == []


def boxes(locator: Any) -> list[tuple[float, float]]:
    """Width and height of each element, 0 where it is not laid out."""
    found = [element.bounding_box() or {"width": 0, "height": 0} for element in locator.all()]
    return [(box["width"], box["height"]) for box in found]


@pytest.mark.browser
def test_with_scripts_figures_are_alive_and_formulas_drawn(exported: Path, visit: Callable[..., Any]) -> None:
    page = visit(exported)
    page.locator("#cell-4 .js-plotly-plot .main-svg").first.wait_for()
    page.locator("#cell-3 .js-plotly-plot .main-svg").first.wait_for()
    assert [width > 500 and height == 300 for width, height in boxes(page.locator(".js-plotly-plot"))] == [True, True]
    assert boxes(page.locator("#cell-3 .twin, #cell-4 .twin")) == [(0, 0), (0, 0)]
    assert [min(box) > 5 for box in boxes(page.locator("math"))] == [True, True]
    assert page.locator("math mfrac").count() == 1
    if (folder := os.environ.get("WORKBENCH_SCREENSHOTS")) is not None:
        page.screenshot(path=f"{folder}/page.png", full_page=True)


@pytest.mark.browser
def test_a_figure_the_policy_cannot_draw_shows_its_twin(exported: Path, visit: Callable[..., Any]) -> None:
    page = visit(exported)
    page.locator("#cell-4 .js-plotly-plot .main-svg").first.wait_for()
    assert page.locator("#cell-5 .js-plotly-plot").count() == 0
    assert min(boxes(page.locator("#cell-5 img.twin"))[0]) > 100


@pytest.mark.browser
def test_without_javascript_twins_tables_and_headings_are_there(exported: Path, visit: Callable[..., Any]) -> None:
    page = visit(exported, java_script_enabled=False)
    assert [min(box) > 100 for box in boxes(page.locator("img.twin"))] == [True, True]
    assert page.locator(".js-plotly-plot").count() == 0
    assert page.get_by_text("“Lines” is not shown: it needs JavaScript").is_visible()
    assert page.get_by_text("age gap").is_visible()
    assert page.get_by_role("heading").all_inner_texts() == ["Triage of INC-42", "Triage"]
    assert page.get_by_text("\\frac{k}{n}").is_visible()
    assert page.get_by_text("data = 'log.csv'").is_visible()
    assert not page.locator("#all-code").is_visible()


@pytest.mark.browser
def test_what_the_outputs_brought_along_does_not_run(exported: Path, visit: Callable[..., Any]) -> None:
    page = visit(exported)
    page.locator("#cell-7 .output p").first.click()
    assert page.title() == "Triage of INC-42"


@pytest.mark.browser
def test_the_policy_stops_what_the_sanitiser_would_let_through(exported: Path, visit: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "broken.html"
    smuggled = "<main><script>document.title = 'owned'</script><img src='x.png' onerror='document.title = 1'>"
    path.write_text(exported.read_text(encoding="utf-8").replace("<main>", smuggled), encoding="utf-8")
    page = visit(path)
    page.wait_for_load_state()
    assert page.title() == "Triage of INC-42"
    for directive in ("script-src", "img-src"):
        assert any("Content Security Policy" in complaint and directive in complaint for complaint in page.seen.complaints)
    page.seen.complaints.clear()


@pytest.mark.browser
def test_without_plotly_js_beside_it_the_twin_remains(exported: Path, visit: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "alone.html"
    path.write_bytes(exported.read_bytes())
    page = visit(path)
    page.wait_for_load_state()
    assert min(boxes(page.locator("#cell-3 img.twin"))[0]) > 100
    assert [complaint for complaint in page.seen.complaints if "ERR_FILE_NOT_FOUND" not in complaint] == []
    page.seen.complaints.clear()


@pytest.mark.browser
def test_one_button_shows_all_code_and_folds_it_again(exported: Path, visit: Callable[..., Any]) -> None:
    page = visit(exported)
    codes = page.locator("details.code")
    opened = "codes => codes.map(code => code.open)"
    before = codes.evaluate_all(opened)
    page.get_by_role("button", name="Show all code").click()
    assert all(codes.evaluate_all(opened))
    assert page.get_by_text("many points").is_visible()
    page.keyboard.press("Enter")
    assert codes.evaluate_all(opened) == before == [True, *[False] * 7]


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_in_print_twins_stand_for_live_figures_on_white(exported: Path, visit: Callable[..., Any], scheme: str) -> None:
    page = visit(exported, color_scheme=scheme)
    page.locator("#cell-4 .js-plotly-plot .main-svg").first.wait_for()
    page.emulate_media(media="print")
    assert min(boxes(page.locator("#cell-3 img.twin"))[0]) > 100
    assert boxes(page.locator("#cell-3 .live")) == [(0, 0)]
    assert min(boxes(page.locator("#cell-4 .live"))[0]) > 100, "it has no twin"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


@pytest.mark.browser
@pytest.mark.parametrize("scripts", [True, False])
def test_on_a_phone_the_page_does_not_scroll_sideways(exported: Path, visit: Callable[..., Any], scripts: bool) -> None:  # noqa: FBT001
    page = visit(exported, viewport={"width": 360, "height": 740}, java_script_enabled=scripts)
    assert boxes(page.locator("main"))[0][0] <= 360
    assert max(width for width, _ in boxes(page.locator("main .output"))) <= 360


@pytest.mark.browser
def test_dark_follows_the_reader_s_setting(exported: Path, visit: Callable[..., Any]) -> None:
    colours = [
        visit(exported, color_scheme=scheme).evaluate("getComputedStyle(document.body).backgroundColor")
        for scheme in ("light", "dark")
    ]
    assert colours == ["rgb(255, 255, 255)", "rgb(22, 24, 28)"]


@pytest.mark.browser
@pytest.mark.parametrize(("scheme", "ground"), [("light", "rgb(255, 255, 255)"), ("dark", "rgb(22, 22, 22)")])
def test_a_live_figure_follows_the_reader_s_setting(exported: Path, visit: Callable[..., Any], scheme: str, ground: str) -> None:
    drawn = visit(exported, color_scheme=scheme).locator(".js-plotly-plot .main-svg").first
    drawn.wait_for()
    assert drawn.evaluate("each => getComputedStyle(each).backgroundColor") == ground


@pytest.mark.browser
def test_a_picture_turns_dark_with_the_page_and_white_again_in_print(exported: Path, visit: Callable[..., Any]) -> None:
    page = visit(exported, color_scheme="dark", java_script_enabled=False)
    turned = "each => getComputedStyle(each).filter"
    assert "invert" in page.locator("img.twin").first.evaluate(turned)
    page.emulate_media(media="print")
    assert page.locator("img.twin").first.evaluate(turned) == "none"


@pytest.mark.browser
def test_the_page_prints_to_pdf(exported: Path, tmp_path: Path) -> None:
    out = tmp_path / "page.pdf"
    notebook_pdf(exported, out)
    pdf = out.read_bytes()
    assert pdf.startswith(b"%PDF-")
    assert 1 <= len(re.findall(rb"/Type\s*/Page\b", pdf)) <= 4
    assert b"Triage of INC-42" in pdf, "the document's title"
    with pytest.raises(StorageError):
        notebook_pdf(exported, tmp_path / "nowhere" / "page.pdf")
