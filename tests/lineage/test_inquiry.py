"""One question: what it draws, whom it suspects and what it traces agree, and what was typed wrongly is refused."""

from typing import Any

import pytest

from workbench.errors import InputError, UnknownNameError
from workbench.lineage.graph import Lineage
from workbench.lineage.inquiry import Inquiry, deciding, version_of
from workbench.lineage.instant import as_instant

DAYS, BROKEN = 8, 5


def table(name: str, mean: float, source: str) -> dict[str, Any]:
    made = {"hours": {"inputFields": [{"namespace": "db", "name": source, "field": "hours"}]}}
    return {
        "name": name,
        "facets": {
            "schema": {"fields": [{"name": "hours"}]},
            "columnLineage": {"fields": made},
            "dataQualityMetrics": {"columnMetrics": {"hours": {"sum": mean * 100, "count": 100}}},
        },
    }


@pytest.fixture
def lineage(words: Any) -> Lineage:
    """A table and what is decided on it, daily; from day `BROKEN` on in another unit."""
    raw = []
    for day in range(DAYS):
        mean = (40 if day < BROKEN else 2400) + day % 2
        raw += words.run(f"i{day}", 1440 * day, 1440 * day + 10, ["src"], [table("raw", mean, "src")], job="ingest")
        scored = table("out", mean, "raw")
        scored["facets"]["datasetType"] = {"datasetType": "DECISIONS"}
        raw += words.run(f"s{day}", 1440 * day + 20, 1440 * day + 30, ["raw"], [scored], job="score")
    graph: Lineage = words.graph(raw)
    return graph


def names(inquiry: Inquiry) -> set[str]:
    return {node.name for node in inquiry.picture().nodes if version_of(node.id) is not None}


def test_what_decides_is_asked_about_where_no_node_is_named(lineage: Lineage) -> None:
    assert deciding(lineage) == ["out"]
    assert Inquiry.of(lineage).node == "out"


def test_it_is_drawn_around_what_the_first_suspect_reached(lineage: Lineage) -> None:
    inquiry = Inquiry.of(lineage)
    assert f"raw@i{BROKEN}" not in names(inquiry)
    around = inquiry.around(inquiry.suspects())
    assert around.at == f"out@s{BROKEN}"
    assert f"raw@i{BROKEN}" in names(around)


def test_without_a_change_it_stays_where_it_is(words: Any) -> None:
    graph = words.graph(words.run("r", 0, 1, ["a"], ["b"]))
    inquiry = Inquiry.of(graph, "b")
    assert inquiry.around(inquiry.suspects()) == inquiry


def test_as_of_leaves_out_what_was_complete_later(lineage: Lineage, words: Any) -> None:
    early = Inquiry(lineage, "out", as_of=as_instant(words.at(1440 * 2 + 60)))
    assert early.picture().title == "Lineage of out@s2"


def test_the_moments_are_those_of_the_node_inside_the_window_and_of_what_is_drawn(lineage: Lineage, words: Any) -> None:
    start, end = words.at(1440 * 3), words.at(1440 * 5)
    inquiry = Inquiry.of(lineage, window=f"{start}..{end}")
    drawn = inquiry.picture()
    shown = {as_instant(node.time) for node in drawn.nodes if node.time is not None}
    own = {as_instant(words.at(1440 * day + 30)) for day in (3, 4)}
    assert inquiry.moments(drawn) == sorted(shown | own)


def test_columns_are_traced_from_the_nearest_dataset_to_their_sources(lineage: Lineage) -> None:
    inquiry = Inquiry.of(lineage, columns=["hours", "unknown"])
    trace = inquiry.trace(inquiry.picture())
    assert trace.columns == {("db", name): ("hours",) for name in ("out", "raw", "src")}
    assert trace.told == ("src#hours → raw#hours → out#hours",)
    assert trace.blind == ()


@pytest.mark.parametrize("asked", [{"node": "nowhere"}, {"origin": "nowhere"}, {"against": "nowhere"}])
def test_an_unknown_name_is_refused_at_once(lineage: Lineage, asked: dict[str, str]) -> None:
    with pytest.raises(UnknownNameError, match="nowhere"):
        Inquiry.of(lineage, **asked)  # type: ignore[arg-type]


@pytest.mark.parametrize("asked", [{"window": "yesterday"}, {"onset": "soon"}])
def test_a_time_that_is_none_is_refused(lineage: Lineage, asked: dict[str, str]) -> None:
    with pytest.raises(InputError, match=r"yesterday|soon"):
        Inquiry.of(lineage, **asked)  # type: ignore[arg-type]
