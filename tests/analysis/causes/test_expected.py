"""The rule of decision by brute force; expectations by rows that are not the row itself."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.analysis.causes.sound import opened, sound_log
from workbench.analysis.causes.expected import decision_rule, given_codes, given_columns, given_score, read_rule
from workbench.analysis.causes.rows import timed_rows


@given(seed=st.integers(0, 500), at=st.floats(0.2, 0.8), up=st.booleans(), noise=st.sampled_from([0.0, 0.02, 0.3]))
def test_the_rule_is_the_best_threshold_by_brute_force(seed: int, at: float, up: bool, noise: float) -> None:  # noqa: FBT001
    rng = np.random.default_rng(seed)
    score = np.round(rng.random(120), 2)
    decision = ((score >= at) == up).astype(float)
    decision = np.where(rng.random(120) < noise, 1 - decision, decision)
    best = max(((score >= cut) == bool(way)).astype(float).__eq__(decision).mean() for cut in np.unique(score) for way in (0, 1))
    found = read_rule(score, decision)
    few = min(decision.sum(), len(decision) - decision.sum()) < 5
    if found is None:
        assert few or best < 0.97
    else:
        assert best >= 0.97
        told = (score >= found[0]) == (found[1] > 0)
        assert (told == (decision == 1)).mean() == best


def test_no_rule_is_read_from_few_or_from_noise() -> None:
    rng = np.random.default_rng(0)
    score = rng.random(2000)
    assert decision_rule(score[:50], (score[:50] > 0.5).astype(float)) is None
    assert decision_rule(score, (rng.random(2000) > 0.5).astype(float)) is None
    assert decision_rule(score, (score >= 0.4).astype(float)) is not None


def test_expectations_follow_what_they_are_given() -> None:
    rows = timed_rows([opened(sound_log(3000))])
    assert rows is not None
    score = rows.outcomes["score"]
    expected = given_columns(rows, score)
    assert expected is not None
    assert np.corrcoef(expected, score)[0, 1] > 0.97
    label = given_score(score, rows.outcomes["label"])
    assert label is not None
    assert abs(label.mean() - rows.outcomes["label"].mean()) < 0.01
    linear = given_codes(rows, rows.conditions, {"score": score})["score"]
    assert np.corrcoef(linear, score)[0, 1] > 0.9


def test_a_column_is_not_expected_from_itself() -> None:
    rows = timed_rows([opened(sound_log(3000))])
    assert rows is not None
    rank = np.argsort(np.argsort(np.random.default_rng(0).random(rows.size))) / rows.size
    rows.frame["age"] = rank
    expected = given_codes(rows, rows.conditions, {"age": rank}, apart=True)["age"]
    assert abs(np.corrcoef(expected, rank)[0, 1]) < 0.1
