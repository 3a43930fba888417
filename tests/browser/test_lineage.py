"""The lineage in a browser: walked with the keyboard, dragged, slid back in time, and safe whatever the names say."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell

from workbench.evidence.runbook import run_runbook
from workbench.lineage.picture import ONLY_OTHER, ONLY_THIS, Edge, Node, Picture
from workbench.views.lineage import lineage_svg

pytestmark = pytest.mark.browser

Show = Callable[..., None]
HOSTILE = "<img src=x onerror=\"document.title='owned'\">"
NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "silent_corruption.ipynb"
"""What the last cell prints, or the cell that stops the others."""
MORE = """
from workbench.widgets.disparity import DisparateImpactPanel
from workbench.widgets.slices import SliceExplorer
"""
REPLAYED = """
from workbench.attacks.recorder import record
from workbench.attacks.replay import replay
from workbench.models import python_target
from workbench.widgets.replay import AttackReplay

def version(name, hours):
    return python_target(lambda frame: (frame["hours_per_week"] >= hours).astype(int), name=name, digest=f"sha256:{name}")

versions = [version("v1", 40), version("v2", 45)]
asked, folder = log.loc[:399], tempfile.mkdtemp() + "/asked"
recording = record(versions[0], asked[["sex", "age", "hours_per_week"]], folder, expected=asked["income"].to_numpy())
AttackReplay(investigation, replay(recording, versions), recording, by="sex")
"""
TIMES = [f"2026-03-0{day}T00:00:00Z" for day in (1, 2, 3)]


def traits(**more: Any) -> dict[str, Any]:
    """What a host gives: raw → train → model → score → decisions, with a suspect at the raw data."""
    nodes = (
        Node("version-0", f"raw{HOSTILE}@r0", f"raw{HOSTILE}", "r0", "dataset", "contaminated", time=TIMES[0]),
        Node("run-0", "train@r1", "train", "r1", "run", time=TIMES[1]),
        Node("version-1", "model@r1", "model", "r1", "model", "possible", time=TIMES[1], since=True, side=ONLY_THIS),
        Node("run-1", "score@r2", "score", "r2", "run", time=TIMES[2], side=ONLY_OTHER),
        Node("version-2", "decisions@r2", "decisions", "r2", "decisions", "clean", time=TIMES[2], since=True, focus=True),
        Node("version-3", "other@source", "other", "source", "dataset", gap="written by no run here"),
    )
    ends = [
        ("version-0", "run-0"),
        ("run-0", "version-1"),
        ("version-1", "run-1"),
        ("run-1", "version-2"),
        ("version-3", "run-1"),
    ]
    edges = tuple(Edge(source, target, certain=source != "version-3", how="read") for source, target in ends)
    svg = lineage_svg(Picture("Lineage of decisions@r2", nodes, edges, onset=TIMES[1], origin="raw@r0"))
    facts = {node.id: [["name", node.name], ["kind", node.kind]] for node in nodes}
    suspect = {"id": 0, "rank": 1, "node": f"raw{HOSTILE}@r0", "box": "version-0", "time": TIMES[0], "job": "etl/ingest",
               "run": "r0", "what": f"hours.mean {HOSTILE}", "columns": ["hours"], "link": "linked", "score": "0.80",
               "certain": True, "path": [],
               "explained": None, "pinned": False, "reference": "time < 1", "current": "time >= 1"}  # fmt: skip
    return {
        "drawing": {"svg": svg, "facts": facts, "node": "decisions", "origin": "raw@r0", "against": ""}, "moments": TIMES,
        "moment": 2, "onset": TIMES[1], "suspects": [suspect], "deciders": ["version-1"], "told": "From raw@r0: 1 contaminated.",
        "trace": {"boxes": {"version-0": ["hours"], "version-1": ["hours"]}, "told": [f"raw#{HOSTILE} → model#hours"]}, **more,
    }  # fmt: skip


def sent(page: Any) -> list[dict[str, object]]:
    found: list[dict[str, object]] = page.evaluate("host.sent")
    return found


def focused(page: Any) -> str:
    name: str = page.evaluate("document.activeElement.dataset.node ?? ''")
    return name


@pytest.mark.usefixtures("seen")
def test_the_arrows_follow_the_edges_and_enter_tells(show: Show, page: Any) -> None:
    show("lineage", **traits())
    page.locator("g.node.focus").focus()
    for key, box in [("ArrowLeft", "run-1"), ("ArrowLeft", "version-1"), ("ArrowLeft", "run-0"), ("ArrowLeft", "version-0"),
                     ("ArrowRight", "run-0"), ("End", "version-2"), ("Home", "version-0")]:  # fmt: skip
        page.keyboard.press(key)
        assert focused(page) == box
    page.keyboard.press("Enter")
    assert page.locator(".detail dd").first.inner_text() == f"raw{HOSTILE}@r0"
    page.get_by_role("button", name="Select the decisions made from it").click()
    page.get_by_role("button", name="Colour what it contaminated").click()
    page.get_by_role("button", name="Compare with it").click()
    page.get_by_role("button", name="Open as windows").click()
    page.get_by_role("button", name="Pin").click()
    assert sent(page) == [
        {"type": "reach", "box": "version-0"},
        {"type": "origin", "box": "version-0"},
        {"type": "against", "box": "version-0"},
        {"type": "open", "suspect": 0},
        {"type": "pin", "suspect": 0, "note": ""},
    ]
    assert page.locator("g.node[tabindex='0']").count() == 1
    assert page.title() != "owned"


@pytest.mark.usefixtures("seen")
def test_the_slider_dims_what_came_later_at_once_and_asks_when_let_go(show: Show, page: Any) -> None:
    show("lineage", **traits())
    slider = page.get_by_label("As of")
    assert page.locator("g.node.later").count() == 0
    slider.focus()
    page.keyboard.press("Home")
    assert page.locator("g.node.later").count() == 4
    assert page.get_by_text("2026-03-01 00:00:00Z, before the onset").count() == 1
    assert sent(page) == [{"type": "as_of", "moment": 0}]


@pytest.mark.usefixtures("seen")
def test_it_pans_and_zooms_and_the_wheel_alone_belongs_to_the_page(show: Show, page: Any) -> None:
    show("lineage", **traits())
    content = page.locator("svg.map > g")
    page.wait_for_timeout(200)
    home = content.get_attribute("transform")
    box = page.locator("svg.map").bounding_box()
    page.mouse.move(box["x"] + 15, box["y"] + 15)
    page.mouse.wheel(0, 100)
    assert content.get_attribute("transform") == home
    page.mouse.down()
    page.mouse.move(box["x"] + 65, box["y"] + 45)
    page.mouse.up()
    moved = content.get_attribute("transform")
    assert moved != home
    page.get_by_role("button", name="Zoom in").click()
    assert content.get_attribute("transform").split("scale")[1] != moved.split("scale")[1]
    page.get_by_role("button", name="Fit").click()
    page.keyboard.down("Control")
    fitted = content.get_attribute("transform")
    page.mouse.move(box["x"] + 60, box["y"] + 60)
    page.mouse.wheel(0, -100)
    page.keyboard.up("Control")
    page.wait_for_function("before => document.querySelector('svg.map > g').getAttribute('transform') !== before", arg=fitted)


@pytest.mark.usefixtures("seen")
def test_only_shapes_and_text_of_the_drawing_come_onto_the_page(show: Show, page: Any) -> None:
    given = traits()
    bad = (
        "<script>document.title='owned'</script><g onload='document.title=\"owned\"' style='fill:red'><a href='x'>a</a></g></svg>"
    )
    given["drawing"]["svg"] = given["drawing"]["svg"].replace("</g></svg>", f"{bad}</g></svg>".replace("</svg></g>", "</g>"))
    show("lineage", **given)
    assert page.locator("svg.map script, svg.map a, svg.map [onload], svg.map [style]").count() == 0
    assert page.locator("g.node").count() == 6
    assert page.title() != "owned"


@pytest.mark.usefixtures("seen")
def test_read_only_shows_the_same_and_offers_nothing_that_would_change_it(show: Show, page: Any) -> None:
    show("lineage", readonly=True, **traits())
    page.locator("g.node.focus").click()
    page.locator(".detail dd").first.wait_for()
    page.get_by_role("button", name="Show").click()
    page.get_by_label("As of").focus()
    page.keyboard.press("Home")
    for name in ("Pin", "Open as windows", "Compare with it", "No colours", "Undo"):
        assert page.get_by_role("button", name=name).count() == 0
    assert page.locator("g.node.later").count() == 4
    assert sent(page) == []


@pytest.mark.usefixtures("seen")
def test_a_closed_view_listens_no_longer(show: Show, page: Any) -> None:
    show("lineage", **traits())
    page.evaluate("host.close()")
    assert page.evaluate("Object.values(host.listeners).flat().length") == 0


@pytest.mark.parametrize("ground", ["white", "#111111"])
def test_axe_finds_nothing_grave_light_or_dark(show: Show, page: Any, grave: Callable[[], list[str]], ground: str) -> None:
    show("lineage", ground, **traits())
    page.locator(".wb.dark" if ground != "white" else ".wb:not(.dark)").wait_for()
    page.locator("g.node.focus").focus()
    page.keyboard.press("Enter")
    assert grave() == []


def await_selection(page: Any, text: str) -> None:
    """Every widget says that these rows are selected."""
    for concept in ("lineage", "findings", "slices", "disparity", "replay"):
        page.locator(f".wb-{concept} .bar .where", has_text=text).first.wait_for()


@pytest.mark.slow
@pytest.mark.usefixtures("seen", "compas", "home")
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_four_widgets_of_one_investigation_follow_each_other(
    open_lab: Callable[..., str],
    page: Any,
    run_all: Callable[..., None],
    grave: Callable[[str], list[str]],
    shoot: Callable[..., None],
    *,
    dark: bool,
) -> None:
    """The worked notebook, with the slice explorer, the disparity panel and the replay beside the lineage and the findings."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    sources = [f"{MORE}\nSliceExplorer(investigation)", "DisparateImpactPanel(investigation)", REPLAYED,
               'print("selected:", investigation.selection)']  # fmt: skip
    notebook.cells += [new_code_cell(source) for source in sources]
    page.set_viewport_size({"width": 1500, "height": 9000})
    page.goto(open_lab(notebook, dark=dark))
    run_all(seconds=400)
    names = ("lineage", "findings", "slices", "disparity", "replay")
    lineage, findings, slices, panel, replayed = (page.locator(f".wb-{name}") for name in names)

    lineage.get_by_role("button", name="Open as windows").first.click()
    for widget in (lineage, findings, slices, panel, replayed):
        widget.get_by_text("current: time >= 2026-03-11T02:20:00").first.wait_for()

    lineage.get_by_role("button", name="Show").first.click()
    lineage.get_by_role("button", name="Select the decisions made from it").click()
    await_selection(page, "decided_by in {")
    lineage.get_by_role("button", name="Undo").click()
    await_selection(page, "all rows")

    lineage.get_by_role("button", name="Colour what it contaminated").click()
    slices.locator("tr.row").first.click()
    slices.locator("tr.row[aria-selected=true]").wait_for()
    await_selection(page, slices.locator(".bar .where").first.inner_text())
    replayed.locator(".matrix tr.row").last.click()
    await_selection(page, 'sex = "Male"')
    panel.get_by_role("button", name="Female", exact=True).first.click()
    await_selection(page, 'sex = "Female"')
    findings.locator("tr.row", has_text="hours_per_week").first.click()
    findings.locator("tr.row[aria-selected=true]").first.wait_for()
    await_selection(page, findings.locator(".bar .where").first.inner_text())
    page.wait_for_timeout(1_000)
    assert grave(".wb-lineage") == []
    page.mouse.move(5, 5)
    shoot("lineage-dark" if dark else "lineage", clip=lineage.bounding_box())


