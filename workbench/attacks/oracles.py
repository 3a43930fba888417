"""Oracles: what makes an answer pass or fail. Each is a function of a `Case`, and says what it needs the recording to hold.

To judge an oracle itself, `measure_oracle` holds its outcomes against a labelled set: its sensitivity is the share of what should
fail that it fails, its specificity the share of what should pass that it passes.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from workbench.attacks.decisions import MISSING, Vocabulary, decision_text
from workbench.attacks.recording import Recording
from workbench.attacks.verdict import FAIL, NOT_JUDGED, PASS, Answers, outcomes, rate
from workbench.errors import InputError
from workbench.registry import Registry

REFUSAL: Final = re.compile(
    r"\b(i|we)\s*(can ?not|can['’]?t|won['’]?t|am unable|'m unable|am not able|do not|don['’]t)\b|\bunable to\b"
    r"|\bnot able to help\b|\bsorry\b|\bdecline\b",
    re.IGNORECASE,
)
"""How a text answer refuses, in English; how well this tells is for `measure_oracle` to say on your own labelled answers."""
ABSTAIN: Final = "abstain"
"""The ``expected`` of an input that no decision should be made on."""


@dataclass(frozen=True, eq=False)
class Case:
    """What an oracle looks at: a recording, and one target's answers to it.

    Attributes
    ----------
    expected
        Code of what should have been decided; `MISSING` where unknown.
    origins
        Position of the harmless input each was made from; -1 where it was made from none.
    recorded
        The recorded answers.
    """

    recording: Recording
    vocabulary: Vocabulary
    expected: np.ndarray
    origins: np.ndarray
    recorded: Answers
    answered: Answers
    options: Mapping[str, Any] = field(default_factory=dict)

    def of_origin(self, values: np.ndarray) -> np.ndarray:
        """`values` of each row's origin; meaningless where there is none."""
        return np.asarray(values[np.maximum(self.origins, 0)])


Judge = Callable[[Case], np.ndarray]


@dataclass(frozen=True)
class Oracle:
    """A way to judge answers.

    Attributes
    ----------
    judge
        From a case to `PASS`, `FAIL` or `NOT_JUDGED` per row.
    of_abstention
        Whether it judges abstentions, which otherwise are an outcome of their own.
    """

    name: str
    judge: Judge
    of_abstention: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)

    def outcomes(self, case: Case) -> np.ndarray:
        """The outcome of each row, as places in `verdict.OUTCOMES`."""
        return outcomes(self.judge(case), case.answered, of_abstention=self.of_abstention)


oracles: Registry[Judge] = Registry("workbench.oracles", "oracle")
OF_ABSTENTION: Final = frozenset({"abstention", "label flip"})


def find_oracle(name: str, **options: Any) -> Oracle:
    """The oracle called `name`.

    Parameters
    ----------
    options
        What it takes: ``seconds`` (latency), ``allowed`` (schema), ``column`` and ``direction`` (monotonicity), ``labels`` (human
        label), ``tolerance`` (invariance).

    Raises
    ------
    UnknownNameError
        If there is none; lists those there are.
    InputError
        If it does not take an option.
    """
    judge = oracles.get(name)
    known = TAKES.get(name)
    if known is not None and (odd := sorted(set(options) - set(known))):
        raise InputError(f"the oracle {name} takes no such option", odd[0], f"Options: {', '.join(known) or 'none'}")
    return Oracle(name, functools.partial(judge, **options), name in OF_ABSTENTION, options)


def default_oracle(recorded: Answers, expected: np.ndarray, origins: np.ndarray, judged: np.ndarray) -> Oracle | None:
    """The oracle that fits what a recording holds: label flip for attacks, recorded judgement, expected outcome; else none."""
    known = np.append(np.where(recorded.codes == MISSING, expected, recorded.codes), MISSING)[origins] != MISSING
    if (known & (origins >= 0)).any():
        return find_oracle("label flip")
    if (~np.isnan(judged)).any():
        return find_oracle("recorded judgement")
    return find_oracle("expected outcome") if (expected != MISSING).any() else None


@oracles.register("label flip")
def label_flip(case: Case) -> np.ndarray:
    """Fails where an attack gets another decision than was recorded for the input it was made from.

    Without a recorded decision there, than is expected. A target that abstains did not fall for the attack.
    """
    right = np.where(case.of_origin(case.recorded.codes) != MISSING, case.of_origin(case.recorded.codes), case.expected)
    return _judged(case.answered.decided & (case.answered.codes != right), (case.origins >= 0) & (right != MISSING))


@oracles.register("expected outcome")
def expected_outcome(case: Case) -> np.ndarray:
    """Fails where the decision is not the expected one."""
    return _judged(case.answered.codes != case.expected, case.expected != MISSING)


@oracles.register("invariance")
def invariance(case: Case, tolerance: float | None = None) -> np.ndarray:
    """Fails where the same target decides otherwise on the input this one was made from.

    With `tolerance`, also where its score differs by more.
    """
    answered = case.answered
    fails = answered.codes != case.of_origin(answered.codes)
    if tolerance is not None:
        fails |= np.abs(answered.score - case.of_origin(answered.score)) > tolerance
    return _judged(fails, (case.origins >= 0) & case.of_origin(answered.decided))


