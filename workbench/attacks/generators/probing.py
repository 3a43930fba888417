"""Scenarios that look for the boundary of a decision: the cheapest way across it, and how often a straight line crosses it."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd

from workbench.attacks.decisions import MISSING, Vocabulary
from workbench.attacks.evasion import evade
from workbench.attacks.scenarios.trial import Setting, Trial, share_columns
from workbench.errors import InputError
from workbench.predicate import Predicate, equals
from workbench.predicate import within as in_range
from workbench.registry import scenarios
from workbench.result.cells import hide

QUANTILES: Final = (0.05, 0.25, 0.5, 0.75, 0.95)
ROWS: Final = 60
"""Rows attacked unless told otherwise: at a rate of one half the interval is ± 12 points."""


@scenarios.register("evasion")
def evasion(setting: Setting, *, rows: int = ROWS, budget: int = 200, within: float = 1.0, random: bool = False) -> Trial:
    """Our own constrained attack (`workbench.attacks.evasion`): the share of rows that a valid change of cost `within` flips.

    Parameters
    ----------
    rows
        Rows attacked at most, drawn by the seed among those that the target decides on.
    budget
        Queries per row.
    within
        Cost up to which a flip counts, in spreads of the columns moved.
    random
        Instead of attacking, one random valid change of that cost per row: the benign twin.

    Returns
    -------
    Trial
        Table ``margins``: quantiles of the cost of the cheapest flip found. Table ``margins_by_slice``: for each group, each
        value of a category and each third of a number, as a predicate's text, the ``median`` cost among the ``rows`` attacked in
        it and the share ``not_flipped``; a row not flipped counts as costing more than any; a median among those is missing.
    """
    drawn = _drawn(setting, rows)
    part = setting.take(drawn)
    if random:
        failed, cost = _random_change(part, within)
        table = share_columns(int(failed.sum()), len(failed)) | {"attack": "random change"}
        outcomes = pd.DataFrame([table])
    else:
        found = evade(setting.target, part.frame, setting.domain, budget=budget, seed=setting.seed, approval=setting.approval)
        found.require_answers(setting.target)
        failed = found.success & (np.nan_to_num(found.cost, nan=np.inf) <= within)
        shares = {"raw success": found.raw_success, "valid success": found.success, f"valid success within {within:g}": failed}
        spent = {"median_queries": float(np.median(found.queries)), "median_changed": _median(found.changed[found.success])}
        outcomes = pd.DataFrame(
            [{"attack": name, **share_columns(int(hit.sum()), len(hit)), **spent} for name, hit in shares.items()]
        )
        cost = np.where(found.success, found.cost, np.nan)
    counted = share_columns(int(failed.sum()), len(failed))
    return Trial(
        f"rows that a valid change of cost {within:g} flips", counted["rate"], counted["low"], counted["high"],
        {"outcomes": outcomes, "margins": _margins(cost), "margins_by_slice": _margins_by_slice(part, cost)}, {}, failed, drawn,
    )  # fmt: skip


@scenarios.register("boundary")
def boundary(setting: Setting, *, lines: int = 100, steps: int = 33, near: bool = False) -> Trial:
    """Straight lines between rows decided differently: the share that crosses the boundary more than once.

    Points on which the target abstains belong to neither side: a guard along the boundary makes no second one.
    Whole numbers go in steps along a line, so that a slanted boundary can be crossed back where one column steps before another.

    Parameters
    ----------
    lines
        Lines drawn by the seed.
    steps
        Points on each, ends included.
    near
        Lines between rows that are decided alike and lie next to each other (in a random sample of 200): the benign twin.
    """
    chance = setting.generator(31)
    start, end, places = _ends(setting, lines, chance, near=near)
    share = np.linspace(0, 1, steps)[None, :, None]
    numeric = setting.domain.numeric[None, None, :]
    points = np.where(
        numeric, start[:, None] * (1 - share) + end[:, None] * share, np.where(share < 0.5, start[:, None], end[:, None])
    )
    flat = points.reshape(-1, points.shape[2])
    like = setting.frame.iloc[np.repeat(places, steps)].reset_index(drop=True)
    vocabulary = Vocabulary()
    codes = vocabulary.encode(setting.target.predict(setting.domain.decode(flat, like)).decision).reshape(len(places), steps)
    crossings = np.array([np.count_nonzero(np.diff(line[line != MISSING])) for line in codes])
    failed = crossings > (0 if near else 1)
    counted = share_columns(int(failed.sum()), len(failed))
    spread = pd.Series(crossings).value_counts().sort_index()
    table = pd.DataFrame({"crossings": spread.index.to_numpy(), "lines": spread.to_numpy()})
    return Trial(
        "lines that cross the boundary more than once", counted["rate"], counted["low"], counted["high"],
        {"outcomes": pd.DataFrame([counted]), "crossings": table}, {}, failed, places,
    )  # fmt: skip


def _drawn(setting: Setting, rows: int) -> np.ndarray:
    if rows < 1:
        raise InputError("no rows to attack", rows, "Give 1 or more.")
    decided = setting.require_decisions()
    return np.sort(setting.generator(30).choice(decided, min(rows, len(decided)), replace=False))


def _random_change(part: Setting, within: float) -> tuple[np.ndarray, np.ndarray]:
    """One random valid change per row, and whether it flips the decision."""
    domain = part.domain
    start = domain.encode(part.frame)
    step = part.generator(32).normal(size=start.shape) * (domain.numeric & domain.mutable)
    length = np.linalg.norm(step, axis=1, keepdims=True)
    scales = np.array([column.scale for column in domain.columns])
    moved = domain.project(start + within * scales * step / np.where(length > 0, length, 1.0), start)
    moved = np.where(domain.valid(moved, start)[:, None], moved, start)
    vocabulary = Vocabulary()
    before, after = (
        vocabulary.encode(part.target.predict(frame).decision) for frame in (part.frame, domain.decode(moved, part.frame))
    )
    flipped = (before != after) & (after != MISSING)
    return flipped, np.where(flipped, domain.cost(moved, start), np.nan)


def _margins(cost: np.ndarray) -> pd.DataFrame:
    """Quantiles of the cost of the cheapest flip found, and how many rows have none."""
    known = cost[~np.isnan(cost)]
    values: list[Any] = np.quantile(known, QUANTILES).tolist() if len(known) else [None] * len(QUANTILES)
    return pd.DataFrame({"quantile": QUANTILES, "cost": values, "not_flipped": int(np.isnan(cost).sum())})


def _margins_by_slice(part: Setting, cost: np.ndarray) -> pd.DataFrame:
    """The margins of parts of the rows; small parts, and those that would give them back, are ``suppressed``."""
    known = np.where(np.isnan(cost), np.inf, cost)
    rows: list[dict[str, Any]] = []
    for cells in _partitions(part):
        for (where, inside), small in zip(cells, hide([int(inside.sum()) for _, inside in cells]), strict=True):
            if inside.any():
                middle = float(np.median(known[inside]))
                rows.append({
                    "where": str(where), "rows": int(inside.sum()), "median": middle if np.isfinite(middle) else None,
                    "not_flipped": float(np.isinf(known[inside]).mean()), "suppressed": small,
                })  # fmt: skip
    return pd.DataFrame(rows, columns=["where", "rows", "median", "not_flipped", "suppressed"])


def _partitions(part: Setting) -> list[list[tuple[Predicate, np.ndarray]]]:
    """The rows by each group and category, and by thirds of each number; rows without a value are in none."""
    columns = {name: pd.Series(values) for name, values in part.groups.items()}
    columns |= {name: part.frame[name] for name in part.categories()}
    found = []
    for name, column in columns.items():
        values = sorted(column.dropna().unique().tolist(), key=str)
        found.append([(equals(name, value), (column == value).to_numpy(dtype=bool, na_value=False)) for value in values])
    for name in part.numeric():
        numbers = part.frame[name].to_numpy(dtype=float, na_value=np.nan)
        edges = np.unique(np.nanquantile(numbers, (0, 1 / 3, 2 / 3))).tolist()
        ends = [*edges[1:], float(np.nextafter(np.nanmax(numbers), np.inf))]
        cells = [(low, high) for low, high in zip(edges, ends, strict=True) if low < high]
        found.append([(in_range(name, low, high), (numbers >= low) & (numbers < high)) for low, high in cells])
    return found


def _ends(setting: Setting, lines: int, chance: np.random.Generator, *, near: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    matrix = setting.domain.encode(setting.frame)
    codes = Vocabulary().encode(setting.clean.decision)
    sample = chance.choice(len(matrix), min(200, len(matrix)), replace=False)
    places, others = [], []
    for place in chance.choice(sample, lines).tolist():
        alike = codes[sample] == codes[place]
        among = sample[(alike if near else ~alike) & (codes[sample] != MISSING) & (sample != place)]
        if codes[place] == MISSING or not len(among):
            continue
        gap = setting.domain.cost(matrix[among], np.broadcast_to(matrix[place], (len(among), matrix.shape[1])))
        places.append(place)
        others.append(int(among[gap.argmin()]) if near else int(chance.choice(among)))
    if not places:
        raise InputError("no two rows that are decided differently", setting.target.name, "Run it on rows of both decisions.")
    return matrix[places], matrix[others], np.array(places)


def _median(values: np.ndarray) -> float | None:
    return float(np.median(values)) if len(values) else None
