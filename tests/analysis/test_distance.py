"""The interval of a distance between two histograms: it covers the truth, by simulation, and says what chance alone shows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from workbench.analysis.distance import distance_interval
from workbench.analysis.stats import total_variation

FLAT = np.full(16, 1 / 16)
STEEP = np.linspace(1, 16, 16) / np.linspace(1, 16, 16).sum()
COUNTS = arrays(float, 6, elements=st.integers(0, 400).map(float))


@pytest.mark.parametrize(("share", "rows"), [(0.0, 300), (0.05, 500), (0.3, 200), (1.0, 400)])
def test_the_interval_covers_the_distance_between_what_was_drawn_from(share: float, rows: int) -> None:
    rng = np.random.default_rng(5)
    other = (1 - share) * FLAT + share * STEEP
    truth = 0.5 * np.abs(FLAT - other).sum()
    found = [distance_interval(rng.multinomial(rows, FLAT), rng.multinomial(2 * rows, other)) for _ in range(400)]
    assert np.mean([each.low <= truth <= each.high for each in found]) >= 0.93


def test_what_chance_shows_is_what_equal_distributions_show_on_average() -> None:
    rng = np.random.default_rng(7)
    drawn = [(rng.multinomial(500, STEEP), rng.multinomial(900, STEEP)) for _ in range(600)]
    seen = np.mean([total_variation(*pair) for pair in drawn])
    assert np.mean([distance_interval(*pair).by_chance for pair in drawn]) == pytest.approx(seen, rel=0.05)


@given(COUNTS, COUNTS)
def test_it_holds_the_distance_that_was_seen_and_stays_between_same_and_nothing_in_common(
    before: np.ndarray, after: np.ndarray
) -> None:
    found = distance_interval(before, after)
    if not before.sum() or not after.sum():
        assert all(np.isnan(found))
        return
    assert 0 <= found.low <= total_variation(before, after) + 1e-12
    assert total_variation(before, after) <= found.high + 1e-12
    assert found.high <= 1
    assert 0 <= found.by_chance <= 1
