"""How near findings come to the truth.

A finding *hits* where its kind is one the truth accepts and it names the columns: one of each set the truth asks for, among its
own `columns` and those its `where` tests. A slice must test the columns of the segment, or be its rows at a Jaccard index of 0.8
or more, for a slice of whatever rows names label and prediction. A finding that carries a word for its cause must carry a right
one. Of a two-fault incident, top-1 asks the first finding for either fault and top-3 the first three for both. Findings marked as
explained by another, and standing ones, keep the rank they were given.

Where no windows are given, a disparity without a beginning is a fact of the table (Adult's men and women are decided otherwise on
any day): it is neither a hit nor a miss nor a false alarm, and the findings after it move up by one. In a log in which nothing
happens, a false alarm is anything else of medium severity or more; with windows, the verdict ``incident``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from workbench.attacks.injection import DecisionLog, Truth
from workbench.predicate import Predicate
from workbench.result import Finding

ENOUGH_OVERLAP = 0.8
ALPHA = 0.01
POWER = 0.9
ONSET = 0.02


@dataclass
class Score:
    """One incident's marks; None where there is nothing to mark.

    Attributes
    ----------
    detectable
        Whether somebody who knows rows and onset finds the effect at `POWER`, paying for `hypotheses`.
    detectable_alone
        The same, paying for one test only.
    alarm
        Whether anybody is woken.
    rank
        Of the first finding that hits.
    top1, top3
        Whether the first finding hits, or one of the first three (for two faults: whether both are hit).
    kind_only
        Whether the first finding's kind is right, whatever columns it names.
    cause
        Whether the first finding's word for the cause is right; None where it has none.
    jaccard
        Of the rows of the first finding that hits, from its onset on, and the rows reached.
    onset_error
        Of the first finding that hits, in parts of the window; None where it has no onset.
    """

    kind: str
    table: str
    strength: str
    rows: int
    windows: bool
    held_out: bool
    signal: float
    detectable: bool
    detectable_alone: bool
    detail: str
    method: str = "triage"
    verdict: str = ""
    alarm: bool = False
    rank: int | None = None
    top1: bool = False
    top3: bool = False
    kind_only: bool = False
    cause: bool | None = None
    cause_words: list[str | None] = field(default_factory=list)
    jaccard: float | None = None
    onset_error: float | None = None
    direction: bool | None = None
    findings: int = 0
    first: str = ""
    seconds: float = 0.0
    memory: float = 0.0
    failed: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """As JSON takes it."""
        return asdict(self)


def oracle(signal: float, hypotheses: float) -> bool:
    """Whether an effect of expected z `signal` is found with probability `POWER` at `ALPHA` shared by so many hypotheses."""
    limit = stats.norm.isf(ALPHA / hypotheses / 2)
    return bool(stats.norm.sf(limit - signal) >= POWER)


def hypotheses(truth: Truth, log: DecisionLog) -> float:
    """How many hypotheses of the truth's form the log has: columns, or columns by source, or slices of as many conditions."""
    columns = len(log.features) + 3
    if truth.kind == "slice regression":
        values = [min(log.frame[name].nunique(), 6) for name in log.features]
        sums = [sum(value**power for value in values) for power in (1, 2, 3)]
        pairs = (sums[0] ** 2 - sums[1]) / 2
        triples = (sums[0] ** 3 - 3 * sums[0] * sums[1] + 2 * sums[2]) / 6
        return pairs if len(truth.where.conditions) < 3 else triples
    return float(columns if not truth.where.conditions else columns * log.frame[log.source].nunique())


def hits(finding: Finding, truth: Truth, log: DecisionLog, subject: np.ndarray) -> bool:
    """Whether the finding names what happened."""
    if truth.parts:
        return any(hits(finding, part, log, subject) for part in truth.parts)
    word = finding.cause
    if finding.kind not in truth.accepted or (word is not None and word not in truth.causes):
        return False
    tested = set(Predicate.parse(finding.where).columns)
    if finding.kind == "slice":
        segment = set(truth.where.columns)
        return (bool(segment) and segment <= tested) or overlap(finding, truth, log, subject) >= ENOUGH_OVERLAP
    return all(({*finding.columns} | tested) & set(names) for names in truth.columns)


def overlap(finding: Finding, truth: Truth, log: DecisionLog, subject: np.ndarray) -> float:
    """Jaccard index of the finding's rows, from its onset on where it has one, and the rows reached, in the window."""
    told = Predicate.parse(finding.where).mask(log.frame) & subject
    if finding.onset is not None:
        told &= log.since(_naive(finding.onset))
    if truth.kind == "slice regression":  # a slice may be told without its beginning: then as a slice of the whole window
        whole = truth.where.mask(log.frame) & subject
        undated = Predicate.parse(finding.where).mask(log.frame) & subject
        return max(_jaccard(told, truth.rows & subject), _jaccard(undated, whole))
    return _jaccard(told, truth.rows & subject)


def mark(score: Score, findings: Sequence[Finding], truth: Truth | None, log: DecisionLog, window: tuple[Any, Any]) -> Score:
    """`score` with the marks of these findings, best first."""
    subject = log.since(window[0])
    if not score.windows:
        findings = [finding for finding in findings if not _is_of_the_table(finding, truth)]
    score.alarm = score.verdict == "incident" if score.windows else any(finding.severity != "low" for finding in findings)
    score.findings = len(findings)
    score.cause_words = [finding.cause for finding in findings[:3]]
    if findings:
        score.first = f"{findings[0].kind}: {findings[0].statement}"
    if truth is None or truth.onset is None:
        return score
    hit = [hits(finding, truth, log, subject) for finding in findings]
    if findings:
        score.kind_only = findings[0].kind in truth.accepted
        word = score.cause_words[0]
        score.cause = None if word is None else word in truth.causes
    score.top1 = bool(hit and hit[0])
    score.top3 = any(hit[:3])
    if truth.parts:
        score.top3 = all(any(hits(finding, part, log, subject) for finding in findings[:3]) for part in truth.parts)
    if True in hit:
        place = hit.index(True)
        score.rank = place + 1
        _mark_details(score, findings[place], truth, log, window)
    return score


def _is_of_the_table(finding: Finding, truth: Truth | None) -> bool:
    asked = truth is not None and "disparity" in truth.accepted
    return finding.kind == "disparity" and finding.onset is None and not asked


def _mark_details(score: Score, finding: Finding, truth: Truth, log: DecisionLog, window: tuple[Any, Any]) -> None:
    subject = log.since(window[0])
    part = next((part for part in truth.parts if hits(finding, part, log, subject)), truth)
    score.jaccard = overlap(finding, part, log, subject)
    if finding.onset is not None and part.onset is not None:
        length = (window[1] - window[0]).total_seconds()
        score.onset_error = abs((_naive(finding.onset) - part.onset).total_seconds()) / length


def _naive(text: str) -> pd.Timestamp:
    moment = pd.Timestamp(text)
    return moment if moment.tz is None else moment.tz_convert("UTC").tz_localize(None)


def _jaccard(one: np.ndarray, other: np.ndarray) -> float:
    either = int((one | other).sum())
    return float((one & other).sum()) / either if either else 0.0
