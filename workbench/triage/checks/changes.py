"""What the changes of a series amount to: a broken label, a worse model, a wrong unit, missing values, or the world moving.

Table ``changes`` of `workbench.analysis.integrity` has a row per change. A `Spell` is what a responder is told of: one level,
from its onset to the next change or on to the end, and the level it is held against.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from workbench.analysis import stats
from workbench.analysis.selection import correct_for_dating, correct_for_floor
from workbench.data.dataset import Dataset
from workbench.predicate import Comparison, Operand, Predicate
from workbench.result import Finding, Result
from workbench.triage.check import Context, graded, moment, percent

DEGENERATE = 0.02
"""A rate this close to 0 or 1 says that the column hardly measures anything any more."""
LEAST_RATE_CHANGE = 0.1
LEAST_LABEL_CHANGE = 0.2
LEAST_TIMES_RARER = 5.0
LEAST_LOST = 20.0
"""Rows of the rarer outcome that were to be expected and did not come, before their absence is told."""
LEAST_ERROR_CHANGE = 0.05
LEAST_ERROR_RATIO = 1.5
LEAST_ERROR_STEP = 0.02
"""An error rate that grows by `LEAST_ERROR_RATIO` is told from this step on."""
LEAST_MISSING_CHANGE = 0.05
LEAST_SPREADS = 0.5
LEAST_UNIT_RATIO = 10.0
LEAST_VOLUME_RATIO = 2.0
LEAST_PASSING_VOLUME_RATIO = 5.0
"""A volume that came back is told from here on: holidays and campaigns pass too, an outage stops nearly everything."""
RETURNED = 0.3
"""A level that ends this near to where it began, in parts of the step between, was a passing one."""
NO_SPREAD = 1e-9
"""A level below this part of the column's spread is rounding: the column stopped, and is in no other unit."""
OF_SPREAD = "the usual distance from the median"
SHARE_UNITS = ("base rate", "error rate", "missing share")


@dataclass(frozen=True)
class Spell:
    """One level of a series: since when, until when (None: to the end), and the level it is held against.

    `passing` says that the level came and went: `before` is then that of the rows on either side. `gradual` says that it took
    several steps to get there, which have no one onset.
    """

    series: str
    column: str
    onset: pd.Timestamp
    earliest: pd.Timestamp
    latest: pd.Timestamp
    end: pd.Timestamp | None
    settled: pd.Timestamp
    before: float
    after: float
    rows_before: float
    rows_after: float
    p: float
    spread: float
    identifiable: bool
    passing: bool = False
    gradual: bool = False

    @property
    def step(self) -> float:
        """How much the level moved."""
        return self.after - self.before

    @property
    def since(self) -> str:
        """When, in words that follow "from": ``2026-03-04 on``, ``2026-03-04 to 2026-03-09``, or how wide the guess is."""
        if not self.identifiable:
            return f"some time between {moment(self.earliest)} and {moment(self.latest)} on"
        return f"{moment(self.onset)} on" if self.end is None else f"{moment(self.onset)} to {moment(self.end)}"

    @property
    def against(self) -> str:
        """Where the other level holds."""
        return "outside" if self.passing else "before"


@dataclass(frozen=True)
class Judgement:
    """What a spell amounts to."""

    kind: str
    severity: str
    effect: float
    unit: str
    statement: str
    cause: str | None = None


def from_changes(result: Result, context: Context) -> list[Finding]:
    """A finding per spell above its floor."""
    table = result.tables.get("changes", pd.DataFrame())
    if table.empty:
        return []
    columns = result.tables["columns"]
    scales = set(columns.loc[columns["distinct"] > 2, "column"])
    findings = []
    for _, changes in table.groupby(["series", "column"], sort=False):
        told = [(spell, judge(spell, scaled=spell.column in scales)) for spell in spells(list(changes.itertuples()))]
        searched = int(str(result.numbers.get("series", 1)))
        findings += [_finding(spell, judged, context, searched) for spell, judged in _lasting(told)]
    return _units_once(findings)


