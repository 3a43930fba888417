"""The four-fifths rule cries wolf on many small groups, and the simulation says how often."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from workbench.analysis.disparity import measure_disparity
from workbench.analysis.disparity.rule import false_alarm_rate
from workbench.data.dataset import open_dataset


def exact_rate(first: int, second: int, rate: float) -> float:
    """For two groups, summed over all outcomes."""
    p1, p2 = (binom.pmf(np.arange(size + 1), size, rate) for size in (first, second))
    r1, r2 = np.arange(first + 1)[:, None] / first, np.arange(second + 1)[None, :] / second
    return float((np.outer(p1, p2) * (np.minimum(r1, r2) < 0.8 * np.maximum(r1, r2))).sum())


@pytest.mark.parametrize(("first", "second", "rate"), [(10, 10, 0.5), (50, 200, 0.3), (400, 400, 0.6)])
def test_two_groups_as_summed_exactly(first: int, second: int, rate: float) -> None:
    found = false_alarm_rate(np.asarray([first, second]), rate, seed=0, draws=20_000)
    assert found == pytest.approx(exact_rate(first, second, rate), abs=4 * 0.5 / np.sqrt(20_000))


def test_fifty_small_groups_always_sound_and_large_ones_rarely() -> None:
    assert false_alarm_rate(np.full(50, 40), 0.3, seed=0) == 1
    assert false_alarm_rate(np.full(2, 20_000), 0.3, seed=0) == 0
    assert np.isnan(false_alarm_rate(np.asarray([40, 0]), 0.3, seed=0))


def test_the_table_sets_the_rule_beside_its_false_alarms() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"g": rng.integers(0, 50, 2000), "p": rng.random(2000) < 0.3})
    result = measure_disparity(open_dataset(frame, {"prediction": "p", "favorable": True, "groups": ["g"]}))
    [row] = result.tables["rule"].to_dict("records")
    assert (row["groups"], row["sounds"], row["false_alarm_rate"]) == (50, True, 1.0)
    assert not (result.tables["disparities"]["p_adjusted"] < 0.05).any(), "under parity the exact tests stay silent"
