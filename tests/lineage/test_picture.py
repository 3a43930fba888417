"""What is drawn: the nearest nodes with what is known of them, the rest collapsed with counts."""

from typing import Any

import pytest

from workbench.errors import InputError, UnknownNameError
from workbench.lineage.graph import Lineage
from workbench.lineage.picture import BOTH, MOST_COLLAPSED, ONLY_OTHER, ONLY_THIS, Picture, picture


def node(drawn: Picture, name: str) -> Any:
    [found] = [node for node in drawn.nodes if node.name == name]
    return found


def test_runs_and_versions_alternate(seed_graph: Lineage) -> None:
    drawn = picture(seed_graph, "public.delivery_7_days")
    kinds = {node.id: node.kind for node in drawn.nodes}
    assert len(drawn.nodes) == 26
    assert {(kinds[edge.source], kinds[edge.target]) for edge in drawn.edges} == {("run", "dataset"), ("dataset", "run")}
    assert [node.label for node in drawn.nodes if node.focus] == ["public.delivery_7_days"]


def test_what_is_contaminated_is_marked(words: Any, seed_graph: Lineage) -> None:
    drawn = picture(seed_graph, "public.delivery_7_days", origin="public.menus", onset=words.at(120))
    by_label = {node.label: node for node in drawn.nodes}
    assert {label for label, item in by_label.items() if item.status == "contaminated"} == {
        "public.menus", "public.orders_7_days", "public.delivery_7_days", "public.top_delivery_times", "public.discounts",
        "public.popular_orders_day_of_week",
    }  # fmt: skip
    assert by_label["public.delivery_7_days"].since
    assert not by_label["public.orders_7_days"].since


def test_gaps_are_marked(words: Any) -> None:
    raw = [*words.run("w", 0, 1, ["raw"], ["a"]), words.event("START", "open", 2, ["a"], ["b"])]
    drawn = picture(words.graph(raw), "a")
    assert node(drawn, "raw@source").gap == "written by no run here"
    assert node(drawn, "etl/job of open@open").gap == "no end"
    assert node(drawn, "b@open").gap == "never complete"
    assert node(drawn, "a@w").gap == ""


def test_a_possible_read_is_an_edge_that_is_not_certain(words: Any) -> None:
    drawn = picture(words.graph([*words.run("w", 0, 1, [], ["a"]), *words.run("r", 2, 3, ["a=7"], ["b"])]), "a")
    assert {edge.certain for edge in drawn.edges if edge.source == node(drawn, "a@w").id} == {False}


def test_the_window_bounds_what_is_drawn(words: Any) -> None:
    raw = [item for day in range(6) for item in words.run(f"d{day}", 1440 * day, 1440 * day + 5, ["s"], ["s"])]
    drawn = picture(words.graph(raw), "s", window="2026-03-03..2026-03-05")
    assert [item.name for item in drawn.nodes if item.focus] == ["s@d3"]
    assert {item.name for item in drawn.nodes if item.kind == "dataset"} == {"s@d3", "s@d2", "s@d1"}


def test_two_versions_are_compared_side_by_side(words: Any) -> None:
    raw = [
        *words.run("w1", 0, 1, [], ["a"]), *words.run("p", 0, 1, [], ["people"]), *words.run("t1", 2, 3, ["a", "people"], ["m"]),
        *words.run("w2", 4, 5, [], ["a"]), *words.run("t2", 6, 7, ["a", "people"], ["m"]),
    ]  # fmt: skip
    drawn = picture(words.graph(raw), "m@t2", against="m@t1")
    assert node(drawn, "people@p").side == BOTH
    assert (node(drawn, "a@w2").side, node(drawn, "a@w1").side) == (ONLY_THIS, ONLY_OTHER)
    assert {item.name for item in drawn.nodes if item.focus} == {"m@t1", "m@t2"}


@pytest.mark.parametrize("limit", [24, 60, 200])
def test_the_rest_is_collapsed_with_counts(words: Any, limit: int) -> None:
    raw = [*words.run("hub", 0, 1, [], ["hub"])]
    for number in range(300):
        name = {"namespace": f"team {number % 40}", "name": f"t{number}"}
        raw += words.run(f"r{number}", 2 + number, 3 + number, ["hub"], [name])
    drawn = picture(words.graph(raw), "hub", limit=limit)
    collapsed = [item for item in drawn.nodes if item.kind == "collapsed"]
    assert len(drawn.nodes) <= limit
    assert 0 < len(collapsed) <= MOST_COLLAPSED
    assert sum(item.count for item in drawn.nodes) == 602
    assert {edge.target for edge in drawn.edges if edge.how == "collapsed"} <= {item.id for item in collapsed}


def test_the_same_events_give_the_same_picture(words: Any, seed_events: list[Any]) -> None:
    assert picture(words.graph(seed_events), "public.menus") == picture(words.graph(seed_events), "public.menus")


def test_bad_words_are_refused(seed_graph: Lineage) -> None:
    with pytest.raises(UnknownNameError):
        picture(seed_graph, "public.menu")
    with pytest.raises(InputError, match="too few boxes"):
        picture(seed_graph, "public.menus", limit=3)
