"""Defences shown: verdicts in words, grey for the dominated, nothing but theme colours, and every number as it was measured."""

import json
import re
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from workbench.errors import InputError
from workbench.result import Result
from workbench.views.defences import (
    certified_table,
    contributions_figure,
    front_figure,
    front_table,
    held_out_figure,
    held_out_sentence,
    held_out_table,
    layers_sentence,
    layers_table,
    transfer_figure,
    transfer_table,
    trial_table,
)
from workbench.views.theme import DARK, GREY


def ends(name: str, value: float, low: float, high: float) -> dict[str, float]:
    return {name: value, f"{name}_low": low, f"{name}_high": high}


@pytest.fixture
def layers() -> Result:
    measures = ("attack_success", "recorded_success", "clean_accuracy", "false_alarms")
    rows = [
        {"layer": layer, "measure": measure, "with_layer": 0.5 + apart, "without": 0.5, "difference": apart,
         "low": apart - 0.1, "high": apart + 0.1, "p": 0.25}
        for layer, apart in (("probe", -0.4), ("<b>idle", 0.0)) for measure in measures
    ]  # fmt: skip
    said = [
        {"layer": "probe", "kind": "detector", "verdict": "safer at a price", "raises_false_alarms": True},
        {"layer": "<b>idle", "kind": "guard", "verdict": "no change", "raises_false_alarms": False},
    ]
    return Result("defences", "What each layer adds", {"layers": pd.DataFrame(said), "contributions": pd.DataFrame(rows)})


@pytest.fixture
def front() -> Result:
    more = {"recorded_success": 1.0, "latency_p95": 0.004, **ends("false_alarms", 0.0, 0.0, 0.02)}
    rows = [
        {"defence": "bare", **ends("clean_accuracy", 0.9, 0.85, 0.95), **ends("attack_success", 1.0, 0.9, 1.0), "latency": 0.001,
         "throughput": 12345.6, "memory": None, "on_front": True, "dominated_by": None, "why": "", "over_budget": "", **more},
        {"defence": "idle", **ends("clean_accuracy", 0.9, 0.85, 0.95), **ends("attack_success", 1.0, 0.9, 1.0), "latency": 0.003,
         "throughput": 999.0, "memory": 7.5, "on_front": False, "dominated_by": "bare", "why": "bare is better in latency",
         "over_budget": "latency 3 ms, budget 2 ms", **more},
    ]  # fmt: skip
    return Result("defences", "Accuracy, security and cost", {"front": pd.DataFrame(rows)})


@pytest.fixture
def held_out() -> Result:
    def row(name: str, replayed: float, fresh: float, verdict: str | None) -> dict[str, Any]:
        rates = {"clean_accuracy": 0.9, "false_alarms": 0.0, "replayed": replayed, "unseen": fresh, "held_out": fresh}
        shares = {key: value for name, rate in rates.items() for key, value in ends(name, rate, 0.0, 1.0).items()}
        return {"defence": name, **shares, "held_out_cost": 0.5 if fresh else None, "fresh_gain": 0.0, "verdict": verdict}

    table = [row("baseline", 1, 1, None), row("blur", 0.8, 1, "not borne out"), row("hard", 0, 0, "safer"),
             row("heart", 0, 0.98, "overfitted defence")]  # fmt: skip
    return Result("defences", "3 defences on held-out attacks", {"defences": pd.DataFrame(table)})


@pytest.fixture
def transfer() -> Result:
    rows = [
        {"made_on": one, "tried_on": other, "attacked": 50, "successes": 50 if one == other else 5,
         "rate": 1.0 if one == other else 0.1, "low": 0.05, "high": 1.0}
        for one in ("left", "right") for other in ("left", "right")
    ]  # fmt: skip
    return Result("defences", "Attacks carried over", {"transfer": pd.DataFrame(rows)})


def test_layers_are_told_by_verdict_and_false_alarms_are_named(layers: Result) -> None:
    said = repr(layers_sentence(layers))
    assert "probe: safer at a price; <b>idle: no change. False alarms are raised by probe." in said
    assert "<b>" not in layers_sentence(layers)._repr_html_()
    assert layers_table(layers).frame["fresh attacks that succeed"][0] == "50% to 10% (-40%)\n-50% to -30%, p 0.25"


def test_contributions_have_a_mark_per_layer_and_measure_with_its_interval(layers: Result) -> None:
    traces: Any = contributions_figure(layers).data
    assert [list(trace.x) for trace in traces] == [[-0.4, 0.0]] * 4
    assert traces[0].error_x.array == pytest.approx((0.1, 0.1))
    assert len({trace.marker.symbol for trace in traces}) == 4