@pytest.mark.slow
@pytest.mark.usefixtures("seen")
def test_the_page_of_a_stakeholder(
    home: Path, page: Any, *, incident: str, tmp_path: Path, grave: Callable[[], list[str]], request: pytest.FixtureRequest
) -> None:
    hours = {day: {"sum": 4000 * (60 if day == 5 else 1), "count": 100} for day in range(1, 6)}
    raw = [
        {"eventType": "COMPLETE", "eventTime": f"2026-03-0{day}T00:00:00Z", "run": {"runId": f"r{day}"}, "inputs": [],
         "job": {"namespace": "etl", "name": "ingest"}, "schemaURL": "u", "outputs": [{"namespace": "db", "name": "raw",
             "facets": {"dataQualityMetrics": {"columnMetrics": {"hours": hours[day]}}}}]}
        for day in range(1, 6)
    ]  # fmt: skip
    events, log, roles = tmp_path / "e.ndjson", tmp_path / "log.csv", tmp_path / "roles.yaml"
    events.write_text("".join(json.dumps(item) + "\n" for item in raw))
    pd.DataFrame({"time": pd.date_range("2026-03-01", periods=50, freq="2h"), "hours": range(50)}).to_csv(log, index=False)
    roles.write_text("time: time\n")
    run_runbook("lineage", {"data": log, "events": events, "roles": roles}, home=home, incident=incident, author="ada")
    page.goto(request.getfixturevalue("open_lineage_page"))
    view = page.locator(".wb-lineage")
    view.locator("g.node").first.wait_for()
    view.get_by_role("button", name="Show").click()
    view.locator(".detail dd", has_text="hours.mean is 2400").wait_for()
    for name in ("Pin", "Open as windows", "Compare with it", "Undo"):
        assert page.get_by_role("button", name=name).count() == 0
    assert grave() == []
