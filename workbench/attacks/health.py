"""System health beside accuracy: errors, what waits, memory and what stands downstream, along the axis that a run went.

A *point* is one place on the axis: a level of a fault, a number of callers, a rate, a second, a part of a recording. A model that
is right when it answers, and answers late or not at all, is ill; so is one that answers every time with something else. Only the
two beside each other tell which.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from workbench.attacks.scenarios.trial import share_columns
from workbench.models.faults import fault_kind
from workbench.result.cells import is_small

AXES: Final = ("level of the fault", "callers at once", "calls per second", "simulated seconds", "share of the recording")
COLUMNS: Final = (
    "part", "axis", "at", "requests", "errors", "error_rate", "low", "high", "waiting", "seconds", "memory", "downstream",
    "accuracy", "suppressed",
)  # fmt: skip
HEALTHY: Final = "healthy"
STATM: Final = Path("/proc/self/statm")


def health_point(
    axis: str, at: float, requests: int, errors: int, *, part: str = "", waiting: float | None = None,
    seconds: float | None = None, memory: float | None = None, downstream: str = HEALTHY, accuracy: float | None = None,
) -> dict[str, Any]:  # fmt: skip
    """One row of a table of health.

    Parameters
    ----------
    axis, at
        A word of `AXES`, and where on it.
    requests, errors
        How many were made, and how many got no answer because something failed; abstaining is an answer.
    part
        What of the run it is about (a damaged column, a target), where it has several.
    waiting
        Requests that wait for their turn, on the average; None where requests are made one after the other.
    seconds
        A request takes, on the average.
    memory
        Megabytes that this process holds (`resident_megabytes`): not those of a server elsewhere.
    downstream
        `HEALTHY`, or what is wrong with what the answers came from.
    accuracy
        Share of requests decided rightly, where that is known; no decision is not right.
    """
    counted = share_columns(errors, requests)
    return {
        "part": part, "axis": axis, "at": float(at), "requests": requests, "errors": errors, "error_rate": counted["rate"],
        "low": counted["low"], "high": counted["high"], "waiting": waiting, "seconds": seconds, "memory": memory,
        "downstream": downstream, "accuracy": accuracy, "suppressed": is_small(requests),
    }  # fmt: skip


def health_table(points: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """The points as one table, in their order."""
    return pd.DataFrame(points, columns=[*COLUMNS])


def downstream_status(errors: Iterable[str | None]) -> str:
    """`HEALTHY`, or the kind of error that most requests met (`workbench.models.faults.FAULTS`)."""
    kinds = Counter(fault_kind(text) for text in errors if text is not None)
    return max(sorted(kinds), key=kinds.__getitem__) if kinds else HEALTHY


def mean_waiting(due: np.ndarray, begun: np.ndarray, ended: np.ndarray) -> float:
    """Requests that were due and not yet begun, on the average over the time from the first due to the last ended.

    Little (1961): the mean number that wait is the sum of the waiting times by the time they are spread over.
    """
    span = float(ended.max() - due.min())
    return float((begun - due).sum() / span) if span > 0 else 0.0


def most_waiting(due: np.ndarray, begun: np.ndarray) -> int:
    """The longest the queue gets: most requests that are due and not yet begun, at any one time."""
    moments = np.sort(due)
    arrived = np.arange(1, len(moments) + 1)
    return int(np.maximum(arrived - np.searchsorted(np.sort(begun), moments, side="right"), 0).max(initial=0))


def resident_megabytes() -> float | None:
    """Megabytes of memory that this process holds now; the most it ever held where the system tells only that; None: neither."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    with contextlib.suppress(ImportError):
        import resource

        unit = 1 if sys.platform == "darwin" else 1024  # getrusage(2): bytes there, kilobytes elsewhere
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
    return None
