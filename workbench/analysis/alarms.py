"""An alarm that may be looked at after every row of a log, for ever, and still raises a false alarm in at most one run of twenty.

A test that is repeated daily finds something in the end. What is kept here instead is *evidence*: an e-process, a number that
starts at 1 and, as long as the gap between two groups stays within its bounds, is expected never to grow, whatever the common
level of the two rates does from look to look. By Ville's inequality it ever reaches 1 / 0.05 with probability at most 0.05, so
one may look as often as one likes and stop whenever one likes.

Per look, the evidence is multiplied by the likelihood of the rates foreseen from earlier looks over that of the nearest rates
that keep the bounds. For bounds that are a convex set of pairs of rates this is an e-variable of any two sample sizes (Turner &
Grünwald 2023, Statistics & Probability Letters 198:109835; the arithmetic-geometric inequality over the two groups). The
forecast forgets at three speeds and the evidence may begin at any look, each with its share of the initial 1 (a mixture of
e-processes is one), so that a gap which opens late is noticed too.

What it needs: that rows are independent given their group and look, and that a look's group sizes do not depend on outcomes.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from workbench.errors import ParameterError

MEMORIES: Final = (5.0, 20.0, 80.0)
"""In how many looks a forecast forgets all but 1 / e of what it saw."""
PRIOR_ROWS: Final = 5.0
"""Rows at the common rate of both groups that every forecast begins with: without evidence it foresees parity."""
HALVINGS: Final = 50


class Bounds(NamedTuple):
    """What is no alarm: ``low <= rate of the group - factor * rate of the reference <= high``."""

    low: float
    high: float
    factor: float = 1.0


PARITY: Final = Bounds(0.0, 0.0)
FOUR_FIFTHS: Final = Bounds(0.0, np.inf, 0.8)
"""The group's rate is at least four fifths of the reference's."""


class Watch(NamedTuple):
    """Evidence against the bounds, look by look.

    Attributes
    ----------
    log_evidence
        Shape (looks,): natural logarithm of the evidence; 0 says nothing, above -log(level) is an alarm.
    p
        Shape (looks,): always-valid p-value, the smallest 1 / evidence so far, at most 1.
    alarm
        The first look at which p is at most the level; None without one.
    """

    log_evidence: np.ndarray
    p: np.ndarray
    alarm: int | None


def watch(hits: ArrayLike, trials: ArrayLike, bounds: Bounds = PARITY, *, level: float = 0.05) -> Watch:
    """Watch two rates over many looks.

    Parameters
    ----------
    hits, trials
        Shape (2, looks), in order of time: of the group and of the reference, in that look alone. A look in which one of them
        has no trials says nothing.
    bounds
        What is to be refuted.
    level
        Largest probability of ever raising an alarm while the bounds hold.

    Raises
    ------
    ParameterError
        For counts that cannot exist, bounds that no two rates keep, or a level outside 0 to 1.
    """
    k, n = np.asarray(hits, float), np.asarray(trials, float)
    _check(k, n, bounds, level)
    forecast = _forecasts(k, n)
    allowed = _nearest(forecast, n, bounds)
    with np.errstate(divide="ignore"):
        gained = (k * np.log(forecast / allowed) + (n - k) * np.log((1 - forecast) / (1 - allowed))).sum(axis=1)
    gained = np.where((n > 0).all(axis=0), gained, 0.0)
    log_evidence = _mixed(gained)
    p = np.minimum(1.0, np.exp(-np.maximum.accumulate(np.append(0.0, log_evidence))[1:]))
    raised = np.flatnonzero(p <= level)
    return Watch(log_evidence, p, int(raised[0]) if len(raised) else None)


def _check(k: np.ndarray, n: np.ndarray, bounds: Bounds, level: float) -> None:
    if k.shape != n.shape or k.ndim != 2 or len(k) != 2:
        raise ParameterError("hits and trials of two groups per look", (k.shape, n.shape), "Pass shape (2, looks) for both.")
    if ((k < 0) | (k > n)).any():
        raise ParameterError("no such count of hits among trials", float(k[(k < 0) | (k > n)][0]), "Pass 0 <= hits <= trials.")
    if not 0 < level < 1:
        raise ParameterError("a level outside 0 to 1", level, "Pass 0.05 for one false alarm in twenty runs.")
    if not (bounds.low <= bounds.high and bounds.factor > 0 and bounds.low < 1 and bounds.high > -bounds.factor):
        raise ParameterError("bounds that no two rates keep", tuple(bounds), "Pass low <= high, within what rates can differ by.")


def _forecasts(k: np.ndarray, n: np.ndarray) -> np.ndarray:
    """The rates foreseen before each look, shape (memories, 2, looks): what was seen, the recent more, and parity at first."""
    looks = k.shape[1]
    kept = np.exp(-1 / np.array(MEMORIES))[:, None]
    hits, trials = np.zeros((len(MEMORIES), 2)), np.zeros((len(MEMORIES), 2))
    seen = np.empty((looks, len(MEMORIES), 2))
    for look in range(looks):
        common = (hits.sum(axis=1, keepdims=True) + 0.5) / (trials.sum(axis=1, keepdims=True) + 1)
        seen[look] = (hits + PRIOR_ROWS * common) / (trials + PRIOR_ROWS)
        hits, trials = kept * hits + k[:, look], kept * trials + n[:, look]
    return seen.transpose(1, 2, 0)


def _nearest(forecast: np.ndarray, n: np.ndarray, bounds: Bounds) -> np.ndarray:
    """The pair of rates within the bounds that is nearest to each forecast: smallest n1 KL + n2 KL (bisection: it is convex)."""
    first, second = forecast[:, 0], forecast[:, 1]
    gap = first - bounds.factor * second
    edge = np.where(gap > bounds.high, bounds.high, np.where(gap < bounds.low, bounds.low, gap))
    low, high = np.maximum(0.0, -edge / bounds.factor), np.minimum(1.0, (1 - edge) / bounds.factor)
    for _ in range(HALVINGS):
        b = (low + high) / 2
        a = np.clip(edge + bounds.factor * b, 1e-15, 1 - 1e-15)
        slope = n[0] * bounds.factor * (a - first) / (a * (1 - a)) + n[1] * (b - second) / np.maximum(b * (1 - b), 1e-300)
        low, high = np.where(slope < 0, b, low), np.where(slope < 0, high, b)
    b = (low + high) / 2
    inside = (gap <= bounds.high) & (gap >= bounds.low)
    allowed = np.stack([np.where(inside, first, edge + bounds.factor * b), np.where(inside, second, b)], axis=1)
    return np.asarray(np.clip(allowed, 1e-15, 1 - 1e-15))


def _mixed(gained: np.ndarray) -> np.ndarray:
    """Log evidence of the mixture over memories and over the look at which it begins.

    Beginning at look t has the share 1 / log2(t + 1) - 1 / log2(t + 2), which sum to 1; shares still to come wait as they are.
    """
    memories, looks = gained.shape
    waiting = 1 / np.log2(np.arange(looks + 1) + 2)
    shares = -np.diff(waiting)
    running = np.full(memories, -np.inf)
    evidence = np.empty(looks)
    for look in range(looks):
        running = gained[:, look] + np.logaddexp(running, np.log(shares[look]))
        evidence[look] = np.logaddexp(np.logaddexp.reduce(running) - np.log(memories), np.log(waiting[look + 1]))
    return evidence
