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
from workbench.triage.repair.again import Again, decide_again, sampled
from workbench.triage.repair.asking import Asker, Decider, find_decider, rule_of
from workbench.triage.repair.beside import Tried, made_up_for, without_makeup
from workbench.triage.repair.cases import ERRORS, Cases, Harm, Rows, cases_of, harms_of
from workbench.triage.repair.share import Part, Tally, Undoing, share_undone
from workbench.triage.repair.values import COLUMN_CAUSES, Repair, as_they_are, clock_repair, repair_of, require_nearer
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
    tried: list[Tried] = field(default_factory=list)


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
        findings[at] = _scored_again(at, findings[at], work, broken)
    for made in made_up_for(work.tried, work.decider, context.seed):
        findings[made.tried.at] = without_makeup(findings[made.tried.at], made)
        made.tried.row.update(share=0.0, low=0.0, high=made.most)
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


def _scored_again(at: int, finding: Finding, work: _Work, broken: set[str]) -> Finding:
    """The finding with what its repair undid; with why that cannot be told, where it cannot."""
    column = finding.columns[0] if finding.columns else ""
    row: dict[str, Any] = {"cause": finding.cause, "column": column, "where": finding.where}
    calls, asked = work.asker.calls, work.asker.rows
    try:
        cases = cases_of(finding, work.context, column)
        repair = _repair(finding, column, cases, work, broken)
        harm, undoing, about = _undone(repair, cases, work)
    except WorkbenchError as exc:
        work.rows.append(row | {"why": str(exc), "calls": work.asker.calls - calls, "rows_asked": work.asker.rows - asked})
        return replace(finding, undone=f"Could not be scored again: {exc}")
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
        work.tried.append(Tried(at, finding.severity, column, cases, repair, harm, undoing, row))
        grave = undoing.share >= MOST_OF_IT and finding.severity == "medium" and harm.words == ERRORS
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
    repair = repair_of(finding, column, cases, others, work.context.seed)
    require_nearer(repair, column, cases, np.random.default_rng(work.context.seed))
    return repair


def _old_threshold(cases: Cases, work: _Work) -> Repair:
    """The logged score with the threshold from before; the model's, where no score is logged."""
    rule = rule_of(cases.like) or work.decider.rule
    if rule is None:
        raise InputError("no threshold on the score led to the decisions from before", None, "Log the score.")
    repair = as_they_are(cases)
    return replace(repair, words=f"by the threshold from before ({rule[0]:.4g})", rule=rule)


def _undone(repair: Repair, cases: Cases, work: _Work) -> tuple[Harm, Undoing, Asked]:
    """What the repair undoes of the first harm of which a share can be told; of the first, where of none it can."""
    reached = np.flatnonzero(cases.affected)[repair.reached]
    now = cases.now.of(reached[~pd.isna(cases.now.decision[reached])])
    if len(now) < LEAST_REACHED:
        few = "fewer than 10" if len(now) < SMALL_CELL else len(now)
        raise InputError("too few rows to score again", few, "Give a longer log.")
    rng = np.random.default_rng(work.context.seed)
    answers = decide_again(repair, sampled(now, MOST_ASKED, rng), work.decider, rng)
    known = None
    if repair.known is not None:
        known = decide_again(repair, sampled(cases.before.of(repair.known), MOST_KNOWN, rng), work.decider, rng)
    found, harms = [], harms_of(cases)
    for harm in harms:
        tally = _tally(harm, cases, now, answers, known, whole=repair.whole)
        found.append((harm, share_undone(tally, work.context.seed), _asked(answers, tally, harms)))
    return next((each for each in found if each[1].share is not None), found[0])


def _asked(answers: Again, tally: Tally, harms: Sequence[Harm]) -> Asked:
    return Asked(int(tally.moved.sum()), tally.reached, float(answers.alike.mean()), harms[0].words == ERRORS)


def _tally(harm: Harm, cases: Cases, reached: Rows, answers: Again, known: Again | None, *, whole: bool) -> Tally:
    """Everything counted of one kind of harm."""
    now, before = cases.now, cases.before
    moved = answers.moves(harm)
    if moved.sum() < LEAST_REACHED:
        raise InputError("the model given answered for too few rows", int(moved.sum()), "Give a copy near by.")
    inside = now.inside | cases.affected
    harmed, was = harm.of(now.decision, now.label), harm.of(before.decision, before.label)
    return Tally(
        moved, Part.of(harm.of(reached.decision, reached.label)).rows, Part.of(harmed[inside]), Part.of(harmed[~inside]),
        Part.of(was[before.inside]), Part.of(was[~before.inside]), None if known is None else known.moves(harm), whole,
    )  # fmt: skip


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
