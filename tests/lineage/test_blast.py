"""Contaminated, possible, clean: on small logs by hand, and on random logs against a search that tries everything."""

import itertools
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.data.dataset import open_dataset
from workbench.errors import InputError, UnknownNameError
from workbench.lineage.blast import LONGEST_PATH, SKIPPED, BlastRadius, blast_radius
from workbench.lineage.graph import Lineage


def nodes(radius: BlastRadius, status: str) -> set[str]:
    document: Any = radius.to_dict()
    return {item["node"] for item in document[status]}


def path_to(radius: BlastRadius, node: str) -> list[str]:
    document: Any = radius.to_dict()
    return next(item["path"] for name in ("contaminated", "possible") for item in document[name] if item["node"] == node)


@pytest.fixture
def pipeline(words: Any) -> list[dict[str, Any]]:
    """Two days of raw → clean → model → decisions; the first day's clean was read by the second day's training too."""
    return [
        *words.run("clean-1", 0, 10, ["raw"], ["clean"]),
        *words.run("train-1", 20, 30, ["clean"], ["model"]),
        *words.run("score-1", 40, 50, ["model", "people"], ["decisions"]),
        *words.run("clean-2", 100, 110, ["raw"], ["clean"]),
        *words.run("train-2", 120, 130, ["clean"], ["model"]),
        *words.run("score-2", 140, 150, ["model", "people"], ["decisions"]),
    ]


def test_only_what_was_made_from_the_version_is_contaminated(words: Any, pipeline: list[Any]) -> None:
    radius = blast_radius(words.graph(pipeline), "clean@clean-2")
    assert nodes(radius, "contaminated") == {"clean@clean-2", "model@train-2", "decisions@score-2"}
    assert nodes(radius, "possible") == set()
    assert nodes(radius, "clean") == {"raw@source", "people@source", "clean@clean-1", "model@train-1", "decisions@score-1"}


def test_a_path_includes_both_ends_and_the_origin_is_listed(words: Any, pipeline: list[Any]) -> None:
    radius = blast_radius(words.graph(pipeline), "clean@clean-2")
    assert path_to(radius, "decisions@score-2") == ["clean@clean-2", "model@train-2", "decisions@score-2"]
    assert path_to(radius, "clean@clean-2") == ["clean@clean-2"]


def test_a_name_alone_means_all_its_versions(words: Any, pipeline: list[Any]) -> None:
    radius = blast_radius(words.graph(pipeline), "clean")
    assert nodes(radius, "clean") == {"raw@source", "people@source"}


def test_an_input_nobody_wrote_is_a_source(words: Any, pipeline: list[Any]) -> None:
    assert nodes(blast_radius(words.graph(pipeline), "raw@source"), "clean") == {"people@source"}


def test_a_name_in_two_namespaces_is_told_apart(words: Any) -> None:
    other = {"namespace": "lake", "name": "clean"}
    raw = [*words.run("a", 0, 1, ["x"], ["clean"]), *words.run("b", 2, 3, ["x"], [other]), *words.run("c", 4, 5, [other], ["y"])]
    graph = words.graph(raw)
    with pytest.raises(InputError, match=r"several datasets.*db/clean, lake/clean"):
        blast_radius(graph, "clean")
    assert nodes(blast_radius(graph, "lake/clean"), "contaminated") == {"lake/clean@b", "y@c"}
    assert nodes(blast_radius(graph, "clean@b"), "contaminated") == {"lake/clean@b", "y@c"}


def test_a_name_with_an_at_sign_splits_at_the_last(words: Any) -> None:
    raw = [*words.run("r@1", 0, 1, [], ["a@b"]), *words.run("2", 2, 3, ["a@b"], ["c"])]
    graph = words.graph([*raw, *words.run("3", 4, 5, [], ["a@b"])])
    assert nodes(blast_radius(graph, "a@b@3"), "contaminated") == {"a@b@3"}
    assert nodes(blast_radius(graph, "a@b"), "contaminated") == {"a@b@r@1", "c@2", "a@b@3"}


