"""The cheapest way across a boundary, and islands along a line."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench.attacks.generators.probing import boundary, evasion
from workbench.attacks.scenarios.trial import Setting
from workbench.errors import InputError
from workbench.models import Target, python_target
from workbench.predicate import Predicate


def test_rows_near_the_boundary_are_flipped_and_a_random_change_flips_fewer(make_setting: Callable[..., Setting]) -> None:
    setting = make_setting(seed=1)
    attack, twin = (evasion(setting, rows=40, budget=80, within=0.5, random=random) for random in (False, True))
    assert (attack.value or 0) > (twin.value or 0) > 0
    exact = np.abs(setting.frame["income"] - 4 * setting.frame["debts"] - 40) / setting.frame["income"].std() <= 0.5
    assert attack.value is not None
    assert attack.value >= exact.to_numpy()[attack.places].mean() - 0.1


def test_what_cannot_be_changed_is_not(make_setting: Callable[..., Setting]) -> None:
    def by_sex(frame: pd.DataFrame) -> np.ndarray:
        return (frame["sex"] == "F").to_numpy().astype(int)

    target = python_target(by_sex, digest="sha256:sex")
    assert evasion(make_setting(target), rows=20, budget=60, within=10.0).value == 0.0
    free = make_setting(target, constraints={"directions": {"sex": "any"}})
    assert (evasion(free, rows=20, budget=60, within=10.0).value or 0) > 0.9


def test_margins_and_raw_success_stand_beside(make_setting: Callable[..., Setting]) -> None:
    trial = evasion(make_setting(), rows=20, budget=60)
    assert trial.tables["outcomes"]["attack"].tolist()[:2] == ["raw success", "valid success"]
    assert trial.tables["margins"]["cost"].is_monotonic_increasing


def test_margins_by_slice_are_medians_of_the_rows_in_it(make_setting: Callable[..., Setting]) -> None:
    setting = make_setting()
    trial = evasion(setting, rows=60, budget=60)
    table = trial.tables["margins_by_slice"].set_index("where")
    assert trial.places is not None
    part = setting.frame.iloc[trial.places]
    for where, line in table.iterrows():
        assert line["rows"] == Predicate.parse(str(where)).mask(part).sum()
    assert table.loc[['sex = "F"', 'sex = "M"'], "rows"].sum() == 60
    whole = trial.tables["margins"]
    near = trial.tables["outcomes"]["rate"].iloc[1]
    shares = table.loc[['sex = "F"', 'sex = "M"']]
    assert (shares["not_flipped"] * shares["rows"]).sum() / 60 == pytest.approx(1 - near)
    assert whole["not_flipped"].iloc[0] == round(60 * (1 - near))


def test_a_slice_of_few_rows_is_not_shown_to_others(make_setting: Callable[..., Setting]) -> None:
    table = evasion(make_setting(), rows=12, budget=20).tables["margins_by_slice"]
    small = table["rows"] < 10
    assert small.any()
    assert table.loc[small, "suppressed"].all()


def test_only_rows_that_are_decided_are_attacked(make_setting: Callable[..., Setting]) -> None:
    def unsure(frame: pd.DataFrame) -> list[int | None]:
        return [None if sex == "F" else int(income > 40) for sex, income in zip(frame["sex"], frame["income"], strict=True)]

    setting = make_setting(python_target(unsure, digest="sha256:unsure"))
    trial = evasion(setting, rows=40, budget=20)
    assert set(setting.frame["sex"].iloc[trial.places]) == {"M"}


def test_an_attack_that_is_answered_with_errors_says_nothing(make_setting: Callable[..., Setting]) -> None:
    asked: list[int] = []

    def dying(frame: pd.DataFrame) -> np.ndarray:
        asked.append(len(frame))
        return np.ones(len(frame)) / (len(asked) < 3)

    with pytest.raises(InputError, match=r"dying answers \d+% of what an attack asks with an error"):
        evasion(make_setting(python_target(dying, name="dying", digest="sha256:dying")), rows=40, budget=20)


def test_a_plane_is_crossed_once(linear: Target, frame: pd.DataFrame) -> None:
    assert boundary(Setting(linear, frame), lines=40).value == 0.0


def test_stripes_are_crossed_more_than_once(make_setting: Callable[..., Setting]) -> None:
    def stripes(frame: pd.DataFrame) -> np.ndarray:
        return (frame["income"] // 3 % 2).to_numpy().astype(int)

    found = boundary(make_setting(python_target(stripes, digest="sha256:stripes")), lines=40)
    assert (found.value or 0) > 0.5
    assert found.tables["crossings"]["lines"].sum() == 40


def test_a_guard_along_the_boundary_is_no_second_one(linear: Target, frame: pd.DataFrame, linear_score: Any) -> None:
    def guarded(rows: pd.DataFrame) -> list[int | None]:
        return [None if abs(score - 0.5) < 0.2 else int(score > 0.5) for score in linear_score(rows)]

    guard = python_target(guarded, digest="sha256:guarded")
    assert boundary(Setting(guard, frame), lines=20).value == boundary(Setting(linear, frame), lines=20).value == 0.0


def test_one_decision_has_no_boundary(make_setting: Callable[..., Setting]) -> None:
    always = python_target(lambda frame: np.ones(len(frame), dtype=int), digest="sha256:one")
    with pytest.raises(InputError, match="decided differently"):
        boundary(make_setting(always))
    with pytest.raises(InputError, match="no rows"):
        evasion(make_setting(), rows=0)
