"""A replay in words and tables: the triple verdict, the overfitted defence named, small counts blanked, no single input."""

import json
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from workbench.attacks.replay.review import Closeup, Group, Step
from workbench.predicate import equals
from workbench.result import Result
from workbench.views.replay import (
    closeup_form,
    divergence_table,
    groups_form,
    groups_table,
    inputs_form,
    pairs_table,
    replay_sentence,
    steps_form,
    triple_figure,
    verdict_rows,
    verdict_table,
)


def ends(name: str, *shares: float | None) -> dict[str, float | None]:
    return dict(zip((name, f"{name}_low", f"{name}_high"), shares, strict=True))


@pytest.fixture
def result() -> Result:
    """Two versions: the baseline, and one that memorised; certified was not measured."""
    more = {"decision_changed": 7, "errors": 0, "abstained": 2, "adaptive_cost": 0.4, **ends("certified", None, None, None)}
    targets = [
        {"target": "v1", "digest": "sha256:aaaaaaaaaaaaaaaa", "safer": False, "overfitted_defence": False, **more,
         **ends("replayed", 1.0, 0.97, 1.0), **ends("adaptive", 1.0, 0.94, 1.0)},
        {"target": "<b>v2", "digest": "sha256:b", "safer": False, "overfitted_defence": True, **more,
         **ends("replayed", 0.0, 0.0, 0.03), **ends("adaptive", 0.98, 0.9, 1.0)},
    ]  # fmt: skip
    pairs = [{"baseline": "v1", "target": "<b>v2", "judged": 120, "newly_failing": 0, "newly_fixed": 120, "p": 1.5e-36}]
    first = [{"target": "<b>v2", "row_id": "case 6789", "call": 3, "level": "decision changed", "recorded_score": 0.6,
              "score": 0.2, "cause": "another model"}]  # fmt: skip
    return Result(
        "replay",
        "Replay of 620 inputs",
        tables={"targets": pd.DataFrame(targets), "pairs": pd.DataFrame(pairs), "divergence": pd.DataFrame(first)},
    )


GROUPS = [Group(equals("job", "clerk"), 40, (40, 10)), Group(equals("job", "cook"), None, (None, None))]


def test_the_sentence_names_the_overfitted_defence(result: Result) -> None:
    said = repr(replay_sentence(result))
    assert "<b>v2 is an overfitted defence: 0 % of the recorded attacks succeed, 98 % of fresh attacks" in said
    assert "<b>" not in replay_sentence(result)._repr_html_()


def test_every_version_has_its_three_shares_and_its_flag(result: Result) -> None:
    one, two = verdict_rows(result)
    assert (one["replayed"], one["certified"], one["flag"]) == ([1.0, 0.97, 1.0], None, "")
    assert (two["adaptive"], two["flag"]) == ([0.98, 0.9, 1.0], "overfitted defence")
    text = repr(verdict_table(result))
    assert "98% (90% to 100%)" in text
    assert "overfitted defence" in text


def test_what_the_accusation_rests_on_is_shown_and_an_older_replay_has_none(result: Result) -> None:
    assert [row["unseen"] for row in verdict_rows(result)] == [None, None]
    more = ends("unseen", 0.21, 0.1, 0.33) | ends("fresh_gain", 0.07, -0.02, 0.16)
    newer = Result("replay", result.title, tables=result.tables | {"targets": result.tables["targets"].assign(**more)})
    text = repr(verdict_table(newer))
    assert "21% (10% to 33%)" in text
    assert "7% (-2% to 16%)" in text
    assert "21 % of unseen attacks made for v1" in verdict_rows(newer)[1]["said"]


def test_every_share_says_of_how_many(result: Result) -> None:
    counted = result.tables["targets"].assign(replayed_of=120, adaptive_of=60, **ends("unseen", 0.21, 0.1, 0.33), unseen_of=97)
    newer = Result("replay", result.title, tables=result.tables | {"targets": counted})
    two = verdict_rows(newer)[1]
    assert two["of"] == {"replayed": 120, "adaptive": 60, "certified": None, "unseen": 97}
    assert "0 % of the 120 recorded attacks succeed, 98 % of 60 fresh attacks, 21 % of 97 unseen attacks" in two["said"]
    assert "98% of 60 (90% to 100%)" in repr(verdict_table(newer))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"errors": 3, "rows": 620}, "answered with errors"),
        ({"adaptive_errors": 0.5}, "answered with errors"),
        ({"otherwise_named": True}, "names its decisions otherwise"),
        ({"adaptive_errors": None}, ""),
    ],
)
def test_why_nothing_was_measured_stands_where_the_verdict_would(result: Result, more: dict[str, Any], said: str) -> None:
    newer = replace(result, tables=result.tables | {"targets": result.tables["targets"].assign(**more)})
    assert verdict_rows(newer)[0]["flag"] == said


def test_a_group_too_small_is_said_to_be_small_and_has_no_share() -> None:
    assert groups_form("job", GROUPS)["groups"][1] == {"where": 'job = "cook"', "judged": None, "failed": [None, None]}
    table = groups_table("job", GROUPS, ["v1", "v2"]).frame
    assert table["v2"].tolist() == ["25%", "–"]
    assert table["judged"][1].startswith("fewer than 10")


def test_where_answers_first_differ_is_told_without_the_input(result: Result) -> None:
    shown = repr(divergence_table(result))
    assert "another model" in shown
    assert divergence_table(result).frame["call"].tolist() == ["4"]  # counted from 1, as the widget counts
    assert "6789" not in shown
    assert "0.6" not in shown


def test_pairs_are_told_with_their_p(result: Result) -> None:
    assert pairs_table(result).frame.iloc[0].tolist() == ["v1", "<b>v2", 120, 0, 120, "1.5e-36"]


def test_the_figure_has_a_mark_per_version_that_was_measured(result: Result) -> None:
    traces: Any = triple_figure(result).data
    assert {trace.name: list(trace.x) for trace in traces} == {"replayed": [1.0, 0.0], "adaptive": [1.0, 0.98], "certified": []}
    assert {trace.orientation for trace in traces} == {"h"}  # else marks of one version lie on top of each other
    assert traces[1].error_x.arrayminus == pytest.approx((0.06, 0.08))


def test_what_the_module_gets_is_plain() -> None:
    closeup = Closeup(4, 1, (("hours", 40.0, None),), 3, 0, ({"version": "v1", "decisions": ("0", None), "scores": (0.2, None)},))
    forms = [closeup_form(closeup), steps_form([Step(0, 2, 1.5, 10, (3, 4))]), inputs_form([(4, [0, 1])])]
    again = json.loads(json.dumps(forms))
    assert again[0]["changed"] == [["hours", "40", "missing"]]
    assert again[1] == [{"first": 0, "last": 2, "seconds": 1.5, "judged": 10, "failed": [3, 4]}]
    assert again[2] == [{"input": 4, "outcomes": ["pass", "fail"]}]
