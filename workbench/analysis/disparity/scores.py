"""Scores and errors of size by group: sums that give means with their spread, and the reliability curve of a score.

A score is read as the probability of the positive label wherever calibration is measured, and must then lie in [0, 1].
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from workbench.analysis.disparity.cells import Cells, encode, floats_of, tally
from workbench.analysis.disparity.counts import group_cells
from workbench.data.content import totals
from workbench.data.dataset import Dataset
from workbench.errors import RolesError

BINS: Final = 10
"""Bins of equal width over [0, 1] in the reliability curve; bin b holds the scores of which floor(10 s) is b, the last also 1."""
NO_BIN: Final = BINS
BIN: Final = "bin of the score"
MEANS: Final[Mapping[str, str]] = {
    "mean_score": "score",
    "calibration": "label minus score",
    "mean_residual": "label minus prediction",
    "mae": "size of label minus prediction",
}
"""Measure to the quantity whose mean it is."""


@dataclass(frozen=True, eq=False)
class Moments:
    """Sums over the rows of each group that have a value; every array of shape (groups,).

    Attributes
    ----------
    rows
        Rows, unweighted.
    weights, squares
        Sum of weights, and of squared weights.
    totals, total_squares
        Sum of weight times value, and of weight times squared value.
    """

    rows: np.ndarray
    weights: np.ndarray
    squares: np.ndarray
    totals: np.ndarray
    total_squares: np.ndarray

    @property
    def parts(self) -> tuple[np.ndarray, ...]:
        """The five arrays."""
        return self.rows, self.weights, self.squares, self.totals, self.total_squares

    def mean(self) -> np.ndarray:
        """Weighted mean per group; NaN where there is no value."""
        with np.errstate(all="ignore"):
            return np.asarray(self.totals / self.weights)

    def sample(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Count, sum and sum of squares as of equally weighted rows (Kish's effective size), for t intervals and Welch's test."""
        with np.errstate(all="ignore"):
            size = np.where(self.squares > 0, self.weights**2 / self.squares, 0.0)
            return size, self.mean() * size, self.total_squares / self.weights * size


@dataclass(frozen=True, eq=False)
class Reliability:
    """Scores beside outcomes in bins; every array of shape (groups, `BINS`).

    Attributes
    ----------
    rows
        Rows with both score and label, unweighted.
    weights
        Their sum of weights.
    scores, positives
        Weighted sum of the scores, and of the positive labels.
    """

    rows: np.ndarray
    weights: np.ndarray
    scores: np.ndarray
    positives: np.ndarray

    def error(self) -> np.ndarray:
        """Expected calibration error per group, in [0, 1]: mean over rows of |observed - expected| of their bin; 0 is calibrated.

        Naeini, Cooper & Hauskrecht 2015 (AAAI), with bins of equal width. Biased upwards in small groups.
        """
        with np.errstate(all="ignore"):
            return np.asarray(np.abs(self.positives - self.scores).sum(axis=1) / self.weights.sum(axis=1))


def score_cells(dataset: Dataset, attributes: Sequence[str], measures: Sequence[str]) -> Cells:
    """Sums of what `measures` need per combination of `attributes` (and bin of the score), in one pass.

    Raises
    ------
    RolesError
        If a role is not set or not a number, or a probability is needed and the score leaves [0, 1].
    """
    wanted = [measure for measure in MEANS if measure in measures]
    binned = "ece" in measures
    roles = ["score"] if binned or {"mean_score", "calibration"} & set(wanted) else []
    roles += ["label"] if binned or set(wanted) - {"mean_score"} else []
    roles += ["prediction"] if {"mean_residual", "mae"} & set(wanted) else []
    columns = {role: dataset.require(role) for role in roles}
    if binned or "calibration" in wanted:
        require_probability(dataset)
    positive = dataset.positive_value("label") if binned or "calibration" in wanted else None
    if {"mean_residual", "mae"} & set(wanted):
        require_numbers(dataset, ("label", "prediction"))
    weight = dataset.roles.weight
    read = [*attributes, *columns.values(), *([weight] if weight else [])]
    table = dataset.arrow(list(dict.fromkeys(read)))
    known = {role: _outcome(table[column], positive) if role == "label" and positive is not None else floats_of(table[column])
             for role, column in columns.items()}  # fmt: skip
    if {"mean_residual", "mae"} & set(wanted):
        known["label as number"] = floats_of(table[columns["label"]])
    weights = np.nan_to_num(floats_of(table[weight])) if weight else None
    keys = list(attributes)
    if binned:
        table = table.append_column(BIN, pa.array(_bins(known["score"], known["label"])))
        keys.append(BIN)
    return tally(table, keys, lambda _: _sums(known, weights, wanted, binned=binned))


