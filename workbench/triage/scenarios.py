"""Scenarios alone: many of them against one target, and those that fail as findings in the same ``findings.json`` as triage's."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from workbench.attacks.replay.asking import Limits
from workbench.attacks.scenarios.catalogue import open_catalogue
from workbench.attacks.scenarios.rehearsal import BOUNDED, rehearse
from workbench.attacks.scenarios.scenario import Scenario
from workbench.attacks.scenarios.trial import Fit, Setting
from workbench.data.dataset import Dataset
from workbench.errors import InputError
from workbench.models import open_python
from workbench.models.python import PythonTarget
from workbench.result import Finding, Result, provenance
from workbench.triage.rank import rank
from workbench.triage.run import Outcome, Triage

Tell = Callable[[str], None]
"""Called with the name of each scenario before it runs."""


def choose_scenarios(names: Sequence[str], catalogue: str = "") -> list[Scenario]:
    """The scenarios of those names or ids; none named: every tabular one of the catalogue (a folder; empty: what ships).

    Raises
    ------
    UnknownNameError
        Lists those there are.
    """
    found = open_catalogue(catalogue or None)
    return [found.find(name) for name in names] or [item for item in found if item.modality == "tabular"]


def open_fit(text: str) -> Fit | None:
    """The function that trains, imported as a target is: ``python:MODULE:FUNCTION``; None for an empty text.

    Raises
    ------
    InputError
        If there is no such function.
    """
    if not text:
        return None
    found = open_python(text.removeprefix("python:"))
    if not isinstance(found, PythonTarget) or not callable(found.model):
        raise InputError("not a function that trains", text, "Give python:MODULE:FUNCTION, called with a frame and labels.")
    trains: Fit = found.model
    return trains


def try_scenarios(
    scenarios: Sequence[Scenario], setting: Setting, dataset: Dataset, *, limits: Limits = BOUNDED, tell: Tell | None = None
) -> tuple[list[Result], Triage]:
    """Each scenario and its benign twin, one after the other.

    Parameters
    ----------
    setting, limits
        As `workbench.attacks.scenarios.rehearsal.rehearse` takes them; the limits hold for each scenario.
    dataset
        The log that the setting was made of.

    Returns
    -------
    list of Result
        In the order of `scenarios`.
    Triage
        A finding for each scenario that failed and whose benign twin did not, named by the scenario.
    """
    results, outcomes = [], []
    for scenario in scenarios:
        start = time.perf_counter()
        if tell:
            tell(scenario.name)
        results.append(rehearse(scenario, setting, limits=limits, fingerprint=dataset.fingerprint))
        ended = str(results[-1].numbers["outcome"])
        why = results[-1].numbers["why"]
        status = "skipped" if ended == "could not run" else "ran"
        outcomes.append(Outcome(scenario.name, status, str(why or ""), round(time.perf_counter() - start, 3)))
    pairs = list(zip(scenarios, results, strict=True))
    findings = rank([scenario_finding(scenario, result) for scenario, result in pairs if _tells(result)], [])
    asked: dict[str, Any] = {"scenarios": [item.id for item in scenarios], "target": setting.target.digest}
    return results, Triage(
        verdict=_verdict(results), findings=tuple(findings), checks=tuple(outcomes),
        results={scenario.name: result for scenario, result in pairs},
        dataset={"fingerprint": dataset.fingerprint, "rows": dataset.rows}, provenance=provenance(asked, seed=setting.seed),
    )  # fmt: skip


def scenario_finding(scenario: Scenario, result: Result) -> Finding:
    """What a failing scenario says, as a finding that is standing: a weakness, whoever used it."""
    numbers: dict[str, Any] = dict(result.numbers)
    counted = numbers["trials"] if numbers["trials"] is not None else numbers["rows"]
    said = f"{scenario.name} fails: {scenario.failure_modes[0].rstrip('. ')}"
    return Finding(
        "attack", said, where=scenario.where, effect=numbers["value"],
        unit=numbers["measure"], interval=(numbers["low"], numbers["high"]), support=counted, severity=scenario.severity,
        standing=True, check=scenario.name, evidence=result.digest,
    )  # fmt: skip


def _tells(result: Result) -> bool:
    """Whether it failed, and its benign twin did not."""
    return result.numbers["outcome"] == "failed" and not result.numbers["noisy"]


def _verdict(results: Sequence[Result]) -> str:
    if any(map(_tells, results)):
        return "incident"
    unclear = any(result.numbers["outcome"] in {"failed", "could not tell"} for result in results)
    ran = any(result.numbers["outcome"] != "could not run" for result in results)
    return "could not tell" if unclear or not ran else "no incident found"
