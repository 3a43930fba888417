"""The findings table, alive: filter, sort, unfold, open the widget that shows more of a finding's rows, pin or dismiss it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

import traitlets

from workbench.analysis.losses import default_loss
from workbench.attacks.scenarios.finding import DERIVED, scenario_from_finding
from workbench.attacks.scenarios.scenario import scenario_yaml, write_scenario
from workbench.data.dataset import Dataset
from workbench.digest import digest
from workbench.errors import InputError, RolesError, UnknownNameError
from workbench.files import make_folder
from workbench.incident.home import author, find_home, incident_folder
from workbench.lineage.graph import Lineage
from workbench.predicate import Predicate
from workbench.result import Finding, Result
from workbench.views.findings import FindingsTwin, finding_rows
from workbench.views.modules import module
from workbench.views.steps import WIDGETS
from workbench.widgets.investigation import Investigation
from workbench.widgets.live import Handler, Live

SCENARIOS: Final = "scenarios"
"""In an incident's folder: what was made of its findings."""


class FindingsTable(Live):
    """Ranked findings; the one that is selected makes its rows the investigation's selection.

    Unfolded, a finding shows its course over time, its rows, what was ruled out, and buttons that open another widget below it,
    with its rows selected, or make a scenario that tries the finding again. Without a kernel it is
    `workbench.views.findings.FindingsTwin`.

    Parameters
    ----------
    investigation
        Whose selection it shows and changes, and whose incident takes pins and dismissals.
    findings
        In rank order.
    history
        Of `workbench.analysis.history.measure_histories`; it is published on its way in.
    lineage
        What the lineage view shows; None: there is nothing to open it on.
    options
        ``readonly``: nothing can be selected, pinned or dismissed.
    """

    _esm = module("findings")
    findings: traitlets.List[dict[str, object]] = traitlets.List(traitlets.Dict()).tag(sync=True)
    openable: traitlets.List[str] = traitlets.List(traitlets.Unicode()).tag(sync=True)
    """The widgets that a button can open here."""
    opened: traitlets.Dict[str, object] = traitlets.Dict().tag(sync=True)
    """The widget that is open: the ``finding`` whose rows it shows, its ``name``, and ``ref``, by which the browser finds it."""
    triable: traitlets.List[str] = traitlets.List(traitlets.Unicode()).tag(sync=True)
    """The kinds of finding that a scenario can be made of."""
    scenario: traitlets.Dict[str, str] = traitlets.Dict().tag(sync=True)
    """The scenario made last: ``name``, ``id``, ``parent``, its ``yaml``, and the ``file`` it was written to (empty: none)."""
    _open_widget: Live | None = None

    def __init__(
        self,
        investigation: Investigation,
        findings: Sequence[Finding],
        history: Result | None = None,
        lineage: Lineage | None = None,
        **options: object,
    ) -> None:
        super().__init__(investigation, **options)
        self._shown = tuple(findings)
        self._history = None if history is None else history.published()
        self._lineage = lineage
        self.openable = self._openable()
        self.triable = [] if self.readonly else sorted(DERIVED)
        self._rows = finding_rows(self._shown, self._history)
        self._show_marks()
        self._follow(investigation.subscribe_marks(self._show_marks))

    def twin(self) -> FindingsTwin:
        """The table as it stays in the notebook, whatever was selected, opened, pinned or dismissed since."""
        return FindingsTwin(self._shown, self._history)

    def close(self) -> None:
        """Close the widget, and the one it opened."""
        self._shut()
        super().close()

    def _handlers(self) -> dict[str, Handler]:
        return {
            **super()._handlers(),
            "pin": ({"finding": int, "note": str}, self._pin),
            "dismiss": ({"finding": int, "why": str}, self._dismiss),
            "scenario": ({"finding": int}, self._make_scenario),
            "open": ({"finding": int, "widget": str}, self._open),
            "shut": ({}, self._shut),
        }

    def _pin(self, finding: int, note: str) -> None:
        self.investigation.pin(self._named(finding), note)

    def _dismiss(self, finding: int, why: str) -> None:
        self.investigation.dismiss(self._named(finding), why)

    def _make_scenario(self, finding: int) -> None:
        """Show the finding as a scenario that tries it again; with an incident, it is a file of its folder too."""
        chosen, incident = self._named(finding), self.investigation.incident
        where_from = f"finding {chosen.rank or finding + 1}, {digest(chosen.published().to_dict())}"
        made = scenario_from_finding(chosen, author=author(), parent=f"{incident}: {where_from}" if incident else where_from)
        file = ""
        if incident:
            folder = make_folder(incident_folder(find_home(), incident) / SCENARIOS)
            file = str(folder / f"{made.name}-{made.id.removeprefix('sha256:')[:12]}.yaml")
            write_scenario(made, file)
        self.scenario = {
            "name": made.name, "id": made.id, "parent": str(made.parent), "yaml": scenario_yaml(made), "file": file,
        }  # fmt: skip

    def _named(self, number: int) -> Finding:
        if not 0 <= number < len(self._shown):
            raise UnknownNameError("finding", number, range(len(self._shown)))
        return self._shown[number]

    def _show_marks(self) -> None:
        marks = self.investigation.marks(self._shown)
        self.findings = [{**row, **asdict(mark)} for row, mark in zip(self._rows, marks, strict=True)]

    def _openable(self) -> list[str]:
        """Widgets that this log, and what came with it, are enough for."""
        dataset = self.investigation.dataset
        enough = {
            "slices": _has_loss(dataset),
            "disparity": dataset.has("groups", "prediction"),
            "lineage": self._lineage is not None,
        }
        return [] if self.readonly else [name for name in WIDGETS if enough.get(name)]

    def _open(self, finding: int, widget: str) -> None:
        """Select the finding's rows and open `widget` on them; the one that was open is closed."""
        chosen = self._named(finding)
        if widget not in self.openable:
            raise InputError("this widget cannot be opened here", widget, f"Widgets: {', '.join(self.openable) or 'none'}.")
        self.investigation.select(Predicate.parse(chosen.where))
        self._shut()
        self._open_widget = self._made(widget, chosen)
        self.opened = {"finding": finding, "name": WIDGETS[widget][0], "ref": f"anywidget:{self._open_widget.model_id}"}

    def _made(self, widget: str, finding: Finding) -> Live:
        if widget == "disparity":
            from workbench.widgets.disparity import DisparateImpactPanel

            return DisparateImpactPanel(self.investigation)
        if widget == "lineage" and self._lineage is not None:
            from workbench.widgets.lineage import LineageView

            return LineageView(self.investigation, self._lineage, columns=list(finding.columns))
        from workbench.widgets.slices import SliceExplorer

        return SliceExplorer(self.investigation)

    def _shut(self) -> None:
        """Close the widget that was opened here."""
        if self._open_widget is not None:
            self._open_widget.close()
        self._open_widget = None
        self.opened = {}


def _has_loss(dataset: Dataset) -> bool:
    """Whether the roles say what to search slices by."""
    try:
        default_loss(dataset)
    except RolesError:
        return False
    return True
