"""What every defence is measured on: clean rows, some of which are attacked, and one measurement of one defence.

Of each attacked row stands fixed which decision an attack has to move it away from: its label (without labels, what the bare
model decides), on rows that the bare model decides rightly. Two attacks per row: the *recorded* one, made once on the bare model
and sent to every defence alike, and a *fresh* one, made on the defence itself with the same budget and another seed. Every
defence gets the same rows, so that any two are compared in pairs.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from workbench.attacks.approval import require_approval
from workbench.attacks.constraints import Domain
from workbench.attacks.decisions import decision_texts
from workbench.attacks.evasion import Evasion, evade
from workbench.attacks.gain import Falls
from workbench.attacks.scenarios.trial import Setting
from workbench.attacks.triple import BUDGET, FEWEST_HELD_OUT
from workbench.attacks.verdict import ABSTAINED, FAIL, FIRST_ERROR, PASS
from workbench.errors import InputError
from workbench.models.target import Prediction, Target

ROWS: Final = 100
"""Rows attacked unless told otherwise: a rate of one half is then known to ± 10 points."""
STREAM: Final = 60
"""Of the seed: which rows are attacked."""


@dataclass(frozen=True, eq=False)
class Bench:
    """The rows, and the attacks on the bare model.

    Attributes
    ----------
    setting
        The bare model, its clean rows, labels, domain and approval.
    should
        What should be decided on each clean row, as text, shape (clean rows,).
    places
        Which clean rows are attacked, shape (attacked rows,).
    recorded
        The attack made on the bare model.
    """

    setting: Setting
    should: np.ndarray
    places: np.ndarray
    recorded: Evasion

    @property
    def budget(self) -> int:
        """Queries per row, of recorded and fresh attacks alike."""
        return self.recorded.budget

    @property
    def attacked(self) -> pd.DataFrame:
        """The attacked rows as they were."""
        return self.recorded.original

    @property
    def away(self) -> np.ndarray:
        """The decision each attacked row has to be moved away from, as text."""
        return np.asarray(self.should[self.places])


@dataclass(frozen=True, eq=False)
class Measurement:
    """One defence on a bench.

    Attributes
    ----------
    right, refused
        Whether each clean row is decided rightly; whether it is not decided at all (abstained or failed): shape (clean rows,).
    fresh
        The attack made on this defence; ``fresh.success`` of shape (attacked rows,).
    outcome
        What became of the recorded attack of each attacked row, as places in `verdict.OUTCOMES`; where the bare model withstood,
        of the row as it was.
    """

    right: np.ndarray
    refused: np.ndarray
    fresh: Evasion
    outcome: np.ndarray

    @functools.cached_property
    def recorded(self) -> np.ndarray:
        """Whether the recorded attack succeeds, shape (attacked rows,)."""
        return np.asarray(self.outcome == FAIL)

    @property
    def falls(self) -> Falls:
        """Which attacked rows fall to the fresh attack, and what that costs."""
        return Falls(self.fresh.success, self.fresh.cost)

    @functools.cached_property
    def shares(self) -> dict[str, np.ndarray]:
        """What a rate is taken of, by its name: bool, over attacked or clean rows."""
        return {
            "attack_success": self.fresh.success, "recorded_success": self.recorded,
            "clean_accuracy": self.right, "false_alarms": self.refused,
        }  # fmt: skip


def lay_bench(setting: Setting, *, rows: int = ROWS, budget: int = BUDGET, domain: Domain | None = None) -> Bench:
    """Choose the rows to attack, and attack the bare model (``setting.target``) on them.

    Parameters
    ----------
    rows
        Attacked rows at most, drawn by the setting's seed.
    budget
        Queries per row.
    domain
        What inputs may be; None: the setting's.

    Raises
    ------
    InputError
        For fewer than `FEWEST_HELD_OUT` rows that the bare model decides rightly; for a production target without approval.
    """
    require_approval([setting.target], setting.approval)
    decided = decided_texts(setting.clean)
    should = decided if setting.label is None else decision_texts(np.asarray(setting.label, dtype=object))
    places = attacked_places(setting, is_right(decided, should), rows)
    frame = setting.frame.iloc[places].reset_index(drop=True)
    recorded = evade(
        setting.target, frame, domain or setting.domain, away_from=should[places], budget=budget, seed=setting.seed,
        approval=setting.approval,
    )  # fmt: skip
    return Bench(setting, should, places, recorded)


def measure_defence(defence: Target, bench: Bench) -> Measurement:
    """Measure one defence: clean rows, the recorded attack, and a fresh one.

    Raises
    ------
    InputError
        For a production target without approval, or one that answers with errors.
    """
    setting = bench.setting
    require_approval([defence], setting.approval)
    texts = decided_texts(defence.predict(setting.frame))
    refused = np.array([text is None for text in texts], dtype=bool)
    sent = bench.recorded.adversarial
    fresh = evade(
        defence, bench.attacked, bench.recorded.domain, away_from=bench.away, budget=bench.budget, seed=setting.seed + 1,
        approval=setting.approval,
    )  # fmt: skip
    fresh.require_answers(defence)
    return Measurement(is_right(texts, bench.should), refused, fresh, judged(defence.predict(sent), bench.away))


def attacked_places(setting: Setting, able: np.ndarray, rows: int) -> np.ndarray:
    """Up to `rows` places where `able` is true, drawn by the setting's seed, ascending.

    Raises
    ------
    InputError
        If that makes fewer than `FEWEST_HELD_OUT`.
    """
    among = np.flatnonzero(able)
    if min(rows, len(among)) < FEWEST_HELD_OUT:
        do = f"{FEWEST_HELD_OUT} or more, decided rightly without an attack, are needed."
        raise InputError("too few rows to attack", min(rows, len(among)), do)
    return np.asarray(np.sort(setting.generator(STREAM).permutation(among)[:rows]))


def is_right(texts: np.ndarray, should: np.ndarray) -> np.ndarray:
    """Where there is a decision, and the one there should be; both as text, None where there is none."""
    return np.array([one is not None and one == other for one, other in zip(texts, should, strict=True)], dtype=bool)


def judged(answered: Prediction, away: np.ndarray) -> np.ndarray:
    """Outcomes of attacks, as places in `verdict.OUTCOMES`: fails where another decision is given than `away`."""
    texts = decided_texts(answered)
    outcome = np.where(texts == away, PASS, FAIL)
    outcome = np.where([text is None for text in texts], ABSTAINED, outcome)
    failed = np.array([error is not None for error in answered.error], dtype=bool)
    return np.asarray(np.where(failed, FIRST_ERROR, outcome), dtype=np.int8)


def decided_texts(answered: Prediction) -> np.ndarray:
    """Decisions as text, None where there is none."""
    texts = decision_texts(answered.decision)
    texts[~answered.decided] = None
    return texts
