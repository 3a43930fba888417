"""One recorded exchange, whatever tool recorded it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.errors import InputError


@dataclass(frozen=True)
class Item:
    """An input, what was answered, and what is known of it.

    Attributes
    ----------
    row_id
        The exchange's own id in the file.
    inputs
        Column to value; a text goes into ``text``.
    decision
        The answer: a text, a class; None where there is none.
    score
        What the model gave beside it, higher = more of the positive class.
    judged
        What the tool made of the answer: 1 = it fails, the attack worked; 0 = it passes; None where it did not say.
    expected
        What should have been decided, where the file says it.
    origin
        The ``row_id`` of the harmless input this one was made from.
    started, seconds
        Seconds since 1970 in UTC, and how long it took; 0 where the file does not say.
    """

    row_id: str
    inputs: Mapping[str, Any]
    decision: Any = None
    score: float | None = None
    expected: Any = None
    origin: str | None = None
    judged: float | None = None
    abstained: bool = False
    error: str | None = None
    started: float = 0.0
    seconds: float = 0.0


def read_json(path: Path) -> Any:
    """The JSON in a file.

    Raises
    ------
    InputError
        If it is none.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError as exc:
        raise InputError("a file that is no JSON", path, "Check the file and --format.") from exc


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a file with one JSON object per line; empty lines are skipped.

    Raises
    ------
    InputError
        For a line that is none, with its number.
    """
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                found = json.loads(line)
            except ValueError as exc:
                raise InputError("a line that is no JSON", f"{path} line {number}", "Was the file cut?") from exc
            if not isinstance(found, dict):
                raise InputError("a line that is no object", f"{path} line {number}", "Check the file and --format.")
            yield found
