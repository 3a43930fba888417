"""Fisher's mid-p against the sum over all tables, scipy's exact test and simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as reference

from workbench.analysis.exact import fisher_mid_p
from workbench.errors import ParameterError

COUNTS = st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


def mid_p_by_enumeration(k1: int, n1: int, k2: int, n2: int) -> float:
    tables = np.arange(max(0, k1 + k2 - n2), min(n1, k1 + k2) + 1)
    chances = reference.hypergeom(n1 + n2, k1 + k2, n1).pmf(tables)
    observed = chances[tables == k1][0]
    tied = np.abs(chances - observed) <= 1e-7 * observed
    return float(chances[(chances < observed) & ~tied].sum() + chances[tied].sum() / 2)


@given(COUNTS, COUNTS)
def test_mid_p_is_the_sum_over_all_tables(first: tuple[int, int], second: tuple[int, int]) -> None:
    (k1, n1), (k2, n2) = first, second
    expected = mid_p_by_enumeration(k1, n1, k2, n2) if 0 < k1 + k2 < n1 + n2 else 1.0
    assert fisher_mid_p(k1, n1, k2, n2) == pytest.approx(expected, rel=1e-9)


def test_mid_p_and_half_the_tables_as_likely_make_fishers_p() -> None:
    table = (3, 20, 15, 35)
    likely = reference.hypergeom(55, 18, 20).pmf(3)
    fisher = reference.fisher_exact([[3, 17], [15, 20]]).pvalue
    assert fisher_mid_p(*table) == pytest.approx(fisher - likely / 2)


@pytest.mark.parametrize(
    "table", [(3, 1_000_000, 40, 1_000_000), (30, 50, 300_000, 900_000), (5, 1000, 9, 999_999), (499_000, 10**6, 500_000, 10**6)]
)
def test_mid_p_holds_in_large_tables(table: tuple[int, int, int, int]) -> None:
    assert fisher_mid_p(*table) == pytest.approx(mid_p_by_enumeration(*table), rel=1e-6)


def test_mid_p_takes_ten_thousand_large_tables_at_once() -> None:
    rng = np.random.default_rng(2)
    n1, n2 = rng.integers(1, 10**6, (2, 10_000))
    rate = 10.0 ** rng.uniform(-6, 0, 10_000)
    p = fisher_mid_p(rng.binomial(n1, rate), n1, rng.binomial(n2, rate), n2)
    assert np.mean(p < 0.05) == pytest.approx(0.045, abs=0.008)


@pytest.mark.parametrize("impossible", [(1.5, 5, 1, 5), (6, 5, 1, 5), (1, 5, -1, 5), (1, 5, [1, 2], [5, 1])])
def test_impossible_tables_are_refused(impossible: tuple[object, ...]) -> None:
    with pytest.raises(ParameterError, match="no such table"):
        fisher_mid_p(*impossible)  # type: ignore[arg-type]
