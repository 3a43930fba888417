"""ART's decision-based attacks as generators behind the recorder; needs ``pip install 'ml-incident-workbench[attacks]'``.

The Adversarial Robustness Toolbox knows nothing of what an input may be: what it finds is judged afterwards, raw and valid, like
anybody's (`judge_attack`). HopSkipJump and BoundaryAttack draw from ``numpy.random.RandomState()``, which nobody can seed from
outside, and from numpy's global generator (ART 1.20): while a row is attacked both are replaced by seeded ones, and given back
afterwards. Other threads that use numpy's global generator meanwhile would disturb it.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator, Sequence
from functools import partial
from importlib import import_module
from types import ModuleType
from typing import Any, Final

import numpy as np
import pandas as pd

from workbench.attacks.approval import Approval, require_approval
from workbench.attacks.constraints import Domain
from workbench.attacks.decisions import MISSING, Vocabulary
from workbench.attacks.evasion import Evasion, judge_attack
from workbench.errors import InputError, UnknownNameError
from workbench.models.target import Target

ATTACKS: Final = ("HopSkipJump", "BoundaryAttack")
INSTALL: Final = "Install it: pip install 'ml-incident-workbench[attacks]'."


def evade_with_art(
    target: Target,
    frame: pd.DataFrame,
    domain: Domain | None = None,
    *,
    attack: str = "HopSkipJump",
    away_from: Sequence[object] | np.ndarray | None = None,
    seed: int = 0,
    approval: Approval | None = None,
    **options: Any,
) -> Evasion:
    """Attack every row of `frame` with an attack of ART; the same seed gives the same bits.

    Parameters
    ----------
    domain
        What inputs may be; ART is told the ranges and (HopSkipJump) which columns cannot be moved, and knows nothing of
        directions, whole numbers, categories and relations. None: as `Domain.infer` reads it from `frame`.
    attack
        A word of `ATTACKS`.
    away_from
        The decision each row has to be moved away from; None: the target's own.
    approval
        Needed for a production target.
    options
        Of ART's attack, such as ``max_iter``, ``max_eval`` and ``init_eval``.

    Returns
    -------
    Evasion
        Its ``budget`` is the most that any row was asked: ART takes no budget.

    Raises
    ------
    InputError
        If ART is not installed, there is no row, a column has no range, or for a production target without approval.
    UnknownNameError
        For another attack; lists those there are.
    """
    require_approval([target], approval)
    if attack not in ATTACKS:
        raise UnknownNameError("attack of ART", attack, ATTACKS)
    if not len(frame):
        raise InputError("nothing to attack with", "0 rows", "Give rows.")
    frame = frame.reset_index(drop=True)
    domain = domain or Domain.infer(frame)
    start, ranges = domain.encode(frame), _ranges(domain)
    wanted = np.asarray(target.predict(frame).decision if away_from is None else away_from, dtype=object)
    asked = [_Asked(target, domain, frame.iloc[[row]], wanted[row]) for row in range(len(frame))]
    found = [
        _search(attack, one, start[row], ranges, domain.mutable, (seed, row), options) for row, one in enumerate(asked)
    ]  # fmt: skip
    best = np.where(domain.mutable, np.array(found), start)
    best = np.where(best.astype(np.float32) == start.astype(np.float32), start, best)
    adversarial = domain.decode(best, frame)
    judged = judge_attack(target, frame, adversarial, domain, wanted.tolist())
    changed = np.sum((best != start) & ~(np.isnan(best) & np.isnan(start)), axis=1)
    queries = np.array([one.rows for one in asked])
    return Evasion(
        frame, adversarial, judged.raw_success, judged.success, judged.cost, queries, changed, domain, seed, int(queries.max()),
        f"art.attacks.evasion.{attack}",
    )  # fmt: skip


@contextlib.contextmanager
def seeded(*seed: int) -> Iterator[None]:
    """Let numpy's global generator, and every ``RandomState()`` made meanwhile, draw as `seed` says."""
    make, state = np.random.RandomState, np.random.get_state()  # noqa: NPY002  they are what ART uses
    np.random.seed(np.random.SeedSequence(seed).generate_state(1)[0])  # noqa: NPY002
    np.random.RandomState = partial(make, np.random.SeedSequence(seed).generate_state(2)[1])  # type: ignore[misc,assignment]
    try:
        yield
    finally:
        np.random.RandomState = make  # type: ignore[misc]
        np.random.set_state(state)  # noqa: NPY002


class _Asked:
    """One row's target as ART asks it: class 0 is the decision to move away from, class 1 any other."""

    def __init__(self, target: Target, domain: Domain, like: pd.DataFrame, wanted: object) -> None:
        self.rows = 0
        self._target, self._domain, self._like, self._wanted = target, domain, like, wanted

    def classes(self, matrix: np.ndarray) -> np.ndarray:
        """One-hot classes, shape (rows, 2); no decision counts as not moved."""
        self.rows += len(matrix)
        like = self._like.iloc[np.zeros(len(matrix), dtype=int)].reset_index(drop=True)
        values = np.where(self._domain.numeric, matrix, np.round(matrix))
        answered = self._target.predict(self._domain.decode(values.astype(np.float64), like))
        vocabulary = Vocabulary()
        wanted = vocabulary.encode(np.asarray([self._wanted], dtype=object))[0]
        codes = np.where(answered.abstained.astype(bool), MISSING, vocabulary.encode(answered.decision))
        return np.asarray(np.eye(2)[((codes != wanted) & (codes != MISSING)).astype(int)])


def _search(  # noqa: PLR0917  the parts of one search
    attack: str, asked: _Asked, start: np.ndarray, ranges: tuple[np.ndarray, np.ndarray], mutable: np.ndarray,
    seed: tuple[int, ...], options: dict[str, Any],
) -> np.ndarray:  # fmt: skip
    """The input that ART ends at; NaN is sent as it is, in a column that is not moved."""
    attacks, estimators = _art()
    movable = mutable & ~np.isnan(start)
    classifier = estimators.BlackBoxClassifier(asked.classes, start.shape, 2, clip_values=ranges)
    masked = {"mask": movable.astype(np.float32)} if attack == "HopSkipJump" else {}
    with seeded(*seed):
        made = getattr(attacks, attack)(classifier, **{"targeted": False, "verbose": False} | options)
        found = made.generate(start[None], **masked)
    return np.asarray(np.where(movable, np.asarray(found[0], dtype=np.float64), start))


def _art() -> tuple[ModuleType, ModuleType]:
    """ART's attacks and estimators; that it finds no torch is not worth a word."""
    try:
        with warnings.catch_warnings(action="ignore"):
            return import_module("art.attacks.evasion"), import_module("art.estimators.classification")
    except ImportError as exc:
        raise InputError("ART is not installed", "adversarial-robustness-toolbox", INSTALL) from exc


def _ranges(domain: Domain) -> tuple[np.ndarray, np.ndarray]:
    ends = [(0, len(item.values) - 1) if item.kind == "category" else (item.low, item.high) for item in domain.columns]
    if open_ended := [item.name for item, pair in zip(domain.columns, ends, strict=True) if None in pair]:
        raise InputError("a column without a range, which ART needs", open_ended[0], "Give its low and high in the domain.")
    low, high = np.array(ends, dtype=np.float32).T
    return low, high
