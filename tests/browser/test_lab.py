"""The workbench alive in JupyterLab: the path of a responder from the first cell to a verified seal, and what no trust shows."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_output
from typer.testing import CliRunner

from workbench.cli import app
from workbench.data.dataset import open_dataset
from workbench.evidence.templates import find_template
from workbench.incident.record import Record
from workbench.result import Finding
from workbench.widgets.findings import FindingsTable
from workbench.widgets.investigation import Investigation

pytestmark = [pytest.mark.browser]

Open = Callable[..., str]
Shoot = Callable[..., None]
Grave = Callable[[str], list[str]]
SHOWN = {"x": 290, "width": 1180, "height": 1660}
"""What of the runbook the README shows, below the heading of the sentence: up to the ranked table."""
OPENED = {"x": 290, "width": 1180, "height": 1500}
"""What it shows of an unfolded finding and of the widget that it opened."""
KERNEL_GOES = re.compile(r"WebSocket|Connection lost|reconnect|Canceled|kernel", re.IGNORECASE)
"""What Lab's own console may say while a kernel restarts."""
"""What the last cell prints, or the cell that stops the others."""
FINDINGS = [
    Finding("slice", "worse for the young", where="age < 25", effect=0.21, interval=(0.18, 0.24), unit="error rate",
            people=640, severity="high", rank=1, onset="2026-03-04T00:00:00", p_adjusted=1e-12, check="slices"),
    Finding("disparity", "the south is refused more often", where='region = "south"', effect=-0.08, interval=(-0.12, -0.04),
            unit="selection rate", people=7, severity="critical", rank=2, check="disparity"),
    Finding("volume", "fewer rows <img src=x onerror=\"document.title='owned'\">", support=1234, severity="low", rank=3),
]  # fmt: skip
SETUP = """
import pandas as pd
from workbench import Finding, open_dataset
from workbench.views.triage import findings_figure
from workbench.widgets.findings import FindingsTable
from workbench.widgets.investigation import Investigation
dataset = open_dataset(pd.DataFrame({"age": [20, 30], "region": ["north", "south"]}), {})
"""


def below(heading: Any, shown: dict[str, int]) -> dict[str, float]:
    """The part of the page that is `shown` from `heading` on."""
    return {**shown, "y": heading.bounding_box()["y"] - 8}


def restart_and_run_all(page: Any) -> None:
    page.get_by_text("Kernel", exact=True).first.click()
    page.get_by_text("Restart Kernel and Run All Cells…").click()
    page.get_by_role("button", name="Confirm Kernel Restart").click()


