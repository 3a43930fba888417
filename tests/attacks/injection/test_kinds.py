"""What single kinds of incident do."""

import numpy as np
import pandas as pd
import pytest

from workbench.attacks.injection import DecisionLog, inject
from workbench.errors import InputError


@pytest.mark.parametrize("seed", range(6))
def test_a_unit_error_multiplies_one_column_of_one_source(log: DecisionLog, onset: pd.Timestamp, seed: int) -> None:
    broken, truth = inject(log, "unit error", strength=1.0, onset=onset, seed=seed)
    (name,) = truth.columns[0]
    ratio = (broken.frame[name].astype(float) / log.frame[name].astype(float))[truth.rows]
    np.testing.assert_allclose(ratio, ratio.iloc[0])
    assert max(ratio.iloc[0], 1 / ratio.iloc[0]) >= 100
    assert len(set(broken.frame.loc[truth.rows, "feed"])) == 1


@pytest.mark.parametrize("seed", range(6))
def test_a_slice_regression_turns_right_decisions_only(log: DecisionLog, onset: pd.Timestamp, seed: int) -> None:
    broken, truth = inject(log, "slice regression", strength=1.0, onset=onset, seed=seed)
    turned = (broken.frame["prediction"] != log.frame["prediction"]).to_numpy()
    assert turned.any()
    assert (log.errors()[turned] == 0).all()
    assert truth.where.mask(log.frame)[turned].all()
    assert 2 <= len(truth.where.conditions) <= 3


def test_a_moved_threshold_leaves_the_scores_alone(log: DecisionLog, onset: pd.Timestamp) -> None:
    broken, truth = inject(log, "moved threshold", strength=0.8, onset=onset, seed=0)
    np.testing.assert_array_equal(broken.frame["score"], log.frame["score"])
    inside = broken.frame[truth.rows]
    lines = inside.groupby("prediction")["score"].agg(["min", "max"])
    assert lines.loc[0, "max"] <= lines.loc[1, "min"]
    assert not (inside["prediction"] == (inside["score"] >= log.threshold)).all()


def test_an_older_version_decides_where_it_is_recorded(log: DecisionLog, onset: pd.Timestamp) -> None:
    recorded = 0
    for seed in range(8):
        broken, _ = inject(log, "version mix-up", strength=0.5, onset=onset, seed=seed)
        older = (broken.frame["version"] == log.previous.version).to_numpy()
        expected = log.previous.predict(broken.frame[older]).score if older.any() else np.array([])
        np.testing.assert_allclose(broken.frame.loc[older, "score"], expected, atol=1e-6)
        recorded += bool(older.any())
    assert 0 < recorded < 8


def test_drifted_calibration_keeps_the_order_of_the_scores(log: DecisionLog, onset: pd.Timestamp) -> None:
    broken, truth = inject(log, "calibration drift", strength=1.0, onset=onset, seed=0)
    was, now = (data.frame.loc[truth.rows, "score"] for data in (log, broken))
    assert was.corr(now, method="spearman") > 0.999
    assert abs(now.mean() - was.mean()) > 0.05


def test_crafted_rows_are_new_and_just_on_the_good_side(log: DecisionLog, onset: pd.Timestamp) -> None:
    broken, truth = inject(log, "evasion burst", strength=1.0, onset=onset, seed=0)
    crafted = broken.frame[truth.rows]
    assert len(broken.frame) == len(log.frame) + len(crafted)
    assert not set(crafted["id"]) & set(log.frame["id"])
    assert (crafted["prediction"] == log.roles.favorable).all()
    assert (crafted["score"] - log.threshold).abs().median() < 0.05


