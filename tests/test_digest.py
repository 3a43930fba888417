"""Canonical JSON and content digests."""

import datetime as dt
import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.digest import canonical_json, digest, digest_bytes, digest_file, to_plain

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(PLAIN)
def test_canonical_json_reads_back_and_writes_itself_again(value: object) -> None:
    text = canonical_json(value)
    assert json.loads(text) == value
    assert canonical_json(json.loads(text)) == text


@given(st.dictionaries(st.text(), PLAIN, max_size=5), st.randoms(use_true_random=False))
def test_the_order_of_keys_does_not_matter(form: dict[str, object], random: object) -> None:
    keys = list(form)
    random.shuffle(keys)  # type: ignore[attr-defined]
    assert digest({key: form[key] for key in keys}) == digest(form)


def test_the_digest_is_the_sha256_of_the_canonical_bytes() -> None:
    expected = hashlib.sha256('{"a":[1,2.5,null],"é":"ü"}'.encode()).hexdigest()
    assert digest({"é": "ü", "a": (1, 2.5, float("nan"))}) == f"sha256:{expected}"


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (float("inf"), None),
        (np.float64("nan"), None),
        (np.int64(7), 7),
        (np.array([1.5, np.nan]), [1.5, None]),
        (np.array([1]) == 1, [True]),
        (pd.NaT, None),
        (dt.datetime(2026, 1, 31, 2, 10, tzinfo=dt.timezone(dt.timedelta(hours=2))), "2026-01-31T00:10:00+00:00"),
        (dt.date(2026, 1, 31), "2026-01-31"),
        ({"b", "a"}, ["a", "b"]),
        (Path("runs/1"), "runs/1"),
    ],
)
def test_values_of_other_libraries_have_one_plain_form(value: object, plain: object) -> None:
    assert to_plain(value) == plain


def test_a_value_without_a_json_form_is_refused_and_not_guessed() -> None:
    with pytest.raises(TypeError, match="no JSON form for object"):
        to_plain(object())


def test_a_file_has_the_digest_of_its_bytes(tmp_path: Path) -> None:
    data = bytes(range(256)) * 9_000
    path = tmp_path / "file"
    path.write_bytes(data)
    assert digest_file(path) == digest_bytes(data)