def spells(changes: Sequence[Any]) -> list[Spell]:
    """The spells of one series, from its changes in order of time; a change that the next one undoes is one passing spell."""
    found: list[Spell] = []
    position = 0
    while position < len(changes):
        change = changes[position]
        after = changes[position + 1] if position + 1 < len(changes) else None
        spell = _spell(change, after)
        if after is not None and _undoes(change, after):
            spell = _passing(spell, after)
            position += 1
        found.append(spell)
        position += 1
    return found


def _spell(change: Any, after: Any | None) -> Spell:
    return Spell(
        change.series, change.column, change.onset, change.earliest, change.latest, None if after is None else after.onset,
        change.latest, float(change.before), float(change.after), float(change.rows_before), float(change.rows_after),
        float(change.p), float(change.spread), bool(change.identifiable),
    )  # fmt: skip


def _undoes(change: Any, after: Any) -> bool:
    step = change.after - change.before
    return bool(abs(after.after - change.before) <= RETURNED * abs(step))


def _passing(spell: Spell, after: Any) -> Spell:
    """The level between two changes, held against the rows on either side; p of the clearer end, for there are two."""
    rows = spell.rows_before + after.rows_after
    outside = (spell.before * spell.rows_before + after.after * after.rows_after) / rows
    p = min(1.0, 2 * min(spell.p, float(after.p)))
    return replace(spell, before=outside, rows_before=rows, p=p, settled=after.latest, passing=True)


def _lasting(told: Sequence[tuple[Spell, Judgement | None]]) -> Iterator[tuple[Spell, Judgement]]:
    """The spells above their floor; steps one way, each below it, count together: a slow drift is cut into such steps."""
    run: list[Spell] = []
    for spell, judged in told:
        if judged is not None:
            yield from _together(run)
            run = []
            yield spell, judged
        elif spell.passing or (run and run[-1].step * spell.step < 0):
            yield from _together(run)
            run = [] if spell.passing else [spell]
        else:
            run.append(spell)
    yield from _together(run)


def _together(run: Sequence[Spell]) -> Iterator[tuple[Spell, Judgement]]:
    if len(run) < 2:
        return
    first, last = run[0], run[-1]
    spell = replace(
        last, onset=first.onset, earliest=first.earliest, before=first.before, rows_before=first.rows_before,
        p=min(1.0, len(run) * min(step.p for step in run)), identifiable=False, gradual=True,
    )  # fmt: skip
    judged = judge(spell, scaled=False)
    if judged is not None:
        yield spell, judged


def judge(spell: Spell, *, scaled: bool) -> Judgement | None:
    """What a spell amounts to; None below its floor.

    Parameters
    ----------
    scaled
        The column has more than two values, so that another unit of measurement is possible.
    """
    if spell.series == "rate of error":
        return _judge_error(spell)
    if spell.series.startswith("rate of"):
        return _judge_vanished(spell) or _judge_rate(spell)
    if spell.series.startswith("missing share"):
        return _judge_missing(spell)
    if spell.series == "rows per day":
        return _judge_volume(spell)
    if spell.series.startswith("spread of"):
        return _judge_unit(spell) if scaled else None
    if abs(spell.step) < LEAST_SPREADS * spell.spread or not spell.spread:
        return None
    return (_judge_unit(spell) if scaled else None) or _judge_mean(spell)


def _judge_error(spell: Spell) -> Judgement | None:
    step = spell.step
    low, high = sorted((spell.before, spell.after))
    grown = abs(step) >= LEAST_ERROR_STEP and high >= LEAST_ERROR_RATIO * low
    if abs(step) < LEAST_ERROR_CHANGE and not grown:
        return None
    told = f"the error rate is {percent(spell.after)} from {spell.since}, against {percent(spell.before)} {spell.against}"
    # fewer errors are worth knowing, and nobody's emergency
    severity = graded(step, LEAST_ERROR_CHANGE, 0.15) if step > 0 else "low"
    return Judgement("drift", severity, step, "error rate", told)


