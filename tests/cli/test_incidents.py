"""Commands that work on an incident, from its opening to its close."""

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from workbench.incident.home import record_path, runs_folder
from workbench.incident.pins import pin_findings
from workbench.incident.record import Record
from workbench.result import Finding

TINY = """
import json, pathlib
finding = {"check": "slices", "kind": "slice", "columns": ["a"], "where": "a = 1", "unit": "error rate", "severity": "high",
           "effect": size, "interval": [size - 0.1, size + 0.1], "rank": 1, "statement": "worse where a = 1"}
document = {"schema": "workbench.findings/1", "verdict": "incident", "dataset": {"rows": 100}}
document["findings"] = [finding] if size else []
pathlib.Path(out, "findings.json").write_text(json.dumps(document))
"""


@pytest.fixture
def incident(workbench: Any) -> str:
    assert workbench("new", "INC-1", "--title", "Loans refused").code == 0
    return "INC-1"


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A runbook that finds something of the size it is told; 0: nothing."""
    cells = [
        new_code_cell('size: float = 0.2\nout: str = "."', metadata={"tags": ["parameters"]}),
        new_code_cell("assert size >= 0, size"),
        new_code_cell(TINY),
    ]
    path = tmp_path / "tiny.ipynb"
    nbformat.write(new_notebook(cells=cells), path)
    return path


def entries(home: Path) -> list[str]:
    with Record.open(record_path(home)) as record:
        return [entry.kind for entry in record.entries("INC-1")]


def test_an_empty_home_says_so_in_one_line_and_stays_empty(workbench: Any, home: Path) -> None:
    done = workbench("list")
    assert done.code == 0
    [line] = done.lines
    assert "no incident was ever opened" in line
    assert "workbench new ID" in line
    assert json.loads(workbench("list", "--json", "-").out) == {"schema": "workbench.incidents/1", "incidents": []}
    assert not home.exists()


@pytest.mark.parametrize("words", [["show", "A"], ["log", "A"], ["runs", "A"], ["note", "A", "x"], ["close", "A"]])
def test_commands_on_an_incident_need_one(workbench: Any, home: Path, words: list[str]) -> None:
    done = workbench(*words)
    assert done.code == 2
    assert [line.startswith("error: no incident was ever opened here") for line in done.lines] == [True]
    assert not home.exists()


def test_opening_makes_a_key_once_and_says_so(workbench: Any) -> None:
    assert "made a signing key for ada" in workbench("new", "A", "--title", "T").err
    assert "signing key" not in workbench("new", "B", "--title", "T").err
    done = workbench("new", "A", "--title", "T")
    assert done.code == 2
    assert done.err.startswith("error: there is an incident of this id: A")


def test_notes_and_closing_are_entries(workbench: Any, incident: str, home: Path) -> None:
    assert workbench("note", incident, "called the bank").err == "entry 2\n"
    assert workbench("note", incident, "x", "--evidence", "not a digest").code == 2
    assert workbench("close", incident, "--why", "rolled back").code == 0
    assert entries(home) == ["opened", "note", "closed"]
    shown = workbench("show", incident).err
    assert "INC-1: Loans refused" in shown
    assert "closed, opened" in shown
    assert "no runs yet" in shown
    log = workbench("log", incident).err
    assert "called the bank" in log
    assert "rolled back" in log


def test_the_record_as_json(workbench: Any, incident: str, home: Path) -> None:
    done = workbench("log", incident, "--json", "-")
    document = json.loads(done.out)
    assert (document["schema"], document["incident"]) == ("workbench.log/1", "INC-1")
    assert [entry["kind"] for entry in document["entries"]] == entries(home)
    [item] = json.loads(workbench("list", "--json", "-").out)["incidents"]
    assert (item["id"], item["title"], item["status"], item["runs"]) == ("INC-1", "Loans refused", "open", 0)


def test_a_run_is_0_whatever_it_found_and_diff_shows_new_gone_and_changed(
    workbench: Any, incident: str, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = workbench("run", tiny, "--incident", incident)
    assert done.code == 0, done.err
    assert "run 1 completed: " in done.err
    assert "Incident in 100 decisions. First: worse where a = 1." in done.err
    monkeypatch.chdir(tmp_path)
    for size in ("0.21", "0.6", "0"):
        assert workbench("run", tiny, "--incident", incident, "--again", "1", "-p", "size", size).code == 0
    words = {}
    for name, before, after in [("same", 1, 2), ("changed", 1, 3), ("gone", 1, 4), ("new", 4, 1)]:
        document = json.loads(workbench("diff", f"INC-1/{before}", f"INC-1/{after}", "--json", "-").out)
        assert document["schema"] == "workbench.diff/1"
        words[name] = [key for key in ("new", "gone", "changed") if document[key]]
    assert words == {"same": [], "changed": ["changed"], "gone": ["gone"], "new": ["new"]}
    assert "the findings are the same" in workbench("diff", "INC-1/1", "INC-1/2").err
    assert "worse where a = 1" in workbench("diff", "INC-1/1", "INC-1/3").err
    runs = workbench("runs", incident).err
    assert runs.count("completed") == 4
    assert max(map(len, runs.splitlines())) <= 80


def test_a_run_begun_again_keeps_the_other_parameters(workbench: Any, incident: str, tiny: Path, home: Path) -> None:
    workbench("run", tiny, "--incident", incident, "-p", "size", "0.5")
    workbench("run", tiny, "--incident", incident, "--again", 1)
    folders = sorted(runs_folder(home, incident).iterdir())
    first, second = (json.loads((folder / "parameters.json").read_text()) for folder in folders)
    assert first["size"] == second["size"] == 0.5
    assert first["out"] != second["out"]
    assert workbench("run", tiny, "--incident", incident, "--again", 9).code == 2


def test_a_failed_run_is_1_and_shown_with_its_cell(workbench: Any, incident: str, tiny: Path) -> None:
    done = workbench("run", tiny, "--incident", incident, "-p", "size", "-1")
    assert done.code == 1
    assert done.lines[-1].startswith("error: run 1 failed at cell 3: AssertionError: -1.0. What ran is in ")
    shown = workbench("show", incident).err
    assert "failed at cell 3" in shown
    assert "AssertionError: text withheld" in " ".join(shown.split())
    assert "errors.txt" in shown
    assert "run 1 at cell 3: AssertionError: text withheld" in " ".join(workbench("log", incident).err.split())


def test_a_run_on_data_that_is_not_there_could_not_run(workbench: Any, incident: str, tmp_path: Path) -> None:
    done = workbench("run", "triage", "--incident", incident, "-p", "data", tmp_path / "gone.csv")
    assert done.code == 2
    assert "gone.csv" in done.lines[-1]
    assert "Traceback" not in done.err


def test_a_run_is_shown_with_its_verdict(workbench: Any, incident: str, tiny: Path) -> None:
    assert workbench("run", tiny, "--incident", incident).code == 0
    assert "incident" in workbench("runs", incident).err
    assert "run 1: incident" in " ".join(workbench("log", incident).err.split())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-p", "siez", "1"], "Did you mean size? Parameters: size: float = 0.2"),
        (["-p", "size", "large"], "parameter size takes float: large"),
        (["-p", "size"], "a parameter without a value"),
        (["-p", "size", "1", "-p", "size", "2"], "given twice"),
        (["--colour", "red"], "unexpected word on the command line: --colour"),
        (["--incident", "INC-2"], "no incident of that name: INC-2"),
    ],
)
def test_a_run_that_cannot_begin_is_2_and_leaves_no_trace(
    workbench: Any, tiny: Path, home: Path, words: list[str], said: str
) -> None:
    workbench("new", "INC-1", "--title", "Loans refused")
    done = workbench("run", tiny, "--incident", "INC-1", *words)
    assert done.code == 2
    [line] = done.lines
    assert line.startswith("error: ")
    assert said in line
    assert entries(home) == ["opened"]
    assert not runs_folder(home, "INC-1").exists()


@pytest.mark.parametrize("place", ["INC-1/9", "gone.json", "INC-2/1", "list.json", "other.json"])
@pytest.mark.usefixtures("incident")
def test_findings_that_are_not_there_are_refused(
    workbench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "list.json").write_text("[]")
    (tmp_path / "other.json").write_text('{"schema": "workbench.drift/1"}')
    done = workbench("diff", place, place)
    assert done.code == 2
    assert [line.startswith("error: ") for line in done.lines] == [True]


def test_a_pinned_finding_can_be_set_aside_with_a_reason(workbench: Any, incident: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("WORKBENCH_RUN", "3")
        pin_findings(incident, [Finding("slice", "worse in the north", rank=1), Finding("volume", "fewer rows", rank=2)])
    assert "worse in the north" in workbench("show", incident).err
    done = workbench("dismiss", incident, "run3:7", "--why", "x")
    assert done.code == 2
    assert "run3:1, run3:2" in done.err
    assert workbench("dismiss", incident, "run3:1", "--why", "a holiday").code == 0
    shown = workbench("show", incident).err
    assert "worse in the north" not in shown
    assert "fewer rows" in shown
    assert "dismissed run3:1: a holiday" in shown


def test_only_what_the_last_run_pinned_is_shown(workbench: Any, incident: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for run in ("1", "2"):
        with monkeypatch.context() as patch:
            patch.setenv("WORKBENCH_RUN", run)
            pin_findings(incident, [Finding("slice", f"found by run {run}", rank=1)])
    shown = workbench("show", incident).err
    assert "found by run 2" in shown
    assert "found by run 1" not in shown
    assert "1 more pinned by earlier runs" in shown


def test_a_later_run_that_pinned_nothing_is_told(
    workbench: Any, incident: str, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the findings below would look like what it found."""
    with monkeypatch.context() as patch:
        patch.setenv("WORKBENCH_RUN", "1")
        pin_findings(incident, [Finding("slice", "worse in the north", rank=1)])
    assert "pinned nothing" not in workbench("show", incident).err
    assert workbench("run", tiny, "--incident", incident).code == 0
    assert "run 1 (tiny), the last one, pinned nothing; what follows is older" in workbench("show", incident).err


