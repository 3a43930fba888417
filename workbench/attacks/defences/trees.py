"""How far a tree ensemble provably holds: the exact distance to its nearest other decision, by exhaustive search of its leaves.

This is about the model itself, as it is, in the largest change of any one column (L∞, in scales of the `Domain`); a smoothed
certificate (`workbench.attacks.certify`) is about another model, with noise, in the Euclidean length of the change, and holds
with a confidence. The two are never one number: `certificates_side_by_side` keeps them in columns of their own, each with its
method.

Needs the extra ``[certify]`` (dtai-veritas: Devos, Meert & Davis 2021, ICML). Between two neighbouring distances at which some
split can be crossed, no other leaf comes within reach; so it is enough to ask, for a distance between each two, whether any
reachable leaves together decide otherwise, and to halve the list of distances until it is one.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from workbench.attacks.approval import Approval, require_approval
from workbench.attacks.certify import CERTIFIES, certify
from workbench.attacks.constraints import Domain
from workbench.attacks.decisions import decision_texts
from workbench.attacks.verdict import rate
from workbench.errors import InputError
from workbench.models.booster import is_boosted
from workbench.models.target import Target
from workbench.result import Result, provenance

METHOD: Final = "the tree ensemble itself, largest change of any one column in scales (L∞), exhaustive over its leaves"
RADII: Final = (0.0, 0.05, 0.1, 0.2, 0.4)
INSTALL: Final = "Install it: pip install 'ml-incident-workbench[certify]'."
FOCAL: Final = (1000, 0.2)
"""How many open states are looked at for a deep one, and how much worse than the best it may be: any flip will do."""
STEPS: Final = 1000
"""Steps of one search; what is not decided by then leaves the radius between its bounds."""
SLACK: Final = 1e-9
"""Margins this near 0 are ties. Between trees rounding decides them: they count against `low`, and not for `high`. In a single
tree they are the first class's, as scikit-learn decides."""
ROUNDING: Final = 1e-4
"""Of margins, relative: what the converted trees may differ by from the model before they are refused."""


@dataclass(frozen=True, eq=False)
class TreeCertificates:
    """Arrays of shape (rows,), distances in scales.

    Attributes
    ----------
    low
        No change of the movable columns smaller than this alters the decision; 0: none is ruled out; infinite: no change does.
    high
        A change only just larger than this does; infinite where none was found.
    exact
        Whether the two are the same: not where the steps ran out, nor where several trees tie on the way.
    searches
        How many searches that took.
    """

    low: np.ndarray
    high: np.ndarray
    exact: np.ndarray
    searches: np.ndarray


def certify_trees(
    target: Target, frame: pd.DataFrame, domain: Domain, *, steps: int = STEPS, approval: Approval | None = None
) -> TreeCertificates:
    """The distance of every row of `frame` to the nearest other decision of a tree ensemble.

    Only numeric columns that can be moved are moved, freely in both directions: what `domain` forbids beyond that (ranges, whole
    numbers, relations) only makes an attack harder than certified.

    Parameters
    ----------
    target
        Around a LightGBM booster without categories, or a scikit-learn forest, boosted trees or decision tree, for two classes.
    steps
        Of one search at most.

    Raises
    ------
    InputError
        Without the extra; for another model; for a missing value; for trees that do not answer as the model does; for a
        production target without approval.
    """
    require_approval([target], approval)
    columns, trees = _read_trees(target, frame)
    if absent := [name for name in columns if name not in domain.names]:
        raise InputError("a column that the domain does not know", absent[0], "Give the domain of the model's columns.")
    matrix = frame[columns].to_numpy(dtype=float, na_value=np.nan)
    if np.isnan(matrix).any():
        raise InputError("a missing value in rows to certify", int(np.isnan(matrix).sum()), "Choose rows without.")
    margin = np.asarray(trees.eval(matrix))[:, 0]
    _require_faithful(target, frame, margin)
    of = {column.name: column for column in domain.columns}
    scales = np.array([of[name].scale if of[name].kind != "category" and of[name].direction != "none" else 0 for name in columns])
    splits = {place: np.unique(values) for place, values in trees.get_splits().items() if scales[place] > 0}
    against, found = trees.negate_leaf_values(), []
    for row, value in zip(matrix, margin.tolist(), strict=True):
        levels = (-SLACK, SLACK) if len(trees) > 1 else (SLACK, SLACK) if value <= 0 else (-SLACK, -SLACK)
        search = _Search(trees if value <= 0 else against, row, scales, steps)
        found.append((*search.nearest(splits, levels), search.asked))
    low, high, searches = (np.array(part) for part in zip(*found, strict=True)) if found else (np.zeros(0),) * 3
    return TreeCertificates(low, high, low == high, searches.astype(int))


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
        interval over rows; ``undecided`` is the share that the search left between its bounds (None for smoothing, which is right
        with its confidence or says nothing).

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
    return Result("defences", title, {"certified": pd.DataFrame(table)}, {"rows": len(frame)}, provenance=made)