def _judge_vanished(spell: Spell) -> Judgement | None:
    """A rate that came so near to 0 or 1 that one of the two outcomes is as good as gone."""
    was, now = (spell.before, spell.after) if spell.after < 0.5 else (1 - spell.before, 1 - spell.after)
    label = spell.series == "rate of label"
    large = label and abs(spell.step) >= LEAST_LABEL_CHANGE
    rarer = was >= LEAST_TIMES_RARER * now and (was - now) * spell.rows_after >= LEAST_LOST
    if now > DEGENERATE or not (large or rarer):
        return None
    if label:
        told = (
            f"{spell.column} is positive in {percent(spell.after)} of the rows from {spell.since}, against"
            f" {percent(spell.before)} {spell.against}: the outcome was cut off or its feed broke, and no rate that reads it can"
            " be trusted there"
        )
        dead = now * spell.rows_after < 1
        cause = "label delay" if spell.after < 0.5 else None
        return Judgement("integrity", "critical" if large or dead else "high", spell.step, "base rate", told, cause)
    nearly = now * spell.rows_after >= 1
    who = ("hardly anybody" if nearly else "nobody") if spell.after < 0.5 else ("nearly everybody" if nearly else "everybody")
    told = (
        f"{who} is predicted positive from {spell.since}: {percent(spell.after)} of the rows,"
        f" against {percent(spell.before)} {spell.against}"
    )
    return Judgement("drift", "high", spell.step, "share of positive predictions", told)


def _judge_rate(spell: Spell) -> Judgement | None:
    if abs(spell.step) < LEAST_RATE_CHANGE:
        return None
    what = "positive labels" if spell.series == "rate of label" else "positive predictions"
    told = f"the share of {what} is {percent(spell.after)} from {spell.since}, against {percent(spell.before)} {spell.against}"
    return Judgement("drift", graded(spell.step, LEAST_RATE_CHANGE, 0.2), spell.step, f"share of {what}", told)


def _judge_missing(spell: Spell) -> Judgement | None:
    if abs(spell.step) < LEAST_MISSING_CHANGE:
        return None
    told = f"{spell.column} is missing in {percent(spell.after)} of the rows from {spell.since}"
    told += f", against {percent(spell.before)} {spell.against}"
    # a column that fills up again is worth knowing, and nobody's emergency
    severity = graded(spell.step, LEAST_MISSING_CHANGE, 0.2) if spell.step > 0 else "low"
    return Judgement("integrity", severity, spell.step, "missing share", told, "nulls" if spell.step > 0 else None)


def _judge_volume(spell: Spell) -> Judgement | None:
    ratio = (spell.after + 1e-9) / (spell.before + 1e-9)
    if max(ratio, 1 / ratio) < (LEAST_PASSING_VOLUME_RATIO if spell.passing else LEAST_VOLUME_RATIO):
        return None
    told = f"{spell.after:,.1f} rows per day arrive from {spell.since}, against {spell.before:,.1f} {spell.against}"
    # more rows, or fewer, are no fault; that hardly any arrive is an outage
    severity = "medium" if ratio <= 1 / LEAST_PASSING_VOLUME_RATIO else "low"
    return Judgement("volume", severity, float(np.clip(ratio, 0, 1e6)) - 1, "relative change of rows per day", told)


