"""A code is a condition: exactly one of a column's conditions holds on each row, and it is the one the code stands for."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.data.encode import Coding, fit_codings
from workbench.errors import ParameterError, PredicateError
from workbench.predicate import ALL_ROWS

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
TIMES = st.lists(st.none() | st.datetimes(dt.datetime(1700, 1, 1), dt.datetime(2250, 1, 1)))  # noqa: DTZ001  naive is UTC
DERIVED = st.one_of(COLUMNS, TIMES.map(lambda values: pd.Series(values, dtype="datetime64[us]")))


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


def test_a_heavy_value_has_a_bin_of_its_own() -> None:
    """As Adult's capital loss: 95 % zeros are no reason to say only that it is not missing."""
    column = pd.Series([0] * 95 + [*range(155, 160)] * 8)
    assert [str(condition) for condition in coding_of(column, bins=3).conditions] == ["x is missing", "x < 155", "x >= 155"]
    inner = pd.Series([*range(1, 31), *[40] * 60, *range(41, 71)])
    coding = coding_of(inner, bins=4)
    assert [str(condition) for condition in coding.conditions[1:]] == ["x < 40", "x in [40, 41)", "x >= 41"]


@given(st.lists(st.integers(0, 6) | st.floats(allow_nan=False), min_size=1, max_size=60), st.integers(1, 6))
def test_where_quantiles_meet_the_next_larger_value_begins_a_bin(values: list[float], bins: int) -> None:
    """Against a list of each quantile, counted by hand; never more bins than asked for."""
    column = pd.Series(values, dtype=float)
    finite = sorted(value for value in values if np.isfinite(value))
    edges = coding_of(column, bins=bins).edges if len(set(values)) > 1 else None
    if edges is None:
        return
    ranks = [-(-number * (len(finite) - 1) // bins) for number in range(1, bins)] if finite else []
    quantiles = [finite[rank] for rank in ranks]
    heavy = {value for value in quantiles if quantiles.count(value) > 1 or value == min(values)}
    above = [larger[0] for value in heavy if (larger := [each for each in finite if each > value])]
    assert edges.tolist() == sorted({value for value in quantiles + above if value > min(values)})
    assert len(edges) < bins or bins == 1


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


@given(DERIVED, st.integers(1, 4), st.integers(1, 4))
def test_a_derived_code_is_the_one_condition_that_holds_too(column: pd.Series, bins: int, top: int) -> None:
    frame = pd.DataFrame({"x": column})
    for coding in fit_codings(frame, ["x"], bins=bins, top=top, derive=True):
        held = np.array([condition.mask(frame) for condition in coding.conditions])
        assert (held.sum(axis=0) == 1).all()
        assert (held.argmax(axis=0) == coding.apply(frame["x"])).all()


@given(DERIVED, st.booleans(), st.data())
def test_a_set_of_codes_is_the_rows_that_have_one(column: pd.Series, derive: bool, data: st.DataObject) -> None:  # noqa: FBT001
    frame = pd.DataFrame({"x": column})
    for coding in fit_codings(frame, ["x"], bins=3, top=3, derive=derive):
        chosen = data.draw(st.sets(st.integers(0, len(coding.conditions) - 1), min_size=1))
        try:
            where = coding.where(chosen)
        except PredicateError:
            assert 0 in chosen or max(chosen) - min(chosen) >= len(chosen)
        else:
            assert (where.mask(frame) == np.isin(coding.apply(frame["x"]), list(chosen))).all()


@pytest.mark.parametrize(
    ("codes", "text"),
    [
        ([0], "x is missing"),
        ([1, 2], "x < 20"),
        ([2, 3], "x in [10, 30)"),
        ([3, 4], "x >= 20"),
        ([1, 2, 3, 4], "x is not missing"),
    ],
)
def test_neighbouring_bins_read_as_one_condition(codes: list[int], text: str) -> None:
    assert str(coding_of([*range(40), None], bins=4).where(codes)) == text


def test_texts_read_as_a_set_with_or_without_the_others() -> None:
    coding = coding_of([*"aabbccd"], top=3)
    assert str(coding.where([1, 3])) == 'x in {"a", "c"}'
    assert str(coding.where([2, 4])) == 'x not in {"a", "c"}'
    assert coding.where(range(5)) == ALL_ROWS


def test_times_are_coded_by_the_calendar_parts_that_vary() -> None:
    frame = pd.DataFrame({"day": pd.date_range("2026-01-01", periods=60, freq="D")})
    codings = fit_codings(frame, ["day"], derive=True)
    assert [(coding.name, len(coding.conditions)) for coding in codings] == [("month(day)", 4), ("weekday(day)", 8)]
    assert str(codings[1].where([6, 7])) == "weekday(day) >= 5 and weekday(day) <= 6"


def test_free_text_is_coded_by_its_length() -> None:
    (coding,) = fit_codings(pd.DataFrame({"x": ["n" * number for number in range(40)]}), ["x"], bins=2, derive=True)
    assert [str(condition) for condition in coding.conditions] == ["x is missing", "length(x) < 20", "length(x) >= 20"]
    assert coding_of(["n" * number for number in range(40)]).other == 31


@pytest.mark.parametrize("codes", [[], [9], [-1]])
def test_codes_there_are_none_of_are_refused(codes: list[int]) -> None:
    with pytest.raises(ParameterError, match="no such codes of x"):
        coding_of([1, 2]).where(codes)
