"""Bounds are attained by some assignment of the unknown rows and passed by none; the weighted estimate is what it says."""

import itertools
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.analysis.disparity import missing_attribute
from workbench.analysis.disparity.missing import difference_bounds, ratio_bounds
from workbench.data.dataset import open_dataset
from workbench.errors import InputError, ParameterError, UnknownNameError

side = st.tuples(st.integers(1, 4), st.integers(1, 4)).map(lambda pair: (float(pair[0]), float(pair[0] + pair[1])))
ROLES = {"prediction": "p", "label": "y", "favorable": 1, "groups": ["g"]}


@settings(max_examples=40)
@given(group=side, reference=side, unknown=st.tuples(st.integers(0, 3), st.integers(0, 3)))
def test_bounds_are_sharp(group: Any, reference: Any, unknown: tuple[int, int]) -> None:
    """Every unknown row goes to the group, to the reference or to neither."""
    selected, rejected = unknown
    seen = []
    for k1, k2, r1, r2 in itertools.product(range(selected + 1), range(selected + 1), range(rejected + 1), range(rejected + 1)):
        if k1 + k2 <= selected and r1 + r2 <= rejected:
            own = (group[0] + k1) / (group[1] + k1 + r1)
            seen.append((own, (reference[0] + k2) / (reference[1] + k2 + r2)))
    rest = (float(selected), float(selected + rejected))
    ratios, gaps = [own / other for own, other in seen], [own - other for own, other in seen]
    assert tuple(ratio_bounds(group, reference, rest)) == pytest.approx((min(ratios), max(ratios)))
    assert tuple(difference_bounds(group, reference, rest)) == pytest.approx((min(gaps), max(gaps)))


def frame(rows: int = 6000) -> pd.DataFrame:
    """Group a is selected less, and those who do not say are mostly of group a and mostly rejected."""
    rng = np.random.default_rng(0)
    chance = rng.choice([0.1, 0.9], rows)
    member = rng.random(rows) < chance
    p = rng.random(rows) < np.where(member, 0.3, 0.6)
    unsaid = rng.random(rows) < np.where(p, 0.1, 0.4)
    group = pd.Series(np.where(member, "a", "b"), dtype="str").mask(unsaid)
    return pd.DataFrame({"g": group, "truth": np.where(member, "a", "b"), "p": p.astype(int), "y": 1, "chance": chance})


def test_the_truth_lies_within_the_bounds_and_missingness_shows() -> None:
    data = frame()
    tables = missing_attribute(open_dataset(data.assign(y=data.index % 2), ROLES), "g", group="a", reference="b").tables
    bounds = tables["bounds"].set_index("quantity")
    rates = data.groupby("truth")["p"].mean()
    assert bounds.loc["ratio", "lowest"] < rates["a"] / rates["b"] < bounds.loc["ratio", "highest"]
    assert bounds.loc["difference", "lowest"] < rates["a"] - rates["b"] < bounds.loc["difference", "highest"]
    missingness = tables["missingness"].set_index("measure")
    assert missingness.loc["selection_rate", "p"] < 1e-9
    assert missingness.loc["base_rate", "p"] > 0.001
    assert missingness.loc["selection_rate", "n_missing"] == data["g"].isna().sum()


def test_without_missing_values_the_bounds_are_what_was_observed() -> None:
    data = frame().dropna()
    bounds = missing_attribute(open_dataset(data, {**ROLES, "label": None}), "g", group="a", reference="b").tables["bounds"]
    assert bounds["observed"].tolist() == bounds["lowest"].tolist() == bounds["highest"].tolist()


def test_the_weighted_estimate_counts_the_unknown_by_their_probability() -> None:
    data = frame()
    dataset = open_dataset(data, {**ROLES, "label": None})
    [row] = missing_attribute(dataset, "g", group="a", reference="b", probability="chance").tables["weighted"].to_dict("records")
    weight = np.where(data["g"].isna(), data["chance"], data["g"] == "a")
    own, other = np.average(data["p"], weights=weight), np.average(data["p"], weights=1 - weight)
    assert (row["value"], row["reference_value"], row["difference"]) == pytest.approx((own, other, own - other))
    rates = data.groupby("truth")["p"].mean()
    assert abs(row["difference"]) < abs(rates["a"] - rates["b"]), "it understates the disparity, as its note says"


def test_a_bound_by_a_few_unknown_people_is_suppressed() -> None:
    data = frame(300).assign(g=lambda made: made["truth"].mask(made.index < 4))
    result = missing_attribute(open_dataset(data, {**ROLES, "label": None}), "g", group="a", reference="b")
    assert result.tables["bounds"]["suppressed"].all()
    shown = result.published()
    assert shown.tables["bounds"][["observed", "lowest", "highest", "unknown_rows"]].isna().all(axis=None)
    assert shown.numbers["rows_missing"] is None


def test_refusals() -> None:
    dataset = open_dataset(frame(300).assign(chance=lambda made: made["chance"] + 0.5), {**ROLES, "label": None})
    with pytest.raises(UnknownNameError, match="group column"):
        missing_attribute(dataset, "h", group="a", reference="b")
    with pytest.raises(UnknownNameError, match="group of g"):
        missing_attribute(dataset, "g", group="z", reference="b")
    with pytest.raises(ParameterError, match="its own reference"):
        missing_attribute(dataset, "g", group="a", reference="a")
    with pytest.raises(UnknownNameError, match="probabilities"):
        missing_attribute(dataset, "g", group="a", reference="b", probability="guess")
    with pytest.raises(InputError, match=r"chance has 1\.4"):
        missing_attribute(dataset, "g", group="a", reference="b", probability="chance")
