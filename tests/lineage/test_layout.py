"""Where boxes and edges lie: no overlap, no edge through a box, the same picture every time."""

import itertools
import json
import random
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.lineage.layout import Layout, layout
from workbench.lineage.picture import picture

Point = tuple[float, float]
NEAR = 1e-6


def random_graph(count: int, seed: int, reach: int = 25) -> tuple[dict[str, tuple[float, float]], list[tuple[str, str]]]:
    rng = random.Random(seed)  # noqa: S311  no secret
    names = [f"n{number}" for number in range(count)]
    edges = {
        (names[rng.randrange(max(0, number - reach), number)], names[number])
        for number in range(1, count)
        for _ in range(rng.choice([1, 1, 2, 2]))
    }
    return {name: (rng.uniform(60, 200), rng.choice([36.0, 44.0, 57.0])) for name in names}, sorted(edges)


def crosses(a: Point, b: Point, c: Point, d: Point) -> bool:
    def side(p: Point, q: Point, r: Point) -> float:
        return (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])

    return side(a, b, c) * side(a, b, d) < -NEAR and side(c, d, a) * side(c, d, b) < -NEAR


def crossings(routes: dict[tuple[str, str], list[Point]]) -> int:
    """Crossing pieces of edges that share no end, by geometry."""
    return sum(
        crosses(*one, *two)
        for (left, way), (right, other) in itertools.combinations(routes.items(), 2)
        if not set(left) & set(right)
        for one in itertools.pairwise(way)
        for two in itertools.pairwise(other)
    )


def pierced(found: Layout) -> list[Any]:
    """Edges a point of which lies inside a box, each piece followed in small steps."""
    return [
        (edge, name)
        for edge, way in found.routes.items()
        for (x, y), (to_x, to_y) in itertools.pairwise(way)
        for step in range(41)
        for name, box in found.boxes.items()
        if box.x + NEAR < x + (to_x - x) * step / 40 < box.x + box.width - NEAR
        and box.y + NEAR < y + (to_y - y) * step / 40 < box.y + box.height - NEAR
    ]


def overlapping(found: Layout) -> list[tuple[str, str]]:
    return [
        (one, two)
        for (one, a), (two, b) in itertools.combinations(found.boxes.items(), 2)
        if a.x < b.x + b.width and b.x < a.x + a.width and a.y < b.y + b.height - NEAR and b.y < a.y + a.height - NEAR
    ]


@given(st.integers(1, 30), st.integers(0, 10**6), st.integers(1, 30))
def test_no_edge_goes_through_a_box_and_no_boxes_overlap(count: int, seed: int, reach: int) -> None:
    sizes, edges = random_graph(count, seed, reach)
    found = layout(sizes, edges)
    assert pierced(found) == []
    assert overlapping(found) == []
    assert set(found.routes) == set(edges)
    assert all(box.x >= 0 and box.x + box.width <= found.width + NEAR for box in found.boxes.values())
    assert all(box.y >= -NEAR and box.y + box.height <= found.height + NEAR for box in found.boxes.values())


def test_an_edge_runs_from_the_side_of_its_source_to_the_side_of_its_target() -> None:
    found = layout(*random_graph(30, 1))
    for (source, target), way in found.routes.items():
        assert way[0][0] == pytest.approx(found.boxes[source].x + found.boxes[source].width)
        assert way[-1][0] == pytest.approx(found.boxes[target].x)
        for name, (_, y) in ((source, way[0]), (target, way[-1])):
            assert found.boxes[name].y < y < found.boxes[name].y + found.boxes[name].height


def test_an_edge_of_a_cycle_runs_back_and_ends_at_its_target() -> None:
    sizes = dict.fromkeys("abc", (80.0, 40.0))
    found = layout(sizes, [("a", "b"), ("b", "c"), ("c", "a"), ("a", "a")])
    assert set(found.routes) == {("a", "b"), ("b", "c"), ("c", "a")}
    assert found.routes["c", "a"][-1][0] == pytest.approx(found.boxes["a"].x + 80)
    assert pierced(found) == []


def test_the_same_input_gives_the_same_picture() -> None:
    sizes, edges = random_graph(60, 5)
    assert layout(sizes, edges) == layout(sizes, edges)


def test_nothing_and_one_box_can_be_laid_out() -> None:
    assert layout({}, []).boxes == {}
    assert layout({"a": (50.0, 20.0)}, []).boxes["a"] == (0.0, 0.0, 50.0, 20.0)


def test_the_counted_crossings_are_those_that_are_drawn() -> None:
    sizes, edges = random_graph(20, 3)
    found = layout(sizes, edges)
    assert crossings(found.routes) <= found.crossings


DAGRE = """
import dagre from '@dagrejs/dagre';
const text = await new Response(process.stdin).text();
console.log(JSON.stringify(JSON.parse(text).map(({nodes, edges}) => {
  const graph = new dagre.graphlib.Graph();
  graph.setGraph({rankdir: 'LR'});
  graph.setDefaultEdgeLabel(() => ({}));
  for (const [name, [width, height]] of Object.entries(nodes)) graph.setNode(name, {width, height});
  for (const [source, target] of edges) graph.setEdge(source, target);
  dagre.layout(graph);
  return graph.edges().map(edge => [[edge.v, edge.w], graph.edge(edge).points.map(({x, y}) => [x, y])]);
})));
"""


def dagre_crossings(folder: Path, graphs: list[Any]) -> list[int]:
    """Crossings in the drawings of dagre, installed into `folder`."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed")
    done = subprocess.run(
        [npm, "install", "--silent", "--no-audit", "--no-fund", "--prefix", folder, "@dagrejs/dagre@3"],
        capture_output=True, check=False, timeout=120,
    )  # fmt: skip
    if done.returncode:
        pytest.skip("npm could not install @dagrejs/dagre")
    (folder / "run.mjs").write_text(DAGRE)
    asked = json.dumps([{"nodes": sizes, "edges": edges} for sizes, edges in graphs])
    run = subprocess.run(["node", folder / "run.mjs"], input=asked, capture_output=True, text=True, check=True)
    drawn = json.loads(run.stdout)
    return [crossings({tuple(edge): [(x, y) for x, y in way] for edge, way in routes}) for routes in drawn]


@pytest.mark.slow
def test_crossings_are_no_more_than_those_of_dagre(seed_graph: Any, tmp_path: Path) -> None:
    drawn = picture(seed_graph, "public.delivery_7_days")
    seed = {node.id: (150.0, 44.0) for node in drawn.nodes}, [(edge.source, edge.target) for edge in drawn.edges]
    graphs = [seed, *(random_graph(count, number) for count in (30, 60, 120) for number in range(2))]
    theirs = dagre_crossings(tmp_path, graphs)
    ours = [crossings(layout(*graph).routes) for graph in graphs]
    assert ours[0] <= theirs[0]
    assert sum(ours) <= sum(theirs)
