"""One cause, once: a finding that disappears without another finding's rows, or repeats it, is explained by it.

A data defect with known rows is put to the test: triage runs again without those rows. What is gone was the defect's doing; what
is still there stands, but rests on data the defect undermines. A defect of every row, or of so many that too few are left, cannot
be tested so: it undermines what reads its columns, and accounts for a change of another series at the same time.

An upstream change, which the events of the pipeline tell, is the cause of a later defect or drift of the same columns.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from workbench.analysis.distance import jaccard
from workbench.analysis.losses import outcome_columns
from workbench.analysis.measures import LABELS
from workbench.data.dataset import Dataset
from workbench.predicate import ALL_ROWS, Predicate
from workbench.result import Finding
from workbench.triage.caused import CHECK, caused, harmless
from workbench.triage.check import Context, began_together

DEFECT_KINDS = ("integrity", "lineage")
MOST_RERUNS = 2
SAME_ROWS = 0.5
LASTING = 0.5
"""A finding stands on its own if at least this part of its effect is left without the defect's rows."""
LEAST_LEFT = 0.1
"""Without a defect's rows at least this share of every window, and `LEAST_ROWS` rows, must be left to tell anything."""
LEAST_ROWS = 100

OTHER_CASES = "other cases arrive: given their columns, they are decided and turn out as before"

Examine = Callable[[Context, Collection[str]], list[Finding]]


@dataclass(frozen=True)
class Link:
    """How one finding bears on another: positions in the list, and whether it accounts for it or only undermines it."""

    source: int
    target: int
    explains: bool


def fold(findings: Sequence[Finding], context: Context, examine: Examine | None = None) -> tuple[list[Finding], list[Link]]:
    """The findings, each surviving one saying what it was held against, and the links between them.

    Parameters
    ----------
    examine
        Runs the checks of these names on a context and returns all findings above their floors, significant or not: fewer rows
        must not make a finding look explained. None: no defect is put to the test.
    """
    findings = list(findings)
    pairs = caused(findings, context)
    mild = harmless(findings, pairs)
    for _, target in mild:
        findings[target] = replace(findings[target], severity="low", ruled_out=(*findings[target].ruled_out, OTHER_CASES))
    links = [Link(source, target, explains=True) for source, target in (*pairs, *mild)]
    explained = {link.target for link in links}
    reruns = 0
    for source in _defects(findings):
        if source in explained:
            continue
        if findings[source].check == CHECK:  # it was held against the other signals without its rows already
            links += [link for link in _undermined(findings, source) if link.target not in explained]
            continue
        without = _without(findings[source], context) if reruns < MOST_RERUNS else None
        if without is None or examine is None:
            links += _undermined(findings, source)
        else:
            links += _test(findings, source, without, examine)
            reruns += 1
    links += _repeats(findings, {link.target for link in links if link.explains})
    return findings, _with_causes(findings, links)


def _is_defect(finding: Finding) -> bool:
    return finding.kind in DEFECT_KINDS and finding.severity != "low" and not finding.standing


def _is_grave(finding: Finding) -> bool:
    return _is_defect(finding) and finding.severity in ("high", "critical")


def _defects(findings: Sequence[Finding]) -> list[int]:
    """Positions of the defects: grave ones first, then by rows x effect."""
    found = [position for position, finding in enumerate(findings) if _is_defect(finding)]
    return sorted(
        found, key=lambda at: (not _is_grave(findings[at]), -(findings[at].support or 0) * abs(findings[at].effect or 0))
    )


def _without(defect: Finding, context: Context) -> Context | None:
    """The context without the defect's rows; None where that cannot be tested."""
    if defect.where == str(ALL_ROWS) or not _is_grave(defect):
        return None
    without = context.without(Predicate.parse(defect.where))
    pairs = [(context.subject, without.subject), (context.reference, without.reference)]
    enough = all(
        left.rows >= max(LEAST_ROWS, LEAST_LEFT * whole.rows) for whole, left in pairs if whole is not None and left is not None
    )
    return without if enough else None


def _test(findings: list[Finding], source: int, without: Context, examine: Examine) -> list[Link]:
    """Links from one defect to every finding that touches its rows or columns; survivors are told so in place."""
    defect = findings[source]
    tested = [at for at, finding in enumerate(findings) if at != source and not _is_grave(finding) and finding.check != CHECK]
    again = examine(without, {findings[at].check for at in tested}) if tested else []
    links = []
    for target in tested:
        finding = findings[target]
        matches = [other for other in again if same_cause(finding, other, without.subject)]
        alike = [other for other in matches if other.unit == finding.unit] or matches
        match = next((other for other in alike if _lasts(finding, other)), None)
        if match is None:
            if _can_explain(defect, finding, without.dataset):
                links.append(Link(source, target, explains=True))
            elif set(defect.columns) & set(finding.columns):
                links.append(Link(source, target, explains=False))
            continue
        held = f"holds without the rows where {defect.where}"
        size = "" if match.effect is None or match.unit != finding.unit else f" ({match.effect:+.3f})"
        findings[target] = replace(finding, ruled_out=(*finding.ruled_out, held + size))
        if set(defect.columns) & set(finding.columns):
            links.append(Link(source, target, explains=False))
    return links


