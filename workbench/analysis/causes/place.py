"""Where decisions got worse, told by everything that shows it at once: how far the scores lie off, which way, and the errors.

The search of one signal takes the conditions that explain this signal best. What is wrong in a part of the rows shows in
several, each with noise of its own; the place that explains all of them together is found from theirs, by exchanging one
condition at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from scipy import special

from workbench.analysis.causes.expected import decision_rule
from workbench.analysis.causes.levels import LEAST_SIDE, Signal
from workbench.analysis.causes.parts import Catalogue
from workbench.analysis.causes.root import Dated, same_time
from workbench.analysis.causes.rows import TimedRows
from workbench.analysis.causes.scan import DEEPEST, Hit
from workbench.errors import PredicateError
from workbench.predicate import ALL_ROWS

TOGETHER: Final = ("residual", "distance", "error")
"""Aspects of signals that show wrong decisions."""
MOST_STEPS: Final = 6
GAIN: Final = 2.0
"""Evidence by which another place has to be better."""

Place = dict[int, np.ndarray]
"""Number of a condition to which of its codes, shape (codes,) bool."""


def place_together(
    change: Dated, others: Sequence[Dated], signals: Sequence[Signal], rows: TimedRows, catalogue: Catalogue
) -> Hit:
    """The hit of `change` at the place that all signals of `TOGETHER` explain best; its own where none is better.

    Parameters
    ----------
    others
        Changes of other signals; the places of those that began at the same time are tried too.
    """
    together = [signal for signal in signals if signal.aspect in TOGETHER]
    starts = [item for item in (change, *others) if item.hit.where != ALL_ROWS and same_time(item, change, rows)]
    if len(together) < 2 or not starts:
        return change.hit
    evidence = Evidence(change, [part for signal in together for part in _parted(signal, rows)], rows, catalogue)
    own = evidence.of(place_of(change, rows))
    best, most = max(
        ((place, evidence.of(place)) for place in (place_of(item, rows) for item in starts)), key=lambda found: found[1]
    )
    for _ in range(MOST_STEPS):
        place, value = max(evidence.nearby(best), key=lambda found: found[1], default=(best, most))
        if value <= most + GAIN:
            break
        best, most = place, value
    return _hit(change, best, rows) if most > own + GAIN else change.hit


def _parted(signal: Signal, rows: TimedRows) -> list[Signal]:
    """How far scores lie off, apart for those expected on either side of the threshold: wrong ones move to the other side."""
    score, decision = rows.outcomes.get("score"), rows.outcomes.get("prediction")
    if signal.aspect != "residual" or score is None or decision is None or (rule := decision_rule(score, decision)) is None:
        return [signal]
    above = score - signal.values >= rule[0]
    return [replace(signal, values=np.where(side, signal.values, np.nan)) for side in (above, ~above)]


class Evidence:
    """Twice the log-likelihood ratio of two levels against one, at the onset of a change, summed over several signals."""

    def __init__(self, change: Dated, signals: Sequence[Signal], rows: TimedRows, catalogue: Catalogue) -> None:
        end = rows.times[-1] if change.end is None else change.end
        self.rows, self.catalogue, self.signals = rows, catalogue, signals
        self.late = (rows.times >= change.onset).astype(np.int64)
        self.used = rows.times <= end
        self.price = 2 * np.log(max(2, len(catalogue.members))) * np.sqrt(len(signals))

    def of(self, place: Place) -> float:
        """That of the rows of a place, less the price of its conditions."""
        at = np.flatnonzero(self.inside(place))
        codes = np.zeros((len(at), 1), dtype=np.int64)
        return float(self._ratios(at, codes, np.ones((1, 1)))[0] - self.price * len(place))

    def inside(self, place: Place) -> np.ndarray:
        """The rows of a place, shape (rows,)."""
        return np.asarray(self.used & inside_of(place, self.rows))

    def nearby(self, place: Place) -> list[tuple[Place, float]]:
        """Each place that differs in one condition, the best of every column, with its evidence."""
        found = [(left, self.of(left)) for left in _without_one(place) if left]
        bases = [*_without_one(place), *([place] if len(place) < DEEPEST else [])]
        for base in bases:
            at = np.flatnonzero(self.inside(base))
            ratio = self._ratios(at, self.catalogue.codes[at], self.catalogue.members)
            for number, condition in enumerate(self.rows.conditions):
                own = np.flatnonzero(self.catalogue.column == number)
                if number in base or not len(own):
                    continue
                best = own[np.argmax(ratio[own])]
                first = self.catalogue.first[number]
                codes = self.catalogue.members[best][first : first + condition.size] > 0
                found.append(({**base, number: codes}, float(ratio[best]) - self.price * (len(base) + 1)))
        return found

    def _ratios(self, at: np.ndarray, codes: np.ndarray, members: np.ndarray) -> np.ndarray:
        total = np.zeros(len(members))
        for signal in self.signals:
            known = ~np.isnan(signal.values[at])
            cells = (codes[known] * 2 + self.late[at[known], None]).ravel()
            values = np.repeat(signal.values[at[known]], codes.shape[1])
            n, s, q = (
                members @ np.bincount(cells, weights=weights, minlength=2 * members.shape[1]).reshape(-1, 2)
                for weights in (np.ones(len(values)), values, values * values)
            )
            total += _ratio(n, s, q, signal)
        return total


def _ratio(n: np.ndarray, s: np.ndarray, q: np.ndarray, signal: Signal) -> np.ndarray:
    """Of each candidate, given rows, sums and sums of squares before and after, each of shape (candidates, 2)."""
    size, total, squares = n.sum(axis=1), s.sum(axis=1), q.sum(axis=1)
    with np.errstate(all="ignore"):
        if signal.model == "share":
            parts = [special.xlogy(k, k / m) + special.xlogy(m - k, 1 - k / m) for k, m in ((s, n), (total, size))]
            ratio = 2 * (parts[0].sum(axis=1) - parts[1])
        else:
            whole = squares - total**2 / size
            ratio = size * np.log(whole / (squares - (s**2 / n).sum(axis=1)))
        worse = (s[:, 1] / n[:, 1] > s[:, 0] / n[:, 0]) | (signal.aspect != "error")
    return np.where((n.min(axis=1) >= LEAST_SIDE) & worse & np.isfinite(ratio), ratio, 0.0)


def place_of(change: Dated, rows: TimedRows) -> Place:
    """The codes that hold where a change is, of each column that says so."""
    inside = change.hit.inside
    return {
        number: np.bincount(condition.codes[inside], minlength=condition.size) > 0
        for number, condition in enumerate(rows.conditions) if condition.coding.column in change.hit.used
    }  # fmt: skip


def _without_one(place: Place) -> list[Place]:
    return [{number: codes for number, codes in place.items() if number != gone} for gone in place]


def inside_of(place: Place, rows: TimedRows) -> np.ndarray:
    """The rows of a place, whatever their time, shape (rows,)."""
    inside = np.ones(rows.size, dtype=bool)
    for number, codes in place.items():
        inside &= codes[rows.conditions[number].codes]
    return inside


def _hit(change: Dated, place: Place, rows: TimedRows) -> Hit:
    where = ALL_ROWS
    for number, codes in place.items():
        try:
            where &= rows.conditions[number].coding.where(np.flatnonzero(codes).tolist())
        except PredicateError:  # no conjunction says it
            return change.hit
    used = tuple(rows.conditions[number].coding.column for number in place)
    return replace(change.hit, where=where, inside=inside_of(place, rows), used=used)
