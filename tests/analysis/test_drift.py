"""Shares and distances equal counting by hand; a moved column is found, and still ones stay silent."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.analysis.drift import drift, psi
from workbench.data.dataset import Dataset, open_dataset
from workbench.errors import InputError, UnknownNameError
from workbench.predicate import Predicate


def log(seed: int, rows: int = 400) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame({
        "number": rng.normal(size=rows), "count": rng.integers(0, 4, rows), "text": rng.choice(list("abc"), rows),
        "flag": rng.random(rows) < 0.3, "few": np.where(rng.random(rows) < 0.9, 1.5, np.nan),
    })  # fmt: skip


def opened(frame: pd.DataFrame) -> Dataset:
    return open_dataset(frame, {})


TEXTS = st.lists(st.one_of(st.none(), st.sampled_from("abcd")), min_size=20, max_size=60)


@settings(max_examples=12)
@given(before=TEXTS, after=TEXTS)
def test_shares_and_total_variation_equal_brute_force(before: list[str | None], after: list[str | None]) -> None:
    if not any(before) or not any(after):
        return
    frames = [pd.DataFrame({"t": pd.Series(values, dtype="str")}) for values in (after, before)]
    result = drift(*map(opened, frames))
    shares = [frame["t"].fillna("missing").value_counts(normalize=True) for frame in frames]
    expected = shares[0].sub(shares[1], fill_value=0).abs().sum() / 2
    assert result.tables["columns"]["distance"].tolist() == pytest.approx([expected], abs=1e-12)
    for row in result.tables["cells"].itertuples():
        where = Predicate.parse(row.where)
        assert row.share == pytest.approx(where.mask(frames[0]).mean(), abs=1e-12)
        assert row.share_before == pytest.approx(where.mask(frames[1]).mean(), abs=1e-12)
        assert (row.rows, row.rows_before) == (where.mask(frames[0]).sum(), where.mask(frames[1]).sum())


@pytest.mark.parametrize(
    ("column", "change"),
    [
        ("number", lambda frame: frame.assign(number=frame["number"] + 0.7)),
        ("text", lambda frame: frame.assign(text=frame["text"].replace({"a": "A"}))),
        ("count", lambda frame: frame.assign(count=frame["count"].where(frame.index % 4 > 0).astype("Int64"))),
    ],
)
def test_a_shift_a_recoding_and_a_burst_of_missing_values_are_found(column: str, change: object) -> None:
    moved = drift(opened(change(log(1))), opened(log(2))).tables["columns"]  # type: ignore[operator]
    assert moved["column"][0] == column
    assert moved["p_holm"][0] < 1e-6
    assert (moved["p_holm"][1:] > 0.01).all()


@pytest.mark.parametrize(("seeds", "most"), [(20, 4), pytest.param(200, 10, marks=pytest.mark.slow)])
def test_without_change_the_smallest_adjusted_p_is_rarely_small(seeds: int, most: int) -> None:
    """Below .05 in at most 5 % of the seeds; of twenty, more than four would come by chance once in 400 times."""
    tables = [drift(opened(log(seed, 120)), opened(log(10_000 + seed, 150))).tables["columns"] for seed in range(seeds)]
    assert sum(float(table["p_holm"].min()) < 0.05 for table in tables) <= most


def test_equal_windows_are_equal() -> None:
    table = drift(opened(log(1)), opened(log(1))).tables["columns"]
    assert table["distance"].tolist() == [0.0] * 5
    assert table["p"].tolist() == [1.0] * 5


def test_psi_is_zero_for_the_same_and_grows() -> None:
    before = np.array([0.0, 50.0, 50.0])
    assert psi(before, before) == 0
    expected = sum(
        (b - a) * math.log(b / a)
        for a, b in ((0.5 / 101.5, 0.5 / 101.5), (50.5 / 101.5, 80.5 / 101.5), (50.5 / 101.5, 20.5 / 101.5))
    )
    assert psi(before, np.array([0.0, 80.0, 20.0])) == pytest.approx(expected)


def test_a_column_of_another_type_is_left_out_unless_asked_for() -> None:
    now, before = log(1).assign(count=lambda frame: frame["count"].astype(str)), log(2)
    assert "count" not in set(drift(opened(now), opened(before)).tables["columns"]["column"])
    with pytest.raises(InputError, match="count: numbers, then text"):
        drift(opened(now), opened(before), columns=["count"])


def test_a_column_that_lost_every_value_is_compared() -> None:
    now = log(1).assign(number=np.nan)
    table = drift(opened(now), opened(log(2))).tables["columns"].set_index("column")
    assert table.loc["number", "distance"] == 1
    assert table.loc["number", "p"] < 1e-20


def test_refusals() -> None:
    with pytest.raises(InputError, match="too few rows in a window to compare: 5 rows"):
        drift(opened(log(1)), opened(log(2, 5)))
    with pytest.raises(UnknownNameError, match="column in both windows"):
        drift(opened(log(1)), opened(log(2)), columns=["nope"])
