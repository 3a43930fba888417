"""What a run that looks for findings left in its folder, read for a page: published once more, and its first items."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import panel as pn
import param

from workbench.apps.page import shown_item
from workbench.apps.shown import Shown
from workbench.result import Finding, Result
from workbench.triage.files import FINDINGS, HISTORY, RESULTS
from workbench.views.findings import finding_rows
from workbench.views.modules import module
from workbench.views.opening import first_figure, opening
from workbench.views.triage import findings_of


class FindingsTable(Shown):
    """The findings table of the notebooks, for who may look and change nothing; what it shows is filtered in the browser."""

    _esm = module("findings")
    findings = param.List(doc="What `finding_rows` makes.")
    openable = param.List(default=[], constant=True)
    opened = param.Dict(default={}, constant=True)


@dataclass(frozen=True)
class Found:
    """The document of a run, its findings in rank order, and the results of its checks by name; nothing of small groups."""

    document: Mapping[str, Any]
    findings: list[Finding]
    results: Mapping[str, Result]

    @classmethod
    def read(cls, folder: Path) -> Found:
        """What `workbench.triage.files.write_triage` wrote into `folder`."""
        document = json.loads((folder / FINDINGS).read_text(encoding="utf-8"))
        findings = [finding.published() for finding in findings_of(document)]
        return cls(document, findings, {file.stem: _result(file) for file in sorted((folder / RESULTS).glob("*.json"))})

    def shown(self, *views: Any) -> list[pn.viewable.Viewable]:
        """The sentence, the first figure and the findings, which unfold; then `views`."""
        told = opening({**self.document, "findings": [finding.to_dict() for finding in self.findings]})
        table = FindingsTable(findings=finding_rows(self.findings, self.results.get(HISTORY)), margin=(5, 10))  # type: ignore[no-untyped-call]
        return [shown_item(item) for item in (told, first_figure(self.results, self.findings), table, *views)]


def _result(path: Path) -> Result:
    return Result.from_dict(json.loads(path.read_text(encoding="utf-8"))).published()
