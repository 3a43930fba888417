"""Models in this process as targets: a function of a frame, or an object with ``predict`` as in scikit-learn.

A function takes the frame and returns one decision per row, or a frame with the columns ``decision``, ``score``, ``abstained``
(each but the first may be left out), or a `Prediction`. Of an object, ``predict`` decides and ``predict_proba``, where there is
one, gives the score.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from workbench.digest import digest
from workbench.errors import InputError, UnknownNameError, shorten
from workbench.models.booster import booster_target, decides_alone
from workbench.models.identity import model_digest
from workbench.models.target import Prediction, Target, are_single, failed_prediction
from workbench.registry import targets

ANSWERS = ("decision", "score", "abstained")


@dataclass(frozen=True, eq=False)
class PythonTarget:
    """A model in this process.

    Attributes
    ----------
    model
        A callable, or an object with ``predict``.
    name
        What to call it.
    columns
        The columns it sees, in its order; None: the ones it was fitted on (``feature_names_in_``), or the whole frame.
    positive
        The class whose probability is the score; None: the second of two classes. With more classes and none named there is no
        score.
    threshold
        Where given, the score decides alone: the positive class from here on (``predict`` is not called, at half the cost).
    production
        Whether people are affected by calling it.
    given_version, given_digest
        As the owner says; None: from the model's state.
    """

    model: Any
    name: str
    columns: tuple[str, ...] | None = None
    positive: Any = None
    threshold: float | None = None
    production: bool = False
    given_version: str | None = None
    given_digest: str | None = None

    @functools.cached_property
    def digest(self) -> str:
        """Digest of the model's state, and of what is asked of it."""
        asked = [self.columns, None if self.positive is None else str(self.positive), self.threshold]
        return self.given_digest or digest([model_digest(self.model), *asked])

    @property
    def version(self) -> str:
        """As given, or the first twelve digits of the digest."""
        return self.given_version or self.digest.removeprefix("sha256:")[:12]

    def predict(self, frame: pd.DataFrame) -> Prediction:
        """Decide on every row of `frame`, in one call of the model.

        Raises
        ------
        InputError
            If `frame` lacks a column that the model sees. What the model itself raises is the prediction's ``error``.
        """
        seen = self._select(frame)
        start = time.perf_counter()
        try:
            answer = self._ask(seen)
            seconds = time.perf_counter() - start
            if isinstance(answer, Prediction) and len(answer) == len(frame):
                return answer
            return _prediction(_parts(answer), len(frame), seconds)
        except Exception as exc:  # noqa: BLE001  a model's failure is an outcome to record, whatever it is
            return failed_prediction(len(frame), shorten(f"{type(exc).__name__}: {exc}"), time.perf_counter() - start)

    def _select(self, frame: pd.DataFrame) -> pd.DataFrame:
        names = self.columns if self.columns is not None else getattr(self.model, "feature_names_in_", None)
        if names is None:
            return frame
        if absent := [name for name in names if name not in frame.columns]:
            raise InputError(f"{self.name} needs a column that is not there", absent[0], f"Columns: {', '.join(frame.columns)}")
        return frame[list(names)]

    def _ask(self, frame: pd.DataFrame) -> Any:
        if not hasattr(self.model, "predict"):
            return self.model(frame)
        score = self._score(frame)
        if self.threshold is None or score is None:
            return {"decision": self.model.predict(frame), "score": score}
        yes, no = self._classes_by_score()
        return {"decision": np.where(score >= self.threshold, yes, no), "score": score}

    def _score(self, frame: pd.DataFrame) -> np.ndarray | None:
        if not hasattr(self.model, "predict_proba"):
            return None
        chances = np.asarray(self.model.predict_proba(frame))
        if self.positive is not None:
            return np.asarray(chances[:, list(self.model.classes_).index(self.positive)])
        return np.asarray(chances[:, 1]) if chances.shape[1] == 2 else None

    def _classes_by_score(self) -> tuple[Any, Any]:
        classes = list(getattr(self.model, "classes_", [0, 1]))
        yes = classes[-1] if self.positive is None else self.positive
        return yes, next(other for other in classes if other != yes)


