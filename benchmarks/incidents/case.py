"""One incident made, written, triaged and scored; the truth stays in the harness."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from logs import before, make_log
from plan import NOTHING, Incident

from workbench.attacks.injection import HARMLESS, DecisionLog, Truth, inject
from workbench.data.dataset import Dataset, open_dataset
from workbench.data.roles import Roles
from workbench.predicate import Predicate

REFERENCE = 0.5
"""The part of the log's time that is the reference window."""
WITHOUT_WINDOWS = 0.25
"""The part of incidents that is triaged with no windows given."""


@dataclass(frozen=True, eq=False)
class Case:
    """What the code under test gets, and what it does not.

    Attributes
    ----------
    path
        The log, as a parquet file.
    roles, reference
        What triage is told.
    truth
        What happened; None in a log in which nothing did.
    log
        The rows, for scoring.
    window
        First and last time of the rows under suspicion.
    """

    path: Path
    roles: Roles
    reference: Predicate | None
    truth: Truth | None
    log: DecisionLog
    window: tuple[pd.Timestamp, pd.Timestamp]

    def open(self) -> Dataset:
        """The log as the code under test sees it."""
        return open_dataset(str(self.path), self.roles)

    @property
    def question(self) -> dict[str, Any]:
        """What triage is told: where the log lies, its roles, its reference window."""
        reference = None if self.reference is None else str(self.reference)
        return {"path": str(self.path), "roles": self.roles.said(), "reference": reference}


def make_case(incident: Incident, folder: Path) -> Case:
    """The incident in a file of a name that says nothing."""
    rng = np.random.default_rng(incident.seed)
    clean = make_log(incident.table, incident.rows, int(rng.integers(2**32)))
    first, last = clean.times.min(), clean.times.max()
    if incident.kind == NOTHING:
        windows = rng.random() >= WITHOUT_WINDOWS
        split = (first + REFERENCE * (last - first)).floor("h") if windows else first
        return write(clean, None, split if windows else None, folder)
    windows = incident.kind in HARMLESS or rng.random() >= WITHOUT_WINDOWS
    split = (first + REFERENCE * (last - first)).floor("h") if windows else first
    part = 0.0 if rng.random() < 0.15 and windows else float(rng.uniform(0.1, 0.7) if windows else rng.uniform(0.3, 0.75))
    onset = (split + part * (last - split)).ceil("min")
    log, truth = inject(clean, incident.kind, strength=incident.force, onset=onset, seed=int(rng.integers(2**32)))
    return write(log, truth, split if windows else None, folder)


def write(log: DecisionLog, truth: Truth | None, split: pd.Timestamp | None, folder: Path) -> Case:
    """The log in a file of a name that says nothing; what lies before `split` is the reference window."""
    with tempfile.NamedTemporaryFile(suffix=".parquet", dir=folder, delete=False) as file:
        path = Path(file.name)
    log.frame.to_parquet(path)
    first = log.times.min() if split is None else split
    return Case(path, log.roles, None if split is None else before(log, split), truth, log, (first, log.times.max()))
