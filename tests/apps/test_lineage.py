"""The lineage page shows what the latest run drew, and says what is gone or damaged."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from workbench.apps.lineage import LineageView, page
from workbench.data.dataset import open_dataset
from workbench.incident.home import ensure_home, incident_folder, record_path
from workbench.incident.record import Record
from workbench.incident.state import create_incident
from workbench.lineage.source import open_lineage
from workbench.triage.lineage import VIEW, ask_lineage, write_lineage
from workbench.views.lineage import lineage_svg
from workbench.views.lineage_form import page_form

Open = Callable[..., Path]
HOSTILE = "<script>document.title = 'owned'</script>"


def write_run(folder: Path) -> None:
    """What a run of the runbook leaves: five days of a pipeline, the last with another unit."""
    raw = []
    for day in range(1, 6):
        metrics = {"columnMetrics": {"hours": {"sum": (2400 if day == 5 else 40) * 100, "count": 100}}}
        output = {"namespace": "db", "name": f"raw{HOSTILE}", "facets": {"dataQualityMetrics": metrics}}
        raw.append({"eventType": "COMPLETE", "eventTime": f"2026-03-0{day}T00:00:00Z", "run": {"runId": f"r{day}"},
                    "job": {"namespace": "etl", "name": "ingest"}, "inputs": [], "outputs": [output],
                    "schemaURL": "u"})  # fmt: skip
    events = folder / "events.ndjson"
    events.write_text("".join(json.dumps(item) + "\n" for item in raw))
    times = pd.date_range("2026-03-01", periods=50, freq="2h")
    dataset = open_dataset(pd.DataFrame({"time": times, "hours": range(50)}), {"time": "time"})
    inquiry, result, found = ask_lineage(dataset, open_lineage(events))
    write_lineage(found, page_form(inquiry, result), lineage_svg(inquiry.picture()), folder)


@pytest.fixture
def open_incident(home: Path) -> Open:
    def open_one(incident: str, *, drawn: bool = True) -> Path:
        folder = incident_folder(home, incident) / "runs" / "0001-lineage"
        folder.mkdir(parents=True)
        with Record.open(record_path(ensure_home(home))) as record:
            create_incident(record, incident, "Loans", "ada")
            if drawn:
                started = {"run": 1, "template": "lineage", "folder": "runs/0001-lineage", "parameters": {}}
                record.append(incident, "run started", started, author="ada")
                record.append(incident, "run completed", {"run": 1}, author="ada")
                write_run(folder)
        return folder

    return open_one


def text_of(shown: Any) -> str:
    import panel as pn

    return "\n".join(str(pane.object) for pane in shown.select(pn.pane.HTML))


def test_without_incidents_it_says_so_and_creates_nothing(home: Path) -> None:
    assert "No incident was ever opened here." in text_of(page())
    assert not home.exists()


def test_without_a_run_it_says_so(open_incident: Open) -> None:
    open_incident("INC-1", drawn=False)
    assert "No completed lineage run yet." in text_of(page())


def test_the_latest_run_is_drawn_with_its_suspect_and_offers_no_windows(open_incident: Open) -> None:
    open_incident("INC-1")
    shown = page()
    [view] = shown.select(LineageView)
    assert view.readonly is True
    assert "data-name" in view.drawing["svg"]
    [suspect] = view.suspects
    assert (suspect["run"], suspect["columns"], suspect["reference"]) == ("r5", ["hours"], "")
    assert "Incident in 50 decisions" in text_of(shown)
    assert "<script" not in text_of(shown)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda folder: (folder / VIEW).write_text("{"), "damaged and cannot be shown"),
        (lambda folder: (folder / VIEW).write_text('{"moment": "no number"}'), "damaged and cannot be shown"),
        (lambda folder: (folder / VIEW).write_text('{"unknown": 1}'), "damaged and cannot be shown"),
        (lambda folder: (folder / "findings.json").unlink(), "no longer there"),
        (lambda folder: (folder / VIEW).unlink(), "no longer there"),
    ],
)
def test_damage_is_said_and_costs_no_other(open_incident: Open, damage: Callable[[Path], object], said: str) -> None:
    damage(open_incident("INC-1"))
    assert said in text_of(page())
