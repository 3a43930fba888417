"""Each measure of each group with its interval, and its distance from another group, whatever kind of measure it is.

Shares have Wilson intervals, and Newcombe's and MOVER's for their distances, with exact mid-p tests; means have Student's and
Welch's; the balanced error joins two shares. The expected calibration error is biased in small groups and gets no interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, Self

import numpy as np
from scipy import special

from workbench.analysis import stats
from workbench.analysis.disparity.counts import GroupCounts
from workbench.analysis.disparity.scores import Moments, Reliability
from workbench.analysis.mover import Limits, half_sum, mover_difference, mover_ratio

SIGNED = ("calibration", "mean_residual")
"""Measures around 0: their ratio says nothing."""


class Apart(NamedTuple):
    """How far groups are from what they are held against.

    Attributes
    ----------
    value, reference_value
        The measure of the groups, and of the other side.
    difference, ratio
        With their limits.
    p
        Two-sided; None of shares, which are tested exactly, all at once.
    four
        Of shares, successes and trials of either side as whole rows, shape (4, groups).
    """

    value: np.ndarray
    reference_value: np.ndarray
    difference: Limits
    ratio: Limits
    p: np.ndarray | None = None
    four: np.ndarray | None = None


def p_values(distances: Sequence[Apart]) -> list[np.ndarray]:
    """The p-values of each of `distances`, all exact tests in one call: each call costs more than a hundred tests in it."""
    shares = [apart.four for apart in distances if apart.four is not None]
    if not shares:
        return [apart.p for apart in distances if apart.p is not None]
    together = stats.two_proportions(*np.concatenate(shares, axis=1))
    found = iter(np.split(together, np.cumsum([four.shape[1] for four in shares])[:-1]))
    return [next(found) if apart.p is None else apart.p for apart in distances]


class Estimate(Protocol):
    """One measure of some groups; every array of shape (groups,)."""

    def limits(self, level: float) -> Limits:
        """Value and confidence limits."""

    def people(self) -> np.ndarray:
        """Rows the value speaks of, unweighted."""

    def take(self, groups: np.ndarray) -> Self:
        """The groups at these positions."""

    def others(self) -> Self:
        """For each group everybody else."""

    def against(self, other: Self, level: float) -> Apart:
        """The distance from `other`, group by group."""


@dataclass(frozen=True, eq=False)
class Share:
    """A measure that is a share of rows."""

    counts: GroupCounts
    measure: str

    def limits(self, level: float) -> Limits:
        """The share with its Wilson interval."""
        return Limits(self.counts.share(self.measure), *stats.wilson(*self.counts.sample(self.measure), level))

    def people(self) -> np.ndarray:
        """Rows in the denominator."""
        return self.counts.people(self.measure)

    def take(self, groups: np.ndarray) -> Share:
        """The groups at these positions."""
        return Share(self.counts.take(groups), self.measure)

    def others(self) -> Share:
        """For each group everybody else."""
        return Share(self.counts.others(), self.measure)

    def whole(self) -> tuple[np.ndarray, np.ndarray]:
        """Numerator and denominator rounded to whole rows, which an exact test needs; without weights they are whole already."""
        hits, trials = (np.round(part) for part in self.counts.sample(self.measure))
        return np.asarray(np.minimum(hits, trials)), np.asarray(trials)

    def against(self, other: Share, level: float) -> Apart:
        """Newcombe's interval of the difference, MOVER's of the ratio; the counts for exact mid-p."""
        own, theirs = self.limits(level), other.limits(level)
        four = np.stack([*self.whole(), *other.whole()])
        return Apart(own.value, theirs.value, mover_difference(own, theirs), mover_ratio(own, theirs), four=four)


@dataclass(frozen=True, eq=False)
class BalancedError:
    """Half the sum of false positive and false negative rate."""

    counts: GroupCounts

    def limits(self, level: float) -> Limits:
        """The half-sum, by MOVER from both Wilson intervals."""
        return half_sum(*(Share(self.counts, measure).limits(level) for measure in ("fpr", "fnr")))

    def people(self) -> np.ndarray:
        """Rows of the smaller class."""
        return np.asarray(np.minimum(self.counts.people("fpr"), self.counts.people("fnr")))

    def take(self, groups: np.ndarray) -> BalancedError:
        """The groups at these positions."""
        return BalancedError(self.counts.take(groups))

    def others(self) -> BalancedError:
        """For each group everybody else."""
        return BalancedError(self.counts.others())

    def variance(self) -> np.ndarray:
        """After one more success and one more failure in each class (Agresti & Caffo 2000), so that it is never 0."""
        parts = []
        for measure in ("fpr", "fnr"):
            hits, trials = self.counts.sample(measure)
            rate = (hits + 1) / (trials + 2)
            parts.append(rate * (1 - rate) / (trials + 2))
        return np.asarray(sum(parts) / 4)

    def against(self, other: BalancedError, level: float) -> Apart:
        """MOVER's intervals, and a z test."""
        own, theirs = self.limits(level), other.limits(level)
        z = (own.value - theirs.value) / np.sqrt(self.variance() + other.variance())
        p = 2 * special.ndtr(-np.abs(z))
        return Apart(own.value, theirs.value, mover_difference(own, theirs), mover_ratio(own, theirs), p)


