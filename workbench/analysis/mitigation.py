"""What would a remedy do, and at what price? Previews on rows that it has not learnt from; nothing is changed or advised.

Each remedy of `workbench.analysis.remedies` learns on one part of the log and decides on the other. Shown are the gaps between
groups before and after, and always beside them the price: accuracy, and how many people's decisions change, either way. A log
holds outcomes only as they came under the decisions that were made; where those changed the outcome itself, no preview can know.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from workbench.analysis.measures import can_compare
from workbench.analysis.pairs import choose_pair, code_groups
from workbench.analysis.proxies import encode_features
from workbench.analysis.remedies import (
    CONSTRAINTS,
    Cases,
    Remedy,
    by_recalibration,
    by_refitting,
    by_reweighing,
    by_thresholds,
)
from workbench.data.dataset import Dataset
from workbench.errors import InputError, RolesError, UnknownNameError
from workbench.result import SMALL_CELL, Result, provenance

REMEDIES: Final[dict[str, tuple[Remedy, str]]] = {
    **{f"thresholds: {words}": (by_thresholds(name), "score") for name, words in CONSTRAINTS.items()},
    "recalibration per group": (by_recalibration, "score"),
    "refit": (by_refitting, "features"),
    "refit, reweighed": (by_reweighing, "features"),
}
"""Name to remedy and what it needs. ``thresholds`` may draw lots: two people alike may be decided differently."""
RANDOMISED: Final = tuple(name for name in REMEDIES if name.startswith("thresholds"))
AS_DECIDED: Final = "as decided"
MOST_ROWS: Final = 200_000


def preview_mitigations(
    dataset: Dataset,
    attribute: str | None = None,
    *,
    remedies: Sequence[str] | None = None,
    holdout: float = 0.5,
    most: int = MOST_ROWS,
    seed: int = 0,
) -> Result:
    """Try remedies on held-out rows.

    Parameters
    ----------
    dataset
        With prediction, label and favorable; scores for thresholds and recalibration, features for refitting. Weights count in
        the gaps, the accuracy and its change; remedies learn from rows alike, and numbers of decisions are rows.
    attribute
        The groups to be treated more alike; None: the first of the role ``groups``. Groups of fewer than ten rows of either
        label on either side of the split stay as decided.
    remedies
        Names of `REMEDIES`; None: all that the roles allow.
    holdout
        Share of the rows (with a row id: of the people) decided on.
    most
        Rows used at most, drawn with `seed`.

    Returns
    -------
    Result
        Table ``previews``: one row per remedy, what stands first: ``selection_gap`` (largest less smallest selection rate over
        the groups), ``selection_ratio`` (smallest over largest), ``fpr_gap``, ``fnr_gap``; the price: ``accuracy`` and
        ``accuracy_change`` with ``low, high`` (95 %, paired), ``changed`` decisions, ``share_changed``, ``to_favorable``,
        ``to_unfavorable``; ``randomised``; ``statement`` with both. For ``refit, reweighed`` the fair comparison is ``refit``.
        Table ``groups``: the same per group. Table ``skipped``: remedies that could not be tried, and why.

    Raises
    ------
    RolesError
        Without comparable predictions and labels, or a favourable value.
    """
    if not can_compare(dataset) or not dataset.has("favorable"):
        do = "Add `prediction`, `label`, `favorable` (and `positive`) to the roles."
        raise RolesError("a price needs outcomes and a favourable decision", None, do)
    if unknown := [name for name in remedies or () if name not in REMEDIES]:
        raise UnknownNameError("remedy", unknown[0], REMEDIES)
    column = choose_pair(dataset, attribute).attribute
    cases, names, rows = _cases(dataset, column, holdout, most, seed)
    wanted = list(remedies or REMEDIES)
    possible = {"score": cases.score is not None, "features": cases.features is not None}
    skipped = [{"remedy": name, "why": f"no {REMEDIES[name][1]}"} for name in wanted if not possible[REMEDIES[name][1]]]
    decided = {AS_DECIDED: cases.decision[~cases.train]}
    decided |= {name: REMEDIES[name][0](cases, seed) for name in wanted if possible[REMEDIES[name][1]]}
    good = dataset.favorable_prediction[rows] == 1
    called_is_good = bool((good == cases.decision).mean() > 0.5)
    held = Held(cases.label[~cases.train], cases.decision[~cases.train], cases.group[~cases.train],
                dataset.weights[rows][~cases.train], called_is_good)  # fmt: skip
    if not all(held.worth[held.group == at].sum() for at in np.unique(held.group)):
        raise InputError("a group whose held-out rows weigh nothing", column, "Compare other groups, or leave the weights out.")
    previews = pd.DataFrame([_preview(name, told, held) for name, told in decided.items()])
    groups = pd.concat([_groups(name, told, held, names) for name, told in decided.items()])
    arguments = {
        "attribute": column, "remedies": wanted, "holdout": holdout, "most": most, "roles": dataset.given.said(),
    }  # fmt: skip
    return Result(
        kind="mitigation",
        title="What remedies would do, and at what price",
        tables={
            "previews": previews, "groups": groups.reset_index(drop=True),
            "skipped": pd.DataFrame(skipped, columns=["remedy", "why"]),
        },
        numbers={"rows": len(cases.label), "learnt_from": int(cases.train.sum()), "held_out": int((~cases.train).sum())},
        where=dataset.where,
        provenance=provenance(arguments, seed=seed, fingerprint=dataset.fingerprint),
    )  # fmt: skip


def _cases(dataset: Dataset, column: str, holdout: float, most: int, seed: int) -> tuple[Cases, tuple[str, ...], np.ndarray]:
    """The rows used, the names of their groups, and where they are in the dataset."""
    if not 0 < holdout < 1:
        raise InputError("no share to hold out", holdout, "Give a number between 0 and 1.")
    rng = np.random.default_rng(seed)
    label, decision = dataset.positive_label, dataset.positive_prediction
    scores = dataset.role("score").to_numpy(dtype=float, na_value=np.nan) if dataset.has("score") else None
    known = ~np.isnan(label) & ~np.isnan(decision)
    rows = np.flatnonzero(known if scores is None else known & np.isfinite(scores))
    rows = np.sort(rng.choice(rows, most, replace=False)) if len(rows) > most else rows
    codes, _, names = code_groups(dataset, column)
    train = _split(dataset, rows, holdout, rng)
    keep = _large_enough(codes[rows], label[rows] == 1, train)
    rows, train = rows[keep], train[keep]
    groups, group = np.unique(codes[rows], return_inverse=True)
    if len(groups) < 2:
        raise InputError("fewer than two groups are large enough", column, "Hold out another share, or compare larger groups.")
    used = [name for name in dataset.features if name not in dataset.roles.groups and name != column]
    features = encode_features(dataset.frame.iloc[rows], used)[0] if used else None
    called = decision[rows] == 1
    score = None if scores is None else _oriented(scores[rows], called)
    made = Cases(score, label[rows] == 1, called, group, features, train)
    return made, tuple(names[code] for code in groups), rows


def _split(dataset: Dataset, rows: np.ndarray, holdout: float, rng: np.random.Generator) -> np.ndarray:
    """Which rows to learn from; all rows of one row id are on the same side."""
    if not dataset.has("row_id"):
        return np.asarray(rng.random(len(rows)) >= holdout)
    people, count = pd.factorize(dataset.role("row_id").iloc[rows], use_na_sentinel=False)
    return np.asarray((rng.random(len(count)) >= holdout)[people])


def _large_enough(codes: np.ndarray, label: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Rows of the groups that have ten rows of either label on either side of the split."""
    cells = np.bincount(codes * 4 + label * 2 + train, minlength=4 * (int(codes.max()) + 1)).reshape(-1, 4)
    large = np.flatnonzero(cells.min(axis=1) >= SMALL_CELL)
    return np.isin(codes, large)


