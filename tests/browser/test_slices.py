"""The slice explorer: brush, click, undo and pin in a real JupyterLab; the keyboard, axe-core and the dark on a bare page."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell

from workbench.analysis.slices import find_slices
from workbench.data.dataset import open_dataset
from workbench.incident.record import Record
from workbench.views.modules import module
from workbench.widgets.investigation import Investigation
from workbench.widgets.slices import SliceExplorer

pytestmark = [pytest.mark.browser]

Show = Callable[..., None]
Grave = Callable[[str], list[str]]
SETUP = """
from workbench import Finding, open_dataset
from workbench.widgets.findings import FindingsTable
from workbench.widgets.investigation import Investigation
from workbench.widgets.slices import SliceExplorer
"""
HIGH = 1700
"""How much of the explorer the picture shows, in pixels."""


def unpacked(widget: SliceExplorer) -> str:
    """The module with the numbers of the charts in it: a bare page has no way to hand over bytes."""
    numbers = [None if np.isnan(number) else number for number in np.frombuffer(widget.counts, "<f8").tolist()]
    given = f"const given = Float64Array.from({json.dumps(numbers)}, (each) => each ?? NaN);"
    return f"{given}\n{module('slices')}".replace('floats(model.get("counts"))', "given")


@pytest.fixture(scope="module")
def traits() -> dict[str, Any]:
    """What the explorer sends; made in a thread, because the browser's loop would take what it computes for later."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(explored).result()


