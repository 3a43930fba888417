"""A failing downstream in simulated time: what shows first, who falls back, and when it is over."""

from collections.abc import Callable

import numpy as np
import pytest

from workbench.attacks.generators.cascade import Outage, Pipeline, failing_downstream, serve
from workbench.attacks.scenarios.trial import Setting
from workbench.errors import InputError, UnknownNameError

DOWN = {"component": "store", "start": 5.0, "end": 10.0}


def test_an_outage_falls_back_and_recovers_when_it_ends(make_setting: Callable[..., Setting]) -> None:
    trial = failing_downstream(make_setting(), outages=[DOWN], seconds=20.0)
    assert trial.numbers["fallback_share"] > 0.8
    assert trial.numbers["recovery_seconds"] == 0.0
    timeline = trial.tables["timeline"].set_index("start")
    assert timeline.loc[timeline.index < 5, "changed"].sum() == 0
    assert timeline.loc[timeline.index >= 10, "fallback"].sum() == 0


def test_symptoms_come_in_order(make_setting: Callable[..., Setting]) -> None:
    found = failing_downstream(make_setting(), outages=[DOWN], seconds=20.0).tables["propagation"]
    assert found["after"].is_monotonic_increasing
    assert found["symptom"].tolist()[0] == "slower answers"
    assert "changed decisions" in set(found["symptom"])


def test_without_a_fallback_requests_go_unanswered(make_setting: Callable[..., Setting]) -> None:
    trial = failing_downstream(make_setting(), outages=[DOWN], seconds=20.0, options={"fallback": False})
    assert trial.numbers["unanswered_share"] > 0.8
    assert trial.numbers["fallback_share"] == 0.0


def test_a_store_slower_than_usual_but_in_time_changes_nothing(make_setting: Callable[..., Setting]) -> None:
    slow = {**DOWN, "kind": "slow"}
    assert failing_downstream(make_setting(), outages=[slow], seconds=20.0, options={"slow": 0.04}).value == 0.0
    assert (failing_downstream(make_setting(), outages=[slow], seconds=20.0, options={"slow": 0.2}).value or 0) > 0.1


def test_stale_features_change_decisions_and_look_healthy(make_setting: Callable[..., Setting]) -> None:
    trial = failing_downstream(make_setting(), outages=[{**DOWN, "component": "cache", "kind": "stale"}], seconds=20.0)
    assert (trial.value or 0) > 0.1
    assert "slower answers" not in set(trial.tables["propagation"]["symptom"])


def test_a_healthy_pipeline_serves_from_cache_and_store_only() -> None:
    served = serve(Pipeline(), np.arange(100) / 10, np.random.default_rng(0))
    assert set(served.source) == {"cache", "store"}


def test_every_request_that_got_other_features_is_listed_with_where_from(make_setting: Callable[..., Setting]) -> None:
    setting = make_setting()
    trial = failing_downstream(setting, outages=[DOWN], seconds=20.0)
    listed, timeline = trial.tables["fallbacks"], trial.tables["timeline"]
    assert set(listed["served_from"]) == {"fallback"}
    assert len(listed) == timeline["fallback"].sum() == trial.numbers["not_their_own"]
    assert listed["at"].between(5, 10, inclusive="left").all()
    assert listed["changed"].sum() == timeline["changed"].sum()
    assert listed["request"].is_monotonic_increasing


def test_the_list_is_capped_and_the_count_is_not(make_setting: Callable[..., Setting], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workbench.attacks.generators.cascade.MOST_LISTED", 7)
    trial = failing_downstream(make_setting(), outages=[DOWN], seconds=20.0)
    assert len(trial.tables["fallbacks"]) == 7
    assert trial.numbers["not_their_own"] > 7


def test_an_outage_that_outlasts_the_run_has_no_recovery(make_setting: Callable[..., Setting]) -> None:
    trial = failing_downstream(make_setting(), outages=[{**DOWN, "end": 19.5}], seconds=20.0)
    assert trial.numbers["recovery_seconds"] in {None, 0.0, 0.5}
    assert trial.tables["timeline"]["changed"].iloc[-2] > 0


def test_what_cannot_be_is_refused(make_setting: Callable[..., Setting]) -> None:
    with pytest.raises(UnknownNameError, match="cache, store"):
        Outage("disk", 0, 1)
    with pytest.raises(UnknownNameError, match="down, slow, stale"):
        Outage("cache", 0, 1, "melted")
    with pytest.raises(InputError, match="does not last"):
        Outage("cache", 2, 1)
    with pytest.raises(InputError, match="Options: fallback"):
        failing_downstream(make_setting(), options={"retries": 3})
