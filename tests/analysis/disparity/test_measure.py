"""Measures by group equal fairlearn's and published figures; groups, references and refusals are as documented."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from workbench.analysis.disparity import measure_disparity
from workbench.data.dataset import Dataset, open_dataset
from workbench.errors import InputError, ParameterError, RolesError, UnknownNameError
from workbench.predicate import Predicate

ROLES = {"prediction": "p", "label": "y", "favorable": 1, "groups": ["g"]}
MEASURES = ("selection_rate", "base_rate", "tpr", "fpr", "fnr", "tnr", "ppv", "npv", "accuracy", "balanced_error")


def frames(*, weighted: bool = False) -> Any:
    row = st.tuples(
        st.sampled_from("abc"),
        st.sampled_from("xy"),
        st.integers(0, 1),
        st.integers(0, 1),
        st.floats(0.25, 4) if weighted else st.just(1.0),
    )
    rows = st.lists(row, min_size=4, max_size=40)
    return rows.map(lambda data: pd.DataFrame(data, columns=["g", "h", "y", "p", "w"]))


def groups_of(dataset: Dataset, **arguments: Any) -> pd.DataFrame:
    return measure_disparity(dataset, **arguments).tables["groups"].set_index("group")


def fairlearn_rates(frame: pd.DataFrame, features: list[str], *, weighted: bool) -> pd.DataFrame:
    """The ten measures as MetricFrame has them by its own metrics and scikit-learn's."""
    from fairlearn import metrics
    from sklearn.metrics import accuracy_score, balanced_accuracy_score, precision_score

    def base_rate(y_true: Any, _: Any, sample_weight: Any = None) -> float:
        return float(np.average(y_true, weights=sample_weight))

    def npv(y_true: Any, y_pred: Any, sample_weight: Any = None) -> float:
        return float(precision_score(y_true, y_pred, pos_label=0, sample_weight=sample_weight, zero_division=np.nan))

    def ppv(y_true: Any, y_pred: Any, sample_weight: Any = None) -> float:
        return float(precision_score(y_true, y_pred, pos_label=1, sample_weight=sample_weight, zero_division=np.nan))

    def balanced_error(y_true: Any, y_pred: Any, sample_weight: Any = None) -> float:
        return 1 - float(balanced_accuracy_score(y_true, y_pred, sample_weight=sample_weight))

    functions = {
        "selection_rate": metrics.selection_rate, "base_rate": base_rate, "tpr": metrics.true_positive_rate,
        "fpr": metrics.false_positive_rate, "fnr": metrics.false_negative_rate, "tnr": metrics.true_negative_rate,
        "ppv": ppv, "npv": npv, "accuracy": accuracy_score, "balanced_error": balanced_error,
    }  # fmt: skip
    params = {name: {"sample_weight": frame["w"]} for name in functions} if weighted else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn speaks up where a group lacks a class
        made = metrics.MetricFrame(
            metrics=functions, y_true=frame["y"], y_pred=frame["p"], sensitive_features=frame[features], sample_params=params
        )
        return pd.DataFrame(made.by_group)


def compare_with_fairlearn(frame: pd.DataFrame, *, weighted: bool) -> None:
    roles = {**ROLES, "positive": 1, "groups": ["g", "h"], **({"weight": "w"} if weighted else {})}
    ours = measure_disparity(open_dataset(frame, roles), measures=MEASURES).tables["groups"]
    for features in (["g"], ["h"], ["g", "h"]):
        part = ours[ours["attributes"] == ", ".join(features)].set_index(features)
        theirs = fairlearn_rates(frame, features, weighted=weighted).loc[list(part.index)]
        for measure in MEASURES:
            trials = part[f"{measure}_n"].to_numpy()  # fairlearn says 0 where nobody belongs; we say not measured
            mine, expected = part[measure].to_numpy(float), theirs[measure].to_numpy(float)
            assert np.isnan(mine[trials == 0]).all()
            np.testing.assert_allclose(mine[trials > 0], expected[trials > 0], rtol=0, atol=1e-12)


@settings(max_examples=5)
@given(frame=frames())
def test_measures_equal_fairlearn(frame: pd.DataFrame) -> None:
    compare_with_fairlearn(frame, weighted=False)


@settings(max_examples=5)
@given(frame=frames(weighted=True))
def test_weighted_measures_equal_fairlearn(frame: pd.DataFrame) -> None:
    compare_with_fairlearn(frame, weighted=True)


