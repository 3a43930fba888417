"""Whatever decides answers row by row; what it does wrong is in the answer, what the caller does wrong is raised."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from workbench.errors import InputError, UnknownNameError
from workbench.models import Prediction, PythonTarget, Target, open_target, python_target

FRAME = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0], "b": [1.0, 0.0, 1.0, 0.0], "y": [0, 0, 1, 1]})


def fitted() -> LogisticRegression:
    return LogisticRegression().fit(FRAME[["a", "b"]], FRAME["y"])


def test_an_estimator_decides_by_predict_and_scores_by_predict_proba() -> None:
    model = fitted()
    answer = python_target(model).predict(FRAME)
    assert (answer.decision == model.predict(FRAME[["a", "b"]])).all()
    assert (answer.score == model.predict_proba(FRAME[["a", "b"]])[:, 1]).all()
    assert answer.decided.all()
    assert (answer.latency > 0).all()


def test_it_sees_the_columns_it_was_fitted_on_whatever_their_order() -> None:
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(FRAME[["a", "b"]], FRAME["y"])
    there, back = (python_target(model).predict(FRAME[columns]) for columns in (["a", "b", "y"], ["y", "b", "a"]))
    assert (there.score == back.score).all()


def test_a_threshold_decides_by_the_score_alone() -> None:
    answer = python_target(fitted(), threshold=0.0).predict(FRAME)
    assert answer.decision.tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize("model", [lambda frame: frame["a"], LogisticRegression().fit(FRAME[["a"]], [0, 1, 2, 2])])
def test_a_threshold_without_a_score_is_refused(model: object) -> None:
    with pytest.raises(InputError, match="a threshold needs a score"):
        python_target(model, threshold=0.5)


def test_the_positive_class_may_be_any() -> None:
    model = fitted()
    no, yes = (python_target(model, positive=positive).predict(FRAME).score for positive in (0, 1))
    assert np.allclose(no + yes, 1)


def test_with_three_classes_and_none_named_there_is_no_score() -> None:
    model = LogisticRegression().fit(FRAME[["a"]], [0, 1, 2, 2])
    assert np.isnan(python_target(model).predict(FRAME).score).all()


def test_a_function_answers_with_decisions() -> None:
    answer = python_target(lambda frame: frame["a"] > 1).predict(FRAME)
    assert answer.decision.tolist() == [False, False, True, True]
    assert np.isnan(answer.score).all()


def test_a_function_may_answer_with_a_frame() -> None:
    def decide(frame: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"decision": frame["a"] > 1, "score": frame["a"] / 3, "abstained": frame["a"] == 0})

    answer = python_target(decide).predict(FRAME)
    assert answer.score.tolist() == [0, 1 / 3, 2 / 3, 1]
    assert answer.decided.tolist() == [False, True, True, True]


def test_no_decision_is_an_abstention() -> None:
    answer = python_target(lambda _: ["yes", None, np.nan, "no"]).predict(FRAME)
    assert answer.abstained.tolist() == [False, True, True, False]
    assert answer.error.tolist() == [None] * 4


def test_an_exception_of_the_model_is_the_error_of_every_row() -> None:
    answer = python_target(lambda _: 1 / 0).predict(FRAME)
    assert set(answer.error) == {"ZeroDivisionError: division by zero"}
    assert not answer.decided.any()


@pytest.mark.parametrize(
    "wrong",
    [1, [1, 2], [[1, 0]] * 4, [{"label": 1}] * 4, pd.DataFrame({"decision": [1]}), pd.DataFrame({"decision": [[1]] * 4})],
)
def test_an_answer_of_the_wrong_shape_is_an_error_of_every_row(wrong: object) -> None:
    answer = python_target(lambda _: wrong).predict(FRAME)
    assert all(text.startswith("wrong shape: ") for text in answer.error)


def test_a_frame_without_decisions_is_an_error_of_every_row() -> None:
    assert set(python_target(lambda _: pd.DataFrame({"other": [1] * 4})).predict(FRAME).error) == {"KeyError: 'decision'"}


def test_a_column_that_is_not_there_is_the_callers_error() -> None:
    with pytest.raises(InputError, match=r"needs a column that is not there: b\. Columns: a"):
        python_target(fitted()).predict(FRAME[["a"]])


def test_no_rows_give_no_answers() -> None:
    assert len(python_target(lambda frame: frame["a"] > 1).predict(FRAME[:0])) == 0


def test_a_target_stays_the_target_it_is() -> None:
    target = python_target(fitted())
    assert isinstance(target, Target)
    assert python_target(target) is target


@pytest.mark.parametrize("wrong", [LogisticRegression, 3, "text"])
def test_what_cannot_decide_is_refused(wrong: object) -> None:
    with pytest.raises(InputError, match="not a model"):
        python_target(wrong)


def test_the_digest_is_of_the_state() -> None:
    first, again = python_target(fitted()), python_target(fitted())
    other = python_target(LogisticRegression(C=0.1).fit(FRAME[["a", "b"]], FRAME["y"]))
    assert first.digest == again.digest != other.digest
    assert first.digest.startswith("sha256:")
    assert first.version == first.digest[7:19]


def test_the_digest_of_a_function_covers_what_it_calls() -> None:
    def calling(limit: float) -> Callable[[pd.DataFrame], pd.Series]:
        return lambda frame: frame["a"] > limit

    assert python_target(calling(1)).digest == python_target(calling(1)).digest != python_target(calling(2)).digest


def test_what_is_asked_of_a_model_is_part_of_the_digest() -> None:
    model = fitted()
    assert python_target(model, threshold=0.4).digest != python_target(model, threshold=0.5).digest


def test_a_state_that_cannot_be_read_needs_a_given_digest() -> None:
    model = [iter([1])]
    frozen = python_target(lambda frame: model[0] and frame["a"], digest="v1")
    assert frozen.digest == "v1"
    with pytest.raises(InputError, match="has no digest"):
        _ = python_target(lambda frame: (GENERATOR, frame["a"])[1]).digest


MODULE = "class Box:\n    @staticmethod\n    def decide(frame):\n        return frame['a'] > 1\n"
GENERATOR = (number for number in range(3))


def test_a_prediction_of_unequal_parts_is_refused() -> None:
    with pytest.raises(InputError, match="one entry per row"):
        Prediction(np.zeros(2), np.zeros(3), np.zeros(2), np.zeros(2, dtype=bool), np.full(2, None))


def test_a_text_names_a_target_in_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_model.py").write_text(
        "class Box:\n    @staticmethod\n    def decide(frame):\n        return frame['a'] > 1\n"
    )
    monkeypatch.chdir(tmp_path)
    before = list(sys.path)
    target = open_target("python:own_model:Box.decide")
    monkeypatch.delitem(sys.modules, "own_model")
    assert isinstance(target, PythonTarget)
    assert (target.name, target.production) == ("Box.decide", False)
    assert target.predict(FRAME).decision.tolist() == [False, False, True, True]
    assert sys.path == before


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("python", "not a target: python"),
        ("ftp:somewhere", "no target of that name: ftp. Available: .*python"),
        ("python:os", "not a place in a module: os"),
        ("python:no_such_module_here:f", "the module no_such_module_here cannot be imported"),
        ("python:json:nothing", "no attribute in json of that name: nothing"),
    ],
)
def test_a_text_that_names_nothing_says_what_to_write(text: str, message: str) -> None:
    error = UnknownNameError if "of that name" in message else InputError
    with pytest.raises(error, match=message):
        open_target(text)


def test_a_target_is_marked_as_production_and_stays_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "deciding_live.py").write_text("def decide(frame):\n    return frame['y']\n")
    monkeypatch.chdir(tmp_path)
    plain, live = (open_target("python:deciding_live:decide", production=marked) for marked in (False, True))
    assert (plain.production, live.production) == (False, True)
    assert live.digest == plain.digest
    assert (live.predict(FRAME).decision == FRAME["y"]).all()


def test_a_target_that_cannot_be_marked_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = "    name, version, digest, production = 'fixed', '1', 'sha256:f', False\n"
    text = f"class Fixed:\n{known}    def predict(self, frame): ...\nfixed = Fixed()\n"
    (tmp_path / "deciding_fixed.py").write_text(text)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="cannot be marked"):
        open_target("python:deciding_fixed:fixed", production=True)
