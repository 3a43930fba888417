"""A file too large to be held is searched column by column, with the same answer and without its frame."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from workbench.analysis.slices import find_slices
from workbench.data import chunks
from workbench.data.dataset import Dataset, open_dataset
from workbench.errors import UnknownNameError


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


@pytest.mark.parametrize("loss", ["error", "fpr", "column:p"])
@pytest.mark.parametrize("more", [{}, {"weight": "weight"}])
def test_a_streamed_search_is_the_one_in_memory(
    path: Path, loss: str, more: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    held = find_slices(opened(path, **more), loss, prune=True, top=5)
    monkeypatch.setattr(chunks, "MANY_ROWS", 1)
    dataset = opened(path, **more)
    streamed = find_slices(dataset, loss, prune=True, top=5)
    assert "frame" not in dataset.__dict__
    for name, table in held.tables.items():
        pd.testing.assert_frame_equal(streamed.tables[name], table)
    assert streamed.numbers == held.numbers
    assert streamed.digest == held.digest


def test_a_selection_and_a_complete_search_are_not_streamed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
