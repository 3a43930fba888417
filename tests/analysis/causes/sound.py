"""A sound log, made by a seed: what is put into it is all that is wrong with it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from workbench.data.dataset import Dataset, open_dataset
from workbench.predicate import Predicate

ROLES: dict[str, Any] = {
    "row_id": "id", "time": "at", "prediction": "yes", "score": "score", "label": "label", "model_version": "version",
    "favorable": 1, "groups": ["sex"], "features": ["amount", "age", "grade", "source"],
}  # fmt: skip
START = pd.Timestamp("2026-01-01")
DAYS = 80
ONSET = START + pd.Timedelta(days=55)
EARLY = Predicate.parse("at < 2026-02-10")


def sound_log(rows: int = 6000, seed: int = 0) -> pd.DataFrame:
    """A log in which nothing happens, in order of time."""
    rng = np.random.default_rng(seed)
    seconds = np.sort(rng.integers(0, DAYS * 86400, rows))
    source = rng.choice(["branch", "online", "partner"], rows, p=[0.4, 0.4, 0.2])
    hours = np.where(source == "online", rng.normal(20, 2, rows), rng.normal(12, 2.5, rows)) % 24
    at = START + pd.to_timedelta(seconds // 86400, unit="D") + pd.to_timedelta(np.round(hours * 3600), unit="s")
    age = rng.integers(18, 80, rows)
    frame = pd.DataFrame({
        "id": np.arange(rows), "at": at, "amount": np.round(np.exp(rng.normal(7 + 0.01 * age, 0.6)), 2), "age": age,
        "grade": rng.choice(list("ABCDE"), rows, p=[0.35, 0.25, 0.2, 0.12, 0.08]), "source": source,
        "sex": rng.choice(["f", "m"], rows), "version": "1",
    })  # fmt: skip
    frame["score"] = scored(frame)
    frame["yes"] = (frame["score"] >= 0.5).astype(int)
    frame["label"] = (rng.random(rows) < frame["score"]).astype(int)
    return frame.sort_values("at", kind="stable").reset_index(drop=True).assign(id=np.arange(rows))


def scored(frame: pd.DataFrame) -> np.ndarray:
    """The model of the log."""
    grade = frame["grade"].map(dict(zip("ABCDE", (-1.5, -0.6, 0.3, 1.2, 2.0), strict=True))).fillna(0)
    amount = np.log(frame["amount"].clip(1e-3).fillna(1000)) - 7.5
    return np.asarray(1 / (1 + np.exp(-(1.2 * amount - 0.03 * (frame["age"].fillna(50) - 48) + grade))))


def rescored(frame: pd.DataFrame) -> pd.DataFrame:
    """The log with the decisions that its columns lead to."""
    score = scored(frame)
    return frame.assign(score=score, yes=(score >= 0.5).astype(int))


def opened(frame: pd.DataFrame) -> Dataset:
    """As triage reads it."""
    return open_dataset(frame, ROLES)


def windows_of(frame: pd.DataFrame, *, windows: bool = True) -> list[Dataset]:
    """The reference and the current window, or all."""
    dataset = opened(frame)
    return [dataset.select(EARLY), dataset.exclude(EARLY)] if windows else [dataset]


def late(frame: pd.DataFrame) -> np.ndarray:
    """The rows since the onset."""
    return (frame["at"] >= ONSET).to_numpy()
