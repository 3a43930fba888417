"""Votes, held against counting by hand."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.attacks.defences.ensemble import Ensemble
from workbench.errors import InputError
from workbench.models import Target, python_target

ROW = pd.DataFrame({"x": [0.0]})


def voter(vote: str | None, score: float = 0.5) -> Target:
    def decide(frame: pd.DataFrame) -> pd.DataFrame:
        if vote == "error":
            raise ValueError("down")
        return pd.DataFrame({"decision": [vote] * len(frame), "score": score})

    return python_target(decide, digest=f"sha256:{vote}")


@given(st.lists(st.sampled_from(["yes", "no", "maybe", None, "error"]), min_size=2, max_size=6), st.floats(0.5, 0.95))
def test_the_decision_of_more_than_the_quorum_or_none(votes: list[str | None], quorum: float) -> None:
    found = Ensemble(tuple(voter(vote) for vote in votes), quorum).predict(ROW)
    counted = Counter(vote for vote in votes if vote not in {None, "error"})
    winner = [vote for vote, count in counted.items() if count > quorum * len(votes)]
    assert found.decision.tolist() == (winner or [None])
    assert found.decided[0] == bool(winner)
    assert (found.error[0] is not None) == (set(votes) == {"error"})


def test_the_score_is_the_mean_of_those_given() -> None:
    found = Ensemble((voter("yes", 0.2), voter("yes", np.nan), voter("no", 0.6))).predict(ROW)
    assert found.score[0] == pytest.approx(0.4)


def test_it_is_another_model_with_other_members() -> None:
    one, two = Ensemble((voter("yes"), voter("no"))), Ensemble((voter("yes"), voter("maybe")))
    assert one.digest != two.digest
    assert not one.production
    assert len(one.version) == 12


def test_what_cannot_vote_is_refused() -> None:
    with pytest.raises(InputError, match="cannot decide"):
        Ensemble((voter("yes"),))
    with pytest.raises(InputError, match="cannot decide"):
        Ensemble((voter("yes"), voter("no")), 0.4)
