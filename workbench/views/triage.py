"""What triage concluded: a sentence, a ranked table, a figure of the sizes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import pandas as pd
import plotly.graph_objects as go

from workbench.result import SMALL_CELL, Finding, Result
from workbench.views.amounts import amount_of, effect_text, is_share
from workbench.views.disparity import groups_figure
from workbench.views.render import BLANK, Sentence, Table
from workbench.views.theme import INK, SEVERITY_COLORS, styled
from workbench.views.timeline import timeline_figure

LONGEST_LABEL = 60
HELD: Final = re.compile(r"holds without the rows where (?P<where>.+?)(?: \((?P<left>[-+][\d.]+)\))?")
"""What `workbench.triage.fold` says of a finding that is left without a defect's rows."""


def headline(verdict: str, findings: Sequence[Finding], rows: int) -> str:
    """One sentence a responder can say aloud."""
    new = [finding for finding in findings if finding.explained_by is None]
    if not new:
        return f"{verdict.capitalize()}: nothing stood out in {rows:,} decisions."
    first = new[0]
    others = f" {counted(len(new) - 1, 'more ')} below." if len(new) > 1 else ""
    lead = "First" if verdict == "incident" else noted_text(findings).capitalize()
    return f"{verdict.capitalize()} in {rows:,} decisions. {lead}: {first.statement}.{others}"


def noted_text(findings: Sequence[Finding]) -> str:
    """How many findings make no incident, and why not: they were so before as well, or they are small; empty without any."""
    standing = sum(finding.standing for finding in findings)
    small = len(findings) - standing
    told = [f"{counted(standing)} below held before as well (standing)"] if standing else []
    told += [f"{counted(small)} below {'are' if small > 1 else 'is'} too small to be an incident"] if small else []
    return ", ".join(told)


def counted(count: int, which: str = "") -> str:
    """So many findings, in words."""
    return f"{count} {which}finding{'s' if count > 1 else ''}"


def findings_table(findings: Sequence[Finding]) -> Table:
    """The findings in rank order; below each what it does to others, or which other explains it."""
    rows = [
        {
            "#": finding.rank,
            "severity": finding.severity,
            "kind": finding.kind,
            "what": f"{finding.statement}\n{bearing_text(finding).removeprefix(BLANK)}".strip(),
            "effect": effect_text(finding),
            "since": since_text(finding),
            "people": people_text(finding),
        }
        for finding in findings
    ]
    columns = ["#", "severity", "kind", "what", "effect", "since", "people"]
    return Table(pd.DataFrame(rows, columns=columns), "Findings, ranked")


def since_text(finding: Finding) -> str:
    """Onset with its interval, or that there is none to name."""
    if finding.onset is None:
        return BLANK
    if finding.onset_interval is None:
        return finding.onset[:10]
    low, high = (end[:10] for end in finding.onset_interval)
    return finding.onset[:10] if low == high else f"{finding.onset[:10]} ({low} to {high})"


def people_text(finding: Finding) -> str:
    """People concerned, or rows where people are not known; small numbers blanked."""
    number, unit = (finding.people, "") if finding.people is not None else (finding.support, " rows")
    if number is None:
        return "not measured"
    return f"fewer than {SMALL_CELL}{unit}" if number < SMALL_CELL else f"{number:,}{unit}"


def bearing_text(finding: Finding) -> str:
    """What came of undoing it, what the finding does to others, or which other explains it."""
    parts = [] if finding.undone is None else [finding.undone]
    if finding.undermines:
        parts.append("undermines " + ", ".join(f"#{number}" for number in finding.undermines))
    if finding.explained_by is not None:
        parts.append(f"explained by #{finding.explained_by}")
    if finding.standing:
        parts.append("standing")
    parts += [ruled_out_text(text, finding.unit) for text in finding.ruled_out]
    return "; ".join(parts) or BLANK


def ruled_out_text(text: str, unit: str) -> str:
    """What triage put to the test: of a defect whose rows were left out, what was left of the finding, in its unit."""
    tested = HELD.fullmatch(text)
    if tested is None:
        return text
    amount = amount_of(unit)
    left = f"it is {amount.number(float(tested['left']))}{amount.after}" if tested["left"] else "it is still there"
    return f"not because of the rows where {tested['where']}: without them {left}"


