"""Faults of the deciding itself: the columns are right, and what is made of them is not."""

from __future__ import annotations

import numpy as np
import pandas as pd

from workbench.attacks.injection.injector import Injected, between, parted, scattered
from workbench.attacks.injection.log import DecisionLog
from workbench.attacks.injection.truth import shift_of
from workbench.errors import InputError
from workbench.predicate import ALL_ROWS

CRAFTED_DRAWS = 40
"""Changed copies an attacker tries before one is over the line."""


def slice_regression(log: DecisionLog, strength: float, onset: pd.Timestamp, rng: np.random.Generator) -> Injected:
    """More errors where two or three conditions meet: in part of these rows the score falls on the wrong side."""
    where = log.segment(rng, int(rng.integers(2, 4)), 0.04, 0.2)
    reached, before = parted(log, where, onset)
    frame, share = log.frame, between(strength, 0.08, 0.7)
    hit = scattered(reached, share, rng)
    score = frame.loc[hit, log.column("score")].to_numpy(dtype=float)
    label = frame.loc[hit, log.column("label")].to_numpy(dtype=float)
    right = (score >= log.threshold) == (label == 1)
    frame = log.decided(frame, hit, np.where(right, _mirrored(score, log.threshold), score))
    was, now = log.errors(), log.errors(frame)
    shift = shift_of("error rate", was[reached], now[reached], was[before])
    return Injected(frame, reached, tuple((name,) for name in where.columns), shift, where, f"{share:.0%} of the rows turned")


def moved_threshold(log: DecisionLog, strength: float, onset: pd.Timestamp, rng: np.random.Generator) -> Injected:
    """Another threshold for one group, of people where there are such."""
    groups = tuple(log.roles.groups) or tuple(log.categorical()) or log.features
    where = log.segment(rng, 1, 0.1, 0.6, among=groups)
    reached, before = parted(log, where, onset)
    score = log.frame[log.column("score")].to_numpy(dtype=float)
    share = between(strength, 0.03, 0.4)
    above = float((score[reached] >= log.threshold).mean()) if reached.any() else 0.5
    wanted = above + share if rng.random() < 0.5 else above - share
    wanted = wanted if 0.01 < wanted < 0.99 else 2 * above - wanted
    limit = float(np.quantile(score[reached], np.clip(1 - wanted, 0, 1)))
    frame = log.decided(log.frame, reached, score[reached], threshold=limit)
    now, was = (data[log.column("prediction")].to_numpy(dtype=float) for data in (frame, log.frame))
    shift = shift_of("share of positive predictions", was[reached], now[reached], was[before])
    return Injected(frame, reached, (where.columns,), shift, where, f"threshold {log.threshold:.3g} → {limit:.3g}")


def version_mixup(log: DecisionLog, strength: float, onset: pd.Timestamp, rng: np.random.Generator) -> Injected:
    """An older version decides part of a segment, as the log records or fails to record."""
    where = log.segment(rng, 1, 0.1, 0.5)
    reached, before = parted(log, where, onset)
    share = between(strength, 0.25, 1.0)
    hit = scattered(reached, share, rng)
    frame = log.rescored(log.frame, hit, log.previous)
    version, recorded = log.column("model_version"), bool(rng.random() < 0.6)
    if recorded:
        frame[version] = frame[version].mask(pd.Series(hit, index=frame.index), log.previous.version)
        now, was = ((data[version] == log.previous.version).to_numpy() for data in (frame, log.frame))
        shift = shift_of("share of the older version", was[reached], now[reached], was[before])
    else:
        now, was = log.errors(frame), log.errors()
        shift = shift_of("error rate", was[reached], now[reached], was[before])
    columns = ((version, *where.columns),) if recorded else (where.columns,)
    told = "recorded" if recorded else "not recorded"
    also = frozenset(() if recorded else ("worse on a slice", "concept drift"))
    return Injected(frame, reached, columns, shift, where, f"{share:.0%} by the older version, {told}", causes=also)


def miscalibrated(log: DecisionLog, strength: float, onset: pd.Timestamp, rng: np.random.Generator) -> Injected:
    """A score that means something else than it did: its log-odds are moved, and the threshold is not."""
    reached, before = parted(log, ALL_ROWS, onset)
    score = np.clip(log.frame[log.column("score")].to_numpy(dtype=float), 1e-6, 1 - 1e-6)
    step = between(strength, 0.2, 2.0) * (1 if rng.random() < 0.5 else -1)
    moved = 1 / (1 + np.exp(-(np.log(score / (1 - score)) + step)))
    frame = log.decided(log.frame, reached, moved[reached])
    name = log.column("score")
    shift = shift_of(f"mean of {name}", score[reached], moved[reached], score[before])
    return Injected(frame, reached, ((name,),), shift, ALL_ROWS, f"log-odds {step:+.2f}")


