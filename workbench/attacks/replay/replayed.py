"""What a replay came to, as tables: one target a row, pairs, changes by id, the first divergence, errors, and every verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa

from workbench.attacks.decisions import MISSING
from workbench.attacks.gain import Falls
from workbench.attacks.health import downstream_status, health_point, health_table
from workbench.attacks.oracles import Case
from workbench.attacks.recording import Recording
from workbench.attacks.replay.divergence import first_divergence
from workbench.attacks.triple import Fresh, Ground, Measured, Tried, recorded_falls, triple
from workbench.attacks.verdict import FAIL, LEVELS, NOT_JUDGED, OUTCOMES, PASS, Answers, pair, verdict_table
from workbench.models.target import Target

RECORDED: Final = "recorded"
"""What the recorded answers are called where they stand beside targets."""
MOST_CHANGES: Final = 100_000
"""Changed inputs that are listed by id, per target and kind of change; ``pairs`` counts all of them."""
HEALTH_POINTS: Final = 10
ROWS_A_POINT: Final = 20
"""Parts that health is told by, and the fewest rows of a part."""
CHANGED: Final = LEVELS.index("decision changed")


@dataclass(frozen=True, eq=False)
class Replayed:
    """Every target's answers to one recording, judged.

    Attributes
    ----------
    labels
        What the targets are called, each once.
    recorded, recorded_outcome
        The recorded answers as a case of their own, and their outcomes.
    cases, outcomes, levels
        Per target; outcomes and levels as places in `OUTCOMES` and `LEVELS`, shape (rows,).
    ids
        The recorded ``row_id``.
    memory
        Per target: after how many rows this process held how many megabytes.
    """

    recording: Recording
    targets: Sequence[Target]
    labels: Sequence[str]
    recorded: Case
    recorded_outcome: np.ndarray
    cases: Sequence[Case]
    outcomes: Sequence[np.ndarray]
    levels: Sequence[np.ndarray]
    ids: pa.Array
    memory: Sequence[Sequence[tuple[int, float | None]]] = ()

    def before(self, number: int) -> tuple[str, np.ndarray] | None:
        """What target `number` is held against: the recorded answers for the first, the first target for the others."""
        if number:
            return self.labels[0], self.outcomes[0]
        return (RECORDED, self.recorded_outcome) if (self.recorded_outcome <= FAIL).any() else None

    def tried(self, number: int) -> tuple[Tried, Tried | None]:
        """Target `number` and what it is held against, as the triple verdict reads them."""
        before = self.before(number)
        answered = self.cases[0].answered if number else self.recorded.answered
        own = self._tried(self.outcomes[number], self.cases[number].answered)
        return own, None if before is None else self._tried(before[1], answered)

    def decides_otherwise_named(self, number: int) -> bool:
        """Whether a target decides, but never as is right of any input: its decisions have other names.

        Right are expected decisions, and those recorded of inputs that attacks were made from; without any, nobody can tell.
        """
        right = self.recorded.of_origin(self.recorded.recorded.codes)[self.recorded.origins >= 0]
        known = np.concatenate([right, self.recorded.expected])
        answered = self.cases[number].answered
        own = answered.codes[answered.decided]
        return bool(len(own) and (known != MISSING).any() and not np.isin(own, known).any())

    def _tried(self, outcome: np.ndarray, answered: Answers) -> Tried:
        return Tried(outcome, answered.abstained[self.recorded.origins < 0])

    def verdicts(self) -> list[pa.Table]:
        """Every target's verdicts."""
        values = self.recorded.vocabulary.values()
        return [
            verdict_table(self.ids, label, values, case.answered, level=level, outcome=outcome)
            for label, case, level, outcome in zip(self.labels, self.cases, self.levels, self.outcomes, strict=True)
        ]


def targets_table(found: Replayed, ground: Ground | None, measured: Sequence[Measured | None], fresh: Fresh) -> pd.DataFrame:
    """A row per target: the triple verdict, then how many inputs had which outcome and level."""
    rows = []
    foreign = [found.decides_otherwise_named(number) for number in range(len(found.targets))]
    told = [
        None if each is None or each.is_mute or other else each
        for each, other in zip(measured or [None] * len(foreign), foreign, strict=True)
    ]
    for number, target in enumerate(found.targets):
        base: Measured | Falls | None = told[0] if number else None
        if ground is not None and not number:
            base = recorded_falls(found.recorded, found.recorded_outcome, ground)
        tried, before = found.tried(number)
        asked = measured[number] if measured else None
        outcome, level = found.outcomes[number], found.levels[number]
        rows.append({
            "target": found.labels[number],
            "version": target.version,
            "digest": target.digest,
            "rows": found.recording.rows,
            **triple(tried, before, told[number], base, fresh),
            "otherwise_named": foreign[number],
            "adaptive_errors": None if asked is None else asked.errors,
            "errors": int((outcome > OUTCOMES.index("abstained")).sum()),
            "abstained": int(found.cases[number].answered.abstained.sum()),
            "not_judged": int((outcome == NOT_JUDGED).sum()),
            **{name.replace("-", "_").replace(" ", "_"): int((level == place).sum()) for place, name in enumerate(LEVELS)},
        })  # fmt: skip
    return pd.DataFrame(rows)


