"""Whom a model gives away: membership inference within each part of the people, against memberships that were shuffled.

A model that hides its training data well on average may still know a small group by heart. All parts are looked at together, and
a part's p-value counts how often the shuffled memberships look as bad in any of them (max-T, Westfall & Young 1993).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from workbench.attacks.generators.inference import SHUFFLES, ask_members, auc_interval, auc_of
from workbench.attacks.scenarios.trial import Setting
from workbench.predicate import ALL_ROWS, Predicate, equals
from workbench.result import SMALL_CELL, Result, provenance

LEVEL: Final = 0.05


def measure_exposure(
    setting: Setting, slices: Sequence[Predicate | str] = (), *, shuffles: int = SHUFFLES, outsiders: bool = False
) -> Result:
    """How well those a model was trained on can be told from others, over all rows and part by part.

    Parameters
    ----------
    setting
        With labels, ``fit`` and, for `slices`, every column of the rows.
    slices
        Further parts, beside all rows and every value of every group.
    shuffles
        Of the memberships, over all rows at once.
    outsiders
        Compare two thirds neither of which was trained on: nobody can be told then.

    Returns
    -------
    Result
        Of kind ``exposure``. ``tables["slices"]`` has a row per part, the most exposed first: ``attribute`` (the group whose
        value it is, else empty), ``where``, ``n`` (rows asked: ``members`` and ``others``), ``auc`` (0.5 = not told, 1 =
        always) with ``low`` and ``high``, ``z`` (of the AUC under no difference), ``p_adjusted`` over all parts, ``suppressed``.
        A part with fewer than `SMALL_CELL` members or others is not measured. ``numbers["exposed"]`` counts the parts that
        are told at p below `LEVEL`.

    Raises
    ------
    InputError
        Without labels or ``fit``.
    """
    chosen = [("", ALL_ROWS), *_group_values(setting), *(("", _parsed(where)) for where in slices)]
    sure, inside, places = ask_members(setting, outsiders=outsiders)
    rows = (setting.rows if setting.rows is not None else setting.frame).iloc[places].reset_index(drop=True)
    parts = [np.flatnonzero(where.mask(rows)) for _, where in chosen]
    large = [part for part in parts if min(inside[part].sum(), (~inside[part]).sum()) >= SMALL_CELL]
    ranks = [rankdata(sure[part]) for part in large]
    null = _worst_of_shuffles(large, ranks, inside, setting.generator(53), shuffles)
    table = pd.DataFrame([
        {"attribute": attribute, "where": str(where), **_exposed(sure[part], inside[part], null)}
        for (attribute, where), part in zip(chosen, parts, strict=True)
    ]).sort_values("z", ascending=False, ignore_index=True)  # fmt: skip
    arguments = {"slices": list(map(str, slices)), "shuffles": shuffles, "outsiders": outsiders}
    return Result(
        kind="exposure",
        title="Whom a model so trained gives away",
        tables={"slices": table},
        numbers={"rows": len(places), "exposed": int((table["p_adjusted"] < LEVEL).sum())},
        provenance=provenance(arguments, seed=setting.seed),
    )


def _parsed(where: Predicate | str) -> Predicate:
    return Predicate.parse(where) if isinstance(where, str) else where


def _group_values(setting: Setting) -> list[tuple[str, Predicate]]:
    return [
        (name, equals(name, value))
        for name, values in setting.groups.items()
        for value in sorted(pd.Series(values).dropna().unique().tolist())
    ]


def _exposed(sure: np.ndarray, inside: np.ndarray, null: np.ndarray) -> dict[str, object]:
    """What is told of one part; nothing but its size where it is small."""
    members, others = int(inside.sum()), int((~inside).sum())
    told = {"n": len(inside), "members": members, "others": others}
    if min(members, others) < SMALL_CELL:
        return {**told, "auc": np.nan, "low": np.nan, "high": np.nan, "z": np.nan, "p_adjusted": np.nan, "suppressed": True}
    auc, z = _told(rankdata(sure), inside)
    low, high = auc_interval(auc, members, others)
    p = float((1 + (null >= z).sum()) / (1 + len(null)))
    return {**told, "auc": auc, "low": low, "high": high, "z": z, "p_adjusted": p, "suppressed": False}


def _worst_of_shuffles(
    parts: Sequence[np.ndarray], ranks: Sequence[np.ndarray], inside: np.ndarray, chance: np.random.Generator, shuffles: int
) -> np.ndarray:
    """The largest z of any part under each shuffle, shape (shuffles,)."""
    worst = np.full(shuffles, -np.inf)
    for shuffle in range(shuffles):
        mixed = chance.permutation(inside)
        for part, ranked in zip(parts, ranks, strict=True):
            worst[shuffle] = max(worst[shuffle], _told(ranked, mixed[part])[1])
    return worst


def _told(ranks: np.ndarray, inside: np.ndarray) -> tuple[float, float]:
    """AUC of telling members, and its z under no difference (ties make it a little small)."""
    ones, zeros = int(inside.sum()), int((~inside).sum())
    if not ones or not zeros:
        return 0.5, 0.0
    auc = auc_of(ranks, inside)
    return auc, (auc - 0.5) / float(np.sqrt((ones + zeros + 1) / (12 * ones * zeros)))
