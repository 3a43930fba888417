"""hunt, and triage with recordings, from the command line."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log with a night of queries in which one column is swept."""
    rng = np.random.default_rng(0)
    rows = 3000
    frame = pd.DataFrame({
        "time": pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 60 * 86_400, rows), unit="s"),
        "income": rng.normal(50, 10, rows).round(2), "amount": rng.normal(10, 3, rows).round(2),
        "age": rng.integers(18, 80, rows), "term": rng.integers(1, 60, rows), "branch": rng.integers(0, 20, rows).astype(str),
        "client": rng.choice(["app", "web"], rows),
    })  # fmt: skip
    night = pd.Timestamp("2026-02-10") + pd.to_timedelta(rng.integers(0, 3 * 3600, 80), unit="s")
    probe = pd.concat([frame.iloc[[7]]] * 80).assign(income=np.linspace(20, 80, 80).round(2), time=night, client="x9")
    whole = pd.concat([frame, probe]).sort_values("time").reset_index(drop=True)
    path = tmp_path / "log.csv"
    whole.assign(id=range(len(whole)), prediction=(whole["income"] > 50).astype(int)).to_csv(path, index=False)
    (tmp_path / "log.csv.roles.yaml").write_text(
        "row_id: id\ntime: time\nprediction: prediction\nfavorable: 1\nfeatures: [income, amount, age, term, branch]\n"
    )
    return path


def test_a_hunt_writes_findings_that_become_scenarios(workbench: Any, log: Path, tmp_path: Path) -> None:
    done = workbench("hunt", log, "--caller", "client", "--json", tmp_path / "hunt.json")
    assert done.code == 0, done.err
    assert "inputs were varied again and again" in " ".join(done.err.split())
    found = json.loads((tmp_path / "hunt.json").read_text())
    assert found["schema"] == "workbench.hunt/1"
    assert found["findings"][0]["columns"] == ["income"]
    made = workbench("scenarios", "from-finding", tmp_path / "hunt.json", 1, "--out", tmp_path / "s.yaml", "--incident", "INC-7")
    assert made.code == 0, made.err
    assert "parent: 'INC-7: finding 1 of sha256:" in (tmp_path / "s.yaml").read_text()


def test_what_a_hunt_cannot_read_is_one_line(workbench: Any, log: Path, tmp_path: Path) -> None:
    for words, said in ((("--caller", "nope"), "no such column"), (("--recordings", tmp_path / "none"), "no recordings here")):
        done = workbench("hunt", log, *words, "--json", tmp_path / "hunt.json")
        assert (done.code, done.err.count("error:")) == (2, 1)
        assert said in done.err
        assert not (tmp_path / "hunt.json").exists()


def test_triage_takes_recordings(workbench: Any, log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The swept queries, recorded as an attack of a scenario, come back by its name."""
    frame = pd.read_csv(log)
    attacks = frame[frame["client"] == "x9"][["income", "amount", "age", "term", "branch"]]
    attacks.to_csv(tmp_path / "attacks.csv", index=False)
    (tmp_path / "income_model.py").write_text("def decide(frame):\n    return (frame['income'] > 50).astype(int).to_numpy()\n")
    monkeypatch.syspath_prepend(tmp_path)
    recorded = workbench(
        "record", tmp_path / "attacks.csv", "--target", "python:income_model:decide", "--scenario", "boundary-probing",
        "--out", tmp_path / "recordings" / "one",
    )  # fmt: skip
    assert recorded.code == 0, recorded.err
    done = workbench("triage", log, "--recordings", tmp_path / "recordings", "--out", tmp_path / "out")
    assert done.code == 1, done.err
    statements = [item["statement"] for item in json.loads((tmp_path / "out" / "findings.json").read_text())["findings"]]
    assert any("came back (boundary-probing)" in said and "scenario boundary-probing sha256:" in said for said in statements)
