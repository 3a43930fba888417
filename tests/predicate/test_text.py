import datetime as dt
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from workbench.errors import PredicateError
from workbench.predicate import ALL_ROWS, Comparison, Interval, Membership, Missing, Operand, Predicate, rounded
from workbench.predicate.conditions import FUNCTIONS, KEYWORDS, OPERATORS

TIMES = st.datetimes(timezones=st.just(dt.UTC))
KINDS = [st.integers() | st.floats(allow_nan=False, allow_infinity=False), st.text(), st.booleans(), TIMES]
VALUES = st.one_of(KINDS)
NAMES = st.text() | st.sampled_from([*KEYWORDS, *FUNCTIONS, "age", "a`b", "``", " "])
CONDITIONS = st.one_of(
    st.builds(Comparison, st.builds(Operand, NAMES), st.sampled_from(OPERATORS), VALUES),
    st.builds(Comparison, st.builds(Operand, NAMES, st.sampled_from(list(FUNCTIONS))), st.sampled_from(OPERATORS), KINDS[0]),
    st.builds(Membership, NAMES, st.one_of(st.lists(kind, min_size=1) for kind in KINDS).map(tuple), st.booleans()),
    st.builds(lambda name, bounds: Interval(name, *sorted(bounds)), NAMES, st.one_of(st.tuples(kind, kind) for kind in KINDS)),
    st.builds(Missing, NAMES, st.booleans()),
)
PREDICATES = st.lists(CONDITIONS, max_size=4).map(lambda conditions: Predicate(tuple(conditions)))


@given(PREDICATES)
def test_the_text_reads_back_as_the_same_predicate(predicate: Predicate) -> None:
    again = Predicate.parse(str(predicate))
    assert again == predicate
    assert [vars(condition) for condition in again.conditions] == [vars(condition) for condition in predicate.conditions]


@given(PREDICATES, st.data())
def test_nothing_is_asked_of_the_columns_left_out(predicate: Predicate, data: st.DataObject) -> None:
    columns = set(data.draw(st.lists(st.sampled_from(predicate.columns)))) if predicate.columns else set()
    left = predicate.without(columns)
    assert not columns & set(left.columns)
    assert left.conditions == tuple(condition for condition in predicate.conditions if condition in left.conditions)
    assert set(left.columns) == set(predicate.columns) - columns
    assert left.without(columns) == left
    assert predicate.without(()) == predicate


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("all rows", "all rows"),
        ("  all\n rows ", "all rows"),
        ("a=1and b!=2", "a = 1 and b != 2"),
        ("`a`=1.0", "a = 1"),
        ("a = -0.0", "a = 0"),
        ("a = 1E3", "a = 1000"),
        ("a = 9007199254740993", "a = 9007199254740993"),
        ("a = 1e16", "a = 1e+16"),
        (r'a = "\u00e9\n"', r'a = "é\n"'),
        ('a in {"y","x" , "x"}', 'a in {"x", "y"}'),
        ("a not in{true}", "a not in {true}"),
        ("a in[1,2)", "a in [1, 2)"),
        ("hour ( `the time` ) >= 22", "hour(`the time`) >= 22"),
        ("hour = 22", "hour = 22"),
        ("a is not missing", "a is not missing"),
        ("a = 1 and a = 1.0", "a = 1"),
        ("t >= 2026-01-31", "t >= 2026-01-31"),
        ("t >= 2026-01-31T00:00:00", "t >= 2026-01-31"),
        ("t >= 2026-01-31T02:10:00+00:00", "t >= 2026-01-31T02:10:00"),
        ("t >= 2026-01-31T02:10:00Z", "t >= 2026-01-31T02:10:00"),
        ("t >= 2026-01-31T02:10:00+02:30", "t >= 2026-01-30T23:40:00"),
        ("t >= 2026-01-31T02:10:00.000001", "t >= 2026-01-31T02:10:00.000001"),
        ("t >= 2026-01-31T02:10:00.5", "t >= 2026-01-31T02:10:00.500000"),
    ],
)
def test_a_text_has_one_canonical_form(text: str, canonical: str) -> None:
    assert str(Predicate.parse(text)) == canonical


