"""What is asked of a disparity only on demand, because it takes seconds: stand-ins for the group, remedies, its worst slices.

Each inquiry is asked of the rows that a review measured, says beforehand what it spends, and refuses to speak of a group that the
review does not tell of.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from workbench.analysis.disparity_review import Review, current_rows
from workbench.analysis.measures import can_compare
from workbench.analysis.mitigation import preview_mitigations
from workbench.analysis.pairs import Pair
from workbench.analysis.proxies import find_proxies
from workbench.analysis.slices import find_slices
from workbench.data.dataset import Dataset
from workbench.errors import InputError, RolesError, UnknownNameError
from workbench.predicate import Predicate
from workbench.result import SMALL_CELL, Result

PROXY_ROWS: Final = 3_000
PROXY_SHUFFLES: Final = 9
"""Enough to see what chance alone gives; the smallest p-value is then 0.1."""
REPAIR_ROWS: Final = 50_000
TOP: Final = 5
LEAST_SHARE: Final = 0.01
"""A slice holds this share of the group's rows, and at least `SMALL_CELL`."""


@dataclass(frozen=True)
class Inquiry:
    """A question that is asked on demand.

    Attributes
    ----------
    question
        As a responder would ask it.
    budget
        What answering spends, said beforehand.
    answer
        Called with the rows measured, the review of them and the marked group.
    """

    question: str
    budget: str
    answer: Callable[[Dataset, Review, Predicate], Result]


def inquire(name: str, dataset: Dataset, review: Review, group: Predicate) -> Result:
    """Answer one of `INQUIRIES`.

    Parameters
    ----------
    dataset
        The rows that `review` was asked of, before its windows.
    group
        The marked group; without conditions: the group that the review follows.

    Raises
    ------
    UnknownNameError
        For an inquiry that does not exist.
    InputError
        Where it cannot be answered: a role is missing, rows are too few, or the group is suppressed.
    """
    if name not in INQUIRIES:
        raise UnknownNameError("inquiry", name, INQUIRIES)
    return INQUIRIES[name].answer(current_rows(dataset, review.question), review, group)


def marked_group(review: Review, group: Predicate) -> Predicate:
    """`group`, or where it has no conditions the group that `review` follows.

    Raises
    ------
    InputError
        If there is neither, or nothing may be told of it.
    """
    marked = group if group.conditions else _followed(review).where
    shown = review.results["groups"].published().tables["groups"]
    few = shown.loc[shown["suppressed"] == True, "where"]  # noqa: E712  missing is not marked
    if set(marked.conditions) in [set(Predicate.parse(where).conditions) for where in few]:
        raise InputError("nothing may be told of a suppressed group", str(marked), "Mark a larger group.")
    return marked


def _followed(review: Review) -> Pair:
    if review.pair is None:
        raise InputError("no two groups to compare", review.attribute, "Mark a group, or name another attribute.")
    if few := {review.pair.group, review.pair.reference} & review.hidden["n"]:
        raise InputError("nothing may be told of a suppressed group", min(few), "Follow a larger group.")
    return review.pair


def _proxies(dataset: Dataset, review: Review, _group: Predicate) -> Result:
    pair = _followed(review)
    return find_proxies(
        dataset, pair.attribute, group=pair.group, reference=pair.reference, most=PROXY_ROWS, permutations=PROXY_SHUFFLES,
        seed=review.question.seed,
    )  # fmt: skip


def _repair(dataset: Dataset, review: Review, _group: Predicate) -> Result:
    """The remedies among the groups that are told of: what is counted with the others would give them back."""
    groups = review.results["groups"].tables["groups"]
    groups = groups[groups["attributes"] == review.attribute]
    for where in groups.loc[groups["group"].astype(str).isin(review.hidden["n"]), "where"]:
        dataset = dataset.exclude(Predicate.parse(where))
    return preview_mitigations(dataset, review.attribute, most=REPAIR_ROWS, seed=review.question.seed)


def _worst_slices(dataset: Dataset, review: Review, group: Predicate) -> Result:
    marked = marked_group(review, group)
    inside = dataset.select(marked)
    if not can_compare(inside):
        raise RolesError("no decisions to hold against outcomes", None, "Add `prediction` and `label` to the roles.")
    features = [name for name in inside.features if name not in marked.columns]
    least = max(SMALL_CELL, LEAST_SHARE * inside.rows)
    return find_slices(
        inside, "error", features, min_support=int(least), seed=review.question.seed, top=TOP, score="z", details=False
    )


INQUIRIES: Final[Mapping[str, Inquiry]] = {
    "proxies": Inquiry(
        "Which features stand in for the group?",
        f"trains a small model to tell the followed group from its reference on at most {PROXY_ROWS:,} rows, and"
        f" {PROXY_SHUFFLES} times more with the group shuffled",
        _proxies,
    ),
    "mitigation": Inquiry(
        "What would repairing cost?",
        f"tries remedies on at most {REPAIR_ROWS:,} rows: learnt from one half, judged on the other",
        _repair,
    ),
    "slices": Inquiry(
        "Where inside this group does it fail most?",
        f"counts every slice of the marked group, else of the followed one, that holds {LEAST_SHARE:.0%} of its rows and at"
        f" least {SMALL_CELL}; the worst {TOP}",
        _worst_slices,
    ),
}
"""Name, which is the kind of the result that answers, to the question."""
