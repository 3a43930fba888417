"""What each row contributes to a slice, by name: a measure, a column, or an array of the caller's. Higher is worse.

======================  =====================================================================  ============================
error                   1 where prediction and label differ, else 0                            prediction, label
fpr, fnr, ppv …         as in `workbench.analysis.measures`: 1 in its numerator, defined on    prediction, label
                        its denominator
selection_rate          1 where the prediction is favourable                                   prediction, favorable
log_loss                −ln of the score of what happened, the score kept 1e-15 from 0 and 1   score, label (0/1)
brier                   (score − label)²                                                       score, label (0/1)
absolute_error,         |label − predicted|, (label − predicted)², label − predicted, where    label, and prediction or score
squared_error,          predicted is the prediction where that is a number, else the score
residual
mae, mean_residual      absolute_error and residual, of which these measures are the means     the same
mean_score              the score                                                              score
cost                    what a false positive and a false negative cost, 0 where right         prediction, label
NAME, column:NAME       a column of numbers or booleans                                        the column
======================  =====================================================================  ============================
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from workbench.analysis.measures import LABELS, SHARES, share_flags
from workbench.data.dataset import Dataset
from workbench.errors import InputError, ParameterError, RolesError, UnknownNameError

SIGNED: Final = ("residual", "mean_residual")
"""Losses that may be negative; any other that is, is refused."""
LEAST_SCORE: Final = 1e-15
"""How near to 0 and 1 a score comes in `log_loss`, so that one sure mistake is not an infinite loss."""
COST: Final = (1.0, 1.0)
"""Of a false positive and of a false negative, unless given."""

OF_GROUPS: Final = {
    "ece": "Use brier or log_loss; column:ece is a column of that name.",
    "calibration": "Use residual, brier or log_loss; column:calibration is a column of that name.",
    "balanced_error": "Use error, fpr or fnr, or cost with a price for each; column:balanced_error is a column of that name.",
}
"""Measure that only many rows have together, to what to use in its place."""
Column = np.ndarray


@dataclass(frozen=True, eq=False)
class Loss:
    """The loss of each row.

    Attributes
    ----------
    name
        What it is called.
    values
        Shape (rows,), NaN where it is not defined.
    columns
        What it was computed from.
    """

    name: str
    values: np.ndarray
    columns: tuple[str, ...] = ()


def row_loss(
    dataset: Dataset, loss: str | np.ndarray | pd.Series[Any], *, cost: tuple[float, float] = COST, signed: bool = False
) -> Loss:
    """The loss of each row of `dataset`.

    Parameters
    ----------
    loss
        A name from the table above, a column, ``column:NAME``, or an array with one number per row.
    cost
        Of a false positive and of a false negative, for ``cost``.
    signed
        Whether a column may hold negative numbers; the name ``residual`` always may.

    Raises
    ------
    UnknownNameError
        If it is no measure and no column.
    InputError
        For an array of another length, with a missing, infinite or negative number; for a negative or infinite loss.
    """
    if isinstance(loss, str):
        values, among = row_values(dataset, loss, cost=cost)
        found = Loss(loss, np.where(among, values, np.nan), outcome_columns(dataset, loss))
    else:
        found = Loss("given", _given(loss, dataset.rows))
    _check(found, signed=signed or found.name in SIGNED)
    return found


def row_values(dataset: Dataset, measure: str, *, cost: tuple[float, float] = COST) -> tuple[np.ndarray, np.ndarray]:
    """The value of each row and whether the row belongs to `measure`, shapes (rows,).

    Parameters
    ----------
    measure
        A name from the module's table, or a column; ``column:NAME`` forces the column. A row whose value is missing does not
        belong.

    Raises
    ------
    UnknownNameError
        If it is neither.
    ParameterError
        For a measure that single rows do not have: one of `OF_GROUPS`.
    InputError
        If the column holds neither numbers nor booleans.
    """
    if measure in OF_GROUPS:
        raise ParameterError("a measure of a group of rows, which no single row has", measure, OF_GROUPS[measure])
    if measure in NAMED:
        values = NAMED[measure](dataset)
    elif measure in SHARES:
        hit, among = share_flags(dataset, [measure])[measure]
        return hit.astype(float), among
    elif measure == "cost":
        values = _cost(dataset, cost)
    else:
        values = _column(dataset, measure.removeprefix("column:"))
    return np.nan_to_num(values, posinf=np.inf, neginf=-np.inf), ~np.isnan(values)


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
    """The columns a measure reads: label, prediction, score or the column itself."""
    roles = dataset.roles
    if loss == "selection_rate":
        return (dataset.require("prediction"),)
    if loss == "base_rate":
        return (dataset.require("label"),)
    if loss in ("log_loss", "brier"):
        return dataset.require("label"), dataset.require("score")
    if loss == "mean_score":
        return (dataset.require("score"),)
    if loss in NAMED and loss != "error":
        return dataset.require("label"), _predicted_column(dataset)
    if loss in LABELS or loss in ("error", "cost"):
        return tuple(column for column in (roles.label, roles.prediction) if column is not None)
    return (loss.removeprefix("column:"),)


def _error(dataset: Dataset) -> Column:
    """By the positive value where there is one; where there is none and more than two values, by equality."""
    label, prediction = dataset.role("label"), dataset.role("prediction")
    if dataset.roles.positive is None and not (_is_binary(label) and _is_binary(prediction)) and _alike(label, prediction):
        missing = (label.isna() | prediction.isna()).to_numpy()
        return np.where(missing, np.nan, (label.astype(object) != prediction.astype(object)).to_numpy().astype(float))
    right, among = share_flags(dataset, ["accuracy"])["accuracy"]
    return np.where(among, (~right).astype(float), np.nan)


def _is_binary(series: pd.Series[Any]) -> bool:
    return set(series.dropna().unique().tolist()) <= {0, 1}


def _alike(left: pd.Series[Any], right: pd.Series[Any]) -> bool:
    """Whether two columns hold values of one kind, at least one of which both have."""
    shared = set(left.dropna().unique().tolist()) & set(right.dropna().unique().tolist())
    return bool(shared) and all(series.nunique() > 2 for series in (left, right))


def _cost(dataset: Dataset, cost: tuple[float, float]) -> Column:
    if len(cost) != 2 or not all(np.isfinite(each) and each >= 0 for each in cost):
        raise ParameterError("a cost of a false positive and of a false negative, each 0 or more", cost, "Give two numbers.")
    flags = share_flags(dataset, ["accuracy", "fpr", "fnr"])
    _, among = flags["accuracy"]
    total = cost[0] * flags["fpr"][0] + cost[1] * flags["fnr"][0]
    return np.where(among, total, np.nan)


def _log_loss(dataset: Dataset) -> Column:
    score, label = _probability(dataset), dataset.positive_label
    kept = np.clip(score, LEAST_SCORE, 1 - LEAST_SCORE)
    return np.where(np.isnan(label), np.nan, -np.log(np.where(label == 1, kept, 1 - kept)))


def _brier(dataset: Dataset) -> Column:
    return np.asarray((_probability(dataset) - dataset.positive_label) ** 2)


def _probability(dataset: Dataset) -> Column:
    score = _column(dataset, dataset.require("score"))
    outside = (score < 0) | (score > 1)
    if outside.any():
        advice = "Use squared_error or absolute_error for a score that is no probability."
        raise InputError("a probability lies between 0 and 1", f"{dataset.require('score')} holds {score[outside][0]:g}", advice)
    return score


def _residual(dataset: Dataset) -> Column:
    """Observed less predicted."""
    label = dataset.role("label")
    observed = _column(dataset, dataset.require("label")) if pd.api.types.is_numeric_dtype(label) else dataset.positive_label
    return np.asarray(observed - _column(dataset, _predicted_column(dataset)))


def _predicted_column(dataset: Dataset) -> str:
    name = dataset.roles.prediction
    if name is not None and (dataset.roles.score is None or _is_amount(dataset.frame[name])):
        return name
    return dataset.require("score")


def _is_amount(series: pd.Series[Any]) -> bool:
    """Numbers that are no classes: neither booleans nor all 0 and 1."""
    return pd.api.types.is_numeric_dtype(series) and not pd.api.types.is_bool_dtype(series) and not _is_binary(series)


def _column(dataset: Dataset, column: str) -> Column:
    if column not in dataset.columns:
        raise UnknownNameError("measure or column", column, [*NAMED, "cost", *SHARES, *dataset.columns])
    series = dataset.frame[column]
    if not pd.api.types.is_numeric_dtype(series):
        raise InputError("only numbers can be a loss", f"{column} holds {series.dtype}", "Name a measure or a column of numbers.")
    return series.to_numpy(dtype=float, na_value=np.nan)


def _given(loss: np.ndarray | pd.Series[Any], rows: int) -> Column:
    try:
        values = np.asarray(loss, dtype=float)
    except (TypeError, ValueError) as exc:
        raise InputError("only numbers can be a loss", type(loss).__name__, "Give one number per row.") from exc
    if values.shape != (rows,):
        shape = " x ".join(map(str, values.shape)) or "one"
        raise InputError("the loss has another length than the data", f"{shape} for {rows} rows", "Give one number per row.")
    if np.isnan(values).any():
        at = int(np.flatnonzero(np.isnan(values))[0])
        raise InputError("a loss is missing (NaN)", f"row {at}", "Leave these rows out of the dataset, or give a column instead.")
    return values


def _check(loss: Loss, *, signed: bool) -> None:
    values = loss.values
    known = values[~np.isnan(values)]
    if np.isinf(known).any():
        raise InputError("a loss is infinite", loss.name, "Cap it, or leave these rows out.")
    if not signed and known.size and known.min() < 0:
        advice = "A loss is 0 or more, higher is worse: give its size, its square, or loss='residual'."
        raise InputError("a loss is negative", f"{loss.name} holds {known.min():g}", advice)


NAMED: Final[dict[str, Callable[[Dataset], Column]]] = {
    "error": _error,
    "log_loss": _log_loss,
    "brier": _brier,
    "absolute_error": lambda dataset: np.abs(_residual(dataset)),
    "squared_error": lambda dataset: _residual(dataset) ** 2,
    "residual": _residual,
    "mae": lambda dataset: np.abs(_residual(dataset)),
    "mean_residual": _residual,
    "mean_score": lambda dataset: _column(dataset, dataset.require("score")),
}
