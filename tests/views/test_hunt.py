"""A hunt in words and pictures: small cells blanked, a sentence where there is nothing to draw, the next command."""

from dataclasses import replace

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from workbench.attacks.pattern import PATTERN_COLUMNS, Pattern
from workbench.predicate import ALL_ROWS, Predicate
from workbench.result import Finding, Result
from workbench.views.hunt import activity_figure, margins_figure, next_step, patterns_table, recordings_table
from workbench.views.render import Sentence, Table

COLUMNS = {
    "activity": ["start", "rows", "share", "suppressed"],
    "margins": ["low", "high", "rows", "rows_before", "suppressed"],
    "recordings": [
        "recording",
        "scenario",
        "inputs",
        "rows_matched",
        "rows_exact",
        "share",
        "share_before",
        "background",
        "p",
        "suppressed",
    ],
}


def crowding(rows: int) -> dict[str, object]:
    where = Predicate.parse("score in [0.5, 0.51)")
    found = Pattern("crowding", "s", ("score",), where, 0.3, (0.2, 0.4), "share just past the threshold", 1e-9, rows, rows)
    return found.row()


def result(**tables: list[dict[str, object]]) -> Result:
    made = {name: pd.DataFrame(tables.get(name, []), columns=columns) for name, columns in COLUMNS.items()}
    patterns = pd.DataFrame(tables.get("patterns", []), columns=list(PATTERN_COLUMNS))
    return Result("hunt", "Traces of attacks", {"patterns": patterns, **made}, {"rows": 5000, "rows_before": None}, ALL_ROWS)


@pytest.mark.parametrize(("rows", "times"), [(120, 1), (7, 0)])
def test_a_pattern_is_a_line_and_a_small_one_has_no_numbers(rows: int, times: int) -> None:
    text = repr(patterns_table(result(patterns=[crowding(rows)])))
    assert "scores crowd just past the threshold" in text
    assert text.count("30.0% (20.0% to 40.0%)") == times
    assert text.count(str(rows)) == times


def test_nothing_found_is_said() -> None:
    empty = result()
    assert patterns_table(empty).caption == "No trace of an attack"
    assert isinstance(activity_figure(empty), Sentence)
    assert isinstance(margins_figure(empty), Sentence)
    assert isinstance(recordings_table(empty), Sentence)
    assert "Nothing to follow up" in repr(next_step([], "findings.json"))


def test_what_could_not_be_looked_for_stands_beside_no_trace() -> None:
    blind = replace(result(), numbers={"not_looked_for": ["burst", "recurrence"]})
    assert patterns_table(blind).caption == (
        "No trace of an attack; not looked for: whether one caller asks more than before (no caller given),"
        " whether a recorded attack came back (no recordings given)"
    )


def test_periods_of_few_rows_are_not_drawn() -> None:
    starts = pd.date_range("2026-01-01", periods=6)
    rows = [100, 4, 3, 120, 90, 80]
    periods = [
        {"start": start, "rows": count, "share": 0.5, "suppressed": count < 10} for start, count in zip(starts, rows, strict=True)
    ]
    figure = activity_figure(result(activity=periods))
    assert isinstance(figure, go.Figure)
    assert np.isnan(np.array(figure.data[0].y, dtype=float)).tolist() == [False, True, True, False, False, False]
    assert figure.layout.yaxis.title.text == "share of the day's rows"
    assert list(figure.data[0].customdata) == ["100", "–", "–", "120", "90", "80"]


def test_the_histogram_has_a_line_for_each_side_of_the_onset() -> None:
    bins = [{"low": 0.1 * at, "high": 0.1 * at + 0.1, "rows": 40, "rows_before": 60, "suppressed": False} for at in range(-3, 3)]
    figure = margins_figure(result(margins=bins))
    assert isinstance(figure, go.Figure)
    assert [line.name for line in figure.data] == ["before", "now"]
    assert figure.layout.title.text == "Close to the threshold: 360 before, 240 now"
    alone = margins_figure(result(margins=[{**item, "rows_before": None} for item in bins]))
    assert isinstance(alone, go.Figure)
    assert [line.name for line in alone.data] == ["now"]


def test_recordings_are_named_by_the_beginning_of_their_id() -> None:
    row: dict[str, object] = dict.fromkeys(COLUMNS["recordings"])
    row |= {"recording": "sha256:" + "a" * 64, "inputs": 300, "rows_matched": 80, "share": 0.02, "p": 1e-9, "suppressed": False}
    table = recordings_table(result(recordings=[row]))
    assert isinstance(table, Table)
    assert table.frame["recording"].tolist() == ["a" * 12]
    few = recordings_table(result(recordings=[{**row, "rows_matched": 4, "suppressed": True}]))
    assert " 4 " not in repr(few)


def test_the_next_step_is_a_command() -> None:
    assert "workbench scenarios from-finding out/findings.json 3 --out" in repr(
        next_step([Finding("attack", "s", rank=3)], "out/findings.json")
    )
