"""What to draw of the graph around one version: the nearest versions and runs, the rest collapsed by namespace with counts."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from workbench.errors import InputError
from workbench.lineage.blast import blast_radius
from workbench.lineage.graph import SOURCE, Lineage, Version
from workbench.lineage.instant import as_instant, instant_text, parse_window

MOST_NODES: Final = 200
MOST_COLLAPSED: Final = 12
"""Boxes that stand for what is not drawn; the namespaces with the fewest nodes share the last one."""
BOTH, ONLY_THIS, ONLY_OTHER = "both", "only this", "only the other"

Id = tuple[str, int]
"""``("version", position)`` or ``("run", position)``."""


@dataclass(frozen=True)
class Node:
    """One box.

    Attributes
    ----------
    id
        Unique in the picture; the same for the same events.
    name
        ``NAME@RUN_ID`` of a version, ``JOB@RUN_ID`` of a run, the namespace of a collapsed box.
    kind
        ``dataset``, ``model``, ``deployment``, ``decisions``, ``run`` or ``collapsed``.
    status
        ``contaminated``, ``possible`` or ``clean``; empty where nothing was asked.
    gap
        What the events do not tell about it; empty where nothing is missing.
    since
        Whether it happened at or after the onset.
    side
        In whose lineage it lies, where two versions are compared.
    count
        How many nodes a collapsed box stands for.
    """

    id: str
    name: str
    label: str
    detail: str
    kind: str
    status: str = ""
    gap: str = ""
    since: bool = False
    focus: bool = False
    side: str = ""
    time: str | None = None
    count: int = 1


@dataclass(frozen=True)
class Edge:
    """That a run read or wrote a version; `certain` is false where only the dataset's name is settled."""

    source: str
    target: str
    certain: bool = True
    how: str = ""


@dataclass(frozen=True)
class Picture:
    """The nodes and edges to draw, and what they are about."""

    title: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    onset: str | None = None
    origin: str | None = None
    against: str | None = None


def picture(
    lineage: Lineage,
    node: str,
    *,
    origin: str | None = None,
    window: tuple[int, int] | str | None = None,
    onset: int | str | None = None,
    against: str | None = None,
    limit: int = MOST_NODES,
) -> Picture:
    """What `node` was made from and what was made from it.

    Parameters
    ----------
    node
        ``NAME@RUN_ID``, or ``NAME`` for its last version inside the window.
    origin
        Colour what is contaminated from here.
    window
        ``START..END`` or two instants; what was complete later is left out, and nothing is sought behind what was complete
        earlier.
    onset
        What happened since is marked.
    against
        Another version; boxes say in whose lineage they lie.
    limit
        Most boxes.

    Raises
    ------
    UnknownNameError
        If a name is not in the events.
    InputError
        If the window or the onset is no time, or the limit is too low.
    """
    if limit < 2 * MOST_COLLAPSED:
        raise InputError("too few boxes to draw anything", limit, f"Give at least {2 * MOST_COLLAPSED}.")
    span = parse_window(window) if isinstance(window, str) else window or (None, None)
    began = None if onset is None else as_instant(onset)
    focus = _focus(lineage, node, span[1])
    other = None if against is None else _focus(lineage, against, span[1])
    foci = [focus] if other is None else [focus, other]
    reached = _nearest(lineage, foci, span)
    drawn = list(reached)[: limit if len(reached) <= limit else limit - MOST_COLLAPSED]
    status = {} if origin is None else blast_radius(lineage, origin).status()
    nodes = {each: _node(lineage, each, began, status) for each in drawn}
    if other is not None:
        nodes = _with_sides(lineage, nodes, focus, other)
    for each in foci:
        nodes["version", each] = replace(nodes["version", each], focus=True)
    collapsed, links = _collapsed(lineage, reached, drawn)
    edges = [edge for each in drawn for edge in _edges_into(lineage, each, nodes)]
    return Picture(
        title=f"Lineage of {lineage.name(focus)}",
        nodes=(*nodes.values(), *collapsed),
        edges=(*dict.fromkeys(edges), *links),
        onset=instant_text(began),
        origin=origin,
        against=None if other is None else lineage.name(other),
    )


def _focus(lineage: Lineage, node: str, end: int | None) -> int:
    found = lineage.find(node)
    early = [at for at in found if (time := lineage.versions[at].completed) is not None and (end is None or time <= end)]
    return early[-1] if early else lineage.latest(node)


def _nearest(lineage: Lineage, foci: Sequence[int], span: tuple[int | None, int | None]) -> dict[Id, int]:
    """Everything upstream (−1) and downstream (1) of the foci (0), the nearest first."""
    found: dict[Id, int] = {("version", at): 0 for at in foci}
    waiting: deque[tuple[Id, int]] = deque((("version", at), way) for at in foci for way in (-1, 1))
    while waiting:
        each, way = waiting.popleft()
        if way < 0 and _is_before(lineage, each, span[0]):
            continue
        for other in _upstream(lineage, each) if way < 0 else _downstream(lineage, each):
            if other not in found and not _is_after(lineage, other, span[1]):
                found[other] = way
                waiting.append((other, way))
    return found


def _upstream(lineage: Lineage, each: Id) -> Iterator[Id]:
    kind, at = each
    if kind == "version":
        yield from (("run", run) for run in lineage.versions[at].writers)
    else:
        yield from (("version", read.version) for read in lineage.runs[at].reads)


