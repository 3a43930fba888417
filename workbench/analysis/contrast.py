"""Two groups' rates over time as one series: in each bin of time, how far one rate lies from the other, and how precisely.

A contrast compares the two groups *within* a bin, so a level that moves for both alike (a holiday, another intake, a new mix of
cases) moves nothing here: what is dated is a change between the groups. With weights, a bin's rates are weighted, and it counts
for as many rows as its weights are worth (`Bins.effective`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal, NamedTuple

import numpy as np
import pandas as pd

from workbench.analysis.disparity.counts import effective_sample
from workbench.analysis.onset.likelihood import FEWEST_EXPECTED

Scale = Literal["difference", "ratio"]
PERIODS: Final = {"hour": "h", "day": "D", "week": "W-SUN", "month": "M", "quarter": "Q", "year": "Y"}
PAIRED: Final = 0.9
"""Bins are long enough for dating where this share of the smaller group's rows lies in bins that hold both groups."""
STEADY: Final = 20.0
"""Rows at the group's overall rate that are added to each bin's neighbourhood: a variance of zero would claim certainty."""


class Bins(NamedTuple):
    """Counts by bin of time.

    Attributes
    ----------
    starts
        Shape (bins,), datetime64[us], ascending; only bins with rows.
    hits, trials
        Shape (2, bins): sum of weights in the numerator and in the denominator of the group, then of the reference.
    squares
        Shape (2, bins): sum of squared weights in the denominator; None where every row counts 1.
    counted
        Shape (2, bins): rows in the denominator; None where every row counts 1.
    """

    starts: np.ndarray
    hits: np.ndarray
    trials: np.ndarray
    squares: np.ndarray | None = None
    counted: np.ndarray | None = None

    @property
    def rows(self) -> np.ndarray:
        """Rows in the denominator, unweighted, shape (2, bins)."""
        return self.trials if self.counted is None else self.counted

    @property
    def effective(self) -> Bins:
        """Numerators and denominators as counts of equally weighted rows: the same rates, Kish's effective sample size."""
        if self.squares is None:
            return self
        return Bins(self.starts, *effective_sample(self.hits, self.trials, self.squares))

    @property
    def paired(self) -> Bins:
        """The bins in which both groups have rows."""
        both = (self.trials > 0).all(axis=0)
        return self.changed(self.starts[both], lambda part: part[:, both])

    def changed(self, starts: np.ndarray, change: Callable[[np.ndarray], np.ndarray]) -> Bins:
        """Other bins, whose sums `change` makes of these."""
        more = (None if part is None else change(part) for part in (self.squares, self.counted))
        return Bins(starts, change(self.hits), change(self.trials), *more)


def count_hours(
    times: np.ndarray,
    sides: tuple[np.ndarray, np.ndarray],
    hit: np.ndarray,
    among: np.ndarray,
    weights: np.ndarray | None = None,
) -> Bins:
    """Count the rows `among`, and those of them that `hit`, of either side in each hour; a row without a time counts nowhere.

    Parameters
    ----------
    times
        Shape (rows,), datetime64, NaT without one.
    sides
        Shapes (rows,), boolean: the group and the reference.
    weights
        Shape (rows,); None: every row counts 1.
    """
    dated = among & ~np.isnat(times)
    hours = times.astype("datetime64[h]")
    if not dated.any():
        return Bins(hours[:0].astype("datetime64[us]"), np.zeros((2, 0)), np.zeros((2, 0)))
    first = hours[dated].min()
    at = np.where(dated, (hours - first).astype(np.int64), 0)
    size = int(at.max()) + 1
    chosen = [np.flatnonzero(dated & side) for side in sides]

    def total(values: np.ndarray | None) -> np.ndarray:
        parts = [np.bincount(at[rows], None if values is None else values[rows], minlength=size) for rows in chosen]
        return np.stack(parts).astype(float)

    rows = total(None)
    used = np.flatnonzero(rows.any(axis=0))
    starts = (first + used).astype("datetime64[us]")
    if weights is None:
        return Bins(starts, total(hit)[:, used], rows[:, used])
    parts = total(weights * hit), total(weights), total(weights**2), rows
    return Bins(starts, *(part[:, used] for part in parts))


