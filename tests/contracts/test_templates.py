"""Every shipped template: what it declares, how it is stored, and that papermill alone can run it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from workbench.attacks.scenarios.charter import EXAMPLE
from workbench.evidence.freeze import has_errors
from workbench.evidence.templates import declared_parameters, find_template, list_templates

ROOT = Path(__file__).parents[2]
NAMES = sorted(path.stem for path in (ROOT / "templates").glob("*.ipynb"))
BEFORE = "time < 2026-01-10"
PARAMETERS = {
    "triage": [
        "data",
        "roles",
        "reference",
        "current",
        "out",
        "incident",
        "seed",
        "lineage",
        "recordings",
        "target",
        "trust",
        "production",
    ],
    "hunt": ["data", "roles", "reference", "current", "caller", "recordings", "out", "incident", "seed"],
    "drift": ["data", "roles", "reference", "current", "out", "incident", "seed"],
    "integrity": ["data", "roles", "reference", "current", "out", "incident", "seed"],
    "slices": [
        "data",
        "roles",
        "reference",
        "current",
        "loss",
        "level",
        "min_support",
        "counter_check",
        "out",
        "incident",
        "seed",
    ],
    "disparity": [
        "data",
        "roles",
        "groups",
        "reference_group",
        "strata",
        "policy",
        "events",
        "reference",
        "current",
        "out",
        "incident",
        "seed",
    ],
}


def test_every_notebook_in_the_folder_is_a_template() -> None:
    assert NAMES
    assert set(NAMES) <= set(list_templates())


@pytest.mark.parametrize("name", PARAMETERS)
def test_it_declares_what_the_contract_says(name: str) -> None:
    declared = declared_parameters(find_template(name))
    assert sorted(declared) == sorted(PARAMETERS[name])
    assert {item.type for item in declared.values()} <= {"str", "int", "float", "bool"}


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_has_help(name: str) -> None:
    assert [item.name for item in declared_parameters(find_template(name)).values() if not item.help] == []


@pytest.mark.parametrize("name", NAMES)
def test_it_is_stored_bare_and_valid(name: str) -> None:
    """A kernel to run it with, an id for every cell, and nothing that a run left."""
    notebook = nbformat.read(find_template(name), as_version=4)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    assert "papermill" not in notebook.metadata
    ids = [cell["id"] for cell in notebook.cells]
    assert len(ids) == len(set(ids))
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell["id"] for cell in code if cell.outputs or cell.execution_count is not None] == []


@pytest.mark.parametrize("name", NAMES)
def test_it_begins_with_a_title_and_ends_with_what_is_kept(name: str) -> None:
    cells = nbformat.read(find_template(name), as_version=4).cells
    assert cells[0].cell_type == "markdown"
    assert cells[0].source.startswith("# ")
    assert cells[-1].cell_type == "code"


@pytest.mark.parametrize("name", NAMES)
def test_it_is_clean(name: str) -> None:
    for command in (["check"], ["format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, str(ROOT / "templates" / f"{name}.ipynb")],
            capture_output=True, text=True, check=False, cwd=ROOT,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log.csv"
    rows = "".join(f"{n},2026-01-{n % 28 + 1:02d},{n % 2},{(n // 3) % 2},{'ab'[n % 5 < 2]}\n" for n in range(300))
    path.write_text("id,time,prediction,label,region\n" + rows)
    (tmp_path / "roles.yaml").write_text("row_id: id\ntime: time\nprediction: prediction\nlabel: label\ngroups: [region]\n")
    return path


@pytest.mark.slow
def test_papermill_alone_runs_triage(log: Path, tmp_path: Path, home: Path) -> None:
    """Without the runner: no incident, no home, and findings where `out` says."""
    out = tmp_path / "out"
    given = {"data": log, "roles": tmp_path / "roles.yaml", "out": out}
    words = [word for name, value in given.items() for word in ("-p", name, str(value))]
    command = [sys.executable, "-m", "papermill", str(find_template("triage")), str(tmp_path / "out.ipynb"), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    executed = nbformat.read(tmp_path / "out.ipynb", as_version=4)
    assert has_errors(executed) is None
    assert "no incident given: nothing pinned" in executed.cells[-1].outputs[0].text
    assert json.loads((out / "findings.json").read_text())["dataset"]["rows"] == 300
    assert not home.exists()


@pytest.mark.slow
def test_two_runs_of_triage_on_the_same_data_say_the_same(log: Path, tmp_path: Path, home: Path) -> None:
    from workbench.evidence.runbook import run_runbook
    from workbench.incident.home import ensure_home, record_path
    from workbench.incident.record import Record
    from workbench.incident.state import create_incident, state_of

    with Record.open(record_path(ensure_home(home))) as record:
        create_incident(record, "INC-1", "Loans", "ada")
    given = {"data": log, "roles": tmp_path / "roles.yaml"}
    first, second = (run_runbook("triage", given, home=home, incident="INC-1", author="ada") for _ in range(2))
    assert first.digest == second.digest
    with Record.open(record_path(home)) as record:
        state = state_of(record.entries("INC-1"))
    found = json.loads((second.folder / "findings.json").read_text())["findings"]
    assert [body["finding"] for body in state.pinned if body["run"] == 2] == found


@pytest.mark.slow
def test_papermill_alone_runs_hunt(log: Path, tmp_path: Path, home: Path) -> None:
    """Without the runner: no incident, and findings and result where `out` says."""
    out = tmp_path / "out"
    given = {"data": log, "roles": tmp_path / "roles.yaml", "out": out, "reference": "time < 2026-01-10"}
    words = [word for name, value in given.items() for word in ("-p", name, str(value))]
    command = [sys.executable, "-m", "papermill", str(find_template("hunt")), str(tmp_path / "out.ipynb"), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    executed = nbformat.read(tmp_path / "out.ipynb", as_version=4)
    assert has_errors(executed) is None
    assert "no incident given: nothing pinned" in executed.cells[-1].outputs[0].text
    found = json.loads((out / "findings.json").read_text())
    assert (found["verdict"], found["checks"][0]["name"]) == ("no incident found", "attack")
    assert json.loads((out / "results" / "attack.json").read_text())["schema"] == "workbench.hunt/1"
    assert not home.exists()


@pytest.mark.slow
def test_papermill_alone_runs_slices(log: Path, tmp_path: Path, home: Path) -> None:
    """Without the runner: no incident, and findings, result and cube where `out` says."""
    from workbench.digest import digest_bytes

    out = tmp_path / "out"
    given = {"data": log, "roles": tmp_path / "roles.yaml", "out": out, "reference": "time < 2026-01-10", "level": 2}
    given["counter_check"] = True
    words = [word for name, value in given.items() for word in ("-p", name, str(value))]
    command = [sys.executable, "-m", "papermill", str(find_template("slices")), str(tmp_path / "out.ipynb"), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    executed = nbformat.read(tmp_path / "out.ipynb", as_version=4)
    assert has_errors(executed) is None
    told = executed.cells[-1].outputs[0].text
    assert "no incident given: nothing pinned" in told
    assert f"cube {digest_bytes((out / 'results' / 'slices.parquet').read_bytes())}" in told
    found = json.loads((out / "findings.json").read_text())
    assert found["checks"][0]["name"] == "slices"
    assert found["reference"] == "time < 2026-01-10"
    assert json.loads((out / "results" / "slices.json").read_text())["schema"] == "workbench.slices/1"
    assert json.loads((out / "results" / "countercheck.json").read_text())["schema"] == "workbench.countercheck/1"
    assert not home.exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "reference"), [("drift", "time < 2026-01-10"), ("integrity", "time < 2026-01-10"), ("integrity", "")]
)
def test_papermill_alone_runs_drift_and_integrity(name: str, reference: str, log: Path, tmp_path: Path, home: Path) -> None:
    """With two windows and without: findings and the history of each where `out` says, and something in every cell."""
    out = tmp_path / "out"
    given = {"data": log, "roles": tmp_path / "roles.yaml", "out": out, **({"reference": reference} if reference else {})}
    words = [word for pair in given.items() for word in ("-p", *map(str, pair))]
    command = [sys.executable, "-m", "papermill", str(find_template(name)), str(tmp_path / "out.ipynb"), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    executed = nbformat.read(tmp_path / "out.ipynb", as_version=4)
    assert has_errors(executed) is None
    ran = [cell for cell in executed.cells if cell.cell_type == "code" and not cell.metadata.get("tags")]
    assert [cell["id"] for cell in ran if not cell.outputs] == []
    assert json.loads((out / "findings.json").read_text())["reference"] == (reference or None)
    assert json.loads((out / "results" / "history.json").read_text())["schema"] == "workbench.history/1"
    assert not home.exists()


@pytest.mark.slow
def test_drift_without_a_reference_says_what_to_give(log: Path, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "papermill",
        str(find_template("drift")),
        str(tmp_path / "out.ipynb"),
        "-p",
        "data",
        str(log),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "drift needs two windows" in done.stderr
    assert "Give the parameter `reference`" in done.stderr


@pytest.mark.slow
def test_papermill_alone_runs_scenarios(log: Path, tmp_path: Path, home: Path) -> None:
    """Without an incident: every cell shows something, and what it writes is what a charter is held against."""
    (tmp_path / "rule.py").write_text("def decide(frame):\n    return (frame['region'] == 'a').astype(int).to_numpy()\n")
    (tmp_path / "parameters.yaml").write_text("scenarios: [category-recode, missing-fields, failing-downstream]\n")
    (tmp_path / "roles.yaml").write_text("row_id: id\ntime: time\nlabel: label\ngroups: [region]\n")
    given = {"data": log, "roles": tmp_path / "roles.yaml", "out": tmp_path / "out", "target": "python:rule:decide"}
    words = [word for pair in (given | {"charter": EXAMPLE}).items() for word in ("-p", *map(str, pair))]
    command = [sys.executable, "-m", "papermill", str(find_template("scenarios")), str(tmp_path / "out.ipynb"), *words]
    done = subprocess.run(
        [*command, "-f", str(tmp_path / "parameters.yaml")], capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    executed = nbformat.read(tmp_path / "out.ipynb", as_version=4)
    assert has_errors(executed) is None
    ran = [cell for cell in executed.cells if cell.cell_type == "code" and not cell.metadata.get("tags")]
    assert [cell["id"] for cell in ran if not cell.outputs] == []
    assert {path.stem for path in (tmp_path / "out" / "results").glob("*.json")} == {
        "category-recode", "missing-fields", "failing-downstream",
    }  # fmt: skip
    assert not home.exists()
