"""Of a change everywhere not its sharpest part is told, and of two columns that changed together the one that was altered."""

from dataclasses import replace

import numpy as np
import pytest

from tests.analysis.causes.sound import late, opened, sound_log
from workbench.analysis.causes.levels import Signal
from workbench.analysis.causes.precedence import altered_first, frozen_first, widest_first
from workbench.analysis.causes.root import Dated
from workbench.analysis.causes.rows import TimedRows, timed_rows
from workbench.analysis.causes.scan import Hit
from workbench.analysis.causes.search import date_change
from workbench.predicate import ALL_ROWS, Predicate

ONLINE = Predicate.parse('source = "online"')


@pytest.fixture(scope="module")
def rows() -> TimedRows:
    found = timed_rows([opened(sound_log(4000))])
    assert found is not None
    return found


def moved(
    rows: TimedRows, where: Predicate, seen: Predicate, by: float, *, aspect: str = "level", column: str = "amount"
) -> Dated:
    """A change of the rows `where`, as it is seen in the rows `seen`."""
    values = np.random.default_rng(0).normal(0, 1, rows.size) + by * (late(rows.frame) & where.mask(rows.frame))
    split = int(rows.block[late(rows.frame)][0])
    signal = Signal(f"{aspect} of {column}", 1, column, values, "mean", aspect)
    return date_change(Hit(signal, seen, seen.mask(rows.frame), 100.0, split, 1e-9, 0.0, by, seen.columns), rows)


def test_a_wider_change_comes_first_where_it_is_at_work_outside_the_clearest_too(rows: TimedRows) -> None:
    sharp, wide = moved(rows, ONLINE, ONLINE, 5.0, aspect="spread"), moved(rows, ALL_ROWS, ALL_ROWS, 0.8)
    assert widest_first([sharp, wide], rows) == [wide, sharp]


def test_one_that_is_seen_everywhere_because_of_a_part_does_not(rows: TimedRows) -> None:
    sharp, diluted = moved(rows, ONLINE, ONLINE, 5.0, aspect="spread"), moved(rows, ONLINE, ALL_ROWS, 2.0)
    assert widest_first([sharp, diluted], rows) == [sharp, diluted]


@pytest.mark.parametrize("other", [{"column": "age"}, {"aspect": "relation"}])
def test_nor_does_one_of_another_column_or_one_that_depends_on_other_columns(rows: TimedRows, other: dict[str, str]) -> None:
    sharp, wide = moved(rows, ONLINE, ONLINE, 5.0, aspect="spread"), moved(rows, ALL_ROWS, ALL_ROWS, 0.8, **other)
    assert widest_first([sharp, wide], rows) == [sharp, wide]


