"""Three columns side by side, because each alone can be gamed: replayed, adaptive, certified.

A defence that learned a recording by heart answers every recorded attack rightly and falls to a fresh one (measured: 1.00 to 0.00
replayed, 1.00 still adaptive). So a gain on replay counts only where a *fresh* attack with the budget of the recorded one becomes
harder too, on *held-out* inputs: `workbench.attacks.gain` says when it does, and when a defence is *overfitted*.
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
from workbench.attacks.gain import (
    LEVEL,
    VERDICTS,
    Falls,
    Gain,
    fresh_gain,
    gained_on_replay,
    is_overfitted,
    remembers,
    verdict_word,
)
from workbench.attacks.oracles import Case
from workbench.attacks.recording import Recording
from workbench.attacks.verdict import FAIL, mcnemar, rate
from workbench.errors import InputError
from workbench.models.target import Target

HELD_OUT: Final = 50
"""Inputs on which costs are compared; recorded ones that nobody attacked, where there are `FEWEST_HELD_OUT`."""
FEWEST_HELD_OUT: Final = 20
JITTER: Final = 0.5
"""Otherwise attacked inputs moved by this many scales in every numeric column: at 20 columns twice as far as attacks go."""
HARMLESS: Final = 200
"""Recorded harmless inputs at most that a target is sent again, as they are and moved by `APART`: on which does it abstain?"""
APART: Final = 1.0
"""Scales. On COMPAS, with its whole numbers, half as much left one in two where a defence abstained around the recorded ones."""
BUDGET: Final = 200
"""Queries per row where the recording does not say how many its attack spent."""
HALVINGS: Final = 12
"""Of the line from an attack to its harmless input: a change is known to one part in 4,096."""
GAINED: Final = ("fresh_gain", "fresh_gain_low", "fresh_gain_high")
NOTHING: Final = np.zeros(0, dtype=bool)


@dataclass(frozen=True, eq=False)
class Tried:
    """One target's replay: the outcome of every input, and whether it abstains on each harmless one."""

    outcome: np.ndarray
    abstains: np.ndarray

    def abstains_more(self, before: Tried) -> bool:
        """Whether it abstains on more harmless inputs than `before`, and that is no chance."""
        more, fewer = int((self.abstains & ~before.abstains).sum()), int((before.abstains & ~self.abstains).sum())
        return more > fewer and mcnemar(more, fewer) < LEVEL


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

    `held_out` are inputs that the recording does not attack, and `held_right` what the baseline decides on them; `harmless` are
    recorded ones, and `moved` the same a little away.
    """

    frame: pd.DataFrame
    places: np.ndarray
    right: np.ndarray
    domain: Domain
    budget: int
    held_out: pd.DataFrame
    held_right: np.ndarray
    harmless: pd.DataFrame
    moved: pd.DataFrame


@dataclass(frozen=True, eq=False)
class Measured:
    """One target under fresh attack, on attacked and on held-out inputs; `certified` counts inputs, None where not measured.

    An attack that `is_mute`, since it was answered with errors, says nothing.

    `unseen` says of each attack on the baseline that no recording holds whether it succeeds here, None for the baseline;
    `remembered` whether it abstains on recorded harmless inputs, but not a little away from them.
    """

    attack: Evasion
    held_out: Evasion
    certified: int | None
    unseen: np.ndarray | None = None
    remembered: bool = False

    @property
    def is_mute(self) -> bool:
        """Whether either attack is."""
        return self.attack.is_mute or self.held_out.is_mute

    @property
    def errors(self) -> float:
        """Share of an attack's questions that got an error for an answer, the larger of the two."""
        return max(self.attack.errors, self.held_out.errors)


@dataclass(frozen=True, eq=False)
class Unseen:
    """Attacks on the baseline that no recording holds, each with the decision it moves the baseline away from."""

    frame: pd.DataFrame
    right: np.ndarray

    def succeeds(self, target: Target) -> np.ndarray:
        """Which of them succeed on another target; shape (attacks,)."""
        if not len(self.frame):
            return np.zeros(0, dtype=bool)
        answered = target.predict(self.frame)
        return np.asarray(answered.decided & (decision_texts(answered.decision) != self.right))


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
    domain = recorded_domain(recording, frame)
    if not (domain.mutable & domain.numeric).any():
        return "no numeric column that can be moved"
    if len(places) > fresh.rows:
        drawn = np.sort(np.random.default_rng([seed, 2]).choice(len(places), fresh.rows, replace=False))
        frame, places, right = frame.iloc[drawn].reset_index(drop=True), places[drawn], right[drawn]
    budget = fresh.budget or max(2, int(recording.manifest.get("queries_per_row") or BUDGET))
    texts = np.asarray([case.vocabulary.texts[code] for code in right], dtype=object)
    held_out = _held_out(case, frame, domain, seed)
    held_right = decision_texts(baseline.predict(held_out).decision)
    harmless = _harmless(case, seed)
    moved = move_away(harmless, domain, np.random.default_rng([seed, 5]), APART)
    return Ground(frame, places, texts, domain, budget, held_out, held_right, harmless, moved)


