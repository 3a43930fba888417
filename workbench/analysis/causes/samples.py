"""The values of a column before and after a change, and what turns the one sample into the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from workbench.analysis.causes.root import Dated
from workbench.analysis.causes.rows import TimedRows

QUANTILES: Final = np.linspace(0.05, 0.95, 19)
LEAST_FACTOR: Final = 1.15
"""Numbers that are at least so many times as large may be in another unit."""
CLEARLY: Final = 1.7
"""Kolmogorov and Smirnov's statistic, times the root of the size, from which two samples differ (p of 0.006)."""
LEAST_FIT: Final = 0.9
"""Part of the difference of two samples that a factor has to remove."""
HELD: Final = 0.9
"""A value in so large a part of the rows, that was in less than half of it before, is one at which the column stands still."""
WHOLLY: Final = 0.995
EXPECTED: Final = 5.0
"""Rows of a value that were to be expected, from which on it means something that there are none."""
LEAST_LEFT: Final = 3
SPIKE: Final = 0.05
AS_GOOD_AS_GONE: Final = 0.15
"""A value is gone where less than this part of its former share is left."""
LEAST_GONE: Final = 0.02
CLEARLY_LIKELIER: Final = 3.0
"""Log-likelihood ratio from which one story is preferred to another."""
CERTAIN: Final = 20.0
"""So many rows were to be expected of a value that is gone, where it held less than `LEAST_GONE`."""
ALIKE: Final = 0.35
"""Two shares are one where they differ by less than this part of the larger."""
FEWEST: Final = 8
SETTLED: Final = 0.1
"""After this part of the later rows an onset that was set too early plays no part."""
STILL_THERE: Final = 0.5
NOISE: Final = 3.0
"""Standard errors that two shares may differ by chance."""
LEAST_FRESH: Final = 0.005
_FACTORS: Final = (
    10, 100, 1000, 1e4, 1e6, 2, 7, 12, 24, 30.4375, 60, 365.25, 3600, 2.54, 2.2046, 1.609344, 3.28084, 28.3495,
)  # fmt: skip
USUAL: Final = tuple(sorted({*(float(x) for x in _FACTORS), *(1 / x for x in _FACTORS)}))
"""Factors between units in use: powers of ten, times, lengths, weights."""


@dataclass(frozen=True, eq=False)
class Samples:
    """A column's values in the rows that a change concerns, before and after it; missing ones left out."""

    before: pd.Series[Any]
    after: pd.Series[Any]

    @property
    def numbers(self) -> bool:
        """Whether they are numbers."""
        return pd.api.types.is_numeric_dtype(self.before) and not pd.api.types.is_bool_dtype(self.before)


def samples_of(change: Dated, rows: TimedRows, column: str) -> Samples:
    """What `column` holds where `change` is, before and after."""
    earlier = change.hit.inside & (rows.times < change.onset)
    series = rows.frame[column]
    return Samples(series[earlier].dropna(), series[change.affected].dropna())


def held_value(samples: Samples) -> tuple[Any, float, float] | None:
    """The value that nearly all later rows hold, with its share there and before; None where there is none, or always was."""
    if len(samples.after) < FEWEST or not len(samples.before):
        return None
    counts = samples.after.value_counts()
    value, share = counts.index[0], float(counts.iloc[0] / len(samples.after))
    before = float((samples.before == value).mean())
    others = samples.before.value_counts(normalize=True).drop(value, errors="ignore")
    left = others.iloc[1:]  # a merger of the most frequent of them leaves the rest as it was
    if share < 1 and (samples.after.isin(left.index)).sum() >= max(LEAST_LEFT, STILL_THERE * left.sum() * len(samples.after)):
        return None
    limit = 0.8 if len(others) > 1 else HELD / 2
    # of several other values none comes any more, which is no merger of one of them
    all_gone = share > WHOLLY and int((others * len(samples.after) >= EXPECTED).sum()) > 1
    return (value, share, before) if share >= HELD and (before < limit or all_gone) else None


def spike(samples: Samples) -> tuple[Any, float, float] | None:
    """One value that grew by `SPIKE` or more and holds nearly all of what changed; with its share after and before."""
    if len(samples.after) < FEWEST or not len(samples.before) or not samples.numbers:
        return None
    after, before = (part.value_counts(normalize=True) for part in (samples.after, samples.before))
    grown = (after - before.reindex(after.index, fill_value=0.0)).sort_values(ascending=False)
    if not len(grown):
        return None
    value, step = grown.index[0], float(grown.iloc[0])
    if step < SPIKE or before.get(value, 0.0) > step / 3:
        return None
    others_after, others_before = samples.after[samples.after != value], samples.before[samples.before != value]
    if len(others_after) >= FEWEST and samples.numbers and _ks(others_before, others_after) > 2.2 / np.sqrt(len(others_after)):
        return None
    return value, float(after[value]), float(before.get(value, 0.0))


