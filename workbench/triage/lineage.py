"""Lineage alone: what changed upstream of the decisions, as findings that go into the same ``findings.json`` as triage's."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pandas as pd

from workbench.data.dataset import Dataset
from workbench.digest import Plain
from workbench.errors import InputError
from workbench.files import make_folder, write_whole
from workbench.lineage.graph import Lineage
from workbench.lineage.inquiry import NEW, Inquiry
from workbench.result import Finding, Result, provenance
from workbench.triage.checks.lineage import LEAST_SCORE, suspect_finding
from workbench.triage.files import readable_json, write_triage
from workbench.triage.rank import rank
from workbench.triage.run import Outcome, Triage, judge, make_context

VIEW: Final = "lineage-view.json"
"""What a page needs to draw a run's lineage, beside its ``findings.json``."""
DRAWING: Final = "lineage.svg"


def ask_lineage(
    dataset: Dataset,
    lineage: Lineage,
    *,
    node: str = "",
    start: str = "",
    end: str = "",
    onset: str = "",
    columns: Sequence[str] = (),
    origin: str = "",
    against: str = "",
) -> tuple[Inquiry, Result, Triage]:
    """What changed upstream, and as findings the changes that no other change explains.

    Parameters
    ----------
    dataset
        The decisions; without `start` or `end`, their first and last time bound the window.
    origin
        Whose effects to follow; empty: the first finding's version.
    node, onset, columns, against
        As `workbench.lineage.inquiry.Inquiry.of` takes them.

    Returns
    -------
    Inquiry
        What was asked, drawn around the version that the first suspect reached.
    Result
        The suspects.
    Triage
        The findings and the verdict.

    Raises
    ------
    UnknownNameError
        If no version has one of the names.
    InputError
        If a time is none, or no time bounds the window.
    """
    began = time.perf_counter()
    window = _window(dataset, start, end)
    inquiry = Inquiry.of(lineage, node, window, onset=onset, columns=columns, origin=origin, against=against)
    result = inquiry.suspects()
    findings = rank([replace(found, check="lineage", evidence=result.digest) for found in _findings(result, dataset)], [])
    outcome = Outcome("lineage", "ran", "", round(time.perf_counter() - began, 3))
    if len(lineage.find(inquiry.node)) > 1:
        inquiry = inquiry.around(result)
    if not origin and findings:
        first = next(row for row in result.tables["suspects"].itertuples() if row.kinds != [NEW])
        inquiry = replace(inquiry, origin=str(first.node))
    found = Triage(
        verdict=judge(findings, [outcome], make_context(dataset, None, None)),
        findings=tuple(findings),
        checks=(outcome,),
        results={"lineage": result},
        dataset={"fingerprint": dataset.fingerprint, "rows": dataset.rows},
        provenance=provenance({"lineage": result.provenance["arguments"]}, fingerprint=dataset.fingerprint),
    )
    return inquiry, result, found


def write_lineage(found: Triage, view: Mapping[str, Plain], svg: str, out: str | Path) -> Path:
    """Write ``findings.json`` with the result, the drawing, and what a page draws (`view`), into the folder `out`.

    Raises
    ------
    StorageError
        If the folder cannot be written.
    """
    folder = make_folder(Path(out))
    write_whole(folder / DRAWING, svg)
    write_whole(folder / VIEW, readable_json(dict(view)))
    return write_triage(found, folder)


def _window(dataset: Dataset, start: str, end: str) -> str:
    if start and end:
        return f"{start}..{end}"
    if dataset.roles.time is None:
        raise InputError("no window for the changes", f"{start}..{end}", "Give start and end, or the role `time` of the log.")
    times = pd.to_datetime(dataset.role("time").dropna())
    first, last = (str(moment.isoformat()) for moment in (times.min(), times.max()))
    return f"{start or first}..{end or last}"


def _findings(result: Result, dataset: Dataset) -> list[Finding]:
    rows: list[Any] = list(result.tables["suspects"].itertuples())
    told = [row for row in rows if row.score >= LEAST_SCORE and pd.isna(row.explained_by)]
    found = [suspect_finding(row, dataset) for row in told]
    return [each for each in found if each is not None]
