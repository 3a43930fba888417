"""Measures by group, side by side, with their intervals."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from workbench.analysis.measures import LABELS
from workbench.result import SMALL_CELL, Result
from workbench.views.render import blanked
from workbench.views.theme import PALETTE, SYMBOLS, styled

DRAWN = ("selection_rate", "fpr", "fnr")
MOST_GROUPS = 30
OF = {
    "fpr": "actual negatives", "tnr": "actual negatives", "fnr": "actual positives", "tpr": "actual positives",
    "ppv": "predicted positives", "npv": "predicted negatives",
}  # fmt: skip
"""Of which of a group's rows a measure is a share, where it is not of all."""


def groups_figure(result: Result, attributes: Sequence[str], measures: Sequence[str] = DRAWN) -> go.Figure:
    """One panel per measure, one row per group: the value as a point with its 95 % Wilson interval.

    Parameters
    ----------
    result
        Of `workbench.analysis.disparity.measure_disparity`.
    attributes
        Which attributes' groups to draw, from the top; of each, the largest groups first, `MOST_GROUPS` in all.
    """
    table = result.tables["groups"]
    present = [measure for measure in measures if measure in table] or ["base_rate"]
    parts = [table[table["attributes"] == attribute].sort_values("n", ascending=False) for attribute in attributes]
    numbers = [f"{measure}{end}" for measure in present for end in ("", "_low", "_high")]
    table = blanked(pd.concat(parts).head(MOST_GROUPS), numbers)[::-1]
    figure = make_subplots(rows=1, cols=len(present), shared_yaxes=True, horizontal_spacing=0.05,
                           subplot_titles=[LABELS[measure] for measure in present])  # fmt: skip
    for number, measure in enumerate(present):
        figure.add_trace(_points(table, measure, number), row=1, col=number + 1)
        figure.update_xaxes(title=f"share of the group's<br>{OF.get(measure, 'rows')}", row=1, col=number + 1)
    figure.update_xaxes(tickformat=".0%", rangemode="tozero")
    figure.update_yaxes(title="group", col=1)
    title = f"Rates by {', '.join(attributes)} (95 % intervals; groups of fewer than {SMALL_CELL} blanked)"
    return styled(figure, title=title, height=170 + 34 * len(table))


def _points(table: pd.DataFrame, measure: str, number: int) -> go.Scatter:
    value, low, high = (pd.to_numeric(table[f"{measure}{end}"]) for end in ("", "_low", "_high"))
    return go.Scatter(
        x=value,
        y=[f"{row.attributes}: {row.group}" for row in table.itertuples()],
        mode="markers",
        showlegend=False,
        marker={"size": 11, "color": PALETTE[number], "symbol": SYMBOLS[number]},
        error_x={"type": "data", "symmetric": False, "array": high - value, "arrayminus": value - low, "thickness": 2},
        hovertemplate="%{y}: %{x:.1%}<extra>" + LABELS[measure] + "</extra>",
    )
