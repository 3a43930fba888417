"""Which version a run read, rule by rule."""

from typing import Any

import pytest

from workbench.lineage import reads
from workbench.lineage.graph import Lineage


def read_by(graph: Lineage, run_id: str) -> set[tuple[str, bool, str]]:
    return {(graph.name(read.version), read.certain, read.how) for run in graph.runs if run.id == run_id for read in run.reads}


def certain(graph: Lineage, run_id: str) -> set[str]:
    return {name for name, sure, _ in read_by(graph, run_id) if sure}


@pytest.fixture
def versions(words: Any) -> list[dict[str, Any]]:
    """Table a, written at 10 (with text v1) and at 30 (v2)."""
    return [*words.run("w1", 5, 10, [], ["a=v1"]), *words.run("w2", 25, 30, [], ["a=v2"])]


@pytest.mark.parametrize(("start", "version"), [(5, "a@source"), (11, "a@w1"), (29, "a@w1"), (31, "a@w2")])
def test_the_last_version_complete_before_the_start_is_read(words: Any, versions: list[Any], start: int, version: str) -> None:
    graph = words.graph([*versions, *words.run("r", start, 90, ["a"])])
    assert certain(graph, "r") == {version}


def test_without_a_start_the_end_counts(words: Any, versions: list[Any]) -> None:
    graph = words.graph([*versions, words.event("COMPLETE", "r", 31, ["a"])])
    assert read_by(graph, "r") == {("a@w2", True, reads.BY_END)}


def test_without_any_end_the_last_event_counts(words: Any, versions: list[Any]) -> None:
    graph = words.graph([*versions, words.event("RUNNING", "r", 20, ["a"])])
    assert certain(graph, "r") == {"a@w1"}


@pytest.mark.parametrize("text", ["v1", "w1", "a@w1"])
def test_a_version_that_is_named_beats_the_time(words: Any, versions: list[Any], text: str) -> None:
    graph = words.graph([*versions, *words.run("r", 50, 60, [f"a={text}"])])
    assert read_by(graph, "r") == {("a@w1", True, reads.BY_TEXT)}


def test_a_text_that_no_writer_gave_is_from_before_the_events(words: Any, versions: list[Any]) -> None:
    assert certain(words.graph([*versions, *words.run("r", 50, 60, ["a=v0"])]), "r") == {"a@source"}


def test_a_text_is_only_a_name_where_writers_give_none(words: Any) -> None:
    graph = words.graph([*words.run("w", 0, 1, [], ["a"]), *words.run("r", 2, 3, ["a=v0"])])
    assert read_by(graph, "r") == {("a@w", False, reads.BY_NAME)}


def test_an_input_told_twice_is_one_input(words: Any, versions: list[Any]) -> None:
    raw = [*versions, words.event("START", "r", 50, ["a"]), words.event("COMPLETE", "r", 60, ["a=v1"])]
    assert certain(words.graph(raw), "r") == {"a@w1"}


def test_a_run_may_read_two_versions_of_a_table(words: Any, versions: list[Any]) -> None:
    assert certain(words.graph([*versions, *words.run("r", 50, 60, ["a=v1", "a=v2"])]), "r") == {"a@w1", "a@w2"}


def test_a_run_that_rewrites_a_table_reads_the_version_before(words: Any, versions: list[Any]) -> None:
    graph = words.graph([*versions, words.event("COMPLETE", "r", 40, ["a"], ["a"]), *words.run("s", 50, 60, ["a"])])
    assert (certain(graph, "r"), certain(graph, "s")) == ({"a@w2"}, {"a@r"})


@pytest.mark.parametrize("state", ["FAIL", "ABORT"])
def test_a_run_that_failed_left_nothing_to_read(words: Any, versions: list[Any], state: str) -> None:
    graph = words.graph([*versions, words.event(state, "w3", 40, [], ["a"]), *words.run("r", 50, 60, ["a"])])
    assert read_by(graph, "r") == {("a@w2", True, reads.BY_TIME)}


def test_what_a_run_without_an_end_wrote_is_possibly_read(words: Any, versions: list[Any]) -> None:
    raw = [*versions, words.event("START", "w3", 40, [], ["a"]), *words.run("r", 50, 60, ["a"]), *words.run("s", 35, 36, ["a"])]
    graph = words.graph(raw)
    assert read_by(graph, "r") == {("a@w2", True, reads.BY_TIME), ("a@w3", False, reads.NO_END)}
    assert read_by(graph, "s") == {("a@w2", True, reads.BY_TIME)}


