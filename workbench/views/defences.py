"""Defences as sentences, tables and figures: what each layer adds, which are worth their price, which hold, what carries over.

Every function takes a Result of kind ``defences`` (`workbench.attacks.defences`) and keeps no state. Series differ by symbol and
place too, never by colour alone; a dominated defence stays in view, grey, with the reason beside it.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, Final

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from workbench.attacks.gain import VERDICTS
from workbench.errors import InputError
from workbench.result import Result
from workbench.triage.defences import Weighed
from workbench.views.render import BLANK, Sentence, Several, Table
from workbench.views.theme import BLUE, GREY, INK, PALETTE, SYMBOLS, WHITE, styled

MEASURES: Final = {
    "attack_success": "fresh attacks that succeed", "recorded_success": "recorded attacks that succeed",
    "clean_accuracy": "clean inputs decided rightly", "false_alarms": "clean inputs not decided",
}  # fmt: skip
HELD_OUT: Final = {
    "replayed": "recorded attacks", "unseen": "unseen attacks on the baseline", "held_out": "attacks made on the defence",
}  # fmt: skip
COSTS: Final[Mapping[str, tuple[str, float, str]]] = {
    "latency": ("median, one input", 1e3, "ms"), "latency_p95": ("p95, one input", 1e3, "ms"),
    "throughput": ("throughput", 1.0, "rows/s"), "memory": ("memory", 1.0, "MB"),
}  # fmt: skip
CHANGES: Final = "Without the layer to with it, on the same inputs; below, the difference's 95 % interval and McNemar's exact p"
FIRST: Final = (VERDICTS[2], *VERDICTS[:2])
"""Verdicts that are said before the others."""
BUBBLE: Final = 46
"""Diameter in pixels of a share of 100 %; its area is what is proportional."""


def weighed_view(weighed: Weighed) -> Several:
    """The versions of a replay on a log: the front as a table, each stack's layers; in words what was not measured."""
    front = [] if weighed.front is None else [front_table(weighed.front)]
    layers = [part for result in weighed.layers for part in (layers_sentence(result), layers_table(result))]
    return Several(*([Sentence(weighed.why)] if weighed.why else []), *front, *layers)


def layers_sentence(result: Result) -> Sentence:
    """Which layers make it safer, which only on what was recorded, which add nothing; and who raises false alarms."""
    table = _table(result, "layers")
    said = [f"{', '.join(part['layer'])}: {verdict}" for verdict, part in table.groupby("verdict", sort=False)]
    noisy = table.loc[table["raises_false_alarms"].astype(bool), "layer"].tolist()
    alarms = f". False alarms are raised by {', '.join(noisy)}" if noisy else ""
    return Sentence(f"{result.title}. {'; '.join(said)}{alarms}.")


def layers_table(result: Result) -> Table:
    """A row per layer: its verdict, and by how much each measure differs with it, with 95 % interval and exact p."""
    parts = _table(result, "contributions").set_index(["layer", "measure"])
    rows = []
    for layer in _table(result, "layers").to_dict("records"):
        cells = {told: _change(parts.loc[(layer["layer"], measure)].to_dict()) for measure, told in MEASURES.items()}
        rows.append({"layer": layer["layer"], "kind": layer["kind"], "verdict": layer["verdict"], **cells})
    return Table(pd.DataFrame(rows), f"{CHANGES}{_counted(result)}")


def contributions_figure(result: Result) -> go.Figure:
    """By how much each measure differs with a layer and without it, with the 95 % interval: a panel per measure."""
    table = _table(result, "contributions")
    panels = [
        (told, part["layer"].tolist(), part["difference"].tolist(), part["low"].tolist(), part["high"].tolist())
        for measure, told in MEASURES.items()
        for part in (table[table["measure"] == measure],)
    ]
    figure = _panels(panels, "+.0%")
    figure.add_vline(x=0, line={"color": GREY, "width": 1, "dash": "dot"})
    title = "What each layer adds: share of inputs with it less without it (bars: 95 % interval)"
    return styled(figure, title=title, height=210 + 50 * table["layer"].nunique())


