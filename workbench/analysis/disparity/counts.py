"""How many people of each group had which outcome: all that the rates by group, their intervals and their tests need.

An *outcome* is a label beside a prediction. Labels are negative, positive or missing; predictions positive or not, favourable or
not, or missing: with more than two values (one class against the rest) the favourable prediction need not be the negative one.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from workbench.analysis.disparity.cells import Cells, count_cells
from workbench.analysis.measures import CONFUSION, SHARES
from workbench.data.dataset import Dataset
from workbench.errors import RolesError
from workbench.predicate import ALL_ROWS, Predicate, equals, missing

LABELS: Final = {"negative": 0, "positive": 1, "missing": 2}
"""Positions along the second axis of the counts."""
PREDICTIONS: Final = {"neither": 0, "positive": 1, "favorable": 2, "both": 3, "missing": 4}
"""Positions along the third axis; ``both`` is positive and favourable, ``neither`` is known to be neither."""
OUTCOMES: Final = len(LABELS) * len(PREDICTIONS)
BOTH: Final = frozenset({*CONFUSION, "balanced_error"})
"""Measures that read label and prediction."""

_LABEL, _PREDICTION = np.indices((len(LABELS), len(PREDICTIONS)))
_POSITIVE, _NEGATIVE = _LABEL == 1, _LABEL == 0
_SAID, _DENIED = (_PREDICTION == 1) | (_PREDICTION == 3), (_PREDICTION == 0) | (_PREDICTION == 2)
_BOTH_KNOWN = (_LABEL < 2) & (_PREDICTION < 4)
COUNTED: Final[Mapping[str, tuple[np.ndarray, np.ndarray]]] = {
    "selection_rate": ((_PREDICTION == 2) | (_PREDICTION == 3), _PREDICTION < 4),
    "base_rate": (_POSITIVE, _LABEL < 2),
    "tpr": (_POSITIVE & _SAID, _POSITIVE & _BOTH_KNOWN),
    "fpr": (_NEGATIVE & _SAID, _NEGATIVE & _BOTH_KNOWN),
    "fnr": (_POSITIVE & _DENIED, _POSITIVE & _BOTH_KNOWN),
    "tnr": (_NEGATIVE & _DENIED, _NEGATIVE & _BOTH_KNOWN),
    "ppv": (_POSITIVE & _SAID, _SAID & _BOTH_KNOWN),
    "npv": (_NEGATIVE & _DENIED, _DENIED & _BOTH_KNOWN),
    "accuracy": ((_POSITIVE & _SAID) | (_NEGATIVE & _DENIED), _BOTH_KNOWN),
}
"""Share to the outcomes in its numerator and in its denominator, each of shape (3, 5)."""


@dataclass(frozen=True, eq=False)
class GroupCounts:
    """Counts of outcomes per group, for the groups of one attribute or the intersections of several.

    Attributes
    ----------
    attributes
        The columns that part people.
    values
        Per group, its value in each of `attributes`; None is missing, a group of its own.
    rows, weights, squares
        Rows, sums of weights and sums of squared weights, each of shape (groups, 3, 5): group, label, prediction, in the order
        of `LABELS` and `PREDICTIONS`. Without the role ``weight`` all three are the same numbers.

    Examples
    --------
    ``counts.weights[:, LABELS["positive"], PREDICTIONS["missing"]]``: people with a positive label and no prediction, per group.
    """

    attributes: tuple[str, ...]
    values: tuple[tuple[Any, ...], ...]
    rows: np.ndarray
    weights: np.ndarray
    squares: np.ndarray

    @functools.cached_property
    def labels(self) -> tuple[str, ...]:
        """The groups as text: the value, or the values of an intersection with commas between."""
        return tuple(", ".join("missing" if value is None else str(value) for value in group) for group in self.values)

    @functools.cached_property
    def names(self) -> tuple[Predicate, ...]:
        """The groups as predicates."""
        return tuple(group_predicate(self.attributes, group) for group in self.values)

    @functools.cached_property
    def where(self) -> tuple[str, ...]:
        """The groups as predicates' texts."""
        texts = [
            {value: str(group_predicate([attribute], [value])) for value in set(values)}
            for attribute, values in zip(self.attributes, zip(*self.values, strict=True), strict=False)
        ]
        return tuple(" and ".join(text[value] for text, value in zip(texts, group, strict=True)) for group in self.values)

    @property
    def n(self) -> np.ndarray:
        """Rows per group, unweighted, shape (groups,)."""
        return np.asarray(self.rows.sum(axis=(1, 2)))

    @property
    def tp(self) -> np.ndarray:
        """Sum of weights of the positive labels predicted positive, per group."""
        return self._total(COUNTED["tpr"][0])

    @property
    def fn(self) -> np.ndarray:
        """Sum of weights of the positive labels predicted negative, per group."""
        return self._total(COUNTED["fnr"][0])

    @property
    def fp(self) -> np.ndarray:
        """Sum of weights of the negative labels predicted positive, per group."""
        return self._total(COUNTED["fpr"][0])

    @property
    def tn(self) -> np.ndarray:
        """Sum of weights of the negative labels predicted negative, per group."""
        return self._total(COUNTED["tnr"][0])

    def hits(self, measure: str) -> np.ndarray:
        """Sum of weights in the numerator of a measure of `COUNTED`, per group."""
        return self._total(COUNTED[measure][0])

    def trials(self, measure: str) -> np.ndarray:
        """Sum of weights in its denominator, per group."""
        return self._total(COUNTED[measure][1])

    def squared(self, measure: str) -> np.ndarray:
        """Sum of squared weights in its denominator, per group."""
        return np.asarray(self.squares[:, COUNTED[measure][1]].sum(axis=1))

    def share(self, measure: str) -> np.ndarray:
        """The measure per group; NaN where nobody belongs to it."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(self.hits(measure) / self.trials(measure))

    def people(self, measure: str) -> np.ndarray:
        """Rows in its denominator, unweighted, per group."""
        return np.asarray(self.rows[:, COUNTED[measure][1]].sum(axis=1))

    def sample(self, measure: str) -> tuple[np.ndarray, np.ndarray]:
        """Numerator and denominator as counts of equally weighted rows (`effective_sample`), for intervals and tests."""
        return effective_sample(self.hits(measure), self.trials(measure), self.squared(measure))

    def take(self, groups: Sequence[int] | np.ndarray) -> GroupCounts:
        """The groups at these positions."""
        at = np.asarray(groups, dtype=int)
        values = tuple(self.values[position] for position in at.tolist())
        return GroupCounts(self.attributes, values, self.rows[at], self.weights[at], self.squares[at])

    def others(self) -> GroupCounts:
        """For each group everybody else: the sum of the other groups, under the name of the group left out."""
        rows, weights, squares = (part.sum(axis=0) - part for part in (self.rows, self.weights, self.squares))
        return GroupCounts(self.attributes, self.values, rows, np.maximum(weights, 0), np.maximum(squares, 0))

    def _total(self, outcomes: np.ndarray) -> np.ndarray:
        return np.asarray(self.weights[:, outcomes].sum(axis=1))


def effective_sample(hits: np.ndarray, trials: np.ndarray, squares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Numerator and denominator as counts of equally weighted rows, from the sums of weights in them.

    The denominator is Kish's effective sample size, (sum w)^2 / sum w^2 (Survey Sampling, 1965); without weights these are the
    counts themselves.

    Parameters
    ----------
    squares
        Sum of squared weights in the denominator.
    """
    scale = np.divide(trials, squares, out=np.zeros(trials.shape), where=squares > 0)
    return np.minimum(hits * scale, trials * scale), trials * scale


