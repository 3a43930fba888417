"""When the protected attribute is missing for some people: how far their groups could move the disparity.

Nothing is imputed by default: the bounds say what the data cannot rule out. A column of probabilities of group membership, which
the user supplies, gives a weighted estimate with its known bias; no probabilities are ever made from names or addresses here.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from workbench.analysis import stats
from workbench.analysis.disparity.cells import count_cells
from workbench.analysis.disparity.counts import GroupCounts, count_groups, outcome_states, sum_groups
from workbench.data.dataset import Dataset
from workbench.errors import InputError, ParameterError, UnknownNameError
from workbench.result import SMALL_CELL, Result, provenance


class Bounds(NamedTuple):
    """The smallest and largest value that a quantity can take, each attained by some assignment of the unknown rows."""

    low: float
    high: float


def ratio_bounds(group: tuple[float, float], reference: tuple[float, float], unknown: tuple[float, float]) -> Bounds:
    """Sharp bounds of the ratio of two groups' selection rates when unknown rows may belong to either group, or to neither.

    Parameters
    ----------
    group, reference, unknown
        ``(selected, rows)``; `unknown` is the rows whose group is missing.

    Notes
    -----
    The ratio grows with every selected unknown row given to the group or rejected one given to the reference, so both ends are
    at corners: the lowest with all rejected in the group and all selected in the reference, the highest the other way round
    (Manski 1989, J Hum Resour 24:343, for the worst case).
    """
    low, high = _corners(group, reference, unknown)
    with np.errstate(all="ignore"):
        ends = [float(np.float64(own) / np.float64(theirs)) for own, theirs in (low, high)]
    return Bounds(*ends)


def difference_bounds(group: tuple[float, float], reference: tuple[float, float], unknown: tuple[float, float]) -> Bounds:
    """Sharp bounds of the difference of the selection rates, as `ratio_bounds`."""
    low, high = _corners(group, reference, unknown)
    return Bounds(low[0] - low[1], high[0] - high[1])


def _corners(
    group: tuple[float, float], reference: tuple[float, float], unknown: tuple[float, float]
) -> tuple[tuple[float, float], tuple[float, float]]:
    """The rates of group and reference at the lowest, then at the highest."""
    (k1, n1), (k2, n2), (k, n) = group, reference, unknown
    rejected = n - k

    def rate(hits: float, trials: float) -> float:
        return hits / trials if trials > 0 else float("nan")

    return (rate(k1, n1 + rejected), rate(k2 + k, n2 + k)), (rate(k1 + k, n1 + k), rate(k2, n2 + rejected))


def missing_attribute(
    dataset: Dataset, attribute: str, *, group: object, reference: object, probability: str | None = None
) -> Result:
    """Bounds on the disparity between two groups of `attribute`, given the people whose attribute is missing.

    Parameters
    ----------
    dataset
        With ``prediction`` and ``favorable``.
    attribute
        The column that has missing values.
    group, reference
        Two of its values.
    probability
        A column with each person's probability of belonging to `group` (the rest belongs to `reference`), for the rows where
        `attribute` is missing.

    Returns
    -------
    Result
        Table ``bounds``: ratio and difference of selection rates as observed, with the lowest and highest that the unknown rows
        allow. Table ``missingness``: selection (and base) rate where the attribute is missing and where it is known, with an
        exact test: a difference says that the known rows do not stand for all. With `probability`, table ``weighted``: the
        probability-weighted estimate.

    Notes
    -----
    The weighted estimator sums p_i y_i / sum p_i. Its bias against the true difference is the covariance of membership and
    outcome *within* equal probability (Chen, Kallus, Mao, Svacha & Udell 2019, FAT*): it understates a disparity in so far as
    members of the group fare worse than others of the same probability. That part cannot be seen in the data.

    Raises
    ------
    UnknownNameError
        For a column or a value that does not exist.
    InputError
        If a probability is missing, or outside [0, 1], where it is needed.
    """
    if attribute not in dataset.columns:
        raise UnknownNameError("group column", attribute, dataset.columns)
    measures = ["selection_rate", *(["base_rate"] if dataset.has("label") else [])]
    [counts] = count_groups(dataset, [attribute], measures)
    places = [_place(counts, value) for value in (group, reference)]
    if places[0] == places[1]:
        raise ParameterError("a group cannot be its own reference", group, "Name two different groups.")
    unknown = counts.values.index((None,)) if (None,) in counts.values else None
    tables = {"bounds": _bounds_table(counts, places, unknown), "missingness": _missingness(counts, unknown, measures)}
    if probability is not None:
        tables["weighted"] = _weighted_table(dataset, attribute, counts, places, probability)
    arguments = {
        "attribute": attribute, "group": group, "reference": reference, "probability": probability,
        "roles": dataset.given.said(),
    }  # fmt: skip
    return Result(
        kind="missing_attribute",
        title=f"What the missing values of {attribute} leave open",
        tables=tables,
        numbers={"rows": int(counts.n.sum()), "rows_missing": 0 if unknown is None else int(counts.n[unknown])},
        where=dataset.where,
        provenance=provenance(arguments, fingerprint=dataset.fingerprint),
    )


def _place(counts: GroupCounts, value: object) -> int:
    if str(value) not in counts.labels or value is None:
        raise UnknownNameError(f"group of {counts.attributes[0]}", value, counts.labels)
    return counts.labels.index(str(value))


def _bounds_table(counts: GroupCounts, places: list[int], unknown: int | None) -> pd.DataFrame:
    hits, trials = counts.hits("selection_rate"), counts.trials("selection_rate")
    sides = [(float(hits[place]), float(trials[place])) for place in places]
    rest = (0.0, 0.0) if unknown is None else (float(hits[unknown]), float(trials[unknown]))
    nobody = (0.0, 0.0)
    rows = []
    for name, bounds in (("ratio", ratio_bounds), ("difference", difference_bounds)):
        observed, possible = bounds(sides[0], sides[1], nobody), bounds(sides[0], sides[1], rest)
        rows.append({"quantity": name, "observed": observed.low, "lowest": possible.low, "highest": possible.high})
    told = [*places, *([] if unknown is None else [unknown])]
    names = {"group": counts.labels[places[0]], "reference": counts.labels[places[1]], "suppressed": _has_few(counts, told)}
    return pd.DataFrame([{**row, **names, "unknown_rows": rest[1]} for row in rows])


def _has_few(counts: GroupCounts, places: list[int]) -> bool:
    """Whether one of these groups is a small cell."""
    return any(0 < counts.n[place] < SMALL_CELL for place in places)


def _missingness(counts: GroupCounts, unknown: int | None, measures: list[str]) -> pd.DataFrame:
    rows = []
    for measure in measures:
        hits, trials = counts.sample(measure)
        k, n = (0.0, 0.0) if unknown is None else (hits[unknown], trials[unknown])
        known, size = hits.sum() - k, trials.sum() - n
        p = stats.two_proportions(*np.round([min(k, n), n, min(known, size), size]))
        rows.append({
            "measure": measure, "where_missing": k / n if n else np.nan, "where_known": known / size if size else np.nan,
            "p": float(p), "n_missing": round(n), "n_known": round(size), "suppressed": 0 < n < SMALL_CELL,
        })  # fmt: skip
    return pd.DataFrame(rows)


def _weighted_table(dataset: Dataset, attribute: str, counts: GroupCounts, places: list[int], probability: str) -> pd.DataFrame:
    """Known rows count for their own group, unknown ones for both by their probability."""
    if probability not in dataset.columns:
        raise UnknownNameError("column of probabilities", probability, dataset.columns)
    unknown = dataset.select(counts.names[counts.values.index((None,))]) if (None,) in counts.values else None
    hits, trials = counts.hits("selection_rate"), counts.trials("selection_rate")
    sums = {place: [float(hits[place]), float(trials[place])] for place in places}
    if unknown is not None:
        cells = count_cells(unknown, [probability, dataset.require("prediction")])
        states = outcome_states(unknown, cells, {"selection_rate"})
        by_probability = sum_groups(cells, states, [probability])
        chance = np.asarray([np.nan if value is None else float(value) for (value,) in by_probability.values])
        if np.isnan(chance).any() or (chance < 0).any() or (chance > 1).any():
            odd = "missing" if np.isnan(chance).any() else float(chance[(chance < 0) | (chance > 1)][0])
            raise InputError(
                f"no probability of {attribute}", f"{probability} has {odd}", "Give 0 to 1 in every row that needs it."
            )
        for place, share in zip(places, (chance, 1 - chance), strict=True):
            sums[place][0] += float((share * by_probability.hits("selection_rate")).sum())
            sums[place][1] += float((share * by_probability.trials("selection_rate")).sum())
    own, theirs = (sums[place][0] / sums[place][1] if sums[place][1] else np.nan for place in places)
    return pd.DataFrame([{
        "group": counts.labels[places[0]], "reference": counts.labels[places[1]], "value": own, "reference_value": theirs,
        "difference": own - theirs, "ratio": own / theirs if theirs else np.nan,
        "suppressed": _has_few(counts, places),
        "bias": "understates a disparity among people of equal probability; not measurable here",
    }])  # fmt: skip
