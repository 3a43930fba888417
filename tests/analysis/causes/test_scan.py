"""The scan finds the rows and the day, pays for its search, and does not take for special what moved everywhere."""

import numpy as np
import pytest

from tests.analysis.causes.sound import late, opened, sound_log
from workbench.analysis.causes.levels import Signal
from workbench.analysis.causes.parts import Catalogue, make_catalogue
from workbench.analysis.causes.rows import TimedRows, rows_where, timed_rows
from workbench.analysis.causes.scan import find_change


@pytest.fixture(scope="module")
def rows() -> TimedRows:
    found = timed_rows([opened(sound_log(4000))])
    assert found is not None
    return found


@pytest.fixture(scope="module")
def catalogue(rows: TimedRows) -> Catalogue:
    return make_catalogue(rows)


def share(values: np.ndarray) -> Signal:
    return Signal("hits", 4, None, values.astype(float), "share", "error")


def test_a_rise_in_one_part_is_found_there(rows: TimedRows, catalogue: Catalogue) -> None:
    rng = np.random.default_rng(0)
    inside = (rows.frame["source"] == "online").to_numpy()
    hits = rng.random(rows.size) < np.where(inside & late(rows.frame), 0.5, 0.15)
    found = find_change(share(hits), rows, catalogue)
    assert found is not None
    assert str(found.where) == 'source = "online"'
    assert found.p < 1e-8
    assert (found.inside == rows_where(rows, found.where)).all()
    assert found.before == pytest.approx(0.15, abs=0.03)
    assert found.after == pytest.approx(0.5, abs=0.08)


def test_a_rise_everywhere_is_of_all_rows_though_levels_differ(rows: TimedRows, catalogue: Catalogue) -> None:
    rng = np.random.default_rng(0)
    level = np.where(rows.frame["grade"] == "A", 0.05, 0.4)
    hits = rng.random(rows.size) < np.where(late(rows.frame), level + 0.5 * (1 - level), level)
    found = find_change(share(hits), rows, catalogue)
    assert found is not None
    assert str(found.where) == "all rows"


def test_two_conditions_meet(rows: TimedRows, catalogue: Catalogue) -> None:
    rng = np.random.default_rng(0)
    inside = ((rows.frame["source"] == "online") & (rows.frame["sex"] == "f")).to_numpy()
    hits = rng.random(rows.size) < np.where(inside & late(rows.frame), 0.7, 0.1)
    found = find_change(share(hits), rows, catalogue)
    assert found is not None
    assert set(found.where.columns) == {"source", "sex"}


def test_p_pays_for_the_search(rows: TimedRows, catalogue: Catalogue) -> None:
    """Of 120 signals without a change at most as many are below 5 % as chance allows (binomial, three standard errors)."""
    rng = np.random.default_rng(1)
    small = 0
    for _ in range(120):
        found = find_change(share(rng.random(rows.size) < 0.2), rows, catalogue)
        small += found is not None and found.p <= 0.05
    assert small <= 120 * 0.05 + 3 * np.sqrt(120 * 0.05 * 0.95)


def test_a_rhythm_of_days_costs_evidence_and_is_no_change(rows: TimedRows, catalogue: Catalogue) -> None:
    rng = np.random.default_rng(2)
    weekend = (rows.frame["at"].dt.day_of_week >= 5).to_numpy()
    found = find_change(share(rng.random(rows.size) < np.where(weekend, 0.6, 0.2)), rows, catalogue)
    assert found is None or found.p > 0.01


def test_too_few_values_are_no_series(rows: TimedRows, catalogue: Catalogue) -> None:
    values = np.full(rows.size, np.nan)
    values[:10] = 1.0
    assert find_change(Signal("few", 4, None, values, "share", "error"), rows, catalogue) is None


def test_only_a_rise_counts_where_only_a_rise_says_anything(rows: TimedRows, catalogue: Catalogue) -> None:
    rng = np.random.default_rng(3)
    hits = (rng.random(rows.size) < np.where(late(rows.frame), 0.1, 0.6)).astype(float)
    falling = Signal("repeats", 0, None, hits, "share", "repeat recent", rising=True)
    found = find_change(falling, rows, catalogue)
    assert found is None or found.p > 0.01


def test_what_never_happened_before_is_placed_where_it_happens(rows: TimedRows, catalogue: Catalogue) -> None:
    rng = np.random.default_rng(4)
    inside = (rows.frame["source"] == "partner").to_numpy()
    hits = rng.random(rows.size) < np.where(inside & late(rows.frame), 0.12, 0.0)
    found = find_change(Signal("missing", 1, "age", hits.astype(float), "share", "missing"), rows, catalogue)
    assert found is not None
    assert str(found.where) == 'source = "partner"'
    assert found.p < 1e-6
