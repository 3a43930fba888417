"""The findings table, alive: filter, sort, look closer, select a finding's rows, pin or dismiss it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import traitlets

from workbench.errors import UnknownNameError
from workbench.result import Finding
from workbench.views.findings import finding_rows
from workbench.views.modules import module
from workbench.views.render import Table
from workbench.views.triage import findings_table
from workbench.widgets.investigation import Investigation
from workbench.widgets.live import Handler, Live


class FindingsTable(Live):
    """Ranked findings; the one that is selected makes its rows the investigation's selection.

    Without a kernel it is the table of `workbench.views.triage.findings_table`.

    Parameters
    ----------
    investigation
        Whose selection it shows and changes, and whose incident takes pins and dismissals.
    findings
        In rank order.
    options
        ``readonly``: nothing can be selected, pinned or dismissed.
    """

    _esm = module("findings")
    findings = traitlets.List(traitlets.Dict()).tag(sync=True)

    def __init__(self, investigation: Investigation, findings: Sequence[Finding], **options: object) -> None:
        super().__init__(investigation, **options)
        self._shown = tuple(findings)
        self._show_marks()
        self._follow(investigation.subscribe_marks(self._show_marks))

    def twin(self) -> Table:
        """The table as it stays in the notebook, whatever was selected, pinned or dismissed since."""
        return findings_table(self._shown)

    def _handlers(self) -> dict[str, Handler]:
        return {
            **super()._handlers(),
            "pin": ({"finding": int, "note": str}, self._pin),
            "dismiss": ({"finding": int, "why": str}, self._dismiss),
        }

    def _pin(self, finding: int, note: str) -> None:
        self.investigation.pin(self._named(finding), note)

    def _dismiss(self, finding: int, why: str) -> None:
        self.investigation.dismiss(self._named(finding), why)

    def _named(self, number: int) -> Finding:
        if not 0 <= number < len(self._shown):
            raise UnknownNameError("finding", number, range(len(self._shown)))
        return self._shown[number]

    def _show_marks(self) -> None:
        rows, marks = finding_rows(self._shown), self.investigation.marks(self._shown)
        self.findings = [{**row, **asdict(mark)} for row, mark in zip(rows, marks, strict=True)]