def factor(samples: Samples) -> tuple[float, float] | None:
    """By how many times the later numbers are larger, and the share of rows that are; None where no factor explains them.

    The factor matches the quantiles of the rows it concerns: all of them, or those outside the former range.
    """
    if not samples.numbers or len(samples.after) < FEWEST or len(samples.before) < FEWEST:
        return None
    before, after = (part.to_numpy(dtype=float) for part in (samples.before, samples.after))
    found = _whole_factor(before, after)
    if found is not None:
        return found, 1.0
    low, high = np.quantile(before, [0.001, 0.999])
    out = after[(after < low - 1e-9 * abs(low)) | (after > high + 1e-9 * abs(high))]
    if len(out) < max(FEWEST, 0.01 * len(after)) or len(out) > 0.9 * len(after):
        return None
    part = _whole_factor(before[before != 0], out)
    return None if part is None else (part, len(out) / len(after))


def _whole_factor(before: np.ndarray, after: np.ndarray) -> float | None:
    """The factor between two samples of which the first, so multiplied, is as good as the second."""
    apart = _clearly_apart(before, after)
    if apart is None:
        return None
    signs = np.mean(before > 0), np.mean(after > 0)
    if min(np.mean(before != 0), np.mean(after != 0)) < 0.2 or abs(signs[0] - signs[1]) > 0.2:
        return None
    scale = [np.log(np.abs(part[part != 0])) for part in (before, after)]
    steps = np.quantile(scale[1], QUANTILES) - np.quantile(scale[0], QUANTILES)
    best = None
    for step in {float(np.median(steps)), float(steps.mean()), *steps[[4, 9, 14]].tolist()}:
        times = float(np.exp(step))
        left = _ks(before * times, after)
        if best is None or left < best[1]:
            best = (times, left)
    best = None if best is None else _rounded(best, before, after)
    if best is None or not (max(best[0], 1 / best[0]) >= LEAST_FACTOR):
        return None
    return best[0] if _fits(best[1], apart, before, after) else None


def shifted(samples: Samples) -> float | None:
    """What added to the former numbers of few values makes them the later ones; None where nothing does."""
    if not samples.numbers or min(len(samples.before), len(samples.after)) < FEWEST:
        return None
    before, after = (part.to_numpy(dtype=float) for part in (samples.before, samples.after))
    apart = _clearly_apart(before, after)
    if apart is None:
        return None
    steps = np.unique(np.round(np.quantile(after, QUANTILES) - np.quantile(before, QUANTILES), 6))
    best = min(steps[steps != 0], key=lambda step: _ks(before + step, after), default=None)
    if best is None:
        return None
    return float(best) if _fits(_ks(before + best, after), apart, before, after) else None


def _clearly_apart(before: np.ndarray, after: np.ndarray) -> float | None:
    """How far apart two samples are (Kolmogorov and Smirnov); None where that may be chance."""
    apart = _ks(before, after)
    return None if apart < max(0.05, CLEARLY * np.sqrt(1 / len(before) + 1 / len(after))) else apart


def _fits(left: float, apart: float, before: np.ndarray, after: np.ndarray) -> bool:
    """Whether what is `left` between two samples that were `apart` is next to nothing."""
    noise = 1.5 * np.sqrt(1 / len(before) + 1 / len(after))
    return bool(left <= max((1 - LEAST_FIT) * apart, noise) and left < 0.5 * apart)


def _rounded(best: tuple[float, float], before: np.ndarray, after: np.ndarray) -> tuple[float, float]:
    """The usual factor between two units that does about as well, if there is one."""
    near = [usual for usual in USUAL if 0.85 <= best[0] / usual <= 1.18]
    options = [(usual, _ks(before * usual, after)) for usual in near]
    allowed = best[1] + 0.7 / np.sqrt(min(len(before), len(after)))
    fitting = [option for option in options if option[1] <= allowed]
    return min(fitting, key=lambda option: option[1]) if fitting else best


def _ks(before: Any, after: Any) -> float:
    a, b = np.sort(np.asarray(before, dtype=float)), np.sort(np.asarray(after, dtype=float))
    if not len(a) or not len(b):
        return 0.0
    points = np.concatenate([a, b])
    # ties of float products are equal to rounding
    below_a = np.searchsorted(a, points + 1e-7 * np.abs(points), side="right") / len(a)
    below_b = np.searchsorted(b, points + 1e-7 * np.abs(points), side="right") / len(b)
    return float(np.abs(below_a - below_b).max())


@dataclass(frozen=True)
class Rewritten:
    """Values that went, and where they went to: another word for them (`recoded`), or a value that was there before."""

    gone: tuple[Any, ...]
    into: Any
    recoded: bool
    share: float
    swapped: bool = False


