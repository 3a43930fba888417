"""Costs: everything asked, sizes counted; how long anything takes is not asserted."""

import threading
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench.attacks.defences.cost import BLOCK, ROUNDS, SINGLES, held_bytes, measure_costs
from workbench.attacks.defences.stack import Stack, detector
from workbench.models import Target, python_target

FRAME = pd.DataFrame({"x": np.arange(2000.0)})


def holding(size: int) -> Target:
    """A model that closes over so many numbers."""
    table = np.arange(float(size))
    return python_target(lambda rows: (rows["x"] > table.mean()).to_numpy(dtype=int), digest=f"sha256:{size}")


def test_what_a_function_closes_over_is_held() -> None:
    small, large = held_bytes(holding(10)), held_bytes(holding(100_000))
    assert small is not None
    assert large is not None
    assert large - small == pytest.approx(8 * (100_000 - 10), rel=0.01)


def test_layers_add_what_they_hold() -> None:
    known = np.zeros(50_000)
    bare, stack = holding(10), Stack(holding(10), (detector(lambda rows: np.isin(rows["x"], known)),))
    assert (held_bytes(stack) or 0) - (held_bytes(bare) or 0) >= 400_000


TABLE = np.zeros(70_000)


def again(rows: pd.DataFrame) -> np.ndarray:
    return np.full(len(rows), len(TABLE))


def test_what_a_nameless_function_names_outside_itself_is_held_once() -> None:
    inner = lambda rows: again(rows) + len(TABLE)  # noqa: E731
    twice = python_target(lambda rows: inner(rows) + inner(rows), digest="sha256:twice")
    assert 560_000 <= (held_bytes(twice) or 0) < 570_000


def test_a_function_that_calls_itself_has_a_size() -> None:
    def count(rows: pd.DataFrame) -> np.ndarray:
        return count(rows.iloc[1:]) if len(rows) > 1 else np.zeros(len(rows))

    assert held_bytes(python_target(count, digest="sha256:count")) is not None


def test_what_cannot_be_pickled_has_no_size() -> None:
    lock = threading.Lock()
    target = python_target(lambda rows: np.full(len(rows), int(lock.locked())), digest="sha256:lock")
    assert held_bytes(target) is None
    assert measure_costs({"locked": target}, FRAME)["locked"].memory is None


def test_every_target_is_asked_the_same_number_of_times() -> None:
    asked: dict[str, list[int]] = {"one": [], "two": []}

    def counting(name: str) -> Target:
        def decide(rows: pd.DataFrame) -> Any:
            asked[name].append(len(rows))
            return np.zeros(len(rows), dtype=int)

        return python_target(decide, digest=f"sha256:{name}")

    found = measure_costs({name: counting(name) for name in asked}, FRAME)
    assert asked["one"] == asked["two"] == [BLOCK, *[1] * SINGLES, *[BLOCK] * ROUNDS, BLOCK]
    assert all(cost.latency <= cost.latency_p95 for cost in found.values())
    assert all(cost.throughput > 0 for cost in found.values())


def test_memory_counts_what_a_call_allocates() -> None:
    def greedy(rows: pd.DataFrame) -> np.ndarray:
        return np.zeros((len(rows), 2000)).sum(axis=1).astype(int)

    found = measure_costs({"greedy": python_target(greedy, digest="sha256:g"), "small": holding(10)}, FRAME)
    assert (found["greedy"].memory or 0) >= BLOCK * 2000 * 8 / 1e6 > (found["small"].memory or 0)