@pytest.mark.slow
@settings(max_examples=80)
@given(frame=frames(weighted=True), weighted=st.booleans())
def test_measures_equal_fairlearn_on_many_frames(frame: pd.DataFrame, *, weighted: bool) -> None:
    compare_with_fairlearn(frame, weighted=weighted)


def test_the_example_in_fairlearns_documentation() -> None:
    """MetricFrame's own page, fairlearn 0.15: accuracy 0.8 and 0.6, selection rate 0.8 and 0.4, difference 0.4, ratio 0.5."""
    frame = pd.DataFrame({
        "g": ["Female"] * 5 + ["Male"] * 5, "y": [1, 1, 1, 1, 1, 0, 0, 1, 1, 0], "p": [0, 1, 1, 1, 1, 0, 0, 0, 1, 1],
    })  # fmt: skip
    found = measure_disparity(open_dataset(frame, ROLES), measures=["accuracy", "selection_rate"]).tables
    assert found["groups"][["accuracy", "selection_rate"]].to_numpy().tolist() == [[0.8, 0.8], [0.6, 0.4]]
    row = found["disparities"].set_index("measure").loc["selection_rate"]
    assert (row["difference"], row["ratio"], row["reference"]) == (pytest.approx(-0.4), 0.5, "Female")


@settings(max_examples=15)
@given(frame=frames())
def test_intervals_are_wilsons_and_newcombes(frame: pd.DataFrame) -> None:
    """Wilson as scipy has it; Newcombe's method 10 written out from the paper (1998, Stat Med 17:873)."""
    result = measure_disparity(open_dataset(frame, ROLES), measures=["selection_rate"], reference="largest", confidence=0.9)
    limits = {}
    for row in result.tables["groups"].itertuples():
        k, n = int(frame.loc[frame["g"] == row.group, "p"].sum()), int((frame["g"] == row.group).sum())
        low, high = binomtest(k, n).proportion_ci(0.9, "wilson")
        limits[row.group] = (k / n, low, high)
        assert (row.selection_rate_low, row.selection_rate_high) == pytest.approx((low, high), abs=1e-12)
    for row in result.tables["disparities"].itertuples():
        (p1, l1, u1), (p2, l2, u2) = limits[row.group], limits[row.reference]
        low, high = p1 - p2 - np.hypot(p1 - l1, u2 - p2), p1 - p2 + np.hypot(u1 - p1, p2 - l2)
        assert (row.low, row.high) == pytest.approx((low, high), abs=1e-12)


FRAME = pd.DataFrame({
    "g": ["a"] * 40 + ["b"] * 50 + ["c"] * 4 + [None] * 6,
    "p": [1] * 30 + [0] * 10 + [1] * 20 + [0] * 30 + [1] * 4 + [0] * 6,
    "y": [0, 1] * 50,
    "w": [1.0, 2.0] * 50,
})  # fmt: skip


def test_missing_is_a_group_of_its_own() -> None:
    result = measure_disparity(open_dataset(FRAME, ROLES))
    last = result.tables["groups"].iloc[-1]
    assert (last["g"], last["group"], last["n"], last["where"]) == (None, "missing", 6, "g is missing")
    found = result.tables["disparities"]
    assert set(found.loc[found["group"] == "missing", "where"]) == {"g is missing"}


def test_a_group_of_few_rows_is_marked_for_suppression() -> None:
    table = groups_of(open_dataset(FRAME, ROLES), measures=["selection_rate"])
    assert table["suppressed"].to_dict() == {"a": False, "b": False, "c": True, "missing": True}


@pytest.mark.parametrize(
    ("reference", "chosen"),
    [
        (None, "a"),
        ("most favored", "a"),
        ("largest", "b"),
        ("c", "c"),
        ({"g": "c"}, "c"),
        (("b",), "b"),
        ({"g": None}, "missing"),
    ],
)
def test_reference(reference: Any, chosen: str) -> None:
    """The most favoured of the groups that hold a tenth of the rows: c selects all of its four."""
    found = measure_disparity(open_dataset(FRAME, ROLES), reference=reference).tables["disparities"]
    assert set(found["reference"]) == {chosen}
    assert chosen not in set(found["group"])


def test_everybody_else_is_the_complement() -> None:
    found = measure_disparity(
        open_dataset(FRAME, {**ROLES, "weight": "w"}), measures=["selection_rate"], reference="everybody else"
    )
    table = found.tables["disparities"].set_index("group")
    rest = FRAME[FRAME["g"] != "a"]
    assert table.loc["a", "reference_value"] == pytest.approx(float(np.average(rest["p"], weights=rest["w"])), abs=1e-12)
    assert len(table) == 4


