"""The parts sum exactly, equal those of ordinary least squares done by hand, and know a planted cause from none."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.analysis.oaxaca import decompose_by_features
from workbench.data.dataset import Dataset, open_dataset
from workbench.errors import InputError

ROLES = {"prediction": "p", "favorable": 1, "groups": ["g"], "features": ["x", "z", "c"]}


def log(seed: int, rows: int = 400, *, missing: float = 0.0, effect: float = 0.0) -> Dataset:
    """x differs between the groups and moves the rate, z and c do neither; `effect` is for the group itself."""
    rng = np.random.default_rng(seed)
    group = rng.choice(["a", "b"], rows)
    x = rng.normal(size=rows) - (group == "a")
    z = np.where(rng.random(rows) < missing, np.nan, rng.normal(size=rows))
    p = (rng.random(rows) < np.clip(0.5 + 0.15 * x + effect * (group == "a"), 0, 1)).astype(int)
    return open_dataset(pd.DataFrame({"g": group, "x": x, "z": z, "c": rng.choice(list("uvw"), rows), "p": p}), ROLES)


@settings(max_examples=4)
@given(seed=st.integers(0, 10_000), missing=st.sampled_from([0.0, 0.3]))
def test_each_fold_sums_to_the_difference(seed: int, missing: float) -> None:
    dataset = log(seed, missing=missing)
    result = decompose_by_features(dataset, group="a", reference="b")
    frame = dataset.frame
    difference = frame["p"][frame["g"] == "a"].mean() - frame["p"][frame["g"] == "b"].mean()
    parts = result.tables["components"].groupby("fold")["value"].sum()
    assert parts.tolist() == pytest.approx([difference, difference], abs=1e-9)
    explained = result.tables["components"].query("component == 'explained'")["value"].item()
    assert result.tables["features"]["value"].sum() == pytest.approx(explained, abs=1e-9)


def test_parts_equal_least_squares_by_hand() -> None:
    from sklearn.linear_model import LinearRegression

    dataset = log(1)
    frame = dataset.frame
    inside = (frame["g"] == "a").to_numpy()
    terms, outcome = frame[["x", "z"]].to_numpy(), frame["p"].to_numpy(float)
    found = decompose_by_features(dataset, ["x", "z"], group="a", reference="b").tables
    lines = [LinearRegression().fit(terms[side], outcome[side]) for side in (inside, ~inside)]
    both = LinearRegression().fit(np.column_stack([terms, inside]), outcome)
    apart = terms[inside].mean(0) - terms[~inside].mean(0)
    parts = found["components"].set_index("component")["value"]
    assert parts["explained"] == pytest.approx(apart @ both.coef_[:2])
    assert parts["endowments"] == pytest.approx(apart @ lines[1].coef_)
    assert parts["interaction"] == pytest.approx(apart @ (lines[0].coef_ - lines[1].coef_))
    assert found["features"].set_index("feature")["value"]["x"] == pytest.approx(apart[0] * both.coef_[0])


def test_intervals_cover_what_was_planted() -> None:
    covered = []
    for seed in range(10):
        found = decompose_by_features(log(seed, 2000, effect=-0.1), group="a", reference="b").tables["components"]
        parts = found.set_index("component")
        covered += [
            parts.loc[name, "low"] <= truth <= parts.loc[name, "high"]
            for name, truth in (("explained", -0.15), ("unexplained", -0.1))
        ]
    assert np.mean(covered) >= 0.85


def test_what_has_no_line_is_refused() -> None:
    with pytest.raises(InputError, match="too few rows"):
        decompose_by_features(log(0, 8))
    frame = pd.DataFrame({"g": list("ab") * 10, "x": 1, "p": [0, 1] * 10})
    with pytest.raises(InputError, match="no feature varies"):
        decompose_by_features(open_dataset(frame, ROLES | {"features": ["x"]}))


def test_a_row_of_weight_two_is_a_row_twice() -> None:
    frame = log(3).frame
    frame = frame.assign(w=np.random.default_rng(3).integers(1, 4, len(frame)))
    weighted = decompose_by_features(open_dataset(frame, {**ROLES, "weight": "w"}), group="a", reference="b")
    repeated = decompose_by_features(open_dataset(frame.loc[frame.index.repeat(frame["w"])], ROLES), group="a", reference="b")
    for name in ("components", "features"):
        np.testing.assert_allclose(weighted.tables[name]["value"], repeated.tables[name]["value"], atol=1e-9)
    assert weighted.numbers["rows"] == int((frame["g"] == "a").sum())
