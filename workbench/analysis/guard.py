"""Before any verdict on fairness: did the data themselves break, and when? Base rate, missing values and schema, by date.

A rate by group is a number about the breakage where the outcome was cut off, a column emptied or a value renamed on some day. So
these are looked for first, whoever is compared, and each one found says which numbers it undermines and which rows are sound.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pandas as pd
from scipy import special

from workbench.analysis.drift import column_kind, watched_columns
from workbench.analysis.measures import CONFUSION, share_flags
from workbench.analysis.onset import Change, locate_changes
from workbench.data.dataset import Dataset
from workbench.errors import RolesError
from workbench.predicate import Comparison, Operand, Predicate
from workbench.result import SMALL_CELL, Result, provenance

LEVEL: Final = 0.01
MOST_CHANGES: Final = 3
LEAST_BASE_STEP: Final = 0.2
"""A base rate that moves by less may well be the world; what moves by more in a day is first of all the data."""
ALL_BUT_GONE: Final = 0.02
TIMES_RARER: Final = 5.0
"""Or one outcome falls to `ALL_BUT_GONE` and was so many times more common."""
LEAST_MISSING_STEP: Final = 0.05
LEAST_TYPE_STEP: Final = 0.05
WAS_COMMON: Final = 0.01
"""A value is told as new or gone where it holds this share of the rows on its side."""
MOST_VALUES: Final = 100
LONGER: Final = 2.0
"""A value is new or gone only where it is away so many times as long as it ever was between two of its rows."""

COLUMNS: Final = (
    "what", "column", "value", "onset", "earliest", "latest", "before", "after", "rows_before", "rows_after", "p", "p_adjusted",
    "undermines", "sound", "statement", "suppressed",
)  # fmt: skip


@dataclass(frozen=True)
class Defect:
    """One thing that broke: what, in which column, between which times, from which share to which."""

    what: str
    column: str
    value: str | None
    onset: pd.Timestamp
    earliest: pd.Timestamp
    latest: pd.Timestamp
    before: float
    after: float
    rows_before: int
    rows_after: int
    p: float


def guard_data(dataset: Dataset) -> Result:
    """Look for defects of the data that any comparison of groups would mistake for a disparity.

    Parameters
    ----------
    dataset
        With the role ``time``; the columns looked at are label, prediction, score, features and groups. Rows count alike.

    Returns
    -------
    Result
        Table ``defects``, the largest step first: ``what`` (base rate, missing share, type, new value, lost value), ``column``,
        ``onset`` (first time of the new level) with its 95 % interval, share ``before`` and ``after``, rows of both levels, p
        (the best of all splits) and p after Bonferroni over all that was looked at, the measures it ``undermines``, the rows
        that are ``sound`` as a predicate, and a ``statement``.
        Table ``cuts``: rows and base rate on either side of each defect of the label, ``where`` being a predicate: before the
        day that surely is old, up to and with it, and from the onset on; ``suppressed`` where it is small, or differs from
        another by so little that their difference is.
        ``numbers``: ``rows``, ``checked`` (False without the role ``time``), ``looked_at`` (series), ``defects``.
    """
    checked = dataset.has("time")
    found, looked_at = _search(dataset) if checked else ([], 0)
    kept = [defect for defect in found if min(1.0, looked_at * defect.p) <= LEVEL]
    kept.sort(key=lambda defect: (defect.what != "base rate", -abs(defect.after - defect.before)))
    defects = pd.DataFrame([_row(defect, dataset, looked_at) for defect in kept], columns=list(COLUMNS))
    return Result(
        kind="guard",
        title="Defects of the data, before any verdict",
        tables={"defects": defects, "cuts": _cuts(dataset, kept)},
        numbers={"rows": dataset.rows, "checked": checked, "looked_at": looked_at, "defects": len(kept)},
        where=dataset.where,
        provenance=provenance({"roles": dataset.given.said()}, fingerprint=dataset.fingerprint),
    )


def _search(dataset: Dataset) -> tuple[list[Defect], int]:
    """All that moved, and how many series were looked at."""
    times = dataset.role("time").to_numpy(dtype="datetime64[us]")
    order = np.argsort(times, kind="stable")
    order = order[: len(times) - int(np.isnat(times).sum())]
    when = times[order]
    found: list[Defect] = []
    series = 0
    for what, column, values in _series(dataset):
        ordered = values[order]
        known = ~np.isnan(ordered)
        series += 1
        changes = locate_changes(when[known], ordered[known], level=LEVEL, most=MOST_CHANGES)
        found += [_defect(what, column, change) for change in changes if _matters(what, change)]
    for column in _texts(dataset):
        values_found, tried = _values_that_come_or_go(dataset.frame[column].iloc[order], column, when)
        found += values_found
        series += tried
    return found, series


def _series(dataset: Dataset) -> Iterator[tuple[str, str, np.ndarray]]:
    """Shares over time: positive labels, missing values per column, numbers among the texts of a column."""
    if dataset.has("label"):
        try:
            hit, among = share_flags(dataset, ["base_rate"])["base_rate"]
        except RolesError:
            hit, among = np.zeros(0, dtype=bool), np.zeros(0, dtype=bool)
        if len(hit):
            yield "base rate", dataset.require("label"), np.where(among, hit, np.nan)
    for column in watched_columns(dataset):
        absent = dataset.frame[column].isna().to_numpy(dtype=bool)
        if absent.any() and not absent.all():
            yield "missing share", column, absent.astype(float)
    for column in _texts(dataset):
        texts = dataset.frame[column]
        distinct = pd.Series(texts.dropna().unique())
        numeric = set(distinct[pd.to_numeric(distinct.astype(str), errors="coerce").notna()])
        if 0 < len(numeric) < len(distinct):
            yield "type", column, np.where(texts.isna(), np.nan, texts.isin(numeric)).astype(float)


def _texts(dataset: Dataset) -> list[str]:
    return [column for column in watched_columns(dataset) if column_kind(dataset.frame[column]) == "text"]


def _matters(what: str, change: Change) -> bool:
    step = abs(change.after - change.before)
    if what != "base rate":
        return step >= (LEAST_MISSING_STEP if what == "missing share" else LEAST_TYPE_STEP)
    rarer, was = min((change.after, change.before), (1 - change.after, 1 - change.before))
    return step >= LEAST_BASE_STEP or (rarer <= ALL_BUT_GONE and was >= TIMES_RARER * max(rarer, 1e-9) and was > ALL_BUT_GONE)


def _defect(what: str, column: str, change: Change) -> Defect:
    earliest, latest = (pd.Timestamp(end) for end in change.interval)
    return Defect(
        what, column, None, pd.Timestamp(change.onset), earliest, latest, change.before, change.after,
        int(change.n_before), int(change.n_after), change.p,
    )  # fmt: skip


def _values_that_come_or_go(series: pd.Series[Any], column: str, when: np.ndarray) -> tuple[list[Defect], int]:
    """Values of a column, in order of time, that are not seen before or after some date; and how many values were tried.

    At night, and on Sundays, other rows come: a value that is away for no longer than it often is (`LONGER`) is not gone.
    The p is that of all rows of a value lying on one side by chance: choose(rows beside, k) / choose(all rows, k). A value of
    share q on its side may have begun, or ended, up to ln(20) / q rows away from where it is seen (95 %).
    """
    codes, values = pd.factorize(series, use_na_sentinel=True)
    known = np.flatnonzero(codes >= 0)
    if not 1 < len(values) <= MOST_VALUES:
        return [], 0
    codes, when = codes[known], when[known]
    found = []
    for code, value in enumerate(values.tolist()):
        places = np.flatnonzero(codes == code)
        found += [
            defect for flip in (False, True) if (defect := _one_sided(column, str(value), places, when, flip=flip)) is not None
        ]
    return found, 2 * len(values)


def _one_sided(column: str, value: str, places: np.ndarray, when: np.ndarray, *, flip: bool) -> Defect | None:
    """A value that appears late, or (`flip`) that disappears early."""
    rows, hits = len(when), len(places)
    start = int(rows - 1 - places[-1] if flip else places[0])
    beside = rows - start
    share = hits / beside
    if start < SMALL_CELL or hits < SMALL_CELL or share < WAS_COMMON or not _is_long(places, when, flip=flip):
        return None
    chance = special.gammaln(beside + 1) - special.gammaln(beside - hits + 1)
    chance += special.gammaln(rows - hits + 1) - special.gammaln(rows + 1)
    slack = int(np.ceil(np.log(20) / share))
    if flip:
        last = int(places[-1])
        near, far = last, min(rows - 1, last + slack)
        onset = pd.Timestamp(when[min(last + 1, rows - 1)])
        ends, what, sides = (pd.Timestamp(when[near]), pd.Timestamp(when[far])), "lost value", (share, 0.0)
        counts = (beside, start)
    else:
        first = int(places[0])
        onset = pd.Timestamp(when[first])
        ends, what, sides = (pd.Timestamp(when[max(0, first - slack)]), onset), "new value", (0.0, share)
        counts = (start, beside)
    return Defect(what, column, value, onset, *ends, *sides, *counts, float(np.exp(min(0.0, chance))))


def _is_long(places: np.ndarray, when: np.ndarray, *, flip: bool) -> bool:
    """Whether a value is away for longer than its own rhythm, of days and weeks, lets it be."""
    seen = when[places]
    away = when[-1] - seen[-1] if flip else seen[0] - when[0]
    return bool(away > LONGER * np.diff(seen).max())


def _row(defect: Defect, dataset: Dataset, looked_at: int) -> dict[str, Any]:
    sound = _sound(defect, dataset)
    return {
        **{name: getattr(defect, name) for name in COLUMNS[:11]}, "p_adjusted": min(1.0, looked_at * defect.p),
        "undermines": ", ".join(_undermines(defect, dataset)), "sound": str(sound), "statement": _statement(defect),
        "suppressed": min(defect.rows_before, defect.rows_after) < SMALL_CELL,
    }  # fmt: skip


def _sound(defect: Defect, dataset: Dataset) -> Predicate:
    """The side of the onset that is less likely the broken one: with less missing, both outcomes, or else more rows."""
    time = dataset.require("time")
    if defect.what == "missing share":
        after_is_sound = defect.after < defect.before
    elif defect.what == "base rate":
        after_is_sound = min(defect.before, 1 - defect.before) < min(defect.after, 1 - defect.after)
    else:
        after_is_sound = defect.rows_after > defect.rows_before
    return _since(time, defect.onset) if after_is_sound else _until(time, defect.onset)


def _until(time: str, moment: pd.Timestamp) -> Predicate:
    return Predicate((Comparison(Operand(time), "<", _plain(moment)),))


def _since(time: str, moment: pd.Timestamp) -> Predicate:
    return Predicate((Comparison(Operand(time), ">=", _plain(moment)),))


def _plain(moment: pd.Timestamp) -> dt.datetime:
    return moment.to_pydatetime()


def _undermines(defect: Defect, dataset: Dataset) -> Sequence[str]:
    """The numbers that read the column."""
    roles = dataset.roles
    readers: list[str] = []
    if defect.column == roles.label:
        readers += ["base_rate", *CONFUSION]
    if defect.column == roles.prediction:
        readers += ["selection_rate", *CONFUSION]
    if defect.column == roles.score:
        readers += ["mean_score", "calibration", "thresholds"]
    if defect.column in roles.groups:
        readers += [f"every comparison by {defect.column}"]
    return list(dict.fromkeys(readers)) or ["whatever the model decides by it"]


def _statement(defect: Defect) -> str:
    step = f"from {100 * defect.before:.1f} % to {100 * defect.after:.1f} %"
    days = f"between {_moment(defect.earliest)} and {_moment(defect.latest)}"
    value = f"{defect.column} = {defect.value}"
    told = {
        "base rate": f"the base rate ({defect.column}) goes {step} {days}",
        "missing share": f"missing values of {defect.column} go {step} {days}",
        "type": f"numbers among the texts of {defect.column} go {step} {days}",
        "new value": f"{value} is first seen on {_moment(defect.onset)}, then in {100 * defect.after:.1f} %",
        "lost value": f"{value} held {100 * defect.before:.1f} %, not seen since {_moment(defect.earliest)}",
    }
    return told[defect.what]


def _moment(time: pd.Timestamp) -> str:
    return time.strftime("%Y-%m-%d" if time == time.normalize() else "%Y-%m-%d %H:%M")


def _cuts(dataset: Dataset, defects: Sequence[Defect]) -> pd.DataFrame:
    """Rows and base rate on either side of each defect of the label."""
    rows: list[dict[str, Any]] = []
    concerned = [defect for defect in defects if defect.column == dataset.roles.label and defect.value is None]
    if concerned and dataset.has("label"):
        time = dataset.require("time")
        hit, among = share_flags(dataset, ["base_rate"])["base_rate"]
        for defect in concerned:
            for where in (_until(time, defect.earliest), _until(time, defect.onset), _since(time, defect.onset)):
                inside = where.mask(dataset.frame)
                labelled = int((inside & among).sum())
                rate = float((inside & hit).sum() / labelled) if labelled else np.nan
                rows.append({"where": str(where), "rows": int(inside.sum()), "base_rate": rate})
    table = pd.DataFrame(rows, columns=["where", "rows", "base_rate"]).drop_duplicates(ignore_index=True)
    sizes = table["rows"].to_numpy()
    return table.assign(
        suppressed=[any(0 < abs(size - other) < SMALL_CELL for other in (0, *sizes[at + 1 :])) for at, size in enumerate(sizes)]
    )


def require_sound(dataset: Dataset, guard: Result) -> Dataset:
    """The rows that every defect found leaves sound, as a selection of `dataset`."""
    sound = replace(dataset)
    for text in guard.tables["defects"]["sound"]:
        sound = sound.select(Predicate.parse(text))
    return sound
