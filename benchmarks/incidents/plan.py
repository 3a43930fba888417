"""Which incidents there are: every kind on every table at three strengths, and which of them tuning may look at."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from logs import TABLES

from workbench.attacks.injection import HARMLESS, KINDS, TWO_FAULTS

STRENGTHS = {"barely": 0.0, "plain": 0.5, "gross": 1.0}
SIZES = (3_000, 10_000, 10_000, 30_000, 30_000, 100_000)
"""Each incident has one of these, drawn by its name: sizes that stand twice are drawn twice as often."""
FAULTS = (*(name for name in KINDS if name not in HARMLESS), TWO_FAULTS)
NOTHING = "nothing"
LARGE = ("unit error", "label flips", "moved threshold", "training/serving skew")
QUIET_TABLES = ("compas file", "compas", "adult", "german")
QUIET_SIZES = (3_000, 5_000, 10_000, 10_000, 20_000, 50_000)
HELD_OUT = 3
"""One cell of kind and table in so many is held out; of logs in which nothing happens, one log in so many."""
HELD_OUT_TABLES = ("heart",)
"""Held out whatever happens in them: nothing was ever tuned on them."""
GIVEN = (("slice regression", "adult"),)
"""Not held out, though its number says so: tuning would else know slices of a single table, of no people."""


@dataclass(frozen=True)
class Incident:
    """One log to be made: what happens in it, to which rows, how strongly."""

    kind: str
    table: str
    strength: str
    rows: int
    copy: int = 0

    @property
    def name(self) -> str:
        """Kind, table, strength and copy."""
        return f"{self.kind}/{self.table}/{self.strength}/{self.copy}"

    @property
    def seed(self) -> int:
        """Of everything that is drawn, from the name."""
        return number(self.name)

    @property
    def held_out(self) -> bool:
        """Whether tuning must not look at it."""
        if self.table in HELD_OUT_TABLES:
            return True
        cell = (self.kind, self.table)
        return cell not in GIVEN and number(self.name if self.kind == NOTHING else "/".join(cell)) % HELD_OUT == 0


def number(text: str) -> int:
    """A number from a text, the same on every machine."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big")


def incidents(copies: int = 1) -> list[Incident]:
    """Every fault on every table at every strength, `copies` times, in an order that mixes them."""
    found = [
        Incident(kind, table, strength, SIZES[number(f"rows/{kind}/{table}/{strength}/{copy}") % len(SIZES)], copy)
        for kind in FAULTS for table in TABLES for strength in STRENGTHS for copy in range(copies)
    ]  # fmt: skip
    return sorted(found, key=lambda incident: incident.seed)


def harmless(copies: int = 1) -> list[Incident]:
    """The changes that are no fault, on every table at every strength."""
    found = [
        Incident(kind, table, strength, SIZES[number(f"rows/{kind}/{table}/{strength}/{copy}") % 5], copy)
        for kind in HARMLESS for table in TABLES for strength in STRENGTHS for copy in range(copies)
    ]  # fmt: skip
    return sorted(found, key=lambda incident: incident.seed)


def large() -> list[Incident]:
    """A few incidents in a million rows."""
    return [Incident(kind, "adult", "plain", 1_000_000) for kind in LARGE]


def quiet(count: int = 400) -> list[Incident]:
    """Logs in which nothing happens."""
    found = []
    for copy in range(count):
        table = QUIET_TABLES[copy % len(QUIET_TABLES)]
        found.append(Incident(NOTHING, table, "-", QUIET_SIZES[number(f"quiet/{copy}") % len(QUIET_SIZES)], copy))
    return found
