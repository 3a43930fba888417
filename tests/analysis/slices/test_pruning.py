"""What a pruned search keeps holds the whole top, ties included, whatever the score weighs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.analysis.slices.cube import build_cube
from workbench.analysis.slices.outcome import pack_outcome
from workbench.analysis.slices.pruning import Question, build_pruned
from workbench.analysis.slices.result import rank
from workbench.data.encode import number_coding
from workbench.errors import InputError


@settings(max_examples=40)
@given(
    seed=st.integers(0, 10_000), top=st.integers(1, 30), alpha=st.sampled_from([0.3, 0.9, 0.95, 1.0]), real=st.booleans(),
    least=st.integers(1, 20),
)  # fmt: skip
def test_the_top_is_that_of_the_complete_cube(*, seed: int, top: int, alpha: float, real: bool, least: int) -> None:
    rng = np.random.default_rng(seed)
    rows, columns = int(rng.integers(5, 400)), int(rng.integers(1, 6))
    codes = (1 + (rng.random((columns, rows)) ** 2 * 4)).astype(np.uint8)
    codings = [number_coding(f"c{number}", np.arange(4)) for number in range(columns)]
    loss = (rng.random(rows) < np.where(codes[0] == 2, 0.5, 0.1)).astype(float)
    loss *= rng.exponential(size=rows) if real else 1.0
    full = build_cube(codes, codings, [loss], level=3, least=least)
    pruned = build_pruned(codes, codings, loss, level=3, least=least, top=top, alpha=alpha)
    expected, scores = rank(full, top, "sliceline", alpha)
    found, pruned_scores = rank(pruned, top, "sliceline", alpha)
    assert [full.conditions(index) for index in expected] == [pruned.conditions(index) for index in found]
    np.testing.assert_allclose(pruned_scores, scores, rtol=1e-9)
    assert pruned.examined >= len(full), "p-values are adjusted for at least every slice there is"


@settings(max_examples=40)
@given(seed=st.integers(0, 10_000), alpha=st.sampled_from([0.3, 0.95, 1.0]))
def test_no_subset_of_the_rows_scores_above_the_bound(*, seed: int, alpha: float) -> None:
    rng = np.random.default_rng(seed)
    losses = rng.exponential(size=40) * (rng.random(40) < 0.4)
    question = Question(pack_outcome([np.append(losses, rng.random(60))]), 4, 1, alpha)
    bound = question.bound(np.array([40.0]), np.array([losses.sum()]), np.array([losses.max()]))[0]
    for size in range(4, 41):
        worst = np.sort(losses)[::-1][:size].sum()
        assert question.score(np.array(float(size)), np.array(worst)) <= bound + 1e-9


def test_it_extends_less_than_everything() -> None:
    rng = np.random.default_rng(0)
    codes = rng.integers(1, 4, (8, 4000)).astype(np.uint8)
    codings = [number_coding(f"c{number}", np.arange(3)) for number in range(8)]
    loss = (rng.random(4000) < np.where((codes[0] == 1) & (codes[5] == 2), 0.9, 0.05)).astype(float)
    full = build_cube(codes, codings, [loss], level=3, least=40)
    pruned = build_pruned(codes, codings, loss, level=3, least=40, top=1)
    assert len(pruned) < len(full)
    assert not pruned.complete


def test_what_has_no_bound_is_refused() -> None:
    codes, codings = np.ones((2, 5), np.uint8), [number_coding("a", np.arange(2)), number_coding("b", np.arange(2))]
    with pytest.raises(InputError, match="no bound to prune by"):
        build_pruned(codes, codings, np.array([1, -1, 0, 0, 0.0]), level=2, least=1, top=1)
    with pytest.raises(InputError, match="three conditions"):
        build_pruned(codes, codings, np.ones(5), level=4, least=1, top=1)
