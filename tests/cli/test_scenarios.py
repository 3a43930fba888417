"""scenarios list, show, diff, run and from-finding from the command line."""

import json
from pathlib import Path
from typing import Any

import pytest

from workbench.attacks.scenarios.catalogue import find_scenario, open_catalogue
from workbench.attacks.scenarios.scenario import read_scenario

MODELS = """
import numpy as np
from sklearn.tree import DecisionTreeClassifier

def steady(frame):
    return np.ones(len(frame), dtype=int)

def by_region(frame):
    return (frame["region"] == "north").astype(int).to_numpy()

class Rule:
    def __init__(self, model): self.model = model
    def __call__(self, frame): return self.model.predict((frame[["region"]] == "north").to_numpy())

def fit(frame, labels):
    return Rule(DecisionTreeClassifier(random_state=0).fit((frame[["region"]] == "north").to_numpy(), labels))
"""


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    name = f"scenario_models_of_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(MODELS)
    monkeypatch.chdir(tmp_path)
    return name


def test_the_list_shows_every_scenario_and_can_be_filtered(workbench: Any) -> None:
    done = workbench("scenarios", "list", "--json", "-")
    assert done.code == 0
    document = json.loads(done.out)
    assert {item["name"] for item in document["scenarios"]} == set(open_catalogue().scenarios)
    assert all(item["id"].startswith("sha256:") for item in document["scenarios"])
    some = json.loads(workbench("scenarios", "list", "--modality", "image", "--json", "-").out)
    assert {item["modality"] for item in some["scenarios"]} == {"image"}


def test_coverage_shows_what_nobody_tries(workbench: Any) -> None:
    done = workbench("scenarios", "list", "--coverage")
    assert "AML.T0034" in done.err
    assert "none" in done.err


def test_the_list_can_be_filtered_by_what_scenarios_are_about(workbench: Any) -> None:
    some = json.loads(workbench("scenarios", "list", "--tag", "poisoning", "--json", "-").out)
    assert {item["name"] for item in some["scenarios"]} == {"backdoor-poisoning", "label-flip-poisoning"}


def test_controls_show_gaps_and_what_speaks_to_them_otherwise(workbench: Any, tmp_path: Path) -> None:
    done = workbench("scenarios", "list", "--controls", "--json", "-")
    assert done.code == 0
    assert "gap" in done.err
    assert "not legal advice" in done.err
    document = json.loads(done.out)
    assert document["controls_map"]["id"].startswith("sha256:")
    gaps = [row["control"] for row in document["controls"] if not row["scenarios"] and not row["otherwise"]]
    assert "A.10.3" in gaps
    (tmp_path / "map.yaml").write_text("name: x\n")
    refused = workbench("scenarios", "list", "--controls", "--map", tmp_path / "map.yaml")
    assert refused.code == 2
    assert "map.yaml, line 1: the field version is missing" in refused.lines[-1]


def test_the_example_charter_can_be_written_read_and_judged(workbench: Any, log: Path, models: str, tmp_path: Path) -> None:
    (tmp_path / "charter.yaml").write_text(workbench("scenarios", "charter", "--example").out)
    unjudged = workbench("scenarios", "charter", tmp_path / "charter.yaml", "--json", "-")
    assert unjudged.code == 0, unjudged.err
    assert json.loads(unjudged.out)["schema"] == "workbench.charter/1"
    (tmp_path / "runs").mkdir()
    words = ("--target", f"python:{models}:steady", "--json", tmp_path / "runs" / "one.json")
    assert workbench("scenarios", "run", "category-recode", log, *words).code == 0
    judged = workbench("scenarios", "charter", tmp_path / "charter.yaml", "--results", tmp_path / "runs", "--json", "-")
    assert judged.code == 1
    lines = {line["scenario"]: line for line in json.loads(judged.out)["tables"]["bindings"]}
    assert (lines["category-recode"]["outcome"], lines["unit-error"]["outcome"]) == ("met", "could not tell")
    assert "by scenario" in judged.err


def test_a_charter_that_is_wrong_and_one_that_is_unbound_say_so(workbench: Any, tmp_path: Path) -> None:
    text = workbench("scenarios", "charter", "--example").out
    (tmp_path / "blank.yaml").write_text(
        text.replace("remediation: Shed load beyond the knee and queue the rest.", "remediation: ''")
    )
    blank = workbench("scenarios", "charter", tmp_path / "blank.yaml")
    assert blank.code == 2
    assert "criteria[15].remediation: ''" in blank.lines[-1]
    (tmp_path / "unbound.yaml").write_text(text.replace("  tags: [availability]\n", ""))
    unbound = workbench("scenarios", "charter", tmp_path / "unbound.yaml")
    assert unbound.code == 1
    assert "1 unbound" in unbound.lines[-2]
    assert "heavy-load" in unbound.lines[-1]
    assert workbench("scenarios", "charter").code == 2


