"""The history of a finding against counting by hand: which number, on which rows, since when."""

import numpy as np
import pandas as pd
import pytest

from workbench.analysis.history import REST, WHOLE, measure_histories
from workbench.data.dataset import Dataset, open_dataset
from workbench.predicate import Predicate
from workbench.result import Finding, Result

ROLES = {"time": "time", "prediction": "prediction", "label": "label", "positive": 1, "favorable": 0, "row_id": "id"}
SINCE = "2026-03-01"


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    rows = 3000
    found = pd.DataFrame({
        "id": np.arange(rows), "time": pd.Timestamp("2026-01-01") + pd.to_timedelta(np.sort(rng.uniform(0, 120, rows)), unit="D"),
        "prediction": rng.integers(0, 2, rows), "label": rng.integers(0, 2, rows), "income": rng.normal(50, 5, rows),
        "region": rng.choice(["north", "south"], rows), "word": rng.choice(["a", "b"], rows),
    })  # fmt: skip
    late = found["time"] >= SINCE
    found.loc[late & (rng.uniform(size=rows) < 0.4), "income"] = np.nan
    found.loc[late & (found["word"] == "a"), "word"] = "c"
    return found


@pytest.fixture(scope="module")
def dataset(frame: pd.DataFrame) -> Dataset:
    return open_dataset(frame, ROLES)


def only(result: Result, name: str = "levels") -> pd.DataFrame:
    return result.tables[name]


def finding(unit: str, where: str, onset: str | None = None, **more: object) -> Finding:
    values = {"kind": "integrity", "statement": "s", "rank": 1, "unit": unit, "where": where, "onset": onset, **more}
    return Finding(**values)  # type: ignore[arg-type]


def test_before_and_since_are_what_pandas_counts(dataset: Dataset, frame: pd.DataFrame) -> None:
    told = finding("missing share", f"time >= {SINCE}", f"{SINCE}T00:00:00", columns=("income",))
    levels = only(measure_histories(dataset, [told]))
    late = frame["time"] >= SINCE
    wanted = [frame.loc[~late, "income"].isna().mean(), frame.loc[late, "income"].isna().mean()]
    assert levels["span"].tolist() == [f"before {SINCE}", f"since {SINCE}"]
    assert levels["side"].unique().tolist() == ["all rows"]
    assert levels["value"].tolist() == pytest.approx(wanted)
    assert levels["rows"].tolist() == [int((~late).sum()), int(late.sum())]


def test_a_slice_is_followed_beside_all_other_rows(dataset: Dataset, frame: pd.DataFrame) -> None:
    told = finding("error rate", 'region = "north"', kind="slice")
    result = measure_histories(dataset, [told])
    wrong = (frame["prediction"] != frame["label"]).groupby(frame["region"] == "north").mean()
    levels = only(result).set_index("side")["value"]
    assert levels['region = "north"'] == pytest.approx(wrong[True])
    assert levels[REST] == pytest.approx(wrong[False])
    assert only(result)["span"].unique().tolist() == [WHOLE]
    periods = only(result, "periods")
    sums = periods.assign(hits=periods["rows"] * periods["value"].astype(float)).groupby("side")[["rows", "hits"]].sum()
    assert sums.loc[REST, "hits"] / sums.loc[REST, "rows"] == pytest.approx(wrong[False], abs=0.01)


def test_a_column_that_broke_in_some_rows_is_followed_there(dataset: Dataset, frame: pd.DataFrame) -> None:
    where = f'region = "north" and time >= {SINCE}'
    told = finding("powers of ten", where, f"{SINCE}T00:00:00", columns=("income", "region"))
    result = measure_histories(dataset, [told])
    assert only(result, "statistics")["statistic"].tolist() == ["mean of income"]
    north = frame[(frame["region"] == "north") & (frame["time"] < SINCE)]
    assert only(result)["value"].iloc[0] == pytest.approx(north["income"].mean())


def test_what_crowds_is_followed_as_its_share_of_all_rows(dataset: Dataset, frame: pd.DataFrame) -> None:
    told = finding("share just past the threshold", "income < 45", kind="attack", cause="evasion")
    result = measure_histories(dataset, [told])
    levels = only(result)
    assert levels["side"].tolist() == ["all rows"]
    assert levels["value"].tolist() == pytest.approx([(frame["income"] < 45).mean()])
    shown = only(result.published(), "periods")
    counted = (shown["value"] * shown["rows"]).astype(float)
    assert counted[(counted > 1e-9) & (counted < 9.99)].empty, "a share that is the size of a cell goes in steps of ten rows"


def test_an_upstream_change_is_followed_in_the_first_column_it_wrote(dataset: Dataset, frame: pd.DataFrame) -> None:
    told = finding("weight of the change", f"time >= {SINCE}", f"{SINCE}T00:00:00", kind="lineage", columns=("income", "word"))
    result = measure_histories(dataset, [told])
    assert only(result, "statistics")["statistic"].tolist() == ["mean of income"]
    assert only(result)["value"].iloc[0] == pytest.approx(frame.loc[frame["time"] < SINCE, "income"].mean())


