"""Our own attack: the least change of an input, within what can exist, that makes a target decide otherwise.

A decision-based search that knows nothing of the model but its decisions. Per row: (1) *open*: what can be reached of other rows
that are decided otherwise, and random inputs, give a first flip; (2) *revert*: put back every column that is not needed;
(3) *approach*: go along the line to the original, then column by column; (4) *wander*: small random steps nearer, until they gain
nothing. Each row has a generator of its own, seeded by its position, and no step depends on another row: the same seed gives the
same bits.

All candidates are valid (`Domain.valid`) before the target is asked, so that no query is spent on what cannot exist.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from workbench.attacks.approval import Approval, require_approval
from workbench.attacks.constraints import Domain
from workbench.attacks.decisions import MISSING, Vocabulary
from workbench.attacks.recorder import record
from workbench.attacks.recording import Recording
from workbench.errors import InputError
from workbench.models.target import Target

POOL: Final = 64
"""Random inputs asked once for all rows, for a first flip where no row nearby is decided otherwise."""
OPENINGS: Final = 4
"""Candidates per batch while looking for a first flip: those asked beside one that flips are mostly wasted."""
NEAREST: Final = 8
"""Openings that are tried nearest first; then every second one is from further away. A near first flip makes the cheaper attack,
but rows that differ mostly in columns that cannot be moved are near and seldom flip."""
IDLE: Final = 8
"""Batches of random openings that may hold nothing new before everything there is counts as tried."""
STEPPING: Final = 8
"""Random steps per batch of wandering."""
STEPS: Final = np.linspace(0.1, 0.9, 9)
GAIN: Final = 0.98
"""A round of wandering that leaves more than this share of the cost has gained nothing."""

MOST_ERRORS: Final = 0.01
"""Of an attack's questions: an answer lost now and then hides no flip that another question would not find."""

Search = Generator[np.ndarray, np.ndarray, None]


@dataclass(frozen=True, eq=False)
class Evasion:
    """What the attack came to; arrays have an entry per attacked row.

    Attributes
    ----------
    original, adversarial
        The rows, and the cheapest inputs found that flip them (the row itself where none was).
    raw_success
        Whether the decision flipped for any input, valid or not.
    success
        Whether it flipped for an input that can exist and be reached.
    cost
        `Domain.cost` of the change; NaN without success, 0 where the row was decided otherwise to begin with.
    queries
        How often the target was asked about this row, the row itself included; the pool is shared evenly.
    changed
        How many columns changed.
    generator
        What made it.
    errors
        Share of all its questions that got an error for an answer.
    """

    original: pd.DataFrame
    adversarial: pd.DataFrame
    raw_success: np.ndarray
    success: np.ndarray
    cost: np.ndarray
    queries: np.ndarray
    changed: np.ndarray
    domain: Domain
    seed: int
    budget: int
    generator: str = "workbench.attacks.evasion"
    errors: float = 0.0

    @property
    def is_mute(self) -> bool:
        """Whether so many questions got an error for an answer that nothing can be said to have held."""
        return self.errors > MOST_ERRORS

    def require_answers(self, target: Target) -> None:
        """An `InputError` where it `is_mute`."""
        if self.is_mute:
            what = f"{target.name} answers {self.errors:.0%} of what an attack asks with an error"
            raise InputError(what, None, "That is no decision that holds: mend the target, or leave it out.")