def test_what_somebody_typed_cannot_steer_the_terminal(workbench: Any, incident: str) -> None:
    workbench("note", incident, "\x1b]0;owned\x07 [bold]plain[/bold]")
    for command in ("log", "show"):
        done = workbench(command, incident)
        assert "\x1b" not in done.err
        assert "\x07" not in done.err
    log = workbench("log", incident).err
    assert "\\x1b]0;owned\\x07" in log
    assert "[bold]plain[/bold]" in " ".join(log.split())


def test_runbooks_are_listed_with_their_parameters_and_copied(workbench: Any, tmp_path: Path) -> None:
    listed = workbench("templates", "list").err
    assert "triage" in listed
    assert "reference: str" in listed
    assert workbench("templates", "copy", "triage", tmp_path).code == 0
    assert workbench("templates", "copy", "triage", tmp_path).code == 2
    assert (tmp_path / "triage.ipynb").is_file()


def test_a_finding_is_not_set_aside_without_a_reason(workbench: Any, incident: str, home: Path) -> None:
    pin_findings(incident, [Finding("slice", "worse")])
    done = workbench("dismiss", incident, "entry2", "--why", "  ")
    assert (done.code, len(done.lines)) == (2, 1)
    assert "needs a reason" in done.err
    assert entries(home) == ["opened", "pinned"]


@pytest.mark.parametrize("finding", [None, {}, {"statement": "worse"}, ["worse"], {"kind": "slice", "statement": "worse"}])
def test_a_pin_that_says_too_little_does_not_make_an_incident_unreadable(
    workbench: Any, incident: str, home: Path, finding: object
) -> None:
    with Record.open(record_path(home)) as record:
        record.append(incident, "pinned", {"run": 1, "finding": finding}, author="ada")
        record.append(incident, "pinned", {"finding": finding}, author="ada")
    assert [workbench(command, incident).code for command in ("show", "log", "runs")] == [0, 0, 0]


def test_an_empty_note_and_a_second_close_are_refused_and_leave_no_entry(workbench: Any, incident: str, home: Path) -> None:
    assert workbench("close", incident).code == 0
    empty, again = workbench("note", incident, " "), workbench("close", incident)
    assert [(done.code, len(done.lines)) for done in (empty, again)] == [(2, 1), (2, 1)]
    assert "closed already" in again.err
    assert entries(home) == ["opened", "closed"]