def _sums(
    known: Mapping[str, np.ndarray], weights: np.ndarray | None, wanted: Sequence[str], *, binned: bool
) -> Iterator[tuple[str, np.ndarray]]:
    for measure in wanted:
        values = _values(known, measure)
        present = ~np.isnan(values)
        values = np.where(present, values, 0.0)
        yield f"{measure} rows", present.astype(float)
        each = present.astype(float) if weights is None else np.where(present, weights, 0.0)
        yield f"{measure} weights", each
        yield f"{measure} squares", each**2
        yield f"{measure} totals", each * values
        yield f"{measure} total_squares", each * values**2
    if binned:
        both = ~np.isnan(known["score"]) & ~np.isnan(known["label"])
        each = both.astype(float) if weights is None else np.where(both, weights, 0.0)
        yield "ece weights", each
        yield "ece squares", each**2
        yield "ece scores", each * np.where(both, known["score"], 0.0)
        yield "ece positives", each * np.where(both, known["label"], 0.0)


def _values(known: Mapping[str, np.ndarray], measure: str) -> np.ndarray:
    if measure == "mean_score":
        return known["score"]
    if measure == "calibration":
        return np.asarray(known["label"] - known["score"])
    residual: np.ndarray = np.subtract(known["label as number"], known["prediction"])
    return np.abs(residual) if measure == "mae" else residual


def _outcome(column: pa.ChunkedArray, positive: Any) -> np.ndarray:
    """1.0 where the label is positive, 0.0 where it is not, NaN where it is missing."""
    codes, values = encode(column)
    outcomes = np.asarray([np.nan if value is None else float(value == positive) for value in values], dtype=float)
    return np.asarray(outcomes[codes])


def _bins(scores: np.ndarray, outcomes: np.ndarray) -> np.ndarray:
    both = ~np.isnan(scores) & ~np.isnan(outcomes)
    bins = np.full(len(scores), NO_BIN, dtype=np.int64)
    bins[both] = np.minimum((scores[both] * BINS).astype(np.int64), BINS - 1)
    return bins


def group_moments(cells: Cells, attributes: Sequence[str], measure: str) -> tuple[Moments, tuple[tuple[Any, ...], ...]]:
    """The sums behind `measure` for the groups of `attributes`, and the groups' values."""
    group_of, values = group_cells(cells, attributes)
    names = ("rows", "weights", "squares", "totals", "total_squares")
    parts = [np.bincount(group_of, weights=cells.sums[f"{measure} {name}"], minlength=len(values)) for name in names]
    return Moments(*parts), values


def group_reliability(cells: Cells, attributes: Sequence[str]) -> Reliability:
    """The reliability curve of each group of `attributes`."""
    group_of, values = group_cells(cells, attributes)
    key = cells.keys[BIN]
    bins = np.asarray(key.values)[key.codes]
    inside = bins < NO_BIN
    place, size = (group_of * BINS + bins)[inside], len(values) * BINS

    def total(part: np.ndarray) -> np.ndarray:
        return np.bincount(place, weights=part[inside], minlength=size).reshape(len(values), BINS)

    return Reliability(
        total(cells.rows.astype(float)), *(total(cells.sums[f"ece {name}"]) for name in ("weights", "scores", "positives"))
    )


def require_numbers(dataset: Dataset, roles: Sequence[str]) -> None:
    """Refuse roles that do not hold numbers, where a difference is to be measured.

    Raises
    ------
    RolesError
    """
    for role in roles:
        kind = dataset.table.schema()[dataset.require(role)]
        if not kind.is_numeric():
            raise RolesError(f"role {role} needs numbers here", f"{dataset.require(role)} is {kind}", "Leave this measure out.")


def require_probability(dataset: Dataset) -> None:
    """Refuse scores outside [0, 1], where a probability is needed.

    Raises
    ------
    RolesError
    """
    if (odd := odd_score(dataset)) is not None:
        do = "Give a probability as the score, or leave ece and calibration out."
        raise RolesError("a score outside 0 to 1 is no probability", f"{dataset.require('score')} has {odd:g}", do)


def odd_score(dataset: Dataset) -> float | None:
    """A score outside [0, 1]; None where there is none."""
    column = dataset.require("score")
    if dataset.source.arrow is not None and dataset.whole is None:
        ends = [value.as_py() for value in pc.min_max(dataset.arrow([column])[column]).values()]
    else:
        scores: Any = dataset.table[column]
        ends = totals(dataset.table, [scores.min(), scores.max()])
    lowest, highest = (float(value or 0) for value in ends)
    return lowest if lowest < 0 else highest if highest > 1 else None
