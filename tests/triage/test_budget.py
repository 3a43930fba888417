"""Each check has the same share of the budget; inside one check the budget is Benjamini and Hochberg's; facts are free."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from workbench.result import Finding
from workbench.triage.budget import allow_for_choice, spend, weighted_adjusted
from workbench.triage.check import Examined

P = st.lists(st.one_of(st.none(), st.floats(0, 1)), max_size=12)


def findings_of(values: list[float | None]) -> list[Finding]:
    return [Finding("drift", str(number), p=p) for number, p in enumerate(values)]


@given(values=P, more=st.integers(0, 20), budget=st.floats(0.001, 0.999))
def test_kept_are_those_of_the_textbook_and_the_facts(values: list[float | None], more: int, budget: float) -> None:
    """Sort p, find the largest k with p(k) <= k q / m, keep what is no larger (1995, J R Stat Soc B 57:289)."""
    known = sorted(p for p in values if p is not None)
    tests = len(known) + more
    passing = [p for number, p in enumerate(known, 1) if p * tests / number <= budget]
    limit = max(passing, default=-1.0)
    kept = spend({"one": Examined(findings_of(values), tests)}, budget)
    assert [finding.statement for finding in kept] == [str(i) for i, p in enumerate(values) if p is None or p <= limit]


@given(values=P, budget=st.floats(0.001, 0.999))
def test_listing_more_than_was_counted_counts_as_listed(values: list[float | None], budget: float) -> None:
    listed = sum(p is not None for p in values)
    assert spend({"one": Examined(findings_of(values), 0)}, budget) == spend(
        {"one": Examined(findings_of(values), listed)}, budget
    )


def test_a_search_of_thousands_costs_another_check_no_more_than_a_small_one() -> None:
    def adjusted(other: int) -> float:
        examined = {"drift": Examined(findings_of([0.001]), 5), "slices": Examined(findings_of([0.5]), other)}
        found = next(item for item in spend(examined, 0.5) if item.p == 0.001)
        assert found.p_adjusted is not None
        return found.p_adjusted

    assert adjusted(10) == adjusted(100_000) == pytest.approx(0.001 * 5 * 2)


def test_p_that_hold_for_the_whole_check_count_as_one_test() -> None:
    examined = {"causes": Examined(findings_of([0.004]), 50, familywise=True), "drift": Examined((), 10)}
    assert [item.p_adjusted for item in spend(examined, 0.01)] == [pytest.approx(0.008)]


@given(p=st.lists(st.floats(0, 1), min_size=1, max_size=8), costs=st.data())
def test_the_weighted_procedure_is_the_step_up_by_brute_force(p: list[float], costs: st.DataObject) -> None:
    """Kept at level q: the largest set in which each charged p is at most q times the size of the set."""
    charged = costs.draw(st.lists(st.integers(1, 50), min_size=len(p), max_size=len(p)))
    adjusted = weighted_adjusted(p, charged)
    values = np.array(p) * charged
    for level in (0.01, 0.2, 0.7):
        sizes = [size for size in range(1, len(p) + 1) if (values <= level * size).sum() >= size]
        kept = values <= level * max(sizes, default=0) if sizes else np.zeros(len(p), dtype=bool)
        near = np.isclose(adjusted, level, rtol=1e-9)
        assert ((adjusted <= level) == kept)[~near].all()


def test_false_alarms_of_many_null_checks_stay_within_the_budget() -> None:
    rng = np.random.default_rng(5)
    alarms = 0
    for _ in range(400):
        examined = {name: Examined(findings_of(rng.random(size).tolist()), size) for name, size in (("a", 2), ("b", 200))}
        alarms += bool(spend(examined, 0.1))
    assert alarms <= 400 * 0.1 + 3 * np.sqrt(400 * 0.1 * 0.9)


def test_a_fact_has_no_adjusted_p_and_an_inference_has() -> None:
    fact, inference = spend({"one": Examined(findings_of([None, 0.001]), 10)}, 0.05)
    assert fact.p_adjusted is None
    assert inference.p_adjusted == pytest.approx(0.01)


def test_a_p_that_could_not_be_computed_is_no_evidence() -> None:
    assert spend({"one": Examined(findings_of([float("nan")]), 1)}, 0.5) == []


def measured(p: float) -> Finding:
    """An effect of 0.2 with the plain interval that its p belongs to."""
    error = 0.2 / float(norm.isf(p / 2))
    return Finding("drift", "a rate that moved", effect=0.2, interval=(0.2 - 1.96 * error, 0.2 + 1.96 * error), p=p)


def test_what_hardly_passed_is_told_with_an_interval_that_allows_for_it() -> None:
    for p, most in ((1e-30, 0.05), (0.009, 1.0)):
        finding = measured(p)
        [kept] = spend({"drift": Examined([finding], 1)}, 0.01)
        assert finding.interval is not None
        assert kept.interval is not None
        plain, told = (interval[0] or 0.0 for interval in (finding.interval, kept.interval))
        widened = (plain - told) / (0.2 - plain)
        assert 0 <= widened <= most
        assert (widened > 0.3) == (p > 0.001)


def test_facts_and_intervals_that_allow_for_the_choice_stay_as_they_are() -> None:
    finding = measured(0.009)
    [kept] = spend({"slices": Examined([finding], 1, allowed=True)}, 0.01)
    assert kept.interval == finding.interval
    fact = Finding("lineage", "an upgrade", effect=1.0, interval=(0.5, 2.0))
    assert spend({"lineage": Examined([fact], 1)}, 0.01) == [fact]


@given(p=st.floats(1e-12, 0.05), effect=st.floats(-1, 1).filter(lambda value: abs(value) > 0.001), tests=st.integers(1, 100))
def test_an_effect_lies_in_its_interval_and_its_mirror_image_in_the_mirrored_one(p: float, effect: float, tests: int) -> None:
    told = []
    for sign in (1, -1):
        size, ends = sign * effect, sorted((sign * effect * 0.4, sign * effect * 1.7))
        found = allow_for_choice(Finding("drift", "", effect=size, interval=(ends[0], ends[1]), p=p), 0.06, tests)
        assert found.interval is not None
        low, high = (end or 0.0 for end in found.interval)
        assert low <= size <= high
        told.append(sorted(sign * end for end in (low, high)))
    assert told[0] == pytest.approx(told[1])
