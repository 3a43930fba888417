"""What was to be expected of a row: of its score, decision and outcome given its columns, and of a column given the others.

Each expectation is made by rows that are not the row itself (two halves, each predicted by the other), drawn from all times
alike, so that over time nothing changes in how far rows lie from it unless the relation itself changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from workbench.analysis.causes.rows import Condition, TimedRows

MOST_FITTED: Final = 20_000
"""Rows an expectation is learned from."""
LEAST_FITTED: Final = 200
ROUNDS: Final = 60
EARLY: Final = 0.3
"""The part of the rows, from the first on, in which the rule of decision is read."""
DETERMINED: Final = 0.97
FEWEST: Final = 5
"""Decisions of either kind that a rule is read from."""
SCORE_BINS: Final = 40
RIDGE: Final = 5.0


def given_columns(rows: TimedRows, target: np.ndarray, *, seed: int = 0, without: str | None = None) -> np.ndarray | None:
    """The expected `target` of each row given its features, shape (rows,); None where there is too little to learn from.

    Parameters
    ----------
    without
        A feature that is left out.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor
    from threadpoolctl import threadpool_limits

    known = np.flatnonzero(~np.isnan(target))
    features = feature_matrix(rows, without)
    if len(known) < LEAST_FITTED or features.shape[1] == 0 or np.ptp(target[known]) == 0:
        return None
    rng = np.random.default_rng(seed)
    half = rng.permutation(rows.size) % 2
    expected = np.empty(rows.size)
    for side in (0, 1):
        learned = known[half[known] != side]
        if len(learned) > MOST_FITTED:
            learned = rng.choice(learned, MOST_FITTED, replace=False)
        model = HistGradientBoostingRegressor(
            max_iter=ROUNDS, learning_rate=0.15, max_leaf_nodes=24, min_samples_leaf=20, early_stopping=False, random_state=0
        )
        with threadpool_limits(1):  # threads that wait for each other cost seconds on a busy machine
            model.fit(features[learned], target[learned])
            expected[half == side] = model.predict(features[half == side])
    return expected


def feature_matrix(rows: TimedRows, without: str | None = None) -> np.ndarray:
    """The features as numbers, shape (rows, features): numbers as they are, values by their code."""
    wanted = set(rows.dataset.features)
    columns = []
    for condition in rows.conditions:
        column = condition.coding.column
        if column not in wanted or column == without:
            continue
        series = rows.frame[column]
        if condition.ordered:
            columns.append(series.to_numpy(dtype=float, na_value=np.nan))
        else:
            columns.append(np.where(condition.codes == 0, np.nan, condition.codes.astype(float)))
    return np.column_stack(columns) if columns else np.empty((rows.size, 0))


def given_score(score: np.ndarray, target: np.ndarray) -> np.ndarray | None:
    """The mean of `target` among rows of like score (quantile bins), shape (rows,)."""
    known = ~np.isnan(score) & ~np.isnan(target)
    if np.count_nonzero(known) < LEAST_FITTED:
        return None
    bins = score_bins(score, known)
    count = np.bincount(bins[known], minlength=SCORE_BINS)
    total = np.bincount(bins[known], weights=target[known], minlength=SCORE_BINS)
    overall = total.sum() / count.sum()
    level = (total + overall) / (count + 1)
    return np.where(np.isnan(score), np.nan, level[bins])


def score_bins(score: np.ndarray, known: np.ndarray) -> np.ndarray:
    """The quantile bin of each score, shape (rows,), 0 to `SCORE_BINS` - 1."""
    edges = np.unique(np.quantile(score[known], np.linspace(0, 1, SCORE_BINS + 1)[1:-1]))
    return np.asarray(np.searchsorted(edges, np.nan_to_num(score, nan=edges[0]), side="right"))


def decision_rule(score: np.ndarray, decision: np.ndarray) -> tuple[float, int] | None:
    """The threshold and direction (1: from it on positive, -1: below) that the early decisions follow; None where none does."""
    known = np.flatnonzero(~np.isnan(score) & ~np.isnan(decision))
    known = known[: max(LEAST_FITTED, int(EARLY * len(known)))]
    return None if len(known) < LEAST_FITTED else read_rule(score[known], decision[known])


def read_rule(score: np.ndarray, decision: np.ndarray) -> tuple[float, int] | None:
    """The threshold and direction that all these decisions, none of them missing, follow; None where none does."""
    order = np.argsort(score, kind="stable")
    s, d = score[order], decision[order]
    below, positives, size = np.append(0, np.cumsum(d)), d.sum(), len(d)
    starts = np.append(0, np.flatnonzero(np.diff(s) > 0) + 1)
    right_up = (starts - below[starts]) + (positives - below[starts])
    best_up, best_down = int(np.argmax(right_up)), int(np.argmin(right_up))
    up, down = right_up[best_up] / size, 1 - right_up[best_down] / size
    if max(up, down) < DETERMINED or min(positives, size - positives) < FEWEST:
        return None
    at = starts[best_up if up >= down else best_down]
    threshold = s[at] if at == 0 else (s[at] + s[at - 1]) / 2
    return float(threshold), 1 if up >= down else -1


def given_codes(
    rows: TimedRows, conditions: Sequence[Condition], targets: Mapping[str, np.ndarray], *, apart: bool = False
) -> dict[str, np.ndarray]:
    """Each target as one linear regression on the codes of `conditions` expects it, shape (rows,).

    Parameters
    ----------
    apart
        Whether the targets are ranks of columns, named by them, each of which is then expected given the others.
    """
    if not targets or len(conditions) < 1 + apart:
        return {name: np.zeros(rows.size) for name in targets}
    rng = np.random.default_rng(0)
    learned = np.arange(rows.size) if rows.size <= MOST_FITTED else np.sort(rng.choice(rows.size, MOST_FITTED, replace=False))
    sizes = [condition.size - 1 for condition in conditions]
    first = (1 + np.append(0, np.cumsum(sizes))).astype(int)
    design = np.zeros((len(learned), int(first[-1])), dtype=np.float32)
    design[:, 0] = 1
    for condition, start in zip(conditions, first, strict=False):
        codes = condition.codes[learned].astype(int)
        at = np.flatnonzero(codes > 0)
        design[at, start + codes[at] - 1] = 1
    gram = (design.T @ design).astype(float)
    expected = {}
    for name, target in targets.items():
        barred = [n for n, condition in enumerate(conditions) if apart and condition.coding.column == name]
        kept = np.concatenate([[0], *(np.arange(first[n], first[n + 1]) for n in range(len(conditions)) if n not in barred)])
        aim = np.nan_to_num(target[learned], nan=0.5)
        full = np.zeros(int(first[-1]))
        full[kept] = np.linalg.solve(gram[np.ix_(kept, kept)] + RIDGE * np.eye(len(kept)), design[:, kept].T @ aim)
        found = np.full(rows.size, full[0])
        for n, condition in enumerate(conditions):
            found += np.append(0.0, full[first[n] : first[n + 1]])[condition.codes]
        expected[name] = found
    return expected
