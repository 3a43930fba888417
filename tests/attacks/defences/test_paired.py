"""Differences of paired rates: counted by hand, symmetric, and inside their interval."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from workbench.attacks.defences.paired import compare_paired
from workbench.errors import InputError

pairs = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60)


@given(pairs)
def test_it_is_what_counting_gives_and_turns_its_sign_with_the_two(given_pairs: list[tuple[bool, bool]]) -> None:
    one, two = (np.array(side) for side in zip(*given_pairs, strict=True))
    found, turned = compare_paired(one, two), compare_paired(two, one)
    more, fewer = sum(a and not b for a, b in given_pairs), sum(b and not a for a, b in given_pairs)
    assert found.difference == pytest.approx(found.first - found.second)
    assert found.difference == (more - fewer) / len(given_pairs)
    assert found.low <= found.difference <= found.high
    assert (turned.low, turned.high, turned.p) == pytest.approx((-found.high, -found.low, found.p))
    if more + fewer:
        assert found.p == pytest.approx(binomtest(more, more + fewer, 0.5).pvalue)


@given(st.lists(st.booleans(), min_size=1, max_size=50))
def test_a_rate_does_not_differ_from_itself(hits: list[bool]) -> None:
    found = compare_paired(np.array(hits), np.array(hits))
    assert (found.difference, found.p) == (0.0, 1.0)


def test_no_pairs_is_an_error() -> None:
    with pytest.raises(InputError, match="no pairs"):
        compare_paired(np.zeros(3, dtype=bool), np.zeros(2, dtype=bool))
