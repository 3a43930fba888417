"""Undo a cause by repairing it and scoring again: how much of the harm would not have been.

For each finding that names a cause in a column the model reads, the column is repaired, the model decides again on the rows the
repair changes, and harm is counted before and after. What does not help speaks against the cause. Without a model a cause is
undone only by leaving its rows out, which takes along whatever else is wrong in them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import pandas as pd

from workbench.errors import InputError, WorkbenchError
from workbench.models.target import Target
from workbench.result import SMALL_CELL, Finding, Result, provenance
from workbench.triage.caused import CHECK
from workbench.triage.check import MOST_OF_IT, Context
from workbench.triage.repair.asking import Asker, Decider, by_rule, find_decider, rule_of
from workbench.triage.repair.cases import Cases, Harm, Rows, cases_of, harm_of
from workbench.triage.repair.share import Part, Tally, count_moves, share_undone
from workbench.triage.repair.values import COLUMN_CAUSES, Repair, as_they_are, clock_repair, repair_of
from workbench.triage.repair.words import Asked, told

REPAIR: Final = "repair"
"""What it is called beside the checks."""
MOST_REPAIRS: Final = 6
MOST_ASKED: Final = 5_000
"""Rows asked again per finding and draw; of more, so many are drawn."""
MOST_KNOWN: Final = 4_000
"""Rows of before that a draw is held against."""
LEAST_REACHED: Final = 30
WHOLE_ROWS: Final = ("version mix-up", "calibration drift")
"""Causes after the features: the model that decided before decides on the rows as they are."""
UNDONE: Final = (*COLUMN_CAUSES, *WHOLE_ROWS, "shifted clock", "moved threshold")
"""Causes that can be undone by a repair."""
OF_SCORES: Final = "mean "
"""How the unit of a skew begins that is seen in the scores and not in the column: the log holds the column as it should be."""


@dataclass(frozen=True, eq=False)
class Undone:
    """What became of it.

    Attributes
    ----------
    findings
        In the order given, each with what its repair undid.
    result
        Of kind ``repair``; None where nothing was scored again.
    why
        Why nothing was; empty where something was.
    """

    findings: list[Finding]
    result: Result | None = None
    why: str = ""


@dataclass
class _Work:
    """What all repairs of a run share."""

    context: Context
    asker: Asker
    decider: Decider
    rows: list[dict[str, Any]] = field(default_factory=list)


def undo(findings: Sequence[Finding], context: Context) -> Undone:
    """The findings, those whose cause can be repaired scored again by ``context.target``.

    Raises
    ------
    InputError
        If the target fails on the rows from before, reads columns that the log lacks, or is not the model that decided.
    """
    findings = removed(findings)
    target: Target = context.target
    chosen = _chosen(findings, context.subject.features)
    if not chosen:
        return Undone(findings, None, "no cause was found that a repair could undo")
    asker = Asker(target, context.subject)
    before = _before(findings, chosen, context)
    work = _Work(context, asker, find_decider(asker, before, np.random.default_rng(context.seed)))
    broken = {findings[at].columns[0] for at in chosen if findings[at].cause in COLUMN_CAUSES and findings[at].columns}
    for at in chosen:
        findings[at] = _scored_again(findings[at], work, broken)
    return Undone(findings, _result(work, context))


def removed(findings: Sequence[Finding]) -> list[Finding]:
    """The findings, marked where their share of the harm was told by leaving rows out."""
    return [
        finding if finding.share_of_harm is None or finding.undone_by else replace(finding, undone_by="removed")
        for finding in findings
    ]


def _chosen(findings: Sequence[Finding], features: Sequence[str]) -> list[int]:
    """Positions of the findings to repair: those of the causes' check; of another, where it says nothing of cause and column."""
    wanted = [at for at, finding in enumerate(findings) if _is_repairable(finding, features)]
    wanted.sort(key=lambda at: (findings[at].check != CHECK, -(findings[at].share_of_harm or 0.0), -(findings[at].support or 0)))
    named_so_far: set[tuple[str | None, tuple[str, ...]]] = set()
    chosen = []
    for at in wanted:
        named = findings[at].cause, findings[at].columns[:1]
        if findings[at].check == CHECK or named not in named_so_far:
            chosen.append(at)
        named_so_far.add(named)
    return chosen[:MOST_REPAIRS]


