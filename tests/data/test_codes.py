"""Codes read from a stream are the codes of the whole frame, whatever the type of the column and however it is cut."""

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workbench.data import chunks, coders
from workbench.data.codes import Codes, read_codes
from workbench.data.dataset import open_dataset
from workbench.data.encode import fit_codings
from workbench.errors import ParameterError, UnknownNameError
from workbench.predicate import Predicate

HUGE = 2**53
TIMES = st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2100, 1, 1))  # noqa: DTZ001  naive is UTC
CELLS: dict[str, tuple[Any, pa.DataType]] = {
    "small": (st.integers(-3, 3), pa.int8()),
    "whole": (st.integers(-1000, 1000), pa.int64()),
    "huge": (st.integers(HUGE - 5, HUGE + 5), pa.int64()),
    "unsigned": (st.integers(0, 2**64 - 1), pa.uint64()),
    "float": (st.floats() | st.sampled_from([0.0, -0.0, 1.0]), pa.float64()),
    "narrow": (st.floats(1.0, 1.0 + 1e-9), pa.float64()),
    "single": (st.floats(width=32), pa.float32()),
    "flag": (st.booleans(), pa.bool_()),
    "text": (st.text("abc", max_size=2), pa.string()),
    "free": (st.text("abcd", max_size=40), pa.large_string()),
    "dictionary": (st.sampled_from(["x", "y", "z"]), pa.dictionary(pa.int8(), pa.string())),
    "day": (TIMES.map(dt.datetime.date), pa.date32()),
    "second": (TIMES.map(lambda time: time.replace(microsecond=0)), pa.timestamp("s")),
    "nanos": (TIMES, pa.timestamp("ns", tz="Europe/Berlin")),
    "decimal": (st.decimals(-10, 10, places=2), pa.decimal128(8, 2)),
    "list": (st.lists(st.integers(0, 1), max_size=1), pa.list_(pa.int64())),
}


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    kinds = draw(st.lists(st.sampled_from(sorted(CELLS)), min_size=1, max_size=4, unique=True))
    rows = draw(st.integers(1, 40))
    return pa.table(
        {
            kind: pa.array(draw(st.lists(st.none() | CELLS[kind][0], min_size=rows, max_size=rows)), CELLS[kind][1])
            for kind in kinds
        }
    )


def said(codes: Codes) -> list[tuple[str, list[str], list[int]]]:
    both = zip(codes.codings, codes.values, strict=True)
    return [(coding.name, [str(condition) for condition in coding.conditions], row.tolist()) for coding, row in both]


def expected(frame: pd.DataFrame, **options: Any) -> list[tuple[str, list[str], list[int]]]:
    codings = fit_codings(frame, list(frame.columns), **options)
    return [
        (coding.name, [str(condition) for condition in coding.conditions], coding.apply(frame[coding.column]).tolist())
        for coding in codings
    ]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(table=tables(), bins=st.integers(1, 5), top=st.integers(1, 4), derive=st.booleans(), batch=st.integers(1, 50))
