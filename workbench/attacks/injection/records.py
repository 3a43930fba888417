"""Faults of the log itself: decisions were right, and what was written of them is not."""

from __future__ import annotations

import numpy as np
import pandas as pd

from workbench.attacks import corruption
from workbench.attacks.injection.decisions import fresh_ids
from workbench.attacks.injection.injector import Injected, between, from_moment, parted, scattered
from workbench.attacks.injection.log import DecisionLog
from workbench.attacks.injection.truth import Shift, shift_of
from workbench.predicate import ALL_ROWS

MOST = 0.8
"""From this share on, outcomes that do not come are no change of the world."""
HOURS = ((1.0, 2.0), (3.0, 5.0), (8.0, 12.0))


def shifted_clock(log: DecisionLog, strength: float, onset: pd.Timestamp, rng: np.random.Generator) -> Injected:
    """Times of one source off by some hours: a clock or a time zone."""
    where = log.from_one_source(rng, 0.15, 0.6)
    time = log.column("time")
    hours = float(rng.choice(HOURS[min(int(strength * 3), 2)])) * (1 if rng.random() < 0.5 else -1)
    frame = corruption.shift_clock(log.frame, time, where=from_moment(log, where, onset), strength=1.0, rng=rng, hours=hours)
    reached, before = parted(log, where, onset)
    shift = _hours_moved(log.frame[time], frame[time], reached, before)
    return Injected(frame, reached, ((time, log.source),), shift, where, f"{hours:+.0f} hours")


def duplicated(log: DecisionLog, strength: float, onset: pd.Timestamp, rng: np.random.Generator) -> Injected:
    """Rows delivered twice at once, or replayed some days later as if they were new."""
    reached, before = parted(log, ALL_ROWS, onset)
    time, identifier = log.column("time"), log.column("row_id")
    hit = scattered(reached, between(strength, 0.03, 0.5), rng)
    again = log.frame[hit].copy()
    replayed = bool(rng.random() < 0.5)
    if replayed:
        left = (log.times.max() - again[time]).dt.total_seconds().to_numpy()
        later = pd.Series(pd.to_timedelta(np.floor(left * rng.random(len(again))), unit="s"), index=again.index)
        again[time] = (again[time] + later).astype(log.frame[time].dtype)
        again[identifier] = fresh_ids(log, len(again), rng)
    frame = pd.concat([log.frame, again], ignore_index=True)
    copied = np.arange(len(frame)) >= len(log.frame)
    late = np.concatenate([reached, np.ones(len(again), dtype=bool)])
    shift = shift_of("share of repeated rows", np.zeros(int(late.sum())), copied[late], np.zeros(int(before.sum())))
    rows = copied | np.concatenate([hit, np.zeros(len(again), dtype=bool)])
    told = "as new rows" if replayed else "with the same row_id"
    return Injected(frame, rows, (), shift, ALL_ROWS, f"{len(again)} rows {told}")


def dropped(log: DecisionLog, strength: float, onset: pd.Timestamp, rng: np.random.Generator) -> Injected:
    """Rows of one segment that do not arrive any more, in part or at all."""
    where = log.segment(rng, 1, 0.1, 0.5, among=(log.source, *log.roles.groups, *log.categorical()))
    reached, _ = parted(log, where, onset)
    gone = scattered(reached, between(strength, 0.15, 1.0), rng)
    frame = log.frame[~gone].reset_index(drop=True)
    inside, late = where.mask(log.frame), log.since(onset)
    shift = shift_of(f"share of rows where {where}", inside[late], inside[late & ~gone], inside[~late])
    return Injected(frame, reached[~gone], (where.columns,), shift, where, f"{gone.sum()} rows gone")


def label_delay(log: DecisionLog, strength: float, onset: pd.Timestamp, rng: np.random.Generator) -> Injected:
    """Outcomes that have not come yet, written as missing or as if they had not happened."""
    reached, before = parted(log, ALL_ROWS, onset)
    label, share, frame = log.column("label"), between(strength, 0.06, 1.0), log.frame.copy()
    if rng.random() < 0.5:
        late = scattered(reached, share, rng)
        frame[label] = frame[label].astype(float).mask(pd.Series(late, index=frame.index))
        now, was = (data[label].isna().to_numpy() for data in (frame, log.frame))
        shift = shift_of(f"missing share of {label}", was[reached], now[reached], was[before])
        told = f"{share:.0%} of the outcomes missing"
        return Injected(frame, reached, ((label,),), shift, ALL_ROWS, told, causes=frozenset({"nulls"}))
    late = scattered(reached & (log.frame[label] == 1).to_numpy(), share, rng)
    frame[label] = frame[label].mask(pd.Series(late, index=frame.index), 0)
    now, was = (data[label].to_numpy(dtype=float) for data in (frame, log.frame))
    shift = shift_of("base rate", was[reached], now[reached], was[before])
    told = f"{share:.0%} of the outcomes told as 0"
    # while some still come, the world may have changed as well
    open_to = ({"drift"}, {"label flips", "prior shift", "concept drift"}) if share < MOST else (set(), {"label flips"})
    accepted, causes = map(frozenset, open_to)
    return Injected(frame, reached, ((label,),), shift, ALL_ROWS, told, accepted, causes)


def label_flips(log: DecisionLog, strength: float, onset: pd.Timestamp, rng: np.random.Generator) -> Injected:
    """Labels turned into the other one, everywhere or in one segment."""
    where = log.segment(rng, 1, 0.15, 0.6) if rng.random() < 0.5 else ALL_ROWS
    reached, before = parted(log, where, onset)
    label, share = log.column("label"), between(strength, 0.04, 0.45)
    frame = log.frame.copy()
    hit = scattered(reached, share, rng)
    frame[label] = frame[label].mask(pd.Series(hit, index=frame.index), 1 - frame[label])
    was, now = log.errors(), log.errors(frame)
    shift = shift_of("error rate", was[reached], now[reached], was[before])
    also = frozenset({"worse on a slice"} if where.conditions else ())
    return Injected(frame, reached, ((label,),), shift, where, f"{share:.0%} of the labels turned", causes=also)


def _hours_moved(was: pd.Series[pd.Timestamp], now: pd.Series[pd.Timestamp], reached: np.ndarray, before: np.ndarray) -> Shift:
    """The part of the day, of three hours or more, whose share of the rows moved most clearly."""
    shifts = []
    for first in range(24):
        for length in (3, 6, 12):
            late, told, early = (
                (((times - first) % 24) < length).to_numpy()
                for times in (was.dt.hour[reached], now.dt.hour[reached], was.dt.hour[before])
            )
            shifts.append(shift_of(f"share of rows at {first} to {(first + length) % 24} h", late, told, early))
    return max(shifts, key=lambda shift: shift.signal)
