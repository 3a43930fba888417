"""The second half of a layered drawing: where each box lies, and which way each edge goes between the boxes.

Layers are columns, left to right. Within a column the boxes keep their order and their distances; where they lie is the weighted
isotonic regression (pool adjacent violators) of where their neighbours would have them. An edge crosses a column only in its own
lane and bends only in the gap between two columns, so that no edge can pass through a box.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from workbench.lineage.layers import Layered, layered, neighbours

GAP: Final = 16.0
"""Between two boxes of a column, in pixels."""
LANE: Final = 8.0
"""Height of the lane of an edge that passes through a column."""
COLUMN_GAP: Final = 60.0
"""Between two columns, where edges bend."""
PORT: Final = 7.0
"""Between the ends of two edges at one box."""
ROUNDS: Final = 6
STRAIGHT: Final = 6.0
"""Weight of a piece of an edge between two lanes against one between two boxes: long edges are drawn straight."""


class Box(NamedTuple):
    """Where a node lies: its upper left corner, width and height, in pixels."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Layout:
    """A drawing without its ink.

    Attributes
    ----------
    boxes
        Node to its box.
    routes
        Edge to the points on its way, from its source to its target: in turn on the right edge of a column, on the left edge of
        the next, and so on; against the layers where the edge closes a cycle.
    crossings
        How many pairs of edges cross.
    """

    width: float
    height: float
    boxes: dict[str, Box]
    routes: dict[tuple[str, str], list[tuple[float, float]]]
    crossings: int


def layout(sizes: Mapping[str, tuple[float, float]], edges: Sequence[tuple[str, str]]) -> Layout:
    """Lay out nodes and edges, by the same input always in the same way.

    Parameters
    ----------
    sizes
        Node to width and height, in pixels.
    edges
        Pairs of nodes; one from a node to itself has no route.
    """
    names = list(sizes)
    numbers = {name: number for number, name in enumerate(names)}
    pairs = [(numbers[left], numbers[right]) for left, right in edges]
    graph = layered(len(names), pairs)
    halves = {node: sizes[names[node]][1] / 2 if node < graph.real else LANE / 2 for layer in graph.layers for node in layer}
    middles = _middles(graph, halves)
    columns = _columns(graph, [sizes[name][0] for name in names])
    boxes = {
        names[node]: Box(left, middles[node] - halves[node], sizes[names[node]][0], 2 * halves[node])
        for layer, (left, _) in zip(graph.layers, columns, strict=True)
        for node in layer
        if node < graph.real
    }
    return Layout(
        width=columns[-1][1] if columns else 0.0,
        height=max((box.y + box.height for box in boxes.values()), default=0.0),
        boxes={name: boxes[name] for name in names},
        routes=_routes(graph, pairs, names=names, boxes=boxes, middles=middles, columns=columns),
        crossings=graph.crossings,
    )


def _columns(graph: Layered, widths: Sequence[float]) -> list[tuple[float, float]]:
    """Left and right edge of each column."""
    found = []
    left = 0.0
    for layer in graph.layers:
        width = max((widths[node] for node in layer if node < graph.real), default=0.0)
        found.append((left, left + width))
        left += width + COLUMN_GAP
    return found


def _middles(graph: Layered, halves: Mapping[int, float]) -> dict[int, float]:
    """The height at which the middle of each node lies, from 0 down."""
    after, before = neighbours(graph)
    offsets = [_offsets(layer, halves, graph.real) for layer in graph.layers]
    middles = {
        node: offset
        for layer, places in zip(graph.layers, offsets, strict=True)
        for node, offset in zip(layer, places, strict=True)
    }
    for turn in range(2 * ROUNDS):
        last = turn >= 2 * ROUNDS - 2
        down = turn % 2 == 0
        towards = ((before, after) if last else (before,)) if down else ((after, before) if last else (after,))
        order = list(zip(graph.layers, offsets, strict=True))
        for layer, places in order if down else reversed(order):
            _place(layer, places, middles, towards, graph.real)
    top = min((middles[node] - halves[node] for node in middles), default=0.0)
    return {node: middle - top for node, middle in middles.items()}


