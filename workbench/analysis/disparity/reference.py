"""Which group the others are held against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

import numpy as np

from workbench.analysis.disparity.counts import GroupCounts
from workbench.errors import UnknownNameError

MOST_FAVORED: Final = "most favored"
LARGEST: Final = "largest"
EVERYBODY_ELSE: Final = "everybody else"
REFERENCES: Final = (MOST_FAVORED, LARGEST, EVERYBODY_ELSE)
REFERENCE_SHARES: Final = (0.1, 0.02, 0.0)
"""The most favoured is sought among groups that hold a tenth of the rows, else among those of 2 %, else among all: the rate of a
tiny group is mostly noise (29 CFR 1607.4(D))."""

Reference: TypeAlias = object
"""None or one of `REFERENCES`; a group's value, or the values of an intersection; or attribute to value."""


def choose_references(levels: Sequence[GroupCounts], reference: Reference) -> list[int | None]:
    """Per level the position of the reference group; None for everybody else.

    A value that only some levels know names the reference there; the others take their most favoured group.

    Raises
    ------
    UnknownNameError
        If no level has a group of that value.
    """
    if reference is None or reference in (MOST_FAVORED, LARGEST, EVERYBODY_ELSE):
        return [_by_rule(counts, str(reference or MOST_FAVORED)) for counts in levels]
    named = [_find(counts, reference) for counts in levels]
    if all(place is None for place in named):
        known = [label for counts in levels for label in counts.labels]
        raise UnknownNameError("reference group", reference, [*known, *REFERENCES])
    return [_by_rule(counts, MOST_FAVORED) if place is None else place for counts, place in zip(levels, named, strict=True)]


def _by_rule(counts: GroupCounts, reference: str) -> int | None:
    if reference == EVERYBODY_ELSE:
        return None
    rows = counts.n
    if reference == LARGEST or not counts.trials("selection_rate").any() or not counts.hits("selection_rate").any():
        return int(np.argmax(rows))
    rates = np.nan_to_num(counts.share("selection_rate"), nan=-1)
    large = next(held for held in (rows >= share * rows.sum() for share in REFERENCE_SHARES) if held.any())
    return int(np.argmax(np.where(large, rates, -1)))


def _find(counts: GroupCounts, reference: Reference) -> int | None:
    """The position of the group that `reference` names, by its value, its values, or its text."""
    wanted = _values(counts.attributes, reference)
    texts = [tuple(_text(value) for value in group) for group in counts.values]
    if wanted is not None and wanted in texts:
        return texts.index(wanted)
    return counts.labels.index(str(reference)) if str(reference) in counts.labels else None


def _values(attributes: Sequence[str], reference: Reference) -> tuple[str, ...] | None:
    if isinstance(reference, Mapping):
        known: Mapping[Any, Any] = reference
        return tuple(_text(known[name]) for name in attributes) if all(name in known for name in attributes) else None
    if isinstance(reference, tuple | list):
        return tuple(_text(value) for value in reference)
    return (_text(reference),)


def _text(value: object) -> str:
    return "missing" if value is None else str(value)
