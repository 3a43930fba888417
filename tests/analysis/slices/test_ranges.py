"""The p of an exact range is what a look at every slice and every range of every permutation gives."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.analysis.slices import find_slices, range_kernel
from workbench.analysis.slices.permutation import WORST
from workbench.analysis.slices.ranges import fine_column
from workbench.data.dataset import Dataset, open_dataset
from workbench.predicate import Predicate

LEAST = 6
PERMUTATIONS = 12


def opened(seed: int, rows: int = 70, *, numbers: bool = False) -> Dataset:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"x": rng.integers(0, 24, rows), "c": rng.choice(["a", "b"], rows), "late": np.arange(rows) % 2})
    hit = rng.random(rows) < np.where((frame["x"] > 6) & (frame["x"] < 15) & (frame["late"] == 1), 0.7, 0.2)
    frame["loss"] = np.where(hit, rng.random(rows) + 0.5, 0.1) if numbers else hit.astype(float)
    return open_dataset(frame, {"features": ["x", "c"]})


def plain_z(inside: np.ndarray, loss: np.ndarray, later: np.ndarray | None) -> float:
    """The permutation z of the rows `inside`: of the sum of the loss, or of its covariance with the window."""
    if later is None:
        rows, size = inside.sum(), len(loss)
        spread = loss.var() * rows * (size - rows) / (size - 1)
        return (loss[inside].sum() - rows * loss.mean()) / np.sqrt(spread) if spread > 1e-9 else 0.0
    own, now = loss[inside], later[inside].astype(float)
    spread = ((own - own.mean()) ** 2).sum() * now.sum() * (len(now) - now.sum()) / len(now) ** 2
    return ((own - own.mean()) * now).sum() / np.sqrt(spread) if spread > 1e-9 else 0.0


def without_x(where: Predicate) -> Predicate:
    return Predicate(tuple(each for each in where.conditions if Predicate((each,)).columns != ("x",)))


def runs_of(x: np.ndarray, inside: np.ndarray) -> list[np.ndarray]:
    """Every run of neighbouring values among the rows `inside`."""
    values = np.unique(x[inside])
    return [inside & (x >= low) & (x <= high) for low, high in itertools.combinations_with_replacement(values, 2)]


@pytest.mark.parametrize("numbers", [False, True])
@pytest.mark.parametrize("two", [False, True])
@pytest.mark.parametrize("seed", [0, 1])
def test_p_is_the_share_of_permutations_with_a_slice_or_range_as_far_out(seed: int, *, two: bool, numbers: bool) -> None:
    dataset = opened(seed, numbers=numbers)
    frame, windows = dataset.frame, {"reference": "late = 0", "current": "late = 1"} if two else {}
    found = find_slices(
        dataset, "column:loss", level=2, min_support=LEAST, seed=seed, permutations=PERMUTATIONS, bins=4, top=3, **windows
    )  # type: ignore[arg-type]
    cube, rows = found.cube, found.rows
    assert cube is not None
    assert rows is not None
    later = None if rows.window is None else rows.window == 1
    counted = np.ones(len(frame), bool) if later is None else later
    loss, x = rows.loss.values, frame["x"].to_numpy()
    centred = loss if later is None else loss - np.where(later, loss[later].mean(), loss[~later].mean())
    masks = [cube.where(index).mask(frame) for index in range(len(cube))]
    inside_of = [without_x(cube.where(index)).mask(frame) for index in range(len(cube))]
    binned = [index for index in range(len(cube)) if "x" in str(cube.where(index))]

    table = found.tables["distinct"].dropna(subset="refined")
    reported = [inside_of[[str(cube.where(index)) for index in range(len(cube))].index(text)] for text in table["slice"]]
    rng, drawn_from = np.random.default_rng(seed), (loss if later is None else later)
    largest = []
    for _ in range(PERMUTATIONS):
        drawn = rng.permutation(drawn_from)
        own, moved = (drawn, None) if later is None else (centred, drawn)
        z = np.array([plain_z(mask, own, moved) for mask in masks])
        worst = sorted(binned, key=lambda index: -z[index])[:WORST]
        tried = [run for inside in [*reported, *(inside_of[index] for index in worst)] for run in runs_of(x, inside)]
        tried = [run for run in tried if (run & counted).sum() >= LEAST]
        largest.append(max([*z, *(plain_z(run, own, moved) for run in tried)]))
    assert len(table)
    for text, p in zip(table["refined"], table["refined_p"], strict=True):
        reached = plain_z(Predicate.parse(text).mask(frame), centred, later)
        assert p == pytest.approx((1 + sum(each >= reached - 1e-9 for each in largest)) / (1 + PERMUTATIONS))


@settings(max_examples=60)
@given(st.lists(st.integers(0, 30), min_size=2, max_size=40), st.integers(2, 12), st.integers(1, 29), st.integers(0, 5))
def test_bins_put_together_part_the_rows_and_leave_a_heavy_one_alone(
    counts: list[int], most: int, first: int, more: int
) -> None:  # fmt: skip
    last = min(first + more, len(counts) - 1)
    first = min(first, last)
    bounds = range_kernel.merge_bins(np.array(counts, float), first, last, most).tolist()
    assert {1, len(counts), first, last + 1} <= set(bounds)
    total = sum(counts[1:])
    parts = [sum(counts[low:high]) for low, high in itertools.pairwise(bounds)]
    assert sum(parts) == total
    for code in range(1, len(counts)):
        if counts[code] > 2 * total / most:
            assert code in bounds
            assert code + 1 in bounds
    alone = [part for part, (low, high) in zip(parts, itertools.pairwise(bounds), strict=True) if high - low > 1]
    assert all(part < 2 * total / most + 1 or not total for part in alone)


def test_fine_bins_say_each_bin_of_the_coding() -> None:
    numbers = np.array([np.nan, -np.inf, 1.0, 2.0, 2.0, 3.0, 8.0, np.inf])
    coarse = np.array([2.0, 5.0])
    fine = fine_column(numbers, coarse)
    own = np.searchsorted(coarse, numbers, side="right") + 1
    for row in range(1, len(numbers)):
        first, last = fine.own[own[row]]
        assert first <= fine.codes[row] <= last
    assert fine.codes[0] == 0


@pytest.mark.slow
@pytest.mark.parametrize("two", [False, True])
def test_a_false_range_is_found_in_one_null_dataset_of_twenty(*, two: bool) -> None:
    """200 null datasets with a column of numbers, refined: family-wise error of the ranges 5 % + 3 points at most."""
    alarms = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        rows = 600
        frame = pd.DataFrame({"x": rng.normal(size=rows), "y": rng.integers(0, 80, rows), "c": rng.integers(0, 3, rows)})
        frame["late"] = (np.arange(rows) >= rows // 2).astype(int)
        frame["loss"] = (rng.random(rows) < (0.15 + 0.1 * frame["late"] if two else 0.2)).astype(float)
        windows = {"reference": "late = 0", "current": "late = 1"} if two else {}
        found = find_slices(
            open_dataset(frame, {"features": ["x", "y", "c"]}), "column:loss", min_support=0.03, level=2, seed=seed, score="z",
            permutations=99, **windows,
        )  # type: ignore[arg-type]  # fmt: skip
        alarms += bool((found.tables["distinct"]["refined_p"] <= 0.05).any())
    assert alarms / 200 <= 0.08
