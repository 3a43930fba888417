"""Times as producers of events write them, as whole nanoseconds since 1970 in UTC: no order is lost to rounding."""

from __future__ import annotations

import datetime as dt
import re
from typing import Final

from workbench.errors import InputError

SECOND: Final = 1_000_000_000
PATTERN: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(:\d\d)?(?:[.,](\d{1,18}))?)? ?(Z|[+-]\d\d(?::?\d\d)?)?(?:\[[\w/+-]+\])?", re.IGNORECASE
)


def parse_instant(text: str) -> tuple[int, bool]:
    """Nanoseconds since 1970, and whether the text names its zone; without one it is UTC.

    Raises
    ------
    ValueError
        If it is no ISO 8601 date or time.
    """
    found = PATTERN.fullmatch(text.strip())
    if found is None:
        raise ValueError(text)
    day, minute, second, fraction, zone = found.groups()
    offset = "+00:00" if zone is None or zone in "Zz" else zone
    moment = dt.datetime.fromisoformat(f"{day}T{minute or '00:00'}{second or ':00'}{offset}")
    since = moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    nanoseconds = int((fraction or "")[:9].ljust(9, "0"))
    return (since.days * 86_400 + since.seconds) * SECOND + nanoseconds, zone is not None


def instant_text(instant: int | None) -> str | None:
    """ISO 8601 in UTC with as many digits as it has; None stays None."""
    if instant is None:
        return None
    seconds, nanoseconds = divmod(instant, SECOND)
    moment = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=seconds)
    fraction = f".{nanoseconds:09d}".rstrip("0") if nanoseconds else ""
    return f"{moment:%Y-%m-%dT%H:%M:%S}{fraction}Z"


def as_instant(when: int | str | dt.datetime) -> int:
    """A time as a responder gives it: text, a datetime (UTC where it names no zone), or nanoseconds since 1970.

    Raises
    ------
    InputError
        If the text is no time.
    """
    if isinstance(when, int):
        return when
    text = when.isoformat() if isinstance(when, dt.datetime) else when
    try:
        return parse_instant(text)[0]
    except ValueError as exc:
        raise InputError("not a time", text, "Write 2026-03-04T02:10:00Z, or a date.") from exc


def parse_window(text: str) -> tuple[int, int]:
    """``START..END`` as two instants.

    Raises
    ------
    InputError
        If it is not two times in order.
    """
    start, dots, end = text.partition("..")
    if not dots or not start or not end:
        raise InputError("not a window", text, "Write START..END, such as 2026-03-01..2026-03-04.")
    window = as_instant(start), as_instant(end)
    if window[0] > window[1]:
        raise InputError("the window ends before it starts", text, "Write the earlier time first.")
    return window


def duration_text(nanoseconds: float) -> str:
    """A length of time in words a responder reads: ``26 h``, ``3.5 days``."""
    seconds = abs(nanoseconds) / SECOND
    for size, word in ((172_800, "days"), (5_400, "h"), (90, "min")):
        if seconds >= size:
            return f"{seconds / {'days': 86_400, 'h': 3_600, 'min': 60}[word]:.3g} {word}"
    return f"{seconds:.3g} s"
