"""All that can be asked of the disparities in a log, asked at once, each part where the roles and the rows allow it.

The order is that of a careful reader: is it the data (`guard`), who fares how (`groups`), since when (`over_time`), why
(`decomposition`), what cannot be equal at once (`impossibility`), what if (`thresholds`), what the unknown leave open (`missing`).
A part that cannot be asked says why; it never costs the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from workbench.analysis.decomposition import decompose
from workbench.analysis.definitions import impossibility
from workbench.analysis.disparity import measure_disparity, missing_attribute
from workbench.analysis.disparity.reference import MOST_FAVORED, REFERENCES
from workbench.analysis.disparity_time import disparity_over_time
from workbench.analysis.guard import guard_data
from workbench.analysis.pairs import Pair, choose_pair
from workbench.analysis.thresholds import Thresholds
from workbench.data.dataset import Dataset
from workbench.errors import InputError
from workbench.result import Result


@dataclass(frozen=True)
class Question:
    """What a review asks beside the dataset.

    Attributes
    ----------
    groups
        Attributes to part people by; empty: the role ``groups``.
    attribute, group
        Which two groups are followed over time and explained: an attribute (empty: the first), and one of its values (None: the
        large group of the lowest selection rate).
    reference
        Whom the others are held against, as `workbench.analysis.disparity.measure_disparity` takes it.
    strata
        Columns within whose values people are alike; empty: nothing is compared within strata.
    policy
        Profiles whose lines are set beside the numbers.
    events
        Columns ``time`` and ``event``: deploys, schema changes.
    seed
        For anything random.
    """

    groups: tuple[str, ...] = ()
    attribute: str = ""
    group: str | None = None
    reference: str = MOST_FAVORED
    strata: tuple[str, ...] = ()
    policy: tuple[str, ...] = ()
    events: pd.DataFrame | None = field(default=None, repr=False, compare=False)
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Review:
    """What was found out.

    Attributes
    ----------
    results
        Part to its Result, in the order in which they are read.
    skipped
        Part to why it could not be asked.
    pair
        The two groups that are followed; None where there are no two.
    thresholds
        The scores counted by group, for any threshold; None without scores.
    """

    results: Mapping[str, Result]
    skipped: Mapping[str, str]
    pair: Pair | None = None
    thresholds: Thresholds | None = field(default=None, repr=False)


def review_disparity(dataset: Dataset, question: Question | None = None) -> Review:
    """Ask everything of `dataset`.

    Raises
    ------
    RolesError
        If there are no groups, or nothing to measure.
    UnknownNameError
        For an attribute, a group, a column or a policy that does not exist.
    """
    asked = question or Question()
    groups = measure_disparity(
        dataset, asked.groups or None, asked.reference, strata=asked.strata or None, policy=asked.policy or None, seed=asked.seed
    )
    results, skipped = {"guard": guard_data(dataset), "groups": groups}, {}
    attribute = asked.attribute or str(groups.tables["groups"]["attributes"].iloc[0])
    pair, thresholds = None, None
    try:
        pair = _pair(dataset, asked, attribute)
    except InputError as exc:
        if asked.group is not None:
            raise
        skipped = dict.fromkeys(_parts(dataset, asked, "", "", ""), str(exc))
    if pair is not None:
        for name, part in _parts(dataset, asked, attribute, pair.group, pair.reference).items():
            try:
                results[name] = part()
            except InputError as exc:
                skipped[name] = str(exc)
    try:
        thresholds = Thresholds.of(dataset, attribute, reference=_reference(dataset, asked, attribute))
    except InputError as exc:
        skipped["thresholds"] = str(exc)
    else:
        results["thresholds"] = _now(thresholds, dataset)
    return Review(results, skipped, pair, thresholds)


def _pair(dataset: Dataset, asked: Question, attribute: str) -> Pair:
    return choose_pair(dataset, attribute, group=asked.group, reference=_reference(dataset, asked, attribute))


def _reference(dataset: Dataset, asked: Question, attribute: str) -> str:
    """The reference asked for where this attribute has such a group; else the most favoured."""
    if asked.reference in REFERENCES or asked.reference in set(dataset.frame[attribute].dropna().astype(str)):
        return asked.reference
    return MOST_FAVORED


def _parts(dataset: Dataset, asked: Question, attribute: str, group: str, reference: str) -> dict[str, Callable[[], Result]]:
    """The parts that ask of one group beside its reference."""
    return {
        "over_time": lambda: disparity_over_time(dataset, attribute, group=group, reference=reference, events=asked.events),
        "decomposition": lambda: _decomposed(dataset, asked.strata, attribute, group, reference, asked.seed),
        "impossibility": lambda: impossibility(dataset, attribute, group=group, reference=reference),
        "missing": lambda: missing_attribute(dataset, attribute, group=group, reference=reference),
    }


def _decomposed(  # noqa: PLR0917  a step of `review_disparity`
    dataset: Dataset, strata: Sequence[str], attribute: str, group: str, reference: str, seed: int
) -> Result:
    if not strata:
        raise InputError("no strata to explain a disparity by", None, "Name columns in which people should be alike.")
    columns = [column for column in strata if column != attribute]
    return decompose(dataset, columns, attribute, group=group, reference=reference, seed=seed)


def _now(thresholds: Thresholds, dataset: Dataset) -> Result:
    """The rates at the threshold that the log's predictions were made with, or at the middle one where none gives them."""
    middle = float(thresholds.edges[(len(thresholds.edges) - 1) // 2])
    return thresholds.result(dataset, middle if thresholds.current is None else thresholds.current)
