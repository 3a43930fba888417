"""Scenarios that read people out of a model: who was in its training data, and what a hidden attribute of theirs is.

Both are held against a null in which there is nothing to read: the same attack after the labels it guesses were shuffled. Half
of the AUC's range is chance (0.5), so what is reported is how far it lies above that null, and whether that is more than luck.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd

from workbench.analysis.stats import wilson
from workbench.attacks.decisions import Vocabulary, decision_texts
from workbench.attacks.scenarios.trial import Setting, Trial
from workbench.errors import InputError
from workbench.models.python import python_target
from workbench.models.target import Prediction
from workbench.registry import scenarios

SHUFFLES: Final = 999
REFITS: Final = 39
"""Shuffles where each fits a model anew: the smallest p-value is 1/40."""


@scenarios.register("membership inference")
def membership_inference(setting: Setting, *, shuffles: int = SHUFFLES, outsiders: bool = False) -> Trial:
    """Tell training rows from others by how sure the model is of their label; measure: AUC.

    Parameters
    ----------
    shuffles
        Of the membership, for the null.
    outsiders
        Compare two halves neither of which was trained on: the benign twin, whose AUC is chance.
    """
    sure, inside, places = ask_members(setting, outsiders=outsiders)
    value, low, high, p = _against_null(sure, inside, setting.generator(51), shuffles)
    table = pd.DataFrame([{
        "auc": value, "low": low, "high": high, "p": p, "null": 0.5, "tpr_at_1pct_fpr": _tpr_at(sure, inside, 0.01),
        "members": int(inside.sum()), "others": int((~inside).sum()),
    }])  # fmt: skip
    exposed = sure >= np.quantile(sure[~inside], 0.95)
    return Trial(
        "AUC of telling members from others", value, low, high, {"outcomes": table}, {"p": p}, exposed[inside], places[inside]
    )


def ask_members(setting: Setting, *, outsiders: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A model fitted on a third of the rows, asked about them and about another third.

    Returns
    -------
    tuple of numpy.ndarray
        Each of shape (rows asked,): how sure it is of the true label, in [0, 1]; whether it was trained on the row (with
        `outsiders`: whether the row is of the first of two thirds, neither trained on); the row's place in the setting.

    Raises
    ------
    InputError
        Without labels, or without ``fit``.
    """
    labels = setting.require_label()
    parts = np.array_split(setting.generator(50).permutation(len(setting)), 3)
    trained, insider, outsider = parts[0], parts[2] if outsiders else parts[0], parts[1]
    fitted = setting.require_fit()(setting.frame.iloc[trained].reset_index(drop=True), labels[trained])
    model = python_target(fitted, name="refitted", digest="not asked for")
    places = np.concatenate([insider, outsider])
    inside = np.arange(len(places)) < len(insider)
    return _sureness(model.predict(setting.frame.iloc[places].reset_index(drop=True)), labels[places]), inside, places


@scenarios.register("attribute inference")
def attribute_inference(setting: Setting, *, attribute: str | None = None, refits: int = REFITS, shuffled: bool = False) -> Trial:
    """Guess a hidden attribute from the other features and the model's answer; measure: accuracy the answer adds.

    Parameters
    ----------
    attribute
        Name of a group; None: the first.
    refits
        Times the guess is fitted again with the answers shuffled among rows, for the null.
    shuffled
        Shuffle the answers to begin with: the benign twin, in which they tell nothing.
    """
    if not setting.groups:
        raise InputError("no hidden attribute to guess", None, "Give the role `groups`.")
    name = attribute or next(iter(setting.groups))
    if name not in setting.groups:
        raise InputError("no group of that name", name, f"Groups: {', '.join(setting.groups)}")
    secret = decision_texts(setting.groups[name])
    chance = setting.generator(52)
    answers = _answers(setting)
    if shuffled:
        answers = answers[chance.permutation(len(answers))]
    others = _others(setting, secret)
    half = chance.permutation(len(secret)) < len(secret) // 2
    guessed = _guess(others, answers, secret, half)
    hits = guessed == secret[~half]
    null = [
        float((_guess(others, answers[chance.permutation(len(answers))], secret, half) == secret[~half]).mean())
        for _ in range(refits)
    ]
    base = float(np.median(null))
    gain, low, high = (float(end) - base for end in (hits.mean(), *wilson(hits.sum(), len(hits))))
    p = (1 + sum(value >= hits.mean() for value in null)) / (1 + refits)
    table = pd.DataFrame([{
        "attribute": name, "accuracy": float(hits.mean()), "null": base, "gain": gain, "low": low, "high": high,
        "p": p,
    }])  # fmt: skip
    return Trial(
        f"accuracy that the answers add in guessing {name}", gain, low, high, {"outcomes": table},
        {"p": p, "attribute": name}, hits, np.flatnonzero(~half),
    )  # fmt: skip