def evasion(log: DecisionLog, strength: float, onset: pd.Timestamp, rng: np.random.Generator) -> Injected:
    """Requests crafted to fall just on the good side: numbers changed until the decision turns, for a tenth of the time left."""
    names = log.numeric()
    if not names:
        raise InputError("no numeric feature to craft", ", ".join(log.features), "Choose another kind.")
    time, prediction, score = log.column("time"), log.column("prediction"), log.column("score")
    bad = 0 if log.roles.favorable == 1 else 1
    last = log.times.max()
    length = (last - onset) * 0.2
    during = log.since(onset, onset + length)
    count = max(5, round(between(strength, 0.05, 1.0) * int(during.sum())))
    refused = np.flatnonzero((log.frame[prediction] == bad).to_numpy())
    near = refused[np.argsort(abs(log.frame[score].to_numpy()[refused] - log.threshold), kind="stable")]
    tried = log.frame.iloc[rng.choice(near[: max(len(near) // 2, 1)], count)].reset_index(drop=True)
    crafted = _crafted(log, tried, names, bad, rng)
    crafted[time] = onset + pd.to_timedelta(np.floor(rng.random(len(crafted)) * length.total_seconds()), unit="s")
    crafted[log.column("row_id")] = fresh_ids(log, len(crafted), rng)
    frame = pd.concat([log.frame, crafted.astype(log.frame.dtypes)], ignore_index=True)
    rows = np.arange(len(frame)) >= len(log.frame)
    band = np.abs(frame[score].to_numpy(dtype=float) - log.threshold) < 0.05
    band &= (frame[prediction] != bad).to_numpy()
    early = ~log.since(onset)
    inside = np.concatenate([during, np.ones(len(crafted), dtype=bool)])
    shift = shift_of("share just on the good side", band[: len(during)][during], band[inside], band[: len(early)][early])
    return Injected(frame, rows, ((score, prediction, *names),), shift, ALL_ROWS, f"{len(crafted)} crafted rows")


def fresh_ids(log: DecisionLog, count: int, rng: np.random.Generator) -> np.ndarray:
    """Row identifiers that no row has, from the range of those there are."""
    known = log.frame[log.column("row_id")].to_numpy()
    drawn = np.unique(rng.integers(known.min(), known.max() + 8 * (count + len(known)), 2 * count + 8))
    return rng.permutation(np.setdiff1d(drawn, known))[:count]


def _mirrored(score: np.ndarray, limit: float) -> np.ndarray:
    """As far beyond the threshold as each score was before it, in parts of the way to the end of the scale."""
    up = limit + (1 - limit) * np.clip((limit - score) / limit, 0, 1)
    down = limit * (1 - np.clip((score - limit) / (1 - limit), 1e-3, 1))
    return np.where(score >= limit, down, up)


def _crafted(log: DecisionLog, rows: pd.DataFrame, names: list[str], bad: int, rng: np.random.Generator) -> pd.DataFrame:
    """Those of `rows` whose decision turned after changes of their numbers, as little beyond the threshold as was found."""
    best, distance = rows.copy(), np.full(len(rows), np.inf)
    numbers = log.frame[names].astype(float)
    for draw in range(CRAFTED_DRAWS):
        changed = rows.copy()
        for name in rng.choice(names, min(3, len(names)), replace=False).tolist():
            step = rng.normal(0, (0.3 + draw / CRAFTED_DRAWS) * float(numbers[name].std()), len(rows))
            values = (rows[name].astype(float) + step).clip(float(numbers[name].min()), float(numbers[name].max()))
            changed[name] = values.round().astype(rows[name].dtype) if rows[name].dtype.kind == "i" else values
        score = log.target.predict(changed[list(log.features)]).score
        away = np.where((score >= log.threshold) == (bad == 0), np.abs(score - log.threshold), np.inf)
        best.loc[away < distance] = changed.loc[away < distance]
        distance = np.minimum(away, distance)
    turned: pd.DataFrame = best[np.isfinite(distance)].reset_index(drop=True)
    return log.rescored(turned, np.ones(len(turned), dtype=bool))
