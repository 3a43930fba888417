"""The sentence a runbook opens with, and its figure: what, since when, for whom, how sure; every number with its denominator."""

import html
from dataclasses import replace
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import pytest

from workbench.result import Finding, Result
from workbench.triage.files import HISTORY
from workbench.views import opening as view
from workbench.views.render import Sentence

FIRST = Finding(
    kind="slice", statement="where age < 25, the error rate is 41.0 %, against 20.0 % elsewhere", where="age < 25",
    effect=0.21, interval=(0.18, 0.24), unit="error rate", p=1e-13, p_adjusted=2e-12, support=812, people=640,
    onset="2026-03-04T00:00:00", onset_interval=("2026-03-03T00:00:00", "2026-03-06T00:00:00"), severity="high", rank=1,
)  # fmt: skip
ECHO = Finding(kind="volume", statement="fewer rows", support=50, rank=2, explained_by=1)
Checks = tuple[dict[str, object], ...]
RAN = {"name": "slices", "status": "ran", "why": "", "seconds": 0.1}
SKIPPED = {
    "name": "lineage",
    "status": "skipped",
    "why": "needs the events of the pipeline. Give --lineage EVENTS.",
    "seconds": 0,
}


def document(verdict: str, *findings: Finding, rows: int = 5000, checks: Checks = (RAN, SKIPPED)) -> dict[str, Any]:
    told = [each.to_dict() for each in findings]
    return {"verdict": verdict, "dataset": {"rows": rows}, "checks": list(checks), "findings": told}


def said(*parts: Any, **more: Any) -> str:
    return repr(view.opening(document(*parts, **more)))


def test_an_incident_is_told_with_what_since_when_for_whom_and_how_sure() -> None:
    lead = view.opening(document("incident", FIRST, ECHO)).lead
    assert lead.startswith(f"Most probably wrong: {FIRST.statement};")
    assert "it began about 2026-03-04 (95 % sure: 2026-03-03 to 2026-03-06)" in lead
    assert "812 of 5,000 decisions (16.2 %), 640 people" in lead
    assert "chance alone would show as much in fewer than 1 of a billion such searches" in lead
    assert lead.count(". ") == 0  # one sentence


def test_the_size_has_its_interval_and_what_it_explains_is_counted() -> None:
    text = said("incident", FIRST, ECHO)
    assert "The share of wrong decisions differs by +21.0 percentage points (95 % sure: +18.0 to +24.0)." in text
    assert "It explains 1 finding below." in text
    beside = replace(ECHO, explained_by=None)
    assert "1 more finding below, and 1 that one of these explains." in said("incident", FIRST, ECHO, beside)


def test_a_date_that_the_statement_tells_is_not_told_twice_in_the_sentence() -> None:
    dated = Finding("drift", "the error rate is 9.0 % from 2026-03-04 on", onset=FIRST.onset, support=100, rank=1)
    opening = view.opening(document("incident", dated))
    assert opening.lead.count("2026-03-04") == 1
    assert "It began on 2026-03-04." in opening.rest


def test_what_it_is_put_down_to_and_a_size_that_is_no_share_are_told_in_words() -> None:
    told = Finding("drift", "like cases get another score", effect=-0.322, interval=(-0.42, -0.22), unit="mean score",
                   support=100, cause="calibration drift", rank=1)  # fmt: skip
    rest = view.opening(document("incident", told)).rest
    assert "Put down to calibration drift: the same score stands for another risk" in rest
    assert "It differs by -0.322 in mean score (95 % sure: -0.420 to -0.220)." in rest


def test_few_people_are_not_counted_in_the_sentence() -> None:
    few = Finding("slice", "s", support=7, people=3, rank=1)
    assert "fewer than 10 of 5,000 decisions, fewer than 10 people" in said("incident", few)


def test_no_incident_says_what_was_checked_and_what_was_not_and_why() -> None:
    text = said("no incident found")
    assert text.startswith("No incident found in 5,000 decisions. Checked: is the model worse somewhere.")
    assert "Not checked: did something change upstream (needs the events of the pipeline: Give --lineage EVENTS)." in text


def test_no_incident_counts_what_is_too_small_to_be_one_and_what_held_before() -> None:
    old = Finding("disparity", "a against b", rank=3, standing=True)
    text = said("no incident found", ECHO, old, old)
    assert "2 findings below held before as well (standing), 1 finding below is too small to be an incident" in text


