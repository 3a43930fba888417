"""Measures by group equal fairlearn's and published intervals; groups, references and refusals are as documented."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from workbench.analysis.disparity import disparity
from workbench.data.dataset import Dataset, open_dataset
from workbench.errors import RolesError, UnknownNameError

ROLES = {"prediction": "p", "label": "y", "favorable": 1, "groups": ["g"]}
MEASURES = ("selection_rate", "tpr", "fpr", "fnr", "tnr", "accuracy")


def frames(*, weighted: bool = False) -> Any:
    row = st.tuples(
        st.sampled_from("abc"), st.integers(0, 1), st.integers(0, 1), st.floats(0.25, 4) if weighted else st.just(1.0)
    )
    rows = st.lists(row, min_size=4, max_size=40)
    return rows.map(lambda data: pd.DataFrame(data, columns=["g", "y", "p", "w"]))


def groups_of(dataset: Dataset, **arguments: Any) -> pd.DataFrame:
    return disparity(dataset, **arguments).tables["groups"].set_index("group")


def fairlearn_rates(frame: pd.DataFrame, *, weighted: bool) -> pd.DataFrame:
    from fairlearn import metrics
    from sklearn.metrics import accuracy_score

    functions = {
        "selection_rate": metrics.selection_rate, "tpr": metrics.true_positive_rate, "fpr": metrics.false_positive_rate,
        "fnr": metrics.false_negative_rate, "tnr": metrics.true_negative_rate, "accuracy": accuracy_score,
    }  # fmt: skip
    params = {name: {"sample_weight": frame["w"]} for name in functions} if weighted else None
    made = metrics.MetricFrame(
        metrics=functions, y_true=frame["y"], y_pred=frame["p"], sensitive_features=frame["g"], sample_params=params
    )
    return pd.DataFrame(made.by_group)


@settings(max_examples=25)
@given(frame=frames())
def test_measures_equal_fairlearn(frame: pd.DataFrame) -> None:
    compare_with_fairlearn(frame, weighted=False)


@settings(max_examples=25)
@given(frame=frames(weighted=True))
def test_weighted_measures_equal_fairlearn(frame: pd.DataFrame) -> None:
    compare_with_fairlearn(frame, weighted=True)


def compare_with_fairlearn(frame: pd.DataFrame, *, weighted: bool) -> None:
    roles = {**ROLES, "positive": 1, **({"weight": "w"} if weighted else {})}
    ours = groups_of(open_dataset(frame, roles), measures=MEASURES)
    theirs = fairlearn_rates(frame, weighted=weighted).loc[list(ours.index)]
    for measure in MEASURES:
        mine, expected = ours[measure].to_numpy(float), theirs[measure].to_numpy(float)
        among = {"tpr": frame["y"] == 1, "fnr": frame["y"] == 1, "fpr": frame["y"] == 0, "tnr": frame["y"] == 0}
        defined = [bool((among.get(measure, frame["y"] >= 0) & (frame["g"] == group)).any()) for group in ours.index]
        assert np.isnan(mine[~np.array(defined)]).all()  # fairlearn says 0 where nobody belongs; we say not measured
        np.testing.assert_allclose(mine[defined], expected[defined], rtol=0, atol=1e-12)


@settings(max_examples=25)
@given(frame=frames())
def test_intervals_are_wilsons_and_newcombes(frame: pd.DataFrame) -> None:
    """Wilson as scipy has it; Newcombe's method 10 written out from the paper (1998, Stat Med 17:873)."""
    result = disparity(open_dataset(frame, ROLES), measures=["selection_rate"], reference="largest")
    limits = {}
    for row in result.tables["groups"].itertuples():
        k, n = int(frame.loc[frame["g"] == row.group, "p"].sum()), int((frame["g"] == row.group).sum())
        low, high = binomtest(k, n).proportion_ci(0.95, "wilson")
        limits[row.group] = (k / n, low, high)
        assert (row.selection_rate_low, row.selection_rate_high) == pytest.approx((low, high), abs=1e-12)
    for row in result.tables["disparities"].itertuples():
        (p1, l1, u1), (p2, l2, u2) = limits[row.group], limits[row.reference]
        low, high = p1 - p2 - np.hypot(p1 - l1, u2 - p2), p1 - p2 + np.hypot(u1 - p1, p2 - l2)
        assert (row.difference_low, row.difference_high) == pytest.approx((low, high), abs=1e-12)


