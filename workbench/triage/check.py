"""The contract between triage and a check.

A *check* looks at a `Context` and returns what it `Examined`: findings with raw p-values, and how many hypotheses it looked at to
get them. Triage does the correcting, so that all checks of a run share one false-discovery budget. Others' checks register under
the entry point group ``workbench.checks``; returning a plain list of findings is enough.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from workbench.attacks.recording import Recording
from workbench.data.dataset import Dataset
from workbench.errors import InputError
from workbench.predicate import Predicate
from workbench.result import Finding, Result

LEAST_HELP: Final = 0.1
"""A repair that surely undoes less than this part of the harm does not help."""
MOST_OF_IT: Final = 0.5
"""From this part of the harm on a cause is grave, however small its own effect."""


class NotAskedError(InputError):
    """The log was given without what this check looks at (no groups, one window): its silence says nothing against the log.

    Any other `InputError` of a check says that it was asked and could not answer, and then nobody can say "no incident found".
    """


@dataclass(frozen=True)
class Context:
    """What a check may look at.

    Attributes
    ----------
    dataset
        All rows.
    reference, current
        Two windows of it (or of two files); None where there is one window only.
    lineage, target
        Upstream events, a model to ask; None where there is none.
    recordings
        Recorded attacks that may come back.
    seed
        For anything random.
    budget
        False-discovery rate that triage allows itself.
    """

    dataset: Dataset
    reference: Dataset | None = None
    current: Dataset | None = None
    lineage: Any = None
    recordings: Sequence[Recording] = ()
    target: Any = None
    seed: int = 0
    budget: float = 0.01

    @property
    def subject(self) -> Dataset:
        """The current window, or all rows where there are no windows."""
        return self.current if self.current is not None else self.dataset

    def without(self, predicate: Predicate) -> Context:
        """The same context without the rows of `predicate`."""
        return replace(
            self,
            dataset=self.dataset.exclude(predicate),
            reference=None if self.reference is None else self.reference.exclude(predicate),
            current=None if self.current is None else self.current.exclude(predicate),
        )


@dataclass(frozen=True)
class Examined:
    """What a check found, and out of how many hypotheses.

    Attributes
    ----------
    findings
        With raw p-values; p None says the finding is a fact and no inference.
    tests
        Hypotheses examined, listed or not.
    result
        The analysis that holds the numbers, kept as evidence.
    familywise
        Whether each p already holds for everything the check examined (max-T, Bonferroni), so that the check counts as one test.
    allowed
        Whether the intervals of the findings already allow for their having been chosen.
    """

    findings: Sequence[Finding] = ()
    tests: int = 0
    result: Result | None = field(default=None, repr=False)
    familywise: bool = False
    allowed: bool = False


Check = Callable[[Context], Examined | Sequence[Finding]]


def began_together(one: Finding, other: Finding) -> bool:
    """Whether the intervals of two onsets overlap; false where one has none. ISO 8601 texts order as their times do."""
    left, right = one.onset_interval, other.onset_interval
    return left is not None and right is not None and left[0] <= right[1] and right[0] <= left[1]


def did_not_help(finding: Finding) -> bool:
    """Whether the cause was repaired, and surely less than `LEAST_HELP` of the harm went with it: it speaks against the cause."""
    interval = finding.share_interval if finding.undone_by == "repaired" else None
    return interval is not None and interval[1] < LEAST_HELP


def percent(value: float | None) -> str:
    """A share in words a responder reads: ``44.9 %``."""
    return "not measured" if value is None or value != value else f"{100 * value:.1f} %"  # noqa: PLR0124  NaN


def moment(when: dt.datetime) -> str:
    """A time in words a responder reads, UTC: ``2026-03-04``, or ``2026-03-04 02:10`` where it is not a midnight."""
    midnight = when.hour == when.minute == when.second == 0
    return f"{when:%Y-%m-%d}" if midnight else f"{when:%Y-%m-%d %H:%M} UTC"


def graded(effect: float, medium: float, high: float) -> str:
    """A severity from the size of an effect: below `medium` low, from `high` on high."""
    size = abs(effect)
    return "high" if size >= high else "medium" if size >= medium else "low"
