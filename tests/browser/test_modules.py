"""The modules on a bare page: what they send, what the keyboard reaches, what axe-core says, and how they look in the dark."""

import base64
from collections.abc import Callable
from typing import Any

import pytest

from workbench.result import Finding
from workbench.views.findings import finding_rows
from workbench.views.modules import module, packed

pytestmark = pytest.mark.browser

Show = Callable[..., None]
HOSTILE = "<img src=x onerror=\"document.title='owned'\">"
FINDINGS = finding_rows([
    Finding("slice", "worse for the young", where="age < 25", effect=0.21, interval=(0.18, 0.24), unit="error rate",
            people=640, severity="high", rank=1, onset="2026-03-04T00:00:00", p_adjusted=1e-12, check="slices"),
    Finding("disparity", "the south is refused more often", where='region = "south"', effect=-0.08, interval=(-0.12, -0.04),
            unit="selection rate", people=7, severity="critical", rank=2, check="disparity"),
    Finding("volume", f"fewer rows {HOSTILE}", effect=0.3, support=1234, severity="low", rank=3, check="integrity"),
])  # fmt: skip
PROBE = """function render({ model, el }) {
  const bytes = Uint8Array.from(atob(model.get("sent")), (each) => each.charCodeAt(0));
  el.append(make("p", {}, floats(MADE).join(" ")));
}
export default { render };"""


def sent(page: Any) -> list[dict[str, object]]:
    found: list[dict[str, object]] = page.evaluate("host.sent")
    return found


@pytest.mark.usefixtures("seen")
def test_with_the_keyboard_alone_one_finds_selects_pins_and_dismisses(show: Show, page: Any) -> None:
    show("findings", findings=FINDINGS, can_undo=True)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    for _ in range(4):  # the filter, two choices, the first heading
        page.keyboard.press("Tab")
    page.get_by_label("rank").and_(page.locator(":focus")).wait_for()
    for _ in range(7):
        page.keyboard.press("Tab")
    page.keyboard.press("End")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    page.locator("tr.row:focus", has_text="the south").wait_for()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowRight")
    page.get_by_role("img", name="Effect -8.0 pp").wait_for()
    for _ in range(3):  # the code of two widgets, the note
        page.keyboard.press("Tab")
    page.get_by_label("Note").and_(page.locator(":focus")).wait_for()
    page.keyboard.type("told")
    page.keyboard.press("Enter")
    for _ in range(2):
        page.keyboard.press("Tab")
    page.keyboard.type("known")
    page.keyboard.press("Enter")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Escape")
    assert sent(page) == [
        {"type": "undo"},
        {"type": "select", "where": 'region = "south"'},
        {"type": "pin", "finding": 1, "note": "told"},
        {"type": "dismiss", "finding": 1, "why": "known"},
        {"type": "select", "where": "all rows"},
    ]
    assert page.title() != "owned"


@pytest.mark.usefixtures("seen")
def test_a_scenario_is_asked_for_and_can_be_read_and_kept(show: Show, page: Any) -> None:
    show("findings", findings=FINDINGS, triable=[FINDINGS[1]["kind"]])
    page.locator("tr.row").nth(1).click()
    page.keyboard.press("ArrowRight")
    page.get_by_role("button", name="Make scenario").click()
    assert sent(page)[-1] == {"type": "scenario", "finding": FINDINGS[1]["id"]}
    made = {
        "name": "slice-age",
        "id": "sha256:1",
        "parent": "INC-7: finding 2",
        "yaml": "name: <b>age</b>\n",
        "file": "/x/age.yaml",
    }
    page.evaluate("made => host.set('scenario', made)", made)
    region = page.get_by_role("region", name="Scenario")
    assert "name: <b>age</b>" in region.inner_text()
    assert "Written to /x/age.yaml." in region.inner_text()
    assert region.get_by_role("link", name="Download").get_attribute("download") == "slice-age.yaml"
    region.get_by_role("button", name="Close").click()
    assert region.is_hidden()


@pytest.mark.usefixtures("seen")
def test_one_stop_of_the_tab_key_for_all_rows(show: Show, page: Any) -> None:
    show("findings", findings=FINDINGS)
    assert page.locator("tbody [tabindex='0']").count() == 1
    page.locator("tr.row").nth(2).click()
    assert page.locator("tbody [tabindex='0']").get_attribute("data-id") == "2"