def group_predicate(attributes: Sequence[str], values: Sequence[Any]) -> Predicate:
    """The rows whose `attributes` have these `values`; None is missing."""
    parts = (missing(name) if value is None else equals(name, value) for name, value in zip(attributes, values, strict=True))
    return functools.reduce(lambda left, right: left & right, parts, ALL_ROWS)


def levels_of(attributes: Sequence[str], *, intersect: bool) -> list[tuple[str, ...]]:
    """The ways in which people are parted: by each attribute alone and, with several, by all of them together."""
    alone: list[tuple[str, ...]] = [(attribute,) for attribute in attributes]
    return [*alone, tuple(attributes)] if intersect and len(attributes) > 1 else alone


def count_groups(
    dataset: Dataset, attributes: Sequence[str], measures: Iterable[str] = tuple(SHARES), *, intersect: bool = True
) -> list[GroupCounts]:
    """Count every group of `attributes` in one pass: one `GroupCounts` per level of `levels_of`.

    Parameters
    ----------
    measures
        What will be asked of the counts: only the roles that these need are read.

    Raises
    ------
    RolesError
        If a measure needs a role, or a value (``favorable``, ``positive``), that the roles do not give.
    """
    wanted = set(measures)
    if intersect:
        outcomes = count_cells(dataset, list(dict.fromkeys([*attributes, *outcome_roles(dataset, wanted)])))
        states = outcome_states(dataset, outcomes, wanted)
        return [sum_groups(outcomes, states, level) for level in levels_of(attributes, intersect=True)]
    return list(itertools.chain.from_iterable(count_groups(dataset, [attribute], wanted) for attribute in attributes))


