"""Rates of tiny groups drawn towards the rate of the others, by as much as their own data leave open.

Each group's rate is taken as drawn from one beta distribution over the groups of a level, fitted to them (empirical Bayes, as in
Efron & Morris 1975, JASA 70:311, for rates); the posterior of a group is then beta as well. These are estimates *under that
model*, labelled as such: they are steadier than the raw rates, and biased towards the mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import pandas as pd
from scipy import special

from workbench.analysis.disparity.counts import COUNTED, GroupCounts

LEAST_GROUPS: Final = 3
LARGEST_PRIOR: Final = 1e6
"""Rows the prior counts for where the groups spread no more than chance: as good as one rate for all."""


class Prior(NamedTuple):
    """A beta distribution by its mean and how many rows it counts for."""

    mean: float
    rows: float


def fit_prior(hits: np.ndarray, trials: np.ndarray) -> Prior:
    """The beta prior by moments: the spread of the rates beyond what binomial chance explains (Kleinman 1973, JASA 68:46).

    Parameters
    ----------
    hits, trials
        Shape (groups,), every trial above 0.
    """
    rates, size = hits / trials, len(trials)
    mean = hits.sum() / trials.sum()
    scatter = (trials * (rates - mean) ** 2).sum()
    chance = mean * (1 - mean) * (size - 1)
    spread = trials.sum() - (trials**2).sum() / trials.sum()
    between = (scatter - chance) / max(spread - (size - 1), 1e-12)
    if between <= 0 or not 0 < mean < 1:
        return Prior(float(mean), LARGEST_PRIOR)
    return Prior(float(mean), float(np.clip(mean * (1 - mean) / between - 1, 1e-3, LARGEST_PRIOR)))


def shrunk_table(levels: Sequence[GroupCounts], measures: Sequence[str], confidence: float) -> pd.DataFrame:
    """A row per group and share: raw rate, posterior mean and posterior interval, for levels of at least three groups."""
    parts = []
    for counts in levels:
        for measure in (name for name in measures if name in COUNTED):
            at = np.flatnonzero(counts.trials(measure) > 0)
            if len(at) >= LEAST_GROUPS:
                parts.append(_rows(counts, at, measure, confidence))
    columns = ["measure", "group", "value", "shrunk", "low", "high", "n", "prior_mean", "prior_rows", "attributes", "where"]
    return pd.DataFrame({name: np.concatenate([part[name] for part in parts]) if parts else [] for name in columns})


def _rows(counts: GroupCounts, at: np.ndarray, measure: str, confidence: float) -> dict[str, np.ndarray]:
    hits, trials = (part[at] for part in counts.sample(measure))
    prior = fit_prior(hits, trials)
    alpha, beta = prior.mean * prior.rows + hits, (1 - prior.mean) * prior.rows + trials - hits
    ends = ((1 - confidence) / 2, (1 + confidence) / 2)
    low, high = (special.betaincinv(np.maximum(alpha, 1e-9), np.maximum(beta, 1e-9), end) for end in ends)
    size = len(hits)
    return {
        "measure": np.full(size, measure, dtype=object),
        "group": np.asarray(counts.labels, dtype=object)[at],
        "value": hits / trials,
        "shrunk": alpha / (alpha + beta),
        "low": low,
        "high": high,
        "n": counts.people(measure)[at].astype(int),
        "prior_mean": np.full(size, prior.mean),
        "prior_rows": np.full(size, prior.rows),
        "attributes": np.full(size, ", ".join(counts.attributes), dtype=object),
        "where": np.asarray(counts.where, dtype=object)[at],
    }
