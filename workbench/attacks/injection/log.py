"""A decision log that can be broken: its rows, what each column is for, and the model that decided."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from workbench.data.roles import Roles
from workbench.models.target import Target
from workbench.predicate import Comparison, Operand, Predicate, equals

SCORE_DIGITS = 6


@dataclass(frozen=True, eq=False)
class DecisionLog:
    """Rows in order of time, decided by a model that can be asked again.

    Attributes
    ----------
    frame
        A row per decision, numbered from 0.
    roles
        With `row_id`, `time`, `model_version`, `prediction`, `score`, `label` (columns, the label 0 or 1) and `features`.
    target
        What decided: its score is the chance of label 1.
    previous
        The version before it.
    threshold
        From this score on the prediction is 1.
    source
        The feature that says which feed a row came from.
    """

    frame: pd.DataFrame
    roles: Roles
    target: Target
    previous: Target
    threshold: float
    source: str

    def column(self, role: str) -> str:
        """The column that plays a part."""
        return str(getattr(self.roles, role))

    @property
    def features(self) -> tuple[str, ...]:
        """What the model sees, the source included."""
        return self.roles.features or ()

    @property
    def times(self) -> pd.Series[pd.Timestamp]:
        """When each decision was made."""
        return self.frame[self.column("time")]

    def numeric(self) -> list[str]:
        """Features of many numbers, most of them not zero: those that have a unit."""
        found = []
        for name in self.features:
            series = self.frame[name]
            if pd.api.types.is_numeric_dtype(series) and series.nunique() >= 8 and (series == 0).mean() < 0.5:
                found.append(name)
        return found

    def categorical(self) -> list[str]:
        """Features of two or more texts, the source left out."""
        return [
            name for name in self.features
            if name != self.source and not pd.api.types.is_numeric_dtype(self.frame[name]) and len(self.frame[name].unique()) > 1
        ]  # fmt: skip

    def errors(self, frame: pd.DataFrame | None = None) -> np.ndarray:
        """1 where prediction and label differ, of `frame` or of the log; NaN where there is no label. Shape (rows,)."""
        frame = self.frame if frame is None else frame
        label = frame[self.column("label")].to_numpy(dtype=float, na_value=np.nan)
        wrong = (frame[self.column("prediction")].to_numpy() != label).astype(float)
        return np.where(np.isnan(label), np.nan, wrong)

    def since(self, onset: pd.Timestamp, end: pd.Timestamp | None = None) -> np.ndarray:
        """The rows decided from `onset` on, and before `end`."""
        late = (self.times >= onset).to_numpy()
        return late if end is None else late & (self.times < end).to_numpy()

    def with_frame(self, frame: pd.DataFrame) -> DecisionLog:
        """The same log with other rows, put in order of time and numbered anew."""
        return replace(self, frame=frame.sort_values(self.column("time"), kind="stable").reset_index(drop=True))

    def rescored(self, frame: pd.DataFrame, rows: np.ndarray, target: Target | None = None) -> pd.DataFrame:
        """`frame` with the given rows decided anew, as when what the model saw, or the model, was another."""
        if not rows.any():
            return frame
        score = (target or self.target).predict(frame.loc[rows, list(self.features)].reset_index(drop=True)).score
        return self.decided(frame, rows, score)

    def decided(self, frame: pd.DataFrame, rows: np.ndarray, score: np.ndarray, threshold: float | None = None) -> pd.DataFrame:
        """`frame` with these scores in the given rows, and what they decide."""
        result = frame.copy()
        score = np.round(np.asarray(score, dtype=float), SCORE_DIGITS)
        result.loc[rows, self.column("score")] = score
        limit = self.threshold if threshold is None else threshold
        result.loc[rows, self.column("prediction")] = (score >= limit).astype(np.int64)
        return result

    def from_one_source(self, rng: np.random.Generator, low: float, high: float) -> Predicate:
        """The rows of a source that holds `low` to `high` of them; the one nearest to that where none does."""
        shares = self.frame[self.source].value_counts(normalize=True)
        fitting = [value for value, share in shares.items() if low <= share <= high]
        nearest = (shares - (low + high) / 2).abs().idxmin()
        value = fitting[int(rng.integers(len(fitting)))] if fitting else nearest
        return equals(self.source, str(value))

    def segment(
        self, rng: np.random.Generator, conditions: int, low: float, high: float, among: tuple[str, ...] | None = None
    ) -> Predicate:
        """Rows where so many features meet, `low` to `high` of all; as near as 300 draws come."""
        names = [name for name in among or self.features if len(self.frame[name].unique()) > 1]
        best, distance = Predicate(), np.inf
        for _ in range(300):
            chosen = rng.choice(names, min(conditions, len(names)), replace=False).tolist()
            where = Predicate(tuple(self._condition(name, rng) for name in chosen))
            share = float(where.mask(self.frame).mean())
            away = max(low - share, share - high, 0.0)
            if away < distance:
                best, distance = where, away
            if not away:
                break
        return best

    def _condition(self, name: str, rng: np.random.Generator) -> Comparison:
        """A value that is not rare, or one side of a quartile or a median."""
        series = self.frame[name].dropna()
        if pd.api.types.is_numeric_dtype(series) and series.nunique() > 5:
            cut = series.quantile(float(rng.choice([0.25, 0.5, 0.75])), interpolation="nearest")
            return Comparison(Operand(name), str(rng.choice(["<", ">="])), cut.item())
        shares = series.value_counts(normalize=True)
        values = shares[shares >= 0.05].index.tolist() or shares.index.tolist()
        value = values[int(rng.integers(len(values)))]
        return Comparison(Operand(name), "=", value)