def evade(
    target: Target,
    frame: pd.DataFrame,
    domain: Domain | None = None,
    *,
    away_from: Sequence[object] | np.ndarray | None = None,
    budget: int = 200,
    seed: int = 0,
    approval: Approval | None = None,
) -> Evasion:
    """Attack every row of `frame`.

    Parameters
    ----------
    domain
        What inputs may be; None: as `Domain.infer` reads it from `frame`.
    away_from
        The decision each row has to be moved away from; None: the target's own.
    budget
        Queries per row at most, the row itself included.
    seed
        For the random inputs and steps.
    approval
        Needed for a production target.

    Raises
    ------
    InputError
        If there is no row, or a budget below 2, or for a production target without approval.
    """
    require_approval([target], approval)
    if not len(frame) or budget < 2:
        raise InputError("nothing to attack with", f"{len(frame)} rows, {budget} queries", "Give rows, and 2 or more queries.")
    frame = frame.reset_index(drop=True)
    domain = domain or Domain.infer(frame)
    start = domain.encode(frame)
    asked = _Asked(target, frame, domain)
    wanted, own = asked.begin(start, away_from)
    pool, pool_codes = asked.pool(start, np.random.default_rng([seed, 0]), min(POOL, budget - 1))
    known, known_codes = np.vstack([start, pool]), np.append(own, pool_codes)
    shared = -(-len(pool) // len(frame))
    best = start.copy()
    queries = np.full(len(frame), 1 + shared)
    flipped = (own != wanted) & (own != MISSING)
    searches = {
        row: _Search(domain, start[row], known[(known_codes != wanted[row]) & (known_codes != MISSING)],
                     np.random.default_rng([seed, 1, row]), budget - 1 - shared)
        for row in np.flatnonzero(~flipped).tolist()
    }  # fmt: skip
    for row, search in asked.run(searches, wanted).items():
        queries[row] += search.asked
        if search.best is not None:
            best[row], flipped[row] = search.best, True
    cost = np.where(flipped, domain.cost(best, start), np.nan)
    changed = np.sum((best != start) & ~(np.isnan(best) & np.isnan(start)), axis=1)
    valid = flipped & domain.valid(best, start)
    return Evasion(
        frame, domain.decode(best, frame), flipped, valid, cost, queries, changed, domain, seed, budget, errors=asked.errors
    )


def record_attack(target: Target, attack: Evasion, folder: Path | str, *, approval: Approval | None = None) -> Recording:
    """Write an attack as a recording: the originals, then the adversarial inputs that succeeded, each naming its original.

    Its manifest keeps the domain, the seed, and the queries per row, so that a fresh attack can match them.
    """
    count, found = len(attack.original), np.flatnonzero(attack.success & (attack.cost > 0))
    frame = pd.concat([attack.original, attack.adversarial.iloc[found]], ignore_index=True)
    about = {
        "domain": attack.domain.to_dict(), "seed": attack.seed, "queries_per_row": attack.budget,
        "source": {"generator": attack.generator},
    }  # fmt: skip
    ids = [*map(str, range(count)), *(f"{place}/attack" for place in found)]
    origin = [*[None] * count, *map(str, found)]
    return record(target, frame, folder, approval=approval, about=about, row_id=ids, origin=origin)


@dataclass(frozen=True)
class Judged:
    """Success of adversarial inputs from anywhere: whether each flips, and whether it also is valid; arrays of shape (rows,)."""

    raw_success: np.ndarray
    success: np.ndarray
    cost: np.ndarray


def judge_attack(
    target: Target, original: pd.DataFrame, adversarial: pd.DataFrame, domain: Domain, away_from: Sequence[object] | None = None
) -> Judged:
    """Raw and valid success of an attack that somebody else made on the same rows.

    Parameters
    ----------
    away_from
        As in `evade`.
    """
    start, end = domain.encode(original), domain.encode(adversarial)
    vocabulary = Vocabulary()
    own = vocabulary.encode(target.predict(original).decision)
    wanted = own if away_from is None else vocabulary.encode(np.asarray(away_from, dtype=object))
    codes = vocabulary.encode(target.predict(adversarial).decision)
    raw = (codes != wanted) & (codes != MISSING)
    return Judged(raw, raw & domain.valid(end, start), np.where(raw, domain.cost(end, start), np.nan))


class _Asked:
    """The target, asked about matrices."""

    def __init__(self, target: Target, frame: pd.DataFrame, domain: Domain) -> None:
        self._target, self._frame, self._domain = target, frame, domain
        self._vocabulary = Vocabulary()
        self._answers = self._failed = 0

    @property
    def errors(self) -> float:
        """Share of the answers so far that were errors."""
        return self._failed / max(self._answers, 1)

    def codes(self, matrix: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """The decision on each row of `matrix`, which stems from that row of the frame."""
        like = self._frame.iloc[rows].reset_index(drop=True)
        answered = self._target.predict(self._domain.decode(matrix, like))
        self._answers += len(answered)
        self._failed += sum(text is not None for text in answered.error.tolist())
        codes = self._vocabulary.encode(answered.decision)
        return np.where(answered.abstained.astype(bool), MISSING, codes)

    def begin(self, start: np.ndarray, away_from: Sequence[object] | np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """The decision to move each row away from, and the target's own."""
        own = self.codes(start, np.arange(len(start)))
        if away_from is None:
            return own, own
        if len(away_from) != len(start):
            raise InputError("not one decision per row to move away from", len(away_from), f"Give {len(start)}.")
        return self._vocabulary.encode(np.asarray(away_from, dtype=object)), own

    def pool(self, start: np.ndarray, chance: np.random.Generator, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Random inputs whose columns are drawn from different rows, and the decisions on them."""
        rows = chance.integers(0, len(start), size=(size, start.shape[1]))
        mixed = np.take_along_axis(start, rows, axis=0)
        spans = self._domain.random(chance, size)
        mixed = np.where(chance.random(mixed.shape) < 0.5, mixed, spans)
        base = chance.integers(0, len(start), size=size)
        matrix = self._domain.project(mixed, start[base])
        return matrix, self.codes(matrix, base)

    def run(self, searches: dict[int, _Search], wanted: np.ndarray) -> dict[int, _Search]:
        """All searches side by side: a round asks the target once about the candidates of every row."""
        running = {row: search.steps() for row, search in searches.items()}
        batches = {row: batch for row, steps in running.items() if (batch := next(steps, None)) is not None}
        while batches:
            rows = np.repeat(list(batches), [len(batch) for batch in batches.values()])
            codes = self.codes(np.vstack(list(batches.values())), rows)
            flips = (codes != wanted[rows]) & (codes != MISSING)
            following, at = {}, 0
            for row, batch in batches.items():
                with contextlib.suppress(StopIteration):
                    following[row] = running[row].send(flips[at : at + len(batch)])
                at += len(batch)
            batches = following
        return searches


class _Search:
    """One row's search; `best` is the cheapest flip so far."""

    def __init__(self, domain: Domain, start: np.ndarray, others: np.ndarray, chance: np.random.Generator, budget: int) -> None:
        self.best: np.ndarray | None = None
        self.asked = 0
        self._domain, self._start, self._others, self._chance, self._budget = domain, start, others, chance, budget
        self._best_cost = np.inf
        self._known: dict[bytes, bool] = {}

    def steps(self) -> Search:
        """Candidates to ask about; each is sent back whether it flips."""
        yield from self._open()
        if self.best is None:
            return
        before = np.inf
        while self._best_cost < GAIN * before and self._left:
            before = self._best_cost
            yield from self._revert()
            yield from self._approach()
            yield from self._halve()
            yield from self._wander()

    @property
    def _left(self) -> int:
        return self._budget - self.asked

    def _ask(self, candidates: np.ndarray) -> Generator[np.ndarray, np.ndarray, np.ndarray]:
        """Which of `candidates` flip; false for those invalid, for those that are the start, and beyond the budget.

        Each input is asked once.
        """
        start = np.broadcast_to(self._start, candidates.shape)
        projected = self._domain.project(candidates, start)
        able = self._domain.valid(projected, start) & (self._domain.cost(projected, start) > 0)
        names = [row.tobytes() for row in projected]
        new = {name: at for at, name in enumerate(names) if able[at] and name not in self._known}
        asked = list(new.values())[: self._left]
        if asked:
            self.asked += len(asked)
            flips = yield projected[asked]
            self._known.update(zip((names[at] for at in asked), flips.tolist(), strict=True))
            costs = np.where(flips, self._domain.cost(projected[asked], start[: len(asked)]), np.inf)
            if costs.min() < self._best_cost:
                self.best, self._best_cost = projected[asked[costs.argmin()]], float(costs.min())
        return np.array([self._known.get(name, False) for name in names], dtype=bool)

    def _open(self) -> Search:
        starts = self._starts()
        for at in range(0, len(starts), OPENINGS):
            yield from self._ask(starts[at : at + OPENINGS])
            if self.best is not None or not self._left:
                return
        movable, idle = np.flatnonzero(self._domain.mutable), 0
        while self.best is None and self._left and len(movable) and idle < IDLE:
            before = self.asked
            candidates = np.repeat(self._start[None], OPENINGS, axis=0)
            drawn = self._domain.random(self._chance, OPENINGS)
            for candidate, other in zip(candidates, drawn, strict=True):
                chosen = self._chance.choice(movable, size=self._chance.integers(1, len(movable) + 1), replace=False)
                candidate[chosen] = other[chosen]
            yield from self._ask(candidates)
            idle = idle + 1 if self.asked == before else 0

    def _starts(self) -> np.ndarray:
        """What can be reached of the others, each once: the nearest, then by turns from far away and near."""
        start = np.broadcast_to(self._start, self._others.shape)
        reached = self._domain.project(self._others, start)
        cost = self._domain.cost(reached, start)
        known = np.flatnonzero(~np.isnan(self._start))
        order = np.lexsort((reached[:, known] @ np.sqrt(known + 2.0), cost))  # of one cost, the same ones side by side
        reached, cost = reached[order], cost[order]
        again = np.append(0, (reached[1:, known] == reached[:-1, known]).all(axis=1))[: len(reached)].astype(bool)
        reached = reached[~again & (cost > 0) & self._domain.valid(reached, start)]
        near, rest = reached[:NEAREST], reached[NEAREST:]
        return np.vstack([near, rest[_by_turns(len(rest))]])

    def _moved(self) -> np.ndarray:
        """The columns that differ from the start, the dearest first."""
        if self.best is None:
            return np.zeros(0, dtype=int)
        moved = np.flatnonzero((self.best != self._start) & ~np.isnan(self._start))
        single = np.repeat(self._start[None], len(moved), axis=0)
        single[np.arange(len(moved)), moved] = self.best[moved]
        return moved[np.argsort(-self._domain.cost(single, np.broadcast_to(self._start, single.shape)), kind="stable")]

    def _towards(self, share: float) -> Search:
        """Move single columns to the start by `share` of the way; then together, as many as still flip."""
        moved = self._moved()
        if self.best is None or not len(moved):
            return
        best = self.best
        single = np.repeat(best[None], len(moved), axis=0)
        single[np.arange(len(moved)), moved] += share * (self._start - best)[moved]
        free = moved[(yield from self._ask(single))]
        if len(free) < 2:
            return
        together = np.repeat(best[None], len(free) - 1, axis=0)
        for count, candidate in enumerate(together, start=2):
            candidate[free[:count]] += share * (self._start - best)[free[:count]]
        yield from self._ask(together[::-1])

    def _revert(self) -> Search:
        yield from self._towards(1.0)

    def _halve(self) -> Search:
        for share in (0.5, 0.25):
            yield from self._towards(share)

    def _approach(self) -> Search:
        """Two grids on the line to the start; categories stay as they are."""
        for _ in range(2):
            if self.best is None:
                return
            gap = np.where(self._domain.numeric, self.best - self._start, 0)
            yield from self._ask(self.best - (1 - STEPS)[:, None] * gap)

    def _wander(self) -> Search:
        """Random steps of the numeric columns that moved, each ending nearer to the start."""
        moved = self._moved()
        moved = moved[self._domain.numeric[moved]]
        if self.best is None or not len(moved):
            return
        gap = (self.best - self._start)[moved]
        noise = self._chance.normal(size=(STEPPING, len(moved))) * np.abs(gap).max() * 0.2
        candidates = np.repeat(self.best[None], STEPPING, axis=0)
        candidates[:, moved] = self._start[moved] + 0.9 * (gap + noise)
        yield from self._ask(candidates)


def _by_turns(count: int) -> np.ndarray:
    """The places 0 to `count` - 1 by turns from two ends: the last, half of it, a quarter …; and the others from the first on."""
    far = np.unique((count - 1) >> np.arange(count.bit_length()))[::-1]
    near = np.setdiff1d(np.arange(count), far)
    pairs = min(len(far), len(near))
    return np.concatenate([np.column_stack([far[:pairs], near[:pairs]]).ravel(), far[pairs:], near[pairs:]])
