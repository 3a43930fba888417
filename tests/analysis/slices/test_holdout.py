"""What is found on one half is measured on the other."""

import numpy as np
import pandas as pd

from workbench.analysis.slices import find_slices
from workbench.data.dataset import open_dataset


def frame_of(rows: int, seed: int, *, bad: float) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({f"c{number}": rng.integers(0, 5, rows) for number in range(6)}).assign(y=0)
    return frame.assign(p=(rng.random(rows) < np.where(frame["c0"] == 1, bad, 0.1)).astype(int))


def search(frame: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    return find_slices(open_dataset(frame, {"prediction": "p", "label": "y"}), permutations=0, seed=seed).tables["holdout"]


def test_a_slice_that_is_there_is_confirmed_and_its_halves_add_up() -> None:
    table = search(frame_of(1000, 0, bad=0.7))
    row = table.iloc[0]
    assert row["slice"] == "c0 = 1"
    assert row["kept_p_adjusted"] < 1e-6
    assert row["found_size"] + row["kept_size"] == row["size"]
    np.testing.assert_allclose(
        row["found_mean"] * row["found_size"] + row["kept_mean"] * row["kept_size"], row["mean"] * row["size"]
    )


def test_the_winners_curse_is_gone_on_the_other_half() -> None:
    gains, confirmed = [], 0
    for seed in range(10):
        table = search(frame_of(600, seed, bad=0.1), seed)
        gains.append((table["found_mean"] - table["kept_mean"]).mean())
        confirmed += bool((table["kept_p_adjusted"] < 0.05).any())
    assert np.mean(gains) > 0.1, "the best of many slices by chance look far worse where they were found"
    assert confirmed <= 3


def test_large_windows_need_none() -> None:
    assert "holdout" not in find_slices(open_dataset(frame_of(6000, 0, bad=0.7), {"prediction": "p", "label": "y"})).tables