def test_equal_weights_change_nothing_and_uneven_ones_widen_the_interval() -> None:
    plain = measure_disparity(open_dataset(FRAME, ROLES)).tables["groups"]
    scaled = measure_disparity(open_dataset(FRAME.assign(w=3.0), {**ROLES, "weight": "w"})).tables["groups"]
    pd.testing.assert_frame_equal(plain, scaled, rtol=1e-12)
    uneven = measure_disparity(open_dataset(FRAME.assign(w=[0.1, 5.0] * 50), {**ROLES, "weight": "w"})).tables["groups"]
    width = {
        name: float((table["accuracy_high"] - table["accuracy_low"])[1]) for name, table in (("plain", plain), ("uneven", uneven))
    }
    assert width["uneven"] > width["plain"]


CROSSED = pd.DataFrame({
    "sex": ["f", "f", "m", "m", None] * 30,
    "n": [1, 2, 1, 2, 2] * 30,
    "p": [0, 1, 1, 1, 0] * 30,
})  # fmt: skip
CROSSED_ROLES = {"prediction": "p", "favorable": 1, "groups": ["sex", "n"]}


def test_each_attribute_alone_and_all_together() -> None:
    """What a row's groups are not parted by is missing; ``attributes`` tells that from a missing value."""
    table = measure_disparity(open_dataset(CROSSED, CROSSED_ROLES)).tables["groups"]
    seen = list(zip(table["attributes"], table["sex"], table["n_2"], table["n"], strict=True))
    assert seen == [
        ("sex", "f", None, 60), ("sex", "m", None, 60), ("sex", None, None, 30),
        ("n", None, 1, 60), ("n", None, 2, 90),
        ("sex, n", "f", 1, 30), ("sex, n", "f", 2, 30), ("sex, n", "m", 1, 30), ("sex, n", "m", 2, 30), ("sex, n", None, 2, 30),
    ]  # fmt: skip
    assert table["where"].iloc[-1] == "sex is missing and n = 2"
    alone = measure_disparity(open_dataset(CROSSED, CROSSED_ROLES), intersect=False).tables["groups"]
    assert set(alone["attributes"]) == {"sex", "n"}


def test_the_rows_of_a_group_are_those_its_condition_selects() -> None:
    dataset = open_dataset(CROSSED, CROSSED_ROLES)
    table = measure_disparity(dataset).tables["groups"]
    assert [int(Predicate.parse(where).mask(dataset.frame).sum()) for where in table["where"]] == table["n"].tolist()


def test_a_named_reference_holds_where_its_value_is_known() -> None:
    dataset = open_dataset(CROSSED, CROSSED_ROLES)
    found = measure_disparity(dataset, reference={"sex": "f", "n": 1}).tables["disparities"]
    assert found.groupby("attributes")["reference"].unique().map(list).to_dict() == {
        "n": ["1"], "sex": ["f"], "sex, n": ["f, 1"]
    }  # fmt: skip
    found = measure_disparity(dataset, reference="f").tables["disparities"]
    assert set(found.loc[found["attributes"] == "sex", "reference"]) == {"f"}


def test_one_class_against_the_rest() -> None:
    """Three decisions: `reject` is positive, `accept` favourable, `later` neither."""
    frame = pd.DataFrame({
        "g": ["a", "b"] * 60,
        "p": ["accept", "reject", "later", "reject"] * 30,
        "y": ["reject", "reject", "accept", "later", "later", "accept"] * 20,
    })  # fmt: skip
    roles = {"prediction": "p", "label": "y", "favorable": "accept", "positive": "reject", "groups": ["g"]}
    table = groups_of(open_dataset(frame, roles), measures=["selection_rate", "tpr", "fpr", "base_rate"])
    for group, part in frame.groupby("g"):
        positive, said = part["y"] == "reject", part["p"] == "reject"
        expected = [(part["p"] == "accept").mean(), said[positive].mean(), said[~positive].mean(), positive.mean()]
        assert table.loc[group, ["selection_rate", "tpr", "fpr", "base_rate"]].tolist() == pytest.approx(expected)


def test_a_row_without_label_or_prediction_leaves_the_denominator() -> None:
    frame = pd.DataFrame({"g": "a", "p": [1, 1, 0, 0, None, 1], "y": [1, 0, 1, 0, 1, None]})
    row = groups_of(open_dataset(frame, ROLES)).loc["a"]
    assert [int(row[f"{measure}_n"]) for measure in ("selection_rate", "base_rate", "tpr", "ppv", "accuracy")] == [5, 5, 2, 2, 4]