def coarsen(bins: Bins, period: str) -> Bins:
    """The counts of `bins` in longer periods: a name of `PERIODS`; weeks begin on Monday."""
    if not len(bins.starts) or period == "hour":
        return bins
    starts = pd.DatetimeIndex(bins.starts).to_period(PERIODS[period]).start_time.to_numpy(dtype="datetime64[us]")
    first = np.flatnonzero(np.append(True, starts[1:] != starts[:-1]))
    return bins.changed(starts[first], lambda part: np.add.reduceat(part, first, axis=1))


def is_fine_enough(bins: Bins) -> bool:
    """Whether nearly all rows of the smaller group have rows of the other beside them."""
    total = bins.rows.sum(axis=1)
    if not total.min():
        return False
    smaller = int(np.argmin(total))
    return bool(bins.paired.rows[smaller].sum() >= PAIRED * total[smaller])


def contrast(bins: Bins, scale: Scale) -> tuple[np.ndarray, np.ndarray]:
    """The contrast of each paired bin and its precision (1 / variance), shapes (bins,).

    ``difference`` is rate less rate. ``ratio`` is linear in the counts, so that a bin without hits is no infinity: with R the
    ratio of all bins together (Mantel & Haenszel 1959; Nurminen 1981, Biometrika 68:525), R + (p1 - R p2) / p2', where p2' is
    the rate of the reference in the bin's neighbourhood; its mean is near the ratio in that bin. Variances are binomial, at
    rates smoothed over the neighbourhood, so that they do not follow the bin's own luck.
    """
    paired = bins.paired
    smooth = _smoothed(paired)
    p1, p2 = paired.hits / paired.trials
    variance = smooth * (1 - smooth) / paired.trials
    if scale == "difference":
        return p1 - p2, 1 / variance.sum(axis=0)
    ratio = overall_ratio(bins)
    values = ratio + (p1 - ratio * p2) / smooth[1]
    return values, smooth[1] ** 2 / (variance[0] + ratio**2 * variance[1])


def overall_ratio(bins: Bins) -> float:
    """The Mantel-Haenszel ratio of the two rates over all bins; 1 where the reference has no hits."""
    paired = bins.paired
    n1, n2 = paired.trials
    above, below = (paired.hits[0] * n2 / (n1 + n2)).sum(), (paired.hits[1] * n1 / (n1 + n2)).sum()
    return float(above / below) if below > 0 and above > 0 else 1.0


def least_precision(bins: Bins, precision: np.ndarray) -> float:
    """The precision that stands for `FEWEST_EXPECTED` hits and misses of either group: what each side of a change must hold."""
    rarer = np.minimum(bins.paired.hits.sum(axis=1), (bins.paired.trials - bins.paired.hits).sum(axis=1)).min(initial=np.inf)
    return float(FEWEST_EXPECTED * precision.sum() / rarer) if rarer > 0 else np.inf


def _smoothed(bins: Bins) -> np.ndarray:
    """The rates around each bin, never 0 or 1, shape (2, bins)."""
    count = len(bins.starts)
    reach = max(3, count // 40)
    low, high = np.maximum(np.arange(count) - reach, 0), np.minimum(np.arange(count) + reach + 1, count)
    hits, trials = (np.pad(np.cumsum(part, axis=1), ((0, 0), (1, 0))) for part in (bins.hits, bins.trials))
    overall = (hits[:, -1:] + 0.5) / (trials[:, -1:] + 1)
    return np.asarray((hits[:, high] - hits[:, low] + STEADY * overall) / (trials[:, high] - trials[:, low] + STEADY))
