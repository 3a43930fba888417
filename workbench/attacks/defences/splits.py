"""The splits of a tree ensemble as its model makes them, and the trees that are left of them for one row.

A certificate searches trees that only ask whether a number is below a threshold. Whatever else a model asks is settled before:

- a missing value is never moved (`workbench.attacks.constraints`), so every split on it goes the one way that the model sends it;
- the same holds for a category that cannot be moved;
- of a category that can be, each split becomes a question of its own, free to go either way from a distance of 1 on. The answers
  to two such questions may contradict each other: more is taken to be reachable than is, and a lower bound stays one.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from workbench.errors import InputError
from workbench.models.booster import is_boosted
from workbench.models.target import Target

INSTALL: Final = "Install it: pip install 'ml-incident-workbench[certify]'."
NO_WAY: Final = "a missing value, and trees that do not say where it goes"
FIXED, NUMBER, CATEGORY = range(3)
"""How a column of a row moves: not at all, freely along its axis, from one category to another."""
TURN: Final = 0.5
"""Scale of a question about a category, whose two answers stand at 0 and 1 with the threshold between: so it turns at 1."""


@dataclass(frozen=True, eq=False)
class Split:
    """One question: left where the column is below a number, or (where that is None) among these categories.

    `missing_left` says which way a missing value goes; None where the model was not made to say.
    """

    column: int
    below: float | None
    among: frozenset[int]
    missing_left: bool | None
    left: Tree
    right: Tree

    def goes_left(self, value: float) -> bool:
        """Which way a value goes."""
        if math.isnan(value):
            return bool(self.missing_left)
        return int(value) in self.among if self.below is None else value < self.below


Tree = Split | float


@dataclass(frozen=True, eq=False)
class Ensemble:
    """All trees of a model for two classes: their sum and `base` are above 0 where the second is decided.

    Attributes
    ----------
    columns
        The model's columns.
    levels
        Of columns that the model takes as categories of pandas, the categories in the order of their codes.
    raw
        The model's own sum for frame and matrix, where it tells.
    """

    columns: tuple[str, ...]
    trees: tuple[Tree, ...]
    base: float
    levels: dict[str, list[Any]]
    raw: Callable[[pd.DataFrame, np.ndarray], np.ndarray] | None = None

    def encode(self, frame: pd.DataFrame) -> np.ndarray:
        """The model's columns as the numbers that its splits are about; NaN where missing or of no known category."""
        return np.column_stack([self._numbers(name, frame[name]) for name in self.columns])

    def _numbers(self, name: str, series: pd.Series[Any]) -> np.ndarray:
        if name not in self.levels:
            return series.to_numpy(dtype=float, na_value=np.nan)
        codes = {value: float(code) for code, value in enumerate(self.levels[name])}
        return np.array([codes.get(value, np.nan) for value in series.tolist()])

    def margins(self, matrix: np.ndarray) -> np.ndarray:
        """The sum for each row; NaN where the trees do not say where a missing value goes."""
        return np.array([self.base + sum(_leaf(tree, row) for tree in self.trees) for row in matrix.tolist()])

    def splits(self) -> Iterator[Split]:
        """Every split of every tree."""
        waiting: list[Tree] = list(self.trees)
        while waiting:
            node = waiting.pop()
            if isinstance(node, Split):
                yield node
                waiting += [node.left, node.right]

    def grow(self, row: np.ndarray, moves: np.ndarray) -> Grown:
        """The trees that are left for a row whose columns move as `moves` says."""
        veritas = load_veritas()
        made = veritas.AddTree(1, veritas.AddTreeType.CLF_SOFTMAX)
        made.set_base_score(0, self.base)
        questions: dict[tuple[object, ...], int] = {}
        answers: list[float] = []
        for whole in self.trees:
            tree = made.add_tree()
            waiting = [(tree.root(), whole)]
            while waiting:
                place, node = waiting.pop()
                while isinstance(node, Split) and moves[node.column] == FIXED:
                    node = node.left if node.goes_left(row[node.column]) else node.right
                if not isinstance(node, Split):
                    tree.set_leaf_value(place, 0, node)
                    continue
                if moves[node.column] == NUMBER:
                    tree.split(place, node.column, node.below)
                else:
                    asked = (node.column, node.below, node.among)
                    if asked not in questions:
                        questions[asked] = len(row) + len(questions)
                        answers.append(0.0 if node.goes_left(row[node.column]) else 1.0)
                    tree.split(place, questions[asked], 0.5)
                waiting += [(tree.left(place), node.left), (tree.right(place), node.right)]
        return Grown(made, np.array(answers))


@dataclass(frozen=True, eq=False)
class Grown:
    """Trees of numbers only, and the row's own answer (0 left, 1 right) to each question about a category that can be moved."""

    trees: Any
    answers: np.ndarray


def read_ensemble(target: Target, frame: pd.DataFrame) -> Ensemble:
    """The splits of a LightGBM booster, or of a scikit-learn forest, boosted trees or decision tree, for two classes.

    Raises
    ------
    InputError
        For another model, one whose splits mean something else, or a column that `frame` has not.
    """
    model: Any = getattr(target, "model", None)
    threshold = getattr(target, "threshold", None)
    if is_boosted(model):
        return _read_booster(getattr(model, "booster_", model), threshold, frame)
    if threshold is not None:
        raise InputError("trees with a threshold of their own", target.name, "Certify the model's own decision.")
    return _read_sklearn(model, frame)


