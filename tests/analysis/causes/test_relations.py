"""At equal values of a column the label is as before where other cases arrive, and not where the column was altered.

A label that moved by itself tells nothing of the column.
"""

from dataclasses import replace

import numpy as np
import pytest

from tests.analysis.causes.sound import late, opened, sound_log
from workbench.analysis.causes.levels import Signal
from workbench.analysis.causes.relations import others_moved
from workbench.analysis.causes.rows import timed_rows
from workbench.analysis.causes.scan import Hit
from workbench.analysis.causes.search import date_change
from workbench.predicate import ALL_ROWS


@pytest.mark.parametrize("what", ["altered", "other cases", "broken label"])
def test_a_column_that_only_the_label_goes_with(what: str) -> None:
    frame, rng = sound_log(9000), np.random.default_rng(0)
    true = np.where(late(frame) & (what == "other cases"), rng.beta(2, 1, len(frame)), rng.random(len(frame)))
    frame["label"] = (rng.random(len(frame)) < true).astype(int)
    if what == "broken label":
        frame.loc[late(frame), "label"] = 1
    seen = np.where(late(frame) & (what == "altered"), np.clip(true + rng.normal(0, 0.4, len(frame)), 0, 1), true)
    found = timed_rows([opened(frame.assign(age=np.round(100 * seen)))])
    assert found is not None
    values = found.frame["age"].to_numpy() / 100
    split = int(found.block[late(found.frame)][0])
    hit = Hit(
        Signal("age", 1, "age", values, "mean", "level"), ALL_ROWS, np.ones(found.size, dtype=bool), 90.0, split, 1e-9, 0.5, 0.6
    )
    p = others_moved(date_change(hit, found), found, "age")
    assert p < 1e-6 if what == "altered" else p > 1e-3
    without = replace(found, outcomes={})
    assert others_moved(date_change(hit, without), without, "age") > 1e-3
