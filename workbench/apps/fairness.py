"""The fairness page, for who answers for the decisions: the disparities of each incident as its latest comparison left them.

It shows the panel of the notebooks, with the same figures and words, read-only and redacted: what a completed run of the
disparity runbook wrote, published once more on the way out. It computes nothing, and asks nothing of any other machine.
"""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import panel as pn
import param

from workbench.apps.page import CARD, STYLE, TEXT, WIDTH
from workbench.apps.shown import Shown
from workbench.errors import WorkbenchError
from workbench.incident.home import find_home, incident_folder, record_path
from workbench.incident.record import Record
from workbench.incident.state import RunState, state_of
from workbench.result import SMALL_CELL, Result
from workbench.triage.files import FINDINGS, RESULTS
from workbench.views.disparity_form import panel_form
from workbench.views.modules import module
from workbench.views.render import Sentence
from workbench.views.triage import findings_of, headline

TEMPLATE: Final = "disparity"
PARTS: Final = ("guard", "groups", "over_time", "decomposition", "impossibility", "thresholds", "missing")
"""The results of a review, by the names of their files."""
HEADER: Final = (
    "<h1 style='margin:0'>Fairness</h1><p>Read-only. Groups of fewer than"
    f" {SMALL_CELL} people are suppressed, and what would give them back. No verdict of law.</p>"
)


class DisparityPanel(Shown):
    """The panel of the notebooks, for who may look and change nothing."""

    _esm = module("disparity")
    form = param.Dict(doc="What `panel_form` makes.")
    group = param.String(default="", constant=True)
    moved = param.Bytes(default=b"", constant=True)


def page() -> pn.viewable.Viewable:
    """The page as of now."""
    pn.extension(sizing_mode="stretch_width", raw_css=[STYLE])
    try:
        cards = _cards(find_home())
    except WorkbenchError as exc:
        cards = [_html(Sentence(f"The record cannot be read: {exc}")._repr_html_())]
    shown = cards or [_html(Sentence("No incident was ever opened here.")._repr_html_())]
    return pn.Column(_html(HEADER), *shown, max_width=WIDTH + 200, margin=(10, 30))


def _cards(home: Path) -> list[pn.viewable.Viewable]:
    """A card for each incident, the latest first and unfolded; the others are filled when somebody unfolds them."""
    path = record_path(home)
    if not path.is_file():
        return []
    with Record.open(path) as record:
        return [_card(record, incident, home, first=at == 0) for at, incident in enumerate(record.incidents()[::-1])]


def _card(record: Record, incident: str, home: Path, *, first: bool) -> pn.viewable.Viewable:
    try:
        state = state_of(record.entries(incident))
        title, runs = f"{incident}: {state.title}", state.runs
    except Exception:  # noqa: BLE001  an entry can never be repaired, and the page has other incidents to show
        title, runs = f"{incident}: its record cannot be read", ()
    header = _html(f"<h2>{html.escape(title)}</h2>")
    card = pn.Card(header=header, collapsed=not first, max_width=WIDTH + 200, stylesheets=[CARD])  # type: ignore[no-untyped-call]

    def fill(*_: object) -> None:
        if not card.objects:
            card.objects = _told(runs, incident, home)

    card.param.watch(fill, "collapsed")
    if first:
        fill()
    return card


def _told(runs: Sequence[RunState], incident: str, home: Path) -> list[pn.viewable.Viewable]:
    """What the latest completed run of the disparity runbook found, or why that cannot be shown."""
    done = [run for run in runs if run.status == "completed" and run.template == TEMPLATE]
    if not done:
        return [_html(Sentence("No completed disparity run yet.")._repr_html_())]
    run = done[-1]
    path = incident_folder(home, incident) / str(run.folder) / FINDINGS
    if not path.is_file():
        return [_html(Sentence(f"Run {run.number} completed, but its findings are no longer there.")._repr_html_())]
    try:
        return _shown(path, run.number)
    except Exception as exc:  # noqa: BLE001  whatever is wrong with the file, the page has other incidents to show
        said = f"The findings of run {run.number} are damaged and cannot be shown ({type(exc).__name__})."
        return [_html(Sentence(said)._repr_html_())]


def _shown(path: Path, number: int) -> list[pn.viewable.Viewable]:
    document: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    files = {name: path.parent / RESULTS / f"{name}.json" for name in PARTS}
    results = {name: Result.from_dict(json.loads(file.read_text("utf-8"))) for name, file in files.items() if file.is_file()}
    skipped = {check["name"]: check["why"] for check in document["checks"] if check["status"] == "skipped"}
    findings = [finding.published() for finding in findings_of(document)]
    said = f"{headline(document['verdict'], findings, document['dataset']['rows'])} (run {number})"
    return [
        _html(Sentence(said)._repr_html_()),
        DisparityPanel(form=panel_form(results, skipped), margin=(5, 10)),  # type: ignore[no-untyped-call]
    ]


def _html(text: str) -> pn.viewable.Viewable:
    return pn.pane.HTML(text, stylesheets=[TEXT])  # type: ignore[no-untyped-call]
