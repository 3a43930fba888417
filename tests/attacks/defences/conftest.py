"""A model with a planted weakness: whoever raises the column `probe` past 5 is let through, and no clean row comes near."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench.attacks.defences.bench import Bench, lay_bench
from workbench.attacks.scenarios.trial import Setting
from workbench.models import Target, python_target

CONSTRAINTS = {"immutable": ["a", "b"]}


def decide(frame: pd.DataFrame) -> np.ndarray:
    return ((frame["a"] + frame["b"] >= 0) | (frame["probe"] > 5)).to_numpy(dtype=int)


@pytest.fixture
def weak() -> Target:
    """The model with the planted weakness."""
    return python_target(decide, name="weak", digest="sha256:weak")


@pytest.fixture
def people() -> pd.DataFrame:
    """Three hundred clean rows; two of them show how far `probe` can go, both let through anyway."""
    chance = np.random.default_rng(2)
    frame = pd.DataFrame(chance.normal(size=(300, 3)), columns=["a", "b", "probe"])
    frame.loc[:1, ["a", "b", "probe"]] = [[2.0, 2.0, 9.0], [2.0, 2.0, -9.0]]
    return frame


@pytest.fixture
def make_setting_of(people: pd.DataFrame) -> Callable[..., Setting]:
    """Makes a setting of the clean rows and a target, labelled by the rule without the weakness."""

    def make(target: Target, **options: Any) -> Setting:
        label = (people["a"] + people["b"] >= 0).to_numpy(dtype=int)
        return Setting(target, people, label, **{"constraints": CONSTRAINTS, **options})

    return make


@pytest.fixture
def bench(weak: Target, make_setting_of: Callable[..., Setting]) -> Bench:
    """Forty rows attacked with 110 queries each: an attack first tries the probe of every row that is let through."""
    return lay_bench(make_setting_of(weak), rows=40, budget=110)
