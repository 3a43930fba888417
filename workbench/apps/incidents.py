"""Pages with a card for each incident, and on it what the latest completed run of a runbook left.

A run's folder may be gone or damaged by now, and an entry of the record can never be repaired: either is said on the card of that
incident, and costs nobody the others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import panel as pn

from workbench.apps.page import WIDTH, card, laid_out, shown_text
from workbench.errors import WorkbenchError
from workbench.incident.chain import Entry
from workbench.incident.home import find_home, incident_folder, record_path
from workbench.incident.record import Record
from workbench.incident.state import IncidentState, RunState, state_of

Items = Sequence[pn.viewable.Viewable]
Tell = Callable[[Sequence[Entry], IncidentState], Items]
"""What a card shows, from the entries of an incident and its state."""


def incidents_page(header: str, tell: Tell, *, width: int = WIDTH) -> pn.viewable.Viewable:
    """The page as of now: `header`, HTML of our own, then a card for each incident, the latest first and unfolded."""
    try:
        cards = _cards(tell, width)
    except WorkbenchError as exc:
        cards = [shown_text(f"The record cannot be read: {exc}")]
    return laid_out(header, cards, width=width)


def latest_run(state: IncidentState, template: str, what: str, show: Callable[[Path, RunState], Items]) -> Items:
    """What the latest completed run of `template` left in its folder, or why that cannot be shown.

    Parameters
    ----------
    what
        The thing that is shown, as a plural in a sentence.
    show
        Makes it from the run's folder; a missing file is said as gone, any other error as damage.
    """
    runs = [run for run in state.runs if run.status == "completed" and run.template == template]
    if not runs:
        return [shown_text(f"No completed {template} run yet.")]
    run = runs[-1]
    try:
        return show(incident_folder(find_home(), state.id) / str(run.folder), run)
    except FileNotFoundError:
        return [shown_text(f"Run {run.number} completed, but its {what} are no longer there.")]
    except Exception as exc:  # noqa: BLE001  whatever is wrong with the files, the page has other incidents to show
        return [shown_text(f"The {what} of run {run.number} are damaged and cannot be shown ({type(exc).__name__}).")]


def _cards(tell: Tell, width: int) -> list[pn.viewable.Viewable]:
    path = record_path(find_home())
    if not path.is_file():
        return []
    with Record.open(path) as record:
        incidents = record.incidents()[::-1]
        return [_card(incident, _entries(record, incident), tell, width, first=not at) for at, incident in enumerate(incidents)]


def _entries(record: Record, incident: str) -> list[Entry]:
    """The entries of one incident; none where they cannot be read, which its card says."""
    try:
        return record.entries(incident)
    except WorkbenchError:
        return []


def _card(incident: str, entries: Sequence[Entry], tell: Tell, width: int, *, first: bool) -> pn.viewable.Viewable:
    try:
        title = f"{incident}: {state_of(entries).title}"
    except Exception:  # noqa: BLE001  said on the card
        title = incident
    return card(title, partial(_told, entries, tell), first=first, width=width)


def _told(entries: Sequence[Entry], tell: Tell) -> Items:
    try:
        return tell(entries, state_of(entries))
    except Exception as exc:  # noqa: BLE001  an entry can never be repaired, and the page has other incidents to show
        return [shown_text(f"The record of this incident cannot be read ({type(exc).__name__}).")]
