"""How often the four-fifths rule cries wolf: its verdict on groups of these sizes if there were no disparity at all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd

from workbench.analysis.disparity.counts import GroupCounts
from workbench.analysis.disparity.tables import FOUR_FIFTHS

DRAWS: Final = 1_000


def false_alarm_rate(trials: np.ndarray, rate: float, seed: int, draws: int = DRAWS) -> float:
    """The share of draws in which the lowest of the groups' rates is below four fifths of the highest, under exact parity.

    Parameters
    ----------
    trials
        Rows per group, shape (groups,).
    rate
        The selection rate that all groups are given.
    seed, draws
        Of the simulation; its standard error is at most ``0.5 / sqrt(draws)``.

    Returns
    -------
    float
        NaN for fewer than two groups with rows.
    """
    sizes = np.round(trials[trials >= 0.5]).astype(np.int64)
    if len(sizes) < 2 or not 0 <= rate <= 1:
        return float("nan")
    rates = np.random.default_rng(seed).binomial(sizes, rate, size=(draws, len(sizes))) / sizes
    return float((rates.min(axis=1) < FOUR_FIFTHS * rates.max(axis=1)).mean())


def rule_table(levels: Sequence[GroupCounts], seed: int) -> pd.DataFrame:
    """A row per level: how many groups, whether the raw rule sounds on them, and how often it would under exact parity.

    The raw rule of 29 CFR 1607.4(D): some group's selection rate is below four fifths of the highest.
    """
    rows = []
    for counts in levels:
        hits, trials = counts.sample("selection_rate")
        present = trials > 0
        rates = hits[present] / trials[present]
        pooled = float(counts.hits("selection_rate").sum() / counts.trials("selection_rate").sum())
        lowest, highest = (float(rates.min()), float(rates.max())) if len(rates) else (np.nan, np.nan)
        rows.append({
            "attributes": ", ".join(counts.attributes),
            "measure": "selection_rate",
            "groups": int(present.sum()),
            "lowest_over_highest": lowest / highest if highest else np.nan,
            "sounds": bool(lowest < FOUR_FIFTHS * highest),
            "false_alarm_rate": false_alarm_rate(trials, pooled, seed),
            "draws": DRAWS,
        })  # fmt: skip
    return pd.DataFrame(rows)
