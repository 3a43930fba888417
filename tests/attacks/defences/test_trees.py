"""Exact distances of tree ensembles, against every cell that their splits cut the plane into."""

from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("veritas")

from workbench.attacks.constraints import Column, Domain
from workbench.attacks.defences.trees import (
    METHOD,
    _first,
    _read_trees,
    certificates_side_by_side,
    certified_shares,
    certify_trees,
)
from workbench.attacks.evasion import evade
from workbench.errors import InputError
from workbench.models import Target, python_target

DOMAIN = Domain((Column("a", scale=1.0), Column("b", scale=2.0), Column("c", direction="none")))
ROWS = 15


def fitted(kind: str) -> Any:
    from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
    from sklearn.tree import DecisionTreeClassifier

    if kind == "lightgbm":
        lightgbm = pytest.importorskip("lightgbm")
        return lightgbm.LGBMClassifier(n_estimators=12, num_leaves=6, verbose=-1, n_jobs=1)
    return {
        "forest": RandomForestClassifier(7, max_depth=4, random_state=0),
        "boosted": GradientBoostingClassifier(n_estimators=8, max_depth=3, random_state=0),
        "tree": DecisionTreeClassifier(max_depth=5, random_state=0),
    }[kind]


@pytest.fixture(scope="module")
def data() -> tuple[pd.DataFrame, np.ndarray]:
    chance = np.random.default_rng(0)
    frame = pd.DataFrame(chance.normal(size=(300, 3)), columns=list("abc"))
    return frame, ((frame["a"] * frame["b"] + 0.3 * frame["c"] > 0) ^ (chance.random(300) < 0.05)).to_numpy(dtype=int)


def thresholds(model: Any) -> dict[int, np.ndarray]:
    """Where the model splits each column, read from its own dump."""
    if hasattr(model, "booster_"):
        table = model.booster_.trees_to_dataframe().dropna(subset=["split_feature"])
        return {at: table.loc[table["split_feature"] == name, "threshold"].to_numpy() for at, name in enumerate("abc")}
    trees = np.ravel(model.estimators_) if hasattr(model, "estimators_") else [model]
    found = [(at, value) for tree in trees for at, value in zip(tree.tree_.feature, tree.tree_.threshold, strict=True)]
    return {at: np.array([value for feature, value in found if feature == at]) for at in range(3)}


def nearest_by_hand(target: Target, row: np.ndarray, cuts: dict[int, np.ndarray]) -> float:
    """The distance to the nearest of all cells that is decided otherwise; infinite where none is."""
    axes: list[list[tuple[float, float]]] = []
    for at, scale in ((0, 1.0), (1, 2.0)):
        edges = np.concatenate([[-np.inf], np.unique(cuts[at]), [np.inf]])
        inner = np.clip(edges, row[at] - 50, row[at] + 50)
        middles = (inner[:-1] + inner[1:]) / 2
        apart = np.maximum(np.maximum(edges[:-1] - row[at], row[at] - edges[1:]), 0) / scale
        axes.append(list(zip(middles, apart, strict=True)))
    cells = list(product(*axes))
    points = pd.DataFrame([[a, b, row[2]] for (a, _), (b, _) in cells], columns=list("abc"))
    own = target.predict(pd.DataFrame([row], columns=list("abc"))).decision[0]
    other = target.predict(points).decision != own
    return float(min((max(one, two) for ((_, one), (_, two)), hit in zip(cells, other, strict=True) if hit), default=np.inf))


@pytest.mark.parametrize("kind", ["lightgbm", "forest", "boosted", "tree"])
def test_the_radius_is_the_distance_to_the_nearest_other_cell(kind: str, data: tuple[pd.DataFrame, np.ndarray]) -> None:
    model = fitted(kind).fit(*data)
    target = python_target(model)
    found = certify_trees(target, data[0].iloc[:ROWS], DOMAIN)
    by_hand = [nearest_by_hand(target, row, thresholds(model)) for row in data[0].iloc[:ROWS].to_numpy()]
    assert found.exact.all()
    assert found.low == pytest.approx(by_hand, abs=1e-9)


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 40))
def test_the_first_place_is_found_wherever_it_is(count: int, first: int, start: int) -> None:
    asked: list[int] = []

    def holds(place: int) -> bool:
        asked.append(place)
        return place >= first

    assert _first(count, holds, min(start, count)) == min(max(first, min(start, count)), count)
    assert all(0 <= place < count for place in asked)
    assert len(set(asked)) == len(asked) <= 2 * np.log2(count + 1) + 2


def test_no_attack_comes_nearer_than_certified(data: tuple[pd.DataFrame, np.ndarray]) -> None:
    target = python_target(fitted("boosted").fit(*data))
    rows = data[0].iloc[:ROWS].reset_index(drop=True)
    wide = Domain((Column("a", low=-9, high=9), Column("b", low=-9, high=9, scale=2.0), Column("c", direction="none")))
    attack = evade(target, rows, wide, budget=200, seed=0)
    moved = np.abs((attack.adversarial - attack.original).to_numpy()[:, :2] / [1.0, 2.0]).max(axis=1)
    found = certify_trees(target, rows, wide)
    assert attack.success.any()
    assert (moved[attack.success] >= found.low[attack.success] - 1e-9).all()


def test_what_no_change_can_turn_is_infinite(data: tuple[pd.DataFrame, np.ndarray]) -> None:
    still = Domain(tuple(Column(name, direction="none") for name in "abc"))
    found = certify_trees(python_target(fitted("tree").fit(*data)), data[0].iloc[:3], still)
    assert np.isinf(found.low).all()
    assert found.exact.all()


