"""What each measure means, in words for people who read no formula, and which wishes cannot be met at once, on the data at hand.

When the share of positive outcomes differs between groups, no imperfect score gives everybody the same meaning of a decision
(predictive parity, calibration) and the same error rates. `impossibility` says whether that is so here, and what has to give.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from workbench.analysis import stats
from workbench.analysis.disparity.counts import effective_sample
from workbench.analysis.measures import LABELS, share_flags
from workbench.analysis.pairs import Pair, choose_pair
from workbench.data.dataset import Dataset
from workbench.result import SMALL_CELL, Result, provenance

LEVEL: Final = 0.05


@dataclass(frozen=True)
class Definition:
    """A measure in words.

    Attributes
    ----------
    measure, label
        Its name in code, and as people read it.
    question
        What it asks, in one plain sentence.
    counted, among
        Numerator and denominator.
    criterion
        The name of the fairness criterion "equal in all groups", where it has one.
    harm
        What a group suffers where its value is worse.
    """

    measure: str
    label: str
    question: str
    counted: str
    among: str
    criterion: str = ""
    harm: str = ""


def _define(  # noqa: PLR0917  a table, read by column
    measure: str, question: str, counted: str, among: str, criterion: str = "", harm: str = ""
) -> Definition:
    return Definition(measure, LABELS[measure], question, counted, among, criterion, harm)


DEFINITIONS: Final = {
    made.measure: made
    for made in (
        _define(
            "selection_rate", "How many of a group get the decision that is good for them?",
            "people with the favourable decision", "all people with a decision", "demographic parity",
            "fewer of them are given the chance, deserved or not",
        ),
        _define(
            "base_rate", "How many of a group have the positive outcome, whatever was decided?", "people whose label is positive",
            "all people with a label", "", "none by itself: it describes the outcomes that were recorded, and how",
        ),
        _define(
            "tpr", "Of those who truly are positive, how many does the model find?", "truly positive people predicted positive",
            "truly positive people", "equal opportunity", "more of them are overlooked",
        ),
        _define(
            "fpr", "Of those who truly are negative, how many are called positive all the same?",
            "truly negative people predicted positive", "truly negative people", "predictive equality",
            "more of them are wrongly called positive",
        ),
        _define(
            "fnr", "Of those who truly are positive, how many are missed?", "truly positive people predicted negative",
            "truly positive people", "equal opportunity", "more of them are overlooked",
        ),
        _define(
            "tnr", "Of those who truly are negative, how many are left in peace?", "truly negative people predicted negative",
            "truly negative people", "predictive equality", "fewer of them are left in peace",
        ),
        _define(
            "ppv", "When the model says positive, how often is it right?", "people predicted positive who truly are",
            "people predicted positive", "predictive parity", "a positive prediction means less for them",
        ),
        _define(
            "npv", "When the model says negative, how often is it right?", "people predicted negative who truly are",
            "people predicted negative", "predictive parity", "a negative prediction means less for them",
        ),
        _define(
            "accuracy", "How often is the model right?", "people whose prediction equals their label",
            "people with a prediction and a label", "overall accuracy equality", "the model is wrong about them more often",
        ),
        _define(
            "balanced_error", "How often is the model wrong, if positives and negatives counted alike?",
            "the mean of the false positive rate and the false negative rate", "truly negative, and truly positive people",
            "", "the model is wrong about them more often, whichever outcome is the rarer",
        ),
        _define(
            "mean_score", "How high does the model score a group on average?", "the sum of the scores", "people with a score",
            "", "they are scored higher or lower, deserved or not",
        ),
        _define(
            "ece", "When the model says 30 %, does it happen to 30 %?",
            "how far observed rates lie from scores, over bins of the score", "people with a score and a label",
            "calibration within groups", "a score means something else for them",
        ),
        _define(
            "calibration", "Does the model expect as many positive outcomes as there are?",
            "positive outcomes less the sum of scores", "people with a score and a label",
            "calibration in the large", "as a group they are over- or underestimated",
        ),
        _define(
            "mean_residual", "Is the predicted number too high or too low on average?", "the sum of label less prediction",
            "people with a prediction and a label", "", "they are systematically over- or underestimated",
        ),
        _define(
            "mae", "How far off is the predicted number?", "the sum of the distances between label and prediction",
            "people with a prediction and a label", "", "predictions about them are worse",
        ),
    )
}  # fmt: skip


def impossibility(
    dataset: Dataset, attribute: str | None = None, *, group: object = None, reference: object = "most favored"
) -> Result:
    """Which of the usual wishes cannot all be met for two groups of this data, and by how much they conflict.

    Chouldechova (2017, Big Data 5:153): with base rate b, FPR = b / (1 - b) x (1 - PPV) / PPV x (1 - FNR). Where b differs,
    equal PPV and equal FNR make FPR unequal. Kleinberg, Mullainathan & Raghavan (2017, ITCS): where base rates differ and the
    score is imperfect, it cannot be calibrated within groups and have equal mean scores of the truly positive, and of the truly
    negative.

    Returns
    -------
    Result
        Table ``groups``: rows, base rate (with Wilson interval), PPV, FNR, FPR, and ``fpr_if_equal``: the FPR that would follow
        for this base rate, did both groups have the PPV and FNR of both together. With scores also ``score_of_positive`` and
        ``score_of_negative`` (means). Table ``statements``: ``result`` (whose theorem), ``applies``, ``statement``.
        ``numbers``: ``base_rate_difference``, its ``p``, ``applies``. Weights count in every
        rate, interval and p (Kish's effective size); rows are told unweighted.

    Raises
    ------
    RolesError
        Without comparable predictions and labels.
    """
    pair = choose_pair(dataset, attribute, group=group, reference=reference)
    counts = _confusion(dataset, pair)
    table, p = _sides(pair, counts), float(_base_rate_p(counts))
    perfect = bool((counts.weights[:, 1:3].sum(axis=1) == 0).any())
    applies = p <= LEVEL and not perfect
    if dataset.has("score"):
        table = table.assign(**_score_means(dataset, pair))
    difference = float(table["base_rate"].iloc[0] - table["base_rate"].iloc[1])
    statements = pd.DataFrame(_statements(table, applies=applies, perfect=perfect, p=p, scored=dataset.has("score")))
    return Result(
        kind="impossibility",
        title=f"What cannot be equal at once: {pair.group} and {pair.reference}",
        tables={"groups": table, "statements": statements},
        numbers={"rows": int(counts.rows.sum()), "base_rate_difference": difference, "p": p, "applies": applies},
        where=dataset.where,
        provenance=provenance({**pair.said(), "roles": dataset.given.said()}, fingerprint=dataset.fingerprint),
    )


def implied_fpr(base_rate: Any, ppv: Any, fnr: Any) -> Any:
    """The false positive rate that base rate, PPV and FNR leave no choice about (Chouldechova 2017, equation 2.6).

    Above 1 where the three cannot occur together.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(base_rate) / (1 - np.asarray(base_rate)) * (1 - ppv) / ppv * (1 - fnr)


class _Confusion(NamedTuple):
    """Rows, weights and squared weights of tp, fp, fn, tn of the group, then of the reference, each of shape (2, 4)."""

    rows: np.ndarray
    weights: np.ndarray
    squares: np.ndarray

    def base(self) -> tuple[np.ndarray, np.ndarray]:
        """Positive labels and all rows of both sides, as equally weighted rows."""
        positive = self.weights[:, 0] + self.weights[:, 2]
        return effective_sample(positive, self.weights.sum(axis=1), self.squares.sum(axis=1))


def _confusion(dataset: Dataset, pair: Pair) -> _Confusion:
    flags = share_flags(dataset, ["tpr", "fpr"])
    (tp, yes), (fp, no) = flags["tpr"], flags["fpr"]
    cells = (tp, fp, yes & ~tp, no & ~fp)
    weights = dataset.weights
    parts = (
        np.array([[each[side & cell].sum() for cell in cells] for side in (pair.inside, pair.outside)], dtype=float)
        for each in (np.ones(len(weights)), weights, weights**2)
    )
    return _Confusion(*parts)


def _base_rate_p(counts: _Confusion) -> np.ndarray:
    positive, rows = (np.round(part) for part in counts.base())
    return stats.two_proportions(positive[0], rows[0], positive[1], rows[1])


def _sides(pair: Pair, counts: _Confusion) -> pd.DataFrame:
    tp, fp, fn, tn = counts.weights.T
    total = counts.weights.sum(axis=1)
    low, high = stats.wilson(*counts.base())
    few = np.minimum(counts.rows[:, [0, 2]].sum(axis=1), counts.rows[:, [1, 3]].sum(axis=1))
    with np.errstate(divide="ignore", invalid="ignore"):
        base, ppv, fnr, fpr = (tp + fn) / total, tp / (tp + fp), fn / (tp + fn), fp / (fp + tn)
        together = tp.sum() / (tp + fp).sum(), fn.sum() / (tp + fn).sum()
    return pd.DataFrame({
        "group": [pair.group, pair.reference], "rows": counts.rows.sum(axis=1).astype(int),
        "base_rate": base, "base_rate_low": low, "base_rate_high": high, "ppv": ppv, "fnr": fnr, "fpr": fpr,
        "fpr_if_equal": implied_fpr(base, *together),
        "suppressed": few < SMALL_CELL,
    })  # fmt: skip


def _score_means(dataset: Dataset, pair: Pair) -> dict[str, list[float]]:
    scores, label = dataset.role("score").to_numpy(dtype=float, na_value=np.nan), dataset.positive_label
    means: dict[str, list[float]] = {"score_of_positive": [], "score_of_negative": []}
    for side in (pair.inside, pair.outside):
        for name, outcome in (("score_of_positive", 1), ("score_of_negative", 0)):
            held = side & (label == outcome) & ~np.isnan(scores)
            total = dataset.weights[held].sum()
            means[name].append(float((dataset.weights[held] * scores[held]).sum() / total) if total else np.nan)
    return means


def _statements(table: pd.DataFrame, *, applies: bool, perfect: bool, p: float, scored: bool) -> list[dict[str, Any]]:
    one, two = table.to_dict("records")
    rates = f"base rates are {_percent(one['base_rate'])} ({one['group']}) and {_percent(two['base_rate'])} ({two['group']})"
    if perfect:
        why = "the predictions make no error in one of the groups, and a perfect prediction meets every wish at once"
        return [{"result": "none", "applies": False, "statement": f"No conflict shown: {why}."}]
    if not applies:
        why = f"{rates}, no more apart than chance allows (p = {p:.2g})"
        return [{"result": "none", "applies": False, "statement": f"No conflict shown: {why}."}]
    told = (
        f"{rates}. If a positive prediction meant the same for both (equal PPV) and both were overlooked alike (equal FNR),"
        f" false positive rates would have to be {_percent(one['fpr_if_equal'])} and {_percent(two['fpr_if_equal'])};"
        f" they are {_percent(one['fpr'])} and {_percent(two['fpr'])}, PPV {_percent(one['ppv'])} and {_percent(two['ppv'])}."
        " Equal meaning and equal error rates cannot both be had; which of them is owed is for people to decide."
    )
    found = [{"result": "Chouldechova 2017", "applies": True, "statement": told}]
    if scored:
        means = [f"{_number(side[name])}" for name in ("score_of_positive", "score_of_negative") for side in (one, two)]
        told = (
            f"{rates}. A score calibrated in both groups cannot also give both the same mean score among the truly positive (here"
            f" {means[0]} and {means[1]}) and among the truly negative (here {means[2]} and {means[3]}), unless it is perfect."
        )
        found.append({"result": "Kleinberg, Mullainathan & Raghavan 2017", "applies": True, "statement": told})
    return found


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _number(value: float) -> str:
    return f"{value:.3g}"
