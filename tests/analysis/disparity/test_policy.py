"""Profiles are dated and cited; their numbers are the data's own; nobody is judged by a rule that leaves them out."""

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench.analysis.disparity import measure_disparity
from workbench.analysis.disparity.policy import load_policy, policy_names
from workbench.data.dataset import Dataset, open_dataset
from workbench.errors import InputError, ParameterError, UnknownNameError

ROLES = {"prediction": "p", "favorable": 1, "groups": ["g"], "score": "s"}
SIZES = {"a": 500, "b": 400, "tiny": 10, None: 90}
RATES = {"a": 0.6, "b": 0.45, "tiny": 1.0, None: 0.3}


def log() -> pd.DataFrame:
    parts = [
        pd.DataFrame({"g": name, "p": (np.arange(size) < round(RATES[name] * size)).astype(int)}) for name, size in SIZES.items()
    ]
    frame = pd.concat(parts, ignore_index=True)
    return frame.assign(g=frame["g"].astype("str").where(frame["g"].notna()), s=np.linspace(0, 1, len(frame)))


def rows(policy: str, **arguments: Any) -> pd.DataFrame:
    return measure_disparity(opened(), policy=policy, **arguments).tables["policy"]


def opened(**roles: Any) -> Dataset:
    return open_dataset(log(), {**ROLES, **roles})


def test_three_profiles_are_shipped_beside_the_code() -> None:
    assert policy_names() == ("four_fifths", "lending", "nyc_ll144")


@pytest.mark.parametrize("name", policy_names())
def test_every_profile_is_dated_and_cited(name: str) -> None:
    policy = load_policy(name)
    assert dt.date.fromisoformat(policy.as_of) <= dt.datetime.now(dt.UTC).date()
    assert all((policy.citation, policy.formula, policy.status, policy.source, policy.title))
    assert all(0 < line < 1 for line in policy.thresholds)


def test_four_fifths_divides_by_the_highest_rate_of_a_known_group() -> None:
    found = rows("four_fifths").set_index("group")
    assert set(found["reference"]) == {"tiny"}
    assert found.loc["b", ["ratio", "threshold", "below"]].tolist() == [pytest.approx(0.45), 0.8, True]
    assert found.loc["missing", "left_out"] == "unknown category"
    assert found.loc["missing", "below"] is None


def test_local_law_144_leaves_out_under_two_percent_and_draws_no_line() -> None:
    found = rows("nyc_ll144")
    impact = found[found["quantity"] == "impact_ratio"].set_index("group")
    assert set(impact["reference"]) == {"a"}
    assert impact.loc["tiny", ["left_out", "n", "value"]].tolist() == ["less than 2% of the rows", 10, 1.0]
    assert np.isnan(impact.loc["tiny", "ratio"])
    assert impact.loc["b", "ratio"] == pytest.approx(0.75)
    assert found["below"].isna().all()


def test_the_scoring_rate_is_the_share_above_the_median_of_all() -> None:
    found = rows("nyc_ll144")
    scoring = found[found["quantity"] == "scoring_ratio"].set_index("group")
    frame = log()
    above = frame["s"] > frame["s"].median()
    for group in ("a", "b", "tiny"):
        assert scoring.loc[group, "value"] == pytest.approx(above[frame["g"] == group].mean())
    assert scoring.loc["a", "ratio"] == pytest.approx(above[frame["g"] == "a"].mean() / above[frame["g"] == "b"].mean())


def test_lending_needs_a_reference_named_beforehand() -> None:
    with pytest.raises(ParameterError, match="needs a reference group that is named: lending"):
        rows("lending")
    found = rows("lending", reference="a")
    impact = found[found["quantity"] == "impact_ratio"].set_index("group")
    assert impact.loc["b", ["ratio", "threshold", "below"]].tolist() == [pytest.approx(0.75), 0.8, True]
    frame = log()
    smd = found[found["quantity"] == "smd"].set_index("group")
    means = frame.groupby("g")["s"].mean()
    assert smd.loc["b", "ratio"] == pytest.approx((means["b"] - means["a"]) / frame["s"].std(ddof=0))


def test_a_line_between_two_is_the_one_that_was_crossed() -> None:
    frame = pd.DataFrame({"g": ["a"] * 100 + ["b"] * 100, "p": [1] * 60 + [0] * 40 + [1] * 51 + [0] * 49})
    dataset = open_dataset(frame, {"prediction": "p", "favorable": 1, "groups": ["g"]})
    found = measure_disparity(dataset, reference="a", policy="lending").tables["policy"].set_index("group")
    assert found.loc["b", ["threshold", "below"]].tolist() == [0.9, True]


def test_what_the_profiles_say_goes_with_the_numbers() -> None:
    result = measure_disparity(opened(), policy=["four_fifths", "nyc_ll144"])
    said = result.tables["policies"].set_index("name")
    assert said["citation"].tolist() == ["29 CFR 1607.4(D)", "6 RCNY 5-300, 5-301"]
    assert not {"verdict", "lawful", "legal", "compliant"} & {
        word for column in result.tables["policy"] for word in column.split("_")
    }


def test_unknown_and_damaged_profiles_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="nyc_ll144"):
        rows("eighty_percent")
    (tmp_path / "own.yaml").write_text("title: Ours\nformulae: x\n")
    with pytest.raises(InputError, match="lacks a field"):
        load_policy(str(tmp_path / "own.yaml"))
    text = (Path(load_policy.__code__.co_filename).parent / "policies" / "lending.yaml").read_text()
    (tmp_path / "own.yaml").write_text(text.replace("impact_ratio, smd", "impact_ratio, cohens_d"))
    with pytest.raises(InputError, match="cohens_d"):
        load_policy(str(tmp_path / "own.yaml"))
