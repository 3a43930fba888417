"""A target: something that decides on rows, whether a model in this process, a folder or a server far away.

A `Target` has one method, ``predict(frame) -> Prediction``, and says who it is (``name``, ``version``, ``digest``) and whether
it is ``production``, which no replay touches without a recorded approval. What a target does wrong (an exception, too few
answers) is part of its `Prediction`, row by row; what a caller does wrong (a column it needs and is not given) is raised.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from workbench.errors import InputError, shorten

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a target answered, one entry per row of the frame, in its order; every array has shape (rows,).

    Attributes
    ----------
    decision
        What was decided, in the type the model gives it; None (or NaN) where nothing was.
    score
        float64, higher = more of the positive class; NaN where the target gives none.
    latency
        Seconds each row took: the time of the call it was part of, by the rows of that call.
    abstained
        True where the target answered, and the answer is that it does not decide.
    error
        What went wrong, in one line; None where nothing did.
    """

    decision: np.ndarray
    score: np.ndarray
    latency: np.ndarray
    abstained: np.ndarray
    error: np.ndarray

    def __post_init__(self) -> None:
        shapes = {field.name: np.shape(getattr(self, field.name)) for field in fields(self)}
        if len(set(shapes.values())) > 1 or self.decision.ndim != 1:
            raise InputError("a prediction needs one entry per row in every field", shapes, "Give arrays of one shape (rows,).")

    def __len__(self) -> int:
        return len(self.decision)

    @property
    def decided(self) -> np.ndarray:
        """True where there is a decision: no error, no abstention."""
        failed = np.array([text is not None for text in self.error], dtype=bool)
        return np.asarray(~failed & ~self.abstained.astype(bool))


@runtime_checkable
class Target(Protocol):
    """What decides."""

    @property
    def name(self) -> str:
        """What to call it."""

    @property
    def version(self) -> str:
        """Which one it is, as its owner says; part of its digest where the owner does not say."""

    @property
    def digest(self) -> str:
        """Digest of what decides: two targets of one digest are the same model."""

    @property
    def production(self) -> bool:
        """Whether people are affected by calling it."""

    def predict(self, frame: pd.DataFrame) -> Prediction:
        """Decide on every row of `frame`."""


class Wrapped:
    """A target around another one: it says of itself what that one says; a subclass gives ``predict``."""

    target: Target

    @property
    def name(self) -> str:
        """The target's."""
        return self.target.name

    @property
    def version(self) -> str:
        """The target's."""
        return self.target.version

    @property
    def digest(self) -> str:
        """The target's."""
        return self.target.digest

    @property
    def production(self) -> bool:
        """The target's."""
        return self.target.production


def are_single(values: Iterable[object]) -> bool:
    """Whether every entry is a single value, as a decision is: no list, mapping or array."""
    return all(kind.__hash__ is not None for kind in set(map(type, values)))


def answer_of(predict: Callable[[Any], Prediction], rows: Any) -> Prediction:
    """What `predict` answers for `rows`; whatever it raises, or answers in another shape, is the error of every row.

    Raises
    ------
    InputError
        As `predict` raises it: the caller's mistake.
    """
    start = time.perf_counter()
    try:
        answered = predict(rows)
        wrong = _flaw(answered, len(rows))
    except InputError:
        raise
    except Exception as exc:  # noqa: BLE001  a target's failure is an outcome to record, whatever it is
        wrong = shorten(f"{type(exc).__name__}: {exc}")
    return answered if wrong is None else failed_prediction(len(rows), wrong, time.perf_counter() - start)


def _flaw(answered: Prediction, rows: int) -> str | None:
    if len(answered) != rows:
        return f"wrong shape: {len(answered)} answers for {rows} rows"
    if answered.decision.dtype == object and not are_single(answered.decision):
        return "wrong shape: entries that are no single values in decision"
    return None


def failed_prediction(rows: int, error: str, seconds: float) -> Prediction:
    """The prediction of a call over `rows` rows that took `seconds` and came to nothing."""
    return Prediction(
        decision=np.full(rows, None, dtype=object),
        score=np.full(rows, np.nan),
        latency=np.full(rows, seconds / max(rows, 1)),
        abstained=np.zeros(rows, dtype=bool),
        error=np.full(rows, error, dtype=object),
    )
