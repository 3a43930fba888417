"""Send recorded inputs to a target, exactly as they were: in the calls they were recorded in, or coalesced into blocks.

Loops are bounded in count, rate and time (`Limits`); what a bound keeps from being sent says so and is no answer. Parts may be
asked on any ``concurrent.futures.Executor``; answers come back in the order of the recording, whoever is faster.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, Final

import numpy as np
import pandas as pd

from workbench.attacks.recording import Part, Recording
from workbench.attacks.replay.journal import WHOLE, Journal
from workbench.errors import InputError, shorten
from workbench.models.booster import PreparedTarget
from workbench.models.http import HttpTarget
from workbench.models.target import Prediction, Target, Wrapped, answer_of, failed_prediction

BLOCK: Final = 4096
"""Rows in a coalesced call: beyond it LightGBM gains nothing (measured), and a lost call costs more."""
NOT_SENT: Final = "not sent: "
AHEAD: Final = 2
"""Parts under way per worker: enough to keep it busy, few enough to bound memory."""


@dataclass(frozen=True)
class Limits:
    """How much may be asked of one target.

    Attributes
    ----------
    calls
        Calls at most.
    per_second
        Calls per second at most; None: as fast as it answers.
    seconds
        Time after which no further call is begun.
    """

    calls: int = 10_000_000
    per_second: float | None = None
    seconds: float = 3600.0

    def __post_init__(self) -> None:
        if self.calls < 1 or self.seconds <= 0 or (self.per_second is not None and self.per_second <= 0):
            raise InputError("a limit that lets nothing through", self, "Give numbers above 0.")


@dataclass
class Meter:
    """Counts one target's calls against its limits.

    Attributes
    ----------
    calls
        Made so far, or given to parts of the work that are asked elsewhere.
    begun, paced
        Since when the time counts, and the rate.
    before
        How many of `calls` do not count towards the rate.
    refused
        Whether a limit kept any call from being made.
    """

    limits: Limits
    calls: int = 0
    begun: float = field(default_factory=time.monotonic)
    paced: float = field(default_factory=time.monotonic)
    before: int = 0
    refused: bool = False

    def give(self, calls: int, among: int) -> Share:
        """A share of what is left for work that takes so many calls; `among` such shares are in use at once."""
        given = max(0, min(calls, self.limits.calls - self.calls))
        self.calls += given
        self.refused |= given < calls
        left = self.limits.seconds - (time.monotonic() - self.begun)
        rate = self.limits.per_second
        return Share(self.limits, given, None if rate is None else rate / among, time.time() + left)

    def refusal(self) -> str | None:
        """Why the next call must not be made; None where it may. Waits where the rate asks for it."""
        why = self._over()
        self.refused |= why is not None
        self.calls += why is None
        return why

    def _over(self) -> str | None:
        if self.calls >= self.limits.calls:
            return f"{NOT_SENT}limit of {self.limits.calls} calls"
        if self.limits.per_second is not None:
            pause = self.paced + (self.calls - self.before) / self.limits.per_second - time.monotonic()
            if pause > 0:
                time.sleep(pause)
        if time.monotonic() - self.begun > self.limits.seconds:
            return f"{NOT_SENT}limit of {self.limits.seconds:g} seconds"
        return None


@dataclass(frozen=True, eq=False)
class Metered(Wrapped):
    """A target whose calls are counted against limits; beyond them it answers that nothing was sent."""

    target: Target
    meter: Meter

    def predict(self, frame: pd.DataFrame) -> Prediction:
        """The target's answer, or why there is none."""
        return _call(self.target.predict, frame, self.meter)[0]


@dataclass(frozen=True)
class Share:
    """What one part of the work, asked elsewhere, may take of the limits.

    `calls` at most, `per_second` of them, none begun after `until` (seconds since 1970, so that another machine can tell).
    """

    limits: Limits
    calls: int
    per_second: float | None
    until: float

    def meter(self) -> Meter:
        """What counts the calls of that part, where it is asked."""
        begun = time.monotonic() + self.until - time.time() - self.limits.seconds
        pace = replace(self.limits, per_second=self.per_second)
        return Meter(pace, self.limits.calls - self.calls, begun, before=self.limits.calls - self.calls)


