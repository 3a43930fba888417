"""Since when does a disparity stand? Each measure of two groups by time, its changes with how well they are dated, and alarms.

The changes are those of the contrast between the groups (`workbench.analysis.contrast`), dated by
`workbench.analysis.onset.trace_changes`: never one bare date, but an interval, the likelihood of every other onset, and "no date
identifiable" where that is flat. Deploys, schema changes and new model versions are laid beside; that one falls into an interval
says where to look first, not what caused the change.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from workbench.analysis import stats
from workbench.analysis.alarms import FOUR_FIFTHS, PARITY, Bounds, watch
from workbench.analysis.contrast import (
    PERIODS,
    Bins,
    Scale,
    coarsen,
    contrast,
    count_hours,
    is_fine_enough,
    least_precision,
)
from workbench.analysis.disparity.counts import effective_sample
from workbench.analysis.measures import LABELS, available_measures, share_flags
from workbench.analysis.onset import WITHIN, Traced, trace_changes
from workbench.analysis.onset.series import MOST_POINTS
from workbench.analysis.pairs import Pair, choose_pair
from workbench.data.dataset import Dataset
from workbench.errors import InputError, UnknownNameError
from workbench.predicate import Predicate
from workbench.result import SMALL_CELL, Result, provenance
from workbench.result.cells import hide

Flags = dict[str, tuple[np.ndarray, np.ndarray]]
SCALES: Final[tuple[Scale, ...]] = ("difference", "ratio")
DEFAULT: Final = ("selection_rate", "fpr", "fnr", "ppv")
MOST_PERIODS: Final = 120
READABLE: Final = 20.0
"""Rows that the smaller group has in a usual period of the timeline; shorter ones would be all band."""
LEVEL: Final = 0.05
NO_DATE: Final = "no date identifiable"
_MEND: Final = "Compare other groups, or mend the role time."

CHANGES = (
    "measure", "scale", "change", "onset", "earliest", "latest", "before", "after", "p", "p_adjusted", "dispersion",
    "identifiable", "events", "statement",
)  # fmt: skip
PROFILE = ("measure", "scale", "change", "time", "shortfall", "inside", "suppressed")


def disparity_over_time(
    dataset: Dataset,
    attribute: str | None = None,
    *,
    group: object = None,
    reference: object = "most favored",
    measures: Sequence[str] | None = None,
    every: str | None = None,
    events: pd.DataFrame | None = None,
    before: Predicate | None = None,
    current: Predicate | None = None,
    most: int = 4,
    confidence: float = 0.95,
) -> Result:
    """Follow the distance between two groups over time.

    Parameters
    ----------
    dataset
        With the role ``time``. Weights count in every rate, interval and date (Kish's effective size); in the alarms, whose
        promise holds for counts alone, rows count alike.
    attribute, group, reference
        Whom to hold against whom, see `workbench.analysis.pairs.choose_pair`.
    measures
        Shares such as ``fpr``; None: those of `DEFAULT` that the roles allow. One that either group has no rows for is left out
        and named in the number ``left_out``.
    every
        Period of the timeline: hour, day, week, month, quarter or year; None: the shortest that is readable.
    events
        Columns ``time`` and ``event``: deploys, schema changes. The first row of each model version is added.
    before, current
        Two windows. With ``before`` the alarms watch whether the gap leaves what that window showed; without it, parity.
    most
        Largest number of changes told of one series.

    Returns
    -------
    Result
        Table ``timeline``: one row per measure and period: ``start, rows, rows_reference`` (denominators), ``value,
        reference_value, difference`` with ``_low, _high`` (Newcombe), ``ratio`` with ``_low, _high`` (MOVER), ``suppressed``.
        Table ``changes``: one row per measure, scale and change, in order of time: the change came after ``earliest`` and no
        later than ``latest`` (95 %), ``onset`` is the likeliest (missing where no date is identifiable), levels before and
        after, p (the best of all splits) and p after Bonferroni over all series, names of the ``events`` in the interval.
        Table ``profile``: one row per change and scanned onset: ``shortfall``, twice the log-likelihood below the best;
        ``inside`` the 95 % interval or not. Table ``summary``: a ``statement`` per measure and scale, also where none changed.
        Table ``alarms``: one row per measure and rule: the first ``time`` at which it could have been raised (missing if
        never), p now; valid however often one looked. Table ``looks``: the evidence after each look. In both running tables a
        row is ``suppressed`` where fewer than ten rows of either group came since the last one shown. Table ``events``. With
        two windows, table ``windows``: both gaps, their change with interval and p.

    Raises
    ------
    InputError
        If the groups never have rows in the same period.
    """
    pair = choose_pair(dataset, attribute, group=group, reference=reference)
    wanted = _measures(dataset, measures)
    flags = share_flags(dataset, wanted)
    times = dataset.role("time").to_numpy(dtype="datetime64[us]")
    told = _events(dataset, times, events)
    weights = dataset.weights if dataset.has("weight") else None
    hours = _hours(times, pair, flags, weights)
    flags = {measure: flags[measure] for measure in hours}
    fine = _finest(hours, pair)
    shown = every or _readable(hours)
    changes, profile, summary = _changes({measure: coarsen(bins, fine) for measure, bins in hours.items()}, told, pair, most)
    windows = {name: where.mask(dataset.frame) for name, where in (("before", before), ("current", current)) if where is not None}
    alarms, looks = _alarms(times, fine, pair, flags, windows)
    tables = {
        "timeline": _timeline(hours, shown, confidence), "changes": changes, "profile": profile, "summary": summary,
        "alarms": alarms, "looks": looks, "events": told,
    }  # fmt: skip
    if len(windows) == 2:
        tables["windows"] = _windows(pair, flags, windows, confidence, weights)
    arguments = {
        **pair.said(), "measures": wanted, "every": every, "most": most, "confidence": confidence, "roles": dataset.given.said(),
        "before": None if before is None else str(before), "current": None if current is None else str(current),
    }  # fmt: skip
    return Result(
        kind="disparity_time",
        title=f"{pair.group} against {pair.reference} over time",
        tables=tables,
        numbers={
            "rows": dataset.rows,
            "rows_without_time": int(np.isnat(times).sum()),
            "period": shown,
            "dated_by": fine,
            "left_out": ", ".join(measure for measure in wanted if measure not in hours),
        },
        where=dataset.where,
        provenance=provenance(arguments, fingerprint=dataset.fingerprint),
    )


def _measures(dataset: Dataset, measures: Sequence[str] | None) -> tuple[str, ...]:
    allowed = available_measures(dataset)
    if measures is None:
        return tuple(measure for measure in DEFAULT if measure in allowed) or allowed[:1]
    if unknown := [measure for measure in measures if measure not in allowed]:
        raise UnknownNameError("measure that these roles allow", unknown[0], allowed)
    return tuple(measures)


def _events(dataset: Dataset, times: np.ndarray, events: pd.DataFrame | None) -> pd.DataFrame:
    """The events given and the first row of each model version but the first, in order of time."""
    parts = []
    if events is not None:
        if absent := {"time", "event"} - set(events.columns):
            do = "Give a table with the columns time and event."
            raise InputError("events lack a column", min(absent), do)
        parts.append(pd.DataFrame({"time": pd.to_datetime(events["time"]), "event": events["event"].astype(str)}))
    if dataset.has("model_version"):
        first = pd.Series(times, index=dataset.role("model_version").astype("str")).groupby(level=0).min().sort_values()[1:]
        parts.append(pd.DataFrame({"time": first.to_numpy(), "event": [f"model version {name}" for name in first.index]}))
    if not parts:
        return pd.DataFrame({"time": pd.to_datetime([]), "event": pd.Series([], dtype="str")})
    return pd.concat(parts, ignore_index=True).dropna(subset="time").sort_values("time", ignore_index=True)


def _hours(times: np.ndarray, pair: Pair, flags: Flags, weights: np.ndarray | None) -> dict[str, Bins]:
    """The hourly counts of each measure that both groups have rows for."""
    counted = {measure: count_hours(times, (pair.inside, pair.outside), *flag, weights) for measure, flag in flags.items()}
    hours = {measure: bins for measure, bins in counted.items() if bins.trials.any(axis=1).all()}
    if not hours:
        raise InputError("no dated rows of both groups that a measure is the rate of", ", ".join(flags), _MEND)
    return hours


def _finest(hours: dict[str, Bins], pair: Pair) -> str:
    """The shortest period that nearly always holds both groups, and of which there are no more than can be scanned.

    Not the hour where rows carry a date only.
    """
    daily = all(len(bins.starts) == len(coarsen(bins, "day").starts) for bins in hours.values())
    for period in list(PERIODS)[daily:]:
        counted = [coarsen(bins, period) for bins in hours.values()]
        if all(is_fine_enough(bins) and len(bins.starts) <= MOST_POINTS for bins in counted):
            return period
    raise InputError("two groups without rows in the same year", f"{pair.group} and {pair.reference}", _MEND)


def _readable(hours: dict[str, Bins]) -> str:
    """The shortest period of which there are few enough, each with enough rows of the smaller group for every measure."""
    for period in PERIODS:
        counted = [coarsen(bins, period) for bins in hours.values()]
        if all(len(bins.starts) <= MOST_PERIODS and np.median(bins.rows.min(axis=0)) >= READABLE for bins in counted):
            return period
    return "year"


def _timeline(hours: dict[str, Bins], period: str, confidence: float) -> pd.DataFrame:
    if period not in PERIODS:
        raise UnknownNameError("period", period, PERIODS)
    return pd.concat([_periods(name, coarsen(bins, period), confidence) for name, bins in hours.items()], ignore_index=True)


def _periods(measure: str, bins: Bins, confidence: float) -> pd.DataFrame:
    (k1, k2), (n1, n2) = bins.effective.hits, bins.effective.trials
    rows, others = bins.rows
    with np.errstate(divide="ignore", invalid="ignore"):
        value, other = k1 / n1, k2 / n2
        ratio = value / other
    low, high = stats.newcombe(k1, n1, k2, n2, confidence)
    ratio_low, ratio_high = stats.ratio_interval(k1, n1, k2, n2, confidence)
    hidden = np.array(hide(rows.tolist())) | np.array(hide(others.tolist()))
    return pd.DataFrame({
        "measure": measure, "start": bins.starts, "rows": rows.astype(int), "rows_reference": others.astype(int), "value": value,
        "reference_value": other, "difference": value - other, "difference_low": low, "difference_high": high, "ratio": ratio,
        "ratio_low": ratio_low, "ratio_high": ratio_high, "suppressed": hidden,
    })  # fmt: skip


def _changes(
    bins: dict[str, Bins], events: pd.DataFrame, pair: Pair, most: int
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    rows: list[dict[str, Any]] = []
    profiles: list[pd.DataFrame] = []
    summary: list[dict[str, Any]] = []
    series = len(bins) * len(SCALES)
    for measure, counted in bins.items():
        for scale in SCALES:
            values, precision = contrast(counted.effective, scale)
            traced = trace_changes(
                counted.paired.starts, values, precision, model="estimate", level=LEVEL / series, most=most,
                min_segment=least_precision(counted.effective, precision),
            )  # fmt: skip
            told = [
                _change(measure, scale, number, trace, events=events, series=series) for number, trace in enumerate(traced, 1)
            ]
            rows += told
            profiles += [_profile(measure, scale, number, trace, counted) for number, trace in enumerate(traced, 1)]
            level = float(np.average(values, weights=precision))
            summary.append(_summary(measure, scale, pair, level, told))
    profile = (
        pd.concat(profiles, ignore_index=True)
        if profiles
        else pd.DataFrame(columns=["measure", "scale", "change", "time", "shortfall", "inside"])
    )
    return pd.DataFrame(rows, columns=list(CHANGES)), profile, pd.DataFrame(summary)


def _change(measure: str, scale: Scale, number: int, trace: Traced, *, events: pd.DataFrame, series: int) -> dict[str, Any]:
    found = trace.change
    earliest, latest = (pd.Timestamp(end) for end in found.interval)
    near = events[(events["time"] >= earliest) & (events["time"] < latest + _day(trace))]["event"].tolist()
    dated = f"after {_moment(earliest)} and by {_moment(latest)} (95 %), most likely on {_moment(pd.Timestamp(found.onset))}"
    when = dated if found.identifiable else NO_DATE
    told = f"{LABELS[measure]}, {scale}: from {found.before:.3g} to {found.after:.3g}, {when}"
    return {
        "measure": measure, "scale": scale, "change": number,
        "onset": pd.Timestamp(found.onset) if found.identifiable else pd.NaT, "earliest": earliest, "latest": latest,
        "before": found.before, "after": found.after, "p": found.p,
        "p_adjusted": min(1.0, series * found.p), "dispersion": found.dispersion, "identifiable": found.identifiable,
        "events": "; ".join(near), "statement": f"{told}; in the interval: {', '.join(near)}" if near else told,
    }  # fmt: skip


def _day(trace: Traced) -> pd.Timedelta:
    """The length of the shortest bin: what happens within the last bin of an interval lies in it."""
    gaps = np.diff(trace.times)
    return pd.Timedelta(gaps.min()) if len(gaps) else pd.Timedelta(days=1)


def _profile(measure: str, scale: Scale, number: int, trace: Traced, bins: Bins) -> pd.DataFrame:
    at = np.searchsorted(bins.starts, trace.times)
    columns = {"measure": measure, "scale": scale, "change": number, "time": trace.times, "shortfall": trace.shortfall}
    return pd.DataFrame(columns | {"inside": trace.shortfall <= WITHIN, "suppressed": _steps_too_small(bins.rows)[at]})


def _steps_too_small(trials: np.ndarray) -> np.ndarray:
    """Which of a series of running numbers not to show: a step between two that are shown stands for ten rows of either group."""
    small, since = np.ones(trials.shape[1], dtype=bool), np.zeros(2)
    for at in range(trials.shape[1]):
        since += trials[:, at]
        if (since >= SMALL_CELL).all():
            small[at], since = False, np.zeros(2)
    return small


def _summary(measure: str, scale: Scale, pair: Pair, level: float, changes: list[dict[str, Any]]) -> dict[str, Any]:
    who = f"{pair.group} against {pair.reference}, {LABELS[measure]}, {scale}"
    if not changes:
        statement = f"{who}: no change found; {level:.3g} throughout"
    else:
        statement = f"{who}: {len(changes)} change{'s' if len(changes) > 1 else ''}"
        dated = sum(change["identifiable"] for change in changes)
        statement += "" if dated == len(changes) else f", {NO_DATE} for {len(changes) - dated}"
    return {"measure": measure, "scale": scale, "changes": len(changes), "level": level, "statement": statement}


def _alarms(
    times: np.ndarray, period: str, pair: Pair, flags: Flags, windows: dict[str, np.ndarray]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    watched = windows.get("current", ~windows["before"] if "before" in windows else np.ones(len(times), dtype=bool))
    rows, looks = [], []
    for measure, (hit, among) in flags.items():
        bins = coarsen(count_hours(times, (pair.inside & watched, pair.outside & watched), hit, among), period)
        for rule, bounds, level in _rules(measure, pair, (hit, among), windows):
            seen = watch(bins.hits, bins.trials, bounds, level=level)
            raised = pd.NaT if seen.alarm is None else pd.Timestamp(bins.starts[seen.alarm])
            rows.append({
                "measure": measure, "rule": rule, "low": bounds.low, "high": bounds.high, "factor": bounds.factor, "level": level,
                "looks": len(bins.starts), "time": raised, "p": float(seen.p[-1]) if len(seen.p) else np.nan,
            })  # fmt: skip
            columns = {"measure": measure, "rule": rule, "time": bins.starts, "log_evidence": seen.log_evidence, "p": seen.p}
            looks.append(pd.DataFrame(columns | {"suppressed": _steps_too_small(bins.trials)}))
    return pd.DataFrame(rows), pd.concat(looks, ignore_index=True)


def _rules(
    measure: str, pair: Pair, flags: tuple[np.ndarray, np.ndarray], windows: dict[str, np.ndarray]
) -> list[tuple[str, Bounds, float]]:
    """What is watched: parity (and four fifths of a selection rate); with a window before, the gap that it allows.

    That gap is known only to within an interval, so half of the error is spent there (97.5 %) and half on the watch.
    """
    if "before" in windows:
        low, high = (float(end) for end in stats.newcombe(*_four(pair, flags, windows["before"]), 1 - LEVEL / 2))
        return [] if np.isnan(low) else [("gap as before", Bounds(low, high), LEVEL / 2)]
    rules = [("parity", PARITY, LEVEL)]
    return [*rules, ("four fifths", FOUR_FIFTHS, LEVEL)] if measure == "selection_rate" else rules


def _four(
    pair: Pair, flags: tuple[np.ndarray, np.ndarray], window: np.ndarray, weights: np.ndarray | None = None
) -> tuple[float, float, float, float]:
    """Hits and trials of the group and of the reference in a window, as equally weighted rows."""
    hit, among = flags
    found: list[float] = []
    for side in (pair.inside, pair.outside):
        rows = side & window & among
        each = rows.astype(float) if weights is None else np.where(rows, weights, 0.0)
        sums = (np.asarray(part.sum()) for part in (each * hit, each, each**2))
        found += [float(part) for part in effective_sample(*sums)]
    return found[0], found[1], found[2], found[3]


def _windows(
    pair: Pair, flags: Flags, windows: dict[str, np.ndarray], confidence: float, weights: np.ndarray | None
) -> pd.DataFrame:
    """Both windows' gaps, and how the gap changed."""
    rows = []
    for measure, flag in flags.items():
        was, now = (_four(pair, flag, windows[name], weights) for name in ("before", "current"))
        people = {name: [int((side & flag[1] & windows[name]).sum()) for side in (pair.inside, pair.outside)] for name in windows}
        moved = stats.difference_of_differences(was, now, confidence)
        row: dict[str, Any] = {"measure": measure}
        for name, four in (("before", was), ("current", now)):
            low, high = stats.newcombe(*four, confidence)
            with np.errstate(divide="ignore", invalid="ignore"):
                first, second = np.divide(four[0], four[1]), np.divide(four[2], four[3])
                row |= {f"difference_{name}": float(first - second), f"ratio_{name}": float(first / second)}
            row |= {
                f"difference_{name}_low": float(low),
                f"difference_{name}_high": float(high),
                f"rows_{name}": sum(people[name]),
            }
        low, high = moved.interval
        row |= {"change": float(moved.change), "change_low": float(low), "change_high": float(high), "p": float(moved.p)}
        rows.append(row | {"suppressed": min(map(min, people.values())) < SMALL_CELL})
    table = pd.DataFrame(rows)
    return table.assign(p_adjusted=stats.holm(table["p"].to_numpy(dtype=float)))


def _moment(time: pd.Timestamp) -> str:
    return time.strftime("%Y-%m-%d" if time == time.normalize() else "%Y-%m-%d %H:%M")
