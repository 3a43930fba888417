"""Rates that differ between groups of people, or came to differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from workbench.analysis import stats
from workbench.analysis.disparity import GroupCounts, count_groups, measure_disparity
from workbench.analysis.disparity.estimates import Share
from workbench.analysis.losses import outcome_columns
from workbench.analysis.measures import LABELS, available_measures
from workbench.data.dataset import Dataset
from workbench.errors import RolesError
from workbench.predicate import Predicate
from workbench.result import Finding
from workbench.triage.check import Context, Examined, NotAskedError, graded, percent

JUDGED = ("selection_rate", "fpr", "fnr")
"""The measures a person feels: whether they get the good decision, and which way the model errs on them."""
LEAST_GAP = 0.05
LEAST_RARE_GAP = 0.01
FOUR_FIFTHS = 0.8
LEAST_ROWS = 30


def check_disparity(context: Context) -> Examined:
    """A finding per group whose judged rates lie `LEAST_GAP` or more from the reference group's."""
    dataset = context.subject
    if not dataset.has("groups"):
        raise NotAskedError("no groups to compare", None, "Add `groups: [column, ...]` to the roles; they are never guessed.")
    if not dataset.has("prediction"):
        advice = "Add `prediction` to the roles: outcomes alone say nothing of a model."
        raise NotAskedError("no decision to compare groups by", None, advice)
    measures = [measure for measure in available_measures(dataset) if measure in JUDGED]
    if not measures:
        raise RolesError("nothing to compare groups by", None, "Add `favorable`, or a `label` with `positive`, to the roles.")
    result = measure_disparity(dataset, measures=measures, intersect=False)
    table = result.tables["disparities"]
    table = table[table["rows"] >= LEAST_ROWS].copy()
    groups: dict[Any, str] = result.tables["groups"].set_index(["attributes", "group"])["where"].to_dict()
    table["versus"] = [groups.get(key) for key in zip(table["attributes"], table["reference"], strict=True)]
    if context.reference is None:
        parts = [part for _, part in table.groupby(["attributes", "group"], sort=False)]
        findings = [_gap(part, dataset) for part in parts if _matters(part)]
        return Examined(findings, len(table), result)
    four = FourCounts(context.reference, dataset, measures)
    changes = [_change(row, four, dataset) for row in table.itertuples()]
    return Examined([finding for finding in changes if finding is not None], 2 * len(table), result)


class FourCounts:
    """Hits and trials of a group and of its reference group, in either window; each attribute is counted once.

    Parameters
    ----------
    reference, current
        The windows.
    measures
        What to count.
    """

    def __init__(self, reference: Dataset, current: Dataset, measures: Sequence[str]) -> None:
        self.windows = (reference, current)
        self.measures = tuple(measures)
        self.counted: dict[str, list[GroupCounts]] = {}

    def of(self, attribute: str, measure: str, group: str, reference: str) -> list[tuple[float, float, float, float]] | None:
        """The four counts before and now, as whole rows; None where either group is absent from a window."""
        if attribute not in self.counted:
            self.counted[attribute] = [count_groups(window, [attribute], self.measures)[0] for window in self.windows]
        found = []
        for counts in self.counted[attribute]:
            if group not in counts.labels or reference not in counts.labels:
                return None
            share = Share.of(counts.take([counts.labels.index(group), counts.labels.index(reference)]), measure)
            (hits, other_hits), (trials, other_trials) = (part.tolist() for part in share.whole())
            found.append((hits, trials, other_hits, other_trials))
        return found


def _apart(table: pd.DataFrame) -> pd.Series[bool]:
    """Whether a rate lies far from the reference's: by `LEAST_GAP`, or, if rare, by a ratio surely beyond four fifths."""
    rare = (table["ratio_high"] < FOUR_FIFTHS) | (table["ratio_low"] > 1 / FOUR_FIFTHS)
    return (table["difference"].abs() >= LEAST_GAP) | (rare & (table["difference"].abs() >= LEAST_RARE_GAP))


def _matters(part: pd.DataFrame) -> bool:
    return bool(_apart(part).any())


