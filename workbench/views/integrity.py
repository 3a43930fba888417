"""Whether the data itself is sound: rows, rates, missing and repeated rows over time with their changes; defects by column."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from workbench.analysis import stats
from workbench.analysis.soundness import MISSING, REPEATED, ROWS
from workbench.result import SMALL_CELL, Result
from workbench.views.render import BLANK, Sentence, Table, blanked
from workbench.views.theme import GREY, INK, ORANGE, PALETTE, SYMBOLS, WHITE, styled
from workbench.views.timeline import RATES, WORDS, period_title

NOT_INSPECTED: Final = Sentence("The columns could not be inspected; see how the check went.")
NORMAL: Final = 1.959964
"""The 97.5 % quantile of the normal distribution."""
VOLUME: Final = "rows per day"
"""What the table ``changes`` calls the series that is drawn as `ROWS`."""
PANELS: Final = (
    ("rates", (RATES,), "share of the<br>{period}'s rows"),
    ("missing values", (MISSING,), "share of rows<br>without a value"),
    ("repeated rows", (REPEATED,), "share of rows that<br>equal an earlier one"),
    ("volume", (ROWS,), "rows per<br>{period}"),
)
"""Title of a panel, how the names of its series begin, and its axis."""


def soundness_figure(followed: Result | None, results: Mapping[str, Result]) -> go.Figure | Sentence:
    """Rates, missing values, repeated rows and volume over time, one below the other, every change dated where it is.

    Parameters
    ----------
    followed
        Of `workbench.analysis.soundness.soundness_over_time`, as others may see it; None: the log has no times.
    results
        Likewise; the changes of ``integrity``, of `workbench.analysis.integrity.integrity`, are marked.
    """
    if followed is None:
        return Sentence("The log has no column with the role time, so nothing can be followed or dated.")
    periods = blanked(followed.tables["periods"], ["rows", "value"])
    varying = periods[pd.to_numeric(periods["value"]).fillna(0) > 0]
    names = list(varying["series"].unique())
    panels = [(title, [name for name in names if name.startswith(begins)], axis) for title, begins, axis in PANELS]
    panels = [panel for panel in panels if panel[1]]
    if not panels:
        return styled(go.Figure(), title="No period has rows enough to be shown", height=200)
    figure = make_subplots(rows=len(panels), cols=1, shared_xaxes=True, vertical_spacing=0.06)
    period = str(followed.numbers["period"])
    for row, (_, series, axis) in enumerate(panels, start=1):
        for number, name in enumerate(series):
            figure.add_trace(_course(periods[periods["series"] == name], name, number + (3 if row > 1 else 0)), row=row, col=1)
        share = series != [ROWS]
        figure.update_yaxes(title=axis.format(period=period), tickformat=".0%" if share else None, rangemode="tozero",
                            row=row, col=1)  # fmt: skip
        _mark_changes(figure, _changes_of(results, series), row)
    figure.update_xaxes(title=period_title(period), row=len(panels), col=1)
    return styled(figure, title="Soundness over time, every change where it began", height=130 + 190 * len(panels))


def _course(table: pd.DataFrame, name: str, number: int) -> go.Scatter | go.Bar:
    starts = pd.to_datetime(table["start"]).dt.strftime("%Y-%m-%dT%H:%M:%S").tolist()
    values = [None if pd.isna(value) else float(value) for value in table["value"]]
    if name == ROWS:
        return go.Bar(x=starts, y=values, name="rows", marker={"color": GREY})
    color, symbol = PALETTE[number % len(PALETTE)], SYMBOLS[number % len(SYMBOLS)]
    return go.Scatter(x=starts, y=values, name=WORDS.get(name, name), mode="lines+markers", line={"color": color},
                      marker={"color": color, "symbol": symbol, "size": 7})  # fmt: skip


def _changes_of(results: Mapping[str, Result], series: list[str]) -> list[dict[Any, Any]]:
    table = _changes(results)
    if table.empty:
        return []
    drawn = {VOLUME if name == ROWS else name for name in series}
    return table[table["series"].isin(drawn)].to_dict("records")


def _changes(results: Mapping[str, Result]) -> pd.DataFrame:
    return results["integrity"].tables.get("changes", pd.DataFrame()) if "integrity" in results else pd.DataFrame()


def _mark_changes(figure: go.Figure, changes: list[dict[Any, Any]], row: int) -> None:
    """A line where each change began, a band for how sure that is, and its date."""
    for number, change in enumerate(changes):
        onset, earliest, latest = (pd.Timestamp(change[name]).isoformat() for name in ("onset", "earliest", "latest"))
        if earliest != latest:
            figure.add_vrect(x0=earliest, x1=latest, fillcolor=ORANGE, opacity=0.2, line_width=0, row=row, col=1)
        figure.add_vline(x=onset, line={"color": ORANGE, "width": 2, "dash": "dash"}, row=row, col=1)
        figure.add_annotation(text=onset[:10], x=onset, y=1 - 0.17 * (number % 4), yref="y domain", row=row, col=1,
                              xanchor="right", yanchor="top", xshift=-4, showarrow=False, bgcolor=WHITE,
                              font={"color": INK, "size": 13})  # fmt: skip


def changes_table(results: Mapping[str, Result]) -> Table | Sentence:
    """Every change of a series: since when, from what to what, and over how many rows either is measured."""
    table = _changes(results)
    if table.empty:
        return Sentence("No series changed its level, or the log has no column with the role time.")
    rows = [
        {
            "series": WORDS.get(change["series"], change["series"]),
            "since": _since(change),
            "before": _level(change, "before"),
            "after": _level(change, "after"),
            "change [95 % interval]": _change(change),
            "p": BLANK if pd.isna(change["p"]) else f"{change['p']:.1g}",
        }
        for change in table.to_dict("records")
    ]
    return Table(pd.DataFrame(rows), "Changes, by series")


def _since(change: dict[Any, Any]) -> str:
    onset, earliest, latest = (str(pd.Timestamp(change[name]))[:10] for name in ("onset", "earliest", "latest"))
    if not change["identifiable"]:
        return f"between {earliest} and {latest}"
    return onset if earliest == latest else f"{onset} ({earliest} to {latest})"


def _level(change: dict[Any, Any], end: str) -> str:
    value, rows = change[end], change[f"rows_{end}"]
    if pd.isna(value) or pd.isna(rows):
        return f"{BLANK} (fewer than {SMALL_CELL} rows)"
    share = str(change["series"]).startswith((RATES, MISSING))
    told = f"{100 * float(value):.1f} %" if share else f"{float(value):,.4g}"
    of = "days" if change["series"] == VOLUME else "rows"
    return f"{told} of {float(rows):,.0f} {of}" if share else f"{told}, over {float(rows):,.0f} {of}"


def _change(change: dict[Any, Any]) -> str:
    """After less before with its 95 % interval, from the levels and rows that are shown; a mean's from the column's spread."""
    levels = [_number(change[name]) for name in ("before", "after", "rows_before", "rows_after")]
    if None in levels:
        return BLANK
    before, after, rows_before, rows_after = (float(level or 0.0) for level in levels)
    if str(change["series"]).startswith((RATES, MISSING)):
        low, high = stats.newcombe(after * rows_after, rows_after, before * rows_before, rows_before)
        return f"{100 * (after - before):+.1f} pp [{100 * float(low):+.1f}, {100 * float(high):+.1f}]"
    half = NORMAL * float(change["spread"]) * math.sqrt(1 / rows_before + 1 / rows_after)
    return f"{after - before:+,.3g} [{after - before - half:+,.3g}, {after - before + half:+,.3g}]"


def defects_table(results: Mapping[str, Result]) -> Table | Sentence:
    """What every column shows by itself and against the reference; columns without a defect are left out, and counted."""
    result = results.get("integrity")
    if result is None:
        return NOT_INSPECTED
    columns = result.tables["columns"].to_dict("records")
    used = _used(result)
    rows = [
        {"column": row["column"], "used": "yes" if row["column"] in used else "no", "defect": defect, "share of rows": share}
        for row in sorted(columns, key=lambda row: row["column"] not in used)
        for defect, share in _defects(row)
    ]
    sound = len(columns) - len({row["column"] for row in rows})
    of = _number(result.numbers.get("rows"))
    told = f"fewer than {SMALL_CELL}" if of is None else f"{of:,.0f}"
    if not rows:
        return Sentence(f"No defect in any of {len(columns)} columns of {told} rows.")
    caption = f"Defects by column, shares of {told} rows; {sound} of {len(columns)} columns have none. Used: by a role"
    return Table(pd.DataFrame(rows), caption)


def _used(result: Result) -> set[str]:
    """The columns that a role names: what the model sees, what it says, and what came of it."""
    arguments: Any = result.provenance.get("arguments") or {}
    roles: Mapping[str, Any] = arguments.get("roles") or {}
    named = [*(roles.get("features") or ()), *(roles.get("groups") or ())]
    return {str(name) for name in [*named, *(value for value in roles.values() if isinstance(value, str))]}


def _defects(row: dict[Any, Any]) -> Iterator[tuple[str, str]]:
    """What is wrong with one column, and in what share of the rows."""
    missing, before = _number(row.get("missing")), _number(row.get("missing_before"))
    if missing is None:
        yield "missing in a few rows", f"fewer than {SMALL_CELL} rows"
    elif missing > 0:
        yield "missing", f"{100 * missing:.1f} %{'' if before is None else f', {100 * before:.1f} % before'}"
    if row.get("constant"):
        yield (
            ("the same in every row, and was not before" if row.get("constant_before") is False else "the same in every row"),
            "100.0 %",
        )
    if row.get("kind_changed") is True:
        yield f"holds {row['kind']}, and held {row['kind_before']} before", "100.0 %"
    for name, words in (("mixed", "values of another type than most"), ("outside", "outside its former range")):
        if (_number(row.get(name)) or 0.0) > 0:
            yield words, f"{100 * float(row[name]):.1f} %"
    if (_number(row.get("new")) or 0.0) > 0:
        yield _of_value("values it never had before", row.get("new_value")), f"{100 * float(row['new']):.1f} %"
    if (_number(row.get("gone")) or 0.0) > 0:
        yield _of_value("a value that is gone", row.get("gone_value")), f"was {100 * float(row['gone']):.1f} %"


def _of_value(words: str, value: Any) -> str:
    return words if value is None or pd.isna(value) else f"{words}: {value!r}"


def _number(value: Any) -> float | None:
    return None if value is None or pd.isna(value) else float(value)


def repeats_sentence(results: Mapping[str, Result]) -> Sentence:
    """How many rows, and how many row ids, are there more than once, out of how many."""
    result = results.get("integrity")
    if result is None:
        return NOT_INSPECTED
    numbers = result.numbers
    rows = _number(numbers.get("rows"))
    told = []
    for name, words in (("repeated_rows", "rows equal another in everything but the row id"),
                        ("repeated_row_id", "rows carry a row id that another row has")):  # fmt: skip
        count = _number(numbers.get(name))
        told.append(f"{f'fewer than {SMALL_CELL}' if count is None else f'{count:,.0f}'} {words}")
    return Sentence(f"Of {f'fewer than {SMALL_CELL}' if rows is None else f'{rows:,.0f}'} rows, {' and '.join(told)}.")
