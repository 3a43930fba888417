"""Means, residuals and calibration by group equal numpy's and scipy's over the rows."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ttest_1samp, ttest_ind

from workbench.analysis.disparity import measure_disparity
from workbench.data.dataset import open_dataset
from workbench.errors import RolesError

SCORED = {"label": "y", "score": "s", "groups": ["g"]}


def scored() -> Any:
    row = st.tuples(st.sampled_from("ab"), st.floats(0, 1), st.sampled_from([0.0, 1.0, None]), st.floats(0.25, 4))
    rows = st.lists(row, min_size=3, max_size=40).filter(lambda rows: any(row[2] is not None for row in rows))
    return rows.map(lambda data: pd.DataFrame(data, columns=["g", "s", "y", "w"]).astype({"y": float}))


@settings(max_examples=8)
@given(frame=scored())
def test_calibration_equals_its_definition_over_the_rows(frame: pd.DataFrame) -> None:
    dataset = open_dataset(frame, {**SCORED, "weight": "w"})
    table = measure_disparity(dataset, measures=["mean_score", "ece", "calibration"]).tables["groups"].set_index("group")
    for group, part in frame.groupby("g"):
        assert table.loc[group, "mean_score"] == pytest.approx(np.average(part["s"], weights=part["w"]), abs=1e-12)
        both = part.dropna()
        if both.empty:
            assert np.isnan(table.loc[group, "ece"])
            continue
        assert table.loc[group, "calibration"] == pytest.approx(np.average(both["y"] - both["s"], weights=both["w"]), abs=1e-12)
        bins = np.minimum(np.floor(both["s"] * 10), 9)
        apart = [abs((inside["w"] * (inside["y"] - inside["s"])).sum()) for _, inside in both.groupby(bins)]
        assert table.loc[group, "ece"] == pytest.approx(sum(apart) / both["w"].sum(), abs=1e-12)


def test_means_have_students_interval_and_welchs_test() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"g": ["a"] * 60 + ["b"] * 90, "p": rng.normal(5, 2, 150), "y": rng.normal(6, 3, 150)})
    result = measure_disparity(open_dataset(frame, {"prediction": "p", "label": "y", "groups": ["g"]}), reference="b")
    residual = (frame["y"] - frame["p"]).to_numpy()
    own, other = residual[:60], residual[60:]
    row = result.tables["groups"].set_index("group").loc["a"]
    interval = ttest_1samp(own, 0).confidence_interval(0.95)
    assert (row["mean_residual"], row["mae"]) == pytest.approx((own.mean(), np.abs(own).mean()), abs=1e-12)
    assert (row["mean_residual_low"], row["mean_residual_high"]) == pytest.approx(tuple(interval), abs=1e-10)
    gap = result.tables["disparities"].set_index("measure").loc["mean_residual"]
    welch = ttest_ind(own, other, equal_var=False)
    assert (gap["difference"], gap["p"]) == pytest.approx((own.mean() - other.mean(), welch.pvalue), abs=1e-12)
    assert (gap["low"], gap["high"]) == pytest.approx(tuple(welch.confidence_interval(0.95)), abs=1e-10)
    assert np.isnan(gap["ratio"]), "the ratio of two signed means says nothing"


def test_the_measures_follow_the_kind_of_outcome() -> None:
    frame = pd.DataFrame(
        {"g": ["a", "b"] * 20, "p": np.linspace(0, 9, 40), "y": np.linspace(1, 7, 40), "s": np.linspace(0, 1, 40)}
    )
    regression = measure_disparity(open_dataset(frame, {"prediction": "p", "label": "y", "groups": ["g"]})).tables["groups"]
    assert {"mean_residual", "mae"} <= set(regression)
    assert "tpr" not in regression
    frame["y"] = frame["y"] > 4
    calibrated = measure_disparity(open_dataset(frame, {"label": "y", "score": "s", "groups": ["g"]})).tables["groups"]
    assert {"base_rate", "mean_score", "ece", "calibration"} <= set(calibrated)
    grades = measure_disparity(open_dataset(frame.assign(s=frame["s"] * 10), {"label": "y", "score": "s", "groups": ["g"]}))
    assert "mean_score" in grades.tables["groups"]
    assert "ece" not in grades.tables["groups"]


def test_the_reliability_curve_adds_up_to_the_error() -> None:
    rng = np.random.default_rng(1)
    scores = rng.random(400)
    frame = pd.DataFrame({"g": rng.choice(["a", "b"], 400), "s": scores, "y": rng.random(400) < scores**2})
    tables = measure_disparity(open_dataset(frame, SCORED), measures=["ece"]).tables
    for group, curve in tables["reliability"].groupby("group"):
        error = np.average((curve["observed"] - curve["mean_score"]).abs(), weights=curve["n"])
        assert tables["groups"].set_index("group").loc[group, "ece"] == pytest.approx(error, abs=1e-12)
        assert ((curve["mean_score"] >= curve["bin_low"]) & (curve["mean_score"] <= curve["bin_high"])).all()


def test_refusals() -> None:
    frame = pd.DataFrame({"g": ["a", "b"] * 20, "s": [0.1, 1.5] * 20, "y": [0, 1] * 20, "t": ["x", "y"] * 20})
    with pytest.raises(RolesError, match=r"outside 0 to 1 .*s has 1\.5"):
        measure_disparity(open_dataset(frame, SCORED), measures=["calibration"])
    with pytest.raises(RolesError, match="role prediction needs numbers here"):
        measure_disparity(open_dataset(frame, {**SCORED, "prediction": "t"}), measures=["mae"])
    with pytest.raises(RolesError, match="score"):
        measure_disparity(open_dataset(frame, {"label": "y", "groups": ["g"]}), measures=["mean_score"])