def load_veritas() -> Any:
    """The module ``veritas``.

    Raises
    ------
    InputError
        If it is not installed.
    """
    try:
        return importlib.import_module("veritas")
    except ImportError as exc:
        raise InputError("exact certificates need dtai-veritas", str(exc), INSTALL) from exc


def _leaf(tree: Tree, row: Sequence[float]) -> float:
    while isinstance(tree, Split):
        value = row[tree.column]
        if tree.missing_left is None and math.isnan(value):
            return math.nan
        tree = tree.left if tree.goes_left(value) else tree.right
    return tree


def _read_booster(booster: Any, threshold: float | None, frame: pd.DataFrame) -> Ensemble:
    """LightGBM's trees in full precision: ``x <= t`` as ``x < t'``, where t' is the next number after t."""
    dump = booster.dump_model()
    if "binary" not in dump["objective"] or dump.get("average_output"):
        raise InputError("a booster that is not for two classes", dump["objective"], "Give a binary one.")
    columns = _columns(list(booster.feature_name()), frame)
    categorical = booster.pandas_categorical or []
    named = [name for name in columns if isinstance(frame[name].dtype, pd.CategoricalDtype)] if categorical else []
    if len(named) != len(categorical):
        do = "Give rows with the category columns that it was trained on, as pandas' category."
        raise InputError("a booster trained on other category columns", f"{len(categorical)}, here {len(named)}", do)
    trees = tuple(_read_node(item["tree_structure"]) for item in dump["tree_info"])
    base = 0.0 if threshold is None else -math.log(threshold / (1 - threshold))
    levels = {name: list(values) for name, values in zip(named, categorical, strict=True)}

    def raw(rows: pd.DataFrame, matrix: np.ndarray) -> np.ndarray:
        return np.asarray(booster.predict(rows[columns] if named else matrix, raw_score=True)) + base

    return Ensemble(tuple(columns), trees, base, levels, raw)


def _read_node(node: dict[str, Any]) -> Tree:
    if "leaf_coeff" in node:
        raise InputError("a booster with a linear model in each leaf", "linear_tree", "Use randomised smoothing.")
    if "split_feature" not in node:
        return float(node["leaf_value"])
    kind, missing = node["decision_type"], node["missing_type"]
    if kind not in {"<=", "=="} or missing not in {"None", "NaN"}:
        do = "Train it without zero_as_missing." if missing == "Zero" else "Use randomised smoothing."
        raise InputError("a booster with splits of another kind", f"{kind}, missing: {missing}", do)
    left, right = _read_node(node["left_child"]), _read_node(node["right_child"])
    if kind == "==":  # what is missing, or of no known category, goes right
        return Split(node["split_feature"], None, frozenset(map(int, node["threshold"].split("||"))), False, left, right)  # noqa: FBT003
    below = float(np.nextafter(node["threshold"], np.inf))
    to_left = bool(node["default_left"]) if missing == "NaN" else below > 0  # otherwise LightGBM takes it for 0
    return Split(node["split_feature"], below, frozenset(), to_left, left, right)


def _read_sklearn(model: Any, frame: pd.DataFrame) -> Ensemble:
    """What the converter of veritas makes of it."""
    kind = type(model).__name__
    classes = getattr(model, "classes_", ())
    if not type(model).__module__.startswith("sklearn.") or len(classes) != 2 or "Hist" in kind:
        do = "Give a LightGBM booster, or a scikit-learn forest, GradientBoostingClassifier or decision tree, for two classes."
        raise InputError("no tree ensemble that can be certified", kind, do)
    try:
        found = load_veritas().get_addtree(model, silent=True)
    except InputError:
        raise
    except Exception as exc:  # the converter's own errors, and whatever a newer scikit-learn makes of it
        raise InputError("no tree ensemble that can be certified", f"{kind} ({exc})", "Use randomised smoothing.") from exc
    names = getattr(model, "feature_names_in_", None)
    columns = _columns([f"Column_{at}" for at in range(frame.shape[1])] if names is None else list(names), frame)
    trees = tuple(_read_converted(found[at], found[at].root()) for at in range(len(found)))
    return Ensemble(tuple(columns), trees, float(found.get_base_score(0)), {})


def _read_converted(tree: Any, place: int) -> Tree:
    if tree.is_leaf(place):
        return float(tree.get_leaf_value(place, 0))
    split = tree.get_split(place)
    sides = (_read_converted(tree, side(place)) for side in (tree.left, tree.right))
    return Split(split.feat_id, float(split.split_value), frozenset(), None, *sides)


def _columns(names: list[str], frame: pd.DataFrame) -> list[str]:
    """The model's columns by name, or by their place where it was trained on a matrix."""
    if all(name in frame.columns for name in names):
        return names
    if names == [f"Column_{at}" for at in range(frame.shape[1])]:
        return [str(name) for name in frame.columns]
    absent = next(name for name in names if name not in frame.columns)
    raise InputError("the model needs a column that is not there", absent, f"Columns: {', '.join(map(str, frame.columns))}")
