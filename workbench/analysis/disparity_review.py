"""All that can be asked of the disparities in a log, asked at once, each part where the roles and the rows allow it.

The order is that of a careful reader: is it the data (`guard`), who fares how (`groups`), since when (`over_time`), why
(`decomposition`), what cannot be equal at once (`impossibility`), what if (`thresholds`), what the unknown leave
open (`missing`). A part that cannot be asked says why; it never costs the others.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, TypedDict

import pandas as pd

from workbench.analysis.decomposition import decompose
from workbench.analysis.definitions import impossibility
from workbench.analysis.disparity import measure_disparity, missing_attribute
from workbench.analysis.disparity.reference import MOST_FAVORED, REFERENCES
from workbench.analysis.disparity_time import DEFAULT as FOLLOWED
from workbench.analysis.disparity_time import disparity_over_time
from workbench.analysis.guard import guard_data
from workbench.analysis.pairs import Pair, choose_pair
from workbench.analysis.thresholds import Thresholds
from workbench.data.dataset import Dataset
from workbench.errors import InputError, UnknownNameError
from workbench.predicate import Predicate, missing
from workbench.result import SMALL_CELL, Result

PAIRED: Final = ("over_time", "decomposition", "impossibility", "missing")
"""The parts that ask of one group beside its reference."""
LATER: Final = (*PAIRED, "thresholds")
"""The parts that rest on the groups' measures and can wait until somebody looks at them."""
PARTS: Final = ("guard", "groups", *LATER)
ASKS: Final = {
    "groups": "who fares how",
    "guard": "whether the data is sound",
    "over_time": "since when",
    "decomposition": "why",
    "impossibility": "what cannot be equal at once",
    "missing": "what the unknown leave open",
    "thresholds": "what other thresholds would do",
}
"""Part to what is asked in it."""
CURVE_POINTS: Final = 200


