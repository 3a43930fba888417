"""Times in every form that producers write, and back."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import InputError
from workbench.lineage.instant import as_instant, duration_text, instant_text, parse_instant, parse_window

NOON = 1_772_366_400 * 10**9
"""2026-03-01T12:00:00Z."""


@pytest.mark.parametrize(
    ("text", "after_noon", "zoned"),
    [
        ("2026-03-01T12:00:00Z", 0, True),
        ("2026-03-01T12:00:00.123456789Z", 123_456_789, True),
        ("2026-03-01T12:00:00.1+00:00", 100_000_000, True),
        ("2026-03-01T21:00:00.000+09:00[Asia/Tokyo]", 0, True),
        ("2026-03-01 12:00:00", 0, False),
        ("2026-03-01T12:00", 0, False),
        ("2026-03-01T14:00:00+0200", 0, True),
        ("2026-03-01T12:00:00.1234567891234z", 123_456_789, True),
    ],
)
def test_every_form_reads_to_the_nanosecond(text: str, after_noon: int, *, zoned: bool) -> None:
    assert parse_instant(text) == (NOON + after_noon, zoned)


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01T00:00:00Z", "2026-03-01T25:00:00Z", "1772366400", "{{START}}"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        parse_instant(text)
    with pytest.raises(InputError, match="not a time"):
        as_instant(text)


@given(st.integers(-(10**17), 4 * 10**18))
def test_text_reads_back(instant: int) -> None:
    assert parse_instant(str(instant_text(instant))) == (instant, True)


@given(st.datetimes(dt.datetime(1971, 1, 1), dt.datetime(2200, 1, 1), timezones=st.just(dt.UTC)))  # noqa: DTZ001  with timezones
def test_a_datetime_is_its_microseconds(when: dt.datetime) -> None:
    assert as_instant(when) == (when - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1) * 1000


def test_a_window_is_two_times_in_order() -> None:
    assert parse_window("2026-03-01T12:00:00Z..2026-03-01T12:00:01Z") == (NOON, NOON + 10**9)


@pytest.mark.parametrize("text", ["2026-03-01", "..", "2026-03-02..2026-03-01", "a..b"])
def test_what_is_no_window_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        parse_window(text)


@pytest.mark.parametrize(("seconds", "text"), [(3, "3 s"), (600, "10 min"), (7_200, "2 h"), (302_400, "3.5 days")])
def test_durations_read_well(seconds: int, text: str) -> None:
    assert duration_text(seconds * 10**9) == text
