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

from workbench.attacks.inference import ask_members, auc_of
from workbench.attacks.trial import Setting
from workbench.errors import InputError
from workbench.predicate import Predicate, equals
from workbench.result import SMALL_CELL

SHUFFLES: Final = 999


def exposure_by_slice(
    setting: Setting, slices: Sequence[Predicate | str] | None = None, *, shuffles: int = SHUFFLES, outsiders: bool = False
) -> pd.DataFrame:
    """How well members can be told from others, slice by slice.

    Parameters
    ----------
    setting
        With labels, ``fit`` and, for `slices`, every column of the rows.
    slices
        The parts; None: every value of every group.
    shuffles
        Of the memberships, over all rows at once.
    outsiders
        Compare two thirds neither of which was trained on: nobody can be told then.

    Returns
    -------
    pandas.DataFrame
        A row per slice, the most exposed first: ``where``, ``members``, ``others``, ``auc`` (0.5 = not told, 1 = always),
        ``z`` (of the AUC under no difference), ``p_adjusted`` over all slices, ``suppressed``. A slice with fewer than
        `SMALL_CELL` members or others is not measured.

    Raises
    ------
    InputError
        Without labels, ``fit``, groups or slices.
    """
    chosen = _group_values(setting) if slices is None else [_parsed(where) for where in slices]
    if not chosen:
        raise InputError("no parts of the people to look at", None, "Give the role `groups`, or slices.")
    sure, inside, places = ask_members(setting, outsiders=outsiders)
    rows = (setting.rows if setting.rows is not None else setting.frame).iloc[places].reset_index(drop=True)
    parts = [np.flatnonzero(where.mask(rows)) for where in chosen]
    large = [part for part in parts if min(inside[part].sum(), (~inside[part]).sum()) >= SMALL_CELL]
    ranks = [rankdata(sure[part]) for part in large]
    null = _worst_of_shuffles(large, ranks, inside, setting.generator(53), shuffles)
    table = []
    for where, part in zip(chosen, parts, strict=True):
        members, others = int(inside[part].sum()), int((~inside[part]).sum())
        auc, z = _told(rankdata(sure[part]), inside[part]) if min(members, others) >= SMALL_CELL else (np.nan, np.nan)
        p = float((1 + (null >= z).sum()) / (1 + shuffles)) if z == z else np.nan  # noqa: PLR0124  NaN
        table.append({"where": str(where), "members": members, "others": others, "auc": auc, "z": z, "p_adjusted": p,
                      "suppressed": bool(np.isnan(z))})  # fmt: skip
    return pd.DataFrame(table).sort_values("z", ascending=False, ignore_index=True)


def _parsed(where: Predicate | str) -> Predicate:
    return Predicate.parse(where) if isinstance(where, str) else where


def _group_values(setting: Setting) -> list[Predicate]:
    return [
        equals(name, value)
        for name, values in setting.groups.items()
        for value in sorted(pd.Series(values).dropna().unique().tolist())
    ]


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
