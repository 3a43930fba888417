"""From a finding to the widget that shows more of it: which one, of which rows, and the line to copy where there is no kernel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from workbench.result import Finding

WIDGETS: Final[Mapping[str, tuple[str, str]]] = {
    "slices": ("Slice explorer", "SliceExplorer"),
    "disparity": ("Disparate-impact panel", "DisparateImpactPanel"),
    "lineage": ("Lineage view", "LineageView"),
    "replay": ("Attack replay", "AttackReplay"),
}
"""Module of a widget to its name for people and its class."""
BY_KIND: Final[Mapping[str, tuple[str, ...]]] = {
    "slice": ("slices", "disparity"),
    "disparity": ("disparity", "slices"),
    "drift": ("slices", "lineage"),
    "integrity": ("lineage", "slices"),
    "volume": ("lineage", "slices"),
    "lineage": ("lineage", "slices"),
    "attack": ("replay", "slices"),
}
"""Kind of finding to the widgets that show more of it, the most telling first."""


class Step(NamedTuple):
    """A way to look closer: the widget's module, its name for people, and the code that opens it on the finding's rows."""

    widget: str
    name: str
    code: str


def steps_for(finding: Finding) -> list[Step]:
    """What to open for `finding`, the most telling first."""
    return [Step(widget, WIDGETS[widget][0], _code(widget, finding)) for widget in BY_KIND.get(finding.kind, ("slices",))]


def _code(widget: str, finding: Finding) -> str:
    """Lines for a cell of a notebook that has an `investigation`, as every runbook does."""
    name = WIDGETS[widget][1]
    lines = ["from workbench import Predicate", f"from workbench.widgets.{widget} import {name}"]
    lines.append(f"investigation.select(Predicate.parse({finding.where!r}))")
    if widget == "lineage":
        columns = f", columns={list(finding.columns)!r}" if finding.columns else ""
        lines.insert(1, "from workbench.lineage.source import open_lineage")
        lines.append(f'{name}(investigation, open_lineage("EVENTS"){columns})  # EVENTS: file, folder or MLflow database')
    elif widget == "replay":
        lines.append(f"{name}(investigation, result, recording)  # of replay(recording, targets): see templates/replay.ipynb")
    else:
        lines.append(f"{name}(investigation)")
    return "\n".join(lines)
