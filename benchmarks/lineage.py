"""How long lineage takes: reading events, building the graph, each question, and the layout beside dagre's.

Run ``python benchmarks/lineage.py``. Events are made up (seeded): a pipeline of forty jobs in five layers, two events a run, each
event about two kilobytes as a producer writes them. Questions are asked twice and the second is told. dagre is installed with npm
into a folder of its own; without npm its column is left out.
"""

import argparse
import json
import platform
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from workbench.lineage.blast import blast_radius
from workbench.lineage.build import build_lineage
from workbench.lineage.consumed import consumed
from workbench.lineage.diff import diff
from workbench.lineage.graph import Lineage
from workbench.lineage.instant import SECOND, instant_text
from workbench.lineage.layout import layout
from workbench.lineage.openlineage import read_files
from workbench.lineage.picture import picture
from workbench.lineage.suspects import suspects
from workbench.views.lineage import lineage_svg

JOBS, LAYER = 40, 8
BEGINNING = 1_767_225_600 * SECOND
DAGRE = """
import dagre from '@dagrejs/dagre';
const text = await new Response(process.stdin).text();
const times = JSON.parse(text).map(({nodes, edges}) => [1, 2, 3, 4, 5].map(() => {
  const graph = new dagre.graphlib.Graph();
  graph.setGraph({rankdir: 'LR'});
  graph.setDefaultEdgeLabel(() => ({}));
  for (const [name, [width, height]] of Object.entries(nodes)) graph.setNode(name, {width, height});
  for (const [source, target] of edges) graph.setEdge(source, target);
  const start = performance.now();
  dagre.layout(graph);
  return performance.now() - start;
}).sort((a, b) => a - b)[2]);
console.log(JSON.stringify(times));
"""


