"""A copy by queries: more queries, more agreement; no better than guessing where the thief is answered at random."""

from collections.abc import Callable

import numpy as np
import pytest

from workbench.attacks.generators.extraction import extraction
from workbench.attacks.scenarios.trial import Setting
from workbench.errors import InputError
from workbench.models import python_target


def test_more_queries_buy_a_better_copy_on_which_attacks_carry_over(make_setting: Callable[..., Setting]) -> None:
    trial = extraction(make_setting(), budgets=[20, 600], transfer=10)
    curve = trial.tables["curve"]
    assert curve["rate"].iloc[1] > max(curve["rate"].iloc[0], 0.85)
    assert 0 <= trial.tables["outcomes"]["transfer_rate"].iloc[0] <= 1


def test_random_answers_teach_nothing(make_setting: Callable[..., Setting]) -> None:
    assert (extraction(make_setting(), budgets=[600], random_answers=True).value or 1) < 0.75


def test_a_budget_is_kept(make_setting: Callable[..., Setting]) -> None:
    asked: list[int] = []

    def counting(frame: object) -> np.ndarray:
        asked.append(len(frame))  # type: ignore[arg-type]
        return np.arange(len(frame)) % 2  # type: ignore[arg-type]

    setting = make_setting(python_target(counting, digest="sha256:c"))
    extraction(setting, budgets=[30, 70], transfer=0)
    assert asked == [len(setting), 30, 70]


def test_a_target_that_decides_nothing_cannot_be_copied(make_setting: Callable[..., Setting]) -> None:
    mute = python_target(lambda frame: np.full(len(frame), None), name="mute", digest="sha256:m")
    with pytest.raises(InputError, match="decides on none"):
        extraction(make_setting(mute))
