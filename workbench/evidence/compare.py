"""Do two runs of one runbook come to the same? Their notebooks cell by cell, their results file by file.

Where files lie is no part of a result: `relocate` reads the places of one machine as those of the other before anything is
compared. What differs between any two equal runs (times, memory addresses, salts, twins) is left out, as in
`workbench.evidence.freeze.normalised_digest`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Final

import nbformat
from nbformat import NotebookNode

from workbench.digest import digest_bytes
from workbench.evidence.freeze import INJECTED_TAG, PLOTLY, TWINS, normalised_digest, one_line, settled

MADE_BY: Final = ("arguments", "seed", "fingerprint")
"""The part of a result's provenance that two equal runs share."""
NOTHING: Final = "(nothing)"
SPACES: Final = "(only spaces differ)"
CONTEXT: Final = 40
"""Characters shown before the first one that differs."""


@dataclass(frozen=True)
class CellDifference:
    """A cell that says something else: its number from 1, and of the first line that differs, what differs in it."""

    cell: int
    recorded: str
    here: str


def differing_cells(recorded: NotebookNode, here: NotebookNode) -> list[CellDifference]:
    """The cells of two executed notebooks whose sources or outputs differ, by the numbers they have in `recorded`."""
    found = []
    for before, after in zip_longest(own_cells(recorded), own_cells(here)):
        if before is None or after is None or _digest_of(before[1]) != _digest_of(after[1]):
            number, _ = before or after
            was, now = first_difference(*(cell_lines(item[1]) if item else [] for item in (before, after)))
            found.append(CellDifference(number, was, now))
    return found


def first_difference(before: Sequence[str], after: Sequence[str]) -> tuple[str, str]:
    """Of the first two lines that differ in more than spaces, what stands around their first different character."""
    for pair in zip_longest(before, after):
        was, now = (None if line is None else " ".join(line.split()) for line in pair)
        if was != now:
            letters = enumerate(zip_longest(was or "", now or ""))
            start = max(0, next(at for at, (one, other) in letters if one != other) - CONTEXT) if was and now else 0
            return _from(was, start), _from(now, start)
    return SPACES, SPACES


def differing_results(recorded: Mapping[str, Any], here: Mapping[str, Any]) -> list[str]:
    """Names of the results that differ in more than times, versions and how long a check took, or that are in one only."""
    return [name for name in sorted({*recorded, *here}) if _content(recorded.get(name)) != _content(here.get(name))]


def diff_findings(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Findings of two ``findings.json`` that are new, gone, or changed in size by more than their interval.

    Findings are matched by check, kind, columns and rows; a change of rank alone is none.
    """
    old, new = ({_identity(item): item for item in document["findings"]} for document in (before, after))
    return {
        "new": [new[key] for key in new if key not in old],
        "gone": [old[key] for key in old if key not in new],
        "changed": [{"before": old[key], "after": new[key]} for key in new if key in old and _moved(old[key], new[key])],
    }


def relocate(value: Any, places: Mapping[str, str]) -> Any:
    """`value` with every location among the keys of `places`, in whatever text it stands, replaced by the one it belongs to."""
    longest = sorted(places, key=len, reverse=True)
    pattern = re.compile(r"(?<![\w/.-])(?:" + "|".join(map(re.escape, longest)) + r")(?!\w)")
    return _replaced(value, pattern, places) if places else value


def read_notebook(data: bytes) -> NotebookNode:
    """A notebook from its bytes; a ValueError where it is none."""
    try:
        notebook: NotebookNode = nbformat.reads(data.decode(), as_version=4)  # type: ignore[no-untyped-call]
    except nbformat.ValidationError as exc:
        raise ValueError(exc.message) from exc
    return notebook


def read_document(data: bytes) -> Any:
    """What a result says: JSON, or text where it is none, or the digest of what is no text (a table as parquet)."""
    try:
        return json.loads(data)
    except ValueError:
        pass
    try:
        return data.decode()
    except UnicodeDecodeError:
        return digest_bytes(data)


def own_cells(notebook: NotebookNode) -> list[tuple[int, NotebookNode]]:
    """The cells by their numbers, from 1; without the one of injected parameters, which keeps its number."""
    cells = enumerate(notebook.cells, 1)
    return [(number, cell) for number, cell in cells if INJECTED_TAG not in cell.metadata.get("tags", ())]


def cell_lines(cell: NotebookNode) -> list[str]:
    """What a cell says, line by line: its source, then each output with its kind, plain text first."""
    lines = [f"[{cell.cell_type}]", *cell.source.splitlines()]
    for output in cell.get("outputs", []):
        twins = set(TWINS) if PLOTLY in output.get("data", {}) else set()
        shown = output["data"] if "data" in output else {"text": output.get("text", output.get("evalue", ""))}
        for kind in sorted(set(shown) - twins, key=lambda kind: (kind != "text/plain", kind)):
            content = shown[kind]
            text = content if isinstance(content, str) else json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False)
            lines += [f"[{output.get('name', kind)}]", *text.splitlines()]
    said: list[str] = settled(lines)
    return said


def _digest_of(cell: NotebookNode) -> str:
    return normalised_digest(nbformat.from_dict({"metadata": {}, "cells": [cell]}))  # type: ignore[no-untyped-call]


def _from(line: str | None, start: int) -> str:
    """`line` from `start` on, short and without what steers a terminal."""
    return NOTHING if line is None else one_line(("…" if start else "") + line[start:])


def _replaced(value: Any, pattern: re.Pattern[str], places: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return pattern.sub(lambda found: places[found[0]], value)
    if isinstance(value, Mapping):
        return {key: _replaced(item, pattern, places) for key, item in value.items()}
    return [_replaced(item, pattern, places) for item in value] if isinstance(value, list) else value


def _content(document: Any) -> Any:
    """A result without times, versions and how long each check took."""
    if not isinstance(document, Mapping):
        return document
    kept = dict(document)
    if isinstance(made := kept.get("provenance"), Mapping):
        kept["provenance"] = {key: made.get(key) for key in MADE_BY}
    if isinstance(checks := kept.get("checks"), list):
        kept["checks"] = [{**item, "seconds": None} if isinstance(item, Mapping) else item for item in checks]
    return settled(kept)


def _identity(finding: Mapping[str, Any]) -> tuple[object, ...]:
    return finding["check"], finding["kind"], tuple(finding["columns"]), finding["where"], finding["unit"]


def _moved(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether the later effect lies outside the earlier interval, only one was measured, or the severity is another."""
    if before["severity"] != after["severity"] or (before["effect"] is None) != (after["effect"] is None):
        return True
    low, high = before["interval"] or (before["effect"], before["effect"])
    return low is not None and high is not None and after["effect"] is not None and not low <= after["effect"] <= high
