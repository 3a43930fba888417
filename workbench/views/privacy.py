"""How far people can be told apart: by what is known of them, column by column, and by the answers of a model trained on them."""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from workbench.attacks.exposure import LEVEL
from workbench.result import Result
from workbench.views.render import BLANK, Table, estimate_text
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


def privacy_table(result: Result) -> Table:
    """Column by column, each known beside those above it: how many rows are alone, and how many among few."""
    rows, k = int(str(result.numbers["rows"])), result.numbers["k"]
    steps: Any = result.tables["columns"].itertuples()
    told = [
        {
            "known of a person, beside those above": step.column, "kinds of person": f"{step.classes:,}",
            f"alone, of {rows:,} rows": _part(step.unique, rows), f"among fewer than {k}": _part(step.below_k, rows),
            "chance to pick the right row": f"{100 * step.risk:.1f} %",
        }
        for step in steps
    ]  # fmt: skip
    return Table(pd.DataFrame(told), result.title)


def _part(share: float, rows: int) -> str:
    return f"{round(share * rows):,} ({100 * share:.1f} %)"


def exposure_table(result: Result) -> Table:
    """Part by part how well members can be told from others; parts of a few people are blank.

    Parameters
    ----------
    result
        Of `workbench.attacks.exposure.measure_exposure`.
    """
    parts = result.published().tables["slices"]
    rows = [
        {
            "rows where": row["where"], "members": _count(row["members"]), "others": _count(row["others"]),
            "told (0.5: by chance)": estimate_text(row["auc"], row["low"], row["high"]),
            "p (adjusted)": BLANK if pd.isna(row["p_adjusted"]) else f"{row['p_adjusted']:.2g}",
        }
        for row in parts.to_dict("records")
    ]  # fmt: skip
    return Table(pd.DataFrame(rows), "A member against another person: how often the model's answer tells which is which")


def exposure_sentence(result: Result) -> str:
    """Of whom it can be told that a model was trained on them."""
    parts = result.published().tables["slices"].set_index("where")
    exposed = [str(where) for where in parts.index[parts["p_adjusted"] < LEVEL]]
    asked = f"{result.numbers['rows']:,} rows, half of which a model was trained on"
    if not exposed:
        return f"Of {asked}, no part could be told by its answers."
    return f"Of {asked}, its answers tell those it was trained on among: {'; '.join(exposed)}."


def _count(number: float) -> str:
    return BLANK if pd.isna(number) else f"{number:,.0f}"
