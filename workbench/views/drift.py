"""What moved between two windows: every column with its distance and interval, and each column's values now beside before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pandas as pd
import plotly.graph_objects as go

from workbench.predicate import rounded
from workbench.result import SMALL_CELL, Finding, Result
from workbench.views.render import BLANK, Sentence, Table, blanked
from workbench.views.theme import BLUE, GREY, ORANGE, WHITE, styled
from workbench.vocabulary import CAUSES

NOT_COMPARED: Final = Sentence("No two windows were compared: give a reference, the rows that were still good.")
MOST_COLUMNS: Final = 20
MOST_CELLS: Final = 16
LONGEST: Final = 48
SHIFTS: Final = ("covariate shift", "prior shift", "concept drift", "calibration drift")
"""Causes of `workbench.vocabulary.CAUSES` that say which part of the world, or of the model, moved."""


def drift_figure(results: Mapping[str, Result]) -> go.Figure | Sentence:
    """The columns by how far they moved, each with its 95 % interval, and a mark for what chance alone would show.

    Parameters
    ----------
    results
        As others may see them; ``drift`` is of `workbench.analysis.drift.drift`.
    """
    result = results.get("drift")
    if result is None:
        return NOT_COMPARED
    table = result.tables["columns"].head(MOST_COLUMNS)[::-1]
    if table.empty:
        return Sentence("No column could be compared between the two windows.")
    value, low, high, chance = ([_number(cell) for cell in table[name]] for name in ("distance", "low", "high", "by_chance"))
    columns = table["column"].astype(str).tolist()
    figure = go.Figure()
    figure.add_trace(go.Scatter(
        x=value, y=columns, mode="markers", name="share of rows that moved, with its 95 % interval",
        marker={"color": BLUE, "size": 11, "symbol": "circle"},
        error_x={"type": "data", "symmetric": False, "thickness": 2, "array": _apart(high, value),
                 "arrayminus": _apart(value, low)},
    ))  # fmt: skip
    figure.add_trace(go.Scatter(x=chance, y=columns, mode="markers", name="chance alone",
                                marker={"color": GREY, "size": 10, "symbol": "x"}))  # fmt: skip
    now, before = (_count(result.numbers.get(name)) for name in ("rows", "rows_before"))
    figure.update_xaxes(title="share of the rows that would have to hold another value<br>for the windows to be alike",
                        tickformat=".0%", rangemode="tozero")  # fmt: skip
    figure.update_yaxes(title="column", ticks="outside", ticklen=8, tickcolor=WHITE)
    return styled(figure, title=f"Columns by how far they moved ({now} decisions against {before} before)",
                  height=190 + 30 * len(table))  # fmt: skip


def _apart(upper: Sequence[float | None], lower: Sequence[float | None]) -> list[float | None]:
    """How far two ends lie apart; None where one is not shown."""
    return [None if top is None or bottom is None else max(0.0, top - bottom)
            for top, bottom in zip(upper, lower, strict=True)]  # fmt: skip


def column_figure(result: Result, column: str) -> go.Figure | None:
    """The values of one column, now beside before; None where it was not compared, or nothing of it is shown."""
    cells = result.tables["cells"]
    if "column" not in cells or column not in set(cells["column"]):
        return None
    known = blanked(cells, ["share", "share_before", "rows", "rows_before"])
    shown = known[known["column"] == column]
    shown = shown[pd.to_numeric(shown["share"]).notna() | pd.to_numeric(shown["share_before"]).notna()]
    shown = shown[(pd.to_numeric(shown["share"]) > 0) | (pd.to_numeric(shown["share_before"]) > 0)]
    if shown.empty:
        return None
    moved = (pd.to_numeric(shown["share"]) - pd.to_numeric(shown["share_before"])).abs()
    shown = shown[moved.rank(method="first", ascending=False) <= MOST_CELLS][::-1]
    labels = [text if len(text) <= LONGEST else text[: LONGEST - 1] + "…" for text in map(rounded, shown["where"])]
    figure = go.Figure()
    for name, end, color, pattern in (("now", "", ORANGE, ""), ("before", "_before", GREY, "/")):
        figure.add_trace(go.Bar(
            x=[_number(cell) for cell in shown[f"share{end}"]], y=labels, name=name, orientation="h",
            marker={"color": color, "pattern": {"shape": pattern}}, customdata=[_count(cell) for cell in shown[f"rows{end}"]],
            hovertemplate="%{y}: %{x:.1%} (%{customdata} rows)<extra>" + name + "</extra>",
        ))  # fmt: skip
    now, before = (_count(result.numbers.get(name)) for name in ("rows", "rows_before"))
    figure.update_xaxes(title=f"share of the rows: of {now} now, of {before} before", tickformat=".0%", rangemode="tozero")
    figure.update_yaxes(title="value", ticks="outside", ticklen=6, tickcolor=WHITE)
    figure.update_layout(barmode="group", bargap=0.25)
    title = f"{column}: now beside before<br><sup>values of fewer than {SMALL_CELL} rows are left out</sup>"
    return styled(figure, title=title, height=210 + 40 * len(shown)).update_layout(margin={"t": 110})


def strongest_figure(results: Mapping[str, Result]) -> go.Figure | Sentence:
    """The column that moved most, of those of which anything may be shown."""
    result = results.get("drift")
    if result is None:
        return NOT_COMPARED
    columns = result.tables["columns"]["column"].astype(str).tolist()
    figure = next((made for name in columns if (made := column_figure(result, name)) is not None), None)
    return figure or Sentence("Nothing of the columns can be shown: their values are spread over too few rows.")


def moved_table(results: Mapping[str, Result]) -> Table | Sentence:
    """Every column: how far it moved and how sure, what chance alone shows, missing values now and before."""
    result = results.get("drift")
    if result is None:
        return NOT_COMPARED
    rows = [
        {
            "column": row["column"],
            "moved [95 % interval]": _share_text(row["distance"], row["low"], row["high"]),
            "chance alone": _share_text(row["by_chance"]),
            "missing now": _share_text(row["missing"]),
            "missing before": _share_text(row["missing_before"]),
            "p, all columns": BLANK if _number(row["p_holm"]) is None else f"{row['p_holm']:.2g}",
        }
        for row in result.tables["columns"].to_dict("records")
    ]
    now, before = (_count(result.numbers.get(name)) for name in ("rows", "rows_before"))
    return Table(pd.DataFrame(rows), f"Shares of {now} decisions now and {before} before")


def shift_sentence(findings: Sequence[Finding], results: Mapping[str, Result]) -> Sentence:
    """Which part moved, as far as the findings tell: the cases, how often the outcome comes, or what it means for alike cases."""
    told = [finding for finding in findings if finding.cause in SHIFTS]
    if told:
        causes = list(dict.fromkeys(str(finding.cause) for finding in told))
        return Sentence(f"What moved: {'; '.join(_shift_text(cause, told) for cause in causes)}.")
    if "drift" not in results:
        return NOT_COMPARED
    moved = _beyond_chance(results["drift"])
    named = ", ".join(moved) if moved else "No column"
    return Sentence(f"{named} moved further than chance alone explains; no finding tells whether alike cases turn out otherwise.")


def _shift_text(cause: str, told: Sequence[Finding]) -> str:
    """``concept drift, the same inputs lead to other outcomes (#4, which #1 explains)``."""
    own = [finding for finding in told if finding.cause == cause]
    ranks = [f"#{each.rank}{'' if each.explained_by is None else f', which #{each.explained_by} explains'}" for each in own]
    return f"{cause}, {CAUSES[cause].meaning} ({'; '.join(ranks)})"


def _beyond_chance(result: Result) -> list[str]:
    return [str(row["column"]) for row in result.tables["columns"].to_dict("records") if (_number(row["low"]) or 0.0) > 0]


def _share_text(value: object, low: object = None, high: object = None) -> str:
    told, ends = _number(value), [_number(low), _number(high)]
    if told is None:
        return BLANK
    text = f"{100 * told:.1f} %"
    return text if None in ends else f"{text} [{100 * (ends[0] or 0):.1f}, {100 * (ends[1] or 0):.1f}]"


def _number(value: Any) -> float | None:
    return None if value is None or pd.isna(value) else float(value)


def _count(value: object) -> str:
    number = _number(value)
    return f"fewer than {SMALL_CELL}" if number is None else f"{number:,.0f}"
