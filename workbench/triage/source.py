"""From what a responder types to a dataset and its windows: the same reading for the command line and the runbook."""

from __future__ import annotations

from typing import NotRequired, TypedDict

from workbench.attacks.recording import Recording
from workbench.attacks.recurrence import open_recordings
from workbench.data.dataset import Dataset, open_dataset
from workbench.errors import InputError
from workbench.lineage.graph import Lineage
from workbench.lineage.source import open_lineage
from workbench.predicate import Predicate


class Windows(TypedDict):
    """The windows of a run as `workbench.triage.run.triage` takes them, None where there is none; with what else was given."""

    reference: Predicate | Dataset | None
    current: Predicate | None
    lineage: NotRequired[Lineage]
    recordings: NotRequired[tuple[Recording, ...]]


def open_log(
    data: str,
    roles: str = "",
    *,
    reference: str = "",
    current: str = "",
    reference_data: str = "",
    labels: str = "",
    on: str = "",
    lineage: str = "",
    recordings: str = "",
) -> tuple[Dataset, Windows]:
    """Open a decision log and read its windows; the empty text stands for "not given".

    Raises
    ------
    InputError
        If no data is given, or something this version cannot read.
    """
    if not data:
        raise InputError("no decision log given", None, "Set the parameter `data` to a path, a pattern or a URL.")
    if reference and reference_data:
        raise InputError("two reference windows given", reference_data, "Give --reference or --reference-data, not both.")
    dataset = open_dataset(data, roles or None, labels=labels or None, on=on or None)
    before = (
        open_dataset(reference_data, roles or dataset.given)
        if reference_data
        else Predicate.parse(reference)
        if reference
        else None
    )
    windows = Windows(reference=before, current=Predicate.parse(current) if current else None)
    if lineage:
        windows["lineage"] = open_lineage(lineage)
    if recordings:
        windows["recordings"] = open_recordings(recordings)
    return dataset, windows
