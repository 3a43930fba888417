"""Where a replay first parts from the recording, and why: batch shape, threads, library, seed, or simply another model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd

from workbench.attacks.decisions import decision_texts
from workbench.attacks.recording import Recording
from workbench.attacks.verdict import LEVELS, Answers
from workbench.models.target import Prediction, Target
from workbench.result import versions

DIFFERS: Final = tuple(LEVELS.index(name) for name in ("within tolerance", "score changed", "decision changed"))


def first_divergence(recording: Recording, target: Target, level: np.ndarray, recorded: Answers, answered: Answers) -> Any:
    """The first input that is answered otherwise than recorded, and the likely cause; or None.

    ``call place level recorded_score score cause``, and ``inputs``: how many were sent in that call.

    A model of the recorded digest is asked about that call up to three times more.
    """
    places = np.flatnonzero(np.isin(level, DIFFERS))
    if not len(places):
        return None
    place = int(places[0])
    calls = recording.row_columns("call")["call"].to_numpy()
    return {
        "call": int(calls[place]),
        "inputs": int((calls == calls[place]).sum()),
        "place": place,
        "level": LEVELS[level[place]],
        "recorded_score": _number(recorded.score[place]),
        "score": _number(answered.score[place]),
        "cause": likely_cause(recording, target, place),
    }


def likely_cause(recording: Recording, target: Target, place: int) -> str:
    """Why the answer at this place differs from the recorded one, found by asking again under one change at a time."""
    if recording.manifest.get("target", {}).get("digest") != target.digest:
        return "another model"
    frame, expected = _recorded_call(recording, place)
    first = target.predict(frame)
    if not _same(first, target.predict(frame)):
        return "seed: the same call is answered differently each time"
    if _matches(first, expected):
        return "batch shape: the recorded call, sent as it was, is answered as recorded"
    if changed := _changed_versions(recording.manifest.get("environment", {})):
        return f"library: {', '.join(changed)}"
    if _matches(_on_one_thread(target, frame), expected):
        return "threads: answered as recorded on one thread"
    return "unknown: same model, same call, same libraries"


def _recorded_call(recording: Recording, place: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The call that holds the input at `place`, and the answers recorded for it."""
    part = next(part for part in recording.parts if part.first <= place < part.first + part.rows)
    ends = np.cumsum(recording.call_sizes(part))
    number = int(np.searchsorted(ends, place - part.first, side="right"))
    rows = slice(int(ends[number - 1]) if number else 0, int(ends[number]))
    answers = recording.row_columns("decision", "score").slice(part.first + rows.start, rows.stop - rows.start)
    return recording.inputs(part).iloc[rows], answers.to_pandas()


def _same(one: Prediction, other: Prediction) -> bool:
    return bool(
        np.array_equal(decision_texts(one.decision), decision_texts(other.decision))
        and np.array_equal(one.score, other.score, equal_nan=True)
    )


def _matches(answered: Prediction, expected: pd.DataFrame) -> bool:
    decided = expected["decision"].astype(object).where(expected["decision"].notna(), None).to_numpy()
    return bool(
        np.array_equal(decision_texts(answered.decision), decided)
        and np.array_equal(answered.score, expected["score"].to_numpy(dtype=float), equal_nan=True)
    )


def _changed_versions(environment: Mapping[str, Any]) -> list[str]:
    before = environment.get("versions", {})
    return [f"{name} {before[name]} -> {now}" for name, now in versions().items() if name in before and before[name] != now]


def _on_one_thread(target: Target, frame: pd.DataFrame) -> Prediction:
    from threadpoolctl import threadpool_limits  # comes with scikit-learn

    with threadpool_limits(1):
        return target.predict(frame)


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
