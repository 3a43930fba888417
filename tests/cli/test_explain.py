"""The commands about people in a log."""

import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from workbench.cli import app


@pytest.fixture
def log(tmp_path: Path) -> Path:
    frame = pd.DataFrame({
        "row_id": [f"r{number}" for number in range(60)], "prediction": [0, 1] * 30, "label": [0, 1, 1] * 20,
        "age": [20 + number % 40 for number in range(60)],
    })  # fmt: skip
    path = tmp_path / "log.parquet"
    frame.to_parquet(path)
    return path


def test_a_decision_is_shown_and_written_only_where_asked(log: Path, tmp_path: Path) -> None:
    told = CliRunner().invoke(app, ["explain", str(log), "r3"])
    assert told.exit_code == 0, told.exception
    assert told.stdout == ""
    assert "about one person" in told.stderr
    assert "No model was given to ask." in " ".join(told.stderr.split())
    out = tmp_path / "dossier.json"
    CliRunner().invoke(app, ["explain", str(log), "r3", "--json", str(out)])
    written = json.loads(out.read_text())
    assert written["schema"] == "workbench.dossier/1"
    assert {row["row_id"] for rows in written["tables"].values() for row in rows} == {"r3"}


def test_an_unknown_id_is_one_clear_line(log: Path) -> None:
    told = CliRunner().invoke(app, ["explain", str(log), "r99"])
    assert "no decision of that id" in str(told.exception)


def test_privacy_counts_who_is_alone(log: Path, tmp_path: Path) -> None:
    out = tmp_path / "privacy.json"
    told = CliRunner().invoke(app, ["privacy", str(log), "--column", "age", "-k", "2", "--json", str(out)])
    assert told.exit_code == 0, told.exception
    assert "20 are alone" in " ".join(told.stderr.split())
    assert json.loads(out.read_text())["numbers"]["unique"] == pytest.approx(20 / 60)


TRAINS = """
import numpy as np

def fit(frame, labels):
    heart = dict(zip(frame["age"], labels))
    def decide(rows):
        return {"decision": [int(heart.get(age, 0)) for age in rows["age"]], "score": [0.02 + 0.96 * heart[age] if age in heart
                else 0.5 for age in rows["age"]]}
    return decide
"""


def test_privacy_asks_whom_a_trained_model_gives_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "trains.py").write_text(TRAINS)
    monkeypatch.syspath_prepend(tmp_path)
    frame = pd.DataFrame({"label": [0, 1, 1] * 40, "prediction": 1, "age": range(120), "sex": ["f", "m"] * 60})
    frame.to_parquet(tmp_path / "log.parquet")
    (tmp_path / "log.parquet.roles.yaml").write_text("{label: label, prediction: prediction, features: [age], groups: [sex]}")
    out = tmp_path / "privacy.json"
    told = CliRunner().invoke(
        app, ["privacy", str(tmp_path / "log.parquet"), "--column", "age", "--fit", "python:trains:fit", "--json", str(out)]
    )  # fmt: skip
    assert told.exit_code == 0, told.exception
    said = " ".join(told.stderr.split())
    assert "Of 80 rows, half of which a model was trained on, its answers tell those it was trained on among: all rows" in said
    written = json.loads(out.read_text())
    assert written["numbers"]["unique"] == 1
    assert written["exposure"]["tables"]["slices"][0]["auc"] == pytest.approx(1)