def test_shortfalls_and_four_fifths_are_what_their_definitions_say() -> None:
    """40 of 100 against 60 of 100: to the pooled half 10 more, to the reference 20 more, to four fifths of it 8 more."""
    frame = pd.DataFrame({"g": ["a"] * 100 + ["b"] * 100, "p": [1] * 40 + [0] * 60 + [1] * 60 + [0] * 40, "id": range(200)})
    roles = {"prediction": "p", "favorable": 1, "groups": ["g"], "row_id": "id"}
    [row] = measure_disparity(open_dataset(frame, roles)).tables["disparities"].to_dict("records")
    shortfalls = [row[f"shortfall_{name}"] for name in ("pooled", "reference", "four_fifths")]
    assert shortfalls == pytest.approx([10, 20, 8])
    assert (row["ratio"], row["difference"]) == pytest.approx((2 / 3, -0.2))
    assert (row["four_fifths"], row["people"], row["reference"]) == (False, 100, "b")


def test_people_are_distinct_ids() -> None:
    frame = pd.DataFrame({"g": ["a", "b"] * 60, "p": [1, 0, 1] * 40, "id": np.arange(120) // 4})
    roles = {"prediction": "p", "favorable": 1, "groups": ["g"], "row_id": "id"}
    found = measure_disparity(open_dataset(frame, roles)).tables["disparities"]
    assert found["people"].tolist() == [30]
    assert measure_disparity(open_dataset(frame, {**roles, "row_id": None})).tables["disparities"]["people"].tolist() == [None]


def test_evidence_tells_silence_from_ignorance() -> None:
    rows = {"big": 4000, "same": 4000, "few": 12, "worse": 4000}
    rates = {"big": 0.5, "same": 0.5, "few": 0.5, "worse": 0.3}
    frame = pd.concat([pd.DataFrame({"g": name, "p": np.arange(size) < rates[name] * size}) for name, size in rows.items()])
    dataset = open_dataset(frame, {"prediction": "p", "favorable": True, "groups": ["g"]})
    found = measure_disparity(dataset, reference="big").tables["disparities"].set_index("group")
    assert found["evidence"].to_dict() == {"same": "no difference found", "few": "not enough data", "worse": "differs"}
    assert 12 < found.loc["few", "rows_needed"] < 4000


def test_refusals() -> None:
    with pytest.raises(RolesError, match="no groups"):
        measure_disparity(open_dataset(FRAME, {"prediction": "p", "label": "y"}))
    with pytest.raises(RolesError, match="good for the person"):
        measure_disparity(open_dataset(FRAME, {"prediction": "p", "groups": ["g"]}), measures=["selection_rate"])
    with pytest.raises(UnknownNameError, match="largest"):
        measure_disparity(open_dataset(FRAME, ROLES), reference="d")
    with pytest.raises(UnknownNameError, match="group column"):
        measure_disparity(open_dataset(FRAME, ROLES), groups=["h"])
    with pytest.raises(UnknownNameError, match="balanced_error"):
        measure_disparity(open_dataset(FRAME, ROLES), measures=["auc"])
    with pytest.raises(ParameterError, match="confidence"):
        measure_disparity(open_dataset(FRAME, ROLES), confidence=95)
    with pytest.raises(RolesError, match="which value of label is the positive one"):
        measure_disparity(open_dataset(FRAME.assign(y=["yes", "no"] * 50), ROLES), measures=["tpr"])


def test_texts_are_never_counted_as_zero() -> None:
    """fairlearn says 0.0 for every group where the values are "yes" and "no"; here the favourable value is named, or refused."""
    frame = FRAME.assign(p=np.where(FRAME["p"] == 1, "yes", "no"))
    assert groups_of(open_dataset(frame, {**ROLES, "favorable": "yes", "label": None})).loc["a", "selection_rate"] == 0.75
    with pytest.raises(RolesError, match="no row has the favorable value"):
        open_dataset(frame, {**ROLES, "label": None})


def test_a_rate_over_a_few_rows_is_suppressed_whatever_the_group_holds() -> None:
    """Twelve people, one of them without the outcome: the false positive rate speaks of one person."""
    frame = pd.DataFrame({"g": ["a"] * 12 + ["b"] * 40, "y": [1] * 11 + [0] + [0, 1] * 20, "p": [1] * 12 + [0, 1] * 20})
    found = measure_disparity(open_dataset(frame, {"label": "y", "prediction": "p", "groups": ["g"]})).tables["groups"]
    assert found.set_index("group")["suppressed"].to_dict() == {"a": True, "b": False}


BAD = {
    "a group of one row": (FRAME.assign(g=["z"] + ["a"] * 99), {}),
    "everybody favoured": (FRAME.assign(p=1), {}),
    "nobody favoured": (FRAME.assign(p=0), {}),
    "zero weights in one group": (FRAME.assign(w=np.where(FRAME["g"] == "a", 0.0, 1.0)), {"weight": "w"}),
    "one group only": (FRAME.assign(g="a"), {}),
    "every group missing": (FRAME.assign(g=pd.Series([None] * 100, dtype="str")), {}),
}


@pytest.mark.parametrize("kind", BAD)
def test_thin_data_is_measured_as_far_as_it_goes(kind: str) -> None:
    frame, roles = BAD[kind]
    result = measure_disparity(open_dataset(frame, {**ROLES, **roles}))
    rates = result.tables["groups"]["selection_rate"].dropna().to_numpy(float)
    assert ((rates >= 0) & (rates <= 1)).all()
    assert (result.tables["groups"]["n"].sum(), len(result.tables["disparities"]) % 10) == (100, 0)


REFUSED = {
    "negative weights": (FRAME.assign(w=-1.0), {"weight": "w"}, "negative"),
    "no weight above 0": (FRAME.assign(w=0.0), {"weight": "w"}, "no weight is above 0"),
    "a label missing everywhere": (FRAME.assign(y=np.nan), {}, "missing in every row"),
    "a group column that is the label": (FRAME, {"groups": ["y"]}, "also the label"),
    "a score that is no probability": (FRAME.assign(s=FRAME["w"]), {"score": "s", "measures": ["ece"]}, "outside 0 to 1"),
    "5,000 groups": (pd.DataFrame({"g": np.arange(5000), "p": 1, "y": 1}), {"groups": []}, "too many values"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_measured_is_refused_in_one_line(kind: str) -> None:
    frame, roles, said = REFUSED[kind]
    measures = roles.get("measures")
    with pytest.raises(InputError, match=said) as caught:
        measure_disparity(
            open_dataset(frame, {**ROLES, **{name: value for name, value in roles.items() if name != "measures"}}),
            groups=None if roles.get("groups") else ["g"],
            measures=measures,
        )
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("reference", [None, "everybody else", "a"])
def test_an_empty_selection_is_refused_in_one_line(reference: str | None) -> None:
    nobody = open_dataset(FRAME, ROLES).select(Predicate.parse('g = "nobody"'))
    with pytest.raises(InputError, match=r"no rows to compare groups in: .*nobody"):
        measure_disparity(nobody, reference=reference)


def test_compas_as_published(compas: Path, compas_roles: dict[str, Any]) -> None:
    """ProPublica's table of 2016: who is wrongly called risky (805 of 1,795), who wrongly safe."""
    found = measure_disparity(open_dataset(compas, compas_roles), groups=["race"]).tables
    table = found["groups"].set_index("group")
    rates = table.loc[["African-American", "Caucasian"], ["fpr", "fnr"]].to_numpy(float).round(4).tolist()
    assert rates == [[0.4485, 0.2799], [0.2345, 0.4772]]
    assert (table.loc["African-American", "fpr"] * 1795, table.loc["African-American", "fpr_n"]) == (pytest.approx(805), 1795)
    [gap] = found["disparities"].query("group == 'African-American' and measure == 'selection_rate'").to_dict("records")
    assert (round(gap["ratio"], 3), gap["reference"], gap["four_fifths"]) == (0.632, "Caucasian", False)


def test_arguments_may_be_given_in_the_order_of_the_contract() -> None:
    frame = pd.DataFrame({"g": list("aabb") * 20, "h": list("xy") * 40, "y": [0, 1, 1, 0] * 20, "p": [0, 1, 0, 1, 1] * 16})
    dataset = open_dataset(frame, ROLES)
    by_place = measure_disparity(dataset, ["g"], "b", ["selection_rate"], 0.9, False, "h", 5, 3)  # noqa: FBT003  that it may
    by_name = measure_disparity(
        dataset, groups=["g"], reference="b", measures=["selection_rate"], confidence=0.9, intersect=False, strata="h",
        bootstrap=5, seed=3,
    )  # fmt: skip
    assert by_place.digest == by_name.digest
    assert {"conditional", "functionals"} <= set(by_place.tables)