def test_too_few_steps_leave_bounds_that_hold(data: tuple[pd.DataFrame, np.ndarray]) -> None:
    target = python_target(fitted("lightgbm").fit(*data))
    whole, hurried = (certify_trees(target, data[0].iloc[:ROWS], DOMAIN, steps=steps) for steps in (20_000, 2))
    assert not hurried.exact.all()
    assert (hurried.low <= whole.low).all()
    assert (hurried.high >= whole.high).all()


def test_a_row_on_a_threshold_is_on_the_side_that_the_model_puts_it(data: tuple[pd.DataFrame, np.ndarray]) -> None:
    model = fitted("lightgbm").fit(*data)
    cuts = thresholds(model)
    rows = pd.DataFrame([[one, other, 0.0] for one, other in zip(np.unique(cuts[0]), np.unique(cuts[1]), strict=False)])
    rows.columns = pd.Index(["a", "b", "c"])
    target = python_target(model)
    trees = _read_trees(target, rows)[1]
    assert np.asarray(trees.eval(rows.to_numpy()))[:, 0] == pytest.approx(model.booster_.predict(rows, raw_score=True))
    by_hand = [nearest_by_hand(target, row, cuts) for row in rows.to_numpy()]
    assert certify_trees(target, rows, DOMAIN).low == pytest.approx(by_hand, abs=1e-9)


def test_trees_that_tie_leave_bounds_around_the_truth(data: tuple[pd.DataFrame, np.ndarray]) -> None:
    from sklearn.ensemble import RandomForestClassifier

    model = RandomForestClassifier(2, max_depth=None, min_samples_leaf=2, random_state=0).fit(*data)
    target = python_target(model)
    found = certify_trees(target, data[0].iloc[:ROWS], DOMAIN)
    by_hand = np.array([nearest_by_hand(target, row, thresholds(model)) for row in data[0].iloc[:ROWS].to_numpy()])
    assert not found.exact.all()
    assert (found.low <= by_hand + 1e-9).all()
    assert (by_hand <= found.high + 1e-9).all()


def test_a_threshold_moves_the_boundary(data: tuple[pd.DataFrame, np.ndarray]) -> None:
    model = fitted("lightgbm").fit(*data)
    target = python_target(model, threshold=0.7)
    found = certify_trees(target, data[0].iloc[:ROWS], DOMAIN)
    by_hand = [nearest_by_hand(target, row, thresholds(model)) for row in data[0].iloc[:ROWS].to_numpy()]
    assert found.low == pytest.approx(by_hand, abs=1e-9)


def test_the_two_certificates_stand_in_columns_of_their_own(data: tuple[pd.DataFrame, np.ndarray]) -> None:
    target = python_target(fitted("tree").fit(*data))
    table = certificates_side_by_side(target, data[0].iloc[:5], DOMAIN, seed=1)
    assert set(table["tree_method"]) == {METHOD}
    assert "Gaussian noise" in table["smoothed_method"][0]
    assert {"tree_linf_low", "smoothed_l2"} <= set(table)
    assert "radius" not in table


def test_shares_are_counted_by_method_and_fall_with_the_radius(data: tuple[pd.DataFrame, np.ndarray]) -> None:
    target = python_target(fitted("boosted").fit(*data))
    rows, label = data[0].iloc[:30], data[1][:30]
    found = certified_shares(target, rows, DOMAIN, label, radii=(0.0, 0.1, 0.3)).tables["certified"]
    low = certify_trees(target, rows, DOMAIN).low
    right = target.predict(rows).decision == label
    exact = found[found["method"] == METHOD]
    assert exact["share"].tolist() == [(right & (low >= radius)).mean() for radius in (0.0, 0.1, 0.3)]
    assert (exact["undecided"] == 0).all()
    assert exact["share"].iloc[0] == right.mean()
    assert found["method"].nunique() == 2
    assert all(part["share"].is_monotonic_decreasing for _, part in found.groupby("method"))


def test_what_is_no_tree_ensemble_is_refused(data: tuple[pd.DataFrame, np.ndarray], linear: Target) -> None:
    with pytest.raises(InputError, match="no tree ensemble"):
        certify_trees(linear, data[0].iloc[:2], DOMAIN)
    with pytest.raises(InputError, match="a missing value"):
        certify_trees(python_target(fitted("tree").fit(*data)), data[0].iloc[:2].assign(a=np.nan), DOMAIN)
    with pytest.raises(InputError, match="does not know"):
        certify_trees(python_target(fitted("tree").fit(*data)), data[0].iloc[:2], Domain(DOMAIN.columns[:2]))


def test_a_booster_on_categories_is_refused(data: tuple[pd.DataFrame, np.ndarray]) -> None:
    frame = data[0].assign(c=pd.Categorical(np.where(data[0]["c"] > 0, "x", "y")))
    label = (data[0]["c"] > 0).to_numpy(dtype=int)
    target = python_target(fitted("lightgbm").fit(frame, label))
    with pytest.raises(InputError, match="categories"):
        certify_trees(target, frame.iloc[:2], Domain((*DOMAIN.columns[:2], Column("c", "category", values=("x", "y")))))


def test_without_the_extra_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, data: tuple[pd.DataFrame, np.ndarray]
) -> None:
    target = python_target(fitted("tree").fit(*data))
    monkeypatch.setitem(__import__("sys").modules, "veritas", None)
    with pytest.raises(InputError, match=r"\[certify\]"):
        certify_trees(target, data[0].iloc[:2], DOMAIN)
