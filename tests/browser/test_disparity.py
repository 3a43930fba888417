"""The disparity panel in a browser: alone on a bare page, in JupyterLab beside the findings table, and as the fairness page."""

import base64
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell

from workbench.analysis.disparity_review import Question, Review, review_disparity
from workbench.data.dataset import open_dataset
from workbench.evidence.runbook import run_runbook
from workbench.incident.record import Record
from workbench.views.disparity_form import panel_form
from workbench.views.disparity_moves import Sliders
from workbench.views.modules import packed

pytestmark = pytest.mark.browser

Show = Callable[..., None]
Grave = Callable[..., list[str]]
HOSTILE = "<img src=x onerror=\"document.title='owned'\">"


@pytest.fixture(scope="module")
def review() -> Review:
    """Two years of decisions on four regions, one of a hostile name and one of seven people; the labels break at the end."""
    rng = np.random.default_rng(1)
    region = np.repeat(["north", "south", HOSTILE, "east", "tiny"], [900, 800, 200, 60, 7])
    time = pd.Timestamp("2025-01-01") + pd.to_timedelta(rng.integers(0, 600, 1967), "D")
    score = np.clip(rng.normal(np.where(region == "south", 0.4, 0.55), 0.15, 1967), 0, 1).round(2)
    label = np.where(time >= pd.Timestamp("2026-07-01"), 1, rng.random(1967) < score).astype(int)
    frame = pd.DataFrame({"id": range(1967), "time": time, "region": region, "sex": rng.choice(["f", "m"], 1967), "score": score,
                          "label": label, "pred": (score >= 0.5).astype(int), "band": rng.choice(["a", "b"], 1967)})  # fmt: skip
    roles = {"row_id": "id", "time": "time", "prediction": "pred", "label": "label", "score": "score", "favorable": 1,
             "groups": ["region", "sex"]}  # fmt: skip
    return review_disparity(open_dataset(frame, roles), Question(strata=("band",), policy=("four_fifths",)))


@pytest.fixture(scope="module")
def traits(review: Review) -> dict[str, object]:
    """What the widget sends to the module."""
    sliders = Sliders.of(review)
    assert sliders is not None
    form = panel_form(review.results, review.skipped, sliders.block())
    return {
        "form": {**form, "followed": {"attribute": "region", "group": "south"}, "within": "all rows"},
        "group": "",
        "moved": None,
    }


