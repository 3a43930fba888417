"""Decisions of different models made comparable: as text, 1 = 1.0 = true, and as codes into one vocabulary."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Final

import numpy as np
import pandas as pd

MISSING: Final = -1
"""The code where nothing was decided."""
WHOLE_NUMBER: Final = re.compile("-?[1-9][0-9]{0,17}|0")


class Vocabulary:
    """Every decision met so far, in the order it was met; a decision's code is its place."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}

    @property
    def texts(self) -> list[str]:
        """The decisions as text."""
        return list(self._codes)

    def encode(self, decisions: Iterable[object]) -> np.ndarray:
        """The code of each decision, int32; `MISSING` for None and NaN."""
        values = decisions if isinstance(decisions, np.ndarray) else np.asarray(list(decisions), dtype=object)
        places, uniques = pd.factorize(values)
        texts = map(decision_text, uniques)
        codes = [MISSING if text is None else self._codes.setdefault(text, len(self._codes)) for text in texts]
        return np.append(np.asarray(codes, dtype=np.int32), np.int32(MISSING))[places]

    def values(self) -> list[object]:
        """The decisions as numbers where all of them are whole numbers of 64 bits, written plainly; else as text."""
        if all(WHOLE_NUMBER.fullmatch(text) for text in self._codes):
            return [int(text) for text in self._codes]
        return list(self._codes)


def decision_text(decision: object) -> str | None:
    """A decision as text: whole numbers without a point, true as 1, false as 0; None where there is none.

    Half a surrogate pair, which no file can hold, is escaped.
    """
    if decision is None or decision is pd.NA:
        return None
    if isinstance(decision, np.generic):
        decision = decision.item()
    if isinstance(decision, bool | int):
        return str(int(decision))
    if isinstance(decision, float):
        if math.isnan(decision):
            return None
        return str(int(decision)) if decision.is_integer() else repr(decision)
    return str(decision).encode(errors="backslashreplace").decode()


def decision_texts(decisions: np.ndarray) -> np.ndarray:
    """`decision_text` of each, as an array of objects."""
    places, uniques = pd.factorize(decisions)
    texts = np.asarray([*map(decision_text, uniques), None], dtype=object)
    return texts[places]
