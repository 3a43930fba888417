"""Events become runs and versions, in whatever order they come; what is missing is listed."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from workbench.lineage.graph import Lineage


def shape(graph: Lineage) -> set[Any]:
    """The graph without the order in which its parts were found."""
    reads = {
        (graph.job(at), run.id, graph.name(read.version), read.certain) for at, run in enumerate(graph.runs) for read in run.reads
    }
    return reads | {(graph.name(at), version.completed) for at, version in enumerate(graph.versions)}


@given(st.randoms())
def test_the_order_of_events_does_not_matter(words: Any, order: Any) -> None:
    raw = [
        *words.run("1", 0, 10, ["a"], ["b"]), *words.run("2", 20, 30, ["b"], ["c=7"]),
        words.event("FAIL", "3", 40, ["c=7"], ["d"]),
        *words.run("4", 50, 60, ["b", "c"], ["b"]), *words.run("5", 70, 80, ["b"], ["e"]),
    ]  # fmt: skip
    shuffled = list(raw)
    order.shuffle(shuffled)
    assert shape(words.graph(shuffled)) == shape(words.graph(raw))


def test_the_demonstration_of_marquez_is_one_graph(seed_graph: Lineage) -> None:
    assert (len(seed_graph.runs), len(seed_graph.versions)) == (13, 13)
    assert seed_graph.odd.listed() == []
    [email] = [run for run in seed_graph.runs if run.job[1] == "email_discounts"]
    assert {seed_graph.name(read.version).partition("@")[0] for read in email.reads} == {"public.discounts", "public.customers"}
    assert all(read.certain for run in seed_graph.runs for read in run.reads)


def test_events_of_a_run_add_up(words: Any) -> None:
    raw = [
        words.event("START", "r", 0, ["a"], [{"name": "b", "facets": {"schema": {"fields": [{"name": "x"}]}}}], job="j"),
        {**words.event("RUNNING", "r", 1, ["c"]), "job": None},
        words.event("COMPLETE", "r", 2, [], [{"name": "b", "outputFacets": {"outputStatistics": {"rowCount": 5}}}], job="j"),
    ]
    graph = words.graph(raw)
    [run] = graph.runs
    assert [graph.name(read.version) for read in run.reads] == ["a@source", "c@source"]
    [version] = [graph.versions[at] for at in run.writes]
    assert set(version.facets) == {"schema", "outputStatistics"}


def test_complete_counts_more_than_fail(words: Any) -> None:
    raw = [words.event("FAIL", "r", 5, [], ["a"]), words.event("COMPLETE", "r", 9), words.event("COMPLETE", "r", 7)]
    for events in (raw, raw[::-1]):
        [version] = words.graph(events).versions
        [run] = words.graph(events).runs
        assert (run.outcome, run.end) == ("COMPLETE", version.completed)
        assert run.end == words.graph([words.event("COMPLETE", "x", 7)]).runs[0].end


def test_a_symlink_is_the_same_dataset(words: Any) -> None:
    """Spark writes a path and says which table that is; the reader names the table."""
    link = {"symlinks": {"identifiers": [{"namespace": "hive", "name": "db.clean", "type": "TABLE"}]}}
    raw = [
        *words.run("w", 0, 1, [], [{"namespace": "s3://lake", "name": "/clean", "facets": link}]),
        *words.run("r", 2, 3, [{"namespace": "hive", "name": "db.clean"}], ["model"]),
    ]
    graph = words.graph(raw)
    assert [graph.name(read.version) for run in graph.runs for read in run.reads] == ["/clean@w"]
    assert graph.names(graph.find("db.clean")) == ["/clean@w"]


def test_a_dataset_type_makes_a_model(words: Any) -> None:
    model = {"name": "m", "facets": {"datasetType": {"datasetType": "Model"}}}
    graph = words.graph(words.run("t", 0, 1, ["a"], [model]))
    assert {graph.name(at): graph.kind(at) for at in range(2)} == {"m@t": "model", "a@source": "dataset"}


def test_what_columns_come_from_was_read(words: Any) -> None:
    lineage = {"columnLineage": {"fields": {"x": {"inputFields": [{"namespace": "db", "name": "a", "field": "y"}]}}}}
    raw = [*words.run("w", 0, 1, [], ["a"]), *words.run("r", 2, 3, [], [{"name": "b", "facets": lineage}])]
    graph = words.graph(raw)
    assert [graph.name(read.version) for run in graph.runs for read in run.reads] == ["a@w"]


def test_the_newer_facet_of_a_dataset_alone_is_a_design(words: Any) -> None:
    facet = {"lineage": {"inputs": [{"namespace": "db", "name": "a", "type": "DATASET"}]}}
    event = {"eventTime": words.at(0), "dataset": {"namespace": "db", "name": "b", "facets": facet}, "schemaURL": "u"}
    graph = words.graph([*words.run("w", 0, 1, [], ["a"]), event])
    [design] = [run for run in graph.runs if run.by_design]
    assert [(graph.name(read.version), read.certain) for read in design.reads] == [("a@w", False)]
    assert graph.names(design.writes) == ["b@source"]


def test_gaps_are_listed(words: Any) -> None:
    raw = [*words.run("whole", 0, 1, ["raw"], ["a"]), words.event("START", "open", 2, ["a"], ["b"])]
    raw.append(words.event("COMPLETE", "late", 9, [], ["c"]))
    assert set(words.graph(raw).gaps) == {
        ("an input that no run in the events wrote", "raw@source"),
        ("a run without an end", "etl/job of open@open"),
        ("a run without a start", "etl/job of late@late"),
        ("a run that names no input", "etl/job of late@late"),
    }


def test_a_job_that_nobody_names_is_listed(words: Any) -> None:
    graph = words.graph([{**words.event("COMPLETE", "r", 1, [], ["a"]), "job": None}])
    assert [item.what for item in graph.odd.listed()] == ["a run whose job no event names"]
    assert graph.names(range(1)) == ["a@r"]
