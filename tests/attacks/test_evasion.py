"""Our own attack: what it finds is real, valid, within budget, near the optimum, and the same every time."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.attacks.constraints import Column, Domain
from workbench.attacks.evasion import Evasion, _by_turns, evade, judge_attack, record_attack
from workbench.errors import InputError
from workbench.models import Prediction, Target, python_target


class Counting:
    """A target that counts the rows it is asked about."""

    name, version, digest, production = "counting", "1", "sha256:c", False

    def __init__(self, target: Target) -> None:
        self.target, self.rows = target, 0

    def predict(self, frame: pd.DataFrame) -> Prediction:
        self.rows += len(frame)
        return self.target.predict(frame)


def test_every_success_flips_the_decision_and_is_valid(linear: Target, attack: Evasion) -> None:
    before, after = (linear.predict(frame).decision for frame in (attack.original, attack.adversarial))
    assert (attack.success == (before != after)).all()
    assert attack.success.mean() >= 0.95
    assert attack.domain.valid(attack.domain.encode(attack.adversarial), attack.domain.encode(attack.original)).all()


@pytest.mark.usefixtures("numpys_global_generator_stays_unused")
def test_the_same_seed_gives_the_same_bits_and_another_other_ones(linear: Target, attack: Evasion) -> None:
    again, other = (evade(linear, attack.original, attack.domain, budget=60, seed=seed) for seed in (3, 4))
    assert again.adversarial.to_numpy().tobytes() == attack.adversarial.to_numpy().tobytes()
    assert np.array_equal(again.queries, attack.queries)
    assert not other.adversarial.equals(attack.adversarial)


def test_queries_are_counted_and_bounded(linear: Target, frame: pd.DataFrame) -> None:
    counting = Counting(linear)
    attack = evade(counting, frame, budget=40, seed=0)
    shared_twice = len(frame)
    assert attack.queries.max() <= 40
    assert counting.rows <= attack.queries.sum() <= counting.rows + shared_twice


def test_it_comes_near_the_smallest_change_there_is(
    linear: Target, frame: pd.DataFrame, attack: Evasion, weights: np.ndarray
) -> None:
    """Of a linear model that is the distance to its plane."""
    exact = np.abs(frame.to_numpy() @ weights) / np.linalg.norm(weights)
    found = evade(linear, frame, attack.domain, budget=300, seed=1)
    assert (found.cost >= exact - 1e-9).all()
    assert np.median(found.cost / exact) < 1.3


def test_immutable_columns_and_relations_hold() -> None:
    chance = np.random.default_rng(1)
    frame = pd.DataFrame({"age": chance.integers(18, 80, 60), "accounts": chance.integers(1, 20, 60)})
    frame["open"] = (frame["accounts"] * chance.random(60)).astype(int)
    target = python_target(lambda rows: (rows["open"] * 2 + rows["age"] / 10 > 14).astype(int), digest="sha256:r")
    attack = evade(target, frame, Domain.infer(frame, immutable=["age"], relations=["open <= accounts"]), seed=2)
    assert attack.success.any()
    assert (attack.adversarial["age"] == frame["age"]).all()
    assert (attack.adversarial["open"] <= attack.adversarial["accounts"]).all()
    assert (attack.adversarial.dtypes == frame.dtypes).all()


def test_rows_that_differ_in_what_cannot_be_moved_do_not_use_up_the_budget() -> None:
    """All but one of the rows let through are so for columns that an attacker cannot move; their `probe` is of no use to him."""
    chance = np.random.default_rng(2)
    frame = pd.DataFrame(chance.normal(size=(200, 3)), columns=["a", "b", "probe"])
    frame.loc[0, ["a", "b", "probe"]] = [2.0, 2.0, 9.0]
    target = python_target(lambda rows: ((rows["a"] + rows["b"] >= 0) | (rows["probe"] > 5)).astype(int), digest="sha256:p")
    refused = target.predict(frame).decision == 0
    attack = evade(target, frame, Domain.infer(frame, immutable=["a", "b"]), budget=25, seed=0)
    assert attack.success[refused].mean() > 0.5


def test_no_input_is_asked_about_twice() -> None:
    """Six that can be reached, none of which flips: six questions, and not the whole budget."""
    frame = pd.DataFrame({"whole": [1, 2, 3, 4, 5, 6, 7] * 10, "fixed": np.arange(70.0)})
    target = python_target(lambda rows: (rows["fixed"] >= 30).astype(int).to_numpy(), digest="sha256:f")
    attack = evade(target, frame, Domain.infer(frame, immutable=["fixed"]), budget=60, seed=0)
    assert not attack.success.any()
    shared = 1  # of the pool
    assert (attack.queries == 1 + shared + 6).all()


@given(st.integers(1, 300))
def test_places_from_two_ends_are_each_named_once_the_last_first(count: int) -> None:
    places = _by_turns(count)
    assert sorted(places.tolist()) == list(range(count))
    assert places[0] == count - 1


def test_what_cannot_be_flipped_is_not_claimed(frame: pd.DataFrame) -> None:
    attack = evade(python_target(lambda rows: np.ones(len(rows), dtype=int), digest="sha256:1"), frame, budget=30)
    assert not attack.raw_success.any()
    assert np.isnan(attack.cost).all()
    pd.testing.assert_frame_equal(attack.adversarial, frame)


def test_categories_are_moved_too() -> None:
    frame = pd.DataFrame({"kind": ["a", "b", "c", "a"] * 5, "x": np.arange(20.0)})
    target = python_target(lambda rows: (rows["kind"] == "b").astype(int), digest="sha256:k")
    attack = evade(target, frame, seed=0, budget=60)
    assert attack.success.all()
    assert (attack.changed == 1).all()
    assert set(attack.adversarial["kind"]) <= {"a", "b", "c"}


def test_a_row_already_decided_otherwise_costs_nothing(linear: Target, frame: pd.DataFrame) -> None:
    attack = evade(linear, frame, away_from=1 - linear.predict(frame).decision, budget=10)
    assert attack.success.all()
    assert (attack.cost == 0).all()


def test_somebody_else_s_invalid_success_is_raw_only(linear: Target, frame: pd.DataFrame, weights: np.ndarray) -> None:
    domain = Domain(tuple(Column(name, low=-3.0, high=3.0, direction="none" if name == "a" else "any") for name in "abcd"))
    pushed = frame.assign(a=-frame["a"] - 3 * np.sign(frame.to_numpy() @ weights))
    judged = judge_attack(linear, frame, pushed, domain)
    assert judged.raw_success.any()
    assert not judged.success.any()


def test_errors_are_no_success(frame: pd.DataFrame) -> None:
    def fail(rows: pd.DataFrame) -> np.ndarray:
        if len(rows) != len(frame):
            raise ValueError("down")
        return np.zeros(len(rows), dtype=int)

    assert not evade(python_target(fail, digest="sha256:f"), frame, budget=20).raw_success.any()


def test_a_production_target_is_not_attacked(frame: pd.DataFrame, scored: Any, linear_score: Any) -> None:
    with pytest.raises(InputError, match="approval"):
        evade(scored(linear_score, production=True), frame)


def test_an_attack_is_recorded_with_its_origins(linear: Target, attack: Evasion, tmp_path: Path) -> None:
    recording = record_attack(linear, attack, tmp_path / "r")
    rows = recording.row_columns("row_id", "origin").to_pandas()
    found = int(attack.success.sum())
    assert recording.rows == 80 + found
    assert rows["origin"].notna().sum() == found
    assert recording.manifest["queries_per_row"] == 60
    assert Domain.from_dict(recording.manifest["domain"]) == attack.domain
