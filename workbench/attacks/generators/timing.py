"""A timing side channel: whether how long an answer takes tells a secret.

A p-value alone convicts the innocent: with thousands of calls a difference of a third of a microsecond is significant (measured
on a model without a secret). So a channel is called only where the whole interval of the shift lies beyond an effect-size floor.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np
import pandas as pd

from workbench.attacks.decisions import decision_texts
from workbench.attacks.scenarios.trial import Setting, Trial
from workbench.errors import InputError
from workbench.registry import scenarios

FLOOR: Final = 2e-6
"""Seconds. Below it a difference is what code paths and caches make of different data (0.4 µs measured), not a channel."""
Clock = Callable[[], int]
"""Nanoseconds since some moment, such as `time.perf_counter_ns`."""


@dataclass(frozen=True)
class Shift:
    """How much longer one kind of call takes than the other, in seconds.

    Attributes
    ----------
    shift, low, high
        The median of all differences between a call of one kind and one of the other (Hodges & Lehmann 1963), with its
        distribution-free 95 % interval (from the ranks of the Mann-Whitney statistic).
    p
        Mann-Whitney, two-sided.
    detectable
        The smallest shift that this many calls would have told from none: half the width of the interval, beyond the floor.
    """

    shift: float
    low: float
    high: float
    p: float
    detectable: float

    def beyond(self, floor: float = FLOOR) -> bool:
        """Whether the whole interval lies beyond the floor, on one side."""
        return self.low > floor or self.high < -floor


def measure_shift(ones: np.ndarray, zeros: np.ndarray, floor: float = FLOOR) -> Shift:
    """Compare durations of two kinds of calls, in seconds.

    Raises
    ------
    InputError
        For fewer than 20 of either kind.
    """
    from scipy.stats import mannwhitneyu

    if min(len(ones), len(zeros)) < 20:
        raise InputError("too few calls to compare", f"{len(ones)} and {len(zeros)}", "Make 20 or more of each kind.")
    n, m = len(ones), len(zeros)
    differences = np.sort(np.subtract.outer(ones, zeros), axis=None)
    reach = 1.96 * np.sqrt(n * m * (n + m + 1) / 12)
    at = int(max(np.floor(n * m / 2 - reach), 0))
    low, high = float(differences[at]), float(differences[n * m - 1 - at])
    p = float(mannwhitneyu(ones, zeros).pvalue)
    return Shift(float(np.median(differences)), low, high, p, floor + (high - low) / 2)


@scenarios.register("timing")
def timing(
    setting: Setting, *, secret: str | None = None, calls: int = 500, floor: float = FLOOR, warm: int = 20,
    shuffled: bool = False, clock: Clock = time.process_time_ns,
) -> Trial:  # fmt: skip
    """Ask one row at a time, of either kind in turn, and compare how long the answers take; measure: seconds beyond zero.

    Parameters
    ----------
    secret
        A group with two values, or whose first value is told from the rest; None: the first group, or the decision itself.
    calls
        Of each kind.
    floor
        Seconds below which a shift is no channel.
    warm
        Calls of each kind made first and not counted.
    shuffled
        Shuffle who is of which kind: the benign twin.
    clock
        What measures; the default counts this process's own time, which other work on the machine does not lengthen. For a
        target in another process give `time.perf_counter_ns`.
    """
    kinds = _kinds(setting, secret)
    chance = setting.generator(70)
    if shuffled:
        kinds = chance.permutation(kinds)
    places = {kind: chance.choice(np.flatnonzero(kinds == kind), calls + warm) for kind in (True, False)}
    durations: dict[bool, list[float]] = {True: [], False: []}
    for turn in range(calls + warm):
        for kind in (True, False) if turn % 2 else (False, True):
            row = setting.frame.iloc[[places[kind][turn]]]
            begun = clock()
            setting.target.predict(row)
            durations[kind].append((clock() - begun) / 1e9)
    found = measure_shift(np.array(durations[True][warm:]), np.array(durations[False][warm:]), floor)
    low, high = (found.low, found.high) if found.shift >= 0 else (-found.high, -found.low)
    table = pd.DataFrame([{**asdict(found), "calls": calls, "floor": floor, "channel": found.beyond(floor)}])
    return Trial("seconds by which the secret shifts an answer", abs(found.shift), low, high, {"outcomes": table}, {"p": found.p})


def _kinds(setting: Setting, secret: str | None) -> np.ndarray:
    if secret is not None and secret not in setting.groups:
        raise InputError("no group of that name", secret, f"Groups: {', '.join(setting.groups) or 'none'}")
    values = setting.groups[secret or next(iter(setting.groups))] if setting.groups else setting.clean.decision
    texts = decision_texts(np.asarray(values))
    names = sorted({str(text) for text in texts})
    kinds = np.array([str(text) == names[0] for text in texts])
    if kinds.all() or not kinds.any():
        raise InputError("a secret that never differs", names[0], "Name a group with two values.")
    return kinds
