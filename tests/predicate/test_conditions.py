import datetime as dt
from collections.abc import Callable

import pytest

from workbench.errors import PredicateError
from workbench.predicate import Comparison, Interval, Membership, Missing, Operand
from workbench.predicate.conditions import column_text


@pytest.mark.parametrize(
    ("column", "text"),
    [
        ("age", "age"),
        ("_x1", "_x1"),
        ("größe", "größe"),
        ("列", "列"),
        ("weekday", "weekday"),
        ("And", "And"),
        ("and", "`and`"),
        ("missing", "`missing`"),
        ("two words", "`two words`"),
        ("1st", "`1st`"),
        ("x²", "`x²`"),
        ("a`b", "`a``b`"),
        ("", "``"),
    ],
)
def test_a_column_is_bare_where_it_is_a_word_and_no_keyword(column: str, text: str) -> None:
    assert column_text(column) == text


def test_a_set_is_sorted_and_without_repeats() -> None:
    assert str(Membership("a", (3, 1.0, 2, 1))) == "a in {1, 2, 3}"
    assert Membership("a", ("x", "y")) == Membership("a", ("y", "x", "y"))


def test_true_is_not_one() -> None:
    truth, one = Comparison(Operand("a"), "=", value=True), Comparison(Operand("a"), "=", 1)
    assert truth != one
    assert len({truth, one, Comparison(Operand("a"), "=", 1.0)}) == 2


def test_a_condition_is_not_its_text() -> None:
    assert Missing("a") != "a is missing"


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: Operand(3), "the name of a column is text: 3"),
        (lambda: Operand("\udc00"), "not Unicode"),
        (lambda: Operand("a", "year"), "no such function: year. Use one of: weekday, hour, month, length"),
        (lambda: Operand("a", ["hour"]), "no such function"),
        (lambda: Comparison(Operand("a"), "==", 1), "no such comparison: ==. Use one of: = != < <= > >="),
        (lambda: Comparison(Operand("a", "hour"), "=", "x"), r'hour\(a\) is a number: "x"'),
        (lambda: Membership("a", ()), "an empty set of values for column: a"),
        (lambda: Membership("a", (1, "x")), r'values of different types \(numbers, text\): 1, "x"'),
        (lambda: Membership("a", (1, True)), r"values of different types \(numbers, true or false\)"),
        (lambda: Interval("a", 1, dt.date(2026, 1, 1)), r"values of different types \(numbers, times\)"),
        (lambda: Interval("a", 2, 1), r"ends before it begins: a in \[2, 1\)"),
        (lambda: Missing(None), "the name of a column is text"),
    ],
)
def test_a_condition_that_makes_no_sense_is_refused(make: Callable[[], object], why: str) -> None:
    with pytest.raises(PredicateError, match=why):
        make()
