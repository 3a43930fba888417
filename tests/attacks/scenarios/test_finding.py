"""A finding becomes a scenario that names where it came from, and that runs."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench.attacks.scenarios.finding import scenario_from_finding, scenario_from_findings
from workbench.attacks.scenarios.rehearsal import rehearse
from workbench.attacks.scenarios.trial import Setting
from workbench.digest import digest_bytes
from workbench.errors import InputError, StorageError, UnknownNameError
from workbench.models import python_target
from workbench.result import Finding

WEST = Finding(
    "slice", "the error rate is 60 % in the west", ("region",), 'region = "west"', effect=0.4, unit="error rate", support=260,
    people=260, severity="high", rank=2,
)  # fmt: skip


def weak_in_the_west(frame: pd.DataFrame) -> np.ndarray:
    right = (frame["income"] - 4 * frame["debts"] > 40).to_numpy()
    return np.where(frame["region"] == "west", 0, right).astype(int)


def write(path: Path, *findings: Finding) -> Path:
    path.write_text(json.dumps({"schema": "workbench.findings/1", "findings": [item.to_dict() for item in findings]}))
    return path


def test_a_slice_fails_on_the_model_it_was_found_in_and_holds_on_one_without(make_setting: Callable[..., Setting]) -> None:
    scenario = scenario_from_finding(WEST, author="ada", parent="INC-7")
    assert scenario.expected.at_most == 0.2
    assert scenario.severity == "high"
    weak = python_target(weak_in_the_west, digest="sha256:west")
    found = rehearse(scenario, make_setting(weak))
    assert (found.numbers["outcome"], found.numbers["twin"]) == ("failed", "held")
    assert rehearse(scenario, make_setting()).numbers["outcome"] == "held"


def test_the_parent_names_the_incident_the_rank_and_the_very_file(tmp_path: Path) -> None:
    path = write(tmp_path / "findings.json", replace(WEST, rank=1), WEST)
    scenario = scenario_from_findings(path, 2, author="ada", incident="INC-7")
    assert scenario.parent == f"INC-7: finding 2 of {digest_bytes(path.read_bytes())}"


@pytest.mark.parametrize(
    ("finding", "generator"),
    [
        (replace(WEST, kind="disparity"), "segment"),
        (replace(WEST, kind="attack"), "evasion"),
        (replace(WEST, kind="integrity", columns=("income",), unit="missing share"), "fault"),
        (replace(WEST, kind="integrity", columns=("income",), statement="income stands still", unit="share of rows"), "fault"),
        (replace(WEST, kind="drift", columns=("debts",)), "shortcut"),
    ],
)
def test_each_kind_becomes_what_tries_it_again(finding: Finding, generator: str, make_setting: Callable[..., Setting]) -> None:
    scenario = scenario_from_finding(finding, author="ada", parent="INC-7")
    assert scenario.generator == generator
    assert rehearse(scenario, make_setting()).numbers["outcome"] in {"held", "failed", "could not tell"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"support": 7}, "too few people"),
        ({"people": 3}, "too few people"),
        ({"kind": "volume"}, "nothing to try again"),
        ({"where": "all rows"}, "no segment"),
        ({"kind": "drift", "columns": ()}, "names no column"),
    ],
)
def test_what_cannot_be_tried_again_is_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        scenario_from_finding(replace(WEST, **change), author="ada", parent="INC-7")


def test_a_file_without_findings_or_without_that_rank_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be read"):
        scenario_from_findings(tmp_path / "none.json", 1, author="ada")
    (tmp_path / "other.json").write_text("[]")
    with pytest.raises(InputError, match="not a file of findings"):
        scenario_from_findings(tmp_path / "other.json", 1, author="ada")
    with pytest.raises(UnknownNameError, match="Available: 2"):
        scenario_from_findings(write(tmp_path / "findings.json", WEST), 5, author="ada")
