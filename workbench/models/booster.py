"""LightGBM without its wrapper: the booster answers single rows eight times as fast as ``LGBMClassifier.predict`` does.

A `PreparedTarget` splits asking in three, so that a replay converts a block once and then only slices it: ``prepare`` the frame,
``ask`` (the model alone, nothing around it), and make a `Prediction` of the raw ``answers``.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from workbench.digest import digest, digest_bytes
from workbench.errors import InputError, shorten
from workbench.models.target import Prediction, Target, failed_prediction

if TYPE_CHECKING:
    import pandas as pd


@runtime_checkable
class PreparedTarget(Target, Protocol):
    """A target whose rows can be prepared once and asked in slices."""

    def prepare(self, frame: pd.DataFrame) -> Any:
        """The rows as the model takes them, to be sliced by row."""

    def ask(self, prepared: Any) -> np.ndarray:
        """What the model says of prepared rows, an entry per row; it may raise."""

    def answers(self, raw: np.ndarray, latency: np.ndarray) -> Prediction:
        """What was asked, in one or many calls, as a prediction."""


@dataclass(frozen=True, eq=False)
class BoosterTarget:
    """A LightGBM booster for one or two classes.

    Attributes
    ----------
    booster
        The fitted booster.
    name
        What to call it.
    classes
        The two classes, the second is the one the score is of; None: a regression, whose decision is its score.
    threshold
        The second class from this score on; None: where it is the likelier one.
    """

    booster: Any
    name: str
    classes: tuple[Any, Any] | None = (0, 1)
    threshold: float | None = None
    production: bool = False
    given_version: str | None = None
    given_digest: str | None = None

    @functools.cached_property
    def digest(self) -> str:
        """Digest of the trees, and of what is made of them."""
        asked = [None if self.classes is None else [str(item) for item in self.classes], self.threshold]
        return self.given_digest or digest([digest_bytes(self.booster.model_to_string().encode()), *asked])

    @property
    def version(self) -> str:
        """As given, or the first twelve digits of the digest."""
        return self.given_version or self.digest.removeprefix("sha256:")[:12]

    @property
    def model(self) -> Any:
        """The booster, by the name that other targets in this process have it."""
        return self.booster

    @functools.cached_property
    def _features(self) -> list[str]:
        return list(self.booster.feature_name())

    def prepare(self, frame: pd.DataFrame) -> Any:
        """A float64 matrix of the booster's columns; the frame itself where it was trained on categories.

        Raises
        ------
        InputError
            If a column is not there. Unnamed columns (``Column_0``, as a matrix is trained) are taken by their order.
        """
        names = [str(column) for column in frame.columns]
        wanted = self._features
        if all(name in names for name in wanted):
            frame = frame if names == wanted else frame[wanted]
        elif not (wanted == [f"Column_{place}" for place in range(len(names))] and len(names) == len(wanted)):
            absent = next(name for name in wanted if name not in names)
            raise InputError(f"{self.name} needs a column that is not there", absent, f"Columns: {', '.join(names)}")
        if self.booster.pandas_categorical:
            return frame
        return np.ascontiguousarray(frame.to_numpy(dtype=np.float64))

    def ask(self, prepared: Any) -> np.ndarray:
        """The raw score of each row."""
        return np.asarray(self.booster.predict(prepared))

    def answers(self, raw: np.ndarray, latency: np.ndarray) -> Prediction:
        """Decisions from raw scores."""
        rows = len(raw)
        if raw.shape != (len(latency),):
            return failed_prediction(len(latency), f"wrong shape: {raw.shape} for {len(latency)} rows", latency.sum())
        if self.classes is None:
            decision = raw
        else:
            chosen = raw > 1 - raw if self.threshold is None else raw >= self.threshold
            decision = np.where(chosen, self.classes[1], self.classes[0])
        return Prediction(decision, raw, latency, np.zeros(rows, dtype=bool), np.full(rows, None, dtype=object))

    def predict(self, frame: pd.DataFrame) -> Prediction:
        """Decide on every row of `frame`, in one call of the booster."""
        prepared = self.prepare(frame)
        start = time.perf_counter()
        try:
            raw = self.ask(prepared)
        except Exception as exc:  # noqa: BLE001  a model's failure is an outcome to record, whatever it is
            return failed_prediction(len(frame), shorten(f"{type(exc).__name__}: {exc}"), time.perf_counter() - start)
        return self.answers(raw, np.full(len(frame), (time.perf_counter() - start) / max(len(frame), 1)))


def booster_target(
    model: Any,
    *,
    name: str | None = None,
    version: str | None = None,
    digest: str | None = None,
    classes: Sequence[Any] | None = None,
    threshold: float | None = None,
    production: bool = False,
) -> BoosterTarget:
    """A LightGBM booster, or the booster inside a fitted ``LGBMClassifier`` or ``LGBMRegressor``, as a target.

    Raises
    ------
    InputError
        If it is none, or has more than two classes.
    """
    if not is_boosted(model):
        raise InputError("not a LightGBM model", type(model).__name__, "Give a Booster or a fitted LGBMClassifier.")
    booster = getattr(model, "booster_", model)
    if booster.num_model_per_iteration() != 1:
        raise InputError("a booster of more than two classes", booster.num_model_per_iteration(), "Use python_target for it.")
    found = classes if classes is not None else getattr(model, "classes_", None)
    if found is None and "binary" in _objective(booster):
        found = (0, 1)
    pair = None if found is None else (_plain(found[0]), _plain(found[1]))
    return BoosterTarget(booster, name or type(model).__name__, pair, threshold, production, version, digest)


def is_boosted(model: object) -> bool:
    """Whether `model` is a LightGBM booster, or a fitted model around one; LightGBM itself need not be there."""
    kind = type(model)
    if not kind.__module__.startswith("lightgbm."):
        return False
    return kind.__name__ == "Booster" or getattr(model, "fitted_", False) is True


def decides_alone(model: Any) -> bool:
    """Whether the booster in `model` gives the decision of its wrapper: LightGBM's, for two classes."""
    if not is_boosted(model) or type(model).__name__ not in {"Booster", "LGBMClassifier"}:
        return False
    booster = getattr(model, "booster_", model)
    return bool(booster.num_model_per_iteration() == 1 and (booster is not model or "binary" in _objective(booster)))


def _objective(booster: Any) -> str:
    """The objective; a booster that was read from a file knows it only in its text."""
    return str(booster.params.get("objective") or booster.model_to_string(num_iteration=1)[:400])


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