def command(*words: str) -> str:
    """What a command of ours says; it has to succeed."""
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture
def runbook(compas: Path, compas_roles: dict[str, Any], incident: str, tmp_path: Path) -> nbformat.NotebookNode:
    """A working copy of the triage runbook with the COMPAS log as its parameters, and a cell that says what is selected."""
    roles = tmp_path / "compas.roles.yaml"
    roles.write_text(json.dumps(compas_roles))
    notebook = nbformat.read(find_template("triage"), as_version=4)
    cell = next(cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", ()))
    cell.source += f'\ndata = "{compas}"\nroles = "{roles}"\nincident = "{incident}"\nout = "out"\n'
    notebook.cells.append(new_code_cell('print("selected:", investigation.selection)'))
    return notebook


def test_from_the_runbook_to_a_verified_seal(
    open_lab: Open,
    runbook: nbformat.NotebookNode,
    page: Any,
    run_all: Callable[..., None],
    *,
    seen: Any,
    grave: Grave,
    shoot: Shoot,
    tmp_path: Path,
) -> None:
    """Run, filter, select, pin, see it in the record, lose the kernel, have the selection back, seal, verify."""
    page.set_viewport_size({"width": 1500, "height": 5200})
    page.goto(open_lab(runbook))
    run_all()
    table = page.locator(".wb")
    page.wait_for_timeout(1_500)
    shoot("triage", clip=below(page.get_by_role("heading", name="What is most probably wrong"), SHOWN))
    assert page.get_by_text("Most probably wrong: two_year_recid").count() == 1
    assert page.locator(".jp-Notebook .js-plotly-plot").count() == 5
    assert grave(".wb") == []

    table.get_by_label("Filter").fill("African-American against Caucasian")
    row = table.locator("tr.row").first
    row.click()
    table.locator("tr.row[aria-selected=true]").wait_for()
    selected = table.locator(".where").first.inner_text()
    assert "race" in selected
    page.keyboard.press("ArrowRight")
    table.get_by_role("img", name=re.compile("selection rate|favourable decisions")).wait_for()
    assert grave(".wb") == []
    table.get_by_role("button", name="Open the slice explorer").click()
    page.locator(".opened .wb-slices").wait_for()
    assert page.locator(".opened .where").first.inner_text() == selected
    page.wait_for_timeout(2_000)
    shoot("triage-opened", clip=below(page.get_by_role("heading", name="Every finding, ranked"), OPENED))
    page.get_by_role("button", name="Close").click()
    page.locator(".opened .wb-slices").wait_for(state="detached")
    table.get_by_label("Note").fill("told the owner")
    table.get_by_role("button", name=re.compile("Pin|Add note")).click()
    table.locator("tr.row", has_text="pinned").wait_for()
    assert "told the owner" in command("log", "INC-1", "--json", "-")

    before = len(seen.errors)
    restart_and_run_all(page)
    page.locator(".jp-OutputArea-output", has_text=f"selected: {selected}").wait_for(timeout=180_000)
    page.locator(".wb tr.row[aria-selected=true]").first.wait_for()
    seen.errors[before:] = [said for said in seen.errors[before:] if not KERNEL_GOES.search(said)]

    bundle = tmp_path / "INC-1.zip"
    command("seal", "INC-1", "--out", str(bundle))
    command("verify", str(bundle))
    assert page.title() != "owned"


@pytest.mark.slow
@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.usefixtures("incident", "seen")
def test_two_tables_of_one_investigation_say_the_same(
    open_lab: Open, page: Any, run_all: Callable[..., None], home: Path, *, grave: Grave, shoot: Shoot, dark: bool
) -> None:
    given = f"findings = [Finding.from_dict(item) for item in {[item.to_dict() for item in FINDINGS]!r}]"
    sources = [f"{SETUP}\ninvestigation = Investigation(dataset, 'INC-1')\n{given}", "findings_figure(findings)",
               "FindingsTable(investigation, findings)", "FindingsTable(investigation, findings)",
               'print("selected:", investigation.selection)']  # fmt: skip
    page.goto(open_lab([new_code_cell(source) for source in sources], dark=dark))
    run_all()
    one, other = page.locator(".wb").nth(0), page.locator(".wb").nth(1)
    one.locator("tr.row", has_text="the young").click()
    other.locator("tr.row[aria-selected=true]", has_text="the young").wait_for()
    page.keyboard.press("ArrowRight")
    one.get_by_role("img", name="Effect +21.0 pp").wait_for()
    one.get_by_label("Note").fill("told the owner")
    one.get_by_role("button", name="Pin").click()
    other.locator("tr.row", has_text="pinned").wait_for()
    one.get_by_label("Reason").fill("")
    one.get_by_role("button", name="Dismiss").click()
    one.get_by_role("alert").filter(has_text="needs a reason").wait_for()
    if dark:
        shoot("findings-dark")
    assert grave(".wb") == []
    other.get_by_role("button", name="Undo").click()
    one.get_by_role("button", name="Redo").and_(page.locator(":enabled")).wait_for()
    assert one.locator("tr.row[aria-selected=true]").count() == 0
    with Record.open(home / "record.db") as record:
        kinds = [(entry.kind, entry.body.get("text")) for entry in record.entries("INC-1")]
    assert kinds == [("opened", None), ("pinned", None), ("note", "told the owner")]
    ground = page.locator(".js-plotly-plot .main-svg").first.evaluate("each => getComputedStyle(each).backgroundColor")
    assert ground == ("rgb(22, 22, 22)" if dark else "rgb(255, 255, 255)")
    assert page.title() != "owned"


@pytest.mark.slow
@pytest.mark.usefixtures("seen")
def test_a_notebook_that_is_not_trusted_shows_its_static_twins_and_runs_nothing(open_lab: Open, page: Any, incident: str) -> None:
    dataset = open_dataset(pd.DataFrame({"age": [20]}), {})
    data, _ = FindingsTable(Investigation(dataset, incident), FINDINGS)._repr_mimebundle_() or ({}, {})
    hostile = {
        "text/html": "<p>A page</p><script>document.title='owned'</script><img src='data:,' onerror=\"document.title='owned'\">"
    }
    outputs = [new_output("execute_result", data=data, execution_count=1), new_output("display_data", data=hostile)]
    page.goto(open_lab([new_code_cell("table", outputs=outputs, execution_count=1)]))
    twin = page.locator(".jp-OutputArea-output table")
    twin.get_by_text("the south is refused more often").wait_for()
    page.get_by_text("A page").wait_for()
    assert "fewer than 10" in twin.inner_text()
    assert page.locator(".wb").count() == 0
    assert page.locator(".jp-OutputArea-output script").count() == 0
    assert page.title() != "owned"
