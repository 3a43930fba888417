"""The tree has every slice once; what its nodes, what two slices share and what pairs of conditions hold is counted by masks."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.analysis.slices import SliceResult, find_slices
from workbench.analysis.slices.relations import condition_tree
from workbench.data.dataset import open_dataset
from workbench.predicate import Predicate


def search(seed: int, *, weighted: bool = False, two: bool = False, rows: int = 600) -> tuple[pd.DataFrame, SliceResult]:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({name: rng.choice(list("uvw"), rows) for name in ("a", "b", "c")}).assign(age=rng.integers(18, 70, rows))
    frame.loc[rng.random(rows) < 0.05, "a"] = None
    bad = (frame["a"] == "u") & (frame["b"] == "v") | (frame["age"] < 25)
    frame["wrong"] = (rng.random(rows) < np.where(bad, 0.5, 0.1)).astype(float)
    frame.loc[rng.random(rows) < 0.05, "wrong"] = np.nan
    frame["weight"], frame["late"] = rng.integers(1, 4, rows).astype(float), rng.random(rows) < 0.6
    roles = {"features": ["a", "b", "c", "age"]} | ({"weight": "weight"} if weighted else {})
    asked: dict[str, Any] = {"reference": "late = false"} if two else {}
    return frame, find_slices(open_dataset(frame, roles), "column:wrong", permutations=0, score="effect", **asked)


def by_mask(frame: pd.DataFrame, where: str, *, weighted: bool) -> tuple[float, int, float]:
    """Size, rows and mean of the rows that have a loss."""
    inside = frame[Predicate.parse(where).mask(frame) & frame["wrong"].notna().to_numpy()]
    weights = inside["weight"] if weighted else pd.Series(1.0, index=inside.index)
    return weights.sum(), len(inside), (weights * inside["wrong"]).sum() / weights.sum()


@settings(max_examples=8)
@given(seed=st.integers(0, 1000), weighted=st.booleans(), two=st.booleans())
def test_every_row_of_a_table_holds_what_its_slice_selects(*, seed: int, weighted: bool, two: bool) -> None:
    frame, result = search(seed, weighted=weighted, two=two)
    current = frame[frame["late"]] if two else frame
    tables = [result.tables[name] for name in ("tree", "shared", "pairs")]
    for row in pd.concat(tables).to_dict("records"):
        assert (row["size"], row["rows"], row["mean"]) == pytest.approx(by_mask(current, row["slice"], weighted=weighted))
        assert row["suppressed"] == (row["rows"] < 10)


@settings(max_examples=10)
@given(seed=st.integers(0, 1000))
def test_a_tree_has_each_slice_once_and_each_node_hangs_from_one_before_it(seed: int) -> None:
    _, result = search(seed)
    tree, wanted = result.tables["tree"], result.tables["distinct"]["slice"]
    nodes = tree["slice"].tolist()
    assert len(set(nodes)) == len(nodes)
    assert set(wanted) <= set(nodes)
    leaves = set(nodes) - set(tree["parent"])
    assert leaves <= set(wanted), "no branch leads nowhere"
    for at, row in enumerate(tree.to_dict("records")):
        parent = Predicate.parse(row["parent"])
        assert row["parent"] == "all rows" or row["parent"] in nodes[:at]
        assert set(Predicate.parse(row["slice"]).conditions) == {
            *parent.conditions,
            *Predicate.parse(row["condition"]).conditions,
        }
    starts = [row["parent"] for row in tree.to_dict("records")]
    open_nodes = ["all rows"]
    for node, parent in zip(nodes, starts, strict=True):
        while open_nodes[-1] != parent:
            open_nodes.pop()
        open_nodes.append(node)


def test_what_slices_share_comes_first() -> None:
    _, result = search(0)
    assert result.cube is not None
    wheres = ['a = "u" and b = "v"', 'b = "v" and c = "w"', 'a = "v" and b = "v"']
    places = [next(at for at in range(len(result.cube)) if str(result.cube.where(at)) == where) for where in wheres]
    tree = condition_tree(result.cube, places)
    assert tree["slice"].tolist() == ['b = "v"', wheres[0], wheres[1], wheres[2]]
    assert tree["condition"].tolist() == ['b = "v"', 'a = "u"', 'c = "w"', 'a = "v"']


def test_pairs_are_of_features_that_a_slice_names_and_of_conditions_that_have_the_support() -> None:
    _, result = search(3)
    pairs = result.tables["pairs"]
    first = next(where for where in result.tables["distinct"]["slice"] if " and " in where)
    assert {*pairs.iloc[0][["x", "y"]]} <= set(Predicate.parse(first).columns)
    assert result.cube is not None
    singles = {str(result.cube.where(at)) for at in np.flatnonzero(result.cube.levels == 1)}
    assert {*pairs["x_condition"], *pairs["y_condition"]} <= singles
    assert len(pairs.groupby(["x", "y"])) <= 3


def test_where_nothing_is_found_the_tables_are_empty() -> None:
    frame = pd.DataFrame({"a": ["x", "y"] * 30, "b": ["u", "u", "v"] * 20, "wrong": 0.0})
    tables = find_slices(open_dataset(frame, {"features": ["a", "b"]}), "column:wrong", permutations=0).tables
    assert all(tables[name].empty for name in ("tree", "shared", "pairs"))
