"""What a published result gives away: every channel to a small cell is tried with the numbers that a reader has."""

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from workbench.analysis.disparity import measure_disparity
from workbench.analysis.drift import drift
from workbench.analysis.integrity import integrity
from workbench.analysis.slices import find_slices
from workbench.data.dataset import Dataset, open_dataset
from workbench.digest import canonical_json
from workbench.predicate import Predicate
from workbench.result import Result
from workbench.result.groups import JOINT
from workbench.result.publish import hidden_conditions, publish_numbers, publish_tables

ROLES = {
    "prediction": "said",
    "label": "true",
    "favorable": 1,
    "groups": ["region", "sex"],
    "time": "day",
    "features": ["age", "kind"],
    "row_id": "id",
}


def log(regions: list[int], *, seed: int = 0) -> Dataset:
    """A decision log with so many rows per region, in an order of its own, and a column of text that has no role."""
    rng = np.random.default_rng(seed)
    rows = sum(regions)
    frame = pd.DataFrame({
        "id": np.arange(rows) + 10_000,
        "region": np.repeat([f"region {number}" for number in range(len(regions))], regions),
        "sex": rng.choice(["f", "m"], rows),
        "age": rng.integers(18, 90, rows),
        "kind": rng.choice(["a", "b", "c", "d"], rows, p=[0.6, 0.3, 0.09, 0.01]),
        "note": [f"said by person {number}" for number in range(rows)],
        "said": rng.integers(0, 2, rows),
        "true": rng.integers(0, 2, rows),
        "day": pd.Timestamp("2026-01-01") + pd.to_timedelta(np.sort(rng.integers(0, 60, rows)), "D"),
    })  # fmt: skip
    return open_dataset(frame, ROLES)


def results(dataset: Dataset) -> dict[str, Result]:
    """Every analysis, with the first month as the reference where one is taken."""
    early = Predicate.parse("day < 2026-01-31")
    before, after = dataset.select(early), dataset.exclude(early)
    return {
        "disparity": measure_disparity(dataset),
        "drift": drift(after, before),
        "integrity": integrity(after, before),
        "slices": find_slices(dataset),
    }


def plain(result: Result) -> Any:
    return json.loads(canonical_json(result.to_dict()))


def test_publishing_twice_or_after_a_way_through_json_is_publishing_once() -> None:
    """What a run left is read back and published again, by the status page and by whoever checks a digest."""
    for result in results(log([200, 30, 12, 4, 3])).values():
        assert_settled(result)


@pytest.mark.slow
@settings(max_examples=5)
@given(sizes=st.lists(st.integers(1, 60), min_size=2, max_size=5), seed=st.integers(0, 99))
def test_any_result_is_settled_once_it_is_published(sizes: list[int], seed: int) -> None:
    for result in results(log([200, *sizes], seed=seed)).values():
        assert_settled(result)


def assert_settled(result: Result) -> None:
    once = result.published()
    assert plain(once.published()) == plain(once)
    assert plain(Result.from_dict(plain(once)).published()) == plain(once)
    assert Result.from_dict(plain(once)).digest == result.digest


@settings(max_examples=10)
@given(sizes=st.lists(st.one_of(st.integers(1, 12), st.integers(1, 80)), min_size=1, max_size=5), seed=st.integers(0, 99))
def test_no_group_size_and_no_joint_rate_is_the_only_unknown_of_its_attribute(sizes: list[int], seed: int) -> None:
    """Each attribute's groups sum to the same totals, so a column with a single unknown is solved; none may have one.

    A rate over no row of a group that is shown is undefined, which a reader can tell: it covers for no other.
    """
    result = measure_disparity(log([40, *sizes], seed=seed))
    measured = result.tables["groups"].set_index("where")
    groups = result.published().tables["groups"].set_index("where")
    for _, part in groups.groupby("attributes"):
        for column in ("n", "fpr", "fnr", "ppv", "npv", "accuracy"):
            undefined = measured.loc[part.index, column].isna() & part["n"].notna()
            assert (part[column].isna() & ~undefined).sum() != 1, column


@settings(max_examples=10)
@example(sizes=[1, 9, 34, 80, 11], seed=79)  # seven said to be positive, beside no row at all that is negative
@given(sizes=st.lists(st.one_of(st.integers(1, 12), st.integers(1, 80)), min_size=1, max_size=5), seed=st.integers(0, 99))
def test_no_rate_over_fewer_than_ten_rows_is_left(sizes: list[int], seed: int) -> None:
    dataset = log([40, *sizes], seed=seed)
    groups = measure_disparity(dataset).published().tables["groups"]
    for row in groups.itertuples():
        frame = dataset.frame[Predicate.parse(row.where).mask(dataset.frame)]
        trials = {"fpr": (frame["true"] == 0).sum(), "fnr": (frame["true"] == 1).sum(), "ppv": (frame["said"] == 1).sum()}
        for measure, number in trials.items():
            assert pd.isna(getattr(row, measure)) or number >= 10 or number == 0


