"""What goes into an incident's bundle.

Its record, what its runs left, the environment they ran in, a page of each executed notebook that opens offline, the means to
verify it all without the workbench, and an RO-Crate that describes the whole.
"""

from __future__ import annotations

import datetime as dt
import importlib.metadata
import io
import platform
import sys
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import nbformat

from workbench.digest import canonical_json, digest_file
from workbench.errors import RecordError
from workbench.evidence.blank import refuse_blank
from workbench.evidence.bundle import Sealed, seal
from workbench.evidence.crate import crate_files
from workbench.evidence.page import PLOTLY_ASSET, notebook_page, plotly_asset
from workbench.evidence.runbook import EXECUTED, PARAMETERS, PARTIAL, TEMPLATE, output_files
from workbench.evidence.verifier import travelling_files
from workbench.incident.home import incident_folder
from workbench.incident.record import Entry, Head, Record, verify_chain, write_jsonl
from workbench.incident.state import RUN_ENDINGS, RunState, require_incident, state_of
from workbench.signing import SigningKey


def seal_incident(record: Record, incident: str, *, home: Path, author: str, key: SigningKey, out: Path) -> Sealed:
    """Seal everything about `incident` into `out` and enter that into its record.

    Raises
    ------
    RecordError
        If the record's chain does not hold, or a run's files are not those it left: nothing is sealed then.
    StorageError
        If `out` exists or cannot be written; nothing is left behind.
    """
    entries = require_incident(record, incident)
    verify_chain(entries)
    sealed_at = dt.datetime.now(dt.UTC)
    payload, head = bundle_contents(home, entries)
    payload |= crate_files(entries, payload, sealed_at)
    earlier = state_of(entries).sealed
    previous = earlier[-1].get("digest") if earlier else None
    sealed = seal(payload, incident=incident, head=head, key=key, out=out, previous=previous, sealed_at=sealed_at)
    body = {"bundle": sealed.path.name, "digest": sealed.digest, "length": head.length, "head": head.digest}
    try:
        record.append(incident, "sealed", body, author=author, evidence=[sealed.digest])
    except BaseException:
        sealed.path.unlink(missing_ok=True)  # a seal that the record does not know of would look like one left out
        raise
    return sealed


def bundle_contents(home: Path, entries: list[Entry]) -> tuple[dict[str, Path | bytes], Head]:
    """The payload of the bundle of one incident, by name, and the end of the record it holds.

    Parameters
    ----------
    entries
        All entries of the incident, in order.
    """
    last = entries[-1]
    head = Head(last.incident, last.seq, last.digest)
    lines = io.BytesIO()
    write_jsonl(entries, lines)
    machine = {"python": sys.version, "platform": platform.platform(), "machine": platform.machine()}
    payload: dict[str, Path | bytes] = {
        "record/events.jsonl": lines.getvalue(),
        "record/checkpoint.json": canonical_json({"incident": head.incident, "length": head.length, "head": head.digest}),
        "env/packages.txt": installed_packages().encode(),
        "env/platform.json": canonical_json(machine),
    }
    for run in state_of(entries).runs:
        files = _run_files(incident_folder(home, last.incident), run)
        _refuse_changed(files, _evidence_of(entries, run.number))
        payload |= files
    return payload | _pages(last.incident, payload) | travelling_files(), head


def installed_packages() -> str:
    """Every installed distribution as ``name==version``, a line each, sorted."""
    found = {f"{item.metadata['Name']}=={item.version}" for item in importlib.metadata.distributions() if item.metadata["Name"]}
    return "\n".join(sorted(found, key=str.lower)) + "\n"


def _run_files(folder: Path, run: RunState) -> dict[str, Path | bytes]:
    if run.folder is None:
        return {}
    place = folder / run.folder
    files = [*(place / name for name in (EXECUTED, PARTIAL, PARAMETERS, TEMPLATE)), *output_files(place)]
    return {f"{run.folder}/{path.relative_to(place).as_posix()}": path for path in files if path.is_file()}


def _evidence_of(entries: list[Entry], number: int) -> set[str]:
    """Digests of the files that the end of a run is recorded with; none for a run without an end."""
    ends = [entry for entry in entries if entry.kind in RUN_ENDINGS and entry.body.get("run") == number]
    return {digest for entry in ends for digest in entry.evidence}


def _refuse_changed(files: Mapping[str, Path | bytes], recorded: set[str]) -> None:
    """Refuse a notebook or result that is no longer what the run left, as after saving it in JupyterLab."""
    for name, content in files.items():
        given = PurePosixPath(name).name in {PARAMETERS, TEMPLATE}
        if recorded and not given and isinstance(content, Path) and digest_file(content) not in recorded:
            advice = "Put back what the run left, or run the runbook again; work on a copy of an executed notebook."
            raise RecordError("a file changed after its run was recorded", str(content), advice)


def _pages(incident: str, payload: Mapping[str, Path | bytes]) -> dict[str, Path | bytes]:
    """A page beside every notebook that ran, and plotly.js once if one of them uses it."""
    pages: dict[str, Path | bytes] = {}
    for name, content in payload.items():
        path = PurePosixPath(name)
        if path.name not in {EXECUTED, PARTIAL} or not isinstance(content, Path):
            continue
        page = _page(content, f"{incident}: {path.parent.name}")
        if page is None:
            continue
        if path.name == EXECUTED:
            refuse_blank(page)
        pages[path.with_suffix(".html").as_posix()] = page.encode()
        if PLOTLY_ASSET in page:
            pages[PLOTLY_ASSET] = plotly_asset()
    return pages


def _page(notebook: Path, title: str) -> str | None:
    """The notebook as a page; None for one that was cut off while it was written, which is sealed as it lies."""
    try:
        read = nbformat.read(notebook, as_version=4)  # type: ignore[no-untyped-call]
    except (nbformat.reader.NotJSONError, nbformat.ValidationError):
        if notebook.name == EXECUTED:
            raise
        return None
    return notebook_page(read, title=title, plotly=f"../../{PLOTLY_ASSET}")
