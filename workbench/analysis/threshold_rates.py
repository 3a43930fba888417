"""What a threshold decides, per group: the counts of the confusion table at every threshold, the rates they give, one setting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from workbench.analysis.score_bins import ScoreBins

Side = Literal["above", "below"]
MEASURES: Final = ("selection_rate", "base_rate", "tpr", "fpr", "fnr", "tnr", "ppv", "npv", "accuracy")


@dataclass(frozen=True, slots=True, eq=False)
class Move:
    """What one setting of the thresholds would have done.

    Attributes
    ----------
    groups, reference
        Names of the groups, and the one that all are held against.
    thresholds
        Shape (groups,): the thresholds used, snapped; infinite where nobody scores so high.
    rates
        Shape (measures, groups), in the order of `MEASURES`; NaN where nobody belongs to the denominator.
    difference, ratio
        Shape (measures, groups): less the reference's value, and over it; 0 and 1 are no disparity.
    shortfall_pooled, shortfall_reference, shortfall_four_fifths
        Shape (groups,): how many more people of the group would have had the favourable decision at the rate of it and the
        reference together, at the reference's rate, and at four fifths of that; negative where the group has more.
    accuracy, cost
        Over all rows with a label: share decided rightly; `cost_fp` x false positives + `cost_fn` x false negatives.
    """

    groups: tuple[str, ...]
    reference: str
    thresholds: np.ndarray
    rates: np.ndarray
    difference: np.ndarray
    ratio: np.ndarray
    shortfall_pooled: np.ndarray
    shortfall_reference: np.ndarray
    shortfall_four_fifths: np.ndarray
    accuracy: float
    cost: float

    def table(self) -> pd.DataFrame:
        """One row per group: its threshold, each measure, selection rate's difference and ratio, the three shortfalls."""
        columns: dict[str, Any] = {"group": self.groups, "threshold": self.thresholds}
        columns |= dict(zip(MEASURES, self.rates, strict=True))
        columns |= {"difference": self.difference[0], "ratio": self.ratio[0]}
        names = ("shortfall_pooled", "shortfall_reference", "shortfall_four_fifths")
        return pd.DataFrame(columns | {name: getattr(self, name) for name in names})


def confusion_counts(bins: ScoreBins, positive: Side, favorable: Side) -> np.ndarray:
    """Favourable decisions, tp, fp, fn, tn and people per group and threshold, shape (6, groups, thresholds)."""
    above, total = bins.above, bins.above[:, :, :1]
    below = total - above
    called, left = (above, below) if positive == "above" else (below, above)
    good = (above if favorable == "above" else below).sum(axis=0)
    return np.stack([good, called[1], called[0], left[1], left[0], np.broadcast_to(total.sum(axis=0), good.shape)])


def shares_of(counts: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Measure to its numerator and denominator."""
    selected, tp, fp, fn, tn, people = counts
    yes, no, called, left = tp + fn, fp + tn, tp + fp, tn + fn
    return {
        "selection_rate": (selected, people), "base_rate": (yes, yes + no), "tpr": (tp, yes), "fpr": (fp, no), "fnr": (fn, yes),
        "tnr": (tn, no), "ppv": (tp, called), "npv": (tn, left), "accuracy": (tp + tn, yes + no),
    }  # fmt: skip


def rates_of(counts: np.ndarray) -> np.ndarray:
    """The measures, shape (measures, groups, thresholds), in the order of `MEASURES`; NaN where nobody belongs to one."""
    shares = shares_of(counts)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.stack([shares[measure][0] / shares[measure][1] for measure in MEASURES])
