"""Does a rate differ between groups of people? Measures per group, and their distance from a reference group, with intervals.

Every measure here is a share: of the rows that belong to it (its denominator), those that count (its numerator). So one pass
over the rows gives all that is needed: two weighted sums per group and measure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from workbench.analysis import stats
from workbench.analysis.measures import available_measures, share_flags
from workbench.data.dataset import Dataset
from workbench.errors import RolesError, UnknownNameError
from workbench.predicate import Predicate, equals, missing
from workbench.result import SMALL_CELL, Result, provenance

REFERENCES: Final = ("most favored", "largest", "everybody else")
REFERENCE_SHARE: Final = 0.1
"""A group must hold this share of the rows to be the yardstick: the rate of a tiny group is mostly noise (29 CFR 1607.4(D))."""


@dataclass(frozen=True)
class Counts:
    """Sums per group, in the order of `names`; every array has shape (groups,).

    Attributes
    ----------
    names
        The groups' values as predicates.
    labels
        The groups' values as text.
    rows
        Rows, unweighted.
    hits, trials, squares
        Measure to weighted numerator, weighted denominator, and sum of squared weights in the denominator.
    """

    names: tuple[Predicate, ...]
    labels: tuple[str, ...]
    rows: np.ndarray
    hits: dict[str, np.ndarray]
    trials: dict[str, np.ndarray]
    squares: dict[str, np.ndarray]

    def share(self, measure: str) -> np.ndarray:
        """The measure per group; NaN where nobody belongs to it."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(self.hits[measure] / self.trials[measure])

    def sample(self, measure: str) -> tuple[np.ndarray, np.ndarray]:
        """Numerator and denominator as counts of equally weighted rows, for intervals and tests.

        The denominator is Kish's effective sample size, (sum w)^2 / sum w^2 (Survey Sampling, 1965); without weights these are
        the counts themselves.
        """
        trials, squares = self.trials[measure], self.squares[measure]
        return _sample(self.hits[measure], trials, squares)


def disparity(
    dataset: Dataset,
    *,
    groups: Sequence[str] | None = None,
    measures: Sequence[str] | None = None,
    reference: str = "most favored",
) -> Result:
    """Measure every group, and its distance from the reference group.

    Parameters
    ----------
    dataset
        With the role ``groups``, and ``prediction`` or ``label`` or both.
    groups
        Attributes to part people by; None: the role ``groups``. Missing is a group of its own.
    measures
        Names from `workbench.analysis.measures.SHARES`; None: all that the roles allow.
    reference
        ``"most favored"``: the group with the highest selection rate among those that hold a tenth of the rows (the largest
        where no favourable value is given); ``"largest"``; ``"everybody else"``; or a group's value.

    Returns
    -------
    Result
        Table ``groups``: one row per attribute and group: ``rows``, each measure with ``_low`` and ``_high`` (Wilson, 95 %).
        Table ``disparities``: one row per attribute, group and measure: value, reference value, difference (Newcombe, 95 %),
        ratio (MOVER, 95 %; 1 = no disparity), two-sided p and p after Holm over the whole table.
        Weights count in every value; intervals and tests take Kish's effective sample size, rounded to whole rows for the test.
        ``rows`` is unweighted.

    Raises
    ------
    RolesError
        If no groups are given, or a measure needs a role that is not set.
    """
    attributes = tuple(groups if groups is not None else dataset.roles.groups)
    if not attributes:
        raise RolesError("no groups to compare", None, "Add `groups: [column, ...]` to the roles; they are never guessed.")
    wanted = tuple(measures) if measures is not None else available_measures(dataset)
    flags = share_flags(dataset, wanted)
    group_tables, distance_tables = [], []
    for attribute in attributes:
        if attribute not in dataset.columns:
            raise UnknownNameError("group column", attribute, dataset.columns)
        counts = count_groups(dataset, attribute, flags)
        group_tables.append(_group_table(attribute, counts, wanted))
        distance_tables.append(_distance_table(attribute, counts, wanted, reference))
    distances = pd.concat(distance_tables, ignore_index=True)
    distances["p_holm"] = stats.holm(distances["p"].to_numpy(dtype=float))
    arguments = {"groups": attributes, "measures": wanted, "reference": reference, "roles": dataset.given.said()}
    return Result(
        kind="disparity",
        title="Measures by group",
        tables={"groups": pd.concat(group_tables, ignore_index=True), "disparities": distances},
        numbers={"rows": dataset.rows},
        where=dataset.where,
        provenance=provenance(arguments, fingerprint=dataset.fingerprint),
    )


def count_groups(dataset: Dataset, attribute: str, flags: dict[str, tuple[np.ndarray, np.ndarray]]) -> Counts:
    """Weighted sums of `flags` per value of `attribute`; missing comes last."""
    series = dataset.frame[attribute]
    codes, values = pd.factorize(series, sort=True, use_na_sentinel=True)
    absent = codes < 0
    names = [equals(attribute, value) for value in values.tolist()]
    labels = [str(value) for value in values.tolist()]
    if absent.any():
        codes = np.where(absent, len(values), codes)
        names, labels = [*names, missing(attribute)], [*labels, "missing"]
    weights, size = dataset.weights if dataset.has("weight") else None, len(names)

    def total(mask: np.ndarray, per_row: np.ndarray | None) -> np.ndarray:
        return np.bincount(codes[mask], weights=None if per_row is None else per_row[mask], minlength=size).astype(float)

    per_row = None if weights is None else weights**2
    return Counts(
        names=tuple(names),
        labels=tuple(labels),
        rows=np.bincount(codes, minlength=size),
        hits={measure: total(hit, weights) for measure, (hit, _) in flags.items()},
        trials={measure: total(among, weights) for measure, (_, among) in flags.items()},
        squares={measure: total(among, per_row) for measure, (_, among) in flags.items()},
    )


