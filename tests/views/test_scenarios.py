"""Runs of scenarios shown: failing ones first, small ones without numbers, and how sure the target stayed."""

from typing import Any

import numpy as np
import pytest

from workbench.attacks.generators.stress import score_histogram
from workbench.result import Result
from workbench.views.render import Sentence
from workbench.views.scenarios import outcomes_sentence, outcomes_table, scores_figure


def run(name: str, outcome: str, rows: int = 400, **more: Any) -> Result:
    said = {
        "name": name,
        "outcome": outcome,
        "measure": "share",
        "value": 0.2,
        "low": 0.1,
        "high": 0.3,
        "expected": "at most 0.2",
    }
    rest = {"twin": "held", "noisy": False, "rows": rows, "trials": rows, "why": None}
    return Result("scenario", name, numbers={**said, **rest, **more})


def test_the_sentence_counts_and_names_what_failed() -> None:
    said = repr(outcomes_sentence([run("a", "held"), run("b", "failed", noisy=True), run("c", "failed")]))
    assert said == "3 scenarios: 1 held, 2 failed. Failed: b (noisy: its benign twin fails too), c."


def test_failing_scenarios_come_first_and_say_what_was_expected() -> None:
    table = outcomes_table([run("a", "held"), run("b", "could not run", why="needs --fit", value=None), run("c", "failed")]).frame
    assert table["scenario"].tolist() == ["c", "b", "a"]
    assert table["measured"].tolist() == ["0.2 (0.1 to 0.3)\nshare", "–", "0.2 (0.1 to 0.3)\nshare"]
    assert table["why"].tolist() == ["–", "needs --fit", "–"]


def test_a_run_over_few_rows_shows_no_numbers() -> None:
    row: Any = outcomes_table([run("a", "held", rows=7)]).frame.iloc[0]
    assert (row["measured"], row["n"]) == ("–", "fewer than ten")


def test_scores_without_damage_stand_beside_those_at_the_strongest() -> None:
    scores = {0.0: np.linspace(0, 1, 200), 0.5: np.full(200, 0.55), 1.0: np.full(200, 0.95)}
    found = Result("scenario", "s", {"scores": score_histogram(scores, None)}, {"rows": 200, "name": "s", "worst": "income"})
    before, after = scores_figure(found).data
    assert sum(before.y) == pytest.approx(1.0)
    assert dict(zip(after.x, after.y, strict=True))[0.95] == 1.0
    assert before.marker.pattern.shape != after.marker.pattern.shape
    assert isinstance(scores_figure(Result("scenario", "s", {}, {"rows": 200})), Sentence)
