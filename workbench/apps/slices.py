"""The slices page: what the latest search of each incident found, ranked, with intervals; read-only and redacted.

It reads what runs of the runbook ``slices`` left. A run's folder may be gone or damaged by now: that is said on the card of that
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
from workbench.result import SMALL_CELL, Result
from workbench.triage.files import RESULTS
from workbench.views.modules import module
from workbench.views.slices import explorer_form, slices_figure, slices_sentence

HEADER = f"<h1 style='margin:0'>Slices</h1><p>Read-only. Sizes in tens; slices of fewer than {SMALL_CELL} rows are blanked.</p>"
TEMPLATE = "slices"


class SliceExplorer(Shown):
    """The ranked slices of the notebooks, for who may look and change nothing."""

    _esm = module("slices")
    found = param.Dict(default={}, doc="What `explorer_form` makes.")
    charts = param.List(default=[])
    counts = param.Bytes(default=b"")
    brushes = param.Dict(default={})
    busy = param.String(default="")
    moves = param.Integer(default=0)


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
    """What the latest completed search found, or why that cannot be shown."""
    runs = [run for run in state.runs if run.status == "completed" and run.template == TEMPLATE]
    if not runs:
        return [shown_text("No completed search for slices yet.")]
    run = runs[-1]
    path = incident_folder(home, state.id) / str(run.folder) / RESULTS / f"{TEMPLATE}.json"
    if not path.is_file():
        return [shown_text(f"Run {run.number} completed, but its slices are no longer there.")]
    try:
        return _slices(path)
    except Exception as exc:  # noqa: BLE001  whatever is wrong with the file, the page has other incidents to show
        return [shown_text(f"The slices of run {run.number} are damaged and cannot be shown ({type(exc).__name__}).")]


def _slices(path: Path) -> list[pn.viewable.Viewable]:
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    result = Result.from_dict(document).published()
    explorer = SliceExplorer(found=explorer_form(result), margin=(5, 10))  # type: ignore[no-untyped-call]
    return [shown_item(item) for item in (slices_sentence(result), slices_figure(result), explorer)]
