"""How far a tree ensemble provably holds: the exact distance to its nearest other decision, by exhaustive search of its leaves.

This is about the model itself, as it is, in the largest change of any one column (L∞, in scales of the `Domain`, another category
counting 1); a smoothed certificate (`workbench.attacks.certify`) is about another model, with noise, in the Euclidean length of
the change, and holds with a confidence. The two are never one number: `certificates_side_by_side` keeps them in columns of their
own, each with its method.

Needs the extra ``[certify]`` (dtai-veritas: Devos, Meert & Davis 2021, ICML). Between two neighbouring distances at which some
split can be crossed, no other leaf comes within reach; so it is enough to ask, for a distance between each two, whether any
reachable leaves together decide otherwise, and to halve the list of distances until it is one. Categories and missing values are
settled in `workbench.attacks.defences.splits`.
"""

from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, product
from typing import Any, Final

import numpy as np
import pandas as pd

from workbench.attacks.approval import Approval, require_approval
from workbench.attacks.certify import CERTIFIES, certify
from workbench.attacks.constraints import Domain
from workbench.attacks.decisions import decision_texts
from workbench.attacks.defences.splits import (
    CATEGORY,
    FIXED,
    NO_WAY,
    NUMBER,
    TURN,
    Ensemble,
    Grown,
    load_veritas,
    read_ensemble,
)
from workbench.attacks.verdict import rate
from workbench.errors import InputError
from workbench.models.target import Target
from workbench.result import Result, provenance

METHOD: Final = "the tree ensemble itself, largest change of any one column in scales (L∞), exhaustive over its leaves"
RADII: Final = (0.0, 0.05, 0.1, 0.2, 0.4)
FOCAL: Final = (1000, 0.2)
"""How many open states are looked at for a deep one, and how much worse than the best it may be: any flip will do."""
STEPS: Final = 1000
"""Steps of one search; what is not decided by then leaves the radius between its bounds."""
SLACK: Final = 1e-9
"""Margins this near 0 are ties. Between trees rounding decides them: they count against `low`, and not for `high`. In a single
tree they are the first class's, as scikit-learn decides."""
ROUNDING: Final = 1e-4
"""Of margins, relative: what the trees as read may differ by from the model before they are refused."""
KEPT: Final = 8
"""Ensembles that are kept for rows that share them."""
MOST_TRIED: Final = 256
"""Combinations of other categories that a row is tried with, to find one that turns it."""


@dataclass(frozen=True, eq=False)
class TreeCertificates:
    """Arrays of shape (rows,), distances in scales.

    Attributes
    ----------
    low
        No change of the movable columns smaller than this alters the decision; 0: none is ruled out; infinite: no change does.
    high
        A change only just larger than this does, where another category does this very change; infinite where none was found.
    exact
        Whether the two are the same: not where the steps ran out, where several trees tie on the way, or where categories that
        contradict each other would have to be told apart.
    searches
        How many searches that took.
    refused
        Why a row has no certificate (``low`` 0, ``high`` infinite); None where it has one.
    """

    low: np.ndarray
    high: np.ndarray
    exact: np.ndarray
    searches: np.ndarray
    refused: np.ndarray


def certify_trees(
    target: Target, frame: pd.DataFrame, domain: Domain, *, steps: int = STEPS, approval: Approval | None = None
) -> TreeCertificates:
    """The distance of every row of `frame` to the nearest other decision of a tree ensemble.

    Columns that can be moved are moved freely, numbers in both directions, categories to any other at a distance of 1: what
    `domain` forbids beyond that (ranges, whole numbers, relations) only makes an attack harder than certified. A missing value
    stays missing.

    Parameters
    ----------
    target
        Around a LightGBM booster, or a scikit-learn forest, boosted trees or decision tree, for two classes.
    steps
        Of one search at most.

    Raises
    ------
    InputError
        Without the extra; for another model; for trees that do not answer as the model does; for a number that the model splits
        by category; for a production target without approval.
    """
    require_approval([target], approval)
    load_veritas()
    ensemble = read_ensemble(target, frame)
    moving = _Moving.of(ensemble, domain)
    matrix = ensemble.encode(frame)
    margin = ensemble.margins(matrix)
    _require_faithful(target, frame, margin, ensemble.raw and ensemble.raw(frame, matrix))
    certifier = _Certifier(target, frame, domain, ensemble, moving, steps)
    found = [certifier.row(at, row, value) for at, (row, value) in enumerate(zip(matrix, margin.tolist(), strict=True))]
    low, high, searches = (np.array([row[part] for row in found], dtype=float) for part in range(3))
    refused = np.array([NO_WAY if math.isnan(value) else None for value in margin.tolist()], dtype=object)
    return TreeCertificates(low, high, (low == high) & ~np.isnan(margin), searches.astype(int), refused)