def detail_text(finding: Finding) -> str:
    """Effect, onset, people and bearing in one line."""
    parts = [effect_text(finding), f"since {since_text(finding)}" if finding.onset else "", f"{people_text(finding)} people"
             if finding.people is not None else people_text(finding), bearing_text(finding)]  # fmt: skip
    return " · ".join(part for part in parts if part not in ("", BLANK))


def findings_figure(findings: Sequence[Finding]) -> go.Figure:
    """Findings that are differences of shares, as points with their 95 % intervals, in rank order; 0: no difference.

    What another finding explains is left out, and so is what was measured in another unit, which is said.
    """
    own = [finding for finding in findings if finding.explained_by is None]
    drawn = [finding for finding in own if is_share(finding)]
    others = ", ".join(f"#{finding.rank}" for finding in own if finding.effect is not None and not is_share(finding))
    figure = go.Figure()
    for severity, color in SEVERITY_COLORS.items():
        points = [finding for finding in drawn if finding.severity == severity]
        if points:
            figure.add_trace(_points(points, severity, color))
    figure.add_vline(x=0, line={"color": INK, "width": 1})
    of = "difference of two shares of rows,<br>in percentage points; line: 95 % interval"
    figure.update_xaxes(title=of, ticksuffix=" pp")
    labels = [_label(finding) for finding in reversed(drawn)]
    figure.update_yaxes(title="finding: share, rows", categoryorder="array", categoryarray=labels)
    title = f"How large, and how sure{f'<br><sup>in other units, not drawn: {others}</sup>' if others else ''}"
    return styled(figure, title=title, height=170 + 46 * max(1, len(drawn))).update_layout(margin={"t": 110})


def _points(findings: Sequence[Finding], severity: str, color: str) -> go.Scatter:
    effects = [100 * (finding.effect or 0) for finding in findings]
    ends = [finding.interval or (None, None) for finding in findings]
    return go.Scatter(
        x=effects,
        y=[_label(finding) for finding in findings],
        name=severity,
        mode="markers",
        marker={"color": color, "size": 12, "symbol": {"critical": "diamond", "high": "square"}.get(severity, "circle")},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [100 * (high or 0) - effect for (_, high), effect in zip(ends, effects, strict=True)],
            "arrayminus": [effect - 100 * (low or 0) for (low, _), effect in zip(ends, effects, strict=True)],
            "thickness": 2,
        },
        customdata=[finding.statement for finding in findings],
        hovertemplate="%{customdata}<extra></extra>",
    )


def _label(finding: Finding) -> str:
    where = finding.where if len(finding.where) <= LONGEST_LABEL else finding.where[: LONGEST_LABEL - 1] + "…"
    return f"#{finding.rank} {finding.unit}<br>{where}"


def dated_figure(results: Mapping[str, Result], findings: Sequence[Finding]) -> go.Figure | Sentence:
    """The rates over time with the first dated finding marked; a sentence where the log has no time."""
    result = results.get("integrity")
    if result is None or "timeline" not in result.tables:
        return Sentence("The log has no column with the role time, or too few rows to be followed: nothing can be dated.")
    return timeline_figure(result, next((finding for finding in findings if finding.onset is not None), None))


def group_figure(results: Mapping[str, Result]) -> go.Figure | Sentence:
    """The rates by every group that was compared; a sentence where there are none."""
    result = results.get("disparity")
    if result is None:
        return Sentence("No groups were compared: the roles name none, or nothing that could be measured.")
    table = result.tables["groups"]
    if "attributes" not in table or table.empty:
        return Sentence("The groups that were compared are too small to be shown.")
    return groups_figure(result, list(table["attributes"].unique()))


def checks_table(checks: Sequence[Mapping[str, Any]]) -> Table:
    """How each check went, and why not where it did not."""
    rows = [{"check": check["name"], "went": check["status"], "why": check["why"] or BLANK} for check in checks]
    return Table(pd.DataFrame(rows, columns=["check", "went", "why"]), "Checks")


def findings_of(document: Mapping[str, Any]) -> list[Finding]:
    """The findings of a ``findings.json``."""
    return [Finding.from_dict(item) for item in document["findings"]]
