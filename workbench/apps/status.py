"""The status page: every incident, where it stands, and the figures of its latest completed triage.

What it shows comes from files that a run left, and a run's folder may be gone or damaged by now: that is said on the card of
that incident, and costs nobody the others.
"""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import panel as pn
import param
from panel.custom import AnyWidgetComponent

from workbench.errors import WorkbenchError
from workbench.incident.home import find_home, incident_folder, record_path
from workbench.incident.record import Record
from workbench.incident.state import IncidentState, state_of
from workbench.result import Result
from workbench.triage.files import FINDINGS, RESULTS
from workbench.views.findings import finding_rows, findings_module
from workbench.views.render import Sentence, Table
from workbench.views.triage import checks_table, dated_figure, findings_figure, findings_of, group_figure, headline

WIDTH = 1100
HEADER = "<h1 style='margin:0'>Incidents</h1><p>Read-only. Groups of fewer than 10 people are blanked.</p>"


class FindingsTable(AnyWidgetComponent):
    """The findings table of the notebooks, for who may look and change nothing; what it shows is filtered in the browser."""

    _esm = findings_module()
    findings = param.List(doc="What `finding_rows` makes.")
    selection = param.String(default="all rows", constant=True)
    can_undo = param.Boolean(default=False, constant=True)
    can_redo = param.Boolean(default=False, constant=True)
    message = param.String(default="", constant=True)
    readonly = param.Boolean(default=True, constant=True)


def page() -> pn.viewable.Viewable:
    """The page as of now."""
    pn.extension("plotly", sizing_mode="stretch_width")
    home = find_home()
    try:
        cards = _cards(home)
    except WorkbenchError as exc:
        cards = [_text(f"The record cannot be read: {exc}")]
    return pn.Column(_html(HEADER), *(cards or [_text("No incident was ever opened here.")]), max_width=WIDTH, margin=(10, 30))


def _cards(home: Path) -> list[pn.viewable.Viewable]:
    """A card for each incident, the latest first."""
    path = record_path(home)
    if not path.is_file():
        return []
    with Record.open(path) as record:
        newest_first = record.incidents()[::-1]
        return [_card(record, home, incident, first=incident == newest_first[0]) for incident in newest_first]


def _card(record: Record, home: Path, incident: str, *, first: bool) -> pn.viewable.Viewable:
    """An incident as a card, unfolded where it is the latest."""
    try:
        state = state_of(record.entries(incident))
    except WorkbenchError as exc:
        title, shown = incident, [_text(f"The record of this incident cannot be read: {exc}")]
    else:
        title, shown = f"{state.id}: {state.title}", [_text(_facts(state)), *_latest(state, home)]
    # A card's title is HTML to Panel, and ours is what somebody typed.
    return pn.Card(*shown, title=html.escape(title), collapsed=not first, max_width=WIDTH)  # type: ignore[no-untyped-call]


def _facts(state: IncidentState) -> str:
    runs = f"{len(state.runs)} run{'' if len(state.runs) == 1 else 's'}"
    sealed = f"sealed {len(state.sealed)} time{'' if len(state.sealed) == 1 else 's'}" if state.sealed else "not sealed"
    return f"{state.status}, opened {state.opened[:16].replace('T', ' ')} UTC, {runs}, {sealed}"


def _latest(state: IncidentState, home: Path) -> list[pn.viewable.Viewable]:
    """What the latest completed triage found, or why that cannot be shown."""
    triages = [run for run in state.runs if run.status == "completed" and run.template == "triage"]
    if not triages:
        return [_text("No completed triage yet.")]
    run = triages[-1]
    path = incident_folder(home, state.id) / str(run.folder) / FINDINGS
    if not path.is_file():
        return [_text(f"Run {run.number} completed, but its findings are no longer there.")]
    try:
        return _findings(path)
    except Exception as exc:  # noqa: BLE001  whatever is wrong with the file, the page has other incidents to show
        return [_text(f"The findings of run {run.number} are damaged and cannot be shown ({type(exc).__name__}).")]


def _findings(path: Path) -> list[pn.viewable.Viewable]:
    document: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    findings = findings_of(document)
    results = {file.stem: _result(file) for file in sorted((path.parent / RESULTS).glob("*.json"))}
    shown = [
        Sentence(headline(document["verdict"], findings, document["dataset"]["rows"])),
        findings_figure(findings),
        FindingsTable(findings=finding_rows(findings), margin=(5, 10)),  # type: ignore[no-untyped-call]
        dated_figure(results, findings),
        group_figure(results),
        checks_table(document["checks"]),
    ]
    return [_shown(item) for item in shown]


def _result(path: Path) -> Result:
    return Result.from_dict(json.loads(path.read_text(encoding="utf-8"))).published()


def _shown(item: Any) -> pn.viewable.Viewable:
    if isinstance(item, Sentence | Table):
        return _html(item._repr_html_())
    if isinstance(item, pn.viewable.Viewable):
        return item
    return pn.pane.Plotly(item, config={"displaylogo": False})  # type: ignore[no-untyped-call]


def _text(text: str) -> pn.viewable.Viewable:
    return _shown(Sentence(text))


def _html(text: str) -> pn.viewable.Viewable:
    return pn.pane.HTML(text)  # type: ignore[no-untyped-call]
