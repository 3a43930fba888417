"""How each kind of column is coded from a stream that can be read again: numbers, times, texts and truth values.

A quantile is found by counting the values into 2**20 buckets of neighbouring floats, then counting the distinct values of the
few buckets that hold one. What no stream can code in little memory (integers beyond 2**53, more than 100,000 texts that are to
keep values, a million distinct values in the buckets of the quantiles) is read as a whole column.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from workbench.data import passes
from workbench.data.chunks import Columns
from workbench.data.encode import (
    CALENDAR,
    EXACT_FLOATS,
    MOST_TEXTS,
    Coding,
    bin_coding,
    fit_codings,
    heavy_values,
    is_free_text,
    most_frequent,
    number_coding,
    quantile_ranks,
    value_coding,
)
from workbench.predicate.conditions import Function

BUCKETS: Final = 20
"""log2 of the buckets that values are counted into."""
CANDIDATES: Final = 1 << 20
"""Room for the distinct values of the buckets that hold a quantile; used up to half."""
TICKS_PER_HOUR: Final = {"s": 3600, "ms": 3_600_000, "us": 3_600_000_000, "ns": 3_600_000_000_000}
ALL_CODES: Final = 256
ABSENT: Final = np.iinfo(np.int64).min

Floats = Callable[[], Iterator[np.ndarray]]


class WholeColumnError(Exception):
    """A column that no stream codes in little memory; never seen outside this file."""


@dataclass(frozen=True, eq=False)
class Job:
    """One column to code, and where its codes go: `out`, uint8, shape (codings at most, rows)."""

    columns: Columns
    name: str
    out: np.ndarray
    bins: int
    top: int
    derive: bool

    def chunks(self, *, dictionary: bool = False) -> Iterator[pa.Array]:
        """The column, from its start."""
        return self.columns.open(self.name, dictionary)


def code_column(job: Job) -> list[Coding | None]:
    """Fill ``job.out``; the coding of each of its rows, None where there is nothing to code."""
    coders = {"numbers": _code_numbers, "true or false": _code_truth, "text": _code_texts, "times": _code_times}
    coder = coders.get(job.columns.kinds[job.name], _code_whole)
    try:
        return coder(job)
    except WholeColumnError:
        return _code_whole(job)


def _code_whole(job: Job) -> list[Coding | None]:
    series = job.columns.frame(job.name)
    codings = fit_codings(series.to_frame(), [job.name], bins=job.bins, top=job.top, derive=job.derive)
    for at, coding in enumerate(codings):
        job.out[at] = coding.apply(series)
    return [*codings, *[None] * (len(job.out) - len(codings))]


def _code_numbers(job: Job) -> list[Coding | None]:
    first = next(job.chunks(), None)
    kind = "f8" if first is None or not pa.types.is_integer(first.type) else "i8"

    def floats() -> Iterator[np.ndarray]:
        return map(_floats, job.chunks())

    return [_code_floats(job, floats, kind, None)]


def _code_lengths(job: Job) -> list[Coding | None]:
    def lengths() -> Iterator[np.ndarray]:
        return (_floats(pc.utf8_length(chunk)) for chunk in job.chunks())

    return [_code_floats(job, lengths, "i8", "length")]


def _floats(chunk: pa.Array) -> np.ndarray:
    """`chunk` as float64 of our own, NaN where missing."""
    if pa.types.is_integer(chunk.type):
        ends = pc.min_max(chunk)
        if any(abs(ends[end].as_py() or 0) >= EXACT_FLOATS for end in ("min", "max")):
            raise WholeColumnError
    values = chunk.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return np.require(values, dtype=np.float64, requirements=["C", "W"])


def _code_floats(job: Job, floats: Floats, kind: str, function: Function | None) -> Coding | None:
    known, absent = _few_distinct(job, floats)
    if known is None or not np.isfinite(known).all():
        quantiles, smallest = _quantiles(floats, job.bins)
        coding = bin_coding(job.name, quantiles, _next_above(floats, heavy_values(quantiles, smallest)), smallest, function)
        edges = np.ascontiguousarray(coding.edges, dtype=np.float64)
        for rows, values in _blocks(job.out[0], floats()):
            passes.code_bins(values, edges, rows)
        return coding
    if len(known) == 0 or (len(known) == 1 and not absent):
        return None
    order = np.argsort(known)
    table = np.zeros(ALL_CODES, dtype=np.uint8)
    table[order + 1] = np.arange(1, len(known) + 1)
    passes.recode(job.out[0], table)
    return number_coding(job.name, known[order].astype(kind), function)


def _few_distinct(job: Job, floats: Floats) -> tuple[np.ndarray | None, bool]:
    """The distinct values in the order of appearance, None where they are too many, and whether one is missing; codes them so."""
    known, slots, size = np.empty(job.bins), np.zeros(1024, dtype=np.int16), 0
    absent = False
    for rows, values in _blocks(job.out[0], floats()):
        size = passes.code_distinct(values, values.view(np.uint64), known, slots, size, rows)
        if size < 0:
            return None, absent
        absent = absent or not rows.all()
    return known[:size], absent


def _quantiles(floats: Floats, bins: int) -> tuple[np.ndarray, float]:
    """The quantiles between `bins` bins of the finite values, and the smallest value of all."""
    extent = np.array([np.inf, -np.inf, np.inf, -np.inf])
    finite = sum(passes.extend_extent(values, extent) for values in floats())
    ranks = quantile_ranks(finite, bins)
    if not finite or not len(ranks):
        return np.empty(0), float(extent[0])
    least, most = passes.keys_of((extent[2:] + 0.0).view(np.uint64))
    least -= np.uint64(extent[2] == 0)  # -0.0, just below 0.0
    shift = np.uint64(max(0, int(most - least).bit_length() - BUCKETS))
    counts = np.zeros((int(most - least) >> int(shift)) + 1, dtype=np.uint32 if finite < 2**32 else np.uint64)
    for values in floats():
        passes.count_buckets(values, values.view(np.uint64), least, shift, counts)
    upto = np.cumsum(counts, dtype=np.int64)
    buckets = np.searchsorted(upto, ranks, side="right")
    numbers, places = _candidates(floats, (least, shift), buckets, counts)
    before = np.where(buckets > 0, upto[buckets - 1], 0)
    return _pick(numbers, places, buckets, ranks - before), float(extent[0])


def _next_above(floats: Floats, heavy: np.ndarray) -> np.ndarray:
    """The next larger finite value of each of the values `heavy`, ascending; infinity where there is none."""
    found = np.full(len(heavy), np.inf)
    if len(heavy):
        for values in floats():
            passes.lower_next(values, heavy, found)
    return found


def _candidates(
    floats: Floats, scale: tuple[Any, Any], buckets: np.ndarray, counts: np.ndarray
) -> tuple[pd.Series[Any], np.ndarray]:
    """Rows per distinct value, ascending, of the values in some of the `buckets` that `counts` has, and the bucket of each."""
    wanted = np.zeros(len(counts), dtype=np.bool_)
    wanted[buckets] = True
    known, numbers, taken = np.empty(CANDIDATES), np.zeros(CANDIDATES, dtype=counts.dtype), 0
    for values in floats():
        taken = passes.count_candidates(values, values.view(np.uint64), *scale, wanted, known, numbers, taken)
        if taken < 0:
            raise WholeColumnError
    found = pd.Series(numbers[numbers > 0], index=known[numbers > 0]).sort_index()
    keys = passes.keys_of(found.index.to_numpy(dtype=np.float64).view(np.uint64))
    return found, ((keys - scale[0]) >> scale[1]).astype(np.intp)


def _pick(numbers: pd.Series[Any], places: np.ndarray, buckets: np.ndarray, ranks: np.ndarray) -> np.ndarray:
    """The value of each rank among the values of its bucket."""
    picked = []
    for bucket, rank in zip(buckets, ranks, strict=True):
        inside = numbers[places == bucket]
        picked.append(inside.index[np.searchsorted(np.cumsum(inside.to_numpy()), rank, side="right")])
    return np.array(picked, dtype=float)


def _code_truth(job: Job) -> list[Coding | None]:
    counts = np.zeros(3, dtype=np.int64)
    for rows, values in _blocks(job.out[0], (_truth_codes(chunk) for chunk in job.chunks())):
        rows[:] = values
        counts += np.bincount(values, minlength=3)
    held = pd.Series(counts[1:], index=[False, True])
    return [_code_values(job, held, absent=counts[0] > 0, provisional=True)]


def _truth_codes(chunk: pa.Array) -> np.ndarray:
    return np.asarray(pc.fill_null(chunk.cast(pa.int8()), -1).to_numpy(zero_copy_only=False) + 1)


def _code_texts(job: Job) -> list[Coding | None]:
    counts, fits = _count_texts(job)
    if counts is None:
        if not job.derive:
            raise WholeColumnError
        return _code_lengths(job)
    texts = counts.iloc[1:]
    if job.derive and is_free_text(len(texts), int(texts.sum()), job.top):
        return _code_lengths(job)
    return [_code_values(job, texts, absent=bool(counts.iloc[0]), provisional=fits)]


def _count_texts(job: Job) -> tuple[pd.Series[Any] | None, bool]:
    """Rows per text in the order of appearance, after those that are missing, and whether that order is in ``job.out`` already.

    None where there are too many texts.
    """
    places: dict[Any, int] = {None: 0}
    counts = np.zeros(1024, dtype=np.int64)
    for rows, chunk in _blocks(job.out[0], job.chunks(dictionary=True)):
        index, texts = _by_dictionary(chunk)
        table = np.array([places.setdefault(text, len(places)) for text in texts], dtype=np.intp)
        if len(places) > MOST_TEXTS + 1:
            return None, False
        if len(places) > len(counts):
            counts = np.concatenate([counts, np.zeros(len(places), dtype=np.int64)])
        np.add.at(counts, table, np.bincount(index, minlength=len(table)))
        if len(places) <= ALL_CODES:
            rows[:] = table[index]
    return pd.Series(counts[: len(places)], index=pd.Index(list(places), dtype=object)), len(places) <= ALL_CODES


def _by_dictionary(chunk: pa.Array) -> tuple[np.ndarray, list[Any]]:
    """For each row a position in a list of texts, whose first is None, and the list."""
    chunk = chunk if isinstance(chunk, pa.DictionaryArray) else chunk.dictionary_encode()
    index = pc.fill_null(chunk.indices.cast(pa.int32()), -1).to_numpy(zero_copy_only=False) + 1
    return index, [None, *chunk.dictionary.to_pylist()]


def _code_values(job: Job, counts: pd.Series[Any], *, absent: bool, provisional: bool) -> Coding | None:
    """The coding of values whose `counts` stand in the order of their places, from 1; codes them."""
    present = counts[counts > 0]
    if len(present) == 0 or (len(present) == 1 and not absent):
        return None
    kept = most_frequent(present.sort_values(ascending=False), job.top)
    coding = value_coding(job.name, pd.Index(kept), more=len(present) > job.top)
    table = np.full(len(counts) + 1, coding.other or 0, dtype=np.uint8)
    table[0] = 0
    places = {value: place for place, value in enumerate(counts.index, 1)}
    table[[places[value] for value in kept]] = np.arange(1, len(kept) + 1)
    if provisional:
        passes.recode(job.out[0], np.resize(table, ALL_CODES))
        return coding
    codes = dict(zip([None, *counts.index], table.tolist(), strict=True))
    for rows, chunk in _blocks(job.out[0], job.chunks(dictionary=True)):
        index, texts = _by_dictionary(chunk)
        rows[:] = np.array([codes[text] for text in texts], dtype=np.uint8)[index]
    return coding


def _code_times(job: Job) -> list[Coding | None]:
    if not job.derive:
        return [None]
    for rows, chunk in _blocks(job.out, job.chunks()):
        passes.code_calendar(*_ticks(chunk), ABSENT, rows)
    return [_code_part(job, at, function) for at, function in enumerate(CALENDAR)]


def _ticks(chunk: pa.Array) -> tuple[np.ndarray, int]:
    """Times as integers since 1970, and how many of them make an hour; `ABSENT` where missing."""
    if pa.types.is_date(chunk.type):
        chunk = chunk.cast(pa.timestamp("s"))
    ticks = pc.fill_null(chunk.cast(pa.int64()), ABSENT).to_numpy(zero_copy_only=False)
    return np.require(ticks, requirements=["C", "W"]), TICKS_PER_HOUR[chunk.type.unit]


def _code_part(job: Job, at: int, function: Function) -> Coding | None:
    """The coding of one calendar part, whose values plus 1 stand in ``job.out[at]``; codes it."""
    counts = np.zeros(ALL_CODES, dtype=np.int64)
    passes.count_codes(job.out[at], counts)
    held = np.flatnonzero(counts)
    present = held[held > 0]
    if len(present) == 0 or len(held) == 1:
        return None
    table = np.zeros(ALL_CODES, dtype=np.uint8)
    table[present] = np.arange(1, len(present) + 1)
    passes.recode(job.out[at], table)
    return number_coding(job.name, present - 1, function)


def _blocks(out: np.ndarray, parts: Iterator[Any]) -> Iterator[tuple[np.ndarray, Any]]:
    """Each of `parts` beside as many rows of `out`, whose last axis is rows."""
    start = 0
    for part in parts:
        yield out[..., start : start + len(part)], part
        start += len(part)
