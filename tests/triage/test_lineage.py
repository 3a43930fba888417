"""What triage makes of the pipeline's events: the run that broke a column, and silence where nothing broke."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench.data.dataset import open_dataset
from workbench.errors import InputError
from workbench.lineage.source import open_lineage
from workbench.predicate import Predicate
from workbench.triage.check import Context, NotAskedError
from workbench.triage.checks.lineage import check_lineage
from workbench.triage.lineage import ask_lineage, write_lineage
from workbench.triage.run import triage

FIRST = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
BROKEN = 20


def event(
    state: str, run: str, when: dt.datetime, *, job: str, inputs: list[str], outputs: list[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "eventType": state, "eventTime": when.isoformat(), "run": {"runId": run}, "job": {"namespace": "etl", "name": job},
        "inputs": [{"namespace": "db", "name": name} for name in inputs],
        "outputs": [{"namespace": "db", **item} for item in outputs], "producer": "p", "schemaURL": "u",
    }  # fmt: skip


def pipeline(path: Path, *, broken: int | None) -> Path:
    """Thirty days of ingest → score; from day `broken` on, `hours` is in minutes."""
    raw = []
    for day in range(30):
        start, mean = FIRST + dt.timedelta(days=day), 40 if broken is None or day < broken else 2400
        metrics = {"columnMetrics": {"hours": {"sum": (mean + day % 2) * 100, "count": 100}}}
        decisions = {"name": "decisions", "facets": {"datasetType": {"datasetType": "DECISIONS"}}}
        for job, inputs, output, minute in (
            ("ingest", ["src"], {"name": "raw", "facets": {"dataQualityMetrics": metrics}}, 0), ("score", ["raw"], decisions, 20)
        ):  # fmt: skip
            begin = start + dt.timedelta(minutes=minute)
            raw.append(event("START", f"{job}-{day}", begin, job=job, inputs=[], outputs=[]))
            end = begin + dt.timedelta(minutes=10)
            raw.append(event("COMPLETE", f"{job}-{day}", end, job=job, inputs=inputs, outputs=[output]))
    path.write_text("".join(json.dumps(item) + "\n" for item in raw))
    return path


@pytest.fixture
def frame() -> pd.DataFrame:
    """Forty decisions a day; from day `BROKEN` on, `hours` is in minutes, and the model decides by it."""
    rng = np.random.default_rng(0)
    count = 1200
    days = np.arange(count) // 40
    hours = rng.normal(40, 5, count) * np.where(days < BROKEN, 1, 60)
    return pd.DataFrame({
        "id": range(count), "time": pd.Timestamp("2026-03-01T01:00:00") + pd.to_timedelta(days, unit="D"), "hours": hours,
        "prediction": (hours > 40).astype(int), "label": rng.integers(0, 2, count),
    })  # fmt: skip


ROLES = {"row_id": "id", "time": "time", "prediction": "prediction", "label": "label", "favorable": 1}


def test_the_change_is_a_finding_with_its_run_column_and_time(frame: pd.DataFrame, tmp_path: Path) -> None:
    lineage = open_lineage(pipeline(tmp_path / "e.ndjson", broken=BROKEN))
    [found] = check_lineage(Context(open_dataset(frame, ROLES), lineage=lineage)).findings
    assert (found.kind, found.columns, found.severity) == ("lineage", ("hours",), "high")
    assert found.statement.startswith(f"raw@ingest-{BROKEN}, written by etl/ingest, 1 step upstream: hours.mean")
    assert found.onset == "2026-03-21T00:10:00"
    assert found.where == "time >= 2026-03-21T00:10:00"
    assert (found.support, found.people) == (400, 400)


def test_a_sound_pipeline_gives_no_finding(frame: pd.DataFrame, tmp_path: Path) -> None:
    lineage = open_lineage(pipeline(tmp_path / "e.ndjson", broken=None))
    assert check_lineage(Context(open_dataset(frame, ROLES), lineage=lineage)).findings == []


def test_without_events_or_times_nobody_asked(frame: pd.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(NotAskedError, match="needs the events"):
        check_lineage(Context(open_dataset(frame, ROLES)))
    lineage = open_lineage(pipeline(tmp_path / "e.ndjson", broken=None))
    with pytest.raises(NotAskedError, match="needs the times"):
        check_lineage(Context(open_dataset(frame.drop(columns="time"), {"row_id": "id"}), lineage=lineage))


def test_triage_ranks_the_upstream_change_above_its_effects(frame: pd.DataFrame, tmp_path: Path) -> None:
    lineage = open_lineage(pipeline(tmp_path / "e.ndjson", broken=BROKEN))
    windows = {"reference": Predicate.parse("time < 2026-03-21"), "current": Predicate.parse("time >= 2026-03-21")}
    found = triage(open_dataset(frame, ROLES), **windows, lineage=lineage)  # type: ignore[arg-type]
    assert found.verdict == "incident"
    [outcome] = [item for item in found.checks if item.name == "lineage"]
    assert outcome.status == "ran"
    [cause] = [finding for finding in found.findings if finding.kind == "lineage"]
    defects = [finding for finding in found.findings if finding.columns == ("hours",) and finding is not cause]
    assert {finding.kind for finding in defects} == {"integrity", "drift"}
    assert {finding.explained_by for finding in defects} == {cause.rank}
    assert defects[0].statement.endswith(f"changed upstream at raw@ingest-{BROKEN}, written by etl/ingest, 1 step upstream")


def test_events_that_end_before_the_decisions_say_nothing(frame: pd.DataFrame, tmp_path: Path) -> None:
    lineage = open_lineage(pipeline(tmp_path / "e.ndjson", broken=BROKEN))
    later = frame.assign(time=frame["time"] + pd.Timedelta(days=400))
    assert check_lineage(Context(open_dataset(later, ROLES), lineage=lineage)).findings == []


def test_the_runbook_asks_follows_the_first_suspect_and_writes_what_a_page_draws(frame: pd.DataFrame, tmp_path: Path) -> None:
    lineage = open_lineage(pipeline(tmp_path / "e.ndjson", broken=BROKEN))
    inquiry, result, found = ask_lineage(open_dataset(frame, ROLES), lineage)
    assert (inquiry.origin, inquiry.at) == (f"raw@ingest-{BROKEN}", f"decisions@score-{BROKEN}")
    [finding] = found.findings
    assert (found.verdict, finding.rank, finding.evidence) == ("incident", 1, result.digest)
    write_lineage(found, {"told": "something"}, "<svg/>", tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "findings.json", "lineage-view.json", "lineage.svg", "results",
    ]  # fmt: skip


def test_a_sound_pipeline_is_no_incident_and_has_no_origin(frame: pd.DataFrame, tmp_path: Path) -> None:
    lineage = open_lineage(pipeline(tmp_path / "e.ndjson", broken=None))
    inquiry, _, found = ask_lineage(open_dataset(frame, ROLES), lineage)
    assert (found.verdict, found.findings, inquiry.origin) == ("no incident found", (), "")


def test_without_times_the_window_has_to_be_given(frame: pd.DataFrame, tmp_path: Path) -> None:
    lineage = open_lineage(pipeline(tmp_path / "e.ndjson", broken=BROKEN))
    dataset = open_dataset(frame.drop(columns="time"), {"row_id": "id"})
    with pytest.raises(InputError, match="no window"):
        ask_lineage(dataset, lineage)
