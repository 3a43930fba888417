"""The history of a finding: its own number over time on its rows beside the others, the onset marked, and before beside since."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pandas as pd
import plotly.graph_objects as go

from workbench.digest import Plain, to_plain
from workbench.result import SMALL_CELL, Finding, Result
from workbench.views.amounts import PLAIN
from workbench.views.render import BLANK, Table
from workbench.views.theme import BLUE, GREY, styled
from workbench.views.timeline import ABOVE, mark_onset, period_title

SIDES: Final = ((BLUE, "circle", "solid"), (GREY, "diamond", "dot"))
LONGEST_SIDE: Final = 70
Form = dict[str, Plain]


def history_form(result: Result | None, finding: Finding) -> Form | None:
    """What is drawn and read of one finding's history; None where nothing was measured of it.

    Parameters
    ----------
    result
        Of `workbench.analysis.history.measure_histories`, as others may see it.

    Returns
    -------
    dict or None
        ``statistic``, ``of`` (what is counted among what), ``share`` (values are shares of 1), ``period``; ``starts``, and
        ``sides``, each a ``name`` and its ``values`` at the starts (None: not shown); ``levels``, rows of four texts: rows of the
        log, span, value with its interval, how many rows; ``onset`` and ``earliest``, ``latest``.
    """
    if result is None or finding.rank is None:
        return None
    known = result.tables["statistics"]
    chosen = known[known["finding"] == finding.rank]
    if chosen.empty:
        return None
    row: dict[Any, Any] = chosen.iloc[0].to_dict()
    share = bool(row["share"])
    starts, sides = _courses(_of(result.tables["periods"], finding))
    earliest, latest = finding.onset_interval or (finding.onset, finding.onset)
    return {
        "statistic": PLAIN.get(row["statistic"], str(row["statistic"])),
        "of": _counted(row["counted"], row["among"], share=share),
        "share": share, "period": None if pd.isna(row["period"]) else str(row["period"]), "starts": to_plain(starts),
        "sides": to_plain(sides), "levels": to_plain(_levels(_of(result.tables["levels"], finding), share=share)),
        "onset": finding.onset, "earliest": earliest, "latest": latest,
    }  # fmt: skip


def _counted(counted: str, among: str, *, share: bool) -> str:
    """What is counted or averaged, and in which rows."""
    if share:
        return f"{counted} among {among}"
    return counted if counted == among else f"the {counted} of {among}"


def _of(table: pd.DataFrame, finding: Finding) -> pd.DataFrame:
    return table[table["finding"] == finding.rank] if len(table) else table


def _courses(table: pd.DataFrame) -> tuple[list[str], list[dict[str, Any]]]:
    """The starts, and each side's values at them."""
    if table.empty:
        return [], []
    starts = pd.to_datetime(table["start"])
    moments: list[Any] = sorted(starts.unique())
    sides = []
    for name, part in table.assign(start=starts).groupby("side", sort=False):
        values: dict[Any, Any] = part.set_index("start")["value"].to_dict()
        sides.append({"name": str(name), "values": [_number(values.get(moment)) for moment in moments]})
    return [str(pd.Timestamp(moment).isoformat()) for moment in moments], sides


def _number(value: Any) -> float | None:
    return None if value is None or pd.isna(value) else float(value)


def _levels(table: pd.DataFrame, *, share: bool) -> list[list[str]]:
    return [
        [str(row.side), str(row.span), _value_text(row.value, row.low, row.high, share=share), _rows_text(row.rows)]
        for row in table.itertuples()
    ]


def _value_text(value: object, low: object, high: object, *, share: bool) -> str:
    told, ends = _number(value), (_number(low), _number(high))
    if told is None:
        return BLANK
    show = "{:.1%}".format if share else "{:,.4g}".format
    text = show(told).replace("%", " %")
    known = [show(end).replace("%", " %") for end in ends if end is not None]
    return f"{text} [{known[0]}, {known[1]}]" if len(known) == len(ends) else text


def _rows_text(rows: object) -> str:
    count = _number(rows)
    return f"fewer than {SMALL_CELL}, or hidden beside them" if count is None else f"{count:,.0f}"


def levels_table(form: Mapping[str, Any]) -> Table:
    """Before beside since, on the finding's rows and on the others, every share with its rows."""
    columns = ["rows of the log", "when", f"{form['statistic']} [95 % interval]", "of about how many rows"]
    return Table(pd.DataFrame(form["levels"], columns=columns), f"Counted: {form['of']}")


def history_figure(form: Mapping[str, Any], finding: Finding) -> go.Figure:
    """The finding's own number over time, on its rows and on the others, with its onset as a line and its interval as a band."""
    figure = go.Figure()
    for side, (color, symbol, dash) in zip(form["sides"], SIDES, strict=False):
        figure.add_trace(go.Scatter(
            x=form["starts"], y=side["values"], name=shortened(side["name"]), mode="lines+markers",
            marker={"symbol": symbol, "size": 7, "color": color}, line={"color": color, "dash": dash, "width": 2},
        ))  # fmt: skip
    if finding.onset is not None:
        mark_onset(figure, finding, "began")
    figure.update_xaxes(title=period_title(form["period"]))
    figure.update_yaxes(title=f"{form['statistic']}<br>of each {form['period']}", tickformat=".0%" if form["share"] else None,
                        rangemode="tozero" if form["share"] or form["statistic"] == "rows" else "normal")  # fmt: skip
    title = f"#{finding.rank}: {form['statistic']} over time<br><sup>counted: {form['of']}</sup>"
    return styled(figure, title=title, height=440).update_layout(margin={"t": 130}, legend={"y": ABOVE})


def shortened(text: str, longest: int = LONGEST_SIDE) -> str:
    """`text`, cut where it is longer."""
    return text if len(text) <= longest else text[: longest - 1] + "…"