def _offsets(layer: Sequence[int], halves: Mapping[int, float], real: int) -> list[float]:
    """The least height of each node of a layer, all packed from 0 down."""
    found = [0.0] if layer else []
    for upper, lower in itertools.pairwise(layer):
        gap = GAP if upper < real or lower < real else LANE / 2
        found.append(found[-1] + halves[upper] + gap + halves[lower])
    return found


def _place(
    layer: Sequence[int],
    offsets: Sequence[float],
    middles: dict[int, float],
    towards: Sequence[Mapping[int, list[int]]],
    real: int,
) -> None:
    """Move a layer's nodes as near to the mean of their neighbours as order and distances allow."""
    wishes, weights = [], []
    for node, offset in zip(layer, offsets, strict=True):
        weight = total = 0.0
        for side in towards:
            for other in side[node]:
                each = STRAIGHT if node >= real and other >= real else 2.0 if node >= real or other >= real else 1.0
                weight += each
                total += each * middles[other]
        wishes.append((total / weight if weight else middles[node]) - offset)
        weights.append(weight or 0.1)
    for node, offset, place in zip(layer, offsets, _isotonic(wishes, weights), strict=True):
        middles[node] = place + offset


def _isotonic(wishes: Sequence[float], weights: Sequence[float]) -> list[float]:
    """The non-decreasing numbers nearest to `wishes` in weighted squares: pool adjacent violators."""
    pools: list[tuple[float, float, int]] = []
    for wish, weight in zip(wishes, weights, strict=True):
        mean, total, size = wish, weight, 1
        while pools and pools[-1][0] > mean:
            other, heavy, many = pools.pop()
            mean = (mean * total + other * heavy) / (total + heavy)
            total, size = total + heavy, size + many
        pools.append((mean, total, size))
    return [mean for mean, _, size in pools for _ in range(size)]


def _routes(
    graph: Layered,
    pairs: Sequence[tuple[int, int]],
    *,
    names: Sequence[str],
    boxes: Mapping[str, Box],
    middles: Mapping[int, float],
    columns: Sequence[tuple[float, float]],
) -> dict[tuple[str, str], list[tuple[float, float]]]:
    ends = _ports(graph, names, boxes, middles)
    place = {node: number for number, layer in enumerate(graph.layers) for node in layer}
    found = {}
    for pair in dict.fromkeys(pairs):
        against = pair in graph.reversed
        chain = graph.chains.get((pair[1], pair[0]) if against else pair)
        if chain is None:
            continue
        first, last = ends[chain[0], chain[1], 1], ends[chain[-1], chain[-2], 0]
        points = [(boxes[names[chain[0]]].x + boxes[names[chain[0]]].width, first), (columns[place[chain[0]]][1], first)]
        for node in chain[1:-1]:
            points += [(columns[place[node]][0], middles[node]), (columns[place[node]][1], middles[node])]
        points.append((boxes[names[chain[-1]]].x, last))
        found[names[pair[0]], names[pair[1]]] = points[::-1] if against else points
    return found


def _ports(
    graph: Layered, names: Sequence[str], boxes: Mapping[str, Box], middles: Mapping[int, float]
) -> dict[tuple[int, int, int], float]:
    """The height at which an edge leaves (1) or meets (0) a box: by node, neighbour and side, in the order of the neighbours."""
    found = {}
    for side, adjacent in enumerate(reversed(neighbours(graph))):
        for node, others in adjacent.items():
            if node >= graph.real or not others:
                continue
            room = boxes[names[node]].height - PORT
            step = min(PORT, room / max(1, len(others) - 1))
            for number, other in enumerate(sorted(others, key=lambda other: (middles[other], other))):
                found[node, other, side] = middles[node] + (number - (len(others) - 1) / 2) * step
    return found
