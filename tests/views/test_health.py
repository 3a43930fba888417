"""System health drawn: small multiples on one axis, what others may see only, and a sentence where there is nothing."""

from typing import Any

import pytest

from workbench.attacks.health import health_point, health_table
from workbench.result import Result
from workbench.views.health import NOTHING, PANELS, health_figure, health_rows, health_sentence, most_ill
from workbench.views.theme import TOKENS


def result(*points: dict[str, Any], kind: str = "scenario", **numbers: Any) -> Result:
    return Result(kind, "a run", {"health": health_table(points)}, {"rows": 400, **numbers})


@pytest.fixture
def outage() -> Result:
    sound = [
        health_point("simulated seconds", at, 40, 0, waiting=0.1, seconds=0.005, memory=200.0, accuracy=0.9) for at in (0, 1)
    ]
    ill = health_point(
        "simulated seconds", 2, 40, 20, waiting=5.0, seconds=0.2, memory=210.0, downstream="store down", accuracy=0.4
    )
    return result(*sound, ill)


def test_every_panel_shares_the_axis_and_has_every_point(outage: Result) -> None:
    figure = health_figure(outage)
    assert len(figure.data) == len(PANELS) + 1
    assert all(list(trace.x) == [0.0, 1.0, 2.0] for trace in figure.data)
    assert figure.data[3].y == (5.0, 5.0, 200.0)
    assert {axis.matches for axis in figure.select_xaxes()} == {"x6", None}
    assert figure.layout.xaxis6.title.text == "simulated seconds"


def test_what_was_not_measured_has_no_panel() -> None:
    figure = health_figure(result(*(health_point("level of the fault", at, 40, 0, accuracy=0.9) for at in (0.0, 1.0))))
    titles = {note.text for note in figure.layout.annotations}
    assert titles == {PANELS["accuracy"][0], PANELS["error_rate"][0], "what stands downstream"}


def test_targets_differ_by_symbol_and_only_colours_that_a_dark_page_knows_are_used() -> None:
    points = [health_point("share of the recording", at, 40, 0, part=part, accuracy=0.9) for part in "ab" for at in (0.5, 1.0)]
    figure = health_figure(result(*points, kind="replay"))
    named = [trace for trace in figure.data if trace.showlegend]
    assert [trace.name for trace in named] == ["a", "b"]
    assert len({trace.marker.symbol for trace in named}) == 2
    assert {trace.marker.color for trace in figure.data} <= set(TOKENS.values())


def test_of_many_damaged_columns_the_worst_is_shown_and_others_on_demand() -> None:
    points = [health_point("level of the fault", at, 40, 0, part=part, accuracy=0.9) for part in "ab" for at in (0.0, 1.0)]
    found = result(*points, worst="b")
    assert len(health_rows(found).frame) == 2
    assert len(health_rows(found, ["a", "b"]).frame) == 4


def test_points_of_few_requests_are_left_out() -> None:
    found = result(
        health_point("calls per second", 1, 9, 3, accuracy=0.5), health_point("calls per second", 2, 40, 0, accuracy=0.9)
    )
    assert health_rows(found).frame["calls per second"].tolist() == ["2"]
    assert health_figure(result(health_point("calls per second", 1, 9, 3))) is NOTHING
    assert health_sentence(Result("scenario", "none", {}, {"rows": 400})) is NOTHING


def test_the_worst_run_is_the_one_that_failed_most_then_the_one_that_lost_most_accuracy(outage: Result) -> None:
    def falls(to: float) -> Result:
        return result(*(health_point("level of the fault", at, 40, 0, accuracy=right) for at, right in ((0, 0.9), (1, to))))

    slight, deep = falls(0.8), falls(0.5)
    assert most_ill([slight, outage, deep]) is outage
    assert most_ill([slight, deep]) is deep
    assert most_ill([Result("scenario", "none", {}, {"rows": 400})]) is None


def test_the_sentence_says_both_what_failed_and_how_right_it_stayed(outage: Result) -> None:
    said = repr(health_sentence(outage))
    assert said.startswith("At 2 simulated seconds 50.0% of requests failed; 90% were decided rightly at first, 40% at the worst")
    assert said.endswith("; downstream: store down.")
    healthy = result(health_point("calls per second", 1, 40, 0))
    assert repr(health_sentence(healthy)) == "No request failed."
