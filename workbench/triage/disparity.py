"""Disparities alone: the guard of the data and the comparison of groups, whose findings go into the same ``findings.json``."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pandas as pd

from workbench.analysis.disparity_review import Question, Review, review_disparity
from workbench.data.dataset import Dataset
from workbench.errors import InputError
from workbench.triage.run import Outcome, Triage, triage

CHECKS: Final = ("integrity", "disparity")
"""Both under one false-discovery budget: a defect of the data ranks above the disparity that it undermines."""


def compare_groups(dataset: Dataset, question: Question) -> tuple[Review, Triage]:
    """Everything about the disparities in `dataset`, and as findings what stands out.

    Returns
    -------
    tuple
        The review, and a triage of `CHECKS` whose ``results`` hold the review's as well, and whose ``checks`` say why a part of
        it was not asked.

    Raises
    ------
    InputError
        For a window of fewer than two rows, and whatever `review_disparity` refuses.
    """
    review = review_disparity(dataset, question)
    found = triage(dataset, reference=question.before, current=question.current, seed=question.seed, only=CHECKS)
    outcomes = [Outcome(name, "ran") for name in review.results] + [
        Outcome(name, "skipped", why) for name, why in review.skipped.items()
    ]
    return review, replace(found, results={**found.results, **review.results}, checks=(*found.checks, *outcomes))


def read_question(  # noqa: PLR0917  the parameters of a runbook, in its order
    groups: str, reference_group: str, strata: str, policy: str, events: str, seed: int
) -> Question:
    """What a runbook's parameters ask: lists are separated by commas, and the empty text stands for "not given"."""
    return Question(
        groups=_listed(groups), reference=reference_group or Question.reference, strata=_listed(strata), policy=_listed(policy),
        events=_read_events(events) if events else None, seed=seed,
    )  # fmt: skip


def _listed(names: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in names.split(",") if name.strip())


def _read_events(path: str) -> pd.DataFrame:
    """Deploys and schema changes from a CSV file."""
    try:
        return pd.read_csv(path)
    except (OSError, ValueError) as exc:
        raise InputError("events that cannot be read", path, "Give a CSV file with the columns time and event.") from exc
