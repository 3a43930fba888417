"""Given only the log, the first root is what was done to it, where and since when; and a sound log has none."""

import numpy as np
import pandas as pd
import pytest

from tests.analysis.causes.faults import EVERY
from tests.analysis.causes.sound import ONSET, START, late, rescored, sound_log, windows_of
from workbench.analysis.causes.find import find_causes


def roots_of(frame: pd.DataFrame, *, windows: bool = True):  # noqa: ANN201  of the analysis
    found = find_causes(windows_of(frame, windows=windows))
    assert found is not None
    return found


@pytest.mark.parametrize("name", EVERY)
def test_the_fault_is_the_first_harmful_root_with_its_day(name: str) -> None:
    fault, cause, column = EVERY[name]
    found = roots_of(fault(sound_log(), np.random.default_rng(1)), windows=name not in ("unit", "flipped"))
    harmful = [root for root in found.found if root.diagnosis.harmful]
    first = harmful[0]
    assert first.diagnosis.cause == cause
    named = {
        first.change.signal.column,
        first.diagnosis.column,
        *first.change.hit.where.columns,
        *first.diagnosis.narrower.columns,
    }
    assert not column or column in named
    assert abs(pd.Timestamp(first.change.onset) - ONSET) <= pd.Timedelta(days=2.5)


@pytest.mark.parametrize("windows", [True, False])
def test_nothing_is_found_where_nothing_was_done(*, windows: bool) -> None:
    assert [root.diagnosis.cause for root in roots_of(sound_log(seed=3), windows=windows).found] == []


def test_the_rows_are_those_that_were_broken() -> None:
    fault = EVERY["unit"][0]
    frame = fault(sound_log(), np.random.default_rng(1))
    found = roots_of(frame)
    told = found.found[0].change.affected
    done = late(found.rows.frame) & (found.rows.frame["source"] == "online").to_numpy()
    assert (told & done).sum() / (told | done).sum() > 0.9


def test_what_a_broken_column_does_to_scores_and_errors_is_folded_under_it() -> None:
    frame = EVERY["unit"][0](sound_log(), np.random.default_rng(1))
    first = roots_of(frame).found[0]
    assert {"error"} <= {change.signal.aspect for change in first.change.explains}


def test_two_faults_of_two_columns_are_two_roots() -> None:
    rng = np.random.default_rng(1)
    frame = EVERY["recoded"][0](EVERY["nulls"][0](sound_log(), rng), rng)
    causes = {root.diagnosis.cause for root in roots_of(frame).found}
    assert {"nulls", "recoded values"} <= causes


def test_other_cases_are_no_fault() -> None:
    """Twice as many old people, as many rows: age moves, and nothing that is decided or turns out given the columns does."""
    frame = sound_log(9000)
    rng = np.random.default_rng(2)
    keep = np.where(late(frame), np.where(frame["age"] > 50, 0.9, 0.45), 0.65)
    found = roots_of(frame[rng.random(len(frame)) < keep].reset_index(drop=True))
    assert found.found
    assert all(not root.diagnosis.harmful for root in found.found)


def test_a_weekly_rhythm_is_no_change() -> None:
    frame = sound_log(9000)
    rng = np.random.default_rng(2)
    weekend = frame["at"].dt.day_of_week >= 5
    keep = rng.random(len(frame)) < np.where(weekend & (frame["source"] == "branch"), 0.2, 0.9)
    assert [root.diagnosis.cause for root in roots_of(frame[keep].reset_index(drop=True)).found if root.diagnosis.harmful] == []


def test_a_spell_ends() -> None:
    frame = sound_log()
    start, end = START + pd.Timedelta(days=30), START + pd.Timedelta(days=45)
    hit = ((frame["at"] >= start) & (frame["at"] < end)).to_numpy() & (np.random.default_rng(4).random(len(frame)) < 0.7)
    first = roots_of(rescored(frame.assign(age=frame["age"].astype(float).mask(hit))), windows=False).found[0]
    assert first.diagnosis.cause == "nulls"
    assert first.change.end is not None
    assert abs(pd.Timestamp(first.change.end) - end) <= pd.Timedelta(days=2)


