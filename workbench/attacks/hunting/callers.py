"""Bursts of one caller: a share of all requests that rose from some time on.

A rise alone may be a new customer. Whether a caller varies one input again and again is asked by the scan of its runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from workbench.attacks.pattern import LEVEL, Pattern, Spell, find_rise
from workbench.data.dataset import Dataset
from workbench.errors import InputError
from workbench.predicate import equals
from workbench.result import SMALL_CELL

MOST_CALLERS: Final = 50
"""Callers looked at: those with the largest share of any period."""
PERIODS: Final = 500
LEAST_RISE: Final = 0.02
LEAST_RATIO: Final = 3.0
"""Of the share since then to the share before."""
LEAST_ROWS: Final = 50


def require_caller(dataset: Dataset, caller: str) -> str:
    """The column that says who asked.

    Raises
    ------
    InputError
        If the log has no such column, or it is an identifier, which is dropped at load.
    """
    if caller in dataset.given.identifiers:
        raise InputError("the caller is an identifier, which is dropped", caller, "Take it out of the identifiers, or hash it.")
    if caller not in dataset.columns:
        raise InputError("the log has no such column", caller, f"Columns: {', '.join(dataset.columns)}")
    return caller


def find_bursts(windows: Sequence[Dataset], caller: str) -> list[Pattern]:
    """Callers whose share of the requests rose from some time on, the largest rise first; empty without times.

    Parameters
    ----------
    windows
        The earlier one first; a rise counts where it began in the last one.
    caller
        The column that says who asked.
    """
    last = windows[-1]
    if not all(window.has("time") for window in windows):
        return []
    times = np.concatenate([window.role("time").to_numpy(dtype="datetime64[us]") for window in windows])
    names = pd.concat([window.frame[caller] for window in windows], ignore_index=True)
    known = ~np.isnat(times) & names.notna().to_numpy()
    codes, callers = pd.factorize(names[known])
    starts, counts = _counted(times[known], codes, len(callers))
    first = times[-len(last.frame) :].min()
    watched = _watched(counts)
    found = []
    for code in watched:
        spell = _risen(starts, counts[:, code], counts.sum(axis=1))
        if spell is not None and (len(windows) == 1 or spell.change.onset >= first):
            found.append(_burst(last, caller, callers[code], spell, len(watched)))
    return sorted((pattern for pattern in found if pattern.p <= LEVEL), key=lambda pattern: -pattern.effect)


def _counted(times: np.ndarray, codes: np.ndarray, callers: int) -> tuple[np.ndarray, np.ndarray]:
    """The first time of each of `PERIODS` equal periods that have rows, and the rows of each caller in it."""
    span = max(int((times.max() - times.min()).astype(np.int64)), 1)
    period = ((times - times.min()).astype(np.int64) * (PERIODS - 1)) // span
    used, rows = np.unique(period, return_inverse=True)
    counts = np.bincount(rows * callers + codes, minlength=len(used) * callers).reshape(len(used), callers)
    starts = times.min() + (used * span // (PERIODS - 1)).astype("timedelta64[us]")
    return starts.astype("datetime64[s]").astype("datetime64[us]"), counts


def _watched(counts: np.ndarray) -> np.ndarray:
    """Callers of `LEAST_ROWS` rows or more with the largest share of any period of as many rows."""
    totals = counts.sum(axis=1, keepdims=True)
    share = np.where(totals >= SMALL_CELL, counts / np.maximum(totals, 1), 0.0).max(axis=0)
    share[counts.sum(axis=0) < LEAST_ROWS] = -1.0
    order = np.argsort(-share, kind="stable")[:MOST_CALLERS]
    return np.asarray(order[share[order] > 0])


def _risen(starts: np.ndarray, own: np.ndarray, every: np.ndarray) -> Spell | None:
    times = np.concatenate([starts, starts])
    hits = np.concatenate([np.ones(len(starts)), np.zeros(len(starts))])
    spell = find_rise(times, hits, np.concatenate([own, every - own]).astype(float))
    if spell is None or spell.change.after - spell.change.before < LEAST_RISE:
        return None
    return spell if spell.change.after >= LEAST_RATIO * spell.change.before else None


def _burst(last: Dataset, caller: str, name: Any, spell: Spell, tests: int) -> Pattern:
    from workbench.analysis import stats

    change = spell.change
    value = name.item() if isinstance(name, np.generic) else name
    where = equals(caller, value) & spell.where(last.require("time"))
    rows = where.mask(last.frame)
    sizes = round(change.n_after), round(change.n_before)
    counts = round(change.after * sizes[0]), round(change.before * sizes[1])
    ends = stats.newcombe(counts[0], sizes[0], counts[1], sizes[1])
    said = (
        f"one caller sends {100 * change.after:.1f} % of the requests, against {100 * change.before:.1f} % before; that alone is"
        " no attack"
    )
    return Pattern(
        "burst", said, (caller,), last.where & where, change.after - change.before, (float(ends.low), float(ends.high)),
        "share of rows", float(min(1.0, change.p * tests)), int(rows.sum()), last.people(rows), **spell.dated(),
    )  # fmt: skip
