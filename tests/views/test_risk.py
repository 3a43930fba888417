"""Money at risk in words and rows."""

from workbench.attacks.scenarios.risk import Attempts, assess_risk
from workbench.result import Result
from workbench.views.risk import money_figure, money_table, risk_sentence


def run(name: str, rate: float | None, *, twin: str = "held") -> Result:
    ends = {} if rate is None else {"low": rate / 2, "high": min(1.0, rate * 2)}
    outcome = "could not run" if rate is None else "failed"
    return Result(
        "scenario", name, {}, {"name": name, "value": rate, "low": None, "high": None, **ends, "outcome": outcome, "twin": twin}
    )


MIX = {"probe": Attempts(100, 50.0), "flood": Attempts(300, 10.0)}


def test_the_sentence_says_how_often_and_at_what_cost_and_that_the_mix_is_stated() -> None:
    said = repr(risk_sentence(assess_risk([run("probe", 0.2), run("flood", 0.1)], MIX)))
    assert said.startswith("Of 400 attempts a month 12.5% (")
    assert "at a cost of 1,300 (" in said
    assert said.endswith("if the mix is right.")


def test_what_measured_nothing_is_named_and_blank() -> None:
    result = assess_risk([run("probe", 0.2), run("flood", None)], MIX)
    assert repr(risk_sentence(result)) == "What is at risk cannot be told: flood measured nothing."
    rows = money_table(result).frame.set_index("scenario")
    assert rows.loc["probe", "loss a month"].startswith("1,000 (")
    assert rows.loc["flood", "loss a month"] == rows.loc["all", "loss a month"] == "–"
    assert list(money_figure(result).data[0].y) == ["probe", "flood (not measured)"]


def test_a_scenario_that_fails_on_noise_too_is_told_so() -> None:
    rows = money_table(assess_risk([run("probe", 0.2, twin="failed"), run("flood", 0.1)], MIX)).frame.set_index("scenario")
    assert rows["told from noise"].tolist() == ["noisy", "missed", "–"]
