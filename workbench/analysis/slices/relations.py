"""How the distinct slices hang together: the tree of their conditions, the rows each two share, two columns against each other.

All are tables of slices, with the columns ``slice``, ``size``, ``rows``, ``mean`` and ``suppressed`` that
`workbench.result.Result.published` blanks and rounds by.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from workbench.analysis.slices.coding import Coded
from workbench.analysis.slices.cube import SliceCube
from workbench.analysis.slices.scores import side
from workbench.analysis.slices.windows import Rows
from workbench.predicate import ALL_ROWS
from workbench.result import SMALL_CELL

PAIRS: Final = 3
"""Of columns that `pair_cells` lists, those of the worst slices first."""
MOST_CODES: Final = 24
"""Of a column in `pair_cells`: those of the most rows."""

Path = tuple[tuple[int, int], ...]
"""Conditions, each the position of a column and a code, in the order in which a tree takes them."""


def condition_tree(cube: SliceCube, found: Sequence[int]) -> pd.DataFrame:
    """The slices `found`, best first, as a tree: all rows, then one condition more at each step.

    A slice's conditions come in the order of how many of the slices share them, so that these have their first steps in common.

    Returns
    -------
    DataFrame
        A row per node but the root, each before its children, the branch of the best slice first: ``slice``; ``parent``, the one
        it hangs from; ``condition``, what it adds to that; ``size``, ``rows``, ``mean``, and with two windows ``size_before`` and
        ``mean_before``.
    """
    paths = [path[:depth] for path in _paths(cube, found) for depth in range(1, len(path) + 1)]
    order = _depth_first(list(dict.fromkeys(paths)))
    return pd.DataFrame(
        {
            "slice": [str(_where(cube, path)) for path in order],
            "parent": [str(_where(cube, path[:-1])) for path in order],
            "condition": [str(_where(cube, path[-1:])) for path in order],
            **_held(cube, np.array([cube.find(sorted(path)) for path in order], dtype=int)),
        }
    )


def shared_rows(cube: SliceCube, codes: np.ndarray, rows: Rows, found: Sequence[int]) -> pd.DataFrame:
    """What each two of the slices `found` have in common, where that is some row.

    Parameters
    ----------
    codes
        Shape (columns, rows of both windows).

    Returns
    -------
    DataFrame
        ``slice``, the conjunction; ``one`` and ``other``, the two slices; ``size``, ``rows`` and ``mean`` in the current
        window of the rows that are in both.
    """
    known = rows.current & ~np.isnan(rows.loss.values)
    masks = [cube.mask(index, codes) & known for index in found]
    told = []
    for one, inside in enumerate(masks):
        at = np.flatnonzero(inside)
        for other in range(one + 1, len(masks)):
            ends = cube.where(found[one]), cube.where(found[other])
            if len(both := at[masks[other][at]]):
                told.append({"slice": str(ends[0] & ends[1]), "one": str(ends[0]), "other": str(ends[1]), **_sums(rows, both)})
    return _flagged(pd.DataFrame(told, columns=["slice", "one", "other", "size", "rows", "mean"]))


def pair_cells(cube: SliceCube, coded: Coded, rows: Rows, found: Sequence[int]) -> pd.DataFrame:
    """Two columns against each other, for up to `PAIRS` pairs that the slices `found` name together.

    Returns
    -------
    DataFrame
        A row per pair of conditions that some row meets, of conditions that have the support: ``slice``, the conjunction; ``x``
        and ``y``, what is against what; ``x_condition``, ``y_condition``; ``size``, ``rows`` and ``mean`` in the current window.
    """
    singles = {cube.conditions(index)[0] for index in np.flatnonzero(cube.levels == 1).tolist()}
    current = np.flatnonzero(rows.current & ~np.isnan(rows.loss.values))
    loss, weights = rows.loss.values[current], None if rows.weights is None else rows.weights[current]
    told: list[dict[str, Any]] = []
    for pair in _pairs(cube, found):
        codings = [cube.codings[member] for member in pair]
        one, other = (coded.codes[member, current] for member in pair)
        numbers, sizes, means = cross(one, other, [len(coding.conditions) for coding in codings], loss, weights)
        shown = [_most(singles, member, numbers.sum(axis=1 - axis)) for axis, member in enumerate(pair)]
        for a, b in itertools.product(*shown):
            if numbers[a, b]:
                x, y = codings[0].conditions[a], codings[1].conditions[b]
                told.append({"slice": str(x & y), "x": codings[0].name, "y": codings[1].name, "x_condition": str(x),
                             "y_condition": str(y), "size": sizes[a, b], "rows": numbers[a, b], "mean": means[a, b]})  # fmt: skip
    return _flagged(pd.DataFrame(told, columns=["slice", "x", "y", "x_condition", "y_condition", "size", "rows", "mean"]))


def cross(
    one: np.ndarray, other: np.ndarray, widths: Sequence[int], loss: np.ndarray, weights: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, their weight, and mean loss of each pair of codes, shapes (codes of one, codes of other); no loss is missing."""
    places = one.astype(np.intp) * widths[1] + other
    size = widths[0] * widths[1]
    rows = np.bincount(places, minlength=size)
    sizes = rows if weights is None else np.bincount(places, weights, minlength=size)
    sums = np.bincount(places, loss if weights is None else loss * weights, minlength=size)
    with np.errstate(divide="ignore", invalid="ignore"):
        means = np.where(sizes > 0, sums / sizes, np.nan)
    rows, sizes, means = (each.reshape(widths[0], widths[1]) for each in (rows, sizes, means))
    return rows, sizes, means


