"""Remedies narrow the gaps they are meant to, on rows they have not learnt from, and never come without their price."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.analysis.mitigation import AS_DECIDED, REMEDIES, Held, preview_mitigations
from workbench.analysis.remedies import Cases, called, reweighing
from workbench.data.dataset import Dataset, open_dataset
from workbench.errors import InputError, RolesError, UnknownNameError

ROLES = {"prediction": "p", "label": "y", "score": "s", "favorable": 1, "groups": ["g"], "features": ["x"]}


def log(rows: int = 3000, **more: Any) -> Dataset:
    """Group a is scored lower for the same outcome; 1 is decided from 0.5 on."""
    rng = np.random.default_rng(0)
    group = rng.choice(["a", "b"], rows)
    x = rng.normal(size=rows)
    label = (rng.random(rows) < 1 / (1 + np.exp(-2 * x))).astype(int)
    score = np.clip(1 / (1 + np.exp(-x)) - 0.2 * (group == "a"), 0, 1)
    frame = pd.DataFrame({"g": group, "x": x, "y": label, "s": score, "p": (score >= 0.5).astype(int)})
    return open_dataset(frame, ROLES | more)


def test_thresholds_close_the_gap_they_are_told_to_close() -> None:
    table = preview_mitigations(log()).tables["previews"].set_index("remedy")
    assert table.loc[AS_DECIDED, "selection_gap"] > 0.25
    assert table.loc["thresholds: equal selection rates", "selection_gap"] < 0.06
    assert table.loc["thresholds: equal error rates", ["fpr_gap", "fnr_gap"]].max() < 0.1
    assert table.loc["recalibration per group", "selection_gap"] < 0.08


def test_every_preview_tells_its_price() -> None:
    result = preview_mitigations(log())
    table = result.tables["previews"]
    tried = table[table["remedy"] != AS_DECIDED]
    assert set(tried["remedy"]) == set(REMEDIES)
    assert tried["statement"].str.contains(r"price: accuracy [+-][\d.]+ points .* decisions change").all()
    assert (tried["to_favorable"] + tried["to_unfavorable"] == tried["changed"]).all()
    assert tried["low"].le(tried["accuracy_change"]).all()
    base = table.set_index("remedy").loc[AS_DECIDED, "accuracy"]
    assert (tried["accuracy"] - base).tolist() == pytest.approx(tried["accuracy_change"].tolist())


def test_groups_add_up_to_the_previews() -> None:
    result = preview_mitigations(log())
    for row in result.tables["previews"].itertuples():
        mine = result.tables["groups"][result.tables["groups"]["remedy"] == row.remedy]
        assert (mine["to_favorable"].sum(), mine["to_unfavorable"].sum()) == (row.to_favorable, row.to_unfavorable)
        assert np.average(mine["accuracy"], weights=mine["rows"]) == pytest.approx(row.accuracy)
        assert np.ptp(mine["selection_rate"]) == pytest.approx(row.selection_gap)
        assert mine["rows"].sum() == result.numbers["held_out"]


def test_reweighing_makes_group_and_label_independent() -> None:
    rng = np.random.default_rng(1)
    group = rng.integers(0, 3, 900)
    label, train = rng.random(900) < 0.2 + 0.2 * group, rng.random(900) < 0.6
    weights = reweighing(group, label, train)
    rates = [np.average(label[train & (group == at)], weights=weights[train & (group == at)]) for at in range(3)]
    assert rates == pytest.approx([label[train].mean()] * 3)
    assert (weights[~train] == 1).all()


def test_a_common_threshold_calls_as_many_as_before() -> None:
    rng = np.random.default_rng(2)
    decision, train = rng.random(20_000) < 0.3, rng.random(20_000) < 0.5
    cases = Cases(None, decision, decision, np.zeros(20_000, int), None, train)
    assert called(rng.random(20_000), cases).mean() == pytest.approx(0.3, abs=0.02)


def test_compas_decides_unfavourably_by_calling(compas: Path, compas_roles: dict[str, Any]) -> None:
    result = preview_mitigations(open_dataset(compas, compas_roles), "race", remedies=["thresholds: equal selection rates"])
    table = result.tables["previews"].set_index("remedy")
    assert table["selection_gap"].is_monotonic_decreasing
    assert table.loc["thresholds: equal selection rates", "to_favorable"] > 100


def test_a_person_is_on_one_side_of_the_split_only() -> None:
    """Ten rows a person: were they parted at random, the split would hold out about half of each."""
    data = log().frame.assign(who=np.arange(3000) // 10)
    result = preview_mitigations(open_dataset(data, ROLES | {"row_id": "who"}), remedies=["recalibration per group"])
    assert result.numbers["held_out"] % 10 == 0


def test_what_the_roles_do_not_allow_is_skipped_and_said() -> None:
    roles = {key: value for key, value in ROLES.items() if key != "score"}
    result = preview_mitigations(open_dataset(log().frame, roles))
    assert result.tables["skipped"]["why"].unique().tolist() == ["no score"]
    assert result.tables["previews"]["remedy"].tolist() == [AS_DECIDED, "refit", "refit, reweighed"]


def test_what_cannot_be_priced_is_refused() -> None:
    with pytest.raises(RolesError, match="price needs outcomes"):
        preview_mitigations(open_dataset(log().frame, {"prediction": "p", "favorable": 1, "groups": ["g"]}))
    with pytest.raises(UnknownNameError, match="refit"):
        preview_mitigations(log(), remedies=["prayer"])
    with pytest.raises(InputError, match="fewer than two groups"):
        preview_mitigations(log(60))


def test_weights_count_in_gaps_and_accuracy_and_only_their_proportions_matter() -> None:
    frame = log().frame
    frame = frame.assign(w=np.random.default_rng(0).exponential(1, len(frame)), ten=10.0)
    only = {"remedies": ["recalibration per group"]}
    plain, equal, once, scaled = (
        preview_mitigations(open_dataset(given, {**ROLES, **more}), **only).tables
        for given, more in (
            (frame, {}),
            (frame, {"weight": "ten"}),
            (frame, {"weight": "w"}),
            (frame.assign(w=7 * frame["w"]), {"weight": "w"}),
        )
    )
    for name in ("previews", "groups"):
        pd.testing.assert_frame_equal(equal[name], plain[name], rtol=1e-9)
        pd.testing.assert_frame_equal(scaled[name], once[name], rtol=1e-9)
        assert not np.allclose(once[name]["accuracy"], plain[name]["accuracy"])
        assert once[name]["to_favorable"].tolist() == plain[name]["to_favorable"].tolist()


@given(st.integers(0, 10_000))
def test_held_out_rates_are_those_of_rows_repeated(seed: int) -> None:
    rng = np.random.default_rng(seed)
    label, was, told = (rng.random(60) < 0.5 for _ in range(3))
    group, worth = rng.integers(0, 2, 60), rng.integers(1, 4, 60)
    again = np.repeat(np.arange(60), worth)
    weighted = Held(label, was, group, worth.astype(float), called_is_good=True)
    repeated = Held(label[again], was[again], group[again], np.ones(len(again)), called_is_good=True)
    for at in (0, 1):
        one, other = weighted.rates(told, group == at), repeated.rates(told[again], group[again] == at)
        np.testing.assert_allclose(one, other, rtol=1e-12)
