"""Whether there was data enough to see a difference, and how much would be needed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

POWER: Final = 0.8
LEAST_RATIO: Final = 0.8
"""The difference to be seen: a rate at four fifths of the reference's."""
MOST_ROWS: Final = 1e12
DIFFERS: Final = "differs"
ENOUGH: Final = "no difference found"
NOT_ENOUGH: Final = "not enough data"


def rows_needed(reference_rate: ArrayLike, reference_rows: ArrayLike, alpha: float) -> NDArray[np.float64]:
    """Rows a group needs so that a rate at four fifths of the reference's shows with power 0.8.

    The two-sided pooled z test at level `alpha`, the reference group being as large as it is (Fleiss, Levin & Paik 2003, ch. 4):
    the smallest n1 with d >= z_a sqrt(P Q (1/n1 + 1/n2)) + z_b sqrt(p1 q1 / n1 + p2 q2 / n2), by bisection. Infinite where the
    reference group is too small for any n1; NaN where its rate is 0 or unknown.
    """
    rate, rows = np.broadcast_arrays(np.asarray(reference_rate, float), np.asarray(reference_rows, float))
    low, high = np.zeros(rate.shape), np.full(rate.shape, MOST_ROWS)
    for _ in range(60):
        middle = np.sqrt(np.maximum(low, 1) * high)
        enough = _shows(rate, rows, middle, alpha)
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    needed = np.where(_shows(rate, rows, np.full(rate.shape, MOST_ROWS), alpha), np.ceil(high), np.inf)
    return np.where((rate > 0) & (rows > 0), needed, np.nan)


def _shows(rate: np.ndarray, rows: np.ndarray, n1: np.ndarray, alpha: float) -> np.ndarray:
    """Whether `n1` rows at four fifths of `rate` show against `rows` at `rate`."""
    lower = LEAST_RATIO * rate
    with np.errstate(all="ignore"):
        pooled = (n1 * lower + rows * rate) / (n1 + rows)
        chance = special.ndtri(1 - alpha / 2) * np.sqrt(pooled * (1 - pooled) * (1 / n1 + 1 / rows))
        spread = special.ndtri(POWER) * np.sqrt(lower * (1 - lower) / n1 + rate * (1 - rate) / rows)
        return np.asarray(rate - lower >= chance + spread)


def evidence_words(table: Mapping[str, np.ndarray], alpha: float) -> np.ndarray:
    """`DIFFERS` where the adjusted p is below `alpha`, `ENOUGH` where at least the rows needed did not say so, else `NOT_ENOUGH`.

    Empty where nothing was tested, and where nothing differs and how many rows are needed is not known.

    Parameters
    ----------
    table
        Columns ``rows_needed``, ``n``, ``p`` and ``p_adjusted``, shape (tests,).
    """
    quiet = np.where(np.isnan(table["rows_needed"]), "", np.where(table["n"] >= table["rows_needed"], ENOUGH, NOT_ENOUGH))
    words = np.where(table["p_adjusted"] < alpha, DIFFERS, quiet)
    return np.where(np.isnan(table["p"]), "", words).astype(object)
