"""Crowding just past the threshold: inputs that were changed until the decision flipped, and no further.

A score that is compared with a threshold is as frequent just below it as just above, whatever the people are like, as long as
nobody looks at the threshold (the idea of McCrary's test of a manipulated running variable, 2008, J Econometrics 142:698). Here
the share just past the threshold, among the rows nearest to it, is followed over time or, without times, compared between
windows: what the density, a rounding or the model itself does to it, it did before as well.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pandas as pd

from workbench.analysis import stats
from workbench.attacks.pattern import CROWDED, LEVEL, Pattern, Spell, find_rise
from workbench.data.dataset import Dataset
from workbench.errors import InputError
from workbench.predicate import ALL_ROWS, Comparison, Interval, Operand, Predicate
from workbench.result import SMALL_CELL

NEAREST: Final = 0.1
"""Part of the rows, those nearest to the threshold on its unwanted side, that says how far "near" reaches on both."""
NEAREST_OF_BOTH: Final = 0.2
"""Near are no more than this part of all rows: where hardly anybody is refused, the unwanted side reaches far."""
BANDS: Final = (1.0, 0.5, 0.25, 0.12, 0.06, 0.03)
"""Just past the threshold is this part of what is near: how exactly somebody hits it, nobody knows before."""
LEAST_ROWS: Final = 100
"""Rows near the threshold below which nothing is said."""
LEAST_VALUES: Final = 30
"""Different scores near the threshold: with fewer, a score is a grade, and how many people have it is no accident."""
LEAST_RISE: Final = 0.05
LEAST_RATIO: Final = 1.5
"""Rise of the share just past the threshold, and share now to share before, that is told: people who change move it a little."""
LEAST_PAST: Final = 8
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
        Of each of them, whether it is just past the threshold, on the side that people want.
    thresholds
        Model version to threshold; one entry, of None, without versions.
    width
        How far from its threshold a row near it is, at most.
    band
        How far past it a row just past it is, at most.
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
    band: float
    upwards: bool
    offset: int
    margin: np.ndarray

    def narrowed(self, part: float) -> Margins:
        """The same rows, of which fewer are just past the threshold: those in this part of what is near."""
        band = part * self.width
        past = self.margin[self.near]
        return replace(self, band=band, past=(past >= 0) & (past < band))


@dataclass(frozen=True)
class Compared:
    """Rows just past the threshold, rows near it, now and before, and the p-value of "the same share"."""

    counts: tuple[int, int]
    sizes: tuple[int, int]
    p: float

    @property
    def told(self) -> bool:
        """Whether the share rose clearly, and by enough to be told."""
        now, before = (count / max(size, 1) for count, size in zip(self.counts, self.sizes, strict=True))
        enough = min(self.sizes) >= LEAST_PAST and self.counts[0] >= LEAST_PAST
        return enough and self.p <= LEVEL and now - before >= LEAST_RISE and now >= LEAST_RATIO * before

    @property
    def rise(self) -> float:
        """Share now less share before."""
        return self.counts[0] / self.sizes[0] - self.counts[1] / self.sizes[1]


@dataclass(frozen=True, eq=False)
class Crowd:
    """A rise of the share just past the threshold: among which rows, since when (None: since the last window), how large."""

    margins: Margins
    spell: Spell | None
    compared: Compared


def find_crowding(windows: Sequence[Dataset]) -> tuple[Pattern | None, pd.DataFrame]:
    """Crowding just past the threshold since some time, or since the reference window; None where there is none to see.

    Where nobody says which decision people want, both sides of the threshold are looked at. The p-value is for the best of all
    bands and sides.

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
    sides = [found for wanted in _wanted(windows) if (found := _margins(windows, wanted)) is not None]
    if not sides:
        return None, pd.DataFrame(columns=list(MARGIN_COLUMNS))
    crowds = [crowd for found in sides for part in BANDS if (crowd := _crowd(windows, found.narrowed(part))) is not None]
    best = min(crowds, key=lambda crowd: crowd.compared.p, default=None)
    if best is not None:
        best = replace(best, compared=replace(best.compared, p=min(1.0, best.compared.p * len(sides) * len(BANDS))))
    if best is None or not best.compared.told:
        return None, _histogram(windows, sides[0], None)
    return _pattern(windows[-1], best), _histogram(windows, best.margins, best.spell)


