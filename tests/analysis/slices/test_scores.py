"""Each score is its published formula, of a cube counted by hand."""

import numpy as np
import pytest

from workbench.analysis.slices.cube import SliceCube, build_cube
from workbench.analysis.slices.scores import decompose, score_slices
from workbench.data.encode import number_coding
from workbench.errors import InputError, ParameterError, UnknownNameError

CODES = np.array([[1] * 40 + [2] * 60], np.uint8)
CODINGS = [number_coding("c", np.arange(2))]
LOSS = np.array([1.0] * 30 + [0.0] * 10 + [1.0] * 6 + [0.0] * 54)


def cube(loss: np.ndarray = LOSS, window: np.ndarray | None = None) -> SliceCube:
    return build_cube(CODES, CODINGS, [loss], level=1, least=1, window=window)


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        ("sliceline", 0.95 * (0.75 / 0.36 - 1) - 0.05 * (100 / 40 - 1)),
        ("lift", 0.75 / 0.36),
        ("effect", (0.75 - 0.1) / np.sqrt(0.36 * 0.64)),
        ("share", (30 - 40 * 0.36) / 36),
        ("z", (30 - 40 * 0.36) / np.sqrt(0.36 * 0.64 * 40 * 60 / 99)),
    ],
)
def test_the_scores_of_one_window(score: str, expected: float) -> None:
    found = score_slices(cube(), score)
    assert found[0] == pytest.approx(expected)
    assert found[1] == -np.inf, "the better half is no finding"


def test_the_score_of_a_change_counts_from_what_was_before() -> None:
    window = np.arange(100) % 2
    loss = np.where(window == 0, 0.0, LOSS)
    loss[::10] = 1
    both = cube(loss, window.astype(np.uint8))
    means = {(now, half): loss[(window == now) & (CODES[0] == half)].mean() for now in (0, 1) for half in (1, 2)}
    beyond = (means[1, 1] - means[1, 2]) - (means[0, 1] - means[0, 2])
    overall = loss[window == 1].mean()
    assert score_slices(both)[0] == pytest.approx(0.95 * beyond / overall - 0.05 * (50 / 20 - 1))
    worse, grew, whole = decompose(both)
    assert (worse + grew).sum() == pytest.approx(whole), "over a partition the parts are the whole change"
    assert score_slices(both, "share")[0] == pytest.approx((worse + grew)[0] / whole)


def test_a_signed_loss_is_measured_in_its_spread_where_its_average_is_no_unit() -> None:
    signed = LOSS - LOSS.mean()
    expected = 0.95 * signed[:40].mean() / signed.std() - 0.05 * (100 / 40 - 1)
    assert score_slices(cube(signed))[0] == pytest.approx(expected)


def test_rare_errors_are_measured_in_their_average_however_small() -> None:
    rows = 100_000
    loss = np.zeros(rows)
    loss[:2] = 1
    codes = np.ones((1, rows), np.uint8)
    codes[0, 1000:] = 2
    found = score_slices(build_cube(codes, CODINGS, [loss], level=1, least=1))
    assert found[0] == pytest.approx(0.95 * (0.002 / 0.00002 - 1) - 0.05 * 99)


def test_refusals() -> None:
    with pytest.raises(UnknownNameError, match="sliceline"):
        score_slices(cube(), "nope")
    with pytest.raises(ParameterError, match="alpha"):
        score_slices(cube(), alpha=0.0)
    with pytest.raises(InputError, match="two windows"):
        score_slices(cube(), "change")
