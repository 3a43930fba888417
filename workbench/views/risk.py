"""What attacks put at risk, as a sentence, tables and a figure: money by scenario under a stated mix, attack told from noise.

Every function takes a Result of kind ``risk`` (`assess_risk`). The mix is an assumption, so every view
says so.
"""

from __future__ import annotations

from typing import Any, Final

import pandas as pd
import plotly.graph_objects as go

from workbench.result import Result
from workbench.views.render import BLANK, Sentence, Several, Table
from workbench.views.theme import BLUE, styled

STATED: Final = "95 % intervals of the measured rates; how often it is tried and what a failure costs is stated, not measured"


def risk_view(result: Result | None) -> Several:
    """Sentence and table; in words that nothing was given."""
    if result is None:
        return Several(Sentence("No runs of scenarios with a mix of attackers were given: no money at risk."))
    return Several(risk_sentence(result), money_table(result))


def risk_sentence(result: Result) -> Sentence:
    """How often an attempt of the mix succeeds, and what that costs a month."""
    numbers: dict[str, Any] = dict(result.numbers)
    if numbers["risk"] is None:
        table = result.tables["money"]
        unmeasured = table.loc[table["loss"].isna() & (table["scenario"] != "all"), "scenario"]
        return Sentence(f"What is at risk cannot be told: {', '.join(unmeasured)} measured nothing.")
    total = result.tables["money"].iloc[-1]
    share = "{:.1%} ({:.1%} to {:.1%})".format(*(numbers[part] for part in ("risk", "low", "high")))
    money = f"{total['loss']:,.0f} ({total['low']:,.0f} to {total['high']:,.0f})"
    return Sentence(f"Of {numbers['attempts']:,.0f} attempts a month {share} succeed, at a cost of {money}, if the mix is right.")


def money_table(result: Result) -> Table:
    """A row per scenario of the mix, and all together."""
    told = result.tables["told"].set_index("scenario")["told"]
    rows = [
        {
            "scenario": row["scenario"], "attempts a month": f"{row['per_month']:,.0f}",
            "cost of a failure": _money(row["cost"]), "failure rate": BLANK if pd.isna(row["rate"]) else f"{row['rate']:.1%}",
            "loss a month": _interval(row), "told from noise": told.get(row["scenario"], BLANK),
        }
        for row in result.tables["money"].to_dict("records")
    ]  # fmt: skip
    return Table(pd.DataFrame(rows), STATED)


def money_figure(result: Result) -> go.Figure:
    """Expected loss a month by scenario, with its interval; those that measured nothing are named without a mark."""
    table = result.tables["money"]
    table = table[table["scenario"] != "all"]
    loss, low, high = (table[part].astype(float) for part in ("loss", "low", "high"))
    figure = go.Figure()
    figure.add_scatter(
        x=loss.tolist(), y=[name if known else f"{name} (not measured)" for name, known in zip(table["scenario"], loss.notna(),
                                                                                             strict=True)],
        mode="markers", marker={"color": BLUE, "size": 11}, showlegend=False,
        error_x={"type": "data", "symmetric": False, "array": (high - loss).tolist(), "arrayminus": (loss - low).tolist(),
                 "thickness": 1.5},
        hovertemplate="%{y}: %{x:,.0f} a month<extra></extra>",
    )  # fmt: skip
    figure.update_xaxes(tickformat=",.0f", rangemode="tozero", title="expected loss a month (bars: 95 % interval of the rate)")
    figure.update_yaxes(autorange="reversed", type="category")
    return styled(figure, title="Money at risk under the stated mix", height=220 + 40 * len(table))


def _money(value: Any) -> str:
    return BLANK if pd.isna(value) else f"{value:,.0f}"


def _interval(row: dict[Any, Any]) -> str:
    return BLANK if pd.isna(row["loss"]) else f"{row['loss']:,.0f} ({row['low']:,.0f} to {row['high']:,.0f})"
