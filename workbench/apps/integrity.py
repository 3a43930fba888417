"""The integrity page: whether the data of each incident was sound when it was last inspected; read-only and redacted.

It reads what runs of the runbook ``integrity`` left (`workbench.apps.incidents`).
"""

from __future__ import annotations

from pathlib import Path

import panel as pn

from workbench.apps.found import Found
from workbench.apps.incidents import incidents_page, latest_run
from workbench.incident.state import RunState
from workbench.result import SMALL_CELL
from workbench.triage.files import SOUNDNESS
from workbench.views.integrity import changes_table, defects_table, repeats_sentence, soundness_figure
from workbench.views.triage import checks_table

HEADER = (
    "<h1 style='margin:0'>Integrity</h1><p>Read-only. Whether the data itself is sound: a rate over a broken column is a number"
    f" about the breakage. Counts of fewer than {SMALL_CELL} rows are blanked.</p>"
)
TEMPLATE = "integrity"


def page() -> pn.viewable.Viewable:
    """The page as of now."""
    return incidents_page(HEADER, lambda _, state: latest_run(state, TEMPLATE, "findings", _integrity))


def _integrity(folder: Path, _: RunState) -> list[pn.viewable.Viewable]:
    found = Found.read(folder)
    results = found.results
    return found.shown(
        soundness_figure(results.get(SOUNDNESS), results),
        changes_table(results),
        defects_table(results),
        repeats_sentence(results),
        checks_table(found.document["checks"]),
    )