def test_delivered_twice_or_replayed_as_new(log: DecisionLog, onset: pd.Timestamp) -> None:
    seen = set()
    for seed in range(6):
        broken, truth = inject(log, "duplicated rows", strength=0.5, onset=onset, seed=seed)
        rest = [name for name in broken.frame if name not in ("id", "at")]
        assert broken.frame.duplicated(rest, keep=False)[truth.rows].all()
        seen.add(bool(broken.frame["id"].duplicated().any()))
    assert seen == {True, False}


def test_dropped_rows_are_of_one_segment(log: DecisionLog, onset: pd.Timestamp) -> None:
    broken, truth = inject(log, "dropped rows", strength=1.0, onset=onset, seed=0)
    gone = log.frame[~log.frame["id"].isin(broken.frame["id"])]
    assert truth.where.mask(gone).all()
    assert len(gone) == int((truth.where.mask(log.frame) & log.since(onset)).sum())


def test_a_shifted_clock_moves_one_source_by_whole_hours(log: DecisionLog, onset: pd.Timestamp) -> None:
    broken, truth = inject(log, "shifted clock", strength=1.0, onset=onset, seed=0)
    moved = broken.frame.set_index("id")["at"] - log.frame.set_index("id")["at"]
    moved = moved[moved != pd.Timedelta(0)]
    assert set(abs(moved.dt.total_seconds() / 3600)) <= {8.0, 12.0}
    assert set(moved.index) == set(broken.frame.loc[truth.rows, "id"])


def test_outcomes_come_late_as_missing_or_as_zero(log: DecisionLog, onset: pd.Timestamp) -> None:
    seen = set()
    for seed in range(6):
        broken, truth = inject(log, "label delay", strength=1.0, onset=onset, seed=seed)
        late = broken.frame.loc[truth.rows, "label"]
        assert late.isna().all() or (late == 0).all()
        seen.add(bool(late.isna().all()))
    assert seen == {True, False}


def test_another_volume_brings_the_same_rows(log: DecisionLog, onset: pd.Timestamp) -> None:
    shares = []
    for seed in range(8):
        broken, _ = inject(log, "volume change", strength=1.0, onset=onset, seed=seed)
        shares.append((broken.frame["sex"] == "male").mean() - (log.frame["sex"] == "male").mean())
        early, late = (len(broken.frame[side]) for side in (broken.times < onset, broken.times >= onset))
        was = (log.times >= onset).mean() / (log.times < onset).mean()
        assert max(late / early / was, was / (late / early)) == pytest.approx(4, rel=0.25)
    assert abs(np.mean(shares)) < 0.02


def test_another_mixture_keeps_volume_and_errors(log: DecisionLog, onset: pd.Timestamp) -> None:
    moved, volume = [], []
    for seed in range(8):
        broken, truth = inject(log, "covariate shift", strength=1.0, onset=onset, seed=seed)
        late = broken.since(onset)
        moved.append(broken.errors()[late].mean() - log.errors()[log.since(onset)].mean())
        volume.append(late.mean() - log.since(onset).mean())
        assert truth.shift is not None
        assert abs(truth.shift.effect) > 0.1
    assert abs(np.mean(moved)) < 0.03
    assert abs(np.mean(volume)) < 0.03


def test_a_season_is_there_before_and_after(log: DecisionLog, onset: pd.Timestamp) -> None:
    broken, truth = inject(log, "seasonality", strength=1.0, onset=onset, seed=0)
    inside, late = truth.where.mask(broken.frame), broken.since(onset)
    weekend = (broken.times.dt.day_of_week >= 5).to_numpy()
    gaps = [inside[side & weekend].mean() - inside[side & ~weekend].mean() for side in (late, ~late)]
    assert min(gaps) > 0.2


def test_a_log_without_numbers_has_no_unit_error(log: DecisionLog, onset: pd.Timestamp) -> None:
    from dataclasses import replace

    texts = replace(log, roles=replace(log.roles, features=("plan", "sex", "feed")))
    with pytest.raises(InputError, match="no numeric feature"):
        inject(texts, "unit error", strength=0.5, onset=onset, seed=0)
