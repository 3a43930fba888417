"""A sound log and the model that decided in it, as a target."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.analysis.causes.sound import EARLY, ONSET, opened, scored, sound_log
from workbench.models.python import python_target
from workbench.result import Finding
from workbench.triage.check import Context
from workbench.triage.repair.cases import ERRORS
from workbench.triage.run import make_context


def decide(frame: pd.DataFrame) -> pd.DataFrame:
    """The model of the log; it wants what it was made of, and nothing else."""
    score = scored(frame)
    return pd.DataFrame({"decision": (score >= 0.5).astype(int), "score": score})


COLUMNS = ["amount", "age", "grade", "source"]
Broken = Callable[[pd.DataFrame, np.random.Generator], pd.DataFrame]


def context_of(frame: pd.DataFrame, model: Any = decide) -> Context:
    """As triage makes it, with a model to ask."""
    from dataclasses import replace

    return replace(make_context(opened(frame), EARLY, None), target=python_target(model, name="bank", columns=COLUMNS))


def broken_log(fault: Broken, rows: int = 8000) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A sound log and the same rows, broken from `ONSET` on."""
    clean = sound_log(rows)
    return clean, fault(clean, np.random.default_rng(1))


def finding(cause: str, column: str, where: str = "", **more: Any) -> Finding:
    """What the check would say of it."""
    when = f"at >= {ONSET.isoformat()}"
    given = {"check": "causes", "severity": "high", "onset": ONSET.isoformat(), "unit": "share of rows", **more}
    return Finding("integrity", f"{column} broke", (column,), f"{where} and {when}" if where else when, cause=cause, **given)


def errors(frame: pd.DataFrame) -> int:
    """Decisions that were wrong."""
    return int((frame["yes"] != frame["label"]).sum())


def made(clean: pd.DataFrame, broken: pd.DataFrame, harm: str) -> int:
    """What a fault made of the kind of harm that a repair counted."""
    if harm == ERRORS:
        return errors(broken) - errors(clean)
    value = int(harm.rsplit(" ", 1)[1])
    return int((broken["yes"] == value).sum() - (clean["yes"] == value).sum())


@pytest.fixture(scope="session")
def unit_error() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Amounts of one source in hundreds."""
    from tests.analysis.causes.faults import unit

    return broken_log(unit)
