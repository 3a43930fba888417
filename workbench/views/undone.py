"""What undoing each cause would undo: a picture of the shares of the harm, and how they were found."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, Final

import pandas as pd
import plotly.graph_objects as go

from workbench.result import Finding, Result
from workbench.triage.repair.undo import REPAIR
from workbench.views.render import BLANK, Sentence, Table, blanked
from workbench.views.theme import BLUE, GREY, styled

WAYS: Final = {
    "repaired": ("repaired, and scored again", BLUE, "circle"),
    "removed": ("its rows left out, with whatever else is wrong in them", GREY, "diamond-open"),
}
"""How a cause was undone, to what the figure says of it."""
LONGEST_LINE: Final = 110


def share_text(finding: Finding) -> str:
    """The share of the harm that goes with the cause, and how that was found; empty where nothing tells."""
    if finding.share_of_harm is None:
        return ""
    sure = ""
    if finding.share_interval is not None:
        low, high = (round(100 * end) for end in finding.share_interval)
        sure = f" (95 % sure: {low} to {high})"
    way = WAYS.get(finding.undone_by or "")
    return f"{100 * finding.share_of_harm:.0f} %{sure}{'' if way is None else f': {way[0]}'}"


def undone_figure(findings: Sequence[Finding]) -> go.Figure | Sentence:
    """The share of the harm that goes away with each cause, in rank order, with its 95 % interval; 0 %: undoing it does not help.

    What another finding explains is left out.
    """
    drawn = [finding for finding in findings if finding.share_of_harm is not None and finding.explained_by is None]
    if not drawn:
        return Sentence("Of no finding could be told how much of the harm goes away with it.")
    figure = go.Figure()
    for way, (words, color, symbol) in WAYS.items():
        points = [finding for finding in drawn if finding.undone_by == way]
        if points:
            figure.add_trace(_points(points, words, color, symbol))
    figure.update_xaxes(title="part of the further harm since it began that goes away; line: 95 % interval", range=[-3, 103],
                        ticksuffix=" %")  # fmt: skip
    figure.update_yaxes(title="finding", categoryorder="array", categoryarray=[_label(each) for each in reversed(drawn)])
    figure.update_layout(showlegend=True)
    return styled(figure, title="What undoing each cause would undo", height=170 + 46 * len(drawn))


def _points(findings: Sequence[Finding], name: str, color: str, symbol: str) -> go.Scatter:
    shares = [100 * (finding.share_of_harm or 0) for finding in findings]
    ends = [finding.share_interval or (finding.share_of_harm or 0.0,) * 2 for finding in findings]
    return go.Scatter(
        x=shares,
        y=[_label(finding) for finding in findings],
        name=name,
        mode="markers",
        marker={"color": color, "size": 12, "symbol": symbol},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [max(0.0, 100 * high - share) for (_, high), share in zip(ends, shares, strict=True)],
            "arrayminus": [max(0.0, share - 100 * low) for (low, _), share in zip(ends, shares, strict=True)],
            "thickness": 2,
        },
        customdata=[finding.undone or finding.statement for finding in findings],
        hovertemplate="%{customdata}<extra></extra>",
    )


def _label(finding: Finding) -> str:
    return f"#{finding.rank} {finding.cause or finding.kind}<br>{', '.join(finding.columns[:2])}"


def noted(figure: go.Figure, finding: Finding) -> go.Figure:
    """`figure` with what scoring again undid below its title."""
    if finding.undone is None:
        return figure
    said = "<br>".join(textwrap.wrap(f"{finding.undone}.", LONGEST_LINE))
    top = (figure.layout.margin.t or 90) + 24 * (1 + said.count("<br>"))
    return figure.update_layout(title_text=f"{figure.layout.title.text}<br><sup>{said}</sup>", margin={"t": top})


def repairs_table(results: Mapping[str, Result]) -> Table | Sentence:
    """Every repair that was tried, how many rows were asked and what went away, below how well the model's decisions match.

    Parameters
    ----------
    results
        Of a run of triage, as others may see them.
    """
    result = results.get(REPAIR)
    if result is None:
        return Sentence("Nothing was scored again: give the model that decided, or see below why it could not be asked.")
    frame = blanked(result.tables["repairs"], ["rows", "sampled", "gone", "total", "share", "low", "high", "rows_asked"])
    shown = pd.DataFrame({
        "cause": frame["cause"],
        "scored again": [_text(row.repair) if _text(row.repair) != BLANK else _text(row.why) for row in frame.itertuples()],
        "rows it changes": [_count(value) for value in frame["rows"]],
        "harm gone": [_gone(row) for row in frame.itertuples()],
        "asked": [f"{_count(row.rows_asked)} rows in {_count(row.calls)} calls" for row in frame.itertuples()],
    })  # fmt: skip
    return Table(shown, asked_text(result))


def asked_text(result: Result) -> str:
    """How well the model's decisions match those of the log, and what it was asked in all."""
    model = result.tables["model"].iloc[0]
    alike = f"{100 * model['alike']:.1f} % of {_count(model['rows'])} rows of before as the log says"
    asked = f"asked about {_count(model['rows_asked'])} rows in {_count(model['calls'])} calls"
    return f"{model['model']} {model['version']} decides {alike}, by {model['by']}; {asked}"


def _gone(row: Any) -> str:
    if _text(row.gone) == BLANK:
        return BLANK
    if _text(row.share) == BLANK:
        return f"{row.gone:,.0f}; no share can be told"
    gone = min(max(row.gone, 0.0), row.total)
    return f"{gone:,.0f} of {row.total:,.0f} {row.harm}\n{100 * row.share:.0f} % [{100 * row.low:.0f}, {100 * row.high:.0f}]"


def _count(value: Any) -> str:
    return BLANK if value is None or pd.isna(value) else f"{value:,.0f}"


def _text(value: Any) -> str:
    return BLANK if value is None or pd.isna(value) or value == "" else str(value)
