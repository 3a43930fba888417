import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workbench.attacks.injection import HARMLESS, KINDS, TWO_FAULTS, DecisionLog, inject
from workbench.errors import InputError, UnknownNameError
from workbench.vocabulary import CAUSES, FINDING_KINDS

FAULTS = [name for name in KINDS if name not in HARMLESS]
OF_FEATURES = ("unit error", "null burst", "recoded values", "merged values", "frozen feature", "training/serving skew")
OF_THE_LOG = ("shifted clock", "duplicated rows", "dropped rows", "label delay", "label flips")
SHARED = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])

strengths = st.floats(0, 1)
seeds = st.integers(0, 2**32 - 1)


def by_id(log: DecisionLog) -> pd.DataFrame:
    """The rows by identifier and time, without those that stand there twice."""
    return log.frame.drop_duplicates("id").set_index("id").sort_index()


@pytest.mark.parametrize("kind", [*KINDS, TWO_FAULTS])
def test_the_log_that_is_broken_stays_as_it_is(log: DecisionLog, onset: pd.Timestamp, kind: str) -> None:
    kept = log.frame.copy()
    inject(log, kind, strength=0.7, onset=onset, seed=1)
    pd.testing.assert_frame_equal(log.frame, kept)


@pytest.mark.parametrize("kind", [*KINDS, TWO_FAULTS])
def test_a_broken_log_holds_no_trace_of_its_making(log: DecisionLog, onset: pd.Timestamp, kind: str) -> None:
    broken, truth = inject(log, kind, strength=0.7, onset=onset, seed=1)
    assert list(broken.frame.columns) == list(log.frame.columns)
    assert broken.frame.index.equals(pd.RangeIndex(len(broken.frame)))
    assert broken.times.is_monotonic_increasing
    assert len(truth.rows) == len(broken.frame)


@pytest.mark.parametrize("kind", [*KINDS, TWO_FAULTS])
def test_the_seed_decides_what_is_drawn(log: DecisionLog, onset: pd.Timestamp, kind: str) -> None:
    one, other = (inject(log, kind, strength=0.5, onset=onset, seed=3) for _ in range(2))
    pd.testing.assert_frame_equal(one[0].frame, other[0].frame)
    assert one[1].detail == other[1].detail


@given(kind=st.sampled_from([kind for kind in FAULTS if kind != "shifted clock"]), strength=strengths, seed=seeds)
@SHARED
def test_nothing_happens_before_the_onset(log: DecisionLog, onset: pd.Timestamp, kind: str, strength: float, seed: int) -> None:
    broken, truth = inject(log, kind, strength=strength, onset=onset, seed=seed)
    early = [data.frame[data.times < onset].sort_values("id").reset_index(drop=True) for data in (log, broken)]
    pd.testing.assert_frame_equal(*early, check_dtype=False)
    assert truth.onset is not None
    assert truth.onset >= onset


@given(kind=st.sampled_from(FAULTS), strength=strengths, seed=seeds)
@SHARED
def test_the_truth_holds_every_row_that_is_another(
    log: DecisionLog, onset: pd.Timestamp, kind: str, strength: float, seed: int
) -> None:
    broken, truth = inject(log, kind, strength=strength, onset=onset, seed=seed)
    told = broken.frame[~truth.rows].sort_values("id").reset_index(drop=True)
    was = by_id(log).reindex(told["id"]).reset_index()[list(told.columns)]
    pd.testing.assert_frame_equal(told, was, check_dtype=False)


@given(kind=st.sampled_from(OF_FEATURES), strength=strengths, seed=seeds)
@SHARED
def test_what_the_model_sees_is_decided_anew(
    log: DecisionLog, onset: pd.Timestamp, kind: str, strength: float, seed: int
) -> None:
    broken, _ = inject(log, kind, strength=strength, onset=onset, seed=seed)
    expected = broken.target.predict(broken.frame).score
    np.testing.assert_allclose(broken.frame["score"], expected, atol=1e-6)
    np.testing.assert_array_equal(broken.frame["prediction"], (broken.frame["score"] >= log.threshold).astype(int))


@pytest.mark.parametrize("kind", OF_THE_LOG)
def test_a_fault_of_the_log_leaves_the_decisions_alone(log: DecisionLog, onset: pd.Timestamp, kind: str) -> None:
    broken, _ = inject(log, kind, strength=0.8, onset=onset, seed=2)
    was = log.frame.drop_duplicates(["age", "income"]).set_index(["age", "income"])["score"]
    now = broken.frame.drop_duplicates(["age", "income"]).set_index(["age", "income"])["score"]
    assert (now == was.reindex(now.index)).all()


@pytest.mark.parametrize("kind", FAULTS)
def test_a_gross_fault_is_clearer_than_a_barely_visible_one(log: DecisionLog, onset: pd.Timestamp, kind: str) -> None:
    def signals(strength: float) -> list[float]:
        truths = [inject(log, kind, strength=strength, onset=onset, seed=seed)[1] for seed in range(3)]
        return [truth.shift.signal for truth in truths if truth.shift is not None]

    assert np.mean(signals(1.0)) > np.mean(signals(0.0))


@pytest.mark.parametrize("kind", HARMLESS)
def test_where_nothing_is_wrong_no_row_is_and_no_word_is_right(log: DecisionLog, onset: pd.Timestamp, kind: str) -> None:
    _, truth = inject(log, kind, strength=1.0, onset=onset, seed=1)
    assert not truth.rows.any()
    assert (truth.onset, truth.accepted, truth.causes) == (None, frozenset(), frozenset())


@pytest.mark.parametrize("kind", KINDS)
def test_the_words_are_those_of_the_vocabulary(kind: str) -> None:
    assert KINDS[kind].accepted <= set(FINDING_KINDS)
    assert KINDS[kind].causes <= set(CAUSES)


@given(strength=strengths, seed=seeds)
@SHARED
def test_two_faults_name_no_column_in_common_and_know_their_rows(
    log: DecisionLog, onset: pd.Timestamp, strength: float, seed: int
) -> None:
    _, truth = inject(log, TWO_FAULTS, strength=strength, onset=onset, seed=seed)
    one, other = ({name for names in part.columns for name in names} for part in truth.parts)
    assert not one & other
    np.testing.assert_array_equal(truth.rows, truth.parts[0].rows | truth.parts[1].rows)


def test_an_unknown_kind_is_refused_with_those_there_are(log: DecisionLog, onset: pd.Timestamp) -> None:
    with pytest.raises(UnknownNameError, match="two faults"):
        inject(log, "gremlins", strength=0.5, onset=onset, seed=0)


@pytest.mark.parametrize("strength", [-0.1, 1.1, float("nan")])
def test_a_strength_out_of_range_is_refused(log: DecisionLog, onset: pd.Timestamp, strength: float) -> None:
    with pytest.raises(InputError, match="strength"):
        inject(log, "unit error", strength=strength, onset=onset, seed=0)


@pytest.mark.parametrize("days", [-1, 100])
def test_an_onset_outside_the_log_is_refused(log: DecisionLog, days: int) -> None:
    with pytest.raises(InputError, match="onset"):
        inject(log, "unit error", strength=0.5, onset=log.times.min() + pd.Timedelta(days=days), seed=0)
