"""Soundness drawn and told, on a log that loses values and rows from a known day on."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from workbench.analysis.integrity import integrity
from workbench.analysis.soundness import soundness_over_time
from workbench.data.dataset import Dataset, open_dataset
from workbench.result import Result
from workbench.views import integrity as view
from workbench.views.render import Sentence, Table

SINCE = pd.Timestamp("2026-03-02")
ROLES = {"time": "time", "label": "label", "positive": 1, "row_id": "id", "features": ["age", "kind"]}


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    rng = np.random.default_rng(6)
    rows = 4000
    time = pd.Timestamp("2026-01-01") + pd.to_timedelta(np.sort(rng.uniform(0, 100, rows)), unit="D")
    late = time >= SINCE
    age = np.where(late & (rng.uniform(size=rows) < 0.5), np.nan, rng.normal(40, 9, rows))
    frame = pd.DataFrame({"id": np.arange(rows), "time": time, "label": rng.integers(0, 2, rows), "age": age, "kind": "same"})
    return open_dataset(frame, ROLES)


@pytest.fixture(scope="module")
def results(dataset: Dataset) -> dict[str, Result]:
    return {"integrity": integrity(dataset).published()}


def test_each_panel_has_its_series_and_the_change_is_dated_where_it_was_made(
    dataset: Dataset, results: dict[str, Result]
) -> None:
    figure = view.soundness_figure(soundness_over_time(dataset).published(), results)
    assert isinstance(figure, go.Figure)
    assert [trace.name for trace in figure.data] == ["positive outcomes", "missing share of age", "rows"]  # no row is repeated
    dates = [pd.Timestamp(note.text) for note in figure.layout.annotations]
    assert any(abs(date - SINCE) <= pd.Timedelta(days=2) for date in dates)
    assert len([shape for shape in figure.layout.shapes if shape.type == "line"]) == len(dates)


def test_a_change_is_told_with_both_levels_their_rows_and_its_interval(results: dict[str, Result]) -> None:
    table = view.changes_table(results)
    assert isinstance(table, Table)
    row = table.frame.set_index("series").loc["missing share of age"]
    assert row["before"].startswith("0.0 % of ")
    assert row["after"].endswith(" rows")
    low, high = (float(end) for end in row["change [95 % interval]"].split("[")[1].rstrip("]").split(","))
    assert low < 50 < high


def test_the_interval_of_a_means_change_is_that_of_two_means_of_one_spread() -> None:
    change = {"series": "mean of x", "before": 1.0, "after": 2.0, "rows_before": 400, "rows_after": 100, "spread": 4.0,
              "onset": "2026-01-01", "earliest": "2026-01-01", "latest": "2026-01-02", "p": 0.01,
              "identifiable": True}  # fmt: skip
    found = view.changes_table({"integrity": Result("integrity", "t", tables={"changes": pd.DataFrame([change])})})
    assert isinstance(found, Table)
    half = 1.96 * 4 * (1 / 400 + 1 / 100) ** 0.5
    assert found.frame["change [95 % interval]"].tolist() == [f"+1 [{1 - half:+.3g}, {1 + half:+.3g}]"]


def test_defects_are_listed_used_columns_first_and_the_sound_are_counted(results: dict[str, Result]) -> None:
    table = view.defects_table(results)
    assert isinstance(table, Table)
    assert set(table.frame["column"]) == {"age", "kind"}
    assert table.frame.set_index("column").loc["kind", "defect"] == "the same in every row"
    assert "4,000 rows; 3 of 5 columns have none" in table.caption


def test_a_column_that_no_role_names_comes_last() -> None:
    frame = pd.DataFrame({"unused": [1.0, None, 3.0, 4.0] * 25, "age": [None, 2.0, 3.0, 4.0] * 25})
    table = view.defects_table({"integrity": integrity(open_dataset(frame, {"features": ["age"]})).published()})
    assert isinstance(table, Table)
    assert table.frame[["column", "used"]].to_numpy().tolist() == [["age", "yes"], ["unused", "no"]]


def test_repeats_are_told_out_of_all_rows_and_few_are_not_counted() -> None:
    frame = pd.DataFrame({"id": range(103), "x": [*range(100), 0, 1, 2]})
    shown = view.repeats_sentence({"integrity": integrity(open_dataset(frame, {"row_id": "id"})).published()})
    assert shown.text.startswith("Of 103 rows, fewer than 10 rows equal another in everything but the row id and 0 rows carry")


def test_without_times_or_a_result_a_sentence_says_why() -> None:
    for shown in (view.soundness_figure(None, {}), view.changes_table({}), view.defects_table({}), view.repeats_sentence({})):
        assert isinstance(shown, Sentence)
