"""What a broken column should have held: one repair per cause.

Where the fault can be turned back it is: a factor divided out, values that were written otherwise written as before, a part of
the time computed from the right time. Where what was there is gone, the value is drawn from like cases of before (`draws.py`).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from workbench.analysis import stats
from workbench.analysis.causes.samples import Samples, held_value, rewritten, spike
from workbench.errors import InputError
from workbench.result import Finding
from workbench.triage.repair.cases import Cases
from workbench.triage.repair.draws import MOST_LEARNED, LikeCases, like_cases

DRAWS: Final = 3
LEAST_LEARNED: Final = 100
"""Rows of before that a draw needs."""
MOVED: Final = 0.1
"""Total variation from which on a column moved too, and does not say which cases are like."""
UNMOVED: Final = 0.01
"""The p of equal distributions from which on a column of numbers lies as before."""
MOST_KINDS: Final = 20
PARTS_OF_RANGE: Final = 10
WHOLE: Final = 0.99
"""A column of which this part was whole numbers before, is repaired to whole numbers."""
SAME: Final = 0.99
"""From this part of equal values on, a column is a part of the time."""

Mend = Callable[[pd.DataFrame, np.random.Generator], pd.DataFrame]


@dataclass(frozen=True, eq=False)
class Repair:
    """How rows are put right.

    Attributes
    ----------
    words
        As in "scored again *with amount divided by 100*".
    reached
        Which of the affected rows it changes; shape (affected rows,).
    mend
        One draw of the repaired rows, given some.
    draws
        How many draws to make; 1 where nothing is drawn.
    known
        Positions, among all rows of before, of those whose true value is known and that a draw can be held against; none where
        nothing is drawn.
    rule
        The threshold and direction that decide anew; None: those that decided before.
    column
        Whether it puts a column right; then it undoes nothing where the model decides otherwise than the log on the row as it is.
    whole
        Whether it puts back all that the fault took.
    """

    words: str
    reached: np.ndarray
    mend: Mend
    draws: int = 1
    known: np.ndarray | None = None
    rule: tuple[float, int] | None = None
    column: bool = True
    whole: bool = True


def repair_of(finding: Finding, column: str, cases: Cases, others: list[str], seed: int) -> Repair:
    """The repair of `column` for the cause that `finding` names.

    Parameters
    ----------
    others
        Columns that tell like cases: what the model reads beside this one, and that is not broken itself.

    Raises
    ------
    InputError
        If nothing tells what the column should have held.
    """
    return _REPAIRS[str(finding.cause)](_Broken(finding, column, cases, others, seed))


def distance(was: pd.Series[Any], now: pd.Series[Any]) -> float:
    """Total variation between two samples of a column: over its values, or, where these are many, the tenths of what it was."""
    codes, kinds = pd.factorize(pd.concat([was, now]), use_na_sentinel=False)
    if len(kinds) > MOST_KINDS and pd.api.types.is_numeric_dtype(was):
        edges = np.unique(was.quantile(np.linspace(0, 1, PARTS_OF_RANGE + 1)[1:-1]))
        codes = np.searchsorted(edges, pd.concat([was, now]).to_numpy(dtype=float, na_value=np.inf))
    counts = (np.bincount(part, minlength=int(codes.max()) + 1) for part in (codes[: len(was)], codes[len(was) :]))
    return float(stats.total_variation(*counts))


def require_nearer(repair: Repair, column: str, cases: Cases, rng: np.random.Generator) -> None:
    """Refuse a repair that takes the column away from what it held before.

    Raises
    ------
    InputError
        If the rows that it changes hold other values than before by more than they do as they are.
    """
    rows = cases.now.of(np.flatnonzero(cases.affected)[repair.reached])
    rows = rows.of(np.sort(rng.permutation(len(rows))[:MOST_LEARNED]))
    was = cases.like.column(column)
    if distance(was, repair.mend(rows.frame, rng)[column]) > distance(was, rows.column(column)) + MOVED:
        raise InputError(
            "the repair takes the column away from what it held before, which speaks against this cause",
            f"{column}, {repair.words}", "Look at its values before and since.",
        )  # fmt: skip


def as_they_are(cases: Cases) -> Repair:
    """No column is changed: the model that decided before decides on the rows as they are."""
    return Repair(
        "by the model that decided before",
        np.ones(int(cases.affected.sum()), dtype=bool),
        lambda frame, _rng: frame,
        column=False,
    )


@dataclass(frozen=True, eq=False)
class _Broken:
    """A column of the affected rows."""

    finding: Finding
    column: str
    cases: Cases
    others: list[str]
    seed: int

    @functools.cached_property
    def now(self) -> pd.Series[Any]:
        """It, in the affected rows."""
        return self.cases.now.column(self.column)[self.cases.affected]

    @functools.cached_property
    def samples(self) -> Samples:
        """It, before and after."""
        return Samples(self.cases.like.column(self.column).dropna(), self.now.dropna())

    def _moved(self, name: str) -> bool:
        """Whether another column moved too: what it holds now does not tell which cases are like."""
        was, now = (
            rows.of(np.sort(np.random.default_rng(self.seed).permutation(len(rows))[:MOST_LEARNED])).column(name)
            for rows in (self.cases.like, self.cases.now.of(self.cases.affected))
        )
        return distance(was, now) > MOVED

    def drawn(self, reached: np.ndarray, among: frozenset[Any] | None = None) -> Repair:
        """A repair that draws the column from like cases: in all rows of before, or in those that hold a value of `among`."""
        before, like = self.cases.before, self.cases.like
        usable = like.column(self.column).notna().to_numpy()
        if among is not None:
            usable = usable & like.column(self.column).isin(list(among)).to_numpy()
        order = np.random.default_rng(self.seed).permutation(np.flatnonzero(usable))[: 2 * MOST_LEARNED]
        if len(order) < LEAST_LEARNED:
            raise InputError("too few rows from before to draw values from", len(order), "Give a longer log.")
        learned, known = (like.of(np.sort(part)) for part in np.array_split(order, 2))
        others = [name for name in self.others if not self._moved(name)]
        cases = like_cases(learned.frame[[self.column, *others]], self.column, others, self.seed)
        places = np.searchsorted(before.at, known.at)
        words = f"with {self.column} drawn from like cases of before"
        return Repair(words, reached, _drawing(cases), DRAWS, places)


def _drawing(cases: LikeCases) -> Mend:
    return lambda frame, rng: frame.assign(**{cases.column: cases.draw(frame, rng)})


def _unit(broken: _Broken) -> Repair:
    """The factor found, divided out; drawn where the log tells none."""
    finding, column = broken.finding, broken.column
    reached = broken.now.notna().to_numpy()
    if finding.effect is None or finding.unit != "powers of ten":
        return broken.drawn(reached)
    times = float(f"{10**finding.effect:.6g}")
    words = f"with {column} divided by {times:,.4g}" if times > 1 else f"with {column} multiplied by {1 / times:,.4g}"
    before = broken.samples.before.to_numpy(dtype=float)
    whole = float(np.mean(before == np.round(before))) >= WHOLE

    def mend(frame: pd.DataFrame, _rng: np.random.Generator) -> pd.DataFrame:
        values = frame[column].to_numpy(dtype=float, na_value=np.nan) / times
        return frame.assign(**{column: np.round(values) if whole else values})

    return Repair(words, reached, mend)


def _recoded(broken: _Broken) -> Repair:
    """Values written as before; drawn from those that went, where two or more can have become one."""
    back = written_back(broken.samples)
    if back is None:
        whole = Samples(broken.cases.before.column(broken.column).dropna(), broken.samples.after)
        back = written_back(whole)
    if back is None:
        return _merged(broken)
    column = broken.column
    words = ", ".join(f"{now!r} as {was!r}" for now, was in list(back.items())[:3])

    def mend(frame: pd.DataFrame, _rng: np.random.Generator) -> pd.DataFrame:
        return frame.assign(**{column: frame[column].map(lambda value: back.get(value, value))})

    return Repair(f"with {column} written as before ({words})", broken.now.isin(list(back)).to_numpy(), mend)


def written_back(samples: Samples) -> dict[Any, Any] | None:
    """Each value that is written otherwise, to what it was before; None where the log does not tell.

    New values are matched with those that went: by their letters alone where these agree, else by their shares.
    """
    found = rewritten(samples)
    if found is None or not found.recoded:
        return None
    if found.swapped:
        one, other = found.gone
        return {one: other, other: one}
    was, now = (part.value_counts(normalize=True) for part in (samples.before, samples.after))
    new = [value for value in now.index if was.get(value, 0.0) <= 0.02 * now[value]]
    if len(new) != len(found.gone):
        return None
    letters = {_letters(value): value for value in found.gone}
    alike = [_letters(value) in letters for value in new]
    if all(alike) and len(letters) == len(new):
        return {value: letters[_letters(value)] for value in new}
    ordered = sorted(found.gone, key=lambda value: -was[value])
    return dict(zip(new, ordered, strict=True))


def _letters(value: Any) -> str:
    return "".join(letter for letter in str(value).casefold() if letter.isalnum())


def _merged(broken: _Broken) -> Repair:
    """Where two values are told as one, either of them, as like cases had them."""
    found = rewritten(broken.samples)
    if found is None:
        raise InputError("which values were merged cannot be told from its rows", broken.column, "Look at its values.")
    values = frozenset({*found.gone, found.into})
    return broken.drawn((broken.now == found.into).to_numpy(dtype=bool, na_value=False), values)


def _nulls(broken: _Broken) -> Repair:
    """What is missing, or a stand-in for it, drawn."""
    found = spike(broken.samples) if broken.finding.unit != "missing share" else None
    missing = broken.now.isna() if found is None else broken.now == found[0]
    return broken.drawn(missing.to_numpy(dtype=bool, na_value=False))


def _frozen(broken: _Broken) -> Repair:
    """What stands still, drawn."""
    held = held_value(broken.samples)
    return broken.drawn(
        broken.now.notna().to_numpy() if held is None else (broken.now == held[0]).to_numpy(dtype=bool, na_value=False)
    )


def _skewed(broken: _Broken) -> Repair:
    """What is computed otherwise in a way that is not known: put back rank for rank, ties at random; other than numbers drawn.

    Of a column that was shifted, stretched or cut the order is kept. One that lies as before would be moved by chance alone.
    """
    samples, column, reached = broken.samples, broken.column, broken.now.notna().to_numpy()
    if not samples.numbers or min(len(samples.before), len(samples.after)) < LEAST_LEARNED:
        return broken.drawn(reached)
    before, after = (np.sort(part.to_numpy(dtype=float)) for part in (samples.before, samples.after))
    if float(stats.two_sample_ks(before, after).p) >= UNMOVED:
        raise InputError(
            "the column is distributed as before, so that nothing tells what it should hold",
            column,
            "Compare it with its source.",
        )

    def mend(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        values = frame[column].to_numpy(dtype=float, na_value=np.nan)
        low, high = (np.searchsorted(after, values, side) / len(after) for side in ("left", "right"))
        place = (low + rng.random(len(values)) * (high - low)) * len(before)
        return frame.assign(**{column: before[np.minimum(place.astype(np.intp), len(before) - 1)]})

    return Repair(f"with {column} put back on the values of before, rank for rank", reached, mend, DRAWS, whole=False)


_REPAIRS: Final[Mapping[str, Callable[[_Broken], Repair]]] = {
    "unit error": _unit, "nulls": _nulls, "recoded values": _recoded, "merged values": _merged, "frozen column": _frozen,
    "training/serving skew": _skewed,
}  # fmt: skip
COLUMN_CAUSES: Final = tuple(_REPAIRS)
"""Causes that sit in one column."""


def clock_repair(finding: Finding, columns: tuple[str, ...], cases: Cases) -> Repair:
    """Columns that are a part of the time, computed from the time put right.

    Raises
    ------
    InputError
        If by how many hours the clock is off is not known, or no column of the model is a part of the time.
    """
    time = cases.now.dataset.require("time")
    if finding.effect is None or finding.unit != "hours" or not finding.effect:
        raise InputError("by how much the clock is off is not known", finding.statement, "Compare it with another clock.")
    made = {name: part for name in columns if (part := _part_of_time(cases, name, time)) is not None}
    if not made:
        raise InputError(
            "no column that the model reads is a part of the time", time, "Its decisions do not depend on the clock."
        )
    turn = pd.Timedelta(hours=-finding.effect)
    names = " and ".join(made)

    def mend(frame: pd.DataFrame, _rng: np.random.Generator) -> pd.DataFrame:
        return frame.assign(**{name: PARTS[part](frame[time] + turn).astype(frame[name].dtype) for name, part in made.items()})

    hours = f"{abs(finding.effect):g} hour{'s' if abs(finding.effect) != 1 else ''}"
    words = f"with {names} computed from times {hours} {'earlier' if finding.effect > 0 else 'later'}"
    return Repair(words, np.ones(int(cases.affected.sum()), dtype=bool), mend)


PARTS: Final[Mapping[str, Callable[[pd.Series[Any]], pd.Series[Any]]]] = {
    "hour": lambda times: times.dt.hour,
    "weekday": lambda times: times.dt.day_of_week,
    "day": lambda times: times.dt.day,
    "month": lambda times: times.dt.month,
    "hours": lambda times: times.dt.hour + times.dt.minute / 60,
    "sine of the hour": lambda times: np.sin(2 * np.pi * times.dt.hour / 24),
    "cosine of the hour": lambda times: np.cos(2 * np.pi * times.dt.hour / 24),
    "weekend": lambda times: (times.dt.day_of_week >= 5).astype(int),
}
"""Parts of a time that a feature may be."""


def _part_of_time(cases: Cases, name: str, time: str) -> str | None:
    """Which part of the time a column is, on rows of before; None where it is none."""
    rows = cases.like.of(np.arange(min(len(cases.like), MOST_LEARNED)))
    values, times = rows.column(name), rows.column(time)
    if name == time or not pd.api.types.is_numeric_dtype(values):
        return None
    numbers = values.to_numpy(dtype=float, na_value=np.nan)
    if np.nanmin(numbers, initial=np.inf) == np.nanmax(numbers, initial=-np.inf):
        return None
    for part, make in PARTS.items():
        if float(np.mean(np.isclose(make(times).to_numpy(dtype=float), numbers, atol=1e-6))) >= SAME:
            return part
    return None
