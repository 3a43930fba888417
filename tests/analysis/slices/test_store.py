"""A cube comes back from its file as it was, and its published form tells of no small cell."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from workbench.analysis.slices import find_slices
from workbench.analysis.slices.result import rank
from workbench.analysis.slices.store import read_cube, write_cube
from workbench.data.dataset import open_dataset
from workbench.digest import digest_file
from workbench.errors import SourceError


def cube_of(rows: int = 600, *, two: bool = True, weighted: bool = False):  # noqa: ANN201
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({
        "a": rng.choice(["x", "y", 'say "z"'], rows), "b": rng.normal(size=rows), "c": rng.integers(0, 3, rows),

        "d": rng.random(rows) < 0.5, "p": rng.integers(0, 2, rows), "y": 0,
        "late": np.arange(rows) % 2, "w": rng.integers(1, 3, rows),
    })  # fmt: skip
    roles = {"prediction": "p", "label": "y", "features": list("abcd"), **({"weight": "w"} if weighted else {})}
    windows = {"reference": "late = 0"} if two else {}
    cube = find_slices(open_dataset(frame, roles), min_support=2, permutations=0, details=False, **windows).cube  # type: ignore[arg-type]
    assert cube is not None
    return cube


@pytest.mark.parametrize(("two", "weighted"), [(True, False), (False, True)])
def test_a_cube_comes_back_from_its_file(tmp_path: Path, *, two: bool, weighted: bool) -> None:
    cube = cube_of(two=two, weighted=weighted)
    digest = write_cube(cube, tmp_path / "cube.parquet")
    again = read_cube(tmp_path / "cube.parquet")
    assert digest == digest_file(tmp_path / "cube.parquet") == write_cube(again, tmp_path / "again.parquet")
    for ours, theirs in zip(cube.held.parts + cube.totals.parts, again.held.parts + again.totals.parts, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    (order, scores), (order_again, scores_again) = rank(cube, 20), rank(again, 20)
    np.testing.assert_array_equal(scores, scores_again)
    assert [str(cube.where(index)) for index in order] == [str(again.where(index)) for index in order_again]


def test_the_published_cube_counts_in_tens_and_leaves_small_slices_out(tmp_path: Path) -> None:
    cube = cube_of()
    write_cube(cube, tmp_path / "cube.parquet", published=True)
    table = pq.read_table(tmp_path / "cube.parquet").to_pandas()
    assert set(table.columns) == {"slice", "size", "mean", "size_before", "mean_before"}
    assert (table[["size", "size_before"]] % 10 == 0).all(axis=None)
    small = [str(cube.where(index)) for index in range(len(cube)) if cube.held.rows[:, 0, index].min() < 10]
    assert small
    assert not set(small) & set(table["slice"])
    with pytest.raises(SourceError, match="not a slice cube"):
        read_cube(tmp_path / "cube.parquet")


def test_another_file_is_no_cube(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("no")
    with pytest.raises(SourceError, match="not a slice cube"):
        read_cube(tmp_path / "x")
