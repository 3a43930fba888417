"""The cube equals counting by hand: every slice above the support, no other, with the right sums."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.analysis.slices.cube import SliceCube, build_cube
from workbench.data.encode import Coding, number_coding
from workbench.errors import InputError, ParameterError


def coded(columns: int, rows: int, values: int, seed: int) -> tuple[np.ndarray, list[Coding]]:
    """Columns of small numbers, code 0 (missing) among them; the last column is constant."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, values + 1, (columns, rows)).astype(np.uint8)
    codes[-1] = 1
    return codes, [number_coding(f"c{number}", np.arange(values)) for number in range(columns)]


def by_hand(  # noqa: PLR0917  as build_cube takes them
    codes: np.ndarray, values: list[np.ndarray], level: int, least: float, window: np.ndarray | None, weights: np.ndarray | None
) -> dict[Any, np.ndarray]:
    """Conditions of each slice to (counts, sums, squares, maxima, rows), windows and measures."""
    rows, windows = codes.shape[1], 1 if window is None else 2
    weight = np.ones(rows) if weights is None else weights
    found = {}
    for size in range(1, level + 1):
        for members in itertools.combinations(range(len(codes)), size):
            for cell in itertools.product(*(np.unique(codes[member]).tolist() for member in members)):
                inside = np.logical_and.reduce([codes[member] == code for member, code in zip(members, cell, strict=True)])
                held = np.zeros((5, windows, len(values)))
                for number, measure in itertools.product(range(windows), range(len(values))):
                    loss = values[measure]
                    among = inside & ~np.isnan(loss) & (weight > 0) & (True if window is None else window == number)
                    parts = (weight, weight * loss, weight * loss**2)
                    held[:3, number, measure] = [part[among].sum() for part in parts]
                    held[3:, number, measure] = loss[among].max(initial=-np.inf), among.sum()
                if held[0, -1, 0] >= least and held[4, -1, 0] > 0:
                    found[tuple(zip(members, cell, strict=True))] = held
    return found


def in_hand(cube: SliceCube) -> dict[Any, np.ndarray]:
    return {cube.conditions(index): np.array([part[:, :, index] for part in cube.held.parts]) for index in range(len(cube))}


def assert_same(found: dict[Any, np.ndarray], expected: dict[Any, np.ndarray]) -> None:
    assert found.keys() == expected.keys()
    for conditions, held in found.items():
        np.testing.assert_allclose(held, expected[conditions], atol=1e-9)


@settings(max_examples=60)
@given(
    rows=st.integers(1, 40), columns=st.integers(1, 4), level=st.integers(1, 4), least=st.sampled_from([1, 2, 5, 60]),
    kinds=st.lists(st.sampled_from(["share", "number"]), min_size=1, max_size=2), two=st.booleans(), weighted=st.booleans(),
    seed=st.integers(0, 10_000),
)  # fmt: skip
def test_the_cube_equals_brute_force(
    *, rows: int, columns: int, level: int, least: float, kinds: list[str], two: bool, weighted: bool, seed: int
) -> None:
    """Constant columns, missing losses, weights of 0, one row, a support no slice has: all of it."""
    codes, codings = coded(columns, rows, 3, seed)
    rng = np.random.default_rng(seed)
    values = [rng.integers(0, 2, rows).astype(float) if kind == "share" else rng.normal(size=rows) for kind in kinds]
    values[0][rng.random(rows) < 0.2] = np.nan
    window = rng.integers(0, 2, rows).astype(np.uint8) if two else None
    weights = rng.integers(0, 3, rows).astype(float) if weighted else None
    cube = build_cube(codes, codings, values, level=level, least=least, window=window, weights=weights)
    assert_same(in_hand(cube), by_hand(codes, values, level, least, window, weights))
    total = by_hand(np.ones((1, rows), np.uint8), values, 1, -1, window, weights)
    if total:
        np.testing.assert_allclose([part[:, :, 0] for part in cube.totals.parts], next(iter(total.values())), atol=1e-9)


