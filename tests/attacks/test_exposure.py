"""Whom a model gives away: a model that knows one group by heart gives away that group, and nobody else."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import mannwhitneyu

from workbench.attacks.exposure import _told, exposure_by_slice
from workbench.attacks.trial import Setting
from workbench.errors import InputError


def knows_the_south(frame: pd.DataFrame, labels: np.ndarray) -> Any:
    """Sure of the label of whoever it was trained on in the south; unsure of everybody else."""
    south = (frame["region"] == "south").to_numpy()
    heart = dict(zip(frame["income"].to_numpy()[south], labels[south], strict=True))

    def decide(rows: pd.DataFrame) -> dict[str, np.ndarray]:
        score = np.array([0.02 + 0.96 * heart[income] if income in heart else 0.5 for income in rows["income"]])
        return {"decision": (score >= 0.5).astype(int), "score": score}

    return decide


REGIONS = ['region = "north"', 'region = "south"', 'region = "west"']


def test_the_group_known_by_heart_is_the_one_given_away(make_setting: Callable[..., Setting]) -> None:
    table = exposure_by_slice(make_setting(fit=knows_the_south), REGIONS, shuffles=199).set_index("where")
    assert table.index[0] == 'region = "south"'
    assert table.loc['region = "south"', "p_adjusted"] == pytest.approx(1 / 200)
    assert table.loc['region = "south"', "auc"] > 0.95
    assert (table.drop('region = "south"')["p_adjusted"] > 0.05).all()


def test_people_never_trained_on_are_not_given_away(make_setting: Callable[..., Setting]) -> None:
    table = exposure_by_slice(make_setting(fit=knows_the_south), REGIONS, shuffles=199, outsiders=True)
    assert (table["p_adjusted"] > 0.05).all()


def test_every_value_of_every_group_is_looked_at(make_setting: Callable[..., Setting]) -> None:
    table = exposure_by_slice(make_setting(fit=knows_the_south), shuffles=9)
    assert set(table["where"]) == {'sex = "F"', 'sex = "M"'}


def test_a_small_part_is_not_measured(make_setting: Callable[..., Setting]) -> None:
    table = exposure_by_slice(make_setting(fit=knows_the_south), ["income > 70", "income > 0"], shuffles=9).set_index("where")
    assert table.loc["income > 70", "suppressed"]
    assert pd.isna(table.loc["income > 70", "auc"])


def test_z_is_mann_and_whitneys() -> None:
    chance = np.random.default_rng(2)
    sure, inside = chance.random(60), chance.random(60) < 0.4
    ranks = sure.argsort().argsort() + 1.0
    expected = mannwhitneyu(sure[inside], sure[~inside], alternative="greater", method="asymptotic", use_continuity=False)
    auc, z = _told(ranks, inside)
    assert auc == pytest.approx(expected.statistic / (inside.sum() * (~inside).sum()))
    from scipy.stats import norm

    assert norm.sf(z) == pytest.approx(expected.pvalue)


def test_without_groups_or_slices_there_is_nothing_to_look_at(make_setting: Callable[..., Setting]) -> None:
    with pytest.raises(InputError, match="no parts"):
        exposure_by_slice(make_setting(fit=knows_the_south), [])
