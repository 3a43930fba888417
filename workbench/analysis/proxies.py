"""What stands in for a protected attribute among the features: how well they tell who is of the group, and which of them do.

A model that never sees the attribute still follows it as far as the other features predict it. A small booster is trained to
tell the group from its reference, judged on rows it has not seen, against the same with the attribute shuffled; the share of each
feature is its mean absolute Shapley value (Lundberg 2020, Nat Mach Intell 2:56), beside what it can tell alone. Rows count alike:
the question is what a row tells, not how many people it stands for.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Final, cast

import numpy as np
import pandas as pd

from workbench.analysis.pairs import choose_pair
from workbench.data.dataset import Dataset
from workbench.data.encode import fit_codings
from workbench.errors import InputError
from workbench.result import Result, provenance

MOST_ROWS: Final = 6_000
PERMUTATIONS: Final = 39
"""Shuffles behind the p-value, whose smallest value is then 0.025."""
EXPLAINED: Final = 1000
FOLDS: Final = 3
BOOSTER: Final = {"max_iter": 30, "max_leaf_nodes": 8, "learning_rate": 0.2, "min_samples_leaf": 20, "max_bins": 63}
LEAST_ROWS: Final = 100


def find_proxies(
    dataset: Dataset,
    attribute: str | None = None,
    *,
    features: Sequence[str] | None = None,
    group: object = None,
    reference: object = "everybody else",
    most: int = MOST_ROWS,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> Result:
    """Measure how well the features tell the group from its reference.

    Parameters
    ----------
    features
        None: the dataset's features that are no group.
    attribute, group, reference
        Whom to tell from whom, see `workbench.analysis.pairs.choose_pair`.
    most, permutations
        The budget: rows used (drawn with `seed`, half of either side where there are more), and shuffles.

    Returns
    -------
    Result
        Table ``features``, the largest share first: ``contribution`` (mean absolute Shapley value, in log odds), ``share`` of
        all contributions, ``alone`` (AUC of the booster on this feature only, on rows not seen).
        ``numbers``: ``auc`` (0.5: the features tell nothing, 1: everything; chance that a random row of the group scores above
        one of the reference), ``auc_shuffled`` (mean with the attribute shuffled), ``p``, and the budget: ``rows``,
        ``explained`` rows, ``permutations``, ``folds``.

    Raises
    ------
    InputError
        If a side has fewer than `LEAST_ROWS` rows, or no feature varies.
    """
    pair = choose_pair(dataset, attribute, group=group, reference=reference)
    named = features if features is not None else [name for name in dataset.features if name not in dataset.roles.groups]
    used = [name for name in named if name not in pair.columns]
    rng = np.random.default_rng(seed)
    rows = _sample(pair.inside, pair.outside, most, rng)
    is_group = pair.inside[rows].astype(int)
    encoded, names = encode_features(dataset.frame.iloc[rows], used)
    with one_thread():
        auc = _auc(encoded, is_group, seed)
        shuffled = np.array([_auc(encoded, rng.permutation(is_group), seed) for _ in range(permutations)])
        alone = [_auc(encoded[:, [at]], is_group, seed) for at in range(len(names))]
        contribution = _contributions(encoded, is_group, rng)
    table = pd.DataFrame({
        "feature": names, "contribution": contribution, "share": contribution / max(contribution.sum(), 1e-300), "alone": alone,
    }).sort_values("contribution", ascending=False, ignore_index=True)  # fmt: skip
    arguments = {**pair.said(), "features": used, "most": most, "permutations": permutations, "roles": dataset.given.said()}
    return Result(
        kind="proxies",
        title=f"What tells {pair.group} from {pair.reference}",
        tables={"features": table},
        numbers={
            "rows": len(rows), "explained": min(EXPLAINED, len(rows)), "permutations": permutations, "folds": FOLDS, "auc": auc,
            "auc_shuffled": float(shuffled.mean()) if permutations else None,
            "p": float((1 + (shuffled >= auc).sum()) / (1 + permutations)) if permutations else None,
        },
        where=dataset.where,
        provenance=provenance(arguments, seed=seed, fingerprint=dataset.fingerprint),
    )  # fmt: skip


def _sample(inside: np.ndarray, outside: np.ndarray, most: int, rng: np.random.Generator) -> np.ndarray:
    """Positions of the rows used: all, or as many of either side as there is room for."""
    sides = [np.flatnonzero(inside), np.flatnonzero(outside)]
    if min(map(len, sides)) < LEAST_ROWS:
        raise InputError("too few rows to tell two groups apart", min(map(len, sides)), f"{LEAST_ROWS} of either are needed.")
    smaller = min(len(sides[0]), len(sides[1]), most // 2)
    drawn = [rng.choice(side, min(len(side), most - smaller), replace=False) if len(side) > smaller else side for side in sides]
    kept = drawn if sum(map(len, drawn)) <= most else [rng.choice(side, most // 2, replace=False) for side in sides]
    return np.sort(np.concatenate(kept))


def encode_features(frame: pd.DataFrame, features: Sequence[str]) -> tuple[np.ndarray, list[str]]:
    """Numbers as they are, anything else as codes; times and constant columns left out."""
    columns, names = [], []
    for name in features:
        series = frame[name]
        if pd.api.types.is_numeric_dtype(series) and not pd.api.types.is_bool_dtype(series):
            values = series.to_numpy(dtype=float, na_value=np.nan)
            varies = len(np.unique(values[~np.isnan(values)])) > 1 or 0 < np.isnan(values).sum() < len(values)
            made = [values] if varies else []
        else:
            made = [coding.apply(series).astype(float) for coding in fit_codings(frame, [name])]
        columns += made
        names += [name] * len(made)
    if not columns:
        raise InputError("no feature varies", ", ".join(features) or "none given", "Name other features.")
    return np.column_stack(columns), names


def _booster(seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(**BOOSTER, early_stopping=False, random_state=seed)


def one_thread() -> AbstractContextManager[Any]:
    """One thread for small fits: where other programs run too, threads that wait for each other take twenty times as long."""
    import sklearn.ensemble  # noqa: F401  only threads of libraries that are loaded already are limited
    from threadpoolctl import threadpool_limits

    return cast("AbstractContextManager[Any]", threadpool_limits(1))


def _auc(encoded: np.ndarray, is_group: np.ndarray, seed: int) -> float:
    """The AUC of boosters on the rows that each has not seen."""
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold

    scores = np.empty(len(is_group))
    for train, test in StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(encoded, is_group):
        scores[test] = _booster(seed).fit(encoded[train], is_group[train]).predict_proba(encoded[test])[:, 1]
    return float(roc_auc_score(is_group, scores))


def _contributions(encoded: np.ndarray, is_group: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Mean absolute Shapley value of each column, over at most `EXPLAINED` rows, in a booster trained on all."""
    import shap

    model = _booster(0).fit(encoded, is_group)
    some = rng.choice(len(encoded), min(EXPLAINED, len(encoded)), replace=False)
    values = np.asarray(shap.TreeExplainer(model).shap_values(encoded[some]))
    return np.asarray(np.abs(values).mean(axis=0))
