"""One false-discovery budget for everything a run of triage examined, shared fairly between its checks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from workbench.analysis.selection import correct_for_significance
from workbench.result import Finding
from workbench.triage.check import Examined


def spend(examined: Mapping[str, Examined], budget: float) -> list[Finding]:
    """The findings that survive the weighted procedure of Benjamini and Hochberg at level `budget`, with their adjusted p.

    Each check has the same share of the budget, whatever it examined, so that a search of thousands of slices costs the few
    tests of another check nothing: a hypothesis of a check of m weighs in with 1 / m of the check's share (Genovese, Roeder &
    Wasserman 2006, Biometrika 93:509). A check whose p hold for all that it examined counts as one hypothesis.

    What is kept was chosen for being large: its interval is made to allow for that (`workbench.analysis.selection`).

    Parameters
    ----------
    examined
        Check to what it examined. A finding with raw p is held against the budget; one without p is a fact, costs nothing and
        always stays, and one whose p could not be computed (NaN) goes.
    budget
        Expected share of false findings among those kept, in (0, 1).
    """
    checks = sum(bool(item.tests or item.findings) for item in examined.values())
    findings = [finding for item in examined.values() for finding in item.findings]
    costs = [checks * hypotheses(item) for item in examined.values() for _ in item.findings]
    allowed = [item.allowed for item in examined.values() for _ in item.findings]
    adjusted = weighted_adjusted([finding.p for finding in findings], costs)
    passed = int(np.count_nonzero(adjusted <= budget))
    kept = []
    for finding, value, cost, done in zip(findings, adjusted.tolist(), costs, allowed, strict=True):
        if finding.p is None:
            kept.append(finding)
        elif value <= budget:
            told = finding if done else allow_for_choice(finding, budget * passed / cost, cost)
            kept.append(replace(told, p_adjusted=value))
    return kept


def allow_for_choice(finding: Finding, largest: float, searched: int) -> Finding:
    """The finding with an interval that allows for its having been kept because its p was `largest` at most."""
    if finding.p is None or finding.interval is None or not finding.effect:
        return finding
    low, high = finding.interval
    if low is None or high is None:
        return finding
    return replace(
        finding, interval=correct_for_significance(finding.effect, (low, high), finding.p, min(largest, 1.0), searched)
    )


def hypotheses(item: Examined) -> int:
    """How many hypotheses a finding of this check stands for."""
    return 1 if item.familywise else max(item.tests, sum(finding.p is not None for finding in item.findings), 1)


def weighted_adjusted(p: Sequence[float | None], costs: Sequence[float]) -> np.ndarray:
    """Benjamini and Hochberg's adjusted p where the i-th hypothesis is charged ``costs[i]`` instead of the number of all.

    NaN for None and NaN. With one cost for all, the number of hypotheses, it is their procedure of 1995.
    """
    charged = np.array([np.nan if value is None else value for value in p], dtype=float) * np.array(costs, dtype=float)
    order = np.argsort(charged, kind="stable")[: int(np.isfinite(charged).sum())]
    raised = np.minimum(charged[order] / np.arange(1, len(order) + 1), 1)
    adjusted = np.full(len(charged), np.nan)
    adjusted[order] = np.minimum.accumulate(raised[::-1])[::-1]
    return adjusted
