"""The drift and the integrity page in a browser: what a visitor sees and unfolds with the keys alone; nothing asked of others."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench.analysis.history import measure_histories
from workbench.data.dataset import open_dataset
from workbench.incident.home import incident_folder, record_path
from workbench.incident.record import Record
from workbench.predicate import Predicate
from workbench.triage.files import HISTORY, write_triage
from workbench.triage.run import triage

pytestmark = [pytest.mark.browser, pytest.mark.slow]

Serve = Callable[[str], AbstractContextManager[str]]
SINCE = "2026-02-15"


@pytest.fixture
def inspected(home: Path, incident: str) -> None:
    """An incident with a completed run of either runbook on a log in which amounts go missing."""
    rng = np.random.default_rng(0)
    time = pd.Timestamp("2026-01-15") + pd.to_timedelta(np.sort(rng.uniform(0, 60, 1_200)), "D")
    amount = np.where((time >= SINCE) & (rng.random(1_200) < 0.5), np.nan, rng.normal(size=1_200))
    frame = pd.DataFrame({"time": time, "amount": amount, "prediction": rng.integers(0, 2, 1_200)})
    dataset = open_dataset(frame, {"time": "time", "prediction": "prediction", "features": ["amount"]})
    before = Predicate.parse(f"time < {SINCE}")
    found = triage(dataset, reference=before, only=("integrity", "drift"))
    course = measure_histories(dataset, found.findings, reference=before, current=None)
    found = replace(found, results={**found.results, HISTORY: course})
    with Record.open(record_path(home)) as record:
        for run, template in enumerate(("drift", "integrity"), start=1):
            folder = f"runs/000{run}-{template}"
            record.append(
                incident, "run started", {"run": run, "template": template, "folder": folder, "parameters": {}}, author="ada"
            )
            record.append(incident, "run completed", {"run": run}, author="ada")
            write_triage(found, incident_folder(home, incident) / folder)


@pytest.mark.parametrize(("name", "told"), [("drift", "Shares of"), ("integrity", "Defects by column")])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.usefixtures("inspected", "seen")
def test_a_visitor_reads_and_unfolds_what_was_found(
    open_page: Serve, page: Any, grave: Callable[[], list[str]], *, name: str, told: str, scheme: str
) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": 900, "height": 900})
    with open_page(name) as address:
        page.goto(address)
        page.get_by_text("Most probably wrong: amount").wait_for()
        page.get_by_text(told).first.wait_for()
        row = page.locator("tr.row").first
        row.focus()
        page.keyboard.press("ArrowRight")
        page.locator(".levels").first.wait_for()
        assert page.get_by_role("button", name="Dismiss").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        page.wait_for_timeout(1_000)  # the theme
        assert grave() == []
