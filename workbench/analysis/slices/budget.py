"""What a search may cost: it is refused, with a figure and an offer, before it takes minutes or fills the memory."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from workbench.errors import InputError

VISITS = 100_000_000_000
"""Rows visited, each once per set of columns: a minute or two on two cores."""
SLICES = 5_000_000
"""Slices kept: about half a gigabyte."""
OFFER = "Give fewer features or a higher min_support, or prune=True for the top slices only."


@dataclass
class Meter:
    """Counts what a search costs; several threads may count at once."""

    visits: int = VISITS
    slices: int = SLICES
    visited: int = 0
    planned: int = 0
    kept: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def plan(self, visits: int) -> None:
        """Announce what is to come; refused where it is beyond the budget."""
        self.planned += visits
        if self.planned > self.visits:
            what = f"the search would visit {self.planned:.2g} rows, and the budget is {self.visits:.2g}"
            raise InputError(what, None, OFFER)

    def plan_level(self, level: int, visits: int, found: int) -> None:
        """Announce a further level; refused, before it begins, where it and what was done are beyond the budget.

        Parameters
        ----------
        found
            Sets of columns that slices of the level before were found on.
        """
        if self.planned + visits > self.visits:
            left = max(0, self.visits - self.planned)
            what = (f"level {level} would visit {visits:.2g} more rows, from {found:,} sets of columns at level {level - 1}, "
                    f"and {left:.2g} of the budget of {self.visits:.2g} are left")  # fmt: skip
            raise InputError(what, None, f"Give level={level - 1}, fewer features or a higher min_support.")
        self.plan(visits)

    def count(self, visits: int, slices: int) -> None:
        """Add what was done; refused once it is beyond the budget."""
        with self.lock:
            self.visited += visits
            self.kept += slices
        if self.kept > self.slices:
            raise InputError(f"more than {self.slices:,} slices have the support", None, OFFER)
        if self.visited > self.visits:
            raise InputError(f"the search visited {self.visited:.2g} rows, and that is its budget", None, OFFER)
