import numpy as np
import pandas as pd
import pytest
from baselines import kind_of

RNG = np.random.default_rng(0)
NUMBERS = pd.Series(RNG.normal(size=400))
TEXTS = pd.Series(RNG.choice(["a", "b", "c"], 400))


@pytest.mark.parametrize(
    ("before", "now", "kind"),
    [
        (NUMBERS, NUMBERS * 0.9, "drift"),
        (NUMBERS, NUMBERS + 3, "integrity"),
        (NUMBERS, NUMBERS.mask(NUMBERS > 1), "integrity"),
        (TEXTS, TEXTS.replace("a", "A"), "integrity"),
        (TEXTS, TEXTS.replace("a", "b"), "integrity"),
        (TEXTS, TEXTS[::-1], "drift"),
        (TEXTS, TEXTS.mask(TEXTS != "").astype(object), "integrity"),
    ],
    ids=["narrower", "out of range", "missing", "new value", "lost value", "same", "all missing"],
)
def test_the_simple_rule_tells_a_defect_from_a_drift(before: pd.Series, now: pd.Series, kind: str) -> None:
    assert kind_of(before, now) == kind