def _is_repairable(finding: Finding, features: Sequence[str]) -> bool:
    if finding.cause not in UNDONE or finding.standing or finding.severity == "low":
        return False
    return finding.cause not in COLUMN_CAUSES or (bool(finding.columns) and finding.columns[0] in features)


def _before(findings: Sequence[Finding], chosen: Sequence[int], context: Context) -> Rows:
    """The rows from before the first of the findings: every one was still decided well."""
    dated = [findings[at] for at in chosen if findings[at].onset is not None]
    first = min(dated, key=lambda finding: str(finding.onset)) if dated else findings[chosen[0]]
    return cases_of(first, context, "").before


def _scored_again(finding: Finding, work: _Work, broken: set[str]) -> Finding:
    """The finding with what its repair undid; with why that cannot be told, where it cannot."""
    column = finding.columns[0] if finding.columns else ""
    row: dict[str, Any] = {"cause": finding.cause, "column": column, "where": finding.where}
    calls, asked = work.asker.calls, work.asker.rows
    try:
        cases = cases_of(finding, work.context, column)
        harm = harm_of(cases)
        repair = _repair(finding, column, cases, work, broken)
        tally, about = _tally(repair, cases, harm, work)
    except WorkbenchError as exc:
        work.rows.append(row | {"why": str(exc), "calls": work.asker.calls - calls, "rows_asked": work.asker.rows - asked})
        return replace(finding, undone=f"Could not be scored again: {exc}")
    undoing = share_undone(tally, work.context.seed)
    few = min(about.reached, about.sampled) < SMALL_CELL
    row |= {
        "repair": repair.words, "harm": harm.words, "rows": about.reached, "sampled": about.sampled, "alike": about.alike,
        "draws": repair.draws,
        "gone": undoing.gone, "total": undoing.total, "share": undoing.share, "calls": work.asker.calls - calls,
        "low": undoing.interval[0] if undoing.interval else None, "high": undoing.interval[1] if undoing.interval else None,
        "rows_asked": work.asker.rows - asked, "suppressed": few,
    }  # fmt: skip
    work.rows.append(row)
    if undoing.share is not None:
        grave = undoing.share >= MOST_OF_IT and finding.severity == "medium"
        finding = replace(
            finding, undone_by="repaired", share_of_harm=undoing.share, share_interval=undoing.interval,
            severity="high" if grave else finding.severity,
        )  # fmt: skip
    return replace(finding, undone=told(finding, repair, undoing, harm, about))


def _repair(finding: Finding, column: str, cases: Cases, work: _Work, broken: set[str]) -> Repair:
    read = work.asker.columns
    if finding.cause in WHOLE_ROWS or (finding.cause == "training/serving skew" and finding.unit.startswith(OF_SCORES)):
        return as_they_are(cases)
    if finding.cause == "moved threshold":
        return _old_threshold(cases, work)
    if finding.cause == "shifted clock":
        return clock_repair(finding, read, cases)
    if column not in read:
        raise InputError("the model given does not read the column", column, "None of its decisions depends on it.")
    others = [name for name in read if name not in broken]
    return repair_of(finding, column, cases, others, work.context.seed)


def _old_threshold(cases: Cases, work: _Work) -> Repair:
    """The logged score with the threshold from before; the model's, where no score is logged."""
    rule = rule_of(cases.like) or work.decider.rule
    if rule is None:
        raise InputError("no threshold on the score led to the decisions from before", None, "Log the score.")
    repair = as_they_are(cases)
    return replace(repair, words=f"by the threshold from before ({rule[0]:.4g})", rule=rule)


