"""What runs of the runbooks drift and integrity leave, and what a page shows of it."""

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench.analysis.soundness import soundness_over_time
from workbench.data.dataset import open_dataset
from workbench.incident.home import ensure_home, incident_folder, record_path
from workbench.incident.record import Record
from workbench.incident.state import create_incident
from workbench.predicate import Predicate
from workbench.triage.files import SOUNDNESS
from workbench.triage.run import make_context, triage

Ran = Callable[[str], Path]
Shown = Callable[[str], tuple[str, list[Any]]]
SINCE = "2026-02-15"


@pytest.fixture(scope="session")
def inspected() -> Any:
    """Sixty days; half the amounts are missing since the middle."""
    rng = np.random.default_rng(0)
    time = pd.Timestamp("2026-01-15") + pd.to_timedelta(np.sort(rng.uniform(0, 60, 1_200)), "D")
    amount = np.where((time >= SINCE) & (rng.random(1_200) < 0.5), np.nan, rng.normal(size=1_200))
    frame = pd.DataFrame({"time": time, "amount": amount, "prediction": rng.integers(0, 2, 1_200)})
    dataset = open_dataset(frame, {"time": "time", "prediction": "prediction", "features": ["amount"]})
    before = Predicate.parse(f"time < {SINCE}")
    outcome = triage(dataset, reference=before, only=("integrity", "drift"))
    followed = soundness_over_time(make_context(dataset, before, None).subject)
    return replace(outcome, results={**outcome.results, SOUNDNESS: followed})


@pytest.fixture
def ran(home: Path) -> Ran:
    """The folder of a completed run of a runbook; nothing in it yet."""

    def open_one(template: str) -> Path:
        with Record.open(record_path(ensure_home(home))) as record:
            create_incident(record, "INC-1", "Loans", "ada")
            started = {"run": 1, "template": template, "folder": f"runs/0001-{template}", "parameters": {}}
            record.append("INC-1", "run started", started, author="ada")
            record.append("INC-1", "run completed", {"run": 1}, author="ada")
        return incident_folder(home, "INC-1") / "runs" / f"0001-{template}"

    return open_one


@pytest.fixture
def shown() -> Shown:
    """The texts of a page, and its figures."""

    def of(name: str) -> tuple[str, list[Any]]:
        import panel as pn

        page = import_module(f"workbench.apps.{name}").page()
        text = "\n".join(str(pane.object) for pane in page.select(pn.pane.HTML))
        return text, [pane.object for pane in page.select(pn.pane.Plotly)]

    return of