FRAME = pd.DataFrame({
    "g": ["a"] * 40 + ["b"] * 50 + ["c"] * 4 + [None] * 6,
    "p": [1] * 30 + [0] * 10 + [1] * 20 + [0] * 30 + [1] * 4 + [0] * 6,
    "y": [0, 1] * 50,
    "w": [1.0, 2.0] * 50,
})  # fmt: skip


def test_missing_is_a_group_of_its_own() -> None:
    table = groups_of(open_dataset(FRAME, ROLES))
    assert table.loc["missing", "rows"] == 6
    found = disparity(open_dataset(FRAME, ROLES)).tables["disparities"]
    assert set(found.loc[found["group"] == "missing", "where"]) == {"g is missing"}


def test_a_group_of_few_rows_is_marked_for_suppression() -> None:
    table = groups_of(open_dataset(FRAME, ROLES))
    assert table["suppressed"].to_dict() == {"a": False, "b": False, "c": True, "missing": True}


@pytest.mark.parametrize(("reference", "chosen"), [("most favored", "a"), ("largest", "b"), ("c", "c")])
def test_reference(reference: str, chosen: str) -> None:
    """The most favoured of the groups that hold a tenth of the rows: c selects all of its four."""
    found = disparity(open_dataset(FRAME, ROLES), reference=reference).tables["disparities"]
    assert set(found["reference"]) == {chosen}
    assert chosen not in set(found["group"])


def test_everybody_else_is_the_complement() -> None:
    found = disparity(open_dataset(FRAME, {**ROLES, "weight": "w"}), measures=["selection_rate"], reference="everybody else")
    table = found.tables["disparities"].set_index("group")
    rest = FRAME[FRAME["g"] != "a"]
    assert table.loc["a", "reference_value"] == pytest.approx(float(np.average(rest["p"], weights=rest["w"])), abs=1e-12)
    assert len(table) == 4


def test_equal_weights_change_nothing_and_uneven_ones_widen_the_interval() -> None:
    plain = disparity(open_dataset(FRAME, ROLES)).tables["groups"]
    scaled = disparity(open_dataset(FRAME.assign(w=3.0), {**ROLES, "weight": "w"})).tables["groups"]
    pd.testing.assert_frame_equal(plain, scaled, rtol=1e-12)
    uneven = disparity(open_dataset(FRAME.assign(w=[0.1, 5.0] * 50), {**ROLES, "weight": "w"})).tables["groups"]
    width = {name: float((table["tpr_high"] - table["tpr_low"])[1]) for name, table in (("plain", plain), ("uneven", uneven))}
    assert width["uneven"] >= width["plain"]


def test_refusals() -> None:
    with pytest.raises(RolesError, match="no groups"):
        disparity(open_dataset(FRAME, {"prediction": "p", "label": "y"}))
    with pytest.raises(RolesError, match="good for the person"):
        disparity(open_dataset(FRAME, {"prediction": "p", "groups": ["g"]}), measures=["selection_rate"])
    with pytest.raises(UnknownNameError, match="largest"):
        disparity(open_dataset(FRAME, ROLES), reference="d")
    with pytest.raises(UnknownNameError, match="group column"):
        disparity(open_dataset(FRAME, ROLES), groups=["h"])


def test_a_rate_over_a_few_rows_is_suppressed_whatever_the_group_holds() -> None:
    """Twelve people, one of them without the outcome: the false positive rate speaks of one person."""
    frame = pd.DataFrame({"g": ["a"] * 12 + ["b"] * 40, "y": [1] * 11 + [0] + [0, 1] * 20, "p": [1] * 12 + [0, 1] * 20})
    found = disparity(open_dataset(frame, {"label": "y", "prediction": "p", "groups": ["g"]})).tables["groups"]
    assert found.set_index("group")["suppressed"].to_dict() == {"a": True, "b": False}


def test_compas_as_published(compas: Path, compas_roles: dict[str, Any]) -> None:
    """ProPublica's table of 2016: who is wrongly called risky, who wrongly safe."""
    found = disparity(open_dataset(compas, compas_roles)).tables
    table = found["groups"][found["groups"]["attribute"] == "race"].set_index("group")
    rates = table.loc[["African-American", "Caucasian"], ["fpr", "fnr"]].to_numpy(float).round(4).tolist()
    assert rates == [[0.4485, 0.2799], [0.2345, 0.4772]]
    gaps = found["disparities"].query("group == 'African-American' and measure == 'selection_rate'")
    assert gaps["ratio"].round(3).tolist() == [0.632]
