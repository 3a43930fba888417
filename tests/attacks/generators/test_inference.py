"""Who was in the training data, and a hidden attribute: a memorising model gives it away, one that cannot does not."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score
from sklearn.tree import DecisionTreeClassifier

from workbench.attacks.generators.inference import _against_null, attribute_inference, membership_inference
from workbench.attacks.scenarios.trial import Setting
from workbench.errors import InputError
from workbench.models import python_target


def memorising(frame: pd.DataFrame, labels: np.ndarray) -> Any:
    return DecisionTreeClassifier(random_state=0).fit(frame[["income", "debts"]], labels)


def untaught(frame: pd.DataFrame, labels: np.ndarray) -> Any:
    """A fixed rule, whatever it is trained on."""
    del frame, labels
    return lambda rows: {"decision": (rows["income"] > 48).astype(int), "score": 1 / (1 + np.exp(48 - rows["income"]))}


def test_a_memorising_model_tells_its_members_and_a_fixed_rule_does_not(make_setting: Callable[..., Setting]) -> None:
    leaking, quiet = (membership_inference(make_setting(fit=fit), shuffles=199) for fit in (memorising, untaught))
    assert leaking.low is not None
    assert leaking.low > 0.5
    assert leaking.numbers["p"] == pytest.approx(1 / 200)
    assert quiet.numbers["p"] > 0.05


def test_people_who_were_not_trained_on_cannot_be_told_apart(make_setting: Callable[..., Setting]) -> None:
    twin = membership_inference(make_setting(fit=memorising), shuffles=199, outsiders=True)
    assert twin.numbers["p"] > 0.05


def test_the_auc_is_scikit_learns() -> None:
    chance = np.random.default_rng(0)
    sure, inside = chance.random(80).round(1), chance.random(80) < 0.5
    assert _against_null(sure, inside, chance, 9)[0] == pytest.approx(roc_auc_score(inside, sure))


def test_an_answer_that_gives_the_attribute_away_is_found(make_setting: Callable[..., Setting]) -> None:
    telling = python_target(lambda frame: (frame["sex"] == "F").to_numpy().astype(int), name="telling", digest="sha256:t")
    leaking = attribute_inference(make_setting(telling), refits=19)
    assert (leaking.low or 0) > 0.3
    assert leaking.numbers["p"] == pytest.approx(1 / 20)
    assert leaking.value is not None
    assert leaking.low is not None
    assert leaking.low < leaking.value  # every guess is right, and yet it is not known for sure
    assert attribute_inference(make_setting(), refits=19).numbers["p"] > 0.05
    twin = attribute_inference(make_setting(telling), refits=19, shuffled=True)
    assert twin.low is not None
    assert twin.low < 0.05


def test_what_is_missing_is_said(make_setting: Callable[..., Setting]) -> None:
    with pytest.raises(InputError, match="--fit"):
        membership_inference(make_setting())
    with pytest.raises(InputError, match="Groups: sex"):
        attribute_inference(make_setting(), attribute="race")
