"""Scenarios that were run: what held, what failed and where, as sentence, table and histogram of how sure the target stayed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import pandas as pd
import plotly.graph_objects as go

from workbench.attacks.scenarios.rehearsal import OUTCOMES
from workbench.result import Result
from workbench.views.render import BLANK, Sentence, Table, estimate_text
from workbench.views.theme import BLUE, GREY, ORANGE, styled

FIRST: Final = ("failed", "could not tell", "could not run", "held")
"""Outcomes in the order in which they are read."""


def outcomes_sentence(results: Sequence[Result]) -> Sentence:
    """How many scenarios ended how, and the failing ones by name."""
    ended = [str(result.numbers["outcome"]) for result in results]
    counts = ", ".join(f"{ended.count(word)} {word}" for word in OUTCOMES if word in ended)
    failing = [
        f"{result.numbers['name']}{' (noisy: its benign twin fails too)' if result.numbers['noisy'] else ''}"
        for result in results
        if result.numbers["outcome"] == "failed"
    ]
    return Sentence(f"{len(results)} scenarios: {counts}{'. Failed: ' + ', '.join(failing) if failing else ''}.")


def outcomes_table(results: Sequence[Result]) -> Table:
    """A row per scenario, the failing ones first: what was measured, what was expected, and what its benign twin did."""
    ordered = sorted(results, key=lambda result: FIRST.index(str(result.numbers["outcome"])))
    return Table(pd.DataFrame([_row(result) for result in ordered]), "95 % intervals; held: the whole interval keeps the bound")


def _row(result: Result) -> dict[str, Any]:
    numbers: dict[str, Any] = dict(result.published().numbers)
    few = numbers["rows"] is None
    counted = numbers["trials"] if numbers["trials"] is not None else numbers["rows"]
    return {
        "scenario": numbers["name"], "outcome": numbers["outcome"], "measured": _measured(numbers, few=few),
        "expected": numbers["expected"], "n": "fewer than ten" if few else BLANK if counted is None else f"{counted:,}",
        "benign twin": numbers["twin"], "why": numbers["why"] or BLANK,
    }  # fmt: skip


def _measured(numbers: dict[str, Any], *, few: bool) -> str:
    if few or numbers["value"] is None:
        return BLANK
    return f"{estimate_text(numbers['value'], numbers['low'], numbers['high'])}\n{numbers['measure']}"


def scores_figure(result: Result) -> go.Figure | Sentence:
    """How sure the target is without the damage and at its strongest: the shares of its scores, bins of few rows left out."""
    table = result.published().tables.get("scores")
    if table is None or table.empty:
        return Sentence("This scenario leaves no scores from 0 to 1 to count.")
    table = table[~table["suppressed"].astype(bool)]
    table = table.assign(**{name: pd.to_numeric(table[name]) for name in ("level", "low", "high", "rows")})
    levels = sorted(table["level"].unique().tolist())
    figure = go.Figure()
    ends = ((levels[0], "without damage", GREY, "/"), (levels[-1], f"at level {levels[-1]:g}", ORANGE, ""))
    for level, name, color, pattern in ends[: len(levels)]:
        part = table[table["level"] == level]
        total = max(float(part["rows"].sum()), 1.0)
        figure.add_bar(
            x=((part["low"] + part["high"]) / 2).tolist(), y=(part["rows"] / total).tolist(), name=name,
            marker={"color": color, "pattern": {"shape": pattern}, "line": {"color": BLUE, "width": 0}},
        )  # fmt: skip
    figure.update_xaxes(title="score", range=[0, 1], tickformat=".1f")
    figure.update_yaxes(title="share of the rows shown", tickformat=".0%", rangemode="tozero")
    figure.update_layout(barmode="group", bargap=0.15)
    return styled(figure, title=f"How sure it stays: {result.numbers['name']}, {result.numbers.get('worst', '')}", height=360)
