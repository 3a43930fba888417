"""A hunt as sentence, tables and figures: what looks like an attack, since when, and how close to the threshold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import pandas as pd
import plotly.graph_objects as go

from workbench.result import Finding, Result
from workbench.views.render import BLANK, Sentence, Table, blanked
from workbench.views.theme import BLUE, GREY, INK, ORANGE, styled
from workbench.views.timeline import period_of, period_title

MEANINGS: Final = {
    "recurrence": "a recorded attack came back",
    "crowding": "scores crowd just past the threshold",
    "lattice": "one column swept, the others standing still",
    "walk": "one input varied in small steps",
    "burst": "one caller asks more than before",
}
LACKING: Final = {
    "recurrence": "no recordings given", "crowding": "no scores with a threshold", "burst": "no caller given",
}  # fmt: skip


def patterns_table(result: Result) -> Table:
    """What was found, one line per pattern, as others may see it."""
    rows = [
        {
            "pattern": MEANINGS[row["pattern"]],
            "where": row["where"],
            "size": _size(row),
            "p": BLANK if _missing(row["p"]) else f"{row['p']:.2g}",
            "since": BLANK if _missing(row["onset"]) else f"{pd.Timestamp(row['onset']):%Y-%m-%d %H:%M}",
            "rows": BLANK if _missing(row["rows"]) else f"{int(row['rows']):,}",
        }
        for row in result.published().tables["patterns"].to_dict("records")
    ]
    columns = ["pattern", "where", "size", "p", "since", "rows"]
    found = "Traces of attacks" if rows else "No trace of an attack"
    return Table(pd.DataFrame(rows, columns=columns), f"{found}{not_looked_for(result)}")


def not_looked_for(result: Result) -> str:
    """What the hunt could not look for, and what it lacked, as the end of a sentence; empty where nothing."""
    names: Any = result.numbers.get("not_looked_for") or []
    said = [f"whether {MEANINGS[name]} ({LACKING[name]})" for name in names]
    return f"; not looked for: {', '.join(said)}" if said else ""


def recordings_table(result: Result) -> Table | Sentence:
    """How often each recording was met, and what that was held against; a sentence where none was given."""
    table = blanked(result.published().tables["recordings"], ["rows_matched", "rows_exact", "share", "share_before", "p"])
    if not len(table):
        return Sentence("No recordings were given, so nothing says whether a known attack came back.")
    shown = table.assign(recording=[str(name).removeprefix("sha256:")[:12] for name in table["recording"]])
    return Table(shown.astype(object).where(shown.notna(), BLANK), "Recorded attacks, looked for in this log")


def activity_figure(result: Result) -> go.Figure | Sentence:
    """The share of each period's rows that belong to a trace; a sentence where there is none, or no time."""
    table = blanked(result.published().tables["activity"], ["share", "rows"])
    share = pd.to_numeric(table["share"], errors="coerce")
    if not share.fillna(0).any():
        return Sentence("No period has rows that belong to a recurrence or to a run of varied inputs.")
    starts, rows = pd.to_datetime(table["start"]), pd.to_numeric(table["rows"], errors="coerce")
    period = period_of(starts)
    figure = go.Figure(go.Bar(
        x=starts, y=share.tolist(), marker={"color": ORANGE}, name="in a trace",
        customdata=[BLANK if pd.isna(row) else f"{row:,.0f}" for row in rows],
        hovertemplate="%{x|%Y-%m-%d}: %{y:.1%} of %{customdata} rows<extra></extra>",
    ))  # fmt: skip
    figure.update_yaxes(title=f"share of the {period}'s rows", tickformat=".1%", rangemode="tozero")
    figure.update_xaxes(title=period_title(period))
    return styled(figure, title="When rows belong to a trace", height=340)


def margins_figure(result: Result) -> go.Figure | Sentence:
    """Decisions by their distance from the threshold, now and before; a sentence where no threshold is known."""
    table = blanked(result.published().tables["margins"], ["rows", "rows_before"])
    if not len(table):
        return Sentence("No threshold on a score explains the decisions, or scores are grades: nothing can crowd.")
    middle = ((table["low"] + table["high"]) / 2).tolist()
    figure, among = go.Figure(), []
    for name, label, color, dash in (("rows_before", "before", GREY, "dot"), ("rows", "now", BLUE, "solid")):
        counts = pd.to_numeric(table[name], errors="coerce")
        if counts.notna().any():
            share = counts / counts.sum()
            among.append(f"{counts.sum():,.0f} {label}")
            line = {"color": color, "dash": dash, "shape": "hvh", "width": 2}
            figure.add_scatter(x=middle, y=share.tolist(), name=label, mode="lines", line=line)
    figure.add_vline(
        x=0, line={"color": INK, "width": 1, "dash": "dash"}, annotation_text="threshold", annotation_position="top left"
    )
    figure.update_xaxes(title="distance of the score from the threshold; positive: the decision people want")
    figure.update_yaxes(title="share of these decisions", tickformat=".1%", rangemode="tozero")
    return styled(figure, title=f"Close to the threshold: {', '.join(among)}", height=380)


def next_step(findings: Sequence[Finding], path: str) -> Sentence:
    """What to do with what was found: the command that makes a scenario of the first trace."""
    if not findings:
        return Sentence(
            "Nothing to follow up. Where an attack is known, record it and give the recording: it may have come back."
        )
    rank = findings[0].rank
    command = f"workbench scenarios from-finding {path} {rank} --out scenario.yaml"
    return Sentence(f"Next, make a scenario of finding {rank}, to be tried on every release: {command}")


def _size(row: dict[Any, Any]) -> str:
    if _missing(row["effect"]):
        return BLANK
    return f"{row['effect']:.1%} ({row['low']:.1%} to {row['high']:.1%}) {row['unit']}"


def _missing(value: Any) -> bool:
    return bool(pd.isna(value))
