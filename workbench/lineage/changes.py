"""What changed at a version against the versions of the same dataset before it: the raw material of suspicion.

Each `Change` has a weight in [0, 1]: how much it says by itself that something broke. The weights only order, they are no
probabilities: a failed assertion or a type that changed says the most, that there is a new version says next to nothing.
"""

from __future__ import annotations

import bisect
import itertools
import math
import re
import statistics
from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from workbench.lineage.content import ROWS, assertions, column_types, failed_columns, standing_out, statistics_of
from workbench.lineage.diff import code_of, parameters_of
from workbench.lineage.event import Key
from workbench.lineage.graph import Lineage, Run
from workbench.lineage.instant import duration_text, parse_instant

WEIGHTS: Final = {
    "failed assertion": 1.0,
    "type changed": 1.0,
    "column removed": 1.0,
    "column statistics": 0.9,
    "failed run": 0.9,
    "missing run": 0.8,
    "row count": 0.8,
    "code": 0.8,
    "parameters": 0.6,
    "column added": 0.4,
    "late run": 0.4,
    "new version": 0.05,
}
CODE_WORDS: Final = {
    "query": "SQL", "sourceCode": "source code", "version": "code version", "url": "code location", "path": "code path",
}  # fmt: skip
LONGEST_HISTORY: Final = 20
SINGLE_VALUES: Final = (".min", ".max")
QUANTILE: Final = re.compile(r"\.p[\d_]+$")
STANDS_OUT: Final = 6.0
"""Usual spreads from which on a statistic counts as changed."""
LATE: Final = 1.5
MISSING: Final = 2.5
"""Times the usual pause between two runs of a job, from which on a run is late, or one in between is missing."""
LEAST_PAUSES: Final = 3


@dataclass(frozen=True)
class Change:
    """One thing that changed; `columns` are those it names, empty where it concerns all."""

    kind: str
    statement: str
    columns: tuple[str, ...] = ()
    size: float = 1.0

    @property
    def weight(self) -> float:
        """How much it says that something broke, in [0, 1]."""
        return WEIGHTS[self.kind] * self.size


NEW: Final = (Change("new version", "a new version"),)
FIRST: Final = (Change("new version", "the first version in the events"),)


def changes_at(lineage: Lineage, at: int) -> tuple[Change, ...]:
    """What changed at the version at position `at`, the weightiest first; at least that it is new."""
    return all_changes(lineage)[at]


def all_changes(lineage: Lineage) -> list[tuple[Change, ...]]:
    """What changed at each version; computed once, dataset by dataset."""
    known: list[tuple[Change, ...]] | None = lineage.cache.get("changes")
    if known is None:
        known = [FIRST] * len(lineage.versions)
        for positions in lineage.by_dataset.values():
            _of_dataset(lineage, positions, known)
        lineage.cache["changes"] = known
    return known


def _of_dataset(lineage: Lineage, positions: Sequence[int], known: list[tuple[Change, ...]]) -> None:
    """Fill in the changes of one dataset's versions, each held against the complete ones before it.

    Statistics are held against the last versions whose own were usual: what broke stays broken until it is mended, or until it
    has been so for `LONGEST_HISTORY` versions and is the usual now.
    """
    unusual = 0
    history: deque[int] = deque(maxlen=LONGEST_HISTORY)
    values: deque[dict[str, float]] = deque(maxlen=LONGEST_HISTORY)
    for at in positions:
        version = lineage.versions[at]
        now = statistics_of(version.facets)
        found = [*_failed(lineage, at)]
        if history:
            found += _schema(lineage, history[-1], at)
            found += _job(lineage, history[-1], at)
            stands_out = list(_statistics(now, values))
            unusual = unusual + 1 if stands_out else 0
            found += stands_out
        found += [change for run in version.writers for change in _pause(lineage, run)]
        new = NEW if history else FIRST
        known[at] = tuple(sorted((*found, *new), key=lambda change: -change.weight)) if found else new
        if version.completed is not None:
            history.append(at)
            if unusual > LONGEST_HISTORY:
                values.clear()
            if not unusual or unusual > LONGEST_HISTORY:
                values.append(now)


def _failed(lineage: Lineage, at: int) -> Iterator[Change]:
    version = lineage.versions[at]
    failed = [name for name, passed in assertions(version.facets).items() if not passed]
    if failed:
        told = f"{'an assertion' if len(failed) == 1 else f'{len(failed)} assertions'} failed: {', '.join(failed[:5])}"
        yield Change("failed assertion", told, tuple(dict.fromkeys(name for name in failed_columns(version.facets) if name)))
    for run in (lineage.runs[writer] for writer in version.writers):
        tests = _failed_tests(run)
        if tests:
            yield Change("failed assertion", f"a test of the run failed: {', '.join(tests[:5])}")
        if run.outcome in ("FAIL", "ABORT"):
            yield Change("failed run", f"the run that wrote it ended with {run.outcome}")


