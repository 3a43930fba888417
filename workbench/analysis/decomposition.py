"""Why two groups' rates differ: because they are made up differently, or because like is not treated alike.

The difference of two rates is parted over strata (charge degree, prior offences, branch …) into *composition*, what would be left
if both groups had the same rate in each stratum, and *rate*, what would be left if both were made up of the strata alike
(Kitagawa 1955, JASA 50:1168). Twofold weighs each side by the mean of both groups; threefold takes the reference as it is and
keeps the interaction apart. Strata that only one group has cannot be compared; what they contribute is told on its own (Ñopo
2008, Rev Econ Stat 90:290). The parts sum to the difference exactly.

What composition accounts for is not thereby fair: a stratum may itself be the result of unequal treatment.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from workbench.analysis.disparity.resamples import draw_weights
from workbench.analysis.measures import LABELS, available_measures, share_flags
from workbench.analysis.pairs import choose_pair
from workbench.data.dataset import Dataset
from workbench.data.encode import fit_codings
from workbench.errors import InputError, ParameterError, UnknownNameError
from workbench.predicate import Predicate
from workbench.result import Result, provenance
from workbench.result.cells import hide

TWOFOLD: Final = ("composition", "rate", "only in the group", "only in the reference")
THREEFOLD: Final = ("composition", "rate", "interaction", "only in the group", "only in the reference")
MEANING: Final = {
    "composition": "the groups are made up of the strata differently",
    "rate": "rates differ within the same stratum",
    "interaction": "strata that are more common in the group are also those in which its rate differs",
    "only in the group": "strata that nobody of the reference is in",
    "only in the reference": "strata that nobody of the group is in",
}
MOST_STRATA: Final = 2000


def decompose(
    dataset: Dataset,
    strata: str | Sequence[str],
    attribute: str | None = None,
    *,
    group: object = None,
    reference: object = "most favored",
    measure: str | None = None,
    bins: int = 5,
    bootstrap: int = 500,
    seed: int = 0,
    confidence: float = 0.95,
) -> Result:
    """Part the difference of a measure between two groups over strata.

    Parameters
    ----------
    strata
        One or several columns; numbers of more than `bins` distinct values are parted at their quantiles; missing is a stratum.
    attribute, group, reference
        Whom to compare, see `workbench.analysis.pairs.choose_pair`.
    measure
        A share such as ``selection_rate``; None: the first that the roles allow. Its denominator is who is parted into strata.
    bootstrap
        Draws behind the intervals (percentiles; rows are drawn anew within each group, seeded); 0: none.

    Returns
    -------
    Result
        Table ``components``: ``fold`` (twofold, threefold), ``component``, ``value`` (what it adds to the difference, group less
        reference), ``low, high``, ``share`` of the difference (parts may exceed 1 or be negative), ``meaning``.
        Table ``strata``, the largest contribution first: ``where``, rows, shares and rates of both, and what the stratum adds to
        the twofold composition and rate. ``numbers``: ``difference``, ``strata``, ``shared`` (strata that both have).
        Weights count in every value; rows are told unweighted.

    Raises
    ------
    InputError
        If no stratum holds rows of both groups.
    ParameterError
        For a column that is the attribute itself, or strata too many to compare.
    """
    columns = (strata,) if isinstance(strata, str) else tuple(strata)
    pair = choose_pair(dataset, attribute, group=group, reference=reference)
    chosen = measure or available_measures(dataset)[0]
    hit, among = share_flags(dataset, [chosen])[chosen]
    codes, wheres = _code_strata(dataset, columns, pair.columns, bins, among & (pair.inside | pair.outside))
    weights = dataset.weights if dataset.has("weight") else np.ones(dataset.rows)
    tally = _count(codes, len(wheres), (pair.inside & among, pair.outside & among), hit, weights)
    hits, trials = tally.weights[:, 0], tally.weights.sum(axis=1)
    if not (trials > 0).all(axis=0).any():
        raise InputError("no stratum holds rows of both groups", ", ".join(columns), "Choose coarser strata.")
    parts = part_difference(hits, trials)
    draws = _draw(tally, bootstrap, seed) if bootstrap else {}
    components = _components(parts, draws, confidence)
    arguments = {
        **pair.said(), "strata": columns, "measure": chosen, "bins": bins, "bootstrap": bootstrap, "confidence": confidence,
        "roles": dataset.given.said(),
    }  # fmt: skip
    rows = tally.rows.sum(axis=(1, 2))
    return Result(
        kind="decomposition",
        title=f"{LABELS[chosen]} of {pair.group} against {pair.reference}, by {', '.join(columns)}",
        tables={"components": components, "strata": _strata(wheres, hits, trials, tally.rows.sum(axis=1))},
        numbers={
            "rows": int(rows[0]), "rows_reference": int(rows[1]), "difference": float(parts["difference"]), "strata": len(wheres),
            "shared": int((trials > 0).all(axis=0).sum()),
        },
        where=dataset.where,
        provenance=provenance(arguments, seed=seed, fingerprint=dataset.fingerprint),
    )  # fmt: skip


def part_difference(hits: np.ndarray, trials: np.ndarray) -> dict[str, np.ndarray]:
    """The parts of the difference of two rates over strata.

    Parameters
    ----------
    hits, trials
        Shape (..., 2, strata): of the group, then of the reference.

    Returns
    -------
    dict
        ``difference``, and ``twofold NAME`` and ``threefold NAME`` for each name of `TWOFOLD` and `THREEFOLD`, each of shape
        (...). The parts of either fold sum to the difference. NaN where a group has no rows, or no stratum is shared.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        shared = (trials > 0).all(axis=-2, keepdims=True)
        rate = np.where(shared, hits / trials, 0.0)
        inside = np.where(shared, trials, 0.0)
        share = inside / inside.sum(axis=-1, keepdims=True)
        on_support = inside.sum(axis=-1)
        overall, common = hits.sum(axis=-1) / trials.sum(axis=-1), (share * rate).sum(axis=-1)
    apart = np.where(trials.sum(axis=-1) > on_support, overall - common, 0.0)
    moved, gap = share[..., 0, :] - share[..., 1, :], rate[..., 0, :] - rate[..., 1, :]
    alone = {"only in the group": apart[..., 0], "only in the reference": 0.0 - apart[..., 1]}
    twofold = {"composition": (moved * rate.mean(axis=-2)).sum(axis=-1), "rate": (gap * share.mean(axis=-2)).sum(axis=-1)}
    threefold = {
        "composition": (moved * rate[..., 1, :]).sum(axis=-1),
        "rate": (gap * share[..., 1, :]).sum(axis=-1),
        "interaction": (moved * gap).sum(axis=-1),
    }
    parts = {"difference": np.asarray(overall[..., 0] - overall[..., 1])}
    parts |= {f"twofold {name}": np.asarray(part) for name, part in (twofold | alone).items()}
    return parts | {f"threefold {name}": np.asarray(part) for name, part in (threefold | alone).items()}


