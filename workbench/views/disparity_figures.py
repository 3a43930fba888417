"""Figures about one disparity: the gap over time, the parts it is made of, the ratio at every threshold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from workbench.analysis.measures import LABELS, SHARES
from workbench.result import SMALL_CELL, Result
from workbench.views.disparity_tabs import WIDEST_RATIO, why_blocks
from workbench.views.render import Sentence
from workbench.views.theme import BLUE, INK, ORANGE, PALETTE, SYMBOLS, styled
from workbench.views.timeline import period_title

Results = Mapping[str, Result]
Skipped = Mapping[str, str]


def gap_figure(results: Results, skipped: Skipped) -> go.Figure | Sentence:
    """The gap of each measure by period with its 95 % band, the changes as spans of when they came, deploys as lines."""
    if "over_time" not in results:
        return Sentence(f"Not followed over time: {skipped.get('over_time', 'not asked')}")
    result = results["over_time"].published()
    timeline, changes, events = (result.tables[name] for name in ("timeline", "changes", "events"))
    measures = timeline["measure"].unique().tolist()
    figure = make_subplots(rows=len(measures), cols=1, shared_xaxes=True, vertical_spacing=0.06)
    for row, measure in enumerate(measures, start=1):
        _draw_gap(figure, timeline[timeline["measure"] == measure], row)
        for change in changes[(changes["measure"] == measure) & (changes["scale"] == "difference")].to_dict("records"):
            ends = {"x0": str(change["earliest"]), "x1": str(change["latest"])}
            figure.add_vrect(**ends, fillcolor=ORANGE, opacity=0.3, line_width=0, row=row, col=1)
        for event in events.to_dict("records"):
            figure.add_vline(x=str(event["time"]), line={"color": INK, "width": 1, "dash": "dash"}, row=row, col=1)
        figure.update_yaxes(
            title=f"{LABELS[measure]}:<br>difference of shares<br>of {SHARES[measure][1]}", tickformat=".0%", row=row, col=1
        )
    figure.update_xaxes(title=period_title(result.numbers["period"]), row=len(measures), col=1)
    title = f"{result.title} (bands: 95 %; periods of fewer than {SMALL_CELL} left out)"
    return styled(figure, title=title, height=130 + 190 * len(measures))


def _draw_gap(figure: go.Figure, part: pd.DataFrame, row: int) -> None:
    at = (row - 1) % len(PALETTE)
    starts = pd.to_datetime(part["start"])
    value, low, high = (pd.to_numeric(part[f"difference{end}"]) for end in ("", "_low", "_high"))
    error = {"type": "data", "symmetric": False, "array": high - value, "arrayminus": value - low, "thickness": 1.5}
    marker = {"size": 8, "color": PALETTE[at], "symbol": SYMBOLS[at]}
    trace = go.Scatter(
        x=starts, y=value, error_y=error, mode="lines+markers", marker=marker, line={"color": PALETTE[at]}, showlegend=False,
        hovertemplate="%{x|%Y-%m-%d}: %{y:.1%}<extra></extra>",
    )  # fmt: skip
    figure.add_trace(trace, row=row, col=1)
    figure.add_hline(y=0, line={"color": INK, "width": 1}, row=row, col=1)


def parts_figure(results: Results, skipped: Skipped) -> go.Figure | Sentence:
    """What the difference is made of: composition and rate, each with its 95 % interval."""
    blocks = why_blocks({name: result.published() for name, result in results.items() if name == "decomposition"})
    if not blocks:
        return Sentence(f"Not decomposed: {skipped.get('decomposition', 'not asked')}")
    bars: Any = blocks[0]["bars"][::-1]  # type: ignore[index]
    values = [bar["at"] for bar in bars]
    ends = [
        (bar["low"] if bar["low"] is not None else bar["at"], bar["high"] if bar["high"] is not None else bar["at"])
        for bar in bars
    ]
    error = {"type": "data", "symmetric": False, "array": [high - at for (_, high), at in zip(ends, values, strict=True)],
             "arrayminus": [at - low for (low, _), at in zip(ends, values, strict=True)], "color": INK}  # fmt: skip
    trace = go.Bar(
        x=values, y=[f"{bar['label']}:<br>{bar['meaning']}" for bar in bars], orientation="h", error_x=error,
        marker={"color": BLUE}, text=[bar["text"] for bar in bars], hovertemplate="%{text}<extra></extra>", textposition="none",
    )  # fmt: skip
    figure = go.Figure(trace)
    figure.add_vline(x=0, line={"color": INK, "width": 1})
    figure.update_xaxes(title="adds to the difference, as a share of people; line: 95 % interval", tickformat=".0%")
    figure.update_yaxes(title="")
    return styled(figure, title=str(blocks[0]["title"]), height=180 + 70 * len(bars))


def curve_figure(results: Results, skipped: Skipped) -> go.Figure | Sentence:
    """The ratio of selection rates at every common threshold, with its band and the 0.8 line."""
    result = results.get("thresholds")
    if result is None or "curve" not in result.tables:
        return Sentence(f"No thresholds: {skipped.get('thresholds', 'no two groups to compare')}")
    curve = result.published().tables["curve"]
    x, value, low, high = (pd.to_numeric(curve[name]) for name in ("threshold", "ratio", "ratio_low", "ratio_high"))
    error = {"type": "data", "symmetric": False, "array": high - value, "arrayminus": value - low, "thickness": 1.5}
    trace = go.Scatter(
        x=x, y=value, error_y=error, mode="lines+markers", marker={"color": BLUE, "size": 8}, line={"color": BLUE},
        showlegend=False, hovertemplate="threshold %{x}: ratio %{y:.3f}<extra></extra>",
    )  # fmt: skip
    figure = go.Figure(trace)
    figure.add_hline(y=1, line={"color": INK, "width": 1})
    figure.add_hline(y=0.8, line={"color": INK, "width": 1, "dash": "dash"}, annotation={"text": "0.8", "font": {"color": INK}})
    arguments: Any = result.provenance["arguments"]
    figure.update_xaxes(title="threshold of the score, the same for all")
    figure.update_yaxes(
        title="ratio of selection rates<br>(1: no disparity)", range=[0, WIDEST_RATIO] if value.max() > WIDEST_RATIO else None
    )
    group = curve["group"].iloc[0]
    return styled(figure, title=f"{group} against {arguments['reference']} (bands: 95 %, pointwise)", height=400)