def _failed_tests(run: Run) -> list[str]:
    facet = run.run_facets.get("test")
    listed = facet.get("tests") if isinstance(facet, dict) else None
    items = [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
    return [str(item.get("name")) for item in items if item.get("status") == "fail"]


def _schema(lineage: Lineage, before: int, at: int) -> Iterator[Change]:
    facets = lineage.versions[before].facets, lineage.versions[at].facets
    if facets[0].get("schema") is facets[1].get("schema"):
        return
    old, new = column_types(facets[0]), column_types(facets[1])
    if not old or not new:
        return
    removed, added = tuple(name for name in old if name not in new), tuple(name for name in new if name not in old)
    retyped = tuple(name for name in old if name in new and old[name] != new[name])
    if removed:
        yield Change("column removed", f"removed: {_listed(removed)}", removed)
    if retyped:
        told = _listed([f"{name} from {old[name] or 'no type'} to {new[name] or 'no type'}" for name in retyped])
        yield Change("type changed", f"another type: {told}", retyped)
    if added:
        yield Change("column added", f"added: {_listed(added)}", added)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _job(lineage: Lineage, before: int, at: int) -> Iterator[Change]:
    """Code and parameters of the runs that wrote the two versions."""
    old = lineage.runs[lineage.versions[before].writers[0]] if lineage.versions[before].writers else None
    new = lineage.runs[lineage.versions[at].writers[0]] if lineage.versions[at].writers else None
    if old is None or new is None:
        return
    if old.job != new.job:
        yield Change("code", f"written by another job: {'/'.join(new.job)}, before {'/'.join(old.job)}")
    changed = [] if old.job_facets == new.job_facets else _changed(code_of(old.job_facets), code_of(new.job_facets))
    if changed:
        yield Change("code", f"changed: {', '.join(CODE_WORDS[name] for name in changed)}")
    parameters = _changed(parameters_of(old.run_facets), parameters_of(new.run_facets))
    if parameters:
        yield Change("parameters", f"another value of {_listed(parameters)}")


def _changed(old: Mapping[str, object], new: Mapping[str, object]) -> list[str]:
    """Names told on both sides whose values differ."""
    return [name for name in old if name in new and old[name] != new[name]]


def _statistics(now: Mapping[str, float], before: Collection[Mapping[str, float]]) -> Iterator[Change]:
    """Row count and column metrics far from what they usually are."""
    found = []
    for name, value in now.items():
        values = [item[name] for item in before if name in item]
        distance = standing_out(value, values)
        if math.isinf(distance) and QUANTILE.search(name):
            distance = _of_mean(name, now, before)
        if distance >= STANDS_OUT:
            size = 1.0 if math.isinf(distance) else distance / (distance + STANDS_OUT)
            found.append((size, name, _told(name, value, values)))
    found.sort(key=lambda item: (-item[0], item[1]))
    yield from (Change("row count", told, (), size) for size, name, told in found if name == ROWS)
    metrics = [item for item in found if item[1] != ROWS]
    if metrics:
        columns = tuple(dict.fromkeys(name.rpartition(".")[0] for _, name, _ in metrics))
        yield Change("column statistics", _listed([told for _, _, told in metrics]), columns, metrics[0][0])


def _of_mean(name: str, now: Mapping[str, float], before: Collection[Mapping[str, float]]) -> float:
    """How far the mean of a quantile's column stands out; infinitely where there is no mean.

    A quantile that never moved has no usual spread: it jumps when a share of the rows, such as that of zeros, crosses it.
    """
    mean = QUANTILE.sub(".mean", name)
    values = [item[mean] for item in before if mean in item]
    return standing_out(now[mean], values) if mean in now and values else math.inf


def _told(name: str, value: float, before: Sequence[float]) -> str:
    """How a statistic that stands out reads; the least and the greatest value may be one person's, and are not quoted."""
    if name.endswith(SINGLE_VALUES):
        return f"{name} lies far from where it usually lies"
    return f"{name} is {value:.6g}, usually {statistics.median(before):.6g}"


def _pause(lineage: Lineage, at: int) -> Iterator[Change]:
    """Whether the run came later than its job's runs usually do, by its nominal time or by the pause before it."""
    run = lineage.runs[at]
    if run.start is None:
        return
    starts, usual = _cadence(lineage, run.job)
    place = bisect.bisect_left(starts, run.start)
    if place >= LEAST_PAUSES and usual:
        pause = run.start - starts[place - 1]
        if pause >= MISSING * usual:
            told = f"no run for {duration_text(pause)}, usually every {duration_text(usual)}"
            yield Change("missing run", f"{told}; this is the first after the pause")
        elif pause >= LATE * usual:
            yield Change("late run", f"{duration_text(pause)} after the run before, usually {duration_text(usual)}")
    nominal = _nominal(run)
    if nominal is not None and usual and run.start - nominal >= (LATE - 1) * usual:
        yield Change("late run", f"{duration_text(run.start - nominal)} after its nominal time")


def _nominal(run: Run) -> int | None:
    facet = run.run_facets.get("nominalTime")
    text = facet.get("nominalStartTime") if isinstance(facet, dict) else None
    try:
        return parse_instant(text)[0] if isinstance(text, str) else None
    except ValueError:
        return None


def _cadence(lineage: Lineage, job: Key) -> tuple[list[int], float]:
    """Starts of a job's runs, and the usual pause between them (0 where too few are known); computed once for each job."""
    known: dict[Key, tuple[list[int], float]] = lineage.cache.setdefault("cadences", {})
    if not known:
        starts: dict[Key, list[int]] = {}
        for run in lineage.runs:
            if run.start is not None:
                starts.setdefault(run.job, []).append(run.start)
        for name, times in starts.items():
            times.sort()
            pauses = [after - before for before, after in itertools.pairwise(times)]
            known[name] = (times, statistics.median(pauses) if len(pauses) >= LEAST_PAUSES else 0.0)
    return known.get(job, ([], 0.0))


def silence(lineage: Lineage, job: Key, until: int) -> tuple[int, Change] | None:
    """When a run of `job` was due before `until` and none came, and how that reads; None where none was missed."""
    starts, usual = _cadence(lineage, job)
    earlier = bisect.bisect_right(starts, until)
    if not usual or earlier <= LEAST_PAUSES or until - starts[earlier - 1] < MISSING * usual:
        return None
    told = f"no run for {duration_text(until - starts[earlier - 1])}, usually every {duration_text(usual)}"
    return int(starts[earlier - 1] + usual), Change("missing run", told)
