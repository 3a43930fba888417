"""Models trained to hold: adversarial and selective retraining, augmentation, regularisation, distillation, ensembles.

Each is a function of training rows and a supplied ``fit(features, labels)`` or ``fit(features, labels, sample_weight)``, and
gives a target. Regularisation and distillation here only re-weight rows, so they work with any learner whose ``fit`` takes
weights. What any of them is worth is for `workbench.attacks.defences.held_out` to say, on attacks they were not trained on.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from workbench.attacks.constraints import Domain
from workbench.attacks.decisions import decision_texts
from workbench.attacks.defences.ensemble import Ensemble
from workbench.attacks.evasion import Evasion, evade
from workbench.attacks.triple import BUDGET
from workbench.errors import InputError
from workbench.models.python import python_target
from workbench.models.target import Target

Fit = Callable[..., object]
"""From features, labels and, where it takes them, a weight per row to a fitted model."""
SMALLEST: Final = 1e-6
"""Soft labels are kept this far from 0 and 1, so that their logarithm exists."""


@dataclass(frozen=True, eq=False)
class Training:
    """What models are trained on.

    Attributes
    ----------
    fit
        Trains a model.
    frame, label
        The training rows and their labels, shape (rows,).
    domain
        What inputs may be; for attacks and noise.
    seed
        For attacks, noise and samples.
    """

    fit: Fit
    frame: pd.DataFrame
    label: np.ndarray
    domain: Domain
    seed: int = 0

    def __post_init__(self) -> None:
        if not len(self.frame) or len(self.frame) != len(self.label):
            raise InputError(
                "no rows to train on", f"{len(self.frame)} rows, {len(self.label)} labels", "Give one label per row."
            )

    def generator(self, *stream: int) -> np.random.Generator:
        """A generator of random numbers for one purpose."""
        return np.random.default_rng([self.seed, 70, *stream])

    def fitted(self, name: str, frame: pd.DataFrame, label: np.ndarray, weight: np.ndarray | None = None) -> Target:
        """The model fitted to these rows.

        Raises
        ------
        InputError
            If rows are weighted and ``fit`` takes no ``sample_weight``.
        """
        plain = pd.Series(np.asarray(label)).infer_objects().to_numpy()
        rows = frame.reset_index(drop=True)
        if weight is None:
            return python_target(self.fit(rows, plain), name=name)
        if "sample_weight" not in inspect.signature(self.fit).parameters:
            raise InputError("a fit that takes no weights", name, "Give one with a parameter `sample_weight`.")
        return python_target(self.fit(rows, plain, sample_weight=weight), name=name)


def train_plain(training: Training) -> Target:
    """The model as it is without any defence."""
    return training.fitted("plain", training.frame, training.label)


def train_adversarial(
    training: Training, *, rounds: int = 2, rows: int = 200, budget: int = BUDGET, copies: int = 3, selective: float = 1.0
) -> Target:
    """Retrain on attacks against the model itself, round by round (Kantchelian, Tygar & Joseph 2016, ICML, for trees).

    In each round `rows` training rows are attacked; each valid success joins the training rows `copies` times under the label of
    the row it was made from; the model is fitted anew.

    Parameters
    ----------
    selective
        Share of the successes of each round that join: the cheapest ones, so that training goes where the boundary is nearest. 1:
        all of them.

    Raises
    ------
    InputError
        For a number of rounds, rows or copies below 1, or a share outside (0, 1].
    """
    if min(rounds, rows, copies) < 1 or not 0 < selective <= 1:
        raise InputError("a retraining that trains nothing", (rounds, rows, copies, selective), "Give 1 or more, and a share.")
    name = "adversarial" if selective == 1 else "selective"
    frames, labels = [training.frame], [np.asarray(training.label, dtype=object)]
    model = train_plain(training)
    for number in range(rounds):
        chosen = training.generator(0, number).permutation(len(training.frame))[:rows]
        attack = attack_rows(model, training, chosen, budget, number)
        kept = _cheapest(attack, selective)
        frames += [attack.adversarial.iloc[kept]] * copies
        labels += [np.asarray(training.label, dtype=object)[chosen[kept]]] * copies
        model = training.fitted(name, pd.concat(frames, ignore_index=True), np.concatenate(labels))
    return model


def train_augmented(training: Training, *, sigma: float = 0.25, copies: int = 2) -> Target:
    """Train on the rows and on noisy copies: ``x + sigma * scale * N(0, 1)`` in the columns that can be moved, where valid."""
    domain, start = training.domain, training.domain.encode(training.frame)
    scales = np.where(domain.numeric & domain.mutable, [column.scale for column in domain.columns], 0.0)
    frames = [training.frame]
    for number in range(copies):
        moved = domain.project(start + training.generator(1, number).normal(size=start.shape) * scales * sigma, start)
        valid = domain.valid(moved, start)
        frames.append(domain.decode(np.where(valid[:, None], moved, start), training.frame.reset_index(drop=True)))
    return training.fitted("augmented", pd.concat(frames, ignore_index=True), np.tile(training.label, copies + 1))


def train_regularised(training: Training, *, smoothing: float = 0.1) -> Target:
    """Train on smoothed labels: weight ``1 - smoothing`` on each, the rest shared by the others (Szegedy et al. 2016, CVPR).

    Raises
    ------
    InputError
        For a smoothing outside (0, 0.5), fewer than two labels, or a ``fit`` that takes no weights.
    """
    values = _classes(training)
    if not 0 < smoothing < 0.5:
        raise InputError("a smoothing that is none", smoothing, "Give a share above 0 and below one half.")
    texts = decision_texts(np.asarray(training.label, dtype=object))
    shares = [np.where(texts == text, 1 - smoothing, smoothing / (len(values) - 1)) for text in values]
    return _soft_fitted("regularised", training, list(values.values()), shares)


def train_distilled(training: Training, *, temperature: float = 5.0) -> Target:
    """Train on what a teacher says, softened: ``sigmoid(logit(p) / temperature)`` (Papernot et al. 2016, IEEE S&P).

    The teacher of each half of the rows is fitted on the other half, so that it does not repeat labels it has seen. It is often
    no defence at all (Carlini & Wagner 2017): held-out attacks say.

    Raises
    ------
    InputError
        For other than two labels, a teacher without scores, a ``fit`` without weights, or a temperature of 0 or less.
    """
    values = list(_classes(training).values())
    if len(values) != 2 or temperature <= 0:
        raise InputError("nothing to distil", (values, temperature), "Give two labels and a temperature above 0.")
    half = training.generator(2).permutation(len(training.frame)) < len(training.frame) // 2
    chance = np.zeros(len(half))
    for taught in (half, ~half):
        teacher = training.fitted("teacher", training.frame[~taught], np.asarray(training.label)[~taught])
        chance[taught] = teacher.predict(training.frame[taught].reset_index(drop=True)).score
    if np.isnan(chance).any():
        raise InputError("a teacher without scores", "fit", "Give one whose model has predict_proba.")
    chance = np.clip(chance, SMALLEST, 1 - SMALLEST)
    soft = 1 / (1 + (chance / (1 - chance)) ** (-1 / temperature))
    return _soft_fitted("distilled", training, values, [1 - soft, soft])


def train_ensemble(training: Training, *, members: int = 3, columns: float = 0.6) -> Ensemble:
    """Members that each see a share of the columns and a bootstrap of the rows, and decide by majority (Ho 1998, IEEE TPAMI).

    Raises
    ------
    InputError
        For fewer than two members, or a share outside (0, 1].
    """
    if members < 2 or not 0 < columns <= 1:
        raise InputError("an ensemble that is none", (members, columns), "Give 2 or more members and a share of columns.")
    names = list(training.frame.columns)
    kept = max(1, round(columns * len(names)))
    found = []
    for number in range(members):
        chance = training.generator(3, number)
        seen = [names[place] for place in np.sort(chance.permutation(len(names))[:kept])]
        rows = chance.integers(0, len(training.frame), len(training.frame))
        part = training.frame.iloc[rows][seen].reset_index(drop=True)
        model = training.fit(part, pd.Series(np.asarray(training.label)[rows]).infer_objects().to_numpy())
        found.append(python_target(model, name=f"member {number + 1}", columns=seen))
    return Ensemble(tuple(found))


def attack_rows(model: Target, training: Training, rows: np.ndarray, budget: int, stream: int = 0) -> Evasion:
    """Attack training rows away from their labels."""
    frame = training.frame.iloc[rows].reset_index(drop=True)
    away = decision_texts(np.asarray(training.label, dtype=object)[rows])
    return evade(model, frame, training.domain, away_from=away, budget=budget, seed=training.seed + 100 + stream)


def _cheapest(attack: Evasion, share: float) -> np.ndarray:
    """Places of the successes that changed something, the cheapest `share` of them."""
    able = np.flatnonzero(attack.success & (attack.cost > 0))
    return np.sort(able[np.argsort(attack.cost[able], kind="stable")[: round(share * len(able))]])


def _classes(training: Training) -> dict[str, Any]:
    """From each label as text to the label, in order."""
    values = sorted(pd.Series(training.label).dropna().unique().tolist(), key=str)
    if len(values) < 2:
        raise InputError("one label only", values, "Give rows with two or more.")
    return dict(zip(decision_texts(np.asarray(values, dtype=object)).tolist(), values, strict=True))


def _soft_fitted(name: str, training: Training, values: Sequence[Any], shares: Sequence[np.ndarray]) -> Target:
    """The model fitted to every row once per label, weighted by that label's share."""
    frame = pd.concat([training.frame] * len(values), ignore_index=True)
    label = np.concatenate([np.full(len(training.frame), value, dtype=object) for value in values])
    return training.fitted(name, frame, label, np.concatenate(list(shares)))
