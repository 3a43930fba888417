"""What a change is put down to, with its size in words: one function per stage."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np

from workbench.analysis import stats
from workbench.analysis.causes.outcomes import outcome_cause
from workbench.analysis.causes.relations import others_elsewhere, others_moved
from workbench.analysis.causes.root import Dated, Diagnosis
from workbench.analysis.causes.rows import TimedRows
from workbench.analysis.causes.samples import Samples, exchanged, factor, held_value, rewritten, samples_of, shifted, spike
from workbench.analysis.causes.scoring import decision_cause, score_cause
from workbench.analysis.causes.signals import ARRIVAL, COLUMN, DECISION, SCORE
from workbench.analysis.causes.thinned import thinned
from workbench.predicate import ALL_ROWS, Comparison, Operand, Predicate

ALTERED: Final = 1e-3
"""Largest p at which a column no longer goes with the others as before."""
HARDLY_ANY: Final = 0.01
FEW: Final = 30
"""Numbers of no more values may be codes."""


def diagnose(change: Dated, rows: TimedRows, residuals: dict[str, np.ndarray]) -> Diagnosis:
    """What `change` is put down to.

    Parameters
    ----------
    residuals
        Aspect of a signal to its values: what lies beyond the expected.
    """
    stage, aspect = change.signal.stage, change.signal.aspect
    if stage == ARRIVAL:
        return _clock(change, rows) if aspect.startswith("clock") else _repeated(change, rows)
    if stage == COLUMN:
        return _column(change, rows)
    if stage == SCORE:
        return Diagnosis(**score_cause(change, rows, residuals))
    if stage == DECISION:
        return Diagnosis(**decision_cause(change, rows))
    return Diagnosis(**outcome_cause(change, rows, residuals))


def _repeated(change: Dated, rows: TimedRows) -> Diagnosis:
    effect, interval, before, after = step(change, rows, change.signal.values)
    told = f"{percent(after)} of the rows repeat an earlier row, against {percent(before)} before"
    return Diagnosis("duplicated rows", told, effect, "share of rows", interval, abs(effect), harmful=effect > 0, local=False)


def _clock(change: Dated, rows: TimedRows) -> Diagnosis:
    """The turn of the clock that brings the later hours nearest to the former ones."""
    earlier = change.hit.inside & (rows.times < change.onset)
    before, after = (np.bincount(rows.hours[part], minlength=24).astype(float) for part in (earlier, change.affected))
    shares = before / max(1, before.sum()), after / max(1, after.sum())
    fits = [np.abs(np.roll(shares[0], turn) - shares[1]).sum() / 2 for turn in range(24)]
    turn = int(np.argmin(fits))
    turned = fits[turn] < 0.6 * fits[0]
    hours_off = turn if turn <= 12 else turn - 24
    distance = float(fits[0])
    if turned and hours_off:
        word = "later" if hours_off > 0 else "earlier"
        told = f"times lie {abs(hours_off)} hour{'s' if abs(hours_off) > 1 else ''} {word} in the day"
        return Diagnosis("shifted clock", told, float(hours_off), "hours", (hours_off - 1.0, hours_off + 1.0), distance)
    told = f"rows arrive at other hours of the day: {percent(distance)} of them would have to move"
    return Diagnosis("covariate shift", told, distance, "total variation", None, distance, harmful=False)


def _column(change: Dated, rows: TimedRows) -> Diagnosis:
    column = str(change.signal.column)
    if change.signal.aspect == "missing":
        return _missing(change, rows, column)
    samples = samples_of(change, rows, column)
    for find in (_exchanged_shares, _frozen, _factor, _spiked, _shifted):
        found = find(samples, column)
        if found is not None:
            return found
    found = _exchanged(change, rows, column) or _rewritten(samples, column)
    if found is not None:
        return found
    return _moved(change, rows, column)


def _missing(change: Dated, rows: TimedRows, column: str) -> Diagnosis:
    effect, interval, before, after = step(change, rows, change.signal.values)
    told = f"{column} is missing in {percent(after)} of the rows, against {percent(before)} before"
    return Diagnosis("nulls", told, effect, "missing share", interval, abs(effect), harmful=effect > 0)


def _frozen(samples: Any, column: str) -> Diagnosis | None:
    held = held_value(samples)
    if held is None:
        return None
    value, after, before = held
    told = f"{column} stands still at {shown(value)}: {percent(after)} of the rows hold it, against {percent(before)} before"
    return _grown("frozen column", told, samples, after, before)


def _factor(samples: Any, column: str) -> Diagnosis | None:
    found = factor(samples)
    if found is None:
        return None
    times, share = found
    as_large = f"{times:,.3g} times as large as" if times > 1 else f"{1 / times:,.3g} times smaller than"
    part = "" if share == 1 else f" in {percent(share)} of the rows"
    told = f"{column} looks to be in another unit{part}: its values are {as_large} before"
    before, after = (np.log10(np.abs(part[part != 0].to_numpy(dtype=float))) for part in (samples.before, samples.after))
    effect = float(np.log10(times))
    half = 1.96 * 1.25 * float(np.hypot(before.std() / np.sqrt(len(before)), after.std() / np.sqrt(len(after))))
    narrower = ALL_ROWS
    if share < 1:
        low, high = samples.before.quantile([0.001, 0.999])
        narrower = Predicate((Comparison(Operand(column), ">" if times > 1 else "<", float(high if times > 1 else low)),))
    return Diagnosis("unit error", told, effect, "powers of ten", (effect - half, effect + half), min(1.0, share), narrower)


def _spiked(samples: Any, column: str) -> Diagnosis | None:
    found = spike(samples)
    if found is None:
        return None
    value, after, before = found
    told = f"{column} is {shown(value)} in {percent(after)} of the rows, against {percent(before)} before, as a stand-in would be"
    return _grown("nulls", told, samples, after, before)


def _shifted(samples: Any, column: str) -> Diagnosis | None:
    """Numbers of few values that are all larger, or smaller, by one step; of many values the other columns tell."""
    step = shifted(samples) if samples.numbers and samples.before.nunique() <= FEW else None
    if step is None:
        return None
    told = f"{column} is {abs(step):.3g} {'higher' if step > 0 else 'lower'} than before, every value of it"
    spread = float(samples.before.std()) or 1.0
    return Diagnosis("training/serving skew", told, step, f"units of {column}", None, min(1.0, abs(step) / spread))


def _exchanged(change: Dated, rows: TimedRows, column: str) -> Diagnosis | None:
    """Two values exchanged, seen over all rows; within a part of them that only one was common in, it looks like a merger."""
    if not change.hit.used:
        return None
    late = rows.times >= change.onset
    whole = Samples(rows.frame[column][~late].dropna(), rows.frame[column][late].dropna())
    found = None if whole.numbers else rewritten(whole)
    return _rewritten(whole, column) if found is not None and found.swapped else None


def _exchanged_shares(samples: Any, column: str) -> Diagnosis | None:
    """Two values exchanged of which one is so frequent that the column seems to stand still."""
    return None if samples.numbers or exchanged(samples) is None else _rewritten(samples, column)


def _rewritten(samples: Any, column: str) -> Diagnosis | None:
    if samples.numbers and samples.before.nunique() > FEW:
        return None
    found = rewritten(samples)
    if found is None:
        return None
    if samples.numbers and not found.recoded and (min(found.gone) > found.into or max(found.gone) < found.into):
        side = "above" if min(found.gone) > found.into else "below"
        told = f"{column} piles up at {shown(found.into)}, as if cut off there: {percent(found.share)} of the rows lay {side}"
        interval = _newcombe(found.share, len(samples.after), 0.0, len(samples.before))
        return Diagnosis("training/serving skew", told, found.share, "share of rows", interval, min(1.0, 4 * found.share))
    words = ", ".join(shown(value) for value in found.gone[:3])
    if found.swapped:
        told = f"{column} has {' and '.join(map(shown, found.gone))} exchanged: together {percent(found.share)} of the rows"
    elif found.recoded:
        told = f"{column} writes {words} as {shown(found.into)}: it was {percent(found.share)} of the rows"
    else:
        told = f"{column} no longer tells {words} from {shown(found.into)}: it was {percent(found.share)} of the rows"
    low, high = _newcombe(found.share, len(samples.after), 0.0, len(samples.before))
    cause = "recoded values" if found.recoded else "merged values"
    return Diagnosis(cause, told, found.share, "share of rows", (low, high), found.share)


def _moved(change: Dated, rows: TimedRows, column: str) -> Diagnosis:
    """The column is distributed otherwise, and no rewriting explains it: fewer rows of a part, an altered column, others."""
    effect, interval, before, after = step(change, rows, change.signal.values)
    aspect, size = change.signal.aspect, abs(effect)
    if aspect == "repeat" and effect > 0 and _is_clipped(change, rows, column):
        told = f"{column} piles up at one end of its values, as if cut off there: {percent(after)} repeat the row before"
        return Diagnosis("training/serving skew", told, effect, "share of rows", interval, min(1.0, 4 * size))
    if aspect == "repeat" and effect > 0:
        told = _told_move(change, column, before, after)
        return Diagnosis("frozen column", told, effect, "share of rows", interval, size)
    dropped = thinned(change, rows, column)
    if dropped is not None:
        return dropped
    altered = _is_altered(change, rows, column)
    told = _told_move(change, column, before, after)
    if altered:
        return Diagnosis(
            "training/serving skew", f"{told}, and no longer goes with the other columns as it did", effect, _unit(aspect),
            interval, min(1.0, 4 * size),
        )  # fmt: skip
    source = _altered_source(change, rows, column)
    if source is not None:
        told = f"{source} no longer goes with the other columns as it did, {column} least of all"
        return Diagnosis("training/serving skew", told, effect, _unit(aspect), interval, min(1.0, 4 * size), column=source)
    return Diagnosis(
        "covariate shift", told, effect, _unit(aspect), interval, size, harmful=False, local=False
    )  # fmt: skip


def _is_clipped(change: Dated, rows: TimedRows, column: str) -> bool:
    """Whether hardly any of the later values lies beyond the most frequent of them."""
    after = samples_of(change, rows, column).after
    if not len(after):
        return False
    most = after.mode().iloc[0]
    return bool(min((after > most).mean(), (after < most).mean()) < HARDLY_ANY)


def _altered_source(change: Dated, rows: TimedRows, column: str) -> str | None:
    """The column among those that say where, which was itself altered: at its values the other columns are not as before."""
    whole = _everywhere(change, rows, column)
    return next((used for used in change.hit.used if _goes_otherwise(whole, rows, used)), None)


def _is_altered(change: Dated, rows: TimedRows, column: str) -> bool:
    """Whether at equal values of this column the others are not as before: where it changed, or everywhere, place included."""
    return _goes_otherwise(change, rows, column) or (
        bool(change.hit.used) and _goes_otherwise(_everywhere(change, rows), rows, column)
    )


def _goes_otherwise(change: Dated, rows: TimedRows, column: str) -> bool:
    return others_moved(change, rows, column) < ALTERED and not others_elsewhere(change, rows, column)


def _everywhere(change: Dated, rows: TimedRows, *left_out: str) -> Dated:
    """The change as if all rows were concerned, looked at without the columns `left_out`."""
    hit = replace(change.hit, inside=np.ones(rows.size, dtype=bool), used=left_out)
    return replace(change, hit=hit, affected=rows.times >= change.onset)


def _unit(aspect: str) -> str:
    units = {"value": "share of rows", "repeat": "share of rows", "relation": "standard deviations of the joint move"}
    return units.get(aspect, "share of the former range")


def _told_move(change: Dated, column: str, before: float, after: float) -> str:
    aspect = change.signal.aspect
    if aspect == "value":
        condition = change.signal.name.removeprefix("share of rows with ")
        return f"{condition} holds for {percent(after)} of the rows, against {percent(before)} before"
    if aspect == "relation":
        return f"{column} goes with the other columns {'less' if abs(after) < abs(before) else 'otherwise'} than before"
    if aspect == "spread":
        return f"the values of {column} lie {'farther apart' if after > before else 'closer together'} than before"
    if aspect == "repeat":
        return f"{column} repeats the value of the row before in {percent(after)} of the rows, against {percent(before)} before"
    told = f"on average above {percent(after)} of the log's values, against {percent(before)}"
    return f"{column} is {'higher' if after > before else 'lower'} than before ({told})"


def step(change: Dated, rows: TimedRows, values: np.ndarray) -> tuple[float, tuple[float, float], float, float]:
    """How far the mean of `values` moved in the rows concerned, its 95 % interval, and both levels."""
    known = ~np.isnan(values)
    earlier, later = change.hit.inside & (rows.times < change.onset) & known, change.affected & known
    a, b = values[earlier], values[later]
    if change.signal.model == "share":
        low, high = stats.newcombe(b.sum(), len(b), a.sum(), len(a))
        return float(b.mean() - a.mean()), (float(low), float(high)), float(a.mean()), float(b.mean())
    found = stats.welch(len(b), b.sum(), (b**2).sum(), len(a), a.sum(), (a**2).sum())
    ends = (float(found.interval.low), float(found.interval.high))
    return float(found.difference), ends, float(a.mean()), float(b.mean())


def percent(value: float) -> str:
    """A share in words."""
    return f"{100 * value:.1f} %"


def shown(value: Any) -> str:
    """A value as a person would write it."""
    plain = value.item() if hasattr(value, "item") else value
    return f'"{plain}"' if isinstance(plain, str) else f"{plain:g}" if isinstance(plain, int | float) else str(plain)


def _grown(cause: str, told: str, samples: Any, after: float, before: float) -> Diagnosis:
    """What a share of the rows that grew from `before` to `after` is put down to."""
    interval = _newcombe(after, len(samples.after), before, len(samples.before))
    return Diagnosis(cause, told, after - before, "share of rows", interval, after - before)


def _newcombe(after: float, size: int, before: float, size_before: int) -> tuple[float, float]:
    low, high = stats.newcombe(after * size, size, before * size_before, size_before)
    return float(low), float(high)
