"""Validators: what is read from clean rows, what is rejected, and whose name stands under it."""

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.attacks.defences.validator import (
    ColumnRule,
    Validator,
    infer_validator,
    read_validator,
    require_signed,
    sign_off,
    try_validator,
    write_validator,
)
from workbench.errors import InputError, StorageError


@pytest.fixture
def clean() -> pd.DataFrame:
    chance = np.random.default_rng(0)
    frame = pd.DataFrame({
        "income": chance.normal(50, 10, 400), "accounts": chance.integers(5, 20, 400), "kind": chance.choice(["a", "b"], 400),
        "code": [f"AB {number:04d}" for number in range(400)], "note": chance.choice(["x", None], 400),
    })  # fmt: skip
    frame["open"] = (frame["accounts"] * chance.random(400)).astype(int)
    return frame


def test_what_it_was_read_from_is_never_rejected(clean: pd.DataFrame) -> None:
    assert not infer_validator(clean).rejects(clean).any()


@pytest.mark.parametrize(
    ("column", "value", "rule"),
    [
        ("income", 1e6, "income is within the range seen"),
        ("income", None, "income is not missing"),
        ("income", "much", "income is a number"),
        ("accounts", 7.5, "accounts is whole"),
        ("kind", "c", "kind is one of the values seen"),
        ("code", "AB 1", "code has a length seen"),
        ("code", "AB-0001", "code has the characters seen"),
        ("open", 19, "open <= accounts"),
    ],
)
def test_one_bent_value_breaks_exactly_one_rule(clean: pd.DataFrame, column: str, value: Any, rule: str) -> None:
    draft = infer_validator(clean.assign(open=np.minimum(clean["open"], 19)))
    row = clean.iloc[[0]].assign(accounts=5, open=2).astype(object)
    row[column] = [value]
    wide = Validator(
        tuple(ColumnRule(**{**vars(one), "high": 19.0}) if one.name == "open" else one for one in draft.columns), draft.relations
    )
    assert [name for name, hit in wide.broken(row).items() if hit.any()] == [rule]


def test_a_missing_value_passes_where_clean_rows_miss_it(clean: pd.DataFrame) -> None:
    assert not infer_validator(clean).rejects(clean.assign(note=None)).any()


def test_a_column_that_is_not_there_rejects_every_row(clean: pd.DataFrame) -> None:
    draft = infer_validator(clean)
    assert draft.rejects(clean.drop(columns="open")).all()
    assert draft.broken(clean.drop(columns="open"))["open is there"].all()


def test_a_relation_is_drafted_only_where_it_is_no_chance() -> None:
    chance = np.random.default_rng(1)
    few = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [2.0, 4.0, 5.0]})
    assert infer_validator(few).relations == ()
    low = chance.random(200)
    many = pd.DataFrame({"a": low, "b": low + 0.1 * chance.random(200), "c": chance.random(200) + 5})
    assert infer_validator(many).relations == ("a <= b",)  # a <= c follows from their ranges, and is no rule of its own


def test_false_alarms_on_fresh_rows_are_those_of_order_statistics() -> None:
    """A new draw is outside the range of n others with probability 2 / (n + 1)."""
    chance, size = np.random.default_rng(2), 19
    outside = [
        infer_validator(pd.DataFrame({"x": chance.normal(size=size)})).rejects(pd.DataFrame({"x": chance.normal(size=50)})).mean()
        for _ in range(200)
    ]
    assert np.mean(outside) == pytest.approx(2 / (size + 1), abs=0.015)


def test_the_trial_tells_attacks_from_false_alarms_by_rule(clean: pd.DataFrame) -> None:
    draft = infer_validator(clean.iloc[:200])
    attacks = clean.iloc[:50].assign(kind="c")
    table = try_validator(draft, clean.iloc[200:], attacks).set_index("rule")
    assert table.index[0] == "any"
    assert table.loc["any", "attacks"] == 1.0
    assert table.loc["kind is one of the values seen", "false_alarms"] == 0.0
    assert table.loc["any", "false_alarms"] == draft.rejects(clean.iloc[200:]).mean()
    assert (table["false_alarms_low"] <= table["false_alarms"]).all()


names = st.text("abc", min_size=1, max_size=3)
rules = st.builds(
    ColumnRule, names, st.sampled_from(["number", "integer"]), st.floats(-9, 0), st.floats(0, 9), st.just(()), st.booleans()
)
categories = st.builds(
    ColumnRule, names, st.just("category"), st.none(), st.none(),
    st.lists(st.one_of(st.text(max_size=4), st.integers(), st.booleans())).map(tuple), st.booleans(),
)  # fmt: skip


@given(st.lists(st.one_of(rules, categories), max_size=4).map(tuple), st.booleans())
def test_what_is_written_is_read_back_to_the_same_digest(
    tmp_path_factory: pytest.TempPathFactory, columns: Any, signed: Any
) -> None:
    path = tmp_path_factory.getbasetemp() / "validator.yaml"
    draft = Validator(columns, (), 7)
    wanted = sign_off(draft, by="A", date=dt.date(2026, 1, 31)) if signed else draft
    write_validator(wanted, path)
    assert read_validator(path) == wanted
    assert read_validator(path).digest == draft.digest


def test_editing_the_file_voids_the_sign_off(clean: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "v.yaml"
    write_validator(sign_off(infer_validator(clean), by="A. Person", date="2026-11-21"), path)
    require_signed(read_validator(path))
    path.write_text(path.read_text().replace("- open <= accounts", "- income <= accounts"))
    with pytest.raises(InputError, match=r"changed after A\. Person"):
        require_signed(read_validator(path))


@pytest.mark.parametrize(("by", "date"), [(" ", "2026-11-21"), ("A", "yesterday")])
def test_a_sign_off_needs_a_name_and_a_date(clean: pd.DataFrame, by: str, date: str) -> None:
    with pytest.raises(InputError, match="a sign-off without"):
        sign_off(infer_validator(clean), by=by, date=date)


def test_what_cannot_be_read_is_one_clear_line(tmp_path: Path, clean: pd.DataFrame) -> None:
    with pytest.raises(StorageError, match="cannot be read"):
        read_validator(tmp_path / "none.yaml")
    (tmp_path / "odd.yaml").write_text("schema: workbench.validator/1\n")
    with pytest.raises(InputError, match="not a validator"):
        read_validator(tmp_path / "odd.yaml")
    (tmp_path / "broken.yaml").write_text("a: [")
    with pytest.raises(InputError, match="not YAML"):
        read_validator(tmp_path / "broken.yaml")
    with pytest.raises(InputError, match="reads no times"):
        infer_validator(clean.assign(day=pd.Timestamp("2026-01-01")))
    with pytest.raises(InputError, match="no clean rows"):
        infer_validator(clean.iloc[:0])