def test_a_group_hidden_beside_a_small_one_is_hidden_in_the_distances_too() -> None:
    shown = measure_disparity(log([300, 200, 40, 3])).published().tables
    sizes = shown["groups"].set_index("group")["n"]
    assert [sizes[f"region {number}"] for number in range(4)] == [300, 200, None, None]
    distances = shown["disparities"].set_index("group")
    numbers = ["value", "difference", "ratio", "p", "p_adjusted", "rows"]
    assert distances.loc[["region 2", "region 3"], numbers].isna().all(axis=None)
    assert not distances.loc["region 1", numbers].isna().any(axis=None) or not distances.loc["region 0", numbers].isna().any(
        axis=None
    )


def test_a_hidden_reference_hides_every_distance_from_it() -> None:
    result = measure_disparity(log([300, 40, 3]), reference="region 1", groups=["region"])
    distances = result.published().tables["disparities"]
    assert distances["reference_value"].isna().all()
    assert distances["value"].isna().all()


def test_an_attribute_of_which_nothing_can_be_shown_is_left_out() -> None:
    """Ten people in ten groups: the labels alone would say that each group is one."""
    shown = measure_disparity(log([1] * 40)).published().tables
    assert "region" not in set(shown["groups"]["attributes"])
    assert "region" not in set(shown["disparities"]["attributes"])
    assert set(shown["groups"]["attributes"]) == {"sex"}


def test_joint_rates_of_a_group_go_when_one_of_them_is_of_few() -> None:
    """From the margins and any two joint rates the others follow, so that hiding one of them hides nothing."""
    dataset = log([200, 60, 30])
    groups = measure_disparity(dataset).tables["groups"].copy()
    groups.loc[groups["group"] == "region 2", ["fpr", "fpr_low", "fpr_high", "fpr_n"]] = (3 / 8, 0.1368, 0.6943, 8)
    tables = {**measure_disparity(dataset).tables, "groups": groups}
    shown = publish_tables("disparity", tables, {"rows": 290})["groups"].set_index("group")
    joint = [measure for measure in JOINT if measure in shown]
    assert shown.loc[["region 1", "region 2"], joint].isna().all(axis=None)
    assert shown.loc[["region 1", "region 2"], ["n", "selection_rate", "base_rate"]].notna().all(axis=None)
    assert shown.loc["region 0", joint].notna().all(axis=None)


def test_cells_of_drift_are_hidden_per_window_and_left_out() -> None:
    result = drift_of(now={"a": 100, "b": 40, "Jane Doe called": 3}, before={"a": 100, "b": 40, "c": 30})
    cells = result.published().tables["cells"]
    assert cells["where"].tolist() == ['kind = "a"', 'kind = "c"', "kind is missing"] or set(cells["where"]) == {
        'kind = "a"', 'kind = "c"', "kind is missing"
    }  # fmt: skip
    assert "Jane" not in canonical_json(result.published().to_dict()).decode()


def test_a_distance_over_hidden_cells_is_no_equation() -> None:
    """The distance changes by 1 / 143 for each row that moves between two cells; the steps shown are ten rows or more."""
    result = drift_of(now={"a": 100, "b": 40, "c": 3}, before={"a": 100, "b": 40, "c": 30})
    row = result.published().tables["columns"].iloc[0]
    assert row["distance"] == pytest.approx(round(row["distance"] / 0.1) * 0.1)
    assert row["psi"] is None
    assert row["p"] == float(f"{row['p']:.0e}")


def test_columns_without_small_cells_keep_their_numbers() -> None:
    result = drift_of(now={"a": 100, "b": 40}, before={"a": 100, "b": 80})
    shown, true = (item.tables["columns"].iloc[0] for item in (result.published(), result))
    assert (shown["distance"], shown["psi"], shown["p"]) == (true["distance"], true["psi"], true["p"])


def test_cells_beside_a_rest_are_vague_once_one_is_hidden() -> None:
    """Values without a cell of their own are parted elsewhere, by group, so that two tables could be held side by side."""
    many = {f"v{number:02}": 40 for number in range(33)}
    result = drift_of(now={**many, "v05": 4}, before={**dict.fromkeys(many, 40), "v05": 100})
    cells = result.published().tables["cells"]
    assert cells["rows"].isna().all()
    assert cells["suppressed"].all()


