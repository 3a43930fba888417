"""The status page in a browser: what a visitor sees, reaches and cannot change; light and dark; nothing asked of others."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from workbench.apps.page import WIDTH
from workbench.incident.home import incident_folder, record_path
from workbench.incident.record import Record
from workbench.incident.state import create_incident
from workbench.result import Finding, Result

pytestmark = [pytest.mark.browser]

DIGEST = "sha256:" + "0" * 64
HOSTILE = "<img src=x onerror=\"document.title='owned'\">"
FINDINGS = [
    Finding("slice", "worse for the young", where="age < 25", effect=0.21, interval=(0.18, 0.24), unit="error rate",
            people=640, severity="high", rank=1, onset="2026-03-04T00:00:00", p_adjusted=1e-12, check="slices", evidence=DIGEST),
    Finding("disparity", "the south is refused more often", where='region = "south"', effect=-0.08, interval=(-0.12, -0.04),
            unit="selection rate", people=700, severity="critical", rank=2, check="disparity"),
    Finding("volume", f"fewer rows {HOSTILE}", support=1234, severity="low", rank=3, check="integrity"),
]  # fmt: skip


@pytest.fixture
def triaged(home: Path, incident: str) -> None:
    """An incident with a completed triage, a note, and a title that somebody made up."""
    folder = incident_folder(home, incident) / "runs" / "0001-triage"
    (folder / "results").mkdir(parents=True)
    with Record.open(record_path(home)) as record:
        started = {"run": 1, "template": "triage", "folder": "runs/0001-triage", "parameters": {}}
        record.append(incident, "run started", started, author="ada")
        pinned = {"run": 1, "finding": FINDINGS[0].to_dict()}
        record.append(incident, "pinned", pinned, author="ada", evidence=[DIGEST])
        record.append(incident, "run completed", {"run": 1}, author="ada", evidence=[DIGEST])
        record.append(incident, "note", {"text": f"told the owner {HOSTILE}"}, author="ada")
    document = {
        "schema": "workbench.findings/1", "verdict": "incident", "dataset": {"rows": 1234, "fingerprint": DIGEST},
        "checks": [{"name": "slices", "status": "ran", "why": "", "seconds": 0.1}],
        "findings": [finding.to_dict() for finding in FINDINGS],
    }  # fmt: skip
    (folder / "findings.json").write_text(json.dumps(document))
    starts = pd.date_range("2026-02-02", periods=8, freq="W-MON").astype(str)
    rates = [0.2, 0.21, 0.19, 0.2, 0.32, 0.35, 0.33, 0.34]
    table = pd.DataFrame({"start": starts, "rows": 150, "rate of label": rates, "suppressed": False})
    result = Result("integrity", "Soundness of the data", tables={"timeline": table})
    (folder / "results" / "integrity.json").write_text(json.dumps(result.to_dict()))


@pytest.mark.usefixtures("triaged", "seen")
def test_a_visitor_reads_filters_and_unfolds_and_can_change_nothing(
    open_status: str, page: Any, grave: Callable[[], list[str]], shoot: Callable[..., None]
) -> None:
    page.goto(open_status)
    table = page.locator(".wb")
    table.locator("tr.row").first.wait_for()
    page.locator(".js-plotly-plot .main-svg").first.wait_for()
    assert page.locator(".js-plotly-plot .main-svg").first.bounding_box()["width"] > WIDTH - 100
    for heading in ("Findings", "Timeline", "Next steps"):
        assert page.get_by_role("heading", name=heading, exact=True).count() == 1
    assert page.get_by_text("note: told the owner <img").count() == 1
    assert page.get_by_text("supported by run 1").count() == 1
    assert page.get_by_text("workbench seal INC-1 --out INC-1.zip").count() == 1
    table.get_by_label("Filter").fill("young")
    assert table.locator("tr.row").count() == 1
    table.locator("tr.row").focus()
    page.keyboard.press("Enter")
    table.get_by_role("img", name="Effect +21.0 pp").wait_for()
    for name in ("Pin", "Add note", "Dismiss", "Undo", "Redo", "Clear"):
        assert table.get_by_role("button", name=name, exact=True).count() == 0
    page.wait_for_timeout(1_000)
    shoot("status", full_page=True)
    assert grave() == []
    assert page.title() != "owned"


@pytest.mark.slow
@pytest.mark.usefixtures("triaged", "seen")
def test_who_prefers_the_dark_has_it_figures_too(open_status: str, page: Any, grave: Callable[[], list[str]]) -> None:
    page.emulate_media(color_scheme="dark")
    page.goto(open_status)
    page.locator(".wb.dark tr.row").first.wait_for()
    figure = page.locator(".js-plotly-plot .main-svg").first
    figure.wait_for()
    page.wait_for_timeout(1_000)
    assert figure.evaluate("each => getComputedStyle(each).backgroundColor") == "rgb(22, 22, 22)"
    assert grave() == []
    page.emulate_media(color_scheme="light")
    page.locator(".wb:not(.dark)").wait_for()


@pytest.mark.slow
@pytest.mark.usefixtures("triaged", "seen")
def test_an_earlier_incident_is_filled_when_it_is_unfolded(open_status: str, page: Any, home: Path) -> None:
    with Record.open(record_path(home)) as record:
        create_incident(record, "INC-2", "Hiring", "ada")
    page.goto(open_status)
    page.get_by_text("No completed triage run yet.").wait_for()
    assert page.locator(".wb").count() == 0
    page.get_by_text("INC-1: Loans").click()
    page.locator(".wb tr.row").first.wait_for()
    page.locator(".js-plotly-plot .main-svg").first.wait_for()
