"""Many scenarios against one target: what fails is a finding named by its scenario, noise is none, and a fit is imported."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from workbench.attacks.scenarios.catalogue import find_scenario, open_catalogue
from workbench.attacks.scenarios.runs import read_runs
from workbench.attacks.scenarios.trial import Setting
from workbench.data.dataset import Dataset, open_dataset
from workbench.errors import InputError, UnknownNameError
from workbench.models import python_target
from workbench.triage.files import write_triage
from workbench.triage.scenarios import choose_scenarios, open_fit, try_scenarios


@pytest.fixture
def log() -> Dataset:
    chance = np.random.default_rng(0)
    frame = pd.DataFrame({"income": chance.normal(50, 10, 300), "region": chance.choice(["north", "south"], 300)})
    return open_dataset(frame.assign(label=(frame["income"] > 50).astype(int)), {"label": "label"})


def setting(log: Dataset, kind: str) -> Setting:
    count = iter(range(10_000))
    rules = {
        "income": lambda frame: (frame["income"] > 50).astype(int).to_numpy(),
        "fixed": lambda frame: np.ones(len(frame), dtype=int),
        "moody": lambda frame: np.random.default_rng(next(count)).integers(0, 2, len(frame)),
    }
    return Setting.of(python_target(rules[kind], name=kind, digest=f"sha256:{kind}"), log)


def test_a_failing_scenario_is_a_standing_finding_that_names_it(log: Dataset) -> None:
    told: list[str] = []
    chosen = choose_scenarios(["unit-error", "category-recode", "label-flip-poisoning"])
    results, found = try_scenarios(chosen, setting(log, "income"), log, tell=told.append)
    assert found.verdict == "incident"
    [finding] = found.findings
    assert (finding.check, finding.standing, finding.evidence) == ("unit-error", True, results[0].digest)
    assert finding.effect == results[0].numbers["value"]
    assert [check.status for check in found.checks] == ["ran", "ran", "skipped"]
    assert told == [item.name for item in chosen]


def test_noise_is_no_finding_and_nothing_run_is_no_answer(log: Dataset) -> None:
    _, found = try_scenarios(choose_scenarios(["unit-error"]), setting(log, "moody"), log)
    assert (found.verdict, found.findings) == ("could not tell", ())
    assert try_scenarios(choose_scenarios(["label-flip-poisoning"]), setting(log, "fixed"), log)[1].verdict == "could not tell"
    assert try_scenarios(choose_scenarios(["unit-error"]), setting(log, "fixed"), log)[1].verdict == "no incident found"


def test_what_it_writes_is_what_a_charter_reads(log: Dataset, tmp_path: Path) -> None:
    results, found = try_scenarios(choose_scenarios(["unit-error"]), setting(log, "income"), log)
    write_triage(found, tmp_path)
    [read] = read_runs(tmp_path / "results")
    assert read.numbers == results[0].numbers
    assert read.digest == results[0].digest


def test_none_named_means_every_tabular_one() -> None:
    assert choose_scenarios([]) == [item for item in open_catalogue() if item.modality == "tabular"]
    assert choose_scenarios([find_scenario("heavy-load").id]) == [find_scenario("heavy-load")]
    with pytest.raises(UnknownNameError, match="unit-error"):
        choose_scenarios(["unit-eror"])


def test_a_fit_is_a_function_by_its_name() -> None:
    fit = open_fit("python:sklearn.base:clone")
    assert fit is not None
    assert fit.__name__ == "clone"
    assert open_fit("") is None
    with pytest.raises(InputError):
        open_fit("python:math:pi")
