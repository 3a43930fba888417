"""The budget is Benjamini and Hochberg's, over everything examined; facts are free."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.result import Finding
from workbench.triage.budget import spend

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
    kept = spend(findings_of(values), tests, budget)
    assert [finding.statement for finding in kept] == [str(i) for i, p in enumerate(values) if p is None or p <= limit]


@given(values=P, budget=st.floats(0.001, 0.999))
def test_listing_more_than_was_counted_counts_as_listed(values: list[float | None], budget: float) -> None:
    assert spend(findings_of(values), 0, budget) == spend(findings_of(values), sum(p is not None for p in values), budget)


def test_a_fact_has_no_adjusted_p_and_an_inference_has() -> None:
    fact, inference = spend(findings_of([None, 0.001]), 10, 0.05)
    assert fact.p_adjusted is None
    assert inference.p_adjusted == pytest.approx(0.01)


def test_a_p_that_could_not_be_computed_is_no_evidence() -> None:
    assert spend(findings_of([float("nan")]), 1, 0.5) == []
