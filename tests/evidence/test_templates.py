"""What a template declares is what it takes, and nothing else."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from workbench.errors import InputError, ParameterError, SourceError, StorageError, UnknownNameError
from workbench.evidence import templates
from workbench.evidence.templates import (
    Parameter,
    check_parameters,
    copy_template,
    declared_parameters,
    find_template,
    list_templates,
    template_names,
)

DEFAULTS = {"text": "", "whole": 0, "real": 0.5, "truth": False, "many": [], "map": {}}
DECLARED = {name: Parameter(name, type(default).__name__, default) for name, default in DEFAULTS.items()}
Notebook = Callable[[str], Path]


@pytest.fixture
def notebook(tmp_path: Path) -> Notebook:
    """A notebook whose parameters cell is this source."""

    def write(source: str) -> Path:
        path = tmp_path / "n.ipynb"
        cell = {"cell_type": "code", "source": source.splitlines(keepends=True), "metadata": {"tags": ["parameters"]}}
        path.write_text(json.dumps({"cells": [cell]}))
        return path

    return write


def test_a_declaration_is_a_name_a_type_a_default_and_help(notebook: Notebook) -> None:
    source = (
        '# heading\nname: str = "Zo\u00eb # 1"  # who\nshare: float = 1\nmany: list = [\n    1,\n]  # some\nbare: bool = True'
    )
    assert list(declared_parameters(notebook(source)).values()) == [
        Parameter("name", "str", "Zo\u00eb # 1", "who"),
        Parameter("share", "float", 1.0),
        Parameter("many", "list", [1], "some"),
        Parameter("bare", "bool", default=True),
    ]


@pytest.mark.parametrize(
    "line",
    [
        "a = 1",
        "a: int",
        "a: Path = 1",
        "import os",
        "a: str = os.sep",
        "a: int = 'x'",
        "a: bool = 1",
        "a: int = (",
        "x.y: int = 1",
    ],
)
def test_a_line_that_declares_nothing_is_refused(notebook: Notebook, line: str) -> None:
    with pytest.raises(ParameterError, match="is not `name: type = default`"):
        declared_parameters(notebook(line))


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"cells": 1}', '{"cells": [1]}', "\xff"])
def test_what_is_no_notebook_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "n.ipynb"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(SourceError, match="not a notebook"):
        declared_parameters(path)


def test_a_notebook_without_a_parameters_cell_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "n.ipynb"
    path.write_text('{"cells": []}')
    with pytest.raises(ParameterError, match="no cell tagged parameters"):
        declared_parameters(path)


@pytest.mark.parametrize(
    ("name", "given", "value"),
    [
        ("text", "a b", "a b"),
        ("text", Path("a") / "b", "a/b"),
        ("whole", "-3", -3),
        ("real", "1e-3", 0.001),
        ("real", 2, 2.0),
        ("truth", "Yes", True),
        ("truth", "0", False),
        ("many", "[1, null]", [1, None]),
        ("many", [1, 2], [1, 2]),
        ("map", '{"a": 1}', {"a": 1}),
    ],
)
def test_text_is_read_as_the_declared_type(name: str, given: object, value: object) -> None:
    read = check_parameters(DECLARED, {name: given})[name]
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("text", 1), ("text", None), ("whole", "1.5"), ("whole", True), ("whole", ""), ("real", "nan"), ("real", float("inf")),
        ("real", False), ("truth", "maybe"), ("truth", 1), ("many", "{}"), ("many", "[NaN]"), ("many", "x"), ("many", (1,)),
        ("map", "[]"), ("map", {"a": object()}),
    ],
)  # fmt: skip
def test_a_value_of_another_type_is_refused_and_everything_declared_is_listed(name: str, given: Any) -> None:
    with pytest.raises(ParameterError) as caught:
        check_parameters(DECLARED, {name: given})
    message = str(caught.value)
    assert f"parameter {name} takes {DECLARED[name].type}" in message
    assert all(f"{item.name}: {item.type} = {item.default!r}" in message for item in DECLARED.values())


def test_an_unknown_parameter_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ParameterError, match=r"unknown parameter: turth\. Did you mean truth\? Parameters: text: str = ''"):
        check_parameters(DECLARED, {"turth": "1"})


def test_shipped_templates_are_found_by_name_and_notebooks_by_path(notebook: Notebook) -> None:
    path = notebook("")
    assert find_template("triage") == list_templates()["triage"]
    assert find_template(str(path)) == path


@pytest.mark.parametrize(("name", "error"), [("unheard-of", UnknownNameError), ("gone.ipynb", SourceError)])
def test_an_unknown_template_is_refused_with_those_there_are(name: str, error: type[Exception]) -> None:
    with pytest.raises(error, match="triage"):
        find_template(name)


def test_a_broken_plugin_does_not_cost_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str) -> str:
        raise InputError("the template cannot be imported", name)

    monkeypatch.setattr(templates.registered, "names", lambda: ["broken"])
    monkeypatch.setattr(templates.registered, "get", fail)
    assert template_names() == [*templates._own_templates(), "broken"]
    assert find_template("triage").is_file()
    with pytest.raises(InputError, match="broken"):
        find_template("broken")


def test_a_copy_is_the_template_and_replaces_nothing(tmp_path: Path) -> None:
    copy = copy_template("triage", tmp_path)
    assert copy == tmp_path / "triage.ipynb"
    assert copy.read_bytes() == find_template("triage").read_bytes()
    with pytest.raises(StorageError, match="there already"):
        copy_template("triage", tmp_path)
    with pytest.raises(StorageError, match="cannot write"):
        copy_template("triage", tmp_path / "no" / "folder.ipynb")
