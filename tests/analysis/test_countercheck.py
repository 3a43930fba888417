"""Nothing is found in permuted losses, what is planted strongly is found, and both are said in numbers."""

import numpy as np
import pandas as pd
import pytest

from workbench.analysis.countercheck import counter_check
from workbench.data.dataset import Dataset, open_dataset
from workbench.errors import UnknownNameError


def data(*, bad: float) -> Dataset:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.integers(0, 4, 2000), "b": rng.choice([*"xyz"], 2000), "c": rng.normal(size=2000), "y": 0})
    worse = (frame["a"] == 2) & (frame["b"] == "x")
    frame["p"] = (rng.random(2000) < np.where(worse, bad, 0.1)).astype(int)
    frame.loc[:9, "y"] = np.nan
    return open_dataset(frame.astype({"y": "Int64"}), {"prediction": "p", "label": "y", "features": ["a", "b", "c"]})


def test_a_real_finding_stands_out_from_permuted_losses() -> None:
    result = counter_check(data(bad=0.6), level=2, runs=9, effects=(0.0, 2.0))
    assert result.numbers["p"] == 0.1
    assert result.numbers["false_findings"] <= 2 / 9
    assert result.numbers["best_z"] > result.tables["permuted"]["z"].max()
    planted = result.tables["planted"].set_index("effect")
    assert planted.loc[0.0, "recall"] == 0
    assert planted.loc[2.0, "recall"] >= 0.8
    assert planted.loc[2.0, "rise"] == pytest.approx(2 * np.sqrt(0.13 * 0.87), rel=0.2)


def test_chance_does_not_stand_out() -> None:
    result = counter_check(data(bad=0.1), level=2, runs=9, effects=())
    assert result.numbers["p"] > 0.1
    assert result.tables["planted"].empty


def test_losses_that_are_no_shares_are_raised_too() -> None:
    dataset = data(bad=0.1)
    losses = np.random.default_rng(1).exponential(size=dataset.rows)
    result = counter_check(dataset, losses, level=1, runs=4, effects=(3.0,))
    assert result.tables["planted"]["rise"].item() == pytest.approx(3 * losses.std())
    assert result.tables["planted"]["recall"].item() == 1.0


def test_the_same_seed_gives_the_same_digest_and_every_search_is_told() -> None:
    seen: list[tuple[int, int]] = []
    first = counter_check(data(bad=0.3), level=1, runs=2, effects=(1.0,), tell=lambda done, of: seen.append((done, of)))
    assert seen == [(number, 5) for number in range(1, 6)]
    assert first.digest == counter_check(data(bad=0.3), level=1, runs=2, effects=(1.0,)).digest


def test_an_unknown_loss_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="nothing"):
        counter_check(data(bad=0.1), "nothing")
