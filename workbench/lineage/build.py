"""From events to the graph: merge the events of a run, name what it wrote, settle what it read, note what is missing."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from workbench.lineage.changes import all_changes
from workbench.lineage.event import NO_FACETS, Event, FacetMap, Key, Oddities, Use
from workbench.lineage.graph import KINDS, SOURCE, Gap, Lineage, Run, Version, version_text
from workbench.lineage.reads import settle_reads

ENDS: Final = ("COMPLETE", "FAIL", "ABORT")
SOURCE_FACETS: Final = ("columnLineage", "lineage")


def build_lineage(events: Sequence[Event], odd: Oddities | None = None) -> Lineage:
    """The graph of what `events` tell, in whatever order they come.

    Parameters
    ----------
    odd
        What was odd in reading them; the graph's own list starts from it.
    """
    odd = odd.copy() if odd is not None else Oddities()
    same = _symlinks(events)
    runs = merge_runs(events, same, odd)
    designs = _designs(events, same)
    _add_column_inputs(runs, same)
    lineage = Lineage(
        runs=runs, versions=[], by_dataset={}, kinds=_kinds(events, same), labels={}, aliases={}, odd=odd
    )  # fmt: skip
    _add_versions(lineage)
    settle_reads(lineage, designs)
    _add_labels(lineage, same, events)
    _mark_versions(lineage)
    _note_cycles(lineage)
    lineage.gaps = list(_gaps(lineage))
    all_changes(lineage)
    return lineage


def merge_runs(events: Iterable[Event], same: dict[Key, Key], odd: Oddities) -> list[Run]:
    """One run per run id and job; events that name no job belong to the first job of their run id."""
    runs: dict[tuple[str, Key | None], Run] = {}
    jobs: dict[str, list[Key]] = {}
    for event in events:
        if event.run_id and event.job is not None:
            known = jobs.setdefault(event.run_id, [])
            if event.job not in known:
                known.append(event.job)
                if len(known) == 2:
                    odd.note("one run id with two jobs; what one job read is only possible for the other", event.place)
    for event in events:
        if not event.run_id:
            continue
        job = event.job or next(iter(jobs.get(event.run_id, ())), None)
        run = runs.get((event.run_id, job))
        if run is None:
            if job is None:
                odd.note("a run whose job no event names", event.place)
            run = runs[event.run_id, job] = Run(event.run_id, job or ("", "unnamed job"))
        _merge_event(run, event, same)
    for run in runs.values():
        _drop_unversioned(run)
    return list(runs.values())


def _merge_event(run: Run, event: Event, same: dict[Key, Key]) -> None:
    if event.time is not None:
        if event.state == "START" and (run.start is None or event.time < run.start):
            run.start = event.time
        run.last = event.time if run.last is None else max(run.last, event.time)
    if event.state in ENDS:
        _merge_end(run, event)
    run.run_facets = _merged(run.run_facets, event.run_facets)
    run.job_facets = _merged(run.job_facets, event.job_facets)
    for use in event.inputs:
        texts = run.inputs.setdefault(same.get(use.key, use.key), {})
        text = version_text(use.facets)
        texts[text] = _merged(texts.get(text, NO_FACETS), use.facets)
    for use in event.outputs:
        key = same.get(use.key, use.key)
        run.outputs[key] = _merged(run.outputs.get(key, NO_FACETS), use.facets)


def _merge_end(run: Run, event: Event) -> None:
    """The outcome that ranks first in `ENDS` counts, and the earliest time of it."""
    if not run.outcome or ENDS.index(event.state) < ENDS.index(run.outcome):
        run.outcome, run.end = event.state, event.time
    elif event.state == run.outcome and event.time is not None:
        run.end = event.time if run.end is None else min(run.end, event.time)


def _merged(known: FacetMap, more: FacetMap) -> FacetMap:
    if not more:
        return known
    return {**known, **more} if known else more


def _drop_unversioned(run: Run) -> None:
    """An input told once with its version and once without is one input."""
    for texts in run.inputs.values():
        if len(texts) > 1 and "" in texts:
            plain = texts.pop("")
            texts.update({text: _merged(plain, facets) for text, facets in texts.items()})


def _symlinks(events: Iterable[Event]) -> dict[Key, Key]:
    """Other names of a dataset, each to the name that events use first."""
    found: dict[Key, Key] = {}
    for event in events:
        for use in (*event.inputs, *event.outputs):
            for other in _other_names(use):
                main = _root(use.key, found)
                if other != main and _root(other, found) != main:
                    found[_root(other, found)] = main
    return {key: _root(key, found) for key in found}


def _other_names(use: Use) -> Iterator[Key]:
    facet = use.facets.get("symlinks")
    for item in _objects(facet, "identifiers"):
        name, namespace = item.get("name"), item.get("namespace")
        if isinstance(name, str) and name:
            yield (namespace if isinstance(namespace, str) else "", name)


def _root(key: Key, found: dict[Key, Key]) -> Key:
    while key in found:
        key = found[key]
    return key


def _objects(facet: Any, name: str) -> list[dict[str, Any]]:
    listed = facet.get(name) if isinstance(facet, dict) else None
    return [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []


def _kinds(events: Iterable[Event], same: dict[Key, Key]) -> dict[Key, str]:
    found: dict[Key, str] = {}
    for event in events:
        for use in (*event.inputs, *event.outputs):
            facet = use.facets.get("datasetType")
            kind = KINDS.get(str(facet.get("datasetType")).upper()) if facet else None
            if kind:
                found[same.get(use.key, use.key)] = kind
    return found


def _designs(events: Iterable[Event], same: dict[Key, Key]) -> dict[Key, Run]:
    """What events without a run say of a job: which datasets it reads and writes by design."""
    found: dict[Key, Run] = {}
    for event in events:
        if event.run_id or not (event.inputs or event.outputs):
            continue
        if event.job is None:
            event = _with_lineage(event)  # noqa: PLW2901  the same event, its facet read
        job = event.job or ("", f"origin of {event.outputs[0].key[1]}")
        _merge_event(found.setdefault(job, Run("", job)), event, same)
    return {job: design for job, design in found.items() if design.inputs}


def _with_lineage(event: Event) -> Event:
    """A dataset's event with what its facet ``lineage`` says it is made of as inputs."""
    sources = facet_sources(event.outputs[0].facets.get("lineage"))
    return event._replace(inputs=tuple(Use(key, NO_FACETS) for key in sorted(sources)))


