"""What a run left is read for a page without what tells of small groups."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from workbench.apps.found import Found
from workbench.incident.home import ensure_home, record_path
from workbench.incident.record import Record
from workbench.incident.state import create_incident
from workbench.result import Finding, Result
from workbench.triage.files import write_triage

Ran = Callable[[str], Path]
Shown = Callable[[str], tuple[str, list[Any]]]


def test_small_cells_of_findings_and_results_are_blanked(tmp_path: Path) -> None:
    few = Finding("slice", "all 5 Does are refused", where="age = 7", effect=0.2, people=5, rank=1)
    (tmp_path / "findings.json").write_text(json.dumps({"findings": [few.to_dict()]}))
    groups = pd.DataFrame({"attribute": ["sex"] * 2, "group": ["f", "m"], "n": [400, 7], "suppressed": [False, True]})
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "other.json").write_text(json.dumps(Result("other", "Other", {"groups": groups}).to_dict()))
    found = Found.read(tmp_path)
    assert found.results["other"].tables["groups"]["n"].isna().tolist() == [False, True]
    assert "Does" not in found.findings[0].statement
    assert found.findings[0].effect is None


@pytest.mark.parametrize("name", ["drift", "integrity"])
def test_a_run_that_is_gone_or_damaged_is_said(ran: Ran, inspected: Any, shown: Shown, name: str) -> None:
    folder = ran(name)
    assert "its findings are no longer there" in shown(name)[0]
    write_triage(inspected, folder)
    (folder / "results" / "integrity.json").write_text("{")
    assert "are damaged and cannot be shown" in shown(name)[0]


@pytest.mark.parametrize("name", ["drift", "integrity"])
def test_without_a_run_it_says_so(home: Path, shown: Shown, name: str) -> None:
    assert "No incident was ever opened here." in shown(name)[0]
    with Record.open(record_path(ensure_home(home))) as record:
        create_incident(record, "INC-1", "Loans", "ada")
    assert f"No completed {name} run yet." in shown(name)[0]
