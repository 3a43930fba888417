"""The triage runbook alive in JupyterLab: run all cells in a browser and look for the sentence, the figures and the table."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import nbformat
import pytest

from workbench.evidence.templates import find_template

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CHROMIUM = "/usr/bin/chromium"
SHOWN = {"x": 290, "y": 700, "width": 1180, "height": 1620}
"""What of the page the README shows: from the sentence to the ranked table."""
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"]


@pytest.fixture
def runbook(tmp_path: Path, compas: Path, compas_roles: dict[str, Any]) -> Path:
    """A working copy of the template with the COMPAS log as its parameters."""
    roles = tmp_path / "compas.roles.yaml"
    roles.write_text(json.dumps(compas_roles))
    notebook = nbformat.read(find_template("triage"), as_version=4)
    cell = next(cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", ()))
    cell.source += f'\ndata = "{compas}"\nroles = "{roles}"\n'
    path = tmp_path / "triage.ipynb"
    nbformat.write(notebook, path)
    return path


@pytest.fixture
def lab(runbook: Path, home: Path) -> Iterator[str]:
    """The address of a JupyterLab on the folder of the runbook."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    own = {"WORKBENCH_HOME": home, "JUPYTER_CONFIG_DIR": home, "JUPYTER_DATA_DIR": home / "data"}
    environment = {**os.environ, **{name: str(path) for name, path in own.items()}}
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}",
               "--IdentityProvider.token=", f"--ServerApp.root_dir={runbook.parent}"]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment) as server:
        try:
            _wait_for(f"http://127.0.0.1:{port}/api")
            yield f"http://127.0.0.1:{port}/lab/tree/{runbook.name}?reset"
        finally:
            server.terminate()


def _wait_for(url: str, attempts: int = 120) -> None:
    for _ in range(attempts):
        try:
            urllib.request.urlopen(url, timeout=5).close()  # noqa: S310  our own loopback server
        except OSError:
            time.sleep(0.5)
        else:
            return
    pytest.fail(f"JupyterLab did not answer at {url}")


def test_the_runbook_shows_a_sentence_figures_and_a_ranked_table(lab: str) -> None:
    sync_api = pytest.importorskip("playwright.sync_api")
    requested: list[str] = []
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = browser.new_page(viewport={"width": 1500, "height": 5200})
        page.on("request", lambda request: requested.append(request.url))
        page.goto(lab)
        page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status=idle]", timeout=120_000)
        page.get_by_text("| Idle").wait_for(timeout=120_000)
        page.get_by_text("Run", exact=True).first.click()
        page.get_by_text("Run All Cells", exact=True).first.click()
        page.locator(".jp-OutputArea-output", has_text="nothing pinned").wait_for(timeout=180_000)
        page.wait_for_timeout(1_500)
        text = page.locator(".jp-Notebook").inner_text()
        figures = page.locator(".jp-Notebook .js-plotly-plot").count()
        if (folder := os.environ.get("WORKBENCH_SCREENSHOTS")) is not None:
            page.screenshot(path=f"{folder}/triage.png", clip=SHOWN)
        browser.close()
    assert "Incident in 7,214 decisions. First: two_year_recid" in text
    assert "African-American against Caucasian" in text
    assert figures == 3
    assert {url for url in requested if not url.startswith(("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:"))} == set()
