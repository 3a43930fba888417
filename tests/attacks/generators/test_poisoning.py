"""Poisoned training: a planted trigger opens the model, flipped labels cost accuracy, and nothing planted does nothing."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.tree import DecisionTreeClassifier

from workbench.attacks.generators.poisoning import backdoor, label_flips
from workbench.attacks.scenarios.catalogue import find_scenario
from workbench.attacks.scenarios.rehearsal import rehearse
from workbench.attacks.scenarios.trial import Setting
from workbench.errors import InputError


def fit(frame: pd.DataFrame, labels: np.ndarray) -> Any:
    return DecisionTreeClassifier(max_depth=8, random_state=0).fit(frame[["income", "debts"]], labels)


def test_a_planted_trigger_works_and_one_never_planted_does_not(make_setting: Callable[..., Setting]) -> None:
    setting = make_setting(fit=fit)
    # A trigger on debts: poor people with very many debts are refused by a clean tree.
    planted, twin = (backdoor(setting, share=share, column="debts", into=1) for share in (0.05, 0.0))
    assert (planted.value or 0) > 0.9
    assert twin.value == 0.0
    row = planted.tables["outcomes"].iloc[0]
    assert abs(row["accuracy_clean_model"] - row["accuracy_poisoned_model"]) < 0.05


def test_flipped_labels_cost_accuracy_and_are_partly_detected(make_setting: Callable[..., Setting]) -> None:
    curve = label_flips(make_setting(fit=fit), shares=[0.0, 0.2, 0.4]).tables["curve"]
    assert curve["rate"].is_monotonic_increasing
    assert curve["poisoned"].tolist()[:2] == [0, 80]
    assert curve["detector_recall"].iloc[1] > curve["detector_false_alarms"].iloc[1]


def test_the_detector_lists_the_rows_it_suspects_by_id(make_setting: Callable[..., Setting]) -> None:
    setting = make_setting(fit=fit, entity=np.array([f"p{number}" for number in range(800)]))
    trial = label_flips(setting, shares=[0.0, 0.2])
    listed, last = trial.tables["suspects"], trial.tables["curve"].iloc[-1]
    assert listed["row_id"].is_unique
    assert set(listed["row_id"]) <= set(setting.entity if setting.entity is not None else [])
    assert listed["disagreeing"].is_monotonic_decreasing
    assert (listed["disagreeing"] > 0.5).all()
    assert listed["poisoned"].sum() == round(last["detector_recall"] * last["poisoned"])
    labels = dict(zip(setting.entity, setting.require_label(), strict=True)) if setting.entity is not None else {}
    true = np.array([labels[name] for name in listed["row_id"]])
    assert ((listed["label"].to_numpy() != true) == listed["poisoned"].to_numpy()).all()


def test_rows_listed_by_id_are_never_shown_to_others(make_setting: Callable[..., Setting]) -> None:
    found = rehearse(find_scenario("label-flip-poisoning"), make_setting(fit=fit))
    assert "suspects" in found.tables
    assert "suspects" not in found.published().tables


def test_no_flip_costs_nothing(make_setting: Callable[..., Setting]) -> None:
    assert label_flips(make_setting(fit=fit), shares=[0.0, 0.0]).value == 0.0


def test_only_the_rarer_label_is_flipped_where_the_attack_is_targeted(make_setting: Callable[..., Setting]) -> None:
    seen: list[np.ndarray] = []

    def watching(frame: pd.DataFrame, labels: np.ndarray) -> Any:
        seen.append(labels)
        return fit(frame, labels)

    label_flips(make_setting(fit=watching), shares=[0.0, 0.1])
    rare = int(np.bincount(seen[0]).argmin())
    assert set(seen[0][seen[0] != seen[1]]) == {rare}


def test_without_a_fit_it_cannot_run(make_setting: Callable[..., Setting]) -> None:
    for generate in (backdoor, label_flips):
        with pytest.raises(InputError, match="--fit"):
            generate(make_setting())
