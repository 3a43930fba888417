"""The README describes what exists: its commands, its folders, its targets, its roles file. Nothing in it is executed."""

import ast
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

import workbench
from workbench.data.roles import Roles

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)


def lines(first_word: str) -> list[str]:
    """The commands in the code blocks that begin with `first_word`; a backslash continues a line."""
    every = (line.strip() for _, block in BLOCKS for line in block.replace("\\\n", " ").splitlines())
    return [line for line in every if line.split(maxsplit=1)[:1] == [first_word] and not line.startswith(f"{first_word}/")]


def block(language: str) -> str:
    [found] = [text for name, text in BLOCKS if name == language]
    return found


def parse(line: str) -> dict[str, Any]:
    """The values that the command line gives to its command's parameters, as the command's own parser reads them.

    Raises
    ------
    TyperException
        For an option that does not exist.
    AssertionError
        For a command that does not exist, a word too many or too few.
    """
    import typer

    from workbench.cli import app

    command: Any = typer.main.get_command(app)
    words = shlex.split(line)[1:]
    while hasattr(command, "commands"):
        name = words.pop(0) if words else ""
        assert name in command.commands, f"no command {name!r}; there are {', '.join(command.commands)}"
        command = command.commands[name]
    context = command.context_class(command, **command.context_settings)
    values, left_over, _ = command.make_parser(context).parse_args(words)
    missing = [parameter.name for parameter in command.params if parameter.required and not values.get(parameter.name)]
    assert context.allow_extra_args or not left_over, f"nothing takes {left_over}"
    assert not missing, f"nothing given for {missing}"
    return dict(values)


@pytest.mark.parametrize("line", lines("workbench"))
def test_each_command_exists_with_its_options(line: str) -> None:
    parse(line)


@pytest.mark.parametrize("line", ["workbench unheard-of", "workbench new", "workbench new a b", "workbench new a --titel T"])
def test_a_command_that_does_not_exist_is_noticed(line: str) -> None:
    from typer.exceptions import TyperException

    with pytest.raises((AssertionError, TyperException)):
        parse(line)


def test_the_incident_takes_six_commands() -> None:
    assert [line.split()[1] for line in lines("workbench")] == ["new", "run", "runs", "seal", "verify", "serve"]


def test_each_make_target_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z-]+)", README))
    assert {"demo", "test"} <= named <= targets


def test_each_place_in_the_map_exists() -> None:
    """A line without indent names a place in the repository; the indented ones below it are inside that place."""
    [text] = [text for _, text in BLOCKS if text.startswith("workbench/")]
    parent = ""
    for line in text.splitlines():
        name = line.split()[0]
        inside = line.startswith(" ")
        parent = parent if inside else name
        assert (ROOT / parent / name if inside else ROOT / name).exists(), line


def test_each_part_of_the_package_is_in_the_map() -> None:
    [text] = [text for _, text in BLOCKS if text.startswith("workbench/")]
    package = ROOT / "workbench"
    parts = {path.name + "/" * path.is_dir() for path in package.iterdir() if not path.name.startswith(("_", "."))}
    assert parts - {"py.typed"} <= set(text.split())


def test_the_roles_file_is_read_without_complaint() -> None:
    roles = Roles.of(yaml.safe_load(block("yaml")))
    assert roles.groups == ("sex", "age < 25")


def test_the_python_example_imports_public_names() -> None:
    imported = [node for node in ast.parse(block("python")).body if isinstance(node, ast.ImportFrom)]
    names = {alias.name for node in imported if node.module == "workbench" for alias in node.names}
    assert names
    assert names <= set(workbench.__all__)
