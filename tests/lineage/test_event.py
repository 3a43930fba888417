"""One event, however odd: what can be used is used, what cannot is listed with its place."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.lineage.event import Event, Facets, Oddities, read_event

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = ["eventType", "eventTime", "run", "job", "dataset", "inputs", "outputs", "schemaURL"]


def read(raw: Any, facets: Facets | None = None) -> tuple[Event | None, list[str]]:
    odd = Oddities()
    return read_event(raw, ("f", 7), facets or Facets(), odd), [str(item) for item in odd.listed()]


def test_a_sound_event_reads_without_oddity(words: Any) -> None:
    found, odd = read(words.event("COMPLETE", "r", 5, ["a=3"], ["b"]))
    assert odd == []
    assert found is not None
    assert (found.state, found.run_id, found.job) == ("COMPLETE", "r", ("etl", "job of r"))
    assert [use.key for use in found.inputs + found.outputs] == [("db", "a"), ("db", "b")]
    assert found.inputs[0].facets["version"] == {"datasetVersion": "3"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"schemaURL": None}, ""),
        ({"eventTime": "2026-03-01T00:00:00"}, "a time without a zone, read as UTC: f line 7"),
        ({"eventTime": "soon"}, "no time that can be read"),
        ({"eventTime": None}, "no time that can be read"),
        ({"eventType": "PAUSE"}, "an event type that is not known, read as OTHER: PAUSE"),
        ({"inputs": None}, ""),
        ({"inputs": {"name": "a"}}, "`inputs` is no list"),
        ({"outputs": [{"namespace": "db"}, "x"]}, "one of the `outputs` has no name, left out (2 times)"),
        ({"run": {"runId": "r", "facets": ["x"]}}, "facets that are no object"),
        ({"run": {"runId": "r", "facets": {"sql": 3}}}, "a facet that is no object, left out: sql"),
        ({"job": 3}, "`job` is no object"),
    ],
)
def test_an_odd_part_is_listed_and_the_rest_is_used(words: Any, change: dict[str, Any], said: str) -> None:
    found, odd = read({**words.event("START", "r", 5), **change})
    assert found is not None
    assert found.run_id == "r"
    assert said in " ".join(odd)
    assert bool(odd) == bool(said)


def test_a_missing_schema_url_is_listed(words: Any) -> None:
    raw = words.event("START", "r", 5)
    del raw["schemaURL"]
    assert read(raw)[1] == ["no schemaURL; read all the same: f line 7"]


@pytest.mark.parametrize("raw", [3, "text", None, [], {}, {"eventTime": "2026-03-01T00:00:00Z"}, {"run": {"runId": ""}}])
def test_what_is_no_event_is_left_out_and_listed(raw: Any) -> None:
    found, odd = read(raw)
    assert found is None
    assert len(odd) == 1


@given(st.dictionaries(st.sampled_from(FIELDS), JSON))
def test_no_json_makes_the_reader_fail(raw: dict[str, Any]) -> None:
    found, odd = read(raw)
    assert found is not None or odd


def test_facets_that_repeat_are_held_once(words: Any) -> None:
    facets = Facets()
    schema = {"schema": {"_producer": "p", "fields": [{"name": f"column {number}"} for number in range(9)]}}
    one, _ = read(words.event("START", "r", 5, [], [{"name": "a", "facets": schema}]), facets)
    two, _ = read(words.event("START", "s", 9, [], [{"name": "a", "facets": {**schema}}]), facets)
    assert one is not None
    assert two is not None
    assert one.outputs[0].facets["schema"] is two.outputs[0].facets["schema"]


def test_a_large_facet_nobody_asks_for_is_a_digest(words: Any) -> None:
    found, _ = read(words.event("START", "r", 5, run_facets={"spark.logicalPlan": {"plan": "x" * 1_000_000}}))
    assert found is not None
    assert found.run_facets["spark.logicalPlan"].startswith("sha256:")
    assert len(found.run_facets["spark.logicalPlan"]) == 71


def test_environment_variables_are_not_even_a_digest(words: Any) -> None:
    secret = {"environmentVariables": {"environmentVariables": [{"name": "TOKEN", "value": "hunter2"}]}}
    found, _ = read(words.event("START", "r", 5, run_facets=secret))
    assert found is not None
    assert dict(found.run_facets) == {}


def test_a_deleted_facet_is_gone(words: Any) -> None:
    found, _ = read(words.event("START", "r", 5, job_facets={"sql": {"_deleted": True}}))
    assert found is not None
    assert dict(found.job_facets) == {}


def test_half_a_surrogate_in_a_facet_cannot_either(words: Any) -> None:
    facet = {"schema": {"fields": [{"name": "a\ud800b"}, {"name": "\N{SNAKE}"}]}}
    found, _ = read(words.event("START", "r", 5, [], [{"name": "a", "facets": facet}]))
    assert found is not None
    assert [field["name"] for field in found.outputs[0].facets["schema"]["fields"]] == ["a?b", "\N{SNAKE}"]


def test_half_a_surrogate_cannot_break_the_output(words: Any) -> None:
    found, _ = read(words.event("START", "r", 5, [{"name": "a\ud800b"}]))
    assert found is not None
    assert found.inputs[0].key[1].encode() == b"a?b"