def _paths(cube: SliceCube, found: Sequence[int]) -> list[Path]:
    """The conditions of each slice, those that most slices share first; of as common ones, the one with the larger mean."""
    slices = [cube.conditions(index) for index in found]
    shared = Counter(itertools.chain.from_iterable(slices))
    mean = side(cube, -1).mean
    alone = {condition: float(mean[place]) for condition in shared if (place := cube.find([condition])) is not None}
    return [tuple(sorted(each, key=lambda one: (-shared[one], -alone.get(one, 0.0), one))) for each in slices]


def _depth_first(paths: Sequence[Path]) -> list[Path]:
    """Each path right after its parent and what stands before it there; `paths` in the order of the best slice on them."""
    children: dict[Path, list[Path]] = {(): []}
    for path in paths:
        children.setdefault(path[:-1], []).append(path)
    order, waiting = [], children[()][::-1]
    while waiting:
        order.append(waiting.pop())
        waiting += children.get(order[-1], [])[::-1]
    return order


def _where(cube: SliceCube, path: Path) -> Any:
    found = ALL_ROWS
    for member, code in sorted(path):
        found &= cube.codings[member].conditions[code]
    return found


def _held(cube: SliceCube, places: np.ndarray) -> dict[str, Any]:
    """What the slices at `places` hold."""
    weighted, told = cube.held.rows is not cube.held.counts, dict[str, Any]()
    for window, end in ((-1, ""), *(((0, "_before"),) if cube.windows > 1 else ())):
        now, rows = side(cube, window, places), cube.held.rows[window, 0, places].astype(np.int64)
        told |= {f"size{end}": now.rows if weighted else rows, f"mean{end}": now.mean}
        told |= {} if end else {"rows": rows, "suppressed": rows < SMALL_CELL}
    return told


def _sums(rows: Rows, at: np.ndarray) -> dict[str, Any]:
    loss = rows.loss.values[at]
    if rows.weights is None:
        return {"size": len(at), "rows": len(at), "mean": float(loss.mean())}
    weights = rows.weights[at]
    size = float(weights.sum())
    return {"size": size, "rows": len(at), "mean": float((weights * loss).sum() / size) if size > 0 else np.nan}


def _pairs(cube: SliceCube, found: Iterable[int]) -> list[tuple[int, int]]:
    """Positions of columns that one slice names, those of the best slices first; of a column in parts the first part."""
    names = [coding.name for coding in cube.codings]
    members = [[names.index(names[member]) for member, _ in cube.conditions(index)] for index in found]
    together = [pair for each in members for pair in itertools.combinations(each, 2)]
    every = list(dict.fromkeys(itertools.chain.from_iterable(members)))
    return list(dict.fromkeys([*together, *itertools.combinations(sorted(every[:2]), 2)]))[:PAIRS]


def _most(singles: set[tuple[int, int]], member: int, rows: np.ndarray) -> list[int]:
    """The codes of a column that have the support, at most `MOST_CODES` of the most rows, in their order."""
    held = [code for code in range(len(rows)) if (member, code) in singles]
    return sorted(sorted(held, key=lambda code: -rows[code])[:MOST_CODES])


def _flagged(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(suppressed=table["rows"].astype(float) < SMALL_CELL)
