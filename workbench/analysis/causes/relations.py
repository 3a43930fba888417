"""Whether a column was altered, or other cases arrive."""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy import special

from workbench.analysis import stats
from workbench.analysis.causes.root import Dated
from workbench.analysis.causes.rows import TimedRows

PARTS: Final = 8
LEAST_CELL: Final = 15
LEAST_APART: Final = 0.05
AS_FAR: Final = 0.4
CLEAR: Final = 1e-3
"""Another column moved as well from this total variation on, and this part of the column's own, where p is as small as this."""


def others_moved(change: Dated, rows: TimedRows, column: str) -> float:
    """P that, at equal values of `column`, the other columns are distributed as before.

    Where other cases arrive because of what they hold in `column`, the others follow as ever; where the column itself was
    altered, they no longer do, nor does the label, unless that moved by itself. One chi-squared for each other column's codes,
    and for the label, within the quantiles of `column`, by Bonferroni.
    """
    own = next((item for item in rows.conditions if item.coding.column == column), None)
    if own is None:
        return 1.0
    earlier, later = change.hit.inside & (rows.times < change.onset), change.affected
    smallest = 1.0
    left_out = {column, *change.hit.used}
    parts = (earlier, later)
    others = [(item.codes, item.size, parts) for item in rows.conditions if item.coding.column not in left_out]
    if (label := rows.outcomes.get("label")) is not None:
        known = (earlier & ~np.isnan(label), later & ~np.isnan(label))
        turned_out = np.nan_to_num(label).astype(int)
        if _within(*(np.bincount(turned_out[part], minlength=2)[None, :].astype(float) for part in known)) >= CLEAR:
            others.append((turned_out, 2, known))
    for codes, size, compared in others:
        tables = [
            np.bincount(own.codes[part].astype(int) * size + codes[part], minlength=own.size * size)
            .reshape(own.size, size).astype(float)
            for part in compared
        ]  # fmt: skip
        smallest = min(smallest, _within(tables[0], tables[1]))
    return min(1.0, smallest * max(1, len(others)))


def others_elsewhere(change: Dated, rows: TimedRows, column: str) -> bool:
    """Whether another column moved about as far as `column` did: other cases move several, an altered column moves alone."""
    earlier, later = change.hit.inside & (rows.times < change.onset), change.affected
    apart: dict[str, float] = {}
    small: dict[str, float] = {}
    for item in rows.conditions:
        counts = [np.bincount(item.codes[part], minlength=item.size).astype(float) for part in (earlier, later)]
        apart[item.coding.column] = float(stats.total_variation(*counts))
        small[item.coding.column] = _within(counts[0][None, :], counts[1][None, :])
    least = max(LEAST_APART, AS_FAR * apart.get(column, 0.0))
    others = set(apart) - {column, *change.hit.used}
    return any(apart[name] >= least and small[name] * len(others) < CLEAR for name in others)


def _within(before: np.ndarray, after: np.ndarray) -> float:
    """Chi-squared of two tables (values x codes), value by value."""
    statistic, freedom = 0.0, 0
    for a, b in zip(before, after, strict=True):
        n, m = a.sum(), b.sum()
        if min(n, m) < LEAST_CELL:
            continue
        expected = (a + b) * min(n, m) / (n + m)
        kept = expected >= 4
        if kept.sum() < 1:
            continue
        parts = [np.append(side[kept], side[~kept].sum()) for side in (a, b)]
        total = parts[0] + parts[1]
        usable = total > 0
        for side, size in ((parts[0], n), (parts[1], m)):
            want = total[usable] * size / (n + m)
            statistic += float(((side[usable] - want) ** 2 / want).sum())
        freedom += int(usable.sum()) - 1
    return float(special.chdtrc(freedom, statistic)) if freedom > 0 else 1.0