@dataclass(frozen=True)
class Work:
    """One part to be asked of one target; what a worker elsewhere needs to know. `share` is None where it is asked here."""

    recording: Recording
    part: Part
    target: Target
    coalesce: bool
    done: dict[int, Prediction] = field(default_factory=dict)
    share: Share | None = None

    @property
    def calls(self) -> int:
        """How many calls it takes, less those that were finished before."""
        whole = -(-self.part.rows // BLOCK) if self.coalesce else self.part.calls
        return 0 if WHOLE in self.done else whole - len(self.done)


def ask(
    recording: Recording,
    target: Target,
    *,
    coalesce: bool = True,
    meter: Meter | None = None,
    executor: Executor | None = None,
    journal: Journal | None = None,
) -> Iterator[Prediction]:
    """The target's answers to a recording, part by part in its order.

    Parameters
    ----------
    coalesce
        True: blocks of `BLOCK` rows; False: the recorded calls.
    meter
        Counts the calls against the limits.
    executor
        Where parts are asked; None: here, one after the other. With an executor each part is given its calls of the limits
        before it is sent, and an equal share of the rate, so that they hold for all parts together.
    journal
        Keeps each finished call, and gives back those finished before. With an executor, and for a `PreparedTarget` (a model
        in this process, microseconds a call), it keeps each finished part.
    """
    meter = meter or Meter(Limits())
    works = (
        Work(recording, part, target, coalesce, journal.finished(part.number) if journal else {}) for part in recording.parts
    )
    return _in_order(works, executor, meter, journal) if executor else (ask_part(work, meter, journal) for work in works)


def ask_part(work: Work, meter: Meter | None = None, journal: Journal | None = None) -> Prediction:
    """Ask one part; safe to run in another thread, process or machine that sees the recording's folder."""
    meter = meter or (work.share.meter() if work.share is not None else Meter(Limits()))
    if WHOLE in work.done:
        return work.done[WHOLE]
    frame = work.recording.inputs(work.part)
    bounds = call_bounds(work.recording, work.part, coalesce=work.coalesce)
    if isinstance(work.target, PreparedTarget):
        answered = _ask_prepared(work.target, frame, bounds, meter)
        _keep_part(journal, work, answered)
        return answered
    prepared, predict = _sliceable(work.target, frame)
    calls = []
    for number, (start, end) in enumerate(pairwise(bounds.tolist())):
        if (before := work.done.get(number)) is not None:
            calls.append(before)
            continue
        answered, sent = _call(predict, prepared[start:end], meter)
        if journal is not None and sent:
            journal.keep(work.part.number, number, answered)
        calls.append(answered)
    return joined(calls)


def call_bounds(recording: Recording, part: Part, *, coalesce: bool) -> np.ndarray:
    """Where calls begin inside a part, and where the last one ends."""
    if coalesce:
        return np.append(np.arange(0, part.rows, BLOCK), part.rows)
    return np.append(0, np.cumsum(recording.call_sizes(part)))


def joined(calls: list[Prediction]) -> Prediction:
    """The answers of calls, one after the other."""
    if len(calls) == 1:
        return calls[0]
    if not calls:
        return failed_prediction(0, "", 0.0)
    names = ("decision", "score", "latency", "abstained", "error")
    parts = {name: [getattr(call, name) for call in calls] for name in names}
    if len({array.dtype.kind for array in parts["decision"]}) > 1:
        parts["decision"] = [array.astype(object) for array in parts["decision"]]
    return Prediction(**{name: np.concatenate(arrays) for name, arrays in parts.items()})


def _sliceable(target: Target, frame: pd.DataFrame) -> tuple[Any, Callable[[Any], Prediction]]:
    """Rows to be sliced, and what answers a slice; for HTTP converted once, since each call would do it anew."""
    if isinstance(target, HttpTarget):
        return target.prepare(frame), target.predict_prepared
    return frame.iloc, target.predict


def _call(predict: Callable[[Any], Prediction], rows: Any, meter: Meter) -> tuple[Prediction, bool]:
    """One call: its answer, and whether it was sent at all."""
    if (refused := meter.refusal()) is not None:
        return failed_prediction(len(rows), refused, 0.0), False
    return answer_of(predict, rows), True


def _ask_prepared(target: PreparedTarget, frame: pd.DataFrame, bounds: np.ndarray, meter: Meter) -> Prediction:
    """As `_call` for every call, with the rows converted once and the answers read once."""
    prepared = target.prepare(frame)
    sizes = np.diff(bounds)
    seconds, raws, failed = np.zeros(len(sizes)), [], {}
    clock, ask_model, refusal = time.perf_counter, target.ask, meter.refusal
    places = bounds.tolist()
    for number in range(len(sizes)):
        rows = prepared[places[number] : places[number + 1]]
        if (refused := refusal()) is not None:
            failed[number], raw = refused, None
        else:
            start = clock()
            try:
                raw = ask_model(rows)
            except Exception as exc:  # noqa: BLE001  whatever a model raises is an outcome to record
                failed[number], raw = shorten(f"{type(exc).__name__}: {exc}"), None
            seconds[number] = clock() - start
        if raw is not None and len(raw) != len(rows):
            failed[number], raw = f"wrong shape: {len(raw)} answers for {len(rows)} rows", None
        raws.append(np.full(len(rows), np.nan) if raw is None else raw)
    latency = np.repeat(seconds / np.maximum(sizes, 1), sizes)
    answered = target.answers(np.concatenate(raws) if raws else np.zeros(0), latency)
    return _with_failures(answered, failed, bounds) if failed else answered


def _with_failures(answered: Prediction, failed: dict[int, str], bounds: np.ndarray) -> Prediction:
    decision, error, score = answered.decision.astype(object), answered.error.copy(), answered.score.copy()
    for number, text in failed.items():
        rows = slice(bounds[number], bounds[number + 1])
        decision[rows], error[rows], score[rows] = None, text, np.nan
    return Prediction(decision, score, answered.latency, answered.abstained, error)


def _in_order(works: Iterator[Work], executor: Executor, meter: Meter, journal: Journal | None) -> Iterator[Prediction]:
    """Results in the order of `works`, at most a few parts ahead of the slowest."""
    ahead = AHEAD * int(getattr(executor, "_max_workers", 0) or 4)
    waiting: list[tuple[Work, Future[Prediction]]] = []

    def collect() -> Prediction:
        work, future = waiting.pop(0)
        answered = future.result()
        _keep_part(journal, work, answered)
        return answered

    for work in works:
        sent = replace(work, share=meter.give(work.calls, ahead))
        waiting.append((work, executor.submit(ask_part, sent)))
        if len(waiting) >= ahead:
            yield collect()
    while waiting:
        yield collect()


def _keep_part(journal: Journal | None, work: Work, answered: Prediction) -> None:
    """Keep a part as one entry, unless something of it was not sent."""
    if journal is None or WHOLE in work.done:
        return
    errors = answered.error[pd.notna(answered.error)].tolist()
    if not any(text.startswith(NOT_SENT) for text in errors):
        journal.keep(work.part.number, WHOLE, answered)