def test_a_gap_is_followed_beside_the_group_it_is_measured_against(dataset: Dataset, frame: pd.DataFrame) -> None:
    told = finding("selection rate", 'word = "a"', kind="disparity", versus='word = "b"')
    levels = only(measure_histories(dataset, [told])).set_index("side")
    favorable = (frame["prediction"] == 0).groupby(frame["word"]).mean()
    assert levels["value"].to_dict() == pytest.approx({'word = "a"': favorable["a"], 'word = "b"': favorable["b"]})
    assert levels["rows"].sum() < len(frame)


def test_the_time_in_the_predicate_says_since_when_and_its_hour_says_which_rows(dataset: Dataset, frame: pd.DataFrame) -> None:
    told = finding("error rate", f"hour(time) < 6 and time >= {SINCE}", f"{SINCE}T00:00:00", kind="slice")
    levels = only(measure_histories(dataset, [told]))
    early = frame["time"].dt.hour < 6
    assert levels["side"].unique().tolist() == ["hour(time) < 6", REST]
    assert levels["rows"].sum() == len(frame)
    assert levels.loc[levels["side"] != REST, "rows"].sum() == int(early.sum())


def test_two_windows_are_the_spans_where_there_is_no_onset(dataset: Dataset, frame: pd.DataFrame) -> None:
    told = finding("total variation", "all rows", columns=("word",), kind="drift")
    result = measure_histories(dataset, [told], reference=Predicate.parse(f"time < {SINCE}"))
    assert only(result)["span"].tolist() == ["reference window", "current window"]
    late = frame["time"] >= SINCE
    moved = frame.loc[late, "word"].value_counts(normalize=True).get("c", 0.0)
    assert only(result, "statistics")["statistic"].tolist() in (["share of word = c"], ["share of word = a"])
    assert only(result)["value"].astype(float).diff().abs().iloc[-1] == pytest.approx(moved, abs=0.05)


def test_a_reference_file_is_put_before_the_log(dataset: Dataset, frame: pd.DataFrame) -> None:
    before = open_dataset(frame.assign(time=frame["time"] - pd.Timedelta(days=365), label=0), ROLES)
    levels = only(measure_histories(dataset, [finding("base rate", "all rows")], reference=before))
    assert levels["value"].tolist() == pytest.approx([0, frame["label"].mean()])
    assert levels["rows"].tolist() == [len(frame), len(frame)]


def test_a_passing_spell_is_held_against_what_is_outside(dataset: Dataset, frame: pd.DataFrame) -> None:
    told = finding("error rate", "time >= 2026-02-01 and time < 2026-02-10", "2026-02-01T00:00:00", kind="drift")
    levels = only(measure_histories(dataset, [told]))
    inside = frame["time"].between("2026-02-01", "2026-02-10", inclusive="left")
    assert levels.set_index("span")["rows"].to_dict() == {"outside": int((~inside).sum()), "during": int(inside.sum())}


def test_what_is_no_number_of_a_row_is_followed_by_its_rows(dataset: Dataset) -> None:
    told = finding("weight of the change", 'region = "south"', kind="lineage")
    result = measure_histories(dataset, [told])
    assert only(result, "statistics")["statistic"].tolist() == ["rows"]
    periods = only(result, "periods")
    assert (periods["value"] == periods["rows"]).all()
    assert only(result).empty


def test_where_the_unit_is_no_number_of_a_row_the_cause_says_what_to_follow(dataset: Dataset, frame: pd.DataFrame) -> None:
    told = finding("share of decisions", 'region = "south"', kind="disparity", cause="moved threshold")
    result = measure_histories(dataset, [told])
    assert only(result, "statistics")["statistic"].tolist() == ["share of positive predictions"]
    south = frame["region"] == "south"
    assert only(result)["value"].tolist() == pytest.approx([frame.loc[rows, "prediction"].mean() for rows in (south, ~south)])


def test_without_times_there_are_levels_and_no_course(frame: pd.DataFrame) -> None:
    bare = open_dataset(frame.drop(columns="time"), {name: role for name, role in ROLES.items() if name != "time"})
    result = measure_histories(bare, [finding("error rate", 'region = "north"', kind="slice")])
    assert only(result, "periods").empty
    assert len(only(result)) == 2
    assert only(result, "statistics")["period"].isna().all()


def test_it_reads_back_from_json_as_it_was(dataset: Dataset) -> None:
    result = measure_histories(dataset, [finding("error rate", 'region = "north"', kind="slice")]).published()
    assert Result.from_dict(result.to_dict()).to_dict() == result.to_dict()


def test_no_finding_is_no_history(dataset: Dataset) -> None:
    result = measure_histories(dataset, [])
    assert [len(table) for table in result.tables.values()] == [0, 0, 0]
    assert result.published().to_dict()["tables"] == {"statistics": [], "periods": [], "levels": []}