def explored() -> dict[str, Any]:
    """The explorer of a log where the young of the south are often wrong, with that slice selected."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"age": rng.integers(18, 70, 4000), "region": rng.choice(["north", "south", "<b>east</b>"], 4000)})
    frame["id"] = np.arange(4000)
    frame["wrong"] = rng.random(4000) < np.where((frame["age"] < 30) & (frame["region"] == "south"), 0.5, 0.1)
    dataset = open_dataset(frame, {"row_id": "id", "features": ["age", "region"]})
    investigation = Investigation(dataset)
    widget = SliceExplorer(investigation, find_slices(dataset, "column:wrong", permutations=0))
    widget._select(widget.found["slices"][0]["where"])
    widget._check()
    widget._complain(" ".join(map(str, frame.index[(frame["age"] < 20) & (frame["region"] == "south")][:6])))
    state = widget.get_state()
    names = ("found", "charts", "brushes", "detail", "pair", "contrast", "cohorts", "busy", "moves", "selection", "can_undo",
             "check", "complaints", "has_ids")  # fmt: skip
    shown = {name: json.loads(json.dumps(state[name])) for name in names}
    widget.close()
    return {**shown, "counts": "", "code": unpacked(widget)}


def sent(page: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = page.evaluate("host.sent")
    return found


@pytest.mark.usefixtures("seen")
@pytest.mark.parametrize("ground", ["white", "rgb(22, 22, 22)"])
def test_axe_core_calls_nothing_grave_on_any_panel(
    show: Show, page: Any, grave: Grave, traits: dict[str, Any], ground: str
) -> None:
    show("slices", ground=ground, **traits)
    page.locator("tr.row[aria-selected=true]").wait_for()
    for name in ("Tree", "Conditions", "Two features", "Overlap", "Compare", "As a filter", "Counter-check", "From complaints"):
        page.get_by_role("tab", name=name).click()
        assert grave(".wb") == []
    assert page.title() == "Host"


@pytest.mark.usefixtures("seen")
def test_with_the_keyboard_alone_one_selects_a_slice_and_brushes(show: Show, page: Any, traits: dict[str, Any]) -> None:
    show("slices", **traits)
    page.locator("tr.row").first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.locator("tr.row").first.focus()
    page.keyboard.press("i")
    page.locator("[data-chart=age]").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.locator("[data-chart=region]").first.focus()
    page.keyboard.press("Enter")
    rows = traits["found"]["slices"]
    said = sent(page)
    assert said[0] == {"type": "select", "where": rows[1]["where"]}
    assert said[1] == {"type": "enter", "where": rows[0]["where"]}
    assert [(each["type"], each["chart"], each["done"], len(each["codes"])) for each in said[2:]] == [
        ("brush", "age", True, 1), ("brush", "region", True, 1)]  # fmt: skip


@pytest.mark.usefixtures("seen")
def test_in_the_tree_the_arrows_go_to_parent_and_child_and_enter_selects(show: Show, page: Any, traits: dict[str, Any]) -> None:
    nodes = traits["found"]["tree"]
    deep = next(at for at, node in enumerate(nodes) if node["level"] == 2)
    show("slices", **{**traits, "selection": nodes[deep]["where"]})
    items = page.get_by_role("treeitem")
    assert items.count() == len(nodes)
    assert items.nth(deep).get_attribute("aria-selected") == "true"
    items.nth(deep).focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("i")
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    items.nth(1).click()
    parent = nodes[deep]["parent"]
    child = next(node for node in nodes if node["parent"] == parent)
    assert sent(page) == [
        {"type": "select", "where": nodes[parent]["where"]},
        {"type": "enter", "where": child["where"]},
        {"type": "select", "where": "all rows"},
        {"type": "select", "where": nodes[1]["where"]},
    ]


@pytest.mark.usefixtures("seen")
def test_the_focus_stays_in_the_tree_while_it_is_drawn_anew(show: Show, page: Any, traits: dict[str, Any]) -> None:
    show("slices", **traits)
    page.get_by_role("treeitem").nth(2).focus()
    page.evaluate("found => host.set('found', found)", traits["found"])
    page.locator("[role=treeitem]:nth-child(3):focus").wait_for()


@pytest.mark.usefixtures("seen")
def test_a_drag_over_the_columns_is_a_range(show: Show, page: Any, traits: dict[str, Any]) -> None:
    show("slices", **traits)
    columns = page.locator("[data-chart=age]")
    first, last = columns.nth(1).bounding_box(), columns.nth(4).bounding_box()
    page.mouse.move(first["x"] + 3, first["y"] + 60)
    page.mouse.down()
    page.mouse.move(last["x"] + 3, last["y"] + 60, steps=8)
    page.mouse.up()
    said = [each for each in sent(page) if each["type"] == "brush"]
    assert said[-1] == {"type": "brush", "chart": "age", "codes": [2, 3, 4, 5], "done": True}
    assert not said[0]["done"]
    assert len(said) < 4, "one move at a time is under way"


@pytest.mark.usefixtures("seen")
def test_a_search_is_checked_on_one_click(show: Show, page: Any, traits: dict[str, Any]) -> None:
    show("slices", **traits)
    page.get_by_role("tab", name="Counter-check").click()
    page.get_by_text("5 searches of shuffled losses").wait_for()
    page.get_by_role("button", name="Check it again").click()
    assert sent(page) == [{"type": "check"}]


@pytest.mark.usefixtures("seen")
def test_complaints_lead_to_rows_that_a_click_selects(show: Show, page: Any, traits: dict[str, Any]) -> None:
    show("slices", **traits)
    page.get_by_role("tab", name="From complaints").click()
    page.get_by_label("Row ids").fill("12, 40")
    page.get_by_label("Row ids").press("Enter")
    first = traits["complaints"]["predicates"][0]["where"]
    page.get_by_role("button", name=first, exact=True).click()
    assert sent(page) == [{"type": "complain", "ids": "12, 40"}, {"type": "select", "where": first}]


@pytest.mark.usefixtures("seen")
def test_without_row_ids_nobody_is_asked_for_them(show: Show, page: Any, traits: dict[str, Any]) -> None:
    show("slices", **{**traits, "has_ids": False})
    page.get_by_role("tab", name="Counter-check").wait_for()
    assert page.get_by_role("tab", name="From complaints").count() == 0


@pytest.mark.usefixtures("seen")
def test_read_only_it_shows_the_ranked_table_and_nothing_to_change(show: Show, page: Any, traits: dict[str, Any]) -> None:
    shown = {**traits, "readonly": True, "selection": "all rows", "charts": [], "brushes": {}}
    show("slices", **shown)
    assert page.locator("tr.row").count() == len(traits["found"]["slices"])
    page.locator("tr.row").first.click()
    page.get_by_role("treeitem").nth(1).click()
    assert sent(page) == []
    assert page.locator(".wb button:visible").count() == 0


@pytest.mark.slow
@pytest.mark.usefixtures("seen")
def test_in_jupyterlab_one_brushes_clicks_undoes_and_pins(
    open_lab: Callable[..., str],
    page: Any,
    run_all: Callable[..., None],
    *,
    grave: Grave,
    incident: str,
    compas: Path,
    compas_roles: dict[str, Any],
    home: Path,
) -> None:
    sources = [
        SETUP,
        f"investigation = Investigation(open_dataset({str(compas)!r}, {compas_roles!r}), {incident!r})",
        "SliceExplorer(investigation)",
        "FindingsTable(investigation, [Finding('slice', 'of triage', where='age < 25')])",
        "print('selected:', investigation.selection)",
    ]
    page.set_viewport_size({"width": 1500, "height": 2200})
    page.goto(open_lab([new_code_cell(source) for source in sources]))
    run_all()
    explorer, table = page.locator(".wb-slices"), page.locator(".wb-findings")
    columns = explorer.locator("[data-chart=age]")
    first, last = columns.nth(0).bounding_box(), columns.nth(4).bounding_box()
    page.mouse.move(first["x"] + 3, first["y"] + 60)
    page.mouse.down()
    page.mouse.move(last["x"] + 3, last["y"] + 60, steps=6)
    page.mouse.up()
    explorer.locator(".scope", has_text="where age < 27").wait_for()
    table.locator(".where", has_text="age < 27").first.wait_for()
    explorer.locator("tr.row").first.click()
    explorer.locator("tr.row[aria-selected=true]").wait_for()
    chosen = explorer.locator(".where").nth(0).inner_text()
    table.get_by_text(chosen).wait_for()
    explorer.get_by_role("button", name="Undo").click()
    table.get_by_text("age < 27", exact=True).wait_for()
    explorer.get_by_role("button", name="Redo").click()
    table.get_by_text(chosen).wait_for()
    explorer.get_by_label("Note").fill("told the owner")
    explorer.get_by_role("button", name="Pin this slice").click()
    explorer.locator("tr.row", has_text="pinned").wait_for()
    assert grave(".wb-slices") == []
    with Record.open(home / "record.db") as record:
        pinned = [entry.body["finding"]["where"] for entry in record.entries(incident) if entry.kind == "pinned"]
    assert pinned == [chosen]


LARGE = """
import numpy as np, pandas as pd
rng = np.random.default_rng(0)
frame = pd.DataFrame({f"c{number}": rng.choice(list("abcdefgh"), 300_000) for number in range(14)})
frame["wrong"] = rng.random(300_000) < np.where(frame["c0"] == "a", 0.3, 0.1)
dataset = open_dataset(frame, {"features": [f"c{number}" for number in range(14)]})
"""


@pytest.mark.slow
@pytest.mark.usefixtures("seen", "incident")
def test_in_jupyterlab_a_check_is_stopped_while_the_kernel_goes_on_living(
    open_lab: Callable[..., str], page: Any, run_all: Callable[..., None]
) -> None:
    sources = [
        SETUP + LARGE,
        "explorer = SliceExplorer(Investigation(dataset), 'column:wrong')\nexplorer",
        'print("selected:", explorer.selection)',
    ]
    page.set_viewport_size({"width": 1500, "height": 2200})
    page.goto(open_lab([new_code_cell(source) for source in sources]))
    run_all()
    explorer = page.locator(".wb-slices")
    first = explorer.locator("tr.row").first.inner_text()
    explorer.get_by_role("tab", name="Counter-check").click()
    stop = explorer.get_by_role("tabpanel").get_by_role("button", name="Stop")
    assert stop.count() == 0
    explorer.get_by_role("button", name="Check this search").click()
    explorer.get_by_role("status").get_by_text("checking the search: 1 of 21").wait_for()
    explorer.locator("tr.row").first.click()
    explorer.locator("tr.row[aria-selected=true]").wait_for()
    assert "checking the search" in explorer.get_by_role("status").inner_text(), "the kernel answers while it checks"
    stop.click()
    explorer.get_by_role("status").get_by_text("What is shown is the last complete answer.").wait_for()
    assert explorer.get_by_role("button", name="Check this search").is_enabled()
    assert explorer.locator("tr.row").first.inner_text() == first


@pytest.mark.slow
@pytest.mark.usefixtures("seen", "compas")
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_worked_notebook_shows_the_regression(
    open_lab: Callable[..., str], page: Any, run_all: Callable[..., None], shoot: Callable[..., None], *, dark: bool
) -> None:
    notebook = nbformat.read(Path(__file__).parents[2] / "notebooks" / "silent_regression.ipynb", as_version=4)
    notebook.cells.append(new_code_cell('print("selected:", investigation.selection)'))
    page.set_viewport_size({"width": 1700, "height": 6000})
    page.goto(open_lab(notebook, dark=dark))
    run_all()
    explorer = page.locator(".wb-slices")
    explorer.locator("tr.row", has_text="Exec-managerial").first.click()
    explorer.locator("tr.row[aria-selected=true]").wait_for()
    explorer.locator("[role=treeitem][aria-selected=true]").wait_for()
    page.mouse.move(5, 5)
    page.wait_for_timeout(700)
    box = explorer.bounding_box()
    shoot("slices-dark" if dark else "slices", clip={**box, "height": min(HIGH, box["height"])})
