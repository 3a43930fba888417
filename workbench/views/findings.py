"""Findings as the browser may see them: text, sizes and one predicate each, with small cells blanked; no rows of the log.

`js/findings.js` draws what `finding_rows` gives, in a notebook (``widgets/findings.py``) and on a page (``apps/status.py``).
"""

from __future__ import annotations

from collections.abc import Sequence

from workbench.digest import Plain, to_plain
from workbench.errors import PredicateError
from workbench.predicate import Predicate
from workbench.result import SMALL_CELL, Finding
from workbench.views.render import BLANK
from workbench.views.triage import bearing_text, effect_text, people_text, since_text
from workbench.vocabulary import SEVERITIES


def finding_rows(findings: Sequence[Finding]) -> list[dict[str, Plain]]:
    """What the module needs of each finding.

    Returns
    -------
    list of dict
        ``id`` is the position among `findings`, from 0. ``level`` orders severities, 0 the least. ``effect`` and ``interval``
        are what the figure draws. ``people_order`` only sorts: 0 stands for fewer than `SMALL_CELL`, None for not measured.
        ``facts`` are pairs of a label and a text. ``pinned`` and ``dismissed`` say nothing yet.
    """
    return [_row(number, finding) for number, finding in enumerate(findings)]


def _row(number: int, finding: Finding) -> dict[str, Plain]:
    levels = list(SEVERITIES)
    interval = to_plain(finding.interval)
    return {
        "id": number,
        "rank": finding.rank,
        "severity": finding.severity,
        "level": levels.index(finding.severity) if finding.severity in levels else None,
        "kind": finding.kind,
        "what": finding.statement,
        "bearing": bearing_text(finding).removeprefix(BLANK),
        "where": canonical(finding.where),
        "effect": to_plain(finding.effect),
        "interval": interval if isinstance(interval, list) and None not in interval else None,
        "unit": finding.unit,
        "effect_text": effect_text(finding),
        "since": finding.onset,
        "since_text": since_text(finding),
        "people_order": _people_order(finding),
        "people_text": people_text(finding),
        "facts": [[label, text] for label, text in _facts(finding) if text],
        "pinned": False,
        "dismissed": "",
    }


def canonical(where: str) -> str:
    """A predicate's text as `Predicate` writes it, so that equal selections are equal texts; another text as it is."""
    try:
        return str(Predicate.parse(where))
    except PredicateError:
        return where


def _people_order(finding: Finding) -> int | None:
    number = finding.support if finding.people is None else finding.people
    return number if number is None or number >= SMALL_CELL else 0


def _facts(finding: Finding) -> list[tuple[str, str]]:
    return [
        ("where", finding.where),
        ("columns", ", ".join(finding.columns)),
        ("p, adjusted", "" if finding.p_adjusted is None else f"{finding.p_adjusted:.2g}"),
        ("share of the harm", "" if finding.share_of_harm is None else f"{100 * finding.share_of_harm:.0f} %"),
        ("check", finding.check),
        ("evidence", finding.evidence or ""),
    ]