def test_nor_one_of_another_time(rows: TimedRows) -> None:
    sharp, wide = moved(rows, ONLINE, ONLINE, 5.0, aspect="spread"), moved(rows, ALL_ROWS, ALL_ROWS, 0.8)
    early = rows.times[rows.size // 4]
    elsewhen = replace(wide, onset=early, earliest=early, latest=early, affected=rows.times >= early)
    assert widest_first([sharp, elsewhen], rows) == [sharp, elsewhen]


def crossed(rows: TimedRows, online: np.ndarray, amount: np.ndarray, among: np.ndarray) -> list[Dated]:
    """How amounts moved where the source is online, and how frequent online became among the rows `among`."""
    split = int(rows.block[late(rows.frame)][0])
    told = (("amount", np.log(amount), ONLINE.mask(rows.frame), "source"), ("source", online.astype(float), among, "amount"))
    hits = [
        Hit(Signal(column, 1, column, values, "mean", "level"), ONLINE, inside, 90.0, split, 1e-9, 0.5, 0.1, (used,))
        for column, values, inside, used in told
    ]
    return [date_change(hit, rows) for hit in hits]


@pytest.mark.parametrize("turn", [1, -1])
def test_the_column_that_was_altered_comes_before_the_one_whose_rows_it_chooses(rows: TimedRows, turn: int) -> None:
    """Amounts of the online rows fall: online rows get rare among large amounts, and there are as many of them as before."""
    online = ONLINE.mask(rows.frame)
    amount = np.where(late(rows.frame) & online, rows.frame["amount"] / 100, rows.frame["amount"])
    altered, chosen = crossed(rows, online, amount, amount >= 1000)
    assert altered_first([altered, chosen][::turn], rows) == [altered, chosen]


def test_rows_that_stay_away_are_not_put_down_to_what_else_they_had_in_common(rows: TimedRows) -> None:
    online, amount = ONLINE.mask(rows.frame) & ~late(rows.frame), rows.frame["amount"].to_numpy()
    other, away = crossed(rows, online, amount, amount >= 1000)
    assert altered_first([away, other], rows) == [away, other]


def turned(rows: TimedRows, place: Predicate, core: Predicate) -> list[Dated]:
    """Labels turned in a place: how they lean there, and how frequent they became in the part of it where they were rare."""
    rng = np.random.default_rng(0)
    likely = np.where(rows.frame["grade"].isin(["A", "B"]), 0.08, 0.48)
    label = (rng.random(rows.size) < likely) ^ (late(rows.frame) & place.mask(rows.frame) & (rng.random(rows.size) < 0.5))
    apart, room = label - likely, (np.abs(2 * likely - 1),) * 2
    leaning = Signal("leaning", 4, "label", apart * np.sign(likely - 0.5), "mean", "leaning", room=room)
    signals = [(Signal("label", 4, "label", apart, "mean", "label"), core, 120.0), (leaning, ONLINE, 90.0)]
    split = int(rows.block[late(rows.frame)][0])
    hits = [
        Hit(signal, where, where.mask(rows.frame), ratio, split, 1e-9, 0.0, step, where.columns)
        for (signal, where, ratio), step in zip(signals, (0.1, -0.1), strict=True)
    ]
    return [date_change(hit, rows) for hit in hits]


def test_turned_labels_are_told_of_their_place_and_not_of_the_part_where_they_show(rows: TimedRows) -> None:
    core = ONLINE & Predicate.parse('grade in {"A", "B"}')
    label, leaning = turned(rows, ONLINE, core)
    assert widest_first([label, leaning], rows) == [leaning, label]


def test_labels_turned_in_a_part_with_no_more_room_than_the_rest_are_told_of_that_part(rows: TimedRows) -> None:
    core = ONLINE & Predicate.parse("age < 40")
    label, leaning = turned(rows, core, core)
    assert widest_first([label, leaning], rows) == [label, leaning]


def test_of_several_signals_of_the_altered_column_one_that_moved_by_itself_will_do(rows: TimedRows) -> None:
    online = ONLINE.mask(rows.frame)
    amount = np.where(late(rows.frame) & online, rows.frame["amount"] / 100, rows.frame["amount"])
    altered, chosen = crossed(rows, online, amount, amount >= 1000)
    values = np.random.default_rng(1).normal(0, 1, rows.size)
    unclear = replace(altered, hit=replace(altered.hit, signal=replace(altered.signal, values=values, aspect="spread")))
    assert altered_first([chosen, unclear, altered], rows)[0] == altered


@pytest.mark.parametrize("still", [True, False])
def test_rows_that_are_alike_because_a_column_stands_still_come_after_it(rows: TimedRows, *, still: bool) -> None:
    values = np.where(late(rows.frame) & still, 30, rows.frame["age"])
    frozen = moved(replace(rows, frame=rows.frame.assign(age=values)), ALL_ROWS, ALL_ROWS, 3.0, column="age")
    again = (late(rows.frame) & (np.random.default_rng(2).random(rows.size) < 0.5)).astype(float)
    split = int(rows.block[late(rows.frame)][0])
    signal = Signal("repeats", 0, None, again, "share", "repeat recent", rising=True)
    repeats = date_change(Hit(signal, ALL_ROWS, np.ones(rows.size, dtype=bool), 200.0, split, 1e-9, 0.0, 0.5), rows)
    order = frozen_first([repeats, frozen], replace(rows, frame=rows.frame.assign(age=values)))
    assert order == ([frozen, repeats] if still else [repeats, frozen])
