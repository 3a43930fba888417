"""A model asked to decide as the log does, in a bounded number of rows and seconds, and held against what the log says first.

A log's decision may be the model's own, or what a threshold makes of its score: whichever reproduces the decisions from before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from workbench.analysis.attribution import model_columns
from workbench.analysis.causes.expected import read_rule
from workbench.attacks.replay.asking import NOT_SENT, Limits, Meter, Metered
from workbench.data.dataset import Dataset
from workbench.errors import InputError
from workbench.models.booster import BoosterTarget
from workbench.models.target import Prediction, Target
from workbench.triage.repair.cases import Rows, coded

MOST_CHECKED: Final = 4_000
"""Rows from before that the model is asked about first."""
LEAST_CHECKED: Final = 30
LEAST_ALIKE: Final = 0.97
"""From this part of equal decisions on the model is taken for the one that decided."""
LEAST_ALIKE_EACH: Final = 0.9
"""And from this part of each decision the log holds, so that a model that always says the usual is not."""
MOST_SECONDS: Final = 20.0
"""Time after which no further call is begun, over all repairs of a run."""
BLOCK: Final = 1_000
"""Rows in a call, so that a slow model is stopped between two of them."""

Rule = tuple[float, int]


class Asker:
    """Asks one target, and counts.

    Attributes
    ----------
    rows
        Asked so far; those that a limit kept from being sent not counted.
    """

    def __init__(self, target: Target, dataset: Dataset, seconds: float = MOST_SECONDS) -> None:
        self.target = target
        self.meter = Meter(Limits(seconds=seconds))
        self.columns = _columns_of(target, dataset)
        self.rows = 0
        self._metered = Metered(target, self.meter)

    @property
    def calls(self) -> int:
        """Made so far."""
        return self.meter.calls

    def ask(self, frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """Decision (None where there is none) and score (NaN) of each row.

        Raises
        ------
        InputError
            If the model needs a column that is not there, or fails on every row, saying how.
        """
        from threadpoolctl import threadpool_limits

        seen = frame[list(self.columns)].reset_index(drop=True)
        with threadpool_limits(1):  # threads that wait for each other cost seconds on a busy machine
            answers = [self._metered.predict(seen.iloc[start : start + BLOCK]) for start in range(0, len(seen), BLOCK)]
        decided = np.concatenate([answer.decided for answer in answers])
        errors = [str(text) for answer in answers for text in answer.error if text is not None]
        self.rows += len(seen) - sum(text.startswith(NOT_SENT) for text in errors)
        if not decided.any():
            said = errors[0] if errors else "it abstains from every row"
            raise InputError("the model given decides on none of the rows", said, "Mend it, or give the one that decided.")
        decision = np.concatenate([_objects(answer) for answer in answers])
        return decision, np.concatenate([answer.score for answer in answers])


@dataclass(frozen=True, eq=False)
class Decider:
    """A model that decides as the log does.

    Attributes
    ----------
    rule
        The threshold on its score and the direction (1: positive from it on, -1: below); None: it decides by itself.
    alike, checked
        Rows from before that it decides as the log says, and of how many.
    rarest
        The part decided alike of the logged decision where that is least; 1 where all are.
    """

    asker: Asker
    rule: Rule | None
    alike: int
    checked: int
    rarest: float

    @property
    def how(self) -> str:
        """How a decision comes about, in words."""
        if self.rule is None:
            return "its own decision"
        threshold, direction = self.rule
        return f"its score, {'from' if direction > 0 else 'below'} {threshold:.4g}"

    def decide(self, frame: pd.DataFrame, dataset: Dataset) -> np.ndarray:
        """The decision on each row, coded as those of `dataset`."""
        decision, score = self.asker.ask(frame)
        return coded(decision, dataset) if self.rule is None else by_rule(score, self.rule)


def find_decider(asker: Asker, before: Rows, rng: np.random.Generator) -> Decider:
    """The model as a `Decider`, held against at most `MOST_CHECKED` of the rows from before.

    Raises
    ------
    InputError
        If these are too few to tell, or fewer than `LEAST_ALIKE` of them are decided alike: it is not the model that decided.
    """
    known = np.flatnonzero(~pd.isna(before.decision))
    rows = before.of(rng.permutation(known)[:MOST_CHECKED])
    if len(rows) < LEAST_CHECKED:
        raise InputError("too few rows from before to tell whether this model decided", len(rows), "Give a longer log.")
    decision, score = asker.ask(rows.frame)
    rules = {None: coded(decision, rows.dataset)} | {rule: by_rule(score, rule) for rule in _rules(before, rows, score)}
    found = {rule: Decider(asker, rule, *_alike(values, rows.decision)) for rule, values in rules.items()}
    best = max(found.values(), key=lambda each: (each.alike, each.rule is None))
    if best.checked < LEAST_CHECKED:
        raise InputError(
            "the model given was too slow to tell whether it decided", f"{best.checked} answers", "Give a copy near by."
        )
    if best.alike < LEAST_ALIKE * best.checked or best.rarest < LEAST_ALIKE_EACH:
        said = f"{100 * best.alike / best.checked:.0f} % of {best.checked:,} decisions alike"
        said += f", and {100 * best.rarest:.0f} % of one of them" if best.alike >= LEAST_ALIKE * best.checked else ""
        raise InputError("the model given is not the one that decided", said, "Give the version that decided before.")
    return best


def by_rule(score: np.ndarray, rule: Rule) -> np.ndarray:
    """1.0 where a score leads to the positive decision, 0.0 where not, NaN where there is none."""
    threshold, direction = rule
    return np.where(np.isnan(score), np.nan, ((score >= threshold) == (direction > 0)).astype(float))


def rule_of(rows: Rows) -> Rule | None:
    """The threshold that the log's own scores and decisions follow; None where there is none."""
    if not rows.dataset.has("score") or rows.decision.dtype.kind != "f":
        return None
    score = rows.column(rows.dataset.require("score")).to_numpy(dtype=float, na_value=np.nan)
    known = ~np.isnan(score) & ~np.isnan(rows.decision)
    return read_rule(score[known], rows.decision[known]) if known.any() else None


