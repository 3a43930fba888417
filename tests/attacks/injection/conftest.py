"""A decision log to break: 1,200 decisions of 40 days by a model one can read."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench.attacks.injection import DecisionLog
from workbench.data.roles import Roles
from workbench.models.python import python_target

THRESHOLD = 0.5
PLANS = {"basic": -0.6, "plus": 0.1, "pro": 0.7}


def score(frame: pd.DataFrame) -> np.ndarray:
    """The chance of label 1: by age, income and plan; what is missing counts as the middle."""
    age, income = (frame[name].astype(float).fillna(middle) for name, middle in (("age", 45.0), ("income", 3_000.0)))
    plan = frame["plan"].map(PLANS).astype(float).fillna(0.0)
    return 1 / (1 + np.exp(-((age - 45) / 12 + (income - 3_000) / 900 + plan)))


def earlier_score(frame: pd.DataFrame) -> np.ndarray:
    """The version before: it reads the age only."""
    return 1 / (1 + np.exp(-(frame["age"].astype(float).fillna(45.0) - 45) / 9))


def target(function: Any, version: str) -> Any:
    def decide(frame: pd.DataFrame) -> pd.DataFrame:
        chance = function(frame)
        return pd.DataFrame({"decision": (chance >= THRESHOLD).astype(int), "score": chance})

    return python_target(decide, name="test", version=version, digest=version)


@pytest.fixture(scope="session")
def log() -> DecisionLog:
    rng = np.random.default_rng(5)
    rows = 1_200
    frame = pd.DataFrame(
        {
            "age": rng.integers(20, 71, rows),
            "income": rng.normal(3_000, 900, rows).round(1),
            "plan": rng.choice(list(PLANS), rows, p=[0.5, 0.3, 0.2]),
            "sex": rng.choice(["female", "male"], rows, p=[0.4, 0.6]),
            "feed": rng.choice(["north", "south", "west"], rows, p=[0.5, 0.3, 0.2]),
        }
    )
    chance = np.round(score(frame), 6)
    seconds = np.sort(rng.integers(0, 40 * 86_400, rows))
    made = {
        "at": (pd.Timestamp("2026-01-05") + pd.to_timedelta(seconds, unit="s")).astype("datetime64[us]"),
        "id": rng.permutation(np.arange(1, 20 * rows, 20)), "version": "2", "score": chance,
        "prediction": (chance >= THRESHOLD).astype(np.int64), "label": (rng.random(rows) < chance).astype(np.int64),
    }  # fmt: skip
    features = tuple(frame.columns)
    roles = Roles(
        row_id="id", time="at", model_version="version", prediction="prediction", score="score", label="label", favorable=1,
        positive=1, groups=("sex",), features=features,
    )  # fmt: skip
    return DecisionLog(frame.assign(**made), roles, target(score, "2"), target(earlier_score, "1"), THRESHOLD, "feed")


@pytest.fixture(scope="session")
def onset(log: DecisionLog) -> pd.Timestamp:
    return log.times.min() + pd.Timedelta(days=24)