def _oriented(scores: np.ndarray, called: np.ndarray) -> np.ndarray:
    """Scores of which the higher ones are called positive."""
    if called.any() and not called.all() and scores[called].mean() < scores[~called].mean():
        return -scores
    return scores


class Held(NamedTuple):
    """The held-out rows: label, decision, group and weight, shapes (rows,); and whether a positive decision is the good one."""

    label: np.ndarray
    was: np.ndarray
    group: np.ndarray
    worth: np.ndarray
    called_is_good: bool

    def good(self, told: np.ndarray) -> np.ndarray:
        """Which of some decisions are good for the person."""
        return told if self.called_is_good else ~told

    def rates(self, told: np.ndarray, mine: np.ndarray) -> tuple[float, float, float]:
        """Selection rate, false positive rate and false negative rate of the rows `mine`, weighted."""
        yes, no = mine & self.label, mine & ~self.label
        return self.mean(self.good(told), mine), self.mean(told, no), self.mean(~told, yes)

    def mean(self, values: np.ndarray, mine: np.ndarray) -> float:
        """Of `values` over the rows `mine`, weighted; NaN where these weigh nothing."""
        total = self.worth[mine].sum()
        return float((self.worth[mine] * values[mine]).sum() / total) if total else float("nan")


def _preview(name: str, told: np.ndarray, held: Held) -> dict[str, Any]:
    everybody = np.ones(len(told), dtype=bool)
    rates = np.array([held.rates(told, held.group == at) for at in np.unique(held.group)])
    gap = np.ptp(rates, axis=0)
    right = (told == held.label).astype(float) - (held.was == held.label)
    change = held.mean(right, everybody)
    spread = (held.worth**2 * (right - change) ** 2).sum() * len(right) / (len(right) - 1)
    half = 1.959964 * float(np.sqrt(spread) / held.worth.sum())
    good, good_before = held.good(told), held.good(held.was)
    gained, lost = int((good & ~good_before).sum()), int((~good & good_before).sum())
    ratio = rates[:, 0].min() / rates[:, 0].max() if rates[:, 0].any() else np.nan
    row = {
        "remedy": name, "selection_gap": gap[0], "selection_ratio": ratio, "fpr_gap": gap[1], "fnr_gap": gap[2],
        "accuracy": held.mean(told == held.label, everybody), "accuracy_change": change,
        "low": change - half, "high": change + half, "changed": gained + lost,
        "share_changed": (gained + lost) / len(told), "to_favorable": gained, "to_unfavorable": lost,
        "randomised": name in RANDOMISED,
    }  # fmt: skip
    return row | {"statement": _statement(row)}


