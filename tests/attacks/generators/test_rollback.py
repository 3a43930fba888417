"""Recovery after a rollback: when it is noticed, when it is over, and that two versions may really be swapped mid-replay."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import bootstrap

from workbench.attacks.generators.rollback import Plan, Recovery, median_interval, roll_back, rollback
from workbench.attacks.health import HEALTHY
from workbench.attacks.scenarios.trial import Setting
from workbench.errors import InputError, UnknownNameError
from workbench.models import python_target

MOMENTS = np.arange(1200) / 20
NEVER, ALWAYS = np.zeros(1200, dtype=bool), np.ones(1200, dtype=bool)


def swap(release: np.ndarray, former: np.ndarray, **plan: float) -> Recovery:
    return roll_back(release, former, MOMENTS, Plan(**plan), np.random.default_rng(0))


def test_a_release_that_is_always_wrong_is_noticed_and_over_after_switch_drain_and_what_the_window_remembers() -> None:
    found = swap(ALWAYS, NEVER, start=10, window=5, bound=0.1, switch=2, drain=0)
    assert found.called is not None
    assert found.healthy is not None
    assert 10 < found.called < 12
    assert not found.wrong[found.called + 2 <= MOMENTS].any()
    # The window of 5 s holds a tenth of wrong answers when all but half a second of it are good again.
    assert found.healthy == pytest.approx(found.called + 2 + 4.5, abs=0.11)


def test_between_the_call_and_the_switch_the_release_still_answers_and_the_drain_is_gradual() -> None:
    found = swap(ALWAYS, NEVER, switch=3, drain=6)
    assert found.called is not None
    before = (MOMENTS >= 10) & (found.called + 3 > MOMENTS)
    draining = (found.called + 3 <= MOMENTS) & (found.called + 9 > MOMENTS)
    assert found.released[before].all()
    assert 0.3 < found.released[draining].mean() < 0.7
    assert not found.released[found.called + 9 <= MOMENTS].any()


def test_a_release_that_is_as_good_is_never_called_back() -> None:
    found = swap(NEVER, NEVER)
    assert (found.called, found.healthy) == (None, None)
    assert found.released[MOMENTS >= 10].all()


def test_a_former_version_that_is_as_bad_does_not_recover() -> None:
    found = swap(ALWAYS, ALWAYS)
    assert found.called is not None
    assert found.healthy is None


def test_two_real_versions_are_swapped(make_setting: Callable[..., Setting]) -> None:
    setting = make_setting()
    former = setting.wrong(setting.clean)
    release = setting.wrong(python_target(lambda frame: np.zeros(len(frame)), digest="sha256:new").predict(setting.frame))
    places = np.random.default_rng(1).integers(0, len(setting), len(MOMENTS))
    found = roll_back(release[places], former[places], MOMENTS, Plan(bound=0.25), np.random.default_rng(2))
    assert found.called is not None
    assert found.healthy is not None
    assert found.wrong[MOMENTS < 10].tolist() == former[places][MOMENTS < 10].tolist()
    assert found.wrong[found.healthy <= MOMENTS].mean() < 0.25


def test_a_faulty_release_is_measured_and_its_twin_takes_no_time(make_setting: Callable[..., Setting]) -> None:
    trial = rollback(make_setting(), fault="unit error", column="income", seconds=40.0)
    assert trial.numbers["damaged"] == "income"
    assert trial.numbers["called"] == 30
    assert trial.low is not None
    assert trial.high is not None
    assert 2.0 < trial.low <= (trial.value or 0) <= trial.high < 20.0
    health = trial.tables["health"].set_index("at")
    assert health["downstream"].iloc[0] == HEALTHY
    assert "both versions" in set(health["downstream"])
    assert health["accuracy"].loc[11.0] < health["accuracy"].loc[5.0]
    assert rollback(make_setting(), fault="unit error", column="income", strength=0.0).value == 0.0


def test_a_run_that_is_too_short_to_recover_says_so(make_setting: Callable[..., Setting]) -> None:
    trial = rollback(make_setting(), fault="unit error", seconds=15.0)
    assert trial.numbers["not_recovered"] == 30


@given(st.lists(st.floats(0, 100), min_size=6, max_size=40))
def test_the_interval_of_the_median_is_made_of_values_around_it(values: list[float]) -> None:
    low, median, high = median_interval(np.array(values))
    assert low <= median <= high
    assert {low, high} <= set(values)


def test_the_interval_is_the_textbooks_and_close_to_a_bootstrap() -> None:
    values = np.random.default_rng(3).exponential(10, 30)
    low, _, high = median_interval(values)
    assert [low, high] == [np.sort(values)[9], np.sort(values)[20]]
    other = bootstrap((values,), np.median, rng=np.random.default_rng(4), n_resamples=2000).confidence_interval
    assert low == pytest.approx(other.low, rel=0.35)
    assert high == pytest.approx(other.high, rel=0.35)


def test_what_cannot_be_is_refused(make_setting: Callable[..., Setting]) -> None:
    with pytest.raises(InputError, match="Parts: start, window"):
        rollback(make_setting(), fault="unit error", plan={"begin": 3.0})
    with pytest.raises(InputError, match="cannot be"):
        Plan(window=0)
    with pytest.raises(UnknownNameError, match="unit error"):
        rollback(make_setting(), fault="earthquake")
    with pytest.raises(InputError, match="6 runs"):
        rollback(make_setting(), fault="unit error", runs=3)
    with pytest.raises(InputError, match="no request comes after"):
        rollback(make_setting(), fault="unit error", plan={"start": 100.0})
