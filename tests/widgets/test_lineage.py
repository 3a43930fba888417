"""The lineage view takes names and predicates from the browser, shows what they mean in the graph, and sends no rows."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench.data.dataset import Dataset, open_dataset
from workbench.errors import UnknownNameError
from workbench.lineage.graph import Lineage
from workbench.lineage.source import open_lineage
from workbench.predicate import Predicate, equals
from workbench.widgets.investigation import Investigation
from workbench.widgets.lineage import LineageView

FIRST = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
DAYS, BROKEN = 12, 8
ROLES = {"row_id": "id", "time": "time", "prediction": "prediction", "model_version": "model", "favorable": 1}


def event(run: str, minutes: int, job: str, inputs: list[str], output: dict[str, Any]) -> list[dict[str, Any]]:
    """A run of ten minutes that reads and writes."""
    start = FIRST + dt.timedelta(minutes=minutes)
    told = {"run": {"runId": run}, "job": {"namespace": "etl", "name": job}, "producer": "p", "schemaURL": "u"}
    ended = {"inputs": [{"namespace": "db", "name": name} for name in inputs], "outputs": [{"namespace": "db", **output}]}
    return [
        {"eventType": "START", "eventTime": start.isoformat(), "inputs": [], "outputs": [], **told},
        {"eventType": "COMPLETE", "eventTime": (start + dt.timedelta(minutes=10)).isoformat(), **ended, **told},
    ]


def facets(mean: float, source: str) -> dict[str, Any]:
    made = {"hours": {"inputFields": [{"namespace": "db", "name": source, "field": "hours", "transformations": []}]}}
    return {
        "dataQualityMetrics": {"columnMetrics": {"hours": {"sum": mean * 100, "count": 100}}},
        "schema": {"fields": [{"name": "hours", "type": "DOUBLE"}]},
        "columnLineage": {"fields": made},
    }


@pytest.fixture
def lineage(tmp_path: Path) -> Lineage:
    """Twelve days of ingest, train and score; from day eight on, `hours` is in minutes."""
    raw: list[dict[str, Any]] = []
    for day in range(DAYS):
        mean, at = (40 if day < BROKEN else 2400) + day % 2, day * 1440
        model, decisions = ({"datasetType": {"datasetType": kind}} for kind in ("MODEL", "DECISIONS"))
        raw += event(f"ingest-{day}", at, "ingest", ["src"], {"name": "raw", "facets": facets(mean, "src")})
        raw += event(f"train-{day}", at + 20, "train", ["raw"], {"name": "model", "facets": model})
        scored = {"name": "decisions", "facets": {**decisions, **facets(mean, "raw")}}
        raw += event(f"score-{day}", at + 40, "score", ["raw", "model"], scored)
    path = tmp_path / "events.ndjson"
    path.write_text("".join(json.dumps(item) + "\n" for item in raw))
    return open_lineage(path)


@pytest.fixture
def log() -> Dataset:
    """Forty decisions a day, each saying which model decided."""
    days = np.repeat(np.arange(DAYS), 40)
    hours = np.where(days < BROKEN, 40, 2400) + np.arange(len(days)) % 5
    return open_dataset(pd.DataFrame({
        "id": range(len(days)), "time": pd.Timestamp("2026-03-01T01:00:00") + pd.to_timedelta(days, unit="D"), "hours": hours,
        "prediction": (hours > 41).astype(int), "model": [f"model@train-{day}" for day in days],
    }), ROLES)  # fmt: skip


@pytest.fixture
def investigation(log: Dataset) -> Investigation:
    return Investigation(log)


def say(view: LineageView, **message: object) -> str:
    """Send what the browser would, and give the message that is shown."""
    view._hear(view, message, [])
    return view.message


def box(view: LineageView, name: str) -> str:
    return next(node.id for node in view._drawn.nodes if node.name == name)


def test_what_decides_is_drawn_with_its_suspects(investigation: Investigation, lineage: Lineage) -> None:
    view = LineageView(investigation, lineage)
    assert view.drawing["node"] == "decisions"
    [first, *_] = view.suspects
    assert (first["node"], first["job"], first["columns"]) == (f"raw@ingest-{BROKEN}", "etl/ingest", ["hours"])


def test_a_suspect_is_opened_as_windows_and_becomes_the_onset(investigation: Investigation, lineage: Lineage) -> None:
    view = LineageView(investigation, lineage, node=f"decisions@score-{BROKEN}")
    assert view.onset == ""
    assert say(view, type="open", suspect=view.suspects[0]["id"]) == ""
    assert str(investigation.windows["reference"]) == "time < 2026-03-09T00:10:00"
    assert str(investigation.windows["current"]) == "time >= 2026-03-09T00:10:00"
    assert view.onset == "2026-03-09T01:00:00Z"
    assert (view.suspects[0]["reference"], view.suspects[0]["current"]) == (view.reference, view.current)


def test_a_selected_slice_is_traced_upstream_and_ranks_by_it(investigation: Investigation, lineage: Lineage) -> None:
    view = LineageView(investigation, lineage, node=f"decisions@score-{BROKEN}")
    assert view.trace["boxes"] == {}
    before = view.suspects[0]["link"]
    investigation.select(Predicate.parse("hours >= 60"))
    assert view.trace["boxes"][box(view, f"raw@ingest-{BROKEN}")] == ["hours"]
    assert view.trace["told"] == ["src#hours → raw#hours → decisions#hours"]
    assert (before, view.suspects[0]["link"]) == ("unknown", "linked")
    investigation.undo()
    assert view.trace["boxes"] == {}


def test_when_and_who_decided_are_no_columns_to_trace(investigation: Investigation, lineage: Lineage) -> None:
    view = LineageView(investigation, lineage, columns=["hours"])
    investigation.select(Predicate.parse('time >= 2026-03-09 and model = "model@train-9"'))
    assert set(map(tuple, view.trace["boxes"].values())) == {("hours",)}


def test_a_version_selects_the_rows_decided_by_what_was_made_from_it(investigation: Investigation, lineage: Lineage) -> None:
    view = LineageView(investigation, lineage)
    assert say(view, type="reach", box=box(view, f"raw@ingest-{BROKEN}")) == ""
    assert investigation.selection == equals("model", f"model@train-{BROKEN}")
    assert view.deciders == [box(view, f"model@train-{BROKEN}")]
    investigation.undo()
    assert view.deciders == []


def test_at_first_what_the_first_suspect_reached_is_drawn(investigation: Investigation, lineage: Lineage) -> None:
    view = LineageView(investigation, lineage)
    assert view._drawn.title == f"Lineage of decisions@score-{BROKEN}"
    assert view.suspects[0]["box"] == box(view, f"raw@ingest-{BROKEN}")
    assert view.moments[view.moment] == "2026-03-09T00:50:00Z"


def test_the_slider_goes_back_to_what_was_complete_then_and_forward(investigation: Investigation, lineage: Lineage) -> None:
    view = LineageView(investigation, lineage)
    at = view.moments.index("2026-03-05T00:50:00Z")
    assert say(view, type="as_of", moment=at) == ""
    assert view._drawn.title == "Lineage of decisions@score-4"
    assert max(node.time for node in view._drawn.nodes if node.time is not None) <= view.moments[at]
    assert view.moment == at
    say(view, type="as_of", moment=len(view.moments) - 1)
    assert view._drawn.title == f"Lineage of decisions@score-{DAYS - 1}"
    say(view, type="visit", suspect=view.suspects[0]["id"])
    assert view._drawn.title == f"Lineage of decisions@score-{BROKEN}"


def test_colours_and_comparison_come_and_go(investigation: Investigation, lineage: Lineage) -> None:
    view = LineageView(investigation, lineage, origin=f"raw@ingest-{BROKEN}", against="decisions@score-2")
    assert view.told.startswith(f"From raw@ingest-{BROKEN}: 3 versions contaminated, 0 possible")
    assert "contaminated 40" in view.told
    assert "only in that of decisions@score-2" in view.drawing["svg"]
    say(view, type="origin", box="")
    say(view, type="against", box="")
    assert (view.told, view.drawing["origin"], view.drawing["against"]) == ("", "", "")
    say(view, type="against", box=box(view, f"model@train-{BROKEN}"))
    assert view.drawing["against"] == f"model@train-{BROKEN}"


def test_people_of_few_are_not_told(lineage: Lineage, log: Dataset) -> None:
    few = log.select(Predicate.parse("id < 327"))  # seven rows of the day that broke
    view = LineageView(Investigation(few), lineage, origin=f"raw@ingest-{BROKEN}")
    assert "contaminated suppressed" in view.told
    assert "7" not in view.told.split("People")[1]


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ({"type": "as_of", "moment": 999}, "moment"),
        ({"type": "origin", "box": "version-99999"}, "drawn version"),
        ({"type": "against", "box": "run-0"}, "drawn version"),
        ({"type": "open", "suspect": -1}, "suspect"),
        ({"type": "pin", "suspect": 0, "note": ""}, "no incident"),
        ({"type": "reach", "box": 3}, "cannot be read"),
    ],
)
def test_what_the_browser_may_not_say_is_refused(
    investigation: Investigation, lineage: Lineage, message: dict[str, Any], said: str
) -> None:
    view = LineageView(investigation, lineage)
    before = view.drawing
    assert said in say(view, **message)
    assert view.drawing == before


def test_a_log_without_versions_or_times_says_what_it_lacks(lineage: Lineage, log: Dataset) -> None:
    bare = Investigation(open_dataset(log.frame, {"prediction": "prediction"}))
    view = LineageView(bare, lineage)
    assert "role `model_version`" in say(view, type="reach", box=box(view, f"raw@ingest-{BROKEN}"))
    assert "role `time`" in say(view, type="open", suspect=view.suspects[0]["id"])


def test_unknown_names_and_options_are_errors(investigation: Investigation, lineage: Lineage) -> None:
    with pytest.raises(UnknownNameError, match="nowhere"):
        LineageView(investigation, lineage, node="nowhere")
    with pytest.raises(TypeError, match="no option 'colour'"):
        LineageView(investigation, lineage, colour="red")


def test_a_suspect_is_pinned_with_the_ranking_as_its_evidence(
    log: Dataset, lineage: Lineage, incident: str, entries: Any
) -> None:
    view = LineageView(Investigation(log, incident), lineage)
    assert say(view, type="pin", suspect=view.suspects[0]["id"], note="told the owner") == ""
    [pinned] = entries("pinned")
    assert pinned.body["finding"]["kind"] == "lineage"
    assert view._result.digest in pinned.evidence
    assert view.suspects[0]["pinned"] is True


def test_the_twin_stays_as_it_was_and_runs_nothing(investigation: Investigation, lineage: Lineage) -> None:
    view = LineageView(investigation, lineage, origin=f"raw@ingest-{BROKEN}")
    before = view.twin()._repr_html_()
    investigation.select(Predicate.parse("hours >= 60"))
    say(view, type="as_of", moment=0)
    assert view.twin()._repr_html_() == before
    assert "data:image/svg+xml," in before
    assert f"raw@ingest-{BROKEN}" in before
    assert "<svg" not in before


def test_a_closed_view_follows_no_longer(investigation: Investigation, lineage: Lineage) -> None:
    view = LineageView(investigation, lineage)
    view.close()
    investigation.select(Predicate.parse("hours >= 60"))
    assert view.trace["boxes"] == {}
