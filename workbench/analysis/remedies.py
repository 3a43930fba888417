"""Ways to decide otherwise, so that groups fare more alike: each learns on some rows and decides on others.

A remedy gets the rows it may learn from and gives decisions for the rest, True where the prediction is the positive one. None of
them sees an outcome of the rows it decides on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from workbench.analysis.proxies import one_thread

CONSTRAINTS: Final = {"demographic_parity": "equal selection rates", "equalized_odds": "equal error rates"}
BOOSTER: Final = {"max_iter": 60, "max_leaf_nodes": 8, "learning_rate": 0.1, "min_samples_leaf": 20}


@dataclass(frozen=True, eq=False)
class Cases:
    """Rows of a decision log as remedies see them, every array of shape (rows,) but `features`.

    Attributes
    ----------
    score
        Higher means nearer to the positive prediction; None without scores.
    label, decision
        True where positive.
    group
        The group of each row from 0.
    features
        Shape (rows, features), without the groups; None where there are none.
    train
        True for the rows to learn from.
    """

    score: np.ndarray | None
    label: np.ndarray
    decision: np.ndarray
    group: np.ndarray
    features: np.ndarray | None
    train: np.ndarray

    def share_called(self) -> float:
        """The share of positive decisions that stands: remedies keep it, so that they move who is called, not how many."""
        return float(self.decision[self.train].mean())


Remedy = Callable[[Cases, int], np.ndarray]


def by_thresholds(constraint: str) -> Remedy:
    """A threshold per group, or a coin between two, on the recorded scores: the ThresholdOptimizer of fairlearn (Hardt 2016)."""

    def decide(cases: Cases, seed: int) -> np.ndarray:
        from fairlearn.postprocessing import ThresholdOptimizer

        score = _score(cases).reshape(-1, 1)
        train, test = cases.train, ~cases.train
        made = ThresholdOptimizer(estimator=_recorded(), constraints=constraint, prefit=True, predict_method="predict")
        made.fit(score[train], cases.label[train].astype(int), sensitive_features=cases.group[train])
        told = made.predict(score[test], sensitive_features=cases.group[test], random_state=seed)
        return np.asarray(told).astype(bool)

    return decide


def by_recalibration(cases: Cases, seed: int) -> np.ndarray:
    """A score that means the same in every group (isotonic regression of the label, per group), and one threshold for all."""
    del seed
    from sklearn.isotonic import IsotonicRegression

    score = _score(cases)
    chance = np.empty(len(score))
    for group in np.unique(cases.group):
        rows = cases.group == group
        line = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip")
        line.fit(score[rows & cases.train], cases.label[rows & cases.train].astype(float))
        chance[rows] = line.predict(score[rows])
    return called(chance, cases)


def by_refitting(cases: Cases, seed: int) -> np.ndarray:
    """A small booster of our own on the features: what reweighing is to be held against, for it replaces the model too."""
    return _boosted(cases, np.ones(len(cases.label)), seed)


def by_reweighing(cases: Cases, seed: int) -> np.ndarray:
    """The same booster with weights under which group and label are independent (Kamiran & Calders 2012, Knowl Inf Syst 33:1)."""
    return _boosted(cases, reweighing(cases.group, cases.label, cases.train), seed)


def reweighing(group: np.ndarray, label: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Expected over observed share of each row's group and label among the rows to learn from; 1 elsewhere."""
    weights = np.ones(len(label))
    for which in np.unique(group):
        for outcome in (False, True):
            cell = train & (group == which) & (label == outcome)
            if cell.any():
                expected = (train & (group == which)).sum() * (train & (label == outcome)).sum() / train.sum()
                weights[cell] = expected / cell.sum()
    return weights


def called(chance: np.ndarray, cases: Cases) -> np.ndarray:
    """Decisions on the held-out rows by the threshold that, among the others, calls as nearly as many as are called now."""
    values, counts = np.unique(chance[cases.train], return_counts=True)
    above = np.cumsum(counts[::-1])[::-1] / counts.sum()
    return np.asarray(chance[~cases.train] >= values[np.argmin(np.abs(above - cases.share_called()))])


def _boosted(cases: Cases, weights: np.ndarray, seed: int) -> np.ndarray:
    from sklearn.ensemble import HistGradientBoostingClassifier

    if cases.features is None:
        msg = "a booster needs features"
        raise AssertionError(msg)
    with one_thread():
        model = HistGradientBoostingClassifier(**BOOSTER, early_stopping=False, random_state=seed)
        model.fit(cases.features[cases.train], cases.label[cases.train], sample_weight=weights[cases.train])
        return called(model.predict_proba(cases.features)[:, 1], cases)


def _score(cases: Cases) -> np.ndarray:
    if cases.score is None:
        msg = "this remedy needs scores"
        raise AssertionError(msg)
    return cases.score


def _recorded() -> Any:
    """A fitted model whose prediction is its only feature: the score as it was recorded."""
    from sklearn.base import BaseEstimator

    class Recorded(BaseEstimator):  # type: ignore[misc]
        def __sklearn_is_fitted__(self) -> bool:
            return True

        def fit(self, _x: np.ndarray, _y: Any = None) -> Recorded:
            return self

        def predict(self, x: np.ndarray) -> np.ndarray:
            return np.asarray(x)[:, 0]

    return Recorded()