def test_a_stream_gives_the_codes_of_the_whole_frame(  # noqa: PLR0917  hypothesis passes by keyword
    table: pa.Table,
    bins: int,
    top: int,
    derive: bool,  # noqa: FBT001
    batch: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(chunks, "BATCH", batch)
    monkeypatch.setattr(coders, "MOST_TEXTS", 12)
    monkeypatch.setattr("workbench.data.encode.MOST_TEXTS", 12)
    path = tmp_path / "table.parquet"
    pq.write_table(table, path, row_group_size=max(1, table.num_rows // 3))
    options = {"bins": bins, "top": top, "derive": derive}
    frame = open_dataset(path, {}).frame
    assert said(read_codes(path, **options)) == expected(frame, **options)


def test_what_is_coded_is_what_its_condition_selects(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"day": pd.date_range("2026-01-01", periods=400, freq="7h"), "note": ["n" * (i % 37) + str(i) for i in range(400)]}
    )
    frame.to_parquet(tmp_path / "t.parquet")
    codes = read_codes(tmp_path / "t.parquet")
    assert [coding.name for coding in codes.codings] == ["month(day)", "weekday(day)", "hour(day)", "length(note)"]
    for coding, row in zip(codes.codings, codes.values, strict=True):
        masks = np.array([condition.mask(frame) for condition in coding.conditions])
        assert (masks.argmax(axis=0) == row).all()
        assert (masks.sum(axis=0) == 1).all()


def test_quantiles_of_many_numbers_are_exact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More distinct values than any table of candidates holds, ties, both signs; the whole column is not read."""
    monkeypatch.setattr(coders, "_code_whole", lambda _: pytest.fail("read as a whole"))
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "normal": rng.normal(size=300_000),
            "narrow": 1.7e9 + rng.random(300_000),
            "tied": np.where(rng.random(300_000) < 0.4, 0.0, rng.lognormal(9, 2, 300_000)),
            "year": rng.integers(1900, 2026, 300_000).astype(float),
        }
    )
    frame.to_parquet(tmp_path / "t.parquet", row_group_size=70_000)
    for coding, name in zip(read_codes(tmp_path / "t.parquet").codings, frame, strict=True):
        wanted = np.unique(np.quantile(frame[name], np.linspace(0, 1, 17)[1:-1], method="higher")).tolist()
        if name == "tied":
            assert wanted[0] == 0.0
            wanted[0] = frame[name][frame[name] > 0].min()
        assert coding.edges is not None
        assert coding.edges.tolist() == wanted


def test_values_that_crowd_the_buckets_are_read_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coders, "CANDIDATES", 16)
    frame = pd.DataFrame({"x": np.random.default_rng(0).normal(size=5_000)})
    frame.to_parquet(tmp_path / "t.parquet")
    assert said(read_codes(tmp_path / "t.parquet")) == expected(frame)


def test_several_files_are_one_table(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": range(100), "b": list("xyzzy") * 20})
    for number in range(3):
        frame[number * 30 : (number + 1) * 30 + 10 * (number == 2)].to_parquet(tmp_path / f"{number}.parquet", index=False)
    assert said(read_codes(f"{tmp_path}/*.parquet")) == expected(frame)


def test_a_selection_of_a_dataset_is_coded_in_the_order_of_its_frame(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": range(100), "b": list("xyzzy") * 20, "y": [0, 1] * 50})
    frame.to_parquet(tmp_path / "t.parquet")
    selected = open_dataset(tmp_path / "t.parquet", {"label": "y"}).select(Predicate.parse("a >= 30"))
    assert said(read_codes(selected)) == expected(selected.frame[["a", "b"]], derive=True)


def test_other_is_drilled_into_by_coding_it_again() -> None:
    dataset = open_dataset(pd.DataFrame({"x": list("aaaabbbccd") * 3}), {})
    (first,) = read_codes(dataset, top=2).codings
    assert first.other == 3
    (second,) = read_codes(dataset.select(first.conditions[3]), top=1).codings
    where = first.conditions[3] & second.conditions[second.other or 0]
    assert dataset.select(where).frame["x"].tolist() == ["d"] * 3


def test_progress_counts_columns() -> None:
    seen: list[tuple[int, int]] = []
    read_codes(pd.DataFrame({"a": [1, 2], "b": [1, 2]}), progress=lambda done, of: seen.append((done, of)))
    assert seen == [(1, 2), (2, 2)]


def test_a_column_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(UnknownNameError, match=r"no column of that name: c\. Available: a, b"):
        read_codes(pd.DataFrame({"a": [1, 2], "b": [1, 2]}), ["c"])


def test_more_bins_than_a_code_holds_are_refused() -> None:
    with pytest.raises(ParameterError, match="bins is out of range"):
        read_codes(pd.DataFrame({"a": [1, 2]}), bins=255)
