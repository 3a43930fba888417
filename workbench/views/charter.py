"""A safety charter as sentence, tables and figure: each criterion with its bound, what it is bound to, and whether it is met."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pandas as pd
import plotly.graph_objects as go

from workbench.attacks.scenarios.charter import OUTCOMES
from workbench.result import Result
from workbench.views.render import BLANK, Sentence, Table, estimate_text
from workbench.views.theme import BLUE, GREEN, GREY, INK, ORANGE, YELLOW, styled

LOOKS: Final[Mapping[str, tuple[str, str]]] = {
    "not met": (ORANGE, "x"), "could not tell": (YELLOW, "diamond"), "met": (GREEN, "circle"), "unbound": (GREY, "square-open"),
    "not tried": (BLUE, "circle-open"),
}  # fmt: skip
"""Outcome to colour and symbol: told apart without colour."""


def charter_sentence(result: Result) -> Sentence:
    """How many criteria ended how, those that are not met by name, and what is bound to nothing."""
    table = result.tables["criteria"]
    counts = [f"{count} {word}" for word in OUTCOMES if (count := int((table["outcome"] == word).sum()))]
    said = [f"{result.title}: {', '.join(counts)}"]
    for word in ("not met", "unbound"):
        named = list(dict.fromkeys(table.loc[table["outcome"] == word, "criterion"]))
        said += [f"{word}: {', '.join(named)}"] if named else []
    return Sentence(f"{'. '.join(said)}.")


def criteria_table(result: Result) -> Table:
    """Every criterion: outcome, bound with its rationale, date and who set it, what it is bound to, and the remedy."""
    several = len(set(result.tables["criteria"]["target"])) > 1
    rows = [
        {
            "criterion": f"{row['criterion']}\n{row['failure_mode']}", **({"target": row["target"]} if several else {}),
            "outcome": row["outcome"], "threshold": f"{row['metric']}: {row['threshold']}\n{row['rationale']}",
            "set by, on": f"{row['set_by']}, {row['set_on']}",
            "bound to": "\n".join(filter(None, (row["scenarios"] or "nothing", _absent(row["absent"])))),
            "when broken": row["remediation"],
        }
        for row in result.tables["criteria"].to_dict("records")
    ]  # fmt: skip
    return Table(pd.DataFrame(rows), "Met: the whole 95 % interval of every scenario it is bound to lies within the bound")


def bindings_table(result: Result) -> Table | Sentence:
    """Every scenario behind a criterion: what was measured, on how many, and what it says of the bound."""
    table = _shown(result)
    if table["outcome"].eq("not tried").all():
        return Sentence("No runs were given: nothing says whether a criterion is met.")
    several = len(set(table["target"])) > 1
    table = table.sort_values("value", key=lambda column: column.isna(), kind="stable")
    rows = [
        {
            "criterion": row["criterion"], "scenario": row["scenario"], **({"target": row["target"]} if several else {}),
            "outcome": row["outcome"], "measured": estimate_text(row["value"], row["low"], row["high"]),
            "bound": row["threshold"], "n": BLANK if pd.isna(row["n"]) else f"{row['n']:.0f}", "why": _why(row),
        }
        for row in table.astype(object).where(table.notna(), None).to_dict("records")
    ]  # fmt: skip
    return Table(pd.DataFrame(rows), "Measured ones first. n: trials behind the measure, or rows where it is no share of trials")


def charter_figure(result: Result) -> go.Figure | Sentence:
    """Every measured scenario as a multiple of its criterion's bound; a bound of 0 has none, and is told in the tables only."""
    table = _shown(result)
    measured = table[pd.to_numeric(table["value"], errors="coerce").notna() & (pd.to_numeric(table["bound"]) != 0)]
    if measured.empty:
        return Sentence("Nothing was measured that a bound could be held against.")
    figure = go.Figure()
    for outcome in [name for name in LOOKS if name in set(measured["outcome"])]:
        part = measured["outcome"] == outcome
        figure.add_trace(
            _points(measured[part], [name for name, own in zip(_labels(measured), part, strict=True) if own], outcome)
        )
    figure.add_vline(
        x=1, line={"color": INK, "width": 1.5, "dash": "dash"}, annotation_text="the bound", annotation_font_color=INK
    )
    labels = _labels(measured)
    figure.update_yaxes(type="category", categoryorder="array", categoryarray=list(dict.fromkeys(labels))[::-1])
    figure.update_xaxes(title="measured, as a multiple of the bound (bars: 95 % interval)", rangemode="tozero", tickformat="~g")
    return styled(figure, title="What was measured, beside its bound", height=220 + 26 * len(measured))


def _points(part: pd.DataFrame, labels: Sequence[str], outcome: str) -> go.Scatter:
    color, symbol = LOOKS[outcome]
    bound = pd.to_numeric(part["bound"])
    value, low, high = (pd.to_numeric(part[name]) / bound for name in ("value", "low", "high"))
    bars = {"array": (high - value).tolist(), "arrayminus": (value - low).tolist()}
    return go.Scatter(
        x=value.tolist(), y=list(labels), mode="markers", name=outcome,
        marker={"color": color, "symbol": symbol, "size": 11}, cliponaxis=False,
        customdata=[estimate_text(row["value"], row["low"], row["high"]) for row in part.to_dict("records")],
        error_x={"type": "data", "symmetric": False, "thickness": 1.5, **bars},
        hovertemplate="%{y}: %{customdata}<extra>" + outcome + "</extra>",
    )  # fmt: skip


def _why(row: Mapping[Any, Any]) -> str:
    noisy = "noisy: the benign twin fails too" if row["noisy"] is True else ""
    few = "fewer than ten rows" if row["suppressed"] else ""
    return "; ".join(filter(None, (row["why"], noisy, few))) or BLANK


def _shown(result: Result) -> pd.DataFrame:
    return result.published().tables["bindings"]


def _labels(table: pd.DataFrame) -> list[str]:
    """Criterion and scenario of each row; with the target, where there are several."""
    several = len(set(table["target"])) > 1
    return [
        f"{row['criterion']}: {row['scenario']}{' (' + row['target'] + ')' if several else ''}"
        for row in table.to_dict("records")
    ]


def _absent(words: str) -> str:
    return f"not in the catalogue: {words}" if words else ""
