import subprocess
import sys

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import PredicateError
from workbench.predicate import ALL_ROWS, Interval, Missing, Operand, Predicate, equals, missing, within

PREDICATES = st.lists(
    st.sampled_from([equals("a", 1), equals("a", 2), within("b", 0, 3), missing("b")]),
    max_size=3,
).map(lambda parts: Predicate(tuple(condition for part in parts for condition in part.conditions)))
FRAME = pd.DataFrame({"a": [1, 2, 1, 2], "b": [0.0, 1.0, None, 5.0]})


@given(PREDICATES, PREDICATES, PREDICATES)
def test_and_is_associative_idempotent_and_has_all_rows_as_its_neutral_element(
    one: Predicate, two: Predicate, three: Predicate
) -> None:
    assert (one & two) & three == one & (two & three)
    assert one & one == one
    assert one & ALL_ROWS == ALL_ROWS & one == one


@given(PREDICATES, PREDICATES)
def test_and_selects_the_rows_that_both_select(one: Predicate, two: Predicate) -> None:
    assert ((one & two).mask(FRAME) == (one.mask(FRAME) & two.mask(FRAME))).all()


def test_the_constructors_say_what_the_text_says() -> None:
    assert (
        str(equals("sex", "F") & within("age", 20, 30.5) & missing("score"))
        == 'sex = "F" and age in [20, 30.5) and score is missing'
    )


def test_columns_come_in_the_order_of_first_use() -> None:
    assert Predicate.parse("b = 1 and hour(a) = 1 and b < 3").columns == ("b", "a")
    assert ALL_ROWS.columns == ()


def test_true_and_one_are_different_predicates() -> None:
    assert equals("a", value=True) != equals("a", 1)
    assert len({equals("a", value=True), equals("a", 1), equals("a", 1.0)}) == 2


def test_repr_shows_how_to_make_it_again() -> None:
    assert eval(repr(equals("a", "x")), {"Predicate": Predicate}) == equals("a", "x")  # noqa: S307


def test_a_predicate_holds_conditions_only() -> None:
    with pytest.raises(PredicateError, match="not a condition: a = 1"):
        Predicate(("a = 1",))  # type: ignore[arg-type]
    assert Predicate([Missing("a"), Interval("a", 1, 2)]).conditions == (Missing("a"), Interval("a", 1, 2))  # type: ignore[arg-type]
    assert Operand("a") != Missing("a")


def test_an_unknown_column_lists_those_that_exist_nearest_first() -> None:
    frame = pd.DataFrame({"zip": [1], "age": [1], "age_band": [1]})
    with pytest.raises(PredicateError, match=r"no column of that name: agee\. Columns: age, age_band, zip"):
        equals("agee", 1).mask(frame)


def test_a_column_that_is_there_twice_is_refused() -> None:
    with pytest.raises(PredicateError, match="more than one column of that name: a"):
        equals("a", 1).mask(pd.DataFrame([[1, 2]], columns=["a", "a"]))


def test_all_rows_selects_every_row() -> None:
    assert ALL_ROWS.mask(FRAME).all()
    assert ALL_ROWS.mask(FRAME.iloc[:0]).shape == (0,)


def test_importing_it_loads_neither_pandas_nor_numpy() -> None:
    code = "import sys, workbench.predicate; sys.exit(bool({'pandas', 'numpy', 'ibis'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
