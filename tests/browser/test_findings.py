"""The findings table alive in JupyterLab and on the status page, in one browser that reaches this machine only.

Whatever the console calls an error fails a test; only the one that restarts the kernel does not look, since Lab may lose a
request there.
"""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from workbench.incident.home import ensure_home, incident_folder, record_path
from workbench.incident.record import Record
from workbench.incident.state import create_incident
from workbench.result import Finding

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CHROMIUM = "/usr/bin/chromium"
OFFLINE = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
           "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]  # fmt: skip
INSIDE = ("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:")
HOSTILE = "<img src=x onerror=\"document.title='owned'\">"
DIGEST = "sha256:" + "0" * 64
FINDINGS = [
    Finding("slice", "worse for the young", where="age < 25", effect=0.21, interval=(0.18, 0.24), unit="error rate",
            people=640, severity="high", rank=1, onset="2026-03-04T00:00:00", p_adjusted=1e-12, check="slices", evidence=DIGEST),
    Finding("disparity", "the south is refused more often", where='region = "south"', effect=-0.08, interval=(-0.12, -0.04),
            unit="selection rate", people=7, severity="critical", rank=2, check="disparity"),
    Finding("volume", f"fewer rows {HOSTILE}", effect=0.3, support=1234, severity="low", rank=3, check="integrity"),
]  # fmt: skip
SETUP = """
import pandas as pd
from workbench import Finding, open_dataset
from workbench.widgets.findings import FindingsTable
from workbench.widgets.investigation import Investigation
dataset = open_dataset(pd.DataFrame({"age": [20, 30], "region": ["north", "south"]}), {})
"""


@pytest.fixture
def incident(home: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("WORKBENCH_AUTHOR", "ada")
    with Record.open(record_path(ensure_home(home))) as record:
        create_incident(record, "INC-1", "Loans", "ada")
    return "INC-1"


@contextmanager
def served(address: str, command: list[str], **more: object) -> Iterator[str]:
    """The address of a server of ours, once it answers; ended afterwards."""
    environment = {**os.environ, **{name: str(value) for name, value in more.items()}}
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment) as server:
        try:
            for _ in range(240):
                try:
                    urllib.request.urlopen(address, timeout=10).close()  # noqa: S310  our own loopback server
                except OSError:
                    time.sleep(0.25)
                else:
                    break
            yield address
        finally:
            server.terminate()


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@pytest.fixture
def lab(tmp_path: Path, home: Path, incident: str) -> Iterator[str]:
    """The address of a JupyterLab with a notebook that shows the table and prints what is selected."""
    given = f"FindingsTable(investigation, [Finding.from_dict(item) for item in {[item.to_dict() for item in FINDINGS]!r}])"
    sources = [
        SETUP,
        f"investigation = Investigation(dataset, {incident!r})\n{given}",
        'print("selected:", investigation.selection)',
    ]
    folder = tmp_path / "notebooks"
    folder.mkdir()
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    nbformat.write(new_notebook(cells=[new_code_cell(source) for source in sources], metadata=kernel), folder / "n.ipynb")
    port = free_port()
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}",
               "--IdentityProvider.token=", f"--ServerApp.root_dir={folder}"]  # fmt: skip
    own = {"JUPYTER_CONFIG_DIR": home, "JUPYTER_DATA_DIR": home / "data"}
    with served(f"http://127.0.0.1:{port}/api", command, **own) as address:
        yield address.replace("/api", "/lab/tree/n.ipynb?reset")


@pytest.fixture
def status(home: Path, incident: str) -> Iterator[str]:
    """The address of the status page of one incident with a completed triage."""
    folder = incident_folder(home, incident) / "runs" / "0001-triage"
    folder.mkdir(parents=True)
    with Record.open(record_path(home)) as record:
        started = {"run": 1, "template": "triage", "folder": "runs/0001-triage", "parameters": {}}
        record.append(incident, "run started", started, author="ada")
        record.append(incident, "run completed", {"run": 1}, author="ada")
    document = {
        "schema": "workbench.findings/1", "verdict": "incident", "dataset": {"rows": 1234, "fingerprint": DIGEST},
        "checks": [{"name": "slices", "status": "ran", "why": "", "seconds": 0.1}],
        "findings": [finding.to_dict() for finding in FINDINGS],
    }  # fmt: skip
    (folder / "findings.json").write_text(json.dumps(document))
    port = free_port()
    command = [sys.executable, "-c", "from workbench.cli import main; main()", "serve", "status", "--port", str(port)]
    with served(f"http://127.0.0.1:{port}/status", command) as address:
        yield address


class Seen:
    """What a page asked of others, and what its console called an error."""

    def __init__(self, page: Any) -> None:
        self.requested: list[str] = []
        self.errors: list[str] = []
        page.on("request", lambda request: self.requested.append(request.url))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda said: self.errors.append(said.text) if said.type == "error" else None)

    def outside(self) -> set[str]:
        return {url for url in self.requested if not url.startswith(INSIDE)}


