"""What is contaminated downstream of a version, what only possibly is, and what is clean."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from workbench.data.dataset import Dataset
from workbench.digest import Plain
from workbench.errors import InputError
from workbench.lineage.graph import Lineage

LONGEST_PATH: Final = 200
"""A longer path is told by its two ends: a dataset rewritten daily for years has paths of thousands of steps to each version."""
SKIPPED: Final = "…"
WORST_FIRST: Final = ("contaminated", "possible", "clean")


@dataclass(frozen=True)
class BlastRadius:
    """Every version in the events, in one of three classes; positions in `lineage.versions`, the nearest first.

    Attributes
    ----------
    origins
        The versions asked about; they are contaminated.
    contaminated
        Made from an origin, by reads that are certain.
    possible
        Made from one where at least one read is only possible.
    clean
        Every other version.
    runs
        Runs that certainly read something contaminated, by position, with what they read: what they did beside writing
        datasets (mails sent, decisions served) is contaminated too.
    people
        Class to distinct people decided on by versions of that class; None without a decision log.
    """

    lineage: Lineage = field(repr=False)
    origins: tuple[int, ...]
    contaminated: tuple[int, ...]
    possible: tuple[int, ...]
    clean: tuple[int, ...]
    runs: Mapping[int, int] = field(repr=False)
    parents: Mapping[int, int | None] = field(repr=False)
    people: Mapping[str, int] | None = None

    def path(self, version: int) -> list[int]:
        """From an origin to `version`, both included; empty for a clean one."""
        found: list[int] = []
        at: int | None = version if version in self.parents else None
        while at is not None:
            found.append(at)
            at = self.parents[at]
        return found[::-1]

    def status(self) -> dict[int, str]:
        """The class of each version."""
        return {version: name for name in WORST_FIRST for version in getattr(self, name)}

    def to_dict(self) -> dict[str, Plain]:
        """As ``workbench lineage blast-radius --json`` writes it."""
        lineage = self.lineage
        names = lineage.names(range(len(lineage.versions)))
        document: dict[str, Any] = {"schema": "workbench.lineage-blast-radius/1", "from": [names[at] for at in self.origins]}
        for status in WORST_FIRST:
            document[status] = [
                {"node": names[at], "kind": lineage.kind(at), "path": self._told(at, names)} for at in getattr(self, status)
            ]
        document["runs"] = [
            {"run": lineage.runs[run].id, "job": lineage.job(run), "path": self._told(version, names)}
            for run, version in self.runs.items()
        ]
        document["people"] = None if self.people is None else dict(self.people)
        return document

    def _told(self, version: int, names: Sequence[str]) -> list[str]:
        path = [names[at] for at in self.path(version)]
        half = LONGEST_PATH // 2
        return path if len(path) <= LONGEST_PATH else [*path[:half], SKIPPED, *path[-half:]]


def blast_radius(lineage: Lineage, node: str, decisions: Dataset | None = None) -> BlastRadius:
    """What was made from the version (or all versions) that `node` names.

    Parameters
    ----------
    node
        ``NAME@RUN_ID``, ``NAME@VERSION_TEXT``, ``NAME@source``, or ``NAME`` for all its versions.
    decisions
        A decision log whose role `model_version` holds names, run ids or version texts; people are its distinct `row_id`.

    Raises
    ------
    UnknownNameError
        If no version has that name.
    InputError
        If the name is ambiguous, or the decision log lacks a role.
    """
    origins = lineage.find(node)
    contaminated = _contaminated(lineage, origins)
    possible = _possible(lineage, contaminated)
    parents = {**contaminated, **possible}
    named = (version for positions in lineage.by_dataset.values() for version in positions)
    radius = BlastRadius(
        lineage=lineage,
        origins=tuple(origins),
        contaminated=tuple(contaminated),
        possible=tuple(possible),
        clean=tuple(version for version in named if version not in parents and version not in lineage.designed),
        runs=_contaminated_runs(lineage, contaminated),
        parents=parents,
    )
    return radius if decisions is None else _with_people(radius, decisions)


def _contaminated(lineage: Lineage, origins: Sequence[int]) -> dict[int, int | None]:
    """Versions reached by certain reads, each with the one before it on a shortest path; None for an origin."""
    parents: dict[int, int | None] = dict.fromkeys(origins)
    runs: set[int] = set()
    waiting = deque(origins)
    while waiting:
        version = waiting.popleft()
        for run, certain in lineage.versions[version].readers:
            if certain and run not in runs:
                runs.add(run)
                for written in lineage.runs[run].writes:
                    if written not in parents:
                        parents[written] = version
                        waiting.append(written)
    return parents


def _possible(lineage: Lineage, contaminated: Mapping[int, int | None]) -> dict[int, int]:
    """Versions reached from the contaminated ones by any read, each with the one before it."""
    parents: dict[int, int] = {}
    waiting = deque(version for version in contaminated if version in lineage.doubtful)
    while waiting:
        version = waiting.popleft()
        item = lineage.versions[version]
        for following in (*(written for run, _ in item.readers for written in lineage.runs[run].writes), *item.alike):
            if following not in parents and following not in contaminated:
                parents[following] = version
                waiting.append(following)
    return parents


def _contaminated_runs(lineage: Lineage, contaminated: Mapping[int, int | None]) -> dict[int, int]:
    found: dict[int, int] = {}
    for version in contaminated:
        for run, certain in lineage.versions[version].readers:
            if certain:
                found.setdefault(run, version)
    return found


def _with_people(radius: BlastRadius, decisions: Dataset) -> BlastRadius:
    """The same with counts of people, each counted once in every class that decided on them."""
    if decisions.roles.model_version is None:
        advice = "Name the column that holds the model version in the roles."
        raise InputError("the decision log does not say which version decided", decisions.name, advice)
    frame = decisions.frame
    versions = frame[decisions.roles.model_version].astype(str)
    words = words_of(radius)
    status = versions.map({version: words.get(version, "unknown") for version in versions.unique()})
    who = frame[decisions.roles.row_id] if decisions.roles.row_id else frame.index.to_series(index=frame.index)
    counts = {name: int(who[status == name].nunique()) for name in (*WORST_FIRST, "unknown")}
    return BlastRadius(**{**{name: getattr(radius, name) for name in radius.__dataclass_fields__}, "people": counts})


def words_of(radius: BlastRadius) -> dict[str, str]:
    """What a decision log may call a version, to its class; the worst class where it could be several."""
    lineage = radius.lineage
    found: dict[str, str] = {}
    for name in reversed(WORST_FIRST):
        for at in getattr(radius, name):
            found.update(dict.fromkeys(words_for(lineage, at), name))
    return found


def words_for(lineage: Lineage, at: int) -> set[str]:
    """What a decision log may call the version at this position."""
    version = lineage.versions[at]
    label = lineage.labels[version.dataset]
    texts = {version.text, f"{label}@{version.text}", f"{label}:{version.text}"} if version.text else set()
    return {lineage.name(at), version.run_id, *texts}
