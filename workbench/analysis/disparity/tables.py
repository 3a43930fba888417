"""The tables of measures by group: a row per group, and a row per group and measure beside the reference group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import numpy as np
import pandas as pd

from workbench.analysis import stats
from workbench.analysis.disparity.counts import GroupCounts
from workbench.analysis.disparity.estimates import (
    Apart,
    CalibrationError,
    Estimate,
    Share,
    all_limits,
    distances,
    p_values,
)
from workbench.analysis.disparity.power import evidence_words, rows_needed
from workbench.analysis.disparity.reference import EVERYBODY_ELSE
from workbench.analysis.disparity.scores import BINS
from workbench.analysis.measures import SHARES
from workbench.result import SMALL_CELL

AnyEstimate = TypeVar("AnyEstimate", bound=Estimate)

FOUR_FIFTHS: Final = 0.8
"""29 CFR 1607.4(D); the other thresholds that practice uses stand in the policy profiles."""
FIXED_COLUMNS: Final = ("attributes", "group", "n", "suppressed", "where")
SHORTFALLS: Final = ("shortfall_pooled", "shortfall_reference", "shortfall_four_fifths")
"""To the rate of both groups together, to the reference's, to four fifths of the reference's."""
DISTANCE_COLUMNS: Final = (
    "measure", "group", "reference", "difference", "ratio", "low", "high", "p", "p_adjusted", "four_fifths",
    *SHORTFALLS, "people", "ratio_low", "ratio_high",
    "value", "reference_value", "n", "reference_n", "rows", "rows_needed", "evidence", "attributes", "where", "suppressed",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Level:
    """The groups of one attribute, or the intersections of several, with all that was measured of them.

    Attributes
    ----------
    counts
        Outcomes per group.
    estimates
        Measure to its estimate per group.
    reference
        Position of the reference group; None is everybody else.
    people
        Distinct ``row_id`` per group; None without that role.
    """

    counts: GroupCounts
    estimates: Mapping[str, Estimate]
    reference: int | None
    people: np.ndarray | None

    @property
    def name(self) -> str:
        """The attributes as text."""
        return ", ".join(self.counts.attributes)

    @property
    def compared(self) -> np.ndarray:
        """Positions of the groups that are held against the reference."""
        return np.asarray([place for place in range(len(self.counts.values)) if place != self.reference], dtype=int)

    @property
    def reference_label(self) -> str:
        """The reference group as text."""
        return EVERYBODY_ELSE if self.reference is None else self.counts.labels[self.reference]

    def other(self, estimate: AnyEstimate) -> AnyEstimate:
        """What the groups `compared` are held against, one by one."""
        if self.reference is None:
            return estimate.others().take(self.compared)
        return estimate.take(np.full(len(self.compared), self.reference))


def group_columns(attributes: Sequence[str], measures: Sequence[str]) -> dict[str, str]:
    """Attribute to its column in the table ``groups``: its own name, or ``NAME_2`` where the table uses that name itself."""
    taken = {*FIXED_COLUMNS, *(f"{measure}{end}" for measure in measures for end in ("", "_low", "_high", "_n"))}
    return {attribute: f"{attribute}_2" if attribute in taken else attribute for attribute in attributes}


def group_table(levels: Sequence[Level], attributes: Sequence[str], measures: Sequence[str], confidence: float) -> pd.DataFrame:
    """One row per group of every level."""
    columns = group_columns(attributes, measures)
    limits = iter(all_limits([level.estimates[measure] for level in levels for measure in measures], confidence))
    parts = []
    for level in levels:
        counts = level.counts
        part: dict[str, Any] = {columns[attribute]: _values_of(counts, attribute) for attribute in attributes}
        part |= {"group": np.asarray(counts.labels, dtype=object), "n": counts.n.astype(int)}
        for measure in measures:
            value, low, high = next(limits)
            people = level.estimates[measure].people().astype(int)
            part |= {measure: value, f"{measure}_low": low, f"{measure}_high": high, f"{measure}_n": people}
        part["suppressed"] = small_groups(level, measures)
        part["attributes"] = _repeated(level.name, len(counts.labels))
        part["where"] = np.asarray(counts.where, dtype=object)
        parts.append(part)
    named = {columns[attribute]: _typed([part[columns[attribute]] for part in parts]) for attribute in attributes}
    return pd.DataFrame(_stacked(parts) | named)


def _values_of(counts: GroupCounts, attribute: str) -> list[Any]:
    """The value of `attribute` per group; None where it is missing, and where the groups are not parted by it."""
    if attribute not in counts.attributes:
        return [None] * len(counts.values)
    place = counts.attributes.index(attribute)
    return [values[place] for values in counts.values]


def _typed(parts: Sequence[Sequence[Any]]) -> pd.Series[Any]:
    """One column of several levels; integers stay integers where others are missing."""
    values = [value for part in parts for value in part]
    return pd.Series(values, dtype=object if any(value is None for value in values) else None)


def _stacked(parts: Sequence[Mapping[str, Any]]) -> dict[str, np.ndarray]:
    """The columns of the parts, one below the other."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def small_groups(level: Level, measures: Sequence[str]) -> np.ndarray:
    """Whether a group, or the part of it that some measure speaks of, holds fewer than `SMALL_CELL` rows (but not none)."""
    sizes = np.stack([level.counts.n, *(level.estimates[measure].people() for measure in measures)])
    return np.asarray(_is_small(sizes).any(axis=0))


