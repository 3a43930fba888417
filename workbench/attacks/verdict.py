"""Answers side by side: how exactly they repeat, what an oracle makes of each, and whether a difference is more than chance.

*Levels* compare an answer with the recorded one: ``bit-identical`` (same decision, every bit of the score), ``within tolerance``
(same decision, the score moved no further), ``score changed`` (same decision, the score moved further), ``decision changed``;
``not answered`` and ``not recorded`` where there is nothing to compare. *Outcomes* are an oracle's: ``pass``, ``fail``,
``not judged``; ``abstained`` and ``error: KIND`` where there is no decision to judge.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa

from workbench.analysis.stats import wilson
from workbench.attacks.content import digest_table
from workbench.attacks.decisions import MISSING, Vocabulary
from workbench.models.faults import FAULTS, fault_kind
from workbench.models.target import Prediction

LEVELS: Final = ("bit-identical", "within tolerance", "score changed", "decision changed", "not answered", "not recorded")
OUTCOMES: Final = ("pass", "fail", "not judged", "abstained", *(f"error: {kind}" for kind in FAULTS))
PASS, FAIL, NOT_JUDGED, ABSTAINED, FIRST_ERROR = range(5)
TOLERANCE: Final = 1e-6
"""Scores of one model moved by at most 2.7e-7 between batch sizes (scikit-learn's LogisticRegression and MLP, measured)."""


@dataclass(frozen=True, eq=False)
class Answers:
    """One target's answers to a whole recording; arrays of shape (rows,).

    Attributes
    ----------
    codes
        Decisions as codes of a `Vocabulary`; `MISSING` where there is none.
    score, latency, abstained
        As in `Prediction`.
    errors
        Place in ``texts`` of what went wrong, -1 where nothing did.
    texts
        Every error that occurred, once.
    """

    codes: np.ndarray
    score: np.ndarray
    latency: np.ndarray
    abstained: np.ndarray
    errors: np.ndarray
    texts: tuple[str, ...]

    @property
    def failed(self) -> np.ndarray:
        """Where something went wrong."""
        return np.asarray(self.errors >= 0)

    @property
    def decided(self) -> np.ndarray:
        """Where there is a decision to judge."""
        return np.asarray(~self.failed & ~self.abstained & (self.codes != MISSING))

    @property
    def fault_kinds(self) -> np.ndarray:
        """Place in `FAULTS` of each row's fault; -1 where there is none."""
        kinds = np.array([FAULTS.index(fault_kind(text)) for text in self.texts] + [-1], dtype=np.int8)
        return np.asarray(kinds[self.errors])


def gather(predictions: Iterable[Prediction], vocabulary: Vocabulary) -> Answers:
    """Predictions, one after the other, as the answers to a whole."""
    known = Vocabulary()
    codes, scores, latencies, abstained, errors = [], [], [], [], []
    for prediction in predictions:
        codes.append(vocabulary.encode(prediction.decision))
        scores.append(prediction.score.astype(np.float64))
        latencies.append(prediction.latency.astype(np.float32))
        abstained.append(prediction.abstained.astype(bool))
        errors.append(known.encode(prediction.error))
    return Answers(
        _whole(codes, np.int32), _whole(scores, np.float64), _whole(latencies, np.float32), _whole(abstained, np.bool_),
        _whole(errors, np.int32), tuple(known.texts),
    )  # fmt: skip


def levels(recorded: Answers, answered: Answers, tolerance: float = TOLERANCE) -> np.ndarray:
    """How exactly each answer repeats the recorded one, as places in `LEVELS`."""
    same = (recorded.codes == answered.codes) & (recorded.abstained == answered.abstained)
    both_missing = np.isnan(recorded.score) & np.isnan(answered.score)
    identical = (recorded.score.view(np.int64) == answered.score.view(np.int64)) | both_missing
    with np.errstate(invalid="ignore"):
        near = np.abs(recorded.score - answered.score) <= tolerance
    known = (recorded.codes != MISSING) | recorded.abstained
    given = (answered.codes != MISSING) | answered.abstained
    conditions = [~known | recorded.failed, ~given | answered.failed, ~same, identical, near]
    return np.select(conditions, [5, 4, 3, 0, 1], default=2).astype(np.int8)


def outcomes(judged: np.ndarray, answered: Answers, *, of_abstention: bool = False) -> np.ndarray:
    """An oracle's judgement where there was a decision, and why there was none elsewhere, as places in `OUTCOMES`.

    Parameters
    ----------
    of_abstention
        Whether the oracle judges abstentions too.
    """
    result = np.where(answered.abstained & (not of_abstention), ABSTAINED, judged)
    no_decision = (answered.codes == MISSING) & ~answered.abstained
    result = np.where(no_decision & ~answered.failed, FIRST_ERROR + FAULTS.index("not a number"), result)
    return np.where(answered.failed, FIRST_ERROR + answered.fault_kinds, result).astype(np.int8)


@dataclass(frozen=True)
class Paired:
    """Two targets on the same inputs: who newly fails and who is newly fixed (positions), over how many inputs both judged.

    `p` is McNemar's exact two-sided p-value: 1 where as many were fixed as failed.
    """

    judged: int
    newly_failing: np.ndarray
    newly_fixed: np.ndarray
    p: float


def pair(before: np.ndarray, after: np.ndarray) -> Paired:
    """Compare the outcomes of two targets, input by input; what either did not judge is left out."""
    both = (before <= FAIL) & (after <= FAIL)
    failing = np.flatnonzero(both & (before == PASS) & (after == FAIL))
    fixed = np.flatnonzero(both & (before == FAIL) & (after == PASS))
    return Paired(int(both.sum()), failing, fixed, mcnemar(len(failing), len(fixed)))


def mcnemar(first: int, second: int) -> float:
    """Exact two-sided p-value that discordant pairs fall either way alike (McNemar 1947; the binomial form).

    1 where there are none.
    """
    from scipy.special import bdtr

    return min(1.0, 2 * float(bdtr(min(first, second), first + second, 0.5))) if first + second else 1.0


def paired_difference(more: int, fewer: int, among: int) -> tuple[float, float]:
    """95 % interval of the difference of two paired shares: Agresti and Min (2005), half an input added to each cell.

    Parameters
    ----------
    more, fewer
        Discordant pairs for and against the first share; `among` counts all pairs.
    """
    middle = (more - fewer) / (among + 2)
    spread = 1.959964 * math.sqrt((more + fewer + 1) - (more - fewer) ** 2 / (among + 2)) / (among + 2)
    return max(-1.0, middle - spread), min(1.0, middle + spread)


def rate(hits: int, among: int) -> tuple[float | None, float | None, float | None]:
    """A rate and its 95 % interval; None where nothing was measured."""
    if not among:
        return None, None, None
    low, high = wilson(hits, among)
    return hits / among, float(low), float(high)


def verdict_table(
    ids: pa.Array, target: str, values: list[object], answered: Answers, *, level: np.ndarray, outcome: np.ndarray
) -> pa.Table:
    """One target's verdicts: ``row_id, target, decision, level, outcome``, a row per input in the order of the recording."""
    rows = len(level)
    vocabulary = pa.array(values) if values else pa.array([], pa.string())
    codes = pa.array(answered.codes, mask=answered.codes == MISSING)
    return pa.table({
        "row_id": ids,
        "target": pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), pa.array([target])),
        "decision": vocabulary.take(codes),
        "level": pa.DictionaryArray.from_arrays(pa.array(level), pa.array(LEVELS)),
        "outcome": pa.DictionaryArray.from_arrays(pa.array(outcome), pa.array(OUTCOMES)),
    })  # fmt: skip


def verdict_digest(tables: Iterable[pa.Table]) -> str:
    """The digest of all targets' verdicts."""
    from workbench.digest import digest

    return digest([digest_table(table) for table in tables])


def _whole(pieces: list[np.ndarray], kind: type[np.generic]) -> np.ndarray:
    return np.concatenate(pieces) if pieces else np.zeros(0, dtype=kind)