@pytest.mark.usefixtures("seen")
def test_a_redraw_keeps_the_place_and_what_is_typed(show: Show, page: Any) -> None:
    show("findings", findings=FINDINGS)
    page.locator("tr.row").nth(1).click()
    page.keyboard.press("ArrowRight")
    page.get_by_label("Note").fill("half a")
    page.evaluate("rows => host.set('findings', rows)", [{**row, "pinned": True} for row in FINDINGS])
    assert page.get_by_label("Note").input_value() == "half a"
    assert page.get_by_role("button", name="Add note").count() == 1


@pytest.mark.usefixtures("seen")
def test_the_bar_shows_selection_windows_and_what_can_be_undone(show: Show, page: Any) -> None:
    show("findings", findings=FINDINGS, reference="age < 30")
    assert page.get_by_text("reference: age < 30").count() == 1
    assert page.get_by_role("button", name="Clear").is_disabled()
    page.evaluate("() => { host.set('selection', 'age < 25'); host.set('can_undo', true); host.set('message', 'No.'); }")
    assert page.locator("tr.row[aria-selected=true]").count() == 1
    assert page.get_by_role("button", name="Undo").is_enabled()
    assert page.get_by_role("alert").inner_text() == "No."


@pytest.mark.usefixtures("seen")
def test_read_only_says_nothing_and_shows_no_button_that_would(show: Show, page: Any) -> None:
    show("findings", findings=FINDINGS, readonly=True)
    page.locator("tr.row").first.click()
    page.keyboard.press("Escape")
    page.get_by_role("img", name="Effect +21.0 pp").wait_for()
    for name in ("Pin", "Dismiss", "Make scenario", "Undo", "Redo", "Clear"):
        assert page.get_by_role("button", name=name).count() == 0
    assert page.get_by_text("Selected rows").is_hidden()
    assert sent(page) == []


@pytest.mark.usefixtures("seen")
def test_a_closed_module_listens_no_longer(show: Show, page: Any) -> None:
    show("findings", findings=FINDINGS)
    page.evaluate("host.close()")
    assert page.evaluate("Object.values(host.listeners).flat().length") == 0


@pytest.mark.parametrize("ground", ["white", "#111111"])
def test_axe_finds_nothing_grave_light_or_dark(show: Show, page: Any, grave: Callable[[], list[str]], ground: str) -> None:
    marked = [{**FINDINGS[0], "pinned": True}, FINDINGS[1], {**FINDINGS[2], "dismissed": "known"}]
    show("findings", ground, findings=marked, selection="age < 25", can_undo=True, reference="age < 30", message="No.")
    page.locator(".wb.dark" if ground != "white" else ".wb:not(.dark)").wait_for()
    page.locator("tr.row").first.focus()
    page.keyboard.press("ArrowRight")
    assert grave() == []


def test_axe_does_find_what_is_grave(show: Show, page: Any, grave: Callable[[], list[str]]) -> None:
    show("findings", findings=FINDINGS)
    page.evaluate("document.querySelector('input').closest('label').replaceWith(document.querySelector('input'))")
    assert any("label" in found for found in grave())


@pytest.mark.usefixtures("seen")
@pytest.mark.parametrize("made", ["new DataView(bytes.buffer, 8)", "bytes.buffer.slice(8)"])
def test_packed_numbers_arrive_as_anywidget_and_as_panel_hand_them_over(show: Show, page: Any, made: str) -> None:
    code = module("findings")
    probe = code[: code.index("function render(")] + PROBE.replace("MADE", made)
    show("findings", code=probe, sent=base64.b64encode(bytes(8) + packed([1.5, float("nan"), -2e300])).decode())
    assert page.locator("main p").inner_text() == "1.5 NaN -2e+300"