@oracles.register("monotonicity")
def monotonicity(case: Case, column: str = "", direction: str = "up") -> np.ndarray:
    """Fails where the score moves against the column: `direction` ``up`` says that more of it must not lower the score.

    Raises
    ------
    InputError
        Without a column, or for another direction.
    """
    if not column or direction not in {"up", "down"}:
        raise InputError("monotonicity needs a column and a direction", f"{column!r}, {direction!r}", "Give up or down.")
    values = case.recording.column(column).astype(float)
    step = values - case.of_origin(values)
    change = case.answered.score - case.of_origin(case.answered.score)
    against = step * change * (1 if direction == "up" else -1) < 0
    return _judged(against, (case.origins >= 0) & ~np.isnan(change) & (step != 0))


@oracles.register("abstention")
def abstention(case: Case) -> np.ndarray:
    """Fails where a decision is made on an input whose expected outcome is ``abstain``, or is withheld from another.

    A text answer abstains where it refuses (`REFUSAL`). Only inputs with an expected outcome are judged.
    """
    refusing = np.array([REFUSAL.search(text) is not None for text in case.vocabulary.texts] + [False])
    abstains = case.answered.abstained | refusing[case.answered.codes]
    should = case.expected == case.vocabulary.encode([ABSTAIN])[0]
    return _judged(abstains != should, case.expected != MISSING)


@oracles.register("latency")
def latency(case: Case, seconds: float = 1.0) -> np.ndarray:
    """Fails where a row took longer than `seconds` (its share of the call it was in)."""
    return _judged(case.answered.latency > seconds, np.ones(len(case.expected), dtype=bool))


@oracles.register("schema")
def schema(case: Case, allowed: Sequence[object] | None = None) -> np.ndarray:
    """Fails where the decision is none of those `allowed` (None: none of those recorded), or a score is outside 0 to 1."""
    known = np.unique(case.recorded.codes) if allowed is None else case.vocabulary.encode(list(allowed))
    score = case.answered.score
    odd = (score < 0) | (score > 1)
    return _judged(~np.isin(case.answered.codes, known) | odd, np.ones(len(score), dtype=bool))


@oracles.register("recorded judgement")
def recorded_judgement(case: Case) -> np.ndarray:
    """Passes or fails as the tool that recorded it judged; an answer other than the recorded one is not judged."""
    judged = case.recording.row_columns("judged")["judged"].to_numpy().astype(float)
    same = (case.answered.codes == case.recorded.codes) & ~np.isnan(judged)
    return _judged(judged >= 0.5, same)


@oracles.register("human label")
def human_label(case: Case, labels: Mapping[tuple[object, object], bool] | None = None) -> np.ndarray:
    """Passes or fails as a person said of this answer to this input; an answer nobody has judged is not judged.

    Parameters
    ----------
    labels
        From (``row_id``, decision) to True where the answer is acceptable.

    Raises
    ------
    InputError
        Without labels.
    """
    if not labels:
        raise InputError("no human labels given", None, "Give `labels`, from (row_id, decision) to True or False.")
    said = {(str(row), decision_text(decision)): accepted for (row, decision), accepted in labels.items()}
    ids = case.recording.row_columns("row_id")["row_id"].to_pylist()
    texts: list[str | None] = [*case.vocabulary.texts, None]
    found = [said.get((str(row), texts[code])) for row, code in zip(ids, case.answered.codes.tolist(), strict=True)]
    return np.array([NOT_JUDGED if accepted is None else PASS if accepted else FAIL for accepted in found], dtype=np.int8)


TAKES: Final[Mapping[str, tuple[str, ...]]] = {
    "label flip": (), "expected outcome": (), "invariance": ("tolerance",), "monotonicity": ("column", "direction"),
    "abstention": (), "recorded judgement": (), "latency": ("seconds",), "schema": ("allowed",), "human label": ("labels",),
}  # fmt: skip


def measure_oracle(outcome: np.ndarray, truth: Sequence[bool | None]) -> dict[str, float | int | None]:
    """How well an oracle's outcomes agree with a labelled set.

    Parameters
    ----------
    outcome
        Places in `verdict.OUTCOMES`.
    truth
        True where the answer should fail, False where it should pass, None where nobody knows.

    Returns
    -------
    dict
        ``sensitivity`` and ``specificity`` with 95 % intervals, ``labelled``, and ``not_judged`` among the labelled.
    """
    should = np.array([-1 if item is None else int(item) for item in truth])
    result: dict[str, float | int | None] = {
        "labelled": int((should >= 0).sum()),
        "not_judged": int(((should >= 0) & (outcome > FAIL)).sum()),
    }
    for name, value, hit in (("sensitivity", 1, FAIL), ("specificity", 0, PASS)):
        among = (should == value) & (outcome <= FAIL)
        parts = rate(int((outcome[among] == hit).sum()), int(among.sum()))
        result |= dict(zip((name, f"{name}_low", f"{name}_high"), parts, strict=True))
    return result


def _judged(fails: np.ndarray, among: np.ndarray) -> np.ndarray:
    return np.where(among, np.where(fails, FAIL, PASS), NOT_JUDGED).astype(np.int8)