def _statement(row: dict[str, Any]) -> str:
    selection, fpr, fnr = (100 * row[name] for name in ("selection_gap", "fpr_gap", "fnr_gap"))
    gaps = f"gap in selection rate {selection:.1f}, in FPR {fpr:.1f}, in FNR {fnr:.1f} points"
    if row["remedy"] == AS_DECIDED:
        return f"{gaps}; accuracy {100 * row['accuracy']:.1f} %"
    price = f"accuracy {100 * row['accuracy_change']:+.1f} points ({100 * row['low']:+.1f} to {100 * row['high']:+.1f})"
    moved = f"{row['changed']:,} of the held-out decisions change ({100 * row['share_changed']:.1f} %)"
    return f"{gaps}; price: {price}, {moved}, {row['to_favorable']:,} for and {row['to_unfavorable']:,} against the person"


def _groups(name: str, told: np.ndarray, held: Held, names: Sequence[str]) -> pd.DataFrame:
    rows = []
    for at, who in enumerate(names):
        mine = held.group == at
        selection, fpr, fnr = held.rates(told, mine)
        good, before = held.good(told[mine]), held.good(held.was[mine])
        rows.append({
            "remedy": name, "group": who, "rows": int(mine.sum()), "selection_rate": selection, "fpr": fpr, "fnr": fnr,
            "accuracy": held.mean(told == held.label, mine), "to_favorable": int((good & ~before).sum()),
            "to_unfavorable": int((~good & before).sum()), "suppressed": int(mine.sum()) < SMALL_CELL,
        })  # fmt: skip
    return pd.DataFrame(rows)
