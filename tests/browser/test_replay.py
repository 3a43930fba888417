"""The attack replay in a browser: keys, play, pause, single inputs on demand, and one selection with the findings beside it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell

from workbench.incident.record import Record

pytestmark = pytest.mark.browser

Show = Callable[..., None]
Grave = Callable[..., list[str]]
HOSTILE = "<img src=x onerror=\"document.title='owned'\">"
FAILS = "recorded attacks that succeed"
HIGH = 1900
CLOSEUP = {
    "type": "input", "input": 41, "origin": 7, "withheld": 1, "same": 9, "changed": [["hours", "40", f"52{HOSTILE}"]],
    "answers": [{"version": "v1", "outcome": "fail", "level": "bit-identical", "decisions": ["0", "1"], "scores": [0.42, 0.51]},
                {"version": "v2", "outcome": "pass", "level": "decision changed", "decisions": ["0", "0"], "scores": [None] * 2}],
    "drivers": [["hours", 0.4], ["age", -0.1]],
}  # fmt: skip
SETUP = """
import tempfile
import numpy as np
import pandas as pd
from workbench import Finding, open_dataset
from workbench.attacks.evasion import evade, record_attack
from workbench.attacks.replay import replay
from workbench.attacks.triple import Fresh
from workbench.models import python_target
from workbench.widgets.findings import FindingsTable
from workbench.widgets.investigation import Investigation
from workbench.widgets.replay import AttackReplay

def version(name, shift):
    def decide(frame):
        score = 1 / (1 + np.exp(-(frame["a"] + frame["b"] - shift).to_numpy(dtype=float)))
        return {"decision": (score >= 0.5).astype(int), "score": score}
    return python_target(decide, name=name, digest=f"sha256:{name}")

