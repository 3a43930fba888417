"""Which upstream changes may have caused what a responder sees: ranked, each with its path as the reason.

A suspect is a version upstream of the node, written inside the window, at which something changed. Its score is a product of

- its *weight*, 1 − ∏(1 − weight) over its changes (`workbench.lineage.changes`);
- *time*: 1 / (1 + gap / pause), the gap between it and the onset in usual pauses between two versions of the node; a change more
  than a pause after the onset is no cause of it and counts a twentieth (an onset is often a day); 1 where no onset is given;
- *path*: 1 / (1 + steps / 4);
- *link* to the harmed columns: 1 where a changed column is one they were made from, 0.1 where it is proven not to be, 0.5 where
  nobody tells;
- half, where a step of the path is only possible.

A suspect whose changed columns already changed at another suspect upstream of it is explained by that one, and ranks below.
"""

from __future__ import annotations

import heapq
import itertools
import math
import statistics
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from workbench.lineage.changes import Change, all_changes, silence
from workbench.lineage.columns import Column, nearest_columns, upstream_columns
from workbench.lineage.event import Key
from workbench.lineage.graph import Lineage
from workbench.lineage.instant import as_instant, instant_text, parse_window
from workbench.result import Result, provenance

if TYPE_CHECKING:
    import pandas as pd

AFTER_ONSET: Final = 0.05
POSSIBLE: Final = 0.5
LINKS: Final = {"linked": 1.0, "unknown": 0.5, "not linked": 0.1}
STEPS: Final = 4
MOST_SUSPECTS: Final = 100
MOST_PLAIN: Final = 1_000
"""Versions at which nothing but their being new is known, from which the list may be filled."""
EXPLAINS: Final = 0.3
"""Least weight of a suspect that explains another."""
LASTING: Final = frozenset({"failed assertion", "column statistics", "row count"})
SPEAKS_OF_VALUES: Final = frozenset({"failed assertion", "column statistics", "type changed", "row count"})


@dataclass
class Upstream:
    """The versions that the node was made from, the nearest first.

    Attributes
    ----------
    following
        Version to the next one on a shortest way to the node; None for the node itself.
    uncertain
        Versions from which a step of that way is only possible.
    """

    following: dict[int, int | None]
    uncertain: set[int] = field(default_factory=set)

    def path(self, version: int) -> list[int]:
        """From `version` to the node, both included."""
        found = [version]
        while (following := self.following[found[-1]]) is not None:
            found.append(following)
        return found


