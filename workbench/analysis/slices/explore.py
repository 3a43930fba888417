"""Walking in: linked charts over the searched rows, and the same search inside what their brushes let through.

The *scope* is a predicate: the rows that are searched now. A condition of it that says which codes of one column it lets
through is a brush on that column's chart; any other (a finding's date, a column that is not searched) cuts the rows down before.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pandas as pd

from workbench.analysis import stats
from workbench.analysis.crossfilter import Crossfilter
from workbench.analysis.distance import jaccard
from workbench.analysis.slices.coding import Coded
from workbench.analysis.slices.cover import distinct_slices
from workbench.analysis.slices.inside import Sharper, codes_of, narrowed, place_of, rows_of, search_inside, sharpen
from workbench.analysis.slices.relations import condition_tree, cross
from workbench.analysis.slices.result import Ranking, SliceResult, describe, rank
from workbench.analysis.slices.scores import side
from workbench.analysis.slices.windows import Rows
from workbench.data.codes import Codes
from workbench.errors import UnknownNameError
from workbench.predicate import ALL_ROWS, Predicate

CHARTS: Final = 12
"""How many columns get a linked chart, those of the worst slices first."""

Tell = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Cohort:
    """Some rows of the current window: what they hold, and of each chart how many rows have each of its codes."""

    where: Predicate
    rows: int
    total: float
    squares: float
    counts: dict[str, np.ndarray]

    @property
    def mean(self) -> float:
        """Mean loss; NaN without rows."""
        return self.total / self.rows if self.rows else math.nan


@dataclass(frozen=True, eq=False)
class Scope:
    """Where was searched, what was found there, and which rows these are."""

    where: Predicate
    found: SliceResult
    inside: np.ndarray


class Exploration:
    """A result of `find_slices`, looked at from inside any selection.

    Parameters
    ----------
    result
        Fresh from the search: it still has its rows.
    charts
        Names of the columns' codings to show; None: up to `CHARTS`, those of the worst slices first.

    Attributes
    ----------
    scope
        The rows that are searched now.
    found
        The slices in them.

    Raises
    ------
    InputError
        If the result was read from a file.
    UnknownNameError
        For a chart that is not searched.
    """

    def __init__(self, result: SliceResult, charts: Sequence[str] | None = None) -> None:
        self._coded, self._rows = rows_of(result)
        self.whole, self.found, self.scope = result, result, ALL_ROWS
        every = [coding.name for coding in self._coded.codings]
        names = list(dict.fromkeys(every))  # of a column coded in parts, the chart shows the first: the most frequent values
        self.charts = tuple(_worst_first(result, names)[:CHARTS] if charts is None else charts)
        if unknown := [name for name in self.charts if name not in names]:
            raise UnknownNameError("chart", unknown[0], names)
        self._at = {name: every.index(name) for name in self.charts}
        self._brushes: dict[str, frozenset[int]] = {}
        self._base = ALL_ROWS
        self._known = {str(ALL_ROWS): (self._base, self._brushes)}
        self._inside = np.ones(self._rows.size, bool)
        self._ranges: dict[tuple[str, float], pd.DataFrame] = {}
        if "refined" in (distinct := result.tables["distinct"]):
            columns = [name for name in distinct if str(name).startswith("refined")]
            self._ranges[str(ALL_ROWS), float(str(result.numbers["alpha"]))] = distinct.set_index("slice")[columns]
        self._filter: Crossfilter | None = None
        self._follow_base()

    @property
    def brushes(self) -> dict[str, frozenset[int]]:
        """Chart to the codes its brush lets through."""
        return dict(self._brushes)

    def labels(self, chart: str) -> list[str]:
        """What each code of a chart means, as a predicate's text."""
        return [str(condition) for condition in self._coding(chart).conditions]

    def is_ordered(self, chart: str) -> bool:
        """Whether neighbouring codes of a chart are neighbours, so that a brush is a range."""
        coding = self._coding(chart)
        return coding.edges is not None or coding.function is not None or coding.values.dtype.kind in "iuf"

    def histogram(self, chart: str) -> tuple[np.ndarray, np.ndarray]:
        """Rows and mean loss for each code of `chart` among what the other charts' brushes let through."""
        shown = self._crossfilter.histogram(chart)
        with np.errstate(divide="ignore", invalid="ignore"):
            return shown.rows, np.where(shown.measured > 0, shown.sums / shown.measured, np.nan)

    def brush(self, chart: str, codes: Iterable[int] | None) -> Predicate:
        """Let only rows with one of `codes` of `chart` through, None: all; only the charts follow, until `enter`.

        Returns
        -------
        Predicate
            The scope that these brushes make.

        Raises
        ------
        PredicateError
            If no conjunction says what is let through.
        """
        chosen = None if codes is None else frozenset(codes)
        where = ALL_ROWS if chosen is None else self._coding(chart).where(chosen)
        self._crossfilter.brush(chart, chosen)
        brushes = {name: kept for name, kept in self._brushes.items() if name != chart}
        if chosen is not None and where != ALL_ROWS:
            brushes[chart] = chosen
        self._brushes = brushes
        scope = self._base
        for name in self.charts:
            if name in brushes:
                scope &= self._coding(name).where(brushes[name])
        self._known[str(scope)] = (self._base, brushes)
        return scope

    def enter(self, scope: Predicate) -> None:
        """Search again inside `scope`; what was found stays where that is refused.

        Raises
        ------
        InputError
            If no row is in the scope, or the search is beyond its budget.
        PredicateError
            For a condition on a column that the rows lack.
        """
        self.show(self.search(scope))

    def search(self, scope: Predicate, tell: Tell | None = None) -> Scope:
        """What `enter` would find, for `show`; changes nothing, so that it may run beside whatever is shown.

        Parameters
        ----------
        tell
            Called with rows visited and rows to visit; raise from it to end the search.
        """
        inside = self._rows.mask(scope)
        found = self.whole if scope == ALL_ROWS else search_inside(self.whole, inside, scope, tell)
        return Scope(scope, found, inside)

    def show(self, entered: Scope | None = None) -> None:
        """Go to what `search` found; without it take the charts' brushes back to what is searched now."""
        if entered is not None:
            self.scope, self.found, self._inside = entered.where, entered.found, entered.inside
        base, brushes = self._known.get(str(self.scope)) or self._read(self.scope)
        if base != self._base:
            self._base = base
            self._follow_base()
        for chart in self.charts:
            self._crossfilter.brush(chart, brushes.get(chart))
        self._brushes = brushes

    def ranked(self, ranking: Ranking, least: float = 0.0, level: int | None = None) -> SliceResult:
        """What was found in the scope, ranked anew without a search: slices of `least` rows or more, up to `level` conditions."""
        cube, adjustment = narrowed(self.found, least, level)
        coded, rows = rows_of(self.found)
        codes = coded.codes[:, rows.current]
        table, chosen = distinct_slices(cube, codes, adjustment, ranking)
        if (known := self._ranges.get((str(self.scope), ranking.alpha))) is not None:
            table = table.join(known[~known.index.duplicated()], on="slice")
        slices = describe(cube, adjustment, *rank(cube, ranking.top, ranking.score, ranking.alpha))
        tables = {"slices": slices, "distinct": table, "tree": condition_tree(cube, chosen)}
        return replace(self.found, tables=tables, cube=cube, adjustment=adjustment)

    def sharpen(self, listed: SliceResult, alpha: float, tell: Tell | None = None) -> Sharper:
        """P by permutations, and exact ranges of the distinct slices `listed`, for `sharper`; changes nothing."""
        return sharpen(self.found, listed.tables["distinct"]["slice"].tolist(), alpha, tell)

    def sharper(self, sharper: Sharper, alpha: float) -> None:
        """Rank with what `sharpen` found from now on."""
        self.found = sharper.found
        if self.scope == ALL_ROWS:
            self.whole = sharper.found
        at = str(self.scope), alpha
        self._ranges[at] = pd.concat([sharper.ranges, *([self._ranges[at]] if at in self._ranges else [])])

    def lattice(self, where: str) -> list[dict[str, Any]]:
        """Every conjunction of a slice's conditions, all rows first: the positions of its ``conditions``, ``rows``, ``mean``."""
        cube = self.found.cube
        conditions = Predicate.parse(where).conditions
        if cube is None or not 1 <= len(conditions) <= cube.members.shape[1]:
            return []
        known = codes_of(cube)
        pairs = [known.get(str(condition)) for condition in conditions]
        now = side(cube, -1)
        nodes: list[dict[str, Any]] = [{"conditions": [], "rows": now.all_rows, "mean": now.overall}]
        for chosen in sorted(range(1, 1 << len(pairs)), key=lambda bits: (bits.bit_count(), bits)):
            places = [place for place in range(len(pairs)) if chosen >> place & 1]
            wanted = [pairs[place] for place in places]
            index = None if None in wanted else cube.find(sorted(wanted))  # type: ignore[arg-type]
            if index is not None:
                nodes.append({"conditions": places, "rows": float(now.rows[index]), "mean": float(now.mean[index])})
        return nodes

    def overlap(self, slices: Sequence[str]) -> np.ndarray:
        """The Jaccard similarity of each two of some slices' rows, shape (slices, slices)."""
        coded, rows = rows_of(self.found)
        masks = [self._rows_in(Predicate.parse(each), coded, rows) for each in slices]
        found = np.eye(len(masks))
        for one in range(len(masks)):
            for other in range(one):
                found[one, other] = found[other, one] = jaccard(masks[one], masks[other])
        return found

    def _rows_in(self, where: Predicate, coded: Coded, rows: Rows) -> np.ndarray:
        """Which rows of the scope are in a slice, by its codes where it is one of the cube."""
        place = None if self.found.cube is None else place_of(self.found.cube, where)
        inside = rows.mask(where) if place is None or self.found.cube is None else self.found.cube.mask(place, coded.codes)
        return np.asarray(inside & rows.current)

    def cross(self, one: str, other: str) -> tuple[np.ndarray, np.ndarray]:
        """Rows, and mean loss, of each pair of codes of two charts in the scope; shapes (codes of one, codes of other)."""
        widths = [len(self._coding(chart).conditions) for chart in (one, other)]
        which = self._inside & self._rows.current & ~np.isnan(self._rows.loss.values)
        codes = [self._coded.codes[self._at[chart], which] for chart in (one, other)]
        weights = None if self._rows.weights is None else self._rows.weights[which]
        rows, _, means = cross(codes[0], codes[1], widths, self._rows.loss.values[which], weights)
        return rows, means

    def cohort(self, where: Predicate) -> Cohort:
        """The current rows for which `where` holds, in the scope or not, that have a loss."""
        inside = self._rows.mask(where) & self._rows.current & ~np.isnan(self._rows.loss.values)
        loss = self._rows.loss.values[inside]
        counts = {chart: np.bincount(self._coded.codes[self._at[chart], inside], minlength=len(self._coding(chart).conditions))
                  for chart in self.charts}  # fmt: skip
        return Cohort(where, int(np.count_nonzero(inside)), float(loss.sum()), float((loss**2).sum()), counts)

    def contrast(self, one: Predicate, other: Predicate) -> dict[str, Any]:
        """Two cohorts: rows and mean loss of each, the difference, both with 95 % intervals, and what sets them apart.

        Returns
        -------
        dict
            ``sides``, ``difference`` [value, low, high] (None where a side is empty), ``apart``: per chart, the total variation
            distance of the two, the largest first. Rows that are in both count on both sides.
        """
        cohorts = [self.cohort(where) for where in (one, other)]
        sides = [{"where": str(each.where), "rows": each.rows, "mean": each.mean, "interval": self._interval(each)}
                 for each in cohorts]  # fmt: skip
        if not all(each.rows for each in cohorts):
            return {"sides": sides, "difference": None, "apart": []}
        a, b = cohorts
        low, high = (
            stats.newcombe(a.total, a.rows, b.total, b.rows)
            if self._is_share
            else stats.welch(a.rows, a.total, a.squares, b.rows, b.total, b.squares).interval
        )
        apart = sorted(
            ((float(stats.total_variation(a.counts[chart], b.counts[chart])), chart) for chart in self.charts), reverse=True
        )
        return {"sides": sides, "difference": [a.mean - b.mean, float(low), float(high)], "apart": [[c, d] for d, c in apart]}

    def _interval(self, cohort: Cohort) -> list[float]:
        if not cohort.rows:
            return [math.nan, math.nan]
        ends = (
            stats.wilson(cohort.total, cohort.rows)
            if self._is_share
            else stats.mean_interval(cohort.rows, cohort.total, cohort.squares)
        )
        return [float(end) for end in ends]

    @property
    def _is_share(self) -> bool:
        return self.whole.cube is not None and self.whole.cube.share

    @property
    def _crossfilter(self) -> Crossfilter:
        if self._filter is None:
            which = self._rows.mask(self._base) & self._rows.current
            columns = [self._at[chart] for chart in self.charts]
            codings = tuple(self._coded.codings[column] for column in columns)
            codes = np.ascontiguousarray(self._coded.codes[columns][:, which])
            self._filter = Crossfilter(Codes(codings, codes), loss=self._rows.loss.values[which])
        return self._filter

    def _follow_base(self) -> None:
        """Count the charts anew when they are next asked for."""
        if self._filter is not None:
            self._filter.close()
        self._filter = None

    def close(self) -> None:
        """End the charts' threads."""
        self._follow_base()

    def _coding(self, chart: str) -> Any:
        if chart not in self._at:
            raise UnknownNameError("chart", chart, self.charts)
        return self._coded.codings[self._at[chart]]

    def _read(self, scope: Predicate) -> tuple[Predicate, dict[str, frozenset[int]]]:
        """Which conditions of `scope` are brushes, and the rest of it."""
        base, brushes = ALL_ROWS, dict[str, frozenset[int]]()
        codes = {label: (chart, code) for chart in self.charts for code, label in enumerate(self.labels(chart))}
        for condition in scope.conditions:
            chart, code = codes.get(str(condition), ("", 0))
            if chart and chart not in brushes:
                brushes[chart] = frozenset((code,))
            else:
                base &= Predicate((condition,))
        return base, brushes


def _worst_first(result: SliceResult, names: Sequence[str]) -> list[str]:
    """The columns in the order in which the worst slices name them, then the others."""
    table = result.tables["distinct"]
    named = [column for text in table["slice"] for column in Predicate.parse(text).columns]
    return sorted(names, key=lambda name: named.index(name) if name in named else len(named))
