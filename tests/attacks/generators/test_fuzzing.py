"""Fuzzing: planted weaknesses are found, shrunk, and the same on every run."""

import sys
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from workbench.attacks.generators.fuzzing import fuzz
from workbench.attacks.scenarios.trial import Setting
from workbench.errors import InputError
from workbench.models import python_target


def strict(frame: pd.DataFrame) -> dict[str, np.ndarray]:
    """Decides on what can exist, and abstains from the rest."""
    income = pd.to_numeric(frame["income"], errors="coerce").to_numpy(dtype=float)
    debts = pd.to_numeric(frame["debts"], errors="coerce").to_numpy(dtype=float)
    fine = (income >= 15) & (income <= 85) & np.isin(debts, range(6))
    fine &= frame["region"].isin(["north", "south", "west"]).to_numpy() & frame["sex"].isin(["F", "M"]).to_numpy()
    return {"decision": np.where(fine, 1, None), "abstained": ~fine}


def fragile(frame: pd.DataFrame) -> np.ndarray:
    """Falls over an unknown region."""
    return frame["region"].map({"north": 0, "south": 1, "west": 1}).astype(int).to_numpy()


def test_a_crash_is_found_and_shrunk_to_one_column(make_setting: Callable[..., Setting]) -> None:
    found = fuzz(make_setting(python_target(fragile, digest="sha256:f")), examples=60, ways=["error"]).tables["outcomes"].iloc[0]
    assert found["failures"] > 0
    assert found["minimal_input"].startswith("region = ")
    assert "," not in found["minimal_input"]


def test_silent_acceptance_is_told_from_abstaining(make_setting: Callable[..., Setting]) -> None:
    always = python_target(lambda frame: np.ones(len(frame), dtype=int), digest="sha256:a")
    assert (fuzz(make_setting(always), examples=40, ways=["silent acceptance"]).value or 0) > 0.3
    assert fuzz(make_setting(python_target(strict, digest="sha256:s")), examples=40).value == 0.0


def test_inputs_that_can_exist_are_the_benign_twin(make_setting: Callable[..., Setting]) -> None:
    assert fuzz(make_setting(python_target(fragile, digest="sha256:f")), examples=40, inside=True).value == 0.0


def test_two_runs_find_the_same(make_setting: Callable[..., Setting]) -> None:
    setting = make_setting(python_target(fragile, digest="sha256:f"))
    one, two = (fuzz(setting, examples=40).tables["outcomes"] for _ in range(2))
    pd.testing.assert_frame_equal(one, two)


def test_without_hypothesis_it_says_so(make_setting: Callable[..., Setting], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    with pytest.raises(InputError, match=r"\[fuzz\]"):
        fuzz(make_setting())


def test_an_unknown_way_to_go_wrong_is_refused(make_setting: Callable[..., Setting]) -> None:
    with pytest.raises(InputError, match="silent acceptance"):
        fuzz(make_setting(), ways=["explosion"])
