"""The rows needed reach the power that they promise."""

import numpy as np
import pytest

from workbench.analysis import stats
from workbench.analysis.disparity.power import rows_needed


@pytest.mark.parametrize(("rate", "others", "alpha"), [(0.5, 4000, 0.05), (0.3, 20_000, 0.05), (0.6, 3000, 0.005)])
def test_so_many_rows_show_the_difference_four_times_in_five(rate: float, others: int, alpha: float) -> None:
    rng = np.random.default_rng(0)
    needed = int(rows_needed(rate, others, alpha))
    own, theirs = rng.binomial(needed, 0.8 * rate, 4000), rng.binomial(others, rate, 4000)
    found = (stats.two_proportions(own, np.full(4000, needed), theirs, np.full(4000, others)) < alpha).mean()
    assert found == pytest.approx(0.8, abs=0.04)


def test_a_reference_too_small_needs_infinitely_many_and_a_rate_of_0_tells_nothing() -> None:
    assert np.isinf(rows_needed(0.5, 20, 0.05))
    assert np.isnan(rows_needed(0.0, 2000, 0.05))
