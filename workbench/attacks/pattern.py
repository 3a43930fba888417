"""What looks like an attack in a log: its kind, its size, since when, and the rows as a predicate that names nobody.

Recurrence (known attacks come back) and hunting (unknown ones) both end in a `Pattern`; triage makes a finding of each.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pandas as pd
from scipy import special

from workbench.analysis import stats
from workbench.analysis.drift import column_kind
from workbench.analysis.onset import Change, locate_change, locate_changes
from workbench.data.dataset import Dataset
from workbench.predicate import ALL_ROWS, Comparison, Interval, Operand, Predicate, equals
from workbench.result import SMALL_CELL

KINDS: Final = ("recurrence", "crowding", "lattice", "walk", "burst")
CROWDED: Final = "share just past the threshold"
"""Unit of a ``crowding``."""
LEVEL: Final = 0.001
"""Largest p of a change that dates a pattern."""
MOST_CHANGES: Final = 4
BLOCKS: Final = 150
"""Parts of the rows between which a rise that soon ends may lie."""
MOST_CONDITIONS: Final = 3
"""Conditions that say which rows, beside the time."""
SHARED: Final = 0.9
"""Part of the hits that share what a condition says."""
BETTER: Final = 0.02
"""A condition is worth saying where it raises the F1 of the predicate's rows against the hits by this much."""
SAMPLE: Final = 50_000


@dataclass(frozen=True)
class Pattern:
    """One thing in a log that looks like an attack.

    Attributes
    ----------
    kind
        A word of `KINDS`: ``recurrence`` of recorded attacks, ``crowding`` just past the threshold, a ``lattice`` of queries or a
        ``walk`` of small steps, a ``burst`` of one caller.
    said
        What a responder can repeat.
    where
        The rows, by what describes them.
    effect, interval, unit
        The size, in what it says, and its 95 % interval.
    p
        Of "this is what the log looks like anyway", over everything this pattern's search looked at.
    rows, people
        Rows that are part of it; distinct ``row_id`` among them.
    onset, earliest, latest
        When it began; None where the log has no time or does not tell.
    standing
        Whether it held in the reference window too.
    about
        The recording or scenario it repeats; empty otherwise.
    """

    kind: str
    said: str
    columns: tuple[str, ...]
    where: Predicate
    effect: float
    interval: tuple[float, float]
    unit: str
    p: float
    rows: int
    people: int | None
    onset: Any = None
    earliest: Any = None
    latest: Any = None
    standing: bool = False
    about: str = ""

    def row(self) -> dict[str, Any]:
        """The pattern as a row of a result's table."""
        return {
            "pattern": self.kind, "statement": self.said, "where": str(self.where), "columns": list(self.columns),
            "effect": self.effect, "low": self.interval[0], "high": self.interval[1], "unit": self.unit, "p": self.p,
            "rows": self.rows, "people": self.people, "onset": _time(self.onset), "earliest": _time(self.earliest),
            "latest": _time(self.latest), "standing": self.standing, "about": self.about,
            "suppressed": self.rows < SMALL_CELL or (self.people is not None and self.people < SMALL_CELL),
        }  # fmt: skip


PATTERN_COLUMNS: Final = (
    "pattern", "statement", "where", "columns", "effect", "low", "high", "unit", "p", "rows", "people", "onset", "earliest",
    "latest", "standing", "about", "suppressed",
)  # fmt: skip


@dataclass(frozen=True)
class Spell:
    """From when on, and until when, something is more frequent than before.

    Attributes
    ----------
    change
        The rise.
    end
        When it fell again; None where it lasts to the end of the log.
    """

    change: Change
    end: Any = None

    def where(self, time: str) -> Predicate:
        """The rows of the spell, by the column that holds their time."""
        start = pd.Timestamp(self.change.onset).to_pydatetime()
        if self.end is None:
            return Predicate((Comparison(Operand(time), ">=", start),))
        return Predicate((Interval(time, start, pd.Timestamp(self.end).to_pydatetime()),))

    def dated(self) -> dict[str, Any]:
        """Onset and its interval as a `Pattern` takes them; nothing where the data do not say when."""
        earliest, latest = self.change.interval
        return {"onset": self.change.onset, "earliest": earliest, "latest": latest} if self.change.identifiable else {}