def drift_of(now: dict[str, int], before: dict[str, int]) -> Result:
    frames = [pd.DataFrame({"kind": np.repeat(list(counts), list(counts.values()))}) for counts in (now, before)]
    datasets = [open_dataset(frame.assign(other=range(len(frame))), {"features": ["kind"]}) for frame in frames]
    return drift(datasets[0], datasets[1], columns=["kind"])


def columns_of(**shares: float) -> dict[str, pd.DataFrame]:
    base = {"column": ["kind"], "missing": [0.0], "missing_before": [0.0], "missing_p": [0.0123]}
    return {"columns": pd.DataFrame(base | {name: [share] for name, share in shares.items()})}


def test_a_small_number_of_missing_or_new_values_is_not_a_share_times_the_rows() -> None:
    numbers = {"rows": 1000, "rows_before": 2000}
    tables = columns_of(missing=3 / 1000, new=4 / 1000, new_value="Jane", new_p=0.5, outside=0.0, mixed=0.25)
    row = publish_tables("integrity", tables, numbers, {"features": ["kind"]})["columns"].iloc[0]
    assert row[["missing", "missing_p", "new", "new_value"]].isna().all()
    assert (row["outside"], row["mixed"]) == (0, 0.25)


@pytest.mark.parametrize(("roles", "shown"), [({"features": ["kind"]}, "fresh"), ({"features": ["age"]}, None), ({}, None)])
def test_a_new_value_is_told_of_a_feature_only(roles: dict[str, Any], shown: str | None) -> None:
    tables = columns_of(new=0.2, new_value="fresh", new_p=0.001)
    assert publish_tables("integrity", tables, {"rows": 1000}, roles)["columns"].iloc[0]["new_value"] == shown


def test_a_run_of_few_rows_tells_neither_value_nor_dates() -> None:
    frozen = pd.DataFrame({
        "column": ["age", "age2"], "value": [33, 34], "run": [2, 20], "start": pd.Timestamp("2014-06-28"),
        "end": pd.Timestamp("2014-06-28"), "share_elsewhere": 0.02, "p": 1.0,
    })  # fmt: skip
    shown = publish_tables("integrity", {**columns_of(), "frozen": frozen}, {"rows": 1000})["frozen"]
    assert shown.drop(columns="column").iloc[0].isna().all()
    assert shown.iloc[1]["value"] == 34


def test_periods_and_changes_count_in_tens() -> None:
    result = integrity(log([300, 200]))
    shown = result.published().tables
    for name, columns in (("timeline", ["rows"]), ("changes", ["rows_before", "rows_after"])):
        for column in columns:
            assert all(pd.isna(count) or count % 10 == 0 for count in shown[name][column])
    small = result.tables["timeline"]["suppressed"].to_numpy()
    assert shown["timeline"].loc[small, ["rows", "rate of label"]].isna().all(axis=None)


def test_a_lone_small_period_beside_a_single_other_takes_it_along_where_rounding_would_not_do() -> None:
    for other in range(10, 40):
        for small in range(1, 10):
            frame = pd.DataFrame({"start": [0, 1], "rows": [other, small], "suppressed": [False, True]})
            tables = publish_tables("integrity", {**columns_of(), "timeline": frame}, {"rows": 1000})
            near = tables["timeline"]["rows"][0] if "timeline" in tables else None
            left = [n for n in range(1, 10) if pd.isna(near) or max(near - 5, 10) <= other + small - n < near + 5]
            assert len(left) > 1, (other, small)


@pytest.mark.parametrize(("rows", "total", "hidden"), [(7, 500, True), (495, 500, True), (200, 500, False), (500, 500, False)])
def test_a_slice_is_hidden_where_it_or_the_rest_is_small(rows: int, total: int, *, hidden: bool) -> None:
    table = slice_table(rows)
    shown = publish_tables("slices", {"slices": table}, {"measured": total, "rows": total})["slices"].iloc[0]
    assert pd.isna(shown["rows"]) == hidden
    assert pd.isna(shown["mean"]) == hidden
    assert bool(shown["suppressed"]) == hidden


def test_two_nested_slices_do_not_tell_their_difference() -> None:
    """A slice of 454 rows and one of 450 inside it: the four rows between them are not in the numbers that are shown."""
    numbers = {"measured": 2000, "rows": 2000}
    outer, inner = (publish_tables("slices", {"slices": slice_table(rows)}, numbers)["slices"].iloc[0] for rows in (454, 450))
    assert outer["rows"] == inner["rows"] == 450
    assert outer["mean"] == inner["mean"]


def slice_table(rows: int) -> pd.DataFrame:
    return pd.DataFrame({
        "slice": ["x = 1"], "level": 1, "size": rows, "rows": rows, "mean": 0.4, "rest": 0.2, "effect": 0.2, "low": 0.1,
        "high": 0.3, "score": 0.5123, "excess": 40.123, "p": 0.00123, "p_adjusted": 0.123, "suppressed": rows < 10,
    })  # fmt: skip


