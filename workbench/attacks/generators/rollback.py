"""Recovery after a rollback: a bad release answers, is noticed, is taken back in the middle of a replay; then what, for how long.

Requests come at a steady rate. From `start` on the release answers instead of the former version. A monitor looks at the share of
the last `window` seconds that goes wrong, and calls once the whole interval of that share lies above the bound. The rollback
takes `switch` seconds to begin, and `drain` seconds more until the last request goes back. So the share is healthy again some
while after the call: that is the recovery time. The clock is simulated, so that a run is the same every time; both versions are
really asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
import pandas as pd
from scipy.stats import binom

from workbench.analysis.stats import wilson
from workbench.attacks.corruption import find_fault
from workbench.attacks.decisions import Vocabulary
from workbench.attacks.generators.stress import require_options
from workbench.attacks.health import HEALTHY, health_point, health_table
from workbench.attacks.scenarios.trial import Setting, Trial
from workbench.errors import InputError
from workbench.models.target import Prediction
from workbench.predicate import ALL_ROWS
from workbench.registry import scenarios

RUNS: Final = 30
"""Times that requests are drawn anew: in 95 % of cases the median lies between the 10th and the 21st shortest of 30."""


@dataclass(frozen=True)
class Plan:
    """How a release comes, is watched and is taken back; times in seconds.

    Attributes
    ----------
    start
        When the release begins to answer.
    window
        Over which the monitor counts.
    bound
        Share of wrong answers above which it calls.
    switch
        From the call until the first request goes back to the former version.
    drain
        From then until all do.
    """

    start: float = 10.0
    window: float = 5.0
    bound: float = 0.1
    switch: float = 2.0
    drain: float = 5.0

    def __post_init__(self) -> None:
        if min(self.start, self.switch, self.drain) < 0 or self.window <= 0 or not 0 <= self.bound < 1:
            raise InputError("a rollback that cannot be", self, "Give times of 0 or more, a window, and a bound from 0 to 1.")


@dataclass(frozen=True, eq=False)
class Recovery:
    """What a rollback came to.

    Attributes
    ----------
    released, wrong
        Whether the release answered each request, and whether the answer it got was wrong; shape (requests,).
    called
        When the monitor called; None: never.
    healthy
        From when on the share over the window lies within the bound until the end; None: it does not, or for less than a window.
    """

    released: np.ndarray
    wrong: np.ndarray
    called: float | None
    healthy: float | None


def roll_back(release: np.ndarray, former: np.ndarray, moments: np.ndarray, plan: Plan, chance: np.random.Generator) -> Recovery:
    """Serve requests by the release until it is noticed, and by the former version again after that.

    Parameters
    ----------
    release, former
        Whether each version's answer to each request is wrong, shape (requests,).
    moments
        When each request comes, ascending.
    """
    released = moments >= plan.start
    first = np.searchsorted(moments, moments - plan.window, side="right")
    failing, seen = _over_window(np.where(released, release, former), first)
    alarm = np.flatnonzero((wilson(failing, seen).low > plan.bound) & released)
    called = float(moments[alarm[0]]) if len(alarm) else None
    if called is not None:
        released &= moments < called + plan.switch + chance.random(len(moments)) * plan.drain
    wrong = np.where(released, release, former)
    return Recovery(released, wrong, called, None if called is None else _healthy_from(wrong, moments, first, called, plan))


def _over_window(wrong: np.ndarray, first: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How many of the requests since `first` went wrong, up to each request, and how many there were."""
    before, at = np.append(0, np.cumsum(wrong)), np.arange(len(wrong))
    return before[at + 1] - before[first], at + 1 - first


def _healthy_from(wrong: np.ndarray, moments: np.ndarray, first: np.ndarray, called: float, plan: Plan) -> float | None:
    failing, seen = _over_window(wrong, first)
    ill = np.flatnonzero((failing / seen > plan.bound) & (moments >= called))
    at = int(ill[-1]) + 1 if len(ill) else int(np.searchsorted(moments, called))
    told = at < len(moments) and moments[-1] - moments[at] >= plan.window
    return float(moments[at]) if told else None


