"""What we write is valid OpenLineage, says what was read and written over all rows, and reads back as the graph it came from."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench.data.dataset import open_dataset
from workbench.errors import StorageError
from workbench.lineage.blast import blast_radius
from workbench.lineage.columns import column_path
from workbench.lineage.consumed import consumed
from workbench.lineage.emit import model_artifact, record_run, table_artifact
from workbench.lineage.source import open_lineage

pytest.importorskip("openlineage.client", reason="openlineage-python is not installed")

SCHEMAS = Path(__file__).with_name("fixtures") / "schema"
START = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)


@pytest.fixture
def frame() -> pd.DataFrame:
    return pd.DataFrame({"hours": np.arange(20_000) % 60, "job": ["a", "b"] * 10_000})


@pytest.fixture
def events(frame: pd.DataFrame, tmp_path: Path) -> Path:
    """A training and a scoring run, the second a day later."""
    path = tmp_path / "events.ndjson"
    train = table_artifact("adult", frame)
    model = model_artifact("income", b"weights")
    with record_run(path, "train", start=START, parameters={"depth": 3}, code="fit()", code_version="c0ffee") as run:
        run.read(train)
        run.wrote(model)
        run.end = START + dt.timedelta(hours=1)
    with record_run(path, "score", start=START + dt.timedelta(days=1)) as run:
        run.read(model, train)
        scored = table_artifact("decisions", frame, type="DECISIONS", made_from={"hours": [(train, "hours", "IDENTITY")]})
        run.wrote(scored)
        run.end = START + dt.timedelta(days=1, hours=1)
    return path


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def facets_of(event: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    parts = [event["run"], event["job"], *event["inputs"], *event["outputs"]]
    return [item for part in parts for key in ("facets", "inputFacets", "outputFacets") for item in part.get(key, {}).items()]


def test_every_event_and_facet_is_valid_against_its_schema(events: Path) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    referencing = pytest.importorskip("referencing")
    schemas = {item["$id"]: item for item in (json.loads(path.read_text()) for path in SCHEMAS.glob("*.json"))}
    registry = referencing.Registry().with_resources(
        (name, referencing.Resource.from_contents(schema)) for name, schema in schemas.items()
    )
    checker = jsonschema.FormatChecker()

    def validate(value: Any, schema: dict[str, Any]) -> None:
        jsonschema.Draft202012Validator(schema, registry=registry, format_checker=checker).validate(value)

    by_file = {name.rpartition("/")[2]: schema for name, schema in schemas.items()}
    checked = set()
    for event in lines(events):
        validate(event, by_file["OpenLineage.json"])
        for name, facet in facets_of(event):
            schema = by_file.get(facet["_schemaURL"].partition("#")[0].rpartition("/")[2])
            if schema is not None:
                validate({name: facet}, schema)
                checked.add(name)
    assert {"version", "schema", "datasetType", "dataQualityMetrics", "outputStatistics", "executionParameters"} <= checked


def test_the_events_read_back_as_what_happened(events: Path) -> None:
    graph = open_lineage(events)
    assert graph.odd.listed() == []
    kinds = sorted((graph.labels[version.dataset], graph.kind(at)) for at, version in enumerate(graph.versions))
    assert kinds == [("adult", "dataset"), ("decisions", "decisions"), ("income", "model")]
    assert [item["kind"] for item in blast_radius(graph, "adult").to_dict()["contaminated"]] == ["dataset", "model", "decisions"]  # type: ignore[union-attr,index,call-overload]
    assert column_path(graph, "adult#hours", "decisions#hours").connected is True


def test_the_snapshot_a_model_consumed_has_our_fingerprint(events: Path, frame: pd.DataFrame) -> None:
    [snapshot] = consumed(open_lineage(events), "income").snapshots
    assert snapshot.text == open_dataset(frame, {}).fingerprint
    assert not snapshot.weak


def test_corruption_of_a_late_row_is_another_version(frame: pd.DataFrame) -> None:
    corrupt = frame.assign(hours=np.where(frame.index == 19_999, 60 * frame["hours"], frame["hours"]))
    assert table_artifact("a", frame).version != table_artifact("a", corrupt).version


def test_a_run_that_raises_is_a_fail_and_quotes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "events.ndjson"
    with pytest.raises(ValueError, match="Ada"), record_run(path, "train"):
        raise ValueError("row of Ada Lovelace")
    assert [event["eventType"] for event in lines(path)] == ["START", "FAIL"]
    assert "Ada" not in path.read_text()
    assert lines(path)[1]["run"]["facets"]["errorMessage"]["message"] == "ValueError"


def test_identifiers_and_single_values_are_not_told(tmp_path: Path) -> None:
    frame = pd.DataFrame({"name": [f"person {number}" for number in range(30)], "income": [*range(29), 987_654_321]})
    path = tmp_path / "events.ndjson"
    with record_run(path, "train") as run:
        run.read(table_artifact("few", frame.head(5)), table_artifact("people", open_dataset(frame, {"identifiers": ["name"]})))
    text = path.read_text()
    assert "person" not in text.replace("people", "")
    assert "987654321" not in text
    assert "name" not in {field["name"] for event in lines(path) for field in event["inputs"][-1:] for field in fields(field)}


def fields(dataset: dict[str, Any]) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = dataset["facets"]["schema"]["fields"]
    return listed


def test_a_model_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot read the model"):
        model_artifact("m", tmp_path / "gone.bin")
