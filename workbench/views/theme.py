"""Colours and type of every figure: the Okabe-Ito palette, told apart with any colour vision, on white, large enough at 02:10."""

from __future__ import annotations

from typing import Final

import plotly.graph_objects as go

BLUE: Final = "#0072B2"
ORANGE: Final = "#D55E00"
GREEN: Final = "#009E73"
PURPLE: Final = "#CC79A7"
SKY: Final = "#56B4E9"
YELLOW: Final = "#E69F00"
GREY: Final = "#595959"
PALETTE: Final = (BLUE, ORANGE, GREEN, PURPLE, SKY, YELLOW)
SYMBOLS: Final = ("circle", "diamond", "square", "triangle-up", "x", "cross")
"""A series differs by its symbol too, never by colour alone."""

SEVERITY_COLORS: Final = {"critical": "#A50026", "high": ORANGE, "medium": YELLOW, "low": GREY}
GRID: Final = "#D9D9D9"


def styled(figure: go.Figure, *, title: str, height: int) -> go.Figure:
    """`figure` in the workbench's type, with its title and height in pixels."""
    figure.update_layout(
        title={"text": title, "x": 0, "xanchor": "left", "font": {"size": 17}},
        template="none",
        height=height,
        font={"size": 14, "family": "Inter, Segoe UI, Helvetica, Arial, sans-serif", "color": "#1A1A1A"},
        margin={"l": 20, "r": 20, "t": 90, "b": 60},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        colorway=list(PALETTE),
        paper_bgcolor="white",
        plot_bgcolor="white",
        hovermode="closest",
    )
    figure.update_xaxes(gridcolor=GRID, automargin=True, linecolor=GREY, showline=True, zeroline=False)
    figure.update_yaxes(gridcolor=GRID, automargin=True, zeroline=False)
    return figure
