"""What can be measured on a row, by name: shares of rows that meet a condition, and plain columns.

A share counts, among the rows that belong to it (its denominator), those that meet its condition (its numerator). A value per
row and a mask of the rows that belong to it are therefore all that groups, slices and windows need.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd

from workbench.data.dataset import Dataset
from workbench.errors import InputError, RolesError, UnknownNameError

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
        return dataset.has("prediction", "label") and len(dataset.positive_label) == len(dataset.positive_prediction)
    except RolesError:
        return False


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


def row_values(dataset: Dataset, measure: str) -> tuple[np.ndarray, np.ndarray]:
    """The value of each row and whether the row belongs to `measure`, shapes (rows,).

    Parameters
    ----------
    measure
        ``"error"`` (1 where prediction and label differ), a name from `SHARES`, or a column of numbers or booleans;
        ``column:NAME`` forces the column. A row whose value is missing does not belong.

    Raises
    ------
    UnknownNameError
        If it is neither.
    InputError
        If the column holds neither numbers nor booleans.
    """
    column = measure.removeprefix("column:")
    if measure == "error":
        (right, among) = share_flags(dataset, ["accuracy"])["accuracy"]
        return (among & ~right).astype(float), among
    if measure in SHARES:
        hit, among = share_flags(dataset, [measure])[measure]
        return hit.astype(float), among
    if column not in dataset.columns:
        raise UnknownNameError("measure or column", column, ["error", *SHARES, *dataset.columns])
    series = dataset.frame[column]
    if not pd.api.types.is_numeric_dtype(series):
        raise InputError("only numbers can be a loss", f"{column} holds {series.dtype}", "Name a measure or a column of numbers.")
    values = series.to_numpy(dtype=float, na_value=np.nan)
    return np.nan_to_num(values), ~np.isnan(values)


def default_loss(dataset: Dataset) -> str:
    """The loss that the roles allow: ``error`` with prediction and label, else ``selection_rate``, ``base_rate`` or the score.

    Raises
    ------
    RolesError
        If they allow none.
    """
    if dataset.has("prediction", "label"):
        return "error"
    if dataset.has("prediction", "favorable"):
        return "selection_rate"
    if dataset.has("score"):
        return f"column:{dataset.require('score')}"
    raise RolesError("no loss to search slices by", None, "Add `prediction` and `label`, or `score`, to the roles.")


def outcome_columns(dataset: Dataset, loss: str) -> tuple[str, ...]:
    """The columns a measure reads: label, prediction or the column itself."""
    roles = dataset.roles
    if loss == "selection_rate":
        return (dataset.require("prediction"),)
    if loss == "base_rate":
        return (dataset.require("label"),)
    if loss in LABELS:
        return tuple(column for column in (roles.label, roles.prediction) if column is not None)
    return (loss.removeprefix("column:"),)