def _sureness(prediction: Prediction, labels: np.ndarray) -> np.ndarray:
    """How sure the model is of the true label: its score where the label is the one scored high, else 1 less it."""
    vocabulary = Vocabulary()
    right = vocabulary.encode(prediction.decision) == vocabulary.encode(labels)
    score = prediction.score
    if np.isnan(score).all():
        return np.asarray(right.astype(float))
    positive = pd.to_numeric(pd.Series(labels), errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    return np.asarray(np.where(positive == 1, score, 1 - score))


def _against_null(
    sure: np.ndarray, inside: np.ndarray, chance: np.random.Generator, shuffles: int
) -> tuple[float, float, float, float]:
    """AUC, its 95 % interval, and its p-value among shuffled memberships."""
    from scipy.stats import rankdata

    ranks = rankdata(sure)
    ones, zeros = int(inside.sum()), int((~inside).sum())
    if not ones or not zeros:
        raise InputError("nobody to tell apart", f"{ones} members, {zeros} others", "Give more rows.")
    value = auc_of(ranks, inside)
    null = np.array([auc_of(ranks, chance.permutation(inside)) for _ in range(shuffles)])
    return value, *auc_interval(value, ones, zeros), float((1 + (null >= value).sum()) / (1 + shuffles))


def auc_interval(value: float, ones: int, zeros: int) -> tuple[float, float]:
    """95 % interval of an AUC between `ones` members and `zeros` others (Hanley & McNeil 1982, Radiology 143:29)."""
    q1, q2 = value / (2 - value), 2 * value**2 / (1 + value)
    variance = (value * (1 - value) + (ones - 1) * (q1 - value**2) + (zeros - 1) * (q2 - value**2)) / (ones * zeros)
    half = 1.96 * float(np.sqrt(max(variance, 0.0)))
    return max(value - half, 0.0), min(value + half, 1.0)


def auc_of(ranks: np.ndarray, inside: np.ndarray) -> float:
    """The chance that a member ranks above another (Mann & Whitney 1947); there must be one of each."""
    ones, zeros = int(inside.sum()), int((~inside).sum())
    return float((ranks[inside].sum() - ones * (ones + 1) / 2) / (ones * zeros))


def _tpr_at(sure: np.ndarray, inside: np.ndarray, rate: float) -> float:
    return float((sure[inside] > np.quantile(sure[~inside], 1 - rate)).mean())


def _answers(setting: Setting) -> np.ndarray:
    clean = setting.clean
    codes = Vocabulary().encode(clean.decision).astype(float)
    return np.column_stack([codes, np.nan_to_num(clean.score)])


def _others(setting: Setting, secret: np.ndarray) -> np.ndarray:
    """Features that are not the secret in another name: a column that tells it in every row is left out."""
    matrix = np.nan_to_num(setting.domain.encode(setting.frame))
    codes = Vocabulary().encode(secret)
    keep = []
    for place in range(matrix.shape[1]):
        told: Any = pd.Series(codes).groupby(matrix[:, place]).nunique()
        keep.append(not bool((told == 1).all()) or len(told) > len(codes) // 2)
    return np.asarray(matrix[:, np.array(keep, dtype=bool)])


def _guess(others: np.ndarray, answers: np.ndarray, secret: np.ndarray, half: np.ndarray) -> np.ndarray:
    from sklearn.tree import DecisionTreeClassifier

    known = np.column_stack([others, answers])
    texts = np.array([str(value) for value in secret])
    model = DecisionTreeClassifier(max_depth=5, min_samples_leaf=10, random_state=0).fit(known[half], texts[half])
    return np.asarray(model.predict(known[~half]), dtype=object)