def test_a_log_of_one_moment_has_no_causes() -> None:
    assert find_causes(windows_of(sound_log(50).assign(at=START), windows=False)) is None


def test_a_column_broken_everywhere_turns_no_labels() -> None:
    found = roots_of(EVERY["exchanged"][0](sound_log(), np.random.default_rng(1))).found
    assert [root.diagnosis.cause for root in found if root.diagnosis.harmful] == ["recoded values"]


def test_a_threshold_moved_when_a_column_broke_is_a_cause_of_its_own() -> None:
    rng = np.random.default_rng(1)
    causes = [root.diagnosis.cause for root in roots_of(EVERY["threshold"][0](EVERY["recoded"][0](sound_log(), rng), rng)).found]
    assert {"recoded values", "moved threshold"} <= set(causes)


def test_rows_of_a_source_that_stay_away_are_dated_whatever_the_hour_brings() -> None:
    """Online rows come in the evening: within the day of the onset their share moves by itself."""
    frame = sound_log(9000, seed=5)
    gone = late(frame) & (frame["source"] == "online").to_numpy() & (np.random.default_rng(3).random(len(frame)) < 0.3)
    first = roots_of(frame[~gone].reset_index(drop=True)).found[0]
    assert first.diagnosis.cause == "dropped rows"
    assert first.change.identifiable
    assert abs(pd.Timestamp(first.change.onset) - ONSET) <= pd.Timedelta(days=2.5)


def test_a_clock_is_dated_to_the_day_and_not_to_its_midnight() -> None:
    frame, began = sound_log(), ONSET + pd.Timedelta(hours=15)
    hit = (frame["at"] >= began) & (frame["source"] == "branch")
    moved = frame.assign(at=frame["at"].mask(hit, frame["at"] + pd.Timedelta(hours=5)))
    first = roots_of(moved.sort_values("at", kind="stable").reset_index(drop=True)).found[0]
    assert first.diagnosis.cause == "shifted clock"
    assert pd.Timestamp(first.change.earliest) <= began <= pd.Timestamp(first.change.latest)


def test_the_row_whose_value_a_frozen_column_keeps_was_right() -> None:
    frame = sound_log()
    online = (frame["source"] == "online").to_numpy()
    last = int(np.flatnonzero(online & ~late(frame))[-1])
    held = np.where(late(frame) & online, frame["amount"][last], frame["amount"])
    found = roots_of(rescored(frame.assign(amount=held)))
    change = found.found[0].change
    origin = found.rows.frame["id"].to_numpy() == frame["id"][last]
    assert found.found[0].diagnosis.cause == "frozen column"
    assert not (change.affected & origin).any()
    assert pd.Timestamp(change.onset) > frame["at"][last]


def test_rows_that_are_alike_because_a_column_stands_still_are_no_repeats() -> None:
    frame = sound_log()
    rare = np.random.default_rng(0).random(len(frame)) < 0.02
    same = frame.assign(age=40, grade="A", amount=np.where(rare | late(frame), 700.0, frame["amount"]))
    causes = [root.diagnosis.cause for root in roots_of(rescored(same)).found]
    assert "frozen column" in causes
    assert "duplicated rows" not in causes


def test_sound_rows_that_no_longer_repeat_an_altered_one_are_no_second_cause() -> None:
    frame = sound_log()
    often = np.where(np.random.default_rng(0).random(len(frame)) < 0.6, 40, frame["age"])
    broken = late(frame) & (frame["source"] == "branch").to_numpy()
    found = roots_of(rescored(frame.assign(age=np.where(broken, often / 12, often))), windows=False).found
    assert [root.diagnosis.cause for root in found if root.change.signal.column == "age"] == ["unit error"]
