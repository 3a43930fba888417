"""Run a runbook: check its parameters, execute it with papermill, freeze what came out, and enter all of it into the record.

A run is known by its folder under the incident (``runs/0001-triage``). While it runs, the notebook lies there as
``partial.ipynb``; only a run that reached its last cell without an error has an ``executed.ipynb``. What a run's status is, the
record says: papermill's own metadata call a cell that timed out completed.

What errors of other packages say may quote a row. Notebook and record, which are sealed, hold it back; the person at the
terminal reads it, and it stays in ``errors.txt``, which no bundle takes.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import nbformat
from nbformat import NotebookNode

from workbench.digest import Plain, digest_file
from workbench.errors import InputError, ParameterError, UnknownNameError
from workbench.evidence.compare import read_notebook
from workbench.evidence.ending import COMPLETED, INTERRUPTED, Ending, ending_of, failed, run_failed
from workbench.evidence.freeze import INJECTED_TAG, drop_banners, freeze, normalised_digest
from workbench.evidence.redact import plain_errors
from workbench.evidence.templates import Parameter, check_parameters, declared_parameters, find_template
from workbench.files import cannot_write, make_folder, write_whole
from workbench.incident.home import record_path, runs_folder
from workbench.incident.record import Record
from workbench.incident.state import RunState, require_incident, state_of
from workbench.triage.files import FINDINGS, RESULTS, readable_json
from workbench.vocabulary import VERDICTS

PARTIAL: Final = "partial.ipynb"
EXECUTED: Final = "executed.ipynb"
PARAMETERS: Final = "parameters.json"
TEMPLATE: Final = "template.ipynb"
"""A copy of the template as it was when the run began."""
ERRORS: Final = "errors.txt"
"""What the errors of a run said, whole; it stays where it is."""
AUTOSAVE_SECONDS: Final = 5
ODD: Final = re.compile(r"[^A-Za-z0-9_-]+")
PASSWORD: Final = re.compile(r"[a-z][a-z0-9+.-]*://[^/@\s:]*:[^/@\s]+@", re.IGNORECASE)

Tell = Callable[[int, int, str], None]
"""Called when a code cell begins: its number from 1, how many cells there are, the heading it stands under."""


@dataclass(frozen=True)
class Run:
    """A run that completed: its number, folder, the normalised digest of its notebook, and its findings where there are any."""

    number: int
    folder: Path
    digest: str
    findings: Path | None


@dataclass(frozen=True)
class Begun:
    """A run that is in the record and has to be ended there, whatever happens."""

    record: Record
    incident: str
    author: str
    number: int
    folder: Path
    template: Path
    parameters: Mapping[str, Plain]

    def end(self, ending: Ending, normalised: str | None = None, evidence: list[str] | None = None) -> None:
        """Enter how it ended into the record."""
        body: dict[str, Plain] = {"run": self.number}
        if normalised is not None:
            body["digest"] = normalised
        if ending == COMPLETED and (verdict := _verdict(self.folder / FINDINGS)):
            body["verdict"] = verdict
        if ending != COMPLETED:
            body |= {"cell": ending.cell, "why": ending.why}
        self.record.append(self.incident, ending.status, body, author=self.author, evidence=evidence or [])


def run_runbook(
    template: str,
    parameters: Mapping[str, object],
    *,
    home: Path,
    incident: str,
    author: str,
    timeout: int | None = None,
    tell: Tell | None = None,
) -> Run:
    """Run a template for an incident.

    Parameters
    ----------
    template
        Name of a template, or path of a notebook with a parameters cell.
    parameters
        Name to value; text is read as the declared type, and the path of a file that exists is made absolute, so that the
        run can be repeated from another folder. ``out`` and ``incident`` are set by the runner where declared.
    timeout
        Seconds a cell may take; None: no limit.
    tell
        Told of each code cell as it begins.

    Raises
    ------
    InputError
        Before anything ran: no such template or incident, or a parameter that does not fit.
    RunFailedError
        If the run failed, was interrupted or timed out; the partial notebook is kept and the record says so.
    StorageError
        If the folder of the run cannot be written; the record says that the run failed.
    """
    if timeout is not None and timeout < 1:
        raise InputError("a cell cannot run for less than a second", timeout, "Give the seconds a cell may take, or no limit.")
    home = home.absolute()
    source = find_template(template)
    declared = declared_parameters(source)
    values = _settle(check_parameters(declared, parameters), incident)
    if not record_path(home).is_file():
        raise UnknownNameError("incident", incident, ())
    with Record.open(record_path(home)) as record:
        run = _begin(record, source, declared, values, home=home, incident=incident, author=author)
        try:
            make_folder(run.folder.parent)
            run.folder.mkdir()
            write_whole(run.folder / TEMPLATE, run.template.read_bytes())
            write_whole(run.folder / PARAMETERS, readable_json(dict(run.parameters)))
            ending = _execute(run, home, timeout, tell)
            normalised, evidence = _keep(run.folder, ending)
        except KeyboardInterrupt:
            ending, normalised, evidence = Ending("run interrupted", None, INTERRUPTED), None, []
            _take_back(run.folder)
        except Exception as exc:
            run.end(failed(None, type(exc).__name__, str(exc)))
            if isinstance(exc, OSError):
                raise cannot_write(run.folder, exc) from exc
            raise
        run.end(ending, normalised, evidence)
    if normalised is None or ending != COMPLETED:
        raise run_failed(run.number, ending, run.folder / PARTIAL)
    findings = run.folder / FINDINGS
    return Run(run.number, run.folder, normalised, findings if findings.is_file() else None)


def run_of(record: Record, incident: str, number: int) -> RunState:
    """The run of that number.

    Raises
    ------
    InputError
        Listing the runs there are.
    """
    runs = {run.number: run for run in state_of(require_incident(record, incident)).runs}
    if number not in runs:
        raise InputError(f"{incident} has no such run", number, f"Runs: {', '.join(map(str, runs)) or 'none yet'}.")
    return runs[number]


def _settle(values: dict[str, Plain], incident: str) -> dict[str, Plain]:
    """`values` as they go into the record: files absolute, no password, nothing that the runner itself sets."""
    if "out" in values:
        raise ParameterError(
            "out is set by the runner, which keeps every run in a folder of its own", values["out"], "Leave it out."
        )
    if values.get("incident", incident) != incident:
        raise ParameterError("the parameter incident names another incident", values["incident"], "Leave it out.")
    for name, value in values.items():
        if isinstance(value, str) and PASSWORD.search(value):
            do = "It would end up in the record and in every bundle: give it by the database's own means, such as PGPASSFILE."
            raise ParameterError(f"parameter {name} holds a password", None, do)
    return {name: _absolute(value) for name, value in values.items()}


def _absolute(value: Plain) -> Plain:
    """`value`; absolute where it is the path, or the pattern of the paths, of something that exists."""
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        return value
    try:
        there = Path(value).exists() or (any(sign in value for sign in "*?[") and any(Path().glob(value)))
    except (OSError, ValueError, NotImplementedError):
        return value
    return os.path.abspath(value) if there else value  # noqa: PTH100  Path.absolute would keep the `..`


def _begin(
    record: Record,
    source: Path,
    declared: Mapping[str, Parameter],
    values: dict[str, Plain],
    *,
    home: Path,
    incident: str,
    author: str,
) -> Begun:
    """Take the next number of the incident's runs and enter the start; of two runs that begin at once, one takes the next."""
    name = ODD.sub("-", source.stem).strip("-")[:60] or "runbook"
    evidence = [digest_file(source)]
    while True:
        entries = require_incident(record, incident)
        number = max((run.number for run in state_of(entries).runs), default=0) + 1
        folder = runs_folder(home, incident) / f"{number:04d}-{name}"
        ours = {"out": str(folder), "incident": incident}
        full = values | {key: value for key, value in ours.items() if key in declared}
        body = {"run": number, "template": name, "parameters": full, "folder": f"runs/{folder.name}"}
        try:
            record.append(incident, "run started", body, author=author, evidence=evidence, seq=entries[-1].seq + 1)
        except InputError:
            if record.head(incident).length == entries[-1].seq:
                raise
            continue
        return Begun(record, incident, author, number, folder, source, full)


