"""Disparity within strata such as departments: what is left of it once groups are compared where they are alike.

Within each stratum a group and its reference make a 2 x 2 table of selected and not; the tables are combined, never the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import special

from workbench.analysis.disparity.counts import COUNTED, GroupCounts
from workbench.analysis.disparity.tables import Level
from workbench.result import SMALL_CELL


class Tables(NamedTuple):
    """2 x 2 tables, one per stratum; every array of shape (strata,). Strata in which either side is empty are left out.

    Attributes
    ----------
    a, b
        Of the group: selected and not.
    c, d
        Of the reference: selected and not.
    """

    a: np.ndarray
    b: np.ndarray
    c: np.ndarray
    d: np.ndarray

    @property
    def n(self) -> np.ndarray:
        """Rows per stratum."""
        return np.asarray(self.a + self.b + self.c + self.d)


class OddsRatio(NamedTuple):
    """A common odds ratio with its confidence limits."""

    value: float
    low: float
    high: float


def mantel_haenszel(tables: Tables, level: float = 0.95) -> OddsRatio:
    """The odds ratio common to all strata, sum(ad / n) / sum(bc / n) (Mantel & Haenszel 1959, JNCI 22:719).

    Limits by the variance of its logarithm of Robins, Breslow & Greenland (1986, Biometrics 42:311), which holds both for few
    large and for many small strata. NaN where no stratum tells anything; 0 or infinite, without limits, where one side of the
    ratio is 0.
    """
    a, b, c, d = tables
    with np.errstate(all="ignore"):
        r, s, p, q = a * d / tables.n, b * c / tables.n, (a + d) / tables.n, (b + c) / tables.n
        above, below = r.sum(), s.sum()
        value = above / below
        variance = (p * r).sum() / (2 * above**2) + (p * s + q * r).sum() / (2 * above * below) + (q * s).sum() / (2 * below**2)
        half = special.ndtri((1 + level) / 2) * np.sqrt(variance)
        low, high = np.exp(np.log(value) - half), np.exp(np.log(value) + half)
    if above == 0 or below == 0:
        return OddsRatio(float(value), np.nan, np.nan)
    return OddsRatio(float(value), float(low), float(high))


def cochran_mantel_haenszel(tables: Tables) -> float:
    """Two-sided p of "in no stratum does the group differ", without continuity correction.

    Cochran 1954 (Biometrics 10:417), Mantel & Haenszel 1959. NaN where every stratum allows only one table.
    """
    a, b, c, d = tables
    n = tables.n
    with np.errstate(all="ignore"):
        expected = (a + b) * (a + c) / n
        variance = np.where(n > 1, (a + b) * (c + d) * (a + c) * (b + d) / (n**2 * (n - 1)), 0)
    if not variance.sum() > 0:
        return float("nan")
    return float(special.chdtrc(1, (a - expected).sum() ** 2 / variance.sum()))


def breslow_day(tables: Tables) -> float:
    """The p-value of "the odds ratio is the same in every stratum" (Breslow & Day 1980, with Tarone's correction).

    NaN with fewer than two strata that tell anything.
    """
    common = mantel_haenszel(tables).value
    inside = (tables.a + tables.c > 0) & (tables.b + tables.d > 0)
    a, b, c, d = (part[inside] for part in tables)
    if inside.sum() < 2 or not 0 < common < np.inf:
        return float("nan")
    rows, other, selected = a + b, c + d, a + c
    expected = _expected(rows, other, selected, common)
    with np.errstate(all="ignore"):
        variance = 1 / (1 / expected + 1 / (rows - expected) + 1 / (selected - expected) + 1 / (other - selected + expected))
    statistic = ((a - expected) ** 2 / variance).sum() - (a - expected).sum() ** 2 / variance.sum()
    return float(special.chdtrc(inside.sum() - 1, max(statistic, 0.0)))


def _expected(rows: np.ndarray, other: np.ndarray, selected: np.ndarray, odds: float) -> np.ndarray:
    """The selected of the group in each stratum that would give the odds ratio `odds`: the root inside the possible range."""
    if abs(odds - 1) < 1e-12:
        return np.asarray(rows * selected / (rows + other))
    quadratic = odds - 1
    linear = -(odds * (rows + selected) + other - selected)
    constant = odds * rows * selected
    return np.asarray(2 * constant / (-linear + np.sqrt(np.maximum(linear**2 - 4 * quadratic * constant, 0))))


class Stratified(NamedTuple):
    """Selection by group and stratum; every array of shape (groups, strata).

    Attributes
    ----------
    hits, trials, squares
        Weighted selected, sum of weights, sum of squared weights of the rows with a prediction.
    names
        The strata as text.
    """

    hits: np.ndarray
    trials: np.ndarray
    squares: np.ndarray
    names: tuple[str, ...]

    def of(self, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Selected and all of `groups` (positions) together, per stratum, as equally weighted rows (Kish's effective number)."""
        hits, trials, squares = (part[groups].sum(axis=0) for part in (self.hits, self.trials, self.squares))
        scale = np.divide(trials, squares, out=np.zeros(trials.shape), where=squares > 0)
        return np.minimum(hits, trials) * scale, trials * scale


def stratify(joint: GroupCounts, groups: Sequence[tuple[object, ...]]) -> Stratified:
    """Spread `joint`, counts by the columns of the groups and then of the strata, over `groups` and strata."""
    width = len(groups[0])
    place = {values: number for number, values in enumerate(groups)}
    strata = list(dict.fromkeys(values[width:] for values in joint.values))
    rows = np.asarray([place[values[:width]] for values in joint.values])
    columns = np.asarray([strata.index(values[width:]) for values in joint.values])
    hit, among = COUNTED["selection_rate"]
    parts = []
    for counts, outcomes in ((joint.weights, hit), (joint.weights, among), (joint.squares, among)):
        part = np.zeros((len(groups), len(strata)))
        part[rows, columns] = counts[:, outcomes].sum(axis=1)
        parts.append(part)
    names = tuple(", ".join("missing" if value is None else str(value) for value in stratum) for stratum in strata)
    hits, trials, squares = parts
    return Stratified(hits, trials, squares, names)


def conditional_tables(
    level: Level, stratified: Stratified, confidence: float
) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    """For every group compared a row over all strata, and a row per stratum; `stratified` has the groups of `level`."""
    combined, single = [], []
    for place in level.compared.tolist():
        every = np.arange(len(level.counts.values))
        others = np.delete(every, place) if level.reference is None else every[[level.reference]]
        own, theirs = stratified.of(every[[place]]), stratified.of(others)
        names = {"group": level.counts.labels[place], "reference": level.reference_label}
        about = {"attributes": level.name, "where": level.counts.where[place]}
        combined.append({**names, **_combine(own, theirs, confidence), **about})
        single += [{**names, **row, **about} for row in _strata(stratified.names, own, theirs)]
    return combined, single


def _strata(
    names: Sequence[str], own: tuple[np.ndarray, np.ndarray], theirs: tuple[np.ndarray, np.ndarray]
) -> list[dict[str, object]]:
    """A row per stratum in which either side has rows."""
    (k1, n1), (k2, n2) = own, theirs
    with np.errstate(all="ignore"):
        rates, other_rates = k1 / n1, k2 / n2
    return [
        {
            "stratum": name,
            "value": rates[at],
            "reference_value": other_rates[at],
            "difference": rates[at] - other_rates[at],
            "n": round(float(n1[at])),
            "reference_n": round(float(n2[at])),
            "suppressed": 0 < n1[at] < SMALL_CELL or 0 < n2[at] < SMALL_CELL,
        }
        for at, name in enumerate(names)
        if n1[at] > 0 or n2[at] > 0
    ]


def _combine(own: tuple[np.ndarray, np.ndarray], theirs: tuple[np.ndarray, np.ndarray], confidence: float) -> dict[str, object]:
    (k1, n1), (k2, n2) = own, theirs
    both = (n1 > 0) & (n2 > 0)
    tables = Tables(k1[both], (n1 - k1)[both], k2[both], (n2 - k2)[both])
    crude = mantel_haenszel(Tables(*(np.asarray([part.sum()]) for part in (k1, n1 - k1, k2, n2 - k2)))).value
    common = mantel_haenszel(tables, confidence)
    return {
        "odds_ratio": common.value,
        "low": common.low,
        "high": common.high,
        "p": cochran_mantel_haenszel(tables),
        "homogeneity_p": breslow_day(tables),
        "sign_change": (common.value - 1) * (crude - 1) < 0,
        "crude_odds_ratio": crude,
        "strata": len(tables.a),
        "n": round(float((tables.a + tables.b).sum())),
    }
