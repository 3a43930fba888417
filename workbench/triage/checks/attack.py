"""Traces of attacks: recorded ones that come back, crowding just past the threshold, inputs varied again and again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pandas as pd

from workbench.attacks.hunting import hunt
from workbench.result import Finding, Result
from workbench.triage.check import Context, Examined, graded

MEDIUM_SHARE: Final = 0.001
HIGH_SHARE: Final = 0.01
"""Shares of all rows that are an attack's, from which on it is medium, and high."""
MEDIUM_RISE: Final = 0.1
HIGH_RISE: Final = 0.25
"""Rises of the share just past the threshold."""
EVASION: Final = "evasion"
"""What inputs that end just past the threshold, or were recorded in an attack, are put down to."""


def check_attack(context: Context) -> Examined:
    """A finding per pattern of `workbench.attacks.hunting.hunt`; silent where the log shows none."""
    result = hunt(context.subject, context.reference, recordings=context.recordings, seed=context.seed)
    return Examined(attack_findings(result), int(str(result.numbers["searches"])), result)


def attack_findings(result: Result) -> list[Finding]:
    """The patterns of a hunt as findings, unranked."""
    return list(_findings(result))


def _findings(result: Result) -> Iterator[Finding]:
    row: Any
    for row in result.tables["patterns"].itertuples():
        yield Finding(
            kind="attack",
            statement=row.statement + (f" ({row.about})" if row.about else ""),
            columns=tuple(row.columns),
            where=row.where,
            effect=float(row.effect),
            unit=row.unit,
            interval=(float(row.low), float(row.high)),
            p=float(row.p),
            support=int(row.rows),
            people=None if pd.isna(row.people) else int(row.people),
            onset=_text(row.onset),
            onset_interval=None if pd.isna(row.onset) else (str(_text(row.earliest)), str(_text(row.latest))),
            severity=_severity(row),
            standing=bool(row.standing),
            cause=EVASION if row.pattern in ("crowding", "recurrence") else None,
        )


def _severity(row: Any) -> str:
    """A caller's share alone is no attack; a recorded attack that comes back is grave, however few its rows."""
    if row.pattern == "burst":
        return "low"
    if row.pattern == "crowding":
        return graded(row.effect, MEDIUM_RISE, HIGH_RISE)
    found = graded(row.effect, MEDIUM_SHARE, HIGH_SHARE)
    return "medium" if row.pattern == "recurrence" and found == "low" else found


def _text(when: Any) -> str | None:
    return None if pd.isna(when) else pd.Timestamp(when).isoformat()