def front_table(result: Result) -> Table:
    """A row per defence: rates with intervals, costs, and who beats it in what."""
    rows, measured = [], bool(_table(result, "front")["latency"].notna().any())
    for row in _table(result, "front").to_dict("records"):
        rates = {MEASURES[name]: _share(row, name) for name in ("clean_accuracy", "attack_success", "false_alarms")}
        costs = {told: _amount(row[name], factor, unit) for name, (told, factor, unit) in COSTS.items()} if measured else {}
        over = {"over budget": row["over_budget"] or BLANK} if _any_text(result, "over_budget") else {}
        rows.append({"defence": row["defence"], **rates, **costs, "dominated": row["why"] or "no: on the front", **over})
    sizes = " Times and sizes as measured on this machine, side by side" if measured else ""
    return Table(pd.DataFrame(rows), f"95 % intervals{_counted(result)}.{sizes}")


def front_figure(result: Result) -> go.Figure:
    """Clean accuracy against the success of fresh attacks; best is the lower right; dominated defences are grey and crossed."""
    table = _table(result, "front")
    on_front = table["on_front"].astype(bool)
    order = table["clean_accuracy"].rank(method="first").astype(int)
    sides = pd.Series(["top right" if place % 2 else "top left" for place in order], index=table.index)
    figure = go.Figure()
    series = (("on the front", table[on_front], BLUE, "circle"), ("dominated", table[~on_front], GREY, "x"))
    for name, part, color, symbol in series:
        figure.add_scatter(
            x=part["clean_accuracy"].tolist(), y=part["attack_success"].tolist(), mode="markers+text", name=name,
            text=part["defence"].tolist(), textposition=sides[part.index].tolist(), textfont={"color": INK},
            error_x=_bars(part, "clean_accuracy"), error_y=_bars(part, "attack_success"),
            marker={"color": color, "symbol": symbol, "size": 12}, customdata=[why or "on the front" for why in part["why"]],
            hovertemplate="%{text}: %{customdata}<extra></extra>",
        )  # fmt: skip
    ends = table["clean_accuracy_low"].min(), table["clean_accuracy_high"].max()
    room = 0.08 * (ends[1] - ends[0])
    told = f"{MEASURES['clean_accuracy']} (share; more is better)"
    figure.update_xaxes(tickformat=".0%", title=told, range=[ends[0] - room, ends[1] + room])
    figure.update_yaxes(tickformat=".0%", range=[-0.05, 1.12], title="fresh attacks that<br>succeed (share; less is better)")
    return styled(figure, title="Accuracy for security", height=520)


def held_out_sentence(result: Result) -> Sentence:
    """What each defence is worth against attacks it was not made for; the overfitted ones first."""
    table = _table(result, "defences")
    baseline, table = table["held_out_cost"].iloc[0], table.iloc[1:]
    rows = sorted(table.to_dict("records"), key=lambda row: (*FIRST, row["verdict"]).index(row["verdict"]))
    said = [
        f"{row['defence']}: {'not measured' if pd.isna(row['verdict']) else row['verdict']}"
        f" (recorded attacks {row['replayed']:.0%}, held-out {row['held_out']:.0%}{_dearer(row['held_out_cost'], baseline)})"
        for row in rows
    ]
    return Sentence(f"{result.title}. {'; '.join(said)}.")


def _dearer(cost: Any, baseline: Any) -> str:
    """By how much larger the median change of an attack has to be; nothing where either is not known."""
    return "" if pd.isna(cost) or pd.isna(baseline) or not baseline else f" by {cost / baseline:.2g} times the change"


