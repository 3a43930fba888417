"""A bound no attack can beat: randomised smoothing (Cohen, Rosenfeld & Kolter 2019, ICML), in numpy, the same bits for one seed.

What is certified is the *smoothed* model: the decision most common under Gaussian noise on the numeric columns, each in its own
scale (`Domain`), categories and immutable columns as they are. Within the certified Euclidean radius no change of those columns
alters that decision, with confidence 1 - `ALPHA` per row. It says nothing of the model without the noise, nor of categories.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from workbench.attacks.approval import Approval, require_approval
from workbench.attacks.constraints import Domain
from workbench.attacks.decisions import MISSING, Vocabulary
from workbench.errors import InputError
from workbench.models.target import Target

ALPHA: Final = 0.001
ROWS_AT_ONCE: Final = 65_536
CERTIFIES: Final = "the decision most common under Gaussian noise on the numeric columns, within a Euclidean radius in scales"


@dataclass(frozen=True, eq=False)
class Certificates:
    """Arrays of shape (rows,).

    Attributes
    ----------
    decision
        The smoothed model's decision as text; None where it abstains.
    radius
        Within it, in scales, the decision cannot be altered; 0 where it abstains.
    sigma, queries
        Standard deviation of the noise in scales; how often the target was asked per row.
    """

    decision: np.ndarray
    radius: np.ndarray
    sigma: float
    queries: int


def certify(
    target: Target,
    frame: pd.DataFrame,
    domain: Domain,
    *,
    sigma: float = 0.25,
    choose: int = 100,
    estimate: int = 1000,
    seed: int = 0,
    approval: Approval | None = None,
) -> Certificates:
    """Certify the smoothed decision of every row of `frame`.

    Parameters
    ----------
    sigma
        Noise in scales: more certifies larger radii of a vaguer model.
    choose, estimate
        Noisy copies per row that choose the decision, and others that bound its probability (Clopper-Pearson).

    Raises
    ------
    InputError
        If no column is numeric and mutable, or for a production target without approval.
    """
    require_approval([target], approval)
    movable = domain.numeric & domain.mutable
    if not movable.any():
        raise InputError("nothing to smooth", None, "Randomised smoothing needs a numeric column that can be moved.")
    vocabulary, matrix = Vocabulary(), domain.encode(frame)
    scale = np.where(movable, [column.scale for column in domain.columns], 0.0)
    noisy = choose + estimate
    at_once = max(1, ROWS_AT_ONCE // noisy)
    decision, radius = np.full(len(frame), None, dtype=object), np.zeros(len(frame))
    for first in range(0, len(frame), at_once):
        rows = np.arange(first, min(first + at_once, len(frame)))
        drawn = np.vstack([np.random.default_rng([seed, row]).normal(size=(noisy, len(scale))) for row in rows.tolist()])
        like = frame.iloc[np.repeat(rows, noisy)].reset_index(drop=True)
        moved = np.repeat(matrix[rows], noisy, axis=0) + drawn * scale * sigma
        answered = target.predict(_as_numbers(domain, moved, like))
        codes = vocabulary.encode(answered.decision).reshape(len(rows), noisy)
        for row, decided in zip(rows.tolist(), codes, strict=True):
            top, probability = _lower_bound(decided[:choose], decided[choose:])
            if top != MISSING and probability > 0.5:
                decision[row], radius[row] = vocabulary.texts[top], sigma * _normal_quantile(probability)
    return Certificates(decision, radius, sigma, noisy)


def _as_numbers(domain: Domain, matrix: np.ndarray, like: pd.DataFrame) -> pd.DataFrame:
    """As `Domain.decode`, but whole numbers are not rounded: the certificate is about the noise as it was drawn."""
    places = [place for place, column in enumerate(domain.columns) if column.kind != "category"]
    numbers = {domain.columns[place].name: matrix[:, place] for place in places}
    return like.assign(**numbers)[list(like.columns)]


def _lower_bound(chosen: np.ndarray, drawn: np.ndarray) -> tuple[int, float]:
    """The decision chosen, and a lower bound of its probability at confidence 1 - `ALPHA`."""
    from scipy.special import betaincinv

    present = chosen[chosen != MISSING]
    if not len(present):
        return MISSING, 0.0
    values, counts = np.unique(present, return_counts=True)
    top = int(values[counts.argmax()])
    hits = int((drawn == top).sum())
    return top, float(betaincinv(hits, len(drawn) - hits + 1, ALPHA)) if hits else 0.0


def _normal_quantile(probability: float) -> float:
    from scipy.special import ndtri

    return float(ndtri(probability))
