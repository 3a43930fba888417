"""From a feature back to the columns that it was made from."""

from typing import Any

import pytest

from workbench.errors import InputError, UnknownNameError
from workbench.lineage.columns import column_path
from workbench.lineage.graph import Lineage


def source(name: str, field: str, kind: str = "DIRECT", subtype: str = "IDENTITY") -> dict[str, Any]:
    return {"namespace": "db", "name": name, "field": field, "transformations": [{"type": kind, "subtype": subtype}]}


def made(name: str, fields: dict[str, list[Any]], whole: list[Any] | None = None) -> dict[str, Any]:
    facet = {"fields": {column: {"inputFields": sources} for column, sources in fields.items()}, "dataset": whole or []}
    return {"name": name, "facets": {"columnLineage": facet, "schema": {"fields": [{"name": column} for column in fields]}}}


@pytest.fixture
def graph(words: Any) -> Lineage:
    """raw → clean (hours from hrs, filtered by status) → features (load from hours and pay) → blind, which does not tell."""
    clean = made(
        "clean", {"hours": [source("raw", "hrs")], "pay": [source("raw", "pay")]}, [source("raw", "status", "INDIRECT", "FILTER")]
    )
    features = made("features", {"load": [source("clean", "hours", subtype="AGGREGATION"), source("clean", "pay")], "bias": []})
    blind = {"name": "blind", "facets": {"schema": {"fields": [{"name": "load"}]}}}
    raw: Lineage = words.graph([
        *words.run("1", 0, 10, ["raw"], [clean]), *words.run("2", 20, 30, ["clean"], [features]),
        *words.run("3", 40, 50, ["features"], [blind]),
    ])  # fmt: skip
    return raw


def test_a_path_names_every_step_and_how(graph: Lineage) -> None:
    found = column_path(graph, "raw#hrs", "features#load")
    assert found.connected is True
    assert found.direct
    assert found.steps == ("raw#hrs", "clean#hours", "features#load")
    assert [link.subtype for link in found.links] == ["IDENTITY", "AGGREGATION"]


def test_a_filter_is_an_indirect_link_of_every_column(graph: Lineage) -> None:
    for feature in ("clean#hours", "clean#pay", "features#load"):
        found = column_path(graph, "raw#status", feature)
        assert (found.connected, found.direct, found.links[0].subtype) == (True, False, "FILTER")


def test_not_connected_is_told_apart_from_not_known(graph: Lineage) -> None:
    assert column_path(graph, "raw#hrs", "features#bias").connected is False
    unknown = column_path(graph, "raw#hrs", "blind#load")
    assert (unknown.connected, unknown.blind) == (None, ("blind",))


def test_a_column_is_connected_with_itself(graph: Lineage) -> None:
    assert column_path(graph, "raw#hrs", "raw#hrs").connected is True


@pytest.mark.parametrize("text", ["raw", "#hrs", "raw#", ""])
def test_what_names_no_column_is_refused(graph: Lineage, text: str) -> None:
    with pytest.raises(InputError, match="not a column"):
        column_path(graph, text, "features#load")


def test_an_unknown_column_lists_those_there_are(graph: Lineage) -> None:
    with pytest.raises(UnknownNameError, match=r"no column of raw of that name: hours\. Available: hrs, pay, status"):
        column_path(graph, "raw#hours", "features#load")
    with pytest.raises(UnknownNameError, match="dataset or version"):
        column_path(graph, "raw#hrs", "feature#load")


def test_the_demonstration_of_marquez_has_a_path(seed_graph: Lineage) -> None:
    found = column_path(seed_graph, "public.orders#id", "public.orders_7_days#order_id")
    assert found.connected is True


def test_a_cycle_of_columns_ends(words: Any) -> None:
    raw = [*words.run("1", 0, 1, ["b"], [made("a", {"x": [source("b", "x")]})])]
    raw += words.run("2", 2, 3, ["a"], [made("b", {"x": [source("a", "x")], "y": []})])
    assert column_path(words.graph(raw), "b#y", "a#x").connected is False