def pairs_table(found: Replayed) -> pd.DataFrame:
    """A row per target and what it is held against, with McNemar's exact p."""
    rows = []
    for number, label in enumerate(found.labels):
        if (before := found.before(number)) is None:
            continue
        paired = pair(before[1], found.outcomes[number])
        rows.append({
            "baseline": before[0], "target": label, "judged": paired.judged, "newly_failing": len(paired.newly_failing),
            "newly_fixed": len(paired.newly_fixed), "p": paired.p,
        })  # fmt: skip
    return pd.DataFrame(rows, columns=["baseline", "target", "judged", "newly_failing", "newly_fixed", "p"])


def changes_table(found: Replayed) -> pd.DataFrame:
    """Inputs by id that newly fail, are newly fixed, or are decided otherwise than recorded, at most `MOST_CHANGES` of each."""
    pieces = []
    for number, label in enumerate(found.labels):
        before = found.before(number)
        paired = None if before is None else pair(before[1], found.outcomes[number])
        kinds = {"decision changed": np.flatnonzero(found.levels[number] == CHANGED)}
        if paired is not None:
            kinds |= {"newly failing": paired.newly_failing, "newly fixed": paired.newly_fixed}
        for kind, places in kinds.items():
            ids = found.ids.take(pa.array(places[:MOST_CHANGES])).to_pandas()
            pieces.append(pd.DataFrame({"target": label, "change": kind, "row_id": ids}))
    return pd.concat(pieces, ignore_index=True)


def divergence_table(found: Replayed) -> pd.DataFrame:
    """A row per target that anywhere answers otherwise than recorded: where first, and the likely cause."""
    rows = []
    for label, target, case, level in zip(found.labels, found.targets, found.cases, found.levels, strict=True):
        first = first_divergence(found.recording, target, level, case.recorded, case.answered)
        if first is not None:
            rows.append({"target": label, "row_id": found.ids[first.pop("place")].as_py(), **first})
    return pd.DataFrame(rows, columns=["target", "row_id", "call", "inputs", "level", "recorded_score", "score", "cause"])


def errors_table(found: Replayed) -> pd.DataFrame:
    """A row per target and error: how many inputs it cost."""
    rows: list[dict[str, Any]] = []
    for label, case in zip(found.labels, found.cases, strict=True):
        counts = np.bincount(case.answered.errors[case.answered.failed], minlength=len(case.answered.texts))
        rows += [
            {"target": label, "error": text, "rows": int(count)}
            for text, count in zip(case.answered.texts, counts, strict=True)
        ]  # fmt: skip
    return pd.DataFrame(rows, columns=["target", "error", "rows"])


def health_by_part(found: Replayed) -> pd.DataFrame:
    """Errors, memory and what stands downstream beside accuracy, target by target, along the recording.

    Right is what passes the oracle, of the inputs that it judges.
    """
    rows = found.recording.rows
    edges = np.linspace(0, rows, min(HEALTH_POINTS, max(1, rows // ROWS_A_POINT)) + 1).astype(int)
    points = []
    for number, (label, case) in enumerate(zip(found.labels, found.cases, strict=True)):
        held = found.memory[number] if found.memory else ()
        for start, end in pairwise(edges.tolist()):
            part = slice(start, end)
            answered, outcome = case.answered, found.outcomes[number][part]
            known = outcome != NOT_JUDGED
            texts = [answered.texts[place] for place in answered.errors[part][answered.failed[part]].tolist()]
            points.append(health_point(
                "share of the recording", end / max(rows, 1), end - start, len(texts), part=label,
                seconds=float(answered.latency[part].mean()) if end > start else None,
                memory=next((megabytes for done, megabytes in held if done >= end), None), downstream=downstream_status(texts),
                accuracy=float((outcome[known] == PASS).mean()) if known.any() else None,
            ))  # fmt: skip
    return health_table(points)
