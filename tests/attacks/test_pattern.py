"""A pattern's rows are described by what they share, and a rise is dated with its end."""

import numpy as np
import pandas as pd
import pytest

from workbench.attacks.pattern import Pattern, describe, find_rise
from workbench.data.dataset import Dataset, open_dataset
from workbench.predicate import ALL_ROWS, Predicate


@pytest.fixture
def dataset() -> Dataset:
    rng = np.random.default_rng(0)
    return open_dataset(pd.DataFrame({
        "x": rng.normal(size=3000), "region": rng.choice(["north", "south", "west"], 3000), "job": rng.choice(list("abcd"), 3000),
    }))  # fmt: skip


def test_the_hits_are_described_by_what_they_share(dataset: Dataset) -> None:
    hits = Predicate.parse('region = "west" and x >= 1').mask(dataset.frame)
    found = describe(dataset, hits, ["x", "region", "job"])
    assert set(found.columns) == {"region", "x"}
    rows = found.mask(dataset.frame)
    assert (rows & hits).sum() >= 0.95 * hits.sum()
    assert rows.sum() < 2 * hits.sum()


def test_hits_that_share_nothing_are_all_rows(dataset: Dataset) -> None:
    hits = np.random.default_rng(1).random(3000) < 0.1
    assert describe(dataset, hits, ["x", "region", "job"]) == ALL_ROWS


def test_no_bound_is_a_row_s_own_number(dataset: Dataset) -> None:
    hits = (dataset.frame["x"] > 1.5).to_numpy()
    [condition] = describe(dataset, hits, ["x"]).conditions
    assert condition.value == pytest.approx(np.quantile(dataset.frame["x"], 0.9))  # type: ignore[union-attr]


@pytest.mark.parametrize("days", [14, 60])
def test_a_rise_is_dated_and_so_is_its_end(days: int) -> None:
    rng = np.random.default_rng(0)
    times = np.datetime64("2026-01-01", "us") + np.sort(rng.integers(0, 60 * 86_400, 8000)) * np.timedelta64(1, "s")
    late = (times >= np.datetime64("2026-02-01")) & (times < np.datetime64("2026-02-01") + np.timedelta64(days, "D"))
    spell = find_rise(times, (rng.random(8000) < np.where(late, 0.3, 0.02)).astype(float))
    assert spell is not None
    assert abs(spell.change.onset - np.datetime64("2026-02-01")) < np.timedelta64(1, "D")
    assert (spell.end is None) == (days == 60)
    rows = spell.where("t").mask(pd.DataFrame({"t": times}))
    assert (rows == late).mean() > 0.98


def test_a_steady_share_and_a_falling_one_have_no_rise() -> None:
    rng = np.random.default_rng(0)
    times = np.arange(5000)
    assert find_rise(times, (rng.random(5000) < 0.1).astype(float)) is None
    assert find_rise(times, (rng.random(5000) < np.where(times < 2500, 0.4, 0.1)).astype(float)) is None


@pytest.mark.parametrize(("rows", "people", "least"), [(9, None, 9), (12, 4, 4), (12, 12, 12), (12, None, 12)])
def test_a_pattern_of_fewer_than_ten_is_marked(rows: int, people: int | None, least: int) -> None:
    found = Pattern("walk", "s", ("x",), ALL_ROWS, 0.1, (0.0, 0.2), "share of rows", 1e-9, rows, people)
    assert found.row()["suppressed"] == (least < 10)
