"""``findings.json`` is there only when all of its run is."""

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from workbench.errors import StorageError
from workbench.result import Result
from workbench.triage import files
from workbench.triage.files import HISTORY, readable_json, write_triage
from workbench.triage.run import Outcome, Triage


def triage(*checks: str) -> Triage:
    groups = pd.DataFrame({"group": ["a", "b"], "n": [200, 3], "suppressed": [False, True]})
    return Triage(
        verdict="no incident found",
        findings=(),
        checks=tuple(Outcome(name, "ran", "", 0.1) for name in checks),
        results={name: Result(name, name, {"groups": groups}) for name in checks},
        dataset={"fingerprint": "sha256:0", "rows": 203},
        reference=None,
        current=None,
        provenance={},
    )


def test_findings_and_results_are_written_with_small_cells_blanked(tmp_path: Path) -> None:
    path = write_triage(triage("drift"), tmp_path / "a" / "b")
    assert json.loads(path.read_text())["schema"] == "workbench.findings/1"
    rows = json.loads((path.parent / "results" / "drift.json").read_text())["tables"]["groups"]
    assert [row["n"] for row in rows] == [200, None]


def test_what_an_earlier_run_left_is_not_taken_for_this_one(tmp_path: Path) -> None:
    write_triage(triage("drift", "slices"), tmp_path)
    (tmp_path / "results" / "mine.json").write_text("{}")
    write_triage(triage("drift"), tmp_path)
    assert sorted(path.name for path in (tmp_path / "results").iterdir()) == ["drift.json", "mine.json"]


def test_the_histories_of_an_earlier_run_are_taken_away_too(tmp_path: Path) -> None:
    found = triage("drift")
    write_triage(replace(found, results={**found.results, HISTORY: Result("history", "h")}), tmp_path)
    assert (tmp_path / "results" / "history.json").is_file()
    write_triage(found, tmp_path)
    assert sorted(path.name for path in (tmp_path / "results").iterdir()) == ["drift.json"]


def test_a_run_that_could_not_be_written_leaves_no_findings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_triage(triage("drift"), tmp_path)

    def full(*_: object) -> None:
        raise StorageError("cannot write")

    monkeypatch.setattr(files, "write_whole", full)
    with pytest.raises(StorageError):
        write_triage(triage("drift"), tmp_path)
    assert not (tmp_path / "findings.json").exists()


def test_damaged_findings_of_an_earlier_run_do_not_matter(tmp_path: Path) -> None:
    (tmp_path / "findings.json").write_text("[")
    assert json.loads(write_triage(triage("drift"), tmp_path).read_text())["dataset"]["rows"] == 203


def test_a_file_in_the_place_of_the_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    with pytest.raises(StorageError):
        write_triage(triage("drift"), tmp_path / "out")


def test_json_for_people_is_sorted_indented_and_ends_with_a_line_feed() -> None:
    assert readable_json({"b": 1, "a": "é"}) == '{\n "a": "é",\n "b": 1\n}\n'
    with pytest.raises(ValueError, match="JSON"):
        readable_json(float("nan"))