@dataclass(frozen=True, eq=False)
class Mean:
    """A mean of scores, residuals or their sizes."""

    moments: Moments
    measure: str

    def limits(self, level: float) -> Limits:
        """The mean with Student's interval."""
        return Limits(self.moments.mean(), *stats.mean_interval(*self.moments.sample(), level))

    def people(self) -> np.ndarray:
        """Rows with a value."""
        return self.moments.rows

    def take(self, groups: np.ndarray) -> Mean:
        """The groups at these positions."""
        return Mean(Moments(*(part[groups] for part in self.moments.parts)), self.measure)

    def others(self) -> Mean:
        """For each group everybody else."""
        return Mean(Moments(*(part.sum() - part for part in self.moments.parts)), self.measure)

    def against(self, other: Mean, level: float) -> Apart:
        """Welch's interval and test; no ratio where the measure may be negative."""
        found = stats.welch(*self.moments.sample(), *other.moments.sample(), level=level)
        own, theirs = self.limits(level), other.limits(level)
        ratio = mover_ratio(own, theirs)
        positive = (own.low >= 0) & (theirs.low >= 0) if self.measure not in SIGNED else np.zeros(own.value.shape, bool)
        none = np.full(own.value.shape, np.nan)
        ends = [np.where(positive, end, np.nan) for end in (ratio.low, ratio.high)]
        value = ratio.value if self.measure not in SIGNED else none
        difference = Limits(found.difference, *found.interval)
        return Apart(own.value, theirs.value, difference, Limits(value, *ends), found.p)


@dataclass(frozen=True, eq=False)
class CalibrationError:
    """The expected calibration error."""

    reliability: Reliability

    def limits(self, level: float) -> Limits:  # noqa: ARG002  the measure has no interval at any level
        """The error, without an interval."""
        value = self.reliability.error()
        return Limits(value, np.full(value.shape, np.nan), np.full(value.shape, np.nan))

    def people(self) -> np.ndarray:
        """Rows with score and label."""
        return np.asarray(self.reliability.rows.sum(axis=1))

    def take(self, groups: np.ndarray) -> CalibrationError:
        """The groups at these positions."""
        return CalibrationError(Reliability(*(part[groups] for part in self._parts())))

    def others(self) -> CalibrationError:
        """For each group everybody else."""
        return CalibrationError(Reliability(*(part.sum(axis=0) - part for part in self._parts())))

    def _parts(self) -> tuple[np.ndarray, ...]:
        own = self.reliability
        return own.rows, own.weights, own.scores, own.positives

    def against(self, other: CalibrationError, level: float) -> Apart:
        """Difference and ratio, without intervals or test."""
        own, theirs = self.limits(level), other.limits(level)
        none = np.full(own.value.shape, np.nan)
        with np.errstate(all="ignore"):
            difference, ratio = own.value - theirs.value, own.value / theirs.value
        return Apart(own.value, theirs.value, Limits(difference, none, none), Limits(ratio, none, none), none)
