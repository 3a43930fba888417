"""When would we have known: triage again at one moment of the log after another, as if each were now.

Each look sees the rows that were decided before its moment, against the same reference, with a share of the false-discovery
budget, so that all looks together spend no more than one run does. A finding is known from the first look that finds it again.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from workbench.analysis.distance import jaccard
from workbench.data.dataset import Dataset
from workbench.errors import InputError
from workbench.predicate import Comparison, Operand, Predicate
from workbench.result import Finding, Result, provenance
from workbench.result.cells import is_small
from workbench.triage.budget import spend
from workbench.triage.check import began_together
from workbench.triage.fold import SAME_ROWS, fold
from workbench.triage.run import ENOUGH_ROWS, Triage, examined_rows, judge, make_context, run_checks

MOST_LOOKS: Final = 48
HOUR: Final = pd.Timedelta(hours=1)

Tell = Callable[[int, int], None]


def when_known(
    dataset: Dataset,
    found: Triage,
    *,
    reference: Predicate | Dataset | None = None,
    current: Predicate | None = None,
    label_delay: dt.timedelta = dt.timedelta(0),
    looks: int = MOST_LOOKS,
    budget: float = 0.01,
    seed: int = 0,
    tell: Tell | None = None,
) -> Result:
    """The earliest moment at which each finding could have been known, and whom it touched from then until the end of the log.

    Parameters
    ----------
    dataset, reference, current, budget, seed
        As `workbench.triage.run.triage` took them to find `found`.
    found
        What is known now.
    label_delay
        How long after a decision its label arrives. What reads labels is known that much later than its rows were decided.
    looks
        At most so many: half of them over the whole window, at whole hours, the others between the last look that did not find
        the first finding and the first that did. Each may spend `budget` / `looks`, which bounds what all of them find falsely
        by `budget` (Bonferroni over looks).
    tell
        Called with how many looks are done, and of how many.

    Returns
    -------
    Result
        Of kind ``known``. ``tables["known"]`` has a row per finding: ``rank, statement, where, onset, unknown`` (the last look
        before, which did not find it), ``known`` (null: not before now), ``rows`` and ``people`` (of the finding's, from
        ``known`` to the end of the log) and ``suppressed``; ``tables["looks"]`` a row per look: ``until, rows, verdict, found``
        (how many of the findings it found again).

    Raises
    ------
    InputError
        If the log has no time, `looks` is below 1, `label_delay` negative, or the window spans no time.
    """
    require_looks(dataset, looks, label_delay)
    times = make_context(dataset, reference, current, seed=seed, budget=budget).subject.role("time").dropna()
    if times.empty or times.min() == times.max():
        raise InputError("there is one moment only to look at", times.min(), "Give a log that spans some time.")
    looker = _Looker(dataset, found, reference=reference, current=current, looks=looks, budget=budget, seed=seed, tell=tell)
    looker.look(_moments(times.min(), times.max() + HOUR, -(-looks // 2)))
    if found.findings and (bracket := looker.bracket(found.findings[0])) is not None:
        looker.look(_moments(*bracket, looks - looker.taken)[:-1])
    rows = [looker.row(finding, label_delay) for finding in found.findings]
    columns = ["rank", "statement", "where", "onset", "unknown", "known", "rows", "people", "suppressed"]
    arguments = {"label_delay": str(pd.Timedelta(label_delay)), "looks": looks, "budget": budget, "roles": dataset.given.said()}
    return Result(
        kind="known",
        title="When would we have known",
        tables={"known": pd.DataFrame(rows, columns=columns), "looks": looker.table()},
        numbers={"rows": looker.subject.rows, "looks": looker.taken},
        where=looker.subject.where,
        provenance=provenance(arguments, seed=seed, fingerprint=dataset.fingerprint),
    )


def require_looks(dataset: Dataset, looks: int, label_delay: dt.timedelta) -> None:
    """Refuse, before anything is measured, what `when_known` cannot do."""
    dataset.require("time")
    if looks < 1 or label_delay < dt.timedelta(0):
        value = looks if looks < 1 else label_delay
        raise InputError("looks are counted from 1, and a delay from 0", value, "Give at least one look and no negative delay.")


def _moments(first: pd.Timestamp, last: pd.Timestamp, most: int) -> list[pd.Timestamp]:
    """Whole hours after `first`, at even distances, up to the one that holds `last`: at most `most` of them."""
    if most < 1:
        return []
    end = last.floor("h")
    hours = max(1, int((end - first.floor("h")) / HOUR))
    apart = -(-hours // most)
    return [end - HOUR * apart * step for step in reversed(range(-(-hours // apart)))]


class _Look(NamedTuple):
    """What was said of the rows decided before a moment, and the ranks of the findings that were found again."""

    until: pd.Timestamp
    rows: int
    verdict: str
    found: set[int | None]


class _Looker:
    """Looks at the log as it stood, and remembers what each look found."""

    def __init__(
        self, dataset: Dataset, found: Triage, *, reference: Predicate | Dataset | None, current: Predicate | None, looks: int,
        budget: float, seed: int, tell: Tell | None,
    ) -> None:  # fmt: skip
        self.dataset, self.reference, self.current, self.seed, self.tell = dataset, reference, current, seed, tell
        self.subject = make_context(dataset, reference, current).subject
        self.findings = found.findings
        self.looks, self.each, self.taken = looks, budget / looks, 0
        self.checks = sorted({finding.check for finding in found.findings if finding.check})
        self.seen: list[_Look] = []

    def look(self, moments: Sequence[pd.Timestamp]) -> None:
        """Triage at each of these moments that has enough rows; nothing where there is nothing to look for."""
        for moment in moments if self.checks else []:
            again = self._at(moment)
            self.taken += 1
            if again is not None:
                self.seen.append(again)
            if self.tell is not None:
                self.tell(self.taken, self.looks)
        self.seen.sort(key=lambda look: look.until)

    def _at(self, moment: pd.Timestamp) -> _Look | None:
        """Every check that found something, on the rows decided before `moment`; None where they are too few."""
        time = Operand(self.dataset.require("time"))
        until = self.dataset.select(Predicate((Comparison(time, "<", moment.to_pydatetime()),)))
        try:
            context = make_context(until, self.reference, self.current, seed=self.seed, budget=self.each)
        except InputError:  # a window has no rows yet
            return None
        if min(window.rows for window in (context.subject, context.reference or context.subject)) < ENOUGH_ROWS:
            return None
        examined, outcomes = run_checks(context, only=self.checks)
        again, _ = fold(spend(examined, self.each), context)
        found = {finding.rank for finding in self.findings if _finds(again, finding, self.subject)}
        return _Look(moment, examined_rows(context), judge(again, outcomes, context), found)

    def bracket(self, finding: Finding) -> tuple[pd.Timestamp, pd.Timestamp] | None:
        """The last look before the first that found it, and that one; None where no look found it."""
        first = next((at for at, look in enumerate(self.seen) if finding.rank in look.found), None)
        if first is None:
            return None
        before = self.seen[first - 1].until if first else self.subject.role("time").min()
        return before, self.seen[first].until

    def row(self, finding: Finding, label_delay: dt.timedelta) -> dict[str, object]:
        """When one finding was known, and whom it touched since."""
        times = self.subject.role("time")
        unknown, known = self.bracket(finding) or (None, None)
        if known is not None and unknown is not None and _reads_labels(finding, self.subject):
            unknown, known = unknown + pd.Timedelta(label_delay), known + pd.Timedelta(label_delay)
        if known is None or known > times.max():
            unknown = known = None
        touched = np.zeros(len(times), dtype=bool)
        if known is not None:
            touched = Predicate.parse(finding.where).mask(self.subject.frame) & (times >= known).to_numpy(dtype=bool)
        count, people = int(touched.sum()), self.subject.people(touched)
        return {
            "rank": finding.rank, "statement": finding.statement, "where": finding.where, "onset": finding.onset,
            "unknown": None if unknown is None else unknown.isoformat(), "known": None if known is None else known.isoformat(),
            "rows": count, "people": people, "suppressed": is_small(count) or is_small(people),
        }  # fmt: skip

    def table(self) -> pd.DataFrame:
        """A row per look."""
        rows = [
            {"until": look.until.isoformat(), "rows": look.rows, "verdict": look.verdict, "found": len(look.found)}
            for look in self.seen
        ]
        return pd.DataFrame(rows, columns=["until", "rows", "verdict", "found"])


def _reads_labels(finding: Finding, subject: Dataset) -> bool:
    return subject.has("label") and subject.require("label") in finding.columns


def _finds(again: Sequence[Finding], finding: Finding, subject: Dataset) -> bool:
    """Whether a look found it again: its kind, its direction and its beginning, in its columns or (a slice) mostly its rows."""
    alike = [
        other
        for other in again
        if (other.kind, other.standing) == (finding.kind, finding.standing)
        and (other.effect or 0.0) * (finding.effect or 0.0) >= 0
        and (other.onset_interval is None or finding.onset_interval is None or began_together(other, finding))
    ]
    if finding.kind != "slice":
        return any(other.columns == finding.columns for other in alike)
    mask = Predicate.parse(finding.where).mask(subject.frame)
    return any(jaccard(mask, Predicate.parse(other.where).mask(subject.frame)) >= SAME_ROWS for other in alike)