def measure(  # noqa: PLR0917  the parts of one measurement
    target: Target, ground: Ground, fresh: Fresh, seed: int, approval: Approval | None = None, unseen: Unseen | None = None
) -> Measured:
    """Attack a target anew, send it what no recording holds, and certify what can be."""
    frames = ((ground.frame, ground.right), (ground.held_out, ground.held_right))
    attack, held_out = (
        evade(target, frame, ground.domain, away_from=right, budget=ground.budget, seed=seed, approval=approval)
        for frame, right in frames
    )
    succeeds = None if unseen is None else unseen.succeeds(target)
    remembered = knows_by_heart(target, ground.harmless, ground.moved)
    if not fresh.certify:
        return Measured(attack, held_out, None, succeeds, remembered)
    bound = certify(target, ground.frame, ground.domain, sigma=fresh.sigma, seed=seed, approval=approval)
    held = (bound.decision == ground.right) & (bound.radius >= fresh.radius)
    return Measured(attack, held_out, int(held.sum()), succeeds, remembered)


def unseen_attacks(baseline: Target, made: Evasion, held_right: np.ndarray, generator: str, budget: int | None = None) -> Unseen:
    """The fresh attack on the baseline's held-out inputs, as others are sent it.

    Another generator, or budget, may end nearer the boundary than ours, where any other model stops more. So where one made the
    recording, ours are pulled back along the line to the harmless input, until they are just past the boundary.

    Parameters
    ----------
    made, held_right
        That attack, and the decision it moves each input away from.
    generator, budget
        What made the recording, with how many queries per input; None: as many as here.
    """
    alike = generator == made.generator and budget in {None, made.budget}
    moved = np.flatnonzero(made.success & (made.cost > 0))
    frame, right = made.adversarial.iloc[moved].reset_index(drop=True), held_right[moved]
    if alike or not len(moved):
        return Unseen(frame, right)
    like = made.original.iloc[moved].reset_index(drop=True)
    near, far = made.domain.encode(like), made.domain.encode(frame)
    for _ in range(HALVINGS):
        middle = np.where(made.domain.numeric, (near + far) / 2, far)
        flips = Unseen(made.domain.decode(middle, like), right).succeeds(baseline)[:, None]
        near, far = np.where(flips, near, middle), np.where(flips, middle, far)
    return Unseen(made.domain.decode(far, like), right)


def triple(
    tried: Tried, before: Tried | None, measured: Measured | None, base: Measured | Falls | None, fresh: Fresh
) -> dict[str, object]:
    """One target's row: ``replayed``, ``adaptive``, ``certified`` with intervals and of how many (``_of``), a defence's worth.

    Parameters
    ----------
    tried, before
        The replay of this target and of the baseline; None for the baseline itself.
    measured, base
        This target under fresh attack, and the baseline: measured, or which attacked inputs fell when it was recorded.

    Returns
    -------
    dict
        ``verdict``, one of `workbench.attacks.gain.VERDICTS`; ``overfitted_defence``; ``safer``, None where not measured;
        ``fresh_gain`` and its ends, ``unseen`` (the share of unseen attacks that succeeds) and ``abstains`` (the share of
        harmless inputs) with theirs; ``adaptive_cost`` in scales and ``adaptive_queries``, medians.
    """
    row: dict[str, object] = {}
    judged = tried.outcome <= FAIL
    row |= _with_interval("replayed", tried.outcome[judged] == FAIL)
    row |= _with_interval("adaptive", measured.attack.success if measured is not None else NOTHING)
    certified = measured.certified if measured is not None else None
    held = NOTHING if measured is None or certified is None else np.arange(len(measured.attack.success)) < certified
    row |= _with_interval("certified", held)
    row["certified_radius"] = fresh.radius if certified is not None else None
    row["certifies"] = CERTIFIES if certified is not None else None
    row["adaptive_cost"] = _median(measured.held_out.cost) if measured is not None else None
    row["adaptive_queries"] = _median(measured.attack.queries) if measured is not None else None
    gain = None if measured is None or base is None else _gain_over(base, measured)
    row |= dict.fromkeys(GAINED) if gain is None else dict(zip(GAINED, (gain.value, gain.low, gain.high), strict=True))
    unseen = measured.unseen if measured is not None else None
    row |= _with_interval("unseen", NOTHING if unseen is None else unseen)
    row |= _with_interval("abstains", tried.abstains)
    return row | _worth(tried, before, gain, measured)


