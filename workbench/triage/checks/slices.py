"""Rows on which the model is worse than elsewhere, or became worse."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from workbench.analysis.losses import default_loss, outcome_columns
from workbench.analysis.measures import LABELS, can_compare
from workbench.analysis.slices import find_slices
from workbench.data.dataset import Dataset
from workbench.errors import RolesError
from workbench.predicate import ALL_ROWS, Predicate
from workbench.result import SMALL_CELL, Finding, Result
from workbench.triage.check import Context, Examined, NotAskedError, graded, percent

if TYPE_CHECKING:
    import pandas as pd

LEAST_EFFECT = 0.05
"""For shares; of a score, `LEAST_SPREADS` standard deviations are the floor."""
LEAST_SPREADS = 0.5
MOST = 3
LEVEL = 2
"""Conditions in a slice: three would cost every finding a factor of six in multiplicity, and say more than one repeats."""


def check_slices(context: Context) -> Examined:
    """A finding for each of the worst slices whose loss lies `LEAST_EFFECT` or more above the rest's.

    Without windows they are of low severity: a model that is right on average still errs more near its own threshold, so that
    one slice is worse than the rest is no incident by itself; that it became worse is.
    """
    dataset = context.subject
    loss = _loss(dataset)
    if loss != "error" and context.reference is None:
        advice = "Add `label` to the roles, or give two windows."
        raise NotAskedError("without labels nothing tells where the model is worse", None, advice)
    result = find_slices(dataset, None, level=LEVEL, reference=context.reference, permutations=0, details=False)
    worse = worth_telling(result, result.tables["distinct"]).head(MOST)
    return Examined(slice_findings(result, dataset, worse), int(str(result.numbers["counted"])), result)


def worth_telling(result: Result, table: pd.DataFrame) -> pd.DataFrame:
    """The rows of a table of `find_slices` with an effect of `LEAST_EFFECT` or more and no small cell."""
    floor, _ = _floors(result)
    return table[(table["effect"] >= floor) & (table["excess"] > 0) & (table["rows"] >= SMALL_CELL)]


def slice_findings(result: Result, dataset: Dataset, table: pd.DataFrame, inside: Predicate = ALL_ROWS) -> list[Finding]:
    """A finding for each row of a table of `find_slices`, its p-value raw.

    Parameters
    ----------
    dataset
        The rows that were searched.
    inside
        The part of them that was searched, where it was a part.
    """
    numbers: Mapping[str, Any] = result.numbers
    harm = numbers["measured"] * (numbers["overall"] or 0.0) if numbers["loss"] == "error" else 0.0
    return [_finding(row, result, dataset, harm, inside & Predicate.parse(str(row.slice))) for row in table.itertuples()]


def _floors(result: Result) -> tuple[float, float]:
    """The least effect that is worth a finding, and one that is grave."""
    spread = float(str(result.numbers["spread"] or 0.0))
    return (LEAST_EFFECT, 0.2) if result.numbers["loss"] in LABELS else (LEAST_SPREADS * spread, spread)


def _finding(row: Any, result: Result, dataset: Dataset, harm: float, where: Predicate) -> Finding:
    loss, changed = str(result.numbers["loss"]), hasattr(row, "mean_before")
    read = () if loss == "given" else outcome_columns(dataset, loss)
    name = LABELS.get(loss) or f"mean {loss.removeprefix('column:')}"
    show = percent if loss in LABELS else "{:.3g}".format
    then = f", and was {show(row.mean_before)} before" if changed else ""
    return Finding(
        kind="slice",
        statement=f"where {where}, the {name} is {show(row.mean)}, against {show(row.rest)} elsewhere{then}",
        columns=tuple(dict.fromkeys([*where.columns, *read])),
        where=str(where),
        effect=float(row.effect),
        unit=name,
        interval=(float(row.effect_low), float(row.effect_high)),
        p=float(row.p),
        support=int(row.rows),
        people=dataset.people(where.mask(dataset.frame)),
        severity=graded(row.effect, *_floors(result)) if changed else "low",
        share_of_harm=min(1.0, max(0.0, float(row.excess) / harm)) if harm > 0 else None,
    )


def _loss(dataset: Dataset) -> str:
    """The default loss; refused where prediction and label are given in words that no single ``positive`` value fits."""
    if dataset.has("prediction", "label") and not can_compare(dataset):
        advice = 'Write both as conditions, such as `prediction: decision = "no"` and `label: outcome = "defaulted"`.'
        raise RolesError("prediction and label cannot be compared", dataset.roles.positive, advice)
    try:
        return default_loss(dataset)
    except RolesError as exc:
        raise NotAskedError(exc.what, exc.value, exc.do) from exc
