"""Disparities alone: two checks under one budget, and beside them all that the review asked, with why not where it did not."""

from pathlib import Path

import pandas as pd
import pytest

from workbench.analysis.disparity_review import Question
from workbench.data.dataset import open_dataset
from workbench.errors import InputError
from workbench.predicate import Predicate
from workbench.triage.disparity import CHECKS, compare_groups, read_question

ROWS = [(group, int(at < hits)) for group, hits, n in (("a", 150, 200), ("b", 60, 200)) for at in range(n)]
ROLES = {"prediction": "pred", "favorable": 1, "groups": ["g"]}


def test_only_its_checks_run_and_every_part_says_how_it_went() -> None:
    review, found = compare_groups(open_dataset(pd.DataFrame(ROWS, columns=["g", "pred"]), ROLES), Question())
    assert [item.name for item in found.checks[: len(CHECKS)]] == list(CHECKS)
    went = {item.name: item.status for item in found.checks}
    assert (went["groups"], went["thresholds"], went["decomposition"]) == ("ran", "skipped", "skipped")
    assert all(item.why for item in found.checks if item.status == "skipped")
    assert set(review.results) <= set(found.results)
    assert [finding.where for finding in found.findings if finding.kind == "disparity"] == ['g = "b"']


def test_windows_are_those_of_the_question() -> None:
    frame = pd.DataFrame([(*row, at % 2) for at, row in enumerate(ROWS)], columns=["g", "pred", "half"])
    dataset = open_dataset(frame, ROLES)
    question = Question(before=dataset.select(_half(0)).where, current=dataset.select(_half(1)).where)
    review, found = compare_groups(dataset, question)
    assert review.results["groups"].numbers["rows"] == 200
    assert (found.reference, found.current) == ("half = 0", "half = 1")
    assert [finding.standing for finding in found.findings if finding.kind == "disparity"] == [True]


def _half(value: int) -> Predicate:
    return Predicate.parse(f"half = {value}")


def test_a_runbooks_parameters_are_lists_by_commas(tmp_path: Path) -> None:
    (tmp_path / "deploys.csv").write_text("time,event\n2026-01-01,v2\n")
    asked = read_question("race, sex", "", "degree,", "four_fifths", str(tmp_path / "deploys.csv"), 3)
    assert (asked.groups, asked.strata, asked.policy, asked.reference, asked.seed) == (
        ("race", "sex"), ("degree",), ("four_fifths",), "most favored", 3,
    )  # fmt: skip
    assert asked.events is not None
    assert asked.events["event"].tolist() == ["v2"]
    with pytest.raises(InputError, match="events that cannot be read"):
        read_question("", "", "", "", str(tmp_path / "none.csv"), 0)
