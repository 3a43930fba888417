"""Which attacks carry over: made on one model, tried on every other; what an ensemble of them can be worth.

All members are attacked on the same rows, those that every one of them decides rightly. Cell (i, j) is the share of these rows on
which the attack made on i is a valid success on j::

    T[i, j] = sum over rows of [attack on i succeeds on i] * [j decides it, and not rightly] / rows

so that ``T[i, j] <= T[i, i]``, the success of the attack on i itself; 0 off the diagonal: no attack carries over.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from workbench.attacks.approval import require_approval
from workbench.attacks.decisions import decision_texts
from workbench.attacks.defences.bench import ROWS, attacked_places, decided_texts, is_right, judged
from workbench.attacks.evasion import evade
from workbench.attacks.scenarios.trial import Setting
from workbench.attacks.triple import BUDGET
from workbench.attacks.verdict import FAIL, rate
from workbench.errors import InputError
from workbench.models.target import Target
from workbench.result import Result, provenance


def transfer_matrix(members: Mapping[str, Target], setting: Setting, *, rows: int = ROWS, budget: int = BUDGET) -> Result:
    """Attack every member, and try each attack on all of them.

    Parameters
    ----------
    setting
        Clean rows with labels; its target is not asked.
    rows
        Rows attacked at most.
    budget
        Queries per row.

    Returns
    -------
    Result
        Of kind ``defences``: table ``transfer``, a row per pair: ``made_on tried_on attacked successes rate low high``; numbers
        ``rows attacked budget``, and ``carried``: the mean of the cells off the diagonal.

    Raises
    ------
    InputError
        For fewer than two members, fewer than twenty rows that all decide rightly, or a member that answers with errors.
    """
    require_approval(list(members.values()), setting.approval)
    if len(members) < 2:
        raise InputError("nothing to carry over to", list(members), "Give two or more members.")
    label = decision_texts(np.asarray(setting.require_label(), dtype=object))
    right = np.all([is_right(decided_texts(member.predict(setting.frame)), label) for member in members.values()], axis=0)
    places = attacked_places(setting, right, rows)
    frame, away = setting.frame.iloc[places].reset_index(drop=True), label[places]
    table: list[dict[str, Any]] = []
    for name, member in members.items():
        attack = evade(
            member, frame, setting.domain, away_from=away, budget=budget, seed=setting.seed, approval=setting.approval
        )  # fmt: skip
        attack.require_answers(member)
        for other, tried in members.items():
            carried = attack.success & (judged(tried.predict(attack.adversarial), away) == FAIL)
            table.append(_cell(name, other, carried))
    off = [row["rate"] for row in table if row["made_on"] != row["tried_on"]]
    numbers: dict[str, Any] = {
        "rows": len(label), "attacked": len(places), "budget": budget, "carried": float(np.mean(off)),
    }  # fmt: skip
    asked = {name: [member.name, member.digest] for name, member in members.items()}
    return Result(
        "defences", f"Attacks carried over between {len(members)} models", {"transfer": pd.DataFrame(table)}, numbers,
        provenance=provenance({"members": asked, **numbers}, seed=setting.seed),
    )  # fmt: skip


def _cell(made_on: str, tried_on: str, carried: np.ndarray) -> dict[str, Any]:
    share = dict(zip(("rate", "low", "high"), rate(int(carried.sum()), len(carried)), strict=True))
    return {"made_on": made_on, "tried_on": tried_on, "attacked": len(carried), "successes": int(carried.sum()), **share}
