"""A column drawn anew from like cases: for each row a value that a row of before had, which was like it in the other columns.

One tree is grown of the column on the others, over rows of before; a row's value is drawn from those in its leaf (Burgette &
Reiter 2010, Am J Epidemiol 172:1070). So drawn, a value tells less of its row than the true one did: what that costs is measured
on rows of before whose true value is known (`share.Tally.cost`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

MOST_LEARNED: Final = 10_000
LEAST_LEAF: Final = 20
TOP_VALUES: Final = 60
"""Values of a text column that are told apart; the others are one."""
MOST_CLASSES: Final = 50


@dataclass(frozen=True, eq=False)
class LikeCases:
    """Rows of before, sorted into leaves by all columns but one, whose values they lend.

    Attributes
    ----------
    column
        The one.
    codings
        Other columns to the texts that are told apart; None: numbers.
    tree
        From the others to a leaf.
    values, order, starts
        The lent values, and where each leaf's begin in `order`; leaves are numbers of `leaves`.
    """

    column: str
    codings: dict[str, pd.Index[Any] | None]
    tree: Any
    values: pd.Series[Any]
    order: np.ndarray
    leaves: np.ndarray
    starts: np.ndarray

    def draw(self, frame: pd.DataFrame, rng: np.random.Generator) -> pd.Series[Any]:
        """A value for each row of `frame`, of its index."""
        leaf = np.searchsorted(self.leaves, self.tree.apply(_matrix(frame, self.codings)))
        sizes = np.diff(np.append(self.starts, len(self.order)))[leaf]
        picked = self.order[self.starts[leaf] + np.floor(rng.random(len(frame)) * sizes).astype(np.intp)]
        drawn: pd.Series[Any] = self.values.iloc[picked].set_axis(frame.index)
        return drawn


def like_cases(frame: pd.DataFrame, column: str, others: list[str], seed: int = 0) -> LikeCases:
    """What rows of before teach of `column` given `others`; `frame` has a value of it in every row."""
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    if len(frame) > MOST_LEARNED:
        frame = frame.sample(MOST_LEARNED, random_state=seed)
    values = frame[column]
    numbers = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    classes = not numbers or values.nunique() <= 2
    kind = DecisionTreeClassifier if classes else DecisionTreeRegressor
    codings = {name: _coding(frame[name]) for name in others}
    tree = kind(min_samples_leaf=min(LEAST_LEAF, max(1, len(frame) // 4)), random_state=seed)
    tree.fit(_matrix(frame, codings), _coarse(values) if classes else _ranks(values))
    leaf = tree.apply(_matrix(frame, codings))
    order = np.argsort(leaf, kind="stable")
    leaves, starts = np.unique(leaf[order], return_index=True)
    return LikeCases(column, codings, tree, values, order, leaves, starts)


def _coarse(values: pd.Series[Any]) -> np.ndarray:
    """The values as classes, the rare ones together."""
    codes, names = pd.factorize(values, use_na_sentinel=True)
    counts = np.bincount(codes, minlength=len(names))
    kept = np.argsort(-counts, kind="stable")[:MOST_CLASSES]
    return np.where(np.isin(codes, kept), codes, -1)


def _ranks(values: pd.Series[Any]) -> np.ndarray:
    """Of numbers their mean ranks, so that a long tail does not grow the whole tree."""
    return values.rank().to_numpy(dtype=float)


def _coding(values: pd.Series[Any]) -> pd.Index[Any] | None:
    if pd.api.types.is_numeric_dtype(values) or pd.api.types.is_datetime64_any_dtype(values):
        return None
    known: pd.Index[Any] = values.astype(object).value_counts().index[:TOP_VALUES]
    return known


def _matrix(frame: pd.DataFrame, codings: dict[str, pd.Index[Any] | None]) -> np.ndarray:
    """The columns as numbers, NaN where missing; shape (rows, columns), one column of zeros where there are none."""
    columns = []
    for name, known in codings.items():
        values = frame[name]
        if known is not None:
            codes = known.get_indexer(pd.Index(values.astype(object))).astype(float)
            columns.append(np.where(values.isna().to_numpy(), np.nan, codes))
        elif pd.api.types.is_datetime64_any_dtype(values):
            columns.append(values.astype("int64").to_numpy(dtype=float))
        else:
            numbers = values.to_numpy(dtype=float, na_value=np.nan)
            columns.append(np.where(np.isfinite(numbers), numbers, np.nan))
    return np.column_stack(columns) if columns else np.zeros((len(frame), 1))
