"""The slice cube: every conjunction of up to a few base conditions above the support, with what it holds in each window.

It is built once. Which slices are worst, under whatever score, is a question asked of it and no new search.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from workbench.analysis.slices.budget import VISITS, Meter
from workbench.analysis.slices.enumeration import Block, Enumeration, Tell
from workbench.analysis.slices.outcome import Outcome, Sums, pack_outcome
from workbench.data.encode import Coding
from workbench.errors import InputError, ParameterError
from workbench.predicate import ALL_ROWS, Predicate

DEEPEST = 4


@dataclass(frozen=True, eq=False)
class SliceCube:
    """All slices, in order of their number of conditions, then of their columns, then of their codes.

    Attributes
    ----------
    codings
        The columns, and what their codes mean.
    members
        Shape (slices, level), int16: positions in `codings`, ascending; -1 where a slice has fewer conditions.
    codes
        Shape (slices, level), uint8: the code of that column; 0 where there is no condition.
    held
        What each slice holds, arrays of shape (windows, measures, slices). The last window is the current one.
    totals
        The same over all rows, arrays of shape (windows, measures, 1).
    least
        The support: what each slice holds at least, of the first measure in the last window.
    measures
        Their names.
    share
        Whether every loss is 0 or 1 and all rows count alike: then a mean is a share of rows.
    signed
        Whether a loss is negative somewhere: then its average is no unit to measure in.
    effective
        What a weight is worth in independent rows, per window: sum of weights over sum of their squares (Kish 1965); 1 without.
    complete
        Whether every slice above the support is here; a pruned search keeps fewer.
    examined
        How many slices were counted, kept or not: what p-values are adjusted for.
    """

    codings: tuple[Coding, ...]
    members: np.ndarray
    codes: np.ndarray
    held: Sums
    totals: Sums
    least: float
    measures: tuple[str, ...]
    share: bool = True
    signed: bool = False
    effective: tuple[float, ...] = (1.0, 1.0)
    complete: bool = True
    examined: int = 0

    def __len__(self) -> int:
        return len(self.members)

    @property
    def windows(self) -> int:
        """One, or two with a reference window."""
        return len(self.held.counts)

    @property
    def counts(self) -> np.ndarray:
        """Rows the first measure is defined on, or their weight, shape (windows, slices)."""
        return self.held.counts[:, 0]

    @property
    def sums(self) -> np.ndarray:
        """Sum of the first measure, shape (windows, slices)."""
        return self.held.sums[:, 0]

    @property
    def squares(self) -> np.ndarray:
        """Sum of squares of the first measure, shape (windows, slices)."""
        return self.held.squares[:, 0]

    @property
    def maxima(self) -> np.ndarray:
        """Largest value of the first measure, shape (windows, slices)."""
        return self.held.maxima[:, 0]

    @functools.cached_property
    def levels(self) -> np.ndarray:
        """How many conditions each slice has, shape (slices,)."""
        return np.asarray(np.count_nonzero(self.members >= 0, axis=1))

    def conditions(self, index: int) -> tuple[tuple[int, int], ...]:
        """Position of the column and code of each condition of a slice."""
        pairs = zip(self.members[index].tolist(), self.codes[index].tolist(), strict=True)
        return tuple((member, code) for member, code in pairs if member >= 0)

    def where(self, index: int) -> Predicate:
        """The rows of a slice as a predicate."""
        found = ALL_ROWS
        for member, code in self.conditions(index):
            found = found & self.codings[member].conditions[code]
        return found

    def mask(self, index: int, codes: np.ndarray) -> np.ndarray:
        """Which rows are in a slice; `codes` of shape (columns, rows) by this cube's codings."""
        inside = np.ones(codes.shape[1], bool)
        for member, code in self.conditions(index):
            inside &= codes[member] == code
        return inside

    def parents(self, index: int) -> list[int]:
        """Indices of the slices with one condition less; each has the support because this one has."""
        conditions = self.conditions(index)
        shorter = [conditions[:number] + conditions[number + 1 :] for number in range(len(conditions))]
        return [found for parent in shorter if parent and (found := self.find(parent)) is not None]

    def find(self, conditions: Sequence[tuple[int, int]]) -> int | None:
        """Index of the slice with these (column, code) conditions, columns ascending; None where it lacks the support."""
        level = self.members.shape[1]
        if len(conditions) > level:
            return None
        hit = np.ones(len(self), bool)
        for place in range(level):
            member, code = conditions[place] if place < len(conditions) else (-1, 0)
            hit &= (self.members[:, place] == member) & (self.codes[:, place] == code)
        at = np.flatnonzero(hit)
        return int(at[0]) if len(at) else None


