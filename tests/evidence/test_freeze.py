"""A frozen notebook depends on nothing live, and its digest says whether two runs said the same."""

import copy
from typing import Any

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from workbench.errors import BadOutcomeError
from workbench.evidence import freeze as module
from workbench.evidence.freeze import blank_widget, freeze, has_errors, left_out, normalised_digest
from workbench.evidence.redact import pseudonym

WIDGET = "application/vnd.jupyter.widget-view+json"
PLOTLY = "application/vnd.plotly.v1+json"
FIGURE = {"data": [{"type": "scatter", "x": [1, 2], "y": [3, 4]}], "layout": {"title": {"text": "T"}}}


def shown(data: dict[str, Any]) -> NotebookNode:
    return new_output("display_data", data=data)


def notebook(*outputs: NotebookNode, source: str = "f(x)", parameters: dict[str, Any] | None = None) -> NotebookNode:
    cell = new_code_cell(source, outputs=list(outputs), execution_count=3)
    injected = new_code_cell(f"p = {parameters}", metadata={"tags": ["injected-parameters"]}, execution_count=1)
    made = new_notebook(cells=[new_markdown_cell("# T"), injected, cell], metadata={"widgets": {"state": 1}})
    made.metadata["papermill"] = {"parameters": parameters or {}, "start_time": "2026-03-04T02:10:00"}
    return made


@pytest.fixture
def no_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "can_draw", lambda: False)


def test_widget_state_and_views_are_dropped_and_the_original_is_not() -> None:
    live = notebook(shown({WIDGET: {"model_id": "1"}, "text/html": "<p>1</p>"}))
    frozen = freeze(live, "completed")
    assert "widgets" not in frozen.metadata
    assert frozen.cells[-1].outputs[0].data == {"text/html": "<p>1</p>"}
    assert frozen.metadata["workbench"] == {"status": "completed"}
    assert WIDGET in live.cells[-1].outputs[0].data
    assert "widgets" in live.metadata
    nbformat.validate(frozen)


def test_a_widget_without_a_twin_is_refused_with_its_cell() -> None:
    live = notebook(shown({WIDGET: {}, "text/plain": "IntSlider()"}))
    with pytest.raises(BadOutcomeError, match=r"\(cell 3\).*IntSlider"):
        freeze(live, "completed")


def test_what_did_not_complete_is_kept_as_it_is() -> None:
    live = notebook(shown({WIDGET: {}, "text/plain": "IntSlider()"}), shown({PLOTLY: FIGURE}))
    frozen = freeze(live, "failed")
    assert [dict(output.data) for output in frozen.cells[-1].outputs] == [{"text/plain": "IntSlider()"}, {PLOTLY: FIGURE}]


def test_papermills_banners_are_taken_out() -> None:
    live = notebook()
    live.cells.insert(0, new_markdown_cell("An Exception was encountered", metadata={"tags": ["papermill-error-cell-tag"]}))
    assert freeze(live, "failed").cells[0].source == "# T"


@pytest.mark.browser
def test_a_figure_gets_a_drawing_beside_its_data() -> None:
    frozen = freeze(notebook(shown({PLOTLY: FIGURE}), shown({PLOTLY: FIGURE, "image/png": "AA=="})), "completed")
    first, second = (output.data for output in frozen.cells[-1].outputs)
    assert first[PLOTLY] == FIGURE
    assert first["image/svg+xml"].startswith("<svg")
    assert "image/svg+xml" not in second


@pytest.mark.usefixtures("no_browser")
def test_without_a_browser_figures_stay_alive_and_the_notebook_says_so() -> None:
    frozen = freeze(notebook(shown({PLOTLY: FIGURE})), "completed")
    assert frozen.cells[-1].outputs[0].data == {PLOTLY: FIGURE}
    assert frozen.metadata["workbench"] == {"status": "completed", "twins": "not drawn: no browser is installed"}


def test_a_browser_that_fails_does_not_cost_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> list[str]:
        raise TimeoutError("chromium\ndid not answer")

    monkeypatch.setattr(module, "can_draw", lambda: True)
    monkeypatch.setattr(module, "figures_svg", fail)
    frozen = freeze(notebook(shown({PLOTLY: FIGURE})), "completed")
    assert frozen.metadata["workbench"]["twins"] == "not drawn: TimeoutError: chromium did not answer"


def test_the_first_error_is_told_in_one_line() -> None:
    error = new_output("error", ename="ValueError", evalue="bad\nvalue\x1b[0m", traceback=["x"])
    assert has_errors(notebook(error)) == (3, "ValueError: bad value [0m")
    assert has_errors(notebook(shown({"text/plain": "1"}))) is None


def test_a_cell_that_was_never_run_is_found() -> None:
    made = notebook()
    assert left_out(made) is None
    for harmless in (new_code_cell(""), new_code_cell("1", metadata={"tags": ["skip-execution"]}), new_markdown_cell("x")):
        made.cells.append(harmless)
    assert left_out(made) is None
    made.cells.append(new_code_cell("1"))
    assert (left_out(made) or (0,))[0] == 7
    assert blank_widget(made) is None


text = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)
places = st.sampled_from(["/home/ada/a.csv", "/srv/logs/2026/a.csv"])


@st.composite
def runs(draw: st.DrawFn) -> dict[str, Any]:
    """What a run says: a source, a parameter, printed text, a table, a figure."""
    names = ("source", "parameter", "printed", "table", "title")
    return {name: draw(text) for name in names}


def executed(said: dict[str, Any], **incidental: Any) -> NotebookNode:
    """A notebook that says `said`; what is incidental must not matter."""
    seed = incidental.get("seed", 0)
    address = f"0x{0x7F0000000000 + seed:x}"
    data = {PLOTLY: {"layout": {"title": said["title"]}}, "text/plain": f"<Figure at {address}>"}
    if incidental.get("twin"):
        data["image/svg+xml"] = f"<svg>{seed}</svg>"
    outputs = [
        new_output("stream", name="stdout", text=said["printed"] + f" <object at {address}>"),
        shown({"text/html": said["table"]}),
        shown(data),
    ]
    given_ = {"p": said["parameter"], "data": incidental.get("place", "/a.csv"), "out": f"/runs/{seed}", "incident": f"i{seed}"}
    made = notebook(*outputs, source=said["source"], parameters=given_)
    for cell in made.cells:
        cell["id"] = f"c{seed}"
        cell.metadata["papermill"] = {"start_time": f"2026-03-0{seed % 9 + 1}", "duration": seed}
        if cell.cell_type == "code":
            cell.execution_count = seed
            cell.metadata["execution"] = {"iopub.execute_input": seed}
    made.metadata["papermill"] |= {"start_time": seed, "output_path": f"/{seed}"}
    return made


@given(said=runs(), seed=st.integers(1, 1000), twin=st.booleans(), place=places, other=places)
def test_equal_runs_have_equal_digests(said: dict[str, Any], seed: int, twin: object, place: str, other: str) -> None:
    """Times, ids, counters, execution metadata, object addresses, twins and the place of files are incidental."""
    one, two = executed(said, place=place), executed(said, seed=seed, twin=twin, place=other)
    assert normalised_digest(one) == normalised_digest(two)


@given(said=runs(), name=st.sampled_from(["source", "parameter", "printed", "table", "title"]), changed=text)
def test_runs_that_say_something_else_have_other_digests(said: dict[str, Any], name: str, changed: str) -> None:
    other = said | {name: changed}
    assert (normalised_digest(executed(said)) == normalised_digest(executed(other))) == (said == other)


def test_another_file_another_kind_of_cell_and_another_order_are_something_else() -> None:
    plain = executed(dict.fromkeys(("source", "parameter", "printed", "table", "title"), "a"))
    variants = [copy.deepcopy(plain) for _ in range(4)]
    variants[0].metadata["papermill"]["parameters"]["data"] = "/b.csv"
    variants[1].cells[0]["cell_type"] = "raw"
    variants[2].cells.reverse()
    variants[3].cells[-1].outputs.reverse()
    assert len({normalised_digest(item) for item in [plain, *variants]}) == 5


def test_what_errors_of_other_packages_say_is_withheld_in_a_copy() -> None:
    quoting = new_output("error", ename="KeyError", evalue="'Jane Doe'", traceback=["KeyError: 'Jane Doe'"])
    own = new_output("error", ename="RolesError", evalue="no such column: age", traceback=[])
    printed = new_output("stream", name="stderr", text="Exception Group Traceback (most recent call last):\n Jane Doe")
    progress = new_output("stream", name="stderr", text="100%")
    live = notebook(quoting, own, printed, progress)
    frozen = freeze(live, "failed")
    assert "Jane" not in str(frozen)
    assert [output.ename for output in frozen.cells[-1].outputs[:2]] == ["KeyError", "RolesError"]
    assert frozen.cells[-1].outputs[1].evalue == "no such column: age"
    assert frozen.cells[-1].outputs[3].text == "100%"
    assert live.cells[-1].outputs[0].evalue == "'Jane Doe'"
    nbformat.validate(frozen)


@given(st.lists(st.integers(0, 5), max_size=8), st.binary(min_size=16, max_size=16), st.binary(min_size=16, max_size=16))
def test_the_salt_of_pseudonyms_has_no_part_in_a_digest_and_which_rows_are_the_same_has(
    rows: list[int], salt: bytes, other: bytes
) -> None:
    """A stranger who runs a notebook again has another salt: only that the first and the third row are one may count."""
    first, second = (notebook(shown({"text/plain": " ".join(pseudonym(row, key) for row in rows)})) for key in (salt, other))
    assert normalised_digest(first) == normalised_digest(second)
    merged = notebook(shown({"text/plain": " ".join(pseudonym(0, other) for _ in rows)}))
    assert (normalised_digest(first) == normalised_digest(merged)) is (len(set(rows)) <= 1)


def test_freezing_does_not_change_the_digest() -> None:
    live = notebook(shown({"text/html": "<p>1</p>"}))
    assert normalised_digest(freeze(live, "completed")) == normalised_digest(live)
