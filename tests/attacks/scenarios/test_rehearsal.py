"""Running a scenario: outcomes, twins, what could not run, and that the same seed gives the same digest."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.tree import DecisionTreeClassifier

from workbench.attacks.approval import Approval
from workbench.attacks.replay.asking import Limits
from workbench.attacks.scenarios.catalogue import find_scenario, open_catalogue
from workbench.attacks.scenarios.rehearsal import OUTCOMES, rehearse
from workbench.attacks.scenarios.scenario import Expected, Scenario, Twin
from workbench.attacks.scenarios.trial import Setting, Trial
from workbench.errors import InputError
from workbench.models import python_target
from workbench.registry import scenarios as generators
from workbench.result import Result

SLOW = ("heavy-load", "arrivals-at-a-set-rate", "chaff-flood", "timing-side-channel", "company-of-a-call", "schema-fuzzing")
TABULAR = [item for item in open_catalogue() if item.modality == "tabular" and item.name not in SLOW]


def fit(frame: pd.DataFrame, labels: np.ndarray) -> Any:
    return DecisionTreeClassifier(max_depth=4, random_state=0).fit(frame[["income", "debts"]], labels)


@pytest.mark.usefixtures("numpys_global_generator_stays_unused")
@pytest.mark.parametrize("scenario", TABULAR, ids=lambda item: item.name)
def test_every_shipped_tabular_scenario_runs(scenario: Scenario, make_setting: Callable[..., Setting]) -> None:
    setting = replace(make_setting(fit=fit), entity=np.arange(800) // 2, time=np.arange(800))
    found = rehearse(scenario, setting)
    expected = {"could not run"} if scenario.name == "temporal-inconsistency" else set(OUTCOMES[:3])
    assert found.numbers["outcome"] in expected
    assert found.numbers["noisy"] is False
    assert Result.from_dict(found.to_dict()).numbers == found.numbers


@pytest.mark.slow
@pytest.mark.usefixtures("numpys_global_generator_stays_unused")
@pytest.mark.parametrize("name", SLOW)
def test_every_shipped_scenario_that_takes_time_runs(name: str, make_setting: Callable[..., Setting]) -> None:
    assert rehearse(find_scenario(name), make_setting()).numbers["outcome"] in OUTCOMES[:3]


def test_the_outcome_follows_the_bound(make_setting: Callable[..., Setting]) -> None:
    scenario = find_scenario("unit-error")
    rate = rehearse(scenario, make_setting()).numbers["value"]
    assert isinstance(rate, float)
    for bound, outcome in ((0.05, "failed"), (rate, "could not tell"), (0.95, "held")):
        edited = replace(scenario, expected=Expected(at_most=bound))
        assert rehearse(edited, make_setting()).numbers["outcome"] == outcome


@pytest.mark.parametrize("name", ["constrained-evasion", "stale-cache", "backdoor-poisoning", "skewed-mix"])
@pytest.mark.parametrize(
    ("answer", "said"), [(lambda _: 1 / 0, "ZeroDivisionError"), (lambda rows: [None] * len(rows), "it abstains")]
)
def test_what_never_decides_withstands_nothing(
    name: str, answer: Callable[[pd.DataFrame], Any], said: str, make_setting: Callable[..., Setting]
) -> None:
    numbers = rehearse(find_scenario(name), make_setting(python_target(answer, digest="sha256:dead"), fit=fit)).numbers
    assert numbers["outcome"] == "could not run"
    assert said in str(numbers["why"])


def test_a_target_that_fails_the_twin_too_is_noisy(make_setting: Callable[..., Setting]) -> None:
    count = iter(range(10_000))
    moody = python_target(lambda frame: (np.arange(len(frame)) + next(count)) % 2, digest="sha256:moody")
    numbers = rehearse(find_scenario("unit-error"), make_setting(moody)).numbers
    assert (numbers["outcome"], numbers["twin"], numbers["noisy"]) == ("failed", "failed", True)


def test_what_could_not_run_says_why(make_setting: Callable[..., Setting]) -> None:
    found = rehearse(find_scenario("backdoor-poisoning"), make_setting())
    assert found.numbers["outcome"] == "could not run"
    assert "--fit" in str(found.numbers["why"])
    assert found.tables["verdict"]["outcome"].tolist() == ["could not run"] * 2


def test_the_same_seed_gives_the_same_digest_and_another_does_not(make_setting: Callable[..., Setting]) -> None:
    scenario = find_scenario("noisy-channel")
    one, two = (rehearse(scenario, make_setting()).digest for _ in range(2))
    assert one == two
    assert rehearse(replace(scenario, seed=1), make_setting()).digest != one


def test_only_the_rows_of_the_scenario_are_used(make_setting: Callable[..., Setting]) -> None:
    found = rehearse(replace(find_scenario("unit-error"), where='region = "west"'), make_setting())
    assert found.numbers["rows"] == int((make_setting().frame["region"] == "west").sum())
    assert str(found.where) == 'region = "west"'


def test_failures_are_told_by_group(make_setting: Callable[..., Setting]) -> None:
    groups = rehearse(find_scenario("unit-error"), make_setting()).tables["groups"]
    assert groups["group"].tolist() == ["F", "M"]
    assert (groups["low"] <= groups["rate"]).all()


def test_a_production_target_is_not_asked_without_an_approval(make_setting: Callable[..., Setting]) -> None:
    live = python_target(lambda frame: np.ones(len(frame), dtype=int), digest="sha256:live", production=True)
    with pytest.raises(InputError, match="approval"):
        rehearse(find_scenario("unit-error"), make_setting(live))
    approval = Approval("ada", "sha256:entry")
    assert rehearse(find_scenario("unit-error"), make_setting(live), approval=approval).numbers["outcome"] == "held"


def test_a_parameter_the_generator_does_not_take_is_refused(make_setting: Callable[..., Setting]) -> None:
    scenario = replace(find_scenario("boundary-probing"), parameters={"line": 3})
    with pytest.raises(InputError, match="lines, steps, near"):
        rehearse(scenario, make_setting())
    with pytest.raises(InputError, match="needs a parameter: fault"):
        rehearse(replace(find_scenario("unit-error"), parameters={}), make_setting())


@pytest.mark.parametrize(("limits", "said"), [(Limits(calls=3), "limit of 3 calls"), (Limits(seconds=1e-9), "seconds")])
def test_a_run_that_meets_a_limit_did_not_run(make_setting: Callable[..., Setting], limits: Limits, said: str) -> None:
    asked: list[int] = []

    def counting(frame: pd.DataFrame) -> np.ndarray:
        asked.append(len(frame))
        return np.ones(len(frame), dtype=int)

    setting = make_setting(python_target(counting, digest="sha256:c"))
    numbers = rehearse(find_scenario("unit-error"), setting, limits=limits).numbers
    assert numbers["outcome"] == "could not run"
    assert said in str(numbers["why"])
    assert len(asked) <= 3


def test_others_see_no_small_group(make_setting: Callable[..., Setting]) -> None:
    setting = make_setting()
    setting.groups["sex"][:4] = "X"
    shown = rehearse(find_scenario("unit-error"), setting).published().tables["groups"]
    small = shown[shown["suppressed"].astype(bool)]
    assert "X" in set(small["group"]) or small["group"].isna().any()
    assert small[["trials", "failures", "rate", "rows"]].isna().to_numpy().all()
    assert len(small) >= 2


def test_a_generator_of_somebody_else_s_runs_like_ours(
    make_setting: Callable[..., Setting], monkeypatch: pytest.MonkeyPatch
) -> None:
    def coin(setting: Setting, *, sides: int = 2) -> Trial:
        return Trial("heads", 1 / sides, 1 / sides, 1 / sides, {"outcomes": pd.DataFrame([{"rows": len(setting)}])})

    monkeypatch.setitem(generators._own, "coin of this test", coin)
    twin = Twin("A die.", {"sides": 6})
    scenario = replace(find_scenario("unit-error"), generator="coin of this test", parameters={}, benign_twin=twin)
    found = rehearse(scenario, make_setting())
    assert (found.numbers["outcome"], found.numbers["value"]) == ("failed", 0.5)
