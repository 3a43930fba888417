"""Three columns side by side, because each alone can be gamed: replayed, adaptive, certified.

A defence that learned a recording by heart answers every recorded attack rightly and falls to a fresh one (measured: 1.00 to 0.00
replayed, 1.00 still adaptive). So a gain on replay counts only where a *fresh* attack with the budget of the recorded one becomes
harder too, on *held-out* inputs: it succeeds significantly and `RARER` times less often, or needs changes `DEARER` times as
large. (On the very inputs the recording attacks, learning it by heart does hinder a fresh attack: cost by a third in one model,
success 1.00 to 0.85 on Adult, measured; on others less.) A gain that this does not bear out is an *overfitted defence*.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from workbench.attacks.approval import Approval
from workbench.attacks.certify import CERTIFIES, certify
from workbench.attacks.constraints import Domain
from workbench.attacks.decisions import decision_texts
from workbench.attacks.evasion import Evasion, evade
from workbench.attacks.oracles import Case
from workbench.attacks.recording import Recording
from workbench.attacks.verdict import FAIL, mcnemar, pair, rate
from workbench.errors import InputError
from workbench.models.target import Target

LEVEL: Final = 0.05
"""Significance of a gain, two-sided."""
DEARER: Final = 1.5
"""A median change this much larger counts as harder. Retraining trees on the recorded attacks raised it to 1.06 to 1.43 times,
another seed to 0.88 to 1.01 (Adult: boosted trees and forests, 48 and 16 replays)."""
RARER: Final = 1.15
"""Success this much rarer counts as harder. In the same replays it stayed at 0.92 or more (1.11 times rarer at most), and fell to
0.50 to 0.76 where the columns that were bent had been taken from the model (32 replays)."""
GAIN: Final = 1.5
"""Failing this much less often on replay is a gain that has to be borne out. Attacks end just past one model's boundary, so
that any other model stops some: another seed brought 1.00 down to 0.76 to 0.92 (the same 16 replays)."""
HELD_OUT: Final = 50
"""Inputs on which costs are compared; recorded ones that nobody attacked, where there are `FEWEST_HELD_OUT`."""
FEWEST_HELD_OUT: Final = 20
JITTER: Final = 0.5
"""Otherwise attacked inputs moved by this many scales in every numeric column: at 20 columns twice as far as attacks go."""
BUDGET: Final = 200
"""Queries per row where the recording does not say how many its attack spent."""


@dataclass(frozen=True)
class Fresh:
    """How the adaptive and the certified columns are measured.

    Attributes
    ----------
    rows
        Harmless inputs attacked at most, drawn by the seed.
    budget
        Queries per row; None: the recording's ``queries_per_row``, else `BUDGET`.
    radius
        In scales: certified is the share of inputs whose decision no change within it can alter.
    sigma
        Noise of the smoothed model, in scales.
    certify
        Whether to certify: 1,100 queries per row.
    """

    rows: int = 100
    budget: int | None = None
    radius: float = 0.1
    sigma: float = 0.25
    certify: bool = True

    def __post_init__(self) -> None:
        if self.rows < 1 or self.radius <= 0 or self.sigma <= 0 or (self.budget is not None and self.budget < 2):
            raise InputError(
                "a fresh attack that cannot run", self, "Give rows, radius and sigma above 0, a budget of 2 or more."
            )


@dataclass(frozen=True, eq=False)
class Ground:
    """What every target is attacked on: harmless recorded inputs, the decision each has to be moved away from, their domain.

    `held_out` are inputs that the recording does not attack, and `held_right` what the baseline decides on them.
    """

    frame: pd.DataFrame
    places: np.ndarray
    right: np.ndarray
    domain: Domain
    budget: int
    held_out: pd.DataFrame
    held_right: np.ndarray


@dataclass(frozen=True, eq=False)
class Measured:
    """One target under fresh attack, on attacked and on held-out inputs; `certified` counts inputs, None where not measured."""

    attack: Evasion
    held_out: Evasion
    certified: int | None


def find_ground(case: Case, baseline: Target, fresh: Fresh, seed: int) -> Ground | str:
    """Where to attack; or why there is nowhere."""
    recording = case.recording
    places = np.unique(case.origins[case.origins >= 0])
    right = case.recorded.codes[places]
    right = np.where(right < 0, case.expected[places], right)
    places, right = places[right >= 0], right[right >= 0]
    if not len(places):
        return "the recording holds no attack with the harmless input it was made from"
    frame = recording.select(places)
    domain = _domain(recording, frame)
    if not (domain.mutable & domain.numeric).any():
        return "no numeric column that can be moved"
    if len(places) > fresh.rows:
        drawn = np.sort(np.random.default_rng([seed, 2]).choice(len(places), fresh.rows, replace=False))
        frame, places, right = frame.iloc[drawn].reset_index(drop=True), places[drawn], right[drawn]
    budget = fresh.budget or max(2, int(recording.manifest.get("queries_per_row") or BUDGET))
    texts = np.asarray([case.vocabulary.texts[code] for code in right], dtype=object)
    held_out = _held_out(case, frame, domain, seed)
    held_right = decision_texts(baseline.predict(held_out).decision)
    return Ground(frame, places, texts, domain, budget, held_out, held_right)


def measure(target: Target, ground: Ground, fresh: Fresh, seed: int, approval: Approval | None = None) -> Measured:
    """Attack a target anew, and certify what can be."""
    frames = ((ground.frame, ground.right), (ground.held_out, ground.held_right))
    attack, held_out = (
        evade(target, frame, ground.domain, away_from=right, budget=ground.budget, seed=seed, approval=approval)
        for frame, right in frames
    )
    if not fresh.certify:
        return Measured(attack, held_out, None)
    bound = certify(target, ground.frame, ground.domain, sigma=fresh.sigma, seed=seed, approval=approval)
    held = (bound.decision == ground.right) & (bound.radius >= fresh.radius)
    return Measured(attack, held_out, int(held.sum()))


def triple(
    outcome: np.ndarray, before: np.ndarray | None, measured: Measured | None, base: Measured | np.ndarray | None, fresh: Fresh
) -> dict[str, object]:
    """One target's row: ``replayed``, ``adaptive``, ``certified`` with their intervals, ``safer`` and ``overfitted_defence``.

    Parameters
    ----------
    outcome, before
        Outcomes of this target and of the baseline; None for the baseline itself.
    measured, base
        This target under fresh attack, and the baseline: measured, or the recorded success per attacked input.
    """
    row: dict[str, object] = {}
    judged = outcome <= FAIL
    row |= _with_interval("replayed", int((outcome == FAIL).sum()), int(judged.sum()))
    attacked = measured.attack.success if measured is not None else np.zeros(0, dtype=bool)
    row |= _with_interval("adaptive", int(attacked.sum()), len(attacked))
    certified = measured.certified if measured is not None else None
    row |= _with_interval("certified", certified or 0, len(attacked) if certified is not None else 0)
    row["certified_radius"] = fresh.radius if certified is not None else None
    row["certifies"] = CERTIFIES if certified is not None else None
    row["adaptive_cost"] = _median(measured.held_out.cost) if measured is not None else None
    row["adaptive_queries"] = _median(measured.attack.queries) if measured is not None else None
    gained = before is not None and gained_on_replay(before, outcome)
    harder = None if measured is None or base is None else is_harder(base, measured)
    row["safer"] = harder
    row["overfitted_defence"] = bool(gained and harder is False)
    return row


def gained_on_replay(before: np.ndarray, after: np.ndarray) -> bool:
    """Whether recorded inputs fail `GAIN` times less often, and that is no chance."""
    found = pair(before, after)
    judged = (before <= FAIL) & (after <= FAIL)
    failed, fails = int((before[judged] == FAIL).sum()), int((after[judged] == FAIL).sum())
    return failed > fails and failed >= GAIN * fails and found.p < LEVEL


def is_harder(base: Measured | np.ndarray, measured: Measured) -> bool:
    """Whether a fresh attack became clearly harder, more than by chance: success `RARER`, or changes `DEARER`.

    Held against another target this is asked on held-out inputs; against the recorded success, on the attacked ones, where
    success has to be `DEARER` times rarer: there learning by heart alone made it 1.18 times (Adult).
    """
    if not isinstance(base, Measured):
        return _is_rarer(base, measured.attack.success, DEARER)
    if _is_rarer(base.held_out.success, measured.held_out.success, RARER):
        return True
    both = base.held_out.success & measured.held_out.success
    old, new = base.held_out.cost[both], measured.held_out.cost[both]
    larger, smaller = int((new > old).sum()), int((new < old).sum())
    if not both.any() or larger <= smaller or mcnemar(larger, smaller) >= LEVEL:
        return False
    return bool(np.median(new) >= DEARER * np.median(old))


def _is_rarer(before: np.ndarray, after: np.ndarray, times: float) -> bool:
    """Whether attacks succeed `times` times less often on the same inputs, and that is no chance."""
    lost, won = int((before & ~after).sum()), int((~before & after).sum())
    return bool(before.sum() >= times * after.sum()) and lost > won and mcnemar(lost, won) < LEVEL


def recorded_success(case: Case, outcome: np.ndarray, ground: Ground) -> np.ndarray:
    """Whether any recorded attack on each input of the ground succeeded when it was recorded."""
    fell = np.unique(case.origins[(case.origins >= 0) & (outcome == FAIL)])
    return np.isin(ground.places, fell)


def _domain(recording: Recording, frame: pd.DataFrame) -> Domain:
    form = recording.manifest.get("domain")
    return Domain.from_dict(form) if form else Domain.infer(frame)


def _held_out(case: Case, attacked: pd.DataFrame, domain: Domain, seed: int) -> pd.DataFrame:
    """Inputs the recording does not attack: recorded ones, else attacked ones moved well away."""
    chance = np.random.default_rng([seed, 3])
    free = np.ones(len(case.origins), dtype=bool)
    free[case.origins[case.origins >= 0]] = False
    free &= case.origins < 0
    places = np.flatnonzero(free)
    if len(places) >= FEWEST_HELD_OUT:
        return case.recording.select(chance.choice(places, min(HELD_OUT, len(places)), replace=False))
    like = attacked.iloc[:HELD_OUT].reset_index(drop=True)
    start = domain.encode(like)
    scales = np.array([column.scale for column in domain.columns])
    moved = start + np.where(domain.numeric, JITTER * scales * chance.normal(size=start.shape), 0.0)
    projected = domain.project(moved, start)
    keep = domain.valid(projected, start)
    return domain.decode(np.where(keep[:, None], projected, start), like)


def _with_interval(name: str, hits: int, among: int) -> dict[str, object]:
    return dict(zip((name, f"{name}_low", f"{name}_high"), rate(hits, among), strict=True))


def _median(values: np.ndarray) -> float | None:
    present = values[~np.isnan(values.astype(float))]
    return float(np.median(present)) if len(present) else None
