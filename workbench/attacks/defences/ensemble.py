"""Several models as one target: the decision of most, and none where no decision has more than half of the votes."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import pandas as pd

from workbench.attacks.decisions import MISSING, Vocabulary
from workbench.digest import digest
from workbench.errors import InputError
from workbench.models.target import Prediction, Target


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Members that vote; a member that abstains or fails has no vote, its place still counts.

    Attributes
    ----------
    members
        Two or more targets.
    quorum
        Share of all members that must agree: more than this. 0.5: a majority; nearer to 1, the ensemble abstains more.
    """

    members: tuple[Target, ...]
    quorum: float = 0.5
    name: str = "ensemble"

    def __post_init__(self) -> None:
        if len(self.members) < 2 or not 0.5 <= self.quorum < 1:
            do = "Give two or more members and a quorum of at least 0.5, below 1."
            raise InputError("an ensemble that cannot decide", (len(self.members), self.quorum), do)

    @functools.cached_property
    def digest(self) -> str:
        """Digest of the members and the quorum."""
        return digest([[member.digest for member in self.members], self.quorum])

    @property
    def version(self) -> str:
        """The first twelve digits of the digest."""
        return self.digest.removeprefix("sha256:")[:12]

    @property
    def production(self) -> bool:
        """Whether any member is."""
        return any(member.production for member in self.members)

    def predict(self, frame: pd.DataFrame) -> Prediction:
        """Ask every member; the score is the mean of those given."""
        answers = [member.predict(frame) for member in self.members]
        vocabulary = Vocabulary()
        votes = np.array([np.where(answered.decided, vocabulary.encode(answered.decision), MISSING) for answered in answers])
        counts = np.array([(votes == code).sum(axis=0) for code in range(max(1, len(vocabulary.texts)))])
        agreed = np.asarray(counts.max(axis=0) > self.quorum * len(self.members))
        decision, error = np.full(len(frame), None, dtype=object), answers[0].error.copy()
        for answered, voted in zip(answers, votes, strict=True):
            chosen = agreed & (voted == counts.argmax(axis=0))
            decision[chosen] = answered.decision[chosen]
        failed = np.all([[text is not None for text in answered.error] for answered in answers], axis=0)
        error[~failed] = None
        latency = np.sum([answered.latency for answered in answers], axis=0)
        return Prediction(decision, _mean_score(answers), latency, ~agreed & ~failed, error)


def _mean_score(answers: list[Prediction]) -> np.ndarray:
    scores = np.array([answered.score for answered in answers])
    known = ~np.isnan(scores)
    total, given = np.where(known, scores, 0.0).sum(axis=0), known.sum(axis=0)
    return np.where(given > 0, total / np.maximum(given, 1), np.nan)
