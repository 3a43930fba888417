"""Load: bounds, percentiles, the knee, and answers that come too late or not at all."""

import threading
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.attacks.generators.load import MOST_CALLERS, arrivals, find_knee, kept_up, load, percentiles
from workbench.attacks.scenarios.trial import Setting
from workbench.errors import InputError
from workbench.models import python_target


@pytest.mark.parametrize(("throughput", "knee"), [((10, 20, 21, 20), 2), ((10, 20, 40, 80), 8), ((10, 10, 10, 10), 1)])
def test_the_knee_is_where_more_callers_only_wait(throughput: tuple[float, ...], knee: int) -> None:
    assert find_knee((1, 2, 4, 8), throughput) == knee


@given(st.lists(st.floats(0, 10), min_size=1))
def test_percentiles_ascend(seconds: list[float]) -> None:
    found = percentiles(np.array(seconds))
    assert found["p50"] <= found["p95"] <= found["p99"] <= max(seconds)


def test_every_call_is_made_once_at_each_number_of_callers(make_setting: Callable[..., Setting]) -> None:
    asked: list[int] = []

    def counting(frame: pd.DataFrame) -> np.ndarray:
        asked.append(len(frame))
        return np.ones(len(frame), dtype=int)

    trial = load(make_setting(python_target(counting, digest="sha256:c")), callers=[1, 3], calls=20, batch=4, slow=60.0)
    assert asked == [4] * 40
    assert trial.value == 0.0
    assert trial.tables["curve"]["trials"].tolist() == [20, 20]


def test_failing_answers_count(make_setting: Callable[..., Setting]) -> None:
    def broken(frame: pd.DataFrame) -> np.ndarray:
        raise RuntimeError(len(frame))

    trial = load(make_setting(python_target(broken, digest="sha256:b")), callers=[2], calls=10, slow=60.0)
    assert trial.value == 1.0
    assert trial.tables["curve"]["errors"].tolist() == [10]


@pytest.mark.parametrize("options", [{"callers": []}, {"callers": [MOST_CALLERS + 1]}, {"callers": [0]}, {"calls": 10_000_000}])
def test_a_load_out_of_bounds_is_refused(make_setting: Callable[..., Setting], options: dict[str, object]) -> None:
    with pytest.raises(InputError, match="out of bounds"):
        load(make_setting(), **options)  # type: ignore[arg-type]


def test_no_call_begins_after_the_time_is_up(make_setting: Callable[..., Setting]) -> None:
    with pytest.raises(InputError, match="in time"):
        load(make_setting(), callers=[1], calls=5, seconds=-1.0)


@pytest.mark.parametrize(("answered", "kept"), [((10, 20, 40), 40), ((10, 19, 30), 20), ((5, 20, 40), None), ((10, 12, 40), 10)])
def test_a_rate_is_kept_up_with_where_it_and_all_below_it_are_answered(answered: tuple[float, ...], kept: float | None) -> None:
    assert kept_up((10, 20, 40), answered) == kept


def test_a_call_that_had_to_wait_counts_from_when_it_was_due(make_setting: Callable[..., Setting]) -> None:
    """One worker, held by the first call until all the others are due: their own time is nothing, their waiting all of it."""
    due = threading.Event()
    asked: list[int] = []

    def first_waits(frame: pd.DataFrame) -> np.ndarray:
        if not asked:
            asked.append(1)
            due.wait(0.2)
        return np.ones(len(frame), dtype=int)

    setting = make_setting(python_target(first_waits, digest="sha256:w"))
    trial = arrivals(setting, rates=[1000], calls=10, workers=1, slow=60.0)
    curve = trial.tables["curve"].iloc[0]
    assert curve["most_waiting"] >= 9
    assert trial.tables["health"]["waiting"].iloc[0] > 0
    assert curve["p50"] > 0.15  # of which none was spent on being answered


@pytest.mark.parametrize("options", [{"rates": []}, {"rates": [0.0]}, {"rates": [-1.0]}, {"workers": 65}, {"calls": 10_000_000}])
def test_arrivals_out_of_bounds_are_refused(make_setting: Callable[..., Setting], options: dict[str, object]) -> None:
    with pytest.raises(InputError, match="out of bounds"):
        arrivals(make_setting(), **options)  # type: ignore[arg-type]