def certificates_side_by_side(
    target: Target, frame: pd.DataFrame, domain: Domain, *, sigma: float = 0.25, seed: int = 0, approval: Approval | None = None
) -> pd.DataFrame:
    """Both certificates of every row, each under its method, never in one number.

    Returns
    -------
    pandas.DataFrame
        ``tree_linf_low tree_linf_high tree_exact tree_method smoothed_l2 smoothed_decision smoothed_method``, a row per row. The
        two radii are of different models in different norms, and are not to be compared.
    """
    exact = certify_trees(target, frame, domain, approval=approval)
    smooth = certify(target, frame, domain, sigma=sigma, seed=seed, approval=approval)
    return pd.DataFrame({
        "tree_linf_low": exact.low, "tree_linf_high": exact.high, "tree_exact": exact.exact, "tree_method": METHOD,
        "smoothed_l2": smooth.radius, "smoothed_decision": smooth.decision, "smoothed_method": CERTIFIES,
    })  # fmt: skip


def certified_shares(
    target: Target, frame: pd.DataFrame, domain: Domain, should: Sequence[object] | np.ndarray, *,
    radii: Sequence[float] = RADII, sigma: float = 0.25, seed: int = 0, approval: Approval | None = None,
) -> Result:  # fmt: skip
    """The share of rows that are decided as they should and provably stay so, radius by radius and method by method.

    Parameters
    ----------
    should
        What should be decided on each row.
    radii
        In scales: largest change of any column for the trees, Euclidean length for the smoothed model.

    Returns
    -------
    Result
        Of kind ``defences``: table ``certified``: ``method radius rows share low high undecided``, ``share`` with its 95 %
        interval over rows; ``undecided`` is the share that the search left between its bounds or refused (None for smoothing,
        which is right with its confidence or says nothing); ``numbers["refused"]`` counts rows by why they were.

    Raises
    ------
    InputError
        As `certify_trees`.
    """
    texts = decision_texts(np.asarray(should, dtype=object))
    exact = certify_trees(target, frame, domain, approval=approval)
    smooth = certify(target, frame, domain, sigma=sigma, seed=seed, approval=approval)
    right, stays = decision_texts(target.predict(frame).decision) == texts, smooth.decision == texts
    table = []
    for radius in radii:
        undecided = right & (exact.low < radius) & (radius <= exact.high) & ~exact.exact
        table += [
            {"method": METHOD, **_share_at(radius, right & (exact.low >= radius)), "undecided": float(undecided.mean())},
            {"method": CERTIFIES, **_share_at(radius, stays & (smooth.radius >= radius)), "undecided": None},
        ]
    made = provenance({"target": [target.name, target.digest], "radii": list(radii), "sigma": sigma}, seed=seed)
    title = f"What of {target.name} is certified"
    refused = Counter(reason for reason in exact.refused.tolist() if reason is not None)
    numbers: dict[str, Any] = {"rows": len(frame), "refused": dict(refused)}
    return Result("defences", title, {"certified": pd.DataFrame(table)}, numbers, provenance=made)


def _share_at(radius: float, held: np.ndarray) -> dict[str, Any]:
    ends = rate(int(held.sum()), len(held))
    return {"radius": radius, "rows": len(held), **dict(zip(("share", "low", "high"), ends, strict=True))}


