"""How a run of a runbook ended: what the record says of it, which every bundle holds, and what is said at the terminal.

What errors of other packages say may quote a row, so the record holds it back; the person who ran the runbook reads it.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nbformat import NotebookNode

from workbench import errors
from workbench.errors import InputError, RunFailedError
from workbench.evidence.freeze import Fault, blank_widget, has_errors, left_out, one_line, withhold_errors
from workbench.evidence.redact import error_text

CANNOT_RUN: Final = frozenset(
    name for name, item in vars(errors).items() if inspect.isclass(item) and issubclass(item, InputError)
)
"""Errors of ours that say that the input or the set-up is wrong."""


@dataclass(frozen=True)
class Ending:
    """How a run ended.

    Parameters
    ----------
    status
        A word of the record.
    cell
        Number of the cell it stopped at, from 1; None where it stopped at none.
    why
        Why it did not complete, in one line, as the record may hold it.
    said
        The same, whole; empty where nothing is withheld.
    """

    status: str
    cell: int | None = None
    why: str = ""
    said: str = ""


COMPLETED: Final = Ending("run completed")
INTERRUPTED: Final = "stopped from outside"


def failed(cell: int | None, name: str, text: str) -> Ending:
    """The end by an error of that name and text."""
    why, said = (one_line(f"{name}: {part}".rstrip(": ")) for part in (error_text(name, text), text))
    return Ending("run failed", cell, why, said)


def ending_of(notebook: NotebookNode) -> Ending:
    """How a run ended that papermill calls done; what errors in `notebook` say is withheld in it afterwards."""
    said = _first_fault(notebook)
    withhold_errors(notebook)
    fault = _first_fault(notebook)
    return COMPLETED if fault is None or said is None else Ending("run failed", *fault, said=said[1])


def run_failed(number: int, ending: Ending, partial: Path) -> RunFailedError:
    """What became of a run, for the terminal: ``run 3 failed at cell 7``.

    Its exit code is that of an `InputError` where one of ours stopped the run: then it could not run, and found nothing bad.
    """
    what = f"run {number} {ending.status.removeprefix('run ')}" + (f" at cell {ending.cell}" if ending.cell else "")
    error = RunFailedError(what, (ending.said or ending.why).rstrip("."), f"What ran is in {partial}.")
    if ending.why.partition(":")[0] in CANNOT_RUN:
        error.exit_code = InputError.exit_code
    return error


def _first_fault(notebook: NotebookNode) -> Fault | None:
    """Why a notebook that papermill calls done is not: an error, a cell never run, a widget that nobody will see."""
    return has_errors(notebook) or left_out(notebook) or blank_widget(notebook)