def _execute(run: Begun, home: Path, timeout: int | None, tell: Tell | None) -> Ending:
    """Execute into ``partial.ipynb`` and say how it ended.

    papermill's own word is not enough: it takes ``sys.exit(0)`` for success, and marks a cell that timed out completed.
    """
    import papermill
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    cells = _read_notebook(run.template).cells
    added = bool(run.parameters) and not any(INJECTED_TAG in cell.metadata.get("tags", ()) for cell in cells)
    progress = _Progress(tell, len(cells) + added)
    ours = {
        "WORKBENCH_HOME": str(home),
        "WORKBENCH_AUTHOR": run.author,
        "WORKBENCH_RUN": str(run.number),
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }
    try:
        with TemporaryDirectory(prefix="workbench-", ignore_cleanup_errors=True) as sockets:
            papermill.execute_notebook(
                str(run.template), str(run.folder / PARTIAL), parameters=dict(run.parameters), kernel_name="python3",
                language="python", progress_bar=False, log_output=False, execution_timeout=timeout, on_cell_start=progress,
                autosave_cell_every=AUTOSAVE_SECONDS, coalesce_streams=True, kernel_manager_class=_kernel_manager(ours, sockets),
            )  # fmt: skip
    except papermill.PapermillExecutionError as exc:
        return failed(exc.cell_index + 1, exc.ename, exc.evalue)
    except CellTimeoutError:
        return Ending("run timed out", progress.cell, f"the cell took longer than {timeout} s")
    except KeyboardInterrupt:
        return Ending("run interrupted", progress.cell, INTERRUPTED)
    except DeadKernelError:
        return Ending("run failed", progress.cell, "the kernel died")
    except Exception as exc:  # noqa: BLE001  no kernel, no answer from it, a bug in a kernel: whatever it was, it stopped here
        return failed(progress.cell, type(exc).__name__, str(exc))
    return ending_of(_read_notebook(run.folder / PARTIAL))


