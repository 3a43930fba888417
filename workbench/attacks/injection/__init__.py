"""Incidents made on purpose: a decision log, broken from a moment on, and the truth about it.

``inject(log, kind, strength=…, onset=…, seed=…)`` returns the broken log and its `Truth`. A fault of what the model sees is
scored again, so that decisions go wrong with it; a fault of the log leaves the decisions alone. The log itself holds no trace of
what was done to it: rows are put in order of time and numbered anew, and no column is added.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd

from workbench.attacks.injection import decisions, features, harmless, records
from workbench.attacks.injection.injector import Injected, Injector
from workbench.attacks.injection.log import DecisionLog
from workbench.attacks.injection.truth import Shift, Truth
from workbench.errors import InputError, UnknownNameError
from workbench.predicate import ALL_ROWS

__all__ = ["HARMLESS", "KINDS", "TWO_FAULTS", "DecisionLog", "Kind", "Shift", "Truth", "inject"]

TWO_FAULTS: Final = "two faults"
MARK: Final = " reached by the first"
"""A column that lives while the second of two faults is put in."""
COMBINED: Final = (
    "unit error",
    "null burst",
    "moved threshold",
    "label flips",
    "duplicated rows",
    "frozen feature",
    "recoded values",
)


@dataclass(frozen=True)
class Kind:
    """A kind of incident: how it is made, and which words name it rightly.

    Attributes
    ----------
    injector
        What breaks the log.
    accepted
        Words of `workbench.vocabulary.FINDING_KINDS`; none where the change is no fault.
    causes
        Words for the cause that a log does not tell apart.
    """

    injector: Injector
    accepted: frozenset[str]
    causes: frozenset[str]


def _kind(injector: Injector, accepted: str, causes: str) -> Kind:
    return Kind(injector, frozenset(accepted.split()), frozenset(filter(None, causes.split("; "))))


KINDS: Final[Mapping[str, Kind]] = {
    "slice regression": _kind(decisions.slice_regression, "slice", "worse on a slice; concept drift; version mix-up"),
    "unit error": _kind(features.unit_error, "integrity", "unit error"),
    "null burst": _kind(features.null_burst, "integrity", "nulls"),
    "recoded values": _kind(features.recoded, "integrity", "recoded values"),
    "merged values": _kind(features.merged, "integrity", "merged values; recoded values"),
    "frozen feature": _kind(features.frozen, "integrity", "frozen column"),
    "shifted clock": _kind(records.shifted_clock, "integrity", "shifted clock"),
    "duplicated rows": _kind(records.duplicated, "integrity", "duplicated rows"),
    "dropped rows": _kind(records.dropped, "integrity volume", "dropped rows"),
    "label delay": _kind(records.label_delay, "integrity", "label delay"),
    "label flips": _kind(records.label_flips, "integrity drift slice", "label flips; concept drift"),
    "moved threshold": _kind(decisions.moved_threshold, "disparity drift", "moved threshold; unequal rates"),
    "version mix-up": _kind(decisions.version_mixup, "integrity drift slice", "version mix-up"),
    "calibration drift": _kind(decisions.miscalibrated, "drift", "calibration drift"),
    "training/serving skew": _kind(features.served_otherwise, "drift integrity", "training/serving skew; unit error"),
    "evasion burst": _kind(decisions.evasion, "attack", "evasion"),
    "seasonality": _kind(harmless.seasonal, "", ""),
    "volume change": _kind(harmless.more_rows, "", ""),
    "covariate shift": _kind(harmless.shifted_covariate, "", ""),
}
"""Every kind by name; `TWO_FAULTS` is made of two of them."""

HARMLESS: Final = tuple(name for name, kind in KINDS.items() if not kind.accepted)


def inject(log: DecisionLog, kind: str, *, strength: float, onset: pd.Timestamp, seed: int) -> tuple[DecisionLog, Truth]:
    """The log with a fault that begins at `onset`, and the truth about it.

    Parameters
    ----------
    kind
        A name of `KINDS`, or `TWO_FAULTS`.
    strength
        From 0, barely visible, to 1, gross.
    onset
        After the first and before the last decision.
    seed
        For whatever is drawn: column, segment, rows.

    Raises
    ------
    UnknownNameError
        If there is no such kind.
    InputError
        If the strength or the onset is out of range, or the log has no column of the type that the fault needs.
    """
    if kind not in KINDS and kind != TWO_FAULTS:
        raise UnknownNameError("kind of incident", kind, [*KINDS, TWO_FAULTS])
    if not 0 <= strength <= 1:
        raise InputError("a strength out of range", strength, "Give a number from 0, barely visible, to 1, gross.")
    if not log.times.min() < onset < log.times.max():
        told = f"between {log.times.min()} and {log.times.max()}"
        raise InputError("an onset outside the log", str(onset), f"Give a moment {told}.")
    rng = np.random.default_rng(seed)
    if kind == TWO_FAULTS:
        return _two(log, strength, onset, rng)
    return _told(log, kind, KINDS[kind].injector(log, strength, onset, rng), onset)


def _told(log: DecisionLog, kind: str, injected: Injected, onset: pd.Timestamp) -> tuple[DecisionLog, Truth]:
    """The rows in order, and the truth about them in that order."""
    time = log.column("time")
    order = np.argsort(injected.frame[time].to_numpy(), kind="stable")
    frame = injected.frame.iloc[order].reset_index(drop=True)
    rows = injected.rows[order]
    began = None if kind in HARMLESS else frame.loc[rows, time].min() if rows.any() else onset
    accepted, causes = KINDS[kind].accepted | injected.accepted, KINDS[kind].causes | injected.causes
    truth = Truth(
        kind, accepted, causes, injected.columns, injected.where, rows, began, injected.shift, injected.detail
    )  # fmt: skip
    return log.with_frame(frame), truth


def _two(log: DecisionLog, strength: float, onset: pd.Timestamp, rng: np.random.Generator) -> tuple[DecisionLog, Truth]:
    """Two faults of different kinds that name no column in common."""
    while True:
        kinds = [str(name) for name in rng.choice(COMBINED, 2, replace=False)]
        seeds = rng.integers(2**32, size=2).tolist()
        broken, one = inject(log, kinds[0], strength=strength, onset=onset, seed=seeds[0])
        marked = replace(broken, frame=broken.frame.assign(**{MARK: one.rows}))
        both, other = inject(marked, kinds[1], strength=strength, onset=onset, seed=seeds[1])
        if not _named(one) & _named(other):
            break
    one = replace(one, rows=both.frame[MARK].to_numpy(dtype=bool))
    both = replace(both, frame=both.frame.drop(columns=MARK))
    known = [part for part in (one, other) if part.onset is not None and part.shift is not None]
    return both, Truth(
        TWO_FAULTS, one.accepted | other.accepted, one.causes | other.causes, (), ALL_ROWS, one.rows | other.rows,
        min((part.onset for part in known if part.onset is not None), default=None),
        min((part.shift for part in known if part.shift is not None), key=lambda shift: shift.signal, default=None),
        "; ".join(f"{part.kind}: {part.detail}" for part in (one, other)), (one, other),
    )  # fmt: skip


def _named(truth: Truth) -> set[str]:
    return {name for names in truth.columns for name in names}
