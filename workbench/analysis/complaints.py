"""From complaints to a cohort: what a handful of rows have in common that most others have not.

Every conjunction of up to three conditions that holds for at least two of them is looked at; of those that hold for the same
complaints the one with the fewest rows is kept, and a few of them that together hold for all are chosen.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from scipy import stats

from workbench.data.dataset import Dataset
from workbench.data.encode import BINS, Coding, fit_codings
from workbench.digest import Plain
from workbench.errors import InputError, UnknownNameError
from workbench.predicate import ALL_ROWS, Predicate
from workbench.result import SMALL_CELL, Result, provenance

DEEPEST: Final = 3
MOST_COMPLAINTS: Final = 200
LEAST_LIFT: Final = 2.0
PAIRS_SEARCHED: Final = 3_000
"""Up to so many candidates all pairs are tried for the cover; beyond, the best next one is taken each time."""

Tell = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Candidate:
    """A conjunction.

    Attributes
    ----------
    where
        Its rows.
    covered
        The complaints it holds for, bit i for the i-th.
    rows
        How many rows it holds for.
    hits
        How many of them were complained about.
    """

    where: Predicate
    covered: int
    rows: int
    hits: int


def find_cohort(
    dataset: Dataset,
    row_ids: Iterable[object],
    *,
    features: Sequence[str] | None = None,
    level: int = DEEPEST,
    bins: int = BINS,
    least_lift: float = LEAST_LIFT,
    top: int = 10,
    tell: Tell | None = None,
) -> Result:
    """The smallest conjunctions that hold for the rows complained about.

    Parameters
    ----------
    row_ids
        Values of the role ``row_id``, at most 200; compared as text.
    features
        Columns to form conditions from; None: the dataset's features.
    level
        Most conditions: 1 to 3.
    bins
        Quantile bins of a column with more distinct numbers than that.
    least_lift
        Only conjunctions that hold for a complaint at least so many times as often as for a row are listed.
    top
        How many to list.
    tell
        Called with the columns done and all columns, some times for each; raise from it to end the search.

    Returns
    -------
    Result
        Table ``predicates``, least p first: where, level, ``covered`` (complaints), rows, ``expected`` (rows complained about, if
        complaints fell anywhere), ``lift`` (share of the complaints over share of the rows; 1 = nothing in common), ``p`` (exact,
        hypergeometric, one-sided) and ``p_adjusted`` (Bonferroni over every conjunction of these conditions). Table ``cover``:
        the fewest of them that hold for as many complaints as all together, with the fewest rows; ``numbers["cover"]`` says
        whether that is proved (``exact``, up to two conjunctions) or the best next one was taken each time (``greedy``).
        ``numbers["uncovered"]`` complaints have nothing in common with any other. No id is in it.

    Raises
    ------
    RolesError
        Without the role ``row_id``.
    InputError
        For ids that no row has (lists them), none, or too many.
    """
    if not 1 <= level <= DEEPEST:
        raise InputError("no search at this level", level, f"Give a level from 1 to {DEEPEST}.")
    columns = tuple(features if features is not None else dataset.features)
    if absent := [column for column in columns if column not in dataset.columns]:
        raise UnknownNameError("column", absent[0], dataset.columns)
    complaint = _complaints(dataset, row_ids)
    count = int(complaint.max()) + 1
    codings = fit_codings(dataset.frame, columns, bins=bins, derive=True)
    codes = [coding.apply(dataset.frame[coding.column]) for coding in codings]
    found = list(_conjunctions(codings, codes, complaint, level, min(2, count), tell or (lambda _done, _steps: None)))
    table = _table(found, codes, complaint, level)
    table = table[table["lift"] >= least_lift].sort_values(["p", "rows", "level"], kind="stable")
    chosen, how = _cover([found[at] for at in table.index])
    cover = table.iloc[chosen]
    numbers: dict[str, Plain] = {"rows": dataset.rows, "complaints": count, "cover": how, "examined": len(found),
                                 "family": _family(codes, level),
                                 "uncovered": count - _union([found[at] for at in cover.index]).bit_count()}  # fmt: skip
    arguments = {"complaints": count, "features": columns, "level": level, "bins": bins, "least_lift": least_lift, "top": top,
                 "roles": dataset.given.said()}  # fmt: skip
    return Result(
        kind="complaints",
        title="What the complaints have in common",
        tables={"predicates": table.head(top).reset_index(drop=True), "cover": cover.reset_index(drop=True)},
        numbers=numbers,
        where=dataset.where,
        provenance=provenance(arguments, fingerprint=dataset.fingerprint),
    )


def _complaints(dataset: Dataset, row_ids: Iterable[object]) -> np.ndarray:
    """For each row the number of the complaint about it, -1 where there is none."""
    wanted = list(dict.fromkeys(map(str, row_ids)))
    if not 1 <= len(wanted) <= MOST_COMPLAINTS:
        raise InputError("this many complaints", len(wanted), f"Give 1 to {MOST_COMPLAINTS} row ids.")
    ids = dataset.role("row_id").astype(str)
    if absent := sorted(set(wanted) - set(ids)):
        raise InputError(f"no row has {len(absent)} of these ids", ", ".join(absent), "Check them, or the role row_id.")
    return ids.map({name: number for number, name in enumerate(wanted)}).fillna(-1).to_numpy(dtype=int)


def _conjunctions(  # noqa: PLR0917
    codings: Sequence[Coding], codes: Sequence[np.ndarray], complaint: np.ndarray, level: int, least: int, tell: Tell
) -> Iterator[Candidate]:
    """Every conjunction that holds for at least `least` complaints, without those that a shorter one says as well."""
    conditions = [_conditions(coding, row, complaint, least) for coding, row in zip(codings, codes, strict=True)]
    hit = np.packbits(complaint >= 0)
    column = 0

    def extend(start: Candidate, bits: np.ndarray, first: int, left: int) -> Iterator[Candidate]:
        nonlocal column
        for at in range(first, len(conditions)):
            column = at if left == level else column
            if left >= level - 1:
                tell(column, len(conditions))
            for condition, own, mask in conditions[at]:
                covered, inside = start.covered & own, mask & bits
                if covered.bit_count() < least or (size := _size(inside)) == start.rows:
                    continue
                longer = Candidate(start.where & condition, covered, size, _size(inside & hit))
                yield longer
                if left > 1:
                    yield from extend(longer, inside, at + 1, left - 1)

    everybody = Candidate(ALL_ROWS, -1, len(complaint), _size(hit))
    yield from extend(everybody, np.packbits(np.ones(len(complaint), dtype=bool)), 0, level)


def _conditions(coding: Coding, row: np.ndarray, complaint: np.ndarray, least: int) -> list[tuple[Predicate, int, np.ndarray]]:
    """The conditions on one column that hold for enough complaints: what they say, for which complaints, and for which rows."""
    about = np.flatnonzero(complaint >= 0)
    found = []
    for code in np.unique(row[about]).tolist():
        covered = 0
        for number in complaint[about[row[about] == code]].tolist():
            covered |= 1 << number
        if covered.bit_count() >= least:
            found.append((coding.conditions[code], covered, np.packbits(row == code)))
    return found


def _size(bits: np.ndarray) -> int:
    return int(np.bitwise_count(bits).sum(dtype=np.int64))


def _table(found: Sequence[Candidate], codes: Sequence[np.ndarray], complaint: np.ndarray, level: int) -> pd.DataFrame:
    """One row per set of complaints: the conjunction of fewest rows, then of fewest conditions; labels are places in `found`."""
    total, about = len(complaint), int((complaint >= 0).sum())
    best: dict[int, int] = {}
    for at, candidate in enumerate(found):
        other = best.get(candidate.covered)
        if other is None or _weight(candidate) < _weight(found[other]):
            best[candidate.covered] = at
    kept = [found[at] for at in best.values()]
    rows, hits = np.array([each.rows for each in kept], dtype=int), np.array([each.hits for each in kept], dtype=int)
    p = np.asarray(stats.hypergeom.sf(hits - 1, total, rows, about))
    return pd.DataFrame(
        {
            "where": [str(each.where) for each in kept],
            "level": [len(each.where.conditions) for each in kept],
            "covered": [each.covered.bit_count() for each in kept],
            "rows": rows,
            "expected": about * rows / total,
            "lift": (hits / about) / (rows / total),
            "p": p,
            "p_adjusted": np.minimum(1, p * _family(codes, level)),
            "suppressed": rows < SMALL_CELL,
        },
        index=list(best.values()),
    )


def _weight(candidate: Candidate) -> tuple[int, int]:
    return candidate.rows, len(candidate.where.conditions)


def _family(codes: Sequence[np.ndarray], level: int) -> int:
    """How many conjunctions of up to `level` conditions there are: what the p-values are adjusted for."""
    ways = [1] + [0] * level
    for row in codes:
        width = len(np.unique(row))
        for size in range(level, 0, -1):
            ways[size] += ways[size - 1] * width
    return sum(ways[1:])


def _union(candidates: Iterable[Candidate]) -> int:
    covered = 0
    for candidate in candidates:
        covered |= candidate.covered
    return covered


def _cover(candidates: Sequence[Candidate]) -> tuple[list[int], str]:
    """Places of the fewest candidates that hold for whatever any holds for, and whether that is proved."""
    wanted = _union(candidates)
    alone = [at for at, each in enumerate(candidates) if each.covered == wanted]
    if not candidates or alone:
        return ([min(alone, key=lambda at: candidates[at].rows)] if alone else []), "exact"
    if len(candidates) <= PAIRS_SEARCHED:
        pairs = [
            pair
            for pair in itertools.combinations(range(len(candidates)), 2)
            if candidates[pair[0]].covered | candidates[pair[1]].covered == wanted
        ]
        if pairs:
            return list(min(pairs, key=lambda pair: sum(candidates[at].rows for at in pair))), "exact"
    return _greedy(candidates, wanted), "greedy"


def _greedy(candidates: Sequence[Candidate], wanted: int) -> list[int]:
    chosen: list[int] = []
    while wanted:
        gains: list[tuple[Any, int]] = [
            ((-(each.covered & wanted).bit_count(), each.rows), at) for at, each in enumerate(candidates)
        ]
        best = min(gains)[1]
        chosen.append(best)
        wanted &= ~candidates[best].covered
    return chosen
