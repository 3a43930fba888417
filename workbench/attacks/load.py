"""Heavy load: more and more callers at once, how long answers take, how many fail, and where the target saturates.

Callers wait for their answer before they ask again (a closed loop), so a target is never buried under what it cannot serve; how
many, how long and how often they ask is bounded. HTTP targets refuse hosts other than this machine unless they were allowed.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import numpy as np
import pandas as pd

from workbench.attacks.trial import Setting, Trial, share_columns
from workbench.errors import InputError
from workbench.registry import scenarios

CALLERS: Final = (1, 2, 4, 8)
MOST_CALLERS: Final = 64
MOST_CALLS: Final = 20_000
SATURATED: Final = 0.9
"""The knee is the fewest callers that reach this share of the highest throughput measured."""


def find_knee(callers: Sequence[int], throughput: Sequence[float]) -> int:
    """The fewest callers that reach `SATURATED` of the highest throughput: more only wait."""
    best = max(throughput)
    return next(count for count, rate in zip(callers, throughput, strict=True) if rate >= SATURATED * best)


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
    if not callers or min(callers) < 1 or max(callers) > MOST_CALLERS or len(callers) * calls > MOST_CALLS or calls < 1:
        most = f"Give 1 to {MOST_CALLERS} callers and {MOST_CALLS} calls at most."
        raise InputError("a load out of bounds", f"{list(callers)} callers, {calls} calls each", most)
    places = setting.generator(71).integers(0, len(setting), size=(calls, batch))
    frames = [setting.frame.iloc[rows].reset_index(drop=True) for rows in places]
    until = time.monotonic() + seconds
    curve: list[dict[str, Any]] = []
    for count in callers:
        begun = time.perf_counter()
        with ThreadPoolExecutor(count) as pool:
            asked = list(pool.map(lambda frame: _ask(setting, frame, until), frames))
        answered = [item for item in asked if item is not None]
        if not answered:
            break
        took, failed = np.array([item[0] for item in answered]), np.array([item[1] for item in answered])
        throughput = len(answered) * batch / (time.perf_counter() - begun)
        late = share_columns(int((failed | (took > slow)).sum()), len(took))
        curve.append({"callers": count, **late, **percentiles(took), "errors": int(failed.sum()), "rows_per_second": throughput})
    if not curve:
        raise InputError("no call was answered in time", seconds, "Allow more seconds.")
    table = pd.DataFrame(curve)
    knee = find_knee(table["callers"].tolist(), table["rows_per_second"].tolist())
    last = curve[-1]
    return Trial(
        f"answers failed or slower than {slow:g} s with {last['callers']} callers", last["rate"], last["low"], last["high"],
        {"outcomes": table.iloc[[-1]], "curve": table}, {"knee": knee, "p99": last["p99"]},
    )  # fmt: skip


def _ask(setting: Setting, frame: pd.DataFrame, until: float) -> tuple[float, bool] | None:
    """Seconds and whether it failed; None once the time is up."""
    if time.monotonic() > until:
        return None
    begun = time.perf_counter()
    answered = setting.target.predict(frame)
    return time.perf_counter() - begun, any(text is not None for text in answered.error)
