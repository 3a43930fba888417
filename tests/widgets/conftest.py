"""A small log, an open incident, and three findings."""

from pathlib import Path

import pandas as pd
import pytest

from workbench.data.dataset import Dataset, open_dataset
from workbench.incident.chain import Entry
from workbench.incident.home import ensure_home, record_path
from workbench.incident.record import Record
from workbench.incident.state import create_incident
from workbench.result import Finding

DIGEST = "sha256:" + "0" * 64


@pytest.fixture
def dataset() -> Dataset:
    return open_dataset(pd.DataFrame({"age": [20, 30, 40, 50], "region": ["north", "north", "south", "south"]}), {})


@pytest.fixture
def incident(home: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("WORKBENCH_AUTHOR", "ada")
    monkeypatch.delenv("WORKBENCH_RUN", raising=False)
    with Record.open(record_path(ensure_home(home))) as record:
        create_incident(record, "INC-1", "Loans", "ada")
    return "INC-1"


@pytest.fixture
def findings() -> list[Finding]:
    return [
        Finding("slice", "worse in the north", columns=("region",), where='region = "north"', effect=0.2, interval=(0.1, 0.3),
                unit="error rate", people=5, severity="high", rank=1, evidence=DIGEST),
        Finding("disparity", "the young are refused", where="age < 25", effect=0.1, people=812, severity="medium", rank=2),
        Finding("volume", "fewer rows <b>than</b> before", rank=3, support=1234),
    ]  # fmt: skip


@pytest.fixture
def entries(home: Path) -> object:
    """What the record holds of a kind, as a function of it."""

    def of_kind(kind: str) -> list[Entry]:
        with Record.open(record_path(home)) as record:
            return [entry for entry in record.entries("INC-1") if entry.kind == kind]

    return of_kind
