"""What if: the sliders' moves, from what the browser sends to the numbers it shows, small cells blanked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple, Self

import numpy as np

from workbench.analysis.disparity_review import Review
from workbench.analysis.threshold_rates import MEASURES, Move
from workbench.analysis.thresholds import Thresholds
from workbench.digest import Plain
from workbench.errors import InputError
from workbench.views.disparity_blocks import Block

MOST_SLIDERS: Final = 12
"""Groups with a slider of their own, the largest; the others follow the common one."""
SENT: Final = ("selection_rate", "tpr", "fpr", "fnr", "ppv")
"""Rates sent of each group, between its threshold and its distance from the reference."""
SHORTFALLS: Final = ("shortfall_pooled", "shortfall_reference", "shortfall_four_fifths")
HEADS: Final[tuple[Plain, ...]] = (
    "selection rate", "false positive rate", "false negative rate", "positive predictive value", "difference in selection rate",
    "ratio of selection rates (0.8: four fifths)", "shortfall to the pooled rate, people",
    "shortfall to the reference's rate, people", "shortfall to four fifths of the reference's rate, people",
)  # fmt: skip


class Setting(NamedTuple):
    """A threshold for every group, and what a false positive and a false negative cost."""

    thresholds: Mapping[str, float]
    cost_fp: float
    cost_fn: float


@dataclass(frozen=True, eq=False)
class Sliders:
    """The sliders of one review.

    Attributes
    ----------
    attribute
        Whose groups they move.
    scores
        The scores counted by group.
    hidden
        Measure to the groups that may not be told of it; under ``n`` those that may not be told of at all.
    names
        The groups that have a slider: those that may be told of, the largest first.
    """

    attribute: str
    scores: Thresholds
    hidden: Mapping[str, set[str]]
    names: tuple[str, ...]

    @classmethod
    def of(cls, review: Review) -> Self | None:
        """The sliders of `review`; None where it has no scores."""
        scores = review.thresholds
        if scores is None:
            return None
        order = [scores.groups[at] for at in np.argsort(-scores.rows, kind="stable")]
        told = tuple(name for name in order if name not in review.hidden["n"])
        return cls(review.attribute, scores, review.hidden, told[:MOST_SLIDERS])

    def block(self) -> Block:
        """What the module needs to draw them: groups, the thresholds there are, where they stand now."""
        scores = self.scores
        edges: list[Plain] = [float(edge) if math.isfinite(edge) else None for edge in scores.edges]
        now = (len(edges) - 1) // 2 if scores.current is None else int(np.searchsorted(scores.edges, scores.current))
        exact = "every threshold exact" if scores.exact else f"thresholds in {len(edges) - 1:,} steps"
        caption = f"By {self.attribute}, held against {scores.reference}; {exact}; on the log's own rows and outcomes"
        return {
            "kind": "whatif", "groups": list(self.names), "reference": scores.reference, "edges": edges, "start": now,
            "heads": list(HEADS), "caption": caption,
        }  # fmt: skip

    def read(self, setting: Mapping[str, object]) -> Setting:
        """What a message asks for.

        Parameters
        ----------
        setting
            ``at``: position among the thresholds for each of `names`, and last for all others; ``cost_fp``, ``cost_fn``.

        Raises
        ------
        InputError
            If it cannot be read.
        """
        places, last = setting.get("at"), len(self.scores.edges) - 1
        wanted = len(self.names) + 1
        if not isinstance(places, list) or len(places) != wanted or not all(_is_place(place, last) for place in places):
            raise InputError("a setting that cannot be read", places, f"Give {wanted} positions from 0 to {last}.")
        costs = [setting.get(name) for name in ("cost_fp", "cost_fn")]
        if not all(type(cost) in {int, float} and 0 <= float(str(cost)) < math.inf for cost in costs):
            raise InputError("a cost that cannot be read", costs, "Give two numbers from 0.")
        at = dict(zip(self.names, places, strict=False))
        thresholds = {name: float(self.scores.edges[at.get(name, places[-1])]) for name in self.scores.groups}
        return Setting(thresholds, *(float(str(cost)) for cost in costs))

    def numbers(self, setting: Setting) -> np.ndarray:
        """What `js/disparity.js` shows of one setting: six numbers of all, then eleven of each of `names`; NaN where blanked.

        Of all: accuracy, cost, decisions changed, accuracy and cost at the log's own threshold, whether thresholds differ.
        """
        moved = self.scores.move(setting.thresholds, cost_fp=setting.cost_fp, cost_fn=setting.cost_fn)
        head = [moved.accuracy, moved.cost, *self._against_now(moved, setting), float(len(set(setting.thresholds.values())) > 1)]
        return np.concatenate([head, *(self._group(moved, name) for name in self.names)])

    def _against_now(self, moved: Move, setting: Setting) -> list[float]:
        if self.scores.current is None:
            return [math.nan] * 3
        now = self.scores.move(self.scores.current, cost_fp=setting.cost_fp, cost_fn=setting.cost_fn)
        return [self.scores.changed(moved, now), now.accuracy, now.cost]

    def _group(self, moved: Move, name: str) -> list[float]:
        at = moved.groups.index(name)
        rates = [math.nan if name in self.hidden.get(kind, ()) else float(moved.rates[MEASURES.index(kind)][at]) for kind in SENT]
        told = [float(part[at]) for part in (moved.ratio[0], moved.difference[0], *(getattr(moved, part) for part in SHORTFALLS))]
        unknown = {name, moved.reference} & (self.hidden["n"] | self.hidden.get("selection_rate", set()))
        return [float(moved.thresholds[at]), *rates, *(math.nan if unknown else value for value in told)]


def _is_place(place: object, last: int) -> bool:
    return type(place) is int and 0 <= place <= last
