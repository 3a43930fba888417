"""Intervals and tests against published tables, scipy and brute force; error rates against simulation."""

import itertools
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as reference

from workbench.analysis import stats
from workbench.analysis.exact import fisher_mid_p
from workbench.errors import ParameterError

COUNTS = st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=30)


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_matches_table_1_of_newcombe_1998(successes: int, trials: int, low: float, high: float) -> None:
    """Newcombe 1998, Stat Med 17:857, table I, method 3."""
    assert stats.wilson(successes, trials) == pytest.approx((low, high), abs=5e-5)


@given(COUNTS, st.sampled_from([0.8, 0.95, 0.999]))
def test_wilson_matches_scipy(sample: tuple[int, int], level: float) -> None:
    expected = reference.binomtest(*sample).proportion_ci(level, method="wilson")
    assert stats.wilson(*sample, level) == pytest.approx((expected.low, expected.high), abs=1e-12)


@pytest.mark.parametrize(
    ("sample", "low", "high"),
    [
        ((56, 70, 48, 80), 0.0524, 0.3339),
        ((9, 10, 3, 10), 0.1705, 0.8090),
        ((6, 7, 2, 7), 0.0582, 0.8062),
        ((5, 56, 0, 29), -0.0381, 0.1926),
        ((0, 10, 0, 20), -0.1611, 0.2775),
        ((0, 10, 0, 10), -0.2775, 0.2775),
        ((10, 10, 0, 20), 0.6791, 1.0),
        ((10, 10, 0, 10), 0.6075, 1.0),
    ],
)
def test_newcombe_matches_table_2_of_newcombe_1998(sample: tuple[int, int, int, int], low: float, high: float) -> None:
    """Newcombe 1998, Stat Med 17:873, table II, method 10."""
    assert stats.newcombe(*sample) == pytest.approx((low, high), abs=5e-5)


@given(COUNTS, COUNTS)
def test_ratio_interval_is_the_published_fraction(first: tuple[int, int], second: tuple[int, int]) -> None:
    """Donner & Zou 2012, equation (9), wherever it is not 0 / 0."""
    (p1, p2), ((l1, u1), (l2, u2)) = (k / n for k, n in (first, second)), (stats.wilson(*first), stats.wilson(*second))
    low, high = stats.ratio_interval(*first, *second)
    if abs(2 * p2 - u2) > 1e-3:
        root = np.sqrt(max((p1 * p2) ** 2 - l1 * u2 * (2 * p1 - l1) * (2 * p2 - u2), 0))
        assert low == pytest.approx((p1 * p2 - root) / (u2 * (2 * p2 - u2)), abs=1e-9)
    if l2 > 0:
        root = np.sqrt((p1 * p2) ** 2 - u1 * l2 * (2 * p1 - u1) * (2 * p2 - l2))
        assert high == pytest.approx((p1 * p2 + root) / (l2 * (2 * p2 - l2)))
    else:
        assert np.isinf(high)


def test_ratio_interval_approaches_katz_in_large_samples() -> None:
    katz = reference.contingency.relative_risk(30_000, 100_000, 50_000, 200_000).confidence_interval()
    assert stats.ratio_interval(30_000, 100_000, 50_000, 200_000) == pytest.approx((katz.low, katz.high), rel=1e-4)


@given(COUNTS, COUNTS)
def test_intervals_turn_around_with_the_samples(first: tuple[int, int], second: tuple[int, int]) -> None:
    low, high = stats.newcombe(*first, *second)
    assert stats.newcombe(*second, *first) == pytest.approx((-high, -low), abs=1e-12)
    low, high = stats.ratio_interval(*first, *second)
    swapped = stats.ratio_interval(*second, *first)
    if low > 0:
        assert swapped.high == pytest.approx(1 / low)


@pytest.mark.parametrize(("n1", "p1", "n2", "p2"), [(50, 0.2, 100, 0.4), (30, 0.1, 300, 0.1), (200, 0.05, 50, 0.3)])
def test_intervals_cover_at_their_level(n1: int, p1: float, n2: int, p2: float) -> None:
    rng = np.random.default_rng(4)
    k1, k2 = rng.binomial(n1, p1, 20_000), rng.binomial(n2, p2, 20_000)
    for (low, high), truth in (
        (stats.wilson(k1, n1), p1),
        (stats.newcombe(k1, n1, k2, n2), p1 - p2),
        (stats.ratio_interval(k1, n1, k2, n2), p1 / p2),
    ):
        assert 0.93 < np.mean((low <= truth) & (truth <= high)) < 0.985


