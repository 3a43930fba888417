"""What each layer adds, on planted truths."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench.attacks.defences.bench import Bench, lay_bench, measure_defence
from workbench.attacks.defences.contribution import leave_one_out
from workbench.attacks.defences.stack import Layer, Stack, detector, guard, preprocessing
from workbench.attacks.scenarios.trial import Setting
from workbench.errors import InputError
from workbench.models import Prediction, Target, python_target

NEVER = detector(lambda rows: np.zeros(len(rows), dtype=bool), "never fires")
CATCHES = detector(lambda rows: rows["probe"].to_numpy() > 4, "catches the probe")


def said(result: Any, layer: str) -> Any:
    return result.tables["layers"].set_index("layer").loc[layer]


def of(result: Any, layer: str, measure: str) -> Any:
    return result.tables["contributions"].set_index(["layer", "measure"]).loc[(layer, measure)]


@pytest.fixture
def plane(linear: Target, frame: pd.DataFrame) -> Bench:
    """The linear model on eighty rows, no weakness but its boundary."""
    return lay_bench(Setting(linear, frame), budget=60)


def test_a_detector_that_catches_the_probe_contributes_and_one_that_never_fires_adds_nothing(weak: Target, bench: Bench) -> None:
    result = leave_one_out(Stack(weak, (CATCHES, NEVER)), bench)
    found = of(result, CATCHES.name, "attack_success")
    assert said(result, CATCHES.name).contributes
    assert said(result, CATCHES.name).verdict == "safer"
    assert said(result, CATCHES.name).fresh_gain == 1.0
    assert found.with_layer == 0.0
    assert found.without > 0.3
    assert found.high < 0
    idle = result.tables["contributions"].set_index("layer").loc[NEVER.name]
    assert (idle["difference"] == 0).all()
    assert (idle["p"] == 1).all()
    assert said(result, NEVER.name).verdict == "nothing to stop"
    assert not said(result, NEVER.name).raises_false_alarms


def test_two_layers_that_stop_the_same_add_nothing_to_each_other(weak: Target, bench: Bench) -> None:
    twice = (CATCHES, Layer("detector", "catches it too", CATCHES.does))
    result = leave_one_out(Stack(weak, twice), bench)
    assert not result.tables["layers"]["contributes"].any()


def test_preprocessing_that_only_blurs_is_not_called_safer(linear: Target, plane: Bench) -> None:
    blur = preprocessing(lambda rows: (rows * 2).round() / 2, "blur")
    result = leave_one_out(Stack(linear, (blur,)), plane)
    assert of(result, "blur", "recorded_success").high < 0
    assert said(result, "blur").verdict == "not borne out"
    assert not said(result, "blur").contributes


def test_a_guard_near_the_boundary_contributes_and_its_false_alarms_are_said(linear: Target, plane: Bench) -> None:
    def unsure(_: pd.DataFrame, answered: Prediction) -> np.ndarray:
        return np.abs(answered.score - 0.5) < 0.25

    result = leave_one_out(Stack(linear, (guard(unsure),)), plane)
    assert said(result, "guard").verdict == "safer at a price"
    assert said(result, "guard").raises_false_alarms
    alarms, accuracy = (of(result, "guard", measure) for measure in ("false_alarms", "clean_accuracy"))
    assert alarms.difference == -accuracy.difference > 0


def test_a_refusal_is_neither_right_nor_a_success(weak: Target, bench: Bench) -> None:
    found = measure_defence(Stack(weak, (detector(lambda rows: np.ones(len(rows), dtype=bool)),)), bench)
    assert found.refused.all()
    assert not found.right.any()
    assert not found.fresh.success.any()
    assert not found.recorded.any()
    assert found.fresh.seed != bench.recorded.seed


def test_an_attacked_row_is_one_that_the_bare_model_decides_rightly(bench: Bench, weak: Target) -> None:
    assert (weak.predict(bench.attacked).decision.astype(str) == bench.away).all()
    assert len(np.unique(bench.places)) == len(bench.places) == 40


def test_the_same_seed_gives_the_same_numbers(weak: Target, make_setting_of: Callable[..., Setting]) -> None:
    stack = Stack(weak, (CATCHES,))
    one, two = (leave_one_out(stack, lay_bench(make_setting_of(weak, seed=4), rows=30, budget=30)) for _ in range(2))
    assert one.digest == two.digest


def test_what_cannot_be_compared_is_refused(weak: Target, bench: Bench, linear: Target, frame: pd.DataFrame) -> None:
    with pytest.raises(InputError, match="no layer"):
        leave_one_out(Stack(weak), bench)
    with pytest.raises(InputError, match="another model"):
        leave_one_out(Stack(linear, (NEVER,)), bench)
    with pytest.raises(InputError, match="too few rows to attack"):
        lay_bench(Setting(linear, frame.iloc[:10]))
    with pytest.raises(InputError, match="too few rows to attack"):
        lay_bench(Setting(linear, frame), rows=5)


def test_a_row_without_a_label_is_neither_attacked_nor_right(linear: Target, frame: pd.DataFrame) -> None:
    label = linear.predict(frame).decision.astype(object)
    label[:30] = None
    found = lay_bench(Setting(linear, frame, label), rows=60, budget=20)
    assert found.places.min() >= 30
    deaf = Stack(linear, (detector(lambda rows: np.ones(len(rows), dtype=bool)),))
    assert not measure_defence(deaf, found).right.any()


def test_a_production_model_needs_an_approval(make_setting_of: Callable[..., Setting]) -> None:
    live = python_target(lambda rows: np.zeros(len(rows), dtype=int), digest="sha256:l", production=True)
    with pytest.raises(InputError, match="approval"):
        lay_bench(make_setting_of(live))
