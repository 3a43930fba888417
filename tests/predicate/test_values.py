import datetime as dt
import math
import operator
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import PredicateError
from workbench.predicate.values import COMPARE, plain_value, snap_to_floats, snap_to_integers, value_text

NOON = dt.datetime(2026, 1, 31, 12, tzinfo=dt.UTC)
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(2**53 - 3, 2**53 + 3)


@pytest.mark.parametrize(
    ("given_value", "kept"),
    [
        (1.0, 1),
        (-0.0, 0),
        (2.0**53, 2.0**53),
        (0.1, 0.1),
        (np.int8(3), 3),
        (np.float32(0.5), 0.5),
        (np.True_, True),
        (np.str_("a"), "a"),
        (dt.date(2026, 1, 31), dt.datetime(2026, 1, 31, tzinfo=dt.UTC)),
        (dt.datetime(2026, 1, 31, 12), NOON),  # noqa: DTZ001  naive on purpose
        (dt.datetime(2026, 1, 31, 14, tzinfo=dt.timezone(dt.timedelta(hours=2))), NOON),
        (pd.Timestamp("2026-01-31 13:00", tz="Europe/Paris"), NOON),
        (np.datetime64("2026-01-31T12:00:00.000000000"), NOON),
    ],
)
def test_a_value_has_one_plain_form(given_value: object, kept: object) -> None:
    plain = plain_value(given_value)
    assert (type(plain), plain, value_text(plain)) == (type(kept), kept, value_text(kept))  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [None, math.nan, np.float32("nan"), pd.NaT, pd.NA, np.datetime64("NaT")])
def test_a_missing_value_cannot_be_compared_with(value: object) -> None:
    with pytest.raises(PredicateError, match="is missing"):
        plain_value(value)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (math.inf, "not a finite number"),
        (10**1000, "more than 1000 digits"),
        ("\ud800", "not Unicode"),
        (b"x", "no column compares with a bytes"),
        (1j, "complex"),
        (Decimal(1), "Decimal"),
        (np.array([1, 2]), "ndarray"),
        ([1], "list"),
        (pd.Timestamp("2026-01-31").as_unit("ns") + pd.Timedelta(1, "ns"), "finer than a microsecond"),
        (np.datetime64(1, "ns"), "finer than a microsecond"),
        (dt.datetime(1, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=1))), "years 1 to 9999"),
    ],
)
def test_what_no_column_can_be_compared_with_is_refused(value: object, why: str) -> None:
    with pytest.raises(PredicateError, match=why):
        plain_value(value)


def answer(snapped: tuple[str, Any] | bool, number: float) -> bool:  # noqa: FBT001
    return snapped if isinstance(snapped, bool) else bool(COMPARE[snapped[0]](number, snapped[1]))


@given(st.sampled_from(list(COMPARE)), NUMBERS, st.integers(-5, 5))
def test_snapping_to_integers_changes_no_answer(op: str, value: float, offset: int) -> None:
    number = math.floor(value) + offset
    assert answer(snap_to_integers(op, value), number) == COMPARE[op](number, value)


@given(st.sampled_from(list(COMPARE)), NUMBERS | st.just(10**400), st.floats(allow_nan=False))
def test_snapping_to_floats_changes_no_answer(op: str, value: float, number: float) -> None:
    assert answer(snap_to_floats(op, value), number) == COMPARE[op](number, value)


@given(st.integers(2**53, 2**60), st.integers(-2, 2))
def test_neighbouring_floats_are_told_apart_from_an_integer_between_them(value: int, steps: int) -> None:
    number = float(value)
    for _ in range(abs(steps)):
        number = math.nextafter(number, math.copysign(math.inf, steps))
    for op, compare in (("<", operator.lt), (">=", operator.ge), ("=", operator.eq)):
        assert answer(snap_to_floats(op, value), number) == compare(number, value)
