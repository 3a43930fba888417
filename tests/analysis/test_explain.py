"""What was planted in a slice is named as its reason, by either explainer, and no row comes out."""

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from workbench.analysis.attribution import attribute
from workbench.analysis.explain import explain_slice, nearest
from workbench.data.dataset import Dataset, open_dataset
from workbench.data.encode import fit_codings
from workbench.errors import InputError, UnknownNameError
from workbench.models import python_target

RNG = np.random.default_rng(0)
X = pd.DataFrame({"a": RNG.normal(size=600), "b": RNG.normal(size=600), "noise": RNG.normal(size=600)})
SLICE = 'region = "north"'


def planted() -> tuple[pd.DataFrame, Dataset]:
    """In the north b is shifted, and the label is flipped; the model was trained without the north."""
    frame = X.assign(region=np.where(np.arange(600) % 5 == 0, "north", "south"))
    north = frame["region"] == "north"
    frame["b"] += np.where(north, 3, 0)
    frame["y"] = ((frame["a"] + frame["b"] > 0) ^ north).astype(int)
    frame["p"] = (frame["a"] + frame["b"] > 0).astype(int)
    roles = {"prediction": "p", "label": "y", "features": ["a", "b", "noise", "region"]}
    return frame, open_dataset(frame, roles)


def linear(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"decision": frame["a"] + frame["b"] > 0, "score": 2 * frame["a"] - frame["b"]})


def test_the_sampled_values_of_a_linear_model_are_its_coefficients_times_the_distance_from_the_mean() -> None:
    """Lundberg and Lee 2017, corollary 1: w (x - mean of the background)."""
    background, rows = X[:15], X[100:110]
    found = attribute(linear, rows, background)
    expected = (rows - background.mean()) * [2, -1, 0]
    assert np.allclose(found.values, expected)
    assert np.allclose(found.values.sum(axis=1) + found.base, 2 * rows["a"] - rows["b"])
    assert found.method.startswith("permutation")
    assert found.evaluations >= len(rows)


@pytest.mark.parametrize("model", [HistGradientBoostingClassifier(max_iter=10), RandomForestClassifier(10, random_state=0)])
def test_trees_are_read_and_their_values_add_up(model: RandomForestClassifier) -> None:
    model.fit(X, X["a"] > 0)
    found = attribute(model, X[:20], X[:5])
    output = model.decision_function(X[:20]) if hasattr(model, "decision_function") else model.predict_proba(X[:20])[:, 1]
    assert found.method.startswith("TreeExplainer")
    assert np.allclose(found.values.sum(axis=1) + found.base, output)


def test_the_shifted_feature_is_named() -> None:
    frame, dataset = planted()
    model = LogisticRegression().fit(frame[["a", "b", "noise"]], frame["p"])
    result = explain_slice(dataset, SLICE, model, evaluations=20_000)
    features = result.tables["features"]
    assert features["feature"][0] == "b"
    assert features["low"][0] > 0
    assert features.loc[features["feature"] == "noise", "p"].item() > 0.001
    assert result.numbers["explained_inside"] == result.numbers["explained_outside"] == 14


def test_what_else_sets_the_rows_apart_is_measured_on_all_rows() -> None:
    frame, dataset = planted()
    separates = explain_slice(dataset, SLICE, linear, evaluations=1).tables["separates"]
    assert separates["feature"].tolist()[0] == "b"
    assert "region" not in set(separates["feature"])
    top = separates.iloc[0]
    chosen = frame.query(top["where"]) if " in " not in top["where"] else None
    north = (frame["region"] == "north").to_numpy()
    if chosen is not None:
        assert top["share_inside"] == pytest.approx(np.isin(np.flatnonzero(north), chosen.index).mean())


def test_the_columns_that_tell_wrong_from_right_are_counted() -> None:
    """Every north row is wrong, and every right one lies south: all differ in the region."""
    _, dataset = planted()
    neighbours = explain_slice(dataset, SLICE, python_target(linear, columns=["a", "b", "region"]), evaluations=1).tables[
        "neighbours"
    ]
    assert neighbours.set_index("feature")["differs"]["region"] == 1.0


def test_rows_no_feature_tells_apart_are_said() -> None:
    frame = pd.DataFrame({"x": [0, 1] * 20, "y": [0, 1, 1, 1] * 10, "p": [0, 1] * 20})
    dataset = open_dataset(frame, {"prediction": "p", "label": "y", "features": ["x"]})
    result = explain_slice(dataset, "x = 0", lambda rows: rows["x"], evaluations=1)
    assert result.numbers["same"] == 1.0
    assert result.numbers["measured_wrong"] == 10


def test_nearest_equals_brute_force() -> None:
    codings = fit_codings(X.assign(t=RNG.choice([*"abc"], 600)), ["a", "t"])
    codes = np.array([coding.apply(X.assign(t=RNG.choice([*"abc"], 600))[coding.column]) for coding in codings])
    wrong, right = np.arange(5), np.arange(50, 90)
    for row, found in zip(wrong, nearest(codings, codes, wrong, right), strict=True):
        keys = [
            (int((codes[:, other] != codes[:, row]).sum()), abs(int(codes[0, other]) - int(codes[0, row]))) for other in right
        ]
        assert keys[found - 50] == min(keys)


def test_the_result_has_no_row_and_round_trips() -> None:
    _, dataset = planted()
    result = explain_slice(dataset, SLICE, linear, evaluations=1)
    assert all(len(table) <= 4 for table in result.tables.values())
    assert result.digest == type(result).from_dict(result.to_dict()).digest


def test_a_small_slice_is_suppressed() -> None:
    _, dataset = planted()
    result = explain_slice(dataset, "a > 2.4", linear, evaluations=1)
    assert 0 < result.numbers["rows_inside"] < 10
    assert result.tables["features"]["suppressed"].all()
    assert result.published().tables["features"]["inside"].isna().all()


@pytest.mark.parametrize(
    ("where", "model", "error", "message"),
    [
        ("a > 99", linear, InputError, "nothing to hold the slice against: a > 99 has 0 of 600 rows"),
        (SLICE, lambda _: 1 / 0, InputError, "fails on rows of this data: ZeroDivisionError"),
        (SLICE, lambda rows: rows["region"], InputError, "no score to explain"),
        (SLICE, LogisticRegression().fit(X.rename(columns={"a": "z"}), X["a"] > 0), UnknownNameError, "no column of the model"),
    ],
)
def test_what_cannot_be_explained_is_said(where: str, model: object, error: type[Exception], message: str) -> None:
    _, dataset = planted()
    with pytest.raises(error, match=message):
        explain_slice(dataset, where, model, evaluations=1)