def _judge_unit(spell: Spell) -> Judgement | None:
    """A mean or a spread that is another power of ten: the numbers are in another unit, or the decimal point moved."""
    if spell.before * spell.after <= 0 or min(abs(spell.before), abs(spell.after)) < NO_SPREAD * spell.spread:
        return None
    ratio = spell.after / spell.before
    if not (ratio >= LEAST_UNIT_RATIO or ratio <= 1 / LEAST_UNIT_RATIO):
        return None
    times = f"{ratio:,.3g} times as large as" if ratio > 1 else f"{1 / ratio:,.3g} times smaller than"
    what = "the mean" if spell.series.startswith("mean of") else OF_SPREAD
    told = (
        f"{spell.column} looks to be in another unit from {spell.since}: {what} is {spell.after:.4g},"
        f" {times} {spell.against} ({spell.before:.4g})"
    )
    return Judgement("integrity", "high", math.log10(ratio), "powers of ten", told, "unit error")


def _judge_mean(spell: Spell) -> Judgement:
    spreads = spell.step / spell.spread
    told = f"the mean of {spell.column} is {spell.after:.4g} from {spell.since}, against {spell.before:.4g} {spell.against}"
    return Judgement("drift", graded(spreads, LEAST_SPREADS, 1.0), spreads, "standard deviations", told)


def _finding(spell: Spell, judged: Judgement, context: Context, searched: int) -> Finding:
    subject = context.subject
    known_from = None if context.current is None or not context.current.has("time") else context.current.role("time").min()
    where = _when(spell, subject.require("time"))
    mask = where.mask(subject.frame)
    return Finding(
        kind=judged.kind,
        statement=judged.statement,
        columns=_read(spell, subject),
        where=str(subject.where & where),
        effect=judged.effect,
        unit=judged.unit,
        interval=_interval(spell, judged, searched),
        p=spell.p,
        support=int(mask.sum()),
        people=subject.people(mask),
        onset=spell.onset.isoformat() if spell.identifiable else None,
        onset_interval=(spell.earliest.isoformat(), spell.latest.isoformat()) if spell.identifiable else None,
        severity=judged.severity,
        standing=known_from is not None and bool(spell.settled < known_from),
        cause=judged.cause,
    )


def _when(spell: Spell, time: str) -> Predicate:
    bounds = [Comparison(Operand(time), ">=", spell.onset.to_pydatetime())]
    if spell.end is not None:
        bounds.append(Comparison(Operand(time), "<", spell.end.to_pydatetime()))
    return Predicate(tuple(bounds))


def _read(spell: Spell, subject: Dataset) -> tuple[str, ...]:
    """The columns the series reads."""
    if spell.series == "rate of error":
        return (subject.require("label"), subject.require("prediction"))
    return (spell.column,)


def _interval(spell: Spell, judged: Judgement, searched: int) -> tuple[float, float] | None:
    """95 % interval of a change of a share, its date having been searched for and its size been above a floor; else None."""
    if judged.unit not in SHARE_UNITS and not judged.unit.startswith("share of"):
        return None
    low, high = stats.newcombe(
        spell.after * spell.rows_after, spell.rows_after, spell.before * spell.rows_before, spell.rows_before
    )
    dated = correct_for_dating(judged.effect, (float(low), float(high)))
    return correct_for_floor(judged.effect, dated, _floor(spell, judged.unit), searched)


def _floor(spell: Spell, unit: str) -> float:
    """The step below which the spell would not be told, at the level it is held against; 0 where another rule tells it."""
    if unit == "error rate":
        ratio = LEAST_ERROR_RATIO - 1 if spell.step > 0 else 1 - 1 / LEAST_ERROR_RATIO
        return min(LEAST_ERROR_CHANGE, max(LEAST_ERROR_STEP, ratio * spell.before))
    floor = {"missing share": LEAST_MISSING_CHANGE, "base rate": 0.0}.get(unit, LEAST_RATE_CHANGE)
    return floor if abs(spell.step) >= floor else 0.0


def _units_once(findings: Sequence[Finding]) -> list[Finding]:
    """Without a spread in another unit where the mean of the same column already says so."""
    means = {finding.columns for finding in findings if finding.unit == "powers of ten" and OF_SPREAD not in finding.statement}
    return [finding for finding in findings if OF_SPREAD not in finding.statement or finding.columns not in means]