def _code_strata(
    dataset: Dataset, columns: Sequence[str], who: Sequence[str], bins: int, among: np.ndarray
) -> tuple[np.ndarray, list[Predicate]]:
    """The stratum of each row, and each stratum as a predicate; only strata that rows `among` are in."""
    for column in columns:
        if column not in dataset.columns:
            raise UnknownNameError("column", column, dataset.columns)
        if column in who:
            raise ParameterError("the strata are the groups themselves", column, "Choose other columns.")
    codings = fit_codings(dataset.frame, columns, bins=bins)
    packed = np.zeros(dataset.rows, dtype=np.int64)
    for coding in codings:
        packed = packed * len(coding.conditions) + coding.apply(dataset.frame[coding.column])
    used, codes = np.unique(packed[among], return_inverse=True)
    if len(used) > MOST_STRATA:
        raise ParameterError("too many strata to compare", len(used), f"At most {MOST_STRATA}: fewer columns, or fewer bins.")
    full = np.zeros(dataset.rows, dtype=np.int64)
    full[among] = codes
    return full, [_where(int(key), codings) for key in used]


def _where(key: int, codings: Sequence[Any]) -> Predicate:
    parts = []
    for coding in reversed(codings):
        key, code = divmod(key, len(coding.conditions))
        parts.append(coding.conditions[code])
    where = Predicate()
    for part in reversed(parts):
        where &= part
    return where


