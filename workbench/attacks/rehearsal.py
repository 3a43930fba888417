"""Run a scenario against a target: it holds, it fails, nobody can tell, or it could not run, and why.

A scenario's measure is held against its expected outcome by its interval, so that few rows end in *could not tell* and never in
a pass. Its benign twin runs beside it: a target that fails the twin too is *noisy*, and its failure says nothing of the attack.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pandas as pd

from workbench.attacks.approval import Approval, require_approval
from workbench.attacks.catalogue import find_generator
from workbench.attacks.scenario import Scenario
from workbench.attacks.trial import Setting, Trial, by_group
from workbench.digest import to_plain
from workbench.errors import InputError
from workbench.result import Result, provenance

OUTCOMES = ("held", "failed", "could not tell", "could not run")


def rehearse(scenario: Scenario, setting: Setting, *, approval: Approval | None = None, fingerprint: str | None = None) -> Result:
    """Run `scenario` and its benign twin.

    Parameters
    ----------
    setting
        Its oracle, seed and constraints are set from the scenario, and its rows to those the scenario concerns.
    approval
        Needed for a production target.
    fingerprint
        Of the dataset, for the provenance.

    Returns
    -------
    Result
        Of kind ``scenario``: numbers ``outcome`` (of `OUTCOMES`), ``why``, ``measure``, ``value``, ``low``, ``high``,
        ``expected``, ``twin``, ``noisy``, ``rows``; tables ``verdict`` (scenario and twin), ``groups``,
        and the generator's own (``outcomes``, ``curve``).
    """
    require_approval([setting.target], approval or setting.approval)
    placed = replace(
        setting, seed=scenario.seed, oracle=scenario.oracle, constraints=scenario.domain, approval=approval or setting.approval
    )
    generate = find_generator(scenario.generator)
    check_parameters(scenario, generate)
    try:
        placed = placed.where(scenario.predicate)
        trial, why = generate(placed, **scenario.parameters), ""
    except InputError as exc:
        trial, why = Trial("", None, None, None), str(exc)
    outcome = "could not run" if why else scenario.expected.outcome(trial.value, trial.low, trial.high)
    twin, twin_why = _twin(scenario, placed, generate) if not why else (None, why)
    twin_outcome = "could not run" if twin is None else scenario.expected.outcome(twin.value, twin.low, twin.high)
    rows = [
        _verdict(kind, found, said, reason)
        for kind, found, said, reason in (("scenario", trial, outcome, why), ("benign twin", twin, twin_outcome, twin_why))
    ]
    numbers = {
        "scenario": scenario.id, "name": scenario.name, "outcome": outcome, "why": why or None, "measure": trial.measure,
        "value": trial.value, "low": trial.low, "high": trial.high, "expected": str(scenario.expected), "twin": twin_outcome,
        "noisy": outcome == "failed" and twin_outcome == "failed", "rows": len(placed), **trial.numbers,
    }  # fmt: skip
    asked = {"scenario": scenario.to_dict(), "target": [setting.target.name, setting.target.version, setting.target.digest]}
    plain: dict[str, Any] = to_plain(numbers)  # type: ignore[assignment]
    return Result(
        "scenario", f"{scenario.name} against {setting.target.name}: {outcome}",
        {"verdict": pd.DataFrame(rows), "groups": by_group(placed, trial), **trial.tables}, plain, scenario.predicate,
        provenance=provenance(asked, seed=scenario.seed, fingerprint=fingerprint),
    )  # fmt: skip


def check_parameters(scenario: Scenario, generate: Callable[..., Trial]) -> None:
    """Refuse a parameter, of the scenario or of its twin, that the generator does not take.

    Raises
    ------
    InputError
        Lists those it takes.
    """
    taken = inspect.signature(generate).parameters
    known = [name for name, item in taken.items() if name != "setting" and item.kind is not inspect.Parameter.VAR_KEYWORD]
    open_ended = len(known) < len(taken) - 1
    for name in (*scenario.parameters, *scenario.benign_twin.parameters):
        if name not in known and not open_ended:
            raise InputError(
                f"the generator {scenario.generator} takes no such parameter", name, f"Parameters: {', '.join(known)}"
            )
    for name, item in taken.items():
        if name in known and item.default is inspect.Parameter.empty and name not in scenario.parameters:
            raise InputError(f"the generator {scenario.generator} needs a parameter", name, f"Add it to {scenario.name}.")


def _twin(scenario: Scenario, setting: Setting, generate: Callable[..., Trial]) -> tuple[Trial | None, str]:
    try:
        return generate(setting, **scenario.harmless().parameters), ""
    except InputError as exc:
        return None, str(exc)


def _verdict(kind: str, trial: Trial | None, outcome: str, why: str) -> dict[str, Any]:
    value, low, high = (None, None, None) if trial is None else (trial.value, trial.low, trial.high)
    return {"run": kind, "outcome": outcome, "value": value, "low": low, "high": high, "why": why or None}
