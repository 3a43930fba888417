"""Which incidents there are: every kind on every table at three strengths, and which of them tuning may look at."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tables import TABLES

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


SMALLEST, LARGEST = 3_000, 100_000
"""Rows of an incident that is drawn anew."""


@dataclass(frozen=True)
class Incident:
    """One log to be made: what happens in it, to which rows, how strongly.

    Attributes
    ----------
    table
        A name, or the path of a declaration (`tables.declared`).
    strength
        A name of `STRENGTHS`; of an incident drawn anew the nearest.
    draw
        Which draw of fresh strengths and sizes it belongs to; None: those of the plan.
    """

    kind: str
    table: str
    strength: str
    rows: int
    copy: int = 0
    draw: int | None = None

    @property
    def name(self) -> str:
        """Kind, table, strength or draw, and copy."""
        table = Path(self.table).stem
        middle = self.strength if self.draw is None else f"draw {self.draw}"
        return f"{self.kind}/{table}/{middle}/{self.copy}"

    @property
    def force(self) -> float:
        """The strength as a number from 0 to 1."""
        return STRENGTHS[self.strength] if self.draw is None else share(f"strength/{self.name}")

    @property
    def seed(self) -> int:
        """Of everything that is drawn, from the name."""
        return number(self.name)

    @property
    def held_out(self) -> bool:
        """Whether tuning must not look at it."""
        if self.table in HELD_OUT_TABLES:
            return True
        if self.table not in (*TABLES, *QUIET_TABLES):
            return False
        cell = (self.kind, self.table)
        return cell not in GIVEN and number(self.name if self.kind == NOTHING else "/".join(cell)) % HELD_OUT == 0


def number(text: str) -> int:
    """A number from a text, the same on every machine."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big")


def share(text: str) -> float:
    """A number from 0 to 1 from a text, the same on every machine."""
    return number(text) / 2**48


def drawn(kinds: Sequence[str], tables: Sequence[str], draw: int, copies: int = 1) -> list[Incident]:
    """Each of `kinds` on each of `tables`, `copies` times, of strengths and sizes that no plan fixes.

    What is held out stays held out: a cell of kind and table is, whatever is drawn in it. Tables of one's own are never.
    """
    found = []
    for kind in kinds:
        for table in tables:
            for copy in range(copies):
                blank = Incident(kind, table, "plain", SMALLEST, copy, draw)
                strength = min(STRENGTHS, key=lambda name, force=blank.force: abs(STRENGTHS[name] - force))
                rows = round(SMALLEST * (LARGEST / SMALLEST) ** share(f"rows/{blank.name}"))
                found.append(Incident(kind, table, strength, rows, copy, draw))
    return sorted(found, key=lambda incident: incident.seed)


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


def quiet(count: int = 400, tables: Sequence[str] = QUIET_TABLES) -> list[Incident]:
    """Logs in which nothing happens."""
    found = []
    for copy in range(count):
        table = tables[copy % len(tables)]
        found.append(Incident(NOTHING, table, "-", QUIET_SIZES[number(f"quiet/{copy}") % len(QUIET_SIZES)], copy))
    return found