def test_no_slice_is_lost_or_merged_where_the_feature_space_has_more_than_64_bits() -> None:
    """Forty columns of nine codes are 127 bits: packed numbers of slices would overflow and collide."""
    codes, codings = coded(40, 120, 8, seed=5)
    assert 40 * math.log2(9) > 64
    loss = np.random.default_rng(1).integers(0, 2, 120).astype(float)
    planted = (codes[0] == 3) & (codes[38] == 4)
    loss[planted] = 1
    cube = build_cube(codes, codings, [loss], level=2, least=2)
    assert_same(in_hand(cube), by_hand(codes, [loss], 2, 2, None, None))
    deep = build_cube(codes, codings, [loss], level=3, least=6)
    names = in_hand(deep)
    assert len(names) == len(deep)
    for conditions, held in names.items():
        inside = np.logical_and.reduce([codes[member] == code for member, code in conditions])
        assert (held[0, 0, 0], held[1, 0, 0]) == (inside.sum(), loss[inside].sum())
    triples = {key for key in by_hand(codes[[0, 1, 20, 38, 39]], [loss], 3, 6, None, None) if len(key) == 3}
    places = [0, 1, 20, 38, 39]
    assert {tuple((places[member], code) for member, code in key) for key in triples} <= names.keys()


def test_a_slice_is_its_predicate_and_its_mask() -> None:
    codes, codings = coded(3, 50, 3, seed=2)
    cube = build_cube(codes, codings, [np.zeros(50)], level=3, least=1)
    for index in range(0, len(cube), 7):
        where = cube.where(index)
        conditions = [codings[member].conditions[code] for member, code in cube.conditions(index)]
        assert str(where) == " and ".join(map(str, conditions))
        assert cube.mask(index, codes).sum() == cube.counts[0, index]


def test_parents_have_one_condition_less_and_are_found() -> None:
    codes, codings = coded(4, 60, 2, seed=3)
    cube = build_cube(codes, codings, [np.ones(60)], level=3, least=2)
    deepest = int(np.flatnonzero(cube.levels == 3)[0])
    parents = cube.parents(deepest)
    assert len(parents) == 3
    assert all(set(cube.conditions(parent)) < set(cube.conditions(deepest)) for parent in parents)
    assert cube.parents(0) == []
    assert cube.find([(0, 250)]) is None


def test_codes_that_are_no_conditions_are_left_out() -> None:
    codes, codings = coded(3, 60, 2, seed=4)
    usable = np.ones((3, 256), bool)
    usable[0, 1] = False
    cube = build_cube(codes, codings, [np.ones(60)], level=3, least=1, usable=usable)
    assert cube.find([(0, 1)]) is None
    assert cube.find([(0, 2)]) is not None
    assert not any((0, 1) in cube.conditions(index) for index in range(len(cube)))


def test_a_search_beyond_the_budget_is_refused_before_it_begins() -> None:
    codes, codings = coded(6, 100, 2, seed=0)
    with pytest.raises(InputError, match=r"the search would visit 2.1e\+03 rows, and the budget is 2e\+03.*fewer features"):
        build_cube(codes, codings, [np.ones(100)], level=3, least=1, budget=2000)


def test_level_4_is_refused_with_a_figure_before_it_begins() -> None:
    codes, codings = coded(7, 400, 2, seed=0)
    told: list[int] = []

    def search(level: int, budget: int) -> SliceCube:
        return build_cube(
            codes, codings, [np.ones(400)], level=level, least=1, budget=budget, tell=lambda done, _all: told.append(done)
        )

    search(3, 10**9)
    done, more = told[-1], 400 * math.comb(7, 4)
    with pytest.raises(InputError, match=r"level 4 would visit 1.4e\+04 more rows, from 35 sets.*Give level=3"):
        search(4, done + more - 1)
    assert told[-1] == done
    assert (search(4, done + more).levels == 4).any()


def test_progress_is_told_and_an_exception_in_it_ends_the_search() -> None:
    codes, codings = coded(6, 100, 2, seed=0)
    told: list[tuple[int, int]] = []
    build_cube(codes, codings, [np.ones(100)], level=3, least=1, tell=lambda done, total: told.append((done, total)))
    assert told[-1][0] == told[-1][1]

    def cancel(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_cube(codes, codings, [np.ones(100)], level=3, least=1, tell=cancel)


@pytest.mark.parametrize("level", [0, 5])
def test_a_level_without_a_search_is_refused(level: int) -> None:
    codes, codings = coded(2, 10, 2, seed=0)
    with pytest.raises(InputError, match="no search at this level"):
        build_cube(codes, codings, [np.ones(10)], level=level, least=1)


def test_losses_of_another_length_are_refused() -> None:
    codes, codings = coded(2, 10, 2, seed=0)
    with pytest.raises(ParameterError, match="differ in rows"):
        build_cube(codes, codings, [np.ones(9)], level=1, least=1)
