"""A run's notebook for a reader: one HTML file that opens anywhere, or a PDF.

Neither goes into a bundle. The bundle has a page of its own beside each notebook, and every byte in it follows from what is
sealed; a PDF does not, since its printer writes the time and its own version into it.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat

from workbench.errors import InputError
from workbench.evidence.contents import evidence_of, refuse_changed, run_files
from workbench.evidence.page import notebook_page, notebook_pdf
from workbench.evidence.runbook import EXECUTED
from workbench.files import write_whole
from workbench.incident.home import incident_folder
from workbench.incident.record import Record
from workbench.incident.state import RunState, require_incident, state_of


def export_run(
    record: Record, incident: str, number: int | None, *, home: Path, html: Path | None = None, pdf: Path | None = None
) -> int:
    """Write the executed notebook of a run to `html`, to `pdf`, or both; figures are pictures in it.

    Parameters
    ----------
    number
        Of the run; None: the last one that completed.

    Returns
    -------
    int
        The number of the run.

    Raises
    ------
    InputError
        If no run of that number completed, there is no such incident, or no browser to print with.
    RecordError
        If the notebook is no longer what the run left.
    StorageError
        If a file cannot be written.
    """
    entries = require_incident(record, incident)
    run = _completed(state_of(entries).runs, number)
    files = run_files(incident_folder(home, incident), run)
    refuse_changed(files, evidence_of(entries, run.number))
    executed = files.get(f"{run.folder}/{EXECUTED}")
    if executed is None:
        raise InputError("the executed notebook is no longer there", f"{incident}, run {run.number}", "Run the runbook again.")
    notebook = nbformat.read(executed, as_version=4)  # type: ignore[no-untyped-call]
    page = notebook_page(notebook, title=f"{incident}: run {run.number}, {run.template}", plotly=None)
    if pdf is not None:
        with TemporaryDirectory(prefix="workbench-") as folder:
            draft = Path(folder, "page.html")
            write_whole(draft, page)
            notebook_pdf(draft, pdf)
    if html is not None:
        write_whole(html, page)
    return run.number


def _completed(runs: tuple[RunState, ...], number: int | None) -> RunState:
    """The run of that number, else the last."""
    completed = [run for run in runs if run.status == "completed"]
    found = [run for run in completed if number in {None, run.number}]
    if not found:
        listed = ", ".join(f"{run.number} ({run.template})" for run in completed) or "none"
        raise InputError("no run of that number completed" if completed else "no run completed", number, f"Completed: {listed}.")
    return found[-1]
