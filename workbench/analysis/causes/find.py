"""From the windows of a log to its roots, each with what it is put down to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from workbench.analysis.causes.diagnosis import diagnose
from workbench.analysis.causes.parts import make_catalogue
from workbench.analysis.causes.root import Root
from workbench.analysis.causes.rows import TimedRows, timed_rows
from workbench.analysis.causes.search import find_roots
from workbench.analysis.causes.signals import all_signals
from workbench.data.dataset import Dataset


@dataclass(frozen=True, eq=False)
class Roots:
    """What was found.

    Attributes
    ----------
    rows
        What was looked at.
    found
        The roots.
    signals
        How many signals were examined.
    """

    rows: TimedRows
    found: tuple[Root, ...]
    signals: int
    outcomes: dict[str, np.ndarray] = field(default_factory=dict)


def find_causes(windows: Sequence[Dataset], seed: int = 0) -> Roots | None:
    """The roots of what changed over time; None where the log is too short to tell one time from another."""
    from threadpoolctl import threadpool_limits

    rows = timed_rows(windows, seed)
    if rows is None:
        return None
    with threadpool_limits(1):  # threads that wait for each other cost seconds on a busy machine
        signals = all_signals(rows, seed)
        residuals = {signal.aspect: signal.values for signal in signals if signal.stage >= 2 and signal.aspect != "version"}
        roots = find_roots(signals, rows, make_catalogue(rows), lambda change: diagnose(change, rows, residuals))
    return Roots(rows, tuple(Root(change, diagnosis) for change, diagnosis in roots), len(signals), residuals)
