"""A Result goes through JSON and comes back the same, and its digest depends on what was computed, not on when or where."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.digest import canonical_json
from workbench.errors import InputError
from workbench.predicate import Predicate
from workbench.result import Finding, Result, from_records, provenance, records

CELLS = st.one_of(
    st.lists(st.one_of(st.none(), st.integers(-(2**40), 2**40)), min_size=1, max_size=5),
    st.lists(st.one_of(st.none(), st.integers(2**63, 2**70)), min_size=1, max_size=5),
    st.lists(st.one_of(st.none(), st.floats(allow_nan=True)), min_size=1, max_size=5),
    st.lists(st.one_of(st.none(), st.text(max_size=4)), min_size=1, max_size=5),
    st.lists(st.one_of(st.none(), st.booleans()), min_size=1, max_size=5),
)
FINDINGS = st.builds(
    Finding,
    kind=st.just("drift"),
    statement=st.text(max_size=10),
    columns=st.lists(st.text(max_size=3), max_size=2).map(tuple),
    effect=st.one_of(st.none(), st.floats()),
    interval=st.one_of(st.none(), st.tuples(st.floats(), st.floats())),
    support=st.one_of(st.none(), st.integers(0)),
    undermines=st.lists(st.integers(1), max_size=2).map(tuple),
)


@given(column=CELLS, finding=FINDINGS)
def test_round_trip_through_json_keeps_the_digest(column: list[Any], finding: Finding) -> None:
    table = pd.DataFrame({"a": pd.Series(column, dtype=object), "b": range(len(column))})
    result = Result(
        "slices",
        "T",
        {"t": table},
        {"n": 1, "x": float("nan")},
        Predicate.parse("a < 3"),
        (finding,),
        provenance({"k": (1, 2)}, seed=3),
    )
    again = Result.from_dict(json.loads(canonical_json(result.to_dict())))
    assert again.digest == result.digest
    assert canonical_json(again.to_dict()) == canonical_json(result.to_dict())


def test_digest_ignores_time_git_and_versions_and_notices_arguments() -> None:
    result = Result("drift", "T", provenance=provenance({"columns": ["a"]}, fingerprint="f"))
    elsewhere = {**result.provenance, "time": "1999", "git": {"commit": "x", "dirty": True}, "versions": {}}
    assert replace(result, provenance=elsewhere).digest == result.digest
    assert replace(result, provenance=provenance({"columns": ["b"]}, fingerprint="f")).digest != result.digest


def test_integers_beside_a_missing_value_stay_integers() -> None:
    assert records(from_records([{"a": 1}, {"a": None}])) == [{"a": 1}, {"a": None}]
    assert type(records(from_records([{"a": 1}, {"a": None}]))[0]["a"]) is int  # type: ignore[index,call-overload]


def test_records_hold_plain_values_and_null_for_nan_and_infinity() -> None:
    table = pd.DataFrame({"i": np.array([1], dtype=np.int32), "f": [np.inf], "t": [pd.Timestamp("2026-03-04")], "n": [np.nan]})
    assert records(table) == [{"i": 1, "f": None, "t": "2026-03-04T00:00:00", "n": None}]
    assert type(records(table)[0]["i"]) is int  # type: ignore[index,call-overload]


@pytest.mark.parametrize("schema", ["workbench.slices/2", "other/1", None])
def test_another_schema_is_refused(schema: object) -> None:
    with pytest.raises(InputError, match="not a result"):
        Result.from_dict({"schema": schema})


def test_a_result_without_a_part_is_refused() -> None:
    with pytest.raises(InputError, match="lacks a part: numbers"):
        Result.from_dict({"schema": "workbench.drift/1", "title": "T", "where": "all rows"})


@pytest.mark.parametrize(
    ("data", "said"), [({"kind": "drift", "statement": "s", "mood": 1}, "mood"), ({"kind": "drift"}, "statement")]
)
def test_a_finding_with_an_unknown_or_without_a_needed_field_is_refused(data: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        Finding.from_dict(data)


SLICE = Finding(
    "slice", "where a = 1, the error rate is 41.0 %, against 34.0 % elsewhere", ("a",), "a = 1", 0.15573, "error rate",
    (0.09704, 0.21472), 3.8e-7, 1.7e-4, 454, 451, severity="high", ruled_out=("holds without …",), share_of_harm=0.1234,
)  # fmt: skip


@pytest.mark.parametrize("few", [{"support": 7}, {"people": 9}, {"support": 1, "people": None}])
def test_a_finding_about_few_people_is_published_without_anything_measured(few: dict[str, Any]) -> None:
    shown = replace(SLICE, **few).published()
    measured = ("effect", "interval", "p", "p_adjusted", "support", "people", "share_of_harm")
    assert [getattr(shown, name) for name in measured] == [None] * 7
    assert (shown.where, shown.columns, shown.severity, shown.ruled_out) == ("a = 1", ("a",), "high", ())
    assert shown.statement == "slice on a, a = 1: measured on fewer than 10 people, or would tell of them"


def test_a_published_slice_counts_its_rows_in_tens() -> None:
    """Of a slice of 454 rows and one of 450 inside it, the difference is four people."""
    shown = SLICE.published()
    assert (shown.support, shown.people, shown.effect, shown.p) == (450, 450, 0.155, 4e-7)
    assert replace(SLICE, support=450, people=450).published() == shown


@pytest.mark.parametrize(
    ("effect", "rows", "said"),
    [
        (0.0312, 1000, "a is missing in 3 % of the rows, against 40 % before"),
        (0.0312, 20_000, "a is missing in 3.1 % of the rows, against 40.0 % before"),
        (0.0031, 1000, "integrity on a, all rows: measured on fewer than 10 people, or would tell of them"),
    ],
)
def test_a_published_share_of_rows_goes_in_steps_of_ten_rows(effect: float, rows: int, said: str) -> None:
    told = f"a is missing in {100 * effect:.1f} % of the rows, against 40.0 % before"
    shown = Finding("integrity", told, ("a",), effect=effect, unit="missing share", interval=(0.0123, 0.0456), support=rows)
    assert shown.published().statement == said
    assert shown.published().effect != effect


def test_other_findings_are_published_as_they_are() -> None:
    told = Finding(
        "disparity", "x against y: selection rate 36.6 % against 70.6 %", effect=-0.34, p=1e-9, support=530, people=530
    )
    assert told.published() == told


@given(finding=FINDINGS, support=st.one_of(st.none(), st.integers(0, 3000)), unit=st.sampled_from(["missing share", "rate"]))
def test_a_finding_published_twice_is_published_once(finding: Finding, support: int | None, unit: str) -> None:
    for kind in ("slice", "drift"):
        once = replace(finding, kind=kind, support=support, people=support, unit=unit, columns=("a",)).published()
        assert canonical_json(once.published().to_dict()) == canonical_json(once.to_dict())


def test_a_published_result_publishes_its_findings() -> None:
    result = Result("mine", "T", findings=(replace(SLICE, support=3),))
    assert result.published().findings[0].support is None
    assert result.findings[0].support == 3
