"""The check names the cause, and triage folds under it what moved with it."""

import numpy as np
import pandas as pd
import pytest

from tests.analysis.causes.faults import EVERY
from tests.analysis.causes.sound import EARLY, ONSET, opened, sound_log
from workbench.errors import RolesError
from workbench.result import Finding
from workbench.triage.caused import caused
from workbench.triage.check import Context, NotAskedError
from workbench.triage.checks.causes import check_causes
from workbench.triage.run import make_context, triage
from workbench.vocabulary import CAUSES


@pytest.fixture(scope="module")
def context() -> Context:
    frame = EVERY["unit"][0](sound_log(), np.random.default_rng(1))
    return make_context(opened(frame), EARLY, None)


def test_the_check_says_what_where_since_when_and_how_much(context: Context) -> None:
    first = check_causes(context).findings[0]
    assert (first.cause, first.kind, first.unit) == ("unit error", "integrity", "powers of ten")
    assert first.where.startswith('source = "online" and at >= ')
    assert first.effect == pytest.approx(-2, abs=0.1)
    assert first.interval is not None
    assert first.interval[0] < -2 < first.interval[1]
    assert first.onset_interval is not None
    assert abs(pd.Timestamp(first.onset_interval[0]) - ONSET) <= pd.Timedelta(days=1)
    assert first.share_of_harm is not None
    assert first.share_of_harm > 0.5
    assert first.cause in CAUSES
    assert any(said.startswith("moved with it, in these rows only: ") and "error rate" in said for said in first.ruled_out)


def test_times_are_needed(context: Context) -> None:
    frame = context.dataset.frame.drop(columns="at")
    from workbench.data.dataset import open_dataset

    with pytest.raises((NotAskedError, RolesError)):
        check_causes(Context(open_dataset(frame, {"prediction": "yes", "label": "label"})))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["unit", "threshold", "flipped"])
def test_triage_puts_the_cause_first_and_folds_the_rest(name: str) -> None:
    frame = EVERY[name][0](sound_log(), np.random.default_rng(1))
    found = triage(opened(frame), reference=EARLY)
    new = [item for item in found.findings if item.explained_by is None and not item.standing and item.severity != "low"]
    assert found.verdict == "incident"
    assert found.findings[0].cause == EVERY[name][1]
    assert [item.cause for item in new][:1] == [EVERY[name][1]]
    assert any(item.explained_by == 1 for item in found.findings)


@pytest.mark.slow
def test_a_sound_log_is_no_incident() -> None:
    for seed in range(3):
        assert triage(opened(sound_log(4000, seed)), reference=EARLY).verdict == "no incident found"


def test_a_drift_of_the_broken_column_is_the_cause_again(context: Context) -> None:
    cause = Finding(
        "integrity", "amount in another unit", ("amount",), 'source = "online"', cause="unit error", check="causes",
        severity="high", onset=ONSET.isoformat(),
    )  # fmt: skip
    same, other = (Finding("drift", column, (column,), check="drift") for column in ("amount", "age"))
    dated = Finding("volume", "more rows", ("at",), check="integrity", onset="2026-01-05T00:00:00")
    assert caused([cause, same, other, dated], context) == [(0, 1)]


def test_a_standing_or_a_slight_cause_accounts_for_nothing(context: Context) -> None:
    drift = Finding("drift", "amount", ("amount",), check="drift")
    for change in ({"severity": "low"}, {"standing": True}):
        cause = Finding("integrity", "x", ("amount",), cause="unit error", check="causes", **change)  # type: ignore[arg-type]
        assert caused([cause, drift], context) == []
