"""Rows decided again by the model, with their cause repaired."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from workbench.triage.repair.asking import Decider, by_rule
from workbench.triage.repair.cases import Harm, Rows
from workbench.triage.repair.share import count_moves
from workbench.triage.repair.values import Repair


@dataclass(frozen=True, eq=False)
class Again:
    """Rows, and what is decided of them with their column repaired.

    Attributes
    ----------
    decisions
        Shape (draws, rows).
    alike
        Which rows the model decides as the log says when nothing is repaired. Another model decided the others, or other inputs
        than are logged: no repair of a column undoes that, and their decision stays.
    """

    rows: Rows
    decisions: np.ndarray
    alike: np.ndarray

    def harmed(self, harm: Harm) -> np.ndarray:
        """1 where a row is harmed as decided again, 0 where not, NaN where that is not known; shape (draws, rows)."""
        return np.array([harm.of(decision, self.rows.label) for decision in self.decisions])

    def moves(self, harm: Harm) -> np.ndarray:
        """Rows by harm as decided and as decided again (`share.count_moves`)."""
        return count_moves(harm.of(self.rows.decision, self.rows.label), self.harmed(harm))


def decide_again(repair: Repair, rows: Rows, decider: Decider, rng: np.random.Generator) -> Again:
    """What `decider` decides of `rows` in each draw of the repair."""
    frame = rows.frame
    decisions = [_decided(repair, repair.mend(frame, rng), rows, decider) for _ in range(repair.draws)]
    alike = np.ones(len(rows), dtype=bool)
    if repair.column:
        as_it_is = decider.decide(frame, rows.dataset)
        alike = pd.isna(as_it_is) | (as_it_is == rows.decision)
    return Again(rows, np.array([np.where(alike, each, rows.decision) for each in decisions]), alike)


def sampled(rows: Rows, most: int, rng: np.random.Generator) -> Rows:
    """At most so many of the rows."""
    return rows if len(rows) <= most else rows.of(np.sort(rng.choice(len(rows), most, replace=False)))


def _decided(repair: Repair, frame: pd.DataFrame, rows: Rows, decider: Decider) -> np.ndarray:
    score = rows.dataset.roles.score
    if repair.rule is not None and score is not None:
        return by_rule(frame[score].to_numpy(dtype=float, na_value=np.nan), repair.rule)
    return (decider if repair.rule is None else replace(decider, rule=repair.rule)).decide(frame, rows.dataset)
