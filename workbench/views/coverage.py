"""What scenarios cover: techniques of an attacker, or controls of a law, by scenario, with empty cells and gaps shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import pandas as pd
import plotly.graph_objects as go

from workbench.attacks.scenarios.controls import ABOUT
from workbench.views.render import BLANK, Sentence, Table
from workbench.views.theme import BLUE, GREY, GRID, INK, ORANGE, styled

TECHNIQUE: Final = ("technique", "meaning", "scenarios")
"""Columns of `workbench.attacks.scenarios.catalogue.coverage` before those of the scenarios."""
COUNT: Final = "scenarios"
GAP: Final = "gap"
ELSEWHERE: Final = "otherwise"
LONGEST: Final = 52


def technique_figure(matrix: pd.DataFrame) -> go.Figure:
    """ATLAS technique × scenario, of `workbench.attacks.scenarios.catalogue.coverage`."""
    labels = [f"{row['technique']}  {row['meaning']}" for row in matrix.to_dict("records")]
    return _figure(matrix, labels, TECHNIQUE, [False] * len(matrix), "Which scenario tries which ATLAS technique")


def controls_figure(matrix: pd.DataFrame, framework: str) -> go.Figure:
    """Control × scenario of one framework, of `workbench.attacks.scenarios.controls.control_matrix`."""
    part = matrix[matrix["framework"] == framework].reset_index(drop=True)
    labels = [f"{row['control']}  {row['about']}" for row in part.to_dict("records")]
    shown = part["otherwise"].notna().tolist()
    return _figure(
        part,
        labels,
        ABOUT,
        shown,
        f"Which scenario speaks to which control: {framework}<br><sup>a reading, not legal advice</sup>",
    )


def controls_table(matrix: pd.DataFrame) -> Table:
    """Every control with the scenarios that speak to it, or what else shows it; a gap says so."""
    names = [name for name in matrix.columns if name not in ABOUT]
    rows = [
        {
            "framework": row["framework"], "control": row["control"], "what": row["about"], "scenarios": row[COUNT] or GAP,
            "which": ", ".join(name for name in names if row[name]) or (BLANK if pd.isna(row["otherwise"]) else row["otherwise"]),
        }
        for row in matrix.to_dict("records")
    ]  # fmt: skip
    return Table(pd.DataFrame(rows), "A reading, not legal advice; a scenario that holds does not by itself satisfy a control")


def gaps_sentence(matrix: pd.DataFrame) -> Sentence:
    """How many rows of a matrix no scenario speaks to, and which of them nothing else shows either."""
    empty = matrix[matrix[COUNT] == 0]
    name = "control" if "control" in matrix else "technique"
    open_ones = empty[empty["otherwise"].isna()] if "otherwise" in empty else empty
    covered = f"{len(matrix) - len(empty)} of {len(matrix)} {name}s are tried by a scenario"
    if open_ones.empty:
        return Sentence(f"{covered}; no gap is left.")
    if "framework" not in open_ones:
        return Sentence(f"{covered}; gaps: {', '.join(open_ones[name])}.")
    parts = [f"{framework}: {'; '.join(part[name])}" for framework, part in open_ones.groupby("framework", sort=False)]
    return Sentence(f"{covered}. Gaps in {'. '.join(parts)}.")


def _figure(
    matrix: pd.DataFrame, labels: Sequence[str], about: Sequence[str], elsewhere: Sequence[bool], title: str
) -> go.Figure:  # fmt: skip
    """Squares where a scenario speaks to a row, dots where it does not, and the count of each row beside its name."""
    names = [str(name) for name in matrix.columns if name not in about]
    rows = [label if len(label) <= LONGEST else label[: LONGEST - 1] + "…" for label in labels]
    cells = [(row, name, bool(value)) for row, line in zip(rows, matrix[names].to_numpy(), strict=True)
             for name, value in zip(names, line, strict=True)]  # fmt: skip
    figure = go.Figure()
    _marks(figure, "speaks to it", [cell for cell in cells if cell[2]], {"symbol": "square", "size": 13, "color": BLUE})
    _marks(figure, "does not", [cell for cell in cells if not cell[2]], {"symbol": "circle", "size": 4, "color": GRID})
    for row, count, other in zip(rows, matrix[COUNT].tolist(), elsewhere, strict=True):
        text, color = (str(count), INK) if count else (ELSEWHERE, GREY) if other else (f"✕ {GAP}", ORANGE)
        figure.add_scatter(
            x=[COUNT],
            y=[row],
            mode="text",
            text=[text],
            textfont={"color": color, "size": 13},
            showlegend=False,
            hoverinfo="skip",
        )
    figure.update_xaxes(type="category", categoryorder="array", categoryarray=[COUNT, *names], tickangle=-60, side="bottom")
    figure.update_yaxes(type="category", categoryorder="array", categoryarray=rows[::-1], tickfont={"size": 12})
    return styled(figure, title=title, height=330 + 24 * len(rows))


def _marks(figure: go.Figure, name: str, cells: Sequence[tuple[str, str, bool]], marker: dict[str, Any]) -> None:
    figure.add_scatter(
        x=[cell[1] for cell in cells], y=[cell[0] for cell in cells], mode="markers", marker=marker, name=name,
        hovertemplate="%{x}<br>%{y}<extra>" + name + "</extra>",
    )  # fmt: skip
