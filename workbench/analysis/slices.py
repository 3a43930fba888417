"""Where is the model worse? Every slice of up to two base conditions above a support, counted exactly, and the worst of them.

A *slice* is a conjunction of base conditions (a code of `workbench.data.encode`). `slice_cube` counts all of them at once; which
are worst is a question asked of the cube, not a new search. With a reference window the cube counts both windows and the
question is where it *became* worse.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from workbench.analysis import stats
from workbench.analysis.drift import comparable_columns
from workbench.analysis.measures import default_loss, row_values
from workbench.data.dataset import Dataset
from workbench.data.encode import Coding, fit_codings
from workbench.errors import InputError, UnknownNameError
from workbench.predicate import ALL_ROWS, Predicate
from workbench.result import SMALL_CELL, Result, provenance

DEEPEST = 2
ALPHA = 0.95
"""Weight of a slice's loss against its size in SliceLine's score (Sagadeeva and Boehm, SIGMOD 2021, equation 1)."""
SMALL_AVERAGE = 0.01
"""An average loss of less than this share of its spread is no unit: losses of both signs cancel in it."""
OVERLAP = 0.5
"""Two slices whose rows have this Jaccard similarity or more tell one finding."""
CANDIDATES = 60
NORMAL_95 = 1.959963984540054
"""Half-width of a 95 % interval in standard errors; turns the joint half-width of two changes back into a p-value."""


@dataclass(frozen=True)
class Window:
    """One set of rows, coded: codes of shape (columns, rows), and the loss with the mask of rows it is defined on."""

    codes: np.ndarray
    values: np.ndarray
    among: np.ndarray

    @functools.cached_property
    def share(self) -> bool:
        """Whether the loss is 0 or 1 in every row it is defined on."""
        values = self.values[self.among]
        return bool(((values == 0) | (values == 1)).all())

    @functools.cached_property
    def total(self) -> tuple[float, float, float]:
        """Rows, sum and sum of squares of the loss."""
        values = self.values[self.among]
        return float(len(values)), float(values.sum()), float((values**2).sum())


def find_slices(
    dataset: Dataset,
    loss: str | None = None,
    *,
    level: int = DEEPEST,
    min_support: float = 0.01,
    top: int = 10,
    reference: Dataset | None = None,
    features: Sequence[str] | None = None,
) -> Result:
    """Count every slice and list the worst. Rows count alike: the role ``weight`` is not used.

    Parameters
    ----------
    dataset
        The rows to search.
    loss
        ``"error"``, a share (``"fpr"``) or a numeric column; higher is worse. None: what the roles allow.
    level
        Most base conditions in a slice: 1 or 2.
    min_support
        Smallest share of the rows (in [0, 1]) a slice must hold.
    top
        How many slices to list, no two of which overlap by `OVERLAP` or more.
    reference
        An earlier window; slices that became worse are then ranked by how much they did so beyond the rest.
    features
        Columns to form conditions from; None: the dataset's features.

    Returns
    -------
    Result
        Table ``slices``, worst first: where, level, rows, mean (the loss inside), rest (the loss outside), effect (their
        difference, or the change beyond the rest's change), its 95 % interval, score, excess (loss beyond the rest's level, in
        units of rows x loss), p, p_adjusted (Bonferroni over every slice counted). ``numbers``: ``counted`` is that number;
        ``overall`` and ``spread`` are mean and standard deviation of the loss over the ``measured`` rows it is defined on.
    """
    _check_arguments(level, min_support)
    loss = loss or default_loss(dataset)
    columns = tuple(features if features is not None else dataset.features)
    for column in columns:
        if column not in dataset.columns:
            raise UnknownNameError("column", column, dataset.columns)
    both = [dataset] if reference is None else [reference, dataset]
    searched = columns if reference is None else comparable_columns(dataset, reference, columns)
    codings = fit_codings(pd.concat([window.frame[list(searched)] for window in both], ignore_index=True), searched)
    windows = [code_window(window, codings, loss) for window in both]
    cube = slice_cube(windows, codings, level=level, min_support=min_support)
    table = _worst(cube, windows, codings, top)
    arguments = {"loss": loss, "level": level, "min_support": min_support, "top": top, "features": columns,
                 "reference": None if reference is None else str(reference.where), "roles": dataset.given.said()}  # fmt: skip
    return Result(
        kind="slices",
        title="Worst slices",
        tables={"slices": table},
        numbers={"counted": len(cube), "loss": loss, "rows": dataset.rows, **_overall(windows[-1])},
        where=dataset.where,
        provenance=provenance(arguments, fingerprint=dataset.fingerprint),
    )


def code_window(dataset: Dataset, codings: Sequence[Coding], loss: str) -> Window:
    """The rows of `dataset` as codes, with their loss."""
    values, among = row_values(dataset, loss)
    codes = np.empty((len(codings), len(values)), dtype=np.uint8)
    for number, coding in enumerate(codings):
        codes[number] = coding.apply(dataset.frame[coding.column])
    return Window(codes, values, among)


def slice_cube(windows: Sequence[Window], codings: Sequence[Coding], *, level: int, min_support: float) -> pd.DataFrame:
    """Every slice of up to `level` conditions with enough rows in the last window.

    Returns
    -------
    DataFrame
        ``first``, ``first_code``, ``second``, ``second_code`` (positions in `codings` and codes; -1 where there is no second
        condition), ``rows``, ``total`` and ``squares`` (rows the loss is defined on, its sum and its sum of squares) of the last
        window, and ``rows_before`` … of the one before.
    """
    least = max(1.0, min_support * windows[-1].total[0])
    compact = [_compact(window) for window in windows]
    parts: list[np.ndarray] = [_cells(compact, codings, members, least) for members in _members(len(codings), level)]
    parts = [part for part in parts if len(part)]
    names = ["first", "first_code", "second", "second_code", "rows", "total", "squares"]
    names += ["rows_before", "total_before", "squares_before"] if len(windows) > 1 else []
    return pd.DataFrame(np.vstack(parts) if parts else np.empty((0, len(names))), columns=names)


def _check_arguments(level: int, min_support: float) -> None:
    if not 1 <= level <= DEEPEST:
        raise InputError("no search at this level", level, f"Give a level from 1 to {DEEPEST}.")
    if not 0 <= min_support <= 1:
        raise InputError("support is a share of the rows", min_support, "Give a number from 0 to 1.")


def _compact(window: Window) -> Window:
    """Only the rows the loss is defined on."""
    return (
        window
        if window.among.all()
        else Window(window.codes[:, window.among], window.values[window.among], window.among[window.among])
    )


def _members(columns: int, level: int) -> Iterator[tuple[int, ...]]:
    for size in range(1, level + 1):
        yield from itertools.combinations(range(columns), size)


def _cells(windows: Sequence[Window], codings: Sequence[Coding], members: tuple[int, ...], least: float) -> np.ndarray:
    """Rows of the cube for the conditions on the columns `members`: shape (slices, 4 + 3 per window)."""
    widths = [len(codings[member].conditions) for member in members]
    sums = [_sums(window, members, widths) for window in reversed(windows)]
    keep = np.flatnonzero(sums[0][0] >= least)
    codes = np.unravel_index(keep, widths)
    place = np.full((4, len(keep)), -1.0)
    for number, member in enumerate(members):
        place[2 * number], place[2 * number + 1] = member, codes[number]
    return np.vstack([place, *(part[:, keep] for part in sums)]).T


def _sums(window: Window, members: tuple[int, ...], widths: list[int]) -> np.ndarray:
    """Rows, sum and sum of squares of the loss per cell, shape (3, cells)."""
    size, values = math.prod(widths), window.values
    key = window.codes[members[0]].astype(np.intp)
    for member, width in zip(members[1:], widths[1:], strict=True):
        key *= width
        key += window.codes[member]
    if window.share:  # one pass tells hits from misses
        key *= 2
        key += values.astype(bool)
        misses, hits = np.bincount(key, minlength=2 * size).reshape(size, 2).T
        return np.vstack([misses + hits, hits, hits])
    return np.vstack([np.bincount(key, weights=weights, minlength=size) for weights in (None, values, values**2)])


def _overall(window: Window) -> dict[str, Any]:
    """Mean and standard deviation of the loss over the rows it is defined on, and their number."""
    rows, total, squares = window.total
    mean = total / rows if rows else None
    spread = math.sqrt(max(0.0, squares / rows - (total / rows) ** 2)) if rows else None
    return {"overall": mean, "spread": spread, "measured": int(rows)}


def _worst(cube: pd.DataFrame, windows: Sequence[Window], codings: Sequence[Coding], top: int) -> pd.DataFrame:
    """The best-scored slices that are worse than the rest, one per set of rows."""
    scored = _score(cube, windows)
    worse = scored[(scored["effect"] > 0) & (scored["score"] > 0)]
    if len(windows) > 1:
        worse = worse[worse["mean"] > worse["mean_before"]]
    worse = worse.sort_values(["score", "second"], ascending=[False, True], kind="stable")
    kept = _distinct(worse.head(CANDIDATES), windows[-1], top)
    table = _test(worse.loc[kept], windows, len(cube))
    wheres = [_condition(row, codings) for row in table.itertuples()]
    table.insert(0, "where", [str(where) for where in wheres])
    table.insert(1, "level", [len(where.conditions) for where in wheres])
    table["suppressed"] = table["rows"] < SMALL_CELL
    table["rows"] = table["rows"].astype(int)
    columns = ["where", "level", "rows"]
    numbers = ["mean", "rest", "effect", "low", "high", "score", "excess", "p", "p_adjusted", "suppressed"]
    before = ["rows_before", "mean_before"] if len(windows) > 1 else []
    if before:
        table["rows_before"] = table["rows_before"].astype(int)
    return table[[*columns, *before, *numbers]].reset_index(drop=True)


def _score(cube: pd.DataFrame, windows: Sequence[Window]) -> pd.DataFrame:
    table = cube.copy()
    rows, total, squares = windows[-1].total
    with np.errstate(divide="ignore", invalid="ignore"):
        table["mean"] = table["total"] / table["rows"]
        table["rest"] = (total - table["total"]) / (rows - table["rows"])
        table["effect"] = table["mean"] - table["rest"]
        if len(windows) > 1:
            before, before_total, _ = windows[0].total
            table["mean_before"] = table["total_before"] / table["rows_before"]
            rest_before = (before_total - table["total_before"]) / (before - table["rows_before"])
            table["effect"] -= table["mean_before"] - rest_before
        table["score"] = ALPHA * table["effect"] / _unit(rows, total, squares) - (1 - ALPHA) * (rows / table["rows"] - 1)
    table["excess"] = table["effect"] * table["rows"]
    return table


def _unit(rows: float, total: float, squares: float) -> float:
    """What an effect is measured in for the score: the average loss, as in SliceLine; the spread where a loss can be negative."""
    if not rows:
        return math.nan
    average = total / rows
    spread = math.sqrt(max(0.0, squares / rows - average**2))
    return average if average > 0 and average >= spread * SMALL_AVERAGE else spread or 1.0


def _distinct(candidates: pd.DataFrame, window: Window, top: int) -> list[int]:
    """Labels of `candidates`, best first, of which no two share `OVERLAP` or more of their rows."""
    kept: list[tuple[int, np.ndarray, int]] = []
    row: Any
    for row in candidates.itertuples():
        mask = window.codes[int(row.first)] == int(row.first_code)
        if row.second >= 0:
            mask = mask & (window.codes[int(row.second)] == int(row.second_code))
        size = int(np.count_nonzero(mask))
        shared = [int(np.count_nonzero(mask & other)) for _, other, _ in kept]
        if all(common < OVERLAP * (size + others - common) for common, (_, _, others) in zip(shared, kept, strict=True)):
            kept.append((int(row.Index), mask, size))
        if len(kept) == top:
            break
    return [label for label, _, _ in kept]


def _test(table: pd.DataFrame, windows: Sequence[Window], counted: int) -> pd.DataFrame:
    """`table` with the 95 % interval of the effect, p and p_adjusted."""
    table = table.copy()
    share = all(window.share for window in windows)
    now = _sides(table, windows[-1], "")
    if len(windows) == 1:
        low, high, p = _against_rest(now, share=share)
    else:
        low, high, p = _against_before(now, _sides(table, windows[0], "_before"), share=share)
    table["low"], table["high"], table["p"] = low, high, p
    table["p_adjusted"] = np.minimum(1.0, table["p"] * counted)
    return table


def _sides(table: pd.DataFrame, window: Window, suffix: str) -> list[np.ndarray]:
    """Rows, sum, squares of the slice, then of the rest."""
    inside = [table[f"{name}{suffix}"].to_numpy(dtype=float) for name in ("rows", "total", "squares")]
    return [*inside, *(whole - part for whole, part in zip(window.total, inside, strict=True))]


def _against_rest(sides: list[np.ndarray], *, share: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    n, s, q, m, t, r = sides  # of the slice: rows, sum, sum of squares; then of the rest
    if share:
        low, high = stats.newcombe(s, n, t, m)
        return low, high, stats.two_proportions(s, n, t, m)
    _, p, (low, high) = stats.welch(n, s, q, m, t, r)
    return low, high, p


def _against_before(now: list[np.ndarray], before: list[np.ndarray], *, share: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A slice became worse only if it changed in itself and beyond the rest: the larger of the two p-values."""
    n, s, q, m, t, r = now
    n0, s0, q0, m0, t0, r0 = before
    if share:
        beyond = stats.difference_of_differences((s0, n0, t0, m0), (s, n, t, m))
        own = stats.two_proportions(s, n, s0, n0)
        return beyond.interval.low, beyond.interval.high, np.fmax(own, beyond.p)
    inside, outside = stats.welch(n, s, q, n0, s0, q0), stats.welch(m, t, r, m0, t0, r0)
    change = inside.difference - outside.difference
    half = np.hypot(*(side.interval.high - side.difference for side in (inside, outside)))
    with np.errstate(divide="ignore", invalid="ignore"):
        beyond = 2 * special.ndtr(-np.abs(change) / half * NORMAL_95)
    return change - half, change + half, np.fmax(inside.p, np.where(half > 0, beyond, 1.0))


def _condition(row: object, codings: Sequence[Coding]) -> Predicate:
    where = ALL_ROWS
    for member, code in (("first", "first_code"), ("second", "second_code")):
        if (number := int(getattr(row, member))) >= 0:
            where = where & codings[number].conditions[int(getattr(row, code))]
    return where