def _rules(before: Rows, checked: Rows, score: np.ndarray) -> list[Rule]:
    """Thresholds that may make the log's decisions of the model's score: the log's own, else the one that fits."""
    if before.decision.dtype.kind != "f":
        return []
    own = rule_of(before)
    known = ~np.isnan(score) & ~np.isnan(checked.decision)
    if own is None and known.any():
        own = read_rule(score[known], checked.decision[known])
    return [] if own is None else [own]


def _alike(values: np.ndarray, logged: np.ndarray) -> tuple[int, int, float]:
    """How many decisions are alike, of how many, and the least part alike of a decision that is not rare."""
    answered = ~pd.isna(values)
    equal = pd.Series(values[answered] == logged[answered], dtype=float)
    each = equal.groupby(logged[answered]).agg(["size", "mean"])
    each = each[each["size"] >= LEAST_CHECKED]
    return int(equal.sum()), int(answered.sum()), float(each["mean"].min()) if len(each) else 1.0


def _objects(answer: Prediction) -> np.ndarray:
    decision = np.array(answer.decision, dtype=object)
    decision[~answer.decided] = None
    return decision


def _columns_of(target: Target, dataset: Dataset) -> tuple[str, ...]:
    """What the model reads, as far as it says; the log's features where it does not."""
    named = target.booster.feature_name() if isinstance(target, BoosterTarget) else model_columns(target, dataset.features)
    read = tuple(map(str, named))
    unnamed = isinstance(target, BoosterTarget) and not set(read) & set(dataset.columns)
    read = dataset.features if unnamed else read
    if absent := [name for name in read if name not in dataset.columns]:
        raise InputError("the model given reads a column that the log lacks", absent[0], f"Columns: {', '.join(dataset.columns)}")
    return read
