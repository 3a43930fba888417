"""The versions of a replay weighed on a log, and the sections of the template that show it."""

import itertools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pandas as pd
import pytest

from workbench.attacks.constraints import Domain
from workbench.attacks.evasion import evade, record_attack
from workbench.attacks.recording import Recording
from workbench.evidence.freeze import has_errors
from workbench.evidence.templates import find_template
from workbench.models import Target, open_target
from workbench.result import Result
from workbench.triage.defences import weigh_on_log
from workbench.views.defences import weighed_view

MODULE = """
import numpy as np
from workbench.attacks.defences.stack import Stack, guard
from workbench.models import python_target

def plain(frame):
    score = 1 / (1 + np.exp(-(frame["a"] + frame["b"]).to_numpy(dtype=float)))
    return {"decision": (score >= 0.5).astype(int), "score": score}

def unsure(_, answered):
    return np.abs(answered.score - 0.5) < 0.1

stack = Stack(python_target(plain, name="plain"), (guard(unsure, "unsure"),), "stack")
"""
NAMES = ("python:plain_and_stack:plain", "python:plain_and_stack:stack")


@pytest.fixture
def people() -> pd.DataFrame:
    return pd.DataFrame(np.random.default_rng(0).normal(size=(70, 2)), columns=["a", "b"])


@pytest.fixture
def versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Target]:
    (tmp_path / "plain_and_stack.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "plain_and_stack", raising=False)
    return [open_target(name) for name in NAMES]


@pytest.fixture
def recording(versions: list[Target], people: pd.DataFrame, tmp_path: Path) -> Recording:
    attack = evade(versions[0], people.iloc[:50], Domain.infer(people, immutable=["a"]), budget=30)
    return record_attack(versions[0], attack, tmp_path / "attack")


@pytest.fixture
def log(people: pd.DataFrame, tmp_path: Path) -> Path:
    label = (people["a"] + people["b"] >= 0).astype(int)
    people.assign(id=range(len(people)), label=label, prediction=label).to_csv(tmp_path / "log.csv", index=False)
    roles = "row_id: id\nlabel: label\nprediction: prediction\nfeatures: [a, b]\n"
    (tmp_path / "log.csv.roles.yaml").write_text(roles)
    return tmp_path / "log.csv"


def test_without_a_log_nothing_is_weighed_and_that_is_said(recording: Recording, versions: list[Target]) -> None:
    weighed = weigh_on_log(recording, versions, "")
    assert (weighed.front, weighed.layers) == (None, ())
    assert "No log was given" in repr(weighed_view(weighed))


def test_versions_are_weighed_and_stacks_taken_apart_within_the_recorded_domain(
    recording: Recording, versions: list[Target], log: Path
) -> None:
    weighed = weigh_on_log(recording, versions, str(log))
    assert weighed.front is not None
    assert weighed.front.tables["front"]["defence"].tolist() == ["plain", "stack"]
    assert [row.layer for result in weighed.layers for row in result.tables["layers"].itertuples()] == ["unsure"]
    assert "clean inputs decided rightly" in repr(weighed_view(weighed))


def test_weighing_twice_finds_the_same_whatever_the_machine_does(recording: Recording, versions: list[Target], log: Path) -> None:
    first, second = (weigh_on_log(recording, versions, str(log)) for _ in range(2))
    assert first.front is not None
    assert second.front is not None
    assert first.front.digest == second.front.digest
    assert repr(weighed_view(first)) == repr(weighed_view(second))
    assert first.front.tables["front"][["latency", "throughput", "memory"]].isna().all(axis=None)


def test_one_version_has_nothing_to_be_weighed_against(recording: Recording, versions: list[Target], log: Path) -> None:
    weighed = weigh_on_log(recording, versions[1:], str(log))
    assert weighed.front is None
    assert len(weighed.layers) == 1
    assert "nothing to weigh it against" in repr(weighed_view(weighed))


@pytest.mark.slow
def test_the_replay_template_weighs_and_counts_the_money_where_it_is_given_the_means(
    recording: Recording, log: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    measured = {"value": 0.1, "low": 0.05, "high": 0.2, "outcome": "failed", "twin": "held"}
    run = Result("scenario", "t", {}, {"name": "noisy-channel", **measured})
    (tmp_path / "runs.json").write_text(json.dumps(run.to_dict()))
    (tmp_path / "mix.yaml").write_text("noisy-channel: {per_month: 200, cost: 50}\n")
    given = {
        "recording": recording.folder, "out": tmp_path / "out", "adaptive": False, "clean": log,
        "runs": tmp_path / "runs.json", "mix": tmp_path / "mix.yaml",
    }  # fmt: skip
    words = list(itertools.chain.from_iterable(("-p", name, str(value)) for name, value in given.items()))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    command = [sys.executable, "-m", "papermill", str(find_template("replay")), str(tmp_path / "out.ipynb"), *words]
    done = subprocess.run(
        [*command, "-y", json.dumps({"targets": list(NAMES)})], capture_output=True, text=True, check=False
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    executed = nbformat.read(tmp_path / "out.ipynb", as_version=4)
    assert has_errors(executed) is None
    shown = {cell["id"]: json.dumps(cell.get("outputs")) for cell in executed.cells}
    assert "False alarms are raised by unsure" in shown["weigh"]
    assert "plotly" in shown["front"]
    assert "200 attempts a month 10.0%" in shown["risk"]
