"""What if the threshold were another? Rates, disparities, shortfall, accuracy and cost of every group, at any threshold.

The rows are counted once, per group, outcome and bin of the score; from then on a `Thresholds` knows how many rows of each group
lie at or above every bin's lower edge, so that a move is a look-up and its price does not depend on the number of rows.

A threshold *snaps*: where the scores have no more distinct values than there are bins, each value is a bin and every threshold
is exact; otherwise it moves to the nearest edge of equal bins, at most half a bin away, and the edge used is told. At an edge
the counts are those of the rows themselves, to the last row: 0 takes everybody and 1 those who score exactly 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from workbench.analysis import stats
from workbench.analysis.disparity.reference import EVERYBODY_ELSE
from workbench.analysis.pairs import choose_pair, code_groups
from workbench.analysis.score_bins import count_scores
from workbench.analysis.threshold_rates import MEASURES, Move, Side, confusion_counts, rates_of, shares_of
from workbench.data.dataset import Dataset
from workbench.errors import ParameterError, RolesError, UnknownNameError
from workbench.result import SMALL_CELL, Result, provenance
from workbench.result.cells import hide

FOUR_FIFTHS: Final = 0.8


class Thresholds:
    """Counts of scores per group, from which any threshold's consequences follow.

    Parameters
    ----------
    scores, labels, groups
        Shape (rows,). Labels are 1 (positive), 0 or NaN, or None where there are none; a row without a score is left out, a
        missing group is a group of its own.
    weights
        Shape (rows,), at least 0; 1 unless given.
    bins
        Most distinct scores that are told apart; with more of them, the number of equal bins.
    positive, favorable
        Which side of the threshold is predicted positive, and which is good for the person; the threshold itself is above.
    reference
        The group that all are held against; None: the largest. It stays the same at every threshold.

    Raises
    ------
    ParameterError
        For shapes that differ, infinite scores, labels other than 0 and 1, or no score at all.
    UnknownNameError
        For a reference that is no group.
    """

    def __init__(
        self,
        scores: ArrayLike,
        labels: ArrayLike | None,
        groups: ArrayLike | pd.Series[Any],
        *,
        weights: ArrayLike | None = None,
        bins: int = 1000,
        positive: Side = "above",
        favorable: Side = "above",
        reference: str | None = None,
    ) -> None:
        codes, names = _code(groups)
        self.current: float | None = None
        self.groups = names
        self._names = frozenset(names)
        self._bins = count_scores(scores, labels, codes, len(names), weights=weights, bins=bins)
        self._positive, self._favorable = positive, favorable
        self._reference = int(np.argmax(self._bins.rows)) if reference is None else self._position(reference)
        self._counts = confusion_counts(self._bins, positive, favorable)
        self._rates = rates_of(self._counts)
        self._all_groups = np.arange(len(names))
        self._labelled = float(self._counts[1:5, :, 0].sum())

    @classmethod
    def of(
        cls,
        dataset: Dataset,
        attribute: str | None = None,
        *,
        reference: object = "most favored",
        bins: int = 1000,
        favorable: Side | None = None,
    ) -> Self:
        """From a dataset with the role ``score``: which side is positive and which favourable is read off its predictions.

        Parameters
        ----------
        attribute, reference
            As in `workbench.analysis.pairs.choose_pair`, save "everybody else".
        favorable
            The side that is good for the person; None: that of the favourable predictions.

        Raises
        ------
        RolesError
            Without scores, or where nothing says which side is favourable.
        """
        if reference == EVERYBODY_ELSE:
            raise ParameterError("a threshold is compared with one group", reference, "Name a group, or `most favored`.")
        pair = choose_pair(dataset, attribute, reference=reference)
        scores = dataset.role("score").to_numpy(dtype=float, na_value=np.nan)
        labels = dataset.positive_label if dataset.has("label") else None
        predicted = dataset.positive_prediction if dataset.has("prediction") else labels
        positive: Side = "above" if predicted is None else _side(scores, predicted)
        codes, _, names = code_groups(dataset, pair.attribute)
        made = cls(
            scores, labels, pd.Series(pd.Categorical.from_codes(codes, pd.Index(names))),
            weights=dataset.weights if dataset.has("weight") else None, bins=bins, positive=positive,
            favorable=favorable or _favorable_side(dataset, scores), reference=pair.reference,
        )  # fmt: skip
        if predicted is not None and dataset.has("prediction"):
            made.current = _separating(scores, predicted, positive)
        return made

    @property
    def reference(self) -> str:
        """The group that all are held against."""
        return self.groups[self._reference]

    @property
    def edges(self) -> np.ndarray:
        """The thresholds there are, ascending; the last is infinite, above every score."""
        return self._bins.edges

    @property
    def exact(self) -> bool:
        """Whether every distinct score has a bin of its own, so that no threshold is moved."""
        return self._bins.exact

    @property
    def rows(self) -> np.ndarray:
        """Rows with a score per group, unweighted, shape (groups,)."""
        return self._bins.rows

    def snap(self, threshold: float) -> float:
        """The threshold that is used for `threshold`."""
        return float(self._bins.edges[self._bins.position(threshold)])

    def move(
        self, threshold: float | Mapping[str, float], *, cost_fp: float = 1.0, cost_fn: float = 1.0, reference: str | None = None
    ) -> Move:
        """What would be, with one threshold for all, or with one per group.

        Parameters
        ----------
        threshold
            A number, or group to number (every group needs one).
        cost_fp, cost_fn
            What one false positive and one false negative cost.
        reference
            Another group to hold all against.

        Raises
        ------
        UnknownNameError
            For a group that does not exist, or one without a threshold.
        """
        at = self._positions(threshold)
        ref = self._reference if reference is None else self._position(reference)
        counts, rates = self._counts[:, self._all_groups, at], self._rates[:, self._all_groups, at]
        selected, people = counts[0], counts[5]
        wrong_positive, wrong_negative = float(counts[2].sum()), float(counts[3].sum())
        against = rates[:, ref : ref + 1]
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = rates / against
            pooled = people * (selected + selected[ref]) / (people + people[ref])
        level = people * against[0]
        return Move(
            self.groups, self.groups[ref], self._bins.edges[at], rates, rates - against, ratio,
            pooled - selected, level - selected, FOUR_FIFTHS * level - selected,
            1 - (wrong_positive + wrong_negative) / self._labelled if self._labelled else np.nan,
            cost_fp * wrong_positive + cost_fn * wrong_negative,
        )  # fmt: skip

    def curve(
        self,
        measure: str = "selection_rate",
        *,
        group: str | None = None,
        points: int | None = None,
        confidence: float = 0.95,
        cost_fp: float = 1.0,
        cost_fn: float = 1.0,
    ) -> pd.DataFrame:
        """One measure against every common threshold, each group beside the reference, with bands.

        Parameters
        ----------
        group
            One group; None: all but the reference.
        points
            About so many thresholds, evenly chosen; None: all.

        Returns
        -------
        DataFrame
            ``threshold, group, value, reference_value, difference, difference_low, difference_high`` (Newcombe), ``ratio,
            ratio_low, ratio_high`` (MOVER), ``accuracy`` and ``cost`` (of all groups together), ``suppressed``. The bands are
            pointwise.
        """
        if measure not in MEASURES:
            raise UnknownNameError("measure", measure, MEASURES)
        compared = (
            [self._position(group)] if group is not None else [g for g in self._all_groups.tolist() if g != self._reference]
        )
        at = self._at(points)
        hits, trials = (part[:, at] for part in self._sample(measure))
        k, n = hits[compared], trials[compared]
        k_other, n_other = (np.broadcast_to(part[self._reference], k.shape) for part in (hits, trials))
        rates = self._rates[MEASURES.index(measure)][:, at]
        value, against = rates[compared], np.broadcast_to(rates[self._reference], (len(compared), len(at)))
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = value / against
        low, high = stats.newcombe(k, n, k_other, n_other, confidence)
        ratio_low, ratio_high = stats.ratio_interval(k, n, k_other, n_other, confidence)
        wrong = self._counts[2:4, :, at].sum(axis=1)
        accuracy = 1 - wrong.sum(axis=0) / self._labelled if self._labelled else np.full(len(at), np.nan)
        columns = {
            "value": value, "reference_value": against, "difference": value - against, "difference_low": low,
            "difference_high": high, "ratio": ratio, "ratio_low": ratio_low, "ratio_high": ratio_high,
            "accuracy": np.broadcast_to(accuracy, value.shape),
            "cost": np.broadcast_to(cost_fp * wrong[0] + cost_fn * wrong[1], value.shape),
            "suppressed": (np.minimum(n, n_other) > 0) & (np.minimum(n, n_other) < SMALL_CELL),
        }  # fmt: skip
        frame = {
            "threshold": np.tile(self.edges[at], len(compared)),
            "group": np.repeat([self.groups[g] for g in compared], len(at)),
        }
        return pd.DataFrame(frame | {name: part.ravel() for name, part in columns.items()})

    def histogram(self, parts: int = 40) -> pd.DataFrame:
        """Rows by part of the scores' range and group: ``start, end, group, rows, positive, suppressed``.

        Suppressed are the parts below ten rows, and others of the group from which, with its total, these could be told.
        """
        coarse, starts, ends = self._bins.coarse(parts)
        groups = np.repeat(self.groups, len(starts))
        columns = {"start": np.tile(starts, len(self.groups)), "end": np.tile(ends, len(self.groups)), "group": groups}
        rows = coarse.sum(axis=1)
        hidden = [mark for group in rows for mark in hide(group.tolist())]
        table = pd.DataFrame(columns | {"rows": rows.ravel(), "positive": coarse[:, 1].ravel()})
        return table.assign(suppressed=hidden)

    def result(
        self, dataset: Dataset, threshold: float | Mapping[str, float], *, cost_fp: float = 1.0, cost_fn: float = 1.0
    ) -> Result:
        """One setting as a `Result` that can be pinned: table ``groups`` (`Move.table`), and ``now`` (at `current`)."""
        moved = self.move(threshold, cost_fp=cost_fp, cost_fn=cost_fn)
        small = hide(self.rows.tolist())
        tables = {"groups": moved.table().assign(suppressed=small)}
        numbers: dict[str, Any] = {"rows": int(self.rows.sum()), "exact": self.exact}
        numbers |= {"accuracy": moved.accuracy, "cost": moved.cost}
        if self.current is not None:
            now = self.move(self.current, cost_fp=cost_fp, cost_fn=cost_fn)
            tables["now"] = now.table().assign(suppressed=small)
            numbers |= {"threshold_now": self.current, "accuracy_now": now.accuracy, "cost_now": now.cost}
            numbers["decisions_changed"] = self.changed(moved, now)
        arguments = {
            "threshold": dict(threshold) if isinstance(threshold, Mapping) else threshold, "cost_fp": cost_fp, "cost_fn": cost_fn,
            "reference": self.reference, "favorable": self._favorable, "roles": dataset.given.said(),
        }  # fmt: skip
        made = provenance(arguments, fingerprint=dataset.fingerprint)
        return Result("thresholds", "What another threshold would have done", tables, numbers, dataset.where, provenance=made)

    def changed(self, first: Move, second: Move) -> float:
        """Rows (weighted) decided otherwise under the second setting than under the first."""
        above = self._bins.above.sum(axis=0)
        at, to = (np.searchsorted(self.edges, move.thresholds) for move in (first, second))
        return float(np.abs(above[self._all_groups, at] - above[self._all_groups, to]).sum())

    def _positions(self, threshold: float | Mapping[str, float]) -> np.ndarray:
        if not isinstance(threshold, Mapping):
            return np.full(len(self.groups), self._bins.position(threshold))
        if threshold.keys() != self._names:
            unknown, absent = sorted(threshold.keys() - self._names), sorted(self._names - threshold.keys())
            if unknown:
                raise UnknownNameError("group", unknown[0], self.groups)
            raise UnknownNameError("threshold for group", absent[0], threshold)
        return self._bins.positions(np.array([threshold[name] for name in self.groups], dtype=float))

    def _position(self, group: str) -> int:
        if group not in self.groups:
            raise UnknownNameError("group", group, self.groups)
        return self.groups.index(group)

    def _at(self, points: int | None) -> np.ndarray:
        count = len(self.edges) - 1
        return (
            np.arange(count) if points is None else np.unique(np.linspace(0, count - 1, min(points, count)).round().astype(int))
        )

    def _sample(self, measure: str) -> tuple[np.ndarray, np.ndarray]:
        """Numerator and denominator as equally weighted rows, shape (groups, thresholds); Kish's effective size with weights."""
        hits, trials = shares_of(self._counts)[measure]
        return np.minimum(hits, trials) * self._bins.kish[:, None], trials * self._bins.kish[:, None]


