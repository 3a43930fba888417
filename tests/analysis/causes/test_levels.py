"""What a split of a few rows is worth, and whether what never happened before happens in one place."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from workbench.analysis.causes.levels import Counts, Signal, best_splits, gathered

SHARE = Signal("hits", 4, None, np.empty(0), "share", "error")
MEAN = Signal("level", 1, None, np.empty(0), "mean", "level")


def counts_of(*blocks: np.ndarray) -> Counts:
    """One candidate with these values in its blocks of time."""
    sums = (np.array([[float((values**power).sum()) for values in blocks]]) for power in (0, 1, 2))
    return Counts(*sums)


@given(seed=st.integers(0, 1000), rows=st.integers(9, 40), step=st.floats(0.5, 3.0))
def test_a_single_split_of_few_rows_has_the_p_of_student_s_test(seed: int, rows: int, step: float) -> None:
    rng = np.random.default_rng(seed)
    before, after = rng.normal(0, 1, rows), rng.normal(step, 1, rows + 3)
    p = float(best_splits(counts_of(before, after), MEAN)[2][0])
    exact = float(stats.ttest_ind(before, after).pvalue)
    assert np.log(p) == pytest.approx(np.log(exact), rel=0.03, abs=0.05)


@given(inside=st.integers(1, 60), outside=st.integers(0, 60))
def test_what_happens_in_one_place_only_is_worth_the_likelihood_ratio_of_the_table(inside: int, outside: int) -> None:
    own = Counts(*(np.array([[500.0, 300.0]]), *(np.array([[0.0, inside]]),) * 2))
    whole = Counts(*(np.array([[2000.0, 1200.0]]), *(np.array([[0.0, inside + outside]]),) * 2))
    found = float(gathered(own, np.array([1]), whole, SHARE)[0])
    table = np.array([[inside, 300 - inside], [outside, 900 - outside]])
    exact = stats.chi2_contingency(table, correction=False, lambda_="log-likelihood").statistic
    assert found == pytest.approx(exact if inside / 300 > outside / 900 else 0.0)


def test_where_it_was_more_frequent_before_as_well_it_says_nothing() -> None:
    own = Counts(*(np.array([[500.0, 300.0]]), *(np.array([[250.0, 210.0]]),) * 2))
    whole = Counts(*(np.array([[2000.0, 1200.0]]), *(np.array([[400.0, 400.0]]),) * 2))
    assert gathered(own, np.array([1]), whole, SHARE).tolist() == [0.0]


def test_of_numbers_the_ratio_alone_tells_the_place() -> None:
    own = counts_of(np.zeros(20), np.ones(20))
    assert gathered(own, np.array([1]), own, MEAN).tolist() == [0.0]