def outcome_roles(dataset: Dataset, measures: set[str]) -> list[str]:
    """The columns of label and prediction, as far as `measures` read them."""
    both = bool(measures & BOTH)
    label = [dataset.require("label")] if both or "base_rate" in measures else []
    prediction = [dataset.require("prediction")] if both or "selection_rate" in measures else []
    return [*label, *prediction]


def outcome_states(dataset: Dataset, cells: Cells, measures: set[str]) -> np.ndarray:
    """The outcome of each cell, shape (cells,), as the position of label and prediction in a flattened (3, 5) array."""
    both = bool(measures & BOTH)
    label: np.ndarray = np.full(len(cells.rows), LABELS["missing"])
    if both or "base_rate" in measures:
        label = _states(cells, dataset.require("label"), {1: _positive(dataset, cells, "label")}, LABELS["missing"])
    prediction: np.ndarray = np.full(len(cells.rows), PREDICTIONS["missing"])
    if both or "selection_rate" in measures:
        meanings: dict[int, Any] = {1: _positive(dataset, cells, "prediction")} if both else {}
        meanings |= {2: dataset.favorable_value} if dataset.roles.favorable is not None or "selection_rate" in measures else {}
        prediction = _states(cells, dataset.require("prediction"), meanings, PREDICTIONS["missing"])
        if both and not (prediction % 2 == 1).any():
            dataset.require_value("prediction", meanings[1], "positive")
    return np.asarray(label * len(PREDICTIONS) + prediction)


def _positive(dataset: Dataset, cells: Cells, role: str) -> Any:
    """The positive value of `role`; 1 without a query where the cells hold the whole dataset and no value but 0 and 1."""
    plain = dataset.roles.positive is None and dataset.whole is None
    return 1 if plain and set(cells.keys[dataset.require(role)].values) <= {0, 1, None} else dataset.positive_value(role)


def _states(cells: Cells, column: str, meanings: Mapping[int, Any], absent: int) -> np.ndarray:
    """Per cell the sum of the keys of `meanings` whose value its value equals; `absent` where it is missing."""
    key = cells.keys[column]
    states = [
        absent if value is None else sum(state for state, wanted in meanings.items() if value == wanted) for value in key.values
    ]
    return np.asarray(np.asarray(states, dtype=int)[key.codes])


def sum_groups(cells: Cells, states: np.ndarray, attributes: Sequence[str]) -> GroupCounts:
    """Add cells up to the groups of `attributes`, in the order of their values, missing last."""
    group_of, values = group_cells(cells, attributes)
    place = group_of * OUTCOMES + states
    shape = (len(values), len(LABELS), len(PREDICTIONS))
    parts = (
        np.bincount(place, weights=part, minlength=len(values) * OUTCOMES).reshape(shape)
        for part in (cells.rows, cells.weights, cells.squares)
    )
    return GroupCounts(tuple(attributes), values, *parts)


def group_cells(cells: Cells, attributes: Sequence[str]) -> tuple[np.ndarray, tuple[tuple[Any, ...], ...]]:
    """The group of each cell, shape (cells,), and the values of each group."""
    codes = np.stack([cells.keys[attribute].codes for attribute in attributes], axis=1)
    distinct, group_of = np.unique(codes, axis=0, return_inverse=True)
    named = [cells.keys[attribute].values for attribute in attributes]
    values = tuple(tuple(own[code] for own, code in zip(named, group, strict=True)) for group in distinct.tolist())
    return group_of.reshape(-1), values


def require_attributes(dataset: Dataset, groups: Sequence[str] | None) -> tuple[str, ...]:
    """The attributes to part people by: `groups`, or the role; each a column of the dataset.

    Raises
    ------
    RolesError
        If there are none.
    """
    if isinstance(groups, str):
        groups = [groups]
    attributes = tuple(dict.fromkeys(groups if groups is not None else dataset.roles.groups))
    if not attributes:
        raise RolesError("no groups to compare", None, "Add `groups: [column, ...]` to the roles; they are never guessed.")
    return attributes
