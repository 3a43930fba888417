"""The tables of measures by group: a row per group, and a row per group and measure beside the reference group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from workbench.analysis import stats
from workbench.analysis.disparity.counts import GroupCounts
from workbench.analysis.disparity.estimates import Apart, CalibrationError, Estimate, p_values
from workbench.analysis.disparity.power import evidence_words, rows_needed
from workbench.analysis.disparity.reference import EVERYBODY_ELSE
from workbench.analysis.disparity.scores import BINS
from workbench.analysis.measures import SHARES
from workbench.result import SMALL_CELL

FOUR_FIFTHS: Final = 0.8
"""29 CFR 1607.4(D); the other thresholds that practice uses stand in the policy profiles."""
FIXED_COLUMNS: Final = ("attributes", "group", "n", "suppressed", "where")
DISTANCE_COLUMNS: Final = (
    "measure", "group", "reference", "difference", "ratio", "low", "high", "p", "p_adjusted", "four_fifths",
    "shortfall_pooled", "shortfall_reference", "shortfall_four_fifths", "people", "ratio_low", "ratio_high",
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

    def other(self, estimate: Estimate) -> Estimate:
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
    tables = []
    for level in levels:
        counts = level.counts
        part: dict[str, Any] = {}
        for attribute in attributes:
            place = counts.attributes.index(attribute) if attribute in counts.attributes else None
            part[columns[attribute]] = [None if place is None else values[place] for values in counts.values]
        part["group"] = list(counts.labels)
        part["n"] = counts.n.astype(int)
        for measure in measures:
            estimate = level.estimates[measure]
            value, low, high = estimate.limits(confidence)
            part |= {
                measure: value,
                f"{measure}_low": low,
                f"{measure}_high": high,
                f"{measure}_n": estimate.people().astype(int),
            }
        part["suppressed"] = small_groups(level, measures)
        part["attributes"] = level.name
        part["where"] = list(counts.where)
        tables.append(part)
    joined = {name: _joined([part[name] for part in tables], [len(part["where"]) for part in tables]) for name in tables[0]}
    return pd.DataFrame(joined)


def _joined(parts: Sequence[Any], sizes: Sequence[int]) -> pd.Series[Any]:
    """One column of several levels; integers stay integers where others are missing."""
    values = [
        value for part, size in zip(parts, sizes, strict=True) for value in ([part] * size if isinstance(part, str) else part)
    ]
    return pd.Series(values, dtype=object if any(value is None for value in values) else None)


def small_groups(level: Level, measures: Sequence[str]) -> np.ndarray:
    """Whether a group, or the part of it that some measure speaks of, holds fewer than `SMALL_CELL` rows (but not none)."""
    sizes = np.stack([level.counts.n, *(level.estimates[measure].people() for measure in measures)])
    return np.asarray(_is_small(sizes).any(axis=0))


def distance_table(levels: Sequence[Level], measures: Sequence[str], confidence: float) -> pd.DataFrame:
    """One row per measure, and group that is not the reference; p-values adjusted by Holm over the whole table."""
    pairs = [(level, measure) for level in levels for measure in measures]
    distances = [_apart(level, measure, confidence) for level, measure in pairs]
    parts = [
        {**_distances(level, measure, apart), "p": p}
        for (level, measure), apart, p in zip(pairs, distances, p_values(distances), strict=True)
    ]
    table = pd.DataFrame({name: np.concatenate([part[name] for part in parts]) for name in parts[0]})
    table["p_adjusted"] = stats.holm(table["p"].to_numpy(dtype=float))
    tests = max(int(table["p"].notna().sum()), 1)
    judged = table["measure"].isin(list(SHARES))
    table["rows_needed"] = rows_needed(table["reference_value"].where(judged), table["reference_n"], (1 - confidence) / tests)
    table["evidence"] = evidence_words(table, 1 - confidence)
    table["people"] = table["people"].astype(object if table["people"].isna().any() else int)
    return table[list(DISTANCE_COLUMNS)]


def _apart(level: Level, measure: str, confidence: float) -> Apart:
    estimate = level.estimates[measure]
    return estimate.take(level.compared).against(level.other(estimate), confidence)


def _distances(level: Level, measure: str, apart: Apart) -> dict[str, np.ndarray]:
    """Column to its values, shape (groups compared,)."""
    estimate, at = level.estimates[measure], level.compared
    own, other = estimate.take(at), level.other(estimate)
    people, other_people, rows = own.people().astype(int), other.people().astype(int), level.counts.n[at].astype(int)
    judged, size = measure == "selection_rate", len(at)
    return {
        "measure": _repeated(measure, size),
        "group": np.asarray([level.counts.labels[place] for place in at], dtype=object),
        "reference": _repeated(level.reference_label, size),
        "attributes": _repeated(level.name, size),
        "where": np.asarray([level.counts.where[place] for place in at], dtype=object),
        "value": apart.value,
        "reference_value": apart.reference_value,
        "difference": apart.difference.value,
        "low": apart.difference.low,
        "high": apart.difference.high,
        "ratio": apart.ratio.value,
        "ratio_low": apart.ratio.low,
        "ratio_high": apart.ratio.high,
        "four_fifths": np.asarray([_meets(ratio) if judged else None for ratio in apart.ratio.value], dtype=object),
        **shortfalls(level, at, judged=judged),
        "people": _repeated(None, size) if level.people is None else level.people[at],
        "n": people,
        "reference_n": other_people,
        "rows": rows,
        "suppressed": _is_small(people) | _is_small(other_people) | _is_small(rows),
    }


def _repeated(value: object, size: int) -> np.ndarray:
    return np.full(size, value, dtype=object)


def _is_small(rows: np.ndarray) -> np.ndarray:
    return np.asarray((rows > 0) & (rows < SMALL_CELL))


def _meets(ratio: float) -> bool | None:
    return None if np.isnan(ratio) else bool(ratio >= FOUR_FIFTHS)


def shortfalls(level: Level, at: np.ndarray, *, judged: bool) -> dict[str, np.ndarray]:
    """How many more would have been selected at the rate of both groups together, of the reference, and at four fifths of that.

    Weighted rows; negative where the group has more than that. Only of the selection rate.
    """
    counts = level.counts
    own_hits, own_trials = counts.hits("selection_rate")[at], counts.trials("selection_rate")[at]
    if level.reference is None:
        hits, trials = counts.hits("selection_rate").sum() - own_hits, counts.trials("selection_rate").sum() - own_trials
    else:
        hits, trials = counts.hits("selection_rate")[level.reference], counts.trials("selection_rate")[level.reference]
    with np.errstate(all="ignore"):
        rates = {
            "shortfall_pooled": (hits + own_hits) / (trials + own_trials),
            "shortfall_reference": hits / trials,
            "shortfall_four_fifths": FOUR_FIFTHS * hits / trials,
        }
    return {name: rate * own_trials - own_hits if judged else np.full(len(at), np.nan) for name, rate in rates.items()}


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
    return pd.DataFrame({name: np.concatenate([part[name] for part in parts]) for name in parts[0]})
