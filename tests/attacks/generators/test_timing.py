"""The timing side channel, on a simulated clock: what is planted is found, what is not is not called."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.attacks.generators.timing import FLOOR, measure_shift, timing
from workbench.attacks.scenarios.trial import Setting
from workbench.errors import InputError
from workbench.models import python_target


@dataclass
class Simulated:
    """A clock that a target of ours moves: 50 µs a call with a log-normal tail, and `delay` more for one group."""

    delay: float
    now: float = 0.0
    chance: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))

    def decide(self, frame: pd.DataFrame) -> np.ndarray:
        secret = float(frame["sex"].iloc[0] == "F") * self.delay
        self.now += 50e-6 + float(self.chance.lognormal(0, 1)) * 1e-6 + secret
        return np.zeros(len(frame), dtype=int)

    def read(self) -> int:
        return round(self.now * 1e9)


def run(make_setting: Callable[..., Setting], delay: float, **options: Any) -> pd.Series:
    clock = Simulated(delay)
    setting = make_setting(python_target(clock.decide, name="timed", digest="sha256:timed"))
    return timing(setting, calls=600, clock=clock.read, **options).tables["outcomes"].iloc[0]


def test_five_microseconds_of_a_secret_are_found(make_setting: Callable[..., Setting]) -> None:
    found = run(make_setting, 5e-6)
    assert found["channel"]
    assert found["shift"] == pytest.approx(5e-6, rel=0.1)


@pytest.mark.parametrize("delay", [0.0, 0.4e-6])
def test_no_delay_and_a_negligible_one_are_no_channel(make_setting: Callable[..., Setting], delay: float) -> None:
    assert not run(make_setting, delay)["channel"]


def test_a_negligible_delay_is_significant_all_the_same(make_setting: Callable[..., Setting]) -> None:
    """Why a floor is needed."""
    assert run(make_setting, 0.4e-6)["p"] < 0.001


def test_the_benign_twin_of_a_leaking_target_does_not_leak(make_setting: Callable[..., Setting]) -> None:
    assert not run(make_setting, 5e-6, shuffled=True)["channel"]


@given(st.lists(st.floats(0, 1), min_size=20, max_size=40), st.floats(-1, 1))
def test_the_shift_is_what_was_added(durations: list[float], step: float) -> None:
    zeros = np.array(durations)
    found = measure_shift(zeros + step, zeros)
    assert found.low <= step + 1e-9
    assert found.high >= step - 1e-9
    assert found.shift == pytest.approx(step, abs=1e-9)


def test_the_interval_is_the_one_of_the_ranks() -> None:
    """Against scipy: the interval holds the shifts that Mann-Whitney does not reject, up to its normal approximation."""
    from scipy.stats import mannwhitneyu

    chance = np.random.default_rng(0)
    ones, zeros = chance.normal(0.3, 1, 60), chance.normal(0, 1, 50)
    found = measure_shift(ones, zeros)
    edges = ((found.low + 0.05, True), (found.high - 0.05, True), (found.low - 0.05, False), (found.high + 0.05, False))
    for shift, inside in edges:
        p = mannwhitneyu(ones - shift, zeros, use_continuity=False, method="asymptotic").pvalue
        assert bool(p > 0.05) == inside


def test_a_few_calls_are_refused() -> None:
    with pytest.raises(InputError, match="too few calls"):
        measure_shift(np.zeros(19), np.zeros(50))
    assert FLOOR > 0
