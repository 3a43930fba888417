"""How much is gone, of how much, and how sure: against counts by hand and simulated logs whose truth is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.triage.repair.share import NOT_BORNE_OUT, NOT_GROWN, SURELY, Part, Tally, count_moves, help_score, share_undone

NOBODY = Part(0, 0.0)
SOUND = Part(5000, 500.0)


def tally(moved: list[list[int]], inside: Part, **more: object) -> Tally:
    given_parts: dict[str, object] = {"outside": Part(5000, 500.0), "inside_before": SOUND, "outside_before": SOUND, **more}
    return Tally(np.array(moved), int(np.sum(moved)), inside, **given_parts)  # type: ignore[arg-type]


@given(st.lists(st.tuples(st.sampled_from([0.0, 1.0, np.nan]), st.lists(st.sampled_from([0.0, 1.0]), min_size=3, max_size=3))))
def test_moves_are_counted_as_by_hand(rows: list[tuple[float, list[float]]]) -> None:
    before = np.array([row[0] for row in rows], dtype=float)
    after = np.array([row[1] for row in rows], dtype=float).reshape(len(rows), 3).T
    found = count_moves(before, after)
    for was in (0, 1):
        for times in range(4):
            assert found[was, times] == sum(row[0] == was and sum(row[1]) == times for row in rows)


def test_a_row_without_an_answer_in_every_draw_is_left_out() -> None:
    assert count_moves(np.array([1.0, 1.0]), np.array([[0.0, np.nan], [0.0, 0.0]])).sum() == 1


def test_what_is_gone_and_what_there_was_in_all() -> None:
    """1,000 rows with 300 errors where 100 were to be expected; the repair leaves 120."""
    found = share_undone(tally([[690, 10], [190, 110]], Part(1000, 300.0)))
    assert found.gone == 180
    assert found.total == pytest.approx(200)
    assert found.share == pytest.approx(0.9)
    assert found.interval is not None
    assert found.interval[0] < 0.9 < found.interval[1]


def test_rows_asked_stand_for_all_that_the_repair_changes() -> None:
    asked = Tally(np.array([[69, 1], [19, 11]]), 1000, Part(1000, 300.0), Part(5000, 500.0), SOUND, SOUND)
    assert share_undone(asked).gone == pytest.approx(180)


def test_harm_that_grew_elsewhere_is_part_of_the_whole() -> None:
    found = share_undone(tally([[690, 10], [190, 110]], Part(1000, 300.0), outside=Part(5000, 1300.0)))
    assert found.total == pytest.approx(200 + 800)
    assert found.share == pytest.approx(0.18)


def test_the_chance_of_other_rows_does_not_drown_the_harm_of_a_few() -> None:
    found = share_undone(tally([[690, 10], [190, 110]], Part(1000, 300.0), outside=Part(5000, 510.0)))
    assert found.total == pytest.approx(200)


def test_a_repair_that_harms_undoes_nothing() -> None:
    found = share_undone(tally([[600, 100], [0, 300]], Part(1000, 300.0)))
    assert (found.gone, found.share) == (-100, 0.0)
    assert found.interval == (0.0, 0.0)


def test_without_more_harm_than_before_there_is_no_share() -> None:
    found = share_undone(tally([[880, 10], [10, 100]], Part(1000, 110.0)))
    assert (found.share, found.interval, found.why) == (None, None, NOT_GROWN)


def test_what_a_draw_costs_by_itself_is_taken_off() -> None:
    """Of 1,000 rows of before a draw harms 50 more: of 1,000 rows that it leaves 170 of harmed, it would have left 120."""
    cost = np.array([[850, 50], [0, 100]])
    found = share_undone(tally([[660, 40], [170, 130]], Part(1000, 300.0), cost=cost))
    assert found.gone == pytest.approx(130 + 50)


def test_a_draw_of_a_sound_column_is_not_borne_out() -> None:
    """Where errors come from elsewhere, a draw harms sound rows and mends harmed ones as it does in rows of before."""
    cost = np.array([[855, 45], [40, 60]])
    sound = tally([[665, 35], [120, 180]], Part(1000, 300.0), cost=cost)
    broken = tally([[690, 10], [260, 40]], Part(1000, 300.0), cost=cost)
    assert help_score(sound) < SURELY < help_score(broken)
    assert share_undone(sound).why == NOT_BORNE_OUT


def test_rates_of_few_rows_are_those_of_all() -> None:
    few = share_undone(tally([[690, 10], [190, 110]], Part(1000, 300.0), inside_before=Part(5, 5.0)))
    assert few.total == pytest.approx(300 - 1000 * 505 / 5005)


def test_the_interval_covers_the_share_of_two_faults() -> None:
    """One fault harms 20 % more of 800 rows, another 10 % more of 2,000 others: its share of the harm that both made."""
    rng = np.random.default_rng(0)
    covered = 0
    for seed in range(100):
        base, other = rng.random(800) < 0.15, rng.random(2000) < 0.15
        harmed, both = base | (rng.random(800) < 0.2 / 0.85), other | (rng.random(2000) < 0.1 / 0.85)
        moved = count_moves(harmed.astype(float), base.astype(float)[None])
        before = (Part(n, float(rng.binomial(n, 0.15))) for n in (3000, 6000))
        interval = share_undone(Tally(moved, 800, Part.of(harmed * 1.0), Part.of(both * 1.0), *before), seed).interval
        made = harmed.sum() - base.sum()
        assert interval is not None
        covered += interval[0] <= made / (made + both.sum() - other.sum()) <= interval[1]
    assert 90 <= covered <= 99


def test_what_is_gone_without_chance_needs_no_growth_to_show() -> None:
    """20 errors go, none come, among 1,000 rows with as many errors as before: all that may be left bounds the share."""
    found = share_undone(tally([[840, 0], [20, 140]], Part(1000, 160.0), inside_before=Part(5000, 800.0)))
    assert found.share == 1.0
    assert found.interval is not None
    assert 0.5 < found.interval[0] < 1.0 == found.interval[1]


def test_as_many_better_as_worse_tell_nothing_and_more_rows_would() -> None:
    found = share_undone(tally([[860, 30], [40, 70]], Part(1000, 110.0)))
    assert found.share is None
    assert found.times is not None
    assert found.times == pytest.approx((1.96 / (9 / 70**0.5)) ** 2)
    assert share_undone(tally([[860, 40], [30, 70]], Part(1000, 110.0))).times is None


def test_where_a_repair_puts_back_in_part_the_rest_may_be_the_faults_too() -> None:
    moves, inside = [[690, 10], [100, 200]], Part(1000, 300.0)
    whole, part = (share_undone(tally(moves, inside, whole=flag)).interval for flag in (True, False))
    assert whole is not None
    assert part is not None
    assert whole[1] < 0.8
    assert part == (whole[0], 1.0)


COUNTS = st.integers(0, 300)


@given(st.lists(COUNTS, min_size=8, max_size=8), st.lists(COUNTS, min_size=8, max_size=8) | st.none(), COUNTS, COUNTS, COUNTS)
def test_a_share_lies_in_its_interval_and_both_between_nothing_and_all(
    moved: list[int], cost: list[int] | None, more: int, elsewhere: int, earlier: int
) -> None:
    moves = np.array(moved).reshape(2, 4)
    inside = Part(int(moves.sum()) + 500, float(moves[1].sum()) + more)
    parts = inside, Part(600, float(elsewhere)), Part(900, float(earlier)), Part(900, float(earlier))
    found = share_undone(Tally(moves, int(moves.sum()), *parts, None if cost is None else np.array(cost).reshape(2, 4)))
    assert (found.share is None) == (found.interval is None) == bool(found.why)
    if found.share is not None and found.interval is not None:
        assert 0 <= found.interval[0] <= found.share + 1e-9
        assert found.share <= found.interval[1] + 1e-9 <= 1 + 1e-6
