"""What a run left is read for a page without what tells of small groups."""

import json
from pathlib import Path

import pandas as pd

from workbench.apps.found import Found
from workbench.result import Finding, Result


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
