"""Labels that were turned are told from a world that changed, where hardly any label was likely too."""

from dataclasses import replace

import numpy as np
import pytest

from tests.analysis.causes.sound import late, opened, sound_log
from workbench.analysis.causes.levels import Signal
from workbench.analysis.causes.outcomes import outcome_cause
from workbench.analysis.causes.rows import timed_rows
from workbench.analysis.causes.scan import Hit
from workbench.analysis.causes.search import date_change
from workbench.predicate import ALL_ROWS


def odds_doubled(likely: np.ndarray) -> np.ndarray:
    return np.asarray(2 * likely / (1 + likely))


def turned(likely: np.ndarray) -> np.ndarray:
    return np.asarray(likely + 0.15 * (1 - 2 * likely))


@pytest.mark.parametrize(("became", "cause"), [(turned, "label flips"), (odds_doubled, "concept drift")])
def test_labels_of_which_none_was_likely(became, cause: str) -> None:  # noqa: ANN001  a function of this file
    rows = timed_rows([opened(sound_log(9000))])
    assert rows is not None
    rng = np.random.default_rng(0)
    likely = 0.02 + 0.43 * rng.random(rows.size)
    label = (rng.random(rows.size) < np.where(late(rows.frame), became(likely), likely)).astype(float)
    rows = replace(rows, outcomes={"label": label})
    signal = Signal("label", 4, "label", label - likely, "mean", "label")
    split = int(rows.block[late(rows.frame)][0])
    hit = Hit(signal, ALL_ROWS, np.ones(rows.size, dtype=bool), 90.0, split, 1e-9, 0.0, 0.1)
    assert outcome_cause(date_change(hit, rows), rows, {"label": signal.values})["cause"] == cause
