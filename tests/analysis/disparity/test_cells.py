"""Cells count every row once; the kernel and the query agree; weights are summed as numpy sums them."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.analysis.disparity.cells import DENSE, Cells, count_cells, encode, pack, query_cells, tally
from workbench.data.dataset import Dataset, open_dataset
from workbench.predicate import Predicate

COLUMNS = ["g", "h", "y"]


def frames() -> Any:
    row = st.tuples(
        st.sampled_from(["a", "b", None]), st.sampled_from([1, 2, 3000]), st.sampled_from([0.0, 1.0, None]), st.floats(0.1, 9)
    )
    return st.lists(row, min_size=1, max_size=50).map(lambda rows: pd.DataFrame(rows, columns=[*COLUMNS, "w"]))


def opened(frame: pd.DataFrame, **roles: Any) -> Dataset:
    return open_dataset(frame.astype({"g": "str", "y": float}), {"groups": ["g", "h"], **roles})


def counted(cells: Cells) -> dict[Any, int]:
    columns = [[key.values[code] for code in key.codes] for key in cells.keys.values()]
    return dict(zip(zip(*columns, strict=True), cells.rows.tolist(), strict=True))


@settings(max_examples=12)
@given(frame=frames())
def test_kernel_query_and_pandas_agree(frame: pd.DataFrame) -> None:
    dataset = opened(frame)
    kernel, query = count_cells(dataset, COLUMNS), query_cells(dataset, COLUMNS)
    expected = frame.astype(object).where(frame.notna(), None).groupby(COLUMNS, dropna=False).size()
    assert counted(kernel) == counted(query) == {
        tuple(None if pd.isna(value) else value for value in group): size for group, size in expected.items()
    }  # fmt: skip
    for column in COLUMNS:
        assert kernel.keys[column].values == query.keys[column].values
        assert (kernel.keys[column].codes == query.keys[column].codes).all()


@settings(max_examples=12)
@given(frame=frames())
def test_weights_are_summed_per_cell(frame: pd.DataFrame) -> None:
    cells = count_cells(opened(frame, weight="w"), ["h"])
    for code, value in enumerate(cells.keys["h"].values):
        inside = frame.loc[frame["h"] == value, "w"]
        assert cells.weights[code] == pytest.approx(inside.sum(), rel=1e-12)
        assert cells.squares[code] == pytest.approx((inside**2).sum(), rel=1e-12)


def test_a_file_is_counted_as_the_frame_it_holds(tmp_path: Path) -> None:
    frame = pd.DataFrame({"g": ["a", None, "b"] * 40, "y": [1, 0, None, 1] * 30})
    frame.to_parquet(tmp_path / "log.parquet")
    roles = {"groups": ["g"]}
    from_file, in_memory = open_dataset(str(tmp_path / "log.parquet"), roles), open_dataset(frame, roles)
    assert counted(count_cells(from_file, ["g", "y"])) == counted(count_cells(in_memory, ["g", "y"]))
    window = Predicate.parse('g = "a"')
    assert counted(count_cells(from_file.select(window), ["y"])) == counted(count_cells(in_memory.select(window), ["y"]))


def test_more_combinations_than_fit_are_kept_as_they_occur() -> None:
    rng = np.random.default_rng(0)
    table = pa.table({name: rng.integers(0, 2**40, 500) for name in "abcdef"})
    cells = tally(table, list("abcdef"))
    assert (len(cells.rows), cells.rows.sum()) == (500, 500)
    assert DENSE < 500**6
    rows = sorted(zip(*(table[name].to_pylist() for name in "abcdef"), strict=True))
    assert sorted(counted(cells)) == rows


@settings(max_examples=12)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2)), min_size=1, max_size=30))
def test_packing_keeps_the_code_of_every_column(rows: list[tuple[int, int]]) -> None:
    codes = [np.asarray(column, np.int32) for column in zip(*rows, strict=True)]
    cell_of, places, cells = pack(codes, [5, 3], len(rows))
    assert cells == 15
    for code, place in zip(codes, places, strict=True):
        assert (place[cell_of] == code).all()


@pytest.mark.parametrize(
    ("column", "values"),
    [
        (pa.chunked_array([["x", None], ["y", "x"]]), ["x", None, "y", "x"]),
        (pa.chunked_array([[1.5, float("nan"), None]]), [1.5, None, None]),
        (pa.chunked_array([[-3, 7, 7]]), [-3, 7, 7]),
        (pa.chunked_array([[True, None, False]]), [True, None, False]),
        (pa.chunked_array([[2**60, -(2**60)]]), [2**60, -(2**60)]),
    ],
)
def test_codes_stand_for_their_values(column: pa.ChunkedArray, values: list[Any]) -> None:
    codes, meanings = encode(column)
    assert [meanings[code] for code in codes.tolist()] == values


def test_no_rows_make_no_cells() -> None:
    dataset = open_dataset(pd.DataFrame({"g": ["a", "b"], "y": [1, 0]}), {"groups": ["g"]})
    assert len(count_cells(dataset.select(Predicate.parse('g = "z"')), ["g", "y"]).rows) == 0
