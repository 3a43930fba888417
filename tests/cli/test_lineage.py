"""Questions about lineage from the shell: what they write, how they end, and what they make of bad words."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

MODEL = {"datasetType": {"datasetType": "MODEL"}}


def event(state: str, run: str, time: str, inputs: list[Any], outputs: list[Any]) -> dict[str, Any]:
    return {
        "eventType": state, "eventTime": f"2026-03-{time}Z", "run": {"runId": run}, "job": {"namespace": "etl", "name": run[:-2]},
        "inputs": [{"namespace": "db", "name": name} for name in inputs],
        "outputs": [{"namespace": "db", **item} for item in outputs], "producer": "p", "schemaURL": "u",
    }  # fmt: skip


@pytest.fixture
def events(tmp_path: Path) -> Path:
    """Two days of clean → train; the schema of the clean table changes on the second."""
    raw = []
    for day, kind in (("01", "INT"), ("02", "TEXT")):
        schema = {"schema": {"fields": [{"name": "hours", "type": kind}]}}
        raw += [
            event("START", f"clean-{day[1]}", f"{day}T00:00:00", [], []),
            event("COMPLETE", f"clean-{day[1]}", f"{day}T00:10:00", ["raw"], [{"name": "clean", "facets": schema}]),
            event("START", f"train-{day[1]}", f"{day}T01:00:00", [], []),
            event("COMPLETE", f"train-{day[1]}", f"{day}T01:10:00", ["clean"], [{"name": "model", "facets": MODEL}]),
        ]
    path = tmp_path / "events.ndjson"
    path.write_text("".join(json.dumps(item) + "\n" for item in raw))
    return path


def nodes(document: Any, status: str) -> set[str]:
    return {item["node"] for item in document[status]}


def test_blast_radius_writes_the_three_lists(workbench: Any, events: Path, tmp_path: Path) -> None:
    done = workbench("lineage", "blast-radius", events, "--from", "clean@clean-2", "--json", tmp_path / "out.json")
    assert (done.code, done.out) == (0, ""), done.err
    document = json.loads((tmp_path / "out.json").read_text())
    assert document["contaminated"] == [
        {"node": "clean@clean-2", "kind": "dataset", "path": ["clean@clean-2"]},
        {"node": "model@train-2", "kind": "model", "path": ["clean@clean-2", "model@train-2"]},
    ]
    assert (nodes(document, "possible"), nodes(document, "clean")) == (set(), {"raw@source", "clean@clean-1", "model@train-1"})
    assert "2 contaminated, 0 possible, 3 clean versions" in done.err


def test_json_on_stdout_stands_alone(workbench: Any, events: Path) -> None:
    for words in (
        ["blast-radius", events, "--from", "raw@source"],
        ["suspects", events, "--node", "model", "--window", "2026-03-01..2026-03-03"],
        ["diff", events, "clean@clean-1", "clean@clean-2"],
        ["consumed", events, "model@train-1"],
        ["columns", events, "clean#hours", "clean#hours"],
        ["gaps", events],
    ):
        done = workbench("lineage", *words, "--json", "-")
        assert done.code == 0, done.err
        assert json.loads(done.out)["schema"].startswith("workbench.lineage")


def test_several_files_and_folders_are_one_graph(workbench: Any, events: Path, tmp_path: Path) -> None:
    lines = events.read_text().splitlines(keepends=True)
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "b.ndjson").write_text("".join(lines[4:]))
    (tmp_path / "a.ndjson").write_text("".join(lines[:4]))
    words = ["--from", "clean@clean-2", "--json", "-"]
    done = workbench("lineage", "blast-radius", tmp_path / "a.ndjson", tmp_path / "parts", *words)
    assert json.loads(done.out) == json.loads(workbench("lineage", "blast-radius", events, *words).out)


def test_suspects_name_run_and_change(workbench: Any, events: Path) -> None:
    done = workbench("lineage", "suspects", events, "--node", "model", "--window", "2026-03-02..2026-03-03", "--json", "-")
    first = json.loads(done.out)["tables"]["suspects"][0]
    assert (first["node"], first["run"], first["columns"]) == ("clean@clean-2", "clean-2", ["hours"])
    assert "hours from INT to TEXT" in first["what"]


def test_diff_and_consumed_take_events_first(workbench: Any, events: Path) -> None:
    done = workbench("lineage", "diff", events, "clean@clean-1", "clean", "--json", "-")
    assert {"section": "schema", "item": "hours", "before": "INT", "after": "TEXT"} in json.loads(done.out)["differences"]
    done = workbench("lineage", "consumed", events, "model@train-1", "--json", "-")
    assert [item["node"] for item in json.loads(done.out)["snapshots"]] == ["clean@clean-1"]


def test_people_are_counted_from_a_decision_log(workbench: Any, events: Path, tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("id,version\n1,train-1\n2,train-2\n3,train-2\n")
    (tmp_path / "roles.yaml").write_text("row_id: id\nmodel_version: version\n")
    words = ["--decisions", tmp_path / "log.csv", "--roles", tmp_path / "roles.yaml", "--json", "-"]
    done = workbench("lineage", "blast-radius", events, "--from", "clean@clean-2", *words)
    assert json.loads(done.out)["people"] == {"contaminated": 2, "possible": 0, "clean": 1, "unknown": 0}


def test_what_was_not_known_yet_is_left_out(workbench: Any, events: Path) -> None:
    done = workbench("lineage", "blast-radius", events, "--from", "clean", "--as-of", "2026-03-01T12:00:00", "--json", "-")
    assert nodes(json.loads(done.out), "contaminated") == {"clean@clean-1", "model@train-1"}


def test_a_drawing_is_written(workbench: Any, events: Path, tmp_path: Path) -> None:
    out = tmp_path / "d.svg"
    done = workbench("lineage", "draw", events, "--node", "model@train-2", "--from", "clean@clean-2", "--out", out)
    assert done.code == 0, done.err
    assert ET.parse(out).getroot().tag.endswith("svg")  # noqa: S314  our own file


def test_odd_events_are_said_and_written(workbench: Any, events: Path) -> None:
    events.write_bytes(events.read_bytes()[:-30])
    done = workbench("lineage", "blast-radius", events, "--from", "clean@clean-2", "--json", "-")
    assert done.code == 0
    assert "odd: the last line is cut, left out: events.ndjson line 8" in done.err
    [odd] = json.loads(done.out)["odd"]
    assert odd == {"what": "the last line is cut, left out", "count": 1, "places": ["events.ndjson line 8"]}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["blast-radius", "{}", "--from", "modle"], "no dataset or version of that name: modle. Available: model"),
        (["blast-radius", "gone.ndjson", "--from", "model"], "no events here: gone.ndjson"),
        (["suspects", "{}", "--node", "model", "--window", "soon"], "not a window: soon"),
        (["diff", "{}", "clean"], "too few words"),
        (["consumed", "{}"], "too few words"),
        (["consumed", "{}", "raw"], "no run that wrote this version"),
        (["columns", "{}", "clean", "clean#hours"], "not a column: clean"),
        (["blast-radius", "http://marquez.example", "--from", "x"], "this host may not be asked: marquez.example"),
    ],
)
def test_bad_words_are_one_line(workbench: Any, events: Path, words: list[str], said: str) -> None:
    done = workbench("lineage", *(word.replace("{}", str(events)) for word in words))
    assert done.code == 2, done.err
    assert done.lines[-1].startswith("error: ")
    assert said in done.lines[-1]
    assert "Traceback" not in done.err


def test_a_file_that_cannot_be_written_is_refused(workbench: Any, events: Path, tmp_path: Path) -> None:
    done = workbench("lineage", "blast-radius", events, "--from", "clean", "--json", tmp_path / "no" / "o.json")
    assert done.code == 2
    assert "cannot write" in done.lines[-1]
