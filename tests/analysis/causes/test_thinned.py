"""Rows that stay away are told from other cases in as many rows, whatever the week brings."""

import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tests.analysis.causes.sound import ONSET, late, opened, sound_log
from workbench.analysis.causes.levels import Signal
from workbench.analysis.causes.root import Diagnosis
from workbench.analysis.causes.rows import TimedRows, timed_rows
from workbench.analysis.causes.scan import Hit
from workbench.analysis.causes.search import date_change
from workbench.analysis.causes.thinned import exposure, thinned
from workbench.predicate import ALL_ROWS


def told(frame: pd.DataFrame, column: str, value: str) -> Diagnosis | None:
    rows = timed_rows([opened(frame.reset_index(drop=True))])
    assert rows is not None
    held = (rows.frame[column] == value).to_numpy().astype(float)
    split = int(rows.block[late(rows.frame)][0])
    signal = Signal(f"share of {value}", 1, column, held, "share", "value")
    hit = Hit(signal, ALL_ROWS, np.ones(rows.size, dtype=bool), 90.0, split, 1e-9, 0.2, 0.1)
    return thinned(date_change(hit, rows), rows, column)


@pytest.mark.parametrize("share", [0.3, 0.8])
def test_rows_that_stay_away(share: float) -> None:
    frame, rng = sound_log(12_000), np.random.default_rng(0)
    gone = late(frame) & (frame["grade"] == "A").to_numpy() & (rng.random(len(frame)) < share)
    found = told(frame[~gone], "grade", "A")
    assert found is not None
    assert (found.cause, str(found.narrower)) == ("dropped rows", 'grade = "A"')
    assert found.effect == pytest.approx(-share, abs=0.06)


@pytest.mark.parametrize("share", [0.3, 0.8])
def test_others_that_come_instead_are_other_cases(share: float) -> None:
    frame, rng = sound_log(12_000), np.random.default_rng(0)
    common = (frame["grade"] == "A").to_numpy()
    keep = np.where(late(frame), np.where(common, 1 - share, 1.0), 1 - share * common.mean())
    assert told(frame[rng.random(len(frame)) < keep], "grade", "A") is None


def rhythmic() -> TimedRows:
    frame, rng = sound_log(12_000), np.random.default_rng(0)
    weekend = (frame["at"].dt.day_of_week >= 5).to_numpy()
    found = timed_rows([opened(frame[~weekend | (rng.random(len(frame)) < 0.3)].reset_index(drop=True))])
    assert found is not None
    return found


def test_what_is_to_be_expected_of_a_span_follows_the_week() -> None:
    """Rows per hour expected are the same from Monday to Friday as from Saturday to Sunday, though far fewer come then."""
    rows = rhythmic()
    weekend = pd.Timestamp("2026-02-21"), pd.Timestamp("2026-02-23")
    days = pd.date_range("2026-02-16", "2026-02-23").to_numpy(dtype="datetime64[us]")
    expected = np.array([exposure(rows, *pair) for pair in itertools.pairwise(days)])
    came = np.histogram(rows.times.astype(np.int64), days.astype(np.int64))[0]
    assert expected[-2:].mean() < 0.5 * expected[:5].mean()
    assert came.sum() == pytest.approx(expected.sum() * rows.size / exposure(rows, rows.times[0], rows.times[-1]), rel=0.1)
    whole = exposure(rows, *(np.datetime64(when) for when in weekend))
    assert whole == pytest.approx(expected[-2:].sum())


def test_of_a_log_of_some_days_the_hours_count() -> None:
    rows = rhythmic()
    few = replace(rows, times=rows.times[0] + (rows.times - rows.times[0]) // 8)
    start, stop = np.datetime64(ONSET) - np.timedelta64(50, "D"), np.datetime64(ONSET) - np.timedelta64(49, "D")
    assert exposure(few, start, stop) == pytest.approx(24)
