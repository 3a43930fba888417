"""Intervals for what has no formula: the lowest and highest rate of all groups, their difference and their ratio.

Rows of equal group and outcome are alike, so drawing rows with replacement is drawing the counts of the cells from one
multinomial distribution: exactly the row bootstrap, at the cost of the cells. With weights, the sum of the weights drawn in a
cell is taken as normal, with the mean and the spread of the cell's weights. Percentile intervals; of a single rate they are too
short in small groups, which is why the table ``groups`` has Wilson's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd

from workbench.analysis.disparity.counts import COUNTED, OUTCOMES, GroupCounts
from workbench.errors import ParameterError

FUNCTIONALS: Final = ("overall", "min", "max", "difference", "ratio")
"""Of all rows, and of the groups: lowest, highest, highest minus lowest, and lowest divided by highest (1 = no disparity)."""
GROUP: Final = "group"
MOST_DRAWS: Final = 1_000_000
BATCH_NUMBERS: Final = 20_000_000
"""Numbers held at once; more draws are made in batches."""


def bootstrap_table(
    levels: Sequence[GroupCounts], measures: Sequence[str], draws: int, seed: int, confidence: float
) -> pd.DataFrame:
    """A row per level, measure and functional, and per group: value and percentile interval over `draws` resamples.

    Parameters
    ----------
    measures
        Those of them that are shares, or the balanced error, are resampled.
    draws
        Resamples; the same ones for all measures of a level, so that functionals agree with each other.
    """
    if not 0 < draws <= MOST_DRAWS:
        raise ParameterError("so many bootstrap draws cannot be made", draws, f"Give 1 to {MOST_DRAWS:,}.")
    drawn = [measure for measure in measures if measure in COUNTED or measure == "balanced_error"]
    rng = np.random.default_rng(seed)
    ends = ((1 - confidence) / 2, (1 + confidence) / 2)
    parts = [_level_rows(counts, drawn, draws, rng, ends) for counts in levels]
    return pd.concat(parts, ignore_index=True)


def _level_rows(
    counts: GroupCounts, measures: Sequence[str], draws: int, rng: np.random.Generator, ends: tuple[float, float]
) -> pd.DataFrame:
    observed = {name: _functionals(*values) for name, values in _rates(counts.weights[None], measures)}
    resampled: dict[str, list[Mapping[str, np.ndarray]]] = {name: [] for name in measures}
    for weights in resample(counts, draws, rng):
        for name, values in _rates(weights, measures):
            resampled[name].append(_functionals(*values))
    tables = []
    for name in measures:
        drawn = np.concatenate([_side_by_side(part) for part in resampled[name]])
        low, high = quantiles(drawn, ends)
        tables.append({"value": _side_by_side(observed[name])[0], "low": low, "high": high})
    rows, names = len(FUNCTIONALS) + len(counts.labels), len(measures)
    return pd.DataFrame({
        "measure": np.repeat(np.asarray(measures, dtype=object), rows),
        "functional": [*FUNCTIONALS, *([GROUP] * len(counts.labels))] * names,
        "group": pd.Series([*([None] * len(FUNCTIONALS)), *counts.labels] * names, dtype=object),
        **{name: np.concatenate([table[name] for table in tables]) for name in ("value", "low", "high")},
        "attributes": ", ".join(counts.attributes),
    })  # fmt: skip


def _side_by_side(functionals: Mapping[str, np.ndarray]) -> np.ndarray:
    """All functionals, then the groups, of shape (draws, functionals and groups)."""
    return np.column_stack([functionals[name] for name in (*FUNCTIONALS, GROUP)])


def resample(counts: GroupCounts, draws: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Batches of resampled weights, each of shape (draws of the batch, groups, 3, 5)."""
    rows = counts.rows.reshape(-1)
    filled = np.flatnonzero(rows)
    total = rows.sum()
    batch = max(1, BATCH_NUMBERS // rows.size)
    mean, spread = _weights_of(counts, filled)
    for start in range(0, draws, batch):
        size = min(batch, draws - start)
        drawn = rng.multinomial(int(total), rows[filled] / total, size=size).astype(float)
        if spread.any():
            noise = rng.standard_normal(drawn.shape) * np.sqrt(drawn) * spread
            drawn = np.maximum(drawn * mean + noise, 0)
        else:
            drawn *= mean
        whole = np.zeros((size, rows.size))
        whole[:, filled] = drawn
        yield whole.reshape(size, *counts.rows.shape)


def _weights_of(counts: GroupCounts, filled: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of the weights in each filled cell."""
    rows, weights, squares = (part.reshape(-1)[filled] for part in (counts.rows, counts.weights, counts.squares))
    mean = weights / rows
    return mean, np.sqrt(np.maximum(squares / rows - mean**2, 0) * (squares > mean**2 * rows * (1 + 1e-12)))


def _rates(weights: np.ndarray, measures: Sequence[str]) -> Iterator[tuple[str, tuple[np.ndarray, np.ndarray]]]:
    """Per measure its value per draw and group, shape (draws, groups), and over all groups, shape (draws,)."""
    flat = weights.reshape(*weights.shape[:2], OUTCOMES)
    shares = ["fpr", "fnr"] if "balanced_error" in measures else []
    names = list(dict.fromkeys([*(name for name in measures if name in COUNTED), *shares]))
    masks = np.stack([mask.reshape(-1) for name in names for mask in COUNTED[name]], axis=1).astype(float)
    sums = flat @ masks
    found = {}
    with np.errstate(all="ignore"):
        for number, name in enumerate(names):
            hits, trials = sums[..., 2 * number], sums[..., 2 * number + 1]
            found[name] = hits / trials, hits.sum(axis=1) / trials.sum(axis=1)
    for name in measures:
        if name == "balanced_error":
            yield name, ((found["fpr"][0] + found["fnr"][0]) / 2, (found["fpr"][1] + found["fnr"][1]) / 2)
        else:
            yield name, found[name]


def _functionals(groups: np.ndarray, overall: np.ndarray) -> Mapping[str, np.ndarray]:
    """`FUNCTIONALS` per draw; groups in which nobody belongs to the measure are left out."""
    absent = np.isnan(groups)
    lowest = np.where(absent, np.inf, groups).min(axis=1)
    highest = np.where(absent, -np.inf, groups).max(axis=1)
    nothing = absent.all(axis=1)
    lowest, highest = np.where(nothing, np.nan, lowest), np.where(nothing, np.nan, highest)
    with np.errstate(all="ignore"):
        ratio = lowest / highest
    return {
        "overall": overall, "min": lowest, "max": highest, "difference": highest - lowest, "ratio": ratio, GROUP: groups,
    }  # fmt: skip


def quantiles(draws: np.ndarray, ends: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Both quantiles over the first axis, linearly interpolated; draws that are NaN are left out."""
    ordered = np.sort(draws, axis=0)  # NaN goes last
    known = (~np.isnan(ordered)).sum(axis=0)
    found = []
    for end in ends:
        place = np.maximum(known - 1, 0) * end
        below = np.floor(place).astype(int)
        above = np.minimum(below + 1, np.maximum(known - 1, 0))
        low, high = (np.take_along_axis(ordered, at[None], axis=0)[0] for at in (below, above))
        found.append(low + (high - low) * (place - below))
    return found[0], found[1]