def held_out_table(result: Result) -> Table:
    """A row per defence: recorded and held-out success, what it costs, and the verdict."""
    rows = [
        {
            "defence": row["defence"], "verdict": BLANK if pd.isna(row["verdict"]) else row["verdict"],
            "recorded attacks that succeed": _share(row, "replayed"), "held-out attacks that succeed": _share(row, "held_out"),
            "median change needed": BLANK if pd.isna(row["held_out_cost"]) else f"{row['held_out_cost']:.2f}",
            MEASURES["clean_accuracy"]: _share(row, "clean_accuracy"), MEASURES["false_alarms"]: _share(row, "false_alarms"),
        }
        for row in _table(result, "defences").to_dict("records")
    ]  # fmt: skip
    told = "95 % intervals; changes in scales of the columns. Held-out: fresh attacks on other inputs"
    return Table(pd.DataFrame(rows), f"{told}{_counted(result)}")


def held_out_figure(result: Result) -> go.Figure:
    """Success of the recorded attacks, of the baseline's own that no recording holds, and of those made on each defence."""
    table = _table(result, "defences")
    panels = [
        (told, table["defence"].tolist(), *(table[f"{name}{end}"].tolist() for end in ("", "_low", "_high")))
        for name, told in HELD_OUT.items()
    ]
    figure = _panels(panels, ".0%")
    figure.update_xaxes(range=[-0.05, 1.05])
    title = "Share of attacks that succeed (bars: 95 % interval)"
    return styled(figure, title=title, height=210 + 40 * len(table))


def transfer_table(result: Result) -> Table:
    """A row per model that attacks were made on, a column per model they were tried on."""
    table = _table(result, "transfer")
    names = table["made_on"].drop_duplicates().tolist()
    cells = {
        (row["made_on"], row["tried_on"]): _interval(row["rate"], row["low"], row["high"]) for row in table.to_dict("records")
    }
    rows = [{"attack made on": one, **{f"on {other}": cells[one, other] for other in names}} for one in names]
    return Table(pd.DataFrame(rows), f"Share of inputs on which the attack succeeds; 95 % intervals{_counted(result)}")


def transfer_figure(result: Result) -> go.Figure:
    """The matrix as circles, whose area is the share of inputs on which an attack made on the row succeeds on the column."""
    table = _table(result, "transfer")
    figure = go.Figure()
    figure.add_scatter(
        x=table["tried_on"].tolist(), y=table["made_on"].tolist(), mode="markers+text",
        text=[f"{rate:.0%}" for rate in table["rate"]], textposition="bottom center", textfont={"color": INK},
        marker={"size": [BUBBLE * max(rate, 0.002) ** 0.5 for rate in table["rate"]], "color": BLUE, "line": {"color": WHITE}},
        hovertemplate="made on %{y}, tried on %{x}: %{text}<extra></extra>", showlegend=False,
    )  # fmt: skip
    figure.update_xaxes(type="category", title="tried on (area and number: share of inputs)")
    figure.update_yaxes(type="category", autorange="reversed", title="made on")
    return styled(figure, title="Which attacks carry over", height=240 + 90 * table["made_on"].nunique())


def certified_table(result: Result) -> Table:
    """What is certified, a row per radius, a column per method: the two speak of different models, and are not compared."""
    table = _table(result, "certified")
    parts = {method: part.set_index("radius") for method, part in table.groupby("method", sort=False)}
    rows = [
        {"radius in scales": f"{radius:g}", **{method: _certified(part.loc[radius].to_dict()) for method, part in parts.items()}}
        for radius in table["radius"].drop_duplicates()
    ]
    refused: Any = result.numbers.get("refused") or {}
    said = "".join(f"; {count} of {result.numbers['rows']} without an exact one ({why})" for why, count in refused.items())
    told = f"Share of inputs decided rightly that provably stay so; 95 % intervals{_counted(result)}{said}"
    return Table(pd.DataFrame(rows), told)


