"""Runs of scenarios as `workbench scenarios run --json` wrote them, read again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from workbench.errors import InputError, StorageError
from workbench.result import Result

RUNS: Final = "workbench.scenario-runs/1"
RUN: Final = "workbench.scenario/1"
WRITTEN: Final = "Give the file that `workbench scenarios run --json` wrote, or a folder of them."


def read_runs(path: str | Path) -> list[Result]:
    """The runs in a JSON file, or in those of a folder; other JSON files of a folder are passed over.

    Raises
    ------
    StorageError
        If a file cannot be read, or is not JSON.
    InputError
        If there is no run in them.
    """
    place = Path(path)
    files = sorted(place.glob("*.json")) if place.is_dir() else [place]
    runs = [run for file in files for run in _runs_of(file)]
    if not runs:
        raise InputError("no run of a scenario there", str(place), WRITTEN)
    return runs


def _runs_of(file: Path) -> list[Result]:
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise StorageError("a run cannot be read", f"{file} ({exc})", WRITTEN) from exc
    if not isinstance(document, Mapping):
        return []
    forms = {RUN: [document], RUNS: document.get("runs", [])}.get(str(document.get("schema")), [])
    return [Result.from_dict(form) for form in forms]
