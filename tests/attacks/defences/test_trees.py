"""Exact distances of tree ensembles, against every cell that their splits cut the plane into."""

from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("veritas")

from workbench.attacks.constraints import Column, Domain
from workbench.attacks.defences.splits import NO_WAY, read_ensemble
from workbench.attacks.defences.trees import (
    METHOD,
    TreeCertificates,
    _first,
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
    margins = read_ensemble(target, rows).margins(rows.to_numpy())
    assert margins == pytest.approx(model.booster_.predict(rows, raw_score=True))
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
    with pytest.raises(InputError, match="does not know"):
        certify_trees(python_target(fitted("tree").fit(*data)), data[0].iloc[:2], Domain(DOMAIN.columns[:2]))


WORDS = ("p", "q", "r", "s", "t")


def mixed(seed: int, rows: int = 250) -> tuple[pd.DataFrame, np.ndarray]:
    """A number, a category and a number that often is missing, all of which count."""
    chance = np.random.default_rng(seed)
    frame = pd.DataFrame({
        "a": chance.normal(size=rows),
        "k": pd.Categorical(chance.choice(WORDS, rows), categories=WORDS),
        "m": np.where(chance.random(rows) < 0.3, np.nan, chance.normal(size=rows)),
    })  # fmt: skip
    odd = frame["k"].isin(chance.choice(WORDS, 2, replace=False))
    return frame, (frame["a"] + odd * 1.5 + frame["m"].fillna(chance.normal()) > 0.7).to_numpy(dtype=int)


def mixed_domain(*, movable: bool) -> Domain:
    word = Column("k", "category", values=WORDS, direction="any" if movable else "none")
    return Domain((Column("a", scale=1.0), word, Column("m", scale=0.5)))


def mixed_model(seed: int) -> tuple[Any, Target, pd.DataFrame]:
    lightgbm = pytest.importorskip("lightgbm")
    frame, label = mixed(seed)
    settings: dict[str, Any] = {"min_data_per_group": 5, "cat_smooth": 1.0, "max_cat_to_onehot": 1 if seed % 2 else 5}
    model = lightgbm.LGBMClassifier(n_estimators=4, num_leaves=6, verbose=-1, n_jobs=1, **settings).fit(frame, label)
    return model, python_target(model), frame


def nearest_of_mixed(model: Any, target: Target, row: pd.DataFrame, *, movable: bool) -> float:
    """The distance to the nearest other decision over every cell and category; another category is 1 away."""
    table = model.booster_.trees_to_dataframe().dropna(subset=["split_feature"])
    cuts = {name: table.loc[table["split_feature"] == name, "threshold"].astype(str) for name in ("a", "m")}
    axes: list[list[tuple[Any, float]]] = []
    for name, scale in (("a", 1.0), ("m", 0.5)):
        own = float(row[name].iloc[0])
        if np.isnan(own):
            axes.append([(np.nan, 0.0)])
            continue
        edges = np.concatenate([[-np.inf], np.unique(cuts[name].astype(float)), [np.inf]])
        inner = np.clip(edges, own - 50, own + 50)
        apart = np.maximum(np.maximum(edges[:-1] - own, own - edges[1:]), 0) / scale
        axes.append(list(zip((inner[:-1] + inner[1:]) / 2, apart, strict=True)))
    own_word = row["k"].iloc[0]
    axes.append([(word, float(word != own_word)) for word in (WORDS if movable else (own_word,))])
    cells = list(product(*axes))
    points = pd.DataFrame([(a, word, m) for (a, _), (m, _), (word, _) in cells], columns=["a", "k", "m"])
    points["k"] = pd.Categorical(points["k"], categories=WORDS)
    other = target.predict(points).decision != target.predict(row).decision[0]
    return float(min((max(part[1] for part in cell) for cell, hit in zip(cells, other, strict=True) if hit), default=np.inf))


def against_brute_force(seed: int, *, movable: bool) -> tuple[TreeCertificates, np.ndarray]:
    model, target, frame = mixed_model(seed)
    rows = frame.iloc[:12].reset_index(drop=True)
    found = certify_trees(target, rows, mixed_domain(movable=movable))
    by_hand = np.array([nearest_of_mixed(model, target, rows.iloc[[at]], movable=movable) for at in range(len(rows))])
    assert (found.low <= by_hand + 1e-9).all()
    assert (by_hand <= found.high + 1e-9).all()
    assert found.low[found.exact] == pytest.approx(by_hand[found.exact], abs=1e-9)
    return found, by_hand


@given(st.integers(0, 10_000))
@settings(max_examples=6)
def test_a_category_that_stays_and_a_missing_value_are_settled_exactly(seed: int) -> None:
    assert against_brute_force(seed, movable=False)[0].exact.all()


@given(st.integers(0, 10_000))
@settings(max_examples=6)
def test_a_category_that_moves_is_a_change_of_one(seed: int) -> None:
    against_brute_force(seed, movable=True)


def test_some_row_turns_by_its_category_alone_and_the_radius_is_one() -> None:
    found, by_hand = against_brute_force(3, movable=True)
    ones = by_hand == 1
    assert ones.any()
    assert (found.low[ones] == 1).all()
    assert (found.high[ones] == 1).all()


def test_a_word_that_the_booster_never_saw_is_sent_where_the_model_sends_it() -> None:
    _, target, frame = mixed_model(1)
    rows = frame.iloc[:4].assign(k=pd.Categorical(["new"] * 4, categories=["new", *WORDS])).reset_index(drop=True)
    found = certify_trees(target, rows, mixed_domain(movable=True))
    assert found.exact.all()
    assert [reason for reason in found.refused if reason] == []


def test_missing_values_that_the_trees_say_nothing_of_refuse_the_row_and_are_counted(
    data: tuple[pd.DataFrame, np.ndarray],
) -> None:
    target = python_target(fitted("tree").fit(*data))
    rows = data[0].iloc[:5].reset_index(drop=True).copy()
    rows.loc[1, "a"] = np.nan
    found = certify_trees(target, rows, DOMAIN)
    whole = certify_trees(target, data[0].iloc[:5], DOMAIN)
    assert found.refused.tolist() == [None, NO_WAY, None, None, None]
    assert (found.low[1], found.high[1], found.exact[1]) == (0, np.inf, False)
    assert np.delete(found.low, 1).tolist() == np.delete(whole.low, 1).tolist()
    shares = certified_shares(target, rows, DOMAIN, data[1][:5], radii=(0.1,))
    assert shares.numbers["refused"] == {NO_WAY: 1}


def test_a_number_that_is_split_by_category_is_refused_where_it_moves() -> None:
    lightgbm = pytest.importorskip("lightgbm")
    frame, label = mixed(0)
    codes = frame.assign(k=frame["k"].cat.codes).fillna(0.0)
    model = lightgbm.LGBMClassifier(n_estimators=3, verbose=-1, n_jobs=1, min_data_per_group=5)
    target = python_target(model.fit(codes, label, categorical_feature=["k"]))
    with pytest.raises(InputError, match="a number that the model splits by category"):
        certify_trees(target, codes.iloc[:2], Domain.infer(codes))
    assert certify_trees(target, codes.iloc[:2], Domain.infer(codes, immutable=["k"])).exact.all()


@pytest.mark.parametrize(("option", "match"), [("zero_as_missing", "another kind"), ("linear_tree", "linear model")])
def test_splits_and_leaves_that_mean_something_else_are_refused(option: str, match: str) -> None:
    lightgbm = pytest.importorskip("lightgbm")
    frame, label = mixed(0)
    numbers = frame[["a", "m"]].fillna(0.0)
    model = lightgbm.LGBMClassifier(n_estimators=3, verbose=-1, n_jobs=1, **{option: True}).fit(numbers, label)
    with pytest.raises(InputError, match=match):
        certify_trees(python_target(model), numbers.iloc[:2], Domain.infer(numbers))


def test_without_the_extra_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, data: tuple[pd.DataFrame, np.ndarray]
) -> None:
    target = python_target(fitted("tree").fit(*data))
    monkeypatch.setitem(__import__("sys").modules, "veritas", None)
    with pytest.raises(InputError, match=r"\[certify\]"):
        certify_trees(target, data[0].iloc[:2], DOMAIN)
