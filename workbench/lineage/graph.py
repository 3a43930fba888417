"""The graph of what was read to make what: runs of jobs, and the versions of datasets that they wrote and read.

A *version* is a dataset as one run wrote it, named ``NAME@RUN_ID``; what nobody wrote in the events is ``NAME@source``. A read is
*certain* where the events settle which version it was, and *possible* where they only settle the dataset's name.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from workbench.errors import InputError, UnknownNameError
from workbench.lineage.event import FacetMap, Key, Oddities, no_facets

SOURCE: Final = "source"
"""Stands for the run that wrote what nobody wrote in the events."""
KINDS: Final = {"MODEL": "model", "DEPLOYMENT": "deployment", "DECISIONS": "decisions"}
"""Dataset type (the facet ``datasetType``) to kind of version; every other type is a ``dataset``."""
MOST_SUGGESTED: Final = 8


class Read(NamedTuple):
    """That a run read a version: whether that is certain, and by which rule it was settled."""

    version: int
    certain: bool
    how: str


@dataclass(slots=True)
class Run:
    """One run of a job.

    Attributes
    ----------
    start, end
        Times of its START and of the COMPLETE, FAIL or ABORT that ended it; None where there was no such event.
    last
        Time of its last event of any kind.
    outcome
        ``COMPLETE``, ``FAIL``, ``ABORT``, or the empty text where no event says how it ended.
    inputs, outputs
        As the events told them: dataset to version text to facets, and dataset to facets.
    reads, writes
        What that comes to: versions, by position.
    """

    id: str
    job: Key
    start: int | None = None
    end: int | None = None
    last: int | None = None
    outcome: str = ""
    run_facets: FacetMap = field(default_factory=no_facets)
    job_facets: FacetMap = field(default_factory=no_facets)
    inputs: dict[Key, dict[str, FacetMap]] = field(default_factory=dict)
    outputs: dict[Key, FacetMap] = field(default_factory=dict)
    reads: list[Read] = field(default_factory=list)
    writes: list[int] = field(default_factory=list)

    @property
    def by_design(self) -> bool:
        """Whether this is no run at all, but what an event without a run says of a job."""
        return not self.id

    @property
    def moment(self) -> int | None:
        """When it read its inputs: at its start, at its end where no start is known."""
        return next((time for time in (self.start, self.end, self.last) if time is not None), None)


@dataclass(slots=True)
class Version:
    """A dataset as one run wrote it.

    Attributes
    ----------
    completed
        When the run that wrote it was complete; None where it never was, as far as is known.
    facets
        Of the output, as its run told them.
    writers, readers
        Runs, by position; a reader with whether its read is certain.
    alike
        Versions of the same dataset that carry the same version text.
    """

    dataset: Key
    run_id: str
    completed: int | None = None
    facets: FacetMap = field(default_factory=no_facets)
    writers: list[int] = field(default_factory=list)
    readers: list[tuple[int, bool]] = field(default_factory=list)
    alike: list[int] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The version text (a number, a snapshot id, a content digest) that its writer gave; empty where it gave none."""
        return version_text(self.facets)


class Gap(NamedTuple):
    """Something the events do not tell: what, and of which version or run."""

    what: str
    node: str


@dataclass
class Lineage:
    """Runs and versions, the names that lead to them, and what was odd or missing.

    Attributes
    ----------
    by_dataset
        Dataset to its versions, by position, in the order in which they were complete; those that never were come last.
    kinds
        Dataset to ``model``, ``deployment`` or ``decisions``; every other is a ``dataset``.
    labels
        Dataset to its name, with its namespace before it where two datasets share the name.
    """

    runs: list[Run]
    versions: list[Version]
    by_dataset: dict[Key, list[int]]
    kinds: dict[Key, str]
    labels: dict[Key, str]
    aliases: dict[str, list[Key]] = field(repr=False)
    odd: Oddities = field(default_factory=Oddities)
    gaps: list[Gap] = field(default_factory=list)
    doubtful: set[int] = field(default_factory=set, repr=False)
    """Versions from which a possible read, or an equal version text, leads on."""
    designed: set[int] = field(default_factory=set, repr=False)
    """Versions that no run wrote or read: a job would, by design."""
    cache: dict[str, Any] = field(default_factory=dict, repr=False)
    """What questions computed once."""

    def name(self, version: int) -> str:
        """``NAME@RUN_ID`` of the version at this position."""
        item = self.versions[version]
        return f"{self.labels[item.dataset]}@{item.run_id}"

    def names(self, versions: Iterable[int]) -> list[str]:
        """`name` of each."""
        return [self.name(version) for version in versions]

    def job(self, run: int) -> str:
        """Namespace and name of the run's job."""
        namespace, name = self.runs[run].job
        return f"{namespace}/{name}" if namespace else name

    def kind(self, version: int) -> str:
        """``dataset``, ``model``, ``deployment`` or ``decisions``."""
        return self.kinds.get(self.versions[version].dataset, "dataset")

    def datasets(self, name: str) -> list[Key]:
        """The datasets called `name`, or ``namespace/name``, or so by a symlink."""
        return self.aliases.get(name, [])

    def find(self, node: str) -> list[int]:
        """The versions that ``NAME@RUN_ID``, ``NAME@VERSION_TEXT`` or ``NAME`` (all its versions) names, by position.

        Raises
        ------
        UnknownNameError
            If there is none; suggests names that are near.
        InputError
            If the name alone could be several datasets.
        """
        name, at, run_id = node.rpartition("@")
        if at and (found := self._of_run(self.datasets(name), run_id)):
            self._require_one(node, found)
            return found
        keys = self.datasets(node)
        if not keys:
            raise UnknownNameError("dataset or version", node, self._near(name if at and self.datasets(name) else node))
        found = [version for key in keys for version in self.by_dataset.get(key, ())]
        self._require_one(node, found)
        return found

    def latest(self, node: str) -> int:
        """The one version that `node` names; of several the last that was complete.

        Raises
        ------
        UnknownNameError
            If there is none.
        """
        found = self.find(node)
        if not found:
            raise UnknownNameError("version of that dataset", node, [])
        complete = [version for version in found if self.versions[version].completed is not None]
        return (complete or found)[-1]

    def _of_run(self, keys: Sequence[Key], run_id: str) -> list[int]:
        versions = [version for key in keys for version in self.by_dataset.get(key, ())]
        found = [version for version in versions if self.versions[version].run_id == run_id]
        return found or [version for version in versions if run_id and self.versions[version].text == run_id]

    def _require_one(self, node: str, found: Sequence[int]) -> None:
        keys = {self.versions[version].dataset for version in found}
        if len(keys) > 1:
            advice = f"Write one of: {', '.join(sorted(self.labels[key] for key in keys)[:MOST_SUGGESTED])}"
            raise InputError("several datasets have this name", node, advice)

    def _near(self, name: str) -> list[str]:
        if self.datasets(name):
            return self.names(self.by_dataset.get(self.datasets(name)[0], [])[-MOST_SUGGESTED:])
        labels = sorted(self.labels.values())
        return difflib.get_close_matches(name, labels[:5_000], MOST_SUGGESTED, 0.5) or labels[:MOST_SUGGESTED]


def version_text(facets: FacetMap) -> str:
    """What the facet ``version`` says; empty where there is none."""
    facet = facets.get("version")
    text = facet.get("datasetVersion") if isinstance(facet, dict) else None
    return "" if text is None else str(text)