def build_cube(
    codes: np.ndarray,
    codings: Sequence[Coding],
    values: Sequence[np.ndarray],
    *,
    level: int,
    least: float,
    window: np.ndarray | None = None,
    weights: np.ndarray | None = None,
    measures: Sequence[str] = ("loss",),
    usable: np.ndarray | None = None,
    budget: int = VISITS,
    tell: Tell | None = None,
) -> SliceCube:
    """Count every slice above the support.

    Parameters
    ----------
    codes
        Shape (columns, rows), uint8, by `codings`.
    values
        One array of shape (rows,) per measure: the loss of each row, NaN where it is not defined.
    level
        Most conditions in a slice: 1 to 4.
    least
        Smallest support: rows (or weight) the first measure is defined on in the last window. At least one row is needed.
    window
        Shape (rows,): 0 for the reference window, 1 for the current one; None: one window.
    weights
        Shape (rows,), 0 or more; None: all rows count alike.
    usable
        Which codes are conditions, shape (columns, 256); None: all.
    budget
        Most rows to visit.
    tell
        Called with rows visited and rows to visit; raise from it to end the search.

    Raises
    ------
    InputError
        Where the search is beyond the budget, before it begins or once that shows.
    """
    check_level(level)
    codes, values, window, weights = defined_rows(codes, values, window, weights)
    outcome = pack_outcome(values, window, weights)
    usable, least = all_codes(codings) if usable is None else usable, max(least, smallest(weights))
    meter, sources = Meter(budget), sources_of(codings)
    search = Enumeration(codes, widths_of(codings), usable, outcome, least, level, meter, tell, sources)
    return assemble(search.run() if codes.size else [], codings, outcome, level, search.least, measures)


def check_level(level: int) -> None:
    """Refuse a level that no search has."""
    if level not in range(1, DEEPEST + 1):
        raise InputError("no search at this level", level, f"Give a level from 1 to {DEEPEST}.")


def smallest(weights: np.ndarray | None) -> float:
    """The least support there is: one row, or any weight above 0."""
    return 1.0 if weights is None else float(np.nextafter(0, 1))


def widths_of(codings: Sequence[Coding]) -> np.ndarray:
    """How many codes each column has."""
    return np.array([len(coding.conditions) for coding in codings], np.int64)


def sources_of(codings: Sequence[Coding]) -> np.ndarray:
    """For each coding the position of the first one of the same name: a text of many values is coded in several parts."""
    names = [coding.name for coding in codings]
    return np.array([names.index(name) for name in names], np.int64)


def all_codes(codings: Sequence[Coding]) -> np.ndarray:
    """Every code is a condition: shape (columns, 256)."""
    return np.arange(256)[None, :] < widths_of(codings)[:, None]


def defined_rows(
    codes: np.ndarray, values: Sequence[np.ndarray], window: np.ndarray | None, weights: np.ndarray | None
) -> tuple[np.ndarray, list[np.ndarray], np.ndarray | None, np.ndarray | None]:
    """The rows on which some measure is defined and that weigh anything."""
    columns = [np.asarray(column, float) for column in values]
    if any(column.shape != (codes.shape[1],) for column in columns):
        shapes = [column.shape for column in columns]
        raise ParameterError("losses and codes differ in rows", shapes, "Give one loss per row.")
    known = np.zeros(codes.shape[1], bool)
    for column in columns:
        known |= ~np.isnan(column)
    if weights is not None:
        known &= weights > 0
    if known.all():
        return np.ascontiguousarray(codes), columns, window, weights
    kept = [column[known] for column in columns]
    return codes[:, known], kept, window if window is None else window[known], weights if weights is None else weights[known]


def assemble(  # noqa: PLR0917
    blocks: Sequence[Block],
    codings: Sequence[Coding],
    outcome: Outcome,
    level: int,
    least: float,
    measures: Sequence[str],
    *,
    examined: int | None = None,
) -> SliceCube:
    """One cube from the blocks of a search; `examined` is how many slices a pruned one spoke of."""
    size = sum(len(block.codes) for block in blocks)
    members, codes = np.full((size, level), -1, np.int16), np.zeros((size, level), np.uint8)
    start = 0
    for block in blocks:
        stop, depth = start + len(block.codes), len(block.members)
        members[start:stop, :depth], codes[start:stop, :depth] = block.members, block.codes
        start = stop
    cells = np.vstack([block.cells for block in blocks]) if blocks else np.empty((0, outcome.groups * outcome.channels))
    return SliceCube(
        codings=tuple(codings),
        members=members,
        codes=codes,
        held=outcome.unpack(cells),
        totals=outcome.total(),
        least=least,
        measures=tuple(measures),
        share=outcome.values is None or (not outcome.weights.size and _all_shares(outcome.values)),
        signed=outcome.values is not None and bool(np.nanmin(outcome.values, initial=0.0) < 0),
        effective=_effective(outcome),
        complete=examined is None,
        examined=size if examined is None else examined,
    )


def _all_shares(values: np.ndarray) -> bool:
    return bool(((values == 0) | (values == 1) | np.isnan(values)).all())


def _effective(outcome: Outcome) -> tuple[float, ...]:
    if not outcome.weights.size:
        return (1.0,) * outcome.windows
    found = []
    for window in range(outcome.windows):
        weights = outcome.weights[outcome.group == window]
        found.append(float(weights.sum() / (weights**2).sum()) if weights.size else 1.0)
    return tuple(found)