def trial_table(trial: pd.DataFrame) -> Table:
    """What a validator would reject, rule by rule (`workbench.attacks.defences.validator.try_validator`)."""
    rows = [
        {"rule": row["rule"], "attacks rejected": _share(row, "attacks"), "honest inputs rejected": _share(row, "false_alarms")}
        for row in trial.to_dict("records")
    ]
    return Table(pd.DataFrame(rows), "95 % intervals. Read this before signing off")


def _counted(result: Result) -> str:
    """Of how many the shares are, as the end of a caption."""
    numbers: Mapping[str, Any] = result.numbers
    said = [f"{numbers['rows']:,} clean inputs"] if "rows" in numbers else []
    if "attacked" in numbers:
        said.append(f"{numbers['attacked']:,} of them attacked with at most {numbers['budget']:,} queries each")
    if "replayed" in numbers:
        said.append(f"{numbers['replayed']:,} recorded attacks")
    return f"; {', '.join(said)}" if said else ""


def _panels(panels: Sequence[Sequence[Any]], form: str) -> go.Figure:
    """Marks with intervals, one panel beside the other: each a title, names, and their values, lower and upper ends."""
    titles = ["<br>".join(textwrap.wrap(panel[0], 24)) for panel in panels]
    figure = make_subplots(rows=1, cols=len(panels), shared_yaxes=True, subplot_titles=titles, horizontal_spacing=0.035)
    for column, (told, names, values, lows, highs) in enumerate(panels, start=1):
        error = {
            "type": "data", "symmetric": False, "thickness": 1.5,
            "array": [high - value for value, high in zip(values, highs, strict=True)],
            "arrayminus": [value - low for value, low in zip(values, lows, strict=True)],
        }  # fmt: skip
        figure.add_scatter(
            x=values, y=names, error_x=error, mode="markers", name=told, showlegend=False, row=1, col=column,
            marker={"color": PALETTE[column - 1], "symbol": SYMBOLS[column - 1], "size": 11},
            hovertemplate=f"%{{y}}: {told} %{{x:{form}}}<extra></extra>",
        )  # fmt: skip
    figure.update_xaxes(tickformat=form, nticks=4)
    figure.update_yaxes(autorange="reversed", type="category")
    figure.update_annotations(font={"size": 14, "color": INK})
    return figure


def _table(result: Result, name: str) -> pd.DataFrame:
    if name not in result.tables:
        raise InputError("a result of another kind", result.title, f"Give one with the table `{name}`.")
    return result.tables[name]


def _certified(row: Mapping[Any, Any]) -> str:
    undecided = "" if pd.isna(row["undecided"]) or not row["undecided"] else f"\n{row['undecided']:.0%} not settled"
    return _interval(row["share"], row["low"], row["high"]) + undecided


def _any_text(result: Result, column: str) -> bool:
    return any(bool(text) for text in _table(result, "front")[column])


def _bars(part: pd.DataFrame, name: str) -> dict[str, Any]:
    return {
        "type": "data", "symmetric": False, "array": (part[f"{name}_high"] - part[name]).tolist(),
        "arrayminus": (part[name] - part[f"{name}_low"]).tolist(), "thickness": 1, "color": GREY,
    }  # fmt: skip


def _change(part: Mapping[Any, Any]) -> str:
    said = f"{part['without']:.0%} to {part['with_layer']:.0%} ({part['difference']:+.0%})"
    return f"{said}\n{part['low']:+.0%} to {part['high']:+.0%}, p {part['p']:.2g}"


def _share(row: Mapping[Any, Any], name: str) -> str:
    return _interval(row[name], row[f"{name}_low"], row[f"{name}_high"])


def _interval(*ends: Any) -> str:
    return BLANK if any(pd.isna(end) for end in ends) else "{:.0%} ({:.0%} to {:.0%})".format(*ends)


def _amount(value: Any, factor: float, unit: str) -> str:
    return BLANK if pd.isna(value) else f"{factor * value:,.3g} {unit}" if unit != "rows/s" else f"{value:,.0f} {unit}"
