"""The lineage page: where the decisions of each incident come from, and what changed upstream; read-only.

It reads what runs of the runbook ``lineage`` left. A run's folder may be gone or damaged by now: that is said on the card of that
incident, and costs nobody the others.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import panel as pn
import param

from workbench.apps.page import card, laid_out, shown_item, shown_text
from workbench.apps.shown import Shown
from workbench.errors import WorkbenchError
from workbench.incident.home import find_home, incident_folder, record_path
from workbench.incident.record import Record
from workbench.incident.state import IncidentState, state_of
from workbench.triage.files import FINDINGS
from workbench.triage.lineage import VIEW
from workbench.views.modules import module
from workbench.views.render import Sentence
from workbench.views.triage import findings_of, headline

HEADER = "<h1 style='margin:0'>Lineage</h1><p>Read-only. What the events of the pipelines tell, as of the latest run.</p>"
TEMPLATE = "lineage"


class LineageView(Shown):
    """The lineage view of the notebooks, for who may look and change nothing."""

    _esm = module("lineage")
    drawing = param.Dict(default={}, doc="What `drawing_form` makes.")
    moments = param.List(default=[])
    moment = param.Integer(default=-1)
    onset = param.String(default="")
    suspects = param.List(default=[], doc="What `suspect_rows` makes.")
    trace = param.Dict(default={}, doc="What `trace_form` makes.")
    deciders = param.List(default=[])
    told = param.String(default="")


def page() -> pn.viewable.Viewable:
    """The page as of now."""
    home = find_home()
    try:
        cards = _cards(home)
    except WorkbenchError as exc:
        cards = [shown_text(f"The record cannot be read: {exc}")]
    return laid_out(HEADER, cards)


def _cards(home: Path) -> list[pn.viewable.Viewable]:
    """A card for each incident, the latest first."""
    path = record_path(home)
    if not path.is_file():
        return []
    with Record.open(path) as record:
        newest_first = record.incidents()[::-1]
        return [_card(record, home, incident, first=incident == newest_first[0]) for incident in newest_first]


def _card(record: Record, home: Path, incident: str, *, first: bool) -> pn.viewable.Viewable:
    try:
        state = state_of(record.entries(incident))
    except Exception as exc:  # noqa: BLE001  an entry can never be repaired, and the page has other incidents to show
        said = f"The record of this incident cannot be read ({type(exc).__name__})."
        return card(incident, lambda: [shown_text(said)], first=first)
    return card(f"{state.id}: {state.title}", partial(_latest, state, home), first=first)


def _latest(state: IncidentState, home: Path) -> list[pn.viewable.Viewable]:
    """What the latest completed run drew, or why that cannot be shown."""
    runs = [run for run in state.runs if run.status == "completed" and run.template == TEMPLATE]
    if not runs:
        return [shown_text("No completed lineage run yet.")]
    run = runs[-1]
    folder = incident_folder(home, state.id) / str(run.folder)
    if not (folder / VIEW).is_file():
        return [shown_text(f"Run {run.number} completed, but its lineage is no longer there.")]
    try:
        return _lineage(folder)
    except Exception as exc:  # noqa: BLE001  whatever is wrong with the file, the page has other incidents to show
        return [shown_text(f"The lineage of run {run.number} is damaged and cannot be shown ({type(exc).__name__}).")]


def _lineage(folder: Path) -> list[pn.viewable.Viewable]:
    view: dict[str, Any] = json.loads((folder / VIEW).read_text(encoding="utf-8"))
    document: dict[str, Any] = json.loads((folder / FINDINGS).read_text(encoding="utf-8"))
    findings = [finding.published() for finding in findings_of(document)]
    said = Sentence(headline(document["verdict"], findings, document["dataset"]["rows"]))
    return [shown_item(said), LineageView(**view, margin=(5, 10))]  # type: ignore[no-untyped-call]
