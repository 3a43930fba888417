"""Colours and type of every figure and every widget: told apart with any colour vision, light and dark, legible at 02:10.

A figure is evidence, so it is stored once, on white, whoever looks: its bytes must not depend on somebody's screen. A host that
is dark recolours what is drawn, in the browser, with `dark_figures`: a style sheet that turns each colour of `TOKENS` into its
dark counterpart. A figure may therefore use the colours of this file only; any other stays as it is on a dark ground. Where no
host does that, the figure stays a white card and legible. Widgets take the same pairs as custom properties (`properties`).
"""

from __future__ import annotations

from typing import Final

import plotly.graph_objects as go

INK: Final = "#1A1A1A"
WHITE: Final = "#FFFFFF"
BLUE: Final = "#0072B2"
ORANGE: Final = "#D55E00"
GREEN: Final = "#009E73"
PURPLE: Final = "#CC79A7"
SKY: Final = "#56B4E9"
YELLOW: Final = "#E69F00"
AMBER: Final = "#B27A00"
CRIMSON: Final = "#A50026"
GREY: Final = "#595959"
GRID: Final = "#D9D9D9"
CHOSEN: Final = "#D6E9F5"
"""The ground of what is selected."""

PALETTE: Final = (BLUE, ORANGE, GREEN, PURPLE, SKY, YELLOW)
"""Of Okabe and Ito (2008): six series that differ with any colour vision."""
SYMBOLS: Final = ("circle", "diamond", "square", "triangle-up", "x", "cross")
"""A series differs by its symbol too, never by colour alone."""
SEVERITY_COLORS: Final = {"critical": CRIMSON, "high": ORANGE, "medium": AMBER, "low": GREY}

DARK: Final = {
    INK: "#EDEDED", WHITE: "#161616", BLUE: "#5CB0E6", ORANGE: "#FF9F5A", GREEN: "#3CC79C", PURPLE: "#E3A0C6", SKY: "#8FD0F5",
    YELLOW: "#F0C048", AMBER: "#E0B040", CRIMSON: "#FF8F8F", GREY: "#B5B5B5", GRID: "#444444", CHOSEN: "#173A50",
}  # fmt: skip
"""Each colour on white → the same on a dark ground."""
TOKENS: Final = {
    "ink": INK, "soft": GREY, "ground": WHITE, "line": GRID, "chosen": CHOSEN, "focus": BLUE, "bad": CRIMSON, **SEVERITY_COLORS,
    **{f"series-{number}": color for number, color in enumerate(PALETTE, start=1)},
}  # fmt: skip
"""Custom property of a widget → its colour on white."""

FONT: Final = 'Inter, "Segoe UI", Helvetica, Arial, sans-serif'
LAB_IS_DARK: Final = 'body[data-jp-theme-light="false"] '
"""What stands before a selector that holds in JupyterLab's dark themes only."""


def styled(figure: go.Figure, *, title: str, height: int) -> go.Figure:
    """`figure` in the workbench's type, with its title and height in pixels; every axis has to say of what it is a share."""
    figure.update_layout(
        title={
            "text": title,
            "x": 0,
            "xanchor": "left",
            "y": 1,
            "yref": "container",
            "yanchor": "top",
            "pad": {"t": 26},
            "font": {"size": 17},
        },
        template="none",
        height=height,
        font={"size": 14, "family": FONT.replace('"', ""), "color": INK},
        margin={"l": 20, "r": 20, "t": 90, "b": 60},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        colorway=list(PALETTE),
        paper_bgcolor=WHITE,
        plot_bgcolor=WHITE,
        hovermode="closest",
        hoverlabel={"bgcolor": WHITE, "bordercolor": GREY, "font": {"color": INK, "size": 14}},
        modebar={"bgcolor": "rgba(0,0,0,0)", "color": GREY, "activecolor": BLUE},
    )
    axis = {"gridcolor": GRID, "automargin": True, "zeroline": False, "title": {"standoff": 14, "font": {"size": 14}}}
    figure.update_xaxes(axis, linecolor=GREY, showline=True)
    figure.update_yaxes(axis)
    return figure


def properties(*, dark: bool) -> str:
    """`TOKENS` as the declarations of a style sheet's rule: ``--ink:#1A1A1A;…``."""
    return "".join(f"--{name}:{DARK[color] if dark else color};" for name, color in TOKENS.items())


def dark_figures(scope: str = "") -> str:
    """The style sheet that recolours the figures on a dark page.

    Parameters
    ----------
    scope
        What stands before each selector, such as `LAB_IS_DARK`.
    """
    rules = [f"{scope}.js-plotly-plot .modebar-btn path{{fill:{DARK[GREY]} !important}}"]
    for color, dark in DARK.items():
        written = "rgb({}, {}, {})".format(*bytes.fromhex(color[1:]))
        rules += [
            f'{scope}.js-plotly-plot [style*="{drawn}: {written}"]{{{drawn}:{dark} !important}}'
            for drawn in ("fill", "stroke", "background")
        ]
    return "\n".join(rules)
