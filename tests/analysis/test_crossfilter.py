"""After any moves of any brushes, each chart shows what counting anew the rows that the other brushes let through would."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.analysis import crossfilter
from workbench.analysis.crossfilter import Crossfilter
from workbench.data.codes import Codes, read_codes
from workbench.errors import InputError, ParameterError, PredicateError, UnknownNameError
from workbench.predicate import ALL_ROWS

RNG = np.random.default_rng(0)
ROWS = 200
FRAME = pd.DataFrame(
    {
        "number": RNG.normal(size=ROWS),
        "text": pd.Series(RNG.choice([*"abcde"], ROWS)).mask(RNG.random(ROWS) < 0.2),
        "few": RNG.integers(0, 3, ROWS),
        "day": pd.date_range("2026-01-01", periods=ROWS, freq="5h"),
    }
)
CODES = read_codes(FRAME, bins=6, top=3)
LOSSES = {
    "none": None,
    "share": np.where(RNG.random(ROWS) < 0.1, np.nan, RNG.integers(0, 2, ROWS)),
    "whole numbers": RNG.integers(-5, 6, ROWS).astype(float),
    "floats": np.where(RNG.random(ROWS) < 0.1, np.nan, RNG.normal(size=ROWS)),
}


def brute_force(brushes: dict[str, set[int] | None], chart: str, loss: np.ndarray | None) -> tuple[np.ndarray, ...]:
    let = np.ones(ROWS, dtype=bool)
    for coding, row in zip(CODES.codings, CODES.values, strict=True):
        if coding.name != chart and brushes.get(coding.name) is not None:
            let &= np.isin(row, list(brushes[coding.name] or ()))
    at = [coding.name for coding in CODES.codings].index(chart)
    size, shown = len(CODES.codings[at].conditions), CODES.values[at]
    loss = np.zeros(ROWS) if loss is None else loss
    measured = let & ~np.isnan(loss)
    return (
        np.bincount(shown[let], minlength=size),
        np.bincount(shown[measured], minlength=size),
        np.bincount(shown[measured], loss[measured], minlength=size),
    )


@st.composite
def moves(draw: st.DrawFn) -> list[tuple[str, set[int] | None]]:
    made: list[tuple[str, set[int] | None]] = []
    for _ in range(draw(st.integers(1, 12))):
        coding = draw(st.sampled_from(CODES.codings))
        first = draw(st.integers(0, len(coding.conditions) - 1))
        last = draw(st.integers(first, len(coding.conditions) - 1)) if first else 0
        made.append((coding.name, draw(st.none() | st.just(set(range(first, last + 1))))))
    return made


@settings(max_examples=40)
@given(made=moves(), loss=st.sampled_from(sorted(LOSSES)), parts=st.booleans())
def test_every_chart_counts_what_the_other_brushes_let_through(made: Any, loss: str, parts: bool) -> None:  # noqa: FBT001
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(crossfilter, "SMALL", 0 if parts else ROWS)
        filtered = Crossfilter(CODES, loss=LOSSES[loss])
        brushes: dict[str, set[int] | None] = {}
        for chart, chosen in made:
            filtered.brush(chart, chosen)
            brushes[chart] = chosen
        filtered.close()
    for chart in filtered.charts:
        rows, measured, sums = brute_force(brushes, chart, LOSSES[loss])
        shown = filtered.histogram(chart)
        assert shown.rows.tolist() == rows.tolist()
        assert shown.measured.tolist() == measured.tolist()
        assert np.allclose(shown.sums, sums if LOSSES[loss] is not None else 0, atol=1e-12)
    assert filtered.selected == filtered.where.mask(FRAME).sum()


@given(made=moves())
@settings(max_examples=10)
def test_sums_do_not_drift(made: Any) -> None:
    """There and back again, the sums are the same to the last bit."""
    filtered = Crossfilter(CODES, loss=LOSSES["floats"])
    before = [filtered.histogram(chart).sums for chart in filtered.charts]
    for chart, chosen in made:
        filtered.brush(chart, chosen)
    for chart in filtered.charts:
        filtered.brush(chart, None)
    assert all((filtered.histogram(chart).sums == sums).all() for chart, sums in zip(filtered.charts, before, strict=True))
    assert filtered.where == ALL_ROWS


def test_clearing_lets_all_rows_through() -> None:
    filtered = Crossfilter(CODES)
    filtered.brush("few", {1})
    filtered.brush("text", {0})
    filtered.clear()
    assert filtered.selected == ROWS
    assert filtered.histogram("few").rows.sum() == ROWS


def test_brushing_every_code_is_no_condition() -> None:
    filtered = Crossfilter(CODES)
    filtered.brush("few", range(4))
    assert filtered.where == ALL_ROWS


def test_the_brushes_read_as_a_predicate() -> None:
    filtered = Crossfilter(CODES, ["few", "text", "weekday(day)"])
    first, second, _ = CODES.codings[1].values
    filtered.brush("text", {1, 2})
    filtered.brush("weekday(day)", {6, 7})
    assert str(filtered.where) == f'text in {{"{first}", "{second}"}} and weekday(day) >= 5 and weekday(day) <= 6'


@pytest.mark.parametrize("chosen", [{0, 1}, {1, 3}])
def test_a_brush_that_no_conjunction_says_is_refused_and_changes_nothing(chosen: set[int]) -> None:
    filtered = Crossfilter(CODES)
    with pytest.raises(PredicateError, match="a conjunction cannot say this"):
        filtered.brush("number", chosen)
    assert filtered.selected == ROWS


def test_more_than_eight_charts_are_linked_too() -> None:
    coding = CODES.codings[2]
    codings = tuple(type(coding)(f"few{at}", coding.conditions, coding.edges, coding.values) for at in range(12))
    filtered = Crossfilter(Codes(codings, np.repeat(CODES.values[2:3], 12, axis=0)))
    filtered.brush("few11", {1})
    filtered.brush("few0", {1, 2})
    assert filtered.histogram("few5").rows.tolist() == [0, (CODES.values[2] == 1).sum(), 0, 0]
    assert filtered.histogram("few11").rows.tolist() == [0, *np.bincount(CODES.values[2])[1:3], 0]


def test_what_cannot_be_linked_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="no chart of that name: color"):
        Crossfilter(CODES, ["color"])
    with pytest.raises(UnknownNameError, match="no chart of that name: color"):
        Crossfilter(CODES).brush("color", {1})
    with pytest.raises(InputError, match="one loss per row"):
        Crossfilter(CODES, loss=np.zeros(3))
    with pytest.raises(InputError, match="a loss is infinite"):
        Crossfilter(CODES, loss=np.full(ROWS, np.inf))
    with pytest.raises(InputError, match="this many linked charts: 0"):
        Crossfilter(CODES, [])
    with pytest.raises(ParameterError, match="no such codes of few"):
        Crossfilter(CODES).brush("few", {9})
