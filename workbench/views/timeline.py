"""Rates and volume over time, with the onset of a finding marked as the interval it is."""

from __future__ import annotations

from typing import Final

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from workbench.result import Finding, Result
from workbench.views.render import blanked
from workbench.views.theme import GREY, INK, ORANGE, PALETTE, SYMBOLS, styled

RATES = "rate of "
ORDER = ("rate of label", "rate of prediction", "rate of error")
"""A rate keeps its colour, in whatever order a file holds the columns."""
WORDS = {"rate of label": "positive outcomes", "rate of prediction": "positive predictions", "rate of error": "errors"}
"""What readers see for the name of a rate."""
ABOVE: Final = 1.09
"""Where a legend leaves room for the name of an onset."""


def timeline_figure(result: Result, finding: Finding | None = None) -> go.Figure:
    """The rates of label and prediction per period, and the rows below them.

    Parameters
    ----------
    result
        Of `workbench.analysis.integrity.integrity`, with the table ``timeline``.
    finding
        Its onset is drawn as a line, its onset interval as a band.
    """
    table = result.tables["timeline"]
    rates = [str(column) for column in table if str(column).startswith(RATES)]
    series = sorted(rates, key=lambda rate: ORDER.index(rate) if rate in ORDER else len(ORDER))
    table = blanked(table, [*series, "rows"])
    starts = pd.to_datetime(table["start"])
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.7, 0.3], vertical_spacing=0.08)
    for number, column in enumerate(series):
        figure.add_trace(_rate(starts, table[column], number), row=1, col=1)
    figure.add_trace(go.Bar(x=starts, y=_numbers(table["rows"]), name="rows", marker={"color": GREY}), row=2, col=1)
    if finding is not None and finding.onset is not None:
        mark_onset(figure, finding, f"#{finding.rank} began")
    period = period_of(starts)
    figure.update_xaxes(title="", row=1, col=1)
    figure.update_xaxes(title=period_title(period), row=2, col=1)
    figure.update_yaxes(title=f"share of the<br>{period}'s rows", tickformat=".0%", rangemode="tozero", row=1, col=1)
    figure.update_yaxes(title=f"rows<br>per {period}", rangemode="tozero", row=2, col=1)
    return styled(figure, title="Rates over time", height=540).update_layout(margin={"t": 110}, legend={"y": ABOVE})


def period_of(starts: pd.Series[pd.Timestamp]) -> str:
    """The period that `starts` are the first days of, as `workbench.analysis.series.timeline` makes them."""
    if (starts.dt.day_of_year == 1).all():
        return "year"
    if (starts.dt.day == 1).all():
        return "month"
    return "week" if (starts.dt.day_of_week == 0).all() else "day"


def period_title(period: object) -> str:
    """What an axis says of the times at which periods of this length begin."""
    return f"first day of the {period}, UTC" if period in {"week", "month", "year"} else f"{period}, UTC"


def _rate(starts: pd.Series[pd.Timestamp], column: pd.Series[float], number: int) -> go.Scatter:
    color = PALETTE[number]
    marker = {"symbol": SYMBOLS[number], "size": 8, "color": color}
    name = WORDS.get(str(column.name), column.name)
    return go.Scatter(x=starts, y=_numbers(column), name=name, mode="lines+markers", marker=marker, line={"color": color})


def _numbers(column: pd.Series[float]) -> list[float | None]:
    return [None if pd.isna(value) else float(value) for value in column]


def mark_onset(figure: go.Figure, finding: Finding, told: str) -> None:
    """Draw a finding's onset as a line, its interval as a band, with `told` and the day above it: the legend goes to `ABOVE`."""
    onset = str(finding.onset)
    earliest, latest = finding.onset_interval or (onset, onset)
    if earliest != latest:
        figure.add_vrect(x0=earliest, x1=latest, fillcolor=ORANGE, opacity=0.15, line_width=0)
    figure.add_vline(x=onset, line={"color": ORANGE, "width": 2, "dash": "dash"})
    place = {"x": onset, "y": 1.0, "yref": "y domain", "xanchor": "center", "yanchor": "bottom"}
    figure.add_annotation(text=f"{told} {onset[:10]}", showarrow=False, font={"color": INK, "size": 14}, **place)