@pytest.fixture
def page() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=OFFLINE)
        page = browser.new_page(viewport={"width": 1500, "height": 1500})
        page.set_default_timeout(60_000)
        yield page
        browser.close()


def shoot(page: Any, name: str) -> None:
    if (folder := os.environ.get("WORKBENCH_SCREENSHOTS")) is not None:
        page.screenshot(path=f"{folder}/{name}.png")


def run_all(page: Any) -> None:
    page.get_by_text("| Idle").wait_for(timeout=120_000)
    page.get_by_text("Run", exact=True).first.click()
    page.get_by_text("Run All Cells", exact=True).first.click()
    page.locator(".wb tr.row").first.wait_for(timeout=120_000)
    page.locator(".jp-OutputArea-output", has_text="selected:").wait_for(timeout=120_000)


def order(page: Any) -> list[str]:
    """The ranks of the rows as they stand on the page."""
    return [cells.split("\t")[1] for cells in page.locator(".wb tr.row").all_inner_texts()]


def said(page: Any) -> str:
    """What the last cell prints when it is run again."""
    output = page.locator(".jp-OutputArea-output", has_text="selected:")
    page.locator(".jp-CodeCell").nth(2).locator(".cm-content").click()
    page.keyboard.press("Control+Enter")
    page.wait_for_timeout(1_500)
    return str(output.last.inner_text()).strip()


def test_in_jupyterlab_a_finding_is_found_selected_and_pinned(lab: str, page: Any, home: Path) -> None:
    seen = Seen(page)
    page.goto(lab)
    run_all(page)
    table = page.locator(".wb")
    assert order(page) == ["1", "2", "3"]
    assert "fewer than 10" in table.inner_text()

    table.get_by_label("Filter").fill("south")
    assert order(page) == ["2"]
    assert "1 of 3 findings" in table.inner_text()
    table.get_by_label("Filter").fill("")
    table.get_by_role("button", name="severity").click()
    assert order(page) == ["2", "1", "3"]
    assert table.get_by_role("columnheader", name="severity").get_attribute("aria-sort") == "descending"

    table.locator("tr.row").nth(0).focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    table.get_by_role("img", name="Effect +0.210").wait_for()
    page.keyboard.press("Enter")
    table.get_by_text("age < 25").first.wait_for()
    table.locator("tr.row[aria-selected=true]", has_text="the young").wait_for()
    shoot(page, "findings-lab")
    assert said(page) == "selected: age < 25"

    table.get_by_label("Note").fill("told the owner")
    table.get_by_role("button", name="Pin").click()
    table.locator("tr.row", has_text="pinned").wait_for()
    table.get_by_label("Reason").fill("")
    table.get_by_role("button", name="Dismiss").click()
    table.get_by_role("alert").filter(has_text="needs a reason").wait_for()
    with Record.open(record_path(home)) as record:
        kinds = [(entry.kind, entry.body.get("text")) for entry in record.entries("INC-1")]
    assert kinds == [("opened", None), ("pinned", None), ("note", "told the owner")]

    table.locator("tr.row").nth(1).focus()
    page.keyboard.press("Escape")
    table.get_by_role("button", name="Clear").and_(page.locator(":disabled")).wait_for()
    assert said(page) == "selected: all rows"
    assert page.title() != "owned"
    assert seen.errors == []
    assert seen.outside() == set()


def test_a_selection_outlives_the_kernel(lab: str, page: Any) -> None:
    page.goto(lab)
    run_all(page)
    page.locator(".wb tr.row", has_text="the young").click()
    page.locator(".wb tr.row[aria-selected=true]").wait_for()
    page.get_by_text("Kernel", exact=True).first.click()
    page.get_by_text("Restart Kernel and Run All Cells…").click()
    page.get_by_role("button", name="Confirm Kernel Restart").click()
    page.locator(".jp-OutputArea-output", has_text="selected: age < 25").wait_for()
    page.locator(".wb tr.row[aria-selected=true]", has_text="the young").wait_for()


def test_on_the_page_a_visitor_filters_and_unfolds_and_can_change_nothing(status: str, page: Any) -> None:
    seen = Seen(page)
    page.goto(status)
    table = page.locator(".wb")
    table.locator("tr.row").first.wait_for()
    table.get_by_label("Filter").fill("young")
    assert order(page) == ["1"]
    table.locator("tr.row").focus()
    page.keyboard.press("Enter")
    table.get_by_role("img", name="Effect +0.210").wait_for()
    page.wait_for_timeout(1_000)
    shoot(page, "findings-page")
    for name in ("Pin", "Add note", "Dismiss", "Undo", "Redo", "Clear"):
        assert table.get_by_role("button", name=name, exact=True).count() == 0
    assert page.title() != "owned"
    assert seen.errors == []
    assert seen.outside() == set()
