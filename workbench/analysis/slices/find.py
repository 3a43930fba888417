"""Where is the model worse, or where did it become worse: from a dataset to the worst slices."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from workbench.analysis.losses import COST, default_loss
from workbench.analysis.slices.budget import VISITS
from workbench.analysis.slices.coding import Coded, code_columns, leaks
from workbench.analysis.slices.cover import distinct_slices
from workbench.analysis.slices.cube import SliceCube, build_cube, check_level
from workbench.analysis.slices.holdout import SMALL_WINDOW, confirm
from workbench.analysis.slices.infer import Adjustment, bonferroni
from workbench.analysis.slices.onsets import onset_columns
from workbench.analysis.slices.ranges import RangeFamily
from workbench.analysis.slices.refine import Question, refined_columns
from workbench.analysis.slices.relations import condition_tree, pair_cells, shared_rows
from workbench.analysis.slices.result import Ranking, SliceResult, describe, rank
from workbench.analysis.slices.scores import ALPHA, side
from workbench.analysis.slices.windows import Given, Rows, choose_rows, searched_columns, stream_rows
from workbench.data.chunks import is_streamed
from workbench.data.dataset import Dataset
from workbench.data.encode import BINS
from workbench.digest import Plain
from workbench.errors import InputError, UnknownNameError
from workbench.result import provenance

LEVEL = 3
TOP = 10

Tell = Callable[[int, int], None]


def find_slices(  # noqa: PLR0917  the order is part of the contract
    dataset: Dataset,
    loss: str | np.ndarray | pd.Series[Any] | None = "error",
    features: Sequence[str] | None = None,
    level: int = LEVEL,
    min_support: float = 0.01,
    reference: Given = None,
    current: Given = None,
    seed: int = 0,
    *,
    top: int = TOP,
    score: str | None = None,
    alpha: float = ALPHA,
    permutations: int | None = None,
    bins: int = BINS,
    cost: tuple[float, float] = COST,
    prune: bool = False,
    budget: int = VISITS,
    details: bool = True,
    tell: Tell | None = None,
) -> SliceResult:
    """Count every slice and list the worst.

    A slice is a conjunction of up to `level` base conditions: a value, missing, or one of the quantile bins of a column of many
    numbers. The search is complete and exact above the support, or refused.

    Parameters
    ----------
    dataset
        The rows. With the role ``weight`` sizes, sums and means are weighted.
    loss
        What is bad: ``error``, ``log_loss``, ``brier``, ``absolute_error``, ``squared_error``, ``residual``, ``cost``, a measure
        such as ``fpr`` or ``selection_rate``, a column, ``column:NAME``, or an array with one number per row; higher is worse.
        None: what the roles allow.
    features
        Columns to form conditions from; None: the dataset's features.
    level
        Most base conditions in a slice: 1 to 4.
    min_support
        What a slice must hold of the rows on which the loss is defined (in the current window): below 1 a share of them, rounded
        down; from 1 on a count.
    reference, current
        Two windows, each a predicate, its text, or a dataset: slices are then ranked by how much worse they became. Without
        `current`, all rows that are not in the reference.
    seed
        For the permutations.
    top, score, alpha
        What the table ``slices`` lists; see `SliceResult.top`.
    permutations
        How many to adjust p-values by; 0: Bonferroni over all slices; None: 199 where that takes about a second, else 0.
        ``numbers["adjustment"]`` says what was done.
    bins
        Quantile bins of a column with more distinct numbers than that.
    cost
        Of a false positive and of a false negative, for the loss ``cost``.
    prune
        Keep only what can be among the `top` slices by ``sliceline`` (SliceLine's bound, on rows): exact for these, and for no
        other question.
    budget
        Most rows to visit; a search beyond it is refused with a figure.
    details
        Whether to refine the distinct slices' ranges, date their onsets, relate them to each other and, below 5,000 rows, confirm
        on a held-out half.
    tell
        Called with what is done and what there is to do; raise from it to cancel.

    Returns
    -------
    SliceResult
        Table ``slices`` is ``top(top, score, alpha)``; ``distinct`` the best of which no two are nearly the same rows;
        ``holdout``, for small windows, what is found on one half as it is on the other; ``tree``, ``shared`` and ``pairs``, how
        the distinct ones hang together (`workbench.analysis.slices.relations`). ``numbers``: ``counted`` slices;
        ``overall`` and ``spread``, mean and standard deviation of the loss over the ``measured`` rows it is defined on;
        ``support``, the smallest size; ``notices``, sentences.

    Raises
    ------
    UnknownNameError
        For a column, measure or score that does not exist.
    InputError
        For a loss or a window that cannot be, and for a search beyond the budget.
    """
    check_level(level)
    columns, ranking = _columns(dataset, features), Ranking(top, score, alpha)
    chosen = default_loss(dataset) if loss is None else loss
    rows: Rows | None = None
    if isinstance(chosen, str) and is_streamed(dataset):
        rows = stream_rows(dataset, chosen, reference, current, cost=cost, signed=loss is None)
    if rows is None:
        rows = choose_rows(dataset, chosen, reference, current, cost=cost, signed=loss is None)
    least = support(rows, min_support)
    coded = code_columns(rows, searched_columns(rows, columns), bins=bins, least=least)
    search = Search(coded, rows, level, least, budget, tell)
    cube = search.pruned(ranking) if prune else search.complete()
    adjustment = search.adjustment(cube, permutations, seed)
    tables = {"slices": describe(cube, adjustment, *rank(cube, top, score, alpha))}
    codes = coded.codes if rows.window is None else coded.codes[:, rows.current]
    tables["distinct"], found = distinct_slices(cube, codes, adjustment, ranking)
    if details:
        tables["distinct"] = pd.concat(
            [tables["distinct"], *_details(dataset, cube, search, found, adjustment, alpha, seed)], axis=1
        )
        tables |= _relations(cube, coded, rows, found)
        if cube.complete and np.count_nonzero(rows.current) < SMALL_WINDOW:
            tables["holdout"] = confirm(coded, rows, level=level, least=least, ranking=ranking, seed=seed)
    arguments = {
        "loss": rows.loss.name, "features": columns, "level": level, "min_support": min_support, "reference": rows.reference,
        "top": top, "score": score, "alpha": alpha, "permutations": permutations, "bins": bins, "cost": cost, "prune": prune,
        "roles": dataset.given.said(),
    }  # fmt: skip
    return SliceResult(
        kind="slices",
        title="Worst slices" if cube.windows == 1 else "Slices that became worse",
        tables=tables,
        numbers=_numbers(dataset, cube, search, adjustment) | {"alpha": alpha},
        where=rows.where,
        provenance=provenance(arguments, seed=seed, fingerprint=dataset.fingerprint),
        cube=cube,
        adjustment=adjustment,
        proved=top,
        coded=coded,
        rows=rows,
    )


@dataclass(frozen=True)
class Search:
    """What is searched, and how far."""

    coded: Coded
    rows: Rows
    level: int
    least: float
    budget: int
    tell: Tell | None

    def complete(self) -> SliceCube:
        """Every slice."""
        return build_cube(
            self.coded.codes, self.coded.codings, [self.rows.loss.values], level=self.level, least=self.least,
            window=self.rows.window, weights=self.rows.weights, measures=[self.rows.loss.name], usable=self.coded.usable,
            budget=self.budget, tell=self.tell,
        )  # fmt: skip

    def pruned(self, ranking: Ranking) -> SliceCube:
        """What the top needs."""
        if self.rows.window is not None:
            raise InputError(
                "a pruned search has one window", self.rows.reference, "Leave the reference out, or search without prune."
            )
        if ranking.score not in (None, "sliceline"):
            raise InputError("a pruned search ranks by sliceline", ranking.score, "Leave the score out, or search without prune.")
        from workbench.analysis.slices.pruning import build_pruned

        return build_pruned(
            self.coded.codes, self.coded.codings, self.rows.loss.values, level=self.level, least=self.least, top=ranking.top,
            alpha=ranking.alpha, weights=self.rows.weights, measure=self.rows.loss.name, usable=self.coded.usable,
            budget=self.budget, tell=self.tell,
        )  # fmt: skip

    def adjustment(self, cube: SliceCube, permutations: int | None, seed: int) -> Adjustment:
        """By permutations where they are asked for, or cheap; else by Bonferroni."""
        from workbench.analysis.slices import permutation

        if permutations is None:
            permutations = permutation.PERMUTATIONS if cube.complete and permutation.is_cheap(cube, self.rows.size) else 0
        if permutations and not cube.complete:
            raise InputError("a pruned search cannot be permuted", permutations, "Use permutations=0, or search without prune.")
        if not permutations:
            return bonferroni(cube.examined)
        return permutation.permute(
            cube, self.coded.codes, self.rows.loss.values, window=self.rows.window, weights=self.rows.weights,
            permutations=permutations, seed=seed, tell=self.tell,
        )  # fmt: skip


def support(rows: Rows, min_support: float) -> float:
    """The smallest size of a slice, in rows (or weight) on which the loss is defined in the current window."""
    if not (min_support > 0 and math.isfinite(min_support)):
        raise InputError("support is a share above 0, or a count of rows", min_support, "Give 0.01 for 1 %, or 100 for 100 rows.")
    if min_support >= 1:
        return float(min_support)
    defined = rows.current & ~np.isnan(rows.loss.values)
    if rows.weights is not None:
        return min_support * float(rows.weights[defined].sum())
    return float(max(1, math.floor(Decimal(str(float(min_support))) * int(np.count_nonzero(defined)))))


def _columns(dataset: Dataset, features: Sequence[str] | None) -> tuple[str, ...]:
    if isinstance(features, str):
        raise InputError("features are a list of columns", features, f'Write features=["{features}"].')
    columns = tuple(dict.fromkeys(features if features is not None else dataset.features))
    for column in columns:
        if column not in dataset.columns:
            raise UnknownNameError("column", column, dataset.columns)
    return columns


def _details(  # noqa: PLR0917
    dataset: Dataset, cube: SliceCube, search: Search, found: list[int], adjustment: Adjustment, alpha: float, seed: int
) -> Iterator[pd.DataFrame]:  # fmt: skip
    """More about the distinct slices: exact ranges and, between two windows, onsets."""
    rows, time = search.rows, dataset.roles.time
    question = Question(cube, rows, alpha, RangeFamily(cube, search.coded.codes, rows), bool(adjustment.largest.size))
    yield refined_columns(question, found, adjustment, seed, search.tell)
    if cube.windows > 1 and time is not None and rows.has(time):
        yield onset_columns(cube, search.coded.codes, rows, found, time)


def _relations(cube: SliceCube, coded: Coded, rows: Rows, found: list[int]) -> dict[str, pd.DataFrame]:
    """How the distinct slices hang together."""
    return {
        "tree": condition_tree(cube, found),
        "shared": shared_rows(cube, coded.codes, rows, found),
        "pairs": pair_cells(cube, coded, rows, found),
    }


def _absent(rows: Rows) -> int:
    """Current rows without a loss where a column is the loss; a measure such as ``fpr`` is not defined on every row by itself."""
    if rows.loss.columns != (rows.loss.name.removeprefix("column:"),):
        return 0
    return int(np.count_nonzero(rows.current & np.isnan(rows.loss.values)))


def _numbers(dataset: Dataset, cube: SliceCube, search: Search, adjustment: Adjustment) -> dict[str, Plain]:
    rows, now = search.rows, side(cube, -1)
    overall = None if math.isnan(now.overall) else now.overall
    told = {column for column in (*rows.loss.columns, dataset.roles.label) if column in dataset.columns}
    notices: list[Plain] = [*leaks(search.coded, {column: rows.column(column) for column in sorted(told)})]
    if not now.all_rows:
        notices.append("the loss is defined on no row: nothing to rank")
    elif not now.all_total and not now.all_squares:
        notices.append("no row has a loss: nothing to rank")
    if absent := _absent(rows):
        notices.append(f"{absent:,} rows have no {rows.loss.name}: left out, also of the support")
    if rows.weights is not None:
        notices.append(f"rows are weighted: for intervals and p, a weight of 1 counts as {cube.effective[-1]:.3g} rows")
    numbers: dict[str, Plain] = {
        "counted": cube.examined, "loss": rows.loss.name, "rows": int(np.count_nonzero(rows.current)),
        "overall": overall, "spread": None if overall is None else now.spread, "measured": int(cube.totals.rows[-1, 0, 0]),
        "support": cube.least, "complete": cube.complete, "adjustment": adjustment.said(),
        "permutations": int(adjustment.largest.size), "notices": notices,
    }  # fmt: skip
    if cube.windows > 1:
        before = side(cube, 0)
        numbers |= {"overall_before": None if math.isnan(before.overall) else before.overall}
        numbers |= {"measured_before": int(cube.totals.rows[0, 0, 0])}
    return numbers
