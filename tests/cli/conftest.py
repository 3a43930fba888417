"""The command line in this very process, and decision logs to give to it."""

import contextlib
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench.cli import main


@dataclass(frozen=True)
class Done:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.err.splitlines()


Command = Callable[..., Done]


@pytest.fixture
def workbench(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Command]:
    """Runs a command as the shell would."""
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setenv("WORKBENCH_AUTHOR", "ada")
    monkeypatch.setenv("COLUMNS", "80")

    def run(*words: Any) -> Done:
        monkeypatch.setattr(sys, "argv", ["workbench", *map(str, words)])
        capsys.readouterr()
        code: Any = 0
        with contextlib.suppress(SystemExit):
            try:
                main()
            except SystemExit as stop:
                code = stop.code or 0
                raise
        printed = capsys.readouterr()
        return Done(code, printed.out, printed.err)

    yield run
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def frame() -> pd.DataFrame:
    """Six hundred decisions with nothing wrong in them."""
    chance = np.random.default_rng(0)
    n = 600
    label = chance.integers(0, 2, n)
    return pd.DataFrame({
        "id": range(n),
        "time": pd.date_range("2026-01-01", periods=n, freq="h").strftime("%Y-%m-%dT%H:%M:%S"),
        "prediction": np.where(chance.random(n) < 0.8, label, 1 - label),
        "label": label,
        "region": chance.choice(["north", "south"], n),
    })  # fmt: skip


@pytest.fixture
def log(frame: pd.DataFrame, tmp_path: Path) -> Path:
    """`frame` as a CSV file, with a roles file beside it."""
    path = tmp_path / "log.csv"
    frame.to_csv(path, index=False)
    roles = "row_id: id\ntime: time\nprediction: prediction\nlabel: label\nfavorable: 1\ngroups: [region]\n"
    (tmp_path / "log.csv.roles.yaml").write_text(roles)
    return path