@dataclass
class Suspect:
    """A version at which something changed, and how much speaks for it as the cause."""

    version: int
    changes: tuple[Change, ...]
    time: int | None
    steps: int
    certain: bool
    link: str
    weight: float
    score: float = 0.0
    continued: int = 0
    explained_by: int | None = field(default=None, repr=False)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that changed."""
        return tuple(dict.fromkeys(column for change in self.changes for column in change.columns))


def suspects(
    lineage: Lineage,
    node: str,
    window: tuple[int, int] | str | None = None,
    *,
    onset: int | str | None = None,
    columns: Sequence[str] = (),
    top: int = MOST_SUSPECTS,
) -> Result:
    """Rank what changed upstream of `node` inside `window`.

    Parameters
    ----------
    node
        ``NAME@RUN_ID``, or ``NAME`` for all its versions complete by the end of the window.
    window
        ``START..END`` or two instants; all times where it is None.
    onset
        When the harm began; changes near before it rank higher.
    columns
        Columns on which the harm was seen: of the node, or of the nearest dataset upstream that has them.
    top
        How many to list.

    Returns
    -------
    Result
        Kind ``lineage``; table ``suspects``, best first: ``rank``, ``node``, ``job``, ``run``, ``time``, ``kinds``, ``what``,
        ``columns``, ``link``, ``steps``, ``certain``, ``path`` (from the suspect to the node), ``weight``, ``score`` in [0, 1],
        ``continued`` (later versions in the window with the same change), ``explained_by`` (a rank).

    Raises
    ------
    UnknownNameError
        If no version has that name.
    InputError
        If the window or the onset is no time.
    """
    start, end = parse_window(window) if isinstance(window, str) else window or (None, None)
    began = None if onset is None else as_instant(onset)
    targets = _targets(lineage, node, end)
    reached = _upstream(lineage, targets, start)
    found = _folded(lineage, list(_changed(lineage, reached, (start, end), _Links(lineage, reached, columns))))
    found += _silent(lineage, reached, began if began is not None else end)
    pause = _pause_of(lineage, targets, start, end)
    for suspect in found:
        suspect.score = _score(suspect, began, pause)
    listed = heapq.nsmallest(top, found, key=lambda suspect: (-suspect.score, suspect.version))
    _explain(lineage, listed, reached)
    listed.sort(key=lambda suspect: (suspect.explained_by is not None, -suspect.score, suspect.version))
    arguments = {
        "node": node, "window": None if start is None else [instant_text(start), instant_text(end)],
        "onset": instant_text(began), "columns": list(columns), "top": top,
    }  # fmt: skip
    return Result(
        kind="lineage",
        title=f"What changed upstream of {node}",
        tables={"suspects": _table(lineage, listed, reached)},
        numbers={"versions_upstream": len(reached.following), "suspects": len(found)},
        provenance=provenance(arguments),
    )


def _targets(lineage: Lineage, node: str, end: int | None) -> list[int]:
    found = lineage.find(node)
    times = [lineage.versions[at].completed for at in found]
    early = [at for at, time in zip(found, times, strict=True) if end is None or (time is not None and time <= end)]
    return early or found


def _upstream(lineage: Lineage, targets: Sequence[int], start: int | None) -> Upstream:
    """What `targets` were made from, themselves included; behind a version complete before `start` nothing is sought."""
    found = Upstream(dict.fromkeys(targets))
    following, uncertain = found.following, found.uncertain
    waiting = deque(targets)
    while waiting:
        at = waiting.popleft()
        version = lineage.versions[at]
        if start is not None and version.completed is not None and version.completed < start:
            continue
        for run in version.writers:
            for other, certain, _ in lineage.runs[run].reads:
                if other not in following:
                    following[other] = at
                    waiting.append(other)
                    if not certain or at in uncertain:
                        uncertain.add(other)
    return found


def _inside(time: int | None, start: int | None, end: int | None) -> bool:
    if time is None:
        return start is None
    return (start is None or start <= time) and (end is None or time <= end)


class _Links:
    """Whether what changed at a dataset is what the harmed columns were made from."""

    def __init__(self, lineage: Lineage, reached: Upstream, harmed: Sequence[str]) -> None:
        keys = (lineage.versions[at].dataset for at in reached.following) if harmed else ()
        starts = nearest_columns(lineage, keys, harmed)
        made_from, self.blind = upstream_columns(lineage, starts)
        self.harmed = set(harmed)
        self.by_dataset: dict[Key, set[str]] = {}
        for column in made_from:
            self.by_dataset.setdefault(column.dataset, set()).add(column.name)

    def of(self, key: Key, columns: set[str]) -> str:
        """A word of `LINKS`; a column of the same name is linked where nobody tells."""
        from_here = self.by_dataset.get(key, set())
        if not self.by_dataset:
            return "unknown"
        if not columns:
            return "linked" if from_here else "unknown" if self.blind else "not linked"
        if columns & from_here or (not from_here and self.blind and columns & self.harmed):
            return "linked"
        return "not linked" if from_here or not self.blind else "unknown"


def _changed(lineage: Lineage, reached: Upstream, window: tuple[int | None, int | None], links: _Links) -> Iterator[Suspect]:
    """A suspect for every version inside the window at which something changed; of those that are only new, the nearest."""
    changes = all_changes(lineage)
    plain = 0
    for at in reached.following:
        version, found = lineage.versions[at], changes[at]
        if not version.writers or not _inside(version.completed, *window):
            continue
        plain += _is_plain(found)
        if plain <= MOST_PLAIN or not _is_plain(found):
            columns = {column for change in found for column in change.columns}
            yield _suspect(at, found, version.completed, reached, links.of(version.dataset, columns))


def _suspect(at: int, changes: tuple[Change, ...], time: int | None, reached: Upstream, link: str) -> Suspect:
    steps = len(reached.path(at)) - 1
    return Suspect(at, changes, time, steps, at not in reached.uncertain, link, _combined(changes))


def _is_plain(changes: Sequence[Change]) -> bool:
    return len(changes) == 1 and changes[0].kind == "new version"


def _combined(changes: Sequence[Change]) -> float:
    return 1.0 - math.prod(1.0 - change.weight for change in changes)


def _silent(lineage: Lineage, reached: Upstream, until: int | None) -> list[Suspect]:
    """Upstream jobs that should have run before `until` and did not; when no job at all tells anything any more, nobody knows."""
    last = max((run.last for run in lineage.runs if run.last is not None), default=None)
    if until is None or last is None:
        return []
    until = min(until, last)
    nearest: dict[Key, int] = {}
    for at in reached.following:
        for run in lineage.versions[at].writers:
            nearest.setdefault(lineage.runs[run].job, at)
    missed = ((at, silence(lineage, job, until)) for job, at in nearest.items())
    return [_suspect(at, (each[1],), each[0], reached, "unknown") for at, each in missed if each is not None]


def _folded(lineage: Lineage, found: Sequence[Suspect]) -> list[Suspect]:
    """Without the versions that only go on as the one before them began: they count towards that one."""
    by_version = {suspect.version: suspect for suspect in found}
    changed = {lineage.versions[suspect.version].dataset for suspect in found if not _is_plain(suspect.changes)}
    heads: dict[int, Suspect] = {}
    for positions in (lineage.by_dataset[key] for key in changed):
        for before, at in itertools.pairwise(positions):
            head = heads.get(before, by_version.get(before))
            suspect = by_version.get(at)
            if head is not None and suspect is not None and _goes_on(suspect, head):
                heads[at] = head
                head.continued += 1
    return [suspect for suspect in found if suspect.version not in heads]


def _goes_on(suspect: Suspect, head: Suspect) -> bool:
    """Whether all that is odd about the version was so at `head`, and is a state that lasts, no step that happens once."""
    said = {(change.kind, change.columns) for change in suspect.changes if change.kind != "new version"}
    lasting = {(change.kind, change.columns) for change in head.changes if change.kind in LASTING}
    return bool(said) and said <= lasting


def _pause_of(lineage: Lineage, targets: Sequence[int], start: int | None, end: int | None) -> float:
    """The usual pause between two versions of the node, in nanoseconds; the window's length where that is not known."""
    key = lineage.versions[targets[0]].dataset
    times = [time for at in lineage.by_dataset[key] if (time := lineage.versions[at].completed) is not None]
    pauses = [after - before for before, after in itertools.pairwise(times) if after > before]
    if pauses:
        return float(statistics.median(pauses))
    return float(max(1, (end or 0) - (start or 0)))