def _code(groups: Any) -> tuple[np.ndarray, tuple[str, ...]]:
    """The group of each row from 0, and the groups' names; missing is the last."""
    series = groups if isinstance(groups, pd.Series) else pd.Series(np.asarray(groups))
    if isinstance(series.dtype, pd.CategoricalDtype):
        codes, values = series.cat.codes.to_numpy(), series.cat.categories
    else:
        codes, values = pd.factorize(series, sort=True, use_na_sentinel=True)
    names = [str(value) for value in values.tolist()]
    absent = codes < 0
    if absent.any():
        codes, names = np.where(absent, len(names), codes), [*names, "missing"]
    return codes, tuple(names)


def _side(scores: np.ndarray, flags: np.ndarray) -> Side:
    """The side of the scores on which rows are flagged: by the means."""
    known = ~np.isnan(scores) & ~np.isnan(flags)
    yes, no = scores[known & (flags == 1)], scores[known & (flags == 0)]
    return "below" if len(yes) and len(no) and yes.mean() < no.mean() else "above"


def _favorable_side(dataset: Dataset, scores: np.ndarray) -> Side:
    if not dataset.has("prediction", "favorable"):
        do = "Add `prediction` and `favorable` to the roles, or pass favorable='above' or 'below'."
        raise RolesError("which side of the threshold is good for the person?", None, do)
    return _side(scores, dataset.favorable_prediction)


def _separating(scores: np.ndarray, predicted: np.ndarray, positive: Side) -> float | None:
    """The threshold that gives the predictions; None where none does."""
    upper = predicted == (1 if positive == "above" else 0)
    lower = predicted == (0 if positive == "above" else 1)
    high, low = scores[upper & ~np.isnan(scores)], scores[lower & ~np.isnan(scores)]
    return float(high.min()) if len(high) and len(low) and low.max() < high.min() else None
