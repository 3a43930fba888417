"""Decisions of different types that are the same decision."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.attacks.decisions import MISSING, Vocabulary, decision_text, decision_texts


def test_one_is_one_whatever_its_type() -> None:
    vocabulary = Vocabulary()
    kinds = [np.array([1, 0]), np.array([1.0, 0.0]), np.array([True, False]), np.array([np.int8(1), 0], dtype=object)]
    assert [vocabulary.encode(kind).tolist() for kind in kinds] == [[0, 1]] * 4
    assert vocabulary.values() == [1, 0]


def test_nothing_decided_is_missing() -> None:
    assert Vocabulary().encode(np.array([None, float("nan"), "yes"], dtype=object)).tolist() == [MISSING, MISSING, 0]


def test_text_beside_numbers_makes_all_of_them_text() -> None:
    vocabulary = Vocabulary()
    vocabulary.encode(np.array([1, "deny"], dtype=object))
    assert vocabulary.values() == ["1", "deny"]


@pytest.mark.parametrize("odd", ["007", "1_0", " 1", "٣", "-0", str(10**19)])
def test_a_decision_that_is_no_plain_number_stays_as_it_is(odd: str) -> None:
    vocabulary = Vocabulary()
    vocabulary.encode(np.array(["7", odd], dtype=object))
    assert vocabulary.values() == ["7", odd]


def test_half_a_surrogate_pair_can_be_written() -> None:
    assert decision_text("a\ud83d") == "a\\ud83d"


@given(st.lists(st.none() | st.integers() | st.text(max_size=3) | st.booleans() | st.floats(allow_infinity=False), max_size=20))
def test_codes_name_the_text_of_each_decision(decisions: list[object]) -> None:
    array = np.array([*decisions, None], dtype=object)[:-1]
    vocabulary = Vocabulary()
    texts = [*vocabulary.texts, None]
    codes = vocabulary.encode(array)
    texts = [*vocabulary.texts, None]
    assert [texts[code] for code in codes] == [decision_text(item) for item in decisions] == decision_texts(array).tolist()