class _Named(TypedDict):
    attribute: str
    group: str
    reference: str


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
    before, current
        Two windows as rows: everything but `guard` and ``over_time``, which need the whole time, is asked of the current one.
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
    before: Predicate | None = None
    current: Predicate | None = None
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
    attribute
        The attribute whose groups are followed.
    question
        What was asked.
    hidden
        Measure to the groups of `attribute` whose value others may not see; under ``n`` those that are not told of at all.
    pair
        The two groups that are followed; None where there are no two.
    thresholds
        The scores counted by group, for any threshold; None without scores.
    """

    results: Mapping[str, Result]
    skipped: Mapping[str, str]
    attribute: str
    question: Question
    hidden: Mapping[str, set[str]]
    pair: Pair | None = None
    thresholds: Thresholds | None = field(default=None, repr=False)

    @property
    def left(self) -> tuple[str, ...]:
        """The parts of `LATER` that were not asked yet."""
        return tuple(name for name in LATER if name not in self.results and name not in self.skipped)


def review_disparity(
    dataset: Dataset, question: Question | None = None, parts: Collection[str] = LATER, *, tell: Callable[[str], object] = str
) -> Review:
    """Ask `dataset` whether the data is sound and who fares how, and `parts` of what follows from there.

    Parameters
    ----------
    parts
        Of `LATER`; the others are left to `ask_further`.
    tell
        Called with what is asked next, one of `ASKS`.

    Raises
    ------
    RolesError
        If there are no groups, or nothing to measure.
    InputError
        If there are no rows.
    UnknownNameError
        For an attribute, a group, a column, a part or a policy that does not exist.
    """
    asked = question or Question()
    subject = current_rows(dataset, asked)
    if not subject.rows:
        raise InputError("no rows to compare groups in", str(subject.where), "Choose a wider selection or window.")
    tell(ASKS["groups"])
    groups = measure_disparity(
        subject, asked.groups or None, asked.reference, strata=asked.strata or None, policy=asked.policy or None, seed=asked.seed
    )
    tell(ASKS["guard"])
    return ask_further(dataset, _follow(subject, asked, {"guard": guard_data(dataset), "groups": groups}), parts, tell=tell)


def follow_group(dataset: Dataset, review: Review, attribute: str, group: str | None, parts: Collection[str] = LATER) -> Review:
    """`review` with another group followed: what holds of all groups is kept, `parts` are asked anew.

    Raises
    ------
    UnknownNameError
        For an attribute, a group or a part that does not exist.
    """
    asked = replace(review.question, attribute=attribute, group=group)
    kept = {name: result for name, result in review.results.items() if name not in LATER}
    return ask_further(dataset, _follow(current_rows(dataset, asked), asked, kept), parts)


def _follow(subject: Dataset, asked: Question, results: Mapping[str, Result]) -> Review:
    """A review as far as `results` reach, with the two groups that all further parts are asked of."""
    skipped: dict[str, str] = {}
    groups = results["groups"]
    attribute = asked.attribute or str(groups.tables["groups"]["attributes"].iloc[0])
    hidden = hidden_groups(groups, attribute)
    pair = _pair(subject, asked, attribute, skipped)
    if pair is not None and {pair.group, pair.reference} & hidden["n"]:
        skipped |= dict.fromkeys(PAIRED, f"{pair.group} or {pair.reference} is suppressed: nothing may be told of it")
    return Review(results, skipped, attribute, asked, hidden, pair)


def ask_further(
    dataset: Dataset, review: Review, parts: Collection[str] = LATER, *, tell: Callable[[str], object] = str
) -> Review:
    """`review` with those of `parts` that it left open.

    Parameters
    ----------
    dataset
        Of which `review` was asked.
    tell
        Called with what is asked next, one of `ASKS`.

    Raises
    ------
    UnknownNameError
        For a part that does not exist.
    """
    if unknown := set(parts) - set(LATER):
        raise UnknownNameError("part of a review", min(unknown), LATER)
    subject = current_rows(dataset, review.question)
    results, skipped, thresholds = dict(review.results), dict(review.skipped), review.thresholds
    for name in (part for part in review.left if part in parts):
        tell(ASKS[name])
        try:
            if name == "thresholds":
                reference = _reference(subject, review.question, review.attribute)
                thresholds = Thresholds.of(subject, review.attribute, reference=reference)
                results[name] = _now(thresholds, subject, review.hidden, review.pair)
            elif review.pair is not None:
                results[name] = _parts(dataset, subject, review.question, review.pair, review.hidden)[name]()
        except InputError as exc:
            skipped[name] = str(exc)
    ordered: dict[str, Result] = {name: results[name] for name in PARTS if name in results}
    return replace(review, results=ordered, skipped=skipped, thresholds=thresholds)


def current_rows(dataset: Dataset, asked: Question) -> Dataset:
    """The rows under suspicion: the current window, or all that are not of the one before."""
    if asked.current is not None:
        return dataset.select(asked.current)
    return dataset if asked.before is None else dataset.exclude(asked.before)


def _pair(dataset: Dataset, asked: Question, attribute: str, skipped: dict[str, str]) -> Pair | None:
    """The two groups that are followed; None, and all that asks of them skipped, where none was named and there are no two."""
    try:
        return choose_pair(dataset, attribute, group=asked.group, reference=_reference(dataset, asked, attribute))
    except InputError as exc:
        if asked.group is not None:
            raise
        skipped |= dict.fromkeys(PAIRED, str(exc))
        return None


def _reference(dataset: Dataset, asked: Question, attribute: str) -> str:
    """The reference asked for where this attribute has such a group; else the most favoured."""
    if asked.reference in REFERENCES or asked.reference in set(dataset.frame[attribute].dropna().astype(str)):
        return asked.reference
    return MOST_FAVORED


def _parts(
    dataset: Dataset, subject: Dataset, asked: Question, pair: Pair, hidden: Mapping[str, set[str]]
) -> dict[str, Callable[[], Result]]:
    """The parts that ask of one group beside its reference: `PAIRED`; over time only measures that may be told of both."""
    told = [measure for measure in FOLLOWED if measure in hidden and not {pair.group, pair.reference} & hidden[measure]]
    attribute, group, reference = pair.attribute, pair.group, pair.reference
    named: _Named = {"attribute": attribute, "group": group, "reference": reference}
    parts: tuple[Callable[[], Result], ...] = (
        lambda: disparity_over_time(
            dataset, **named, events=asked.events, measures=told or None, before=asked.before, current=asked.current
        ),
        lambda: _decomposed(subject, asked, pair),
        lambda: _impossible(subject, pair),
        lambda: missing_attribute(subject, attribute, group=group, reference=reference),
    )
    return dict(zip(PAIRED, parts, strict=True))


def bound_missing(dataset: Dataset, attribute: str, reference: str = MOST_FAVORED) -> Result:
    """`missing_attribute` of the two groups that `choose_pair` settles on among the people whose attribute is known.

    Raises
    ------
    UnknownNameError
        For a column that does not exist, or a reference that is no group of it.
    """
    if attribute not in dataset.columns:
        raise UnknownNameError("group column", attribute, dataset.columns)
    pair = choose_pair(dataset.exclude(missing(attribute)), attribute, reference=reference)
    return missing_attribute(dataset, attribute, group=pair.group, reference=pair.reference)


def _decomposed(dataset: Dataset, asked: Question, pair: Pair) -> Result:
    columns = [column for column in asked.strata if column not in pair.columns]
    if not columns:
        raise InputError("no strata to explain a disparity by", None, "Name columns in which people should be alike.")
    return decompose(dataset, columns, pair.attribute, group=pair.group, reference=pair.reference, seed=asked.seed)


def _impossible(dataset: Dataset, pair: Pair) -> Result:
    """Its statements are sentences full of rates, so it is asked of large groups only."""
    found = impossibility(dataset, pair.attribute, group=pair.group, reference=pair.reference)
    if found.tables["groups"]["suppressed"].any():
        raise InputError(f"fewer than {SMALL_CELL} people of one outcome in a group", pair.group, "Follow a larger group.")
    return found


def hidden_groups(groups: Result, attribute: str) -> dict[str, set[str]]:
    """Measure to the groups of `attribute` whose value others may not see; under ``n`` those that are not told of at all.

    Parameters
    ----------
    groups
        A result of kind ``disparity``, published or not.
    """
    table = groups.published().tables["groups"]
    part = table[table["attributes"] == attribute]
    names = ["n", *(name for name in part if f"{name}_low" in part)]
    return {str(name): set(part.loc[part[name].isna() | part["suppressed"], "group"].astype(str)) for name in names}


def _now(thresholds: Thresholds, dataset: Dataset, hidden: Mapping[str, set[str]], pair: Pair | None) -> Result:
    """The rates at the threshold that the log's predictions were made with, or at the middle one where none gives them.

    What the groups' own table may not tell is marked here too: the scores of a group are those of the same people.
    """
    middle = float(thresholds.edges[(len(thresholds.edges) - 1) // 2])
    made = thresholds.result(dataset, middle if thresholds.current is None else thresholds.current)
    tables = {name: _masked(table, hidden) for name, table in made.tables.items()}
    if pair is not None and pair.group in thresholds.groups and "selection_rate" in hidden:
        curve = thresholds.curve(group=pair.group, points=CURVE_POINTS)
        few = bool({pair.group, thresholds.reference} & (hidden["n"] | hidden["selection_rate"]))
        tables["curve"] = curve.assign(suppressed=curve["suppressed"] | few)
    return replace(made, tables=tables)


def _masked(table: pd.DataFrame, hidden: Mapping[str, set[str]]) -> pd.DataFrame:
    """`table`, a row per group, without the rates that are not told, and marked where nothing is."""
    shown = table.assign(suppressed=table["suppressed"] | table["group"].isin(hidden["n"]))
    for measure in [name for name in hidden if name in table]:
        shown[measure] = shown[measure].mask(shown["group"].isin(hidden[measure]))
    return shown
