"""PyRIT: its SQLite memory, read as a file. What was sent is the user's ``converted_value``; the answer follows in sequence.

Where a converter changed the text, the original stands beside it in the column ``original``.
"""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from workbench.attacks.importers.item import Item
from workbench.errors import InputError

ENTRIES: Final = 'SELECT * FROM "PromptMemoryEntries" ORDER BY conversation_id, sequence, timestamp'
REFUSED: Final = "blocked"


def read(path: Path) -> Iterator[Item]:
    """The exchanges of every conversation, in their order."""
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            rows = connection.execute(ENTRIES).fetchall()
            scores = _scores(connection)
    except sqlite3.DatabaseError as exc:
        raise InputError("not a PyRIT memory", f"{path} ({exc})", "Give its SQLite file.") from exc
    asked: sqlite3.Row | None = None
    for row in rows:
        if row["role"] == "user":
            asked = row
        elif row["role"] == "assistant" and asked is not None and asked["conversation_id"] == row["conversation_id"]:
            yield _item(asked, row, scores)
            asked = None


def _item(asked: sqlite3.Row, answer: sqlite3.Row, scores: dict[str, float]) -> Item:
    error = answer["response_error"] if "response_error" in answer.keys() else None  # noqa: SIM118  a Row iterates over values
    refused = error == REFUSED
    failed = None if error in {None, "none", REFUSED} else f"exception: {error}"
    return Item(
        str(asked["id"]),
        {"text": asked["converted_value"] or asked["original_value"], "original": asked["original_value"]},
        None if refused or failed else answer["converted_value"] or answer["original_value"],
        judged=scores.get(str(answer["id"])),
        abstained=refused,
        error=failed,
        started=_seconds(asked["timestamp"]),
        seconds=max(0.0, _seconds(answer["timestamp"]) - _seconds(asked["timestamp"])),
    )


def _scores(connection: sqlite3.Connection) -> dict[str, float]:
    """Answer to its score, where there is one: true and false as 1 and 0."""
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if "ScoreEntries" not in tables:
        return {}
    columns = {row[1] for row in connection.execute('PRAGMA table_info("ScoreEntries")')}
    key = next((name for name in ("prompt_request_response_id", "message_piece_id") if name in columns), None)
    if key is None:
        return {}
    found = connection.execute(f'SELECT "{key}", score_value FROM "ScoreEntries"')  # noqa: S608  a name from the list above
    return {str(row[0]): value for row in found if (value := _number(row[1])) is not None}


def _number(value: Any) -> float | None:
    words = {"true": 1.0, "false": 0.0}
    try:
        return words.get(str(value).lower()) if str(value).lower() in words else float(value)
    except (TypeError, ValueError):
        return None


def _seconds(text: Any) -> float:
    try:
        time = dt.datetime.fromisoformat(str(text))
    except ValueError:
        return 0.0
    return time.replace(tzinfo=time.tzinfo or dt.UTC).timestamp()