def python_target(
    model: object,
    *,
    name: str | None = None,
    version: str | None = None,
    digest: str | None = None,
    columns: Sequence[str] | None = None,
    positive: object = None,
    threshold: float | None = None,
    production: bool = False,
) -> Target:
    """`model` as a target; one that is a target already stays as it is. The options are `PythonTarget`'s.

    Raises
    ------
    InputError
        If it is neither callable nor has ``predict``, or is a class rather than an object; if a threshold has no score to meet.
    """
    if isinstance(model, Target) and not isinstance(model, type):
        return model
    if isinstance(model, type) or not (callable(model) or hasattr(model, "predict")):
        shown = model.__name__ if isinstance(model, type) else type(model).__name__
        raise InputError("not a model", shown, "Give a function of a frame, or a fitted object with predict.")
    scored = hasattr(model, "predict_proba") and (positive is not None or len(getattr(model, "classes_", ())) <= 2)
    if threshold is not None and not scored and not decides_alone(model):
        raise InputError("a threshold needs a score", type(model).__name__, "Give `positive`, or a model with predict_proba.")
    called = name or str(getattr(model, "__name__", type(model).__name__))
    if columns is None and positive is None and decides_alone(model):
        return booster_target(model, name=called, version=version, digest=digest, threshold=threshold, production=production)
    seen = None if columns is None else tuple(columns)
    return PythonTarget(model, called, seen, positive, threshold, production, version, digest)


@targets.register("python")
def open_python(location: str) -> Target:
    """The target at ``module:attribute``, imported from the working folder or the environment; the attribute may have dots.

    Raises
    ------
    InputError
        If there is no such module or attribute, or it is no model.
    """
    module_name, _, path = location.partition(":")
    if not module_name or not path:
        raise InputError("not a place in a module", location, "Write python:module:attribute.")
    try:
        with _working_folder_first():
            found: Any = importlib.import_module(module_name)
    except Exception as exc:
        what = f"the module {module_name} cannot be imported"
        raise InputError(what, f"{type(exc).__name__}: {exc}", "Check the name, or run it from the module's folder.") from exc
    for part in path.split("."):
        if not hasattr(found, part):
            raise UnknownNameError(f"attribute in {module_name}", path, [name for name in dir(found) if not name.startswith("_")])
        found = getattr(found, part)
    target = python_target(found, name=path)
    return replace(target, name=path) if isinstance(target, PythonTarget) and target.model is found else target


@contextlib.contextmanager
def _working_folder_first() -> Iterator[None]:
    folder = str(Path.cwd())
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        if folder in sys.path:
            sys.path.remove(folder)


def _parts(answer: Any) -> dict[str, np.ndarray]:
    """What a model answered, by its name in a `Prediction`."""
    if isinstance(answer, Prediction):
        return {"decision": answer.decision}
    if isinstance(answer, pd.DataFrame):
        return {name: answer[name].to_numpy() for name in ANSWERS if name in answer or name == "decision"}
    if isinstance(answer, dict):
        return {name: np.asarray(answer[name]) for name in ANSWERS if answer.get(name) is not None}
    return {"decision": np.asarray(answer)}


def _prediction(parts: dict[str, np.ndarray], rows: int, seconds: float) -> Prediction:
    for name, part in parts.items():
        if part.shape != (rows,):
            return failed_prediction(rows, f"wrong shape: {part.shape} in {name} for {rows} rows", seconds)
    decision = parts["decision"]
    if decision.dtype == object and not are_single(decision):
        return failed_prediction(rows, "wrong shape: entries that are no single values in decision", seconds)
    nothing = pd.isna(pd.Series(decision)).to_numpy()
    score = np.asarray(parts.get("score", np.full(rows, np.nan)), dtype=float)
    abstained = np.asarray(parts.get("abstained", nothing), dtype=bool) | nothing
    return Prediction(decision, score, np.full(rows, seconds / max(rows, 1)), abstained, np.full(rows, None, dtype=object))
