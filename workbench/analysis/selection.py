"""Intervals for what was reported because it came out large.

A plain interval forgets that its estimate was chosen for its size, and so lies too high too often: the winner's curse. Given what
decides on the choice besides it, an estimate was chosen where it lay above a bound, and is then normal around the truth, cut off
below that bound. Intervals from this law hold the truth as often as they say among what is reported (Zhong & Prentice 2008,
Biostatistics 9:621; Lee, Sun, Sun & Taylor 2016, Ann Stat 44:907).

Right above its bound an estimate says nearly nothing, and such an interval has no lower end. The hybrid of Andrews, Kitagawa &
McCloskey (2024, Q J Econ 139:305, section 5) is made inside an interval that holds for all that was searched at once, with
probability 1 - `BEYOND`, and covers at least 95 % and at most 95 / (1 - `BEYOND`) %.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from scipy import special

LEVEL: Final = 0.95
BEYOND: Final = (1 - LEVEL) / 10
"""The part of what is allowed to be missed that the interval for all at once takes: what the authors recommend."""
FAR: Final = 6.0
"""Standard errors above its bound from which an estimate would have been reported whatever the truth: it is not corrected."""
HALVINGS: Final = 60
SMALLEST: Final = 1e-300
DATED: Final = 3.0
"""How much larger twice the log-likelihood is at the date found than at the true one, on average."""
PLAIN: Final = 1.959963984540054
"""Half the width of a plain 95 % interval, in standard errors."""


class Corrected(NamedTuple):
    """A median-unbiased estimate, and both ends of its `LEVEL` interval."""

    estimate: float
    low: float
    high: float


def standard_errors_of_all(searched: int) -> float:
    """Half the width, in standard errors, of intervals that hold for `searched` estimates at once (Bonferroni, `BEYOND`)."""
    return float(-special.ndtri(BEYOND / 2 / max(searched, 1)))


def correct_for_selection(estimate: float, errors: tuple[float, float], bound: float, searched: int) -> Corrected:
    """What an estimate says that is reported only where it lies above a bound.

    Parameters
    ----------
    estimate
        As it came out, `bound` or more.
    errors
        Its standard error towards lower and towards higher values: those of a share differ.
    bound
        Where it would just not have been reported, all else as it is; minus infinity: it would have been in any case.
    searched
        How many estimates there were to choose from.

    Returns
    -------
    Corrected
        All three inside the interval for all at once, in ascending order ``low <= estimate <= high``.
    """
    reach = standard_errors_of_all(searched)
    missed = (1 - LEVEL - BEYOND) / (1 - BEYOND) / 2
    lower, upper = errors
    if estimate - bound >= FAR * max(lower, upper):
        return Corrected(estimate, estimate - PLAIN * lower, estimate + PLAIN * upper)
    ends = [
        _truth_at(share, estimate, error, bound, reach)
        for share, error in ((missed, lower), (0.5, (lower + upper) / 2), (1 - missed, upper))
    ]
    low, middle, high = np.maximum.accumulate(ends).tolist()
    return Corrected(middle, low, high)


def correct_for_significance(
    effect: float, interval: tuple[float, float], p: float, largest: float, searched: int
) -> tuple[float, float]:
    """The 95 % interval of an effect that is reported because its p-value is small.

    Parameters
    ----------
    effect, interval
        As they were measured. The interval returned holds the effect too.
    p, largest
        Its p-value, two-sided, and the largest with which it would have been reported; its z-score is taken to grow with it.
    searched
        How many there were to choose from.
    """
    z, least = (float(-special.ndtri(max(value, SMALLEST) / 2)) for value in (p, largest))
    return correct_for_floor(effect, interval, abs(effect) * least / z, searched) if z >= least > 0 else interval


def correct_for_floor(effect: float, interval: tuple[float, float], floor: float, searched: int) -> tuple[float, float]:
    """The 95 % interval of an effect that is reported because it came out at `floor` or more, either way.

    Parameters
    ----------
    effect, interval
        As they were measured. The interval returned holds the effect too.
    floor
        The smallest size that is worth reporting.
    searched
        How many there were to choose from.
    """
    low, high = interval if effect > 0 else (-interval[1], -interval[0])
    size = abs(effect)
    if not (size and low < size < high and floor <= size):
        return interval
    found = correct_for_selection(size, ((size - low) / PLAIN, (high - size) / PLAIN), floor, searched)
    ends = found.low, max(found.high, size)
    return ends if effect > 0 else (-ends[1], -ends[0])


def correct_for_dating(effect: float, interval: tuple[float, float]) -> tuple[float, float]:
    """The 95 % interval of a step whose date was searched for: the date that makes the most of chance was taken.

    Twice the log-likelihood at the date found exceeds that at the true date by 3 on average, whatever the step: the larger of two
    exponential variables of mean 1, one of either side, twice (Hinkley 1970, Biometrika 57:1; Siegmund 1988, Ann Stat 16:1). A
    step of z standard errors thereby comes out 3 / (2 z) of them too large, and its rows are mixed with as much of the other
    level. The lower end allows for both, and the upper one for the part that is nearly sure.
    """
    size = abs(effect)
    low, high = interval if effect > 0 else (-interval[1], -interval[0])
    if not low < size < high:
        return interval
    lower, upper = (size - low) / PLAIN, (high - size) / PLAIN
    ends = low - DATED * lower**2 / size, max(size, high - DATED / 3 * upper**2 / size)
    return ends if effect > 0 else (-ends[1], -ends[0])


def _truth_at(share: float, estimate: float, error: float, bound: float, reach: float) -> float:
    """The truth under which so large a `share` of what is reported lies at the estimate or above; it grows with the truth."""
    low, high = estimate - reach * error, estimate + reach * error
    if not error > 0:
        return estimate
    for _ in range(HALVINGS):
        truth = (low + high) / 2
        if _share_above(estimate, truth, error, bound, reach) < share:
            low = truth
        else:
            high = truth
    return (low + high) / 2


def _share_above(estimate: float, truth: float, error: float, bound: float, reach: float) -> float:
    """P(D >= estimate) of D normal around `truth`, given that D lies above `bound` and within `reach` errors of the truth."""
    least = max((bound - truth) / error, -reach)
    outside = special.ndtr(-reach)
    reported = special.ndtr(-least) - outside
    return float((special.ndtr((truth - estimate) / error) - outside) / reported) if reported > 0 else 0.0
