"""Faults as they happen to a log: each takes a sound one and gives it back broken from `ONSET` on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from tests.analysis.causes.sound import late, rescored, scored

Fault = Callable[[pd.DataFrame, np.random.Generator], pd.DataFrame]


def unit(frame: pd.DataFrame, _rng: np.random.Generator) -> pd.DataFrame:
    hit = late(frame) & (frame["source"] == "online").to_numpy()
    return rescored(frame.assign(amount=np.where(hit, frame["amount"] / 100, frame["amount"])))


def nulls(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    hit = late(frame) & (frame["source"] == "partner").to_numpy() & (rng.random(len(frame)) < 0.6)
    return rescored(frame.assign(age=frame["age"].astype(float).mask(hit)))


def recoded(frame: pd.DataFrame, _rng: np.random.Generator) -> pd.DataFrame:
    return rescored(frame.assign(grade=frame["grade"].mask(late(frame) & (frame["grade"] == "B").to_numpy(), "b")))


def exchanged(frame: pd.DataFrame, _rng: np.random.Generator) -> pd.DataFrame:
    return rescored(frame.assign(grade=frame["grade"].where(~late(frame), frame["grade"].replace({"A": "E", "E": "A"}))))


def merged(frame: pd.DataFrame, _rng: np.random.Generator) -> pd.DataFrame:
    return rescored(frame.assign(grade=frame["grade"].mask(late(frame) & (frame["grade"] == "C").to_numpy(), "A")))


def frozen(frame: pd.DataFrame, _rng: np.random.Generator) -> pd.DataFrame:
    hit = late(frame) & (frame["source"] == "online").to_numpy()
    return rescored(frame.assign(amount=np.where(hit, 1234.5, frame["amount"])))


def clock(frame: pd.DataFrame, _rng: np.random.Generator) -> pd.DataFrame:
    hit = late(frame) & (frame["source"] == "branch").to_numpy()
    return frame.assign(at=frame["at"].where(~hit, frame["at"] + pd.Timedelta(hours=5)))


def duplicated(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    again = frame[late(frame) & (rng.random(len(frame)) < 0.15)]
    again = again.assign(at=again["at"] + pd.Timedelta(minutes=7))
    both = pd.concat([frame, again]).sort_values("at", kind="stable").reset_index(drop=True)
    return both.assign(id=np.arange(len(both)))


def dropped(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    hit = late(frame) & (frame["source"] == "partner").to_numpy() & (rng.random(len(frame)) < 0.8)
    return frame[~hit].reset_index(drop=True)


def delayed(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    hit = late(frame) & (rng.random(len(frame)) < 0.5)
    return frame.assign(label=frame["label"].where(~hit, 0))


def unlabelled(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    hit = late(frame) & (rng.random(len(frame)) < 0.5)
    return frame.assign(label=frame["label"].astype(float).mask(hit))


def flipped(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    hit = late(frame) & (rng.random(len(frame)) < 0.3)
    return frame.assign(label=np.where(hit, 1 - frame["label"], frame["label"]))


def threshold(frame: pd.DataFrame, _rng: np.random.Generator) -> pd.DataFrame:
    hit = late(frame) & (frame["sex"] == "f").to_numpy()
    return frame.assign(yes=np.where(hit, frame["score"] >= 0.7, frame["score"] >= 0.5).astype(int))


def version(frame: pd.DataFrame, _rng: np.random.Generator) -> pd.DataFrame:
    hit = late(frame) & (frame["source"] == "partner").to_numpy()
    other = scored(frame.assign(amount=1500.0))
    score = np.where(hit, other, frame["score"])
    return frame.assign(score=score, yes=(score >= 0.5).astype(int))


def calibration(frame: pd.DataFrame, _rng: np.random.Generator) -> pd.DataFrame:
    odds = np.log(frame["score"] / (1 - frame["score"])) + np.where(late(frame), 1.0, 0.0)
    score = 1 / (1 + np.exp(-odds))
    return frame.assign(score=score, yes=(score >= 0.5).astype(int))


def skew(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    noise = np.exp(rng.normal(0, 1.2, len(frame)))
    return rescored(frame.assign(amount=np.where(late(frame), frame["amount"] * noise, frame["amount"]).round(2)))


def worse(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    hit = late(frame) & (frame["source"] == "online").to_numpy() & frame["grade"].isin(["A", "B"]).to_numpy()
    turned = hit & (rng.random(len(frame)) < 0.5)
    return frame.assign(label=np.where(turned, 1 - frame["yes"], frame["label"]))


EVERY: dict[str, tuple[Fault, str, str]] = {
    "unit": (unit, "unit error", "amount"),
    "nulls": (nulls, "nulls", "age"),
    "recoded": (recoded, "recoded values", "grade"),
    "exchanged": (exchanged, "recoded values", "grade"),
    "merged": (merged, "merged values", "grade"),
    "frozen": (frozen, "frozen column", "amount"),
    "clock": (clock, "shifted clock", "at"),
    "duplicated": (duplicated, "duplicated rows", ""),
    "dropped": (dropped, "dropped rows", "source"),
    "delayed": (delayed, "label delay", "label"),
    "unlabelled": (unlabelled, "label delay", "label"),
    "flipped": (flipped, "label flips", "label"),
    "threshold": (threshold, "moved threshold", "sex"),
    "version": (version, "version mix-up", "source"),
    "calibration": (calibration, "calibration drift", "score"),
    "skew": (skew, "training/serving skew", "amount"),
    "worse": (worse, "worse on a slice", "grade"),
}
"""Name to the fault, its cause, and a column that has to be named."""
