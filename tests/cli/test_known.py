"""The command that asks when an incident could have been known."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from workbench.cli import app, output


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Twenty days of decisions; `amount` is missing in most rows from the fifteenth day on."""
    rng = np.random.default_rng(1)
    day = pd.Timestamp("2026-03-01") + pd.to_timedelta(np.sort(rng.uniform(0, 20, 1_500)), "D")
    frame = pd.DataFrame({"time": day, "prediction": rng.integers(0, 2, 1_500), "amount": rng.normal(size=1_500)})
    frame.loc[(frame["time"] >= "2026-03-15") & (rng.uniform(size=1_500) < 0.8), "amount"] = np.nan
    path = tmp_path / "log.parquet"
    frame.to_parquet(path)
    return path


def test_the_moment_is_told_and_written(log: Path, tmp_path: Path) -> None:
    out = tmp_path / "known.json"
    told = CliRunner().invoke(app, ["known", str(log), "--reference", "time < 2026-03-08", "--looks", "6", "--json", str(out)])
    assert told.exit_code == 0, told.output
    written = json.loads(out.read_text())
    assert written["schema"] == "workbench.known/1"
    assert "2026-03-15" < written["tables"]["known"][0]["known"] < "2026-03-20"
    assert "could have been known on 2026-03-1" in told.stderr
    assert "began 2026-03-" in told.stderr
    assert "nan" not in told.stderr


def test_progress_without_a_terminal_is_a_line_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seconds = iter([0.0, 4.0, 11.0, 11.0, 12.0])
    monkeypatch.setattr(output.time, "perf_counter", lambda: next(seconds))
    with output.progress("looks") as tell:
        for done in (1, 2, 3):
            tell(done, 48)
    assert capsys.readouterr().err == "  looks: 2 of 48\n"


def test_too_few_looks_are_refused_before_the_first_check_runs(log: Path) -> None:
    told = CliRunner().invoke(app, ["known", str(log), "--looks", "0", "--json", "-"])
    assert "from 1" in str(told.exception)
    assert "integrity" not in told.stderr


def test_a_delay_that_is_none_is_refused(log: Path) -> None:
    told = CliRunner().invoke(app, ["known", str(log), "--label-delay", "soon", "--json", "-"])
    assert "not a length of time" in str(told.exception)
    assert told.stdout == ""
