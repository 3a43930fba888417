"""The check `attack`: evasion is found by triage alone, recorded attacks by their id, and clean logs stay silent."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench.attacks.recorder import RecordingWriter
from workbench.attacks.recording import Recording
from workbench.attacks.scenarios.finding import scenario_from_findings
from workbench.data.dataset import Dataset, open_dataset
from workbench.data.examples import find_example
from workbench.models.target import Prediction
from workbench.predicate import Predicate
from workbench.triage.budget import spend
from workbench.triage.check import Context
from workbench.triage.checks.attack import check_attack
from workbench.triage.files import write_triage
from workbench.triage.hunt import hunt_log
from workbench.triage.run import triage

FEATURES = ["income", "amount", "age", "region"]
ROLES: dict[str, Any] = {
    "row_id": "id", "time": "time", "prediction": "approved", "score": "score", "favorable": 1, "features": FEATURES,
}  # fmt: skip


def scores(frame: pd.DataFrame) -> pd.Series:
    return 1 / (1 + np.exp(0.08 * (frame["amount"] - 10) - 0.06 * (frame["income"] - 48) - 0.02 * (frame["age"] - 48)))


def decided(frame: pd.DataFrame) -> pd.DataFrame:
    frame = frame.sort_values("time", kind="stable").reset_index(drop=True)
    return frame.assign(score=scores(frame), approved=(scores(frame) >= 0.5).astype(int), id=range(len(frame)))


def quiet(rows: int = 6000, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return decided(pd.DataFrame({
        "time": pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 60 * 86_400, rows), unit="s"),
        "income": rng.gamma(4, 12, rows).round(1), "amount": rng.gamma(2, 5, rows).round(2),
        "age": rng.integers(18, 80, rows), "region": rng.choice(["north", "south", "west"], rows),
    }))  # fmt: skip


def crafted(rows: int = 200) -> pd.DataFrame:
    """People who were refused, and the least income at which they are not; since 10 February."""
    refused = quiet(seed=5).query("approved == 0 and score > 0.3").iloc[:rows]
    missing = np.log(0.5 / (1 - 0.5)) - np.log(refused["score"] / (1 - refused["score"]))
    seconds = np.random.default_rng(6).integers(0, 18 * 86_400, rows)
    return refused.assign(
        income=np.ceil(10 * (refused["income"] + missing / 0.06)) / 10,
        time=pd.Timestamp("2026-02-10") + pd.to_timedelta(seconds, unit="s"),
    )


def attacked() -> pd.DataFrame:
    return decided(pd.concat([quiet(), crafted()], ignore_index=True))


def opened(frame: pd.DataFrame) -> Dataset:
    return open_dataset(frame, ROLES)


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    inputs = crafted()[FEATURES].reset_index(drop=True)
    nothing, rows = np.zeros(len(inputs)), len(inputs)
    writer = RecordingWriter(tmp_path / "recording", {"scenario": {"name": "constrained-evasion", "id": "sha256:abc"}})
    answered = Prediction(np.ones(rows), nothing, nothing, np.zeros(rows, bool), np.full(rows, None, dtype=object))
    writer.add(inputs, answered, started=0.0, seconds=1.0)
    return writer.close()


def test_triage_finds_an_evasion_burst_without_a_recording() -> None:
    found = triage(opened(attacked()))
    first = next(item for item in found.findings if item.kind == "attack")
    assert found.verdict == "incident"
    assert first.severity in {"medium", "high"}
    assert first.unit == "share just past the threshold"
    assert first.cause == "evasion"
    assert first.onset_interval is not None
    assert first.onset_interval[0] < "2026-02-11"
    assert first.onset_interval[1] > "2026-02-09"
    assert first.p_adjusted is not None
    assert first.p_adjusted < 0.01


def test_triage_of_a_quiet_log_says_nothing_of_attacks() -> None:
    found = triage(opened(quiet()), only=["attack"])
    assert found.findings == ()
    assert [(item.name, item.status) for item in found.checks] == [("attack", "ran")]


def test_triage_names_the_recorded_attack_that_came_back(recording: Recording) -> None:
    found = triage(opened(attacked()), recordings=[recording], only=["attack"])
    back = next(item for item in found.findings if "came back" in item.statement)
    assert recording.content in back.statement
    assert "scenario constrained-evasion sha256:abc" in back.statement
    assert (back.support, back.people) == (back.people, back.support)
    assert back.support == pytest.approx(200, abs=10)
    assert back.severity == "high"


def test_a_hunt_becomes_a_scenario_that_names_it(tmp_path: Path) -> None:
    _, found = hunt_log(opened(attacked()))
    path = write_triage(found, tmp_path)
    made = scenario_from_findings(path, 1, author="ada", incident="INC-7")
    assert made.parent is not None
    assert made.parent.startswith("INC-7: finding 1 of sha256:")
    assert made.generator == "evasion"
    assert made.where == "all rows", "neither a past time nor a score holds of what a next release is tried on"
    assert made.threat_model.budget.endswith("queries seen")


def test_a_hunt_is_written_like_a_triage(tmp_path: Path) -> None:
    result, found = hunt_log(opened(attacked()), reference=Predicate.parse("time < 2026-02-01"))
    assert found.verdict == "incident"
    assert {item.evidence for item in found.findings} == {result.digest}
    write_triage(found, tmp_path)
    assert (tmp_path / "results" / "attack.json").exists()


def _alarm(dataset: Dataset, cut: str, recordings: list[Recording], seed: int, caller: str = "") -> int:
    """How many of the two questions, with and without windows, end in an alarm."""
    before = Predicate.parse(cut)
    told = 0
    for windows in ((), (dataset.select(before), dataset.exclude(before))):
        context = Context(dataset, *windows, recordings=recordings, seed=seed)
        told += bool(spend({"attack": check_attack(context)}, 0.01))
    if caller:
        told += bool(hunt_log(dataset, caller=caller, seed=seed)[1].findings)
    return told


def _written(inputs: pd.DataFrame, folder: Path) -> Recording:
    nothing, rows = np.zeros(len(inputs)), len(inputs)
    writer = RecordingWriter(folder)
    answered = Prediction(np.ones(rows), nothing, nothing, np.zeros(rows, bool), np.full(rows, None, dtype=object))
    writer.add(inputs.reset_index(drop=True), answered, started=0.0, seconds=1.0)
    return writer.close()


@pytest.mark.slow
def test_clean_logs_give_an_alarm_in_at_most_one_of_a_hundred(tmp_path: Path) -> None:
    """Adult and COMPAS with scores of a model that nobody looks at, in random orders of time; 150 runs of 2 or 3 questions."""
    adult = pd.read_csv(find_example("adult").data, skipinitialspace=True).drop(columns="Probability")
    compas = pd.read_csv(find_example("compas").data)
    compas = compas[["age", "sex", "race", "priors_count", "juv_fel_count", "juv_misd_count", "c_charge_degree", "age_cat"]]
    told = runs = 0
    for name, frame, number, step in (("adult", adult, "hours-per-week", 3), ("compas", compas, "priors_count", 1)):
        recorded = frame.sample(300, random_state=1)
        recording = _written(recorded.assign(**{number: recorded[number] + step}), tmp_path / name)
        for seed in range(75):
            rng = np.random.default_rng(seed)
            part = frame.sample(min(5000, len(frame)), random_state=seed)
            rank = part["age"].rank(pct=True) + part[number].rank(pct=True)
            score = 1 / (1 + np.exp(-(3 * (rank - 1) + rng.normal(0, 1, len(part)))))
            hours = np.sort(rng.integers(0, 90 * 24, len(part)))
            made = part.assign(
                at=pd.Timestamp("2026-01-01") + pd.to_timedelta(hours, unit="h"), score=score,
                decision=(score >= 0.5).astype(int), client=rng.choice(list("abcdefgh"), len(part)),
            )  # fmt: skip
            roles = {"time": "at", "score": "score", "prediction": "decision", "favorable": 1, "features": list(frame.columns)}
            told += _alarm(open_dataset(made, roles), "at < 2026-02-15", [recording], seed, "client" if seed % 3 == 0 else "")
            runs += 3 if seed % 3 == 0 else 2
    assert runs == 350
    assert told <= 3