@scenarios.register("rollback")
def rollback(
    setting: Setting, *, fault: str, column: str | None = None, strength: float = 1.0, rate: float = 20.0, seconds: float = 60.0,
    runs: int = RUNS, plan: Mapping[str, float] | None = None, **settings: Any,
) -> Trial:  # fmt: skip
    """A release whose feature pipeline has a fault, taken back in the middle; measure: median seconds from the call to healthy.

    An answer is wrong where it is not that of the former version, which is the target on the rows as they are. A run in which
    nobody calls took no time; one that was not healthy again before the end counts with the time until then.

    Parameters
    ----------
    fault, column, strength, settings
        Of `corruption.FAULTS`, what it takes, and the column that it hits; None: the one whose fault turns most decisions.
    rate, seconds
        Requests per second, and for how long.
    runs
        Times that requests are drawn anew, 6 or more: the interval is that of the median of their recovery times.
    plan
        Of `Plan`: ``start``, ``window``, ``bound``, ``switch``, ``drain``.
    """
    if runs < 6 or rate <= 0 or seconds <= 0:
        raise InputError("too few runs or requests to tell from", f"{runs} runs, {rate} a second", "Give 6 runs or more.")
    made = _plan(plan or {})
    name, answered, turned = _release(setting, fault, column, strength, settings)
    moments = np.arange(round(rate * seconds)) / rate
    if not (moments >= made.start).any():
        raise InputError("no request comes after the release", made.start, "Let it begin earlier.")
    drawn = [setting.generator(85, run) for run in range(runs)]
    places = [chance.integers(0, len(setting), len(moments)) for chance in drawn]
    none = np.zeros(len(moments), dtype=bool)
    found = [roll_back(turned[rows], none, moments, made, chance) for rows, chance in zip(places, drawn, strict=True)]
    table = pd.DataFrame([_line(item, made, float(moments[-1])) for item in found])
    low, value, high = median_interval(table["recovery_seconds"].to_numpy())
    numbers = {
        "damaged": name, "turned": float(turned.mean()), "called": int(table["called_after"].notna().sum()),
        "not_recovered": int(table["not_recovered"].sum()), "detection_seconds": _median(table["called_after"]),
        "exposure_seconds": _median(table["exposure_seconds"]),
    }  # fmt: skip
    health = _health(setting, answered, found[0], places[0], moments)
    tables = {"outcomes": pd.DataFrame([{"runs": runs, **numbers}]), "runs": table, "health": health}
    return Trial("median seconds from the call to healthy", value, low, high, tables, numbers)


def median_interval(values: np.ndarray, level: float = 0.95) -> tuple[float, float, float]:
    """Lower end, median and upper end of 6 values or more: order statistics, for any distribution (Conover 1999, section 3.2)."""
    ordered, count = np.sort(values), len(values)
    rank = int((binom.cdf(np.arange(count), count, 0.5) <= (1 - level) / 2).sum())
    return float(ordered[rank - 1]), float(np.median(ordered)), float(ordered[count - rank])


def _plan(form: Mapping[str, float]) -> Plan:
    known = [item.name for item in fields(Plan)]
    if odd := sorted(set(form) - set(known)):
        raise InputError("a rollback has no such part", odd[0], f"Parts: {', '.join(known)}")
    return Plan(**form)


def _release(
    setting: Setting, fault: str, column: str | None, strength: float, settings: Mapping[str, Any]
) -> tuple[str, Prediction, np.ndarray]:
    """What the release damages, its answers to every row, and which of them are not the former version's."""
    damaging = find_fault(fault)
    require_options(damaging, settings, fault)
    named = setting.choose(column, [*map(str, setting.frame.columns)] if column else setting.numeric(), "feature")
    vocabulary, best = Vocabulary(), None
    before = vocabulary.encode(setting.clean.decision)
    for stream, name in enumerate(named):
        chance = setting.generator(86, stream)
        damaged = damaging(setting.frame, name, where=ALL_ROWS, strength=strength, rng=chance, **settings)
        answered = setting.target.predict(damaged)
        turned = before != vocabulary.encode(answered.decision)
        if best is None or turned.sum() > best[2].sum():
            best = name, answered, turned
    if best is None:
        raise InputError("no column to damage", None, "Run it on data that has a number.")
    return best


def _line(found: Recovery, plan: Plan, end: float) -> dict[str, Any]:
    """One run: after how long it was noticed, how long it took from there, and how long people were exposed in all."""
    over = end if found.healthy is None else found.healthy
    called = found.called
    return {
        "called_after": None if called is None else called - plan.start,
        "recovery_seconds": 0.0 if called is None else over - called,
        "exposure_seconds": None if called is None else over - plan.start,
        "not_recovered": called is not None and found.healthy is None, "wrong": int(found.wrong.sum()),
    }  # fmt: skip


def _median(column: pd.Series[Any]) -> float | None:
    known = column.dropna()
    return float(known.median()) if len(known) else None


def _health(
    setting: Setting, answered: Prediction, found: Recovery, places: np.ndarray, moments: np.ndarray
) -> pd.DataFrame:  # fmt: skip
    """A point per second of one run: whether the release answers, and how many are decided rightly, where labels tell."""
    errors = [np.array([text is not None for text in made.error])[places] for made in (setting.clean, answered)]
    failed = np.where(found.released, errors[1], errors[0])
    wrong = None
    if setting.label is not None:
        wrongs = [setting.wrong(made)[places] for made in (setting.clean, answered)]
        wrong = np.where(found.released, wrongs[1], wrongs[0])
    points = []
    for second in np.unique(moments.astype(int)):
        inside = moments.astype(int) == second
        share = float(found.released[inside].mean())
        points.append(health_point(
            "simulated seconds", float(second), int(inside.sum()), int(failed[inside].sum()),
            downstream=HEALTHY if share == 0 else "the release" if share == 1 else "both versions",
            accuracy=None if wrong is None else float(1 - wrong[inside].mean()),
        ))  # fmt: skip
    return health_table(points)
