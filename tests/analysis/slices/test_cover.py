"""One finding, once: no two listed slices are nearly the same rows, and the other names of each are told."""

import itertools

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.analysis.slices import find_slices
from workbench.analysis.slices.cover import OVERLAP
from workbench.data.dataset import Dataset, open_dataset
from workbench.predicate import Predicate


def opened(seed: int = 0, rows: int = 600) -> Dataset:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {"a": rng.integers(0, 4, rows), "b": rng.choice(list("xyz"), rows), "c": rng.integers(0, 3, rows), "y": 0}
    )
    frame["husband"] = np.where((frame["a"] == 2) & (frame["b"] == "x"), "yes", "no")
    frame["p"] = (rng.random(rows) < np.where(frame["husband"] == "yes", 0.9, 0.1)).astype(int)
    return open_dataset(frame, {"prediction": "p", "label": "y"})


@settings(max_examples=8)
@given(seed=st.integers(0, 1000))
def test_no_two_listed_slices_share_half_their_rows(seed: int) -> None:
    dataset = opened(seed, 200)
    table = find_slices(dataset, top=30, permutations=0, details=False).tables["distinct"]
    masks = [Predicate.parse(where).mask(dataset.frame) for where in table["slice"]]
    for left, right in itertools.combinations(masks, 2):
        assert (left & right).sum() < OVERLAP * (left | right).sum()


def test_slices_of_the_same_rows_are_one_under_the_shortest_name() -> None:
    dataset = opened()
    row = find_slices(dataset, permutations=0, details=False).tables["distinct"].iloc[0]
    assert row["slice"] == 'husband = "yes"'
    assert 'a = 2 and b = "x"' in row["aliases"]
    expected = Predicate.parse(row["slice"]).mask(dataset.frame)
    for alias in row["aliases"]:
        assert (Predicate.parse(alias).mask(dataset.frame) == expected).all()


def test_a_condition_that_adds_nothing_is_marked_and_one_that_does_is_not() -> None:
    """c has no say in the errors; a and b only together."""
    dataset = opened()
    result = find_slices(dataset, features=["a", "b", "c"], top=500, permutations=0, details=False)
    table = result.tables["distinct"].set_index("slice")
    assert not table.loc['a = 2 and b = "x"', "adds_nothing"]
    row = table.loc['a = 2 and b = "x"']
    parents = result.top(10_000).set_index("slice")["mean"]
    assert row["parent"] in ("a = 2", 'b = "x"')
    assert row["gain"] == row["mean"] - parents[row["parent"]]
    deeper = [name for name in table.index if 'a = 2 and b = "x" and c' in name]
    assert all(table.loc[name, "adds_nothing"] for name in deeper)
