"""Near-duplicates of recorded inputs: digests for the exact ones, a tree for the near ones, MinHash for texts.

A row becomes a key, of its categories and of which numbers are missing, and a point, of its numbers in spreads. Only rows whose
key was recorded are compared at all. One tree holds every key, keys far apart from one another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from workbench.analysis.drift import column_kind
from workbench.attacks.recording import Recording
from workbench.attacks.recurrence.shingles import bands, plain_text, sketch
from workbench.data.dataset import Dataset
from workbench.data.encode import is_free_text

NEAR: Final = 0.1
"""Distance of the numbers, in spreads of the log, up to which inputs are near."""
ALIKE: Final = 0.6
"""Share of shingles, as MinHash estimates it, from which on texts are near."""
APART: Final = 1000.0
"""Distance between keys in the tree, in units of `NEAR`."""
SHORT: Final = 20
"""Characters on average below which a text is a category."""
MOST_VALUES: Final = 50
GOLDEN: Final = np.uint64(0x9E3779B97F4A7C15)
SAMPLE: Final = 20_000
"""Rows that spreads are taken from."""


@dataclass(frozen=True, eq=False)
class Index:
    """Recorded inputs, ready to be looked up.

    Attributes
    ----------
    columns
        What is compared.
    frame
        The recorded inputs, each once: first the attacks, then the harmless ones they were made from.
    inputs, harmless
        How many there are of each.
    texts
        The columns that are texts; where there are any, nothing else is compared.
    numbers
        Each number column and its spread.
    """

    columns: tuple[str, ...]
    frame: pd.DataFrame
    inputs: int
    harmless: int
    texts: tuple[str, ...]
    numbers: dict[str, float]

    @classmethod
    def of(cls, recording: Recording, windows: Sequence[Dataset], columns: Sequence[str]) -> Index:
        """The index of a recording; spreads are those of the log in `windows`, the earlier one first."""
        every = recording.select(np.arange(recording.rows))[list(columns)]
        hostile = _hostile(recording)
        attacks, harmless = (every[side].drop_duplicates() for side in (hostile, ~hostile))
        kept = pd.concat([attacks, harmless], ignore_index=True)
        texts = tuple(name for name in columns if _is_text(every[name]))
        log = windows[0].frame
        alike = [name for name in columns if name not in texts and _is_number(every[name]) and _is_number(log[name])]
        numbers = {name: spread(log[name].to_numpy(dtype=float, na_value=np.nan))[1] for name in alike} if not texts else {}
        return cls(texts or tuple(columns), kept, len(attacks), len(harmless), texts, numbers)

    @classmethod
    def over(cls, frame: pd.DataFrame, like: Index) -> Index:
        """An index of other inputs that compares as `like` does."""
        kept = frame[list(like.columns)].drop_duplicates().reset_index(drop=True)
        return cls(like.columns, kept, len(kept), 0, like.texts, like.numbers)


@dataclass(frozen=True, eq=False)
class Matches:
    """What each row of a log is nearest to.

    Attributes
    ----------
    nearest
        Shape (rows,): the place in the index, -1 where nothing is near.
    gap
        Shape (rows,): how far away it is; 0 for the very input.
    attacks
        How many of the places are attacks; the others are harmless.
    """

    nearest: np.ndarray
    gap: np.ndarray
    attacks: int

    @property
    def hits(self) -> np.ndarray:
        """Which rows are, or nearly are, a recorded attack."""
        return np.asarray((self.nearest >= 0) & (self.nearest < self.attacks))

    @property
    def exact(self) -> np.ndarray:
        """Which rows are the very input."""
        return np.asarray(self.hits & (self.gap == 0))

    def inputs(self, *, exact: bool) -> int:
        """How many attacks are the nearest of some row."""
        return len(np.unique(self.nearest[self.exact if exact else self.hits]))

    @property
    def harmless(self) -> int:
        """How many harmless inputs are the nearest of some other row: the very one may be the row that was recorded."""
        return len(np.unique(self.nearest[(self.nearest >= self.attacks) & (self.gap > 0)]))


def match_rows(index: Index, frame: pd.DataFrame) -> Matches:
    """Look up every row of `frame`."""
    if not index.inputs or not len(frame):
        return Matches(np.full(len(frame), -1), np.full(len(frame), np.inf), index.inputs)
    nearest, gap = _nearest_texts(index, frame) if index.texts else _nearest_rows(index, frame)
    return Matches(nearest, gap, index.inputs)


def spread(values: np.ndarray) -> tuple[float, float]:
    """The middle of a column and its spread: of the inner half, as for a normal one; else its standard deviation; else 1."""
    sample = values[:: len(values) // SAMPLE + 1]
    sample = sample[np.isfinite(sample)]
    if not len(sample):
        return 0.0, 1.0
    low, middle, high = np.quantile(sample, [0.25, 0.5, 0.75])
    return float(middle), float((high - low) / 1.349 or sample.std() or 1.0)


def _nearest_rows(index: Index, frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """The place of the nearest recorded input of each row, -1 where none is near, and the distance in spreads."""
    from scipy.spatial import cKDTree

    recorded_keys, keys = _keys(index, frame)
    known, place = np.unique(recorded_keys, return_inverse=True)
    at = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    candidates = np.flatnonzero(known[at] == keys)
    points, wanted = (_points(index, part) for part in (index.frame, frame.iloc[candidates]))
    nearest, gap = np.full(len(frame), -1, dtype=np.int64), np.full(len(frame), np.inf)
    exact = _exact(_digests(points, recorded_keys), _digests(wanted, keys[candidates]))
    same = exact >= 0
    nearest[candidates[same]], gap[candidates[same]] = exact[same], 0.0
    left = np.flatnonzero(~same)
    if index.numbers and len(left):
        tree = cKDTree(np.column_stack([points, place * APART * NEAR]), balanced_tree=False, compact_nodes=False)
        asked = np.column_stack([wanted[left], at[candidates[left]] * APART * NEAR])
        distance, found = tree.query(asked, distance_upper_bound=NEAR * (1 + 1e-9), workers=-1)
        near = found < len(points)
        rows = candidates[left[near]]
        nearest[rows], gap[rows] = _prefer_harmless(tree, asked[near], found[near], distance[near], index), distance[near]
    return nearest, gap


def _prefer_harmless(tree: Any, asked: np.ndarray, found: np.ndarray, distance: np.ndarray, index: Index) -> np.ndarray:
    """`found`, where an attack and a harmless input are equally near: the harmless one."""
    if not index.harmless or not len(asked):
        return found
    gaps, both = tree.query(asked, k=2, distance_upper_bound=NEAR * (1 + 1e-9))
    tied = (gaps[:, 1] <= distance) & (both[:, 1] < len(index.frame))
    return np.where(tied, np.maximum(found, both[:, 1]), found)


def _keys(index: Index, frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """A key per recorded input and per row: equal where every category is, and the same numbers are missing."""
    recorded, keys = np.zeros(len(index.frame), dtype=np.uint64), np.zeros(len(frame), dtype=np.uint64)
    for name in index.columns:
        if name in index.numbers:
            one, other = (part[name].isna().to_numpy(dtype=np.uint64) for part in (index.frame, frame))
        else:
            one, other = _codes(index.frame[name], frame[name])
        recorded, keys = (recorded ^ one) * GOLDEN + one, (keys ^ other) * GOLDEN + other
    return recorded, keys


def _codes(recorded: pd.Series[Any], values: pd.Series[Any]) -> tuple[np.ndarray, np.ndarray]:
    """Codes by the recorded values: from 1, missing 1 as well; 0 for a value that was not recorded."""
    if column_kind(recorded) in ("numbers", "booleans") and column_kind(values) in ("numbers", "booleans"):
        texts = [part.astype(float) for part in (recorded, values)]
        known = pd.Index(texts[0].dropna().unique())
        found = [known.get_indexer(pd.Index(part)) for part in texts]
    else:
        arrays = [pa.array(part.astype("str"), pa.large_string(), from_pandas=True) for part in (recorded, values)]
        known_texts = pc.unique(arrays[0]).drop_null()
        found = [np.asarray(pc.fill_null(pc.index_in(part, value_set=known_texts), -1)) for part in arrays]
    missing = [part.isna().to_numpy() for part in (recorded, values)]
    one, other = (np.where(none, 1, codes + 2 * (codes >= 0) + (codes < 0)) for none, codes in zip(missing, found, strict=True))
    return one.astype(np.uint64), other.astype(np.uint64)


def _points(index: Index, frame: pd.DataFrame) -> np.ndarray:
    """The numbers in spreads, missing as 0; shape (rows, numbers)."""
    columns = [frame[name].to_numpy(dtype=float, na_value=np.nan) / unit for name, unit in index.numbers.items()]
    if not columns:
        return np.zeros((len(frame), 0))
    points: np.ndarray = np.nan_to_num(np.column_stack(columns), posinf=1e12, neginf=-1e12)
    return points


def _digests(points: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """A number per row that is the same for the same key and numbers."""
    digests = keys.copy()
    for column in range(points.shape[1]):
        bits = np.ascontiguousarray(points[:, column] + 0.0).view(np.uint64)
        digests = (digests ^ (bits >> np.uint64(29)) ^ bits) * GOLDEN + bits
    return digests


def _exact(recorded: np.ndarray, digests: np.ndarray) -> np.ndarray:
    """The place of the recorded input of the same digest, the last where there are several (a harmless one); -1 for none."""
    order = np.argsort(recorded, kind="stable")
    at = np.searchsorted(recorded[order], digests, side="right") - 1
    same = (at >= 0) & (recorded[order][np.maximum(at, 0)] == digests)
    return np.where(same, order[np.maximum(at, 0)], -1)


def _nearest_texts(index: Index, frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """As `_nearest_rows`, of the texts; the distance is one less the estimated share of shingles."""
    recorded = [" ".join(map(plain_text, row)) for row in index.frame[list(index.texts)].itertuples(index=False)]
    codes, distinct = pd.factorize(_joined(frame, index.texts))
    texts = [plain_text(text) for text in distinct]
    sketches, asked = sketch(recorded), sketch(texts)
    best, similarity = np.full(len(texts), -1, dtype=np.int64), np.zeros(len(texts))
    keys, wanted = bands(sketches), bands(asked)
    for number in range(keys.shape[1]):
        order = np.argsort(keys[:, number], kind="stable")
        at = np.searchsorted(keys[order, number], wanted[:, number], side="right") - 1
        place = order[np.maximum(at, 0)]
        rows = np.flatnonzero((at >= 0) & (keys[place, number] == wanted[:, number]))
        share = (sketches[place[rows]] == asked[rows]).mean(axis=1)
        better = (share >= ALIKE) & (share >= similarity[rows])
        best[rows[better]], similarity[rows[better]] = place[rows[better]], share[better]
    same = {text: place for place, text in enumerate(recorded)}
    exact = np.array([same.get(text, -1) for text in texts], dtype=np.int64)
    nearest = np.where(exact >= 0, exact, best)
    gap = np.where(exact >= 0, 0.0, np.where(best >= 0, np.maximum(1 - similarity, 1e-9), np.inf))
    return nearest[codes], gap[codes]


def _joined(frame: pd.DataFrame, texts: Sequence[str]) -> pd.Series[Any]:
    joined = frame[texts[0]].astype("str").fillna("")
    for name in texts[1:]:
        joined = joined + " " + frame[name].astype("str").fillna("")
    return joined


def _hostile(recording: Recording) -> np.ndarray:
    """Which recorded inputs are attacks: those made from another one; all, where the recording does not say."""
    made = recording.row_columns("origin")["origin"].to_pandas().notna().to_numpy(dtype=bool)
    return made if made.any() else np.ones(recording.rows, dtype=bool)


def _is_text(series: pd.Series[Any]) -> bool:
    if column_kind(series) != "text":
        return False
    texts = series.dropna().astype("str")
    long = len(texts) > 0 and float(texts.str.len().mean()) >= SHORT
    return long and (len(texts) < MOST_VALUES or is_free_text(int(texts.nunique()), len(texts), MOST_VALUES))


def _is_number(series: pd.Series[Any]) -> bool:
    return column_kind(series) == "numbers"
