"""Each defect, planted alone into a sound log, shows in its own row of the tables; odd logs do not crash."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.analysis.integrity import integrity, longest_run
from workbench.data.dataset import Dataset, open_dataset
from workbench.predicate import Predicate

ROWS = 2000
CUT = 1200
ROLES = {"row_id": "id", "time": "at", "prediction": "p", "label": "y", "favorable": 1}
DAY = "2026-03-31"
"""Twenty rows a day from 2026-01-30 on: row 1200 is the first of 2026-03-31."""


def sound() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame({
        "id": np.arange(ROWS), "at": pd.Timestamp("2026-01-30") + pd.to_timedelta(np.arange(ROWS) * 72, unit="min"),
        "sensor": rng.normal(size=ROWS), "kind": rng.choice(list("abc"), ROWS), "code": rng.integers(0, 90, ROWS).astype(str),
        "p": rng.integers(0, 2, ROWS), "y": rng.integers(0, 2, ROWS),
    })  # fmt: skip


def opened(frame: pd.DataFrame) -> Dataset:
    return open_dataset(frame, ROLES)


def with_values(column: str, values: Callable[[pd.Series], Any], rows: slice = slice(CUT, ROWS)) -> pd.DataFrame:
    frame = sound()
    changed = frame[column].astype(object)
    changed.iloc[rows] = values(frame[column].iloc[rows])
    return frame.assign(**{column: changed.infer_objects()})


def columns_after(frame: pd.DataFrame) -> pd.DataFrame:
    """Table ``columns`` of the rows from the cut on, beside those before it."""
    dataset, before = opened(frame), Predicate.parse(f"at < {DAY}")
    return integrity(dataset.exclude(before), dataset.select(before)).tables["columns"].set_index("column")


def change_of(frame: pd.DataFrame, series: str) -> Any:
    table = integrity(opened(frame)).tables["changes"].set_index("series")
    return table.loc[series]


def test_a_sound_log_shows_no_defect() -> None:
    table = columns_after(sound())
    assert table["constant"].tolist() == [False] * len(table)
    assert table["mixed"].tolist() == [0.0] * len(table)
    assert table[["missing_p", "constant_p"]].min(axis=None) > 0.01
    result = integrity(opened(sound()))
    assert result.numbers == {
        "rows": ROWS, "repeated_rows": 0, "coincident_rows": 0.0, "repeated_row_id": 0, "rows_dated_ahead": 0,
        "rows_dated_early": 0, "series": 6,
    }  # fmt: skip
    assert result.tables["frozen"]["p"].min() > 0.001
    assert result.tables["changes"].query("p < 0.001").empty


def test_a_burst_of_missing_values_is_dated() -> None:
    row = change_of(with_values("sensor", lambda values: values.where(values > 0)), "missing share of sensor")
    assert row["earliest"] <= pd.Timestamp(DAY) <= row["latest"] + pd.Timedelta(days=1)
    assert abs(row["onset"] - pd.Timestamp(DAY)) <= pd.Timedelta(days=1)
    assert row["before"] == pytest.approx(0, abs=0.01)
    assert row["after"] == pytest.approx(0.5, abs=0.05)


def test_a_column_constant_in_the_current_window_only() -> None:
    table = columns_after(with_values("kind", lambda _values: "a"))
    assert table.loc["kind", ["constant", "constant_before"]].tolist() == [True, False]
    assert table.loc["kind", "constant_p"] < 1e-20
    assert not table["constant"].drop("kind").any()


def test_a_mix_of_types() -> None:
    frame = with_values("code", lambda _values: "n/a", slice(CUT, CUT + 100))
    table = integrity(opened(frame)).tables["columns"].set_index("column")
    assert table.loc["code", "mixed"] == pytest.approx(0.05)
    after = columns_after(frame)
    assert (after.loc["code", "mixed"], after.loc["code", "mixed_before"]) == (pytest.approx(0.125), 0.0)


def test_a_new_category() -> None:
    row = columns_after(with_values("kind", lambda values: values.replace("a", "A"))).loc["kind"]
    assert row["new_value"] == "A"
    assert row["new"] == pytest.approx(1 / 3, abs=0.05)
    assert row["new_p"] < 1e-20


def test_values_out_of_range() -> None:
    row = columns_after(with_values("sensor", lambda values: values * 1000)).loc["sensor"]
    assert row["outside"] > 0.9
    assert row["outside_p"] < 1e-20


def test_a_column_of_another_type() -> None:
    before, after = sound(), sound().assign(sensor=lambda frame: frame["sensor"].map("{:.2f} mg".format))
    row = integrity(opened(after), opened(before)).tables["columns"].set_index("column").loc["sensor"]
    assert (row["kind_changed"], row["kind_before"], row["kind"]) == (True, "numbers", "text")


def test_duplicated_rows_and_repeated_row_ids() -> None:
    """A row sent twice under a new id repeats a row; an id given twice repeats an id; a missing id repeats nothing."""
    frame = sound()
    sent_twice = pd.concat([frame, frame.iloc[:50].assign(id=range(ROWS, ROWS + 50))], ignore_index=True)
    numbers = integrity(opened(sent_twice)).numbers
    assert (numbers["repeated_rows"], numbers["repeated_row_id"]) == (50, 0)
    numbers = integrity(opened(frame.assign(id=frame["id"].replace({1: 0, 2: 0})))).numbers
    assert (numbers["repeated_rows"], numbers["repeated_row_id"]) == (0, 2)
    numbers = integrity(opened(frame.assign(id=frame["id"].where(frame["id"] > 9)))).numbers
    assert numbers["repeated_row_id"] == 0


def test_rows_of_few_values_are_expected_to_coincide() -> None:
    frame = pd.DataFrame({"a": [0, 1] * 500, "b": [0, 0, 1, 1] * 250})
    numbers = integrity(open_dataset(frame, {})).numbers
    assert numbers["repeated_rows"] == 996
    assert numbers["coincident_rows"] == pytest.approx(1000 * 999 / 2 / 4)


def test_a_frozen_column_has_a_start_and_an_end() -> None:
    frame = with_values("sensor", lambda _values: 0.25, slice(500, 620))
    row = integrity(opened(frame)).tables["frozen"].set_index("column").loc["sensor"]
    assert (row["value"], row["run"]) == (0.25, 120)
    assert [row["start"], row["end"]] == [frame["at"][500], frame["at"][619]]
    assert row["p"] < 1e-20


def test_a_log_sorted_within_its_days_is_not_frozen() -> None:
    frame = sound().assign(at=lambda data: data["at"].dt.floor("D")).sort_values(["at", "kind"])
    assert (integrity(opened(frame)).tables["frozen"]["p"] > 0.001).all()


def test_a_column_that_follows_the_calendar_is_not_frozen() -> None:
    frame = sound().assign(kind=lambda data: data["at"].dt.month.astype(str))
    assert integrity(opened(frame)).tables["frozen"].set_index("column").loc["kind", "p"] > 0.01


def test_a_cut_label_is_dated() -> None:
    row = change_of(with_values("y", lambda _values: 1), "rate of label")
    assert abs(row["onset"] - pd.Timestamp(DAY)) <= pd.Timedelta(hours=12)
    assert row["after"] == 1
    assert row["before"] == pytest.approx(0.5, abs=0.05)


def test_half_the_volume_is_dated() -> None:
    frame = sound().drop(index=range(CUT, ROWS, 2))
    row = change_of(frame, "rows per day")
    assert abs(row["onset"] - pd.Timestamp(DAY)) <= pd.Timedelta(days=1)
    assert (row["before"], row["after"]) == (pytest.approx(20, abs=0.5), pytest.approx(10, abs=0.5))


def test_without_the_role_time_nothing_is_dated() -> None:
    assert set(integrity(open_dataset(sound(), {"label": "y"})).tables) == {"columns"}


@pytest.mark.parametrize(
    "times",
    [
        lambda at: pd.Series(pd.NaT, index=at.index, dtype="datetime64[us]"),
        lambda at: at.where(at.index % 3 > 0),
        lambda at: pd.Series(at.iloc[0], index=at.index),
        lambda at: at.iloc[0] + pd.to_timedelta(at.index, unit="s"),
    ],
)
def test_missing_times_and_a_log_of_one_day_are_no_trouble(times: Callable[[pd.Series], pd.Series]) -> None:
    frame = sound().assign(at=lambda data: times(data["at"]))
    tables = integrity(opened(frame)).tables
    assert tables["timeline"]["rows"].sum() == frame["at"].notna().sum()
    assert "rows per day" not in set(tables["changes"]["series"]) or frame["at"].nunique() > 100


def test_timeline_counts_each_period() -> None:
    table = integrity(opened(sound())).tables["timeline"]
    days = sound().groupby(sound()["at"].dt.floor("D"))
    assert table["rows"].tolist() == days.size().tolist()
    np.testing.assert_allclose(table["rate of label"], days["y"].mean())


@given(codes=st.lists(st.integers(0, 2), min_size=1, max_size=30))
def test_longest_run(codes: list[int]) -> None:
    start, length = longest_run(np.array(codes))
    assert set(codes[start : start + length]) == {codes[start]}
    runs = [
        size for size in range(1, len(codes) + 1) for at in range(len(codes) - size + 1) if len(set(codes[at : at + size])) == 1
    ]
    assert length == max(runs)