def sent(page: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = page.evaluate("host.sent")
    return found


def tab(page: Any, name: str) -> None:
    page.get_by_role("tab", name=name, exact=True).click()


@pytest.mark.usefixtures("seen")
def test_the_guard_stands_above_and_nothing_of_a_small_group_is_told(show: Show, page: Any, traits: dict[str, object]) -> None:
    show("disparity", **traits)
    guard, first = page.locator(".guard.bad"), page.get_by_role("tabpanel")
    assert "the base rate (label) goes from" in guard.inner_text()
    assert guard.bounding_box()["y"] < first.bounding_box()["y"]
    assert "Suppressed:" in page.get_by_role("status").first.inner_text()
    row = page.locator("tr", has=page.get_by_role("button", name="tiny", exact=True)).first
    assert "suppressed" in row.inner_text()
    assert page.title() != "owned"


@pytest.mark.usefixtures("seen")
def test_with_the_keyboard_one_selects_a_group_and_changes_the_view(show: Show, page: Any, traits: dict[str, object]) -> None:
    show("disparity", **traits)
    page.get_by_role("tab", selected=True).focus()
    for _ in range(4):  # the choice of what is shown, all measures, the table, its groups
        page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    page.locator("button.pick:focus", has_text="south").wait_for()
    page.keyboard.press("Enter")
    assert sent(page)[-1] == {"type": "select", "where": 'region = "south"'}
    page.get_by_role("tab", selected=True).focus()
    page.keyboard.press("ArrowRight")
    page.get_by_role("tab", name="Intersections", selected=True).and_(page.locator(":focus")).wait_for()
    page.keyboard.press("Escape")
    assert sent(page)[-1] == {"type": "select", "where": "all rows"}


@pytest.mark.usefixtures("seen")
def test_a_tab_left_for_later_asks_the_kernel_once_and_says_so(show: Show, page: Any, traits: dict[str, Any]) -> None:
    tabs = [{**each, "waiting": each["id"] == "time"} for each in traits["form"]["tabs"]]
    show("disparity", **{**traits, "form": {**traits["form"], "tabs": tabs}})
    tab(page, "Over time")
    panel = page.get_by_role("tabpanel")
    assert "Measuring “Over time” over" in panel.get_by_role("status").inner_text()
    tab(page, "Groups")
    tab(page, "Over time")
    assert [message for message in sent(page) if message["type"] == "open"] == [{"type": "open", "tab": "time"}]
    page.evaluate("form => host.set('form', form)", traits["form"])
    panel.locator("svg").first.wait_for()
    assert page.get_by_role("tab", name="Over time", selected=True).count() == 1


@pytest.mark.usefixtures("seen")
def test_ratios_have_the_four_fifths_line(show: Show, page: Any, traits: dict[str, object]) -> None:
    show("disparity", **traits)
    page.get_by_label("Show").first.select_option("ratio")
    row = page.locator("tr", has=page.get_by_role("button", name="south", exact=True)).first
    assert row.locator("td").first.locator("svg line[stroke-dasharray='2 2']").count() == 1
    assert re.search(r"0\.\d{3} \[", row.locator("td").first.inner_text())


@pytest.mark.usefixtures("seen")
def test_a_slider_asks_the_kernel_and_the_price_is_shown(
    show: Show, page: Any, traits: dict[str, object], review: Review
) -> None:
    show("disparity", **traits)
    tab(page, "What if")
    page.get_by_role("slider", name="south").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(1_500)  # nobody answered the first question: after a second the module asks for where it is now
    sliders = Sliders.of(review)
    assert sliders is not None
    asked = sent(page)[-1]["setting"]
    start = sliders.block()["start"]
    assert asked["at"] == [start + 2 if name == "south" else start for name in sliders.names] + [start]
    numbers = base64.b64encode(packed(sliders.numbers(sliders.read(asked)))).decode()
    page.evaluate("text => host.set('moved', Uint8Array.from(atob(text), (each) => each.charCodeAt(0)).buffer)", numbers)
    price = page.locator(".price").inner_text()
    assert "decisions change" in price
    assert "decided differently by their group" in price


@pytest.mark.usefixtures("seen")
def test_read_only_selects_and_pins_nothing(show: Show, page: Any, traits: dict[str, object]) -> None:
    show("disparity", readonly=True, **traits)
    for name in ("Groups", "Intersections", "What if"):
        tab(page, name)
        assert page.locator("button:not([role=tab]), input[type=range]").count() == 0
    assert sent(page) == []


@pytest.mark.parametrize("ground", ["white", "#111111"])
def test_axe_finds_nothing_grave_in_any_tab(show: Show, page: Any, grave: Grave, traits: dict[str, object], ground: str) -> None:
    show("disparity", ground, **{**traits, "group": 'region = "south"', "selection": 'region = "south"'})
    page.locator(".wb.dark" if ground != "white" else ".wb:not(.dark)").wait_for()
    for name in page.get_by_role("tab").all_inner_texts():
        tab(page, name)
        assert (name, grave()) == (name, [])


LAB = """
from workbench import Finding, open_dataset
from workbench.widgets.disparity import DisparateImpactPanel
from workbench.widgets.findings import FindingsTable
from workbench.widgets.investigation import Investigation
dataset = open_dataset({data!r}, {roles!r})
investigation = Investigation(dataset, "INC-1")
finding = Finding("disparity", "African-American against Caucasian", where='race = "African-American"', severity="high", rank=1)
"""


@pytest.mark.slow
@pytest.mark.parametrize("dark", [False, True])
def test_in_the_lab_a_slider_moves_the_numbers_and_a_click_is_followed(
    open_lab: Callable[..., str], page: Any, run_all: Callable[..., None], *, compas: Path, compas_roles: dict[str, Any],
    incident: str, home: Path,
    seen: Any, grave: Grave, shoot: Callable[..., None], dark: bool,
) -> None:  # fmt: skip
    sources = [LAB.format(data=str(compas), roles=compas_roles), "FindingsTable(investigation, [finding])",
               "DisparateImpactPanel(investigation, strata=['c_charge_degree'], policy=['four_fifths'])",
               'print("selected:", investigation.selection)']  # fmt: skip
    page.set_viewport_size({"width": 1500, "height": 2600})
    page.goto(open_lab([new_code_cell(source) for source in sources], dark=dark))
    run_all()
    panel, table = page.locator(".wb-disparity"), page.locator(".wb-findings")
    panel.get_by_role("button", name="African-American", exact=True).first.click()
    table.locator("tr.row[aria-selected=true]").wait_for()
    page.wait_for_timeout(1_000)
    shoot("disparity-dark" if dark else "disparity")
    panel.get_by_role("button", name="Undo").click()
    table.locator("tr.row[aria-selected=false]").wait_for()

    panel.get_by_role("tab", name="What if").click()
    panel.locator(".price", has_text="+0.0 points against now").wait_for()
    panel.get_by_role("slider", name="all groups").focus()
    page.keyboard.press("ArrowRight")
    panel.locator(".price").filter(has_text="decisions change").filter(has_not_text="; 0 decisions").wait_for()
    assert "+0.0 points against now" not in panel.locator(".price").inner_text()
    panel.get_by_label("Note").first.fill("six for all")
    panel.get_by_role("button", name="Pin this setting").click()
    page.wait_for_timeout(1_500)
    assert grave(".wb-disparity") == []
    with Record.open(home / "record.db") as record:
        kinds = [(entry.kind, entry.body.get("text")) for entry in record.entries(incident)]
    assert kinds == [("opened", None), ("pinned", None), ("note", "six for all")]
    assert seen.errors == []


@pytest.mark.slow
@pytest.mark.usefixtures("seen")
def test_the_page_of_a_compliance_officer(
    home: Path, page: Any, *, compas: Path, compas_roles: dict[str, Any], incident: str, tmp_path: Path, grave: Grave,
    shoot: Callable[..., None], request: pytest.FixtureRequest,
) -> None:  # fmt: skip
    roles = tmp_path / "roles.yaml"
    roles.write_text(json.dumps(compas_roles))
    run_runbook("disparity", {"data": compas, "roles": roles}, home=home, incident=incident, author="ada")
    page.goto(request.getfixturevalue("open_fairness"))
    page.locator(".wb tbody tr").first.wait_for()
    assert page.get_by_text("44.8 % [42.6, 47.2]").count() == 1
    assert page.locator(".wb button:not([role=tab])").count() == 0
    page.get_by_role("tab", name="Rules").click()
    page.get_by_text("29 CFR 1607.4(D)").first.wait_for()
    page.wait_for_timeout(500)
    shoot("fairness", full_page=True)
    assert grave() == []
