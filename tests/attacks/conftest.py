"""A linear model of four columns, attacks on it that were recorded, and targets made from plain functions."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench.attacks.constraints import Domain
from workbench.attacks.evasion import Evasion, evade, record_attack
from workbench.attacks.recording import Recording
from workbench.attacks.scenarios.trial import Setting
from workbench.models import Target, python_target

WEIGHTS = np.array([1.0, -0.5, 0.25, 0.8])


def linear_score(frame: pd.DataFrame) -> np.ndarray:
    """The logistic score of the linear model."""
    return np.asarray(1 / (1 + np.exp(-(frame.to_numpy(dtype=float) @ WEIGHTS))))


def scored(score: Callable[[pd.DataFrame], np.ndarray], name: str = "linear", **options: Any) -> Target:
    """A target that decides 1 from a score of one half on."""

    def decide(frame: pd.DataFrame) -> dict[str, np.ndarray]:
        values = score(frame)
        return {"decision": (values >= 0.5).astype(int), "score": values}

    return python_target(decide, name=name, digest=options.pop("digest", f"sha256:{name}"), **options)


@pytest.fixture(name="scored")
def scored_fixture() -> Callable[..., Target]:
    """Makes a target of a score function."""
    return scored


@pytest.fixture(name="linear_score")
def linear_score_fixture() -> Callable[[pd.DataFrame], np.ndarray]:
    return linear_score


@pytest.fixture
def weights() -> np.ndarray:
    """Of the linear model."""
    return WEIGHTS


@pytest.fixture
def frame() -> pd.DataFrame:
    """Eighty rows of four numbers."""
    return pd.DataFrame(np.random.default_rng(0).normal(size=(80, 4)), columns=list("abcd"))


@pytest.fixture
def linear() -> Target:
    return scored(linear_score)


@pytest.fixture
def attack(linear: Target, frame: pd.DataFrame) -> Evasion:
    """Every row attacked with 60 queries, values allowed a little beyond those seen."""
    columns = Domain.infer(frame).columns
    wide = Domain(tuple(type(item)(item.name, low=-8.0, high=8.0, scale=1.0) for item in columns))
    return evade(linear, frame, wide, budget=60, seed=3)


@pytest.fixture
def recorded(linear: Target, attack: Evasion, tmp_path: Path) -> Recording:
    """The attack as a recording."""
    return record_attack(linear, attack, tmp_path / "attack")


@pytest.fixture
def applicants() -> pd.DataFrame:
    """Eight hundred people: income, debts (whole), region, sex; `label` follows income and debts with a little noise."""
    chance = np.random.default_rng(1)
    n = 800
    frame = pd.DataFrame({
        "income": chance.normal(50, 10, n),
        "debts": chance.integers(0, 6, n),
        "region": chance.choice(["north", "south", "west"], n),
        "sex": chance.choice(["F", "M"], n),
    })  # fmt: skip
    frame["label"] = (frame["income"] - 4 * frame["debts"] + chance.normal(0, 3, n) > 40).astype(int)
    return frame


def solvency(frame: pd.DataFrame) -> np.ndarray:
    """The logistic score of income less debts; unmoved by region and sex."""
    income, debts = (frame[name].to_numpy(dtype=float) for name in ("income", "debts"))
    with np.errstate(over="ignore"):
        return np.asarray(1 / (1 + np.exp(40 + 4 * debts - income)))


@pytest.fixture
def make_setting(applicants: pd.DataFrame) -> Callable[..., Setting]:
    """Makes a setting of the applicants and a target; the model of `solvency` unless told otherwise."""

    def make(target: Target | None = None, **options: Any) -> Setting:
        return Setting(
            target or scored(solvency, "solvent"), applicants.drop(columns="label"), applicants["label"].to_numpy(),
            {"sex": applicants["sex"].to_numpy()}, applicants, **options,
        )  # fmt: skip

    return make


@pytest.fixture
def numpys_global_generator_stays_unused() -> Iterator[None]:
    """Whatever draws from it, in the tested code or below it, moves its state."""
    before = np.random.get_state(legacy=False)  # noqa: NPY002  the very generator that nobody may use
    yield
    after = np.random.get_state(legacy=False)  # noqa: NPY002
    np.testing.assert_equal(after, before)