def _gap(part: pd.DataFrame, dataset: Dataset) -> Finding:
    """One group against its reference, over all judged measures; the smallest p, by Bonferroni over the measures.

    Its effect is the selection rate's where that is apart, for no broken label can touch it; else that of the widest gap.
    """
    apart = part[_apart(part)].sort_values("measure")
    chosen = apart[apart["measure"] == "selection_rate"]
    chosen = chosen if len(chosen) else apart
    widest: Any = chosen.iloc[int(np.nanargmax(chosen["difference"].abs().to_numpy()))]
    told = [_told(row) for row in apart.itertuples()]
    where = Predicate.parse(widest["where"])
    selection = part.loc[part["measure"] == "selection_rate", "ratio"]
    ratio = float(selection.iloc[0]) if len(selection) else 1.0
    return Finding(
        kind="disparity",
        statement=f"{widest['group']} against {widest['reference']} ({widest['attributes']}): {'; '.join(told)}",
        columns=_columns(widest["attributes"], list(part["measure"]), dataset),
        where=widest["where"],
        effect=float(widest["difference"]),
        unit=LABELS[widest["measure"]],
        interval=(float(widest["low"]), float(widest["high"])),
        p=min(1.0, float(part["p"].min()) * len(part)),
        support=int(widest["rows"]),
        people=dataset.people(where.mask(dataset.frame)),
        severity="high" if ratio < FOUR_FIFTHS else graded(widest["difference"], LEAST_GAP, 0.2),
        versus=widest["versus"],
    )


def _told(row: Any) -> str:
    ratio = f" (ratio {row.ratio:.3f})" if row.measure == "selection_rate" else ""
    return f"{LABELS[row.measure]} {percent(row.value)} against {percent(row.reference_value)}{ratio}"


def _change(row: Any, four: FourCounts, current: Dataset) -> Finding | None:
    """A gap that opened between the windows; one that was there before as well is standing."""
    where = Predicate.parse(row.where)
    counts = four.of(row.attributes, row.measure, row.group, row.reference)
    if counts is None or min(counts[0][1], counts[0][3], counts[1][1], counts[1][3]) < LEAST_ROWS:
        return None
    moved = stats.difference_of_differences(counts[0], counts[1])
    gap_before = counts[0][0] / counts[0][1] - counts[0][2] / counts[0][3]
    p_before = float(stats.two_proportions(*counts[0]))
    widened = abs(row.difference) > abs(gap_before)
    opened = widened and (abs(float(moved.change)) >= LEAST_GAP or (_is_rare_gap(row) and not _was_rare_gap(counts[0])))
    stood = not opened and gap_before * row.difference > 0 and min(abs(row.difference), abs(gap_before)) >= LEAST_GAP
    if not (opened or stood):
        return None
    low, high = moved.interval if opened else (row.low, row.high)
    return Finding(
        kind="disparity",
        statement=(
            f"{row.group} against {row.reference} ({row.attributes}): {_told(row)}; the gap {'opened to' if opened else 'is'}"
            f" {100 * row.difference:+.1f} percentage points, and was {100 * gap_before:+.1f} before"
        ),
        columns=_columns(row.attributes, [row.measure], current),
        where=row.where,
        effect=float(moved.change) if opened else float(row.difference),
        unit=LABELS[row.measure],
        interval=(float(low), float(high)),
        p=float(moved.p) if opened else max(float(row.p), p_before),
        support=int(row.rows),
        people=current.people(where.mask(current.frame)),
        severity=graded(row.difference, LEAST_GAP, 0.2),
        standing=not opened,
        versus=row.versus,
    )


def _is_rare_gap(row: Any) -> bool:
    beyond = row.ratio_high < FOUR_FIFTHS or row.ratio_low > 1 / FOUR_FIFTHS
    return bool(beyond and abs(row.difference) >= LEAST_RARE_GAP)


def _was_rare_gap(counts: tuple[float, float, float, float]) -> bool:
    hits, trials, other_hits, other_trials = counts
    rate, other = hits / trials, other_hits / other_trials
    return not FOUR_FIFTHS <= (rate / other if other else np.inf) <= 1 / FOUR_FIFTHS


def _columns(attribute: str, measures: Sequence[str], dataset: Dataset) -> tuple[str, ...]:
    read = [column for measure in measures for column in outcome_columns(dataset, measure)]
    return tuple(dict.fromkeys([attribute, *read]))
