"""Levels, outcomes and the paired test."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from workbench.attacks.decisions import Vocabulary
from workbench.attacks.verdict import (
    FAIL,
    LEVELS,
    NOT_JUDGED,
    OUTCOMES,
    PASS,
    Answers,
    gather,
    levels,
    mcnemar,
    outcomes,
    pair,
    verdict_digest,
    verdict_table,
)
from workbench.models.target import Prediction


def answers(codes: list[int], score: list[float], *, abstained: tuple[int, ...] = (), errors: tuple[int, ...] = ()) -> Answers:
    rows = len(codes)
    marks = np.isin(np.arange(rows), abstained)
    failed = np.where(np.isin(np.arange(rows), errors), 0, -1).astype(np.int32)
    return Answers(np.array(codes, np.int32), np.array(score), np.zeros(rows), marks, failed, ("timeout: no answer in 5 s",))


def test_each_level() -> None:
    recorded = answers([0, 0, 0, 0, 0, -1], [0.5, 0.5, 0.5, 0.5, 0.5, np.nan])
    answered = answers([0, 0, 0, 1, -1, 0], [0.5, 0.5 + 1e-9, 0.6, 0.5, np.nan, 0.5], errors=(4,))
    assert [LEVELS[level] for level in levels(recorded, answered)] == [
        "bit-identical", "within tolerance", "score changed", "decision changed", "not answered", "not recorded",
    ]  # fmt: skip


def test_minus_zero_is_not_the_same_bits_and_no_score_twice_is() -> None:
    recorded, answered = answers([0, 0], [0.0, np.nan]), answers([0, 0], [-0.0, np.nan])
    assert [LEVELS[level] for level in levels(recorded, answered)] == ["within tolerance", "bit-identical"]


def test_an_abstention_beside_a_decision_is_a_changed_decision() -> None:
    recorded, answered = answers([0, -1], [0.5, np.nan], abstained=(1,)), answers([-1, -1], [np.nan] * 2, abstained=(0, 1))
    assert [LEVELS[level] for level in levels(recorded, answered)] == ["decision changed", "bit-identical"]


def test_what_was_not_decided_is_not_judged() -> None:
    answered = answers([0, -1, -1, -1], [0.1, 0.1, 0.1, 0.1], abstained=(1,), errors=(2,))
    found = [OUTCOMES[place] for place in outcomes(np.full(4, FAIL), answered)]
    assert found == ["fail", "abstained", "error: timeout", "error: not a number"]


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_the_exact_binomial_test(first: int, second: int) -> None:
    expected = binomtest(first, first + second).pvalue if first + second else 1.0
    assert mcnemar(first, second) == pytest.approx(expected, rel=1e-9)


@given(st.lists(st.tuples(st.sampled_from([PASS, FAIL, NOT_JUDGED]), st.sampled_from([PASS, FAIL, NOT_JUDGED])), max_size=30))
def test_pairs_are_what_a_loop_finds(outcome: list[tuple[int, int]]) -> None:
    before, after = (np.array([each[side] for each in outcome], dtype=np.int8) for side in (0, 1))
    paired = pair(before, after)
    assert paired.newly_failing.tolist() == [at for at, (one, two) in enumerate(outcome) if (one, two) == (PASS, FAIL)]
    assert paired.newly_fixed.tolist() == [at for at, (one, two) in enumerate(outcome) if (one, two) == (FAIL, PASS)]
    assert paired.judged == sum(NOT_JUDGED not in each for each in outcome)


def test_a_table_names_the_five_columns_and_its_digest_follows_each() -> None:
    vocabulary = Vocabulary()
    prediction = Prediction(
        np.array([1, 0]), np.array([0.9, 0.1]), np.zeros(2), np.zeros(2, bool), np.full(2, None, dtype=object)
    )  # fmt: skip
    answered = gather([prediction], vocabulary)
    cases = (("one", [7, 8], [0, 0]), ("same", [7, 8], [0, 0]), ("ids", [7, 9], [0, 0]), ("level", [7, 8], [0, 3]))
    tables = {
        name: verdict_table(pa.array(ids), "v1", vocabulary.values(), answered, level=np.array(level), outcome=np.array([0, 1]))
        for name, ids, level in cases
    }  # fmt: skip
    assert tables["one"].column_names == ["row_id", "target", "decision", "level", "outcome"]
    assert tables["one"]["decision"].to_pylist() == [1, 0]
    digests = {name: verdict_digest([table]) for name, table in tables.items()}
    assert digests["one"] == digests["same"]
    assert len(set(digests.values())) == 3
