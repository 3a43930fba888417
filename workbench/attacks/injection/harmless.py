"""Changes that are no fault: whoever raises an alarm for one of them has cried wolf."""

from __future__ import annotations

import numpy as np
import pandas as pd

from workbench.attacks.injection.injector import Injected, between, parted
from workbench.attacks.injection.log import DecisionLog
from workbench.attacks.injection.truth import Shift, shift_of
from workbench.predicate import ALL_ROWS, Predicate, equals


def seasonal(log: DecisionLog, strength: float, onset: pd.Timestamp, rng: np.random.Generator) -> Injected:
    """A week in which some days bring other rows, from the first day on: it was so before, and it is so now."""
    del onset
    time = log.column("time")
    where = log.segment(rng, 1, 0.2, 0.6)
    inside = where.mask(log.frame)
    weekend = (log.times.dt.day_of_week >= 5).to_numpy()
    keep = rng.random(len(inside)) < np.where(weekend == inside, 1.0, 1 - between(strength, 0.15, 0.8))
    frame = log.frame[keep].reset_index(drop=True)
    shift = shift_of(f"share of rows where {where}", inside[weekend], inside[weekend & keep], inside[~weekend & keep])
    return Injected(frame, np.zeros(len(frame), dtype=bool), (), shift, where, f"{time}: other rows at weekends")


def more_rows(log: DecisionLog, strength: float, onset: pd.Timestamp, rng: np.random.Generator) -> Injected:
    """More or fewer rows of everybody from a moment on."""
    reached, before = parted(log, ALL_ROWS, onset)
    share = 1 / between(strength, 1.3, 4.0)
    thinned = before if rng.random() < 0.5 else reached
    keep = ~thinned | (rng.random(len(thinned)) < share)
    frame = log.frame[keep].reset_index(drop=True)
    told = "more" if thinned is before else "fewer"
    shift = Shift("rows", float(thinned.sum()), float((thinned & keep).sum()), 1.0, 0, 0)
    return Injected(frame, np.zeros(len(frame), dtype=bool), (), shift, ALL_ROWS, f"{told}, {1 / share:.2f} times")


def shifted_covariate(log: DecisionLog, strength: float, onset: pd.Timestamp, rng: np.random.Generator) -> Injected:
    """One value of a feature becomes rarer and the others more frequent, in as many rows: of all, the one that harms least."""
    reached, _ = parted(log, ALL_ROWS, onset)
    share = between(strength, 0.15, 0.8)
    where = _least_harmful(log, reached)
    inside = where.mask(log.frame)
    part = float(inside.mean())
    keep = rng.random(len(inside)) < np.where(reached, np.where(inside, 1 - share, 1.0), 1 - share * part)
    frame = log.frame[keep].reset_index(drop=True)
    shift = shift_of(f"share of rows where {where}", inside[reached], inside[reached & keep], inside[~reached & keep])
    return Injected(frame, np.zeros(len(frame), dtype=bool), (), shift, where, f"{share:.0%} fewer where {where}")


def _least_harmful(log: DecisionLog, reached: np.ndarray) -> Predicate:
    """The value, of features of texts, without which the error rate moves least."""
    errors = log.errors()
    overall = float(np.nanmean(errors[reached]))
    moved: dict[str, float] = {}
    for name in (log.source, *log.categorical()):
        for value, part in log.frame[name].value_counts(normalize=True).items():
            where = equals(name, str(value))
            if 0.15 <= part <= 0.6:
                moved[str(where)] = abs(float(np.nanmean(errors[reached & ~where.mask(log.frame)])) - overall)
    return Predicate.parse(min(moved, key=lambda text: (moved[text], text)))
