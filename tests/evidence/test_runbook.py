"""Runs end in the record, however they end; only one that reached its last cell has an executed notebook.

Each test executes a tiny notebook in a real kernel; what takes longer is marked slow.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from workbench.errors import InputError, ParameterError, RunFailedError, StorageError, UnknownNameError
from workbench.evidence import runbook
from workbench.evidence.runbook import Run, run_of, run_runbook
from workbench.incident.chain import verify_chain
from workbench.incident.home import ensure_home, record_path, runs_folder
from workbench.incident.record import Record
from workbench.incident.state import RunState, create_incident, state_of

WIDGET = """
from IPython.display import display
display({'application/vnd.jupyter.widget-view+json': {}, 'text/plain': 'Slider'}, raw=True)"""
PARAMETERS = 'data: str = ""  # a log\nlimit: int = 3  # how many\nout: str = "."\nincident: str = ""'
Write = Callable[..., str]
Go = Callable[..., Run]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """A notebook with a parameters cell and these cells; a pair is a source and a tag."""

    def make(*cells: str | tuple[str, str], parameters: str | None = PARAMETERS, name: str = "tiny") -> str:
        notebook = new_notebook(cells=[new_markdown_cell("# Tiny")])
        if parameters is not None:
            notebook.cells.append(new_code_cell(parameters, metadata={"tags": ["parameters"]}))
        for cell in cells:
            source, tags = (cell, []) if isinstance(cell, str) else (cell[0], [cell[1]])
            notebook.cells.append(new_code_cell(source, metadata={"tags": tags}))
        path = tmp_path / f"{name}.ipynb"
        nbformat.write(notebook, path)
        return str(path)

    return make


@pytest.fixture
def go(home: Path) -> Go:
    """Runs a notebook for the incident INC-1, which is open."""
    ensure_home(home)
    with Record.open(record_path(home)) as record:
        create_incident(record, "INC-1", "Loans", "ada")

    def run(template: str, **given: Any) -> Run:
        options = {name: given.pop(name) for name in ("timeout", "tell") if name in given}
        return run_runbook(template, given, home=home, incident="INC-1", author="ada", **options)

    return run


def last_run(home: Path) -> RunState:
    with Record.open(record_path(home)) as record:
        entries = record.entries("INC-1")
    verify_chain(entries)
    return state_of(entries).runs[-1]


def files_of(home: Path, run: RunState) -> set[str]:
    return {path.name for path in (runs_folder(home, "INC-1").parent / str(run.folder)).iterdir()}


def assert_stopped(home: Path, status: str, cell: int | None, why: str) -> None:
    """The last run ended so in the record, and left a partial notebook and no executed one."""
    run = last_run(home)
    assert (run.status, run.cell) == (status, cell)
    assert why in (run.why or "")
    assert "partial.ipynb" in files_of(home, run)
    assert "executed.ipynb" not in files_of(home, run)


def test_a_run_leaves_an_executed_notebook_its_parameters_and_two_entries(go: Go, home: Path, write: Write) -> None:
    told: list[tuple[int, int, str]] = []
    code = "import os, pathlib\npathlib.Path(out, 'findings.json').write_text('{}')\nprint(limit, os.environ['WORKBENCH_RUN'])"
    done = go(write(code), limit="7", tell=lambda *words: told.append(words))
    run = last_run(home)
    assert (run.status, run.template, run.number, run.digest) == ("completed", "tiny", 1, done.digest)
    assert files_of(home, run) == {"template.ipynb", "executed.ipynb", "parameters.json", "findings.json"}
    assert json.loads((done.folder / "parameters.json").read_text()) == run.parameters
    assert run.parameters == {"limit": 7, "out": str(done.folder), "incident": "INC-1"}
    assert done.findings == done.folder / "findings.json"
    executed = nbformat.read(done.folder / "executed.ipynb", as_version=4)
    assert executed.cells[-1].outputs[0].text == "7 1\n"
    assert executed.metadata["workbench"] == {"status": "completed"}
    assert told == [(2, 4, "Tiny"), (3, 4, "Tiny"), (4, 4, "Tiny")]
    assert "WORKBENCH_RUN" not in os.environ


def test_the_kernel_is_this_very_python(go: Go, write: Write) -> None:
    """A kernel specification of somebody's own could be another Python, whose packages the bundle would not list."""
    done = go(write("import sys\nprint(sys.executable)"))
    assert nbformat.read(done.folder / "executed.ipynb", as_version=4).cells[-1].outputs[0].text == f"{sys.executable}\n"


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("raise ValueError('a\\nb\\x1b[31m')", "ValueError: text withheld, it may quote the data"),
        ("raise SystemExit(0)", "SystemExit: 0"),
        ("import os\nos._exit(0)", "the kernel died"),
        (("1 / 0", "raises-exception"), "ZeroDivisionError"),
        (WIDGET, "a widget has no static twin: Slider"),
    ],
    ids=["raises", "raises-lines", "system-exit", "kernel-dies", "raises-exception-tag", "widget"],
)
def test_a_run_that_stops_before_its_last_cell_fails(go: Go, home: Path, write: Write, code: str, why: str) -> None:
    """SystemExit too, which papermill takes for success: a runbook that leaves cells out has not been followed."""
    with pytest.raises(RunFailedError, match="run 1 failed at cell"):
        go(write("1", code, "2"))
    assert_stopped(home, "failed", 5, why)


