"""From what a responder types to a dataset and its windows: the same reading for the command line and the runbook."""

from __future__ import annotations

from typing import TypedDict

from workbench.data.dataset import Dataset, open_dataset
from workbench.errors import InputError
from workbench.predicate import Predicate


class Windows(TypedDict):
    """The windows of a run, as `workbench.triage.run.triage` takes them; None where there is none."""

    reference: Predicate | Dataset | None
    current: Predicate | None


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
    for name, value in (("lineage", lineage), ("recordings", recordings)):
        if value:
            raise InputError(f"{name} cannot be read by this version", value, f"Leave {name} out.")
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
    return dataset, Windows(reference=before, current=Predicate.parse(current) if current else None)
