"""Findings as the browser may see them: text, sizes, one predicate and a history each, small cells blanked; no rows of the log.

`js/findings.js` draws what `finding_rows` gives, in a notebook (``widgets/findings.py``) and on a page (``apps/status.py``).
`findings_twin` is the same without a kernel and without scripts.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence

from workbench.digest import Plain, to_plain
from workbench.errors import PredicateError
from workbench.predicate import Predicate
from workbench.result import SMALL_CELL, Finding, Result
from workbench.views.amounts import effect_text, is_share_unit, size_text
from workbench.views.history import history_form, levels_table
from workbench.views.history_svg import history_svg
from workbench.views.opening import sureness
from workbench.views.render import BLANK
from workbench.views.steps import Step, steps_for
from workbench.views.triage import bearing_text, findings_table, people_text, ruled_out_text, since_text
from workbench.views.undone import share_text
from workbench.vocabulary import CAUSES, SEVERITIES


def finding_rows(findings: Sequence[Finding], history: Result | None = None) -> list[dict[str, Plain]]:
    """What the module needs of each finding.

    Parameters
    ----------
    findings
        In rank order.
    history
        Of `workbench.analysis.history.measure_histories`, as others may see it; None: none was measured.

    Returns
    -------
    list of dict
        ``id`` is the position among `findings`, from 0. ``level`` orders severities, 0 the least. ``effect`` and ``interval``
        are what the figure draws, in percentage ``points`` where that is true. ``people_order`` only sorts: 0 stands for fewer
        than `SMALL_CELL`, None for not measured. ``facts`` are pairs of a label and a text; ``ruled_out`` sentences; ``steps``
        what to open: widget, name and code. ``history`` is `workbench.views.history.history_form`. ``pinned`` and ``dismissed``
        say nothing yet.
    """
    return [_row(number, finding, history) for number, finding in enumerate(findings)]


def _row(number: int, finding: Finding, history: Result | None) -> dict[str, Plain]:
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
        "points": is_share_unit(finding.unit),
        "effect_text": effect_text(finding),
        "since": finding.onset,
        "since_text": since_text(finding),
        "people_order": _people_order(finding),
        "people_text": people_text(finding),
        "facts": [[label, text] for label, text in _facts(finding) if text],
        "ruled_out": [ruled_out_text(text, finding.unit) for text in finding.ruled_out],
        "steps": [to_plain(step._asdict()) for step in steps_for(finding)],
        "history": history_form(history, finding),
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
        ("put down to", "" if finding.cause is None else f"{finding.cause}: {CAUSES[finding.cause].meaning}"),
        ("how sure", "; ".join(text for text in (size_text(finding), sureness(finding)) if text)),
        ("where", finding.where),
        ("columns", ", ".join(finding.columns)),
        ("p, adjusted", _p_text(finding.p_adjusted)),
        ("share of the harm", share_text(finding)),
        ("check", finding.check),
        ("evidence", finding.evidence or ""),
    ]


def _p_text(p: float | None) -> str:
    if p is None:
        return ""
    return f"{p:.2g}" if p else "below 1e-300"


class FindingsTwin:
    """The ranked table, and below it each finding to unfold: its course over time, its rows, what was ruled out, what to open."""

    def __init__(self, findings: Sequence[Finding], history: Result | None = None) -> None:
        self.table = findings_table(findings)
        self._parts = [(finding, history_form(history, finding)) for finding in findings]

    def _repr_html_(self) -> str:
        return "\n".join([self.table._repr_html_(), *(_unfolded(finding, form) for finding, form in self._parts)])

    def __repr__(self) -> str:
        return repr(self.table)


def _unfolded(finding: Finding, form: dict[str, Plain] | None) -> str:
    """One finding as an element that a click opens, in plain HTML."""
    facts = "".join(f"<li>{html.escape(label)}: {html.escape(text)}</li>" for label, text in _facts(finding) if text)
    parts = [_picture(finding, form), levels_table(form)._repr_html_() if form and form["levels"] else "", f"<ul>{facts}</ul>"]
    if finding.ruled_out:
        held = "".join(f"<li>{html.escape(ruled_out_text(text, finding.unit))}</li>" for text in finding.ruled_out)
        parts.append(f"<p>What was ruled out, and why:</p><ul>{held}</ul>")
    parts += [_copied(step) for step in steps_for(finding)]
    summary = html.escape(f"#{finding.rank} {finding.statement}")
    return f"<details><summary style='padding:6px 0'>{summary}</summary>{''.join(parts)}</details>"


def _picture(finding: Finding, form: dict[str, Plain] | None) -> str:
    svg = "" if form is None else history_svg(form)
    if form is None or not svg:
        return ""
    name = html.escape(f"{form['statistic']} over time, finding {finding.rank}", quote=True)
    source = f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"
    return f'<p><img alt="{name}" width="720" height="192" src="{source}"></p>'


def _copied(step: Step) -> str:
    """The code that opens a widget, where there is no button."""
    return (
        f"<p style='margin:6px 0 0'>{html.escape(step.name)}, in the runbook:</p><pre><code>{html.escape(step.code)}</code></pre>"
    )
