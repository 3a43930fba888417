"""Faults: each changes what it names, as much as it is told, and nothing else."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.attacks.corruption import FAULTS, add_noise, find_fault
from workbench.errors import InputError, UnknownNameError
from workbench.predicate import ALL_ROWS, Predicate

HALF = Predicate.parse("half = true")
COLUMN = {"shifted clock": "at", "recoded categories": "colour", "merged categories": "colour", "wrong encoding": "colour"}
CELLWISE = sorted(set(FAULTS) - {"duplicated rows", "dropped rows"})
FEW = settings(max_examples=15)
EXACT = ("unit error", "null burst", "missing values", "shifted clock", "flipped labels", "late labels", "wrong encoding")


def make_frame(rows: int = 60) -> pd.DataFrame:
    chance = np.random.default_rng(rows)
    return pd.DataFrame({
        "n": chance.integers(1, 1000, rows), "x": chance.normal(size=rows),
        "colour": chance.choice(["rot", "grün", "blau"], rows),
        "at": pd.date_range("2026-01-01", periods=rows, freq="h"), "half": np.arange(rows) % 2 == 0,
    })  # fmt: skip


def changed(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Which cells differ; missing equals missing."""
    left, right = before.astype(object), after.astype(object)
    return ~((left == right) | (left.isna() & right.isna()))


def corrupted(name: str, frame: pd.DataFrame, strength: float, where: Predicate = ALL_ROWS, seed: int = 0) -> pd.DataFrame:
    return find_fault(name)(frame, COLUMN.get(name, "n"), where=where, strength=strength, rng=np.random.default_rng(seed))


@pytest.mark.parametrize("name", CELLWISE)
@FEW
@given(strength=st.floats(0, 1), seed=st.integers(0, 99), rows=st.integers(2, 80))
def test_only_the_named_column_of_the_selected_rows_changes(name: str, strength: float, seed: int, rows: int) -> None:
    frame = make_frame(rows)
    kept = frame.copy(deep=True)
    differs = changed(frame, corrupted(name, frame, strength, HALF, seed))
    pd.testing.assert_frame_equal(frame, kept)
    assert not differs.drop(columns=COLUMN.get(name, "n")).to_numpy().any()
    assert not differs.loc[~frame["half"]].to_numpy().any()


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_no_strength_changes_nothing(name: str) -> None:
    frame = make_frame()
    pd.testing.assert_frame_equal(corrupted(name, frame, 0.0), frame)


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_the_same_seed_gives_the_same_fault(name: str) -> None:
    pd.testing.assert_frame_equal(corrupted(name, make_frame(), 0.5, seed=3), corrupted(name, make_frame(), 0.5, seed=3))


@pytest.mark.parametrize("name", EXACT)
@FEW
@given(strength=st.floats(0, 1))
def test_the_strength_is_the_share_of_selected_rows_that_change(name: str, strength: float) -> None:
    frame = make_frame()
    differs = changed(frame, corrupted(name, frame, strength, HALF))
    assert differs.to_numpy().sum() == round(30 * strength)


@FEW
@given(st.floats(0, 1), st.integers(0, 50))
def test_a_burst_is_one_unbroken_run(strength: float, seed: int) -> None:
    missing = corrupted("null burst", make_frame(), strength, seed=seed)["n"].isna().to_numpy()
    assert np.abs(np.diff(np.concatenate([[0], missing.astype(int), [0]]))).sum() in {0, 2}


@FEW
@given(st.floats(0, 1))
def test_rows_are_dropped_from_the_segment_and_doubled_beside_themselves(strength: float) -> None:
    frame = make_frame()
    dropped, doubled = corrupted("dropped rows", frame, strength, HALF), corrupted("duplicated rows", frame, strength, HALF)
    count = round(30 * strength)
    assert len(dropped) == 60 - count
    assert dropped.loc[~dropped["half"], "at"].tolist() == frame.loc[~frame["half"], "at"].tolist()
    assert len(doubled) == 60 + count
    assert doubled.drop_duplicates().reset_index(drop=True).equals(frame)


def test_a_recode_keeps_the_values_and_moves_them() -> None:
    frame = make_frame()
    after = corrupted("recoded categories", frame, 1.0)["colour"]
    table = pd.crosstab(frame["colour"], after)
    assert ((table > 0).sum(axis=1) == 1).all()
    assert ((table > 0).sum(axis=0) == 1).all()
    assert (frame["colour"] != after).all()


def test_a_merge_leaves_the_most_frequent_value() -> None:
    frame = make_frame()
    assert corrupted("merged categories", frame, 1.0)["colour"].unique().tolist() == [frame["colour"].value_counts().index[0]]


def test_a_frozen_feature_repeats_the_value_before() -> None:
    frame = make_frame()
    after = corrupted("frozen feature", frame, 0.5)["n"]
    assert after.tolist() == frame["n"].tolist()[:30] + [frame["n"][29]] * 30


def test_units_and_clocks_are_exact() -> None:
    frame = make_frame()
    assert corrupted("unit error", frame, 1.0)["n"].tolist() == (frame["n"] * 1000).tolist()
    assert (corrupted("shifted clock", frame, 1.0)["at"] - frame["at"] == pd.Timedelta(hours=5)).all()


def test_noise_has_the_strength_it_is_given() -> None:
    frame = pd.DataFrame({"x": np.random.default_rng(0).normal(3, 2, 20_000)})
    after = add_noise(frame, "x", strength=0.5, rng=np.random.default_rng(1))
    assert float((after["x"] - frame["x"]).std()) == pytest.approx(1.0, rel=0.03)


def test_text_in_the_wrong_encoding_can_be_read_back() -> None:
    after = corrupted("wrong encoding", make_frame(), 1.0)["colour"]
    assert set(after) == {"rot\r", "grÃ¼n", "blau\r"}


@pytest.mark.parametrize("value", [True, "a", None])
def test_a_label_that_stands_alone_is_not_flipped(value: Any) -> None:
    frame = pd.DataFrame({"n": [value] * 4})
    after = find_fault("flipped labels")(frame, "n", where=ALL_ROWS, strength=1.0, rng=np.random.default_rng(0))
    assert after["n"].tolist() == frame["n"].tolist()


def test_what_does_not_exist_is_listed() -> None:
    with pytest.raises(UnknownNameError, match=r"Available: .*unit error"):
        find_fault("gremlins")
    with pytest.raises(UnknownNameError, match=r"Available: .*colour"):
        find_fault("unit error")(make_frame(), "color", where=ALL_ROWS, strength=1.0, rng=np.random.default_rng(0))


@pytest.mark.parametrize("strength", [-0.1, 1.1, float("nan")])
def test_a_strength_out_of_range_is_refused(strength: float) -> None:
    with pytest.raises(InputError, match="out of range"):
        corrupted("unit error", make_frame(), strength)