@dataclass(frozen=True, eq=False)
class _Moving:
    """How each of the model's columns moves, and its scale; arrays of shape (columns,)."""

    kind: np.ndarray
    scales: np.ndarray

    @classmethod
    def of(cls, ensemble: Ensemble, domain: Domain) -> _Moving:
        """As `domain` says."""
        known = {column.name: column for column in domain.columns}
        asked = {split.column for split in ensemble.splits()}
        if absent := [name for name in ensemble.columns if name not in known]:
            raise InputError("a column that the domain does not know", absent[0], "Give the domain of the model's columns.")
        columns = [known[name] for name in ensemble.columns]
        kind = np.array([
            NUMBER if column.kind != "category" else CATEGORY if column.direction != "none" and at in asked else FIXED
            for at, column in enumerate(columns)
        ])  # fmt: skip
        scales = np.array([column.scale if column.kind != "category" and column.direction != "none" else 0 for column in columns])
        for split in ensemble.splits():
            if split.below is None and kind[split.column] == NUMBER:
                if scales[split.column]:
                    do = "Infer the domain from rows where it has pandas' category."
                    raise InputError("a number that the model splits by category", ensemble.columns[split.column], do)
                kind[split.column] = FIXED
        return cls(kind, scales)


@dataclass(frozen=True, eq=False)
class _Certifier:
    """Certifies one row after the other; what many rows share is grown once."""

    target: Target
    frame: pd.DataFrame
    domain: Domain
    ensemble: Ensemble
    moving: _Moving
    steps: int

    @functools.cached_property
    def _grow(self) -> Callable[[bytes, bytes], Grown]:
        """The trees that are left, by what settles a row's splits and how its columns move."""
        return functools.lru_cache(KEPT)(lambda row, kind: self.ensemble.grow(np.frombuffer(row), np.frombuffer(kind, dtype=int)))

    def row(self, at: int, row: np.ndarray, margin: float) -> tuple[float, float, int]:
        """Lower and upper bound of its distance, and how many searches that took."""
        if math.isnan(margin):
            return 0.0, math.inf, 0
        kind = np.where(np.isnan(row), FIXED, self.moving.kind)
        low, high, asked = self._nearest(row, kind, margin)
        if not (kind == CATEGORY).any() or high < 1:
            return low, high, asked
        if self._turned(at, kind):
            return min(low, 1.0), 1.0, asked
        still = self._nearest(row, np.where(kind == CATEGORY, FIXED, kind), margin)
        return low, still[1], asked + still[2]

    def _nearest(self, row: np.ndarray, kind: np.ndarray, margin: float) -> tuple[float, float, int]:
        single = len(self.ensemble.trees) == 1
        levels = (-SLACK, SLACK) if not single else (SLACK, SLACK) if margin <= 0 else (-SLACK, -SLACK)
        grown = self._grow(np.where(kind == NUMBER, 0.0, row).tobytes(), kind.tobytes())
        trees = grown.trees if margin <= 0 else grown.trees.negate_leaf_values()
        place = np.concatenate([np.where(np.isnan(row), 0.0, row), grown.answers])
        scales = np.concatenate([np.where(kind == NUMBER, self.moving.scales, 0), np.full(len(grown.answers), TURN)])
        splits = {column: np.unique(values) for column, values in trees.get_splits().items() if scales[column] > 0}
        search = _Search(trees, place, scales, self.steps)
        return (*search.nearest(splits, levels), search.asked)

    def _turned(self, at: int, kind: np.ndarray) -> bool:
        """Whether other categories alone turn the row: all their combinations, or as many as `MOST_TRIED`, are asked."""
        one = self.frame.iloc[[at]].reset_index(drop=True)
        start = self.domain.encode(one)
        moved = {name for name, way in zip(self.ensemble.columns, kind, strict=True) if way == CATEGORY}
        choices = [
            range(len(column.values)) if column.name in moved and not math.isnan(value) else [value]
            for column, value in zip(self.domain.columns, start[0].tolist(), strict=True)
        ]
        tried = np.array(list(islice(_combinations(start[0], choices), MOST_TRIED)))
        like = one.iloc[np.zeros(len(tried), dtype=int)].reset_index(drop=True)
        decided = decision_texts(self.target.predict(self.domain.decode(tried, like)).decision)
        return bool((decided != decision_texts(self.target.predict(one).decision)[0]).any())


