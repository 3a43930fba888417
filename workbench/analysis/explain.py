"""Why this slice: what moves the model inside it, what else sets its rows apart, what the right ones do otherwise.

Three questions, three tables. What comes out are shares and means over rows, never a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from workbench.analysis import stats
from workbench.analysis.attribution import (
    BACKGROUND,
    Attribution,
    attribute,
    evaluations_per_row,
    model_columns,
    sample_rows,
)
from workbench.analysis.losses import default_loss, row_loss
from workbench.data.dataset import Dataset
from workbench.data.encode import Coding, fit_codings
from workbench.errors import InputError, UnknownNameError
from workbench.predicate import Predicate
from workbench.result import SMALL_CELL, Result, provenance

EVALUATIONS: Final = 100_000
MOST_ROWS: Final = 500
LEAST_ROWS: Final = 10
MOST_WRONG: Final = 200
MOST_RIGHT: Final = 20_000


def explain_slice(
    dataset: Dataset,
    where: Predicate | str,
    model: object,
    *,
    loss: str | np.ndarray | None = None,
    positive: object = None,
    evaluations: int = EVALUATIONS,
    seed: int = 0,
) -> Result:
    """Why the model does what it does in a slice.

    Parameters
    ----------
    where
        The slice.
    model
        What decided: a target, a fitted object, or a function of a frame. It sees the columns it was fitted on, or the dataset's
        features.
    loss
        Which rows are wrong: above 0 (a name or an array as in `row_loss`); None: what the roles allow.
    positive
        The class whose score is explained; None: the second of two.
    evaluations
        Most rows the model may be asked about where it is no tree; fewer rows are then explained (at least 10 on a side).
    seed
        For the rows drawn and the orders of the features.

    Returns
    -------
    Result
        Table ``features``, by what they move: mean shap value ``inside`` and ``outside``, their ``difference`` with its 95 %
        interval and p (Welch), mean size, and whether the slice is defined by it. Table ``separates``: per column that the slice
        does not name, the total variation distance between inside and outside over all rows (0 alike, 1 apart), p (chi-squared),
        and the condition most over-represented inside. Table ``neighbours``: per column, the share of wrong rows inside that
        differ in it from their nearest right row anywhere (codes; nearest = fewest columns that differ, then fewest steps).
        ``numbers`` say how, on how many rows, at which cost; ``same`` is the share of wrong rows with a right row that differs
        in no column: these the features cannot tell apart.

    Raises
    ------
    InputError
        If no row, or every row, is in the slice, or the model fails.
    """
    where = Predicate.parse(where) if isinstance(where, str) else where
    inside = where.mask(dataset.frame)
    if not 0 < inside.sum() < len(inside):
        raise InputError("nothing to hold the slice against", f"{where} has {inside.sum()} of {len(inside)} rows", "Change it.")
    columns = model_columns(model, dataset.features)
    if absent := [name for name in columns if name not in dataset.columns]:
        raise UnknownNameError("column of the model", absent[0], dataset.columns)
    rng = np.random.default_rng(seed)
    moved, made, sampled = _moved(dataset, inside, columns, rng, model=model, positive=positive, evaluations=evaluations)
    moved["in_slice"] = [name in where.columns for name in moved["feature"]]
    codings = fit_codings(dataset.frame, columns)
    codes = np.array([coding.apply(dataset.frame[coding.column]) for coding in codings]).reshape(len(codings), len(inside))
    chosen = default_loss(dataset) if loss is None else loss
    wrong = row_loss(dataset, chosen, signed=True).values
    neighbours, numbers = _neighbours(codings, codes, inside, wrong, rng)
    arguments = {"where": where, "model": type(model).__name__, "loss": chosen if isinstance(chosen, str) else "given",
                 "positive": None if positive is None else str(positive), "evaluations": evaluations,
                 "roles": dataset.given.said()}  # fmt: skip
    tables = {"features": moved, "separates": _separates(codings, codes, inside, where), "neighbours": neighbours}
    small = int(inside.sum()) < SMALL_CELL or int((~inside).sum()) < SMALL_CELL
    return Result(
        kind="explain",
        title=f"Why {where}",
        tables={name: table.assign(suppressed=table.get("suppressed", False) | small) for name, table in tables.items()},
        numbers={"rows": dataset.rows, "rows_inside": int(inside.sum()), "method": made.method, **sampled,
                 "evaluations": made.evaluations, **numbers},
        where=dataset.where,
        provenance=provenance(arguments, seed=seed, fingerprint=dataset.fingerprint),
    )  # fmt: skip


def _moved(
    dataset: Dataset,
    inside: np.ndarray,
    columns: Sequence[str],
    rng: np.random.Generator,
    *,
    model: object,
    positive: object,
    evaluations: int,
) -> tuple[pd.DataFrame, Attribution, dict[str, int]]:
    """What each feature moves, inside against outside; how it was computed; on how many rows."""
    frame = dataset.frame[list(columns)]
    affordable = evaluations // (2 * evaluations_per_row(len(columns), BACKGROUND))
    most = min(MOST_ROWS, max(LEAST_ROWS, affordable))
    within, beyond = sample_rows(inside, most, rng), sample_rows(~inside, most, rng)
    background = frame.iloc[sample_rows(np.ones(len(frame), dtype=bool), BACKGROUND, rng)]
    made = attribute(model, frame.iloc[np.concatenate([within, beyond])], background, positive=positive,
                     seed=int(rng.integers(2**31)))  # fmt: skip
    sides = made.values[: len(within)], made.values[len(within) :]
    sums = [(np.full(len(columns), len(side)), side.sum(axis=0), (side**2).sum(axis=0)) for side in sides]
    difference, p, (low, high) = stats.welch(*sums[0], *sums[1])
    table = pd.DataFrame({"feature": columns, "inside": sides[0].mean(axis=0), "outside": sides[1].mean(axis=0),
                          "difference": difference, "low": low, "high": high, "p": p,
                          "size_inside": np.abs(sides[0]).mean(axis=0),
                          "size_outside": np.abs(sides[1]).mean(axis=0)})  # fmt: skip
    table = table.sort_values("difference", key=np.abs, ascending=False, kind="stable", ignore_index=True)
    return table, made, {"explained_inside": len(within), "explained_outside": len(beyond)}


def _separates(codings: Sequence[Coding], codes: np.ndarray, inside: np.ndarray, where: Predicate) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    for coding, row in zip(codings, codes, strict=True):
        if coding.column in where.columns:
            continue
        width = len(coding.conditions)
        within, beyond = (np.bincount(row[side], minlength=width) for side in (inside, ~inside))
        shares = within / within.sum(), beyond / beyond.sum()
        most = int(np.argmax(shares[0] - shares[1]))
        rows.append({"feature": coding.name, "distance": float(stats.total_variation(within, beyond)),
                     "p": float(stats.chi2_homogeneity(within, beyond)), "where": str(coding.conditions[most]),
                     "share_inside": shares[0][most], "share_outside": shares[1][most],
                     "suppressed": 0 < min(within[most], beyond[most]) < SMALL_CELL})  # fmt: skip
    names = ["feature", "distance", "p", "where", "share_inside", "share_outside", "suppressed"]
    return pd.DataFrame(rows, columns=names).sort_values("distance", ascending=False, kind="stable", ignore_index=True)


def _neighbours(
    codings: Sequence[Coding], codes: np.ndarray, inside: np.ndarray, loss: np.ndarray, rng: np.random.Generator
) -> tuple[pd.DataFrame, dict[str, Any]]:
    wrong = sample_rows(inside & (loss > 0), MOST_WRONG, rng)
    right = sample_rows(loss == 0, MOST_RIGHT, rng)
    near = nearest(codings, codes, wrong, right) if len(wrong) and len(right) else wrong[:0]
    differs = codes[:, wrong[: len(near)]] != codes[:, near]
    steps = codes[:, near].astype(int) - codes[:, wrong[: len(near)]]
    ordered = np.array([_is_ordered(coding) for coding in codings]) & (len(near) > 0)
    table = pd.DataFrame(
        {
            "feature": [coding.name for coding in codings],
            "differs": differs.mean(axis=1) if len(near) else np.nan,
            "steps": np.where(ordered, steps.mean(axis=1) if len(near) else 0, np.nan),
            "suppressed": 0 < len(near) < SMALL_CELL,
        }
    )
    same = float((~differs.any(axis=0)).mean()) if len(near) else None
    return table.sort_values("differs", ascending=False, kind="stable", ignore_index=True), {
        "measured_wrong": len(near), "same": None if 0 < len(near) < SMALL_CELL else same,
    }  # fmt: skip


def nearest(codings: Sequence[Coding], codes: np.ndarray, wrong: np.ndarray, right: np.ndarray) -> np.ndarray:
    """For each of the rows `wrong` the position of the nearest of the rows `right`: fewest columns apart, then fewest steps.

    A step is one code of a column of numbers, as a share of its codes; all steps together weigh less than one column.
    """
    found = np.empty(len(wrong), dtype=np.intp)
    weights = [1 / len(coding.conditions) if _is_ordered(coding) else 0.0 for coding in codings]
    candidates = codes[:, right].astype(np.int16)
    for at, row in enumerate(wrong):
        away = np.zeros(len(right))
        for column, weight in enumerate(weights):
            step = np.abs(candidates[column] - int(codes[column, row]))
            away += (step > 0) + step * (weight / (len(weights) + 1))
        found[at] = right[int(np.argmin(away))]
    return found


def _is_ordered(coding: Coding) -> bool:
    """Whether neighbouring codes stand for neighbouring numbers."""
    return coding.edges is not None or coding.values.dtype.kind in "iuf"
