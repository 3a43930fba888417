"""What a run of triage leaves behind: ``findings.json`` and, under ``results/``, the Result each finding's evidence points at."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.digest import Plain
from workbench.files import cannot_write, make_folder, write_whole

if TYPE_CHECKING:
    from workbench.triage.run import Triage

FINDINGS = "findings.json"
RESULTS = "results"
HISTORY = "history"
"""What the course of each finding over time is called beside the results of the checks."""
SOUNDNESS = "soundness"
"""What the rates, missing and repeated rows and volume over time are called there."""


def write_triage(found: Triage, out: str | Path) -> Path:
    """Write `found` into the folder `out`, results first, so that ``findings.json`` is there only when all of it is.

    What an earlier run left in `out` is taken away first: its results would be read as if they were of this one.

    Returns
    -------
    Path
        Of ``findings.json``.

    Raises
    ------
    StorageError
        If the folder cannot be written.
    """
    folder = make_folder(Path(out))
    results = make_folder(folder / RESULTS)
    path = folder / FINDINGS
    _take_away(path, results)
    for name, result in found.results.items():
        write_whole(results / f"{name}.json", readable_json(result.published().to_dict()))
    write_whole(path, readable_json(found.to_dict()))
    return path


def readable_json(document: Plain) -> str:
    """`document` as indented JSON with sorted keys and a final line feed."""
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def _take_away(path: Path, results: Path) -> None:
    """Remove an earlier ``findings.json`` and the results of the checks it lists; no other file."""
    try:
        checks = [str(check["name"]) for check in json.loads(path.read_text(encoding="utf-8"))["checks"]]
    except FileNotFoundError:
        return
    except (OSError, ValueError, KeyError, TypeError):
        checks = []
    try:
        path.unlink()
        for name in (*checks, HISTORY, SOUNDNESS):
            (results / f"{Path(name).name}.json").unlink(missing_ok=True)
    except OSError as exc:
        raise cannot_write(path, exc) from exc