def _add_column_inputs(runs: Sequence[Run], same: dict[Key, Key]) -> None:
    """A dataset that an output's columns come from was read, listed among the inputs or not; names nobody else uses are left."""
    known = {key for run in runs for key in (*run.inputs, *run.outputs)}
    for run in runs:
        told = [facets[name] for facets in run.outputs.values() for name in SOURCE_FACETS if name in facets]
        told += [run.job_facets["lineage"]] if "lineage" in run.job_facets else []
        for key in (same.get(key, key) for facet in told for key in facet_sources(facet)):
            if key in known and key not in run.outputs:
                run.inputs.setdefault(key, {"": NO_FACETS})


def facet_sources(facet: Any) -> set[Key]:
    """The datasets that a facet ``columnLineage`` or ``lineage`` names as sources, however deep."""
    found: set[Key] = set()
    waiting = [facet]
    while waiting:
        part = waiting.pop()
        if isinstance(part, list):
            waiting += part
        elif isinstance(part, dict):
            waiting += [part.get(name) for name in ("entries", "inputs", "inputFields", "dataset")]
            fields = part.get("fields")
            waiting += fields.values() if isinstance(fields, dict) else []
            namespace, name = part.get("namespace"), part.get("name")
            is_output = "inputs" in part or "fields" in part
            if isinstance(namespace, str) and isinstance(name, str) and part.get("type") != "JOB" and not is_output:
                found.add((namespace, name))
    return found


