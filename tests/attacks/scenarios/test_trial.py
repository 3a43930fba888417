"""Settings made from a log, and failures by group."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from workbench.attacks.scenarios.trial import Setting, Trial, by_group, share_columns
from workbench.data.dataset import open_dataset
from workbench.errors import InputError
from workbench.models import python_target
from workbench.predicate import Predicate

ALWAYS = python_target(lambda frame: np.ones(len(frame), dtype=int), name="always", digest="sha256:always")


def test_a_setting_takes_features_labels_groups_and_ids_from_the_roles(compas: Path, compas_roles: dict[str, Any]) -> None:
    dataset = open_dataset(compas, compas_roles)
    setting = Setting.of(ALWAYS, dataset, most_rows=300, seed=4)
    assert len(setting) == 300
    assert tuple(setting.frame.columns) == dataset.features
    assert set(setting.groups) == {"race", "sex", "age_cat"}
    again = Setting.of(ALWAYS, dataset, most_rows=300, seed=4)
    assert again.frame.equals(setting.frame)
    assert setting.label is not None
    assert set(setting.label) == {0, 1}


def test_the_rows_of_a_predicate_stay_aligned(make_setting: Callable[..., Setting]) -> None:
    setting = make_setting().where(Predicate.parse('region = "west" and label = 1'))
    assert set(setting.frame["region"]) == {"west"}
    assert setting.label is not None
    assert set(setting.label) == {1}
    assert len(setting.groups["sex"]) == len(setting)
    with pytest.raises(InputError, match="no row"):
        setting.where(Predicate.parse('region = "east"'))


def test_groups_cannot_be_moved_unless_it_is_said(make_setting: Callable[..., Setting]) -> None:
    directions = {column.name: column.direction for column in make_setting().domain.columns}
    assert directions == {"income": "any", "debts": "any", "region": "any", "sex": "none"}


def test_failures_by_group_are_counted_per_trial_and_rows_once(make_setting: Callable[..., Setting]) -> None:
    setting = make_setting()
    places = np.repeat(np.arange(len(setting)), 2)
    trial = Trial("x", 0.5, 0.4, 0.6, failed=setting.groups["sex"][places] == "F", places=places)
    table = by_group(setting, trial).set_index("group")
    women = int((setting.groups["sex"] == "F").sum())
    assert table.loc["F", ["trials", "failures", "rows"]].tolist() == [2 * women, 2 * women, women]
    assert table.loc["M", "failures"] == 0
    assert not table["suppressed"].any()


def test_a_small_group_is_flagged_and_so_is_what_gives_it_back(make_setting: Callable[..., Setting]) -> None:
    setting = make_setting()
    setting.groups["sex"][:] = "M"
    setting.groups["sex"][:3] = "X"
    trial = Trial("x", 0.0, 0.0, 0.0, failed=np.zeros(800, dtype=bool), places=np.arange(800))
    assert by_group(setting, trial)["suppressed"].all()


def test_nothing_tried_has_no_rate() -> None:
    assert share_columns(0, 0) == {"trials": 0, "failures": 0, "rate": None, "low": None, "high": None}
