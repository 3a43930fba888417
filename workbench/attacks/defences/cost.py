"""What a defence costs: latency, throughput and memory, measured side by side in one process."""

from __future__ import annotations

import inspect
import io
import pickle
import time
import tracemalloc
import types
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from workbench.models.target import Target

SINGLES: Final = 60
"""Single rows each target is asked about, one per call."""
BLOCK: Final = 2048
"""Rows of the call that throughput is measured on."""
ROUNDS: Final = 9
MEGABYTE: Final = 1e6


@dataclass(frozen=True)
class Cost:
    """What one target costs.

    Attributes
    ----------
    latency
        Median seconds of a call with a single row.
    latency_p95
        95 % of such calls take no longer.
    throughput
        Rows per second in calls of up to `BLOCK` rows: the median of `ROUNDS`.
    memory
        Megabytes: the pickled size of the target, and what one such call allocates at its peak beyond that (as Python's allocator
        and numpy's tell it; a compiled library's own allocations are not seen). None where the target cannot be pickled: a server
        elsewhere, a lock.
    """

    latency: float
    latency_p95: float
    throughput: float
    memory: float | None


def measure_costs(targets: Mapping[str, Target], frame: pd.DataFrame) -> dict[str, Cost]:
    """The cost of every target on the same rows, asked in turn so that a busy moment of the machine hits them alike."""
    singles = [frame.iloc[[at % len(frame)]].reset_index(drop=True) for at in range(SINGLES)]
    block = frame.iloc[np.arange(min(BLOCK, 4 * len(frame))) % len(frame)].reset_index(drop=True)
    for target in targets.values():
        target.predict(block)
    latency: dict[str, list[float]] = {name: [] for name in targets}
    speed: dict[str, list[float]] = {name: [] for name in targets}
    for row in singles:
        for name, target in targets.items():
            latency[name].append(_seconds(target, row))
    for _ in range(ROUNDS):
        for name, target in targets.items():
            speed[name].append(len(block) / _seconds(target, block))
    return {
        name: Cost(
            float(np.median(latency[name])), float(np.quantile(latency[name], 0.95)), float(np.median(speed[name])),
            _memory(target, block),
        )
        for name, target in targets.items()
    }  # fmt: skip


def held_bytes(target: object) -> int | None:
    """The pickled size of everything a target holds, functions with what they close over; None where that cannot be pickled."""
    counter = _Counter()
    try:
        _Pickler(counter).dump(target)
    except Exception:  # noqa: BLE001  whatever an object's own __reduce__ raises: its size is not known
        return None
    return counter.size


def _seconds(target: Target, frame: pd.DataFrame) -> float:
    start = time.perf_counter()
    target.predict(frame)
    return max(time.perf_counter() - start, 1e-9)


def _memory(target: Target, block: pd.DataFrame) -> float | None:
    held = held_bytes(target)
    if held is None or tracemalloc.is_tracing():
        return None
    tracemalloc.start()
    try:
        target.predict(block)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    return (held + peak) / MEGABYTE


class _Counter(io.RawIOBase):
    """Where bytes are counted and dropped."""

    def __init__(self) -> None:
        super().__init__()
        self.size = 0

    def write(self, data: Any, /) -> int:
        length = memoryview(data).nbytes
        self.size += length
        return length


class _Pickler(pickle.Pickler):
    """Pickles a function that has no name to import it by as its code and what it names outside itself; a module by its name."""

    def __init__(self, file: Any) -> None:
        super().__init__(file)
        self._functions: set[int] = set()

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, types.ModuleType):
            return str, (obj.__name__,)
        nameless = isinstance(obj, types.FunctionType | type) and ("<" in obj.__qualname__ or obj.__module__ == "__main__")
        if not nameless:
            return NotImplemented
        if isinstance(obj, type) or id(obj) in self._functions:
            return str, (obj.__qualname__,)
        self._functions.add(id(obj))
        outside = inspect.getclosurevars(obj)
        return tuple, ([obj.__code__.co_code, obj.__defaults__, {**outside.globals, **outside.nonlocals}],)
