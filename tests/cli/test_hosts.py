"""What this machine can do, the demonstration, and what the command line does when it is itself at fault."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from workbench.cli import app, incidents
from workbench.data.examples import find_example
from workbench.errors import SourceError, UnknownNameError
from workbench.incident.home import author

NOT_FOR_HELP = {"shap", "sklearn", "fairlearn", "panel", "papermill", "pandas", "ibis", "sqlalchemy"}


def commands() -> list[list[str]]:
    """Every command and group, as the words that call it."""
    import typer

    found: list[list[str]] = []

    def walk(command: Any, words: list[str]) -> None:
        found.append(words)
        for name, inner in getattr(command, "commands", {}).items():
            walk(inner, [*words, name])

    walk(typer.main.get_command(app), [])
    return found


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_explains_itself(workbench: Any, words: list[str]) -> None:
    done = workbench(*words, "--help")
    assert done.code == 0
    assert done.out.startswith("Usage: workbench")
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    "words",
    [["--colour"], ["unheard-of"], ["list", "--colour"], ["new"], ["triage"], ["run", "t", "--incident", "i", "--timeout", "0"]],
)
def test_wrong_usage_is_2(workbench: Any, words: list[str]) -> None:
    done = workbench(*words)
    assert done.code == 2
    assert "Traceback" not in done.err


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys\nsys.argv = ['workbench', '--help']\nfrom workbench.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print(sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "triage" in done.stdout
    loaded = set(json.loads(done.stderr.replace("'", '"')))
    assert not loaded & NOT_FOR_HELP


def test_a_bug_is_2_with_a_traceback_and_a_request(workbench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("\x1b[31m a bug")

    monkeypatch.setattr(incidents, "say", broken)
    done = workbench("list")
    assert done.code == 2
    assert "Traceback" in done.err
    assert done.lines[-1] == "this is a bug of the workbench; please report the lines above"
    assert "\x1b" not in done.err


def test_an_error_is_one_line_even_where_its_value_is_not(workbench: Any) -> None:
    workbench("new", "INC-1", "--title", "T")
    done = workbench("show", "INC-1\nerror: all is lost")
    assert done.code == 2
    assert len(done.lines) == 1


def test_the_doctor_finds_this_machine_well_and_creates_nothing(workbench: Any, home: Path) -> None:
    done = workbench("doctor")
    assert done.code == (1 if "MISSING" in done.err else 0)
    assert "  ok       home: " in done.err
    assert "triage" in done.err
    assert not home.exists()


def test_the_doctor_names_what_is_missing(workbench: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "file" / "home"))
    done = workbench("doctor")
    assert done.code == 1
    assert "  MISSING  home: " in done.err


def test_an_unknown_page_is_refused(workbench: Any) -> None:
    done = workbench("serve", "unheard-of")
    assert done.code == 2
    assert "status" in done.err
    assert UnknownNameError.__name__ not in done.err


@pytest.mark.slow
def test_the_demonstration_seals_an_incident_that_names_nobody(workbench: Any, home: Path) -> None:
    """No full name, date of birth or case number of anybody in the log is anywhere in the bundle."""
    import pandas as pd

    try:
        people = pd.read_csv(find_example("compas").data, dtype=str)
    except SourceError as exc:
        pytest.skip(str(exc))
    done = workbench("demo")
    assert done.code == 0, done.err
    assert author() == "ada"
    with zipfile.ZipFile(home / "incidents" / "compas" / "compas.zip") as bundle:
        content = b"\n".join(bundle.read(name) for name in bundle.namelist()).decode("utf-8", "replace").lower()
    assert "two_year_recid" in content
    for column in ("name", "dob", "c_case_number", "r_case_number"):
        values = {value.strip().lower() for value in people[column].dropna()} - {""}
        assert values
        assert {value for value in values if value in content} == set(), column
    assert workbench("demo").code == 0
    assert "compas-2" in workbench("list").err


@pytest.mark.parametrize(
    ("words", "said"),
    [(["triage"], "error: missing argument 'DATA'. See `workbench triage --help`."),
     (["tirage"], "Did you mean 'triage'"),
     (["list", "--colour"], "See `workbench list --help`."),
     (["scenarios", "run"], "See `workbench scenarios run --help`.")],
)  # fmt: skip
def test_wrong_usage_is_one_line(workbench: Any, words: list[str], said: str) -> None:
    [line] = workbench(*words).lines
    assert line.startswith("error: ")
    assert said in line


def test_a_group_of_commands_alone_lists_them(workbench: Any) -> None:
    done = workbench("scenarios")
    assert done.code == 2
    assert done.err.startswith("Usage: workbench scenarios")