def _downstream(lineage: Lineage, each: Id) -> Iterator[Id]:
    kind, at = each
    if kind == "version":
        yield from (("run", run) for run, _ in lineage.versions[at].readers)
    else:
        yield from (("version", version) for version in lineage.runs[at].writes)


def _time(lineage: Lineage, each: Id) -> int | None:
    kind, at = each
    if kind == "version":
        return lineage.versions[at].completed
    run = lineage.runs[at]
    return run.end if run.end is not None else run.moment


def _is_before(lineage: Lineage, each: Id, start: int | None) -> bool:
    time = _time(lineage, each)
    return start is not None and time is not None and time < start


def _is_after(lineage: Lineage, each: Id, end: int | None) -> bool:
    kind, at = each
    time = _time(lineage, each) if kind == "version" else lineage.runs[at].moment
    return end is not None and time is not None and time > end


def _node(lineage: Lineage, each: Id, onset: int | None, status: dict[int, str]) -> Node:
    kind, at = each
    time = _time(lineage, each)
    since = onset is not None and time is not None and time >= onset
    if kind == "run":
        run = lineage.runs[at]
        gap = "" if run.by_design else "no end" if not run.outcome else "no start" if run.start is None else ""
        detail = "by design, no run known" if run.by_design else _clock(run.start if run.start is not None else time)
        ended = "" if run.outcome in ("COMPLETE", "") else f" {run.outcome.lower()}"
        return Node(
            f"run-{at}", f"{lineage.job(at)}@{run.id}", run.job[1], f"{detail}{ended}", "run", gap=gap, since=since,
            time=instant_text(time),
        )  # fmt: skip
    version = lineage.versions[at]
    gap = "written by no run here" if version.run_id == SOURCE else "" if version.completed is not None else "never complete"
    return Node(
        f"version-{at}", lineage.name(at), lineage.labels[version.dataset], _version_detail(version), lineage.kind(at),
        status=status.get(at, ""), gap=gap, since=since, time=instant_text(time),
    )  # fmt: skip


def _version_detail(version: Version) -> str:
    if version.run_id == SOURCE:
        return "source"
    return f"{version.run_id[:8]} {_clock(version.completed)}".strip()


def _clock(time: int | None) -> str:
    """Day and minute, as a box has room for."""
    text = instant_text(time)
    return "" if text is None else text[5:16].replace("T", " ")


def _with_sides(lineage: Lineage, nodes: dict[Id, Node], focus: int, other: int) -> dict[Id, Node]:
    mine, theirs = (_all_upstream(lineage, at) for at in (focus, other))

    def side(each: Id) -> str:
        if each in mine and each in theirs:
            return BOTH
        return ONLY_THIS if each in mine else ONLY_OTHER if each in theirs else ""

    return {each: replace(node, side=side(each)) for each, node in nodes.items()}


def _all_upstream(lineage: Lineage, at: int) -> set[Id]:
    found: set[Id] = {("version", at)}
    waiting: list[Id] = [("version", at)]
    while waiting:
        for other in _upstream(lineage, waiting.pop()):
            if other not in found:
                found.add(other)
                waiting.append(other)
    return found


def _edges_into(lineage: Lineage, each: Id, nodes: dict[Id, Node]) -> Iterator[Edge]:
    """The edges between drawn nodes that end in `each`."""
    kind, at = each
    target = nodes[each].id
    if kind == "version":
        for run in lineage.versions[at].writers:
            if ("run", run) in nodes:
                yield Edge(nodes["run", run].id, target, certain=not lineage.runs[run].by_design, how="wrote")
    else:
        for read in lineage.runs[at].reads:
            if ("version", read.version) in nodes:
                yield Edge(nodes["version", read.version].id, target, certain=read.certain, how=read.how)


def _collapsed(lineage: Lineage, reached: dict[Id, int], drawn: Sequence[Id]) -> tuple[list[Node], list[Edge]]:
    """Boxes for what is not drawn, by direction and namespace, with an edge to each drawn node that one of them touches."""
    shown = set(drawn)
    groups = {each: (way, _namespace(lineage, each)) for each, way in reached.items() if each not in shown}
    counts = Counter(groups.values())
    kept = {group for group, _ in counts.most_common(MOST_COLLAPSED - 2)}
    merged = {each: group if group in kept else (group[0], "other namespaces") for each, group in groups.items()}
    totals = Counter(merged.values())
    order = sorted(totals)
    nodes = [_collapsed_node(number, *group, totals[group]) for number, group in enumerate(order)]
    numbers = {group: f"collapsed-{number}" for number, group in enumerate(order)}
    edges = []
    for each in drawn:
        own = f"{each[0]}-{each[1]}"
        edges += [Edge(numbers[merged[other]], own, how="collapsed") for other in _upstream(lineage, each) if other in merged]
        edges += [Edge(own, numbers[merged[other]], how="collapsed") for other in _downstream(lineage, each) if other in merged]
    return nodes, list(dict.fromkeys(edges))


def _collapsed_node(number: int, way: int, namespace: str, count: int) -> Node:
    name = namespace or "no namespace"
    detail = f"{count:,} more {'upstream' if way < 0 else 'downstream'}"
    return Node(f"collapsed-{number}", name, name, detail, "collapsed", count=count)


def _namespace(lineage: Lineage, each: Id) -> str:
    kind, at = each
    return (lineage.versions[at].dataset if kind == "version" else lineage.runs[at].job)[0]
