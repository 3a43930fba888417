"""Whom a model gives away: a model that knows one group by heart gives away that group, and nobody else."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import mannwhitneyu

from workbench.attacks.exposure import _told, measure_exposure
from workbench.attacks.generators.inference import membership_inference
from workbench.attacks.scenarios.trial import Setting


def knows_the_south(frame: pd.DataFrame, labels: np.ndarray) -> Any:
    """Sure of the label of whoever it was trained on in the south; unsure of everybody else."""
    south = (frame["region"] == "south").to_numpy()
    heart = dict(zip(frame["income"].to_numpy()[south], labels[south], strict=True))

    def decide(rows: pd.DataFrame) -> dict[str, np.ndarray]:
        score = np.array([0.02 + 0.96 * heart[income] if income in heart else 0.5 for income in rows["income"]])
        return {"decision": (score >= 0.5).astype(int), "score": score}

    return decide


REGIONS = ['region = "north"', 'region = "south"', 'region = "west"']


def by_part(setting: Setting, *slices: str, **options: Any) -> pd.DataFrame:
    return measure_exposure(setting, slices, **options).tables["slices"].set_index("where")


def test_the_part_known_by_heart_is_the_one_given_away(make_setting: Callable[..., Setting]) -> None:
    found = measure_exposure(make_setting(fit=knows_the_south), REGIONS, shuffles=199)
    table = found.tables["slices"].set_index("where")
    assert table.index[0] == 'region = "south"'
    assert table.loc['region = "south"', "p_adjusted"] == pytest.approx(1 / 200)
    assert table.loc['region = "south"', "low"] > 0.9
    assert (table.loc[['region = "north"', 'region = "west"'], "p_adjusted"] > 0.05).all()
    assert found.numbers["exposed"] == (table["p_adjusted"] < 0.05).sum()


def test_people_never_trained_on_are_not_given_away(make_setting: Callable[..., Setting]) -> None:
    table = by_part(make_setting(fit=knows_the_south), *REGIONS, shuffles=199, outsiders=True)
    assert (table["p_adjusted"] > 0.05).all()


def test_all_rows_and_every_value_of_every_group_are_looked_at(make_setting: Callable[..., Setting]) -> None:
    table = by_part(make_setting(fit=knows_the_south), shuffles=9)
    assert dict(table["attribute"]) == {"all rows": "", 'sex = "F"': "sex", 'sex = "M"': "sex"}
    assert (table["n"] == table["members"] + table["others"]).all()
    assert table.loc["all rows", "n"] == table.loc[['sex = "F"', 'sex = "M"'], "n"].sum()


def test_all_rows_are_told_as_the_scenario_tells_them(make_setting: Callable[..., Setting]) -> None:
    setting = make_setting(fit=knows_the_south)
    trial = membership_inference(setting, shuffles=9)
    told = by_part(setting, shuffles=9).loc["all rows"]
    assert (told["auc"], told["low"], told["high"]) == pytest.approx((trial.value, trial.low, trial.high))


def test_a_small_part_is_not_measured(make_setting: Callable[..., Setting]) -> None:
    table = by_part(make_setting(fit=knows_the_south), "income > 70", "income > 0", shuffles=9)
    assert table.loc["income > 70", "suppressed"]
    assert pd.isna(table.loc["income > 70", "auc"])


def test_a_group_of_a_few_people_is_not_published(make_setting: Callable[..., Setting]) -> None:
    setting = make_setting(fit=knows_the_south)
    few = np.where(np.arange(len(setting)) < 12, "few", setting.groups["sex"])
    shown = measure_exposure(replace(setting, groups={"sex": few}, rows=setting.rows.assign(sex=few)), shuffles=9).published()
    table = shown.tables["slices"].set_index("where")
    assert table.loc['sex = "few"', ["n", "members", "others", "auc"]].isna().all()
    assert table["n"].isna().sum() >= 2


def test_z_is_mann_and_whitneys() -> None:
    chance = np.random.default_rng(2)
    sure, inside = chance.random(60), chance.random(60) < 0.4
    ranks = sure.argsort().argsort() + 1.0
    expected = mannwhitneyu(sure[inside], sure[~inside], alternative="greater", method="asymptotic", use_continuity=False)
    auc, z = _told(ranks, inside)
    assert auc == pytest.approx(expected.statistic / (inside.sum() * (~inside).sum()))
    from scipy.stats import norm

    assert norm.sf(z) == pytest.approx(expected.pvalue)
