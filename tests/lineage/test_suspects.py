"""Upstream changes, ranked: the cause first, its echoes below it, and nothing where nothing changed."""

from typing import Any

import pandas as pd
import pytest

from workbench.errors import InputError, UnknownNameError
from workbench.lineage.instant import as_instant
from workbench.lineage.suspects import suspects
from workbench.result import Result

DAY = 1440
BROKEN = 6
"""The day on which `hours` of the raw table was written in minutes."""


def table(name: str, mean: float, made_from: str = "", *, passed: bool | None = None) -> dict[str, Any]:
    facets: dict[str, Any] = {
        "schema": {"fields": [{"name": "hours"}, {"name": "pay"}]},
        "dataQualityMetrics": {"columnMetrics": {"hours": {"sum": mean * 100, "count": 100}, "pay": {"sum": 900, "count": 100}}},
    }
    if made_from:
        fields = {
            column: {"inputFields": [{"namespace": "db", "name": made_from, "field": column}]} for column in ("hours", "pay")
        }
        facets["columnLineage"] = {"fields": fields}
    if passed is not None:
        facets["dataQualityAssertions"] = {"assertions": [{"assertion": "positive", "column": "pay", "success": passed}]}
    return {"name": name, "facets": facets}


@pytest.fixture
def pipeline(words: Any) -> list[dict[str, Any]]:
    """Ten days of ingest → clean → score, and a table that only a report reads; the unit of `hours` breaks on day 6."""
    raw = []
    for day in range(10):
        start, mean = DAY * day, 40 + day % 2 if day < BROKEN else 2400
        raw += words.run(f"ingest-{day}", start, start + 10, ["src"], [table("raw", mean)], job="ingest")
        raw += words.run(f"clean-{day}", start + 20, start + 30, ["raw"], [table("clean", mean, "raw")], job="clean")
        raw += words.run(f"score-{day}", start + 40, start + 50, ["clean"], ["decisions"], job="score")
        raw += words.run(f"other-{day}", start + 5, start + 6, ["src"], [table("other", 1, passed=day != BROKEN)], job="other")
        raw += words.run(f"report-{day}", start + 60, start + 61, ["other", "decisions"], ["report"], job="report")
    return raw


def table_of(result: Result) -> pd.DataFrame:
    return result.tables["suspects"]


def first(result: Result) -> Any:
    return next(table_of(result).itertuples())


def test_the_run_that_introduced_the_change_ranks_first(words: Any, pipeline: list[Any]) -> None:
    result = suspects(words.graph(pipeline), "decisions", "2026-03-02..2026-03-11", onset=words.at(DAY * BROKEN + 50))
    found = first(result)
    assert (found.node, found.job, found.run) == ("raw@ingest-6", "etl/ingest", "ingest-6")
    assert found.time == "2026-03-07T00:10:00Z"
    assert found.kinds == ["column statistics"]
    assert found.columns == ["hours"]
    assert "hours.mean is 2400, usually 40.5" in found.what
    assert (found.path[0], found.path[-1], found.steps) == ("raw@ingest-6", "decisions@score-6", 2)


def test_its_echo_downstream_is_explained_by_it(words: Any, pipeline: list[Any]) -> None:
    rows = table_of(suspects(words.graph(pipeline), "decisions", "2026-03-02..2026-03-11"))
    echo = rows[rows["node"] == "clean@clean-6"].iloc[0]
    assert echo["explained_by"] == 1
    assert echo["rank"] > 1


def test_days_that_repeat_a_change_count_towards_the_first(words: Any, pipeline: list[Any]) -> None:
    found = first(suspects(words.graph(pipeline), "decisions", "2026-03-02..2026-03-11"))
    assert found.continued == 3


def test_two_changes_of_code_are_two_suspects(words: Any) -> None:
    """A step that happens twice is not one that lasts."""
    raw = []
    for day, query in enumerate("AABBBC"):
        sql = {"sql": {"query": query}}
        raw += words.run(str(day), DAY * day, DAY * day + 5, ["src"], ["a"], job="j", job_facets=sql)
    rows = table_of(suspects(words.graph(raw), "a", onset=words.at(DAY * 5 + 10)))
    assert rows.loc[rows["kinds"].map(lambda kinds: "code" in kinds), "node"].tolist() == ["a@5", "a@2"]


