"""Faults put into data on purpose: what pipelines do to tables, one function per fault.

Each is ``fault(frame, columns, *, where, strength, rng) -> frame``: it returns a new frame and leaves the old one alone, changes
only the named columns of rows that `where` selects, and draws from `rng` alone. `strength` 0 changes nothing; 1 is all of it: the
share of the selected rows that is hit, unless the function says otherwise. Exactly the nearest whole number of rows is hit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

import numpy as np
import pandas as pd

from workbench.errors import InputError, UnknownNameError
from workbench.predicate import ALL_ROWS, Predicate


class Fault(Protocol):
    """A function of this file."""

    def __call__(
        self, frame: pd.DataFrame, columns: str | Sequence[str], *, where: Predicate, strength: float, rng: np.random.Generator
    ) -> pd.DataFrame:
        """The frame with the fault."""


def scale_units(
    frame: pd.DataFrame, columns: str | Sequence[str], *, where: Predicate = ALL_ROWS, strength: float,
    rng: np.random.Generator, factor: float = 1000.0,
) -> pd.DataFrame:  # fmt: skip
    """Numbers in another unit: multiplied by `factor`."""
    hit = _scattered(frame, where, strength, rng)
    return _with(frame, columns, lambda series: _replaced(series, hit, series[hit].astype(float) * factor))


def add_noise(
    frame: pd.DataFrame, columns: str | Sequence[str], *, where: Predicate = ALL_ROWS, strength: float, rng: np.random.Generator
) -> pd.DataFrame:
    """Normal noise of `strength` standard deviations of the column on every selected row; whole numbers stay whole."""
    hit = _selected(frame, where)
    require_strength(strength, most=np.inf)

    def noisy(series: pd.Series[Any]) -> pd.Series[Any]:
        moved = series[hit].astype(float) + strength * float(series.astype(float).std()) * rng.normal(size=int(hit.sum()))
        return _replaced(series, hit, moved.round() if pd.api.types.is_integer_dtype(series) else moved)

    return _with(frame, columns, noisy) if strength else frame.copy()


def null_burst(
    frame: pd.DataFrame, columns: str | Sequence[str], *, where: Predicate = ALL_ROWS, strength: float, rng: np.random.Generator
) -> pd.DataFrame:
    """Values missing in one unbroken run of the selected rows, in the order of the frame."""
    places = np.flatnonzero(_selected(frame, where))
    count = _count(len(places), strength)
    begin = int(rng.integers(0, len(places) - count + 1))
    hit = _mask(len(frame), places[begin : begin + count])
    return _with(frame, columns, lambda series: series.mask(hit))


def drop_values(
    frame: pd.DataFrame, columns: str | Sequence[str], *, where: Predicate = ALL_ROWS, strength: float, rng: np.random.Generator
) -> pd.DataFrame:
    """Values missing in rows scattered at random."""
    hit = _scattered(frame, where, strength, rng)
    return _with(frame, columns, lambda series: series.mask(hit))


def recode_categories(
    frame: pd.DataFrame, columns: str | Sequence[str], *, where: Predicate = ALL_ROWS, strength: float, rng: np.random.Generator
) -> pd.DataFrame:
    """Categories that changed places: `strength` of the values are passed round in a ring, in every selected row.

    A single value has no ring: nothing changes below two.
    """
    hit = _selected(frame, where)

    def recoded(series: pd.Series[Any]) -> pd.Series[Any]:
        values = _values(series)
        count = _count(len(values), strength)
        chosen = [values[place] for place in rng.permutation(len(values))[:count]]
        ring = dict(zip(chosen, [*chosen[1:], *chosen[:1]], strict=True)) if count > 1 else {}
        return _replaced(series, hit, series[hit].map(lambda value: ring.get(value, value)))

    return _with(frame, columns, recoded)


def merge_categories(
    frame: pd.DataFrame, columns: str | Sequence[str], *, where: Predicate = ALL_ROWS, strength: float, rng: np.random.Generator
) -> pd.DataFrame:
    """Categories no longer told apart: `strength` of the values become the most frequent one, in every selected row."""
    hit = _selected(frame, where)

    def merged(series: pd.Series[Any]) -> pd.Series[Any]:
        values = _values(series)
        if not values:
            return series
        into = series.value_counts().index[0]
        gone = {values[place] for place in rng.permutation(len(values))[: _count(len(values), strength)]}
        return _replaced(series, hit, series[hit].map(lambda value: into if value in gone else value))

    return _with(frame, columns, merged)


def garble(
    frame: pd.DataFrame, columns: str | Sequence[str], *, where: Predicate = ALL_ROWS, strength: float, rng: np.random.Generator
) -> pd.DataFrame:
    """Text read in the wrong encoding (UTF-8 as Latin-1); plain ASCII keeps the carriage return of a Windows file."""
    hit = _scattered(frame, where, strength, rng)

    def garbled(series: pd.Series[Any]) -> pd.Series[Any]:
        return _replaced(series, hit, series[hit].map(lambda text: text if pd.isna(text) else _misread(str(text))))

    return _with(frame, columns, garbled)


def freeze(
    frame: pd.DataFrame, columns: str | Sequence[str], *, where: Predicate = ALL_ROWS, strength: float, rng: np.random.Generator
) -> pd.DataFrame:
    """A feed that stopped: the last `strength` of the selected rows repeat the value before them (all of them: the first)."""
    del rng  # a feed stops at the end: nothing is drawn
    places = np.flatnonzero(_selected(frame, where))
    count = _count(len(places), strength)
    stopped = places[len(places) - count :]

    def frozen(series: pd.Series[Any]) -> pd.Series[Any]:
        result = series.copy()
        if count:
            result.iloc[stopped] = series.iloc[places[max(len(places) - count - 1, 0)]]
        return result

    return _with(frame, columns, frozen)


def shift_clock(
    frame: pd.DataFrame, columns: str | Sequence[str], *, where: Predicate = ALL_ROWS, strength: float,
    rng: np.random.Generator, hours: float = 5.0,
) -> pd.DataFrame:  # fmt: skip
    """Times off by `hours`, as after a wrong time zone."""
    hit = _scattered(frame, where, strength, rng)
    step = pd.Timedelta(hours=hours)
    return _with(frame, columns, lambda series: series.where(~hit, series + step))


def flip_labels(
    frame: pd.DataFrame, columns: str | Sequence[str], *, where: Predicate = ALL_ROWS, strength: float, rng: np.random.Generator
) -> pd.DataFrame:
    """Labels exchanged for another one that occurs."""
    hit = _scattered(frame, where, strength, rng)

    def flipped(series: pd.Series[Any]) -> pd.Series[Any]:
        values = _values(series)
        if len(values) < 2:
            return series
        others = {value: [other for other in values if other != value] for value in values}
        drawn = [
            value if value not in others else others[value][int(rng.integers(len(values) - 1))] for value in series[hit].tolist()
        ]
        return _replaced(series, hit, pd.Series(drawn, index=series.index[hit], dtype=object))

    return _with(frame, columns, flipped)


def delay_labels(
    frame: pd.DataFrame, columns: str | Sequence[str], *, where: Predicate = ALL_ROWS, strength: float, rng: np.random.Generator
) -> pd.DataFrame:
    """Labels that have not come yet: missing in the last `strength` of the selected rows."""
    del rng  # the latest are missing: nothing is drawn
    places = np.flatnonzero(_selected(frame, where))
    hit = _mask(len(frame), places[len(places) - _count(len(places), strength) :])
    return _with(frame, columns, lambda series: series.mask(hit))


def duplicate_rows(
    frame: pd.DataFrame, columns: str | Sequence[str] = (), *, where: Predicate = ALL_ROWS, strength: float,
    rng: np.random.Generator,
) -> pd.DataFrame:  # fmt: skip
    """Rows delivered twice, the second right after the first; `columns` is not used."""
    del columns
    hit = _scattered(frame, where, strength, rng)
    return frame.iloc[np.repeat(np.arange(len(frame)), np.where(hit, 2, 1))].reset_index(drop=True)


def drop_rows(
    frame: pd.DataFrame, columns: str | Sequence[str] = (), *, where: Predicate = ALL_ROWS, strength: float,
    rng: np.random.Generator,
) -> pd.DataFrame:  # fmt: skip
    """Rows of a segment that never arrive; `columns` is not used."""
    del columns
    return frame.loc[~_scattered(frame, where, strength, rng)].reset_index(drop=True)


FAULTS: Final[Mapping[str, Callable[..., pd.DataFrame]]] = {
    "unit error": scale_units, "noise": add_noise, "null burst": null_burst, "missing values": drop_values,
    "recoded categories": recode_categories, "merged categories": merge_categories, "wrong encoding": garble,
    "frozen feature": freeze, "shifted clock": shift_clock, "flipped labels": flip_labels, "late labels": delay_labels,
    "duplicated rows": duplicate_rows, "dropped rows": drop_rows,
}  # fmt: skip


def find_fault(name: str) -> Callable[..., pd.DataFrame]:
    """The function called `name`.

    Raises
    ------
    UnknownNameError
        Lists those there are.
    """
    if name not in FAULTS:
        raise UnknownNameError("fault", name, FAULTS)
    return FAULTS[name]


def require_strength(strength: float, most: float = 1.0) -> None:
    """Refuse a strength outside 0 to `most`."""
    if not 0 <= strength <= most:
        raise InputError("a strength out of range", strength, f"Give a number from 0 to {most:g}.")


def _with(frame: pd.DataFrame, columns: str | Sequence[str], change: Callable[[pd.Series[Any]], pd.Series[Any]]) -> pd.DataFrame:
    result = frame.copy()
    for name in [columns] if isinstance(columns, str) else columns:
        if name not in frame.columns:
            raise UnknownNameError("column", name, frame.columns)
        result[name] = change(frame[name])
    return result


def _replaced(series: pd.Series[Any], hit: np.ndarray, values: pd.Series[Any]) -> pd.Series[Any]:
    """`series` with `values` where it is hit; of its own type where that can hold them."""
    if not hit.any():
        return series.copy()
    mixed = series.astype(object)
    mixed.loc[hit] = values.astype(object)
    try:
        typed = mixed.astype(series.dtype)
    except (ValueError, TypeError, OverflowError):
        return mixed.infer_objects()
    kept = (typed.astype(object) == mixed) | (typed.isna() & mixed.isna())
    return typed if bool(kept.all()) else mixed.infer_objects()


def _selected(frame: pd.DataFrame, where: Predicate) -> np.ndarray:
    return np.asarray(where.mask(frame))


def _scattered(frame: pd.DataFrame, where: Predicate, strength: float, rng: np.random.Generator) -> np.ndarray:
    """`strength` of the selected rows, drawn."""
    places = np.flatnonzero(_selected(frame, where))
    return _mask(len(frame), rng.choice(places, _count(len(places), strength), replace=False) if len(places) else places)


def _count(among: int, strength: float) -> int:
    require_strength(strength)
    return round(among * strength)


def _mask(rows: int, places: np.ndarray) -> np.ndarray:
    mask = np.zeros(rows, dtype=bool)
    mask[places] = True
    return mask


def _values(series: pd.Series[Any]) -> list[Any]:
    return sorted(series.dropna().unique().tolist(), key=str)


def _misread(text: str) -> str:
    return text + "\r" if text.isascii() else text.encode().decode("latin-1")
