"""Findings of other checks that a cause accounts for: what moved with it, on its rows or in its columns, and not without them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd

from workbench.analysis.losses import row_values
from workbench.analysis.measures import LABELS
from workbench.data.dataset import Dataset
from workbench.errors import InputError
from workbench.predicate import Predicate
from workbench.result import Finding
from workbench.triage.check import Context, began_together, did_not_help

CHECK: Final = "causes"
NEAR: Final = 0.03
"""Onsets that differ by less than this part of the log may be one."""
HARMLESS: Final = ("covariate shift", "upstream change")
LASTING: Final = 0.5
LEAST_LEFT: Final = 30
FIRST: Final = ("attack",)
"""Kinds that account for a cause which began with them: crafted rows are other rows in every column."""
OF_SCORES: Final = (
    "calibration drift", "version mix-up", "moved threshold", "worse on a slice", "training/serving skew", "unit error", "nulls",
    "recoded values", "merged values", "frozen column",
)  # fmt: skip
"""Causes that put scores elsewhere, and so perhaps just past the threshold, without anybody's doing."""


def caused(findings: Sequence[Finding], context: Context) -> list[tuple[int, int]]:
    """Pairs of positions: a cause, and a finding that it accounts for."""
    pairs = _no_attacks(findings, context)
    taken = {target for _, target in pairs}
    for source in _causes(findings, context):
        if source in taken:
            continue
        for target, finding in enumerate(findings):
            if target != source and target not in taken and _accounts(findings[source], finding, context):
                pairs.append((source, target))
                taken.add(target)
    return pairs


def harmless(findings: Sequence[Finding], pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Pairs of positions: a change that is no fault, and a drift that it accounts for.

    Where other cases arrive, and nothing that was decided or turned out differs from what the columns lead to expect, the drift
    of any column is those cases.
    """
    own = [at for at, finding in enumerate(findings) if finding.check == CHECK and not finding.standing]
    taken = {target for _, target in pairs}
    if not own or any(findings[at].severity != "low" or findings[at].cause not in HARMLESS for at in own):
        return []
    drifts = [at for at, finding in enumerate(findings) if finding.kind == "drift" and at not in own and at not in taken]
    return [(own[0], at) for at in drifts if not findings[at].standing and findings[at].unit != "error rate"]


def _no_attacks(findings: Sequence[Finding], context: Context) -> list[tuple[int, int]]:
    """Pairs of positions: a cause that puts scores elsewhere, and what therefore only looks like an attack.

    Crafted rows may look like a change of the columns, and changed scores like crafted rows: of two that began at one time the
    clearer accounts for the other.
    """
    pairs = []
    for target, attack in enumerate(findings):
        if attack.kind not in FIRST or attack.cause is None or attack.standing:
            continue
        sources = [
            at for at, cause in enumerate(findings)
            if _moves_scores(cause) and same_time(cause, attack, context) and _is_clearer(cause, attack)
        ]  # fmt: skip
        pairs += [(sources[0], target)] if sources else []
    return pairs


def _moves_scores(cause: Finding) -> bool:
    return cause.check == CHECK and cause.cause in OF_SCORES and cause.severity != "low" and not cause.standing


def _is_clearer(cause: Finding, attack: Finding) -> bool:
    return cause.p is not None and attack.p is not None and cause.p <= attack.p


def _causes(findings: Sequence[Finding], context: Context) -> list[int]:
    """Attacks and grave defects of the label first, then the causes, by how much harm goes with them."""
    found = [at for at, finding in enumerate(findings) if _leads(finding, context) and finding.severity != "low"]
    found = [at for at in found if not findings[at].standing]
    return sorted(found, key=lambda at: (findings[at].check == CHECK, -(findings[at].share_of_harm or 0.0)))


def _leads(finding: Finding, context: Context) -> bool:
    return finding.check == CHECK or finding.kind in FIRST or _is_label_cut(finding, context)


def _is_label_cut(finding: Finding, context: Context) -> bool:
    return finding.severity == "critical" and finding.columns == (context.subject.roles.label,)


def _accounts(cause: Finding, finding: Finding, context: Context) -> bool:
    if finding.standing or finding.kind == "lineage" or finding.kind in FIRST:
        return False
    if finding.check == CHECK:
        return cause.check != CHECK and same_time(cause, finding, context)
    if cause.check != CHECK or (finding.kind in ("slice", "disparity") and did_not_help(cause)):
        return False
    if finding.kind == "slice":
        return context.reference is not None and _gone_without(cause, finding, context)
    if finding.kind == "disparity":
        return context.reference is not None and _opened_by(cause, finding, context)
    if _is_label_cut(finding, context):
        return False
    shared = bool(set(cause.columns) & set(finding.columns))
    if finding.onset is None:
        return shared or (finding.kind == "drift" and _follows(cause, finding, context))
    return same_time(cause, finding, context) and (shared or finding.kind in ("drift", "volume"))


def same_time(one: Finding, other: Finding, context: Context) -> bool:
    """Whether the intervals of two onsets overlap, or the onsets differ by less than `NEAR` of the log."""
    if one.onset is None or other.onset is None:
        return False
    if began_together(one, other):
        return True
    times = context.dataset.role("time")
    apart = abs(pd.Timestamp(one.onset) - pd.Timestamp(other.onset))
    return bool(apart <= NEAR * (times.max() - times.min()))


def _follows(cause: Finding, finding: Finding, context: Context) -> bool:
    """Whether an outcome moved after a cause that reaches decisions: a cause moves what comes after it in the life of a row."""
    roles = context.subject.roles
    return set(finding.columns) <= {roles.score, roles.prediction, roles.label} and (cause.share_of_harm or 0.0) > 0


def _opened_by(cause: Finding, finding: Finding, context: Context) -> bool:
    """Whether a gap opened where a cause reaches one of the groups, or all rows."""
    read = set(Predicate.parse(cause.where).columns) - {context.subject.roles.time}
    return not read or bool(read & set(Predicate.parse(finding.where).columns)) or _gone_without(cause, finding, context)


def _gone_without(cause: Finding, finding: Finding, context: Context) -> bool:
    """Whether the rows of `finding`, less those of `cause`, are as they were in the reference window."""
    measure = next((name for name, words in LABELS.items() if words == finding.unit), None)
    before, now = context.reference, context.subject
    if measure is None or before is None:
        return False
    try:
        was, is_now = (_mean(window, measure, Predicate.parse(finding.where), None) for window in (before, now))
        left = _mean(now, measure, Predicate.parse(finding.where), Predicate.parse(cause.where))
    except InputError:
        return False
    if left is None or was is None or is_now is None:
        return True
    return abs(left - was) < LASTING * abs(is_now - was)


def _mean(dataset: Dataset, measure: str, where: Predicate, without: Predicate | None) -> float | None:
    """The mean of a measure on some rows; None where they are too few."""
    values, among = row_values(dataset, measure)
    mask = among & where.mask(dataset.frame)
    if without is not None:
        mask &= ~without.mask(dataset.frame)
    return float(np.mean(values[mask])) if np.count_nonzero(mask) >= LEAST_LEFT else None
