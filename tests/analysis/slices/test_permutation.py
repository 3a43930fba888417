"""max-T: the z is the textbook one, both ways of adding agree, and nothing is found more often than was promised."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats as scipy_stats

from workbench.analysis.slices import find_slices
from workbench.analysis.slices.cube import build_cube
from workbench.analysis.slices.permutation import cost, is_cheap, permute
from workbench.analysis.slices.scores import z_scores
from workbench.data.dataset import open_dataset
from workbench.data.encode import number_coding
from workbench.errors import ParameterError


def example(rows: int = 300, columns: int = 4, seed: int = 0):  # noqa: ANN201
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 4, (columns, rows)).astype(np.uint8)
    codings = [number_coding(f"c{number}", np.arange(3)) for number in range(columns)]
    return codes, codings, (rng.random(rows) < 0.3).astype(float), rng.integers(0, 2, rows).astype(np.uint8)


@pytest.mark.parametrize("two", [False, True])
@pytest.mark.parametrize("missing", [False, True])
def test_bits_and_numbers_give_the_same_permutations(*, two: bool, missing: bool) -> None:
    """A loss of 0 and 1 is counted in bits, the same loss of 0 and 3 is added up."""
    codes, codings, loss, window = example()
    if missing:
        loss[::7] = np.nan
    window = window if two else None
    found = []
    for scale in (1, 3):
        cube = build_cube(codes, codings, [loss * scale], level=3, least=5, window=window)
        found.append(permute(cube, codes, loss * scale, window=window, permutations=40, seed=3))
        np.testing.assert_allclose(found[-1].z, z_scores(cube), atol=1e-9)
    np.testing.assert_allclose(found[0].z, found[1].z, atol=1e-9)
    np.testing.assert_allclose(found[0].largest, found[1].largest, atol=1e-4)


def test_z_of_one_window_is_the_permutation_z_of_the_sum() -> None:
    codes, codings, loss, _ = example()
    cube = build_cube(codes, codings, [loss], level=2, least=5)
    inside = cube.mask(17, codes)
    rng = np.random.default_rng(1)
    sums = [rng.permutation(loss)[inside].sum() for _ in range(20_000)]
    assert z_scores(cube)[17] == pytest.approx((loss[inside].sum() - np.mean(sums)) / np.std(sums), abs=0.05)


def test_z_of_two_windows_is_the_score_test_of_the_window_inside_the_slice() -> None:
    """sqrt(n) times the correlation of window and loss, once each window's overall mean is taken out."""
    codes, codings, loss, window = example()
    cube = build_cube(codes, codings, [loss], level=2, least=5, window=window)
    inside = cube.mask(11, codes)
    centred = loss - np.where(window == 1, loss[window == 1].mean(), loss[window == 0].mean())
    correlation = scipy_stats.pearsonr(centred[inside], window[inside]).statistic
    assert z_scores(cube)[11] == pytest.approx(correlation * np.sqrt(inside.sum()), abs=1e-9)


def test_the_adjusted_p_is_the_share_of_permutations_in_which_some_slice_stands_out_as_much() -> None:
    codes, codings, loss, _ = example()
    cube = build_cube(codes, codings, [loss], level=2, least=5)
    adjusted = permute(cube, codes, loss, permutations=60)
    every = np.arange(len(cube))
    expected = [(1 + (adjusted.largest >= z - 1e-9).sum()) / 61 for z in adjusted.z]
    np.testing.assert_allclose(adjusted.adjust(every, np.ones(len(cube))), expected)


def test_the_same_seed_gives_the_same_permutations_and_progress_is_told() -> None:
    codes, codings, loss, _ = example()
    cube = build_cube(codes, codings, [loss], level=2, least=5)
    told: list[tuple[int, int]] = []
    runs = [permute(cube, codes, loss, permutations=40, seed=seed, tell=lambda *done: told.append(done)) for seed in (1, 1, 2)]
    np.testing.assert_array_equal(runs[0].largest, runs[1].largest)
    assert not np.array_equal(runs[0].largest, runs[2].largest)
    assert told[-1] == (40, 40)


def test_weights_are_permuted_with_what_they_weigh() -> None:
    codes, codings, loss, _ = example()
    weights = np.full(300, 2.5)
    plain, weighted = (build_cube(codes, codings, [loss], level=2, least=5, weights=each) for each in (None, weights))
    ours = permute(weighted, codes, loss, weights=weights, permutations=20)
    theirs = permute(plain, codes, loss, permutations=20)
    np.testing.assert_allclose(ours.largest, theirs.largest[-20:], atol=1e-4)


def test_a_number_of_permutations_that_cannot_be_is_refused() -> None:
    codes, codings, loss, _ = example()
    cube = build_cube(codes, codings, [loss], level=1, least=5)
    with pytest.raises(ParameterError, match="no number of permutations"):
        permute(cube, codes, loss, permutations=0)


def test_what_is_cheap_is_done_unasked() -> None:
    codes, codings, loss, _ = example()
    cube = build_cube(codes, codings, [loss], level=2, least=5)
    assert is_cheap(cube, 300)
    assert not is_cheap(cube, 10**12)
    assert cost(cube, 300, 200) == 2 * cost(cube, 300, 100)


def null_dataset(seed: int, *, two: bool) -> tuple[pd.DataFrame, dict[str, object]]:
    """Features that say nothing of the errors; between the windows all errors rise alike."""
    rng = np.random.default_rng(seed)
    rows = 800
    frame = pd.DataFrame({f"c{number}": rng.integers(0, 4, rows) for number in range(5)})
    later = np.arange(rows) >= rows // 2
    rate = np.where(frame["c0"] == 1, 0.3, 0.1) + 0.1 * later if two else np.full(rows, 0.15)
    frame = frame.assign(p=(rng.random(rows) < rate).astype(int), y=0, late=later.astype(int))
    return frame, {"prediction": "p", "label": "y", "features": [f"c{number}" for number in range(5)]}


@pytest.mark.slow
@pytest.mark.parametrize("two", [False, True])
def test_a_false_slice_is_found_in_one_null_dataset_of_twenty(*, two: bool) -> None:
    """200 null datasets, each searched whole: family-wise error 5 % ± 3 points."""
    alarms = 0
    for seed in range(200):
        frame, roles = null_dataset(seed, two=two)
        windows = {"reference": "late = 0", "current": "late = 1"} if two else {}
        result = find_slices(open_dataset(frame, roles), min_support=0.02, details=False, seed=seed, **windows)  # type: ignore[arg-type]
        top = result.top(1, score="z")
        alarms += bool(len(top) and top["p_adjusted"].min() <= 0.05)
    assert 0.02 <= alarms / 200 <= 0.08
