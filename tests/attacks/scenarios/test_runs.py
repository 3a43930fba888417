from __future__ import annotations

import json
from pathlib import Path

import pytest

from workbench.attacks.scenarios.runs import RUNS, read_runs
from workbench.errors import InputError, StorageError
from workbench.result import Result

HELD = Result("scenario", "unit error", numbers={"name": "unit-error", "value": 0.1})


def test_a_file_and_a_folder_hold_the_same_runs(tmp_path: Path) -> None:
    one, several = tmp_path / "one.json", tmp_path / "several.json"
    one.write_text(json.dumps(HELD.to_dict()))
    several.write_text(json.dumps({"schema": RUNS, "runs": [HELD.to_dict(), HELD.to_dict()]}))
    (tmp_path / "other.json").write_text(json.dumps({"schema": "workbench.drift/1"}))
    assert [run.numbers for run in read_runs(one)] == [HELD.numbers]
    assert [len(read_runs(place)) for place in (several, tmp_path)] == [2, 3]


def test_a_folder_without_runs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no run of a scenario"):
        read_runs(tmp_path)
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(StorageError, match=r"broken\.json"):
        read_runs(tmp_path)
