"""An interval of what was reported because it was large holds the truth as often as it says."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm, truncnorm

from workbench.analysis.selection import (
    BEYOND,
    LEVEL,
    correct_for_dating,
    correct_for_floor,
    correct_for_selection,
    correct_for_significance,
    standard_errors_of_all,
)

ESTIMATES = st.floats(-5, 5)
ERRORS = st.floats(0.01, 3)
GAPS = st.floats(0, 8)
SEARCHED = st.integers(1, 10**6)


@given(ESTIMATES, ERRORS, GAPS, SEARCHED)
def test_the_ends_are_in_order_and_inside_the_interval_for_all_at_once(
    estimate: float, error: float, gap: float, searched: int
) -> None:
    found = correct_for_selection(estimate, (error, error), estimate - gap * error, searched)
    reach = standard_errors_of_all(searched) * error * (1 + 1e-9)
    assert estimate - reach <= found.low <= found.estimate <= found.high <= estimate + reach


@given(ESTIMATES, ERRORS, SEARCHED)
def test_what_would_have_been_reported_in_any_case_is_not_corrected(estimate: float, error: float, searched: int) -> None:
    found = correct_for_selection(estimate, (error, error), -np.inf, searched)
    assert found.estimate == estimate
    assert (found.high - estimate, estimate - found.low) == (pytest.approx(norm.isf(0.025) * error),) * 2


@given(ESTIMATES, ERRORS, SEARCHED)
def test_a_little_above_that_it_is_wider_by_what_the_interval_for_all_takes_of_the_level(
    estimate: float, error: float, searched: int
) -> None:
    found = correct_for_selection(estimate, (error, error), estimate - 5.9 * error, searched)
    assert found.estimate == pytest.approx(estimate, abs=1e-3 * error)
    widest = norm.isf((1 - LEVEL - BEYOND) / 2) * error * 1.001
    assert norm.isf((1 - LEVEL) / 2) * error * 0.999 <= estimate - found.low <= widest


@given(st.floats(0, 4), st.floats(0.01, 1.9))
def test_the_nearer_the_bound_the_less_is_left_of_an_effect(gap: float, nearer: float) -> None:
    far, near = (correct_for_selection(1.0, (0.2, 0.2), 1.0 - left * 0.2, 500) for left in (gap + nearer, gap))
    assert all(left <= right + 1e-6 for left, right in zip(near, far, strict=True))


def test_each_end_is_where_the_truncated_normal_puts_it() -> None:
    """scipy's truncated normal, the interval for all at once so wide that it plays no part."""
    found = correct_for_selection(1.0, (0.5, 0.5), 0.6, 10**12)
    for truth, share in ((found.low, 0.025), (found.estimate, 0.5), (found.high, 0.975)):
        law = truncnorm((0.6 - truth) / 0.5, np.inf, truth, 0.5)
        assert law.sf(1.0) == pytest.approx(share, abs=0.003)


@given(ESTIMATES, ERRORS, st.floats(0.5, 5), st.integers(1, 1000))
def test_an_effect_of_a_small_p_stays_in_its_interval_and_its_mirror_image_in_the_mirrored_one(
    effect: float, error: float, above: float, searched: int
) -> None:
    interval = effect - 2 * error, effect + 1.5 * error
    p, largest = (2 * norm.sf(z) for z in (3 + above, 3))
    low, high = correct_for_significance(effect, interval, p, largest, searched)
    assert low <= effect <= high
    mirrored = correct_for_significance(-effect, (-interval[1], -interval[0]), p, largest, searched)
    assert (-mirrored[1], -mirrored[0]) == pytest.approx((low, high))


def test_what_could_not_have_been_reported_by_its_p_is_left_as_it_is() -> None:
    assert correct_for_significance(0.2, (0.1, 0.3), 0.5, 0.01, 10) == (0.1, 0.3)
    assert correct_for_significance(0.5, (0.1, 0.3), 1e-9, 0.01, 10) == (0.1, 0.3), "no interval of that effect"


def test_errors_of_two_sizes_count_on_their_own_sides() -> None:
    found = correct_for_selection(1.0, (0.1, 0.4), -np.inf, 10)
    assert (found.high - 1.0) / (1.0 - found.low) == pytest.approx(4, rel=0.01)


