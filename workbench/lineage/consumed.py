"""Which exact snapshot a model version was made from."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.digest import Plain
from workbench.errors import UnknownNameError
from workbench.lineage.graph import Lineage, Run
from workbench.lineage.instant import instant_text


@dataclass(frozen=True)
class Snapshot:
    """One version that a run read.

    Attributes
    ----------
    node
        ``NAME@RUN_ID``.
    text
        The version text (number, snapshot id, content digest); empty where neither side gave one.
    weak
        Whether that text is known not to cover the whole content.
    certain, how
        Whether it is settled that this version was read, and by which rule.
    """

    node: str
    text: str
    weak: bool
    certain: bool
    how: str
    completed: str | None


@dataclass(frozen=True)
class Consumed:
    """What the run behind a version read."""

    node: str
    job: str
    run: str
    snapshots: tuple[Snapshot, ...]

    def to_dict(self) -> dict[str, Plain]:
        """As ``workbench lineage consumed --json`` writes it."""
        rows: list[Plain] = [dict(vars(snapshot)) for snapshot in self.snapshots]
        return {
            "schema": "workbench.lineage-consumed/1", "node": self.node, "job": self.job, "run": self.run, "snapshots": rows,
        }  # fmt: skip


def consumed(lineage: Lineage, node: str) -> Consumed:
    """The exact versions that the run behind `node` read; of several versions the last that was complete.

    Raises
    ------
    UnknownNameError
        If there is no such version, or no run in the events wrote it.
    """
    version = lineage.latest(node)
    writers = lineage.versions[version].writers
    if not writers:
        written = [lineage.name(at) for at in lineage.find(node.rpartition("@")[0] or node) if lineage.versions[at].writers]
        raise UnknownNameError("run that wrote this version", lineage.name(version), written[-5:])
    run = lineage.runs[writers[0]]
    found = (
        snapshot_of(lineage, run, read.version, read.how, certain=read.certain)
        for at in writers
        for read in lineage.runs[at].reads
    )
    return Consumed(lineage.name(version), lineage.job(writers[0]), run.id, tuple(dict.fromkeys(found)))


def snapshot_of(lineage: Lineage, run: Run, at: int, how: str, *, certain: bool) -> Snapshot:
    """The version at position `at` as `run` read it."""
    version = lineage.versions[at]
    named = [text for text in run.inputs.get(version.dataset, {}) if text]
    text = version.text or (named[0] if len(named) == 1 else "")
    facets = (version.facets, *run.inputs.get(version.dataset, {}).values())
    weak = any(isinstance(item.get("version"), dict) and bool(item["version"].get("weak")) for item in facets)
    return Snapshot(lineage.name(at), text, weak, certain, how, instant_text(version.completed))
