"""Rows on which the model is worse than elsewhere, or became worse."""

from collections.abc import Mapping
from typing import Any

from workbench.analysis.measures import LABELS, can_compare, default_loss, outcome_columns
from workbench.analysis.slices import find_slices
from workbench.data.dataset import Dataset
from workbench.errors import RolesError
from workbench.predicate import Predicate
from workbench.result import SMALL_CELL, Finding
from workbench.triage.check import Context, Examined, NotAskedError, graded, percent

LEAST_EFFECT = 0.05
"""For shares; of a score, `LEAST_SPREADS` standard deviations are the floor."""
LEAST_SPREADS = 0.5
MOST = 3


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
    result = find_slices(dataset, loss, reference=context.reference)
    table = result.tables["slices"]
    numbers: Mapping[str, Any] = result.numbers
    floor, high = (
        (LEAST_EFFECT, 0.2) if loss in LABELS else (LEAST_SPREADS * (numbers["spread"] or 0.0), numbers["spread"] or 0.0)
    )
    worse = table[(table["effect"] >= floor) & (table["excess"] > 0) & (table["rows"] >= SMALL_CELL)].head(MOST)
    harm = numbers["measured"] * (numbers["overall"] or 0.0) if loss == "error" else 0.0
    before = context.reference is not None
    findings = [_finding(row, dataset, loss, harm, floor=floor, high=high, changed=before) for row in worse.itertuples()]
    return Examined(findings, int(numbers["counted"]), result)


def _finding(row: Any, dataset: Dataset, loss: str, harm: float, *, floor: float, high: float, changed: bool) -> Finding:
    where = Predicate.parse(row.where)
    name = LABELS.get(loss) or f"mean {loss.removeprefix('column:')}"
    show = percent if loss in LABELS else "{:.3g}".format
    then = f", and was {show(row.mean_before)} before" if changed else ""
    return Finding(
        kind="slice",
        statement=f"where {row.where}, the {name} is {show(row.mean)}, against {show(row.rest)} elsewhere{then}",
        columns=tuple(dict.fromkeys([*where.columns, *outcome_columns(dataset, loss)])),
        where=row.where,
        effect=float(row.effect),
        unit=name,
        interval=(float(row.low), float(row.high)),
        p=float(row.p),
        support=int(row.rows),
        people=dataset.people(where.mask(dataset.frame)),
        severity=graded(row.effect, floor, high) if changed else "low",
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