def test_mean_interval_matches_scipy() -> None:
    values = np.random.default_rng(0).normal(3, 2, 17)
    expected = reference.ttest_1samp(values, 0).confidence_interval(0.9)
    found = stats.mean_interval(17, values.sum(), (values**2).sum(), level=0.9)
    assert found == pytest.approx((expected.low, expected.high))


def test_welch_matches_scipy() -> None:
    rng = np.random.default_rng(1)
    samples = rng.normal(0, 1, (6, 12)), rng.normal(0.7, 3, (6, 40))
    expected = reference.ttest_ind(*samples, axis=1, equal_var=False)
    sums = [part for values in samples for part in (values.shape[1], values.sum(1), (values**2).sum(1))]
    difference, p, (low, high) = stats.welch(*sums)
    assert difference == pytest.approx(samples[0].mean(1) - samples[1].mean(1))
    assert p == pytest.approx(expected.pvalue)
    assert low == pytest.approx(expected.confidence_interval().low)
    assert high == pytest.approx(expected.confidence_interval().high)


@pytest.mark.parametrize("value", [0.1, 1e6 / 3])
def test_welch_of_constants_is_certain_and_rounding_is_no_spread(value: float) -> None:
    def sums(constant: float, n: int) -> tuple[float, float, float]:
        values = np.full(n, constant)
        return n, float(np.add.accumulate(values)[-1]), float(np.add.accumulate(values**2)[-1])

    assert stats.welch(*sums(value, 1000), *sums(value, 77)).p == 1
    assert stats.welch(*sums(value, 1000), *sums(value * 1.01, 77)).p == 0


def test_two_proportions_is_exact_below_the_limit_and_z_above() -> None:
    k1, n1, k2, n2 = 40, 50, 500, 1000
    assert stats.two_proportions(k1, n1, k2, n2) == fisher_mid_p(k1, n1, k2, n2)
    chi2 = reference.chi2_contingency([[20_000, 30_000], [20_300, 29_700]], correction=False).pvalue
    assert stats.two_proportions(20_000, 50_000, 20_300, 50_000) == pytest.approx(chi2)


def test_two_proportions_broadcasts() -> None:
    p = stats.two_proportions([[1], [5]], 50, [3, 400, 0], [60, 1000, 60])
    assert p.shape == (2, 3)
    assert p[1, 1] == stats.two_proportions(5, 50, 400, 1000)


@pytest.mark.parametrize(("n", "rate"), [(40, 0.1), (200, 0.01), (2000, 0.3)])
def test_two_proportions_keeps_its_level(n: int, rate: float) -> None:
    rng = np.random.default_rng(3)
    p = stats.two_proportions(rng.binomial(n, rate, 20_000), n, rng.binomial(5 * n, rate, 20_000), 5 * n)
    for level in (0.05, 0.01, 0.001):
        assert np.mean(p <= level) < level + 4 * np.sqrt(level / 20_000)


def test_chi2_matches_scipy_where_nothing_is_rare() -> None:
    a, b = [30, 50, 20], [50, 40, 10]
    assert stats.chi2_homogeneity(a, b) == pytest.approx(reference.chi2_contingency([a, b]).pvalue)


def test_chi2_pools_the_rare_and_then_the_next_rarest() -> None:
    """Expected 1.5 each in the smaller half: 1 + 2 + 3 rows expect 3 together, so the 12 joins them; 40 and 60 stay."""
    a, b = [1, 0, 1, 4, 25, 29], [0, 2, 2, 8, 15, 31]
    expected = reference.chi2_contingency([[6, 25, 29], [12, 15, 31]]).pvalue
    assert stats.chi2_homogeneity(a, b) == pytest.approx(expected)


def test_chi2_stacks_tables_and_ignores_categories_that_no_row_has() -> None:
    a, b = np.array([[30, 50, 0], [10, 20, 30]]), np.array([[50, 40, 0], [30, 20, 10]])
    together = stats.chi2_homogeneity(a, b)
    assert together == pytest.approx(
        [float(stats.chi2_homogeneity(a[0, :2], b[0, :2])), float(stats.chi2_homogeneity(a[1], b[1]))]
    )