def test_show_prints_everything(workbench: Any) -> None:
    done = workbench("scenarios", "show", "unit-error", "--json", "-")
    assert json.loads(done.out)["id"] == find_scenario("unit-error").id
    assert "rollback_trigger" in done.err
    missing = workbench("scenarios", "show", "unit-eror")
    assert missing.code == 2
    assert "unit-error" in missing.lines[-1]


def test_diff_of_two_scenarios_and_of_two_folders(workbench: Any, tmp_path: Path) -> None:
    import shutil

    from workbench.attacks.scenarios.catalogue import SHIPPED

    shutil.copytree(SHIPPED, tmp_path / "own")
    (tmp_path / "own" / "heavy-load.yaml").unlink()
    edited = tmp_path / "own" / "unit-error.yaml"
    edited.write_text(edited.read_text().replace("seed: 0", "seed: 3"))
    one = json.loads(workbench("scenarios", "diff", "unit-error", edited, "--json", "-").out)
    assert one["changes"] == [{"field": "seed", "before": 0, "after": 3}]
    folders = json.loads(workbench("scenarios", "diff", SHIPPED, tmp_path / "own", "--json", "-").out)
    assert {(item["name"], item["change"]) for item in folders["changes"]} == {
        ("heavy-load", "retired"),
        ("unit-error", "changed"),
    }


@pytest.mark.parametrize("case", [("steady", 0, "held"), ("by_region", 1, "failed")])
def test_run_exits_by_the_outcome(workbench: Any, log: Path, models: str, case: tuple[str, int, str]) -> None:
    model, code, outcome = case
    done = workbench("scenarios", "run", "category-recode", log, "--target", f"python:{models}:{model}", "--json", "-")
    assert done.code == code, done.err
    document = json.loads(done.out)
    assert document["schema"] == "workbench.scenario/1"
    assert document["numbers"]["outcome"] == outcome
    assert f", n {document['numbers']['trials']}; expected" in done.err
    assert {"attribute", "group", "rate", "low", "high", "suppressed"} <= set(document["tables"]["groups"][0])


def test_a_run_writes_system_health_beside_accuracy(workbench: Any, log: Path, models: str) -> None:
    done = workbench("scenarios", "run", "failing-downstream", log, "--target", f"python:{models}:by_region", "--json", "-")
    points = json.loads(done.out)["tables"]["health"]
    assert [point["at"] for point in points] == [float(second) for second in range(40)]
    assert {point["downstream"] for point in points} == {"healthy", "store down"}
    assert {"error_rate", "waiting", "memory", "accuracy"} <= set(points[0])


def test_a_scenario_that_could_not_run_says_why_and_exits_2(workbench: Any, log: Path, models: str) -> None:
    done = workbench("scenarios", "run", "label-flip-poisoning", log, "--target", f"python:{models}:steady", "--json", "-")
    assert done.code == 2
    assert "could not run" in done.err
    assert "--fit" in done.err
    words = ("--fit", f"python:{models}:fit", "--json", "-")
    fitted = workbench("scenarios", "run", "label-flip-poisoning", log, "--target", f"python:{models}:steady", *words)
    assert json.loads(fitted.out)["numbers"]["outcome"] != "could not run"


def test_all_of_a_folder_run_in_one_call(workbench: Any, log: Path, models: str, tmp_path: Path) -> None:
    from workbench.attacks.scenarios.scenario import write_scenario

    (tmp_path / "own").mkdir()
    for name in ("category-recode", "missing-fields"):
        write_scenario(find_scenario(name), tmp_path / "own" / f"{name}.yaml")
    words = ("--target", f"python:{models}:steady", "--catalogue", tmp_path / "own", "--json", "-")
    done = workbench("scenarios", "run", "all", log, *words)
    assert done.code == 0, done.err
    assert [run["numbers"]["name"] for run in json.loads(done.out)["runs"]] == ["category-recode", "missing-fields"]


def test_a_finding_becomes_a_file_that_runs(workbench: Any, log: Path, models: str, tmp_path: Path) -> None:
    finding = {
        "kind": "slice", "statement": "wrong in the north", "where": 'region = "north"', "columns": ["region"], "effect": 0.4,
        "unit": "error rate", "support": 300, "people": 300, "rank": 1,
    }  # fmt: skip
    (tmp_path / "findings.json").write_text(json.dumps({"findings": [finding]}))
    out = tmp_path / "north.yaml"
    done = workbench("scenarios", "from-finding", tmp_path / "findings.json", 1, "--out", out, "--incident", "INC-7")
    assert done.code == 0, done.err
    made = read_scenario(out)
    assert made.author == "ada"
    assert (made.parent or "").startswith("INC-7: finding 1 of sha256:")
    ran = workbench("scenarios", "run", out, log, "--target", f"python:{models}:steady", "--json", "-")
    assert json.loads(ran.out)["numbers"]["scenario"] == made.id