def _kernel_manager(environment: Mapping[str, str], sockets: str) -> type:
    """A manager of kernels that are this very Python, with `environment` added to ours, spoken to in the folder `sockets`.

    A kernel specification of the name python3 in the user's folders may be another Python, whose packages the bundle would
    not list; ``os.environ`` is one for the whole process, where two runs may be under way; and sockets in a folder that only
    this user can read are neither open to others, as TCP is, nor taken for those of another run, as in the current folder.
    """
    from jupyter_client.manager import AsyncKernelManager

    class OwnKernelManager(AsyncKernelManager):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options, transport="ipc", ip=f"{sockets}/kernel")

        def format_kernel_cmd(self, extra_arguments: list[str] | None = None) -> list[str]:
            own = [sys.executable, "-Xfrozen_modules=off", "-m", "ipykernel_launcher", "-f", self.connection_file]
            return own + (extra_arguments or [])

        async def start_kernel(self, **options: Any) -> Any:  # type: ignore[override]
            return await super().start_kernel(**options, env={**os.environ, **environment})

    return OwnKernelManager


class _Progress:
    """Remembers which cell runs, for the report of one that never ends, and passes it on."""

    def __init__(self, tell: Tell | None, total: int) -> None:
        self.tell = tell
        self.total = total
        self.cell: int | None = None
        self.heading = ""

    def __call__(self, cell: Any, cell_index: int) -> None:
        self.cell = cell_index + 1
        if cell.cell_type == "markdown":
            lines = (line for line in cell.source.splitlines() if line.startswith("#"))
            self.heading = next(lines, self.heading).lstrip("# ")
        elif cell.cell_type == "code" and self.tell is not None:
            self.tell(self.cell, self.total, self.heading)


def _keep(folder: Path, ending: Ending) -> tuple[str | None, list[str]]:
    """Freeze the notebook that a run left.

    Returns
    -------
    tuple
        The notebook's normalised digest, None where it cannot be read, and the digests of every file kept.
    """
    partial = folder / PARTIAL
    outputs = output_files(folder)
    try:
        notebook = _read_notebook(partial)
        drop_banners(notebook)
        frozen = freeze(notebook, ending.status.removeprefix("run "))
    except (OSError, ValueError, AttributeError):
        if ending == COMPLETED:
            raise
        return None, [digest_file(path) for path in [partial, *outputs] if path.is_file()]
    if said := plain_errors(notebook):
        write_whole(folder / ERRORS, said)
    target = folder / EXECUTED if ending == COMPLETED else partial
    write_whole(target, nbformat.writes(frozen) + "\n")  # type: ignore[no-untyped-call]
    if target != partial:
        partial.unlink()
    return normalised_digest(frozen), [digest_file(path) for path in [target, *outputs]]


def _take_back(folder: Path) -> None:
    """Make a run that was interrupted in its last moment one that did not complete."""
    with suppress(OSError):
        (folder / EXECUTED).replace(folder / PARTIAL)


def _read_notebook(path: Path) -> NotebookNode:
    return read_notebook(path.read_bytes())


def _verdict(findings: Path) -> str | None:
    """The verdict in a ``findings.json``; None where there is none that we know."""
    try:
        verdict = json.loads(findings.read_text(encoding="utf-8"))["verdict"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return verdict if verdict in VERDICTS else None


def output_files(folder: Path) -> list[Path]:
    """What a run wrote beside its notebook, in the order of their names."""
    return sorted([*folder.glob(FINDINGS), *folder.glob(f"{RESULTS}/*.json"), *folder.glob(f"{RESULTS}/*.parquet")])
