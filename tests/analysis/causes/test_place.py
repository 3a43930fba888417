"""The place that several signals explain together is found from a wrong one of theirs, one condition at a time."""

from dataclasses import replace

import numpy as np
import pytest

from tests.analysis.causes.sound import late, opened, sound_log
from workbench.analysis.causes.levels import Signal
from workbench.analysis.causes.parts import Catalogue, make_catalogue
from workbench.analysis.causes.place import Evidence, place_together
from workbench.analysis.causes.root import Dated
from workbench.analysis.causes.rows import TimedRows, timed_rows
from workbench.analysis.causes.scan import Hit
from workbench.analysis.causes.search import date_change
from workbench.predicate import Predicate

TRUE = Predicate.parse('source = "online" and grade = "A"')


@pytest.fixture(scope="module")
def rows() -> TimedRows:
    found = timed_rows([opened(sound_log(6000))])
    assert found is not None
    return found


@pytest.fixture(scope="module")
def catalogue(rows: TimedRows) -> Catalogue:
    return make_catalogue(rows)


def signals(rows: TimedRows, where: Predicate = TRUE) -> list[Signal]:
    """Scores and errors of which a part went wrong."""
    rng = np.random.default_rng(0)
    turned = late(rows.frame) & where.mask(rows.frame) & (rng.random(rows.size) < 0.5)
    wrong = (rng.random(rows.size) < np.where(turned, 0.9, 0.2)).astype(float)
    return [
        Signal("residual", 2, "score", rng.normal(0, 1, rows.size) + 1.5 * turned, "mean", "residual"),
        Signal("distance", 2, "score", rng.normal(0, 1, rows.size) + 1.5 * turned, "mean", "distance"),
        Signal("errors", 4, "label", wrong, "share", "error"),
    ]


def seen(rows: TimedRows, signal: Signal, where: Predicate) -> Dated:
    split = int(rows.block[late(rows.frame)][0])
    return date_change(Hit(signal, where, where.mask(rows.frame), 60.0, split, 1e-9, 0.0, 0.7, where.columns), rows)


@pytest.mark.parametrize(
    "start", ['source = "online"', 'source = "online" and grade = "B"', 'grade = "A" and sex = "f" and source = "online"']
)
def test_the_place_is_found_from_another(start: str, rows: TimedRows, catalogue: Catalogue) -> None:
    shown = signals(rows)
    hit = place_together(seen(rows, shown[0], Predicate.parse(start)), [], shown, rows, catalogue)
    assert set(hit.where.conditions) == set(TRUE.conditions)
    assert (hit.inside == TRUE.mask(rows.frame)).all()
    assert set(hit.used) == {"source", "grade"}


def test_a_place_that_is_right_stays(rows: TimedRows, catalogue: Catalogue) -> None:
    shown = signals(rows)
    change = seen(rows, shown[0], TRUE)
    assert place_together(change, [], shown, rows, catalogue) is change.hit


def test_one_signal_alone_moves_nothing(rows: TimedRows, catalogue: Catalogue) -> None:
    shown = signals(rows)[:1]
    change = seen(rows, shown[0], Predicate.parse('source = "online"'))
    assert place_together(change, [], shown, rows, catalogue) is change.hit


def test_the_evidence_of_neighbours_is_that_of_each_alone(rows: TimedRows, catalogue: Catalogue) -> None:
    shown = signals(rows)
    evidence = Evidence(seen(rows, shown[0], TRUE), shown, rows, catalogue)
    sources = next(number for number, item in enumerate(rows.conditions) if item.coding.column == "source")
    place = {sources: np.arange(rows.conditions[sources].size) == 2}
    nearby = evidence.nearby(place)
    assert len(nearby) > 3
    for other, value in nearby:
        assert value == pytest.approx(evidence.of(other))


def test_scores_on_the_wrong_side_show_in_high_and_low_ones(rows: TimedRows, catalogue: Catalogue) -> None:
    """Low scores rise and high ones fall: their mean moves most among the low ones alone, which are not the place."""
    true = Predicate.parse('source = "online" and sex = "f"').mask(rows.frame)
    turned = late(rows.frame) & true & (np.random.default_rng(1).random(rows.size) < 0.6)
    score = rows.outcomes["score"]
    apart = np.where(turned, 1 - 2 * score, 0.0) + np.random.default_rng(2).normal(0, 0.1, rows.size)
    wrong = (np.random.default_rng(3).random(rows.size) < np.where(turned, 0.5, 0.2)).astype(float)
    score = score + apart
    broken = replace(rows, outcomes={**rows.outcomes, "score": score, "prediction": (score >= 0.5).astype(float)})
    shown = [Signal("residual", 2, "score", apart, "mean", "residual"), Signal("errors", 4, "label", wrong, "share", "error")]
    start = seen(broken, shown[0], Predicate.parse('amount < 1500 and source = "online" and sex = "f"'))
    told = place_together(start, [], shown, broken, catalogue).inside
    assert (told & true).sum() / (told | true).sum() > 0.9
