"""The order in which a responder reads: what undermines the rest, what is new and large, what was known, and echoes last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from workbench.result import Finding
from workbench.triage.caused import CHECK
from workbench.triage.check import LEAST_HELP, did_not_help
from workbench.triage.fold import Link
from workbench.vocabulary import SEVERITIES

WORST_FIRST = {word: number for number, word in enumerate(reversed(SEVERITIES))}


def rank(findings: Sequence[Finding], links: Sequence[Link]) -> list[Finding]:
    """The findings in order, numbered from 1, with `undermines` and `explained_by` as those numbers.

    A cause comes before what is none, and one whose repair did not help after all that may be. Inside a class by severity, then,
    of causes, by the share of the harm that surely goes with them, then by people (rows, where people are not known) x effect, an
    effect above 1 counting as 1. Of several findings that explain one, the first link counts, followed to the finding that
    nothing explains; what is explained undermines nothing by itself.
    """
    explained: dict[int, int] = {}
    for link in links:
        if link.explains:
            explained.setdefault(link.target, link.source)
    explained = {target: _root(target, explained) for target in explained}
    links = [link for link in links if link.explains or (link.source not in explained and link.target not in explained)]
    undermining = {link.source for link in links if not link.explains}

    def key(position: int) -> tuple[bool, bool, bool, bool, bool, int, float, float]:
        finding = findings[position]
        touched = finding.people if finding.people is not None else finding.support or 0
        size = -touched * min(1.0, abs(finding.effect or 0.0))
        leads = (finding.check == CHECK or (finding.kind == "attack" and finding.cause is not None)) and finding.severity != "low"
        later = position not in undermining and not leads
        first = leads or finding.severity == "critical"
        harm = -_surely_undone(finding) if leads else 0.0
        severity = WORST_FIRST[finding.severity]
        return (position in explained, finding.standing, did_not_help(finding), later, not first, severity, harm, size)

    order = sorted(range(len(findings)), key=key)
    numbers = {position: number for number, position in enumerate(order, 1)}

    def placed(position: int) -> Finding:
        under = tuple(sorted({numbers[link.target] for link in links if link.source == position and not link.explains}))
        source = explained.get(position)
        return replace(
            findings[position], rank=numbers[position], undermines=under, explained_by=None if source is None else numbers[source]
        )

    return [placed(position) for position in order]


def _surely_undone(finding: Finding) -> float:
    """The share of the harm that goes with a cause; 0 where a repair may undo next to nothing, as where it is not known."""
    unsure = finding.share_interval is not None and finding.share_interval[0] < LEAST_HELP
    return 0.0 if unsure else finding.share_of_harm or 0.0


def _root(position: int, explained: Mapping[int, int]) -> int:
    """The finding at the end of the chain of explanations that starts at `position`; a circle ends where it would close."""
    passed = {position}
    while (source := explained.get(position)) is not None and source not in passed:
        passed.add(source)
        position = source
    return position
