"""What each layer of a stack adds: everything measured with it and without it, on the same rows.

For every layer L and every measure m of `MEASURES` the contribution is ``m(stack) - m(stack without L)``, with the interval of a
difference of paired rates and McNemar's exact p. A layer *contributes* where the stack with it is *safer* than without it, maybe
*at a price*, in the words and by the tests of `workbench.attacks.gain`; one that stops recorded attacks while fresh ones succeed
as before is *not borne out*. What a layer adds is what it adds to the others: of two that stop the same attacks, neither adds
anything.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import pandas as pd

from workbench.attacks.approval import require_approval
from workbench.attacks.constraints import Domain
from workbench.attacks.defences.bench import ROWS, Bench, Measurement, lay_bench, measure_defence
from workbench.attacks.defences.paired import compare_paired
from workbench.attacks.defences.stack import Stack
from workbench.attacks.gain import LEVEL, VERDICTS, fresh_gain, gained_on_replay, verdict_word
from workbench.attacks.scenarios.trial import Setting
from workbench.attacks.triple import BUDGET
from workbench.digest import digest
from workbench.errors import InputError
from workbench.models.target import Target
from workbench.result import Result, provenance

MEASURES: Final = ("attack_success", "recorded_success", "clean_accuracy", "false_alarms")
"""Valid success of the fresh and of the recorded attack; clean rows decided rightly; clean rows not decided at all."""
NOTHING: Final = "nothing to stop"
"""The verdict of a layer without which no fresh attack succeeds either."""


def take_apart(
    stack: Target, setting: Setting, *, rows: int = ROWS, queries: int = BUDGET, domain: Domain | None = None
) -> Result:
    """As `leave_one_out`, on the clean rows of `setting`, whose target is not asked; queries per attacked row.

    Raises
    ------
    InputError
        For a target that is no stack.
    """
    if not isinstance(stack, Stack):
        raise InputError("a target without layers", stack.name, "Give a Stack (workbench.attacks.defences.stack).")
    require_approval([stack], setting.approval)
    return leave_one_out(stack, lay_bench(replace(setting, target=stack.target), rows=rows, budget=queries, domain=domain))


def leave_one_out(stack: Stack, bench: Bench) -> Result:
    """Measure `stack`, and `stack` without each of its layers.

    Returns
    -------
    Result
        Of kind ``defences``: tables ``layers`` (``layer kind contributes verdict raises_false_alarms fresh_gain fresh_gain_low
        fresh_gain_high``, the verdict one of `workbench.attacks.gain.VERDICTS` or `NOTHING`) and ``contributions`` (``layer
        measure with_layer without difference low high p``); numbers ``rows attacked budget``.

    Raises
    ------
    InputError
        For a stack without layers, or around another model than the bench's.
    """
    if not stack.layers:
        raise InputError("no layer to leave out", stack.name, "Give a stack with one or more.")
    if stack.target.digest != bench.setting.target.digest:
        raise InputError("a stack around another model than the bench", stack.target.name, "Lay the bench for this model.")
    whole = measure_defence(stack, bench)
    layers, contributions = [], []
    for layer in stack.layers:
        without = measure_defence(stack.without(layer.name), bench)
        contributions += [_contribution(layer.name, measure, whole, without) for measure in MEASURES]
        layers.append({"layer": layer.name, "kind": layer.kind, **_worth(whole, without)})
    numbers: dict[str, Any] = {"rows": len(bench.should), "attacked": len(bench.places), "budget": bench.budget}
    asked = {"stack": [stack.name, stack.digest], "layers": [[layer.kind, layer.name, layer.digest] for layer in stack.layers]}
    return Result(
        "defences", f"What each layer of {stack.name} adds",
        {"layers": pd.DataFrame(layers), "contributions": pd.DataFrame(contributions)}, numbers,
        provenance=provenance({**asked, **numbers, "domain": digest(bench.recorded.domain.to_dict())}, seed=bench.setting.seed),
    )  # fmt: skip


def _contribution(layer: str, measure: str, whole: Measurement, without: Measurement) -> dict[str, Any]:
    found = compare_paired(whole.shares[measure], without.shares[measure])
    return {
        "layer": layer, "measure": measure, "with_layer": found.first, "without": found.second,
        "difference": found.difference, "low": found.low, "high": found.high, "p": found.p,
    }  # fmt: skip


def _worth(whole: Measurement, without: Measurement) -> dict[str, Any]:
    """A layer's verdict, and what a fresh attack loses by it."""
    alarms, stopped = (compare_paired(getattr(whole, part), getattr(without, part)) for part in ("refused", "recorded"))
    dearer = bool(alarms.difference > 0 and alarms.p < LEVEL)
    gained = gained_on_replay(without.outcome, whole.outcome) or (stopped.difference < 0 and stopped.p < LEVEL)
    gain = fresh_gain(without.falls, whole.falls)
    ends = (None, None, None) if gain is None else (gain.value, gain.low, gain.high)
    word = verdict_word(gain, gained=gained, overfitted=False, dearer=dearer)
    return {
        "contributes": word in VERDICTS[:2], "verdict": word or NOTHING, "raises_false_alarms": dearer,
        **dict(zip(("fresh_gain", "fresh_gain_low", "fresh_gain_high"), ends, strict=True)),
    }  # fmt: skip