@pytest.mark.parametrize(("size_a", "size_b"), [(300, 300), (40, 2000)])
def test_chi2_keeps_its_level_with_many_rare_categories(size_a: int, size_b: int) -> None:
    rng = np.random.default_rng(6)
    shares = 1 / np.arange(1, 101)
    shares /= shares.sum()
    p = stats.chi2_homogeneity(rng.multinomial(size_a, shares, 4000), rng.multinomial(size_b, shares, 4000))
    assert np.mean(p <= 0.05) < 0.065
    assert np.mean(p <= 0.01) < 0.018


def test_cramers_v_matches_scipy_and_spans_0_to_1() -> None:
    a, b = [10, 20, 30], [20, 20, 10]
    assert stats.cramers_v(a, b) == pytest.approx(reference.contingency.association([a, b], method="cramer"))
    assert stats.cramers_v([5, 10], [50, 100]) == pytest.approx(0, abs=1e-12)
    assert stats.cramers_v([5, 0], [0, 9]) == pytest.approx(1)


def test_total_variation_is_the_share_of_rows_to_move() -> None:
    assert stats.total_variation([10, 0, 30], [0, 50, 50]) == pytest.approx(0.5)
    assert stats.total_variation([[1, 1], [3, 0]], [[2, 2], [0, 4]]) == pytest.approx([0, 1])


