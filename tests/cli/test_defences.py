"""defences weigh, layers, train, transfer, certify, segments and risk from the command line."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

MODELS = """
import numpy as np
from sklearn.tree import DecisionTreeClassifier
from workbench.attacks.defences.stack import Stack, guard
from workbench.models import python_target

def rule(frame):
    score = 1 / (1 + np.exp(-3 * (frame["a"] + frame["b"]).to_numpy()))
    return {"decision": (score >= 0.5).astype(int), "score": score}

def other(frame):
    return (frame["b"] >= 0).to_numpy().astype(int)

def unsure(_, answered):
    return np.abs(answered.score - 0.5) < 0.3

stack = Stack(python_target(rule, name="rule"), (guard(unsure, "unsure"),), "stack")

class Rule:
    def __init__(self, model):
        self.model = model
    def __call__(self, frame):
        return self.model.predict(frame[["a", "b"]].to_numpy())

def fit(frame, labels):
    return Rule(DecisionTreeClassifier(max_depth=4, random_state=0).fit(frame[["a", "b"]].to_numpy(), labels))
"""
QUICK = ("--attacked", 30, "--queries", 30)


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    name = f"defence_models_of_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(MODELS)
    monkeypatch.chdir(tmp_path)
    return name


@pytest.fixture
def numbers(tmp_path: Path) -> Path:
    """Three hundred labelled rows of two numbers and a region, with a roles file beside them."""
    chance = np.random.default_rng(0)
    frame = pd.DataFrame(chance.normal(size=(300, 2)), columns=["a", "b"])
    frame["region"] = chance.choice(["north", "south"], 300)
    frame = frame.assign(id=range(300), prediction=1, label=(frame["a"] + frame["b"] >= 0).astype(int))
    path = tmp_path / "numbers.csv"
    frame.to_csv(path, index=False)
    roles = "row_id: id\nprediction: prediction\nlabel: label\nfavorable: 1\ngroups: [region]\nfeatures: [a, b]\n"
    (tmp_path / "numbers.csv.roles.yaml").write_text(roles)
    return path


def test_weighing_names_who_is_dominated_and_a_budget_that_is_exceeded_is_bad(
    workbench: Any, numbers: Path, models: str, tmp_path: Path
) -> None:
    versions = ("--target", f"python:{models}:rule", "--target", f"python:{models}:stack")
    limits = ("--most-latency", 1e-6, "--most-memory", 1e6)
    done = workbench("defences", "weigh", numbers, *versions, *QUICK, *limits, "--json", tmp_path / "w.json")
    assert done.code == 1, done.err
    assert "rule is over budget: latency" in done.err
    document = json.loads((tmp_path / "w.json").read_text())
    assert document["schema"] == "workbench.defences/1"
    assert [row["defence"] for row in document["tables"]["front"]] == ["rule", "stack"]
    assert document["numbers"]["attacked"] == 30
    dominated = [row["defence"] for row in document["tables"]["front"] if row["why"]]
    assert all(f"{name} is dominated" in done.err for name in dominated)
    assert "memory" not in "".join(row["over_budget"] for row in document["tables"]["front"])


def test_layers_are_left_out_one_by_one_and_a_model_without_any_is_refused(workbench: Any, numbers: Path, models: str) -> None:
    done = workbench("defences", "layers", numbers, "--target", f"python:{models}:stack", *QUICK, "--json", "-")
    assert done.code == 0, done.err
    document = json.loads(done.out)
    assert [(row["layer"], row["kind"]) for row in document["tables"]["layers"]] == [("unsure", "guard")]
    assert "False alarms are raised by unsure" in done.err
    assert "30 of them attacked with at most" in done.err
    bare = workbench("defences", "layers", numbers, "--target", f"python:{models}:rule", *QUICK, "--json", "-")
    assert (bare.code, "a target without layers" in bare.lines[-1]) == (2, True)


def test_training_judges_on_the_other_half_and_says_what_could_not_be_trained(workbench: Any, numbers: Path, models: str) -> None:
    ways = ("--way", "adversarial", "--way", "regularised")
    done = workbench("defences", "train", numbers, "--fit", f"python:{models}:fit", *ways, *QUICK, "--json", "-")
    assert done.code in {0, 1}, done.err
    assert "regularised not trained: a fit that takes no weights" in done.err
    found = json.loads(done.out)
    assert [row["defence"] for row in found["tables"]["defences"]] == ["baseline", "adversarial"]
    accused = any(row["verdict"] == "overfitted defence" for row in found["tables"]["defences"])
    assert done.code == int(accused)
    assert found["numbers"]["rows"] <= 150
    unknown = workbench("defences", "train", numbers, "--fit", f"python:{models}:fit", "--way", "magic", "--json", "-")
    assert (unknown.code, "adversarial" in unknown.lines[-1]) == (2, True)


def test_what_carries_over_is_a_matrix(workbench: Any, numbers: Path, models: str) -> None:
    versions = ("--target", f"python:{models}:rule", "--target", f"python:{models}:other")
    done = workbench("defences", "transfer", numbers, *versions, *QUICK, "--json", "-")
    assert done.code == 0, done.err
    assert len(json.loads(done.out)["tables"]["transfer"]) == 4


def test_certify_says_what_it_cannot_certify(workbench: Any, numbers: Path, models: str) -> None:
    pytest.importorskip("veritas")
    done = workbench("defences", "certify", numbers, "--target", f"python:{models}:rule", "--rows", 5, "--json", "-")
    assert (done.code, "no tree ensemble" in done.lines[-1]) == (2, True)


def test_segments_where_a_scenario_fails_more_often_are_bad_news(workbench: Any, numbers: Path, models: str) -> None:
    """A model that hangs on `b` alone turns under noise where `b` is near 0."""
    done = workbench("defences", "segments", "noisy-channel", numbers, "--target", f"python:{models}:other", "--json", "-")
    assert done.code == 1, done.err
    found = json.loads(done.out)
    assert found["numbers"]["vulnerable"] >= 1
    worst = min(found["tables"]["distinct"], key=lambda row: row["p_adjusted"])
    assert worst["mean"] > worst["rest"]
    assert worst["slice"].startswith("b in [")


def test_money_at_risk_from_runs_and_a_mix(workbench: Any, numbers: Path, models: str, tmp_path: Path) -> None:
    runs, mix = tmp_path / "runs.json", tmp_path / "mix.yaml"
    ran = workbench("scenarios", "run", "noisy-channel", numbers, "--target", f"python:{models}:rule", "--json", runs)
    assert ran.code in {0, 1}, ran.err
    mix.write_text("noisy-channel: {per_month: 200, cost: 50}\n")
    done = workbench("defences", "risk", runs, "--mix", mix, "--json", "-")
    assert done.code == 0, done.err
    document = json.loads(done.out)
    rate = document["tables"]["money"][0]["rate"]
    assert document["tables"]["money"][-1]["loss"] == pytest.approx(200 * 50 * rate)
    assert "if the mix is right" in done.err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nobody: {per_month: 1, cost: 1}", "scenario among the results"),
        ("noisy-channel: 3", "something else than a mix"),
        ("noisy-channel: {per_month: often, cost: 1}", "something else than a mix"),
        ("", "holds no mapping"),
        ("{}", "states nothing"),
        ("a: [", "not YAML"),
    ],
)
def test_a_mix_that_cannot_be_read_is_one_line(workbench: Any, tmp_path: Path, text: str, said: str) -> None:
    from workbench.result import Result

    run = Result(
        "scenario", "t", {}, {"name": "noisy-channel", "value": 0.1, "low": 0.0, "high": 0.2, "outcome": "failed", "twin": "held"}
    )
    (tmp_path / "runs.json").write_text(json.dumps(run.to_dict()))
    (tmp_path / "mix.yaml").write_text(text)
    done = workbench("defences", "risk", tmp_path / "runs.json", "--mix", tmp_path / "mix.yaml", "--json", "-")
    assert (done.code, done.err.count("error:")) == (2, 1)
    assert said in done.err