@dataclass
class _Search:
    """One row's search: `trees` are above 0 where the decision is another, `scales` 0 where a column does not move."""

    trees: Any
    row: np.ndarray
    scales: np.ndarray
    steps: int
    asked: int = 0

    def nearest(self, splits: dict[int, np.ndarray], levels: tuple[float, float]) -> tuple[float, float]:
        """The distances at which the trees first can exceed each of two levels: from below, and from above."""
        apart = [np.abs(values - self.row[place]) / self.scales[place] for place, values in splits.items()]
        marks = np.unique(np.concatenate([np.zeros(1), *apart]))
        between = np.append((marks[:-1] + marks[1:]) / 2, marks[-1] + 1.0)
        low = _first(len(marks), lambda place: self._exceeds(between[place], levels[0]) is not False)
        high = _first(len(marks), lambda place: self._exceeds(between[place], levels[1]) is True, low)
        ends = np.append(marks, math.inf)
        return float(ends[low]), float(ends[high])

    def _exceeds(self, distance: float, level: float) -> bool | None:
        """Whether the trees exceed `level` anywhere within `distance`; None where the steps did not suffice."""
        self.asked += 1
        veritas = load_veritas()
        reach = self.scales * distance
        low, high = self.row - reach, np.maximum(self.row + reach, np.nextafter(self.row, np.inf))
        config = veritas.Config(veritas.HeuristicType.MAX_OUTPUT)
        config.ignore_state_when_worse_than = level
        config.stop_when_num_solutions_exceeds = 1
        config.max_focal_size, config.focal_eps = FOCAL
        box = [veritas.Interval(*ends) for ends in zip(low.tolist(), high.tolist(), strict=True)]
        search = config.get_search(self.trees, box)
        reason = search.steps(self.steps)
        if search.num_solutions() > 0:
            return True
        return False if reason == veritas.StopReason.NO_MORE_OPEN else None


def _first(count: int, holds: Callable[[int], bool], start: int = 0) -> int:
    """The first place from `start` on at which `holds`, which then holds at every later one; `count` where it never does.

    In growing strides, then by halves: what is asked about far away costs most.
    """
    before, place, stride = start, start, 1
    while place < count and not holds(place):
        before, place, stride = place + 1, min(place + stride, count - 1) if place < count - 1 else count, 2 * stride
    last = place
    while before < last:
        middle = (before + last) // 2
        before, last = (before, middle) if holds(middle) else (middle + 1, last)
    return last


def _combinations(start: np.ndarray, choices: Sequence[Sequence[float]]) -> Iterator[tuple[float, ...]]:
    """`start` with one column chosen otherwise, column by column; then every combination."""
    for at, choice in enumerate(choices):
        yield from ((*start[:at], value, *start[at + 1 :]) for value in choice)
    yield from product(*choices)


def _require_faithful(target: Target, frame: pd.DataFrame, margin: np.ndarray, raw: np.ndarray | None) -> None:
    """Refuse trees that decide otherwise than the model anywhere, but where the margin is a rounding error."""
    known = ~np.isnan(margin)
    if raw is not None and not np.allclose(margin[known], raw[known], rtol=ROUNDING, atol=ROUNDING):
        raise InputError("trees that do not answer as the model does", target.name, "Use randomised smoothing.")
    decided = decision_texts(target.predict(frame).decision)
    clear = np.abs(margin) > ROUNDING
    sides = [set(decided[clear & side]) for side in (margin > 0, margin < 0)]
    if any(len(side) > 1 for side in sides) or (sides[0] & sides[1]):
        raise InputError("trees that do not decide as the model does", target.name, "Use randomised smoothing.")
