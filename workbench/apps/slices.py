"""The slices page: what the latest search of each incident found, ranked, as a tree, by two features; read-only and redacted.

It reads what runs of the runbook ``slices`` left (`workbench.apps.incidents`).
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
from workbench.result import SMALL_CELL, Result
from workbench.triage.files import RESULTS
from workbench.views.modules import module
from workbench.views.slice_relations import overlap_figure, pair_figure, pair_forms
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
    stopped = param.String(default="")
    moves = param.Integer(default=0)


def page() -> pn.viewable.Viewable:
    """The page as of now."""
    return incidents_page(HEADER, lambda _, state: latest_run(state, TEMPLATE, "slices", _slices))


def _slices(folder: Path, _: RunState) -> list[pn.viewable.Viewable]:
    document: dict[str, Any] = json.loads((folder / RESULTS / f"{TEMPLATE}.json").read_text(encoding="utf-8"))
    result = Result.from_dict(document).published()
    explorer = SliceExplorer(found=explorer_form(result), margin=(5, 10))  # type: ignore[no-untyped-call]
    pairs = [pair_figure(form, result) for form in pair_forms(result)] if "pairs" in result.tables else []
    shared = [overlap_figure(result)] if "shared" in result.tables else []
    return [shown_item(item) for item in (slices_sentence(result), slices_figure(result), explorer, *pairs, *shared)]