def test_without_an_error_there_is_nothing_to_correct() -> None:
    assert correct_for_selection(0.3, (0.0, 0.0), 0.2, 10) == (0.3, 0.3, 0.3)


def test_the_best_of_twenty_is_covered_as_often_as_said_and_its_estimate_is_in_the_middle() -> None:
    rng = np.random.default_rng(1)
    held, plain, above, draws = 0, 0, 0, 800
    truths = rng.normal(0, 0.5, 20)
    for drawn in rng.normal(truths, 1.0, (draws, 20)):
        best, second = np.argsort(-drawn)[:2]
        found = correct_for_selection(drawn[best], (1.0, 1.0), drawn[second], 20)
        held += found.low <= truths[best] <= found.high
        plain += abs(drawn[best] - truths[best]) <= norm.isf(0.025)
        above += truths[best] > found.estimate
    assert plain / draws < 0.9, "else there is nothing to correct"
    assert 0.93 <= held / draws <= 0.975
    assert 0.45 <= above / draws <= 0.55


@given(ESTIMATES.filter(bool), ERRORS, st.floats(0.1, 1), SEARCHED)
def test_what_lies_above_a_floor_is_corrected_as_what_was_chosen_for_it(
    effect: float, error: float, part: float, searched: int
) -> None:
    interval = effect - 1.959963984540054 * error, effect + 1.959963984540054 * error
    found = correct_for_floor(effect, interval, part * abs(effect), searched)
    law = correct_for_selection(abs(effect), (error, error), part * abs(effect), searched)
    assert (found[0] if effect > 0 else -found[1]) == pytest.approx(law.low, abs=1e-9)
    assert found[0] <= effect <= found[1]


def test_a_floor_that_was_not_passed_corrects_nothing() -> None:
    assert correct_for_floor(0.05, (0.03, 0.07), 0.1, 20) == (0.03, 0.07)


def test_steps_that_pass_a_floor_by_chance_are_covered_as_often_as_said() -> None:
    """A step of 0.08, told where it comes out at 0.1 or more."""
    rng = np.random.default_rng(0)
    found = [step for step in rng.normal(0.08, 0.012, 20_000) if step >= 0.1]
    plain = [(step - 1.96 * 0.012, step + 1.96 * 0.012) for step in found]
    corrected = [correct_for_floor(step, ends, 0.1, 40) for step, ends in zip(found, plain, strict=True)]
    covered = [np.mean([low <= 0.08 <= high for low, high in ends]) for ends in (plain, corrected)]
    assert covered[0] < 0.8, "else there is nothing to correct"
    assert covered[1] >= 0.93


@pytest.mark.parametrize("z", [5, 8, 15])
def test_a_step_whose_date_was_searched_for_is_covered_as_often_as_said(z: int) -> None:
    """Rows are normal, with one step after the 900th of 1,200; the date is the one of the largest likelihood."""
    rng, rows, at = np.random.default_rng(z), 1200, 900
    means = np.where(np.arange(rows) < at, 0.0, z * np.sqrt(1 / at + 1 / (rows - at)))
    splits = np.arange(40, rows - 40)
    covered = 0
    for values in means + rng.normal(size=(600, rows)):
        sums = np.cumsum(values)
        steps = (sums[-1] - sums[splits - 1]) / (rows - splits) - sums[splits - 1] / splits
        errors = np.sqrt(1 / splits + 1 / (rows - splits))
        best = int(np.argmax(np.abs(steps / errors)))
        step, error, split = steps[best], errors[best], splits[best]
        low, high = correct_for_dating(step, (step - 1.96 * error, step + 1.96 * error))
        covered += low <= means[split:].mean() - means[:split].mean() <= high
    assert 0.93 <= covered / 600 <= 0.98


@given(ESTIMATES.filter(lambda effect: abs(effect) > 0.01), ERRORS)
def test_dating_widens_towards_nothing_and_mirrors(effect: float, error: float) -> None:
    interval = effect - 2 * error, effect + 2 * error
    low, high = correct_for_dating(effect, interval)
    assert low <= effect <= high
    assert high - low >= interval[1] - interval[0]
    mirrored = correct_for_dating(-effect, (-interval[1], -interval[0]))
    assert (-mirrored[1], -mirrored[0]) == pytest.approx((low, high))
