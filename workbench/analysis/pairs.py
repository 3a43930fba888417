"""Two groups side by side: the rows of one group of people, and the rows of those it is held against.

Whatever asks *why* or *since when* asks it of one group and one reference; `choose_pair` settles which, the same way everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from workbench.analysis.disparity.counts import GroupCounts, count_groups
from workbench.analysis.disparity.reference import (
    EVERYBODY_ELSE,
    MOST_FAVORED,
    REFERENCE_SHARES,
    REFERENCES,
    Reference,
    choose_references,
)
from workbench.data.dataset import Dataset
from workbench.errors import InputError, RolesError, UnknownNameError
from workbench.predicate import Predicate, equals, missing

LEAST_SHARE: Final = REFERENCE_SHARES[0]
"""A group must hold this share of the rows to be chosen unasked."""


@dataclass(frozen=True, eq=False)
class Pair:
    """A group and its reference.

    Attributes
    ----------
    attribute
        The column that parts people; for selections, the columns they read.
    group, reference
        Their values or selections as text; the reference may be ``"everybody else"``.
    where
        The rows of the group as a selection: ``find_slices(dataset.select(pair.where))`` searches inside the group.
    inside, outside
        Shape (rows,): whether a row is of the group; whether it is of the reference. No row is of both.
    """

    attribute: str
    group: str
    reference: str
    where: Predicate
    inside: np.ndarray
    outside: np.ndarray

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that say who is of the group: no feature, no stratum."""
        return self.where.columns

    def said(self) -> dict[str, str]:
        """What a provenance keeps of it."""
        return {"attribute": self.attribute, "group": self.group, "reference": self.reference}


def choose_pair(
    dataset: Dataset, attribute: str | None = None, *, group: object = None, reference: Reference = MOST_FAVORED
) -> Pair:
    """Settle which group is held against which.

    Parameters
    ----------
    attribute
        A column; None: the first of the role ``groups``.
    group
        A value of it, or a selection of rows (an intersection, a slice) whatever the attribute; None: among the groups that
        hold a tenth of the rows, that with the lowest selection rate (the largest where no favourable value is given), the
        reference left out.
    reference
        A value, ``"most favored"``, ``"largest"`` or ``"everybody else"``, as in `workbench.analysis.disparity`. Beside a
        selection: another one, or everybody else by either of these words.

    Raises
    ------
    RolesError
        If no attribute is given and the roles name none.
    UnknownNameError
        If there is no such column or value.
    InputError
        If both are the same group, or there is only one; if selections share rows, or hold none.
    """
    if isinstance(group, Predicate):
        return _selected(dataset, group, reference)
    column = _attribute(dataset, attribute)
    selected = dataset.has("prediction", "favorable")
    (counts,) = count_groups(dataset, [column], ["selection_rate"] if selected else [], intersect=False)
    if len(counts.labels) < 2:
        found = next(iter(counts.labels), "no rows")
        raise InputError("one group only, nothing to hold it against", found, "Name another attribute.")
    (chosen,) = choose_references([counts], reference)
    named = _disadvantaged(counts, chosen, by_rate=selected) if group is None else _named(group, column, counts.labels)
    if named == chosen:
        raise InputError("a group held against itself", counts.labels[named], "Name another group or another reference.")
    codes, _, labels = code_groups(dataset, column)
    inside = codes == labels.index(counts.labels[named])
    outside = ~inside if chosen is None else codes == labels.index(counts.labels[chosen])
    other = EVERYBODY_ELSE if chosen is None else counts.labels[chosen]
    return Pair(column, counts.labels[named], other, counts.names[named], inside, outside)


def _selected(dataset: Dataset, group: Predicate, reference: Reference) -> Pair:
    """The rows of one selection beside those of another, or all others."""
    inside = group.mask(dataset.frame)
    if not isinstance(reference, Predicate) and reference not in REFERENCES:
        raise InputError("a selection needs a selection, or everybody else, as reference", reference, "Pass a Predicate.")
    outside = reference.mask(dataset.frame) if isinstance(reference, Predicate) else ~inside
    if not (inside.any() and outside.any()) or (inside & outside).any():
        found = f"{int(inside.sum())}, {int(outside.sum())} and {int((inside & outside).sum())} rows"
        raise InputError("two selections must hold rows, and share none", found, "Choose selections that exclude each other.")
    other = str(reference) if isinstance(reference, Predicate) else EVERYBODY_ELSE
    return Pair(", ".join(group.columns), str(group), other, group, inside, outside)


def code_groups(dataset: Dataset, column: str) -> tuple[np.ndarray, tuple[Predicate, ...], tuple[str, ...]]:
    """The group of each row as a number from 0, and per group its predicate and label; missing is a group too, the last."""
    codes, values = pd.factorize(dataset.frame[column], sort=True, use_na_sentinel=True)
    wheres = [equals(column, value) for value in values.tolist()]
    labels = [str(value) for value in values.tolist()]
    absent = codes < 0
    if absent.any():
        codes, wheres, labels = np.where(absent, len(values), codes), [*wheres, missing(column)], [*labels, "missing"]
    return codes, tuple(wheres), tuple(labels)


def _attribute(dataset: Dataset, attribute: str | None) -> str:
    if attribute is None:
        if not dataset.roles.groups:
            raise RolesError("no groups to compare", None, "Add `groups: [column, ...]` to the roles; they are never guessed.")
        return dataset.roles.groups[0]
    if attribute not in dataset.columns:
        raise UnknownNameError("group column", attribute, dataset.columns)
    return attribute


def _disadvantaged(counts: GroupCounts, reference: int | None, *, by_rate: bool) -> int:
    """The large group of the lowest selection rate, or the largest, that is not the reference."""
    others = [at for at in range(len(counts.labels)) if at != reference]
    large = [at for at in others if counts.n[at] >= LEAST_SHARE * counts.n.sum()] or others
    if not by_rate:
        return max(large, key=lambda at: counts.n[at])
    rates = np.nan_to_num(counts.share("selection_rate"), nan=2.0)
    return min(large, key=lambda at: rates[at])


def _named(value: object, column: str, labels: Sequence[str]) -> int:
    if str(value) not in labels:
        raise UnknownNameError(f"group of {column}", value, labels)
    return labels.index(str(value))