def write_events(path: Path, count: int, seed: int = 0) -> None:
    """`count` events of runs that follow each other."""
    rng = random.Random(seed)  # noqa: S311  no secret
    now = BEGINNING
    with path.open("w") as file:
        for number in range(count // 2):
            for event in run_events(number % JOBS, now, rng):
                file.write(json.dumps(event) + "\n")
            now += 20 * SECOND


def run_events(job: int, now: int, rng: random.Random) -> list[dict[str, Any]]:
    """START and COMPLETE of one run of a job."""
    layer = job // LAYER
    told = {"_producer": "https://example.org/producer", "_schemaURL": "https://openlineage.io/spec/facets/1-0-0/Facet.json"}
    names = [f"layer{layer - 1}.table{rng.randrange(LAYER)}" for _ in range(3)] if layer else [f"raw.source{rng.randrange(10)}"]
    fields = [{"name": f"column_{number}", "type": "DOUBLE", "description": "a column of the table"} for number in range(12)]
    output = {
        "namespace": "warehouse", "name": f"layer{layer}.table{job % LAYER}", "facets": {"schema": {**told, "fields": fields}},
        "outputFacets": {"outputStatistics": {**told, "rowCount": rng.randrange(1000, 1100)}},
    }  # fmt: skip
    run_id = str(uuid.UUID(int=rng.getrandbits(128)))
    sql = {**told, "query": f"SELECT {job} -- {'as written ' * 20}"}
    base = {
        "run": {"runId": run_id, "facets": {"nominalTime": {**told, "nominalStartTime": instant_text(now)}}},
        "job": {"namespace": "etl", "name": f"job{job}", "facets": {"sql": sql}},
        "inputs": [{"namespace": "warehouse", "name": name} for name in dict.fromkeys(names)], "outputs": [output],
        "producer": "https://example.org/producer", "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json",
    }  # fmt: skip
    end = now + rng.randrange(5, 19) * SECOND
    return [
        {**base, "eventType": "START", "eventTime": instant_text(now)},
        {**base, "eventType": "COMPLETE", "eventTime": instant_text(end)},
    ]


def seconds_of(question: Callable[[], Any]) -> float:
    """Seconds of the second of two calls."""
    question()
    start = time.perf_counter()
    question()
    return time.perf_counter() - start


def run(count: int) -> None:
    """Read, build and ask, in this process."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.ndjson"
        write_events(path, count)
        size = path.stat().st_size / 1e6
        start = time.perf_counter()
        log = read_files([path])
        read = time.perf_counter()
        graph = build_lineage(log.events, log.odd)
        built = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{count:>9,} events ({size:,.0f} MB): read {read - start:.1f} s, graph {built - read:.1f} s, peak {peak:,.0f} MB")
    print(f"{'':9} {len(graph.runs):,} runs, {len(graph.versions):,} versions")
    for name, question in questions(graph).items():
        print(f"{'':9} {name:44} {1000 * seconds_of(question):7.1f} ms")


def questions(graph: Lineage) -> dict[str, Callable[[], Any]]:
    """Every question, on the largest answers the log has."""
    first, last = graph.find("layer0.table3"), graph.find("layer4.table3")
    end = graph.versions[last[-1]].completed or 0
    window = (end - 86_400 * SECOND, end)
    names = graph.name(first[5]), graph.name(first[-1]), graph.name(last[-1])
    return {
        "blast radius of one version": lambda: blast_radius(graph, names[0]),
        "blast radius of a dataset, all versions": lambda: blast_radius(graph, "layer0.table3"),
        "blast radius of a source": lambda: blast_radius(graph, "raw.source0"),
        "suspects in the last day": lambda: suspects(graph, names[2], window, onset=end),
        "suspects, no window": lambda: suspects(graph, "layer4.table3"),
        "consumed": lambda: consumed(graph, names[2]),
        "diff": lambda: diff(graph, names[0], names[1]),
        "picture of 200 boxes, as SVG": lambda: lineage_svg(picture(graph, "raw.source0")),
    }


def random_graph(count: int, seed: int = 0) -> tuple[dict[str, tuple[float, float]], list[tuple[str, str]]]:
    """A sparse graph without cycles, as pipelines are."""
    rng = random.Random(seed)  # noqa: S311  no secret
    names = [f"n{number}" for number in range(count)]
    edges = {
        (names[rng.randrange(max(0, number - 25), number)], names[number])
        for number in range(1, count)
        for _ in range(rng.choice([1, 1, 2, 2]))
    }
    return dict.fromkeys(names, (140.0, 44.0)), sorted(edges)


def compare_layouts() -> None:
    """Median milliseconds of five layouts, ours and dagre's, on the same graphs and machine."""
    graphs = {count: random_graph(count) for count in (30, 200)}
    theirs = dagre_times([graphs[count] for count in graphs])
    for number, (count, graph) in enumerate(graphs.items()):
        times = []
        for _ in range(5):
            start = time.perf_counter()
            layout(*graph)
            times.append(1000 * (time.perf_counter() - start))
        ours = sorted(times)[2]
        beside = f"dagre {theirs[number]:.0f} ms, ratio {ours / theirs[number]:.2f}" if theirs else "dagre not installed"
        print(f"layout of {count:>3} nodes and {len(graph[1]):>3} edges: {ours:.0f} ms; {beside}")


def dagre_times(graphs: list[Any]) -> list[float]:
    """Dagre's medians in milliseconds; none without npm."""
    npm = shutil.which("npm")
    if npm is None:
        return []
    with tempfile.TemporaryDirectory() as folder:
        install = [npm, "install", "--silent", "--no-audit", "--no-fund", "--prefix", folder, "@dagrejs/dagre@3"]
        if subprocess.run(install, capture_output=True, check=False).returncode:
            return []
        script = Path(folder) / "run.mjs"
        script.write_text(DAGRE)
        asked = json.dumps([{"nodes": sizes, "edges": edges} for sizes, edges in graphs])
        done = subprocess.run(["node", script], input=asked, capture_output=True, text=True, check=True)
    found: list[float] = json.loads(done.stdout)
    return found


def main() -> None:
    """Each size in a process of its own, because peak memory never goes down again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, help="only this many events, in this process")
    arguments = parser.parse_args()
    if arguments.events:
        run(arguments.events)
        return
    print(f"Python {platform.python_version()}, {platform.machine()}, {platform.system()}")
    for count in (10_000, 100_000):
        subprocess.run([sys.executable, __file__, "--events", str(count)], check=True)
    compare_layouts()


if __name__ == "__main__":
    main()