def _share_at(radius: float, held: np.ndarray) -> dict[str, Any]:
    ends = rate(int(held.sum()), len(held))
    return {"radius": radius, "rows": len(held), **dict(zip(("share", "low", "high"), ends, strict=True))}


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
        veritas = _veritas()
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


def _read_trees(target: Target, frame: pd.DataFrame) -> tuple[list[str], Any]:
    """The model's columns, and its trees: above 0 the second class."""
    model: Any = getattr(target, "model", None)
    if is_boosted(model):
        booster = getattr(model, "booster_", model)
        return _columns(list(booster.feature_name()), frame), _boosted(booster, getattr(target, "threshold", None))
    if getattr(target, "threshold", None) is not None:
        raise InputError("trees with a threshold of their own", target.name, "Certify the model's own decision.")
    classes = getattr(model, "classes_", ())
    kind = type(model).__name__
    if not type(model).__module__.startswith("sklearn.") or len(classes) != 2 or "Hist" in kind:
        do = "Give a LightGBM booster, or a scikit-learn forest, GradientBoostingClassifier or decision tree, for two classes."
        raise InputError("no tree ensemble that can be certified", kind, do)
    try:
        trees = _veritas().get_addtree(model, silent=True)
    except InputError:
        raise
    except Exception as exc:  # the converter's own errors, and whatever a newer scikit-learn makes of it
        raise InputError("no tree ensemble that can be certified", f"{kind} ({exc})", "Use randomised smoothing.") from exc
    names = getattr(model, "feature_names_in_", None)
    return _columns([f"Column_{at}" for at in range(frame.shape[1])] if names is None else list(names), frame), trees


def _columns(names: list[str], frame: pd.DataFrame) -> list[str]:
    """The model's columns by name, or by their place where it was trained on a matrix."""
    if all(name in frame.columns for name in names):
        return names
    if names == [f"Column_{at}" for at in range(frame.shape[1])]:
        return [str(name) for name in frame.columns]
    absent = next(name for name in names if name not in frame.columns)
    raise InputError("the model needs a column that is not there", absent, f"Columns: {', '.join(map(str, frame.columns))}")


def _boosted(booster: Any, threshold: float | None) -> Any:
    """LightGBM's trees in full precision: ``x <= t`` as ``x < t'``, where t' is the next number after t."""
    veritas = _veritas()
    dump = booster.dump_model()
    if "binary" not in dump["objective"] or dump.get("average_output"):
        raise InputError("a booster that is not for two classes", dump["objective"], "Give a binary one.")
    trees = veritas.AddTree(1, veritas.AddTreeType.CLF_SOFTMAX)
    for item in dump["tree_info"]:
        tree = trees.add_tree()
        waiting = [(tree.root(), item["tree_structure"])]
        while waiting:
            place, node = waiting.pop()
            if "split_feature" not in node:
                tree.set_leaf_value(place, 0, node["leaf_value"])
                continue
            if node["decision_type"] != "<=":
                raise InputError("a booster that splits on categories", node["decision_type"], "Train it on numbers.")
            tree.split(place, node["split_feature"], float(np.nextafter(node["threshold"], np.inf)))
            waiting += [(tree.left(place), node["left_child"]), (tree.right(place), node["right_child"])]
    if threshold is not None:
        trees.set_base_score(0, -math.log(threshold / (1 - threshold)))
    return trees


def _require_faithful(target: Target, frame: pd.DataFrame, margin: np.ndarray) -> None:
    """Refuse trees that decide otherwise than the model anywhere, but where the margin is a rounding error."""
    decided = decision_texts(target.predict(frame).decision)
    clear = np.abs(margin) > ROUNDING
    sides = [set(decided[clear & side]) for side in (margin > 0, margin < 0)]
    if any(len(side) > 1 for side in sides) or (sides[0] & sides[1]):
        raise InputError("trees that do not decide as the model does", target.name, "Use randomised smoothing.")


def _veritas() -> Any:
    try:
        return importlib.import_module("veritas")
    except ImportError as exc:
        raise InputError("exact certificates need dtai-veritas", str(exc), INSTALL) from exc
