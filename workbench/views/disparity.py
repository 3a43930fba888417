"""Measures by group, side by side, with their intervals."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from workbench.analysis.measures import LABELS
from workbench.result import SMALL_CELL, Result
from workbench.views.render import Sentence, Table, blanked
from workbench.views.theme import PALETTE, SYMBOLS, styled

DRAWN = ("selection_rate", "fpr", "fnr")
MOST_GROUPS = 30
MOST_GAPS = 12
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
    figure.update_xaxes(tickformat=".0%", rangemode="tozero", nticks=4)  # the panels of a narrow page are narrow
    figure.update_yaxes(title="group", col=1)
    title = f"Rates by {', '.join(attributes)} (95 % intervals; groups of fewer than {SMALL_CELL} blanked)"
    return styled(figure, title=title, height=170 + 34 * len(table))


def gaps_table(result: Result) -> Table | Sentence:
    """The groups whose rates differ from their reference group's beyond chance, the widest gaps first, of how many rows each.

    Parameters
    ----------
    result
        Of `workbench.analysis.disparity.measure_disparity`; gaps of small groups are left out.
    """
    if result.tables["disparities"].empty:
        return Sentence("No gap can be shown: there is no second group, or the groups are too small.")
    table = blanked(result.tables["disparities"], ["difference", "value", "reference_value", "low", "high"])
    known = table[table["measure"].isin(DRAWN) & (table["evidence"] == "differs") & pd.to_numeric(table["difference"]).notna()]
    if known.empty:
        rates = " or ".join(LABELS[name] for name in DRAWN)
        return Sentence(f"No group's {rates} is shown to differ from its reference group's.")
    order = pd.to_numeric(known["difference"]).abs().sort_values(ascending=False, kind="stable").index
    rows = [
        {
            "what": f"{LABELS[row['measure']]} {row['value']:.1%} of {row['n']:,} where {row['group']} ({row['attributes']}),"
            f" {row['reference_value']:.1%} of {row['reference_n']:,} where {row['reference']}",
            "points apart [95 % interval]": f"{100 * row['difference']:+.1f} [{100 * row['low']:+.1f}, {100 * row['high']:+.1f}]",
        }
        for row in known.loc[order[:MOST_GAPS]].to_dict("records")
    ]
    some = f", the widest {len(rows)} of {len(known)}" if len(known) > len(rows) else ""
    return Table(pd.DataFrame(rows), f"Groups that differ beyond chance{some}")


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