def test_a_version_complete_at_the_very_start_is_possibly_read(words: Any, versions: list[Any]) -> None:
    graph = words.graph([*versions, *words.run("r", 30, 60, ["a"])])
    assert read_by(graph, "r") == {("a@w1", True, reads.BY_TIME), ("a@w2", False, reads.SAME_INSTANT)}


def test_nanoseconds_settle_the_order(words: Any) -> None:
    raw = [*words.run("w1", 0, 1, [], ["a"]), *words.run("w2", 0, 1, [], ["a"]), *words.run("r", 2, 3, ["a"])]
    raw[1]["eventTime"], raw[3]["eventTime"] = "2026-03-01T00:01:00.000000002Z", "2026-03-01T00:01:00.000000001Z"
    assert read_by(words.graph(raw), "r") == {("a@w1", True, reads.BY_TIME)}


def test_clocks_that_disagree_are_listed_and_widen_the_doubt(words: Any, versions: list[Any]) -> None:
    """The run's own end lies 50 minutes before its start, so what was complete within 50 minutes may have been read."""
    raw = [*versions, words.event("START", "r", 60), words.event("COMPLETE", "r", 10, ["a"], ["b"])]
    graph = words.graph(raw)
    assert read_by(graph, "r") == {("a@w2", True, reads.BY_TIME), ("a@w1", False, reads.CLOCKS)}
    assert any("clocks disagree by 50 min or more" in item.what for item in graph.odd.listed())


def test_a_version_read_before_it_was_complete_shows_two_clocks(words: Any) -> None:
    """The writer's clock is an hour ahead: another reader, that names no version, may have read what it wrote too."""
    raw = [
        *words.run("w0", 0, 5, [], ["a=v0"]), *words.run("w1", 65, 70, [], ["a=v1"]),
        *words.run("r", 15, 20, ["a=v1"]), *words.run("s", 30, 31, ["a"]),
    ]  # fmt: skip
    graph = words.graph(raw)
    assert certain(graph, "r") == {"a@w1"}
    assert read_by(graph, "s") == {("a@w0", True, reads.BY_TIME), ("a@w1", False, reads.CLOCKS)}
    assert any("two clocks disagree by 50 min or more" in item.what for item in graph.odd.listed())


def test_one_run_id_with_two_jobs_is_two_runs_that_possibly_share(words: Any, versions: list[Any]) -> None:
    raw = [*versions, *words.run("r", 50, 60, ["a"], ["b"], job="one"), *words.run("r", 50, 60, ["c"], ["d"], job="two")]
    graph = words.graph(raw)
    assert read_by(graph, "r") == {
        ("a@w2", True, reads.BY_TIME), ("c@source", True, reads.BEFORE),
        ("a@w2", False, reads.OTHER_JOB), ("c@source", False, reads.OTHER_JOB),
    }  # fmt: skip
    [oddity] = graph.odd.listed()
    assert oddity.what.startswith("one run id with two jobs")


def test_a_run_id_that_everybody_has_shares_nothing(words: Any) -> None:
    raw = [item for number in range(60) for item in words.run("0", 1, 2, [f"in{number}"], [f"out{number}"], job=f"j{number}")]
    graph = words.graph(raw)
    assert {len(run.reads) for run in graph.runs} == {1}
    assert any("more than 50 jobs" in item.what for item in graph.odd.listed())


def test_a_job_known_by_design_possibly_reads(words: Any, versions: list[Any]) -> None:
    design = {key: value for key, value in words.event("", "", 0, ["a"], ["b"], job="nightly").items() if key != "run"}
    graph = words.graph([*versions, design])
    assert {(graph.name(read.version), read.how) for run in graph.runs for read in run.reads} == {
        ("a@w1", reads.BY_DESIGN), ("a@w2", reads.BY_DESIGN)
    }  # fmt: skip
    told = words.graph([*versions, design, *words.run("r", 50, 60, [], ["b"], job="nightly")])
    assert read_by(told, "r") == {("a@w2", False, reads.BY_DESIGN)}


def test_a_run_without_any_time_possibly_read_every_version(words: Any, versions: list[Any]) -> None:
    graph = words.graph([*versions, {**words.event("COMPLETE", "r", 0, ["a"]), "eventTime": "?"}])
    assert {(name, sure) for name, sure, _ in read_by(graph, "r")} == {("a@w1", False), ("a@w2", False)}
