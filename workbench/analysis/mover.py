"""Intervals of differences and ratios from the intervals of their two parts (MOVER: method of variance estimates recovery).

Whatever the parts are (rates, means, half-sums of rates), each comes as its estimate with a lower and an upper limit; all arrays
broadcast. No normal approximation of the difference itself is made, so limits stay sensible where a rate is 0 or 1.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Limits(NamedTuple):
    """An estimate with its confidence limits."""

    value: Floats
    low: Floats
    high: Floats


def mover_difference(first: Limits, second: Limits) -> Limits:
    """`first` minus `second` (Zou & Donner 2008, Stat Med 27:1693); with Wilson limits this is Newcombe's method 10."""
    with np.errstate(all="ignore"):
        difference = first.value - second.value
        down = np.hypot(first.value - first.low, second.high - second.value)
        up = np.hypot(first.high - first.value, second.value - second.low)
    return Limits(difference, difference - down, difference + up)


def mover_ratio(first: Limits, second: Limits) -> Limits:
    """`first` divided by `second`, neither negative (MOVER-R, Donner & Zou 2012, SMMR 21:347).

    The upper limit is infinite where the second's limits reach so near 0 that no ratio can be ruled out.
    """
    product = first.value * second.value
    above, below = first.low * (2 * first.value - first.low), second.high * (2 * second.value - second.high)
    with np.errstate(all="ignore"):
        # the published fraction, expanded by its conjugate: as printed it is 0 / 0 where 2 * p2 equals the upper limit of p2
        low = np.where(above == 0, 0 * product, above / (product + np.sqrt(np.maximum(product**2 - above * below, 0))))
        above, below = first.high * (2 * first.value - first.high), second.low * (2 * second.value - second.low)
        high = (product + np.sqrt(np.maximum(product**2 - above * below, 0))) / below
        return Limits(first.value / second.value, low, np.where(below == 0, np.inf, high))


def half_sum(first: Limits, second: Limits) -> Limits:
    """Half the sum of `first` and `second`, by the same method."""
    with np.errstate(all="ignore"):
        value = (first.value + second.value) / 2
        down = np.hypot(first.value - first.low, second.value - second.low) / 2
        up = np.hypot(first.high - first.value, second.high - second.value) / 2
    return Limits(value, value - down, value + up)
