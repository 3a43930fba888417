"""The booster called directly answers as its wrapper does, bit for bit."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench.attacks.recorder import record
from workbench.attacks.replay import replay
from workbench.errors import InputError
from workbench.models import BoosterTarget, PythonTarget, booster_target, open_target, python_target

lightgbm = pytest.importorskip("lightgbm")


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return pd.DataFrame(np.random.default_rng(0).normal(size=(400, 3)), columns=["a", "b", "c"])


def fit(frame: pd.DataFrame, labels: Any) -> Any:
    return lightgbm.LGBMClassifier(n_estimators=20, verbose=-1, n_jobs=1, min_child_samples=5).fit(frame, labels)


@pytest.fixture(scope="module")
def model(frame: pd.DataFrame) -> Any:
    return fit(frame, np.where(frame["a"] + frame["b"] > 0, "yes", "no"))


def test_decision_and_score_are_the_wrapper_s(model: Any, frame: pd.DataFrame) -> None:
    found = python_target(model).predict(frame)
    assert isinstance(python_target(model), BoosterTarget)
    assert (found.decision == model.predict(frame)).all()
    assert found.score.tobytes() == model.predict_proba(frame)[:, 1].tobytes()


def test_a_bare_booster_and_its_file_decide_one_or_zero(model: Any, frame: pd.DataFrame, tmp_path: Path) -> None:
    model.booster_.save_model(tmp_path / "model.txt")
    expected = (model.predict_proba(frame)[:, 1] > 0.5).astype(int)
    for target in (python_target(model.booster_), open_target(f"file:{tmp_path / 'model.txt'}")):
        assert (target.predict(frame).decision == expected).all()


def test_columns_are_taken_by_name_and_a_missing_one_is_named(model: Any, frame: pd.DataFrame) -> None:
    target = python_target(model)
    shuffled = frame[["c", "a", "b"]].assign(more=1)
    assert np.array_equal(target.predict(shuffled).score, target.predict(frame).score)
    with pytest.raises(InputError, match="b"):
        target.predict(frame.drop(columns="b"))


def test_categories_go_through_the_frame() -> None:
    frame = pd.DataFrame({"kind": pd.Categorical(["u", "v"] * 100), "x": np.arange(200.0)})
    model = fit(frame, (frame["kind"] == "u").astype(int))
    assert (python_target(model).predict(frame).decision == model.predict(frame)).all()


def test_a_threshold_moves_the_decision(model: Any, frame: pd.DataFrame) -> None:
    found = python_target(model, threshold=0.9).predict(frame)
    assert (found.decision == np.where(found.score >= 0.9, "yes", "no")).all()


def test_more_classes_and_regressions_stay_with_their_wrapper(frame: pd.DataFrame) -> None:
    many = fit(frame, np.digitize(frame["a"], [-1, 1]))
    assert isinstance(python_target(many), PythonTarget)
    with pytest.raises(InputError, match="two classes"):
        booster_target(many)
    number = lightgbm.LGBMRegressor(n_estimators=5, verbose=-1).fit(frame, frame["a"])
    assert np.array_equal(python_target(number).predict(frame).decision, number.predict(frame))
    with pytest.raises(InputError, match="not a LightGBM model"):
        booster_target(object())


def test_calls_as_recorded_are_prepared_once_and_answered_the_same(model: Any, frame: pd.DataFrame, tmp_path: Path) -> None:
    recording = record(python_target(model), frame, tmp_path / "r", batch=7)
    for coalesce in (True, False):
        found = replay(recording, [python_target(model)], coalesce=coalesce, fresh=None).tables["targets"]
        assert found["bit_identical"].tolist() == [400]


def test_a_failing_call_is_an_outcome_of_its_rows(model: Any, frame: pd.DataFrame, tmp_path: Path) -> None:
    class Broken:
        pandas_categorical: tuple[str, ...] = ()

        def feature_name(self) -> list[str]:
            return ["a", "b", "c"]

        def predict(self, rows: np.ndarray) -> np.ndarray:
            if rows[0, 0] == frame["a"][10]:
                raise MemoryError("full")
            return np.full(len(rows) - (rows[0, 0] == frame["a"][20]), 0.7)

    recording = record(python_target(model), frame, tmp_path / "r", batch=10)
    result = replay(recording, [BoosterTarget(Broken(), "broken", given_digest="sha256:b")], coalesce=False, fresh=None)
    assert result.tables["errors"].to_dict("records") == [
        {"target": "broken", "error": "MemoryError: full", "rows": 10},
        {"target": "broken", "error": "wrong shape: 9 answers for 10 rows", "rows": 10},
    ]


def test_it_can_be_sent_to_another_process(model: Any, frame: pd.DataFrame) -> None:
    target = python_target(model)
    again = pickle.loads(pickle.dumps(target))  # noqa: S301  our own
    assert again.digest == target.digest
    assert np.array_equal(again.predict(frame).score, target.predict(frame).score)
