"""The drift page: what moved between the windows of each incident's latest comparison, and since when; read-only and redacted.

It reads what runs of the runbook ``drift`` left (`workbench.apps.incidents`).
"""

from __future__ import annotations

from pathlib import Path

import panel as pn

from workbench.apps.found import Found
from workbench.apps.incidents import incidents_page, latest_run
from workbench.incident.state import RunState
from workbench.result import SMALL_CELL
from workbench.views.drift import drift_figure, moved_table, shift_sentence, strongest_figure
from workbench.views.integrity import changes_table
from workbench.views.triage import checks_table, dated_figure

HEADER = (
    "<h1 style='margin:0'>Drift</h1><p>Read-only. What moved between the rows that were still good and those under suspicion."
    f" Values of fewer than {SMALL_CELL} rows are blanked.</p>"
)
TEMPLATE = "drift"


def page() -> pn.viewable.Viewable:
    """The page as of now."""
    return incidents_page(HEADER, lambda _, state: latest_run(state, TEMPLATE, "findings", _drift))


def _drift(folder: Path, _: RunState) -> list[pn.viewable.Viewable]:
    found = Found.read(folder)
    results, findings = found.results, found.findings
    return found.shown(
        shift_sentence(findings, results),
        drift_figure(results),
        strongest_figure(results),
        dated_figure(results, findings),
        changes_table(results),
        moved_table(results),
        checks_table(found.document["checks"]),
    )