def rewritten(samples: Samples) -> Rewritten | None:
    """Values that went elsewhere: to a new word, to another value, or two to each other; None where nothing like it is seen."""
    if not len(samples.after) or not len(samples.before):
        return None
    was, now = _shares(samples)
    rows = len(samples.before), len(samples.after)
    return (
        exchanged(samples)
        or _renamed_or_merged(was, now, rows)
        or _swapped(was, now, rows[1])
        or _renamed_in_part(was, now, rows)
    )


def exchanged(samples: Samples) -> Rewritten | None:
    """Two values that took each other's share, where the rarer of the two was not merely absorbed: it is as common as it was."""
    if not len(samples.after) or not len(samples.before):
        return None
    was, now = _shares(samples)
    found = _swapped(was, now, len(samples.after))
    if found is None:
        return None
    down, up = found.gone
    kept = samples.after.to_numpy() == down
    late = kept[int(SETTLED * len(kept)) :].mean()
    return found if kept.sum() >= FEWEST and late >= STILL_THERE * was[up] else None


def _shares(samples: Samples) -> tuple[pd.Series[Any], pd.Series[Any]]:
    """The share of every value, before and after."""
    before, after = (part.value_counts(normalize=True) for part in (samples.before, samples.after))
    every = before.index.union(after.index)
    return before.reindex(every, fill_value=0.0), after.reindex(every, fill_value=0.0)


def _renamed_in_part(was: pd.Series[Any], now: pd.Series[Any], rows: tuple[int, int]) -> Rewritten | None:
    """A new word that took a part of one value's rows, and of no other's: some rows write it otherwise."""
    fresh = now[(was <= 0.02 * now) & (now * rows[1] >= FEWEST)]
    lost = (was - now).drop(fresh.index)
    if not len(fresh) or len(lost) < 2:
        return None
    gain, most = float(fresh.sum()), int(np.argmax(lost.to_numpy()))
    noise = np.sqrt((was * (1 - was) / rows[0] + now * (1 - now) / rows[1]).drop(fresh.index).to_numpy())
    apart = np.abs(lost.to_numpy() - gain * (np.arange(len(lost)) == most))
    fits = bool((apart <= np.maximum(NOISE * noise, 0.1 * gain)).all())
    clear = lost.iloc[most] >= NOISE * noise[most] and gain >= LEAST_FRESH
    return Rewritten((lost.index[most],), fresh.idxmax(), recoded=True, share=gain) if clear and fits else None


def _renamed_or_merged(was: pd.Series[Any], now: pd.Series[Any], rows: tuple[int, int]) -> Rewritten | None:
    least = min(LEAST_GONE, CERTAIN / rows[1])
    gone = [value for value in was.index if was[value] >= least and now[value] <= AS_GOOD_AS_GONE * was[value]]
    if not gone:
        return None
    lost = float(sum(was[value] - now[value] for value in gone))
    gained = (now - was).drop(gone).sort_values(ascending=False)
    if not len(gained) or gained.iloc[0] <= 0:
        return None
    into, gain = gained.index[0], float(gained.iloc[0])
    fresh = gained[(was.drop(gone).reindex(gained.index) <= 0.02 * gained) & (gained > 0)]
    if len(fresh) and abs(float(fresh.sum()) - lost) <= ALIKE * max(lost, float(fresh.sum())):
        return Rewritten(tuple(gone), fresh.index[0], recoded=True, share=lost)
    if abs(gain - lost) <= ALIKE * max(gain, lost) and _is_absorbed(was, rows[1] * now, gone, into):
        return Rewritten(tuple(gone), into, recoded=False, share=lost)
    return None


def _is_absorbed(was: pd.Series[Any], counts: pd.Series[Any], gone: list[Any], into: Any) -> bool:
    """Whether one value may have taken the rows of those gone, by the later counts, and it is not clear that these do not come.

    Of a column of two values the counts do not tell.
    """
    kept = was.drop(gone)
    kept = kept[kept > 0]
    lost = float(was[gone].sum())
    likelier = np.log((kept + lost * (kept.index == into)) * (1 - lost) / kept)
    return float((counts.reindex(kept.index) * likelier).sum()) > -CLEARLY_LIKELIER


def _swapped(was: pd.Series[Any], now: pd.Series[Any], rows: int) -> Rewritten | None:
    """Two values that took each other's share."""
    moved = (now - was).sort_values()
    apart = float(moved.abs().sum() / 2)
    if len(moved) < 2 or apart < LEAST_GONE:
        return None
    down, up = moved.index[0], moved.index[-1]
    turned = now.copy()
    turned[down], turned[up] = now[up], now[down]
    left = float((turned - was).abs().sum() / 2)
    noise = float(np.sqrt(was * (1 - was) / rows).sum())
    if left > max(0.25 * apart, min(noise, 0.5 * apart)):
        return None
    return Rewritten((down, up), up, recoded=True, share=float(was[down] + was[up]), swapped=True)