def find_rise(times: np.ndarray, hits: np.ndarray, weights: np.ndarray | None = None) -> Spell | None:
    """The rise of a share over time that is best supported, with the fall after it; None where there is none.

    A rise that lasts is a change of level; one that soon ends is the interval in which the share is higher than outside. Either
    p is doubled, because both are looked for.

    Parameters
    ----------
    times
        Shape (n,), datetime64 or numbers.
    hits
        Shape (n,), 0 or 1.
    weights
        How many rows each stands for.
    """
    spells = [item for item in (_lasting_rise(times, hits, weights), _brief_rise(times, hits, weights)) if item is not None]
    best = min(spells, key=lambda spell: spell.change.p, default=None)
    if best is None or 2 * best.change.p > LEVEL:
        return None
    return replace(best, change=replace(best.change, p=2 * best.change.p))


def _lasting_rise(times: np.ndarray, hits: np.ndarray, weights: np.ndarray | None) -> Spell | None:
    changes = sorted(
        locate_changes(times, hits, weights, model="bernoulli", level=LEVEL, most=MOST_CHANGES), key=lambda change: change.onset
    )
    rises = [change for change in changes if change.after > change.before]
    if not rises:
        return None
    best = max(rises, key=lambda change: change.statistic / change.dispersion)
    later = [change for change in changes if change.onset > best.onset]
    end = next((change.onset for change in later if change.after < (best.before + best.after) / 2), None)
    return Spell(best, end)


def _brief_rise(times: np.ndarray, hits: np.ndarray, weights: np.ndarray | None) -> Spell | None:
    """The interval between two of `BLOCKS` equal parts of the rows in which the share is most clearly above that outside.

    Its p is that of Fisher's test, or where parts scatter more than chance of the likelihood ratio less that dispersion, times
    the number of intervals.
    """
    known = ~np.isnat(times) if times.dtype.kind == "M" else ~np.isnan(times)
    order = np.argsort(times[known], kind="stable")
    when, found = times[known][order], hits[known][order]
    rows = np.ones(len(when)) if weights is None else weights[known][order]
    size, count = (np.append(0.0, np.cumsum(part)) for part in (rows, found * rows))
    if not 0 < count[-1] < size[-1]:
        return None
    cuts = np.searchsorted(size[1:], np.linspace(0, size[-1], BLOCKS + 1)[1:-1])
    edges = np.unique(np.concatenate([[0], np.searchsorted(when, when[np.minimum(cuts, len(when) - 1)]), [len(when)]]))
    first, last = (place + 1 for place in np.triu_indices(len(edges) - 1, 1))
    if not len(first):
        return None
    n, k = size[edges[last]] - size[edges[first]], count[edges[last]] - count[edges[first]]
    ratio = _excess(k, n, count[-1] - k, size[-1] - n)
    best = int(np.argmax(ratio))
    start, stop = edges[first[best]], edges[last[best]]
    outside = (edges[1:] <= start) | (edges[:-1] >= stop)
    spread = _dispersion(np.diff(count[edges])[outside], np.diff(size[edges])[outside])
    exact = stats.two_proportions(*np.round([k[best], n[best], count[-1] - k[best], size[-1] - n[best]]))
    p = float(min(1.0, len(first) * max(float(exact), float(special.chdtrc(1, ratio[best] / spread)) if spread > 1 else 0.0)))
    if p > LEVEL or not _is_lower(count[start], size[start], k[best], n[best]):
        return None
    dated = locate_change(when[:stop], found[:stop], rows[:stop], model="bernoulli", level=LEVEL)
    onset = when[start] if dated is None else dated.onset
    interval = (when[max(start - 1, 0)], when[start]) if dated is None else dated.interval
    rate_in, rate_out = k[best] / n[best], (count[-1] - k[best]) / (size[-1] - n[best])
    change = Change(
        onset, interval, float(ratio[best]), p, float(rate_out), float(rate_in), float(size[-1] - n[best]), float(n[best]),
        identifiable=True, dispersion=spread,
    )  # fmt: skip
    return Spell(change, None if stop == len(when) else when[stop])


