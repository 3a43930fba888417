"""No small cell can be solved for: an adversary who knows the total, what is shown and the rule is the oracle."""

import itertools
import math
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.result import cells
from workbench.result.cells import SMALL_CELL, hide, rounded_count, rounded_rate, rounded_share, shows_nothing

SIZES = st.lists(st.one_of(st.integers(0, 14), st.integers(0, 60)), min_size=1, max_size=7)


def compositions(total: int, parts: int) -> Iterator[tuple[int, ...]]:
    """Every way to write `total` as a sum of `parts` numbers of at least 1."""
    for cuts in itertools.combinations(range(1, total), parts - 1):
        yield tuple(high - low for low, high in itertools.pairwise((0, *cuts, total)))


def possible(sizes: list[int], marks: list[bool]) -> list[set[int]]:
    """What each hidden cell may hold, given the rest, the total and the rule that chose what to hide."""
    hidden = [at for at, mark in enumerate(marks) if mark]
    found: list[set[int]] = [set() for _ in hidden]
    for guess in compositions(sum(sizes[at] for at in hidden), len(hidden)):
        tried = list(sizes)
        for at, size in zip(hidden, guess, strict=True):
            tried[at] = size
        if hide(tried) == marks:
            for values, size in zip(found, guess, strict=True):
                values.add(size)
    return found


@given(sizes=st.lists(st.one_of(st.integers(0, 12), st.integers(8, 24)), min_size=1, max_size=6))
def test_whoever_knows_the_total_and_the_rule_still_has_a_choice_for_every_hidden_cell(sizes: list[int]) -> None:
    marks = hide(sizes)
    hidden = [size for size, mark in zip(sizes, marks, strict=True) if mark]
    if not hidden or shows_nothing(sizes, marks) or len(hidden) > 3:
        return
    assert all(len(values) > 1 for values in possible(sizes, marks))


def test_the_adversary_solves_what_is_hidden_alone_or_all_of_one_size() -> None:
    assert possible([3, 40, 50], [True, False, False]) == [set()]  # the rule would never hide it alone
    assert list(compositions(3, 1)) == [(3,)]
    assert list(compositions(2, 2)) == [(1, 1)]
    assert list(compositions(4, 2)) == [(1, 3), (2, 2), (3, 1)]


@given(sizes=SIZES)
def test_small_cells_are_hidden_with_ten_rows_or_more_and_empty_ones_are_not(sizes: list[int]) -> None:
    marks = hide(sizes)
    assert not any(0 < size < SMALL_CELL and not mark for size, mark in zip(sizes, marks, strict=True))
    assert not any(size == 0 and mark for size, mark in zip(sizes, marks, strict=True))
    hidden = sum(size for size, mark in zip(sizes, marks, strict=True) if mark)
    assert not hidden or hidden >= SMALL_CELL or shows_nothing(sizes, marks)


@given(sizes=SIZES, order=st.randoms(use_true_random=False))
def test_the_choice_depends_on_sizes_and_not_on_names_or_order(sizes: list[int], order: object) -> None:
    positions = list(range(len(sizes)))
    order.shuffle(positions)  # type: ignore[attr-defined]
    assert [hide(sizes)[at] for at in positions] == hide([sizes[at] for at in positions])


@given(sizes=SIZES)
def test_what_is_hidden_already_hides_nothing_more(sizes: list[int]) -> None:
    marks = hide(sizes)
    assert hide([None if mark else size for size, mark in zip(sizes, marks, strict=True)]) == marks


@pytest.mark.parametrize(
    ("sizes", "shown"),
    [
        ([3696, 32, 18, 2454], [3696, 32, 18, 2454]),
        ([500, 40, 3], [500]),
        ([500, 40, 40, 3], [500]),
        ([500, 40, 3, 7], [500, 40]),
        ([500, 40, 3, 3], [500]),
        ([500, 3], []),
        ([500, 0, 3, 20], [500, 0]),
    ],
)
def test_the_smallest_others_go_and_all_of_one_size_together(sizes: list[int], shown: list[int]) -> None:
    assert [size for size, mark in zip(sizes, hide(sizes), strict=True) if not mark] == shown


@given(count=st.integers(SMALL_CELL, 3000), share=st.floats(0, 1))
def test_a_rounded_rate_fits_every_number_of_rows_that_rounds_alike(count: int, share: float) -> None:
    """For each of the ten counts there are hits whose rate rounds to what is shown, so the rate singles out none of them."""
    near = rounded_count(count)
    assert near is not None
    shown = rounded_rate(round(share * count) / count, near)
    assert shown is not None
    for rows in range(max(near - 5, SMALL_CELL), near + 5):
        around = (math.floor(shown * rows), math.ceil(shown * rows))
        assert any(rounded_rate(hits / rows, near) == shown for hits in around if 0 <= hits <= rows)


@given(count=st.integers(0, 2000))
def test_counts_go_in_tens_and_twice_is_once(count: int) -> None:
    shown = rounded_count(count)
    if 0 < count < SMALL_CELL:
        assert shown is None
    else:
        assert shown is not None
        assert abs(shown - count) <= 5
        assert rounded_count(shown) == shown


@given(rows=st.integers(1, 5000), data=st.data())
def test_a_share_of_rows_hides_small_counts_and_what_they_leave(rows: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, rows))
    shown = rounded_share(count / rows, rows)
    if 0 < count < SMALL_CELL or 0 < rows - count < SMALL_CELL:
        assert shown is None
    elif shown is not None:
        assert abs(shown * rows - count) <= 2.5 * SMALL_CELL
        assert (shown in (0, 1)) == (count in (0, rows))
        assert rounded_share(shown, rows) == shown


def test_steps_are_one_two_or_five_times_a_power_of_ten() -> None:
    assert [cells.share_step(rows) for rows in (7214, 2103, 1000, 200, 30)] == [0.002, 0.005, 0.01, 0.05, 0.5]
    assert rounded_share(203 / 7214, 7214) == 0.028
    assert rounded_share(-203 / 7214, 7214) == -0.028