def test_what_is_not_upstream_is_no_suspect(words: Any, pipeline: list[Any]) -> None:
    rows = table_of(suspects(words.graph(pipeline), "decisions"))
    assert not rows["node"].str.startswith(("other", "report")).any()
    assert table_of(suspects(words.graph(pipeline), "report"))["node"].str.startswith("other").any()


def test_a_change_of_a_column_that_is_not_the_harmed_one_ranks_lower(words: Any, pipeline: list[Any]) -> None:
    graph = words.graph(pipeline)
    linked = first(suspects(graph, "clean", columns=["hours"]))
    assert (linked.link, linked.columns) == ("linked", ["hours"])
    rows = table_of(suspects(graph, "clean", columns=["pay"]))
    assert set(rows.loc[rows["columns"].map(bool), "link"]) == {"not linked"}
    assert linked.score > 5 * rows.loc[rows["columns"].map(bool), "score"].max()


def test_what_happened_after_the_onset_is_no_cause(words: Any, pipeline: list[Any]) -> None:
    graph = words.graph(pipeline)
    before = first(suspects(graph, "decisions", onset=words.at(DAY * BROKEN + 50))).score
    rows = table_of(suspects(graph, "decisions", onset=words.at(DAY * (BROKEN - 1))))
    assert rows.loc[rows["node"] == "raw@ingest-6", "score"].item() < before / 10


def test_outside_the_window_nothing_is_suspected(words: Any, pipeline: list[Any]) -> None:
    window = as_instant(words.at(DAY * 2)), as_instant(words.at(DAY * 4))
    rows = table_of(suspects(words.graph(pipeline), "decisions", window))
    assert set(rows["kinds"].map(tuple)) == {("new version",)}
    assert rows["time"].between("2026-03-03T00:00:00Z", "2026-03-05T00:00:00Z").all()


def test_a_job_that_fell_silent_is_a_suspect(words: Any, pipeline: list[Any]) -> None:
    silent = [item for item in pipeline if item["job"]["name"] != "ingest" or item["eventTime"] < words.at(DAY * 5)]
    rows = table_of(suspects(words.graph(silent), "decisions", "2026-03-04..2026-03-11"))
    missing = rows[rows["kinds"].map(lambda kinds: "missing run" in kinds)]
    assert missing["job"].tolist() == ["etl/ingest"]
    assert missing["time"].item() == "2026-03-06T00:00:00Z"
    assert "usually every 24 h" in missing["what"].item()


def test_a_possible_path_counts_half(words: Any) -> None:
    raw = [*words.run("w", 0, 1, [], ["a"]), *words.run("r", 2, 3, ["a"], ["b"])]
    unsure = [*words.run("w", 0, 1, [], ["a"]), *words.run("r", 2, 3, ["a=7"], ["b"])]
    scores = [table_of(suspects(words.graph(events), "b")).set_index("node").loc["a@w", "score"] for events in (raw, unsure)]
    assert scores[1] == pytest.approx(scores[0] / 2)


def test_the_result_reads_back_and_tells_what_was_asked(words: Any, pipeline: list[Any]) -> None:
    result = suspects(words.graph(pipeline), "decisions", "2026-03-02..2026-03-11", top=5)
    assert len(table_of(result)) == 5
    assert Result.from_dict(result.to_dict()).digest == result.digest
    arguments: Any = result.provenance["arguments"]
    assert arguments["window"] == ["2026-03-02T00:00:00Z", "2026-03-11T00:00:00Z"]


def test_bad_words_are_refused(words: Any, pipeline: list[Any]) -> None:
    graph = words.graph(pipeline)
    with pytest.raises(UnknownNameError, match="decision"):
        suspects(graph, "decision")
    with pytest.raises(InputError, match="not a window"):
        suspects(graph, "decisions", "yesterday")
    with pytest.raises(InputError, match="not a time"):
        suspects(graph, "decisions", onset="yesterday")


def test_a_cycle_ends(words: Any) -> None:
    raw = [*words.run("1", 0, 1, ["b=2"], ["a=1"]), *words.run("2", 0, 1, ["a=1"], ["b=2"])]
    assert set(table_of(suspects(words.graph(raw), "a"))["node"]) == {"a@1", "b@2"}
