"""Of a change everywhere not its sharpest part is told, and of two columns that changed together the one that was altered."""

from dataclasses import replace

import numpy as np
import pytest

from tests.analysis.causes.sound import late, opened, sound_log
from workbench.analysis.causes.levels import Signal
from workbench.analysis.causes.precedence import altered_first, widest_first
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
