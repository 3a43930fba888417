"""The lineage page: where the decisions of each incident come from, and what changed upstream; read-only.

It reads what runs of the runbook ``lineage`` left (`workbench.apps.incidents`).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import panel as pn
import param

from workbench.apps.incidents import incidents_page, latest_run
from workbench.apps.page import shown_item
from workbench.apps.shown import Shown
from workbench.incident.state import RunState
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
    return incidents_page(HEADER, lambda _, state: latest_run(state, TEMPLATE, "drawings", _lineage))


def _lineage(folder: Path, _: RunState) -> list[pn.viewable.Viewable]:
    view: dict[str, Any] = json.loads((folder / VIEW).read_text(encoding="utf-8"))
    document: dict[str, Any] = json.loads((folder / FINDINGS).read_text(encoding="utf-8"))
    findings = [finding.published() for finding in findings_of(document)]
    said = Sentence(headline(document["verdict"], findings, document["dataset"]["rows"]))
    return [shown_item(said), LineageView(**view, margin=(5, 10))]  # type: ignore[no-untyped-call]
