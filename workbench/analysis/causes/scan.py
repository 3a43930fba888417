"""Where and since when a signal changed its level: the part of the rows, and the split of time, that explain it best.

A *signal* is a number per row, NaN where the row has none. Rows are first summed by code of a condition and block of time; all
candidates (a value, all but one value, a range of bins) at all splits are then compared by the likelihood ratio of two levels
against one. A part of the rows is chosen over all rows, and a further condition over none, only where that explains more than
the best of so many candidates would by chance (a penalised likelihood); of what never happened before, that it happens nowhere
else counts too. The p-value is for the best of all that was examined:
`workbench.analysis.onset` bounds that of the best split, Bonferroni the choice of the part, with a fixed share of the level for
each number of conditions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from workbench.analysis.causes.levels import LEAST_SIDE, Counts, Signal, best_splits, gathered
from workbench.analysis.causes.parts import Catalogue
from workbench.analysis.causes.rows import Condition, TimedRows
from workbench.predicate import ALL_ROWS, Predicate

DEEPEST: Final = 3
BEAM: Final = 3
WORTH_DEEPER: Final = 0.05
"""Largest p at which a further condition is tried."""
LEVEL_SHARES: Final = (0.5, 0.25, 0.15, 0.1)
"""Part of the level that is spent on all rows, and on parts of one, two and three conditions."""

MOVED_TOO: Final = 0.4
"""Rows moved as well where they moved by this part of what the chosen rows did, in parts of their room."""
MOVED_LITTLE: Final = 0.15
"""The same, where they clearly moved."""
CLEARLY: Final = 3.5
"""Standard errors of what is clear."""


@dataclass(frozen=True, eq=False)
class Hit:
    """The best change of a signal: where, since which block, and how sure.

    Attributes
    ----------
    inside
        The rows it concerns, whatever their time; shape (rows,).
    ratio
        Twice the log-likelihood ratio against no change.
    split
        First block of the new level.
    p
        For the best of all that this signal was examined for.
    gathered
        Evidence that it is one of these rows alone (`workbench.analysis.causes.levels.gathered`).
    """

    signal: Signal
    where: Predicate
    inside: np.ndarray
    ratio: float
    split: int
    p: float
    before: float
    after: float
    used: tuple[str, ...] = ()
    gathered: float = 0.0

    @property
    def evidence(self) -> float:
        """What one place is chosen by over another."""
        return self.ratio + self.gathered


def find_change(signal: Signal, rows: TimedRows, catalogue: Catalogue, among: np.ndarray | None = None) -> Hit | None:
    """The best change of `signal` among the rows `among` (all); None where nothing can be compared."""
    known = ~np.isnan(signal.values) if among is None else among & ~np.isnan(signal.values)
    at = np.flatnonzero(known)
    if len(at) < 4 * LEAST_SIDE:
        return None
    whole = _tally(signal, rows, at, np.zeros((len(at), 1), dtype=np.int64), 1)
    best = _all_rows(signal, rows, whole)
    if best is None:
        return None
    beam, examined = [best], 1.0
    for depth in range(1, DEEPEST + 1):
        grown, counted = [], 0
        for hit in beam:
            more, tried = _extend(hit, signal, rows, catalogue, at, whole=whole)
            grown += more
            counted += tried
        if not grown:
            break
        examined *= max(1.0, counted / len(beam))
        penalty = 2 * np.log(max(2.0, counted))
        grown = sorted(grown, key=lambda hit: -hit.evidence)[:BEAM]
        top = grown[0]
        p = min(best.p, 1.0, top.p * examined / LEVEL_SHARES[depth])
        best = replace(top if top.evidence > best.evidence + penalty else best, p=p)
        if best.p > WORTH_DEEPER:
            break
        beam = grown
    return best


def find_banded(signal: Signal, rows: TimedRows, catalogue: Catalogue, among: np.ndarray | None = None) -> Hit | None:
    """As `find_change`; where the signal has a scale, with the place that a second look at the band of the scale tells.

    A threshold that moved for a group turns decisions only between the two thresholds: there all of the group, and of nobody
    else.
    """
    hit = find_change(signal, rows, catalogue, among)
    if hit is None or signal.scale is None or hit.p > WORTH_DEEPER:
        return hit
    late = (rows.block >= hit.split) & hit.inside & (signal.values > 0)
    if among is not None:
        late &= among
    if not late.any():
        return hit
    low, high = np.quantile(signal.scale[late], [0.02, 0.98])
    band = (signal.scale >= low) & (signal.scale <= high)
    sharp = find_change(signal, rows, catalogue, band if among is None else band & among)
    if sharp is None or sharp.where == hit.where or sharp.p > WORTH_DEEPER:
        return hit
    return replace(sharp, p=hit.p)


def _all_rows(signal: Signal, rows: TimedRows, counts: Counts) -> Hit | None:
    ratio, split, p = (part[0] for part in best_splits(counts, signal))
    if not np.isfinite(ratio):
        return None
    before, after = _levels(counts, int(split))
    whole = np.ones(rows.size, dtype=bool)
    return Hit(signal, ALL_ROWS, whole, float(ratio), int(split), min(1.0, float(p) / LEVEL_SHARES[0]), before, after)


def _extend(
    hit: Hit, signal: Signal, rows: TimedRows, catalogue: Catalogue, at: np.ndarray, *, whole: Counts
) -> tuple[list[Hit], int]:
    """`hit` with one condition more: the best of each column; and how many candidates that took."""
    barred = {*signal.apart, *hit.used, signal.column}
    allowed = [number for number, item in enumerate(rows.conditions) if item.coding.column not in barred]
    chosen = np.flatnonzero(np.isin(catalogue.column, allowed))
    if not len(chosen):
        return [], 0
    at = at[hit.inside[at]]
    counts = _tally(signal, rows, at, catalogue.codes[at], catalogue.size)
    members = catalogue.members[chosen]
    evidence = _evidence(Counts(*(members @ part for part in counts)), whole, signal)
    grown, tried = [], int(np.isfinite(evidence).sum())
    for number in _best_columns(evidence, catalogue.column[chosen]):
        own = np.flatnonzero(catalogue.column[chosen] == number)
        best = own[np.argmax(evidence[own])]
        condition, (low, high) = rows.conditions[number], catalogue.first[number : number + 2]
        part = Counts(*(column[low:high] for column in counts))
        codes = members[best][low:high] > 0
        if not condition.ordered:
            codes, more = _grow_values(codes, part, whole, signal, float(evidence[best]))
            tried += more
        found = _hit_of(hit, signal, condition, codes, part, whole=whole)
        rooms = None
        if signal.room is not None:
            own_codes = condition.codes[at]
            rooms = np.array([np.bincount(own_codes, weights=side[at], minlength=condition.size) for side in signal.room])
        if _stands_out(found, codes, part, rooms, signal):
            grown.append(found)
    return grown, tried


def _evidence(counts: Counts, whole: Counts, signal: Signal) -> np.ndarray:
    """Of each candidate, shape (candidates,)."""
    ratio, split, _ = best_splits(counts, signal)
    return np.asarray(ratio + gathered(counts, split, whole, signal))


def _best_columns(evidence: np.ndarray, column: np.ndarray) -> list[int]:
    """The columns with the best candidates, the best first."""
    order = np.argsort(-evidence, kind="stable")
    order = order[np.isfinite(evidence[order])]
    return list(dict.fromkeys(column[order].tolist()))[:BEAM]


def _stands_out(found: Hit, codes: np.ndarray, part: Counts, rooms: np.ndarray | None, signal: Signal) -> bool:
    """Whether the change is one of these rows, and the other rows of the same column did not move as far, in parts of their room.

    Parameters
    ----------
    rooms
        Per code the sums of both rooms of its rows, shape (2, codes); None where the signal gives none.
    """
    moved: list[float] = []
    error: list[float] = []
    for chosen in (codes, ~codes):
        sums = []
        for side in (slice(None, found.split), slice(found.split, None)):
            n, s, q = (float(column[chosen, side].sum()) for column in part)
            if n < 1:
                return True
            sums.append((n, s / n, max(q / n - (s / n) ** 2, 0.0)))
        (n, before, spread), (m, after, spread_after) = sums
        rises = after > before if not moved else moved[0] > 0
        room = _room(signal, before, spread, rises=rises)
        if rooms is not None:
            room = max(float(rooms[int(rises), chosen].sum()) / (n + m), 1e-3)
        moved.append((after - before) / room)
        error.append((spread / n + spread_after / m) / room**2)
    share = moved[1] / moved[0] if moved[0] else 1.0
    too = share > MOVED_TOO or (share > MOVED_LITTLE and abs(moved[1]) > CLEARLY * float(np.sqrt(error[1])))
    return not too and abs(moved[0] - moved[1]) > CLEARLY * float(np.sqrt(sum(error)))


def _room(signal: Signal, before: float, spread: float, *, rises: bool) -> float:
    """How far the level could have moved at most: a share to 0 or 1, a rank to the end of the scale; else its spread."""
    if signal.aspect in ("level", "spread") or signal.model == "share":
        top = 0.5 if signal.aspect == "spread" else 1.0
        return max(top - before if rises else before, 1e-3)
    return max(float(np.sqrt(spread)), 1e-9)


def _hit_of(hit: Hit, signal: Signal, condition: Condition, codes: np.ndarray, part: Counts, *, whole: Counts) -> Hit:
    one = Counts(*(column[codes].sum(axis=0, keepdims=True) for column in part))
    splits = best_splits(one, signal)
    ratio, split, p = (found[0] for found in splits)
    alone = float(gathered(one, splits[1], whole, signal)[0])
    before, after = _levels(one, int(split))
    where = hit.where & condition.coding.where(np.flatnonzero(codes).tolist())
    used = (*hit.used, condition.coding.column)
    inside = hit.inside & codes[condition.codes]
    return Hit(signal, where, inside, float(ratio), int(split), float(p), before, after, used, alone)


def _grow_values(chosen: np.ndarray, counts: Counts, whole: Counts, signal: Signal, evidence: float) -> tuple[np.ndarray, int]:
    """`chosen` with the values that share its change, each only where it explains more than chance would."""
    tried, size = 0, len(chosen)
    while True:
        options = [code for code in range(1, size) if not chosen[code] and counts.rows[code].sum() > 0]
        if chosen[0] or len(options) < 2:
            return chosen, tried
        members = np.array([chosen | (np.arange(size) == code) for code in options], dtype=float)
        tried += len(options)
        grown = _evidence(Counts(*(members @ part for part in counts)), whole, signal)
        best = int(np.argmax(grown))
        if not grown[best] > evidence + 2 * np.log(len(options) + 1):
            return chosen, tried
        chosen, evidence = members[best] > 0, float(grown[best])


def _tally(signal: Signal, rows: TimedRows, at: np.ndarray, codes: np.ndarray, size: int) -> Counts:
    """Sums by code and block over the rows `at`, whose `codes` have the shape (rows, conditions)."""
    cells = (codes * rows.blocks + rows.block[at, None]).ravel()
    shape, width = (size, rows.blocks), codes.shape[1]
    values = signal.values[at]
    count = np.bincount(cells, minlength=size * rows.blocks).reshape(shape).astype(float)
    total = np.bincount(cells, weights=np.repeat(values, width), minlength=size * rows.blocks).reshape(shape)
    if signal.model == "share":
        return Counts(count, total, total)
    squares = np.bincount(cells, weights=np.repeat(values * values, width), minlength=size * rows.blocks).reshape(shape)
    return Counts(count, total, squares)


def _levels(counts: Counts, split: int) -> tuple[float, float]:
    n, s = counts.rows[0], counts.total[0]
    with np.errstate(invalid="ignore", divide="ignore"):
        return float(s[:split].sum() / n[:split].sum()), float(s[split:].sum() / n[split:].sum())