COURSE = {
    "statistic": "error rate", "of": "wrong decisions among rows with both", "share": True, "period": "week",
    "starts": [f"2026-0{1 + week // 4}-{1 + 7 * (week % 4):02d}T00:00:00" for week in range(16)],
    "sides": [{"name": HOSTILE, "values": [0.2] * 8 + [None] + [0.4] * 7}, {"name": "all other rows", "values": [0.2] * 16}],
    "levels": [[HOSTILE, "before 2026-03-04", "20.0 % [18.0 %, 22.0 %]", "810"], [HOSTILE, "since 2026-03-04", "40.0 %", "790"]],
    "onset": "2026-03-04T00:00:00", "earliest": "2026-03-01T00:00:00", "latest": "2026-03-09T00:00:00",
}  # fmt: skip


@pytest.mark.usefixtures("seen")
@pytest.mark.parametrize("ground", ["white", "#161616"])
def test_a_finding_unfolds_to_its_course_its_rows_what_was_ruled_out_and_what_to_open(
    show: Show, page: Any, grave: Callable[..., list[str]], ground: str
) -> None:
    rows = [{**row, "history": COURSE, "ruled_out": [f"No season {HOSTILE}"]} for row in FINDINGS]
    show("findings", ground, findings=rows, openable=["slices"], opened={})
    page.locator("tr.row").first.click()
    page.keyboard.press("ArrowRight")
    page.get_by_role("img", name="error rate of each week, 2026-01-01 to 2026-04-22; began 2026-03-04").wait_for()
    assert page.locator(".course polyline").count() == 3  # the hidden week breaks the first side's line
    assert page.locator(".levels td", has_text="810").count() == 1
    assert page.locator("li", has_text="No season").count() == 1
    page.get_by_text("Disparate-impact panel: code to copy into a cell").click()
    assert page.locator("pre", has_text="DisparateImpactPanel(investigation)").is_visible()
    page.get_by_role("button", name="Open the slice explorer").click()
    assert sent(page)[-1] == {"type": "open", "finding": 0, "widget": "slices"}
    page.wait_for_timeout(400)  # the theme
    assert grave() == []
    assert page.title() == "Host"


@pytest.mark.usefixtures("seen")
def test_where_no_widget_can_stand_inside_another_it_says_so_and_closes(show: Show, page: Any) -> None:
    show(
        "findings", findings=FINDINGS, openable=["slices"], opened={"finding": 0, "name": "Slice explorer", "ref": "anywidget:x"}
    )
    page.get_by_text("Slice explorer cannot be shown in here").wait_for()
    page.get_by_role("button", name="Close").click()
    assert sent(page)[-1] == {"type": "shut"}
    page.evaluate("host.set('opened', {})")
    assert page.get_by_role("region", name="Opened widget").is_hidden()


@pytest.mark.usefixtures("seen")
def test_closing_what_was_opened_leads_back_to_its_finding(show: Show, page: Any) -> None:
    show(
        "findings", findings=FINDINGS, openable=["slices"], opened={"finding": 1, "name": "Slice explorer", "ref": "anywidget:x"}
    )
    page.set_viewport_size({"width": 900, "height": 160})
    page.get_by_role("button", name="Close").click()
    page.evaluate("host.set('opened', {})")
    assert page.evaluate("document.activeElement.dataset.id") == "1"
    top = page.locator("tr.row").nth(1).bounding_box()["y"]
    assert 0 <= top < 160


@pytest.mark.usefixtures("seen")
def test_an_empty_table_says_so(show: Show, page: Any) -> None:
    show("findings", findings=[])
    assert page.locator("tbody").inner_text() == "Nothing was found."
    show("findings", findings=FINDINGS)
    page.get_by_label("Filter").fill("no such word")
    assert page.locator("tbody").inner_text() == "No finding matches the filter."


@pytest.mark.usefixtures("seen")
def test_the_table_fits_beside_a_narrow_notebooks_margin(show: Show, page: Any) -> None:
    wide = {
        "effect_text": "-8.4 pp [-10.3, -6.4] share of positive predictions",
        "since_text": "2014-04-03 (2014-04-01 to 2014-04-04)",
    }
    page.set_viewport_size({"width": 730, "height": 900})
    show(
        "findings",
        findings=[{**row, **wide, "people_text": "1,007", "kind": "integrity", "severity": "critical"} for row in FINDINGS],
    )
    assert page.locator(".scroll").first.evaluate("each => each.scrollWidth <= each.clientWidth")
