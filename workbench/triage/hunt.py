"""Hunting alone: traces of attacks in one log, whose findings go into the same ``findings.json`` as triage's."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from workbench.attacks.hunting import hunt
from workbench.attacks.recording import Recording
from workbench.data.dataset import Dataset
from workbench.predicate import Predicate
from workbench.result import Result
from workbench.triage.budget import spend
from workbench.triage.check import Examined
from workbench.triage.checks.attack import attack_findings
from workbench.triage.rank import rank
from workbench.triage.run import Outcome, Triage, conclude, make_context


def hunt_log(
    dataset: Dataset,
    *,
    reference: Predicate | Dataset | None = None,
    current: Predicate | None = None,
    caller: str = "",
    recordings: Sequence[Recording] = (),
    seed: int = 0,
    budget: float = 0.01,
) -> tuple[Result, Triage]:
    """The hunt, and its patterns as ranked findings.

    Parameters
    ----------
    dataset, reference, current, recordings, seed, budget
        As `workbench.triage.run.triage` takes them.
    caller
        The column that says who asked; empty: unknown.

    Raises
    ------
    InputError
        For a window of fewer than two rows, and whatever `workbench.attacks.hunting.hunt` refuses.
    """
    start = time.perf_counter()
    context = make_context(dataset, reference, current, seed=seed, budget=budget)
    result = hunt(context.subject, context.reference, caller=caller, recordings=recordings, seed=seed)
    told = [replace(item, check="attack", evidence=result.digest) for item in attack_findings(result)]
    findings = rank(spend({"attack": Examined(told, int(str(result.numbers["searches"])))}, budget), [])
    outcome = Outcome("attack", "ran", "", round(time.perf_counter() - start, 3))
    arguments = {"hunt": result.provenance["arguments"], "budget": budget}
    return result, conclude(
        dataset, context, findings, [outcome], {"attack": result}, reference=reference, current=current, arguments=arguments
    )
