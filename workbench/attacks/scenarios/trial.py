"""What a scenario's generator is given and what it gives back: a `Setting` in, a `Trial` out.

A generator is ``generate(setting, **parameters) -> Trial``, registered by name in ``workbench.registry.scenarios``; another
distribution adds one by an entry point of the group ``workbench.scenarios``. What it needs and is not given (a ``fit``, labels)
is an `InputError`, which the run reports as *could not run*.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import pandas as pd

from workbench.analysis.stats import wilson
from workbench.attacks.approval import Approval
from workbench.attacks.constraints import Domain
from workbench.attacks.decisions import MISSING, Vocabulary, decision_texts
from workbench.data.dataset import Dataset
from workbench.errors import InputError
from workbench.models.python import python_target
from workbench.models.target import Prediction, Target
from workbench.predicate import Predicate
from workbench.result.cells import hide

Fit = Callable[[pd.DataFrame, np.ndarray], object]
"""From features and labels to a fitted model (a function of a frame, or an object with ``predict``)."""
MOST_ROWS: Final = 2000
"""Rows a scenario works on unless told otherwise: a rate of one half is then known to ± 2.2 points."""


@dataclass(frozen=True, eq=False)
class Setting:
    """Where a scenario is run.

    Attributes
    ----------
    target
        What is asked.
    frame
        The rows it is asked about: features only.
    label
        What should be decided, one per row; None where unknown.
    groups
        Name to each row's group.
    rows
        The same rows with every column, for predicates; never sent to the target.
    time, entity
        When each row was decided and whom it concerns; None where unknown.
    fit
        Trains a model anew; needed by poisoning and membership inference.
    oracle
        What makes an answer fail.
    constraints
        Keywords of `Domain.infer`.
    """

    target: Target
    frame: pd.DataFrame
    label: np.ndarray | None = None
    groups: Mapping[str, np.ndarray] = field(default_factory=dict)
    rows: pd.DataFrame | None = None
    time: np.ndarray | None = None
    entity: np.ndarray | None = None
    fit: Fit | None = None
    seed: int = 0
    oracle: str = "invariance"
    constraints: Mapping[str, Any] = field(default_factory=dict)
    approval: Approval | None = None

    @classmethod
    def of(
        cls, target: Target, dataset: Dataset, *, fit: Fit | None = None, approval: Approval | None = None,
        most_rows: int = MOST_ROWS, seed: int = 0,
    ) -> Setting:  # fmt: skip
        """The setting of a decision log; more than `most_rows` are drawn by `seed`, in the order of the log."""
        rows = dataset.frame
        places = np.arange(len(rows))
        if len(rows) > most_rows:
            places = np.sort(np.random.default_rng([seed, 10]).choice(len(rows), most_rows, replace=False))
        taken = rows.iloc[places].reset_index(drop=True)
        column = {
            role: taken[getattr(dataset.roles, role)].to_numpy() if dataset.has(role) else None
            for role in ("label", "time", "row_id")
        }
        groups = {name: taken[name].to_numpy() for name in dataset.roles.groups}
        return cls(
            target, taken[list(dataset.features)], column["label"], groups,
            taken, column["time"], column["row_id"], fit, seed, approval=approval,
        )  # fmt: skip

    @classmethod
    def to_train(cls, dataset: Dataset, fit: Fit | None, *, most_rows: int = MOST_ROWS, seed: int = 0) -> Setting:
        """The setting of a log for what trains models of its own: there is no target that could be asked."""
        nobody = python_target(len, name="nobody", digest="sha256:nobody")
        return cls.of(nobody, dataset, fit=fit, most_rows=most_rows, seed=seed)

    def __len__(self) -> int:
        return len(self.frame)

    def generator(self, *stream: int) -> np.random.Generator:
        """A generator of random numbers for one purpose; the same seed and stream give the same numbers."""
        return np.random.default_rng([self.seed, *stream])

    @functools.cached_property
    def domain(self) -> Domain:
        """What inputs may be. Columns that hold a group cannot be moved unless the constraints say so."""
        constraints = dict(self.constraints)
        said = {*constraints.get("directions", {}), *constraints.get("immutable", ())}
        fixed = [name for name in self.groups if name in self.frame.columns and name not in said]
        return Domain.infer(self.frame, **{**constraints, "immutable": [*constraints.get("immutable", ()), *fixed]})

    @functools.cached_property
    def clean(self) -> Prediction:
        """What the target decides on the rows as they are."""
        return self.target.predict(self.frame)

    def where(self, predicate: Predicate) -> Setting:
        """The setting of the rows that `predicate` selects.

        Raises
        ------
        InputError
            If it selects none.
        """
        if not predicate.conditions:
            return self
        mask = predicate.mask(self.rows if self.rows is not None else self.frame)
        if not mask.any():
            raise InputError("no row to run on", str(predicate), "Choose rows that the data has.")
        return self.take(np.flatnonzero(mask))

    def take(self, places: np.ndarray) -> Setting:
        """The setting of the rows at `places`."""
        return replace(
            self, frame=self.frame.iloc[places].reset_index(drop=True),
            label=None if self.label is None else self.label[places], time=None if self.time is None else self.time[places],
            entity=None if self.entity is None else self.entity[places],
            groups={name: values[places] for name, values in self.groups.items()},
            rows=None if self.rows is None else self.rows.iloc[places].reset_index(drop=True),
        )  # fmt: skip

    def row_ids(self, places: np.ndarray) -> np.ndarray:
        """What to call the rows at `places`: their ``row_id``, or their number among the rows where they have none."""
        return np.asarray(places) if self.entity is None else self.entity[places]

    def require_label(self) -> np.ndarray:
        """The labels; an `InputError` where there are none."""
        if self.label is None:
            raise InputError("this scenario needs labels", None, "Give the role `label`.")
        return self.label

    def require_fit(self) -> Fit:
        """The function that trains; an `InputError` where none was given."""
        if self.fit is None:
            raise InputError(
                "this scenario trains models", None, "Give --fit python:MODULE:FUNCTION, called with a frame and labels."
            )
        return self.fit

    def require_decisions(self) -> np.ndarray:
        """Places of the rows that the target decides on; an `InputError` where there are none, since that withstands all."""
        decided = np.flatnonzero(self.clean.decided)
        if not len(decided):
            why = next((text for text in self.clean.error if text is not None), "it abstains")
            raise InputError("the target decides on none of the rows", f"{self.target.name}: {why}", "Mend it.")
        return decided

    def wrong(self, prediction: Prediction, label: np.ndarray | None = None) -> np.ndarray:
        """Where a prediction is not the label; no decision counts as wrong."""
        known = self.require_label() if label is None else label
        vocabulary = Vocabulary()
        decided, should = vocabulary.encode(prediction.decision), vocabulary.encode(known)
        return np.asarray((decided != should) | (decided == MISSING))

    def numeric(self) -> list[str]:
        """Feature columns that hold numbers, and more than one."""
        return [
            column.name for column in self.domain.columns
            if column.kind != "category" and column.low is not None and column.low != column.high
        ]  # fmt: skip

    def categories(self) -> list[str]:
        """Feature columns that hold more than one category."""
        return [column.name for column in self.domain.columns if column.kind == "category" and len(column.values) > 1]

    def choose(self, columns: object, among: list[str], kind: str) -> list[str]:
        """`columns` (a name, a list, None for all of `among`), each checked to be one of them.

        Raises
        ------
        InputError
            For a column that is not among them, or where there is none.
        """
        named = [columns] if isinstance(columns, str) else among if columns is None else list(columns)  # type: ignore[call-overload]
        for name in named:
            if name not in among:
                raise InputError(f"not a {kind} column of the features", name, f"Columns: {', '.join(among) or 'none'}")
        if not named:
            raise InputError(f"no {kind} column among the features", None, "Run it on data that has one.")
        return named


@dataclass(frozen=True, eq=False)
class Trial:
    """What a generator found.

    Attributes
    ----------
    measure
        What `value` measures, in a few words.
    value, low, high
        The measure and its 95 % interval.
    tables
        Name to table; `outcomes` first.
    failed, places
        For measures that are a share of rows: whether each trial failed, and which row of the setting it was made from.
    """

    measure: str
    value: float | None
    low: float | None
    high: float | None
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    numbers: Mapping[str, Any] = field(default_factory=dict)
    failed: np.ndarray | None = None
    places: np.ndarray | None = None


def share_columns(hits: int, among: int, level: float = 0.95) -> dict[str, Any]:
    """``trials failures rate low high`` with Wilson's interval; None where there were no trials."""
    low, high = wilson(hits, among, level) if among else (None, None)
    return {
        "trials": among, "failures": hits, "rate": hits / among if among else None,
        "low": None if low is None else float(low), "high": None if high is None else float(high),
    }  # fmt: skip


def by_group(setting: Setting, trial: Trial) -> pd.DataFrame:
    """The trial's failures for each group of each attribute, with Wilson intervals; ``rows`` counts different rows.

    Small groups, and those that would give them back, are flagged ``suppressed``.
    """
    rows: list[dict[str, Any]] = []
    if trial.failed is not None and trial.places is not None:
        for attribute, values in setting.groups.items():
            rows += _group_rows(attribute, decision_texts(values[trial.places]), trial.failed, trial.places)
    return pd.DataFrame(rows, columns=["attribute", "group", *share_columns(0, 0), "rows", "suppressed"])


def _group_rows(attribute: str, groups: np.ndarray, failed: np.ndarray, places: np.ndarray) -> list[dict[str, Any]]:
    found = []
    for group in sorted({str(name) for name in groups if name is not None}):
        among = groups == group
        counted = share_columns(int(failed[among].sum()), int(among.sum()))
        found.append({"attribute": attribute, "group": group, **counted, "rows": len(np.unique(places[among]))})
    hidden = hide([row["rows"] for row in found])
    return [{**row, "suppressed": small} for row, small in zip(found, hidden, strict=True)]