def _add_versions(lineage: Lineage) -> None:
    """A version for every output of every run; those of one dataset in the order in which they were complete."""
    known: dict[tuple[Key, str], int] = {}
    for at, run in enumerate(lineage.runs):
        for key, facets in run.outputs.items():
            position = known.setdefault((key, run.id), len(lineage.versions))
            if position == len(lineage.versions):
                lineage.versions.append(Version(key, run.id))
                lineage.by_dataset.setdefault(key, []).append(position)
            version = lineage.versions[position]
            version.facets = _merged(version.facets, facets)
            version.writers.append(at)
            if run.outcome == "COMPLETE" and version.completed is None:
                version.completed = run.end
            run.writes.append(position)
    for positions in lineage.by_dataset.values():
        positions.sort(key=lambda position: _order(lineage.versions[position].completed))
        _link_alike(lineage, positions)


def _order(completed: int | None) -> tuple[bool, int]:
    return (completed is None, completed or 0)


def _link_alike(lineage: Lineage, positions: Sequence[int]) -> None:
    by_text = defaultdict(list)
    for position in positions:
        if text := lineage.versions[position].text:
            by_text[text].append(position)
    for group in by_text.values():
        if len(group) > 1:
            # Each knows its neighbours: enough to reach all, without a quadratic number of links.
            for before, after in itertools.pairwise(group):
                lineage.versions[before].alike.append(after)
                lineage.versions[after].alike.append(before)


def _add_labels(lineage: Lineage, same: dict[Key, Key], events: Iterable[Event]) -> None:
    """The name of each dataset, with its namespace where two share it; and what every name leads to."""
    mentioned = {same.get(use.key, use.key) for event in events if not event.run_id for use in (*event.inputs, *event.outputs)}
    keys = list(dict.fromkeys([*lineage.by_dataset, *sorted(mentioned)]))
    shared = defaultdict(list)
    for key in keys:
        shared[key[1]].append(key)
    lineage.labels = {key: key[1] if len(shared[key[1]]) == 1 else f"{key[0]}/{key[1]}" for key in keys}
    for key in (*keys, *same):
        main = same.get(key, key)
        for name in (key[1], f"{key[0]}/{key[1]}"):
            known = lineage.aliases.setdefault(name, [])
            if main in lineage.labels and main not in known:
                known.append(main)


def _mark_versions(lineage: Lineage) -> None:
    for at, version in enumerate(lineage.versions):
        if version.alike or not all(certain for _, certain in version.readers):
            lineage.doubtful.add(at)
        if all(lineage.runs[run].by_design for run in (*version.writers, *(run for run, _ in version.readers))):
            lineage.designed.add(at)


def _note_cycles(lineage: Lineage) -> None:
    """Note the versions that depend on themselves: what is left when all without sources, then all without sinks, are taken."""
    upstream = {
        position: {read.version for run in version.writers for read in lineage.runs[run].reads if read.certain}
        for position, version in enumerate(lineage.versions)
        if version.writers
    }
    left = _peeled(upstream)
    downstream: dict[int, set[int]] = {version: set() for version in left}
    for version, sources in left.items():
        for source in sources:
            if source in downstream:
                downstream[source].add(version)
    for version in sorted(_peeled(downstream)):
        lineage.odd.note("a cycle: a version that depends on itself", lineage.name(version))


def _peeled(edges: dict[int, set[int]]) -> dict[int, set[int]]:
    """The part of the graph from which a cycle can be reached by `edges`."""
    waiting = {node: sum(target in edges for target in targets) for node, targets in edges.items()}
    back = defaultdict(list)
    for node, targets in edges.items():
        for target in targets:
            back[target].append(node)
    free = [node for node, count in waiting.items() if not count]
    while free:
        node = free.pop()
        del waiting[node]
        for other in back[node]:
            waiting[other] -= 1
            if not waiting[other]:
                free.append(other)
    return {node: edges[node] for node in waiting}


def _gaps(lineage: Lineage) -> Iterator[Gap]:
    """What the events leave open, where a responder would look for it."""
    for at, run in enumerate(lineage.runs):
        node = f"{lineage.job(at)}@{run.id}"
        if run.by_design:
            continue
        if not run.outcome:
            yield Gap("a run without an end", node)
        if run.start is None:
            yield Gap("a run without a start", node)
        if run.writes and not run.reads:
            yield Gap("a run that names no input", node)
    for position, version in enumerate(lineage.versions):
        if version.run_id == SOURCE and version.readers:
            yield Gap("an input that no run in the events wrote", lineage.name(position))
