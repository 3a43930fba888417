"""The first half of a layered drawing: break cycles, give every node a layer, order each layer so that few edges cross.

Nodes are numbers from 0. An edge that spans several layers gets a *dummy* node in each layer between, so that it has a lane of
its own there. After Sugiyama, Tagawa and Toda (1981), with the barycentre heuristic and transposition of Gansner et al. (1993).
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

Edge = tuple[int, int]

SWEEPS: Final = 60
PATIENCE: Final = 12
"""Sweeps over the layers at most, and without an improvement."""


@dataclass(frozen=True)
class Layered:
    """Nodes, dummies included, by layer and in order within it.

    Attributes
    ----------
    layers
        Node numbers; those from `real` on are dummies.
    chains
        Edge to the nodes on its way, from the one in the lower layer to the one in the higher.
    reversed
        Edges that run against the layers, to break a cycle.
    """

    layers: list[list[int]]
    real: int
    chains: dict[Edge, list[int]]
    reversed: frozenset[Edge]

    @property
    def crossings(self) -> int:
        """How many pairs of edges cross between neighbouring layers."""
        after, _ = neighbours(self)
        return sum(_crossings(upper, lower, after) for upper, lower in itertools.pairwise(self.layers))


def layered(count: int, edges: Sequence[Edge]) -> Layered:
    """`count` nodes in layers, by the same input always in the same way; edges from a node to itself are left out."""
    kept = list(dict.fromkeys(edge for edge in edges if edge[0] != edge[1]))
    against = _against(count, kept)
    forward = list(dict.fromkeys((edge[1], edge[0]) if edge in against else edge for edge in kept))
    ranks = _ranks(count, forward)
    layers: list[list[int]] = [[] for _ in range(max(ranks, default=-1) + 1)]
    chains: dict[Edge, list[int]] = {}
    number = count
    place = list(ranks)
    for edge in forward:
        between = range(ranks[edge[0]] + 1, ranks[edge[1]])
        chains[edge] = [edge[0], *range(number, number + len(between)), edge[1]]
        place += between
        number += len(between)
    found = Layered(layers, count, chains, frozenset(against))
    for node in _first_order(found, number):
        layers[place[node]].append(node)
    _reduce_crossings(found)
    return found


def neighbours(graph: Layered) -> tuple[dict[int, list[int]], dict[int, list[int]]]:
    """Each node's neighbours in the next layer, and in the one before."""
    after: dict[int, list[int]] = {node: [] for layer in graph.layers for node in layer}
    before: dict[int, list[int]] = {node: [] for layer in graph.layers for node in layer}
    for chain in graph.chains.values():
        for left, right in itertools.pairwise(chain):
            after[left].append(right)
            before[right].append(left)
    return after, before


def _against(count: int, edges: Sequence[Edge]) -> set[Edge]:
    """Edges that close a cycle in a depth-first search; without them there is none."""
    following: list[list[int]] = [[] for _ in range(count)]
    for left, right in edges:
        following[left].append(right)
    state = [0] * count
    found = set()
    for root in range(count):
        if state[root]:
            continue
        state[root] = 1
        stack = [(root, iter(following[root]))]
        while stack:
            node, rest = stack[-1]
            for other in rest:
                if state[other] == 1:
                    found.add((node, other))
                elif not state[other]:
                    state[other] = 1
                    stack.append((other, iter(following[other])))
                    break
            else:
                state[node] = 2
                stack.pop()
    return found


def _ranks(count: int, edges: Sequence[Edge]) -> list[int]:
    """A layer for each node: as low as its edges allow, then drawn towards where most of its edges lead."""
    after: list[list[int]] = [[] for _ in range(count)]
    before: list[list[int]] = [[] for _ in range(count)]
    for left, right in edges:
        after[left].append(right)
        before[right].append(left)
    order = _topological(after, before)
    ranks = [0] * count
    for node in order:
        ranks[node] = max((ranks[other] + 1 for other in before[node]), default=0)
    for node in reversed(order):
        if len(after[node]) > len(before[node]):
            ranks[node] = min(ranks[other] for other in after[node]) - 1
    return ranks


