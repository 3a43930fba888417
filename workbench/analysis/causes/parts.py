"""Every part of the rows that one condition can say: a value, all but one value, a range of bins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workbench.analysis.causes.rows import Condition, TimedRows


@dataclass(frozen=True, eq=False)
class Catalogue:
    """Every part of the rows that one condition can say.

    Attributes
    ----------
    codes
        Shape (rows, conditions): the code of each row, numbered through over all conditions.
    size
        Codes in all.
    first
        The first code of each condition.
    members
        Shape (candidates, codes): which codes a candidate holds.
    column
        Position of the condition each candidate belongs to.
    """

    codes: np.ndarray
    size: int
    first: tuple[int, ...]
    members: np.ndarray
    column: np.ndarray


def make_catalogue(rows: TimedRows) -> Catalogue:
    """The candidates of every condition of `rows`: a value, all but one value, a range of bins."""
    sizes = [condition.size for condition in rows.conditions]
    first = np.append(0, np.cumsum(sizes)).astype(int)
    members, column = [], []
    for number, condition in enumerate(rows.conditions):
        sets = _candidates(condition, np.bincount(condition.codes, minlength=condition.size))
        full = np.zeros((len(sets), int(first[-1])))
        full[:, first[number] : first[number + 1]] = sets
        members.append(full)
        column += [number] * len(sets)
    codes = [condition.codes.astype(np.int64) + start for condition, start in zip(rows.conditions, first, strict=False)]
    held = np.column_stack(codes) if codes else np.empty((rows.size, 0), dtype=np.int64)
    stacked = np.concatenate(members) if members else np.empty((0, 0))
    return Catalogue(held, int(first[-1]), tuple(first.tolist()), stacked, np.array(column, dtype=int))


def _candidates(condition: Condition, held: np.ndarray) -> np.ndarray:
    """Membership of codes in candidates, shape (candidates, codes): values, all but one value, ranges."""
    present = np.flatnonzero(held > 0)
    single = np.eye(condition.size)
    if len(present) < 2:
        return np.empty((0, condition.size))
    if condition.ordered:
        inner = present[present > 0]
        pairs = [(inner[low], inner[high]) for low in range(len(inner)) for high in range(low, len(inner))]
        codes = np.arange(condition.size)
        sets = [((codes >= low) & (codes <= high)).astype(float) for low, high in pairs]
        sets += [single[0]] if 0 in present else []
    else:
        sets = list(single[present])
        if len(present) > 2 and 0 not in present:
            sets += list(single[present].sum(axis=0) - single[present])
    members = np.array(sets)
    size = members @ held
    return np.asarray(members[(size > 0) & (size < held.sum())])