def test_what_an_error_quotes_is_told_and_kept_here_and_goes_into_no_evidence(go: Go, home: Path, write: Write) -> None:
    """Neither into the record nor into the notebook, which are sealed as they are."""
    with pytest.raises(RunFailedError, match=r"invalid literal for int.*Jane Doe"):
        go(write("int('Jane' + ' Doe')"))
    run = last_run(home)
    assert run.why == "ValueError: text withheld, it may quote the data"
    folder = runs_folder(home, "INC-1").parent / str(run.folder)
    assert "Jane Doe" not in (folder / "partial.ipynb").read_text()
    assert "Jane Doe" not in record_path(home).read_bytes().decode(errors="replace")
    assert "cell 4\n" in (folder / "errors.txt").read_text()
    assert "invalid literal for int() with base 10: 'Jane Doe'" in (folder / "errors.txt").read_text()


def test_a_run_that_stops_at_a_wrong_input_could_not_run(go: Go, home: Path, write: Write) -> None:
    with pytest.raises(RunFailedError, match=r"run 1 failed at cell 4: SourceError: .*gone\.csv") as caught:
        go(write("from workbench.data.dataset import open_dataset\nopen_dataset('gone.csv')"))
    assert caught.value.exit_code == 2
    assert "gone.csv" in str(last_run(home).why)
    with pytest.raises(RunFailedError) as other:
        go(write("1 / 0"))
    assert other.value.exit_code == 1


@pytest.mark.parametrize(("said", "kept"), [('{"verdict": "incident"}', "incident"), ('{"verdict": "bad"}', None), ("[", None)])
def test_the_verdict_of_a_run_is_in_the_record(go: Go, home: Path, write: Write, said: str, kept: str | None) -> None:
    go(write(f"import pathlib\npathlib.Path(out, 'findings.json').write_text({said!r})"))
    assert last_run(home).verdict == kept


def test_cells_keep_the_numbers_the_record_gives_them(go: Go, home: Path, write: Write) -> None:
    """papermill puts a banner on top of a failed notebook, which would shift every number by one."""
    with pytest.raises(RunFailedError):
        go(write("1 / 0"))
    run = last_run(home)
    partial = nbformat.read(runs_folder(home, "INC-1").parent / str(run.folder) / "partial.ipynb", as_version=4)
    assert partial.cells[int(run.cell or 0) - 1].source == "1 / 0"
    assert partial.metadata["workbench"] == {"status": "failed"}


