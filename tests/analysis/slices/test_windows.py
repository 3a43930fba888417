"""A file too large to be held is searched column by column, with the same answer and without its frame."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench.analysis.slices import find_slices
from workbench.analysis.slices.explore import Exploration
from workbench.data import chunks
from workbench.data.dataset import Dataset, open_dataset
from workbench.errors import UnknownNameError
from workbench.predicate import Predicate


@pytest.fixture
def path(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    rows = 3_000
    frame = pd.DataFrame({
        "one": 7, "age": rng.integers(18, 90, rows), "kind": rng.choice([*"abc"], rows), "same": "x",
        "day": pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 60, rows), "D"), "y": rng.integers(0, 2, rows),
        "many": [f"text {number}" for number in rng.integers(0, 400, rows)], "weight": rng.integers(1, 4, rows),
    })  # fmt: skip
    bad = frame["age"].between(30, 40) & (frame["kind"] == "b")
    frame["p"] = np.where(rng.random(rows) < np.where(bad, 0.6, 0.1), 1 - frame["y"], frame["y"])
    frame.loc[::11, "kind"] = None
    frame.to_parquet(tmp_path / "log.parquet", row_group_size=700)
    return tmp_path / "log.parquet"


def opened(path: Path, **more: str) -> Dataset:
    features = ["one", "age", "kind", "same", "day", "many"]
    return open_dataset(path, {"prediction": "p", "label": "y", "positive": 1, "features": features, **more})


@pytest.mark.parametrize(("loss", "more", "asked"), [
    ("error", {}, {"prune": True}),
    ("fpr", {"weight": "weight"}, {"prune": True}),
    ("error", {}, {}),
    ("fpr", {"weight": "weight"}, {}),
    ("column:p", {"time": "day"}, {"reference": "day < 2026-02-01"}),
    ("error", {"weight": "weight"}, {"reference": "day < 2026-02-01", "current": "day >= 2026-02-01"}),
])  # fmt: skip
def test_a_streamed_search_is_the_one_in_memory(
    path: Path, loss: str, more: dict[str, str], asked: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {"top": 5, "permutations": 0, "level": 2} | asked
    held = find_slices(opened(path, **more), loss, **asked)
    monkeypatch.setattr(chunks, "MANY_ROWS", 1)
    dataset = opened(path, **more)
    streamed = find_slices(dataset, loss, **asked)
    assert "frame" not in dataset.__dict__
    for name, table in held.tables.items():
        pd.testing.assert_frame_equal(streamed.tables[name], table)
    assert streamed.numbers == held.numbers
    assert streamed.digest == held.digest


def test_windows_that_leave_rows_out_are_not_streamed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The conditions are made of the rows that are searched, and what streams a column reads all of it."""
    asked: dict[str, Any] = {"reference": "day < 2026-01-20", "current": "day >= 2026-02-01", "level": 1, "details": False}
    held = find_slices(opened(path), **asked)
    monkeypatch.setattr(chunks, "MANY_ROWS", 1)
    assert find_slices(opened(path), **asked).digest == held.digest


def test_a_part_of_a_file_is_searched_without_its_frame(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    part = Predicate.parse('kind = "b" and age >= 30')
    there = Exploration(find_slices(opened(path), level=2, permutations=0))
    there.enter(part)
    monkeypatch.setattr(chunks, "MANY_ROWS", 1)
    dataset = opened(path)
    streamed = Exploration(find_slices(dataset, level=2, permutations=0))
    streamed.enter(part)
    for name in ("slices", "distinct"):
        pd.testing.assert_frame_equal(streamed.found.tables[name], there.found.tables[name])
    slices = there.found.tables["distinct"]["slice"].tolist()[:3]
    np.testing.assert_array_equal(streamed.overlap(slices), there.overlap(slices))
    assert streamed.cohort(part).rows == there.cohort(part).rows
    streamed.sharper(streamed.sharpen(streamed.found, 0.95), 0.95)
    assert streamed.found.numbers["permutations"] == 199
    assert "frame" not in dataset.__dict__
    for each in (there, streamed):
        each.close()


def test_two_searches_of_one_file_may_run_at_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a widget's search in a thread beside a cell that runs: an engine refuses two queries on one connection."""
    monkeypatch.setattr(chunks, "MANY_ROWS", 1)
    found = find_slices(opened(path), level=1, permutations=0, details=False)
    assert found.rows is not None
    with ThreadPoolExecutor(3) as pool:
        columns = list(pool.map(found.rows.column, ["age", "many", "kind"] * 5))
    assert {len(column) for column in columns} == {3_000}


def test_a_selection_is_not_streamed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "MANY_ROWS", 1)
    dataset = opened(path)
    assert not chunks.is_streamed(dataset.select(dataset.where.parse("age >= 30")))
    assert not chunks.is_streamed(open_dataset(dataset.frame, {}))
    assert chunks.is_streamed(dataset)


def test_a_streamed_loss_that_does_not_exist_lists_what_does(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "MANY_ROWS", 1)
    with pytest.raises(UnknownNameError, match=r"column:nothing|nothing.*Available: .*age"):
        find_slices(opened(path), "column:nothing", prune=True)


def test_the_frame_is_read_where_it_is_asked_for(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "MANY_ROWS", 1)
    found = find_slices(opened(path), prune=True)
    assert found.rows is not None
    assert len(found.rows.frame) == found.rows.size == 3_000
    with pytest.raises(AttributeError):
        found.rows.nothing  # noqa: B018
