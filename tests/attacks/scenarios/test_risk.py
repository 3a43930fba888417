"""Loss under a stated mix, and scenarios that tell attack from noise."""

import json
from pathlib import Path

import numpy as np
import pytest

from workbench.analysis.stats import wilson
from workbench.attacks.scenarios.risk import Attempts, adversarial_risk, assess_risk, money_at_risk, read_mix, told_apart
from workbench.attacks.scenarios.runs import RUNS, read_runs
from workbench.errors import InputError, StorageError, UnknownNameError
from workbench.result import Result


def result(name: str, hits: int | None, among: int = 100, outcome: str = "failed", twin: str = "held") -> Result:
    low, high = (None, None) if hits is None else map(float, wilson(hits, among))
    value = None if hits is None else hits / among
    numbers = {"name": name, "value": value, "low": low, "high": high, "outcome": outcome, "twin": twin}
    return Result("scenario", name, numbers=numbers)


MIX = {"a": Attempts(200, 50.0), "b": Attempts(10, 1000.0)}


def test_money_at_risk_is_attempts_times_rate_times_cost() -> None:
    table = money_at_risk([result("a", 10), result("b", 40)], MIX).set_index("scenario")
    assert table["loss"].tolist() == pytest.approx([1000.0, 4000.0, 5000.0])
    assert table.loc["a", "low"] == pytest.approx(float(wilson(10, 100).low) * 10_000)


def test_the_interval_of_the_sum_covers_as_often_as_it_says() -> None:
    chance = np.random.default_rng(0)
    truth = 0.1 * 10_000 + 0.4 * 10_000
    drawn = [[result("a", int(chance.binomial(100, 0.1))), result("b", int(chance.binomial(100, 0.4)))] for _ in range(400)]
    totals = [money_at_risk(pair, MIX).iloc[-1] for pair in drawn]
    covered = np.mean([total["low"] <= truth <= total["high"] for total in totals])
    assert 0.92 <= covered <= 0.98


def test_what_was_not_measured_is_not_free() -> None:
    results = [result("a", 10), result("b", None, outcome="could not run", twin="could not run")]
    assert money_at_risk(results, MIX)["loss"].isna().tolist() == [False, True, True]
    assert adversarial_risk(results, {"a": 0.5, "b": 0.5})["risk"] is None


def test_the_risk_of_a_mix_lies_between_its_parts() -> None:
    risk = adversarial_risk([result("a", 10), result("b", 40)], {"a": 0.75, "b": 0.25})
    assert risk["risk"] == pytest.approx(0.175)
    assert risk["low"] is not None
    assert risk["low"] < 0.175 < (risk["high"] or 0)


@pytest.mark.parametrize(
    ("outcome", "twin", "told"),
    [("held", "held", "covered"), ("failed", "held", "missed"), ("failed", "failed", "noisy"), ("held", "failed", "noisy"),
     ("could not tell", "held", "not measured"), ("held", "could not tell", "not measured")],
)  # fmt: skip
def test_a_scenario_is_covered_missed_or_noisy(outcome: str, twin: str, told: str) -> None:
    assert told_apart([result("a", 1, outcome=outcome, twin=twin)])["told"].tolist() == [told]


def test_a_mix_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="Available: a"):
        money_at_risk([result("a", 1)], {"c": Attempts(1, 1)})
    with pytest.raises(InputError, match="add up to 1"):
        adversarial_risk([result("a", 1)], {"a": 0.5})
    odd = Result("scenario", "a", numbers={"name": "a", "value": 3.0, "low": 2.0, "high": 4.0})
    with pytest.raises(InputError, match="no share"):
        money_at_risk([odd], {"a": Attempts(1, 1)})
    with pytest.raises(InputError, match="0 or more"):
        Attempts(-1, 1)


def test_a_mix_is_read_from_a_file_and_the_runs_from_what_the_command_wrote(tmp_path: Path) -> None:
    (tmp_path / "mix.yaml").write_text("a: {per_month: 200, cost: 50}\nb: {per_month: 10, cost: 1000}\n")
    runs = {"schema": RUNS, "runs": [result("a", 10).to_dict(), result("b", 40).to_dict()]}
    (tmp_path / "runs.json").write_text(json.dumps(runs))
    found = assess_risk(read_runs(tmp_path / "runs.json"), read_mix(tmp_path / "mix.yaml"))
    by_hand = money_at_risk([result("a", 10), result("b", 40)], MIX)
    assert found.tables["money"]["loss"].tolist() == by_hand["loss"].tolist()
    assert found.numbers["risk"] == pytest.approx((200 * 0.1 + 10 * 0.4) / 210)
    assert found.tables["told"]["told"].tolist() == ["missed", "missed"]


def test_what_is_no_run_and_a_mix_that_tries_nothing_are_refused(tmp_path: Path) -> None:
    for text in ("[]", '{"schema": "workbench.replay/1"}', "no json"):
        (tmp_path / "runs.json").write_text(text)
        with pytest.raises(InputError):
            read_runs(tmp_path / "runs.json")
    with pytest.raises(StorageError, match="cannot be read"):
        read_runs(tmp_path / "none.json")
    with pytest.raises(InputError, match="nobody tries"):
        assess_risk([result("a", 1)], {"a": Attempts(0, 1)})
