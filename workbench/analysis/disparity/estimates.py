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
from workbench.analysis.disparity.counts import GroupCounts, effective_sample
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


def distances(pairs: Sequence[tuple[Estimate, Estimate]], level: float) -> list[Apart]:
    """How far the first of each pair is from the second; all shares in one go: a call costs more than a hundred groups."""
    shares = [(own, other) for own, other in pairs if isinstance(own, Share) and isinstance(other, Share)]
    found = iter(_shares_apart(shares, level) if shares else [])
    return [next(found) if isinstance(own, Share) else own.against(other, level) for own, other in pairs]


def _shares_apart(pairs: Sequence[tuple[Share, Share]], level: float) -> list[Apart]:
    own, other = (Share.joined([pair[side] for pair in pairs]) for side in (0, 1))
    ends = np.cumsum([len(share.hits) for share, _ in pairs])[:-1]
    together = own.against(other, level)
    values, references = (np.split(part, ends) for part in (together.value, together.reference_value))
    differences, ratios = _split(together.difference, ends), _split(together.ratio, ends)
    fours = np.split(together.four, ends, axis=1) if together.four is not None else []
    return [Apart(*parts[:4], four=parts[4]) for parts in zip(values, references, differences, ratios, fours, strict=True)]


def all_limits(estimates: Sequence[Estimate], level: float) -> list[Limits]:
    """The limits of each, those of all shares in one go."""
    shares = [estimate for estimate in estimates if isinstance(estimate, Share)]
    ends = np.cumsum([len(share.hits) for share in shares])[:-1]
    found = iter(_split(Share.joined(shares).limits(level), ends) if shares else [])
    return [next(found) if isinstance(estimate, Share) else estimate.limits(level) for estimate in estimates]


def _split(limits: Limits, ends: np.ndarray) -> list[Limits]:
    return [Limits(*parts) for parts in zip(*(np.split(part, ends) for part in limits), strict=True)]


def p_values(distances: Sequence[Apart]) -> list[np.ndarray]:
    """The p-values of each of `distances`, all exact tests in one call."""
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
    """A measure that is a share of rows; every array of shape (groups,).

    Attributes
    ----------
    hits, trials
        Sum of weights in the numerator, and in the denominator.
    squares
        Sum of squared weights in the denominator.
    rows
        Rows in the denominator, unweighted.
    """

    hits: np.ndarray
    trials: np.ndarray
    squares: np.ndarray
    rows: np.ndarray

    @classmethod
    def of(cls, counts: GroupCounts, measure: str) -> Self:
        """The measure of each group."""
        return cls(counts.hits(measure), counts.trials(measure), counts.squared(measure), counts.people(measure))

    @classmethod
    def joined(cls, shares: Sequence[Share]) -> Self:
        """All groups of all of them, one after the other."""
        return cls(*(np.concatenate(parts) for parts in zip(*(share.parts for share in shares), strict=True)))

    @property
    def parts(self) -> tuple[np.ndarray, ...]:
        """The four arrays."""
        return self.hits, self.trials, self.squares, self.rows

    def value(self) -> np.ndarray:
        """The share; NaN where nobody belongs to it."""
        with np.errstate(all="ignore"):
            return np.asarray(self.hits / self.trials)

    def sample(self) -> tuple[np.ndarray, np.ndarray]:
        """Numerator and denominator as counts of equally weighted rows (`effective_sample`), for intervals and tests."""
        return effective_sample(self.hits, self.trials, self.squares)

    def limits(self, level: float) -> Limits:
        """The share with its Wilson interval."""
        return Limits(self.value(), *stats.wilson(*self.sample(), level))

    def people(self) -> np.ndarray:
        """Rows in the denominator."""
        return self.rows

    def take(self, groups: np.ndarray) -> Share:
        """The groups at these positions."""
        return Share(*(part[groups] for part in self.parts))

    def others(self) -> Share:
        """For each group everybody else."""
        return Share(*(np.maximum(part.sum() - part, 0) for part in self.parts))

    def whole(self) -> tuple[np.ndarray, np.ndarray]:
        """Numerator and denominator rounded to whole rows, which an exact test needs; without weights they are whole already."""
        hits, trials = (np.round(part) for part in self.sample())
        return np.asarray(np.minimum(hits, trials)), np.asarray(trials)

    def against(self, other: Share, level: float) -> Apart:
        """Newcombe's interval of the difference, MOVER's of the ratio; the counts for exact mid-p."""
        own, theirs = self.limits(level), other.limits(level)
        four = np.stack([*self.whole(), *other.whole()])
        return Apart(own.value, theirs.value, mover_difference(own, theirs), mover_ratio(own, theirs), four=four)


@dataclass(frozen=True, eq=False)
class BalancedError:
    """Half the sum of false positive and false negative rate."""

    fpr: Share
    fnr: Share

    @classmethod
    def of(cls, counts: GroupCounts) -> Self:
        """The error of each group."""
        return cls(Share.of(counts, "fpr"), Share.of(counts, "fnr"))

    def limits(self, level: float) -> Limits:
        """The half-sum, by MOVER from both Wilson intervals."""
        return half_sum(self.fpr.limits(level), self.fnr.limits(level))

    def people(self) -> np.ndarray:
        """Rows of the smaller class."""
        return np.asarray(np.minimum(self.fpr.rows, self.fnr.rows))

    def take(self, groups: np.ndarray) -> BalancedError:
        """The groups at these positions."""
        return BalancedError(self.fpr.take(groups), self.fnr.take(groups))

    def others(self) -> BalancedError:
        """For each group everybody else."""
        return BalancedError(self.fpr.others(), self.fnr.others())

    def variance(self) -> np.ndarray:
        """After one more success and one more failure in each class (Agresti & Caffo 2000), so that it is never 0."""
        parts = []
        for hits, trials in (self.fpr.sample(), self.fnr.sample()):
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
