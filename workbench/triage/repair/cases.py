"""The rows a finding speaks of, and those from before it: with what was decided on each, and how it turned out.

Decisions and labels are brought to one coding: 1.0, 0.0 and NaN where the roles say what is positive, else the values themselves.
Harm is an error where labels are known; where they are not, or tell nothing, it is a decision of the kind that became more
frequent.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from workbench.data.dataset import Dataset
from workbench.errors import InputError
from workbench.predicate import Predicate
from workbench.result import Finding
from workbench.triage.check import Context

ERRORS: Final = "further errors"
LEAST_LABELS: Final = 100
"""Rows with a label, on either side of the onset, from which errors are counted."""


@dataclass(frozen=True, eq=False)
class Rows:
    """Some rows of a dataset.

    Attributes
    ----------
    at
        Their positions, ascending.
    inside
        Whether each lies in the segment that the finding speaks of, whenever it was decided.
    decision, label
        In one coding; `label` is None where there is no such role.
    """

    dataset: Dataset
    at: np.ndarray
    inside: np.ndarray
    decision: np.ndarray
    label: np.ndarray | None

    @property
    def frame(self) -> pd.DataFrame:
        """Every column of these rows."""
        return self.dataset.frame.iloc[self.at]

    def column(self, name: str) -> pd.Series[Any]:
        """One column of these rows."""
        return self.dataset.frame[name].iloc[self.at]

    def __len__(self) -> int:
        return len(self.at)

    def of(self, chosen: np.ndarray) -> Rows:
        """Those of the rows that `chosen` (positions or flags) picks."""
        label = None if self.label is None else self.label[chosen]
        return Rows(self.dataset, self.at[chosen], self.inside[chosen], self.decision[chosen], label)


@dataclass(frozen=True, eq=False)
class Harm:
    """What is counted of each row.

    Attributes
    ----------
    words
        ``further errors``, or which decisions.
    decision
        The decision that became more frequent; None where errors against the label are counted.
    """

    words: str
    decision: Any = None

    def of(self, decision: np.ndarray, label: np.ndarray | None) -> np.ndarray:
        """1.0 where a row was harmed by `decision`, 0.0 where not, NaN where that is not known; shape (rows,)."""
        if self.decision is not None or label is None:
            return np.where(pd.isna(decision), np.nan, (decision == self.decision).astype(float))
        return np.where(pd.isna(decision) | pd.isna(label), np.nan, (decision != label).astype(float))


@dataclass(frozen=True, eq=False)
class Cases:
    """What a finding speaks of.

    Attributes
    ----------
    before
        All rows from before it.
    now
        All rows since; `affected` says which of them it names.
    """

    before: Rows
    now: Rows
    affected: np.ndarray

    @functools.cached_property
    def like(self) -> Rows:
        """The rows from before that lie in the segment; all of them where those are too few to learn from."""
        inside = self.before.of(self.before.inside)
        return inside if len(inside) >= LEAST_LABELS else self.before


def cases_of(finding: Finding, context: Context, column: str) -> Cases:
    """The rows that `finding`, of `column`, speaks of.

    Raises
    ------
    InputError
        If nothing is known from before it.
    """
    where, time = Predicate.parse(finding.where), context.subject.roles.time
    segment = where.without((time, column))
    subject = context.subject
    late = _since(finding, subject)
    if context.reference is not None:
        before = _rows(context.reference, segment, np.ones(context.reference.rows, dtype=bool))
    elif finding.onset is None:
        raise InputError("no rows from before it", finding.statement, "Name a reference window: rows that were still good.")
    else:
        before = _rows(subject, segment, ~late)
    now = _rows(subject, segment, late)
    return Cases(before, now, where.mask(subject.frame)[now.at])


def harms_of(cases: Cases) -> list[Harm]:
    """What to count: errors where enough labels are known on either side, and the decision that became more frequent there."""
    decision = _grown(cases)
    harms = [Harm(f"further decisions {_shown(decision, cases.now.dataset)}", decision)]
    known = [0 if rows.label is None else int((~pd.isna(rows.label)).sum()) for rows in (cases.before, cases.now)]
    return [Harm(ERRORS), *harms] if min(known) >= LEAST_LABELS else harms


def _grown(cases: Cases) -> Any:
    """The decision whose share grew most, in the rows that the finding names against those like them."""
    now = cases.now.of(cases.affected) if cases.affected.any() else cases.now
    shares = [pd.Series(rows.decision).value_counts(normalize=True) for rows in (cases.like, now)]
    values = shares[0].index.union(shares[1].index)
    return (shares[1].reindex(values, fill_value=0.0) - shares[0].reindex(values, fill_value=0.0)).idxmax()


def coded(values: Any, dataset: Dataset) -> np.ndarray:
    """Decisions as `Rows` hold those of `dataset`: what a model answers, brought to the coding of the log."""
    series = pd.Series(values)
    positive = _positive(dataset)
    if positive is None:
        return series.astype(object).where(series.notna(), None).to_numpy(dtype=object)
    known = series.dropna()
    if not (known == positive).any() and set(known.unique().tolist()) <= {0, 1}:
        return series.astype(float).to_numpy(dtype=float, na_value=np.nan)
    return np.where(series.isna(), np.nan, (series == positive).to_numpy(dtype=float, na_value=0.0))


def _rows(dataset: Dataset, segment: Predicate, chosen: np.ndarray) -> Rows:
    at = np.flatnonzero(chosen)
    if not len(at):
        raise InputError("no rows from before it, or since", dataset.name, "Choose other windows.")
    decision, label = _outcomes(dataset)
    inside = np.asarray(segment.mask(dataset.frame)[at], dtype=bool)
    return Rows(dataset, at, inside, decision[at], None if label is None else label[at])


def _outcomes(dataset: Dataset) -> tuple[np.ndarray, np.ndarray | None]:
    labelled = dataset.has("label")
    if _positive(dataset) is not None:
        return dataset.positive_prediction, dataset.positive_label if labelled else None
    decision = coded(dataset.role("prediction"), dataset)
    return decision, coded(dataset.role("label"), dataset) if labelled else None


def _positive(dataset: Dataset) -> Any:
    """What 1.0 stands for; None where decisions are told by their values."""
    try:
        value = dataset.positive_value("prediction")
        if dataset.has("label"):
            dataset.positive_value("label")
    except InputError:
        return None
    return value


def _since(finding: Finding, subject: Dataset) -> np.ndarray:
    """The rows decided since the finding's onset; all of them where it has none."""
    if finding.onset is None or not subject.has("time"):
        return np.ones(subject.rows, dtype=bool)
    stamps = pd.to_datetime(subject.role("time"))
    onset = pd.Timestamp(finding.onset)
    if stamps.dt.tz is not None:
        onset = onset.tz_localize("UTC") if onset.tz is None else onset
    return np.asarray((stamps >= onset).to_numpy(), dtype=bool)


def _shown(value: Any, dataset: Dataset) -> str:
    """A decision as the log writes it."""
    positive = _positive(dataset)
    if positive is None:
        return str(value)
    others = [each for each in dataset.distinct("prediction").tolist() if each != positive]
    return str(positive) if value == 1 else str(others[0]) if len(others) == 1 else f"other than {positive}"
