"""Run a scenario against a target: it holds, it fails, nobody can tell, or it could not run, and why.

A scenario's measure is held against its expected outcome by its interval, so that few rows end in *could not tell* and never in
a pass. Its benign twin runs beside it: a target that fails the twin too is *noisy*, and its failure says nothing of the attack.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import Any, Final

import pandas as pd

from workbench.attacks.approval import Approval, require_approval
from workbench.attacks.replay.asking import Limits, Meter, Metered
from workbench.attacks.scenarios.catalogue import find_generator
from workbench.attacks.scenarios.scenario import Scenario
from workbench.attacks.scenarios.trial import Setting, Trial, by_group
from workbench.digest import to_plain
from workbench.errors import InputError
from workbench.result import Result, provenance

BOUNDED: Final = Limits(calls=1_000_000, seconds=600.0)
OUTCOMES: Final = ("held", "failed", "could not tell", "could not run")


def rehearse(
    scenario: Scenario, setting: Setting, *, approval: Approval | None = None, limits: Limits = BOUNDED,
    fingerprint: str | None = None, allowed_hosts: Sequence[str] = (),
) -> Result:  # fmt: skip
    """Run `scenario` and its benign twin.

    Parameters
    ----------
    setting
        Its oracle, seed and constraints are set from the scenario, and its rows to those the scenario concerns.
    approval
        Needed for a production target.
    limits
        Calls, their rate and the time they may take, for scenario and twin together; a run that meets one could not run.
    fingerprint, allowed_hosts
        Of the dataset, and beside this machine; both for the provenance.

    Returns
    -------
    Result
        Of kind ``scenario``: numbers ``outcome`` (of `OUTCOMES`), ``why``, ``measure``, ``value``, ``low``, ``high``,
        ``expected``, ``twin``, ``noisy``, ``rows``, ``trials`` (behind the measure; None where it is no share of trials); tables
        ``verdict`` (scenario and twin), ``groups``, and the generator's own (``outcomes``, ``curve``).
    """
    require_approval([setting.target], approval or setting.approval)
    generate = find_generator(scenario.generator)
    check_parameters(scenario, generate)
    meter = Meter(limits)
    here = setting = replace(setting, target=Metered(setting.target, meter))
    try:
        here = placed(scenario, setting, approval)
        here.require_decisions()
        trial, why = generate(here, **scenario.parameters), ""
    except InputError as exc:
        trial, why = Trial("", None, None, None), str(exc)
    twin, twin_why = _twin(scenario, here, generate) if not why else (None, why)
    why = why or _spent(meter)
    outcome = "could not run" if why else scenario.expected.outcome(trial.value, trial.low, trial.high)
    twin_outcome = "could not run" if twin is None or why else scenario.expected.outcome(twin.value, twin.low, twin.high)
    rows = [
        _verdict(kind, found, said, reason)
        for kind, found, said, reason in (("scenario", trial, outcome, why), ("benign twin", twin, twin_outcome, twin_why))
    ]
    numbers = {
        "scenario": scenario.id, "name": scenario.name, "outcome": outcome, "why": why or None, "measure": trial.measure,
        "value": trial.value, "low": trial.low, "high": trial.high, "expected": str(scenario.expected), "twin": twin_outcome,
        "noisy": outcome == "failed" and twin_outcome == "failed", "rows": len(here), "trials": _trials(trial), **trial.numbers,
    }  # fmt: skip
    asked = {
        "scenario": scenario.to_dict(), "target": [setting.target.name, setting.target.version, setting.target.digest],
        "limits": asdict(limits), "allowed_hosts": list(allowed_hosts),
        "approval": None if here.approval is None else asdict(here.approval),
    }  # fmt: skip
    plain: dict[str, Any] = to_plain(numbers)  # type: ignore[assignment]
    return Result(
        "scenario", f"{scenario.name} against {setting.target.name}: {outcome}",
        {"verdict": pd.DataFrame(rows), "groups": by_group(here, trial), **trial.tables}, plain, scenario.predicate,
        provenance=provenance(asked, seed=scenario.seed, fingerprint=fingerprint),
    )  # fmt: skip


def placed(scenario: Scenario, setting: Setting, approval: Approval | None = None) -> Setting:
    """`setting` with the scenario's seed, oracle and constraints, on the rows the scenario concerns."""
    leave = approval or setting.approval
    return replace(setting, seed=scenario.seed, oracle=scenario.oracle, constraints=scenario.domain, approval=leave).where(
        scenario.predicate
    )


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


def _trials(trial: Trial) -> int | None:
    """How many trials the measure is a share of: those of the line of ``outcomes`` that it was taken from."""
    outcomes = trial.tables.get("outcomes")
    if outcomes is None or trial.value is None or not {"rate", "trials"} <= set(outcomes.columns):
        return None
    own = outcomes[outcomes["rate"] == trial.value]
    return int(own["trials"].min()) if len(own) else None


def _spent(meter: Meter) -> str:
    """Which limit was met; empty where none was."""
    if meter.calls >= meter.limits.calls:
        return f"the limit of {meter.limits.calls} calls was met"
    if time.monotonic() - meter.begun > meter.limits.seconds:
        return f"the limit of {meter.limits.seconds:g} seconds was met"
    return ""


def _twin(scenario: Scenario, setting: Setting, generate: Callable[..., Trial]) -> tuple[Trial | None, str]:
    try:
        return generate(setting, **scenario.harmless().parameters), ""
    except InputError as exc:
        return None, str(exc)


def _verdict(kind: str, trial: Trial | None, outcome: str, why: str) -> dict[str, Any]:
    value, low, high = (None, None, None) if trial is None else (trial.value, trial.low, trial.high)
    return {"run": kind, "outcome": outcome, "value": value, "low": low, "high": high, "why": why or None}
