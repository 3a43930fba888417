"""How far people can be told apart, against counting by pandas."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.analysis.privacy import measure_privacy
from workbench.data.dataset import Dataset, open_dataset
from workbench.errors import InputError, UnknownNameError

ROLES = {"groups": ["sex", "race"], "label": "true", "prediction": "said", "features": ["age", "place"]}


def log(rows: int, seed: int, values: int = 4) -> Dataset:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({
        "sex": rng.choice(["f", "m"], rows), "race": rng.choice(["a", "b", None], rows),
        "age": rng.integers(18, 18 + values, rows),
        "place": rng.choice(list("xyz"), rows), "true": rng.integers(0, 2, rows), "said": rng.integers(0, 2, rows),
    })  # fmt: skip
    return open_dataset(frame, ROLES)


@settings(max_examples=25)
@given(rows=st.integers(2, 120), seed=st.integers(0, 99), values=st.integers(1, 30), k=st.integers(2, 12))
def test_classes_are_those_of_a_groupby(rows: int, seed: int, values: int, k: int) -> None:
    dataset = log(rows, seed, values)
    numbers = measure_privacy(dataset, k=k).numbers
    by = dataset.frame.groupby(["sex", "race", "age", "place"], dropna=False)
    sizes = by["true"].transform("size")
    same = by["true"].transform(lambda part: part.nunique(dropna=False)) == 1
    assert (numbers["classes"], numbers["smallest"]) == (by.ngroups, sizes.min())
    assert numbers["unique"] == pytest.approx((sizes == 1).mean())
    assert numbers["below_k"] == pytest.approx((sizes < k).mean())
    assert numbers["risk"] == pytest.approx(by.ngroups / rows)
    assert numbers["homogeneous_label"] == pytest.approx((same & (sizes > 1)).mean())


@settings(max_examples=25)
@given(rows=st.integers(2, 120), seed=st.integers(0, 99))
def test_another_column_never_makes_anybody_safer(rows: int, seed: int) -> None:
    steps = measure_privacy(log(rows, seed)).tables["columns"]
    assert (steps[["classes", "unique", "below_k", "risk"]].diff().dropna() >= -1e-12).all(axis=None)
    assert (steps["smallest"].diff().dropna() <= 0).all()


def test_the_first_column_tells_most_apart() -> None:
    steps = measure_privacy(log(200, 1, values=30)).tables["columns"]
    assert steps["column"][0] == "age"
    assert set(steps["column"]) == {"sex", "race", "age", "place"}


def test_slices_are_told_of_by_the_classes_of_the_whole_log() -> None:
    dataset = log(90, 3)
    table = measure_privacy(dataset, slices=["age < 20"]).tables["slices"]
    sizes = dataset.frame.groupby(["sex", "race", "age", "place"], dropna=False)["true"].transform("size")
    young = table.set_index("where").loc["age < 20"]
    assert young["n"] == (dataset.frame["age"] < 20).sum()
    assert young["unique"] == pytest.approx((sizes[dataset.frame["age"] < 20] == 1).mean())
    assert table[table["attribute"] == "race"]["n"].sum() == 90


def test_a_column_of_many_values_counts_only_where_it_is_named() -> None:
    frame = pd.DataFrame({"pay": np.linspace(0, 1, 400), "said": [0, 1] * 200, "kind": ["a", "b"] * 200})
    dataset = open_dataset(frame, {"prediction": "said", "features": ["pay", "kind"]})
    assert measure_privacy(dataset).numbers["classes"] == 2
    assert measure_privacy(dataset, ["pay"]).numbers["unique"] == 1.0


def test_wide_keys_do_not_overflow() -> None:
    """Twenty columns of a hundred values span 10 to the power of 40."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.integers(0, 100, (300, 20)), columns=[f"c{number}" for number in range(20)])
    frame = pd.concat([frame, frame.head(5)], ignore_index=True).assign(said=1)
    result = measure_privacy(open_dataset(frame, {"prediction": "said"}))
    assert result.numbers["classes"] == 300


def test_a_small_group_is_not_published_nor_solved_for() -> None:
    frame = pd.DataFrame({"race": ["a"] * 40 + ["b"] * 30 + ["c"] * 3, "said": 1})
    shown = measure_privacy(open_dataset(frame, {"groups": ["race"], "prediction": "said"}), slices=['race = "c"']).published()
    table = shown.tables["slices"]
    assert table[table["attribute"] != ""]["n"].isna().sum() == 2
    assert (table["attribute"] == "").sum() == 1
    assert shown.published().tables["slices"]["n"].isna().sum() == 2


def test_bad_arguments_are_refused() -> None:
    dataset = log(20, 0)
    with pytest.raises(InputError, match="k of 2"):
        measure_privacy(dataset, k=1)
    with pytest.raises(UnknownNameError, match="postcode"):
        measure_privacy(dataset, ["postcode"])
    with pytest.raises(InputError, match="no quasi-identifier"):
        measure_privacy(dataset, [])
