"""How far a decision log could tell people apart by what others may know of them: classes, uniqueness, k-anonymity.

Rows that agree in every *quasi-identifier* form a class; somebody who knows these of a person is left with the class. A class of
one row gives the row, and a class with a single outcome gives the outcome, however large it is (Sweeney 2002, IJUFKS 10:557;
Machanavajjhala et al. 2007, TKDD 1:3). It is the log that is counted, not the population: who is unique here may have many
doubles outside of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import pandas as pd

from workbench.data.dataset import Dataset
from workbench.errors import InputError, UnknownNameError
from workbench.predicate import ALL_ROWS, Predicate, equals, missing
from workbench.result import SMALL_CELL, Result, provenance
from workbench.result.cells import is_small

MOST_VALUES: Final = 100
"""A feature of more values than this is no quasi-identifier unless it is named: it would tell every row apart."""


def measure_privacy(
    dataset: Dataset, quasi: Sequence[str] | None = None, *, k: int = SMALL_CELL, slices: Sequence[Predicate | str] = ()
) -> Result:
    """How many rows share what others may know of them.

    Parameters
    ----------
    dataset
        The decision log; missing values agree with each other.
    quasi
        The columns that somebody else may know; None: the groups, and the features of at most `MOST_VALUES` values.
    k
        A class of fewer rows than this is small.
    slices
        Further parts of the rows to tell of, beside every value of every group. Classes are those of the whole log.

    Returns
    -------
    Result
        Of kind ``privacy``. ``tables["columns"]`` has a row per column in the order in which they tell most apart, each with
        those above it: ``column, values, classes, smallest`` (rows of the smallest class: the log is that anonymous), ``unique``
        (share of rows alone in their class), ``below_k`` (share of rows in a small class), ``risk`` (mean over rows of one over
        the class' size: the chance to pick the right row; classes / rows). ``tables["slices"]`` has ``attribute`` (the group
        whose value it is, else empty), ``where, n, unique, below_k, risk, suppressed``. ``numbers`` has those of all columns
        together, and with labels or predictions ``homogeneous_…``: the share of rows in a class of two or more with one outcome.

    Raises
    ------
    InputError
        If there is no quasi-identifier, or `k` is below 2.
    UnknownNameError
        If a column is not in the log.
    """
    if k < 2:
        raise InputError("a class is small below two rows or more", k, "Give k of 2 or more.")
    columns = _quasi_identifiers(dataset, quasi)
    coded = {column: pd.factorize(dataset.frame[column], use_na_sentinel=False)[0].astype(np.int64) for column in columns}
    steps, classes = _greedy(coded, k)
    sizes = np.bincount(classes)[classes]
    arguments = {"quasi": columns, "k": k, "slices": [str(where) for where in slices], "roles": dataset.given.said()}
    return Result(
        kind="privacy",
        title="How far people can be told apart",
        tables={"columns": pd.DataFrame(steps), "slices": _by_slice(dataset, sizes, k, slices)},
        numbers={
            "rows": dataset.rows,
            "k": k,
            "classes": int(classes.max()) + 1,
            "smallest": int(sizes.min()),
            **_shares(sizes, k),
            **_homogeneous(dataset, classes, sizes),
        },
        provenance=provenance(arguments, seed=None, fingerprint=dataset.fingerprint),
    )


def _quasi_identifiers(dataset: Dataset, quasi: Sequence[str] | None) -> list[str]:
    if quasi is None:
        groups = list(dataset.roles.groups)
        found = [*groups, *(name for name in dataset.features if dataset.frame[name].nunique(dropna=False) <= MOST_VALUES)]
    else:
        found = list(quasi)
    for column in found:
        if column not in dataset.columns:
            raise UnknownNameError("column", column, dataset.columns)
    if not found:
        advice = f"Name the columns that others may know; features of more than {MOST_VALUES} values are taken by name only."
        raise InputError("no quasi-identifier in this log", list(dataset.features), advice)
    return list(dict.fromkeys(found))


def _greedy(coded: dict[str, np.ndarray], k: int) -> tuple[list[dict[str, object]], np.ndarray]:
    """A row per column, each the one that leaves the most classes beside those before it; and the classes of all of them."""
    left, steps = dict(coded), []
    classes = np.zeros(len(next(iter(coded.values()))), dtype=np.int64)
    while left:
        finer = {column: _refined(classes, codes) for column, codes in left.items()}
        column = max(finer, key=lambda name: int(finer[name].max()))
        classes = finer[column]
        sizes = np.bincount(classes)[classes]
        values = int(left.pop(column).max()) + 1
        steps.append({"column": column, "values": values, "classes": int(classes.max()) + 1, "smallest": int(sizes.min()),
                      **_shares(sizes, k)})  # fmt: skip
    return steps, classes


def _refined(classes: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Classes of the rows that agree in both, numbered from 0 without a gap, so that no product of cardinalities overflows."""
    joint = classes * (int(codes.max()) + 1) + codes
    refined: np.ndarray = pd.factorize(joint)[0].astype(np.int64)
    return refined


def _shares(sizes: np.ndarray, k: int) -> dict[str, float]:
    """What the class sizes of some rows say of them; null of no row."""
    if not len(sizes):
        return dict.fromkeys(("unique", "below_k", "risk"), float("nan"))
    return {"unique": float((sizes == 1).mean()), "below_k": float((sizes < k).mean()), "risk": float((1 / sizes).mean())}


def _homogeneous(dataset: Dataset, classes: np.ndarray, sizes: np.ndarray) -> dict[str, float]:
    """Per outcome there is, the share of rows whose class has two rows or more and one value of it."""
    found = {}
    for role in ("label", "prediction"):
        if dataset.has(role):
            codes = pd.factorize(dataset.role(role), use_na_sentinel=False)[0]
            alike = _refined(classes, codes)
            same = np.bincount(alike)[alike] == sizes
            found[f"homogeneous_{role}"] = float((same & (sizes > 1)).mean())
    return found


def _by_slice(dataset: Dataset, sizes: np.ndarray, k: int, slices: Sequence[Predicate | str]) -> pd.DataFrame:
    asked = [Predicate.parse(where) if isinstance(where, str) else where for where in slices]
    told = [("", ALL_ROWS), *_group_values(dataset), *(("", where) for where in asked)]
    rows = []
    for attribute, where in told:
        own = sizes[np.asarray(where.mask(dataset.frame), dtype=bool)]
        rows.append({
            "attribute": attribute, "where": str(where), "n": len(own), **_shares(own, k), "suppressed": is_small(len(own)),
        })  # fmt: skip
    return pd.DataFrame(rows)


def _group_values(dataset: Dataset) -> Iterator[tuple[str, Predicate]]:
    """Every value of every group, missing last."""
    for column in dataset.roles.groups:
        for value in sorted(dataset.frame[column].dropna().unique().tolist()):
            yield column, equals(column, value)
        if dataset.frame[column].isna().any():
            yield column, missing(column)
