"""Layers: edges go forward, every lane is its own, and crossings are counted as brute force counts them."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from workbench.lineage.layers import Layered, layered, neighbours


@st.composite
def graphs(draw: st.DrawFn) -> tuple[int, list[tuple[int, int]]]:
    count = draw(st.integers(0, 12))
    node = st.integers(0, max(0, count - 1))
    return count, draw(st.lists(st.tuples(node, node), max_size=25)) if count else []


def brute_force_crossings(graph: Layered) -> int:
    """Every pair of pieces between the same two layers."""
    after, _ = neighbours(graph)
    found = 0
    for upper, lower in itertools.pairwise(graph.layers):
        place = {node: number for number, node in enumerate(lower)}
        pieces = [(number, place[other]) for number, node in enumerate(upper) for other in after[node]]
        found += sum((a - c) * (b - d) < 0 for (a, b), (c, d) in itertools.combinations(pieces, 2))
    return found


@given(graphs())
def test_every_edge_goes_one_layer_at_a_time(drawn: tuple[int, list[tuple[int, int]]]) -> None:
    count, edges = drawn
    graph = layered(count, edges)
    layer = {node: number for number, nodes in enumerate(graph.layers) for node in nodes}
    assert sorted(node for node in layer if node < count) == list(range(count))
    for chain in graph.chains.values():
        assert [layer[node] for node in chain] == list(range(layer[chain[0]], layer[chain[0]] + len(chain)))
        assert all(node >= count for node in chain[1:-1])
    ends = {(chain[0], chain[-1]) for chain in graph.chains.values()}
    assert ends == {(v, u) if (u, v) in graph.reversed else (u, v) for u, v in edges if u != v}


@given(graphs())
def test_crossings_are_those_of_brute_force(drawn: tuple[int, list[tuple[int, int]]]) -> None:
    graph = layered(*drawn)
    assert graph.crossings == brute_force_crossings(graph)


@given(graphs())
def test_the_same_graph_is_always_layered_alike(drawn: tuple[int, list[tuple[int, int]]]) -> None:
    assert layered(*drawn) == layered(*drawn)


def test_a_graph_without_a_cycle_turns_no_edge() -> None:
    assert layered(4, [(3, 2), (2, 1), (1, 0), (3, 0)]).reversed == frozenset()


def test_a_cycle_turns_one_edge() -> None:
    graph = layered(3, [(0, 1), (1, 2), (2, 0)])
    assert graph.reversed == {(2, 0)}


def test_a_planar_graph_is_drawn_without_crossings() -> None:
    """Two trees whose edges are given crosswise."""
    edges = [(0, 7), (1, 6), (0, 5), (1, 4), (0, 3), (1, 2)]
    assert layered(8, edges).crossings == 0
