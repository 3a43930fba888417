"""A code is a condition: exactly one of a column's conditions holds on each row, and it is the one the code stands for."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.data.encode import Coding, fit_codings
from workbench.errors import ParameterError

HUGE = 2**53

COLUMNS = st.one_of(
    st.lists(st.none() | st.integers(-5, 5)).map(lambda values: pd.Series(values, dtype="Int64")),
    st.lists(st.integers(HUGE - 3, HUGE + 3)).map(lambda values: pd.Series(values, dtype="int64")),
    st.lists(st.integers(2**63, 2**64 - 1)).map(lambda values: pd.Series(values, dtype="uint64")),
    st.lists(st.none() | st.floats()).map(lambda values: pd.Series(values, dtype="float64")),
    st.lists(st.none() | st.text(max_size=3)).map(lambda values: pd.Series(values, dtype="str")),
    st.lists(st.none() | st.booleans()).map(lambda values: pd.Series(values, dtype="object")),
    st.lists(st.none() | st.sampled_from("abc")).map(lambda values: pd.Series(pd.Categorical(values))),
)


def coding_of(values: object, **options: int) -> Coding:
    (coding,) = fit_codings(pd.DataFrame({"x": values}), ["x"], **options)
    return coding


@given(COLUMNS, st.integers(1, 4), st.integers(1, 4))
def test_a_code_is_the_one_condition_that_holds(column: pd.Series, bins: int, top: int) -> None:
    """Disjoint, exhaustive, and the code says which."""
    frame = pd.DataFrame({"x": column})
    for coding in fit_codings(frame, ["x"], bins=bins, top=top):
        held = np.array([condition.mask(frame) for condition in coding.conditions])
        assert (held.sum(axis=0) == 1).all()
        codes = coding.apply(frame["x"])
        assert codes.dtype == np.uint8
        assert (held.argmax(axis=0) == codes).all()


@given(st.permutations([*"aabbccd", None]))
def test_codes_do_not_depend_on_the_order_of_rows(values: list[str | None]) -> None:
    assert [str(condition) for condition in coding_of(values, top=2).conditions] == [
        "x is missing",
        'x = "a"',
        'x = "b"',
        'x not in {"a", "b"}',
    ]


@given(st.lists(st.floats(allow_nan=False), min_size=2), st.lists(st.none() | st.floats()))
def test_numbers_never_seen_fall_into_their_bin(seen: list[float], later: list[float | None]) -> None:
    frame = pd.DataFrame({"x": pd.Series(later, dtype="float64")})
    for coding in fit_codings(pd.DataFrame({"x": seen}), ["x"], bins=1):
        codes = coding.apply(frame["x"])
        assert all(coding.conditions[code].mask(frame)[row] for row, code in enumerate(codes))


def test_texts_never_seen_are_other() -> None:
    coding = coding_of(["a", "a", "b", "c"], top=1)
    assert coding.apply(pd.Series(["a", "new", None])).tolist() == [1, 2, 0]


def test_without_a_code_for_other_what_was_never_seen_counts_as_missing() -> None:
    assert coding_of(["a", "b"]).apply(pd.Series(["a", "new", None])).tolist() == [1, 0, 0]
    assert coding_of([1, 2]).apply(pd.Series([2, 3])).tolist() == [2, 0]


def test_booleans_fitted_without_missing_values_code_a_window_that_has_some() -> None:
    assert coding_of([True, False]).apply(pd.Series([True, None, False], dtype="object")).tolist() == [2, 0, 1]


def test_integers_beyond_the_floats_keep_apart() -> None:
    """2^53 + 1 has no float of its own."""
    column = pd.Series([HUGE, HUGE + 1, HUGE + 2])
    assert coding_of(column).apply(column).tolist() == [1, 2, 3]


def test_infinities_fall_into_the_outer_bins() -> None:
    column = pd.Series([-np.inf, 1.0, 2.0, 3.0, np.inf])
    coding = coding_of(column, bins=2)
    assert coding.apply(column).tolist() == [1, 1, 2, 2, 2]
    assert [str(condition) for condition in coding.conditions] == ["x is missing", "x < 2", "x >= 2"]


def test_quantile_bins_hold_equal_shares() -> None:
    column = pd.Series(np.arange(1_000))
    counts = np.bincount(coding_of(column, bins=10).apply(column), minlength=11)
    assert counts[0] == 0
    assert counts[1:].min() >= 99
    assert counts[1:].max() <= 101


@pytest.mark.parametrize("values", [[1, 1], ["a", "a"], [True, True], [None, None], [np.nan, np.nan], []])
def test_constant_columns_are_left_out(values: list[object]) -> None:
    assert fit_codings(pd.DataFrame({"x": values}), ["x"]) == []


def test_one_value_with_gaps_is_coded() -> None:
    assert coding_of([1.0, None]).apply(pd.Series([1.0, None])).tolist() == [1, 0]


def test_times_are_left_out() -> None:
    assert fit_codings(pd.DataFrame({"x": [dt.datetime(2026, 1, 1), dt.datetime(2026, 1, 2)]}), ["x"]) == []  # noqa: DTZ001


def test_the_most_codes_there_are_fit_eight_bits() -> None:
    texts = pd.Series([f"{number:03}" for number in range(300)])
    coding = coding_of(texts, top=254)
    assert len(coding.conditions) == 256
    assert coding.apply(texts).max() == 255


@pytest.mark.parametrize("options", [{"bins": 255}, {"bins": 0}, {"top": 255}, {"top": 0}])
def test_more_codes_than_eight_bits_hold_are_refused(options: dict[str, int]) -> None:
    ((name, number),) = options.items()
    with pytest.raises(ParameterError, match=rf"^{name} is out of range: {number}\. Give 1 to 254"):
        fit_codings(pd.DataFrame({"x": [1, 2]}), ["x"], **options)