def distance_table(levels: Sequence[Level], measures: Sequence[str], confidence: float) -> pd.DataFrame:
    """One row per measure, and group that is not the reference; p-values adjusted by Holm over the whole table."""
    pairs = [(level.estimates[measure].take(level.compared), level.other(level.estimates[measure]))
             for level in levels for measure in measures]  # fmt: skip
    found = distances(pairs, confidence)
    tested = zip(pairs, found, p_values(found), strict=True)
    parts = []
    for level in levels:
        said = _groups_said(level)
        for measure, (pair, apart, p) in zip(measures, tested, strict=False):
            parts.append(said | _distance_columns(level, measure, pair, apart) | {"p": p})
    table = _stacked(parts)
    table |= {"p_adjusted": stats.holm(table["p"])}
    tests = max(int(np.count_nonzero(~np.isnan(table["p"]))), 1)
    judged = np.isin(table["measure"].astype(str), list(SHARES))
    rates = np.where(judged, table["reference_value"], np.nan)
    table["rows_needed"] = rows_needed(rates, table["reference_n"], (1 - confidence) / tests)
    table["evidence"] = evidence_words(table, 1 - confidence)
    if all(level.people is not None for level in levels):
        table["people"] = table["people"].astype(int)
    columns: dict[str, Any] = {name: table[name] for name in DISTANCE_COLUMNS}
    return pd.DataFrame(columns | {"evidence": pd.Series(table["evidence"], dtype=object)})


def _groups_said(level: Level) -> dict[str, np.ndarray]:
    """The columns that are the same for every measure, shape (groups compared,)."""
    at = level.compared
    size = len(at)
    return {
        "group": np.asarray(level.counts.labels, dtype=object)[at],
        "reference": _repeated(level.reference_label, size),
        "attributes": _repeated(level.name, size),
        "where": np.asarray(level.counts.where, dtype=object)[at],
        "rows": level.counts.n[at].astype(int),
        "people": _repeated(None, size) if level.people is None else level.people[at],
    }


def _distance_columns(level: Level, measure: str, pair: tuple[Estimate, Estimate], apart: Apart) -> dict[str, np.ndarray]:
    """The columns of one measure, shape (groups compared,)."""
    people, other_people = (estimate.people().astype(int) for estimate in pair)
    size = len(people)
    judged = measure == "selection_rate"
    return {
        "measure": _repeated(measure, size),
        "value": apart.value,
        "reference_value": apart.reference_value,
        "difference": apart.difference.value,
        "low": apart.difference.low,
        "high": apart.difference.high,
        "ratio": apart.ratio.value,
        "ratio_low": apart.ratio.low,
        "ratio_high": apart.ratio.high,
        "four_fifths": np.asarray([_meets(ratio) for ratio in apart.ratio.value], object) if judged else _repeated(None, size),
        **(shortfalls(level) if judged else {name: np.full(size, np.nan) for name in SHORTFALLS}),
        "n": people,
        "reference_n": other_people,
        "suppressed": _is_small(people) | _is_small(other_people) | _is_small(level.counts.n[level.compared]),
    }


def _repeated(value: object, size: int) -> np.ndarray:
    return np.full(size, value, dtype=object)


def _is_small(rows: np.ndarray) -> np.ndarray:
    return np.asarray((rows > 0) & (rows < SMALL_CELL))


def _meets(ratio: float) -> bool | None:
    return None if np.isnan(ratio) else bool(ratio >= FOUR_FIFTHS)


def shortfalls(level: Level) -> dict[str, np.ndarray]:
    """How many more of each group compared would have been selected at another rate: `SHORTFALLS`, in weighted rows.

    Negative where the group has more than that.
    """
    own = Share.of(level.counts, "selection_rate")
    other = level.other(own)
    own = own.take(level.compared)
    with np.errstate(all="ignore"):
        rates = (own.hits + other.hits) / (own.trials + other.trials), other.value(), FOUR_FIFTHS * other.hits / other.trials
    return {name: rate * own.trials - own.hits for name, rate in zip(SHORTFALLS, rates, strict=True)}


def reliability_table(levels: Sequence[Level], confidence: float) -> pd.DataFrame:
    """One row per group and bin of the score that holds rows: mean score, and observed rate with its Wilson interval."""
    parts = []
    for level in levels:
        estimate = level.estimates["ece"]
        if not isinstance(estimate, CalibrationError):
            continue
        curve = estimate.reliability
        groups, bins = np.nonzero(curve.rows)
        rows, weights = curve.rows[groups, bins], curve.weights[groups, bins]
        with np.errstate(all="ignore"):
            observed, scores = curve.positives[groups, bins] / weights, curve.scores[groups, bins] / weights
        low, high = stats.wilson(np.clip(observed, 0, 1) * rows, rows, confidence)
        parts.append({
            "measure": _repeated("ece", len(groups)),
            "group": np.asarray(level.counts.labels, dtype=object)[groups],
            "bin_low": bins / BINS, "bin_high": (bins + 1) / BINS, "n": rows.astype(int),
            "mean_score": scores, "observed": observed, "low": low, "high": high,
            "attributes": _repeated(level.name, len(groups)),
            "where": np.asarray(level.counts.where, dtype=object)[groups],
            "suppressed": _is_small(rows),
        })  # fmt: skip
    return pd.DataFrame(_stacked(parts))
