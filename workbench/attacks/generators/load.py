"""Heavy load: how long answers take, how many fail and how many wait, as more callers come, or as they come faster.

In a *closed loop* callers wait for their answer before they ask again, so a target is never buried under what it cannot serve.
In an *open loop* calls come at a set rate, whether or not those before were answered, as people do; how long one takes counts
from when it was due, so that a call which had to wait for its turn is as slow as its caller finds it. How many, how long and how
often are bounded. HTTP targets refuse hosts other than this machine unless they were allowed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from workbench.attacks.health import (
    downstream_status,
    health_point,
    health_table,
    mean_waiting,
    most_waiting,
    resident_megabytes,
)
from workbench.attacks.scenarios.trial import Setting, Trial, share_columns
from workbench.errors import InputError
from workbench.registry import scenarios

CALLERS: Final = (1, 2, 4, 8)
RATES: Final = (20.0, 50.0, 100.0)
MOST_CALLERS: Final = 64
MOST_CALLS: Final = 20_000
SATURATED: Final = 0.9
"""The knee is the fewest callers that reach this share of the highest throughput; a rate answered so far is kept up with."""


class Call(NamedTuple):
    """One call: when it was due, begun and ended, in seconds; its error; the share of its rows decided rightly (NaN: unknown)."""

    due: float
    begun: float
    ended: float
    failed: bool
    error: str | None
    right: float


def find_knee(callers: Sequence[int], throughput: Sequence[float]) -> int:
    """The fewest callers that reach `SATURATED` of the highest throughput: more only wait."""
    best = max(throughput)
    return next(count for count, rate in zip(callers, throughput, strict=True) if rate >= SATURATED * best)


def kept_up(rates: Sequence[float], achieved: Sequence[float]) -> float | None:
    """The highest rate up to which every rate was answered at `SATURATED` of it or faster; None: not even the first."""
    best = None
    for rate, answered in zip(rates, achieved, strict=True):
        if answered < SATURATED * rate:
            break
        best = rate
    return best


def percentiles(seconds: np.ndarray) -> dict[str, float]:
    """``p50 p95 p99`` of latencies, in seconds."""
    return {name: float(np.quantile(seconds, share)) for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))}


@scenarios.register("load")
def load(
    setting: Setting,
    *,
    callers: Sequence[int] = CALLERS,
    calls: int = 200,
    batch: int = 1,
    slow: float = 0.1,
    seconds: float = 30.0,
) -> Trial:
    """Ask with each number of callers; measure: share of answers at the most callers that fail or take longer than `slow`.

    Parameters
    ----------
    callers
        Numbers of callers at once, ascending, `MOST_CALLERS` at most.
    calls
        Calls at each number; all of them together `MOST_CALLS` at most.
    batch
        Rows in a call.
    slow
        Seconds from which an answer counts as failed.
    seconds
        Time after which no further call is begun.
    """
    _require_bounds(callers, calls, max(callers, default=0))
    places = _places(setting, calls, batch)
    until = time.monotonic() + seconds

    def together(count: float) -> list[Call]:
        with ThreadPoolExecutor(int(count)) as pool:
            asked = list(pool.map(lambda rows: _ask(setting, rows, until), places))
        return [call for call in asked if call is not None]

    levels = _each([float(count) for count in callers], together, seconds)
    alone = min(float(_took(made).mean()) for _, made in levels)
    points, curve = [], []
    for count, made in levels:
        line = _measured(made, batch, slow)
        # Little (1961): callers inside = throughput × time; those that a call alone would not have had there wait.
        waiting = max(0.0, line["rows_per_second"] / batch * (float(_took(made).mean()) - alone))
        curve.append({"callers": int(count), **line})
        points.append(_point("callers at once", count, made, waiting))
    table, last = pd.DataFrame(curve), curve[-1]
    knee = find_knee(table["callers"].tolist(), table["rows_per_second"].tolist())
    return Trial(
        f"answers failed or slower than {slow:g} s with {last['callers']} callers", last["rate"], last["low"], last["high"],
        {"outcomes": table.iloc[[-1]], "curve": table, "health": health_table(points)}, {"knee": knee, "p99": last["p99"]},
    )  # fmt: skip


@scenarios.register("arrivals")
def arrivals(
    setting: Setting,
    *,
    rates: Sequence[float] = RATES,
    calls: int = 100,
    workers: int = 8,
    batch: int = 1,
    slow: float = 0.1,
    seconds: float = 60.0,
) -> Trial:
    """Calls at set rates, answered or not; measure: share at the highest rate that fail or take longer than `slow` from when due.

    Parameters
    ----------
    rates
        Calls per second, ascending.
    calls
        Calls at each rate; all of them together `MOST_CALLS` at most.
    workers
        Calls under way at once; further ones that are due wait. `MOST_CALLERS` at most.
    batch, slow, seconds
        As for `load`.
    """
    _require_bounds(rates, calls, workers)
    places = _places(setting, calls, batch)
    until = time.monotonic() + seconds
    levels = _each([float(rate) for rate in rates], lambda rate: _arriving(setting, places, rate, workers, until), seconds)
    points, curve = [], []
    for rate, made in levels:
        due, begun, ended = (np.array([call[at] for call in made]) for at in range(3))
        waiting = mean_waiting(due, begun, ended)
        curve.append({
            "calls_per_second": rate, "answered_per_second": _leaving(ended, rate), **_measured(made, batch, slow),
            "waiting": waiting, "most_waiting": most_waiting(due, begun),
        })  # fmt: skip
        points.append(_point("calls per second", rate, made, waiting))
    table, last = pd.DataFrame(curve), curve[-1]
    kept = kept_up(table["calls_per_second"].tolist(), table["answered_per_second"].tolist())
    return Trial(
        f"answers failed or slower than {slow:g} s at {last['calls_per_second']:g} calls a second",
        last["rate"], last["low"], last["high"],
        {"outcomes": table.iloc[[-1]], "curve": table, "health": health_table(points)},
        {"kept_up": kept, "p99": last["p99"], "most_waiting": last["most_waiting"]},
    )  # fmt: skip


def _require_bounds(levels: Sequence[float], calls: int, workers: int) -> None:
    least = min(levels, default=0)
    if not len(levels) or least <= 0 or calls < 1 or not 1 <= workers <= MOST_CALLERS or len(levels) * calls > MOST_CALLS:
        most = f"Give 1 to {MOST_CALLERS} callers and {MOST_CALLS} calls at most."
        raise InputError("a load out of bounds", f"{list(levels)}, {calls} calls each, {workers} at once", most)


def _places(setting: Setting, calls: int, batch: int) -> list[np.ndarray]:
    return list(setting.generator(71).integers(0, len(setting), size=(calls, batch)))


def _each(levels: list[float], ask: Callable[[float], list[Call]], seconds: float) -> list[tuple[float, list[Call]]]:
    """The calls made at each level, up to the first at which the time was up before any."""
    found = []
    for level in levels:
        made = ask(level)
        if not made:
            break
        found.append((level, made))
    if not found:
        raise InputError("no call was answered in time", seconds, "Allow more seconds.")
    return found


def _arriving(setting: Setting, places: list[np.ndarray], rate: float, workers: int, until: float) -> list[Call]:
    """Calls that are due one after the other, `rate` of them a second, whatever became of those before."""
    start = time.perf_counter()
    with ThreadPoolExecutor(workers) as pool:
        asked = []
        for number, rows in enumerate(places):
            due = start + number / rate
            time.sleep(max(0.0, due - time.perf_counter()))
            asked.append(pool.submit(_ask, setting, rows, until, due))
        made = [future.result() for future in asked]
    return [call for call in made if call is not None]


def _ask(setting: Setting, rows: np.ndarray, until: float, due: float | None = None) -> Call | None:
    """One call; None once the time is up."""
    if time.monotonic() > until:
        return None
    frame = setting.frame.iloc[rows].reset_index(drop=True)
    begun = time.perf_counter()
    answered = setting.target.predict(frame)
    ended = time.perf_counter()
    error = next((text for text in answered.error if text is not None), None)
    right = float("nan") if setting.label is None else 1 - float(setting.wrong(answered, setting.label[rows]).mean())
    return Call(begun if due is None else due, begun, ended, error is not None, error, right)


def _took(made: Sequence[Call]) -> np.ndarray:
    return np.array([call.ended - call.due for call in made])


def _measured(made: Sequence[Call], batch: int, slow: float) -> dict[str, Any]:
    """A line of the curve: late or failed, percentiles, errors, and rows a second."""
    took, failed = _took(made), np.array([call.failed for call in made])
    span = max(call.ended for call in made) - min(call.due for call in made)
    late = share_columns(int((failed | (took > slow)).sum()), len(made))
    return {**late, **percentiles(took), "errors": int(failed.sum()), "rows_per_second": len(made) * batch / max(span, 1e-9)}


def _leaving(ended: np.ndarray, rate: float) -> float:
    """Answers a second, from the first to the last; the rate itself where there is one only."""
    span = float(ended.max() - ended.min())
    return (len(ended) - 1) / span if span > 0 else rate


def _point(axis: str, at: float, made: Sequence[Call], waiting: float) -> dict[str, Any]:
    right = float(np.mean([call.right for call in made]))
    return health_point(
        axis, at, len(made), sum(call.failed for call in made), waiting=waiting, seconds=float(_took(made).mean()),
        memory=resident_megabytes(), downstream=downstream_status(call.error for call in made),
        accuracy=None if np.isnan(right) else right,
    )  # fmt: skip
