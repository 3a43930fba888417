"""What can be measured on a row, by name: shares of rows that meet a condition, and plain columns.

A share counts, among the rows that belong to it (its denominator), those that meet its condition (its numerator). A value per
row and a mask of the rows that belong to it are therefore all that groups, slices and windows need.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from workbench.data.dataset import Dataset
from workbench.errors import RolesError, UnknownNameError

SHARES: Final = {
    "selection_rate": ("rows whose prediction is the favourable one", "rows with a prediction"),
    "base_rate": ("rows whose label is positive", "rows with a label"),
    "tpr": ("positive predictions", "positive labels"),
    "fpr": ("positive predictions", "negative labels"),
    "fnr": ("negative predictions", "positive labels"),
    "tnr": ("negative predictions", "negative labels"),
    "ppv": ("positive labels", "positive predictions"),
    "npv": ("negative labels", "negative predictions"),
    "accuracy": ("predictions equal to the label", "rows with both"),
}
"""Measure to its numerator and denominator in words. 0 and 1 are the smallest and largest value of each."""
CONFUSION: Final = ("tpr", "fpr", "fnr", "tnr", "ppv", "npv", "accuracy")
MEASURES: Final = (*SHARES, "balanced_error", "mean_score", "ece", "calibration", "mean_residual", "mae")
"""All measures by group. Only `SHARES` are shares of rows, and can be searched by or seen over time."""
LABELS: Final = {
    "error": "error rate",
    "selection_rate": "selection rate",
    "base_rate": "base rate",
    "fpr": "false positive rate",
    "fnr": "false negative rate",
    "tpr": "true positive rate",
    "tnr": "true negative rate",
    "ppv": "positive predictive value",
    "npv": "negative predictive value",
    "accuracy": "accuracy",
    "balanced_error": "balanced error rate",
    "mean_score": "mean score",
    "ece": "expected calibration error",
    "calibration": "observed rate minus mean score",
    "mean_residual": "mean of label minus prediction",
    "mae": "mean absolute error",
}
"""Measure to the words people read."""


def available_measures(dataset: Dataset) -> tuple[str, ...]:
    """The measures of `SHARES` that the dataset's roles allow.

    Raises
    ------
    RolesError
        If they allow none.
    """
    allowed = {
        "selection_rate": dataset.has("prediction", "favorable"),
        "base_rate": dataset.has("label"),
    }
    both = can_compare(dataset)
    found = tuple(measure for measure in SHARES if allowed.get(measure, both))
    if not found:
        raise RolesError("nothing to measure", None, "Add `prediction` with `favorable`, or `label`, to the roles.")
    return found


def can_compare(dataset: Dataset) -> bool:
    """Whether prediction and label are both given and one ``positive`` value says what is positive in either."""
    try:
        for role in ("label", "prediction") if dataset.has("prediction", "label") else ():
            dataset.require_value(role, dataset.positive_value(role), "positive")
    except RolesError:
        return False
    return dataset.has("prediction", "label")


def share_flags(dataset: Dataset, measures: Sequence[str]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Measure to (numerator, denominator) as boolean arrays over the rows."""
    unknown = [measure for measure in measures if measure not in SHARES]
    if unknown:
        raise UnknownNameError("measure", unknown[0], SHARES)
    parts: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    if "selection_rate" in measures:
        favorable = dataset.favorable_prediction
        parts["selection_rate"] = (favorable == 1, ~np.isnan(favorable))
    if "base_rate" in measures:
        label = dataset.positive_label
        parts["base_rate"] = (label == 1, ~np.isnan(label))
    if set(measures) & set(CONFUSION):
        label, predicted = dataset.positive_label, dataset.positive_prediction
        yes, no, hit, miss = label == 1, label == 0, predicted == 1, predicted == 0
        parts |= {
            "tpr": (yes & hit, yes & (hit | miss)),
            "fpr": (no & hit, no & (hit | miss)),
            "fnr": (yes & miss, yes & (hit | miss)),
            "tnr": (no & miss, no & (hit | miss)),
            "ppv": (yes & hit, hit & (yes | no)),
            "npv": (no & miss, miss & (yes | no)),
            "accuracy": ((yes & hit) | (no & miss), (yes | no) & (hit | miss)),
        }
    return {measure: parts[measure] for measure in measures}