def find_margins(windows: Sequence[Dataset]) -> Margins | None:
    """The rows nearest to the threshold; None where no score and threshold explain the decisions, or scores are grades.

    Where nobody says which decision people want, that is the positive one.
    """
    return next((found for wanted in _wanted(windows)[:1] if (found := _margins(windows, wanted)) is not None), None)


def _margins(windows: Sequence[Dataset], wanted: np.ndarray) -> Margins | None:
    """The rows nearest to the threshold, given which decisions people want (1.0, or 0.0, or NaN)."""
    score = np.concatenate([window.role("score").to_numpy(dtype=float, na_value=np.nan) for window in windows])
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
    if len(below) < LEAST_ROWS // 2:
        return None
    width = float(np.quantile(below, min(1.0, NEAREST * len(rows) / len(below))))  # by the side that nobody crowds
    width = min(width, float(np.quantile(np.abs(margin[rows]), NEAREST_OF_BOTH)))
    near = rows[np.abs(margin[rows]) < width]
    near = near[np.append(True, margin[near][1:] != margin[near][:-1])[: len(near)]]  # the same request again crowds nothing
    sides = [np.unique(margin[near[side]]).size for side in (margin[near] < 0, margin[near] >= 0)]
    if len(near) < LEAST_ROWS or min(sides) < LEAST_VALUES:
        return None
    return Margins(near, margin[near] >= 0, thresholds, width, width, upwards, offset, margin)


def _wanted(windows: Sequence[Dataset]) -> list[np.ndarray]:
    """1.0 where the decision is the one that people want; both ways where nobody says which that is; none without decisions."""
    if not all(window.has("score", "prediction") for window in windows):
        return []
    known = windows[-1].roles.favorable is not None
    role = "favorable_prediction" if known else "positive_prediction"
    try:
        wanted = np.concatenate([getattr(window, role) for window in windows])
    except InputError:
        return []
    return [wanted] if known else [wanted, 1 - wanted]


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


def _crowd(windows: Sequence[Dataset], found: Margins) -> Crowd | None:
    """The rise of the share just past the threshold; over time where there are times, else from window to window."""
    if found.past.sum() < LEAST_PAST:
        return None
    if not all(window.has("time") for window in windows):
        return Crowd(found, None, _by_window(found)) if len(windows) > 1 else None
    times = np.concatenate([window.role("time").to_numpy(dtype="datetime64[us]") for window in windows])
    spell = find_rise(times[found.near], found.past.astype(float))
    late = spell is not None and (len(windows) == 1 or spell.change.onset >= np.nanmin(times[found.offset :]))
    return Crowd(found, spell, _by_time(spell)) if spell is not None and late else None


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


def _pattern(last: Dataset, crowd: Crowd) -> Pattern:
    found, spell, compared = crowd.margins, crowd.spell, crowd.compared
    since = ALL_ROWS if spell is None else spell.where(last.require("time"))
    rows = np.zeros(len(last.frame), dtype=bool)
    rows[found.near[found.past & (found.near >= found.offset)] - found.offset] = True
    rows &= since.mask(last.frame)
    (now, before), (near, nearby) = compared.counts, compared.sizes
    ends = stats.newcombe(now, near, before, nearby)
    said = (
        f"scores crowd just past the threshold: of the decisions near it, {100 * now / near:.1f} % fall less than"
        f" {found.band:.2g} beyond it, against {100 * before / nearby:.1f} % before"
    )
    return Pattern(
        "crowding", said, (last.require("score"), last.require("prediction")), last.where & since & _just_past(last, found),
        compared.rise, (float(ends.low), float(ends.high)), CROWDED, compared.p, int(rows.sum()),
        last.people(rows), **({} if spell is None else spell.dated()),
    )  # fmt: skip


def _just_past(dataset: Dataset, found: Margins) -> Predicate:
    """The scores from the threshold on to the end of the band; all of them where versions have thresholds of their own."""
    if len(found.thresholds) > 1:
        return ALL_ROWS
    score, [threshold] = dataset.require("score"), found.thresholds.values()
    digits = DIGITS - math.floor(math.log10(found.band)) if found.band > 0 else DIGITS
    end = round(threshold + (found.band if found.upwards else -found.band), digits)
    if found.upwards:
        return Predicate((Interval(score, threshold, end),))
    return Predicate((Comparison(Operand(score), ">", end), Comparison(Operand(score), "<=", threshold)))
