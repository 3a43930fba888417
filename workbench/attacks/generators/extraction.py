"""A scenario that steals a model: a copy is fitted to the answers to a budget of queries, and attacked in its place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from workbench.attacks.constraints import Domain
from workbench.attacks.decisions import decision_texts
from workbench.attacks.evasion import evade, judge_attack
from workbench.attacks.scenarios.trial import Setting, Trial, share_columns
from workbench.errors import InputError
from workbench.models.python import python_target
from workbench.models.target import Target
from workbench.registry import scenarios

BUDGETS: Final = (50, 200, 1000)


@scenarios.register("extraction")
def extraction(setting: Setting, *, budgets: Sequence[int] = BUDGETS, transfer: int = 20, random_answers: bool = False) -> Trial:
    """Agreement of a copy with the target on the setting's rows, at the last of `budgets`.

    Parameters
    ----------
    budgets
        Queries the thief can spend, ascending; inputs are drawn over the domain, so that no row of the log is needed.
    transfer
        Rows attacked through the copy; how many of those attacks work on the target is the transfer rate. 0: none.
    random_answers
        The thief is answered at random: the benign twin, whose agreement is what guessing gives.
    """
    own = decision_texts(setting.clean.decision)
    setting.require_decisions()
    decided = np.array([text is not None for text in own])
    domain = setting.domain
    curve, copy = [], None
    for at, budget in enumerate(budgets):
        chance = setting.generator(60, at)
        copy = _copy(setting, domain, budget, chance, random_answers=random_answers)
        agreed = (decision_texts(copy.predict(setting.frame).decision) == own)[decided]
        curve.append({"queries": budget, **share_columns(int(agreed.sum()), int(decided.sum()))})
    table = pd.DataFrame(curve).rename(columns={"failures": "agreed"})
    last = curve[-1]
    outcomes: dict[str, Any] = {str(name): value for name, value in table.iloc[-1].items()}
    if transfer and copy is not None and not random_answers:
        outcomes |= _transfer(setting, copy, transfer)
    return Trial(
        f"agreement of a copy after {budgets[-1]} queries", last["rate"], last["low"], last["high"],
        {"outcomes": pd.DataFrame([outcomes]), "curve": table}, {}, agreed, np.flatnonzero(decided),
    )  # fmt: skip


def _copy(setting: Setting, domain: Domain, budget: int, chance: np.random.Generator, *, random_answers: bool) -> Target:
    from sklearn.ensemble import RandomForestClassifier

    drawn = domain.random(chance, budget)
    like = setting.frame.iloc[chance.integers(0, len(setting), budget)].reset_index(drop=True)
    drawn = np.where(np.isnan(drawn), domain.encode(like), drawn)
    texts = decision_texts(setting.target.predict(domain.decode(drawn, like)).decision)
    known = np.array([text is not None for text in texts])
    if not known.any():
        raise InputError("the target answered no query", setting.target.name, "Look at its errors.")
    answers = np.array([str(text) for text in texts[known]])
    if random_answers:
        answers = chance.choice(np.unique(answers), len(answers))
    model = RandomForestClassifier(n_estimators=50, random_state=int(chance.integers(2**31)), n_jobs=1)
    model.fit(np.nan_to_num(drawn[known]), answers)

    def decide(frame: pd.DataFrame) -> np.ndarray:
        return np.asarray(model.predict(np.nan_to_num(domain.encode(frame))), dtype=object)

    return python_target(decide, name="copy", digest="not asked for")


def _transfer(setting: Setting, copy: Target, rows: int) -> dict[str, Any]:
    """Attacks found on the copy, tried on the target."""
    chosen = setting.generator(61).choice(len(setting), min(rows, len(setting)), replace=False)
    part = setting.take(np.sort(chosen)).frame
    found = evade(copy, part, setting.domain, budget=100, seed=setting.seed)
    judged = judge_attack(setting.target, part, found.adversarial, setting.domain)
    counted = share_columns(int((judged.success & found.success).sum()), int(found.success.sum()))
    return {f"transfer_{name}": counted[name] for name in ("trials", "failures", "rate", "low", "high")}
