"""What a run's end says in the record, and what at the terminal."""

from pathlib import Path

import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook, new_output

from workbench import errors
from workbench.errors import InputError, WorkbenchError
from workbench.evidence.ending import COMPLETED, Ending, ending_of, failed, run_failed

PARTIAL = Path("partial.ipynb")


def notebook(*outputs: NotebookNode) -> NotebookNode:
    return new_notebook(cells=[new_code_cell("f()", outputs=list(outputs), execution_count=1)])


def test_a_notebook_without_a_fault_completed() -> None:
    assert ending_of(notebook()) == COMPLETED


def test_a_foreign_error_is_told_and_not_recorded() -> None:
    error = new_output("error", ename="KeyError", evalue="'Jane Doe'", traceback=["KeyError: 'Jane Doe'"])
    made = notebook(error)
    ending = ending_of(made)
    assert (ending.status, ending.cell) == ("run failed", 1)
    assert "Jane" in ending.said
    assert "Jane" not in ending.why
    assert "Jane" not in str(made)
    assert "KeyError: 'Jane Doe'" in str(run_failed(3, ending, PARTIAL))


def test_an_end_from_outside_is_told_as_it_is_recorded() -> None:
    assert str(run_failed(3, Ending("run interrupted", 7, "stopped"), PARTIAL)).startswith("run 3 interrupted at cell 7: stopped")


@pytest.mark.parametrize("name", [name for name, item in vars(errors).items() if name.endswith("Error")])
def test_only_a_wrong_input_could_not_run(name: str) -> None:
    kind = getattr(errors, name)
    assert issubclass(kind, WorkbenchError)
    assert (run_failed(1, failed(2, name, "x"), PARTIAL).exit_code == 2) is issubclass(kind, InputError)
