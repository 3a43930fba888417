"""A replay's findings: who fails more, who only seems to fail less; and the template that writes them."""

import itertools
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pandas as pd
import pytest

from workbench.attacks.evasion import evade, record_attack
from workbench.attacks.recording import Recording
from workbench.evidence.freeze import has_errors
from workbench.evidence.templates import find_template
from workbench.models import Target, open_target, python_target
from workbench.result import Result
from workbench.triage.replay import _difference, replay_findings, replay_recording, version_finding

MODULE = """
import numpy as np

def decide(frame, shift):
    score = 1 / (1 + np.exp(-(frame["a"] + frame["b"] - shift).to_numpy(dtype=float)))
    return {"decision": (score >= 0.5).astype(int), "score": score}

def v1(frame):
    return decide(frame, 0.0)

def v2(frame):
    return decide(frame, 0.4)
"""


def replayed(*rows: tuple[str, int, int, bool]) -> Result:
    """A replay of a hundred judged inputs: per version what newly fails and no longer does, and whether it is overfitted."""
    targets = [{"target": "v1", "replayed": 0.5, "adaptive": 0.9, "safer": False, "overfitted_defence": False}]
    pairs = []
    for name, came, gone, fooled in rows:
        targets.append({"target": name, "replayed": 0.1, "adaptive": 0.9, "safer": not fooled, "overfitted_defence": fooled})
        p = min(1.0, 2 * 0.5 ** (came + gone)) if not min(came, gone) else 1.0
        pairs.append({"baseline": "v1", "target": name, "judged": 100, "newly_failing": came, "newly_fixed": gone, "p": p})
    return Result("replay", "Replay of 100 inputs", tables={"targets": pd.DataFrame(targets), "pairs": pd.DataFrame(pairs)})


def test_a_version_that_fails_more_is_a_finding_and_one_that_fails_less_is_none() -> None:
    [finding] = replay_findings(replayed(("worse", 20, 0, False), ("better", 0, 30, False), ("same", 0, 0, False)))
    assert (finding.kind, finding.severity, finding.effect, finding.support) == ("attack", "high", 0.2, 100)
    compared = "against v1 20 newly fail and 0 no longer do, of 100 judged (p 1.9e-06)"
    assert finding.statement == f"worse: fails more: {compared}"
    assert finding.p_adjusted is not None
    assert finding.p is not None
    assert finding.p_adjusted > finding.p


def test_an_overfitted_defence_is_a_finding_although_it_fails_less() -> None:
    [finding] = replay_findings(replayed(("patched", 0, 40, True)))
    assert "patched is an overfitted defence: 10 % of the recorded attacks succeed, 90 % of fresh attacks" in finding.statement
    assert not finding.standing


def test_few_new_failures_are_no_finding_and_no_claim() -> None:
    result = replayed(("v2", 3, 0, False))
    assert replay_findings(result) == []
    assert version_finding(result, "v2").statement == "v2: against v1 3 newly fail and 0 no longer do, of 100 judged (p 0.25)"


def test_both_the_recorded_and_the_fresh_attack_are_told() -> None:
    result = replayed(("v2", 20, 0, False))
    both = replace(result, tables=result.tables | {"targets": result.tables["targets"].assign(verdict=[None, "safer"])})
    assert version_finding(both, "v2").statement.startswith("v2: fails more, safer against fresh attacks: against v1 20 newly")


def test_inputs_that_are_no_attacks_are_not_called_so_and_errors_are_told() -> None:
    result = replayed(("v2", 0, 9, False))
    targets = result.tables["targets"].assign(errors=[0, 40], rows=100, otherwise_named=[True, False])
    judged = replace(result, tables=result.tables | {"targets": targets}, numbers={"oracle": "expected outcome"})
    told = "v1: 50 % of the recorded inputs fail"
    assert version_finding(judged, "v1").statement.startswith(
        f"{told}; none of its decisions is one that was recorded or expected"
    )
    assert version_finding(judged, "v1").unit == "share of inputs that fail"
    assert version_finding(judged, "v2").statement.endswith("(p 0.0039); 40 of 100 inputs got an error for an answer")


def test_the_baseline_is_told_without_a_comparison() -> None:
    finding = version_finding(replayed(("v2", 0, 9, False)), "v1")
    assert finding.statement == "v1: 50 % of the recorded attacks succeed"
    assert finding.effect is None


@pytest.mark.parametrize(("one", "both", "other"), [(0.1, 0.3, 0.2), (0.02, 0.0, 0.3)])
def test_the_interval_covers_a_paired_difference(one: float, both: float, other: float) -> None:
    """Drawn anew 3,000 times: 95 % within sampling error."""
    chance = np.random.default_rng(7)
    draws = chance.multinomial(80, [one, both, other, 1 - one - both - other], size=3000)
    hits = 0
    for came, gone in zip(draws[:, 0].tolist(), draws[:, 2].tolist(), strict=True):
        _, interval = _difference(pd.Series({"newly_failing": came, "newly_fixed": gone, "judged": 80}))
        assert interval is not None
        hits += interval[0] <= one - other <= interval[1]
    assert 0.935 <= hits / 3000 <= 0.985


@pytest.fixture
def versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Target]:
    (tmp_path / "two_versions.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    return [open_target(f"python:two_versions:{name}") for name in ("v1", "v2")]


@pytest.fixture
def recording(versions: list[Target], tmp_path: Path) -> Recording:
    people = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 2)), columns=["a", "b"])
    people["name"] = [f"Person {number}" for number in range(60)]
    return record_attack(versions[0], evade(versions[0], people, budget=40), tmp_path / "attack")


def test_a_replay_is_concluded_like_a_triage(recording: Recording, versions: list[Target]) -> None:
    result, found = replay_recording(recording, versions, fresh=None)
    assert found.dataset == {"fingerprint": recording.content, "rows": recording.rows}
    assert [finding.evidence for finding in found.findings] == [result.digest] * len(found.findings)
    assert found.verdict == ("incident" if found.findings else "no incident found")
    again = replay_recording(recording, versions, fresh=None)[1]
    assert again.digest == found.digest


def test_a_version_that_answers_nothing_leaves_it_open(recording: Recording, versions: list[Target]) -> None:
    dead = python_target(lambda _: 1 / 0, name="dead", digest="sha256:dead")
    result, found = replay_recording(recording, [versions[0], dead], fresh=None)
    assert found.verdict == "could not tell"
    failed = f"{recording.rows} of {recording.rows} inputs got an error for an answer"
    assert version_finding(result, "dead").statement == f"dead: no input was judged of both it and v1; {failed}"


@pytest.mark.slow
def test_papermill_alone_runs_the_template(recording: Recording, tmp_path: Path, home: Path, monkeypatch: Any) -> None:
    out = tmp_path / "out"
    given = {"recording": recording.folder, "out": out, "adaptive": False}
    words = list(itertools.chain.from_iterable(("-p", name, str(value)) for name, value in given.items()))
    listed = ["-y", json.dumps({"targets": ["python:two_versions:v1", "python:two_versions:v2"], "identifiers": ["name"]})]
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    command = [sys.executable, "-m", "papermill", str(find_template("replay")), str(tmp_path / "out.ipynb"), *words, *listed]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    executed = nbformat.read(tmp_path / "out.ipynb", as_version=4)
    assert has_errors(executed) is None
    assert "Person" not in (tmp_path / "out.ipynb").read_text()
    assert json.loads((out / "findings.json").read_text())["dataset"]["fingerprint"] == recording.content
    assert (out / "verdicts.parquet").is_file()
    assert not home.exists()