def _score(suspect: Suspect, onset: int | None, pause: float) -> float:
    time = 1.0
    if onset is not None and suspect.time is not None:
        time = AFTER_ONSET if suspect.time > onset + pause else 1.0 / (1.0 + abs(onset - suspect.time) / pause)
    path = 1.0 / (1.0 + suspect.steps / STEPS)
    return suspect.weight * time * path * LINKS[suspect.link] * (1.0 if suspect.certain else POSSIBLE)


def _explain(lineage: Lineage, listed: Sequence[Suspect], reached: Upstream) -> None:
    """Point each suspect at the earliest other that its change came from."""
    speaking = [suspect for suspect in listed if _speaks_of_values(suspect)]
    above = _ancestors(lineage, [suspect.version for suspect in speaking], reached) if len(speaking) > 1 else {}
    for suspect in speaking if above else ():
        causes = [
            cause
            for number, cause in enumerate(speaking)
            if above[suspect.version] >> number & 1 and cause.weight >= EXPLAINS and cause.version != suspect.version
            and _same_columns(lineage, cause, suspect)
        ]  # fmt: skip
        if causes:
            suspect.explained_by = min(causes, key=lambda cause: (cause.time is None, cause.time or 0)).version


def _ancestors(lineage: Lineage, marked: Sequence[int], reached: Upstream) -> dict[int, int]:
    """Version to the `marked` ones that it was made from, as bits; in one pass in order of time."""
    bits = {version: 1 << number for number, version in enumerate(marked)}
    found: dict[int, int] = {}
    times = [(lineage.versions[at].completed is None, lineage.versions[at].completed or 0, at) for at in reached.following]
    for _, _, at in sorted(times):
        mask = bits.get(at, 0)
        for run in lineage.versions[at].writers:
            for read in lineage.runs[run].reads:
                if read.certain:
                    mask |= found.get(read.version, 0)
        found[at] = mask
    return found


def _speaks_of_values(suspect: Suspect) -> bool:
    return any(change.kind in SPEAKS_OF_VALUES for change in suspect.changes)


def _same_columns(lineage: Lineage, cause: Suspect, suspect: Suspect) -> bool:
    if not cause.columns or not suspect.columns or set(cause.columns) & set(suspect.columns):
        return True
    key = lineage.versions[suspect.version].dataset
    made_from, _ = upstream_columns(lineage, [Column(key, name) for name in suspect.columns])
    return any(Column(lineage.versions[cause.version].dataset, name) in made_from for name in cause.columns)


def _table(lineage: Lineage, found: Sequence[Suspect], reached: Upstream) -> pd.DataFrame:
    import pandas as pd

    ranks = {suspect.version: rank for rank, suspect in enumerate(found, 1) if _speaks_of_values(suspect)}
    rows = [{"rank": rank, **_row(lineage, suspect, reached, ranks)} for rank, suspect in enumerate(found, 1)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


COLUMNS: Final = (
    "rank", "node", "job", "run", "time", "kinds", "what", "columns", "link", "steps", "certain", "path", "weight", "score",
    "continued", "explained_by",
)  # fmt: skip


def _row(lineage: Lineage, suspect: Suspect, reached: Upstream, ranks: Mapping[int, int]) -> dict[str, Any]:
    version = lineage.versions[suspect.version]
    telling = [change for change in suspect.changes if change.kind != "new version"] or suspect.changes
    return {
        "node": lineage.name(suspect.version),
        "job": lineage.job(version.writers[0]),
        "run": version.run_id,
        "time": instant_text(suspect.time),
        "kinds": [change.kind for change in telling],
        "what": "; ".join(change.statement for change in telling),
        "columns": list(suspect.columns),
        "link": suspect.link,
        "steps": suspect.steps,
        "certain": suspect.certain,
        "path": lineage.names(reached.path(suspect.version)),
        "weight": round(suspect.weight, 4),
        "score": round(suspect.score, 6),
        "continued": suspect.continued,
        "explained_by": None if suspect.explained_by is None else ranks[suspect.explained_by],
    }