def test_a_cell_that_takes_too_long_times_out(go: Go, home: Path, write: Write) -> None:
    """papermill's own metadata would say that the cell was completed."""
    with pytest.raises(RunFailedError, match="run 1 timed out at cell 4"):
        go(write("import time; time.sleep(60)", "2"), timeout=1)
    assert_stopped(home, "timed out", 4, "longer than 1 s")


def test_a_cell_that_is_not_for_the_kernel_is_no_stop(go: Go, write: Write) -> None:
    assert go(write(("1 / 0", "skip-execution"), "", "1")).number == 1


def test_no_kernel_at_all_is_a_failed_run(go: Go, home: Path, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(RunFailedError):
        go(write("1"))
    assert last_run(home).status == "failed"
    assert last_run(home).cell is None


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"limt": 1}, "Did you mean limit"),
        ({"limit": "many"}, "limit: int = 3"),
        ({"out": "here"}, "set by the runner"),
        ({"incident": "INC-2"}, "another incident"),
        ({"data": "postgresql://ada:secret@host/db?table=t"}, "holds a password"),
        ({"timeout": 0}, "less than a second"),
    ],
)
def test_wrong_parameters_leave_no_trace(go: Go, home: Path, write: Write, given: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        go(write("1"), **given)
    assert "secret" not in str(caught.value)
    assert_no_trace(home)


def test_a_missing_template_leaves_no_trace(go: Go, home: Path) -> None:
    with pytest.raises(UnknownNameError, match="triage"):
        go("unheard-of")
    assert_no_trace(home)


def test_a_notebook_without_parameters_cell_leaves_no_trace(go: Go, home: Path, write: Write) -> None:
    with pytest.raises(ParameterError, match="no cell tagged parameters"):
        go(write("1", parameters=None))
    assert_no_trace(home)


def assert_no_trace(home: Path) -> None:
    with Record.open(record_path(home)) as record:
        assert [entry.kind for entry in record.entries("INC-1")] == ["opened"]
    assert not runs_folder(home, "INC-1").exists()


def test_a_missing_incident_makes_no_home(home: Path, write: Write) -> None:
    with pytest.raises(UnknownNameError, match="none yet"):
        run_runbook(write("1"), {}, home=home, incident="INC-9", author="ada")
    assert not home.exists()


def test_a_run_whose_folder_cannot_be_made_failed(go: Go, home: Path, write: Write) -> None:
    runs_folder(home, "INC-1").parent.mkdir(parents=True)
    runs_folder(home, "INC-1").write_text("a file in its place")
    with pytest.raises(StorageError):
        go(write("1"))
    assert last_run(home).status == "failed"


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError("bug")])
def test_a_run_stopped_while_it_is_frozen_does_not_stay_open(
    go: Go, home: Path, write: Write, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def stop(*_: object) -> None:
        raise error

    monkeypatch.setattr(runbook, "normalised_digest", stop)
    with pytest.raises((RunFailedError, RuntimeError)):
        go(write("1"))
    run = last_run(home)
    assert run.status == ("interrupted" if error is KeyboardInterrupt else "failed")
    assert error is not KeyboardInterrupt or "executed.ipynb" not in files_of(home, run)


def test_files_are_recorded_absolute_and_nothing_else(
    go: Go, tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The caller's folder decides what a relative path means, and a later re-run may start elsewhere."""
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "a.csv").write_text("x\n1\n")
    names = ["logs/a.csv", "logs/*.csv", "../" + tmp_path.name + "/logs/a.csv", "logs/b.csv", "", "duckdb:///f.db?table=t"]
    monkeypatch.chdir(tmp_path)
    done = go(
        write(parameters="\n".join(f'p{n}: str = ""' for n in range(len(names)))), **{f"p{n}": v for n, v in enumerate(names)}
    )
    here = str(tmp_path / "logs")
    kept = list(json.loads((done.folder / "parameters.json").read_text()).values())
    assert kept == [f"{here}/a.csv", f"{here}/*.csv", f"{here}/a.csv", "logs/b.csv", "", "duckdb:///f.db?table=t"]


def test_a_run_has_a_folder_that_every_system_can_hold(go: Go, write: Write) -> None:
    assert go(write("1", name="50 % off: r\u00e9sum\u00e9")).folder.name == "0001-50-off-r-sum"


@pytest.mark.slow
def test_two_runs_at_once_get_different_numbers_and_folders(go: Go, write: Write, tmp_path: Path) -> None:
    """Neither takes the other's number, nor the sockets of the other's kernel; none of which stays behind."""
    done = go(write("1"))
    template = write("import os\nprint(os.environ['WORKBENCH_RUN'])")
    (tmp_path / "cwd").mkdir()
    started = [subprocess.Popen(command(template), stderr=subprocess.DEVNULL, cwd=tmp_path / "cwd") for _ in range(2)]
    assert [process.wait(timeout=120) for process in started] == [0, 0]
    folders = sorted(done.folder.parent.iterdir())
    assert [folder.name for folder in folders] == ["0001-tiny", "0002-tiny", "0003-tiny"]
    assert [nbformat.read(folder / "executed.ipynb", as_version=4).cells[-1].outputs[0].text for folder in folders[1:]] == [
        "2\n",
        "3\n",
    ]
    assert list((tmp_path / "cwd").iterdir()) == []


def command(template: str) -> list[str]:
    return [sys.executable, "-c", "from workbench.cli import main; main()", "run", template, "--incident", "INC-1"]


def test_a_number_taken_meanwhile_is_not_taken_again(go: Go, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process enters its start after we counted and before we enter ours."""
    real = Record.append

    def append(record: Record, incident: str, kind: str, *rest: Any, **options: Any) -> Any:
        if kind == "run started":
            monkeypatch.setattr(Record, "append", real)
            real(record, incident, kind, {"run": 1}, author="bob")
        return real(record, incident, kind, *rest, **options)

    monkeypatch.setattr(Record, "append", append)
    assert go(write("1")).number == 2


def test_equal_runs_have_equal_digests(go: Go, write: Write) -> None:
    template = write("print(limit, object())")
    first, second, other = go(template), go(template), go(template, limit=4)
    assert first.digest == second.digest != other.digest


def test_an_unknown_run_is_refused(go: Go, home: Path, write: Write) -> None:
    go(write("1"))
    with Record.open(record_path(home)) as record, pytest.raises(InputError, match="Runs: 1"):
        run_of(record, "INC-1", 2)


@pytest.mark.slow
@pytest.mark.usefixtures("go")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_signal_ends_the_run_in_the_record(home: Path, write: Write, number: signal.Signals) -> None:
    """Even SIGKILL leaves what ran so far; the record then reads unfinished, since nobody could close the run."""
    begun = home.parent / "begun"
    template = write(
        "print('before', flush=True)", f"import pathlib, time\npathlib.Path({str(begun)!r}).touch()\ntime.sleep(120)"
    )
    with subprocess.Popen(command(template), stderr=subprocess.PIPE, text=True) as process:
        wait_until(begun.exists)
        process.send_signal(number)
        _, printed = process.communicate(timeout=60)
    if number == signal.SIGKILL:
        run = last_run(home)
        assert run.status == "unfinished"
        assert files_of(home, run) == {"partial.ipynb", "parameters.json", "template.ipynb"}
    else:
        assert process.returncode == 1
        assert "error: run 1 interrupted at cell" in printed
        assert_stopped(home, "interrupted", 5, "stopped from outside")


def wait_until(holds: Callable[[], bool], attempts: int = 600) -> None:
    for _ in range(attempts):
        if holds():
            return
        time.sleep(0.1)
    pytest.fail("it did not happen within a minute")
