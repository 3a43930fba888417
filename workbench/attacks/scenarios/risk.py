"""What attacks cost: expected loss under a stated mix of attackers, money at risk, and which scenarios tell attack from noise.

The mix is an assumption of whoever states it, not a measurement: it is shown beside every number that follows from it.
Intervals carry the uncertainty of the measured failure rates only (Wilson ends through a weighted sum: Zou & Donner 2008, Stat
Med 27:1693).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd

from workbench.attacks.scenarios.located import read_located
from workbench.errors import InputError, UnknownNameError
from workbench.result import Result, provenance

TOLD: Final = ("covered", "noisy", "missed", "not measured")
"""*Covered*: scenario and twin held. *Noisy*: the twin failed, so nothing follows. *Missed*: only the scenario failed."""

SHAPE: Final = "Write `SCENARIO: {per_month: NUMBER, cost: NUMBER}`, a line per scenario."


@dataclass(frozen=True)
class Attempts:
    """How often a scenario is tried, and what one failure costs.

    Attributes
    ----------
    per_month
        Attempts (or faulty requests) per month.
    cost
        Of one failure, in money.
    """

    per_month: float
    cost: float

    def __post_init__(self) -> None:
        if not all(math.isfinite(value) and value >= 0 for value in (self.per_month, self.cost)):
            raise InputError("a mix that costs nothing sensible", self, "Give attempts and cost, 0 or more.")


def money_at_risk(results: Sequence[Result], mix: Mapping[str, Attempts]) -> pd.DataFrame:
    """Expected loss per month of each scenario of the mix, and of all together.

    Parameters
    ----------
    results
        Of `rehearse`, whose measure is a share of attempts.
    mix
        From a scenario's name to how often it is tried, and the cost.

    Returns
    -------
    pandas.DataFrame
        ``scenario per_month cost rate loss low high``; last the row ``all``. A scenario that measured nothing has no loss, and
        then neither has ``all``: what was not measured is not free.

    Raises
    ------
    UnknownNameError
        For a scenario that was not run; lists those that were.
    InputError
        For a measure that is no share.
    """
    found = {str(result.numbers["name"]): result for result in results}
    rows = []
    for name, attempts in mix.items():
        if name not in found:
            raise UnknownNameError("scenario among the results", name, found)
        rate, low, high = (_share(found[name], part) for part in ("value", "low", "high"))
        scale = attempts.per_month * attempts.cost
        rows.append({
            "scenario": name, "per_month": attempts.per_month, "cost": attempts.cost, "rate": rate,
            "loss": _times(rate, scale), "low": _times(low, scale), "high": _times(high, scale),
        })  # fmt: skip
    return pd.DataFrame([*rows, _total(rows)])


def read_mix(path: Path | str) -> dict[str, Attempts]:
    """The mix that a YAML file states: a scenario's name to ``per_month`` and ``cost``.

    Raises
    ------
    InputError
        If the file cannot be read, or for anything else than that, with the line.
    """
    stated = read_located(path, "mix")
    mix = {}
    for name, said in stated.form.items():
        numbers = said if isinstance(said, Mapping) else {}
        if set(numbers) != {"per_month", "cost"} or not all(
            isinstance(value, int | float) and not isinstance(value, bool) for value in numbers.values()
        ):
            raise stated.refusal("something else than a mix", str(name), SHAPE)
        mix[str(name)] = Attempts(**{key: float(value) for key, value in numbers.items()})
    if not mix:
        raise InputError("a mix that states nothing", str(path), SHAPE)
    return mix


def assess_risk(results: Sequence[Result], mix: Mapping[str, Attempts]) -> Result:
    """Money at risk, the failure rate of an attempt of the mix, and which scenarios tell attack from noise.

    Returns
    -------
    Result
        Of kind ``risk``: tables ``money`` (`money_at_risk`) and ``told`` (`told_apart`); numbers ``risk low high``, of an attempt
        drawn from the mix (`adversarial_risk`), and ``attempts`` per month.
    """
    attempts = sum(item.per_month for item in mix.values())
    if not attempts:
        raise InputError("a mix in which nobody tries anything", attempts, "Give attempts per month above 0.")
    shares = {name: item.per_month / attempts for name, item in mix.items()}
    tables = {"money": money_at_risk(results, mix), "told": told_apart(results)}
    numbers: dict[str, Any] = {**adversarial_risk(results, shares), "attempts": attempts}
    asked = {"mix": {name: asdict(item) for name, item in mix.items()}, "runs": [result.digest for result in results]}
    return Result("risk", f"What {len(mix)} scenarios put at risk", tables, numbers, provenance=provenance(asked))


def adversarial_risk(results: Sequence[Result], shares: Mapping[str, float]) -> dict[str, float | None]:
    """Failure rate of an attempt drawn from a mix of attackers: ``risk low high`` in [0, 1]; None where a part was not measured.

    Parameters
    ----------
    shares
        From a scenario's name to its share of attempts; they add up to 1.

    Raises
    ------
    InputError
        If they do not.
    """
    if not math.isclose(sum(shares.values()), 1.0, abs_tol=1e-9):
        raise InputError("shares of attempts that do not add up to 1", sum(shares.values()), "Mend the mix.")
    total = money_at_risk(results, {name: Attempts(share, 1.0) for name, share in shares.items()}).iloc[-1]
    parts = {"risk": total["loss"], "low": total["low"], "high": total["high"]}
    return {name: None if pd.isna(value) else float(value) for name, value in parts.items()}


def told_apart(results: Sequence[Result]) -> pd.DataFrame:
    """Each scenario as a word of `TOLD`, with the outcomes of the attack and of its benign twin."""
    rows = []
    for result in results:
        attack, twin = str(result.numbers["outcome"]), str(result.numbers["twin"])
        word = "noisy" if twin == "failed" else {"held": "covered", "failed": "missed"}.get(attack, "not measured")
        word = "not measured" if word == "covered" and twin != "held" else word
        rows.append({"scenario": result.numbers["name"], "attack": attack, "benign_twin": twin, "told": word})
    return pd.DataFrame(rows, columns=["scenario", "attack", "benign_twin", "told"])


def _share(result: Result, part: str) -> float | None:
    value = result.numbers[part]
    if value is None:
        return None
    if not isinstance(value, int | float) or not 0 <= value <= 1:
        raise InputError(f"the measure of {result.numbers['name']} is no share", value, "Leave it out of the mix.")
    return float(value)


def _times(value: float | None, scale: float) -> float | None:
    return None if value is None else value * scale


def _total(rows: Sequence[Mapping[str, object]]) -> dict[str, object]:
    """The sum, with the interval of a sum of independent estimates."""
    table = pd.DataFrame(rows)
    total: dict[str, object] = {"scenario": "all", "per_month": table["per_month"].sum(), "cost": None, "rate": None}
    if table["loss"].isna().any():
        return {**total, "loss": None, "low": None, "high": None}
    loss = table["loss"].astype(float)
    below = math.sqrt(float(((loss - table["low"].astype(float)) ** 2).sum()))
    above = math.sqrt(float(((table["high"].astype(float) - loss) ** 2).sum()))
    return {**total, "loss": float(loss.sum()), "low": float(loss.sum()) - below, "high": float(loss.sum()) + above}
