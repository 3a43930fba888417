"""Crowding just past the threshold: inputs that were changed until the decision flipped, and no further.

A score that is compared with a threshold is as frequent just below it as just above, whatever the people are like, as long as
nobody looks at the threshold (the idea of McCrary's test of a manipulated running variable, 2008, J Econometrics 142:698). Here
the share just past the threshold, among the rows nearest to it, is followed over time or compared between windows: what the
density, a rounding or the model itself does to it, it did before as well.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from workbench.analysis import stats
from workbench.attacks.pattern import CROWDED, LEVEL, Pattern, Spell, find_rise
from workbench.data.dataset import Dataset
from workbench.errors import InputError
from workbench.predicate import ALL_ROWS, Comparison, Interval, Operand, Predicate
from workbench.result import SMALL_CELL

NEAREST: Final = 0.02
"""Part of the rows, those nearest to the threshold on its unwanted side, that says how far "near" reaches on both."""
LEAST_ROWS: Final = 200
"""Rows near the threshold below which nothing is said."""
LEAST_VALUES: Final = 30
"""Different scores near the threshold: with fewer, a score is a grade, and how many people have it is no accident."""
LEAST_RISE: Final = 0.1
"""Rise of the share just past the threshold that is told: people who change move it by a few points."""
AGREES: Final = 0.98
"""Part of the decisions that a threshold on the score has to explain."""
SAMPLE: Final = 50_000
DIGITS: Final = 3
BINS: Final = 20
MARGIN_COLUMNS: Final = ("low", "high", "rows", "rows_before", "suppressed")


@dataclass(frozen=True, eq=False)
class Margins:
    """The rows nearest to the threshold.

    Attributes
    ----------
    near
        Positions in the joined windows.
    past
        Of each of them, whether it is on the side that people want.
    thresholds
        Model version to threshold; one entry, of None, without versions.
    width
        How far from its threshold a row near it is, at most.
    upwards
        Whether people want high scores.
    offset
        Position of the last window's first row.
    margin
        Distance of every row from its threshold, positive on the wanted side; NaN where unknown.
    """

    near: np.ndarray
    past: np.ndarray
    thresholds: dict[Any, float]
    width: float
    upwards: bool
    offset: int
    margin: np.ndarray


@dataclass(frozen=True)
class Compared:
    """Rows just past the threshold, rows near it, now and before, and the p-value of "the same share"."""

    counts: tuple[int, int]
    sizes: tuple[int, int]
    p: float

    @property
    def rise(self) -> float:
        """Share now less share before."""
        return self.counts[0] / self.sizes[0] - self.counts[1] / self.sizes[1]


def find_crowding(windows: Sequence[Dataset]) -> tuple[Pattern | None, pd.DataFrame]:
    """Crowding just past the threshold since some time, or since the reference window; None where there is none to see.

    Parameters
    ----------
    windows
        The earlier one first; one window needs times.

    Returns
    -------
    Pattern or None
        What is told.
    pandas.DataFrame
        Rows by their distance from the threshold, positive on the wanted side: ``low high rows rows_before suppressed``;
        empty where no threshold is known, ``rows_before`` missing where nothing parts before from now.
    """
    found = find_margins(windows)
    if found is None:
        return None, pd.DataFrame(columns=list(MARGIN_COLUMNS))
    spell = _spell(windows, found)
    compared = _by_time(spell) if spell is not None else _by_window(found) if len(windows) > 1 else None
    table = _histogram(windows, found, spell)
    if compared is None or compared.p > LEVEL or min(compared.sizes) < LEAST_ROWS // 4 or compared.rise < LEAST_RISE:
        return None, table
    return _pattern(windows[-1], found, spell, compared), table


def find_margins(windows: Sequence[Dataset]) -> Margins | None:
    """The rows nearest to the threshold; None where no score and threshold explain the decisions, or scores are grades."""
    if not all(window.has("score", "prediction") for window in windows):
        return None
    score = np.concatenate([window.role("score").to_numpy(dtype=float, na_value=np.nan) for window in windows])
    wanted = _wanted(windows)
    if wanted is None:
        return None
    known = np.isfinite(score) & ~np.isnan(wanted)
    if not known.any() or wanted[known].min() == wanted[known].max():
        return None
    upwards = bool(score[known & (wanted == 1)].mean() > score[known & (wanted == 0)].mean())
    height = score if upwards else -score
    versions = _versions(windows)
    thresholds: dict[Any, float] = {}
    margin = np.full(len(score), np.nan)
    for version in [None] if versions is None else pd.unique(versions):
        rows = known if versions is None else known & (versions == version)
        threshold = _threshold(height[rows], wanted[rows] == 1)
        if threshold is not None:
            margin[rows] = height[rows] - threshold
            thresholds[version] = threshold if upwards else -threshold
    offset = len(score) - len(windows[-1].frame)
    return _nearest(margin, thresholds, upwards=upwards, offset=offset)


def _nearest(margin: np.ndarray, thresholds: dict[Any, float], *, upwards: bool, offset: int) -> Margins | None:
    rows = np.flatnonzero(~np.isnan(margin))
    below = -margin[rows][margin[rows] < 0]
    wanted = int(NEAREST * len(rows))
    if not LEAST_ROWS // 2 <= wanted < len(below):
        return None
    width = float(np.partition(below, wanted)[wanted])  # by the side that nobody crowds
    near = rows[np.abs(margin[rows]) < width]
    near = near[np.append(True, margin[near][1:] != margin[near][:-1])]  # the same request again and again crowds nothing
    sides = [np.unique(margin[near[side]]).size for side in (margin[near] < 0, margin[near] >= 0)]
    if len(near) < LEAST_ROWS or min(sides) < LEAST_VALUES:
        return None
    return Margins(near, margin[near] >= 0, thresholds, width, upwards, offset, margin)


def _wanted(windows: Sequence[Dataset]) -> np.ndarray | None:
    """1.0 where the decision is the one that people want, or where nobody says which that is, the positive one."""
    role = "favorable_prediction" if windows[-1].roles.favorable is not None else "positive_prediction"
    try:
        return np.concatenate([getattr(window, role) for window in windows])
    except InputError:
        return None


def _versions(windows: Sequence[Dataset]) -> np.ndarray | None:
    if not all(window.has("model_version") for window in windows):
        return None
    return np.concatenate([window.role("model_version").astype(object).to_numpy() for window in windows])


def _threshold(height: np.ndarray, wanted: np.ndarray) -> float | None:
    """The least score that is decided as wanted; None where no threshold explains `AGREES` of the decisions."""
    if wanted.all() or not wanted.any():
        return None
    low, high = float(height[~wanted].max()), float(height[wanted].min())
    if low < high:
        return high
    step = len(height) // SAMPLE + 1
    order = np.argsort(height[::step], kind="stable")
    values, hits = height[::step][order], wanted[::step][order]
    starts = np.append(True, values[1:] > values[:-1])
    agreeing = np.append(0, np.cumsum(~hits))[:-1] + hits.sum() - np.append(0, np.cumsum(hits))[:-1]
    best = int(np.argmax(np.where(starts, agreeing, -1)))
    return float(values[best]) if agreeing[best] >= AGREES * len(values) else None


def _spell(windows: Sequence[Dataset], found: Margins) -> Spell | None:
    """From when on more of the rows near the threshold were just past it; only what began in the last window is new."""
    if not all(window.has("time") for window in windows):
        return None
    times = np.concatenate([window.role("time").to_numpy(dtype="datetime64[us]") for window in windows])
    spell = find_rise(times[found.near], found.past.astype(float))
    late = spell is not None and (len(windows) == 1 or spell.change.onset >= np.nanmin(times[found.offset :]))
    return spell if late else None


def _by_time(spell: Spell) -> Compared:
    change = spell.change
    sizes = round(change.n_after), round(change.n_before)
    return Compared((round(change.after * sizes[0]), round(change.before * sizes[1])), sizes, change.p)


def _by_window(found: Margins) -> Compared:
    late = found.near >= found.offset
    counts = int(found.past[late].sum()), int(found.past[~late].sum())
    sizes = int(late.sum()), int((~late).sum())
    return Compared(counts, sizes, float(stats.two_proportions(counts[0], sizes[0], counts[1], sizes[1])))


def _histogram(windows: Sequence[Dataset], found: Margins, spell: Spell | None) -> pd.DataFrame:
    """The table that `find_crowding` returns: `BINS` bins of a fifth of the width on either side."""
    late = np.arange(len(found.margin)) >= found.offset
    if spell is not None:
        late &= np.concatenate([spell.where(window.require("time")).mask(window.frame) for window in windows])
    edges = np.arange(-BINS, BINS + 1) * found.width / 5
    now, before = (np.histogram(found.margin[part & ~np.isnan(found.margin)], edges)[0] for part in (late, ~late))
    parted = bool((~late).any())
    few = ((now > 0) & (now < SMALL_CELL)) | ((before > 0) & (before < SMALL_CELL))
    held = {"low": edges[:-1], "high": edges[1:], "rows": now, "rows_before": before if parted else None, "suppressed": few}
    return pd.DataFrame(held, columns=list(MARGIN_COLUMNS))


def _pattern(last: Dataset, found: Margins, spell: Spell | None, compared: Compared) -> Pattern:
    since = ALL_ROWS if spell is None else spell.where(last.require("time"))
    rows = np.zeros(len(last.frame), dtype=bool)
    rows[found.near[found.past & (found.near >= found.offset)] - found.offset] = True
    rows &= since.mask(last.frame)
    (now, before), (near, nearby) = compared.counts, compared.sizes
    ends = stats.newcombe(now, near, before, nearby)
    said = (
        f"scores crowd just past the threshold: of the decisions nearest to it, {100 * now / near:.1f} % fall on the wanted side,"
        f" against {100 * before / nearby:.1f} % before"
    )
    return Pattern(
        "crowding", said, (last.require("score"), last.require("prediction")), last.where & since & _just_past(last, found),
        compared.rise, (float(ends.low), float(ends.high)), CROWDED, compared.p, int(rows.sum()),
        last.people(rows), **({} if spell is None else spell.dated()),
    )  # fmt: skip


def _just_past(dataset: Dataset, found: Margins) -> Predicate:
    """The scores from the threshold on to the width; all of them where versions have thresholds of their own."""
    if len(found.thresholds) > 1:
        return ALL_ROWS
    score, [threshold] = dataset.require("score"), found.thresholds.values()
    digits = DIGITS - math.floor(math.log10(found.width)) if found.width > 0 else DIGITS
    end = round(threshold + (found.width if found.upwards else -found.width), digits)
    if found.upwards:
        return Predicate((Interval(score, threshold, end),))
    return Predicate((Comparison(Operand(score), ">", end), Comparison(Operand(score), "<=", threshold)))
