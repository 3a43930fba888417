"""Accuracy for security: which of several defences are worth their price, and which another one beats in everything.

A defence is *dominated* where another is no worse in all of `AIMS` and better in one. Rates are compared as measured; times and
sizes in steps of `STEP`, ``round(log(x) / log(STEP))``, since two measurements of one program differ by less than that. What was
not measured of either is left out of their comparison, so that nothing is beaten by a blank.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pandas as pd

from workbench.analysis.stats import wilson
from workbench.attacks.approval import require_approval
from workbench.attacks.constraints import Domain
from workbench.attacks.defences.bench import ROWS, Bench, lay_bench, measure_defence
from workbench.attacks.defences.cost import Cost, measure_costs
from workbench.attacks.replay import label_targets
from workbench.attacks.scenarios.trial import Setting
from workbench.attacks.triple import BUDGET
from workbench.errors import InputError
from workbench.models.target import Target
from workbench.result import Result, provenance

AIMS: Final[Mapping[str, int]] = {
    "clean_accuracy": 1, "attack_success": -1, "false_alarms": -1, "latency": -1, "memory": -1, "throughput": 1,
}  # fmt: skip
"""What is weighed: 1 where more is better, -1 where less is."""
RATES: Final = ("clean_accuracy", "attack_success", "false_alarms")
STEP: Final = 1.5
NO_COST: Final = Cost(math.nan, math.nan, math.nan, None)


@dataclass(frozen=True)
class Budget:
    """What a defence may cost at most; None: no limit. Latency in seconds per single row, memory in megabytes."""

    latency: float | None = None
    memory: float | None = None


def weigh_versions(
    versions: Sequence[Target], setting: Setting, budget: Budget | None = None, *, rows: int = ROWS, queries: int = BUDGET,
    domain: Domain | None = None, costs: bool = True,
) -> Result:  # fmt: skip
    """As `weigh`, of versions by their names; the first is the bare model that the recorded attack is made on.

    Parameters
    ----------
    setting
        Clean rows; its target is not asked.
    rows, queries, domain
        As `lay_bench` takes them, queries per row.
    """
    require_approval(versions, setting.approval)
    bench = lay_bench(replace(setting, target=versions[0]), rows=rows, budget=queries, domain=domain)
    return weigh(dict(zip(label_targets(versions), versions, strict=True)), bench, budget, costs=costs)


def weigh(defences: Mapping[str, Target], bench: Bench, budget: Budget | None = None, *, costs: bool = True) -> Result:
    """Measure every defence, and mark those another one beats.

    Parameters
    ----------
    budget
        What one may cost at most.
    costs
        Whether to measure times and sizes, which no two runs find alike; without them, they are missing and not weighed.

    Returns
    -------
    Result
        Of kind ``defences``: table ``front``, a row per defence: the measures of `AIMS` (rates with ``_low`` and ``_high``),
        ``recorded_success``, ``latency_p95``, ``on_front``, ``dominated_by`` (a name or None), ``why`` in words, and
        ``over_budget``, in words with the number (empty where within).

    Raises
    ------
    InputError
        If there are fewer than two.
    """
    if len(defences) < 2:
        raise InputError("nothing to weigh a defence against", list(defences), "Give two or more, the bare model among them.")
    taken = measure_costs(defences, bench.setting.frame) if costs else dict.fromkeys(defences, NO_COST)
    rows = []
    for name, defence in defences.items():
        found, cost = measure_defence(defence, bench), taken[name]
        rates = {part: value for measure in RATES for part, value in _rate(measure, found.shares[measure]).items()}
        rows.append({
            "defence": name, **rates, "recorded_success": float(found.recorded.mean()), "latency": cost.latency,
            "latency_p95": cost.latency_p95, "throughput": cost.throughput, "memory": cost.memory,
        })  # fmt: skip
    table = pd.DataFrame(rows)
    beaten = dominated(table)
    table["on_front"] = [by is None for by, _ in beaten]
    table["dominated_by"] = [None if by is None else table["defence"][by] for by, _ in beaten]
    table["why"] = [_why(table, at, by, better) for at, (by, better) in enumerate(beaten)]
    table["over_budget"] = [_over(row, budget or Budget()) for row in table.to_dict("records")]
    numbers: dict[str, Any] = {"rows": len(bench.should), "attacked": len(bench.places), "budget": bench.budget}
    asked = {name: [defence.name, defence.digest] for name, defence in defences.items()}
    return Result(
        "defences", f"Accuracy, security and cost of {len(defences)} defences", {"front": table}, numbers,
        provenance=provenance({"defences": asked, **numbers}, seed=bench.setting.seed),
    )  # fmt: skip


def dominated(table: pd.DataFrame) -> list[tuple[int | None, Sequence[str]]]:
    """For each row, a row on the front that dominates it and in which of `AIMS` that is better; (None, ()) on the front.

    Parameters
    ----------
    table
        A column per measure of `AIMS`; missing where not measured.
    """
    ranks = np.column_stack([sign * _steps(aim, table[aim]) for aim, sign in AIMS.items()])
    with np.errstate(invalid="ignore"):  # what was not measured compares as neither better nor worse
        worse = (ranks[:, None] < ranks[None]).any(axis=2)
        better = np.asarray(ranks[:, None] > ranks[None])
    beats = np.asarray(~worse & better.any(axis=2))  # [i, j]: i is no worse than j in anything, and better in something
    free = np.asarray(~beats.any(axis=0))
    found: list[tuple[int | None, Sequence[str]]] = []
    for at in range(len(table)):
        by = np.flatnonzero(beats[:, at])
        if not len(by):
            found.append((None, ()))
            continue
        chosen = int(max(by, key=lambda other: (bool(free[other]), int(better[other, at].sum()), -other)))
        found.append((chosen, tuple(np.array(list(AIMS))[better[chosen, at]])))
    return found


def _steps(aim: str, values: pd.Series[Any]) -> np.ndarray:
    numbers = values.to_numpy(dtype=float, na_value=np.nan)
    return numbers if aim in RATES else np.round(np.log(numbers) / math.log(STEP))


def _rate(name: str, hits: np.ndarray) -> dict[str, float]:
    low, high = wilson(int(hits.sum()), len(hits))
    return {name: float(hits.mean()), f"{name}_low": float(low), f"{name}_high": float(high)}


def _why(table: pd.DataFrame, at: int, by: int | None, better: Sequence[str]) -> str:
    if by is None:
        return ""
    parts = [f"{aim.replace('_', ' ')} {_shown(aim, table[aim][by])} to {_shown(aim, table[aim][at])}" for aim in better]
    return f"{table['defence'][by]} is worse in nothing, and better in {', '.join(parts)}"


def _shown(aim: str, value: float) -> str:
    if aim in RATES:
        return f"{100 * value:.3g} %"
    return {"latency": f"{1e3 * value:.3g} ms", "memory": f"{value:.3g} MB"}.get(aim, f"{value:,.0f} rows/s")


def _over(row: Mapping[Any, Any], budget: Budget) -> str:
    said = []
    for aim, limit in (("latency", budget.latency), ("memory", budget.memory)):
        value = row[aim]
        if limit is not None and pd.isna(value):
            said.append(f"{aim} not measured, budget {_shown(aim, limit)}")
        elif limit is not None and value > limit:
            said.append(f"{aim} {_shown(aim, value)}, budget {_shown(aim, limit)}")
    return "; ".join(said)
