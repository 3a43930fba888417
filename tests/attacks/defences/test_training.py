"""Defences by training: what each hands to `fit`, so that what is learned is what was said."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench.attacks.constraints import Column, Domain
from workbench.attacks.defences.training import (
    Training,
    attack_rows,
    train_adversarial,
    train_augmented,
    train_distilled,
    train_ensemble,
    train_plain,
    train_regularised,
)
from workbench.errors import InputError

DOMAIN = Domain((Column("x", low=-6, high=6), Column("y", low=-6, high=6), Column("fixed", direction="none")))


class Spying:
    """A ``fit`` that keeps what it was called with, and learns the side of a threshold on ``x``."""

    def __init__(self) -> None:
        self.calls: list[tuple[pd.DataFrame, np.ndarray, np.ndarray | None]] = []

    def __call__(self, frame: pd.DataFrame, label: np.ndarray, sample_weight: np.ndarray | None = None) -> Any:
        self.calls.append((frame, label, sample_weight))
        return Threshold()


class Threshold:
    classes_ = (0, 1)

    def predict(self, frame: pd.DataFrame) -> np.ndarray:
        return (frame["x"] >= 0).to_numpy(dtype=int)

    def predict_proba(self, frame: pd.DataFrame) -> np.ndarray:
        chance = 1 / (1 + np.exp(-frame["x"].to_numpy()))
        return np.column_stack([1 - chance, chance])


@pytest.fixture
def make() -> Callable[..., Training]:
    def training(fit: Any, seed: int = 0) -> Training:
        chance = np.random.default_rng(4)
        frame = pd.DataFrame({"x": chance.normal(size=90), "y": chance.normal(size=90), "fixed": np.arange(90.0)})
        return Training(fit, frame, (frame["x"] >= 0).to_numpy(dtype=int), DOMAIN, seed)

    return training


def test_adversarial_rows_join_under_the_label_of_the_row_they_were_made_from(make: Callable[..., Training]) -> None:
    fit = Spying()
    training = make(fit)
    train_adversarial(training, rounds=2, rows=30, budget=30, copies=2)
    (_, first, _), (frame, label, _), (_, last, _) = fit.calls
    added, labels = frame.iloc[90:].reset_index(drop=True), label[90:]
    assert len(first) < len(label) < len(last)
    assert len(added) % 2 == 0
    half = len(added) // 2
    pd.testing.assert_frame_equal(added.iloc[:half].reset_index(drop=True), added.iloc[half:].reset_index(drop=True))
    origin = added["fixed"].astype(int).to_numpy()  # an immutable column names the row
    assert (labels == training.label[origin]).all()
    assert (Threshold().predict(added) != labels).all()


def test_selective_retraining_takes_the_cheapest_successes(make: Callable[..., Training]) -> None:
    fit = Spying()
    training = make(fit)
    assert train_adversarial(training, rounds=1, rows=40, budget=30, copies=1, selective=0.25).name == "selective"
    chosen = training.generator(0, 0).permutation(90)[:40]
    attack = attack_rows(train_plain(training), training, chosen, 30)
    kept = set(fit.calls[1][0]["fixed"].iloc[90:].astype(int))
    costs = dict(zip(attack.original["fixed"].astype(int), attack.cost, strict=True))
    assert len(kept) == round(0.25 * int(attack.success.sum()))
    assert max(costs[row] for row in kept) <= min(cost for row, cost in costs.items() if row not in kept)


def test_noisy_copies_keep_labels_and_what_cannot_move(make: Callable[..., Training]) -> None:
    fit = Spying()
    training = make(fit)
    train_augmented(training, sigma=0.3, copies=3)
    frame, label, _ = fit.calls[0]
    assert len(frame) == 360
    assert (label.reshape(4, 90) == training.label).all()
    assert (frame["fixed"].to_numpy().reshape(4, 90) == training.frame["fixed"].to_numpy()).all()
    moved = frame["x"].to_numpy().reshape(4, 90)[1:] - training.frame["x"].to_numpy()
    assert moved.std() == pytest.approx(0.3, rel=0.15)


def test_smoothed_labels_weigh_one_per_row(make: Callable[..., Training]) -> None:
    fit = Spying()
    training = make(fit)
    train_regularised(training, smoothing=0.2)
    _, label, weight = fit.calls[0]
    assert weight is not None
    assert weight.reshape(2, 90).sum(axis=0) == pytest.approx(1.0)
    assert weight[label == np.tile(training.label, 2)] == pytest.approx(0.8)


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_a_student_is_taught_the_teachers_softened_chances(make: Callable[..., Training], temperature: float) -> None:
    fit = Spying()
    training = make(fit)
    train_distilled(training, temperature=temperature)
    frame, label, weight = fit.calls[-1]
    assert weight is not None
    softened = 1 / (1 + np.exp(-frame["x"].to_numpy() / temperature))  # the teacher's logit is x
    assert weight[label == 1] == pytest.approx(softened[label == 1])
    assert weight.reshape(2, 90).sum(axis=0) == pytest.approx(1.0)
    assert [len(call[0]) for call in fit.calls] == [45, 45, 180]


def test_a_teacher_never_answers_about_rows_it_was_fitted_on(make: Callable[..., Training]) -> None:
    asked: list[tuple[set[float], set[float]]] = []

    class Teacher(Threshold):
        def __init__(self, fitted_on: set[float]) -> None:
            self.fitted_on = fitted_on

        def predict_proba(self, frame: pd.DataFrame) -> np.ndarray:
            asked.append((self.fitted_on, set(frame["fixed"])))
            return super().predict_proba(frame)

    def fit(frame: pd.DataFrame, label: np.ndarray, sample_weight: np.ndarray | None = None) -> Any:  # noqa: ARG001
        return Teacher(set(frame["fixed"]))

    train_distilled(make(fit))
    assert len(asked) == 2
    assert all(not fitted_on & about and len(fitted_on | about) == 90 for fitted_on, about in asked)


def test_members_see_different_columns_and_rows(make: Callable[..., Training]) -> None:
    fit = Spying()
    training = make(fit, seed=1)
    with pytest.raises(InputError, match="an ensemble that is none"):
        train_ensemble(training, members=1)
    found = train_ensemble(training, members=6, columns=0.67)
    seen = [tuple(call[0].columns) for call in fit.calls]
    assert [len(columns) for columns in seen] == [2] * 6
    assert len(set(seen)) > 1
    assert [member.columns for member in found.members] == seen  # type: ignore[attr-defined]


def test_weights_are_refused_where_fit_takes_none(make: Callable[..., Training]) -> None:
    training = make(lambda frame, label: Threshold())  # noqa: ARG005
    assert train_plain(training).predict(training.frame).decision.tolist() == training.label.tolist()
    with pytest.raises(InputError, match="takes no weights"):
        train_regularised(training)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda training: train_adversarial(training, rounds=0),
        lambda training: train_adversarial(training, selective=0.0),
        lambda training: train_regularised(training, smoothing=0.5),
        lambda training: train_distilled(training, temperature=0.0),
        lambda training: Training(training.fit, training.frame, training.label[:3], DOMAIN),
    ],
)
def test_what_trains_nothing_is_refused(make: Callable[..., Training], wrong: Callable[[Training], object]) -> None:
    with pytest.raises(InputError):
        wrong(make(Spying()))


def test_the_same_seed_trains_on_the_same_rows(make: Callable[..., Training]) -> None:
    one, two = Spying(), Spying()
    for fit in (one, two):
        train_adversarial(make(fit), rounds=1, rows=20, budget=20)
        train_augmented(make(fit))
    for (left, *_), (right, *_) in zip(one.calls, two.calls, strict=True):
        pd.testing.assert_frame_equal(left, right)
