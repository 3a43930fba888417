"""The status page: every incident, what happened, what was found, its timeline, and what is still open.

What it shows comes from the record and from files that a run left. It is read-only and redacted (`workbench.incident.account`,
published results and findings), follows the reader's light or dark preference, and asks nothing of any other machine.
"""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import panel as pn

from workbench.apps.found import Found
from workbench.apps.incidents import incidents_page, latest_run
from workbench.apps.page import shown_html, shown_item, shown_text
from workbench.incident.account import moments_of, steps_of
from workbench.incident.chain import Entry
from workbench.incident.claims import Claim, claims_of
from workbench.incident.state import IncidentState, RunState
from workbench.result import SMALL_CELL
from workbench.views.render import Table
from workbench.views.triage import checks_table, dated_figure, group_figure

HEADER = f"<h1 style='margin:0'>Incidents</h1><p>Read-only. Groups of fewer than {SMALL_CELL} people are blanked.</p>"


def page() -> pn.viewable.Viewable:
    """The page as of now."""
    return incidents_page(HEADER, _told)


def _told(entries: Sequence[Entry], state: IncidentState) -> list[pn.viewable.Viewable]:
    """What a card shows of the incident of `entries`."""
    return [
        shown_text(_facts(state, claims_of(entries))),
        *_section("Findings", latest_run(state, "triage", "findings", _findings)),
        *_section("Timeline", [shown_item(_timeline(entries))]),
        *_section("Next steps", [shown_html(_steps(entries))]),
    ]


def _section(heading: str, shown: Sequence[pn.viewable.Viewable]) -> list[pn.viewable.Viewable]:
    return [shown_html(f"<h3>{heading}</h3>"), *shown]


def _facts(state: IncidentState, claims: Sequence[Claim]) -> str:
    """What happened, in one paragraph."""
    closed = f"closed {_minute(state.closed)}" if state.closed else "open"
    told = [f"{closed}, opened {_minute(state.opened)} by {state.author}", _number(len(state.runs), "run")]
    told.append(f"sealed {_number(len(state.sealed), 'time')}" if state.sealed else "not sealed")
    counts = Counter(claim.status for claim in claims)
    stated = ", ".join(f"{counts[status]} {status}" for status in ("supported", "unsupported", "stale") if counts[status])
    return "; ".join([", ".join(told), *([f"{_number(len(claims), 'statement')}: {stated}"] if claims else [])])


def _number(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


def _minute(time: str) -> str:
    return f"{time[:16].replace('T', ' ')} UTC"


def _timeline(entries: Sequence[Entry]) -> Table:
    rows = [(_minute(moment.time), moment.author, moment.what, moment.rests) for moment in moments_of(entries)]
    return Table(pd.DataFrame(rows, columns=["when", "who", "what", "rests on"]))


def _steps(entries: Sequence[Entry]) -> str:
    """What is open as a list, each with the command by which a responder goes on."""
    steps = steps_of(entries)
    if not steps:
        return "<p>Nothing is open: the incident is closed, and all of its record is sealed.</p>"
    items = (f"<li>{html.escape(step.what)}<br><code>{html.escape(step.command)}</code></li>" for step in steps)
    return f"<ol>{''.join(items)}</ol>"


def _findings(folder: Path, _: RunState) -> list[pn.viewable.Viewable]:
    found = Found.read(folder)
    return found.shown(
        dated_figure(found.results, found.findings), group_figure(found.results), checks_table(found.document["checks"])
    )