class _Tally(NamedTuple):
    """Rows, weights and squared weights of the group and of the reference, hits and others, by stratum: shape (2, 2, strata)."""

    rows: np.ndarray
    weights: np.ndarray
    squares: np.ndarray


def _count(codes: np.ndarray, strata: int, sides: tuple[np.ndarray, np.ndarray], hit: np.ndarray, weights: np.ndarray) -> _Tally:
    parts = [
        np.stack([[np.bincount(codes[chosen], each[chosen], strata) for chosen in (side & hit, side & ~hit)] for side in sides])
        for each in (np.ones(len(codes)), weights, weights**2)
    ]
    return _Tally(*parts)


def _draw(tally: _Tally, draws: int, seed: int) -> dict[str, np.ndarray]:
    """The parts of tables drawn anew: within each group, rows fall into strata and outcomes as often as they were seen there.

    The weights drawn in a cell are taken as normal, as in `workbench.analysis.disparity.resamples`.
    """
    rng = np.random.default_rng(seed)
    found = np.empty((draws, *tally.rows.shape))
    for side in range(2):
        rows, weights, squares = (part[side].reshape(-1) for part in tally)
        drawn = rng.multinomial(int(rows.sum()), rows / rows.sum(), size=draws)
        found[:, side] = draw_weights(drawn, rows, weights, squares, rng).reshape(draws, 2, -1)
    return part_difference(found[:, :, 0], found.sum(axis=2))


def _components(parts: dict[str, np.ndarray], draws: dict[str, np.ndarray], confidence: float) -> pd.DataFrame:
    total = float(parts["difference"])
    tail = (1 - confidence) / 2
    rows = []
    for fold, names in (("twofold", TWOFOLD), ("threefold", THREEFOLD)):
        for name in names:
            value, drawn = float(parts[f"{fold} {name}"]), draws.get(f"{fold} {name}")
            low, high = (np.nan, np.nan) if drawn is None else np.nanquantile(drawn, [tail, 1 - tail]).tolist()
            rows.append({
                "fold": fold, "component": name, "value": value, "low": low, "high": high,
                "share": value / total if total else np.nan, "meaning": MEANING[name],
            })  # fmt: skip
    return pd.DataFrame(rows)


def _strata(wheres: Sequence[Predicate], hits: np.ndarray, trials: np.ndarray, rows: np.ndarray) -> pd.DataFrame:
    shared = (trials > 0).all(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        rate, share = hits / trials, trials / trials.sum(axis=1, keepdims=True)
        inside = np.where(shared, trials, 0.0)
        on = inside / inside.sum(axis=1, keepdims=True)
    composition = np.where(shared, (on[0] - on[1]) * rate.mean(axis=0), np.nan)
    by_rate = np.where(shared, (rate[0] - rate[1]) * on.mean(axis=0), np.nan)
    hidden = np.array(hide(rows[0].tolist())) | np.array(hide(rows[1].tolist()))
    table = pd.DataFrame({
        "where": [str(where) for where in wheres], "rows": rows[0].astype(int), "rows_reference": rows[1].astype(int),
        "share": share[0], "share_reference": share[1], "rate": rate[0], "rate_reference": rate[1],
        "composition": composition, "rate_part": by_rate, "suppressed": hidden,
    })  # fmt: skip
    size = (table["composition"].abs() + table["rate_part"].abs()).fillna(0)
    return table.iloc[np.argsort(-size.to_numpy(), kind="stable")].reset_index(drop=True)