def _tally(repair: Repair, cases: Cases, harm: Harm, work: _Work) -> tuple[Tally, Asked]:
    """Everything counted, and what was asked for it."""
    now = cases.now
    harmed = harm.of(now.decision, now.label)
    reached = np.flatnonzero(cases.affected)[repair.reached]
    reached = reached[~np.isnan(harmed[reached])]
    if len(reached) < LEAST_REACHED:
        few = "fewer than 10" if len(reached) < SMALL_CELL else len(reached)
        raise InputError("too few rows to score again", few, "Give a longer log.")
    rng = np.random.default_rng(work.context.seed)
    picked = np.sort(rng.choice(reached, MOST_ASKED, replace=False)) if len(reached) > MOST_ASKED else reached
    rows = now.of(picked)
    moved, alike = _moves(repair, rows, harm, work, rng)
    cost = None if repair.known is None else _cost(repair, cases, harm, work, rng)
    inside = now.inside | cases.affected
    was = harm.of(cases.before.decision, cases.before.label)
    tally = Tally(
        moved, len(reached), Part.of(harmed[inside]), Part.of(harmed[~inside]), Part.of(was[cases.before.inside]),
        Part.of(was[~cases.before.inside]), cost,
    )  # fmt: skip
    return tally, Asked(int(moved.sum()), len(reached), alike)


def _cost(repair: Repair, cases: Cases, harm: Harm, work: _Work, rng: np.random.Generator) -> np.ndarray:
    """What a draw in the place of a value costs by itself, on rows of before whose value is known."""
    assert repair.known is not None  # noqa: S101  asked of repairs that draw only
    picked = np.sort(rng.choice(repair.known, min(MOST_KNOWN, len(repair.known)), replace=False))
    rows = cases.before.of(picked)
    return _moves(repair, rows, harm, work, rng)[0]


def _moves(repair: Repair, rows: Rows, harm: Harm, work: _Work, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """Rows by harm as decided and as decided again (`share.count_moves`); the part that the model decides alike as they are.

    Where it decides otherwise than the log on the very same row, another model decided it, or other inputs than are logged: no
    repair of a column undoes that.
    """
    frame = rows.frame
    harmed = harm.of(rows.decision, rows.label)
    again = np.array([harm.of(_decided(repair, repair.mend(frame, rng), rows, work), rows.label) for _ in range(repair.draws)])
    alike = np.ones(len(rows), dtype=bool)
    if repair.column:
        as_it_is = work.decider.decide(frame, rows.dataset)
        alike = pd.isna(as_it_is) | (as_it_is == rows.decision)
        again = np.where(alike, again, harmed)
    counts = count_moves(harmed, again)
    if counts.sum() < LEAST_REACHED:
        raise InputError("the model given answered for too few rows", int(counts.sum()), "Give a copy near by.")
    return counts, float(alike.mean())


def _decided(repair: Repair, frame: pd.DataFrame, rows: Rows, work: _Work) -> np.ndarray:
    score = rows.dataset.roles.score
    if repair.rule is not None and score is not None:
        return by_rule(frame[score].to_numpy(dtype=float, na_value=np.nan), repair.rule)
    decider = work.decider if repair.rule is None else replace(work.decider, rule=repair.rule)
    return decider.decide(frame, rows.dataset)


def _result(work: _Work, context: Context) -> Result:
    target, decider = context.target, work.decider
    checked = {
        "model": target.name, "version": target.version, "by": decider.how, "rows": decider.checked,
        "alike": decider.alike / decider.checked, "calls": work.asker.calls, "rows_asked": work.asker.rows,
        "suppressed": decider.checked < SMALL_CELL,
    }  # fmt: skip
    arguments = {
        "target": target.digest, "reference": None if context.reference is None else str(context.reference.where),
        "current": str(context.subject.where), "roles": context.subject.given.said(),
    }  # fmt: skip
    columns = ("cause", "column", "where", "repair", "harm", "rows", "sampled", "alike", "draws", "gone", "total", "share", "low",
               "high", "calls", "rows_asked", "why", "suppressed")  # fmt: skip
    repairs = pd.DataFrame(work.rows, columns=list(columns))
    repairs["suppressed"] = [row.get("suppressed", False) for row in work.rows]
    return Result(
        kind=REPAIR,
        title="What is left of the harm when the cause is undone",
        tables={"repairs": repairs, "model": pd.DataFrame([checked])},
        numbers={"rows": context.subject.rows},
        where=context.subject.where,
        provenance=provenance(arguments, seed=context.seed, fingerprint=context.subject.fingerprint),
    )