def _group_table(attribute: str, counts: Counts, measures: Sequence[str]) -> pd.DataFrame:
    columns: dict[str, Any] = {"attribute": attribute, "group": counts.labels, "rows": counts.rows}
    for measure in measures:
        hits, trials = counts.sample(measure)
        low, high = stats.wilson(hits, trials)
        columns |= {measure: counts.share(measure), f"{measure}_low": low, f"{measure}_high": high}
    columns["suppressed"] = _small(counts, measures)
    return pd.DataFrame(columns)


def _small(counts: Counts, measures: Sequence[str]) -> np.ndarray:
    """Whether a group, or the part of it that some measure speaks of, holds fewer than `SMALL_CELL` rows (but not none)."""
    sizes = np.stack([counts.rows, *(counts.sample(measure)[1] for measure in measures)])
    return np.asarray(((sizes > 0) & (sizes < SMALL_CELL)).any(axis=0))


def _distance_table(attribute: str, counts: Counts, measures: Sequence[str], reference: str) -> pd.DataFrame:
    chosen = _reference_index(counts, reference, attribute)
    compared = [index for index in range(len(counts.labels)) if index != chosen]
    tables = [_distances(attribute, counts, measure, compared, chosen) for measure in measures]
    table = pd.concat(tables, ignore_index=True)
    return table.sort_values(["group", "measure"], kind="stable", ignore_index=True)


class Sides(NamedTuple):
    """Groups beside what they are held against; every array has shape (groups compared,).

    Attributes
    ----------
    four
        Hits and trials of the group, then of the other side, as equally weighted rows.
    other_share
        The weighted measure of the other side.
    """

    four: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
    other_share: np.ndarray

    @property
    def whole(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """The four counts rounded to whole rows, which an exact test needs; without weights they are whole already."""
        hits, trials, other_hits, other_trials = (np.round(part) for part in self.four)
        return np.minimum(hits, trials), trials, np.minimum(other_hits, other_trials), other_trials


def compare_counts(counts: Counts, measure: str, compared: Sequence[int], chosen: int | None) -> Sides:
    """The groups `compared` (positions) beside the group `chosen`, or beside everybody else where it is None."""
    at = np.asarray(compared, dtype=int)
    weighted = (counts.hits[measure], counts.trials[measure], counts.squares[measure])
    if chosen is None:
        hit, trial, square = (part.sum() - part[at] for part in weighted)
    else:
        hit, trial, square = (np.full(len(at), part[chosen]) for part in weighted)
    with np.errstate(divide="ignore", invalid="ignore"):
        other_share = np.asarray(hit / trial)
    hits, trials = counts.sample(measure)
    return Sides((hits[at], trials[at], *_sample(hit, trial, square)), other_share)


def _sample(hits: np.ndarray, trials: np.ndarray, squares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    scale = np.divide(trials, squares, out=np.zeros(trials.shape), where=squares > 0)
    return np.minimum(hits * scale, trials * scale), trials * scale


def _distances(attribute: str, counts: Counts, measure: str, compared: list[int], chosen: int | None) -> pd.DataFrame:
    sides = compare_counts(counts, measure, compared, chosen)
    value, other = counts.share(measure)[compared], sides.other_share
    names = ["everybody else" if chosen is None else counts.labels[chosen]] * len(compared)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = value / other
    low, high = stats.newcombe(*sides.four)
    ratio_low, ratio_high = stats.ratio_interval(*sides.four)
    return pd.DataFrame({
        "attribute": attribute, "group": [counts.labels[index] for index in compared], "reference": names, "measure": measure,
        "value": value, "reference_value": other, "difference": value - other, "difference_low": low, "difference_high": high,
        "ratio": ratio, "ratio_low": ratio_low, "ratio_high": ratio_high,
        "p": stats.two_proportions(*sides.whole),
        "rows": counts.rows[compared], "where": [str(counts.names[index]) for index in compared],
        "suppressed": _small(counts, [measure])[compared],
    })  # fmt: skip


def _reference_index(counts: Counts, reference: str, attribute: str) -> int | None:
    if reference == "everybody else":
        return None
    if reference == "largest" or (reference == "most favored" and "selection_rate" not in counts.hits):
        return int(np.argmax(counts.rows))
    if reference == "most favored":
        large = counts.rows >= REFERENCE_SHARE * counts.rows.sum()
        return int(np.argmax(np.where(large, np.nan_to_num(counts.share("selection_rate"), nan=-1), -1)))
    if reference in counts.labels:
        return counts.labels.index(reference)
    raise UnknownNameError(f"reference group of {attribute}", reference, [*counts.labels, *REFERENCES])
