"""How a target goes down as a fault grows: gracefully, off a cliff, or open, letting through what it should stop.

A curve has one point per level of the fault. *Held*: failures do not rise significantly. *Cliff*: one step, at the change point
(`workbench.analysis.onset`; the largest step where that dates none), makes up `CLIFF` of the whole rise. *Graceful*: it rises
without such a step. *Fail-open*: as it rises, the target decides significantly more often as it should not without checking (the
`permissive` decision), whatever the shape.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from workbench.analysis.onset import locate_change
from workbench.analysis.stats import newcombe
from workbench.errors import InputError

CLIFF: Final = 0.5
"""Share of the whole rise that one step must make up to be a cliff."""
LABELS: Final = ("held", "graceful", "cliff", "fail-open")


@dataclass(frozen=True)
class Degradation:
    """The label of a curve.

    Attributes
    ----------
    label
        A word of `LABELS`.
    threshold
        The first level of the fault past the largest step, where there was a cliff.
    rise
        Failure rate at the worst level less that at the first, with its 95 % interval.
    """

    label: str
    threshold: float | None
    rise: float
    interval: tuple[float, float]


def label_degradation(
    levels: Sequence[float], failures: Sequence[int], trials: Sequence[int], permissive: Sequence[int] | None = None
) -> Degradation:
    """Name the shape of a curve.

    Parameters
    ----------
    levels
        Levels of the fault, ascending; the first is the least (0: none).
    failures, trials
        At each level.
    permissive
        How many of the trials at each level ended in the decision that lets through; None: not known, so never *fail-open*.

    Raises
    ------
    InputError
        For fewer than three levels (two have no shape), or levels that do not ascend.
    """
    steps, failed, tried = np.asarray(levels, float), np.asarray(failures, float), np.asarray(trials, float)
    if len(steps) < 3 or (np.diff(steps) <= 0).any() or (tried <= 0).any():
        raise InputError("no curve to label", list(levels), "Give three or more ascending levels, each with trials.")
    rates = failed / tried
    worst = int(rates[1:].argmax()) + 1
    ends = newcombe(failed[worst], tried[worst], failed[0], tried[0])
    rise, interval = float(rates[worst] - rates[0]), (float(ends.low), float(ends.high))
    if interval[0] <= 0:
        return Degradation("held", None, rise, interval)
    if permissive is not None and _opens(np.asarray(permissive, float), tried, worst):
        return Degradation("fail-open", _cliff(steps, rates, failed, tried, rise), rise, interval)
    threshold = _cliff(steps, rates, failed, tried, rise)
    return Degradation("graceful" if threshold is None else "cliff", threshold, rise, interval)


def _opens(permissive: np.ndarray, tried: np.ndarray, worst: int) -> bool:
    return bool(newcombe(permissive[worst], tried[worst], permissive[0], tried[0]).low > 0)


def _cliff(steps: np.ndarray, rates: np.ndarray, failed: np.ndarray, tried: np.ndarray, rise: float) -> float | None:
    """The level at which the rate jumps; None where no step makes up most of the rise."""
    places = np.repeat(np.arange(len(steps)), 2)
    values = np.tile([1.0, 0.0], len(steps))
    weights = np.column_stack([failed, tried - failed]).ravel()
    change = locate_change(places[weights > 0], values[weights > 0], weights[weights > 0], model="bernoulli")
    jumps = np.diff(rates)
    at = int(change.onset) if change is not None and int(change.onset) > 0 else int(jumps.argmax()) + 1
    return float(steps[at]) if jumps[at - 1] >= CLIFF * rise else None
