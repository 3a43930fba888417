"""Rows on which the model is worse than elsewhere, or became worse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from workbench.analysis.losses import default_loss, outcome_columns
from workbench.analysis.measures import LABELS, can_compare
from workbench.analysis.slices import SliceResult, find_slices
from workbench.analysis.slices.confirmation import Confirmation, confirm_leading
from workbench.analysis.slices.find import TOP
from workbench.analysis.slices.result import Ranking
from workbench.analysis.slices.winners import Telling, correct_winners
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
    result, findings = tell_slices(result, dataset, worse, most=MOST, chance=context.budget, seed=context.seed)
    return Examined(findings, int(str(result.numbers["counted"])), result, allowed=True)


def tell_slices(
    result: SliceResult, dataset: Dataset, told: pd.DataFrame, *, most: int, chance: float, seed: int
) -> tuple[SliceResult, list[Finding]]:
    """Findings whose intervals allow for the search, and whose p, where only bounded, are confirmed by permutations.

    Parameters
    ----------
    result
        Fresh from the search.
    told
        Those rows of its table ``distinct`` that are `worth_telling`, the first `most`.
    chance
        Up to which p, times the number of slices counted, a slice is kept; one that as large a share of permutations reaches is
        not confirmed, and its p becomes that share.

    Returns
    -------
    SliceResult, list of Finding
        The result with what `correct_winners` made of the slices told, and with how they were confirmed, in its ``numbers``.
    """
    least, _ = _floors(result)
    ranking = Ranking(TOP)
    corrected = correct_winners(result, told, Telling(ranking, least, SMALL_CELL, most, chance))
    findings = slice_findings(result, dataset, told.join(corrected))
    tables = {**result.tables, "distinct": result.tables["distinct"].join(corrected)}
    if not findings or result.numbers["permutations"]:
        return replace(result, tables=tables), findings
    confirmation = confirm_leading(result, ranking, seed=seed)
    made = {"leading": len(confirmation.cube), "permuted": confirmation.permutations, "rows_permuted": confirmation.rows}
    confirmed = [_confirmed(finding, confirmation, chance) for finding in findings]
    return replace(result, tables=tables, numbers={**result.numbers, **made}), confirmed


def _confirmed(finding: Finding, confirmation: Confirmation, chance: float) -> Finding:
    reached = confirmation.p(finding.where)
    if reached > chance:
        return replace(finding, p=max(finding.p or 0.0, reached))
    return replace(finding, ruled_out=(*finding.ruled_out, confirmation.said(finding.where)))


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
    allowed = _allowed(row, result) if _is_corrected(row) else ""
    return Finding(
        kind="slice",
        statement=f"where {where}, the {name} is {show(row.mean)}, against {show(row.rest)} elsewhere{then}{allowed}",
        columns=tuple(dict.fromkeys([*where.columns, *read])),
        where=str(where),
        effect=float(row.effect),
        unit=name,
        interval=_interval(row),
        p=float(row.p),
        support=int(row.rows),
        people=dataset.people(where.mask(dataset.frame)),
        severity=graded(row.effect, *_floors(result)) if changed else "low",
        share_of_harm=min(1.0, max(0.0, float(row.excess) / harm)) if harm > 0 else None,
    )


def _is_corrected(row: Any) -> bool:
    return hasattr(row, "corrected_low")


def _interval(row: Any) -> tuple[float, float]:
    """Of the effect, with the search allowed for where it is a finding of a search."""
    name = "corrected" if _is_corrected(row) else "effect"
    return float(getattr(row, f"{name}_low")), float(getattr(row, f"{name}_high"))


def _allowed(row: Any, result: Result) -> str:
    """The effect's interval, in words."""
    shares = result.numbers["loss"] in LABELS
    low, high = (f"{100 * end:+.1f}" if shares else f"{end:+.3g}" for end in (row.corrected_low, row.corrected_high))
    unit = " points" if shares else ""
    return f"; after allowing for having searched {result.numbers['counted']:,} slices, {low} to {high}{unit}"


def _loss(dataset: Dataset) -> str:
    """The default loss; refused where prediction and label are given in words that no single ``positive`` value fits."""
    if dataset.has("prediction", "label") and not can_compare(dataset):
        advice = 'Write both as conditions, such as `prediction: decision = "no"` and `label: outcome = "defaulted"`.'
        raise RolesError("prediction and label cannot be compared", dataset.roles.positive, advice)
    try:
        return default_loss(dataset)
    except RolesError as exc:
        raise NotAskedError(exc.what, exc.value, exc.do) from exc
