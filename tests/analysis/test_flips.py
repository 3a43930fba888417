"""A model that reads the attribute changes its mind where it should; one that does not, never; production is not asked."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench.analysis.flips import flip_test
from workbench.data.dataset import Dataset, open_dataset
from workbench.errors import InputError, ParameterError, UnknownNameError
from workbench.models.python import python_target

ROLES = {"prediction": "p", "favorable": "yes", "groups": ["g"], "features": ["x", "g"]}


def log(rows: int = 600) -> Dataset:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=rows), "g": rng.choice(["a", "b"], rows, p=[0.4, 0.6])})
    return open_dataset(frame.assign(p=biased(frame)), ROLES)


def biased(frame: pd.DataFrame) -> np.ndarray:
    """Yes from 0 on, from 0.5 on for group a."""
    return np.where(frame["x"] >= np.where(frame["g"] == "a", 0.5, 0.0), "yes", "no")


def test_decisions_change_exactly_for_those_between_the_two_thresholds() -> None:
    dataset = log()
    result = flip_test(dataset, python_target(biased))
    table = result.tables["flips"].set_index(["from", "to"])
    between = dataset.frame["x"].between(0, 0.5, inclusive="left")
    for name, other, column in (("a", "b", "to_favorable"), ("b", "a", "to_unfavorable")):
        expected = (between & (dataset.frame["g"] == name)).sum()
        assert table.loc[(name, other), "changed"] == table.loc[(name, other), column] == expected
    assert (table["p"] < 1e-6).all()
    assert result.numbers["reads_attribute"] is True


def test_a_model_blind_to_the_attribute_never_changes() -> None:
    result = flip_test(log(), python_target(lambda frame: np.where(frame["x"] > 0, "yes", "no"), name="blind"))
    assert result.tables["flips"]["changed"].tolist() == [0, 0]
    assert result.tables["flips"]["p"].tolist() == [1, 1]
    assert result.numbers["reads_attribute"] is False


def test_scores_may_move_without_a_decision() -> None:
    def model(frame: pd.DataFrame) -> pd.DataFrame:
        score = 0.1 * (frame["g"] == "b").to_numpy(float)
        return pd.DataFrame({"decision": np.repeat("yes", len(frame)), "score": score})

    result = flip_test(log(), python_target(model, name="scores"), groups=["a", "b"])
    assert result.tables["flips"]["score_change"].tolist() == pytest.approx([0.1, -0.1])
    assert result.numbers["reads_attribute"] is True


def test_rows_are_drawn_within_the_budget_and_the_same_again() -> None:
    first, second = (flip_test(log(), python_target(biased), most=50, seed=3) for _ in range(2))
    assert first.tables["flips"]["asked"].tolist() == [50, 50]
    assert first.digest == second.digest


def test_production_is_asked_only_with_an_approval() -> None:
    live = python_target(biased, production=True)
    with pytest.raises(InputError, match="production"):
        flip_test(log(), live)
    assert flip_test(log(), live, approval="sha256:1").numbers["reads_attribute"] is True


def failing(_frame: Any) -> Any:
    msg = "no such region"
    raise ValueError(msg)


def test_what_cannot_be_asked_is_refused() -> None:
    dataset = log()
    with pytest.raises(InputError, match="no such region"):
        flip_test(dataset, python_target(failing))
    with pytest.raises(UnknownNameError, match="a, b"):
        flip_test(dataset, python_target(biased), groups=["a", "z"])
    with pytest.raises(InputError, match="fewer than two"):
        flip_test(dataset, python_target(biased), groups=["a"])
    derived = open_dataset(dataset.frame, ROLES | {"groups": ["x >= 0"]})
    with pytest.raises(ParameterError, match="made by a predicate"):
        flip_test(derived, python_target(biased))


def test_a_row_of_weight_two_is_a_row_twice_in_the_share_and_decisions_are_counted_once() -> None:
    frame = log().frame
    frame = frame.assign(w=np.random.default_rng(1).integers(0, 4, len(frame)))
    target = python_target(biased)
    weighted = flip_test(open_dataset(frame, {**ROLES, "weight": "w"}), target).tables["flips"]
    repeated = flip_test(open_dataset(frame.loc[frame.index.repeat(frame["w"])], ROLES), target).tables["flips"]
    plain = flip_test(open_dataset(frame, ROLES), target).tables["flips"]
    np.testing.assert_allclose(weighted["share"], repeated["share"], rtol=1e-12)
    pd.testing.assert_frame_equal(
        weighted[["asked", "changed", "to_favorable", "p"]], plain[["asked", "changed", "to_favorable", "p"]]
    )
    assert (weighted["high"] - weighted["low"] > plain["high"] - plain["low"]).all()