def _can_explain(defect: Finding, finding: Finding, dataset: Dataset) -> bool:
    """Whether the defect's columns are what the finding's effect is measured in, or both began at one time.

    Leaving out all rows since a date removes everything that began then; that alone makes the defect no cause of it.
    """
    if finding.kind in ("drift", "volume"):
        return bool(set(defect.columns) & set(finding.columns)) or began_together(defect, finding)
    return bool(set(defect.columns) & _measured_in(finding, dataset))


def _measured_in(finding: Finding, dataset: Dataset) -> set[str]:
    """The columns the finding's effect is measured in, and those that choose its rows; all it names where that is not known."""
    measure = next((name for name, words in LABELS.items() if words == finding.unit), None)
    if measure is None or finding.kind not in ("slice", "disparity"):
        return set(finding.columns)
    return {*outcome_columns(dataset, measure), *Predicate.parse(finding.where).columns}


def _lasts(finding: Finding, other: Finding) -> bool:
    return (other.effect or 0.0) * (finding.effect or 0.0) >= LASTING * (finding.effect or 0.0) ** 2


def same_cause(finding: Finding, other: Finding, dataset: Dataset) -> bool:
    """Whether two findings tell the same thing: kind and columns, and mostly the same rows."""
    if finding.kind != other.kind:
        return False
    if finding.where == other.where:
        return finding.columns == other.columns
    if finding.kind in ("drift", "volume"):
        return finding.columns == other.columns and finding.unit == other.unit and finding.onset == other.onset
    if finding.kind not in ("slice", "attack"):
        return False
    left, right = (Predicate.parse(item.where).mask(dataset.frame) for item in (finding, other))
    return jaccard(left, right) >= SAME_ROWS


def _undermined(findings: Sequence[Finding], source: int) -> list[Link]:
    """A finding that reads a column of the defect, and is no defect itself, rests on broken data."""
    columns = set(findings[source].columns)
    return [
        Link(source, target, explains=False)
        for target, finding in enumerate(findings)
        if finding.kind not in (*DEFECT_KINDS, "drift", "volume") and columns & set(finding.columns)
    ]


def _repeats(findings: Sequence[Finding], explained: set[int]) -> list[Link]:
    """Drift of a column that another finding already names, or a change at the time of a grave defect, is that finding again."""
    links = []
    for target, finding in enumerate(findings):
        if finding.kind not in ("drift", "volume") or target in explained or finding.check == CHECK:
            continue
        sources = (at for at, other in enumerate(findings) if at != target and _accounts_for(other, finding))
        source = next(sources, None)
        if source is not None:
            links.append(Link(source, target, explains=True))
    return links


def _with_causes(findings: list[Finding], links: list[Link]) -> list[Link]:
    """`links`, before them those from an upstream change to what it made of the same columns; the findings say so in place."""
    causes = {target: source for target in range(len(findings)) if (source := _cause_of(findings, target)) is not None}
    for target, source in causes.items():
        named = findings[source].statement.partition(":")[0]
        findings[target] = replace(findings[target], statement=f"{findings[target].statement}; changed upstream at {named}")
    kept = [link for link in links if causes.get(link.source) != link.target]
    return [*(Link(source, target, explains=True) for target, source in causes.items()), *kept]


def _cause_of(findings: Sequence[Finding], target: int) -> int | None:
    """The last upstream change of all columns of a defect or a drift that was not after it; None where there is none."""
    finding = findings[target]
    latest = finding.onset_interval[1] if finding.onset_interval is not None else finding.onset
    if finding.kind not in ("integrity", "drift") or finding.standing or latest is None or not finding.columns:
        return None
    earlier = [
        (other.onset, -at)
        for at, other in enumerate(findings)
        if other.kind == "lineage" and other.onset is not None and other.onset <= latest
        and set(finding.columns) <= set(other.columns)
    ]  # fmt: skip
    return -max(earlier)[1] if earlier else None


def _accounts_for(other: Finding, finding: Finding) -> bool:
    if other.standing and not finding.standing:
        return False
    same_columns = bool(finding.columns) and set(finding.columns) <= set(other.columns)
    if other.kind in DEFECT_KINDS:
        as_large = abs(other.effect or 0.0) >= LASTING * abs(finding.effect or 0.0)
        return (same_columns and as_large) or (_is_grave(other) and began_together(other, finding))
    dated = other.kind == "drift" and other.onset is not None and finding.kind == "drift" and finding.onset is None
    return dated and same_columns
