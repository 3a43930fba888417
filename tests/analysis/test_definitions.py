"""Every measure has its words; the identity behind the impossibility holds on any table; COMPAS shows it with its own numbers."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.analysis.definitions import DEFINITIONS, implied_fpr, impossibility
from workbench.analysis.measures import LABELS, MEASURES
from workbench.data.dataset import Dataset, open_dataset

CELL = st.integers(1, 500)


def test_every_measure_is_defined_in_words() -> None:
    assert set(DEFINITIONS) == set(MEASURES)
    for definition in DEFINITIONS.values():
        assert definition.question.endswith("?")
        assert definition.among
        assert definition.counted
        assert definition.label == LABELS[definition.measure]


@given(tp=CELL, fp=CELL, fn=CELL, tn=CELL)
def test_base_rate_ppv_and_fnr_leave_no_choice_of_the_fpr(tp: int, fp: int, fn: int, tn: int) -> None:
    rows = tp + fp + fn + tn
    found = implied_fpr((tp + fn) / rows, tp / (tp + fp), fn / (tp + fn))
    assert float(found) == pytest.approx(fp / (fp + tn))


def test_compas_cannot_have_both(compas: Path, compas_roles: dict[str, Any]) -> None:
    dataset = open_dataset(compas, compas_roles)
    result = impossibility(dataset, "race", group="African-American", reference="Caucasian")
    assert result.numbers["applies"] is True
    groups = result.tables["groups"].set_index("group")
    black, white = groups.loc["African-American"], groups.loc["Caucasian"]
    assert (black["ppv"], white["ppv"]) == pytest.approx((0.6297, 0.5913), abs=5e-5)
    assert (black["fpr"], white["fpr"]) == pytest.approx((0.4485, 0.2345), abs=5e-5)
    assert black["fpr_if_equal"] > white["fpr_if_equal"] + 0.05
    statements = result.tables["statements"]
    assert statements["result"].tolist() == ["Chouldechova 2017", "Kleinberg, Mullainathan & Raghavan 2017"]
    assert "44.8 %" in statements["statement"].iloc[0]
    assert "23.5 %" in statements["statement"].iloc[0]


def log(rates: tuple[float, float], *, perfect: bool = False) -> Dataset:
    rng = np.random.default_rng(0)
    group = np.repeat(["a", "b"], 500)
    label = (rng.random(1000) < np.repeat(rates, 500)).astype(int)
    prediction = label if perfect else np.where(rng.random(1000) < 0.2, 1 - label, label)
    frame = pd.DataFrame({"g": group, "y": label, "p": prediction})
    return open_dataset(frame, {"label": "y", "prediction": "p", "favorable": 1, "groups": ["g"]})


@pytest.mark.parametrize(("rates", "perfect"), [((0.4, 0.4), False), ((0.3, 0.6), True)])
def test_equal_base_rates_or_a_perfect_prediction_are_no_conflict(rates: tuple[float, float], perfect: bool) -> None:  # noqa: FBT001
    result = impossibility(log(rates, perfect=perfect))
    assert result.numbers["applies"] is False
    assert "No conflict shown" in result.tables["statements"]["statement"].item()


def test_unequal_base_rates_with_errors_are_one() -> None:
    assert impossibility(log((0.3, 0.6))).numbers["applies"] is True


def test_a_row_of_weight_two_is_a_row_twice_in_every_rate() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"g": rng.choice(["a", "b"], 400), "s": rng.random(400), "w": rng.integers(1, 4, 400)})
    frame = frame.assign(
        p=(frame["s"] > 0.5).astype(int), y=(rng.random(400) < frame["s"] * np.where(frame["g"] == "a", 1, 0.5)).astype(int)
    )
    roles = {"prediction": "p", "label": "y", "score": "s", "favorable": 1, "groups": ["g"]}
    weighted = impossibility(open_dataset(frame, {**roles, "weight": "w"}), group="a", reference="b")
    repeated = impossibility(open_dataset(frame.loc[frame.index.repeat(frame["w"])], roles), group="a", reference="b")
    rates = ["base_rate", "ppv", "fnr", "fpr", "fpr_if_equal", "score_of_positive", "score_of_negative"]
    np.testing.assert_allclose(weighted.tables["groups"][rates], repeated.tables["groups"][rates], rtol=1e-12)
    assert weighted.numbers["rows"] == 400
