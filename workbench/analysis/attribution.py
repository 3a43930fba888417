"""How much each feature moved a model's output on some rows: shap values, exact for trees, by sampled permutations elsewhere."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from workbench.errors import InputError
from workbench.models import PythonTarget, Target, python_target

PERMUTATIONS: Final = 5
BACKGROUND: Final = 20


@dataclass(frozen=True, eq=False)
class Attribution:
    """Shap values.

    Attributes
    ----------
    values
        Shape (rows, features), in units of the model's output; with `base` they add up to it.
    base
        The output where nothing is known, shape (rows,).
    method
        How they were computed, in words.
    evaluations
        Rows the model was asked about.
    """

    values: np.ndarray
    base: np.ndarray
    method: str
    evaluations: int


def attribute(
    model: object, frame: pd.DataFrame, background: pd.DataFrame, *, positive: object = None, seed: int = 0
) -> Attribution:
    """The shap values of the rows of `frame`.

    Trees of scikit-learn and its like are read by TreeExplainer (exact, path-dependent). Anything else is asked about mixtures of
    the row and of each of the `background` rows, along `PERMUTATIONS` orders of the features and back (shap's permutation
    explainer): unbiased, and it costs ``PERMUTATIONS * (2 * features + 1) * background`` evaluations a row.

    Parameters
    ----------
    model
        A fitted object, a callable or a target.
    frame, background
        The features, the same columns in both.
    positive
        The class whose score is explained; None: the second of two.

    Raises
    ------
    InputError
        If the model fails, or gives neither a score nor a number.
    """
    fitted = model.model if isinstance(model, PythonTarget) else model
    exact = _from_trees(fitted, frame, positive) if hasattr(fitted, "predict") else None
    return exact or _from_permutations(python_target(model, positive=positive), frame, background, seed)


def evaluations_per_row(features: int, background: int) -> int:
    """What a row costs where there are no trees to read."""
    return PERMUTATIONS * (2 * features + 1) * background


def _from_trees(model: Any, frame: pd.DataFrame, positive: object) -> Attribution | None:
    """None where TreeExplainer does not know the model."""
    import shap

    read = shap.TreeExplainer
    try:
        explained = read(model)(frame, check_additivity=False)
    except Exception:  # noqa: BLE001  it refuses foreign models with errors of every kind
        return None
    values, base = np.asarray(explained.values), np.asarray(explained.base_values)
    if values.ndim == 3:
        classes = list(model.classes_)
        if positive is None and len(classes) != 2:
            raise InputError("which class is to be explained?", ", ".join(map(str, classes)), "Give `positive`.")
        chosen = 1 if positive is None else classes.index(positive)
        values, base = values[:, :, chosen], base[:, chosen]
    return Attribution(values, np.broadcast_to(base.ravel(), len(frame)), "TreeExplainer, exact, path-dependent", len(frame))


def _from_permutations(target: Target, frame: pd.DataFrame, background: pd.DataFrame, seed: int) -> Attribution:
    """Cells are handed to shap as the number of the row they come from, so that every type of column can be mixed."""
    import shap

    pool = pd.concat([background, frame], ignore_index=True)
    asked = 0

    def output(cells: np.ndarray) -> np.ndarray:
        nonlocal asked
        asked += len(cells)
        taken = cells.astype(np.intp)
        mixed = {name: pool[name].array.take(taken[:, at]) for at, name in enumerate(pool.columns)}
        return _output(target, pd.DataFrame(mixed))

    width = pool.shape[1]
    rows = np.repeat(np.arange(len(pool), dtype=float)[:, None], width, axis=1)
    most = PERMUTATIONS * (2 * width + 1)
    with _global_generator_kept():
        explainer = shap.PermutationExplainer(output, _Mixer(rows[: len(background)]), seed=seed)
        explained = explainer(rows[len(background) :], max_evals=most, batch_size=2 * width + 1, silent=True)
    method = f"permutation explainer, {PERMUTATIONS} orders against {len(background)} rows"
    return Attribution(np.asarray(explained.values), np.asarray(explained.base_values), method, asked)


@contextlib.contextmanager
def _global_generator_kept() -> Iterator[None]:
    """Leave numpy's global generator as it was: shap seeds it, and draws from it."""
    state = np.random.get_state()  # noqa: NPY002  it is what shap uses
    try:
        yield
    finally:
        np.random.set_state(state)  # noqa: NPY002


class _Mixer:
    """A masker as shap calls it: every background row with the cells of the explained row where `mask` is true.

    shap's own does the same by differences, in code that takes seconds to compile in every process.
    """

    clustering = None

    def __init__(self, background: np.ndarray) -> None:
        self.background = background
        self.shape = background.shape

    def __call__(self, mask: np.ndarray, row: np.ndarray) -> tuple[np.ndarray]:
        mixed = self.background.copy()
        mixed[:, mask] = row[mask]
        return (mixed,)


def _output(target: Target, frame: pd.DataFrame) -> np.ndarray:
    """The score of each row; the decision as a number where there is no score."""
    answer = target.predict(frame)
    failed = [text for text in answer.error if text is not None]
    if failed:
        raise InputError(f"{target.name} fails on rows of this data", failed[0], "Mend the model, or name its columns.")
    if not np.isnan(answer.score).any():
        return answer.score
    try:
        return answer.decision.astype(float)
    except (TypeError, ValueError) as exc:
        do = "Give a model with predict_proba, or one whose decisions are numbers."
        raise InputError("no score to explain, and the decision is no number", target.name, do) from exc


def sample_rows(mask: np.ndarray, most: int, rng: np.random.Generator) -> np.ndarray:
    """Positions of at most `most` rows of `mask`, drawn without replacement, ascending."""
    found = np.flatnonzero(mask)
    return np.sort(rng.choice(found, most, replace=False)) if len(found) > most else found


def model_columns(model: object, features: Sequence[str]) -> tuple[str, ...]:
    """The columns the model was fitted on; `features` where it does not say."""
    fitted = model.model if isinstance(model, PythonTarget) else model
    columns = getattr(model, "columns", None)
    seen = columns if columns is not None else getattr(fitted, "feature_names_in_", None)
    return tuple(features if seen is None else map(str, seen))
