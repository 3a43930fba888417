"""Faults of what the model sees: a broken column is scored as it is, so that decisions go wrong with it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from workbench.attacks import corruption
from workbench.attacks.injection.injector import Injected, between, from_moment, parted
from workbench.attacks.injection.log import DecisionLog
from workbench.attacks.injection.truth import Shift, ranked, shift_of
from workbench.errors import InputError
from workbench.predicate import ALL_ROWS, Predicate

FACTORS = ((1.609, 2.205, 2.54), (12.0, 7.0, 10.0), (100.0, 1000.0, 365.25))
"""Miles and kilometres, pounds, inches; months, days of a week, a decimal point; cents, thousands, days of a year."""


@dataclass(frozen=True, eq=False)
class Broken:
    """A feature of some rows from a moment on, which is about to be broken."""

    log: DecisionLog
    name: str
    where: Predicate
    onset: pd.Timestamp

    @property
    def fault(self) -> Predicate:
        """The rows that the fault reaches."""
        return from_moment(self.log, self.where, self.onset)

    def held(self, frame: pd.DataFrame, value: object) -> Shift:
        """How far the share of `value` moved."""
        reached, before = parted(self.log, self.where, self.onset)
        now, was = ((data[self.name] == value).to_numpy() for data in (frame, self.log.frame))
        return shift_of(f"share of {self.name} = {value}", was[reached], now[reached], was[before])

    def ranks(self, frame: pd.DataFrame) -> Shift:
        """How far the values moved among what was before: their mean rank, or how far from the middle, whichever is clearer."""
        reached, before = parted(self.log, self.where, self.onset)
        among = self.log.frame.loc[before, self.name]
        now = ranked(frame.loc[reached, self.name], among)
        was = ranked(self.log.frame.loc[reached, self.name], among)
        early = ranked(among, among)
        moved = shift_of(f"mean rank of {self.name}", was, now, early)
        spread = shift_of(f"spread of the ranks of {self.name}", abs(was - 0.5), abs(now - 0.5), abs(early - 0.5))
        return max(moved, spread, key=lambda shift: shift.signal)

    def told(self, frame: pd.DataFrame, shift: Shift, detail: str, *causes: str) -> Injected:
        """The rows with the broken column, decided anew."""
        reached, _ = parted(self.log, self.where, self.onset)
        scored = self.log.rescored(frame, reached)
        return Injected(scored, reached, ((self.name,),), shift, self.where, detail, causes=frozenset(causes))


def unit_error(log: DecisionLog, strength: float, onset: pd.Timestamp, rng: np.random.Generator) -> Injected:
    """A number from one source in another unit."""
    broken = Broken(log, _numeric(log, rng), log.from_one_source(rng, 0.1, 0.5), onset)
    factor = float(rng.choice(FACTORS[min(int(strength * 3), 2)]))
    factor = factor if rng.random() < 0.5 else 1 / factor
    frame = corruption.scale_units(log.frame, broken.name, where=broken.fault, strength=1.0, rng=rng, factor=factor)
    # so small a factor is any other way of computing the column
    also = ("training/serving skew",) if max(factor, 1 / factor) < min(FACTORS[1]) else ()
    return broken.told(frame, broken.ranks(frame), f"{broken.name} × {factor:.4g}", *also)


def null_burst(log: DecisionLog, strength: float, onset: pd.Timestamp, rng: np.random.Generator) -> Injected:
    """Values of a feature that do not arrive, from one source or from all."""
    where = log.from_one_source(rng, 0.1, 0.5) if rng.random() < 0.7 else ALL_ROWS
    broken = Broken(log, _any(log, rng), where, onset)
    share = between(strength, 0.04, 1.0)
    frame = corruption.drop_values(log.frame, broken.name, where=broken.fault, strength=share, rng=rng)
    reached, before = parted(log, where, onset)
    missing, was = (data[broken.name].isna().to_numpy() for data in (frame, log.frame))
    shift = shift_of(f"missing share of {broken.name}", was[reached], missing[reached], was[before])
    return broken.told(frame, shift, f"{share:.0%} of {broken.name} missing")


def recoded(log: DecisionLog, strength: float, onset: pd.Timestamp, rng: np.random.Generator) -> Injected:
    """Two values of a feature that changed places, or a value that is written otherwise."""
    broken = Broken(log, _text(log, rng), _whose(log, rng), onset)
    shares = log.frame[broken.name].value_counts(normalize=True)
    wanted = between(strength, 0.04, 0.4)
    if rng.random() < 0.5:
        value = str((shares - wanted).abs().idxmin())
        written = value.upper() if value.upper() != value else f"{value}."
        return _mapped(broken, {value: written}, f"{broken.name}: {value!r} written {written!r}")
    pairs = [(str(one), str(other)) for one in shares.index for other in shares.index if one < other]
    one, other = min(pairs, key=lambda pair: abs(abs(float(shares[pair[0]] - shares[pair[1]])) - wanted))
    return _mapped(broken, {one: other, other: one}, f"{broken.name}: {one!r} and {other!r} exchanged")


def merged(log: DecisionLog, strength: float, onset: pd.Timestamp, rng: np.random.Generator) -> Injected:
    """A value of a feature that is not told apart from the most frequent one any more."""
    broken = Broken(log, _text(log, rng), _whose(log, rng), onset)
    shares = log.frame[broken.name].value_counts(normalize=True)
    into = str(shares.index[0])
    gone = str((shares.drop(into) - between(strength, 0.04, 0.5)).abs().idxmin())
    also = ("frozen column",) if len(shares) == 2 else ()
    return _mapped(broken, {gone: into}, f"{broken.name}: {gone!r} told as {into!r}", *also)


def frozen(log: DecisionLog, strength: float, onset: pd.Timestamp, rng: np.random.Generator) -> Injected:
    """A feature that stays as it was last: from one source, a small or a large one, or from all."""
    where = ALL_ROWS if strength >= 0.9 else log.from_one_source(rng, between(strength, 0.08, 0.4), between(strength, 0.2, 0.8))
    broken = Broken(log, _any(log, rng), where, onset)
    reached, before = parted(log, where, onset)
    value = log.frame.loc[before, broken.name].dropna().iloc[-1]
    frame = log.frame.copy()
    frame.loc[reached, broken.name] = value
    also = ("merged values",) if log.frame[broken.name].nunique() == 2 else ()
    return broken.told(frame, broken.held(frame, value), f"{broken.name} stays {value}", *also)


def served_otherwise(log: DecisionLog, strength: float, onset: pd.Timestamp, rng: np.random.Generator) -> Injected:
    """Training/serving skew: one feature is computed otherwise than in training, for everybody."""
    broken = Broken(log, _numeric(log, rng), ALL_ROWS, onset)
    series = log.frame[broken.name].astype(float)
    size, way = between(strength, 0.2, 1.5) * float(series.std()), str(rng.choice(["shifted", "noisy", "clipped"]))
    if way == "shifted":
        changed = series + size * float(rng.choice([-1, 1]))
    elif way == "noisy":
        changed = series + size * rng.normal(size=len(series))
    else:
        changed = series.clip(upper=float(series.quantile(1 - between(strength, 0.1, 0.6))))
    whole = pd.api.types.is_integer_dtype(log.frame[broken.name])
    frame = log.frame.copy()
    reached = pd.Series(log.since(onset), index=frame.index)
    frame[broken.name] = frame[broken.name].mask(reached, changed.round().astype(np.int64) if whole else changed)
    return broken.told(frame, broken.ranks(frame), f"{broken.name} {way}")


def _numeric(log: DecisionLog, rng: np.random.Generator) -> str:
    return _drawn(log.numeric(), "no numeric feature to break", log, rng)


def _text(log: DecisionLog, rng: np.random.Generator) -> str:
    return _drawn(log.categorical(), "no feature of texts to break", log, rng)


def _any(log: DecisionLog, rng: np.random.Generator) -> str:
    return _drawn([*log.numeric(), *log.categorical()], "no feature to break", log, rng)


def _drawn(names: list[str], refused: str, log: DecisionLog, rng: np.random.Generator) -> str:
    if not names:
        raise InputError(refused, ", ".join(log.features), "Choose another kind of incident, or another table.")
    return names[int(rng.integers(len(names)))]


def _whose(log: DecisionLog, rng: np.random.Generator) -> Predicate:
    """One source or all, as often."""
    return log.from_one_source(rng, 0.2, 0.8) if rng.random() < 0.5 else ALL_ROWS


def _mapped(broken: Broken, ring: dict[str, str], detail: str, *causes: str) -> Injected:
    reached, _ = parted(broken.log, broken.where, broken.onset)
    frame = broken.log.frame.copy()
    frame.loc[reached, broken.name] = frame.loc[reached, broken.name].replace(ring)
    values = sorted({*ring, *ring.values()})
    shift = max((broken.held(frame, value) for value in values), key=lambda shift: shift.signal)
    return broken.told(frame, shift, detail, *causes)
