"""Two rates on the same rows: the difference, its interval, and McNemar's exact p."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workbench.attacks.verdict import mcnemar, paired_difference
from workbench.errors import InputError


@dataclass(frozen=True)
class PairedDifference:
    """How much more often something holds in one of two ways, over the same `rows`.

    Attributes
    ----------
    first, second
        The two rates in [0, 1].
    difference
        `first` minus `second`, in [-1, 1]; 0 where both are the same.
    low, high
        Its 95 % interval (`workbench.attacks.verdict.paired_difference`).
    p
        Exact two-sided p-value that rows differ either way alike; 1 where none differs.
    """

    rows: int
    first: float
    second: float
    difference: float
    low: float
    high: float
    p: float


def compare_paired(first: np.ndarray, second: np.ndarray) -> PairedDifference:
    """The rate of `first` less that of `second`, both bool of shape (rows,), over the same rows.

    Raises
    ------
    InputError
        If there is no row, or the two have not the same rows.
    """
    if not len(first) or len(first) != len(second):
        raise InputError("no pairs to compare", f"{len(first)} and {len(second)} rows", "Give the same rows twice.")
    one, two = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    more, fewer = int((one & ~two).sum()), int((~one & two).sum())
    low, high = paired_difference(more, fewer, len(one))
    return PairedDifference(
        len(one), float(one.mean()), float(two.mean()), (more - fewer) / len(one), low, high, mcnemar(more, fewer)
    )
