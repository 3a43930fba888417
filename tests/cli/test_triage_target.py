"""workbench triage with the model that decided."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from tests.analysis.causes.faults import unit
from tests.analysis.causes.sound import ROLES, sound_log

MODEL = """
import pandas as pd
from tests.analysis.causes.sound import scored


def decide(frame):
    score = scored(frame)
    return pd.DataFrame({"decision": (score >= 0.5).astype(int), "score": score})
"""


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "home"))
    Path("bank_model.py").write_text(MODEL)
    path = tmp_path / "log.parquet"
    unit(sound_log(), np.random.default_rng(1)).to_parquet(path)
    Path(f"{path}.roles.yaml").write_text(yaml.safe_dump(ROLES))
    return path


def test_the_findings_say_what_scoring_again_undid(workbench: Any, log: Path, tmp_path: Path) -> None:
    words = ["triage", log, "--reference", "at < 2026-02-10", "--target", "python:bank_model:decide", "--out", tmp_path / "out"]
    done = workbench(*words)
    assert done.code == 1
    assert "Scored again with amount multiplied by 100" in " ".join(done.err.split())
    assert "decides 100.0 % of" in " ".join(done.err.split())
    first = json.loads((tmp_path / "out" / "findings.json").read_text())["findings"][0]
    assert first["undone_by"] == "repaired"
    assert first["share_of_harm"] > 0.5
    assert len(first["share_interval"]) == 2
    written = json.loads((tmp_path / "out" / "results" / "repair.json").read_text())
    assert written["schema"] == "workbench.repair/1"
    assert written["tables"]["model"][0]["alike"] == 1.0


def test_a_production_model_needs_the_incident_that_holds_the_approval(workbench: Any, log: Path, tmp_path: Path) -> None:
    target = "python:bank_model:decide"
    done = workbench("triage", log, "--target", target, "--production", target, "--out", tmp_path / "out")
    assert done.code == 2
    assert "a production target is not asked without an approval" in " ".join(done.err.split())
    assert not (tmp_path / "out" / "findings.json").exists()


def test_without_a_model_nothing_is_scored_again(workbench: Any, tmp_path: Path) -> None:
    path = tmp_path / "log.parquet"
    pd.DataFrame({"prediction": [0, 1] * 60, "label": [0, 1] * 60}).to_parquet(path)
    workbench("triage", path, "--out", tmp_path / "out")
    assert [check["name"] for check in json.loads((tmp_path / "out" / "findings.json").read_text())["checks"]].count(
        "repair"
    ) == 0
