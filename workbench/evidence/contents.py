"""What goes into an incident's bundle.

Its record, what its runs left, the environment they ran in, a page of each executed notebook that opens offline, the means to
verify it all without the workbench, and an RO-Crate that describes the whole.
"""

from __future__ import annotations

import datetime as dt
import importlib.metadata
import io
import json
import platform
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Final

import nbformat

from workbench.digest import canonical_json, digest_file
from workbench.errors import RecordError
from workbench.evidence.archive import refuse_existing
from workbench.evidence.blank import refuse_blank
from workbench.evidence.bundle import Sealed, seal
from workbench.evidence.compare import read_notebook
from workbench.evidence.crate import crate_files
from workbench.evidence.crate_runs import read_content
from workbench.evidence.freeze import freeze
from workbench.evidence.page import PLOTLY_ASSET, notebook_page, plotly_asset
from workbench.evidence.runbook import EXECUTED, PARAMETERS, PARTIAL, TEMPLATE, output_files
from workbench.evidence.verifier import travelling_files
from workbench.incident.chain import Entry, Head, verify_chain, write_jsonl
from workbench.incident.home import incident_folder
from workbench.incident.record import Record
from workbench.incident.state import RUN_ENDINGS, RunState, kept_files, require_incident, state_of
from workbench.signing import SigningKey

CUT_OFF: Final = "The notebook was cut off while it was written. It cannot be frozen, might quote the data and was left out:"


def seal_incident(record: Record, incident: str, *, home: Path, author: str, key: SigningKey, out: Path) -> Sealed:
    """Seal everything about `incident` into `out` and enter that into its record.

    Raises
    ------
    RecordError
        If the record's chain does not hold, or a run's files are not those it left: nothing is sealed then.
    StorageError
        If `out` exists or cannot be written; nothing is left behind.
    """
    refuse_existing(out, overwrite=False)
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
    payload: dict[str, Path | bytes] = {
        "record/events.jsonl": lines.getvalue(),
        "record/checkpoint.json": canonical_json({"incident": head.incident, "length": head.length, "head": head.digest}),
        "env/packages.txt": installed_packages().encode(),
        "env/platform.json": canonical_json(this_machine()),
    }
    for run in state_of(entries).runs:
        files = run_files(incident_folder(home, last.incident), run)
        refuse_changed(files, evidence_of(entries, run.number))
        payload |= _frozen_files(files, run)
    payload |= pinned_files(incident_folder(home, last.incident), entries)
    return payload | _pages(last.incident, payload) | travelling_files(), head


def installed_packages() -> str:
    """Every installed distribution as ``name==version``, a line each, sorted."""
    found = {f"{item.metadata['Name']}=={item.version}" for item in importlib.metadata.distributions() if item.metadata["Name"]}
    return "\n".join(sorted(found, key=str.lower)) + "\n"


def this_machine() -> dict[str, str]:
    """The Python and the machine that this is."""
    return {"python": sys.version, "platform": platform.platform(), "machine": platform.machine()}


def run_files(folder: Path, run: RunState) -> dict[str, Path]:
    """What a run left, by its name in the payload.

    Parameters
    ----------
    folder
        Of the incident.
    """
    if run.folder is None:
        return {}
    place = folder / run.folder
    files = [*(place / name for name in (EXECUTED, PARTIAL, PARAMETERS, TEMPLATE)), *output_files(place)]
    return {f"{run.folder}/{path.relative_to(place).as_posix()}": path for path in files if path.is_file()}


def pinned_files(folder: Path, entries: Sequence[Entry]) -> dict[str, Path]:
    """The results that pins keep, by their name in the payload, less those that are gone.

    Raises
    ------
    RecordError
        If one is not what was pinned.
    """
    files = {name: folder / name for name in kept_files(entries) if (folder / name).is_file()}
    for name, path in files.items():
        if digest_file(path) != f"sha256:{PurePosixPath(name).stem}":
            raise RecordError("a pinned result changed after it was pinned", str(path), "Put back what was pinned.")
    return files


def _frozen_files(files: Mapping[str, Path], run: RunState) -> dict[str, Path | bytes]:
    """`files` with the notebook frozen that a run left which was killed."""
    kept: dict[str, Path | bytes] = dict(files)
    name = f"{run.folder}/{PARTIAL}"
    if name in files and not _is_frozen(files[name]):
        del kept[name]
        kept |= _freeze(name, files[name], run.status)
    return kept


def _is_frozen(partial: Path) -> bool:
    """Whether the runner froze the notebook, as it does when a run ends; a run that was killed leaves it as it was."""
    try:
        return "workbench" in json.loads(partial.read_bytes())["metadata"]
    except (ValueError, KeyError, TypeError):
        return False


def _freeze(name: str, partial: Path, status: str) -> dict[str, Path | bytes]:
    """A notebook that nobody froze, frozen; where it was cut off while it was written, and cannot be, a word of that."""
    try:
        frozen = freeze(read_notebook(partial.read_bytes()), status)
    except (ValueError, KeyError, TypeError, AttributeError):
        return {f"{name}.txt": f"{CUT_OFF} {digest_file(partial)}, {partial.stat().st_size} bytes.\n".encode()}
    return {name: (nbformat.writes(frozen) + "\n").encode()}  # type: ignore[no-untyped-call]


def evidence_of(entries: list[Entry], number: int) -> set[str]:
    """Digests of the files that the end of a run is recorded with; none for a run without an end."""
    ends = [entry for entry in entries if entry.kind in RUN_ENDINGS and entry.body.get("run") == number]
    return {digest for entry in ends for digest in entry.evidence}


def refuse_changed(files: Mapping[str, Path], recorded: set[str]) -> None:
    """Refuse a notebook or result that is no longer what the run left, as after saving it in JupyterLab."""
    for name, path in files.items():
        given = PurePosixPath(name).name in {PARAMETERS, TEMPLATE}
        if recorded and not given and digest_file(path) not in recorded:
            advice = "Put back what the run left, or run the runbook again; work on a copy of an executed notebook."
            raise RecordError("a file changed after its run was recorded", str(path), advice)


def _pages(incident: str, payload: Mapping[str, Path | bytes]) -> dict[str, Path | bytes]:
    """A page beside every notebook that ran, and plotly.js once if one of them uses it."""
    pages: dict[str, Path | bytes] = {}
    for name, content in payload.items():
        path = PurePosixPath(name)
        if path.name not in {EXECUTED, PARTIAL}:
            continue
        read = read_notebook(read_content(content))
        page = notebook_page(read, title=f"{incident}: {path.parent.name}", plotly=f"../../{PLOTLY_ASSET}")
        if path.name == EXECUTED:
            refuse_blank(page)
        pages[path.with_suffix(".html").as_posix()] = page.encode()
        if PLOTLY_ASSET in page:
            pages[PLOTLY_ASSET] = plotly_asset()
    return pages
