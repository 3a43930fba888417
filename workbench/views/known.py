"""When each finding could have been known: a line per finding, from its onset to the first look that found it."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from workbench.result import Result
from workbench.views.render import blanked
from workbench.views.theme import BLUE, GREY, ORANGE, styled

MOST = 12
"""Findings drawn; the table has them all."""
WIDTH = 46
ROW = 44


def known_sentence(result: Result) -> str:
    """What the first finding's row says, in one sentence."""
    table = result.tables["known"]
    if table.empty:
        return "Nothing was found, so there is nothing that could have been known earlier."
    first = blanked(table, ["rows", "people"]).iloc[0]
    if first["known"] is None or pd.isna(first["known"]):
        return f"Finding 1 ({first['statement']}) could not have been known before the end of this log."
    since = "an undisclosed, small number of" if pd.isna(first["rows"]) else f"{int(first['rows']):,}"
    whom = "" if pd.isna(first["people"]) else f" on {int(first['people']):,} people"
    return (
        f"Finding 1 ({first['statement']}) could have been known on {_moment(first['known'])};"
        f" {since} of its decisions{whom} were made from then to the end of this log."
    )


def known_text(row: Mapping[Any, Any]) -> str:
    """One finding's row in a line: when it began, the looks between which it came to be known, and what was decided after."""
    parts = ["" if _missing(row["onset"]) else f"began {_moment(row['onset'])}"]
    if _missing(row["known"]):
        return " · ".join(filter(None, [*parts, "not to be known before the end of this log"]))
    not_yet = "" if _missing(row["unknown"]) else f" (not yet {_moment(row['unknown'])})"
    parts.append(f"could have been known {_moment(row['known'])}{not_yet}")
    if not _missing(row["rows"]):
        whom = "" if _missing(row["people"]) else f" on {int(row['people']):,} people"
        parts.append(f"{int(row['rows']):,} of its decisions{whom} came after")
    return " · ".join(filter(None, parts))


def known_figure(result: Result) -> go.Figure:
    """Per finding: its onset, the last look that did not find it, and the first that did.

    Parameters
    ----------
    result
        Of `workbench.triage.known.when_known`.
    """
    table = result.tables["known"].head(MOST)
    names = [_label(f"{row.rank}. {row.statement}") for row in table.itertuples()]
    figure = go.Figure()
    for name, row in zip(names, table.to_dict("records"), strict=True):
        ends = [pd.Timestamp(row[end]) for end in ("unknown", "known") if not _missing(row[end])]
        if ends:
            figure.add_trace(go.Scatter(x=ends, y=[name] * len(ends), mode="lines", line={"color": GREY, "width": 6},
                                        showlegend=False, hoverinfo="skip"))  # fmt: skip
    figure.add_trace(_marks(table, names, "onset", "began", {"symbol": "diamond", "size": 12, "color": ORANGE}))
    figure.add_trace(_marks(table, names, "known", "could have been known", {"symbol": "circle", "size": 12, "color": BLUE}))
    figure.update_xaxes(title="day, UTC; the grey line reaches back to the last look that did not find it")
    figure.update_yaxes(autorange="reversed", categoryorder="array", categoryarray=names)
    return styled(figure, title=str(result.title), height=180 + ROW * max(1, len(names)))


def _marks(table: pd.DataFrame, names: list[str], column: str, told: str, marker: dict[str, Any]) -> go.Scatter:
    found = [(pd.Timestamp(value), name) for value, name in zip(table[column], names, strict=True) if not _missing(value)]
    return go.Scatter(x=[at for at, _ in found], y=[name for _, name in found], mode="markers", name=told, marker=marker)


def _label(text: str) -> str:
    return "<br>".join(textwrap.wrap(textwrap.shorten(text, 2 * WIDTH - 10, placeholder=" …"), WIDTH))


def _missing(value: Any) -> bool:
    return value is None or bool(pd.isna(value))


def _moment(text: str) -> str:
    return f"{pd.Timestamp(text):%Y-%m-%d %H:%M} UTC"
