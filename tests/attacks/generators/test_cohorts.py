"""Another mix, another group, a shortcut, the same again: planted dependence is found, and only that."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from workbench.attacks.generators.cohorts import group_flip, rare_combinations, repeated_entity, segment, shortcut, skewed_mix
from workbench.attacks.scenarios.trial import Setting
from workbench.errors import InputError
from workbench.models import python_target


def by_sex(frame: pd.DataFrame) -> np.ndarray:
    return ((frame["income"] > 50) | (frame["sex"] == "F")).to_numpy().astype(int)


def test_decisions_that_hang_on_the_group_are_counted(make_setting: Callable[..., Setting]) -> None:
    setting = make_setting(python_target(by_sex, digest="sha256:sex"))
    found = group_flip(setting).tables["outcomes"].set_index("as")["rate"]
    men = setting.frame[setting.frame["sex"] == "M"]
    assert found["F"] == pytest.approx((men["income"] <= 50).mean())
    assert group_flip(make_setting()).value == 0.0
    assert group_flip(setting, unchanged=True).value == 0.0


def test_cohorts_that_differ_by_group_only_show_the_disparate_impact_of_the_group(make_setting: Callable[..., Setting]) -> None:
    setting = make_setting(python_target(by_sex, digest="sha256:sex"))
    table = group_flip(setting).tables["cohorts"].set_index("cohort")
    rich = (setting.frame["income"] > 50).mean()
    assert table["trials"].tolist() == [800, 800]
    assert table["rate"].to_dict() == {"F": 1.0, "M": pytest.approx(rich)}
    assert table.loc["M", "impact"] == pytest.approx(rich)
    assert table.loc["M", "impact_low"] < rich < table.loc["M", "impact_high"] < 0.8
    blind, twin = (
        group_flip(each, unchanged=unchanged).tables["cohorts"] for each, unchanged in ((make_setting(), False), (setting, True))
    )
    assert blind["impact"].tolist() == twin["impact"].tolist() == [1.0, 1.0]


def test_without_a_favorable_decision_there_are_no_cohorts(make_setting: Callable[..., Setting]) -> None:
    words = python_target(lambda frame: np.where(frame["sex"] == "F", "grant", "refuse"), digest="sha256:words")
    assert group_flip(make_setting(words)).tables["cohorts"].empty
    told = group_flip(make_setting(words), favorable="grant").tables["cohorts"].set_index("cohort")
    assert told["impact"].to_dict() == {"F": 1.0, "M": 0.0}


def test_a_shortcut_is_the_column_decisions_hang_on(make_setting: Callable[..., Setting]) -> None:
    setting = make_setting(python_target(by_sex, digest="sha256:sex"))
    found = shortcut(setting, explain=0).tables["outcomes"].set_index("damaged")["rate"]
    assert found["sex"] > 0.1
    assert found["region"] == found["debts"] == 0.0


def test_attribution_and_accuracy_lost_stand_beside_a_shortcuts_decisions(make_setting: Callable[..., Setting]) -> None:
    setting = make_setting(python_target(by_sex, digest="sha256:sex"))
    trial = shortcut(setting, levels=(0.0, 1.0), explain=12)
    table = trial.tables["outcomes"].set_index("damaged")
    assert table["attribution_share"].sum() == pytest.approx(1.0)
    assert table.loc[["region", "debts"], "attribution"].tolist() == [0.0, 0.0]
    assert set(table.loc[["income", "sex"], "attribution_rank"]) == {1, 2}
    last = trial.tables["curve"].set_index(["damaged", "level"])["accuracy"]
    assert table.loc["sex", "accuracy_lost"] == pytest.approx(last["sex", 0.0] - last["sex", 1.0])


def test_without_a_score_or_a_number_to_explain_there_is_no_attribution(make_setting: Callable[..., Setting]) -> None:
    words = python_target(lambda frame: np.where(frame["income"] > 50, "yes", "no"), digest="sha256:words")
    table = shortcut(make_setting(words), column="income", levels=(0.0, 1.0)).tables["outcomes"]
    assert table["attribution"].isna().all()
    assert (table["rate"] > 0).all()
    unsure = python_target(lambda frame: [None if sex == "F" else 1 for sex in frame["sex"]], digest="sha256:unsure")
    assert shortcut(make_setting(unsure), column="sex", levels=(0.0, 1.0)).tables["outcomes"]["attribution"].isna().all()


def test_a_mix_that_leans_to_the_weak_side_has_more_errors(make_setting: Callable[..., Setting]) -> None:
    generous = python_target(lambda frame: np.ones(len(frame), dtype=int), digest="sha256:g")
    found = skewed_mix(make_setting(generous), column="debts", tilts=[0.0, 1.0])
    assert found.low is not None
    assert 0 < found.low <= (found.value or 0) <= (found.high or 0)
    curve = found.tables["curve"]
    assert curve["effective_rows"].iloc[0] == pytest.approx(800)
    assert curve["effective_rows"].iloc[1] < 500
    assert skewed_mix(make_setting(generous), tilts=[0.0, 0.0]).value == 0.0


def test_the_weighted_rate_is_the_rate_of_the_weighted_rows(make_setting: Callable[..., Setting]) -> None:
    setting = make_setting()
    debts = setting.frame["debts"].to_numpy(dtype=float)
    weight = np.exp((debts - debts.mean()) / debts.std())
    curve = skewed_mix(setting, column="debts", tilts=[0.0, 1.0]).tables["curve"]
    assert curve["rate"].iloc[1] == pytest.approx(np.average(setting.wrong(setting.clean), weights=weight))


def test_rare_combinations_that_break_the_model_are_found(make_setting: Callable[..., Setting], applicants: pd.DataFrame) -> None:
    seen = set(zip(applicants["region"], applicants["income"], strict=True))

    def brittle(frame: pd.DataFrame) -> dict[str, np.ndarray]:
        known = [key in seen for key in zip(frame["region"], frame["income"], strict=True)]
        return {"decision": np.ones(len(frame), dtype=int), "score": np.where(known, 0.5, 7.0)}

    setting = make_setting(python_target(brittle, digest="sha256:b"))
    found = rare_combinations(setting)
    kinds = found.tables["kinds"].set_index("kind")["inputs"]
    assert kinds.drop("score outside 0 to 1").sum() == 0
    assert (found.value or 0) > 0.5
    assert rare_combinations(setting, common=True).value == 0.0
    assert rare_combinations(make_setting()).value == 0.0


def test_values_that_occur_in_every_combination_leave_nothing_rare(make_setting: Callable[..., Setting]) -> None:
    with pytest.raises(InputError, match="occurs already"):
        rare_combinations(replace(make_setting(), frame=pd.DataFrame({"sex": ["F", "M"]}), groups={}, label=None, rows=None))


def test_an_entity_decided_differently_without_a_change_is_found(make_setting: Callable[..., Setting]) -> None:
    half = make_setting().frame[:400]
    twice = pd.concat([half, half.assign(region="west")], ignore_index=True)
    same = replace(
        make_setting(), frame=twice, rows=None, label=None, groups={},
        entity=np.tile(np.arange(400), 2), time=np.repeat([0, 1], 400),
    )  # fmt: skip
    moody = python_target(lambda frame: (np.arange(len(frame)) % 3 == 0).astype(int), digest="sha256:moody")
    assert repeated_entity(same).value == 0.0
    assert (repeated_entity(replace(same, target=moody)).value or 0) > 0.3
    assert repeated_entity(same, identical=True).value == 0.0
    changed = int((half["region"] == "west").sum())
    assert repeated_entity(same).tables["outcomes"]["trials"].tolist() == [changed]


def test_a_segment_that_is_worse_is_told_from_the_rest(make_setting: Callable[..., Setting]) -> None:
    def weak(frame: pd.DataFrame) -> np.ndarray:
        return ((frame["income"] > 50) & (frame["region"] != "west")).to_numpy().astype(int)

    setting = make_setting(python_target(weak, digest="sha256:s"))
    found, twin = (segment(setting, rows='region = "west"', rest=rest) for rest in (False, True))
    assert (found.low or 0) > 0
    assert twin.low is not None
    assert twin.low < 0 < (twin.high or 0)


def test_what_is_missing_is_said(make_setting: Callable[..., Setting]) -> None:
    setting = make_setting()
    with pytest.raises(InputError, match="row_id"):
        repeated_entity(setting)
    with pytest.raises(InputError, match="nothing to flip"):
        group_flip(replace(setting, groups={}))
    with pytest.raises(InputError, match="not all of them"):
        segment(setting, rows="income > 0")


def test_the_size_of_a_small_group_cannot_be_told_from_the_flips(make_setting: Callable[..., Setting]) -> None:
    setting = make_setting()
    setting.groups["sex"][:4] = "X"
    table = group_flip(setting).tables["outcomes"].set_index("as")
    assert table.loc["X", "suppressed"]
    assert table["suppressed"].sum() >= 2
