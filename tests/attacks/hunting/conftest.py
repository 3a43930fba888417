"""A log of loans in which nothing happens, and what attackers add to it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench.data.dataset import Dataset, open_dataset

ROWS = 6000
ROLES: dict[str, Any] = {
    "row_id": "id", "time": "time", "prediction": "prediction", "score": "score", "favorable": 1,
    "features": ["income", "debts", "age", "amount", "region", "job"],
}  # fmt: skip
ATTACK = pd.Timestamp("2026-02-10")


def scores(frame: pd.DataFrame) -> pd.Series:
    """A smooth score of four of the columns."""
    logit = 0.06 * (frame["income"] - 48) - 0.35 * (frame["debts"] - 2) + 0.02 * (frame["age"] - 48)
    return 1 / (1 + np.exp(-(logit - 0.08 * (frame["amount"] - 10))))


def decided(frame: pd.DataFrame) -> pd.DataFrame:
    score = scores(frame)
    return frame.assign(score=score, prediction=(score >= 0.5).astype(int))


def quiet(rows: int = ROWS, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    seconds = np.sort(rng.integers(0, 60 * 86_400, rows))
    return decided(pd.DataFrame({
        "id": np.arange(rows),
        "time": pd.Timestamp("2026-01-01") + pd.to_timedelta(seconds, unit="s"),
        "income": rng.gamma(4, 12, rows).round(1),
        "debts": rng.poisson(2, rows),
        "age": rng.integers(18, 80, rows),
        "amount": rng.gamma(2, 5, rows).round(2),
        "region": rng.choice(["north", "south", "east", "west"], rows),
        "job": rng.choice(list("abcdefgh"), rows),
    }))  # fmt: skip


def joined(frame: pd.DataFrame, added: pd.DataFrame, start: pd.Timestamp, hours: float) -> pd.DataFrame:
    """The log with rows of an attacker at random times, decided by the same model."""
    seconds = np.sort(np.random.default_rng(9).integers(0, int(hours * 3600), len(added)))
    added = added.assign(id=10**6 + np.arange(len(added)), time=start + pd.to_timedelta(seconds, unit="s"))
    whole = pd.concat([frame, added], ignore_index=True).sort_values("time", kind="stable")
    return decided(whole.reset_index(drop=True))


def evaded(frame: pd.DataFrame, rows: int = 150) -> pd.DataFrame:
    """From February on, people who were refused and then changed their income a little until they were not."""
    rng = np.random.default_rng(1)
    crafted = frame[(frame["prediction"] == 0) & (frame["score"] > 0.35)].sample(rows, random_state=1)
    while (refused := scores(crafted) < 0.5).any():
        crafted.loc[refused, "income"] = (crafted.loc[refused, "income"] + rng.uniform(0.1, 1, refused.sum())).round(1)
    return joined(frame, crafted, ATTACK, 19 * 24)


def swept(frame: pd.DataFrame, rows: int = 120) -> pd.DataFrame:
    """In one night, one request again and again with another income each time."""
    one = frame[(frame["score"] - 0.5).abs() < 0.05].iloc[[0]]
    return joined(frame, pd.concat([one] * rows).assign(income=np.linspace(20, 80, rows).round(1)), ATTACK, 6)


def walked(frame: pd.DataFrame, rows: int = 120) -> pd.DataFrame:
    """In one night, small steps in three columns around a request near the threshold."""
    rng = np.random.default_rng(2)
    one = pd.concat([frame[(frame["score"] - 0.5).abs() < 0.01].iloc[[0]]] * rows)
    for name, step in (("income", 1.0), ("amount", 0.5)):
        one[name] = (one[name] + rng.normal(0, step, rows)).round(2)
    return joined(frame, one.assign(age=one["age"] + rng.integers(-2, 3, rows)), ATTACK, 6)


MADE = {"quiet": lambda frame: frame, "evaded": evaded, "swept": swept, "walked": walked}


@pytest.fixture(scope="session", name="loans")
def loans_fixture() -> Callable[..., pd.DataFrame]:
    """Makes the log: ``loans("quiet" | "evaded" | "swept" | "walked", seed=0)``."""

    def make(kind: str = "quiet", **options: Any) -> pd.DataFrame:
        return MADE[kind](quiet(**options))

    return make


@pytest.fixture(scope="session")
def opened() -> Callable[..., Dataset]:
    """Opens a log of loans; roles may be replaced, None takes one away."""

    def opening(frame: pd.DataFrame, **roles: Any) -> Dataset:
        return open_dataset(frame, {name: value for name, value in {**ROLES, **roles}.items() if value is not None})

    return opening
