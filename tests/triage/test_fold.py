"""A finding is explained where its effect is mostly gone without the defect's rows, and undermined where it only reads them."""

from dataclasses import replace

import pandas as pd
import pytest

from workbench.data.dataset import open_dataset
from workbench.result import Finding
from workbench.triage.check import Context
from workbench.triage.fold import Link, fold, same_cause


@pytest.fixture
def context() -> Context:
    return Context(open_dataset(pd.DataFrame({"x": range(1000), "y": [0, 1] * 500}), {"label": "y"}))


DEFECT = Finding("integrity", "y broke", columns=("y",), where="x >= 800", effect=0.9, severity="critical", support=200)
GAP = Finding("disparity", "a gap", columns=("g", "y"), where="x < 500", effect=0.4, unit="error rate")


def links_of(findings: list[Finding], again: list[Finding], context: Context) -> list[Link]:
    return fold(findings, context, lambda _without, _checks: again)[1]


@pytest.mark.parametrize(("left", "explains"), [(None, True), (0.1, True), (-0.4, True), (0.25, False), (0.4, False)])
def test_half_of_the_effect_must_be_left(context: Context, left: float | None, explains: bool) -> None:  # noqa: FBT001
    again = [] if left is None else [replace(GAP, effect=left)]
    assert links_of([DEFECT, GAP], again, context) == [Link(0, 1, explains=explains)]


def test_what_holds_says_what_it_was_held_against(context: Context) -> None:
    found, _ = fold([DEFECT, GAP], context, lambda _without, _checks: [GAP])
    assert found[1].ruled_out == ("holds without the rows where x >= 800 (+0.400)",)


def test_what_holds_and_reads_other_columns_is_not_undermined(context: Context) -> None:
    other = replace(GAP, columns=("g", "z"))
    assert links_of([DEFECT, other], [other], context) == []


def test_checks_run_again_without_the_rows_of_the_defect(context: Context) -> None:
    rows: list[int] = []
    fold([DEFECT, GAP], context, lambda without, _checks: rows.append(without.subject.rows) or [])
    assert rows == [800]


def test_only_the_checks_whose_findings_are_tested_run_again(context: Context) -> None:
    asked: list[object] = []
    found = [replace(DEFECT, check="integrity"), replace(GAP, check="disparity"), replace(GAP, check="causes")]
    fold(found, context, lambda _without, checks: asked.append(checks) or [])
    assert asked == [{"disparity"}]


@pytest.mark.parametrize("where", ["all rows", "x >= 50"])
def test_a_defect_of_nearly_all_rows_is_not_tested_and_undermines_its_columns(context: Context, where: str) -> None:
    """Too few rows are left to tell an effect that is gone from one that cannot be seen."""
    found = [replace(DEFECT, where=where), GAP, replace(GAP, columns=("g", "z"))]
    assert fold(found, context, refuse)[1] == [Link(0, 1, explains=False)]


def refuse(_without: Context, _checks: object) -> list[Finding]:
    pytest.fail("the checks were run again")


@pytest.mark.parametrize("change", [{"severity": "low"}, {"standing": True}])
def test_a_mild_or_a_known_defect_bears_on_nothing(context: Context, change: dict[str, object]) -> None:
    assert fold([replace(DEFECT, **change), GAP], context, refuse)[1] == []  # type: ignore[arg-type]


def test_drift_of_a_defective_column_is_the_defect_again_if_the_defect_is_as_large(context: Context) -> None:
    drift = Finding("drift", "y moved", columns=("y",), effect=0.8)
    assert fold([replace(DEFECT, where="all rows"), drift], context, refuse)[1] == [Link(0, 1, explains=True)]
    assert fold([replace(DEFECT, where="all rows", effect=0.1, severity="medium"), drift], context, refuse)[1] == []


def test_a_change_at_the_time_of_a_grave_defect_is_explained_by_it(context: Context) -> None:
    defect = replace(DEFECT, where="all rows", onset_interval=("2026-03-01T00:00:00", "2026-03-03T00:00:00"))
    volume = Finding("volume", "fewer rows", columns=("at",), onset_interval=("2026-03-02T00:00:00", "2026-03-09T00:00:00"))
    later = replace(volume, onset_interval=("2026-03-04T00:00:00", "2026-03-09T00:00:00"))
    assert fold([defect, volume, later], context, refuse)[1] == [Link(0, 1, explains=True)]


UPSTREAM = Finding("lineage", "raw@r1, written by etl/ingest: y.mean is 9", columns=("y", "z"), severity="medium",
                   onset="2026-03-02T00:00:00", onset_interval=("2026-03-02T00:00:00", "2026-03-02T00:00:00"))  # fmt: skip
LATER = replace(DEFECT, where="all rows", onset_interval=("2026-03-01T00:00:00", "2026-03-03T00:00:00"))


@pytest.mark.parametrize("kind", ["integrity", "drift"])
def test_an_upstream_change_is_the_cause_of_what_it_made_of_a_column(context: Context, kind: str) -> None:
    found, links = fold([replace(LATER, kind=kind, severity="medium"), UPSTREAM], context, refuse)
    assert Link(1, 0, explains=True) in links
    assert found[0].statement == "y broke; changed upstream at raw@r1, written by etl/ingest"
    assert Link(0, 1, explains=True) not in links


@pytest.mark.parametrize(
    "change",
    [{"columns": ("x",)}, {"columns": ()}, {"onset": "2026-03-04T00:00:00"}, {"onset": None}, {"kind": "volume"}],
)
def test_a_change_of_other_columns_or_after_it_is_no_cause(context: Context, change: dict[str, object]) -> None:
    found, links = fold([LATER, replace(UPSTREAM, **change)], context, refuse)  # type: ignore[arg-type]
    assert [link for link in links if link.target == 0] == []
    assert found[0].statement == "y broke"


def test_the_last_upstream_change_before_it_is_the_cause(context: Context) -> None:
    older = replace(UPSTREAM, onset="2026-02-01T00:00:00")
    assert fold([LATER, older, UPSTREAM], context, refuse)[1][0] == Link(2, 0, explains=True)


def test_slices_are_the_same_by_their_rows_and_others_by_their_columns(context: Context) -> None:
    dataset = context.dataset
    wide = Finding("slice", "s", columns=("x", "y"), where="x < 500")
    assert same_cause(wide, replace(wide, where="x < 600"), dataset)
    assert not same_cause(wide, replace(wide, where="x < 100"), dataset)
    assert not same_cause(wide, replace(wide, kind="disparity"), dataset)
    assert not same_cause(GAP, replace(GAP, columns=("h",)), dataset)


def test_a_cause_is_not_explained_by_what_it_explains(context: Context) -> None:
    """The drift of a broken column and the values outside its range are its cause's doing, and no explanation of it."""
    cause = Finding("drift", "skew", ("x",), cause="training/serving skew", check="causes", severity="high")
    outside = Finding("integrity", "outside its former range", ("x",), severity="high", effect=0.4, check="integrity")
    links = links_of([cause, outside], [], context)
    assert [(link.source, link.target) for link in links if link.explains] == [(0, 1)]