@pytest.mark.parametrize(
    ("text", "character", "near", "expected"),
    [
        ("", 1, "at the end", "a column"),
        ("age", 4, "at the end", "a comparison"),
        ("age foo 3", 5, "near 'foo'", "a comparison"),
        ("age < ", 7, "at the end", "a value"),
        ("age < foo", 7, "near 'foo'", "a value"),
        ("age == 3", 6, "near '='", "a value"),
        ("age < 3 or b = 1", 9, "near 'or'", "`and` or the end"),
        ("age < 3 and", 12, "at the end", "a column"),
        ("and = 3", 1, "near 'and'", "a column (in backticks"),
        ("a and b = 3", 3, "near 'and'", "a comparison"),
        ("x² = 3", 1, "near 'x²'", "a column (in backticks"),
        ("`age = 3", 1, "near '`'", "a column"),
        ("all", 4, "at the end", "`rows`"),
        ("all rows and a = 1", 10, "near 'and'", "the end"),
        ("year(t) = 3", 1, "near 'year'", "a function (weekday, hour, month, length)"),
        ("`hour`(t) = 3", 7, "near '('", "a comparison"),
        ("hour(t = 3", 8, "near '='", "`)`"),
        ("hour(t) in {3}", 9, "near 'in'", "`=`"),
        ("hour(t) = true", 1, "near 'hour'", "Compare it with a number"),
        ("a in 3", 6, "near '3'", "`{` or `[`"),
        ("a in {}", 7, "near '}'", "a value"),
        ("a in {1 2}", 9, "near '2'", "`,` or `}`"),
        ('b = 1 and a in {1, "x"}', 11, "near 'a'", "values of different types"),
        ("a in [1, 2]", 11, "near ']'", "`)`"),
        ("a in [2, 1)", 1, "near 'a'", "the interval ends before it begins"),
        ("a not in [1, 2)", 10, "near '['", "`{`"),
        ("a not missing", 7, "near 'missing'", "`in`"),
        ("a is null", 6, "near 'null'", "`missing`"),
        ('a = "x', 5, "near '\"'", "a value"),
        ('a = "\\x"', 5, "near '\"\\x\"'", "text as JSON writes it"),
        ('a = "\n"', 5, "near '\" \"'", "text as JSON writes it"),
        ('a = "\\ud800"', 1, "near 'a'", "not Unicode"),
        ("a = 'x'", 5, "near '''", "a value"),
        ("a = 007", 5, "near '007'", "leading zeros"),
        ("a = .5", 5, "near '.'", "a value"),
        ("a = 1e999", 5, "near '1e999'", "below 1.8e308"),
        ("a = " + "9" * 1001, 5, "near '9999", "at most 1000"),
        ("a = NaN", 5, "near 'NaN'", "a value"),
        ("t = 2026-02-30", 5, "near '2026-02-30'", "a time that exists"),
        ("t = 2026-01-31T25:00:00", 5, "near '2026-01-31T25:00:00'", "a time that exists"),
        ("t = 2026-01-31T02:10", 5, "near '2026-01-31T02:10'", "2026-01-31T02:10:00"),
        ("t = 2026-01-31T02:10:00.1234567", 5, "near '2026-01-31T02:10:00.1234567'", "a time such as"),
        ("t = 0001-01-01T00:00:00+01:00", 5, "near '0001-01-01T00:00:00+01:00'", "a time that exists"),
    ],
)
def test_an_error_says_where_and_what_was_expected(text: str, character: int, near: str, expected: str) -> None:
    with pytest.raises(PredicateError) as caught:
        Predicate.parse(text)
    message = str(caught.value)
    assert f"at character {character}, {near}" in message
    assert expected in message


def test_only_text_is_parsed() -> None:
    with pytest.raises(PredicateError, match="is text: 3"):
        Predicate.parse(3)  # type: ignore[arg-type]


PIECES = st.sampled_from(
    [
        *KEYWORDS,
        *FUNCTIONS,
        *OPERATORS,
        *'(){}[],`"\\ \n-.',
        "a",
        "`x y`",
        '"s"',
        "1",
        "1.5e3",
        "2026-01-31",
        "T02:10:00",
        "é",
        "²",
        "\0",
    ],
)


@given(st.text() | st.lists(PIECES, max_size=12).map("".join) | st.lists(PIECES, max_size=12).map(" ".join))
@example("a = 2026-01-31T+99:99")
@example("a = " + json.dumps("\x7f"))
@example("a = ٣")
def test_any_text_is_a_predicate_or_a_predicate_error(text: str) -> None:
    try:
        predicate = Predicate.parse(text)
    except PredicateError:
        return
    assert Predicate.parse(str(predicate)) == predicate
    assert predicate.conditions or predicate == ALL_ROWS


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("`hours` in [4.166666666666666, 18)", "`hours` in [4.1667, 18)"),
        ("x < 12345678.123456789", "x < 12345678.1235"),
        ("x < 0.00012345678", "x < 0.0001235"),
        ("x < 1.2345678e-05", "x < 1.2346e-05"),
        ("x < 0.25 and y = 2026-01-31T02:10:00.123456", "x < 0.25 and y = 2026-01-31T02:10:00.123456"),
    ],
)
def test_long_decimals_are_cut_to_be_read(text: str, read: str) -> None:
    assert rounded(text) == read