@given(st.lists(st.integers(-20, 20), min_size=1, max_size=50), st.lists(st.integers(-20, 20), min_size=1, max_size=50))
def test_ks_matches_scipy_on_values_and_on_their_histogram(a: list[int], b: list[int]) -> None:
    found = stats.two_sample_ks(sorted(a), sorted(b))
    binned = stats.two_sample_ks_counts(*(np.bincount(np.array(side) + 20, minlength=41) for side in (a, b)))
    assert tuple(map(float, binned)) == pytest.approx(tuple(map(float, found)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = reference.ks_2samp(a, b, method="asymp")
    assert found.distance == pytest.approx(expected.statistic)
    if len(a) * len(b) / (len(a) + len(b)) > 0.5:
        assert found.p == pytest.approx(expected.pvalue)


def test_gap_change_with_one_constant_group_is_newcombe() -> None:
    """A group of huge size that never changes adds nothing: the change of the gap is that of the other group."""
    found = stats.difference_of_differences((48, 80, 0, 10**12), (56, 70, 0, 10**12))
    assert found.change == pytest.approx(56 / 70 - 48 / 80)
    assert found.interval == pytest.approx((0.0524, 0.3339), abs=5e-5)


@given(COUNTS, COUNTS, COUNTS, COUNTS)
def test_gap_change_is_significant_only_where_its_interval_excludes_no_change(
    first: tuple[int, int], second: tuple[int, int], later_first: tuple[int, int], later_second: tuple[int, int]
) -> None:
    before, after = (*first, *second), (*later_first, *later_second)
    found = stats.difference_of_differences(before, after)
    if found.p < 0.05:
        assert found.interval.low > 0 or found.interval.high < 0
    back = stats.difference_of_differences(after, before)
    assert (float(back.change), float(back.z)) == pytest.approx((-float(found.change), -float(found.z)))


@pytest.mark.parametrize(
    ("n_before", "n_after", "rate"), [(100_000, 300, 0.03), (100_000, 300, 0.3), (1000, 50, 0.3), (200, 200, 0.05), (20, 20, 0.5)]
)
def test_gap_change_keeps_its_level_and_covers(n_before: int, n_after: int, rate: float) -> None:
    """The windows differ in size and both groups move together: rates change, the gap does not."""
    rng = np.random.default_rng(8)
    draw = [rng.binomial(n, p, 50_000) for n, p in ((n_before, rate), (n_before, 0.1), (n_after, rate + 0.02), (n_after, 0.12))]
    found = stats.difference_of_differences((draw[0], n_before, draw[1], n_before), (draw[2], n_after, draw[3], n_after))
    for level in (0.05, 0.01, 0.001):
        assert np.mean(found.p <= level) < 1.1 * level + 4 * np.sqrt(level / 50_000)
    assert np.mean((found.interval.low <= 0) & (found.interval.high >= 0)) > 0.94


def test_gap_change_is_not_surer_than_the_counts_allow() -> None:
    """None of 300 where 3 % are expected has probability 0.97 ** 300; four samples of two cannot give certainty."""
    vanished = stats.difference_of_differences((30_000, 10**6, 10**6, 10**8), (0, 300, 10**6, 10**8))
    assert vanished.p > 0.97**300
    assert stats.difference_of_differences((2, 2, 0, 2), (0, 2, 2, 2)).p > 0.01


def test_holm_and_benjamini_hochberg_of_a_known_family() -> None:
    """By hand: multipliers 4, 3, 2, 1 for Holm; 4, 2, 4/3, 1 for Benjamini-Hochberg; then made monotone."""
    p = [0.01, 0.04, 0.03, 0.005]
    assert stats.holm(p) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert stats.benjamini_hochberg(p) == pytest.approx([0.02, 0.04, 0.04, 0.02])


@given(P_VALUES)
def test_benjamini_hochberg_matches_scipy(p: list[float]) -> None:
    assert stats.benjamini_hochberg(p) == pytest.approx(reference.false_discovery_control(p))


@given(P_VALUES, st.integers(0, 20))
def test_unlisted_hypotheses_count_as_p_1(p: list[float], others: int) -> None:
    for adjust in (stats.holm, stats.benjamini_hochberg):
        assert adjust(p, tests=len(p) + others) == pytest.approx(adjust([*p, *[1.0] * others])[: len(p)])


@given(P_VALUES)
def test_adjusting_ignores_order_and_what_was_not_tested(p: list[float]) -> None:
    for adjust in (stats.holm, stats.benjamini_hochberg):
        mixed = adjust([np.nan, *p[::-1], np.nan])
        assert mixed[1:-1] == pytest.approx(adjust(p)[::-1])
        assert np.isnan(mixed[[0, -1]]).all()


def test_holm_over_mid_p_rarely_errs_under_parity() -> None:
    """Fifty groups of forty people at one rate: the four-fifths rule errs in every family, this in a few per hundred."""
    rng = np.random.default_rng(9)
    hits = rng.binomial(40, 0.1, (400, 50))
    rest = hits.sum(1, keepdims=True) - hits
    alarms = [stats.holm(p).min() < 0.05 for p in stats.two_proportions(hits, 40, rest, 49 * 40)]
    assert np.mean(alarms) < 0.06


def test_nothing_to_measure_is_nan() -> None:
    found = [
        *stats.wilson(0, 0),
        *itertools.chain(
            *(interval(0, 0, *filled) for interval in (stats.newcombe, stats.ratio_interval) for filled in ((3, 5),))
        ),
        *itertools.chain(*(interval(3, 5, 0, 0) for interval in (stats.newcombe, stats.ratio_interval))),
        *stats.mean_interval(0, 0, 0),
        stats.welch(1, 2, 4, 3, 3, 5).p,
        stats.two_proportions(0, 0, 1, 2),
        stats.two_proportions(5000, 10_000, 0, 0),
        stats.chi2_homogeneity([0, 0], [5, 5]),
        stats.chi2_homogeneity([1, 2], [2, 1]),
        stats.cramers_v([0, 0], [5, 5]),
        stats.total_variation([0, 0], [5, 5]),
        *stats.two_sample_ks([], [1.0]),
        *stats.two_sample_ks_counts([0, 0], [5, 5]),
        *stats.difference_of_differences((0, 0, 1, 2), (1, 2, 1, 2))[:3],
    ]
    assert np.isnan(np.array(found, dtype=float)).all()


def test_one_table_possible_is_no_evidence() -> None:
    assert stats.two_proportions([0, 7], [5, 7], [0, 9], [9, 9]) == pytest.approx([1, 1])


@pytest.mark.parametrize(
    "impossible",
    [
        lambda: stats.wilson(6, 5),
        lambda: stats.wilson(3, 5, level=95),
        lambda: stats.newcombe(-1, 5, 1, 5),
        lambda: stats.two_proportions(1.5, 5, 1, 5),
        lambda: stats.total_variation([1, -1], [1, 1]),
        lambda: stats.holm([0.5, 1.5]),
        lambda: stats.benjamini_hochberg([0.5, 0.1], tests=1),
    ],
)
def test_what_cannot_be_is_refused(impossible: object) -> None:
    with pytest.raises(ParameterError):
        impossible()  # type: ignore[operator]