def test_an_unknown_name_suggests_a_near_one(words: Any, pipeline: list[Any]) -> None:
    with pytest.raises(UnknownNameError, match=r"claen@clean-2.*Available: clean"):
        blast_radius(words.graph(pipeline), "claen@clean-2")
    with pytest.raises(UnknownNameError, match="Available: clean@clean-1, clean@clean-2"):
        blast_radius(words.graph(pipeline), "clean@clean-3")


def test_what_a_possible_read_leads_to_is_possible(words: Any) -> None:
    """The reader names a version text no writer gave, and the writer gave none: only the name is known."""
    raw = [*words.run("w", 0, 1, [], ["a"]), *words.run("r", 2, 3, ["a=7"], ["b"]), *words.run("s", 4, 5, ["b"], ["c"])]
    radius = blast_radius(words.graph(raw), "a")
    assert (nodes(radius, "contaminated"), nodes(radius, "possible")) == ({"a@w"}, {"b@r", "c@s"})
    assert path_to(radius, "c@s") == ["a@w", "b@r", "c@s"]


def test_versions_of_equal_text_are_possible(words: Any) -> None:
    """A table's snapshot id that two runs report is one snapshot."""
    raw = [*words.run("w", 0, 1, [], ["a=5"]), *words.run("x", 2, 3, [], ["a=5"]), *words.run("r", 4, 5, ["a"], ["b"])]
    radius = blast_radius(words.graph(raw), "a@w")
    assert (nodes(radius, "contaminated"), nodes(radius, "possible")) == ({"a@w"}, {"a@x", "b@r"})


def test_runs_that_only_read_are_listed(words: Any) -> None:
    radius: Any = blast_radius(words.graph([*words.run("w", 0, 1, [], ["a"]), *words.run("mail", 2, 3, ["a"])]), "a").to_dict()
    assert radius["runs"] == [{"run": "mail", "job": "etl/job of mail", "path": ["a@w"]}]


def test_a_cycle_ends(words: Any) -> None:
    raw = [*words.run("1", 0, 1, ["b=2"], ["a=1"]), *words.run("2", 0, 1, ["a=1"], ["b=2"])]
    graph = words.graph(raw)
    assert nodes(blast_radius(graph, "a"), "contaminated") == {"a@1", "b@2"}
    assert any("cycle" in item.what and item.places == ["a@1", "b@2"] for item in graph.odd.listed())