people = pd.DataFrame(np.random.default_rng(0).normal(size=(90, 2)), columns=["a", "b"])
people["region"] = ["north", "south", "south"] * 30
targets = [version("v1", 0.0), version("v2", -0.6)]
recording = record_attack(targets[0], evade(targets[0], people, budget=40, seed=1), tempfile.mkdtemp() + "/attack")
result = replay(recording, targets, fresh=Fresh(rows=60, budget=40, certify=False), seed=1)
"""


def traits(**more: Any) -> dict[str, Any]:
    """What a host gives: two versions, one that memorised the recording; three groups, one of them small; twelve steps."""
    rows: list[dict[str, Any]] = [
        {"version": "v1", "digest": "a", "replayed": [1.0, 0.96, 1.0], "adaptive": [1.0, 0.96, 1.0], "certified": None,
         "flag": "", "cost": 0.4, "changed": 0, "errors": 0, "abstained": 0, "fails": FAILS, "said": "v1 falls", "pinned": False},
        {"version": f"v2{HOSTILE}", "digest": "b", "replayed": [0.0, 0.0, 0.04], "adaptive": [0.97, 0.9, 0.99], "certified": None,
         "flag": "overfitted defence", "cost": 0.4, "changed": 9, "errors": 0, "abstained": 0, "fails": FAILS,
         "said": f"v2{HOSTILE} is an overfitted defence", "pinned": True},
    ]  # fmt: skip
    groups = [{"where": f'job = "{name}"', "judged": judged, "failed": failed} for name, judged, failed in
              [("clerk", 40, [40, 0]), ("cook", 60, [50, 3]), (HOSTILE, None, [None, None])]]  # fmt: skip
    steps = [{"first": at, "last": at, "seconds": at * 1.5, "judged": 10, "failed": [10 - at % 3, at % 2]} for at in range(12)]
    return {"verdicts": rows, "columns": ["job", "age"], "matrix": {"column": "job", "groups": groups}, "steps": steps,
            "told": "120 judged inputs.", **more}  # fmt: skip


def sent(page: Any) -> list[dict[str, object]]:
    found: list[dict[str, object]] = page.evaluate("host.sent")
    return found


def answer(page: Any, message: dict[str, Any]) -> None:
    """What the kernel would answer."""
    page.evaluate("message => { for (const each of host.listeners['msg:custom']) each(message); }", message)


@pytest.mark.usefixtures("seen")
def test_the_overfitted_defence_is_told_in_words_and_nothing_is_markup(show: Show, page: Any) -> None:
    show("replay", **traits())
    assert page.locator(".warned").inner_text() == f"v2{HOSTILE} is an overfitted defence."
    assert page.get_by_role("img", name="v1, recorded attacks that succeed: 100 % (96 % to 100 %)").count() == 1
    assert page.locator(".wb img").count() == 0
    assert page.title() != "owned"


@pytest.mark.usefixtures("seen")
def test_the_matrix_is_walked_with_the_arrows_and_selects(show: Show, page: Any) -> None:
    show("replay", **traits())
    page.locator(".matrix tr.row").first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.get_by_label("Share that fails, by").select_option("age")
    page.get_by_label("Note for a pin").fill("told the owner")
    page.get_by_role("button", name="Pin v1").click()
    assert sent(page) == [
        {"type": "group", "where": 'job = "cook"'},
        {"type": "by", "column": "age"},
        {"type": "pin", "version": "v1", "note": "told the owner"},
    ]
    assert page.locator(".matrix tr.row").nth(2).locator("td").nth(1).inner_text() == "fewer than 10"
    page.evaluate("host.set('selection', 'job = \"cook\"')")
    assert page.locator(".matrix tr[aria-selected=true]").get_attribute("data-where") == 'job = "cook"'


@pytest.mark.usefixtures("seen")
def test_every_share_says_of_how_many_and_the_verdict_fits_a_narrow_page(show: Show, page: Any) -> None:
    given = traits()
    given["verdicts"] = [{**row, "of": {"replayed": 1200, "adaptive": 60, "certified": None}} for row in given["verdicts"]]
    page.set_viewport_size({"width": 720, "height": 900})
    show("replay", **given)
    assert page.get_by_role("img", name="v1, recorded attacks that succeed: 100 % of 1,200 (96 % to 100 %)").count() == 1
    box = page.locator(".verdict").locator("xpath=..")
    assert box.evaluate("each => each.scrollWidth <= each.clientWidth")


@pytest.mark.usefixtures("seen")
def test_a_value_that_holds_the_word_and_is_marked_when_it_is_selected(show: Show, page: Any) -> None:
    where = 'job = "cook and waiter"'
    groups = [{"where": where, "judged": 40, "failed": [40, 0]}, {"where": 'job = "cook"', "judged": 60, "failed": [50, 3]}]
    show("replay", **{**traits(), "matrix": {"column": "job", "groups": groups}, "selection": f"age >= 30 and {where}"})
    assert page.locator(".matrix tr[aria-selected=true]").evaluate_all("each => each.map(row => row.dataset.where)") == [where]


@pytest.mark.usefixtures("seen")
def test_it_plays_pauses_and_steps(show: Show, page: Any) -> None:
    page.clock.install()  # the test's own time: a busy machine would miss a step
    show("replay", **traits())
    page.get_by_text("Step 1 of 12: call 1, 0.0 s").wait_for()
    page.get_by_role("button", name="Play").click()
    page.clock.run_for(1_000)
    page.get_by_text("Step 3 of 12").wait_for()
    page.get_by_role("button", name="Pause").click()
    page.get_by_label("Step", exact=True).focus()
    page.keyboard.press("End")
    page.get_by_text("Step 12 of 12").wait_for()
    page.get_by_role("button", name="Back").click()
    page.get_by_text("Step 11 of 12").wait_for()
    assert page.get_by_role("button", name="Play").count() == 1


@pytest.mark.usefixtures("seen")
def test_single_inputs_come_on_demand_and_one_is_opened_with_the_keys(show: Show, page: Any) -> None:
    show("replay", **traits(single="Only attacks are shown."))
    assert page.get_by_text("Only attacks are shown.").count() == 1
    page.get_by_role("button", name="Show all inputs").click()
    answer(page, {"type": "inputs", "step": -1, "inputs": [{"input": place, "outcomes": ["fail", "pass"]} for place in (40, 41)]})
    page.locator(".inputs tr.row").first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.get_by_text("Opening input 42 …").wait_for()
    answer(page, CLOSEUP)
    assert page.get_by_text("Opening input").count() == 0
    assert sent(page) == [{"type": "list", "step": -1}, {"type": "open", "input": 41}]
    page.get_by_text("Input 42, made from input 8").wait_for()
    assert page.get_by_text("Not shown: 1 protected column.").count() == 1
    assert page.get_by_text(f"52{HOSTILE}").count() == 1
    assert page.get_by_text("0.420 → 0.510").count() == 1
    assert page.title() != "owned"


@pytest.mark.usefixtures("seen")
def test_read_only_it_offers_no_single_input_and_nothing_to_change(show: Show, page: Any) -> None:
    show("replay", **traits(readonly=True))
    page.locator(".matrix tr.row").first.click()
    page.get_by_role("button", name="Forward").click()
    for name in ("Pin v1", "Show all inputs", "Show this step's inputs", "Undo"):
        assert page.get_by_role("button", name=name).count() == 0
    assert sent(page) == []


@pytest.mark.usefixtures("seen")
def test_closed_it_listens_and_plays_no_longer(show: Show, page: Any) -> None:
    show("replay", **traits())
    page.get_by_role("button", name="Play").click()
    page.evaluate("host.close()")
    assert page.evaluate("Object.values(host.listeners).flat().length") == 0
    step = page.get_by_text("Step 1 of 12").inner_text()
    page.wait_for_timeout(700)
    assert page.get_by_text("of 12:").inner_text() == step


@pytest.mark.parametrize("ground", ["white", "#111111"])
def test_axe_finds_nothing_grave_light_or_dark(show: Show, page: Any, grave: Grave, ground: str) -> None:
    show("replay", ground, **traits())
    page.locator(".wb.dark" if ground != "white" else ".wb:not(.dark)").wait_for()
    answer(page, {"type": "inputs", "step": -1, "inputs": [{"input": 41, "outcomes": ["fail", "pass"]}]})
    answer(page, CLOSEUP)
    assert grave() == []


@pytest.mark.slow
@pytest.mark.usefixtures("seen")
def test_in_jupyterlab_it_shares_the_selection_with_the_findings_and_pins(
    open_lab: Callable[..., str], page: Any, run_all: Callable[..., None], *, grave: Grave, incident: str, home: Path
) -> None:
    sources = [
        SETUP,
        f"investigation = Investigation(open_dataset(people, {{}}), {incident!r})",
        "AttackReplay(investigation, result, recording, targets=targets, by='region')",
        "FindingsTable(investigation, [Finding('slice', 'of triage', where='region = \"south\"')])",
        "print('selected:', investigation.selection)",
    ]
    page.set_viewport_size({"width": 1500, "height": 2600})
    page.goto(open_lab([new_code_cell(source) for source in sources]))
    run_all(seconds=300)
    shown, table = page.locator(".wb-replay"), page.locator(".wb-findings")
    shown.locator(".matrix tr.row", has_text="north").click()
    table.get_by_text('region = "north"', exact=True).first.wait_for()
    table.locator("tr.row").first.click()
    shown.locator(".where", has_text='region = "south"').first.wait_for()
    shown.get_by_role("button", name="Show all inputs").click()
    shown.locator(".inputs tr.row").first.click()
    shown.get_by_text("made from input").wait_for()
    shown.get_by_label("Note for a pin").fill("told the owner")
    shown.get_by_role("button", name="Pin v2").click()
    shown.locator(".verdict tr", has_text="pinned").wait_for()
    assert grave(".wb-replay") == []
    with Record.open(home / "record.db") as record:
        kinds = [(entry.kind, entry.body.get("text")) for entry in record.entries(incident)]
    assert kinds == [("opened", None), ("pinned", None), ("note", "told the owner")]


@pytest.mark.slow
@pytest.mark.usefixtures("seen", "compas")
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_worked_notebook_shows_the_memorising_defence(
    open_lab: Callable[..., str], page: Any, run_all: Callable[..., None], shoot: Callable[..., None], *, dark: bool
) -> None:
    notebook = nbformat.read(Path(__file__).parents[2] / "notebooks" / "adversarial_attack.ipynb", as_version=4)
    notebook.cells.append(new_code_cell('print("selected:", investigation.selection)'))
    page.set_viewport_size({"width": 1500, "height": 7000})
    page.goto(open_lab(notebook, dark=dark))
    run_all(seconds=300)
    shown = page.locator(".wb-replay")
    assert "patched is an overfitted defence" in shown.locator(".warned").inner_text()
    shown.get_by_label("Step", exact=True).focus()
    page.keyboard.press("End")
    shown.get_by_role("button", name="Show all inputs").click()
    shown.locator(".inputs tr.row").first.click()
    shown.get_by_text("made from input").wait_for()
    page.mouse.move(5, 5)
    page.wait_for_timeout(700)
    box = shown.bounding_box()
    shoot("replay-dark" if dark else "replay", clip={**box, "height": min(HIGH, box["height"])})