def test_a_fact_without_windows_and_date_is_not_told_as_if_it_had_begun() -> None:
    gap = Finding("disparity", "a against b: selection rate 30.0 % against 60.0 %", support=100, rank=1)
    lead = view.opening(document("incident", gap)).lead
    assert lead.startswith(f"Wrong in this log as a whole, with no beginning to be found in it: {gap.statement};")
    assert "began" not in lead
    windows = document("incident", gap) | {"reference": "day < 2026-03-01"}
    assert view.opening(windows).lead.startswith(f"Most probably wrong: {gap.statement}; no date can be told, it touches")


def test_could_not_tell_names_the_check_that_could_not_answer() -> None:
    mute = {"name": "disparity", "status": "skipped", "why": "nothing to compare groups by. Add favorable.", "seconds": 0}
    opening = view.opening(document("could not tell", checks=(RAN, mute)), ["disparity"])
    assert opening.lead == (
        "Could not tell whether these 5,000 decisions hold an incident: do groups fare unequally?"
        " nothing to compare groups by: Add favorable."
    )
    assert "Add favorable" not in opening.rest, "it is told once"


def test_could_not_tell_of_a_short_log_says_why() -> None:
    assert "fewer than 30 can show an incident, but not that there is none" in said("could not tell", rows=12, checks=(RAN,))
    assert "a window of fewer than 30 decisions" in said("could not tell", rows=100, checks=(RAN,))
    assert "no check could run" in said("could not tell", checks=(SKIPPED,))


@pytest.mark.parametrize(
    ("p", "words"),
    [(1e-12, "1 of a billion"), (1e-7, "1 of a million"), (1e-4, "1 of a thousand"), (0.01, "about 1 of 100"), (0.9, "often")],
)
def test_a_p_value_is_said_as_how_often_chance_shows_as_much(p: float, words: str) -> None:
    assert words in view.rarity(p)


def test_what_a_log_says_is_text_and_no_markup() -> None:
    hostile = Finding("drift", "<img src=x onerror=alert(1)>", support=100, rank=1)
    shown = view.opening(document("incident", hostile))._repr_html_()
    assert "<img" not in shown
    assert html.escape("<img src=x") in shown


def history() -> Result:
    starts = pd.date_range("2026-01-05", periods=12, freq="W-MON")
    rows = [
        {"finding": 1, "side": side, "start": start, "rows": 100, "value": value, "low": value - 0.1, "high": value + 0.1,
         "suppressed": False}
        for start in starts
        for side, value in (("age < 25", 0.4), ("all other rows", 0.2))
    ]  # fmt: skip
    named = {"finding": 1, "statistic": "error rate", "counted": "wrong", "among": "rows", "share": True, "period": "week"}
    levels = pd.DataFrame(rows[:2]).drop(columns="start").assign(span="whole log")
    return Result("history", "t", tables={"periods": pd.DataFrame(rows), "statistics": pd.DataFrame([named]), "levels": levels})


def test_the_first_figure_is_the_findings_own_number_with_its_onset() -> None:
    figure = view.first_figure({HISTORY: history()}, [FIRST])
    assert [trace.name for trace in figure.data] == ["age < 25", "all other rows"]
    assert "share of wrong decisions over time" in figure.layout.title.text
    assert any("began 2026-03-04" in note.text for note in figure.layout.annotations)
    assert sorted(shape.type for shape in figure.layout.shapes) == ["line", "rect"]


def test_the_first_figure_of_a_disparity_shows_the_groups() -> None:
    table = pd.DataFrame({"attributes": ["race", "sex"], "group": ["a", "f"], "n": [500, 400], "fpr": [0.4, 0.3],
                          "fpr_low": [0.3, 0.2], "fpr_high": [0.5, 0.4], "suppressed": [False, False]})  # fmt: skip
    gap = Finding("disparity", "a against b", where='race = "a"', rank=1)
    figure = view.first_figure({"disparity": Result("disparity", "t", tables={"groups": table})}, [gap])
    assert list(figure.data[0].y) == ["race: a"]


def test_without_a_course_the_sizes_are_drawn_and_without_findings_a_sentence() -> None:
    assert isinstance(view.first_figure({}, [FIRST]), go.Figure)
    assert isinstance(view.first_figure({}, []), Sentence)