def _is_lower(count: float, size: float, k: float, n: float) -> bool:
    """Whether the share was lower before the interval too: what was high from the first row on has not risen."""
    return bool(count * n < k * size) and float(stats.two_proportions(*np.round([count, size, k, n]))) <= LEVEL


def _excess(k: np.ndarray, n: np.ndarray, other: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """Twice the log-likelihood ratio of two rates against one, where the first is the higher; else 0."""
    with np.errstate(all="ignore"):
        pooled = (k + other) / (n + rest)
        parts = [special.xlogy(count, count / size / rate) for count, size, rate in
                 ((k, n, pooled), (n - k, n, 1 - pooled), (other, rest, pooled), (rest - other, rest, 1 - pooled))]  # fmt: skip
        return np.where((rest > 0) & (n > 0) & (k * rest > other * n), 2 * np.nan_to_num(sum(parts)), 0.0)


def _dispersion(count: np.ndarray, size: np.ndarray) -> float:
    """Scatter of the parts around their common rate, in units of what chance allows; at least 1."""
    used = size > 0
    rate = count[used].sum() / max(size[used].sum(), 1.0)
    if used.sum() < 5 or not 0 < rate < 1:
        return 1.0
    return max(1.0, float(((count[used] - size[used] * rate) ** 2 / (size[used] * rate * (1 - rate))).sum() / (used.sum() - 1)))


def describe(dataset: Dataset, hits: np.ndarray, columns: Sequence[str], start: Predicate = ALL_ROWS) -> Predicate:
    """The conjunction of at most `MOST_CONDITIONS` conditions, beside `start`, that fits the hit rows best by F1.

    A condition is a value that most hits share, or a range between tenths of the log that holds most of them: no bound is the
    value of one row.

    Parameters
    ----------
    hits
        Shape (rows,), boolean: rows of `dataset`.
    start
        What holds of the hits in any case, such as the time.
    """
    frame = dataset.frame
    inside = start.mask(frame) if start != ALL_ROWS else np.ones(len(frame), dtype=bool)
    found = start
    candidates = [
        (condition, condition.mask(frame)) for column in columns for condition in _conditions(frame[column], hits & inside)
    ]
    for _ in range(MOST_CONDITIONS):
        scored = [(_f1(hits, inside & mask), condition, mask) for condition, mask in candidates]
        best = max(scored, key=lambda item: item[0], default=None)
        if best is None or best[0] < _f1(hits, inside) + BETTER:
            break
        found, inside = found & best[1], inside & best[2]
    return found


def _f1(hits: np.ndarray, rows: np.ndarray) -> float:
    both = int((hits & rows).sum())
    return 2 * both / max(int(hits.sum()) + int(rows.sum()), 1)


def _conditions(series: pd.Series[Any], hits: np.ndarray) -> Iterator[Predicate]:
    kind = column_kind(series)
    name, chosen = str(series.name), series[hits].dropna()
    if kind == "times" or len(chosen) < SMALL_CELL:
        return
    value = chosen.mode().iloc[0]
    if (chosen == value).mean() >= SHARED:
        yield equals(name, value.item() if isinstance(value, np.generic) else value)
    elif kind == "numbers":
        yield from _range(name, series, chosen)


def _range(name: str, series: pd.Series[Any], chosen: pd.Series[Any]) -> Iterator[Predicate]:
    """Between tenths of the log that hold all but one in twenty of the hits."""
    numbers = series.iloc[:: len(series) // SAMPLE + 1].dropna().to_numpy(dtype=float)
    numbers = numbers[np.isfinite(numbers)]
    if not len(numbers):
        return
    edges = np.unique(np.quantile(numbers, np.linspace(0.1, 0.9, 9)))
    low, high = np.quantile(chosen.to_numpy(dtype=float), [(1 - SHARED) / 4, 1 - (1 - SHARED) / 4])
    below, above = edges[edges <= low], edges[edges > high]
    bounds = [*itertools.islice(reversed(below.tolist()), 1), *itertools.islice(above.tolist(), 1)]
    if len(below) and len(above):
        yield Predicate((Interval(name, bounds[0], bounds[1]),))
    elif bounds:
        yield Predicate((Comparison(Operand(name), ">=" if len(below) else "<", bounds[0]),))


def _time(when: Any) -> pd.Timestamp | None:
    return None if when is None else pd.Timestamp(when)
