"""System health beside accuracy: errors, what waits, time, memory and what stands downstream, one under the other on one axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from workbench.attacks.health import HEALTHY
from workbench.result import Result
from workbench.views.render import BLANK, Sentence, Table
from workbench.views.theme import INK, PALETTE, SYMBOLS, styled

PANELS: Final[Mapping[str, tuple[str, float]]] = {
    "accuracy": ("share decided rightly", 1.0), "error_rate": ("share that failed (bars: 95 % interval)", 1.0),
    "waiting": ("requests that wait, on the average", 1.0), "seconds": ("milliseconds a request takes", 1e3),
    "memory": ("megabytes this process holds", 1.0),
}  # fmt: skip
SHARES: Final = ("accuracy", "error_rate")
MOST_PARTS: Final = len(SYMBOLS)
NOTHING: Final = Sentence("Nothing was measured of the system's health on ten requests or more.")


def health_figure(result: Result, parts: Sequence[str] | None = None) -> go.Figure | Sentence:
    """Small multiples that share the axis of the run; a sentence where nothing was measured.

    Parameters
    ----------
    result
        Of a scenario or a replay.
    parts
        The damaged columns or the targets to show, `MOST_PARTS` at most; None: the worst column of a scenario, else the first.
    """
    table = _shown(result, parts)
    if table.empty:
        return NOTHING
    panels = [name for name in PANELS if table[name].notna().any()]
    titles = [PANELS[name][0] for name in panels] + ["what stands downstream"]
    heights = [1.0] * len(panels) + [0.4 + 0.15 * table["downstream"].nunique()]
    figure = make_subplots(
        rows=len(titles),
        cols=1,
        shared_xaxes=True,
        subplot_titles=titles,
        vertical_spacing=0.3 / len(titles),
        row_heights=heights,
    )
    named = len(set(table["part"])) > 1
    for series, (part, points) in enumerate(table.groupby("part", sort=False)):
        look = {"color": PALETTE[series], "symbol": SYMBOLS[series], "size": 9}
        for row, name in enumerate(panels, start=1):
            figure.add_trace(_line(name, points, look, str(part) if named else "", legend=row == 1), row=row, col=1)
        figure.add_scatter(
            x=points["at"].tolist(), y=points["downstream"].tolist(), mode="markers", marker=look, showlegend=False,
            hovertemplate=f"%{{x}}: %{{y}}<extra>{part}</extra>", row=len(titles), col=1,
        )  # fmt: skip
    for row, name in enumerate(panels, start=1):
        figure.update_yaxes(rangemode="tozero", tickformat=".0%" if name in SHARES else "~g", row=row, col=1, nticks=4)
    figure.update_yaxes(type="category", row=len(titles), col=1)
    figure.update_xaxes(title=str(table["axis"].iloc[0]), row=len(titles), col=1)
    styled(figure, title=f"System health beside accuracy<br><sup>{result.title}</sup>", height=190 + 118 * len(titles))
    figure.update_annotations(font={"size": 13, "color": INK}, x=0, xanchor="left")
    return figure.update_layout(margin={"t": 110})


def health_rows(result: Result, parts: Sequence[str] | None = None) -> Table | Sentence:
    """The same as a table: a row per point of the axis."""
    table = _shown(result, parts)
    if table.empty:
        return NOTHING
    axis = str(table["axis"].iloc[0])
    named = len(set(table["part"])) > 1
    rows = [
        {
            **({"of": row["part"]} if named else {}), axis: f"{row['at']:g}", "requests": f"{row['requests']:.0f}",
            "decided rightly": _share(row["accuracy"]), "failed": _interval(row), "wait": _number(row["waiting"], ".3g"),
            "ms a request": _number(row["seconds"], ".3g", 1e3), "memory, MB": _number(row["memory"], ".0f"),
            "downstream": row["downstream"],
        }
        for row in table.to_dict("records")
    ]  # fmt: skip
    return Table(
        pd.DataFrame(rows), "Failed: with 95 % interval. Memory is that of this process; of a server elsewhere nothing is known"
    )


def health_sentence(result: Result) -> Sentence:
    """What the run says of both: whether it fell ill, and whether accuracy showed it."""
    table = _shown(result, None)
    if table.empty:
        return NOTHING
    first = str(table["part"].iloc[0])
    part = table[table["part"] == first]
    ill = part[part["downstream"] != HEALTHY]
    at, worst = max(zip(part["at"], part["error_rate"], strict=True), key=lambda point: float(point[1]))
    failed = f"At {at:g} {part['axis'].iloc[0]} {worst:.1%} of requests failed" if worst > 0 else "No request failed"
    known = part["accuracy"].dropna()
    right = "" if known.empty else f"; {known.iloc[0]:.0%} were decided rightly at first, {known.min():.0%} at the worst"
    down = f"; downstream: {', '.join(dict.fromkeys(ill['downstream']))}" if len(ill) else ""
    return Sentence(f"{failed}{right}{down}.")


def most_ill(results: Sequence[Result]) -> Result | None:
    """The run in which most requests failed at any point, else in which accuracy fell most; None: health was measured in none."""

    def illness(result: Result) -> tuple[float, float]:
        table = _shown(result, None)
        known = table["accuracy"].dropna()
        return float(table["error_rate"].max()), float(known.iloc[0] - known.min()) if len(known) else 0.0

    measured = [result for result in results if not _shown(result, None).empty]
    return max(measured, key=illness, default=None)


def _line(name: str, points: pd.DataFrame, look: Mapping[str, Any], part: str, *, legend: bool) -> go.Scatter:
    factor = PANELS[name][1]
    bars = None
    if name == "error_rate":
        bars = {
            "type": "data", "symmetric": False, "thickness": 1.2, "array": (points["high"] - points[name]).tolist(),
            "arrayminus": (points[name] - points["low"]).tolist(),
        }  # fmt: skip
    return go.Scatter(
        x=points["at"].tolist(), y=[None if pd.isna(value) else factor * value for value in points[name]], mode="lines+markers",
        marker=look, line={"color": look["color"], "width": 2}, name=part, legendgroup=part, showlegend=legend and bool(part),
        error_y=bars, cliponaxis=False, hovertemplate=f"%{{x}}: %{{y}}<extra>{part or PANELS[name][0]}</extra>",
    )  # fmt: skip


def _shown(result: Result, parts: Sequence[str] | None) -> pd.DataFrame:
    """The points that others may see, of the parts asked for, with numbers as numbers."""
    table = result.published().tables.get("health")
    if table is None or table.empty:
        return pd.DataFrame(columns=["part", "axis", "at", *PANELS, "low", "high", "requests", "downstream"])
    table = table[~table["suppressed"].astype(bool)]
    numbers = {name: pd.to_numeric(table[name], errors="coerce") for name in ("at", "requests", "low", "high", *PANELS)}
    table = table.assign(**numbers)
    worst = result.numbers.get("worst")
    wanted = list(parts) if parts is not None else [worst] if worst in set(table["part"]) else list(dict.fromkeys(table["part"]))
    return table[table["part"].isin(wanted[:MOST_PARTS])]


def _share(value: Any) -> str:
    return BLANK if pd.isna(value) else f"{value:.1%}"


def _interval(row: Mapping[Any, Any]) -> str:
    return BLANK if pd.isna(row["error_rate"]) else f"{row['error_rate']:.1%} ({row['low']:.1%} to {row['high']:.1%})"


def _number(value: Any, form: str, factor: float = 1.0) -> str:
    return BLANK if pd.isna(value) else f"{factor * value:{form}}"
