"""How far people can be told apart: the share that can, as one column after another is known of them."""

from __future__ import annotations

import plotly.graph_objects as go

from workbench.result import Result
from workbench.views.theme import PALETTE, SYMBOLS, styled

LINES = {"unique": "alone in their class", "below_k": "in a class of fewer than {k}"}


def privacy_figure(result: Result) -> go.Figure:
    """The share of rows that are alone, or among few, with the columns known so far; columns that tell most apart come first.

    Parameters
    ----------
    result
        Of `workbench.analysis.privacy.measure_privacy`.
    """
    steps = result.tables["columns"]
    names = [str(column) if not place else f"+ {column}" for place, column in enumerate(steps["column"])]
    figure = go.Figure()
    for place, (column, told) in enumerate(LINES.items()):
        marker = {"symbol": SYMBOLS[place], "size": 9, "color": PALETTE[place]}
        line = {"color": PALETTE[place]}
        name = told.format(k=result.numbers["k"])
        figure.add_trace(go.Scatter(x=names, y=steps[column], name=name, mode="lines+markers", marker=marker, line=line))
    figure.update_xaxes(title="known of a person", type="category")
    figure.update_yaxes(title=f"share of {int(str(result.numbers['rows'])):,} rows", tickformat=".0%", rangemode="tozero")
    return styled(figure, title=result.title, height=420)


def privacy_sentence(result: Result) -> str:
    """What the classes of all columns together say, in a sentence or two."""
    numbers = result.numbers
    rows, k = int(str(numbers["rows"])), numbers["k"]
    alone, few = (round(float(str(numbers[name])) * rows) for name in ("unique", "below_k"))
    told = f"By {', '.join(result.tables['columns']['column'])}, {few:,} of {rows:,} rows are among fewer than {k}"
    return (
        f"{told}, and {alone:,} are alone: this log is {numbers['smallest']}-anonymous. In the population they may have doubles."
    )
