"""Inspect: evaluation logs as JSON, or the zip ``.eval`` that holds a JSON file per sample."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from workbench.attacks.importers.item import Item, read_json
from workbench.errors import InputError

REFERENCE: Final = re.compile(r"^(?:attachment://|tc://)(\w+)$")
WORDS: Final = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0}
"""Inspect's letters: correct, incorrect, partial, no answer."""
LARGEST: Final = 1 << 30
"""Bytes that one sample may have unpacked."""


def read(path: Path) -> Iterator[Item]:
    """One exchange per sample and epoch: its input, the model's last completion, its first score."""
    samples = _zipped(path) if zipfile.is_zipfile(path) else iter(_plain(path))
    for sample in samples:
        yield _item(sample)


def _plain(path: Path) -> list[dict[str, Any]]:
    form = read_json(path)
    if not isinstance(form, dict) or "eval" not in form:
        raise InputError("not an inspect log", path, "Give the .json or .eval file that inspect wrote.")
    return form.get("samples") or []


def _zipped(path: Path) -> Iterator[dict[str, Any]]:
    with zipfile.ZipFile(path) as archive:
        for entry in sorted(archive.infolist(), key=lambda entry: entry.filename):
            if entry.filename.startswith("samples/") and entry.filename.endswith(".json"):
                if entry.file_size > LARGEST:
                    raise InputError("a sample too large to read", f"{path} {entry.filename}", "At most 1 GiB.")
                yield json.loads(archive.read(entry))


def _item(sample: dict[str, Any]) -> Item:
    kept = sample.get("attachments") or {}
    scores: dict[str, Any] = sample.get("scores") or {}
    score: Any = next(iter(scores.values()), None)
    value = _number(score.get("value")) if isinstance(score, dict) else None
    target = sample.get("target")
    completion = _completion(sample.get("output") or {}, kept)
    error = sample.get("error")
    message = error.get("message") if isinstance(error, dict) else error
    return Item(
        f"{sample['id']}/{sample.get('epoch', 1)}",
        {"text": _text(sample.get("input"), kept)},
        completion,
        judged=None if value is None else 1.0 - value,
        expected=target if isinstance(target, str) and target else None,
        abstained=completion is None and not message,
        error=f"exception: {message}" if message else None,
        seconds=float(sample.get("total_time") or 0),
    )


def _completion(output: dict[str, Any], kept: dict[str, str]) -> str | None:
    if isinstance(output.get("completion"), str):
        return _text(output["completion"], kept)
    choices = output.get("choices") or []
    return _text(choices[0]["message"]["content"], kept) if choices else None


def _text(value: Any, kept: dict[str, str]) -> str:
    """A text, a list of parts or of messages, with attachments put back."""
    if isinstance(value, list):
        return "\n".join(_text(part.get("content", part.get("text", "")), kept) for part in value if isinstance(part, dict))
    text = "" if value is None else str(value)
    found = REFERENCE.match(text)
    return kept.get(found[1], text) if found else text


def _number(value: Any) -> float | None:
    if isinstance(value, bool | int | float):
        return float(value)
    return WORDS.get(value) if isinstance(value, str) else None
