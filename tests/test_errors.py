"""The failure model: one line, the value, the next action, an exit code."""

import inspect
from pathlib import Path

import pytest

from workbench import errors


def all_errors() -> list[type[errors.WorkbenchError]]:
    return [item for _, item in inspect.getmembers(errors, inspect.isclass) if issubclass(item, errors.WorkbenchError)]


def test_the_message_says_what_the_value_and_what_to_do() -> None:
    assert str(errors.RolesError("unknown role", "lable", "Did you mean label?")) == "unknown role: lable. Did you mean label?"


def test_a_long_value_is_shortened_and_kept_on_one_line() -> None:
    message = str(errors.SourceError("not a table", "a\nb" * 500))
    assert "\n" not in message
    assert len(message) < 250


def test_an_unknown_name_lists_what_exists() -> None:
    assert str(errors.UnknownNameError("template", "triag", ["triage", "slices"])).endswith("Available: slices, triage")
    assert str(errors.UnknownNameError("incident", "x", [])).endswith("Available: none yet")


@pytest.mark.parametrize("error", all_errors())
def test_every_error_stands_in_the_tree_and_has_an_exit_code(error: type[errors.WorkbenchError]) -> None:
    assert error.__name__ in (errors.__doc__ or "")
    assert error.exit_code == (2 if issubclass(error, errors.InputError) else 1)


def test_a_path_is_told_as_people_write_it() -> None:
    assert str(errors.InputError("not a recording", Path("rec"))) == "not a recording: rec"
