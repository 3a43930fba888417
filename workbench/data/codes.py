"""From columns on disk to codes in memory, without the columns in between: a stream is read as often as its coding needs.

`read_codes` gives what `fit_codings` and `Coding.apply` give for the whole frame, quantiles exact, while it holds one batch of
one column per thread. How a kind of column is coded from a stream is said in ``coders.py``.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np

from workbench.data.chunks import Columns, stream_columns
from workbench.data.dataset import Dataset
from workbench.data.encode import BINS, CALENDAR, TOP_VALUES, Coding, check_sizes
from workbench.errors import UnknownNameError

THREADS: Final = 2


@dataclass(frozen=True, eq=False)
class Codes:
    """Rows as codes.

    Attributes
    ----------
    codings
        What each row of `values` codes.
    values
        uint8, shape (codings, rows).
    """

    codings: tuple[Coding, ...]
    values: np.ndarray


def read_codes(
    source: object,
    columns: Sequence[str] | None = None,
    *,
    bins: int = BINS,
    top: int = TOP_VALUES,
    derive: bool = True,
    threads: int = THREADS,
    progress: Callable[[int, int], None] | None = None,
) -> Codes:
    """Code `columns` of `source` batch by batch.

    Parameters
    ----------
    source
        A Dataset, a path or glob of parquet files, or any other source; parquet files are streamed from disk, anything else
        column by column through its engine.
    columns
        What to code; None: the features of a Dataset, else all columns.
    bins, top, derive
        As `workbench.data.encode.fit_codings` has them.
    threads
        Columns coded at once.
    progress
        Called with the number of columns done and of all, after each.

    Returns
    -------
    Codes
        Constant columns left out.

    Raises
    ------
    UnknownNameError
        If there is no such column; lists those there are.
    ParameterError
        If `bins` or `top` does not fit a code.
    """
    from workbench.data.coders import Job, code_column

    check_sizes(bins, top)
    found = stream_columns(source)
    wanted = _wanted(source, columns, found)
    widths = [len(CALENDAR) if derive and found.kinds[name] == "times" else 1 for name in wanted]
    ends = list(itertools.accumulate(widths, initial=0))
    codes = np.empty((ends[-1], found.rows), dtype=np.uint8)
    places = [codes[start:end] for start, end in itertools.pairwise(ends)]
    jobs = [Job(found, name, place, bins, top, derive) for name, place in zip(wanted, places, strict=True)]
    codings: list[Coding | None] = []
    with ThreadPoolExecutor(max(1, threads)) as pool:
        for done, part in enumerate(pool.map(code_column, jobs), 1):
            codings += part
            if progress is not None:
                progress(done, len(jobs))
    return _close_gaps(codings, codes)


def _wanted(source: object, columns: Sequence[str] | None, found: Columns) -> tuple[str, ...]:
    default = source.features if isinstance(source, Dataset) else tuple(found.kinds)
    wanted = default if columns is None else tuple(columns)
    for column in wanted:
        if column not in found.kinds:
            raise UnknownNameError("column", column, found.kinds)
    return wanted


def _close_gaps(codings: Sequence[Coding | None], codes: np.ndarray) -> Codes:
    """The rows of `codes` that have a coding, moved together in place: a copy would double the memory."""
    kept = [at for at, coding in enumerate(codings) if coding is not None]
    for to, at in enumerate(kept):
        if to != at:
            codes[to] = codes[at]
    return Codes(tuple(coding for coding in codings if coding is not None), codes[: len(kept)])
