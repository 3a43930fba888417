"""The fairness page, for who answers for the decisions: the disparities of each incident as its latest comparison left them.

It shows the panel of the notebooks, with the same figures and words, read-only and redacted: what a completed run of the
disparity runbook wrote, published once more on the way out. It computes nothing, and asks nothing of any other machine.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import panel as pn
import param

from workbench.apps.incidents import incidents_page, latest_run
from workbench.apps.page import WIDTH, shown_text
from workbench.apps.shown import Shown
from workbench.incident.state import RunState
from workbench.result import SMALL_CELL, Result
from workbench.triage.files import FINDINGS, RESULTS
from workbench.views.disparity_form import panel_form
from workbench.views.modules import module
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
    return incidents_page(HEADER, lambda _, state: latest_run(state, TEMPLATE, "findings", _shown), width=WIDTH + 200)


def _shown(folder: Path, run: RunState) -> list[pn.viewable.Viewable]:
    document: Mapping[str, Any] = json.loads((folder / FINDINGS).read_text(encoding="utf-8"))
    files = {name: folder / RESULTS / f"{name}.json" for name in PARTS}
    results = {name: Result.from_dict(json.loads(file.read_text("utf-8"))) for name, file in files.items() if file.is_file()}
    skipped = {check["name"]: check["why"] for check in document["checks"] if check["status"] == "skipped"}
    findings = [finding.published() for finding in findings_of(document)]
    said = f"{headline(document['verdict'], findings, document['dataset']['rows'])} (run {run.number})"
    return [
        shown_text(said),
        DisparityPanel(form=panel_form(results, skipped), margin=(5, 10)),  # type: ignore[no-untyped-call]
    ]
