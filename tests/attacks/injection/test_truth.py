import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from workbench.attacks.injection.truth import Shift, ranked, shift_of

numbers = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30)


@given(numbers, numbers)
def test_a_rank_is_the_share_below_with_ties_by_half(values: list[float], among: list[float]) -> None:
    expected = [stats.percentileofscore(among, value, kind="mean") / 100 for value in values]
    np.testing.assert_allclose(ranked(pd.Series(values), pd.Series(among)), expected)


def test_a_missing_value_has_no_rank() -> None:
    assert np.isnan(ranked(pd.Series([1.0, np.nan]), pd.Series([0.0, 2.0]))).tolist() == [False, True]


def test_without_anything_before_there_is_no_rank() -> None:
    assert np.isnan(ranked(pd.Series([1.0]), pd.Series([np.nan]))).all()


def test_the_effect_is_the_difference_of_the_means_over_known_values() -> None:
    shift = shift_of("rate", np.array([0, 0, 1, np.nan]), np.array([1, 1, 1, np.nan]), np.array([0.0, 1.0]))
    assert shift.effect == pytest.approx(2 / 3)
    assert (shift.rows, shift.rows_before) == (3, 2)


def test_the_signal_is_the_expected_z_of_a_two_sample_test() -> None:
    rng = np.random.default_rng(0)
    drawn = [stats.ttest_ind(rng.normal(0.5, 1, 80), rng.normal(0, 1, 120)).statistic for _ in range(2_000)]
    signal = Shift("mean", 0.0, 0.5, 1.0, 80, 120).signal
    assert signal == pytest.approx(np.mean(drawn), abs=4 / np.sqrt(len(drawn)))


@pytest.mark.parametrize(("rows", "before"), [(0, 10), (10, 0)])
def test_without_rows_there_is_no_signal(rows: int, before: int) -> None:
    assert Shift("mean", 0.0, 1.0, 1.0, rows, before).signal == 0


def test_a_shift_of_no_rows_says_so() -> None:
    assert shift_of("mean", np.array([]), np.array([]), np.array([1.0])).rows == 0