def test_a_result_over_few_rows_shows_no_number() -> None:
    result = Result("disparity", "T", {"groups": pd.DataFrame({"attribute": ["sex"], "group": ["f"], "rows": [7], "fpr": [0.5]})},
                    {"rows": 7, "counted": 3, "repeated_rows": 2})  # fmt: skip
    shown = result.published()
    assert shown.numbers == {"rows": None, "counted": 3, "repeated_rows": None}
    assert shown.tables["groups"][["rows", "fpr"]].isna().all(axis=None)


def test_numbers_that_do_not_count_rows_stay() -> None:
    assert publish_numbers({"counted": 4, "overall": 0.5, "rows": 10, "loss": "error", "measured": 9}) == {
        "counted": 4, "overall": 0.5, "rows": 10, "loss": "error", "measured": None
    }  # fmt: skip


def test_another_kind_of_result_loses_the_rows_it_marked() -> None:
    table = pd.DataFrame({"a": ["x", "y"], "n": [3, 30], "suppressed": [True, False]})
    assert publish_tables("mine", {"t": table}, {})["t"]["n"].tolist() == [None, 30]


@pytest.mark.parametrize("kind", ["replay", "disparity"])
def test_a_table_with_a_row_per_person_is_left_out(kind: str) -> None:
    verdicts = pd.DataFrame({"row_id": [10_001, 10_002], "decision": [0, 1]})
    counts = pd.DataFrame({"level": ["bit-identical"], "inputs": [40]})
    assert list(publish_tables(kind, {"verdicts": verdicts, "counts": counts}, {"rows": 40})) == ["counts"]


@pytest.mark.parametrize(
    ("share", "roles", "shown"),
    [
        (0.0123, {"features": ["kind"]}, (0.01, "red")),
        (0.004, {"features": ["kind"]}, (None, None)),
        (0.5, {}, (0.5, None)),
    ],
    ids=["large", "four rows", "no role"],
)
def test_what_is_gone_is_a_share_of_the_reference_and_its_value_a_category(
    share: float, roles: dict[str, Any], shown: tuple[float | None, str | None]
) -> None:
    """Of 1 000 reference rows; the window under suspicion has ten times as many."""
    table = pd.DataFrame({"column": ["kind"], "gone": [share], "gone_value": ["red"]})
    row = publish_tables("integrity", {"columns": table}, {"rows": 10_000, "rows_before": 1000}, roles)["columns"].iloc[0]
    assert (row["gone"], row["gone_value"]) == shown


def test_the_conditions_that_are_hidden_are_known_by_name() -> None:
    result = measure_disparity(log([300, 200, 40, 3]), groups=["region"])
    hidden = hidden_conditions(result.tables, result.published().tables)
    assert hidden == {'region = "region 2"', 'region = "region 3"'}


def test_no_row_id_and_no_text_without_a_role_is_in_any_published_table() -> None:
    """Every 5-digit number from 10 000 on in this log is a row id, and every note is somebody's."""
    for result in results(log([300, 40, 3])).values():
        text = canonical_json(result.published().to_dict()).decode()
        assert "said by" not in text
        assert not any(str(row_id) in text.replace(".", " . ").split() for row_id in range(10_000, 10_343))


def test_true_numbers_stay_where_they_were_computed() -> None:
    result = measure_disparity(log([300, 40, 3]), groups=["region"])
    before = result.tables["groups"].copy()
    result.published()
    pd.testing.assert_frame_equal(result.tables["groups"], before)
    assert math.isclose(result.tables["groups"]["n"].sum(), 343)
    assert replace(result, numbers={}).tables is result.tables


def test_every_table_of_slices_is_in_tens_and_tells_no_exact_count_of_errors() -> None:
    """The sum of the loss times the size would give what rounding took; so would a refined range's size."""
    result = find_slices(log([300, 200]), reference="day < 2026-01-31", min_support=3)
    shown = result.published().tables
    assert {"slices", "distinct", "holdout"} <= set(shown)
    for name, table in shown.items():
        small = result.tables[name]["rows"] < 10
        for column in table.columns.intersection(["size", "rows", "size_before", "refined_size", "found_size", "kept_size"]):
            assert all(pd.isna(count) or count % 10 == 0 for count in table[column]), (name, column)
            assert table.loc[small.to_numpy(), column].isna().all()
        for column in table.columns.intersection(["loss", "excess", "score"]):
            assert all(pd.isna(value) or float(f"{value:.1e}") == value for value in table[column]), (name, column)
