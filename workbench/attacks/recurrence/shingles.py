"""Near-duplicate texts: shingles, hashed, and the smallest of each of several orders of the hashes (MinHash).

The Jaccard similarity of two texts' sets of shingles is estimated by the share of `ORDERS` orders whose smallest shingle both
have (Broder 1997). Texts are compared after case, spacing and characters nobody sees are taken away.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

import numpy as np

LENGTH: Final = 5
"""Bytes of a shingle."""
ORDERS: Final = 32
BAND: Final = 4
"""Orders that have to agree for two texts to be held against each other: of similarity 0.6, 67 % are; of 0.8, 99 %."""
BLOCK: Final = 4_000_000
"""Bytes of text hashed at once."""
SPACES: Final = re.compile(r"\s+")
SEEDS: Final = np.arange(1, ORDERS + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)


def plain_text(text: object) -> str:
    """`text` in one case, with single spaces, without characters that nobody sees."""
    folded = unicodedata.normalize("NFKC", str(text)).casefold()
    if not folded.isascii():
        folded = "".join(letter for letter in folded if unicodedata.category(letter) not in ("Cf", "Mn"))
    return SPACES.sub(" ", folded).strip()


def sketch(texts: Iterable[str]) -> np.ndarray:
    """The smallest hash of each text's shingles in each order, uint64, shape (texts, orders); a short text is one shingle."""
    encoded = [text.encode().ljust(LENGTH) for text in texts]
    found = np.empty((len(encoded), ORDERS), dtype=np.uint64)
    start = 0
    while start < len(encoded):
        stop, size = start, 0
        while stop < len(encoded) and (stop == start or size + len(encoded[stop]) <= BLOCK):
            size += len(encoded[stop])
            stop += 1
        found[start:stop] = _smallest(encoded[start:stop])
        start = stop
    return found


def bands(sketches: np.ndarray) -> np.ndarray:
    """One key for each `BAND` orders of a sketch, uint64, shape (texts, bands): near texts share one of them, most often."""
    parts = sketches.reshape(len(sketches), -1, BAND)
    keys = np.zeros(parts.shape[:2], dtype=np.uint64)
    for number in range(BAND):
        keys = _mixed(keys ^ parts[:, :, number])
    return keys + np.arange(keys.shape[1], dtype=np.uint64)


def _smallest(encoded: list[bytes]) -> np.ndarray:
    """As `sketch`, of texts that fit into memory together."""
    lengths = np.array([len(text) for text in encoded])
    letters = np.frombuffer(b"".join(encoded), dtype=np.uint8).astype(np.uint64)
    hashes = np.zeros(len(letters) - LENGTH + 1, dtype=np.uint64)
    for number in range(LENGTH):
        hashes = hashes * np.uint64(257) + letters[number : len(letters) - LENGTH + 1 + number]
    starts = np.append(0, np.cumsum(lengths)[:-1])
    whole = _within(lengths, starts, len(hashes))
    firsts = np.append(0, np.cumsum(lengths - LENGTH + 1)[:-1])
    found = np.empty((len(encoded), ORDERS), dtype=np.uint64)
    for order in range(ORDERS):
        mixed = _mixed(hashes[whole] ^ SEEDS[order])
        found[:, order] = np.minimum.reduceat(mixed, firsts)
    return found


def _within(lengths: np.ndarray, starts: np.ndarray, size: int) -> np.ndarray:
    """Which shingles lie within one text."""
    marks = np.ones(size, dtype=bool)
    for back in range(1, LENGTH):
        over = starts[1:] - back
        marks[over[(over >= 0) & (over < size)]] = False
    return marks if len(lengths) else marks[:0]


def _mixed(values: np.ndarray) -> np.ndarray:
    """A hash of each number (the finaliser of MurmurHash3)."""
    values = values ^ (values >> np.uint64(33))
    values = values * np.uint64(0xFF51AFD7ED558CCD)
    values = values ^ (values >> np.uint64(33))
    values = values * np.uint64(0xC4CEB9FE1A85EC53)
    return np.asarray(values ^ (values >> np.uint64(33)))