def test_a_dominated_defence_is_grey_crossed_and_says_why(front: Result) -> None:
    on, off = front_figure(front).data
    assert (list(on.text), list(off.text)) == (["bare"], ["idle"])
    assert (off.marker.color, off.marker.symbol) == (GREY, "x")
    assert off.customdata[0] == "bare is better in latency"
    table = front_table(front).frame
    assert table["dominated"].tolist() == ["no: on the front", "bare is better in latency"]
    assert table["memory"].tolist() == ["–", "7.5 MB"]
    assert table["throughput"].tolist() == ["12,346 rows/s", "999 rows/s"]
    assert table["over budget"].tolist() == ["–", "latency 3 ms, budget 2 ms"]


def test_the_overfitted_defence_is_said_first(held_out: Result) -> None:
    said = repr(held_out_sentence(held_out))
    heart = "heart: overfitted defence (recorded attacks 0%, held-out 98% by 1 times the change)"
    assert said.index(heart) < said.index("hard: safer (recorded attacks 0%, held-out 0%)")
    assert said.index("hard: safer") < said.index("blur: not borne out")
    table = held_out_table(held_out).frame
    assert table["verdict"].tolist() == ["–", "not borne out", "safer", "overfitted defence"]
    assert table["median change needed"].tolist() == ["0.50", "0.50", "–", "0.50"]
    traces: Any = held_out_figure(held_out).data
    assert {trace.name: list(trace.x) for trace in traces}["attacks made on the defence"] == [1.0, 1.0, 0.0, 0.98]


def test_a_transfer_has_a_cell_per_pair_and_area_by_its_share(transfer: Result) -> None:
    assert transfer_table(transfer).frame.to_numpy().tolist() == [
        ["left", "100% (5% to 100%)", "10% (5% to 100%)"], ["right", "10% (5% to 100%)", "100% (5% to 100%)"],
    ]  # fmt: skip
    trace: Any = transfer_figure(transfer).data[0]
    sizes = dict(zip(zip(trace.y, trace.x, strict=True), trace.marker.size, strict=True))
    assert sizes["left", "right"] ** 2 / sizes["left", "left"] ** 2 == pytest.approx(0.1)


def test_the_caption_says_of_how_many(front: Result) -> None:
    counted = replace(front, numbers={"rows": 1480, "attacked": 100, "budget": 200})
    said = "1,480 clean inputs, 100 of them attacked with at most 200 queries each"
    assert said in front_table(counted).caption
    assert "inputs" not in front_table(front).caption


def test_certificates_stand_in_columns_of_their_own_by_method() -> None:
    rows = [
        {"method": method, "radius": radius, "rows": 40, "share": 0.5, "low": 0.35, "high": 0.65, "undecided": undecided}
        for radius in (0.0, 0.1) for method, undecided in (("trees, L∞", 0.1 * (radius > 0)), ("smoothed", None))
    ]  # fmt: skip
    table = certified_table(Result("defences", "x", {"certified": pd.DataFrame(rows)})).frame
    assert list(table) == ["radius in scales", "trees, L∞", "smoothed"]
    assert table["trees, L∞"].tolist() == ["50% (35% to 65%)", "50% (35% to 65%)\n10% not settled"]
    assert table["smoothed"][1] == "50% (35% to 65%)"


def test_rows_without_an_exact_certificate_are_counted_with_the_reason() -> None:
    row = {"method": "exact", "radius": 0.1, "rows": 20, "share": 0.5, "low": 0.3, "high": 0.7, "undecided": 0.1}
    told = certified_table(
        Result("defences", "x", {"certified": pd.DataFrame([row])}, {"rows": 20, "refused": {"a missing value": 2}})
    )
    assert told.caption.endswith("; 2 of 20 without an exact one (a missing value)")


def test_a_trial_shows_attacks_beside_honest_inputs() -> None:
    trial = pd.DataFrame([{"rule": "any", **ends("attacks", 1.0, 0.9, 1.0), **ends("false_alarms", 0.01, 0.0, 0.03)}])
    assert trial_table(trial).frame.iloc[0].tolist() == ["any", "100% (90% to 100%)", "1% (0% to 3%)"]


def test_figures_use_the_colours_of_the_theme_only(layers: Result, front: Result, held_out: Result, transfer: Result) -> None:
    figures = [contributions_figure(layers), front_figure(front), held_out_figure(held_out), transfer_figure(transfer)]
    for figure in figures:
        used = set(re.findall(r"#[0-9A-Fa-f]{6}", json.dumps(figure.to_plotly_json(), default=list)))
        assert used <= set(DARK)


def test_a_result_of_another_kind_is_refused(front: Result) -> None:
    with pytest.raises(InputError, match="`layers`"):
        layers_sentence(front)