def test_a_very_long_path_is_told_by_its_ends(words: Any) -> None:
    raw = [item for day in range(LONGEST_PATH + 50) for item in words.run(str(day), 10 * day, 10 * day + 1, ["s"], ["s"])]
    path = path_to(blast_radius(words.graph(raw), "s@0"), f"s@{LONGEST_PATH + 49}")
    assert (path[0], path[LONGEST_PATH // 2], path[-1]) == ("s@0", SKIPPED, f"s@{LONGEST_PATH + 49}")
    assert len(path) == LONGEST_PATH + 1


def test_people_are_counted_by_the_version_that_decided(words: Any, pipeline: list[Any]) -> None:
    frame = pd.DataFrame({
        "person": [1, 1, 2, 3, 4, 5], "version": ["train-1", "train-2", "model@train-2", "train-2", "train-1", "elsewhere"]
    })  # fmt: skip
    decisions = open_dataset(frame, {"row_id": "person", "model_version": "version"})
    radius = blast_radius(words.graph(pipeline), "clean@clean-2", decisions)
    assert radius.people == {"contaminated": 3, "possible": 0, "clean": 2, "unknown": 1}


def test_a_decision_log_without_versions_is_refused(words: Any, pipeline: list[Any]) -> None:
    decisions = open_dataset(pd.DataFrame({"person": [1, 2]}), {"row_id": "person"})
    with pytest.raises(InputError, match="does not say which version decided"):
        blast_radius(words.graph(pipeline), "clean", decisions)


NAMES = ("a", "b", "c", "d")


@st.composite
def logs(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Runs with distinct times, some without a start, some failed, some naming the version they read by text or run id."""
    count = draw(st.integers(1, 8))
    times = draw(st.permutations(range(2 * count)))
    runs: list[dict[str, Any]] = []
    for number in range(count):
        start, end = sorted(times[2 * number : 2 * number + 2])
        outputs = draw(st.sets(st.sampled_from(NAMES), max_size=2))
        inputs = {}
        for name in sorted(draw(st.sets(st.sampled_from(NAMES), max_size=3))):
            texts = [run["texts"][name] for run in runs if name in run["outputs"] and run["end"] < end]
            inputs[name] = draw(st.sampled_from(["", *texts])) if texts else ""
        runs.append({
            "id": f"run{number}", "start": draw(st.sampled_from([start, start, None])), "end": end, "inputs": inputs,
            "outputs": outputs, "texts": {name: draw(st.sampled_from([f"v{number}", f"run{number}"])) for name in outputs},
            "state": draw(st.sampled_from(["COMPLETE", "COMPLETE", "COMPLETE", "FAIL"])),
        })  # fmt: skip
    return runs


def as_events(words: Any, runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found = []
    for run in runs:
        inputs = [f"{name}={text}" for name, text in run["inputs"].items()]
        outputs = [f"{name}={'' if text == run['id'] else text}" for name, text in run["texts"].items()]
        if run["start"] is not None:
            found.append(words.event("START", run["id"], run["start"]))
        found.append(words.event(run["state"], run["id"], run["end"], inputs, outputs))
    return found


def version_read(runs: list[dict[str, Any]], reader: dict[str, Any], name: str, text: str) -> str:
    """The contract, word by word."""
    if text:
        return next(f"{name}@{run['id']}" for run in runs if run["texts"].get(name) == text)
    moment = reader["end"] if reader["start"] is None else reader["start"]
    before = [run for run in runs if name in run["outputs"] and run["state"] == "COMPLETE" and run["end"] < moment]
    return f"{name}@{max(before, key=lambda run: run['end'])['id']}" if before else f"{name}@source"


def brute_force(runs: list[dict[str, Any]], origin: str) -> tuple[set[str], set[str]]:
    """The versions made from `origin`, and all others, by trying until nothing changes."""
    reads = {run["id"]: {version_read(runs, run, *item) for item in run["inputs"].items()} for run in runs}
    everything = {f"{name}@{run['id']}" for run in runs for name in run["outputs"]}.union(*reads.values())
    bad = {version for version in everything if version == origin or version.rpartition("@")[0] == origin}
    grown = True
    while grown:
        more = {f"{name}@{run['id']}" for run in runs if reads[run["id"]] & bad for name in run["outputs"]}
        grown = not more <= bad
        bad |= more
    return bad, everything - bad


def is_read(graph: Lineage, before: int, after: int) -> bool:
    """Whether a run that wrote `after` certainly read `before`."""
    return any(read.version == before and read.certain for run in graph.versions[after].writers for read in graph.runs[run].reads)


@given(logs(), st.data(), st.randoms())
def test_random_logs_agree_with_brute_force(words: Any, runs: list[dict[str, Any]], data: st.DataObject, order: Any) -> None:
    raw = as_events(words, runs)
    order.shuffle(raw)
    graph = words.graph(raw)
    names = sorted({graph.name(at) for at in range(len(graph.versions))})
    if not names:
        return
    origin = data.draw(st.sampled_from([*names, *sorted({name.rpartition("@")[0] for name in names})]))
    radius = blast_radius(graph, origin)
    bad, clean = brute_force(runs, origin)
    assert (nodes(radius, "contaminated"), nodes(radius, "possible"), nodes(radius, "clean")) == (bad, set(), clean)
    for at in radius.contaminated:
        path = radius.path(at)
        assert path[0] in radius.origins
        assert path[-1] == at
        assert all(is_read(graph, before, after) for before, after in itertools.pairwise(path))
