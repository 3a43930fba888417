"""What triage concluded, in words, rows and points."""

import pandas as pd
import pytest

from workbench.result import Finding, Result
from workbench.views import triage as view
from workbench.views.render import Sentence

DEFECT = Finding(
    kind="integrity",
    statement="label is always 1 from 2014-04-01 on",
    effect=0.64,
    unit="base rate",
    interval=(0.62, 0.65),
    people=998,
    support=998,
    onset="2014-04-01T00:00:00",
    onset_interval=("2014-04-01T00:00:00", "2014-04-03T00:00:00"),
    severity="critical",
    rank=1,
    undermines=(2,),
    where="day >= 2014-04-01",
)
GAP = Finding(
    kind="disparity",
    statement="a against b (race): …",
    effect=-0.2,
    unit="selection rate",
    interval=(-0.25, -0.15),
    support=7,
    rank=2,
)
ECHO = Finding(kind="volume", statement="fewer rows", effect=-0.7, unit="relative change of rows per day", rank=3, explained_by=1)


def test_the_headline_counts_only_what_stands_on_its_own() -> None:
    text = view.headline("incident", [DEFECT, GAP, ECHO], 7214)
    assert text == f"Incident in 7,214 decisions. First: {DEFECT.statement}. 1 more finding below."


def test_the_headline_of_silence_does_not_put_a_small_finding_first_as_if_it_were_one() -> None:
    text = view.headline("no incident found", [GAP], 7214)
    assert text.startswith("No incident found in 7,214 decisions. 1 finding below is too small to be an incident: ")


def test_the_headline_of_silence_says_so() -> None:
    assert view.headline("no incident found", [], 10) == "No incident found: nothing stood out in 10 decisions."


def test_the_table_has_a_row_per_finding_in_their_order() -> None:
    frame = view.findings_table([DEFECT, GAP, ECHO]).frame
    assert frame["#"].tolist() == [1, 2, 3]
    assert frame["since"].tolist() == ["2014-04-01 (2014-04-01 to 2014-04-03)", "–", "–"]
    assert [what.partition("\n")[2] for what in frame["what"]] == ["undermines #2", "", "explained by #1"]
    assert frame["people"].tolist() == ["998", "fewer than 10 rows", "not measured"]
    assert frame["effect"].iloc[0] == "+64.0 pp [62.0, 65.0] base rate"


def test_what_was_left_without_a_defects_rows_is_told_in_the_unit_of_the_finding() -> None:
    held = "holds without the rows where a = 1"
    assert (
        view.ruled_out_text(f"{held} (-0.247)", "error rate")
        == "not because of the rows where a = 1: without them it is -24.7 pp"
    )
    assert view.ruled_out_text(f"{held} (+0.250)", "mean score").endswith("it is +0.250")
    assert view.ruled_out_text(held, "error rate").endswith("it is still there")
    assert view.ruled_out_text("seasonality", "error rate") == "seasonality"


def test_the_figure_draws_each_interval_to_scale_and_leaves_echoes_out() -> None:
    figure = view.findings_figure([DEFECT, GAP, ECHO])
    points = {trace.name: trace for trace in figure.data}
    assert set(points) == {"critical", "medium"}
    assert points["critical"].x[0] == pytest.approx(64)
    assert points["critical"].error_x.array[0] == pytest.approx(1)
    assert points["critical"].error_x.arrayminus[0] == pytest.approx(2)
    assert (
        len({trace.marker.symbol for trace in figure.data})
        == len({trace.marker.color for trace in figure.data})
        == len(figure.data)
    )


def test_what_is_measured_in_another_unit_is_named_beside_the_figure() -> None:
    moved = Finding("drift", "the score moved", effect=0.5, interval=(0.4, 0.6), unit="mean score", rank=4)
    assert "not drawn: #4<" in view.findings_figure([DEFECT, moved]).layout.title.text
    assert "not drawn" not in view.findings_figure([DEFECT]).layout.title.text


def test_a_figure_of_nothing_is_still_a_figure() -> None:
    assert len(view.findings_figure([]).data) == 0


def test_without_times_or_groups_a_sentence_says_why_there_is_no_figure() -> None:
    assert isinstance(view.dated_figure({}, []), Sentence)
    assert isinstance(view.group_figure({}), Sentence)
    assert isinstance(view.group_figure({"disparity": Result("disparity", "t", tables={"groups": pd.DataFrame()})}), Sentence)


def timeline() -> Result:
    starts = pd.date_range("2014-01-06", periods=3, freq="W-MON")
    table = pd.DataFrame(
        {"start": starts, "rows": [50, 4, 60], "rate of label": [0.3, 0.9, 1.0], "suppressed": [False, True, False]}
    )
    return Result("integrity", "Soundness of the data", tables={"timeline": table})


def test_the_onset_is_drawn_as_a_line_and_a_band_and_small_periods_are_blank() -> None:
    figure = view.dated_figure({"integrity": timeline()}, [GAP, DEFECT])
    assert not isinstance(figure, Sentence)
    assert list(figure.data[0].y) == [0.3, None, 1.0]
    kinds = [shape.type for shape in figure.layout.shapes]
    assert "line" in kinds
    assert "rect" in kinds
    assert any("#1 began 2014-04-01" in note.text for note in figure.layout.annotations)


def test_groups_are_drawn_by_size_with_their_intervals() -> None:
    table = pd.DataFrame(
        {
            "attributes": "race",
            "group": ["small", "large"],
            "n": [5, 500],
            "fpr": [0.9, 0.4],
            "fpr_low": [0.5, 0.35],
            "fpr_high": [1.0, 0.45],
            "suppressed": [True, False],
        }
    )
    figure = view.group_figure({"disparity": Result("disparity", "Measures by group", tables={"groups": table})})
    assert not isinstance(figure, Sentence)
    assert list(figure.data[0].y) == ["race: small", "race: large"]
    assert pd.isna(figure.data[0].x[0])
    assert figure.data[0].error_x.array[1] == pytest.approx(0.05)
