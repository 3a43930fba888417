"""Layers around a model: who is asked what, who stops what, and that nothing fails open."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.attacks.defences.stack import Layer, Stack, detector, guard, preprocessing, validator
from workbench.attacks.defences.validator import ColumnRule, Validator, infer_validator, sign_off
from workbench.attacks.recording import Recording
from workbench.attacks.replay import replay
from workbench.attacks.triple import Fresh
from workbench.errors import InputError, UnknownNameError
from workbench.models import Prediction, Target, python_target
from workbench.models.faults import fault_kind

ROWS = pd.DataFrame({"x": [-2.0, -1.0, 1.0, 2.0]})


def sign(frame: pd.DataFrame) -> dict[str, np.ndarray]:
    return {"decision": (frame["x"] > 0).to_numpy(dtype=int), "score": frame["x"].to_numpy()}


@pytest.fixture
def model() -> Target:
    return python_target(sign, name="sign")


class Seeing:
    """A target that keeps what it was asked about."""

    name, version, digest, production = "seeing", "1", "sha256:s", False

    def __init__(self) -> None:
        self.seen: list[float] = []

    def predict(self, frame: pd.DataFrame) -> Prediction:
        self.seen += frame["x"].tolist()
        return python_target(sign, digest="sha256:x").predict(frame)


def test_what_a_layer_stops_is_an_abstention_and_the_model_is_not_asked() -> None:
    model = Seeing()
    stack = Stack(model, (detector(lambda rows: rows["x"] < -1.5, "far out"),))
    found = stack.trace(ROWS)
    assert model.seen == [-1.0, 1.0, 2.0]
    assert found.prediction.decision.tolist() == [None, 0, 1, 1]
    assert found.prediction.abstained.tolist() == [True, False, False, False]
    assert found.stopped_by.tolist() == ["far out", None, None, None]
    assert np.isnan(found.prediction.score[0])


def test_the_model_sees_what_preprocessing_made_and_the_guard_what_the_model_answered(model: Target) -> None:
    heard: list[float] = []

    def withhold(rows: pd.DataFrame, answered: Prediction) -> np.ndarray:
        heard.extend(answered.score)
        return np.asarray(rows["x"] > 15)

    stack = Stack(
        model,
        (detector(lambda rows: rows["x"] == -1), preprocessing(lambda rows: rows * 10), guard(withhold)),
    )
    assert stack.predict(ROWS).decision.tolist() == [0, None, 1, None]
    assert heard == [-20.0, 10.0, 20.0]


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=20))
def test_a_stack_without_layers_and_one_whose_layers_do_nothing_answer_as_the_model(values: list[float]) -> None:
    frame = pd.DataFrame({"x": values})
    model = python_target(sign, digest="sha256:sign")
    idle = (detector(lambda rows: np.zeros(len(rows), dtype=bool)), preprocessing(lambda rows: rows),
            guard(lambda rows, _: np.zeros(len(rows), dtype=bool)))  # fmt: skip
    wanted = model.predict(frame)
    for layers in ((), idle):
        found = Stack(model, layers).predict(frame)
        assert found.decision.tolist() == wanted.decision.tolist()
        assert found.score.tobytes() == wanted.score.tobytes()
        assert found.decided.all()


@given(st.lists(st.tuples(st.floats(-5, 5), st.sampled_from(["none", "detector", "validator", "guard"])), min_size=1))
def test_every_row_is_stopped_by_the_first_layer_that_objects(rows: list[tuple[float, str]]) -> None:
    frame = pd.DataFrame({"x": [value for value, _ in rows], "by": [by for _, by in rows]})
    model = python_target(sign, digest="sha256:sign")
    rules = Validator((ColumnRule("by", "category", values=("none", "guard")),))
    layers = (
        detector(lambda seen: seen["by"] == "detector"),
        validator(sign_off(rules, by="A", date="2026-11-21")),
        guard(lambda seen, _: seen["by"] != "none"),
    )
    found = Stack(model, layers).trace(frame)
    assert found.stopped_by.tolist() == [None if by == "none" else by for _, by in rows]
    assert (found.prediction.decided == (frame["by"] == "none")).all()
    assert [decision for decision in found.prediction.decision if decision is not None] == [
        int(value > 0) for value, by in rows if by == "none"
    ]


@pytest.mark.parametrize(
    ("layer", "kind"),
    [
        (detector(lambda rows: rows["nowhere"]), "exception"),
        (detector(lambda _: np.zeros(2, dtype=bool)), "wrong shape"),
        (preprocessing(lambda rows: rows.iloc[:1]), "wrong shape"),
        (guard(lambda rows, _: rows["nowhere"]), "exception"),
    ],
    ids=["raises", "too few flags", "loses rows", "guard raises"],
)
def test_a_layer_that_fails_lets_nothing_through(model: Target, layer: Layer, kind: str) -> None:
    found = Stack(model, (layer,)).trace(ROWS)
    assert not found.prediction.decided.any()
    assert {fault_kind(text) for text in found.prediction.error} == {kind}
    assert set(found.stopped_by) == {layer.name}


def test_an_error_of_the_model_stays_an_error() -> None:
    def fail(_: pd.DataFrame) -> np.ndarray:
        raise ValueError("down")

    stack = Stack(python_target(fail, digest="sha256:f"), (guard(lambda rows, _: np.zeros(len(rows), dtype=bool)),))
    found = stack.predict(ROWS)
    assert found.error.tolist() == ["ValueError: down"] * 4
    assert not found.abstained.any()


def test_no_rows_get_no_answers(model: Target) -> None:
    assert len(Stack(model, (detector(lambda rows: rows["x"] > 0),)).predict(ROWS.iloc[:0])) == 0


def test_a_layer_can_be_left_out_by_name(model: Target) -> None:
    one, two = detector(lambda rows: rows["x"] > 1.5, "high"), detector(lambda rows: rows["x"] < -1.5, "low")
    stack = Stack(model, (one, two))
    assert stack.without("high").predict(ROWS).decision.tolist() == [None, 0, 1, 1]
    assert stack.name == "high → low → sign"
    assert len({stack.digest, stack.without("high").digest, stack.without("low").digest, model.digest}) == 4
    with pytest.raises(UnknownNameError, match="high, low"):
        stack.without("middle")


@pytest.mark.parametrize(
    ("layers", "match"),
    [
        ((guard(lambda rows, _: rows["x"] > 0), detector(lambda rows: rows["x"] > 0)), "another order"),
        ((detector(lambda rows: rows["x"] > 0), detector(lambda rows: rows["x"] > 0)), "one name"),
        ((Layer("filter", "f", lambda rows: rows),), "detector"),
        ((Layer("validator", "v", lambda rows: rows["x"] > 0),), "without rules"),
    ],
    ids=["order", "names", "kind", "rules"],
)
def test_layers_that_make_no_stack_are_refused(model: Target, layers: Any, match: str) -> None:
    with pytest.raises(InputError, match=match):
        Stack(model, layers)


def test_a_validator_needs_a_sign_off_of_these_very_rules(model: Target) -> None:
    draft = infer_validator(ROWS + 0.25)
    with pytest.raises(InputError, match=r"nobody signed off.*sign_off\(validator, by=NAME"):
        Stack(model, (validator(draft),))
    signed = sign_off(draft, by="A. Person", date="2026-11-21")
    stack = Stack(model, (validator(signed),))
    assert stack.predict(pd.DataFrame({"x": [0.5, 2.5]})).abstained.tolist() == [False, True]
    widened = type(signed)(signed.columns[:0], signed.relations, signed.rows, signed.signed)
    with pytest.raises(InputError, match=r"changed after A\. Person signed"):
        Stack(model, (validator(widened),))


def test_a_stack_replays_a_recording_as_any_target_does(linear: Target, recorded: Recording) -> None:
    """An abstaining guard makes attacks dearer and turns people away: a price, not a recording learned by heart."""
    guarded = Stack(linear, (guard(lambda _, answered: np.abs(answered.score - 0.5) < 0.25),), "guarded")
    result = replay(recorded, [linear, guarded], fresh=Fresh(rows=40, budget=50, certify=False), seed=1)
    found = result.tables["targets"].set_index("target").loc["guarded"]
    assert found.digest == guarded.digest
    assert found.abstained > 0
    assert found.verdict == "safer at a price"
    assert not found.overfitted_defence


def test_a_production_model_makes_a_production_stack() -> None:
    assert Stack(python_target(sign, digest="sha256:p", production=True)).production
