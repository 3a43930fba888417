"""Which features account for a difference, when there are too many to make strata of: the Oaxaca-Blinder decomposition.

A straight line is fitted to the outcome in each group; the difference of the means is then, exactly, what the groups' mean
features explain and what they do not (Oaxaca 1973, Int Econ Rev 14:693; Blinder 1973, J Hum Resour 8:436). Twofold explains by
the line fitted to both groups with a term for the group (Jann 2008, Stata Journal 8:453); threefold takes the reference as it is.
Only the explained part is told feature by feature: how the rest falls on features depends on what is called zero.

A rate is taken as the mean of zeros and ones (a linear probability model): the sums are exact, the line is an approximation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from scipy import special

from workbench.analysis.measures import LABELS, available_measures, share_flags
from workbench.analysis.pairs import choose_pair
from workbench.data.dataset import Dataset
from workbench.data.encode import fit_codings
from workbench.errors import InputError
from workbench.result import Result, provenance

BLOCKS: Final = 100
"""Random parts of the rows; leaving out one at a time gives the standard errors (grouped jackknife, Wolter 2007, chapter 4)."""
COMPONENTS: Final = {
    "twofold": ("explained", "unexplained"),
    "threefold": ("endowments", "coefficients", "interaction"),
}
MEANING: Final = {
    "explained": "the groups' features differ on average",
    "unexplained": "the same features go with another outcome",
    "endowments": "the group's features, at the reference's line",
    "coefficients": "the group's line, at the reference's features",
    "interaction": "features and lines differ together",
}


def decompose_by_features(
    dataset: Dataset,
    features: Sequence[str] | None = None,
    attribute: str | None = None,
    *,
    group: object = None,
    reference: object = "most favored",
    measure: str | None = None,
    top: int = 10,
    seed: int = 0,
    confidence: float = 0.95,
) -> Result:
    """Part the difference of a measure between two groups by features.

    Parameters
    ----------
    features
        None: the dataset's features that are no group. Numbers enter as they are (missing: the mean, and a term of its own);
        texts as their `top` values, the rest together.
    attribute, group, reference, measure
        As in `workbench.analysis.decomposition.decompose`.

    Returns
    -------
    Result
        Table ``components``: ``fold, component, value, low, high, share, meaning``; those of a fold sum to the difference.
        Table ``features``, the largest first: what each adds to the twofold explained part, with interval. Weights count in
        every value; ``numbers`` are rows.

    Raises
    ------
    InputError
        If no feature varies, or a group has fewer rows than there are terms.
    """
    pair = choose_pair(dataset, attribute, group=group, reference=reference)
    chosen = measure or available_measures(dataset)[0]
    hit, among = share_flags(dataset, [chosen])[chosen]
    named = features if features is not None else [name for name in dataset.features if name not in dataset.roles.groups]
    used = [name for name in named if name not in pair.columns]
    kept = np.flatnonzero(among & (pair.inside | pair.outside))
    terms, owner = design(dataset.frame.iloc[kept], used, top)
    inside, outcome = pair.inside[kept], hit[kept].astype(float)
    if min(int(inside.sum()), int((~inside).sum())) <= terms.shape[1]:
        raise InputError("too few rows for so many terms", terms.shape[1], "Name fewer features.")
    moments = _block_moments(terms, outcome, inside, dataset.weights[kept], seed)
    whole = _parts(moments.sum(axis=0), owner, len(used))
    spread = _jackknife(moments, owner, len(used))
    half = float(special.ndtri((1 + confidence) / 2)) * spread
    components, by_feature = _tables(whole, half, used)
    arguments = {
        **pair.said(), "features": used, "measure": chosen, "top": top, "confidence": confidence, "roles": dataset.given.said(),
    }  # fmt: skip
    return Result(
        kind="oaxaca",
        title=f"{LABELS[chosen]} of {pair.group} against {pair.reference}, by features",
        tables={"components": components, "features": by_feature},
        numbers={
            "rows": int(inside.sum()), "rows_reference": int((~inside).sum()), "difference": float(whole[0]),
            "terms": terms.shape[1],
        },
        where=dataset.where,
        provenance=provenance(arguments, seed=seed, fingerprint=dataset.fingerprint),
    )  # fmt: skip


def design(frame: pd.DataFrame, features: Sequence[str], top: int) -> tuple[np.ndarray, np.ndarray]:
    """The terms of a line, the constant first, shape (rows, terms), and the feature each belongs to (-1: the constant)."""
    columns, owner = [np.ones(len(frame))], [-1]
    for number, name in enumerate(features):
        series = frame[name]
        if pd.api.types.is_numeric_dtype(series) and not pd.api.types.is_bool_dtype(series):
            values = series.to_numpy(dtype=float, na_value=np.nan)
            absent = ~np.isfinite(values)
            if absent.all() or np.ptp(values[~absent]) == 0:
                continue
            spread, mean = values[~absent].std(), values[~absent].mean()
            made = [np.where(absent, 0.0, (values - mean) / spread)] + ([absent.astype(float)] if absent.any() else [])
        else:
            made = [code for coding in fit_codings(frame, [name], top=top) for code in _dummies(coding.apply(series))]
        columns += made
        owner += [number] * len(made)
    if len(columns) == 1:
        raise InputError("no feature varies", ", ".join(features) or "none given", "Name other features.")
    return np.column_stack(columns), np.array(owner)


def _dummies(codes: np.ndarray) -> list[np.ndarray]:
    """One column per code but the first that occurs."""
    return [(codes == code).astype(float) for code in np.unique(codes)[1:]]


def _block_moments(terms: np.ndarray, outcome: np.ndarray, inside: np.ndarray, weights: np.ndarray, seed: int) -> np.ndarray:
    """Weighted sums of products per block and group, shape (blocks, 2, terms + 1, terms + 1), the outcome last."""
    block = np.random.default_rng(seed).permutation(len(outcome)) % BLOCKS
    moments = np.empty((BLOCKS, 2, terms.shape[1] + 1, terms.shape[1] + 1))
    both = np.column_stack([terms, outcome])
    for number in range(BLOCKS):
        for side, flag in enumerate((inside, ~inside)):
            chosen = (block == number) & flag
            rows = both[chosen]
            moments[number, side] = (rows.T * weights[chosen]) @ rows
    return moments


def _parts(moments: np.ndarray, owner: np.ndarray, features: int) -> np.ndarray:
    """Difference, then the parts of both folds in the order of `COMPONENTS`, then what each feature explains."""
    means = moments[:, 0, :-1] / moments[:, 0, :1]
    rates = moments[:, 0, -1] / moments[:, 0, 0]
    beta = np.stack([_fit(side[:-1, :-1], side[:-1, -1]) for side in moments])
    pooled = _fit_with_group(moments)
    apart = means[0] - means[1]
    explained = apart * pooled
    difference = rates[0] - rates[1]
    endowments, coefficients = apart @ beta[1], means[1] @ (beta[0] - beta[1])
    folds = [explained.sum(), difference - explained.sum(), endowments, coefficients, apart @ (beta[0] - beta[1])]
    by_feature = np.bincount(owner[1:], weights=explained[1:], minlength=features)
    return np.concatenate([[difference], folds, by_feature])


def _fit(products: np.ndarray, outcome: np.ndarray) -> np.ndarray:
    return np.asarray(np.linalg.lstsq(products, outcome, rcond=1e-10)[0])


def _fit_with_group(moments: np.ndarray) -> np.ndarray:
    """The line of both groups together, fitted beside a term that is 1 in the group; without that term."""
    size = moments.shape[-1] - 1
    products, outcome = np.zeros((size + 1, size + 1)), np.zeros(size + 1)
    products[:size, :size], outcome[:size] = moments[:, :-1, :-1].sum(axis=0), moments[:, :-1, -1].sum(axis=0)
    products[size, :size] = products[:size, size] = moments[0, 0, :-1]
    products[size, size], outcome[size] = moments[0, 0, 0], moments[0, 0, -1]
    return _fit(products, outcome)[:size]


def _jackknife(moments: np.ndarray, owner: np.ndarray, features: int) -> np.ndarray:
    """Standard errors of the parts, by leaving out one block at a time."""
    total = moments.sum(axis=0)
    left = np.stack([_parts(total - block, owner, features) for block in moments])
    return np.asarray(np.sqrt((BLOCKS - 1) / BLOCKS * ((left - left.mean(axis=0)) ** 2).sum(axis=0)))


def _tables(whole: np.ndarray, half: np.ndarray, features: Sequence[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    difference = float(whole[0])
    names = [(fold, name) for fold, parts in COMPONENTS.items() for name in parts]
    rows: list[dict[str, Any]] = []
    for at, (fold, name) in enumerate(names, 1):
        rows.append({"fold": fold, "component": name, **_told(whole[at], half[at], difference), "meaning": MEANING[name]})
    first = len(names) + 1
    told = [{"feature": name, **_told(whole[at], half[at], difference)} for at, name in enumerate(features, first)]
    table = pd.DataFrame(told)
    order = np.argsort(-table["value"].abs().to_numpy(), kind="stable")
    return pd.DataFrame(rows), table.iloc[order].reset_index(drop=True)


def _told(value: float, half: float, difference: float) -> dict[str, float]:
    share = float(value) / difference if difference else np.nan
    return {"value": float(value), "low": float(value - half), "high": float(value + half), "share": share}
