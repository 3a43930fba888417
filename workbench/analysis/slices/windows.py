"""Which rows are searched: all, or those of a reference and a current window, with their features and losses side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from workbench.analysis.losses import Loss, outcome_columns, row_loss
from workbench.data.dataset import Dataset
from workbench.data.engine import read_source
from workbench.data.frames import frame_of
from workbench.errors import InputError
from workbench.predicate import ALL_ROWS, Predicate

Given = Predicate | str | Dataset | None
"""A window as it is given: a predicate, its text, or a dataset of its own."""


@dataclass(frozen=True)
class Rows:
    """What is searched.

    Attributes
    ----------
    frame
        The rows of both windows, the reference first where they come from two datasets.
    window
        Shape (rows,): 0 for the reference window, 1 for the current one; None: one window.
    loss
        Of each row.
    weights
        Of each row; None where all count alike.
    where, reference
        The current rows as a predicate, and the reference rows in words; None without them.
    """

    frame: pd.DataFrame
    window: np.ndarray | None
    loss: Loss
    weights: np.ndarray | None
    where: Predicate
    reference: str | None

    @property
    def size(self) -> int:
        """How many rows there are, of both windows."""
        return len(self.loss.values)

    @property
    def current(self) -> np.ndarray:
        """Which rows are in the current window."""
        return np.ones(self.size, bool) if self.window is None else self.window == 1

    def column(self, name: str) -> pd.Series[Any]:
        """One column of the rows."""
        return self.frame[name]

    def has(self, name: str) -> bool:
        """Whether there is such a column."""
        return name in self.frame

    def mask(self, where: Predicate) -> np.ndarray:
        """Which rows `where` holds for, shape (rows,)."""
        return where.mask(self.frame)

    def part(self, inside: np.ndarray, scope: Predicate) -> Rows:
        """The rows `inside`, which are those of `scope`."""
        return Rows(self.frame[inside], **self._shared(inside, scope))

    def _shared(self, inside: np.ndarray, scope: Predicate) -> dict[str, Any]:
        return {
            "window": None if self.window is None else self.window[inside],
            "loss": Loss(self.loss.name, self.loss.values[inside], self.loss.columns),
            "weights": None if self.weights is None else self.weights[inside],
            "where": self.where & scope,
            "reference": self.reference,
        }


class StreamedRows(Rows):
    """Rows of a file too large to be held: a column is read when it is asked for, and the frame only by who asks for it.

    Attributes
    ----------
    kept
        Which rows of the file these are, shape (rows of the file,); None: all.
    """

    dataset: Dataset
    kept: np.ndarray | None

    def __init__(self, dataset: Dataset, kept: np.ndarray | None = None, **held: Any) -> None:
        for name, value in (held | {"dataset": dataset, "kept": kept}).items():
            object.__setattr__(self, name, value)  # the class is frozen

    def __getattr__(self, name: str) -> Any:
        """The frame, read when it is first asked for."""
        if name != "frame":
            raise AttributeError(name)
        return self.dataset.frame if self.kept is None else self.dataset.frame[self.kept]

    def column(self, name: str) -> pd.Series[Any]:
        """One column, read for this and not kept."""
        return self._read((name,))[name]

    def has(self, name: str) -> bool:
        """Whether there is such a column."""
        return name in self.dataset.columns

    def mask(self, where: Predicate) -> np.ndarray:
        """Which rows `where` holds for; only its columns are read."""
        self.dataset.select(where)  # refuses what the file has not
        return where.mask(self._read(where.columns)) if where.columns else np.ones(self.size, bool)

    def part(self, inside: np.ndarray, scope: Predicate) -> Rows:
        """The rows `inside`, which are those of `scope`."""
        kept = inside if self.kept is None else np.isin(np.arange(len(self.kept)), np.flatnonzero(self.kept)[inside])
        return StreamedRows(self.dataset, kept, **self._shared(inside, scope))

    def _read(self, columns: tuple[str, ...]) -> pd.DataFrame:
        """Through a connection of its own: a search may run in a thread, and an engine refuses two queries at once."""
        frame = frame_of(read_source(self.dataset.source.name).table.select(*columns))
        return frame if self.kept is None else frame[self.kept]


def stream_rows(
    dataset: Dataset, loss: str, reference: Given, current: Given, *, cost: tuple[float, float], signed: bool
) -> StreamedRows | None:
    """The rows of the windows, of which only what they, the loss and the weight need is read.

    Returns
    -------
    StreamedRows or None
        None where the windows leave rows out, or one of them is a dataset: conditions are made of the rows that are searched.
    """
    before, now = _read(reference), _read(current)
    if isinstance(before, Dataset) or isinstance(now, Dataset) or (before is None and now is not None):
        return None
    needed = {*outcome_columns(dataset, loss), *(name for name in (dataset.roles.weight,) if name is not None)}
    known = needed <= set(dataset.columns)
    narrow = replace(dataset, table=dataset.table.select(*sorted(needed))) if known else dataset
    values = row_loss(narrow, loss, cost=cost, signed=signed)
    weights = narrow.weights if dataset.has("weight") else None
    rows = StreamedRows(dataset, window=None, loss=values, weights=weights, where=dataset.where, reference=None)
    if before is None:
        return rows
    inside, told = _masks(rows, before, now)
    if (inside < 0).any():
        return None
    where = dataset.where & (ALL_ROWS if now is None else now)
    return StreamedRows(
        dataset, window=inside.astype(np.uint8), loss=values, weights=weights, where=where, reference=told
    )  # fmt: skip


def choose_rows(
    dataset: Dataset, loss: Any, reference: Given, current: Given, *, cost: tuple[float, float], signed: bool
) -> Rows:
    """The rows of the windows.

    Parameters
    ----------
    reference
        The rows that were still good; None: one window.
    current
        The rows under suspicion; None: all rows, or all that are not in the reference.

    Raises
    ------
    InputError
        If a window is empty, or the two have a row in common.
    """
    before, now = _read(reference), _read(current)
    if isinstance(before, Dataset) or isinstance(now, Dataset):
        return _of_datasets(dataset, loss, before, now, cost=cost, signed=signed)
    values = row_loss(dataset, loss, cost=cost, signed=signed)
    weights = dataset.weights if dataset.has("weight") else None
    every = Rows(dataset.frame, None, values, weights, dataset.where, None)
    if before is None and now is None:
        return every
    inside, told = _masks(every, before, now)
    kept = inside >= 0
    window = None if before is None else inside[kept].astype(np.uint8)
    loss_kept = Loss(values.name, values.values[kept], values.columns)
    where = dataset.where & (ALL_ROWS if now is None else now)
    return Rows(dataset.frame[kept], window, loss_kept, None if weights is None else weights[kept], where, told)


def _read(given: Given) -> Predicate | Dataset | None:
    if isinstance(given, str):
        return Predicate.parse(given)
    if given is None or isinstance(given, Predicate | Dataset):
        return given
    raise InputError("no window", type(given).__name__, "Give a predicate, its text, or a dataset.")


def _masks(rows: Rows, before: Predicate | None, now: Predicate | None) -> tuple[np.ndarray, str | None]:
    """0 for the reference rows, 1 for the current ones, -1 for all others; and the reference in words."""
    earlier = np.zeros(rows.size, bool) if before is None else rows.mask(before)
    later = ~earlier if now is None else rows.mask(now)
    if shared := int(np.count_nonzero(earlier & later)):
        advice = "Choose windows without a row in common; the comparison would count those rows twice."
        raise InputError(f"the two windows share {shared} rows", f"{before} / {now}", advice)
    if before is not None:
        _require_rows("reference window", earlier, str(before))
    _require_rows("current window", later, "all rows that are not in the reference window" if now is None else str(now))
    return np.where(later, 1, np.where(earlier, 0, -1)), None if before is None else str(before)


def _require_rows(name: str, mask: np.ndarray, told: str) -> None:
    if not mask.any():
        raise InputError(f"the {name} is empty", told, "Choose a window that holds some rows.")


def _of_datasets(
    dataset: Dataset, loss: Any, before: Predicate | Dataset | None, now: Predicate | Dataset | None, *,
    cost: tuple[float, float], signed: bool,
) -> Rows:  # fmt: skip
    """Windows of which one at least is a dataset of its own."""
    if not isinstance(loss, str):
        advice = "Choose the windows by predicates, or put the loss into a column."
        raise InputError("an array of losses belongs to one dataset, and the windows are two", type(loss).__name__, advice)
    datasets = [part if isinstance(part, Dataset) else dataset.select(part or ALL_ROWS) for part in (before, now)]
    if before is None:
        datasets = datasets[1:]
    elif datasets[0].table is datasets[1].table:
        advice = "Choose windows without a row in common; the comparison would count those rows twice."
        raise InputError("the two windows are the same rows", str(datasets[0].where), advice)
    for name, part in zip(("current window", "reference window"), reversed(datasets), strict=False):
        _require_rows(name, np.ones(part.rows, bool), str(part.where))
    losses = [row_loss(part, loss, cost=cost, signed=signed) for part in datasets]
    weighted = any(part.has("weight") for part in datasets)
    shared = [column for column in datasets[-1].columns if all(column in part.columns for part in datasets)]
    return Rows(
        frame=pd.concat([part.frame[shared] for part in datasets], ignore_index=True),
        window=None if before is None else np.repeat([0, 1], [part.rows for part in datasets]).astype(np.uint8),
        loss=Loss(losses[-1].name, np.concatenate([part.values for part in losses]), losses[-1].columns),
        weights=np.concatenate([part.weights for part in datasets]) if weighted else None,
        where=datasets[-1].where,
        reference=None if before is None else str(datasets[0].where),
    )


def searched_columns(rows: Rows, features: Sequence[str]) -> tuple[str, ...]:
    """Those of `features` that both windows have and that hold values of one kind there."""
    if rows.window is None or isinstance(rows, StreamedRows):
        return tuple(features)
    return tuple(column for column in features if column in rows.frame and not _is_mixed(rows.frame[column], rows.window))


def _is_mixed(series: pd.Series[Any], window: np.ndarray | None) -> bool:
    """Whether two windows' values became one column of objects because they are of two kinds."""
    if window is None or series.dtype != object:
        return False
    kinds = [{type(value).__name__ for value in series[window == number].dropna().head(1000)} for number in (0, 1)]
    return bool(kinds[0] and kinds[1] and kinds[0] != kinds[1])
