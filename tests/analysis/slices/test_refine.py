"""A bin becomes the exact range, which selects what it says and holds what is told."""

import numpy as np
import pandas as pd
import pytest

from workbench.analysis.slices import find_slices
from workbench.data.dataset import Dataset, open_dataset
from workbench.predicate import Predicate


def opened(rows: int = 20_000, seed: int = 0) -> Dataset:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {"age": rng.integers(18, 90, rows), "sex": rng.choice(["f", "m"], rows), "y": 0, "late": np.arange(rows) % 2}
    )
    bad = (frame["age"] >= 21) & (frame["age"] < 33) & (frame["sex"] == "f")
    frame["p"] = (rng.random(rows) < np.where(bad, 0.6, 0.1)).astype(int)
    return open_dataset(frame, {"prediction": "p", "label": "y", "features": ["age", "sex"]})


def test_the_planted_range_is_found_to_the_year() -> None:
    dataset = opened()
    row = find_slices(dataset, permutations=0).tables["distinct"].iloc[0]
    assert 'sex = "f"' in row["slice"]
    assert row["refined"] in ('sex = "f" and age in [21, 33)', 'age in [21, 33) and sex = "f"')
    inside = Predicate.parse(row["refined"]).mask(dataset.frame)
    error = (dataset.frame["p"] != dataset.frame["y"]).to_numpy()
    assert row["refined_size"] == inside.sum()
    assert row["refined_mean"] == pytest.approx(error[inside].mean())
    assert row["refined_p"] < 1e-10


def test_the_range_of_a_change_is_found_too() -> None:
    dataset = opened()
    frame = dataset.frame.assign(p=lambda data: np.where(data["late"] == 1, data["p"], 0))
    later = open_dataset(frame, {"prediction": "p", "label": "y", "features": ["age", "sex"]})
    row = find_slices(later, reference="late = 0", permutations=0).tables["distinct"].iloc[0]
    assert "age in [21, 33)" in row["refined"]


def test_a_range_found_by_chance_is_not_significant() -> None:
    rng = np.random.default_rng(1)
    found = 0
    for _ in range(20):
        frame = pd.DataFrame({"x": rng.normal(size=1000), "y": 0, "p": rng.integers(0, 2, 1000)})
        table = find_slices(open_dataset(frame, {"prediction": "p", "label": "y"}), permutations=0).tables["distinct"]
        found += bool((table["refined_p"] < 0.05).any())
    assert found <= 3


def test_what_has_no_bin_is_not_refined() -> None:
    table = find_slices(opened(), features=["sex"], permutations=0).tables["distinct"]
    assert table["refined"].isna().all()
