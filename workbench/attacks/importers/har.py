"""HAR 1.2: traffic as a browser or a proxy recorded it. The inputs are method, path and the exact body; headers are left out.

Headers, cookies and query strings carry credentials and people: none of them is kept.
"""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from workbench.attacks.importers.item import Item, read_json
from workbench.errors import InputError


def read(path: Path) -> Iterator[Item]:
    """One exchange per entry."""
    form = read_json(path)
    entries = form.get("log", {}).get("entries") if isinstance(form, dict) else None
    if not isinstance(entries, list):
        raise InputError("not a HAR file", path, "Give a file with log.entries.")
    for number, entry in enumerate(entries):
        yield _item(entry, number)


def _item(entry: dict[str, Any], number: int) -> Item:
    request, response = entry["request"], entry.get("response") or {}
    status = int(response.get("status") or 0)
    content = response.get("content") or {}
    text = content.get("text")
    if text is not None and content.get("encoding") == "base64":
        text = base64.b64decode(text).decode("utf-8", "replace")
    error = "no connection: no response" if status == 0 else f"status: {status}" if status >= 400 else None
    started = dt.datetime.fromisoformat(entry["startedDateTime"]) if entry.get("startedDateTime") else None
    return Item(
        str(number),
        {
            "method": str(request.get("method", "GET")),
            "path": urlsplit(str(request.get("url", ""))).path or "/",
            "text": str((request.get("postData") or {}).get("text") or ""),
        },
        None if error else text or "",
        error=error,
        started=started.timestamp() if started else 0.0,
        seconds=max(0.0, float(entry.get("time") or 0)) / 1000,
    )