def _topological(after: list[list[int]], before: list[list[int]]) -> list[int]:
    waiting = [len(sources) for sources in before]
    order = [node for node, count in enumerate(waiting) if not count]
    for node in order:  # grows while it is read
        for other in after[node]:
            waiting[other] -= 1
            if not waiting[other]:
                order.append(other)
    return order


def _first_order(graph: Layered, count: int) -> list[int]:
    """All nodes as a depth-first search along the edges meets them: neighbours come to lie near each other."""
    after: list[list[int]] = [[] for _ in range(count)]
    has_source = [False] * count
    for chain in graph.chains.values():
        for left, right in itertools.pairwise(chain):
            after[left].append(right)
            has_source[right] = True
    seen = [False] * count
    order = []
    for root in sorted(range(count), key=lambda node: (has_source[node], node)):
        stack = [root]
        while stack:
            node = stack.pop()
            if not seen[node]:
                seen[node] = True
                order.append(node)
                stack += reversed(after[node])
    return order


def _reduce_crossings(graph: Layered) -> None:
    """Sweep over the layers, each ordered by the mean place of its neighbours, and keep the order with the fewest crossings."""
    after, before = neighbours(graph)
    layers = graph.layers
    best, fewest, since = [list(layer) for layer in layers], _total(layers, after), 0
    for sweep in range(SWEEPS):
        if not fewest or since > PATIENCE:
            break
        down = sweep % 2 == 0
        _sweep(layers, before if down else after, down=down, stable=sweep % 4 < 2)
        _transpose(layers, after, before)
        total = _total(layers, after)
        since += 1
        if total < fewest:
            best, fewest, since = [list(layer) for layer in layers], total, 0
    layers[:] = best


def _sweep(layers: list[list[int]], towards: dict[int, list[int]], *, down: bool, stable: bool) -> None:
    """Order each layer by the mean place of its neighbours in the layer it is held against; ties keep or turn their order."""
    places = {node: place for layer in layers for place, node in enumerate(layer)}
    for layer in layers[1:] if down else layers[-2::-1]:
        means = {
            node: sum(places[other] for other in towards[node]) / len(towards[node]) if towards[node] else places[node]
            for node in layer
        }
        if not stable:
            layer.reverse()
        layer.sort(key=means.__getitem__)
        places.update((node, place) for place, node in enumerate(layer))


def _transpose(layers: list[list[int]], after: dict[int, list[int]], before: dict[int, list[int]]) -> None:
    """Swap neighbours within a layer as long as that makes fewer crossings."""
    places = {node: place for layer in layers for place, node in enumerate(layer)}
    improved = True
    rounds = 0
    while improved and rounds < 8:
        improved = False
        rounds += 1
        for layer in layers:
            sides = {
                node: (sorted(places[other] for other in before[node]), sorted(places[other] for other in after[node]))
                for node in layer
            }
            for place in range(len(layer) - 1):
                left, right = layer[place], layer[place + 1]
                one, two = sides[left], sides[right]
                now = _pairs(one[0], two[0]) + _pairs(one[1], two[1])
                if now and now > _pairs(two[0], one[0]) + _pairs(two[1], one[1]):
                    layer[place], layer[place + 1] = right, left
                    places[left], places[right] = place + 1, place
                    improved = True


def _pairs(left: list[int], right: list[int]) -> int:
    """Crossings between the edges of a node and those of the node after it, both by the sorted places they lead to."""
    if not left or not right or left[-1] <= right[0]:
        return 0
    return sum(bisect.bisect_left(right, place) for place in left)


def _total(layers: list[list[int]], after: dict[int, list[int]]) -> int:
    return sum(_crossings(upper, lower, after) for upper, lower in itertools.pairwise(layers))


def _crossings(upper: Sequence[int], lower: Sequence[int], after: dict[int, list[int]]) -> int:
    """Pairs of edges between two layers that cross."""
    places = {node: place for place, node in enumerate(lower)}
    seen: list[int] = []
    found = 0
    for node in upper:
        targets = sorted(places[other] for other in after[node])
        for target in targets:
            found += len(seen) - bisect.bisect_right(seen, target)
        for target in targets:
            bisect.insort(seen, target)
    return found