def _worth(tried: Tried, before: Tried | None, gain: Gain | None, measured: Measured | None) -> dict[str, object]:
    """``verdict``, ``safer`` and ``overfitted_defence``."""
    if before is None or measured is None:
        return {"verdict": None, "safer": None, "overfitted_defence": False}
    overfitted = is_overfitted(before.outcome, tried.outcome, gain, measured.unseen, remembered=measured.remembered)
    gained = gained_on_replay(before.outcome, tried.outcome)
    word = verdict_word(gain, gained=gained, overfitted=overfitted, dearer=tried.abstains_more(before))
    return {"verdict": word, "safer": None if word is None else word in VERDICTS[:2], "overfitted_defence": overfitted}


def _gain_over(base: Measured | Falls, measured: Measured) -> Gain | None:
    """Over another target on held-out inputs; over the recorded answers on the attacked ones."""
    if isinstance(base, Falls):
        return fresh_gain(base, Falls(measured.attack.success, measured.attack.cost))
    return fresh_gain(*(Falls(each.held_out.success, each.held_out.cost) for each in (base, measured)))


def recorded_falls(case: Case, outcome: np.ndarray, ground: Ground) -> Falls:
    """Which inputs of the ground fell when it was recorded, and to how cheap an attack."""
    success, cost = np.zeros(len(ground.places), dtype=bool), np.full(len(ground.places), np.inf)
    attacks = np.flatnonzero(np.isin(case.origins, ground.places) & (outcome == FAIL))
    if len(attacks):
        at = np.searchsorted(ground.places, case.origins[attacks])
        sent = ground.domain.encode(case.recording.select(attacks))
        success[at] = True
        np.minimum.at(cost, at, ground.domain.cost(sent, ground.domain.encode(ground.frame)[at]))
    return Falls(success, np.where(success, cost, np.nan))


def recorded_domain(recording: Recording, frame: pd.DataFrame) -> Domain:
    """What inputs may be: as the recording says, else as `frame` shows."""
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
    return move_away(attacked.iloc[:HELD_OUT].reset_index(drop=True), domain, chance, JITTER)


def knows_by_heart(target: Target, recorded: pd.DataFrame, moved: pd.DataFrame) -> bool:
    """Whether a target abstains on recorded inputs, and far less on the same ones a little away (`gain.remembers`)."""
    return remembers(*(target.predict(frame).abstained.astype(bool) for frame in (recorded, moved)))


def _harmless(case: Case, seed: int) -> pd.DataFrame:
    """Recorded inputs that are no attacks, at most `HARMLESS`."""
    places = np.flatnonzero(case.origins < 0)
    drawn = np.random.default_rng([seed, 4]).choice(places, min(HARMLESS, len(places)), replace=False)
    return case.recording.select(np.sort(drawn))


def move_away(frame: pd.DataFrame, domain: Domain, chance: np.random.Generator, scales: float) -> pd.DataFrame:
    """`frame` moved by N(0, `scales`) in every numeric column that can be; a row as it is where the moved one cannot exist."""
    start = domain.encode(frame)
    steps = scales * np.array([column.scale for column in domain.columns])
    moved = start + np.where(domain.numeric, steps * chance.normal(size=start.shape), 0.0)
    projected = domain.project(moved, start)
    keep = domain.valid(projected, start)
    return domain.decode(np.where(keep[:, None], projected, start), frame)


def _with_interval(name: str, hits: np.ndarray) -> dict[str, object]:
    ends = zip((name, f"{name}_low", f"{name}_high"), rate(int(hits.sum()), len(hits)), strict=True)
    return {**dict(ends), f"{name}_of": len(hits)}


def _median(values: np.ndarray) -> float | None:
    present = values[~np.isnan(values.astype(float))]
    return float(np.median(present)) if len(present) else None
