"""Hold-out confirmation: slices found on one half of a small window, measured on the half that had no say in the choice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import pandas as pd

from workbench.analysis import stats
from workbench.analysis.slices.coding import Coded
from workbench.analysis.slices.cover import select
from workbench.analysis.slices.cube import SliceCube, build_cube
from workbench.analysis.slices.infer import raw_p
from workbench.analysis.slices.outcome import Sums
from workbench.analysis.slices.result import Ranking
from workbench.analysis.slices.scores import side
from workbench.analysis.slices.windows import Rows

SMALL_WINDOW: Final = 5_000
"""Below so many current rows the winner's curse is felt: the best slice of 1 % support looks far worse than it is."""
LEAST_KEPT: Final = 1.0


def confirm(coded: Coded, rows: Rows, *, level: int, least: float, ranking: Ranking, seed: int) -> pd.DataFrame:
    """Search a random half of the rows, and measure what is found on the other half.

    Returns
    -------
    DataFrame
        ``slice``, ``size``, ``rows``, ``mean`` (over both halves), ``found_size``, ``found_mean`` (half that was searched),
        ``kept_size``, ``kept_mean`` (half that was not), ``kept_p`` (of the effect there) and ``kept_p_adjusted`` (Holm over the
        slices listed).
    """
    rng = np.random.default_rng(seed)
    half = rng.permutation(rows.size) % 2 == 0
    found = build_cube(
        coded.codes[:, half], coded.codings, [rows.loss.values[half]], level=level, least=max(1.0, least / 2),
        window=None if rows.window is None else rows.window[half], weights=None if rows.weights is None else rows.weights[half],
        usable=coded.usable,
    )  # fmt: skip
    chosen = [each.index for each in select(found, coded.codes[:, half & rows.current], ranking)]
    kept, both = (recount(found, chosen, coded.codes, rows, which) for which in (~half, np.ones(len(half), bool)))
    sides = [side(part, -1) for part in (both, kept)]
    searched = side(found, -1, np.array(chosen, dtype=int))
    p = raw_p(kept, np.arange(len(chosen)))[0] if chosen else np.empty(0)
    return pd.DataFrame({
        "slice": [str(found.where(index)) for index in chosen], "size": sides[0].rows,
        "rows": both.held.rows[-1, 0].astype(np.int64), "mean": sides[0].mean, "found_size": searched.rows,
        "found_mean": searched.mean, "kept_size": sides[1].rows, "kept_mean": sides[1].mean, "kept_p": p,
        "kept_p_adjusted": stats.holm(p),
    })  # fmt: skip


def recount(cube: SliceCube, chosen: Sequence[int], codes: np.ndarray, rows: Rows, which: np.ndarray) -> SliceCube:
    """The slices `chosen` of a cube as a cube of their own, counted on the rows `which`."""
    at = np.array(chosen, dtype=int)
    masks = [cube.mask(index, codes) & which for index in chosen]
    held = _stack([_sums(cube, rows, mask) for mask in masks], cube)
    totals = _stack([_sums(cube, rows, which)], cube)
    return replace(
        cube, members=cube.members[at], codes=cube.codes[at], held=held, totals=totals, least=LEAST_KEPT, examined=len(at)
    )


def _stack(parts: Sequence[Sums], cube: SliceCube) -> Sums:
    if not parts:
        return cube.held.take(np.empty(0, dtype=int))
    return Sums(*(np.concatenate(column, axis=2) for column in zip(*(part.parts for part in parts), strict=True)))


def _sums(cube: SliceCube, rows: Rows, mask: np.ndarray) -> Sums:
    """What the rows of `mask` hold in each window: arrays of shape (windows, 1, 1)."""
    found = np.zeros((5, cube.windows, 1, 1))
    for window in range(cube.windows):
        inside = mask & (rows.current == (window == cube.windows - 1)) & ~np.isnan(rows.loss.values)
        loss = rows.loss.values[inside]
        weights = np.ones(len(loss)) if rows.weights is None else rows.weights[inside]
        parts = (weights.sum(), (weights * loss).sum(), (weights * loss**2).sum(), loss.max(initial=-np.inf), (weights > 0).sum())
        found[:, window, 0, 0] = parts
    return Sums(*found)
